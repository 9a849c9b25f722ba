"""The lake: what is written, what is written again, and that it answers as PostgreSQL does."""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from engagement.measures import Weeks
from engagement.words import STATUSES, Side, Status
from store import lake_files, people, population, rules
from store.db import Database, StoreError, connect, day_date, day_number
from store.lake import Lake, Means, open_lake
from store.lake_export import LakeReport, export_lake
from store.rules import as_if
from tests.databases import execute
from tests.peopled import UNTIL
from tests.store.making import (
    EVE,
    NOW,
    act,
    ago,
    fetch,
    member,
    number,
    post,
    put,
    undo,
)
from tests.store.test_simulate import bars

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2] / "docs"
SMALL = Means(memory_mb=512, threads=1)


async def export(database: Database, place: Path, now: datetime = NOW) -> LakeReport:
    async with database.read() as connection:
        active = await rules.active(database, connection)
    return await export_lake(database, active, place, until=database.day(now), now=now)


def rewritten(report: LakeReport) -> dict[str, list[str]]:
    return {name: one.rewritten for name, one in report.datasets.items() if one.rewritten}


def rows(place: Path, dataset: str) -> list[dict[str, Any]]:
    return [
        row
        for path in sorted((place / dataset).glob("month=*/part.parquet"))
        for row in pq.ParquetFile(path).read().to_pylist()
    ]


def strings(place: Path) -> set[str]:
    """Every text in the lake, and the names of its files."""
    found = {path.name for path in place.rglob("*")}
    for path in place.rglob("*.parquet"):
        for column in pq.ParquetFile(path).read().columns:
            found |= {one for one in column.to_pylist() if isinstance(one, str)}
    return found | {(place / "manifest.json").read_text()}


async def small(database: Database) -> None:
    """Three members over four months."""
    await put(
        database,
        *(member(id, name=f"Called {id}", joined=ago(120)) for id in ("ann", "bob", "cho")),
        *(post(f"q{days}", "bob", time=ago(days), text="Secret text") for days in (100, 70, 40)),
        *(act(f"a{days}", "ann", post=f"q{days}", time=ago(days)) for days in (100, 70, 40)),
        act("late", "cho", verb="login", time=ago(10)),
    )


async def test_the_lake_holds_what_the_tables_hold(lively: Database, tmp_path: Path) -> None:
    report = await export(lively, tmp_path, UNTIL)
    tally = await fetch(
        lively,
        "select member_id as member, day, type_id as type, side, grade, n from tally where n > 0",
    )
    assert sorted(map(repr, rows(tmp_path, "tally"))) == sorted(map(repr, tally))
    action = await fetch(
        lively,
        "select id, day, occurred_at, actor_id as actor, target_id as target, post_id as post, "
        "wrote_id as wrote, type_id as type, n, grade, precision, state from action order by id",
    )
    written = sorted(rows(tmp_path, "action"), key=lambda row: row["id"])
    assert [{**row, "occurred_at": row["occurred_at"].timestamp()} for row in written] == [
        {**row, "occurred_at": row["occurred_at"].timestamp()} for row in action
    ]
    assert report.datasets["action"].rows == len(action)
    for path in (tmp_path / "tally").glob("month=*/part.parquet"):
        first = day_number(datetime.fromisoformat(f"{path.parent.name[6:]}-01").date())
        days = {row["day"] for row in pq.ParquetFile(path).read().to_pylist()}
        assert first <= min(days)
        assert max(days) < first + 31


async def test_periods_are_where_everybody_stood(lively: Database, tmp_path: Path) -> None:
    await export(lively, tmp_path, UNTIL)
    periods = rows(tmp_path, "period")
    today = lively.day(UNTIL)
    async with lively.read() as connection:
        active = await rules.active(lively, connection)
        for day in (today - 80, today - 33, today - 1, today):
            found = await population.at(connection, active, day=day)
            here = {
                row["member"]: row["status"]
                for row in periods
                if row["from_day"] <= day and (row["until_day"] is None or day < row["until_day"])
            }
            assert here == {
                int(id): STATUSES[code].value
                for id, code in zip(found.ids, found.status, strict=True)
            }


async def test_the_fold_from_the_lake_is_that_from_postgresql(
    lively: Database, tmp_path: Path
) -> None:
    """With the guards that count people, locks and graces."""
    someone = (await fetch(lively, "select min(id) as id from member where role = 'member'"))[0]
    await people.lock_status(
        lively, someone["id"], Status.FAN, until_day=None, reason="known", by=EVE, now=UNTIL
    )
    await export(lively, tmp_path, UNTIL)
    today = lively.day(UNTIL)
    async with lively.read() as connection:
        active = await rules.active(lively, connection)
        for used in (active, as_if(active, bars(contribution=3, interaction=2, support=2))):
            with open_lake(tmp_path, means=SMALL) as lake:
                assert lake.types() == used.types
                members = lake.people()
                part = lake.part(members, used.compiled, last=today)
                for day in (today - 70, today - 30, today - 3, today):
                    there = await population.at(connection, used, day=day)
                    here = lake.statuses(part, used.compiled, day=day)
                    known = here >= 0
                    assert members[known].tolist() == there.ids.tolist()
                    assert here[known].tolist() == there.status.tolist()


async def test_days_are_read_for_some_members(lively: Database, tmp_path: Path) -> None:
    await export(lively, tmp_path, UNTIL)
    async with lively.read() as connection:
        active = await rules.active(lively, connection)
    with open_lake(tmp_path, means=SMALL) as lake:
        everybody = lake.people()
        all_days = lake.days(everybody, active.compiled)
        some = everybody[5:25:3]
        days = lake.days(some, active.compiled)
        for i, one in enumerate(some.tolist()):
            at = everybody.tolist().index(one)
            assert (
                days.points[days.start[i] : days.start[i + 1]].tolist()
                == all_days.points[all_days.start[at] : all_days.start[at + 1]].tolist()
            )
        assert lake.days(everybody[:0], active.compiled).members == 0


async def test_weeks_are_the_same_by_expressions_and_as_a_matrix(
    lively: Database, tmp_path: Path
) -> None:
    await export(lively, tmp_path, UNTIL)
    async with lively.read() as connection:
        active = await rules.active(lively, connection)
    weeks = Weeks(lively.day(UNTIL), 14)
    with open_lake(tmp_path, means=SMALL) as lake:
        members = lake.people()
        matrix = lake.week_statuses(members, active.compiled, weeks)
        other = np.full_like(matrix, STATUSES.index(Status.MEMBER))
        expression = lake.weekly_statuses(active.compiled, weeks)
        columns = lake.columns(expression.order_by("member", "week"))
        for one, week, status in zip(*columns.values(), strict=True):
            if one in members:
                other[np.searchsorted(members, one), week:] = status
    assert matrix.tolist() == other.tolist()
    assert len(np.unique(matrix)) > 2


async def test_only_what_changed_is_written_again(database: Database, tmp_path: Path) -> None:
    await small(database)
    first = await export(database, tmp_path)
    assert first.datasets["tally"].rewritten == ["2026-03", "2026-04", "2026-05", "2026-06"]
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    again = await export(database, tmp_path)
    assert rewritten(again) == {}
    assert again.datasets["tally"].left == 4
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")} == before

    # Late data: an action of April that arrives in June.
    await put(database, act("more", "cho", post="q70", time=ago(69)))
    late = await export(database, tmp_path)
    assert late.datasets["tally"].rewritten == late.datasets["action"].rewritten == ["2026-04"]
    assert (late.datasets["tally"].left, late.datasets["action"].left) == (3, 3)

    # Undone: it stays as an action that does not count, and goes from the tallies.
    await put(database, undo("u1", "a40"))
    undone = await export(database, tmp_path)
    assert undone.datasets["tally"].rewritten == undone.datasets["action"].rewritten == ["2026-05"]
    ann = await number(database, "ann")
    assert not [r for r in rows(tmp_path, "tally") if r["member"] == ann and r["day"] > 20_570]


async def test_a_month_without_anything_left_is_removed(database: Database, tmp_path: Path) -> None:
    await small(database)
    await put(database, act("alone", "cho", verb="login", time=ago(200)))
    await export(database, tmp_path)
    assert (tmp_path / "tally" / "month=2025-11").is_dir()
    await put(database, undo("u2", "alone"))
    report = await export(database, tmp_path)
    assert report.datasets["tally"].removed == ["2025-11"]
    assert report.datasets["action"].removed == []
    assert not (tmp_path / "tally" / "month=2025-11").exists()


async def test_judged_and_merged_months_are_written_again(
    database: Database, tmp_path: Path
) -> None:
    await small(database)
    await export(database, tmp_path)
    async with database.pool.acquire() as connection:
        await connection.execute("update tally set grade = 1 where day = $1", database.day(ago(40)))
    assert (await export(database, tmp_path)).datasets["tally"].rewritten == ["2026-05"]
    ann, cho = await number(database, "ann"), await number(database, "cho")
    await people.merge_members(database, ann, cho, by=EVE, now=NOW)
    merged = await export(database, tmp_path)
    assert merged.datasets["action"].rewritten == ["2026-06"]
    assert "2026-06" in merged.datasets["tally"].rewritten
    assert cho not in {row["member"] for row in rows(tmp_path, "tally")}
    assert cho not in {row["member"] for row in rows(tmp_path, "period")}


async def test_nothing_in_the_lake_names_anybody_least_of_all_the_erased(
    database: Database, tmp_path: Path
) -> None:
    await small(database)
    await export(database, tmp_path)
    ann = await number(database, "ann")
    naming = {"ann", "bob", "Called ann", "Called bob", "Secret text", "q100", "a100", "site"}
    assert not naming & strings(tmp_path)
    assert ann in {row["member"] for row in rows(tmp_path, "period")}
    months = {p.parent.name[6:] for p in (tmp_path / "period").glob("month=*/*")}
    hers = {
        str(day_date(row["from_day"]))[:7]
        for row in rows(tmp_path, "period")
        if row["member"] == ann
    }
    await people.erase_member(database, ann, by=EVE, now=NOW)
    report = await export(database, tmp_path)
    # Her periods go. What she did stays, by a number that stands for nobody any more.
    assert set(report.datasets["period"].rewritten) | set(report.datasets["period"].removed) == hers
    assert hers < months
    assert ann not in {row["member"] for row in rows(tmp_path, "period")}
    assert ann not in {
        row["member"] for row in pq.ParquetFile(tmp_path / "member.parquet").read().to_pylist()
    }
    assert not naming & strings(tmp_path)
    with open_lake(tmp_path, means=SMALL) as lake:
        assert ann not in lake.people()
    received = [row for row in rows(tmp_path, "tally") if row["side"] == Side.RECEIVED]
    assert len(received) == 3


async def test_an_interrupted_export_leaves_a_whole_lake(
    database: Database, tmp_path: Path
) -> None:
    """The states in which it can have been left, as they lie on the disk."""
    place, other = tmp_path / "lake", tmp_path / "other"
    await small(database)
    await export(database, place)
    before = contents(place)

    # While it was writing: the lake is the old one, and the next export begins anew.
    half = place / ".next" / "action" / "month=2026-04"
    half.mkdir(parents=True)
    (half / "part.parquet").write_bytes(b"PAR1 half a fi")
    assert actions(place) == 7
    assert rewritten(await export(database, place)) == {}
    assert contents(place) == before

    # While it was putting files in their places: who comes next goes on with that.
    await put(database, act("more", "cho", post="q70", time=ago(69)))
    await put(database, undo("u1", "a40"))
    await export(database, other)
    shutil.copytree(other, place / ".ready")
    moved = Path("tally", "month=2026-04", "part.parquet")
    (place / ".ready" / moved).replace(place / moved)
    assert actions(place) == 8
    assert contents(place) == contents(other)
    assert rewritten(await export(database, place)) == {}

    (place / ".next").write_text("in the way")
    with pytest.raises(StoreError, match=r"cannot write the lake in .*: File exists"):
        await export(database, place)
    assert actions(place) == 8


def actions(place: Path) -> int:
    with open_lake(place, means=SMALL) as lake:
        found = len(lake.columns(lake.table("action").select("id"))["id"])
        assert found == sum(part.rows for part in lake.manifest.datasets["action"].values())
    return found


def contents(place: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(place)): path.read_bytes()
        for path in place.rglob("*")
        if path.is_file()
    }


async def test_a_file_that_is_missing_is_written_again(database: Database, tmp_path: Path) -> None:
    await small(database)
    await export(database, tmp_path)
    (tmp_path / "action" / "month=2026-04" / "part.parquet").unlink()
    (tmp_path / "rate.parquet").unlink()
    assert rewritten(await export(database, tmp_path)) == {"action": ["2026-04"]}
    assert (tmp_path / "rate.parquet").exists()


async def test_what_is_no_lake_is_left_alone(database: Database, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(StoreError, match=r"is not empty and has no manifest\.json"):
        await export(database, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(StoreError, match="there is no lake in"), open_lake(tmp_path):
        pass
    file = tmp_path / "thesis.txt"
    with pytest.raises(StoreError, match="cannot write the lake"):
        await export(database, file)


@pytest.mark.parametrize("manifest", ['{"name": "shop", "icons": []}', '{"format": 2}', "[]"])
async def test_a_manifest_of_something_else_is_left_alone(
    database: Database, tmp_path: Path, manifest: str
) -> None:
    """Web applications and browser extensions have a file of that name."""
    (tmp_path / "manifest.json").write_text(manifest)
    (tmp_path / "index.html").write_text("years of work")
    with pytest.raises(StoreError, match=r"manifest\.json is not that of a lake.*: name a dir"):
        await export(database, tmp_path)
    assert (tmp_path / "manifest.json").read_text() == manifest
    assert {path.name for path in tmp_path.iterdir()} == {"manifest.json", "index.html"}


async def test_a_lake_of_another_format_is_written_anew(database: Database, tmp_path: Path) -> None:
    await small(database)
    await export(database, tmp_path)
    manifest = tmp_path / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"format": 1', '"format": 0'))
    with pytest.raises(StoreError, match="there is no lake in"), open_lake(tmp_path):
        pass
    assert (await export(database, tmp_path)).datasets["tally"].left == 0
    assert actions(tmp_path) == 7
    manifest.write_text(manifest.read_text()[:100])
    with pytest.raises(StoreError, match=r"cannot read .* is a lake and nothing else, remove"):
        await export(database, tmp_path)


async def test_who_may_only_read_is_told_what_an_interrupted_export_wants(
    database: Database, tmp_path: Path
) -> None:
    await export(database, tmp_path)
    (tmp_path / ".ready").mkdir()
    # As good as a directory in which we may not write, also to who may everything.
    (tmp_path / ".lock").unlink()
    (tmp_path / ".lock").mkdir()
    with pytest.raises(StoreError, match="run `ikusei export lake` again"), open_lake(tmp_path):
        pass


async def test_two_exports_do_not_write_one_lake(database: Database, tmp_path: Path) -> None:
    with lake_files.renewed(tmp_path) as fresh:
        with pytest.raises(StoreError, match="another export is writing"):
            await export(database, tmp_path)
        lake_files.write_manifest(fresh, lake_files.Manifest("", "UTC", 0, {}))


async def test_a_community_without_anything_has_a_lake(database: Database, tmp_path: Path) -> None:
    report = await export(database, tmp_path)
    assert {name: one.rows for name, one in report.datasets.items()} == {
        "tally": 0,
        "action": 0,
        "period": 0,
    }
    async with database.read() as connection:
        active = await rules.active(database, connection)
    with open_lake(tmp_path, means=SMALL) as lake:
        assert _empty(lake)
        assert lake.days(lake.people(), active.compiled).members == 0
        weeks = lake.week_statuses(lake.people(), active.compiled, Weeks(20_000, 3))
    assert weeks.shape == (0, 3)
    told = json.loads((tmp_path / "manifest.json").read_text())
    assert (told["format"], told["zone"], told["rule_set"]["name"]) == (1, "UTC", "default")


def _empty(lake: Lake) -> bool:
    return len(lake.columns(lake.table("tally"))["member"]) == 0


async def test_months_are_those_of_the_community(url: str, tmp_path: Path) -> None:
    await execute(url, "update setting set value = 'Asia/Tokyo' where key = 'zone'")
    database = await connect(url, least=0, most=5)
    evening = datetime(2026, 5, 31, 20, tzinfo=UTC)
    await put(database, act("x", "ann", verb="login", time=evening))
    report = await export(database, tmp_path)
    await database.close()
    # It is five in the morning there, of the next day; the moment is told in UTC.
    assert report.datasets["tally"].rewritten == report.datasets["action"].rewritten == ["2026-06"]
    (row,) = rows(tmp_path, "action")
    assert row["day"] == day_number(date(2026, 6, 1))
    assert row["occurred_at"] == evening
    with open_lake(tmp_path, means=SMALL) as lake:
        assert lake.manifest.zone == "Asia/Tokyo"


def fences(page: str, kind: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


async def test_the_questions_of_the_how_to_have_answers(lively: Database, tmp_path: Path) -> None:
    await export(lively, tmp_path, UNTIL)
    by_month, by_type = fences("how-to/lake.md", "sql")
    with duckdb.connect() as duck:

        def ask(query: str) -> list[tuple[Any, ...]]:
            shifted = query.replace("2025-", "2026-").replace("2026-12-31", "2026-02-28")
            return duck.execute(shifted.replace("'lake/", f"'{tmp_path}/")).fetchall()

        told = ask(by_month)
        sums = ask(by_type)
    async with lively.read() as connection:
        active = await rules.active(lively, connection)
        found = await population.at(connection, active, day=day_number(date(2026, 2, 28)))
    counts = np.bincount(found.status, minlength=len(STATUSES))
    assert {status: n for month, status, n in told if month == "2026-02"} == {
        status.value: n for status, n in zip(STATUSES, counts.tolist(), strict=True) if n
    }
    given = await fetch(lively, "select sum(n)::int as n from tally where side = 0")
    assert sum(row[-1] for row in sums) == given[0]["n"]
    (program,) = fences("how-to/lake.md", "python")
    answer: dict[str, Any] = {}
    exec(program.replace('Path("lake")', f"Path({str(tmp_path)!r})"), answer)
    assert answer["table"].num_rows > 10


def test_every_column_is_described() -> None:
    page = (DOCS / "reference" / "lake.md").read_text(encoding="utf-8")
    for name, schema in (lake_files.DATASETS | lake_files.TABLES).items():
        section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        described = re.findall(
            r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", section, re.MULTILINE))
        )
        assert described == schema.names, name
