"""Reports on what was answered, and lists of members, on the command line."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from api.commands._tables import Format, write_to, written
from api.console import CommandError
from store.db import connect
from store.reports.report import Column, Kind, Report
from tests.api.command_line import fails, ikusei, ikusei_into, told, works
from tests.store.offering import community

pytestmark = pytest.mark.slow


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_first_responses(filled: str) -> None:
    """Ana answers four questions after an hour each; Eri's was that of a newcomer."""
    report = told("report", "first-response", database_url=filled)
    assert report["period"]["days"] == 30
    rows = {(row["venue"], row["authors"]): row for row in report["rows"]}
    assert rows["qa", "everybody"]["threads"] == rows["qa", "everybody"]["answered"] == 4
    assert rows["qa", "newcomers"]["threads"] == 1
    assert rows["qa", "everybody"]["unanswered_share"] == 0
    assert rows["qa", "everybody"]["median"] is None
    assert any("Hours are withheld: only 4 threads" in note for note in report["notes"])
    table = works("report", "first-response", "--period", "7", database_url=filled)
    assert "2026-11-14 to 2026-11-20, 7 days" in table
    assert "unanswered" in table


def test_helpers_as_json_csv_and_table(filled: str) -> None:
    report = told("report", "helpers", database_url=filled)
    (ana,) = report["rows"]
    assert (ana["name"], ana["accounts"], ana["helped"]) == ("Ana", "site:m1", 4)
    assert (ana["answers"], ana["status"]) == (4, "contributor")
    assert report["totals"]["people_helped"] == 4
    (same,) = _rows(works("report", "helpers", "--format", "csv", database_url=filled))
    assert {name: str(value) for name, value in ana.items()} == {
        name: value for name, value in same.items() if name != "as_of"
    }
    assert "contributor 貢献" in works("report", "helpers", database_url=filled)


async def test_lift(url: str) -> None:
    opened = await connect(url, least=0)
    await community(opened)
    await opened.close()
    asked = ("report", "lift", "--scenario", "vote", "--quarter", "2026Q2")
    now = {"database_url": url, "clock": "2026-08-15T12:00:00Z"}
    report = told(*asked, **now)
    assert report["totals"] == {"figures": 2, "figures_withheld": 0}
    goal, status = report["rows"]
    assert (goal["outcome"], goal["lift"], goal["relative"]) == ("goal", 0.2, 2)
    assert goal["lift_low"] > 0.05
    assert status["lift"] == 0
    table = works(*asked, **now)
    assert "Lift: members who were shown prompts against those held out" in table
    assert "vote      2026Q2   all      goal" in table
    early = told(*asked, "--as-of", "2026-07-06", **now)
    assert {row["withheld"] for row in early["rows"]} == {"early"}
    assert all(row["lift"] is row["reached_held"] is None for row in early["rows"])
    fails(ikusei("report", "lift", "--quarter", "Q2", **now), "expected one such as 2026Q3")
    fails(ikusei("report", "lift", "--scenario", "votes", **now), "no scenario 'votes'")


def test_venues(filled: str) -> None:
    report = told("report", "venues", database_url=filled)
    rows = {row["venue"]: row for row in report["rows"]}
    assert (rows["qa"]["posts"], rows["qa"]["openings"], rows["qa"]["responses"]) == (8, 4, 4)
    # Four questions, four answers, twelve votes.
    assert (rows["qa"]["actions"], rows["qa"]["active"]) == (20, 6)
    assert (rows["qa"]["contribution"], rows["qa"]["support"]) == (12, 12)
    assert rows["qa"]["began"] == report["totals"]["began"] == 6
    # The venue of the staff alone is none of the members'.
    assert "lab" not in rows
    assert "contribution" in works("report", "venues", database_url=filled)


def test_the_value_is_told_with_its_formulas(filled: str) -> None:
    report = told("report", "value", database_url=filled)
    found = {row["figure"]: row for row in report["rows"]}
    assert found["questions_solved_by_members"]["value"] == 4
    assert found["contacts_saved"]["value"] is None
    assert found["contacts_saved"]["formula"].startswith("withheld")
    given = ("--deflection", "0.2", "--contact-cost", "500")
    told_of = told("report", "value", *given, database_url=filled)
    assert {row["figure"]: row["value"] for row in told_of["rows"]}["cost_saved"] == 0
    assert told_of["totals"] == {"deflection": 0.2, "contact_cost": 500}
    wrong = ikusei("report", "value", "--deflection", "20", database_url=filled)
    fails(wrong, "--deflection", "less than or equal to 1", code=2)


def test_an_empty_community_has_tables_too(url: str) -> None:
    assert "0  staff threads" in works("report", "first-response", database_url=url)
    assert "questions_solved_by_members" in works("report", "value", database_url=url)


def test_a_report_as_parquet(filled: str, tmp_path: Path) -> None:
    from pyarrow import parquet

    file = tmp_path / "venues.parquet"
    works("report", "venues", "--format", "parquet", "--output", str(file), database_url=filled)
    rows = told("report", "venues", database_url=filled)["rows"]
    assert parquet.read_table(file).to_pylist() == rows


def test_who_stands_where_as_a_list(filled: str) -> None:
    (ana,) = _rows(works("export", "audience", "--status", "contributor", database_url=filled))
    assert (ana["name"], ana["accounts"], ana["status"]) == ("Ana", "site:m1", "contributor")
    told_of = told(
        *("export", "audience", "--status", "member", "--with", "name,joined,points"),
        database_url=filled,
    )
    assert told_of["totals"] == {"of": "tiers", "row": "member", "where": [], "members": 3}
    assert [row["name"] for row in told_of["rows"]] == ["Cho", "eri", "文"]
    assert told_of["rows"][0] == {
        "name": "Cho",
        "joined": "2026-07-01",
        "contribution": 0,
        "interaction": 2,
        "favorability": 0,
        "support": 0,
    }
    assert told_of["period"] is None


def test_who_moved_and_who_helped_as_lists(filled: str, tmp_path: Path) -> None:
    file = tmp_path / "moved.csv"
    works(
        *("export", "audience", "--edge", "member..contributor", "--output", str(file)),
        database_url=filled,
    )
    moved = _rows(file.read_text(encoding="utf-8"))
    edges = told("report", "flow", "--by", "edge", database_url=filled)["rows"]
    expected = [e["members"] for e in edges if (e["from"], e["to"]) == ("member", "contributor")]
    assert [len(moved)] == (expected or [0])
    table = works(
        *("export", "audience", "--report", "helpers", "--format", "table"), database_url=filled
    )
    assert "Of everybody who helped another member: 2026-10-22 to 2026-11-20, 30 days" in table
    assert "Ana" in table


def test_who_took_a_route_as_a_list(filled: str) -> None:
    routes = told("report", "routes", database_url=filled)["rows"]
    assert len(routes) > 1
    for row in (routes[0], routes[-1]):
        found = told(
            *("export", "audience", "--report", "routes", "--row", row["route"]),
            database_url=filled,
        )
        assert found["totals"]["members"] == row["members"]


def test_a_segment_is_who_is_so(filled: str) -> None:
    def names(*options: str) -> list[str]:
        found = told("export", "audience", *options, database_url=filled)
        assert found["totals"]["members"] == len(found["rows"])
        assert all(row.keys() == {"name"} for row in found["rows"])
        return sorted(row["name"] for row in found["rows"])

    def where(*conditions: str) -> list[str]:
        return [word for one in conditions for word in ("--where", one)]

    assert names(*where("joined<2026-06-05"), "--with", "name") == ["Ana", "Ben", "文"]
    several = where("joined<2026-06-05", "contribution>0")
    assert names(*several, "--with", "name") == ["Ana"]
    table = works("export", "audience", *several, "--format", "table", database_url=filled)
    assert "Of everybody who joined, joined<2026-06-05, contribution>0" in table
    newcomers = names("--status", "newcomer", "--with", "name")
    narrowed = names("--status", "newcomer", *where("name!=Eri"), "--with", "name")
    assert narrowed == [name for name in newcomers if name != "Eri"] != newcomers


def test_lists_that_make_no_sense(filled: str) -> None:
    def refused(*options: str, code: int = 1) -> str:
        done = ikusei("export", "audience", *options, database_url=filled)
        fails(done, code=code)
        return " ".join(done.stderr.split())

    assert "exactly one of --status, --edge and --report" in refused(code=2)
    assert "exactly one of" in refused("--status", "fan", "--report", "helpers", code=2)
    assert "expected one of contributor" in refused("--status", "boss", code=2)
    assert "--row is a row of a report" in refused("--status", "fan", "--row", "x", code=2)
    assert "is no edge" in refused("--edge", "fan")
    assert "no members stand behind 'value'" in refused("--report", "value")
    assert "'nam' is not told of members" in refused("--status", "fan", "--with", "nam")
    assert "is no condition" in refused("--where", "fans")
    assert "is yet to come" in refused("--status", "fan", "--as-of", "2027-01-01")


def _people(*names: str) -> str:
    return "".join(
        json.dumps(
            {
                "kind": "member",
                "source": "site",
                "id": f"m{i}",
                "name": name,
                "joined": "2026-11-01T09:00:00Z",
            },
            ensure_ascii=False,
        )
        + "\n"
        for i, name in enumerate(names)
    )


def test_no_name_is_a_formula_in_a_spreadsheet(url: str, data_dir: Path, tmp_path: Path) -> None:
    names = ['=HYPERLINK("http://x")', "+1", "-2", "@SUM(A1)", "＝1+1", "plain", "a=b"]
    file = tmp_path / "records.ndjson"
    file.write_text(_people(*names), encoding="utf-8")
    settings: dict[str, Any] = {"database_url": url, "data_dir": str(data_dir)}
    works("import", "ndjson", str(file), **settings)
    works("refresh", **settings)
    rows = _rows(works("export", "audience", "--status", "newcomer", **settings))
    assert [row["name"] for row in rows] == [*(f"'{name}" for name in names[:5]), *names[5:]]
    # Only where a spreadsheet might take it for one.
    as_json = told("export", "audience", "--status", "newcomer", **settings)
    assert [row["name"] for row in as_json["rows"]] == names


def test_numbers_are_no_formulas() -> None:
    columns = (Column("text", Kind.TEXT, "text"), Column("change", Kind.CHANGE, "change"))
    rows = ({"text": "\t=1", "change": -5}, {"text": None, "change": 3})
    report = Report(name="x", title="x", columns=columns, rows=rows, totals={})
    document = {"as_of": "2026-11-20", "rows": [dict(row) for row in rows]}
    lines = written(report, document, Format.CSV).decode().splitlines()
    assert lines == ["as_of,text,change", "2026-11-20,'\t=1,-5", "2026-11-20,,3"]


def test_a_table_stays_one_whatever_members_write() -> None:
    texts = ["二" * 40, "a\nb\tc", "e\u0301" * 5, "plain", "x" * 80]
    columns = (Column("text", Kind.TEXT, "text"), Column("n", Kind.COUNT, "n"))
    rows = tuple({"text": text, "n": 1} for text in texts)
    report = Report(name="x", title="x", columns=columns, rows=rows, totals={})
    document = {"as_of": "2026-11-20", "period": None, "rule_set": "default"}
    lines = written(report, document, Format.TABLE).decode().splitlines()[3:]
    assert [line.removesuffix("  1").rstrip() for line in lines] == [
        "二" * 35 + "…",
        "a b c",
        "e\u0301" * 5,
        "plain",
        "x" * 71 + "…",
    ]
    # All are 75 places wide, for which it takes less of what is wide, and more of what is nothing.
    assert [75 - len(line) for line in lines] == [35, 0, -5, 0, 0]


def test_options_that_mean_nothing_to_a_list_are_refused(filled: str) -> None:
    for options, option in (
        (("--status", "fan", "--venue", "qa"), "--venue"),
        (("--report", "helpers", "--first", "3"), "--first"),
        (("--report", "recycling", "--arrived", "2026-01-01.."), "--arrived"),
        (("--report", "routes", "--row", "now member", "--dormant", "2026-01-01.."), "--dormant"),
    ):
        done = ikusei("export", "audience", *options, database_url=filled)
        assert done.returncode == 2, options
        assert f"{option} means nothing" in " ".join(done.stderr.split())


def test_a_file_keeps_who_may_read_it_and_where_it_lies(tmp_path: Path) -> None:
    private, link = tmp_path / "private.csv", tmp_path / "link.csv"
    private.write_text("before")
    private.chmod(0o600)
    link.symlink_to(private)
    write_to(link, b"now")
    assert link.is_symlink()
    assert private.read_bytes() == b"now"
    assert private.stat().st_mode & 0o777 == 0o600
    assert sorted(one.name for one in tmp_path.iterdir()) == ["link.csv", "private.csv"]


def test_what_is_no_file_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_to(pipe, b"a report")
        assert os.read(reader, 100) == b"a report"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_standard_output_by_name_is_gone_on_with(url: str, tmp_path: Path) -> None:
    file = tmp_path / "all.csv"
    file.write_text("what was there\n")
    for _ in range(2):
        with file.open("a") as end:
            options = ("--format", "csv", "--output", "/dev/stdout")
            done = ikusei_into(end.fileno(), "report", "tiers", *options, database_url=url)
        assert done.returncode == 0, done.stderr
    there = file.read_text()
    assert there.startswith("what was there\n")
    assert there.count("contributor") == 2
    assert [one.name for one in tmp_path.iterdir()] == ["all.csv"]


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    file, circle = tmp_path / "file", tmp_path / "circle"
    file.write_text("here")
    circle.symlink_to(circle)
    for output in (
        tmp_path,
        Path(),
        Path("/"),
        file / "below",
        tmp_path / "nowhere" / "file",
        tmp_path / ("long" * 100),
        circle,
        Path("/dev/full"),
    ):
        with pytest.raises(CommandError, match="cannot write"):
            write_to(output, b"x")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["circle", "file"]
    assert file.read_text() == "here"


def test_a_full_disk_is_no_stack_trace(url: str) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        done = ikusei_into(full, "report", "tiers", database_url=url)
    finally:
        os.close(full)
    assert done.returncode == 1
    assert done.stderr == "ikusei: cannot write to standard output: No space left on device\n"


def test_who_reads_no_further_hears_no_complaint(url: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = ikusei_into(writing, "report", "value", database_url=url)
    finally:
        os.close(writing)
    assert done.returncode == 1
    assert done.stderr == ""
