"""Goals, and reports on the past, on the command line, on a small community."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from pyarrow import parquet

from tests.api.command_line import fails, ikusei, told, works

pytestmark = pytest.mark.slow


def test_goals_are_set_listed_reported_and_removed(filled: str) -> None:
    saved = told("goals", "set", "supporter=3", "--by", "2027-03-01", database_url=filled)
    assert [(one["status"], one["target"], one["from"]) for one in saved] == [
        ("supporter", 3, "2026-11-20")
    ]
    told("goals", "set", "supporter=4", "--by", "2027-03-01", database_url=filled)
    (goal,) = told("goals", "list", database_url=filled)
    assert (goal["target"], goal["by"], goal["set_by"]) == (4, "2027-03-01", "command line")
    assert "4 supporter" in works("goals", "list", database_url=filled)
    # On the day on which it is set there is nothing to tell yet.
    assert told("report", "goals", database_url=filled)["totals"]["goals"] == 0
    later = "2026-12-01T00:00:00Z"
    report = told("report", "goals", database_url=filled, clock=later)
    members = report["rows"][0]
    assert (members["flow"], members["began"], members["needed"]) == ("members", 1, 4.0)
    assert report["rows"][-1]["flow"] == "in all"
    assert "4 supporter" in works("report", "goals", database_url=filled, clock=later)
    told("goals", "remove", str(goal["id"]), database_url=filled)
    assert told("goals", "list", database_url=filled) == []
    fails(ikusei("goals", "remove", "9", database_url=filled), "there is no goal with the number 9")


def test_goals_that_make_no_sense(filled: str) -> None:
    for words, says in (
        (("hero=3", "--by", "2027-03-01"), "expected one of contributor, connector"),
        (("fan=many", "--by", "2027-03-01"), "and a number, such as contributor=50"),
        (("fan=3", "--by", "soon"), "expected a day such as 2027-03-31"),
        (("fan=3", "--by", "2026-11-20"), "expected one from 2026-11-21 to"),
        (("fan=99999999999", "--by", "2027-03-01"), "expected a number from 0 to"),
    ):
        fails(ikusei("goals", "set", *words, database_url=filled), says)
    assert told("goals", "list", database_url=filled) == []


def test_a_report_in_every_form(filled: str, tmp_path: Path) -> None:
    report = told("report", "routes", "--to", "supporter", database_url=filled)
    assert (report["report"], report["rule_set"]) == ("routes", "default")
    asked = ("report", "routes", "--to", "supporter")
    table = works(*asked, database_url=filled)
    assert all(note in table for note in report["notes"])
    text = works(*asked, "--format", "csv", database_url=filled)
    assert len(list(csv.DictReader(io.StringIO(text)))) == len(report["rows"])
    file = tmp_path / "report.parquet"
    works(*asked, "--format", "parquet", "--output", str(file), database_url=filled)
    kept = parquet.read_table(file)
    assert kept.to_pylist() == report["rows"]
    assert json.loads(kept.schema.metadata[b"ikusei"])["totals"] == report["totals"]
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("name", ["stagnation", "conversion", "recycling"])
def test_the_reports_on_the_past_can_be_read(filled: str, name: str) -> None:
    table = works("report", name, database_url=filled)
    assert f"{6:>10}  population" in table


def test_options_of_reports_that_make_no_sense(filled: str, tmp_path: Path) -> None:
    for words, says, code in (
        (("routes", "--to", "member"), "no route leads to member here", 1),
        (("routes", "--to", "fan", "--from", "fan"), "no route leads to fan here", 1),
        (("routes", "--from", "hero"), "expected one of contributor", 2),
        (("routes", "--joined", "2026"), "expected two days such as", 2),
        (("routes", "--arrived", "2026-02-01..2026-01-01"), "expected two days such as", 2),
        (("routes", "--venue", "nowhere"), "nobody began in the venue 'nowhere'", 1),
        (("stagnation", "--limit", "fan=0"), "such as connector=120", 2),
        (("flow", "--rules", "99"), "there is no rule set with the number 99", 1),
        (("flow", "--output", str(tmp_path / "no" / "file")), "cannot write", 1),
    ):
        done = ikusei("report", *words, database_url=filled)
        # Messages about options are broken into lines.
        assert done.returncode == code, words
        assert says.split()[0] in done.stderr, words
        assert "Traceback" not in done.stderr


def test_a_report_by_other_rules_changes_nothing(filled: str, tmp_path: Path) -> None:
    lower = tmp_path / "lower.toml"
    lower.write_text(works("rules", "show", database_url=filled).replace("enter = 12", "enter = 3"))
    before = told("report", "flow", database_url=filled)
    other = told("report", "flow", "--rules", str(lower), database_url=filled)
    assert other["totals"]["population"] == before["totals"]["population"]
    assert told("report", "flow", database_url=filled) == before
