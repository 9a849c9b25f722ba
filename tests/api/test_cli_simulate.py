"""Simulation on the command line: what it prints adds up, and comes about."""

from __future__ import annotations

from pathlib import Path

import pytest

from engagement.rules import default, dump
from tests.api.command_line import fails, ikusei, told, works

pytestmark = pytest.mark.slow


def test_a_simulation_adds_up_and_comes_about(filled: str) -> None:
    found = told("simulate", "--enter", "support=20", "--verify", database_url=filled)
    assert (found["report"], found["as_of"]) == ("simulate", "2026-11-20")
    assert found["changes"] == ["~ thresholds.support.enter: 10 -> 20"]
    population = found["totals"]["population"]
    assert population == sum(cell["members"] for cell in found["matrix"]) == 6
    for name in ("before", "count", "after_grace"):
        assert sum(row[name] for row in found["rows"]) == population
    rows = {row["status"]: row for row in found["rows"]}
    # Ben, the one supporter, keeps it for the grace.
    supporter = rows["supporter"]
    assert (supporter["before"], supporter["count"], supporter["after_grace"]) == (1, 1, 0)
    assert (found["totals"]["moved"], found["totals"]["in_grace"]) == (0, 1)
    assert found["verified"]["equal"] is True
    assert found["verified"]["counts"] == {word: row["count"] for word, row in rows.items()}
    # Nothing of it has remained.
    assert len(told("rules", "list", database_url=filled)) == 1
    assert told("refresh", database_url=filled)["members"] == 0


def test_what_activation_does_is_what_was_foretold(filled: str, tmp_path: Path) -> None:
    text = dump(default()).replace(
        "[thresholds.contribution]\nenter = 12", "[thresholds.contribution]\nenter = 3"
    )
    draft = tmp_path / "draft.toml"
    draft.write_text(text.replace('name = "default"', 'name = "easy"'), encoding="utf-8")
    found = told("simulate", str(draft), database_url=filled)
    told("rules", "activate", str(draft), database_url=filled)
    report = told("report", "tiers", database_url=filled)
    foretold = {row["status"]: row["count"] for row in found["rows"]}
    assert {row["status"]: row["count"] for row in report["rows"]} == foretold
    # Once it is active there is nothing to be seen.
    again = told("simulate", "2", database_url=filled)
    assert again["changes"] == []
    assert again["totals"]["moved"] == 0


def test_it_is_read_by_people(filled: str) -> None:
    text = works("simulate", "--enter", "support=11", "--as-of", "2026-11-20", database_url=filled)
    assert "If default were in force in the place of default at the end of 2026-11-20" in text
    assert "~ thresholds.support.enter: 10 -> 11" in text
    assert "supporter 支援" not in text
    assert "supporter 応援" in text
    assert "support: 1 have 11 points or more, 1 are within 10 % of it, 5 have none" in text
    assert "near: Ben (site m2), 12 points" in text
    assert "1 actions (" in text
    months = text[text.index("no margin\n") :].splitlines()[1:13]
    assert [line.split()[0] for line in months] == [
        *(f"2025-{month}" for month in (11, 12)),
        *(f"2026-{month:02}" for month in range(1, 11)),
    ]
    assert {len(line.split()) for line in months} == {8}


@pytest.mark.parametrize(
    "bar",
    ["support", "support=", "support=-1", "help=3", "support=1.5", f"support={'9' * 5_000}"],
)
def test_a_bar_that_is_none_is_named(url: str, bar: str) -> None:
    done = ikusei("simulate", "--enter", bar, database_url=url)
    fails(done, f"--enter is {bar!r}; expected one of contribution, interaction")


def test_a_bar_beyond_all_bounds_is_refused_as_in_a_file(url: str) -> None:
    done = ikusei("simulate", "--enter", "support=0", database_url=url)
    fails(done, "thresholds.support.enter is 0; expected a whole number from 1 to 100000")
    fails(ikusei("simulate", "99", database_url=url), "no rule set with the number 99")
    fails(ikusei("simulate", "9" * 5_000, database_url=url), "cannot read 999")


def test_an_empty_community_is_simulated_too(url: str) -> None:
    found = told("simulate", "--enter", "support=3", "--verify", database_url=url)
    assert (found["totals"]["population"], found["matrix"]) == (0, [])
    assert found["verified"]["equal"] is True


def test_bars_are_suggested_with_what_they_would_do(filled: str) -> None:
    wanted = {"contributor": 1, "connector": 0, "fan": 0, "supporter": 1}
    options = [part for word, n in wanted.items() for part in ("--members", f"{word}={n}")]
    found = told("suggest", *options, database_url=filled)
    assert [row["way"] for row in found["rows"]] == ["members", "share", "gap"]
    for row in found["rows"]:
        assert sum(row["counts"].values()) == found["population"] == 6
    by_number = found["rows"][0]
    bars = {bar["index"]: bar for bar in by_number["bars"]}
    # Ana has 12 points of contribution, Ben 12 of support: any bar up to them gives one of each.
    assert (bars["contribution"]["reached"], bars["support"]["reached"]) == (1, 1)
    assert {by_number["counts"][word] for word in ("contributor", "supporter")} == {1}
    then = told(*by_number["try"].split()[1:], database_url=filled)
    counts = {row["status"]: row["after_grace"] for row in then["rows"]}
    assert {word: counts[word] for word in wanted} == wanted
    gap = {bar["index"]: bar for bar in found["rows"][2]["bars"]}
    assert gap["favorability"]["why_not"] == "nobody has points in this index"
    text = works("suggest", *options, database_url=filled)
    assert "1 of 1 wanted" in text
    assert by_number["try"] in text


@pytest.mark.parametrize("number", ["fan", "fan=-1", "member=3", "newcomer=2"])
def test_a_number_that_is_none_is_named(url: str, number: str) -> None:
    done = ikusei("suggest", "--members", number, database_url=url)
    fails(done, f"--members is {number!r}; expected one of contributor, connector")
    done = ikusei("suggest", "--members", "fan=3", database_url=url)
    fails(done, "--members is missing for contributor, connector, supporter; expected all four")


def _easy(place: Path, enter: int) -> str:
    text = dump(default()).replace(
        "[thresholds.contribution]\nenter = 12", f"[thresholds.contribution]\nenter = {enter}"
    )
    place.write_text(text.replace('name = "default"', f'name = "easy {enter}"'), encoding="utf-8")
    return str(place)


def test_what_differs_is_told_with_whom_it_would_move(filled: str, tmp_path: Path) -> None:
    hard, easy = _easy(tmp_path / "hard.toml", 90), _easy(tmp_path / "easy.toml", 3)
    found = told("rules", "diff", hard, easy, "--members", database_url=filled)
    assert found["changes"][1] == {
        "place": "thresholds.contribution.enter",
        "before": "90",
        "after": "3",
    }
    members = found["members"]
    assert sum(cell["members"] for cell in members["matrix"]) == members["population"] == 6
    (moved,) = [cell for cell in members["matrix"] if cell["from"] != cell["to"]]
    assert (moved["to"], moved["members"], members["moved"]) == ("contributor", 1, 1)
    # By one alone it is the active rule set whose place the other would take.
    text = works("rules", "diff", hard, "--members", database_url=filled)
    assert "~ thresholds.contribution.enter: 12 -> 90" in text
    assert "0 of 6 members would have another status at the end of 2026-11-20" in text
    assert "1 would keep theirs for a while" in text
    assert len(told("rules", "list", database_url=filled)) == 1


def test_rule_sets_stand_side_by_side(filled: str, tmp_path: Path) -> None:
    hard, easy = _easy(tmp_path / "hard.toml", 90), _easy(tmp_path / "easy.toml", 3)
    found = told("rules", "compare", hard, easy, "1", database_url=filled)
    columns = found["columns"]
    assert [one["rule_set"] for one in columns] == ["default", "easy 90", "easy 3", "default"]
    assert [one["counts"]["contributor"] for one in columns] == [1, 0, 1, 1]
    assert [one["differing"] for one in columns] == [0, 1, 0, 0]
    report = told("report", "tiers", database_url=filled)
    assert columns[0]["counts"] == {row["status"]: row["count"] for row in report["rows"]}
    text = works("rules", "compare", hard, "--as-of", "2026-11-19", database_url=filled)
    assert "[1] default (1): active" in text
    assert "[2] easy 90" in text
    fails(ikusei("rules", "compare", *["1"] * 9, database_url=filled), "expected at most 8")
    fails(ikusei("rules", "compare", "7", database_url=filled), "no rule set with the number 7")
