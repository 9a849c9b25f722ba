"""`ikusei import`: what breaks off, what is refused, what is piped, and from when totals are."""

from __future__ import annotations

import gzip
import json
import resource
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from api.database import open_database
from api.settings import Settings
from tests.api.command_line import (
    HOUSE,
    NOW,
    environment,
    fails,
    ikusei,
    told,
    works,
    write_records,
)

pytestmark = pytest.mark.slow

_MEMBER = {"kind": "member", "source": "site", "id": "u1"}


def _lines(*rows: Mapping[str, Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def _members(count: int) -> list[dict[str, Any]]:
    return [{**_MEMBER, "id": f"u{n}"} for n in range(count)]


def _rows(file: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(file).read_bytes().splitlines()]


async def _values(url: str, query: str) -> list[Any]:
    async with open_database(Settings(database_url=url)) as database, database.read() as connection:
        return [row[0] for row in await connection.fetch(query)]


def test_what_came_before_a_break_is_recorded_and_placed(url: str, data_dir: Path) -> None:
    data_dir.mkdir(exist_ok=True)
    broken = data_dir / "broken.ndjson.gz"
    whole = gzip.compress(_lines(*_members(3_000)), 0)
    broken.write_bytes(whole[: len(whole) * 3 // 4])
    done = ikusei("import", "ndjson", str(broken), "--json", database_url=url)
    assert done.returncode == 1
    assert "breaks off" in done.stderr
    assert "import the complete input" in done.stderr
    assert "Traceback" not in done.stderr
    report = json.loads(done.stdout)
    assert "breaks off" in report["broken_off"]
    recorded = report["recorded"]["member"]
    assert 2_000 < recorded < 3_000
    assert told("report", "tiers", database_url=url)["totals"]["population"] == recorded
    broken.write_bytes(whole)
    again = told("import", "ndjson", str(broken), database_url=url)
    assert again["recorded"] == {"member": 3_000 - recorded}
    assert again["broken_off"] is None


def test_one_import_from_standard_input_does_not_swallow_the_next(url: str) -> None:
    for half in (_members(10), _members(30)[10:]):
        done = subprocess.run(
            [sys.executable, "-m", "api.cli", "import", "ndjson", "-", "--json"],
            check=True,
            capture_output=True,
            cwd=HOUSE,
            env=environment(clock=NOW, database_url=url),
            input=gzip.compress(_lines(*half)),
        )
        report = json.loads(done.stdout)
        assert report["resumed_at"] == 0
        assert report["recorded"] == {"member": len(half)}


def test_rejected_rows_survive_an_interruption(url: str, data_dir: Path) -> None:
    file = data_dir / "a.ndjson"
    odd = [
        {**row, "colour": "red"} if n % 100 == 0 else row for n, row in enumerate(_members(5_000))
    ]
    file.write_bytes(_lines(*odd))
    command = [sys.executable, "-m", "api.cli", "import", "ndjson", str(file), "--json"]
    # Room for the rows of the first two batches, and not for those of the third.
    room = 8_000
    stopped = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        cwd=HOUSE,
        env=environment(clock=NOW, database_url=url, data_dir=str(data_dir)),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )
    fails(stopped, "cannot write the rejected rows to", "File too large")
    settings = {"database_url": url, "data_dir": str(data_dir)}
    report = told("import", "ndjson", str(file), **settings)
    assert report["resumed_at"] == 4_000
    assert report["rejected"] == {"member": 50}
    assert report["read"] == {"member": 5_000}
    rows = _rows(report["rejected_file"])
    assert [row["row"] for row in rows] == [f"line {n + 1}" for n in range(0, 5_000, 100)]
    assert {row["file"] for row in rows} == {str(file)}
    assert rows[1].keys() == {"file", "row", "kind", "id", "faults"}, "the rows are in the input"
    assert stat.S_IMODE(Path(report["rejected_file"]).stat().st_mode) == 0o600


def test_a_place_that_cannot_be_written_is_found_first(url: str, data_dir: Path) -> None:
    file = write_records(data_dir / "c.ndjson")
    for place in (data_dir, data_dir / "c.ndjson" / "x"):
        done = ikusei("import", "ndjson", str(file), "--rejected", str(place), database_url=url)
        fails(done, f"cannot write the rejected rows to {place}", "--rejected")
    done = ikusei("import", "ndjson", str(file), "--rejected", str(file), database_url=url)
    fails(done, "which is to be imported")
    report = told("import", "ndjson", str(file), database_url=url, data_dir=str(data_dir))
    assert report["duplicate"]["member"] == 0
    assert report["rejected_file"] is None
    assert list((data_dir / "rejected").iterdir()) == []


def test_whole_rejected_rows_are_corrected_and_imported(url: str, data_dir: Path) -> None:
    file, rejected = data_dir / "a.ndjson", data_dir / "r.ndjson"
    deep: Any = []
    for _ in range(400):
        deep = [deep]
    file.write_bytes(_lines({**_MEMBER, "role": "king"}, {**_MEMBER, "attributes": {"a": deep}}))
    report = told("import", "ndjson", str(file), "--rejected", str(rejected), database_url=url)
    assert report["rejected"] == {"member": 2}
    king, nested = _rows(str(rejected))
    assert (nested["row"], nested["value"]) == ("line 2", None)
    assert nested["faults"][0]["code"] == "too_deep"
    king["value"]["role"] = "member"
    rejected.write_bytes(_lines(king))
    again = told("import", "ndjson", str(rejected), database_url=url)
    assert again["recorded"] == {"member": 1}


def test_a_dry_run_accounts_for_what_it_reads(url: str, data_dir: Path) -> None:
    file = data_dir / "a.ndjson"
    file.write_bytes(_lines(_MEMBER, {**_MEMBER, "role": "king"}, {"kind": "badge"}))
    settings = {"database_url": url, "data_dir": str(data_dir)}
    dry = told("import", "ndjson", str(file), "--dry-run", **settings)
    assert (dry["read"], dry["rejected"]) == ({"member": 2, "row": 1}, {"member": 1, "row": 1})
    assert dry["unaccounted"] == dry["recorded"] == {}
    assert len(_rows(dry["rejected_file"])) == 2
    assert told("import", "ndjson", str(file), **settings)["recorded"] == {"member": 1}


_USERS = """id,username,created_at,last_seen_at,likes_given
1,ann,2020-01-01 10:00:00 UTC,2026-10-30 08:00:00 UTC,5
2,bo,2020-01-01 10:00:00 UTC,,3
"""


async def test_a_list_without_a_day_is_of_its_newest_time(url: str, data_dir: Path) -> None:
    file = data_dir / "users.csv"
    file.write_text(_USERS)
    command = ("import", "discourse-users", str(file))
    assert told(*command, database_url=url)["recorded"] == {"counter": 2, "member": 2}
    later = told(*command, database_url=url, clock="2026-11-21T12:00:00Z")
    assert later["recorded"] == {"counter": 0, "member": 0}
    times = await _values(url, "select distinct as_of from counter")
    assert [time.isoformat() for time in times] == ["2026-10-30T08:00:00+00:00"]


async def test_a_day_is_the_communitys_and_meant_to_its_end(
    empty_url: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = data_dir / "users.csv"
    file.write_text(_USERS)
    works("migrate", database_url=empty_url, time_zone="Asia/Tokyo")
    command = ("import", "discourse-users", str(file), "--as-of", "2026-11-20")
    for zone in ("UTC", "America/New_York"):
        monkeypatch.setenv("TZ", zone)
        told(*command, database_url=empty_url)
    times = await _values(empty_url, "select distinct as_of from counter")
    assert [time.isoformat() for time in times] == ["2026-11-20T14:59:59.999999+00:00"]


@pytest.mark.parametrize(
    ("format", "as_of", "message"),
    [
        ("discourse-users", "2026-11-21", "is yet to come"),
        ("discourse-users", "yesterday", "expected a day such as 2026-11-20"),
        ("ndjson", "2026-11-20", "only discourse-users takes an as_of"),
    ],
)
def test_a_day_that_cannot_be_meant_is_refused(
    url: str, data_dir: Path, format: str, as_of: str, message: str
) -> None:
    file = data_dir / "users.csv"
    file.write_text(_USERS)
    done = ikusei("import", format, str(file), "--as-of", as_of, database_url=url)
    fails(done, message)


def test_what_waits_is_what_nobody_has_sent(url: str, data_dir: Path) -> None:
    report = told("import", "ndjson", str(write_records(data_dir / "c")), database_url=url)
    assert report["waiting"] == {"action": 1, "retraction": 0}


def test_a_name_that_is_none_is_told_before_anything_is_read(url: str, data_dir: Path) -> None:
    file = write_records(data_dir / "records.ndjson")
    done = ikusei("import", "ndjson", str(file), "--source", "my-forum", database_url=url)
    fails(done, "the source is called 'my-forum'; expected lower-case letters, digits and '_'")
    assert len(done.stderr.splitlines()) == 1
