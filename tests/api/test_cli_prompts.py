"""Scenarios and prompts on the command line: shown, checked, saved, previewed, explained."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.database import open_database
from api.settings import Settings
from engagement.prompt import Reason
from engagement.prompt_texts import REASONS
from engagement.scenario import Kind, Scenario
from engagement.scenarios import default, dump_policy, load, load_policy
from engagement.words import STATUSES
from store.candidates.keeping import keep
from tests.api.command_line import NOW, fails, ikusei, told, works
from tests.store.prompting import FREE, file_of, scenario

pytestmark = pytest.mark.slow


def _file(place: Path, *own: Scenario, **more: Any) -> str:
    place.write_text(file_of(*own, **more), encoding="utf-8")
    return str(place)


def _ask(place: Path, url: str, who: str, session: str) -> dict[str, Any]:
    place.write_text(
        f'mutation {{ offerPrompt(source: "site", externalId: "{who}", surface: "home", '
        f'session: "{session}") {{ __typename ... on Offered {{ offer }} '
        "... on NothingOffered { reason } } }"
    )
    answer = json.loads(works("query", str(place), database_url=url))
    assert "errors" not in answer
    found: dict[str, Any] = answer["data"]["offerPrompt"]
    return found


async def _keep(url: str) -> None:
    """Keep candidates, as due work does in a while."""
    settings = Settings(database_url=url, clock=NOW)
    async with open_database(settings) as database:
        assert await keep(database, list(Kind), now=settings.make_clock().now(), always=True)


def test_all_scenarios_are_listed_by_status_and_priority(url: str) -> None:
    rows = told("prompts", "show", database_url=url)
    assert {row["key"] for row in rows} == {one.key for one in default()[1]}
    order = [status.value for status in STATUSES]
    places = [(order.index(row["status"]), -row["priority"]) for row in rows]
    assert places == sorted(places)
    text = works("prompts", "show", database_url=url)
    assert text.splitlines()[0].split()[:4] == ["number", "scenario", "version", "state"]
    assert len(text.splitlines()) == len(rows) + 1
    line = next(one for one in text.splitlines() if one.split()[1] == "welcome_back")
    assert "running  dormant 休眠" in line
    assert line.endswith("10 %")


def test_what_is_shown_can_be_read_back(url: str) -> None:
    own = default()[1][0]
    done = ikusei("prompts", "show", own.key, database_url=url)
    assert done.stderr == f"{own.key}, version 1 (number 1): running\n"
    assert load(done.stdout) == own
    shown = told("prompts", "show", "1", database_url=url)
    assert (shown["key"], shown["toml"]) == (own.key, done.stdout)
    policy = ikusei("prompts", "show", "--policy", database_url=url)
    assert policy.stderr == "policy 1\n"
    assert load_policy(policy.stdout) == default()[0]
    assert told("prompts", "show", "--policy", database_url=url)["toml"] == policy.stdout
    fails(ikusei("prompts", "show", "nope", database_url=url), "with the key 'nope'")
    fails(ikusei("prompts", "show", str(2**40), database_url=url), "with the number")
    fails(ikusei("prompts", "show", "nope", "--policy", database_url=url), "takes no scenario")


def test_mistakes_in_a_file_are_told_without_a_database(tmp_path: Path) -> None:
    nowhere = {"data_dir": str(tmp_path / "none")}
    file = tmp_path / "bad.toml"
    text = file_of(scenario("one"), scenario("two"), policy=FREE)
    text = text.replace("holdout_percent = 0", "holdout_percent = 99").replace(
        "\nen = ", "\neng = ", 1
    )
    file.write_text(text)
    for command in ("check", "save"):
        done = ikusei("prompts", command, str(file), **nowhere)
        fails(done, "5 mistakes in", "policy.holdout_percent is 99; expected", "scenarios[0].eng")
    asked = ikusei("prompts", "check", str(file), "--json", **nowhere)
    lines = text.split("\n")
    mistakes = json.loads(asked.stdout)["mistakes"]
    places = {one["place"]: lines[one["line"] - 1] for one in mistakes}
    assert places["scenarios[1].holdout_percent"] == "holdout_percent = 99"
    assert places["scenarios[0].eng"].startswith("eng = ")
    fails(ikusei("prompts", "check", str(tmp_path / "no.toml"), **nowhere), "cannot read")
    assert not (tmp_path / "none").exists()


def test_a_file_is_checked_against_the_community(tmp_path: Path, url: str) -> None:
    good = _file(tmp_path / "good.toml", scenario("one"), scenario("two"), policy=FREE)
    said = works("prompts", "check", good, database_url=url)
    assert said == f"{good} is right: 2 scenarios and a policy.\n"
    assert told("prompts", "check", good, database_url=url) == {
        "valid": True,
        "mistakes": [],
        "scenarios": ["one", "two"],
        "policy": True,
    }
    bad = _file(tmp_path / "bad.toml", scenario("one"), scenario("two", goal=(("qa", "anwser"),)))
    for command in ("check", "save"):
        done = ikusei("prompts", command, bad, database_url=url)
        fails(done, "scenarios[1].goal[0] is 'anwser' in 'qa'", "1 mistake in")
        line = int(done.stderr.split(" line ")[1].split(":")[0])
        assert "anwser" in Path(bad).read_text().splitlines()[line - 1]
    assert not [row for row in told("prompts", "show", database_url=url) if row["key"] == "one"]


def test_drafts_are_saved_and_let_run(tmp_path: Path, url: str) -> None:
    first = _file(tmp_path / "a.toml", scenario("own"))
    done = ikusei("prompts", "save", first, database_url=url)
    number = max(row["id"] for row in told("prompts", "show", database_url=url))
    assert done.stdout == f"own, version 1 (number {number}): a draft\n"
    assert "`ikusei prompts state own running`" in done.stderr
    again = works("prompts", "save", first, database_url=url)
    assert again == f"own, version 1 (number {number}): a draft, as it was\n"
    said = works("prompts", "state", "own", "running", database_url=url)
    assert said == f"own, version 1 (number {number}): running\n"
    # A scenario as `show` prints it can be changed and saved.
    shown = works("prompts", "show", "own", database_url=url)
    alone = tmp_path / "alone.toml"
    alone.write_text(shown.replace("priority = 100", "priority = 7"))
    saved = told("prompts", "save", str(alone), database_url=url)
    (draft,) = saved["scenarios"]
    assert (draft["version"], draft["state"], draft["new"]) == (2, "draft", True)
    assert saved["policy"] is None
    rows = [row for row in told("prompts", "show", database_url=url) if row["key"] == "own"]
    assert [(row["version"], row["state"]) for row in rows] == [(2, "draft"), (1, "running")]
    # Of the two that could be meant one is paused and the other a draft.
    works("prompts", "state", "own", "paused", database_url=url)
    unclear = ikusei("prompts", "state", "own", "running", database_url=url)
    fails(unclear, "version 1 is paused and version 2 a draft", f"{number} or {draft['id']}")
    works("prompts", "state", str(draft["id"]), "running", database_url=url)
    listed = ikusei("prompts", "show", database_url=url)
    assert "1 that have ended or were replaced: --all shows them too." in listed.stderr
    every = told("prompts", "show", "--all", database_url=url)
    states = [(row["version"], row["state"]) for row in every if row["key"] == "own"]
    assert states == [(2, "running"), (1, "ended")]
    fails(ikusei("prompts", "state", str(number), "running", database_url=url), "is ended; after")
    fails(ikusei("prompts", "state", "own", "draft", database_url=url), "'draft'", code=2)


def test_only_a_file_with_a_policy_changes_the_policy(tmp_path: Path, url: str) -> None:
    policy = _file(tmp_path / "policy.toml", policy=FREE)
    assert works("prompts", "save", policy, database_url=url) == "policy 2, now in force\n"
    assert works("prompts", "save", policy, database_url=url) == "policy 2, as it was\n"
    works("prompts", "save", _file(tmp_path / "own.toml", scenario()), database_url=url)
    shown = works("prompts", "show", "--policy", database_url=url)
    assert load_policy(shown) == FREE
    alone = tmp_path / "alone.toml"
    alone.write_text(dump_policy(replace(FREE, asks_per_week=2)))
    assert works("prompts", "save", str(alone), database_url=url) == "policy 3, now in force\n"


def test_a_preview_says_who_would_be_shown_what(tmp_path: Path, filled: str) -> None:
    welcome = scenario("welcome", goal=(("qa", "vote_up"),))
    quiet = scenario("quiet", Kind.COMPANY_ARTICLE, priority=200, goal=(("review", "answer"),))
    file = _file(tmp_path / "own.toml", welcome, quiet, policy=FREE)
    asked = {"database_url": filled}
    preview = ("prompts", "preview", "--scenario", file)
    text = works(*preview, "m5", "--trace", **asked)
    lines = [line.strip() for line in text.splitlines()]
    assert lines[0].startswith("What members would be shown on home, as of 2026-11-20 (members: 1;")
    start = lines.index("Eri (site m5): welcome")
    assert lines[start - 1] == "Newcomer 新規 (1)"
    assert lines[start + 1 : start + 7] == [
        "A first post: How do I do that?",
        "Say hello.",
        "Why: You are here.",
        "About: without a title (qa, site q4)",
        "quiet: There is nothing at the moment that it could be about. (NO_CANDIDATE)",
        "welcome: Its prompt is the one to show.",
    ]
    assert lines[-1] == "Nothing that these aim at was ever recorded here: quiet"
    statuses = [part for one in STATUSES for part in ("--status", one.value)]
    found = told(*preview, *statuses, **asked)
    by_name = {row["member"]["name"]: row for row in found["members"]}
    assert len(by_name) == len(found["members"]) == 6
    assert by_name["Eri"]["prompt"]["item"]["id"] == "q4"
    assert by_name["文"]["reason"]["code"] == "NOT_FOR_STANDING"
    assert (found["surface"], found["archive"]) == ("home", False)
    assert {row["code"]: row["members"] for row in found["reasons"]} == {"NOT_FOR_STANDING": 5}
    only = told(*preview, **asked)
    assert [row["member"]["name"] for row in only["members"]] == ["Eri"]
    assert only["sampled"] == ["newcomer"]
    japanese = works(*preview, "--lang", "ja", **asked)
    assert "理由: ここにいます。" in japanese
    empty = works(*preview, "--status", "fan", **asked)
    assert empty.splitlines()[-1] == "Fan 好意 (0)"


def test_a_preview_of_the_past_knows_nothing_later(tmp_path: Path, filled: str) -> None:
    file = _file(tmp_path / "own.toml", scenario("welcome"), policy=FREE)
    asked = ("prompts", "preview", "m5", "--scenario", file)
    (before,) = told(*asked, "--as-of", "2026-11-13", database_url=filled)["members"]
    assert before["prompt"]["item"]["id"] == "q2"
    done = ikusei(*asked, "--as-of", "2026-11-01", database_url=filled)
    assert "Of 1 members 0 were here by 2026-11-01." in done.stderr
    fails(ikusei(*asked, "--as-of", "2027-01-01", database_url=filled), "yet to come")


def test_what_does_not_run_yet_can_be_previewed(tmp_path: Path, filled: str) -> None:
    asked = {"database_url": filled}
    own = scenario("own", holdout_percent=0)
    file = _file(tmp_path / "own.toml", own, policy=FREE)
    by_file = told("prompts", "preview", "--scenario", file, "--each", "1", **asked)
    # Of the statuses that its scenarios are for.
    assert by_file["sampled"] == ["newcomer"]
    assert [row["scenario"] for row in by_file["members"]] == ["own"]
    assert [row["scenario"] for row in by_file["scenarios"]] == ["own"]
    assert "own" not in {row["key"] for row in told("prompts", "show", **asked)}
    works("prompts", "save", file, **asked)
    drafted = told("prompts", "preview", "--scenario", "own", **asked)
    assert [row["scenario"] for row in drafted["members"]] == ["own"]
    elsewhere = ("prompts", "preview", "--scenario", "own", "--surface", "login")
    (row,) = told(*elsewhere, **asked)["members"]
    assert (row["prompt"], row["reason"]["code"]) == (None, "OTHER_SURFACE")


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (("Eri", "--source", "site", "--status", "fan"), "--status draws a sample", 1),
        (("--status", "fans"), "expected one of contributor", 2),
        (("--surface", "No Surface"), "expected a name such as home", 2),
        (("--scenario", "nope"), "with the key 'nope'", 1),
        (("--scenario", "nope.toml"), "cannot read nope.toml", 1),
        (("nobody at all",), "nobody has the name or id", 1),
        (("m5", "m7"), "nobody has the name or id 'm7'", 1),
    ],
)
def test_a_preview_that_cannot_be_is_one_line(
    filled: str, arguments: tuple[str, ...], message: str, code: int
) -> None:
    fails(ikusei("prompts", "preview", *arguments, database_url=filled), message, code=code)


async def test_decisions_are_explained(tmp_path: Path, filled: str) -> None:
    own = scenario("welcome", priority=999), scenario("other", priority=998)
    works(
        *("prompts", "save", _file(tmp_path / "own.toml", *own, policy=FREE), "--run"),
        database_url=filled,
    )
    ask = tmp_path / "ask.graphql"
    await _keep(filled)
    assert _ask(ask, filled, "m5", "monday")["__typename"] == "Offered"
    reason = _ask(ask, filled, "m1", "tuesday")["reason"]
    (first,) = told("prompts", "trace", "m5", database_url=filled)
    assert (first["scenario"], first["arm"], first["session"]) == ("welcome", "shown", "monday")
    assert first["item"]["id"] == "q4"
    steps = {step["scenario"]: step["reason"]["code"] for step in first["trace"]}
    assert (steps["welcome"], steps["other"]) == (None, "LOST_ARBITRATION")
    assert steps["first_article"] == "NO_CANDIDATE"
    number = str(first["offer"])
    assert told("prompts", "trace", number, database_url=filled) == first
    text = works("prompts", "trace", number, database_url=filled)
    lines = text.splitlines()
    assert lines[0] == f"Offer {number} to Eri (site m5)"
    assert lines[1] == "2026-11-20 12:00, home, in the visit monday"
    assert lines[3] == "Chosen: welcome, version 1, message 1"
    assert "Outcome: given out, and not seen as far as is known" in lines
    assert "  other version 1: Another prompt came before it. (LOST_ARBITRATION)" in lines
    japanese = works("prompts", "trace", number, "--lang", "ja", database_url=filled)
    assert "ほかの声かけが優先されました。" in japanese
    listed = works("prompts", "trace", "Ana", database_url=filled).splitlines()
    assert listed[0] == "Ana (site m1)"
    assert listed[1].endswith(f"  home  nothing: {REASONS[Reason(reason)][0]} ({reason})")
    nothing = works("prompts", "trace", "Ben", database_url=filled)
    assert nothing == "No decision was made yet.\n"
    unknown = ikusei("prompts", "trace", "99999", database_url=filled)
    fails(unknown, "there is no offer with the number 99999, and nobody has the name or id")


def test_what_a_member_said_is_shown_and_set(tmp_path: Path, filled: str) -> None:
    file = _file(tmp_path / "own.toml", scenario("welcome"), policy=FREE)
    preview = ("prompts", "preview", "m5", "--scenario", file)
    asked = {"database_url": filled}
    text = works("prompts", "consent", "Ana", **asked)
    assert text.startswith("Ana (site m1)\nTo all personal prompts they said nothing.\n")
    assert "  next_step           may be shown (a step to the next status)\n" in text
    refused = ("--refuse", "newcomer_first_post", "--refuse", "next_step")
    said = told("prompts", "consent", "m5", *refused, **asked)
    kinds = {row["kind"]: (row["allowed"], row["said"]) for row in said["kinds"]}
    assert kinds["newcomer_first_post"] == kinds["next_step"] == (False, False)
    assert kinds["welcome_back"] == (True, None)
    (row,) = told(*preview, **asked)["members"]
    assert row["reason"]["code"] == "NO_CONSENT"
    works("prompts", "consent", "m5", "--allow", "newcomer_first_post", **asked)
    (row,) = told(*preview, **asked)["members"]
    assert row["scenario"] == "welcome"
    nothing = works("prompts", "consent", "m5", "--refuse", "all", **asked)
    assert "To all personal prompts they said no." in nothing
    assert nothing.count("not shown") == len(Kind)
    both = ikusei("prompts", "consent", "m5", "--refuse", "all", "--allow", "all", **asked)
    fails(both, "all is to be refused and allowed")
    wrong = ikusei("prompts", "consent", "m5", "--refuse", "hugs", **asked)
    fails(wrong, "'hugs' is no kind of prompt; expected all, or one of question_for_you")
