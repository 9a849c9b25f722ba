"""Two whole forums through the command line: everything accounted for, everybody explained.

The archives are real and lie beside the repository, never in it (IKUSEI_SHARED_DATA, or
../shared/data); where they are not, these tests are skipped.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from api.database import open_database
from api.settings import Settings
from engagement.words import STATUS_OF_INDEX, STATUSES
from store import population, rules
from store.db import day_date, day_number
from tests.api.command_line import HOUSE, ikusei, told, works

pytestmark = pytest.mark.slow

_SHARED = os.environ.get("IKUSEI_SHARED_DATA") or str(HOUSE.parent / "shared" / "data")
_COMMUNITIES = Path(_SHARED) / "communities"
_QUANTUM = _COMMUNITIES / "se-quantumcomputing-2018-09.zip"
_URHO = _COMMUNITIES / "urho3d-discourse-topics.tar.gz"
_CLOCK = "2026-11-21T09:00:00Z"


class Imported:
    """An archive in a data directory of its own, and what its import said."""

    def __init__(self, format: str, archive: Path, directory: str) -> None:
        self.arguments = ("import", format, str(archive))
        self.settings = {"data_dir": directory, "clock": _CLOCK}
        self.report = self.told(*self.arguments)

    def told(self, *arguments: str) -> Any:
        return told(*arguments, **self.settings)

    def works(self, *arguments: str) -> str:
        return works(*arguments, **self.settings)

    def settings_here(self) -> Settings:
        return Settings(data_dir=Path(self.settings["data_dir"]), clock=_CLOCK)


def _import(format: str, archive: Path) -> Iterator[Imported]:
    if not archive.exists():
        pytest.skip(f"{archive.name} is not there")
    with tempfile.TemporaryDirectory(prefix="ikusei-archive-") as directory:
        yield Imported(format, archive, str(Path(directory) / "data"))


@pytest.fixture(scope="module")
def quantum() -> Iterator[Imported]:
    yield from _import("stackexchange", _QUANTUM)


@pytest.fixture(scope="module")
def urho() -> Iterator[Imported]:
    yield from _import("discourse", _URHO)


def _accounted(report: dict[str, Any]) -> None:
    for kind, read in report["read"].items():
        told_of = sum(
            report[outcome].get(kind, 0)
            for outcome in ("recorded", "duplicate", "conflict", "replaced", "rejected")
        )
        assert told_of == read, kind
    assert report["unaccounted"] == {}


def _nothing_new(imported: Imported) -> None:
    again = imported.told(*imported.arguments)
    assert set(again["recorded"].values()) == {0}
    assert set(again["replaced"].values()) == {0}
    assert again["checks"] == imported.report["checks"]
    _accounted(again)


def _adds_up(report: dict[str, Any]) -> None:
    totals = report["totals"]
    assert totals["population"] == totals["count"] == sum(row["count"] for row in report["rows"])
    assert totals["unplaced"] == 0
    for row in report["rows"]:
        assert row["count"] == row["before"] + row["moved_in"] - row["moved_out"]


@pytest.mark.xdist_group("quantum")
def test_every_row_of_the_dump_is_accounted_for(quantum: Imported) -> None:
    report = quantum.report
    assert report["checks"] == {
        "given_up_votes": 10_103,
        "given_down_votes": 668,
        "accepted_answers": 389,
        "self_accepts": 17,
    }
    rows = {table: sum(outcomes.values()) for table, outcomes in report["rows"].items()}
    assert rows == {
        "Users": 3_461,
        "Posts": 1_986,
        "Comments": 3_413,
        "Votes": 12_560,
        "Badges": 4_671,
        "PostLinks": 327,
        "Tags": 154,
    }
    _accounted(report)


@pytest.mark.xdist_group("quantum")
async def test_who_only_ever_voted_has_support_points(quantum: Imported) -> None:
    async with open_database(quantum.settings_here()) as database, database.read() as connection:
        voters = await connection.fetch(
            """
            select c.member_id from counter c
            join action_type t on t.id = c.type_id join member m on m.id = c.member_id
            where t.verb = 'vote_up' and c.side = 0 and c.value > 0 and m.role = 'member'
                and not exists (select from post p where p.author_id = c.member_id
                    and p.form in ('question', 'answer', 'comment'))
            """
        )
        active = await rules.active(database, connection)
        newest = await connection.fetchval("select max(day) from tally where n > 0")
        everybody = await population.at(connection, active, day=newest + 1)
    support = dict(zip(everybody.ids.tolist(), everybody.points[:, 3].tolist(), strict=True))
    # 451 with the account of the system itself, which is a bot.
    assert len(voters) == 450
    assert all(support[row["member_id"]] > 0 for row in voters)
    # The day that is asked about when nobody names one is this very day.
    report = quantum.told("report", "tiers")
    assert report["as_of"] == str(day_date(newest + 1))
    assert report["archive"] is True


@pytest.mark.xdist_group("quantum")
def test_the_tiers_of_the_dump_add_up(quantum: Imported) -> None:
    report = quantum.told("report", "tiers")
    _adds_up(report)
    # One of the 3,461 is the system's own account.
    assert (report["totals"]["population"], report["totals"]["bots"]) == (3_460, 1)


@pytest.mark.xdist_group("quantum")
def test_a_second_import_of_the_dump_adds_nothing(quantum: Imported) -> None:
    before = quantum.told("report", "tiers")
    _nothing_new(quantum)
    assert quantum.told("report", "tiers") == before


@pytest.mark.xdist_group("urho")
def test_the_forum_is_accounted_for(urho: Imported) -> None:
    checks = urho.report["checks"]
    assert {name: checks[name] for name in ("members", "posts", "accepted_answers")} == {
        "members": 999,
        "posts": 36_990,
        "accepted_answers": 672,
    }
    assert checks["likes_received"] == 11_199
    _accounted(urho.report)


@pytest.mark.parametrize("day", [None, "2016-06-01", "2020-06-01", "2026-11-21"])
@pytest.mark.xdist_group("urho")
def test_the_tiers_of_the_forum_add_up_on_every_day(urho: Imported, day: str | None) -> None:
    report = urho.told("report", "tiers", *(() if day is None else ("--as-of", day)))
    _adds_up(report)
    totals = report["totals"]
    if day is None:
        assert report["archive"] is True
        assert report["as_of"] == "2022-11-23"
    else:
        assert report["as_of"] == day
    if day in {None, "2026-11-21"}:
        assert totals["population"] + totals["staff"] + totals["bots"] == 999


@pytest.mark.xdist_group("urho")
def test_the_forum_has_a_history(urho: Imported) -> None:
    early, late = (
        urho.told("report", "tiers", "--as-of", day) for day in ("2016-06-01", "2020-06-01")
    )
    assert 0 < early["totals"]["population"] < late["totals"]["population"] < 999
    active = [sum(row["count"] for row in one["rows"][:4]) for one in (early, late)]
    assert min(active) > 0


@pytest.mark.parametrize("as_of", ["2016-06-01", "2020-06-01"])
@pytest.mark.xdist_group("urho")
async def test_a_member_of_the_forum_is_explained_on_any_day(urho: Imported, as_of: str) -> None:
    day = day_number(date.fromisoformat(as_of))
    async with open_database(urho.settings_here()) as database, database.read() as connection:
        active = await rules.active(database, connection)
        everybody = await population.at(connection, active, day=day)
        # The highest status that anybody has; there is not always a contributor.
        first = int(everybody.status.argmin())
        account = await connection.fetchval(
            "select external_id from account where member_id = $1", int(everybody.ids[first])
        )
    status = STATUSES[everybody.status[first]]
    index = next(index for index, word in STATUS_OF_INDEX.items() if word is status)
    found = urho.told("member", account, "--source", "discourse", "--as-of", as_of)
    assert found["standing"]["status"] == status.value
    assert found["standing"]["because"][0]["index"] == index.value
    assert found["history"][0]["to"] == status.value
    assert max(action["day"] for action in found["given"]) <= as_of
    text = urho.works("member", account, "--source", "discourse", "--as-of", as_of)
    assert f"Because:  {status.value.capitalize()} since" in text


@pytest.mark.xdist_group("urho")
def test_a_second_import_of_the_forum_adds_nothing(urho: Imported) -> None:
    _nothing_new(urho)


@pytest.mark.xdist_group("urho")
def test_nobody_unknown_is_found(urho: Imported) -> None:
    done = ikusei("member", "no such person at all", **urho.settings)
    assert done.returncode == 1
    assert "nobody has the name" in done.stderr
    assert json.loads(ikusei("report", "health", "--json", **urho.settings).stdout)["rows"]
