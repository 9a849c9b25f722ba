"""Rule sets on the command line: shown, checked, compared, activated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engagement.rules import default, dump, load
from tests.api.command_line import fails, ikusei, told, works

pytestmark = pytest.mark.slow


def _rules(place: Path, *changes: tuple[str, str]) -> str:
    text = dump(default())
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    place.write_text(text, encoding="utf-8")
    return str(place)


_LOW = "[thresholds.support]\nenter = 10", "[thresholds.support]\nenter = 2"
_NAME = 'name = "default"', 'name = "gentle"'


def test_what_is_shown_can_be_read_back(url: str) -> None:
    done = ikusei("rules", "show", database_url=url)
    assert done.stderr == "version 1, active: default\n"
    assert load(done.stdout) == default()
    shown = told("rules", "show", "1", database_url=url)
    assert (shown["version"], shown["state"], shown["toml"]) == (1, "active", done.stdout)
    fails(ikusei("rules", "show", "2", database_url=url), "no rule set with the number 2")
    fails(ikusei("rules", "show", str(2**40), database_url=url), "no rule set with the number")


def test_a_rule_file_is_checked_without_a_database(tmp_path: Path) -> None:
    nowhere = {"data_dir": str(tmp_path / "none")}
    good = _rules(tmp_path / "good.toml", _NAME)
    assert "is right: gentle, " in works("rules", "check", good, **nowhere)
    assert told("rules", "check", good, **nowhere)["valid"] is True
    assert not (tmp_path / "none").exists()


def test_every_mistake_is_named_with_its_line(tmp_path: Path) -> None:
    bad = _rules(
        tmp_path / "bad.toml",
        (_LOW[0], "[thresholds.support]\nenter = 0"),
        ("points =", "pionts ="),
    )
    done = ikusei("rules", "check", bad)
    fails(
        done, "thresholds.support.enter is 0; expected", "did you mean 'points'?", "3 mistakes in"
    )
    lines = Path(bad).read_text().splitlines()
    asked = ikusei("rules", "check", bad, "--json")
    assert asked.returncode == 1
    found = json.loads(asked.stdout)
    assert found["valid"] is False
    places = {mistake["place"]: lines[mistake["line"] - 1] for mistake in found["mistakes"]}
    assert places["thresholds.support.enter"] == "enter = 0"
    assert places["actions[0].pionts"].startswith("pionts =")


@pytest.mark.parametrize("command", ["check", "diff", "activate"])
def test_a_file_that_is_none_is_one_line(command: str, tmp_path: Path, url: str) -> None:
    done = ikusei("rules", command, str(tmp_path / "none.toml"), database_url=url)
    fails(done, "cannot read", "No such file")
    assert len(done.stderr.splitlines()) == 1
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    latin = ikusei("rules", command, str(tmp_path / "latin.toml"), database_url=url)
    fails(latin, "is not UTF-8 at byte 8")


def test_differences(tmp_path: Path, url: str) -> None:
    gentle = _rules(tmp_path / "gentle.toml", _LOW, _NAME)
    said = "~ name: default -> gentle\n~ thresholds.support.enter: 10 -> 2\n"
    assert works("rules", "diff", gentle, database_url=url) == said
    assert works("rules", "diff", "1", gentle, database_url=url) == said
    back = told("rules", "diff", gentle, "1", database_url=url)
    assert back["changes"][1] == {"place": "thresholds.support.enter", "before": "2", "after": "10"}
    same = ikusei("rules", "diff", "1", database_url=url)
    assert (same.stdout, same.stderr) == ("", "Nothing differs.\n")
    other = _rules(tmp_path / "other.toml")
    unconnected = {"data_dir": str(tmp_path / "none")}
    assert "gentle -> default" in works("rules", "diff", gentle, other, **unconnected)


def test_activation_places_everybody_again(tmp_path: Path, filled: str) -> None:
    easy = ('index = "contribution"', 'index = "support"')
    assert works("rules", "activate", "1", database_url=filled).startswith("Version 1 is active")
    hard = _rules(
        tmp_path / "hard.toml",
        ("[thresholds.contribution]\nenter = 12", "[thresholds.contribution]\nenter = 3"),
        ('name = "default"', 'name = "easy"'),
    )
    assert easy[0] in Path(hard).read_text()
    report = told("rules", "activate", hard, database_url=filled)
    assert (report["version"], report["state"], report["name"]) == (2, "active", "easy")
    assert report["placed"] == 6
    assert report["moved"] == sum(move["members"] for move in report["moves"])
    listed = told("rules", "list", database_url=filled)
    assert [(one["version"], one["state"]) for one in listed] == [(2, "active"), (1, "retired")]
    assert "  2  active  2026-11-20  easy" in works("rules", "list", database_url=filled)
    assert told("refresh", database_url=filled)["members"] == 0


def test_who_would_be_lowered_is_kept_for_a_while(tmp_path: Path, filled: str) -> None:
    hard = _rules(tmp_path / "hard.toml", (_LOW[0], "[thresholds.support]\nenter = 20"))
    report = told("rules", "activate", hard, database_url=filled)
    assert (report["moved"], report["in_grace"]) == (0, 1)
    text = works("member", "Ben", database_url=filled)
    assert "support counts as met until the end of 3 Dec 2026 because the rules changed" in text
    later = {"database_url": filled, "clock": "2026-12-05T00:00:00Z"}
    told("refresh", **later)
    assert told("member", "Ben", **later)["standing"]["status"] == "member"


def test_a_version_is_put_in_force_on_its_day(tmp_path: Path, filled: str) -> None:
    low = _rules(tmp_path / "low.toml", _LOW, _NAME)
    assert works("rules", "save", low, database_url=filled) == "Version 2 is a draft: gentle\n"
    assert told("rules", "save", low, database_url=filled)["version"] == 2
    text = works("rules", "activate", "2", "--on", "2026-12-01", "--notify", database_url=filled)
    assert "Version 2 is scheduled for 2026-12-01: gentle" in text
    assert "version 1 stays active (default)" in text
    assert "`ikusei rules cancel 2` takes this back" in text
    listed = works("rules", "list", database_url=filled)
    assert "  2  scheduled 2026-12-01  gentle, followers are told" in listed
    later = {"database_url": filled, "clock": "2026-11-30T12:00:00Z"}
    told("refresh", **later)
    assert told("rules", "list", **later)[0]["state"] == "scheduled"
    works("rules", "cancel", "2", **later)
    assert told("rules", "list", **later)[0]["state"] == "draft"
    again = told("rules", "activate", "2", "--on", "2026-12-01", **later)
    assert (again["state"], again["activates_on"], again["notify"]) == (
        *("scheduled", "2026-12-01", False),
    )
    later["clock"] = "2026-12-01T00:01:00Z"
    told("refresh", **later)
    listed = told("rules", "list", **later)
    assert [(one["version"], one["state"]) for one in listed] == [(2, "active"), (1, "retired")]


@pytest.mark.parametrize(
    ("on", "message"),
    [("soon", "--on is 'soon'; expected a day"), ("2026-11-19", "2026-11-19 is over: today is")],
)
def test_a_day_that_is_none_is_named(tmp_path: Path, url: str, on: str, message: str) -> None:
    low = _rules(tmp_path / "low.toml", _LOW, _NAME)
    fails(ikusei("rules", "activate", low, "--on", on, database_url=url), message)
    fails(ikusei("rules", "cancel", "1", database_url=url), "rule set 1 is not scheduled")
    fails(ikusei("rules", "cancel", "9", database_url=url), "no rule set with the number 9")


def test_activating_what_there_is_not(tmp_path: Path, url: str) -> None:
    fails(ikusei("rules", "activate", "7", database_url=url), "no rule set with the number 7")
    bad = _rules(tmp_path / "bad.toml", (_LOW[0], "[thresholds.support]\nenter = 0"))
    fails(
        ikusei("rules", "activate", bad, database_url=url), "expected a whole number", "1 mistake"
    )
    assert len(told("rules", "list", database_url=url)) == 1


def test_what_commands_change_is_in_the_audit_log(tmp_path: Path, url: str) -> None:
    low = _rules(tmp_path / "low.toml", _LOW, _NAME)
    works("rules", "activate", low, database_url=url)
    prefix = told("keys", "create", "the site", "--scope", "site", database_url=url)["prefix"]
    works("keys", "revoke", prefix, database_url=url)
    file = tmp_path / "log.graphql"
    file.write_text("{ auditLog(first: 9) { nodes { action actor key requestId after } } }")
    log = json.loads(works("query", str(file), database_url=url))["data"]["auditLog"]["nodes"]
    actions = ["revokeKey", "createKey", "activateRuleSet", "saveRuleSet"]
    assert [entry["action"] for entry in log] == actions
    assert {(entry["actor"], entry["key"], entry["requestId"]) for entry in log} == {
        ("command line", None, None)
    }
    assert log[0]["after"]["prefix"] == prefix
    assert log[2]["after"]["name"] == "gentle"


def test_no_key_can_be_a_member(url: str) -> None:
    done = ikusei("keys", "create", "x", "--scope", "member", database_url=url)
    fails(done, "'member' is not one of 'site', 'manager'", code=2)
