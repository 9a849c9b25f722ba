"""Simulation over GraphQL: the figures of the command line, some at once and some in time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engagement.rules import default, dump
from engagement.words import INDICES, STATUSES, Status
from store import background
from store.db import Database
from store.moment import Newest, moment
from store.rules import save_draft
from store.simulated import simulated
from store.vectors import keep
from tests.schema.asking import NOW, Asker, community, likes, seed, statements, warmed

pytestmark = pytest.mark.slow

BY_POINTS = """
query ($draft: ID, $toml: String, $enter: BarsInput, $asOf: Date) {
    simulate(draft: $draft, toml: $toml, enter: $enter, asOf: $asOf) {
        asOf archive ruleSet draft changes { text }
        byPoints { madeAt population statuses { status count share change }
            spreads { index enter reach near without quantiles { percent points }
                histogram { atLeast below members } } }
    }
}
"""
FOLDED = """
query ($draft: ID, $enter: BarsInput) { simulate(draft: $draft, enter: $enter) {
    statuses { status before count change share afterGrace }
    matrix { before after members }
    indices { spread { index reach near } near(first: 2) { member { name } points } }
    months { lastDay active { count } draft { count } moves { active draft } flaps { draft } }
    totals { population moved wouldBeTold inGrace actions unclassified }
} }
"""


@pytest.fixture
async def peopled(database: Database) -> Database:
    """Six contributors, one supporter, and one with half of what that takes."""
    await seed(
        database,
        [*community(6), *likes("fan", 4), *likes("fan", 6, prefix="x"), *likes("half", 5)],
    )
    return database


async def _row(ask: Asker, status: str, document: str = BY_POINTS, **variables: Any) -> Any:
    simulation = (await ask(document, **variables))["simulate"]
    rows = simulation.get("statuses") or simulation["byPoints"]["statuses"]
    return next(row for row in rows if row["status"] == status)


async def test_other_bars_are_answered_from_what_is_kept(peopled: Database, ask: Asker) -> None:
    assert await keep(peopled, now=NOW)
    await warmed(peopled)
    asker = replace(ask, patience=0)
    first = (await asker(BY_POINTS, enter={"support": 5}))["simulate"]
    assert first["changes"] == [{"text": "~ thresholds.support.enter: 10 -> 5"}]
    points = first["byPoints"]
    assert points["population"] == 8
    assert sum(row["count"] for row in points["statuses"]) == 8
    # They are remembered; that they are still the newest is one question to the database.
    async with statements(peopled) as asked:
        supporter = await _row(asker, "SUPPORTER", enter={"support": 5})
    assert supporter == {"status": "SUPPORTER", "count": 2, "share": 0.25, "change": 1}
    assert len([text for text in asked if "vectors" in text]) == 1
    assert not [text for text in asked if "tally" in text or "standing" in text]
    support = points["spreads"][3]
    assert (support["enter"], support["reach"], support["without"]) == (5, 2, 6)
    assert sum(one["members"] for one in support["histogram"]) == 2


async def test_the_figures_are_those_of_the_command_line(peopled: Database, ask: Asker) -> None:
    found = (await ask(FOLDED, enter={"support": 11}))["simulate"]
    thresholds = dict(default().thresholds)
    thresholds[INDICES[3]] = replace(thresholds[INDICES[3]], enter=11)
    draft = replace(default(), thresholds=thresholds)
    async with peopled.read() as connection:
        at = await moment(peopled, connection, Newest(), now=NOW)
        _, told = await simulated(connection, at.rules, draft, day=at.day, today=at.today)
    assert [row["count"] for row in found["statuses"]] == [one.count for one in told.statuses]
    supporter = next(row for row in found["statuses"] if row["status"] == "SUPPORTER")
    assert (supporter["before"], supporter["count"], supporter["afterGrace"]) == (1, 1, 0)
    assert sum(cell["members"] for cell in found["matrix"]) == told.population == 8
    totals = found["totals"]
    assert (totals["moved"], totals["inGrace"], totals["wouldBeTold"]) == (0, 1, 0)
    assert totals["actions"] == told.actions
    support = found["indices"][3]
    assert support["spread"] == {"index": "SUPPORT", "reach": 0, "near": 1}
    assert [(one["member"]["name"], one["points"]) for one in support["near"]] == [(None, 10)]
    assert len(found["months"]) == 12
    assert {len(month["active"]) for month in found["months"]} == {len(STATUSES)}


async def test_who_cannot_wait_is_told_and_asks_again(peopled: Database, ask: Asker) -> None:
    hasty = replace(ask, patience=0)
    result = await hasty.result(FOLDED, enter={"support": 11})
    codes = {error.extensions["code"] for error in result.errors}
    assert codes == {"UNDER_WAY"}
    for error in result.errors:
        assert error.extensions["progress"].keys() == {"done", "total"}
        assert "ask again in a while" in error.message
    # Whoever can wait gets what was begun for the first.
    found = await ask(FOLDED, enter={"support": 11})
    assert found["simulate"]["totals"]["population"] == 8
    # The same for all requests, until the rules or the day are others.
    async with statements(peopled) as asked:
        await hasty(FOLDED, enter={"support": 11})
    assert not [text for text in asked if "tally" in text]


async def test_rules_may_be_a_version_a_text_or_of_the_past(peopled: Database, ask: Asker) -> None:
    text = dump(replace(default(), name="short", window_days=30))
    saved = await save_draft(peopled, text, now=NOW)
    (found,) = [
        one["id"]
        for one in (await ask("{ ruleSets(first: 9) { nodes { id name } } }"))["ruleSets"]["nodes"]
        if one["name"] == saved.name
    ]
    by_id = (await ask(BY_POINTS, draft=found))["simulate"]
    by_text = (await ask(BY_POINTS, toml=text))["simulate"]
    assert by_id == by_text
    assert by_id["draft"] == "short"
    assert {change["text"] for change in by_id["changes"]} == {
        "~ name: default -> short",
        "~ window_days: 90 -> 30",
    }
    earlier = (await ask(BY_POINTS, toml=text, asOf="2025-01-01"))["simulate"]
    assert earlier["byPoints"]["population"] == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ('draft: "TWVtYmVyOjE"', "BAD_ID"),
        ('draft: "UnVsZVNldDo5OQ"', "UNKNOWN_RULE_SET"),
        ('draft: "UnVsZVNldDo5OQ", toml: "x"', "BAD_INPUT"),
        ('toml: "name = 1"', "RULES_INVALID"),
        ("enter: {support: 0}", "BAD_INPUT"),
        ("enter: {support: 100001}", "BAD_INPUT"),
        ('asOf: "2999-01-01"', "BAD_INPUT"),
    ],
)
async def test_what_cannot_be_simulated_is_refused(ask: Asker, arguments: str, code: str) -> None:
    assert await ask.codes(f"{{ simulate({arguments}) {{ draft }} }}") == [code]


SUGGEST = """
query ($members: MembersWanted, $share: Float!) { suggest(members: $members, share: $share) {
    asOf ruleSet population
    ways { way bars { index now enter reached wanted lower { enter reached } whyNot }
        statuses { status count } } } }
"""


async def test_bars_are_suggested(peopled: Database, ask: Asker) -> None:
    wanted = {"contributor": 6, "connector": 0, "fan": 0, "supporter": 2}
    found = (await ask(SUGGEST, members=wanted, share=0.5))["suggest"]
    assert [one["way"] for one in found["ways"]] == ["MEMBERS", "SHARE", "GAP"]
    by_number = found["ways"][0]
    counts = {row["status"]: row["count"] for row in by_number["statuses"]}
    assert {word: counts[word.upper()] for word in wanted} == wanted
    bars = {bar["index"]: bar for bar in by_number["bars"]}
    assert (bars["SUPPORT"]["now"], bars["SUPPORT"]["enter"]) == (10, 5)
    enter = {index.value: bars[index.name]["enter"] for index in INDICES}
    then = (await ask(BY_POINTS, enter=enter))["simulate"]["byPoints"]["statuses"]
    assert {row["status"]: row["count"] for row in then} == counts
    assert Status.SUPPORTER.name in counts


@pytest.mark.parametrize(
    "arguments", ["share: 1.5", "members: {contributor: -1, connector: 0, fan: 0, supporter: 0}"]
)
async def test_what_cannot_be_wanted_is_refused(ask: Asker, arguments: str) -> None:
    assert await ask.codes(f"{{ suggest({arguments}) {{ population }} }}") == ["BAD_INPUT"]


async def _short(ask: Asker) -> dict[str, str]:
    """The ids of the rule sets by name, of which ``short`` looks at thirty days."""
    text = dump(replace(default(), name="short", window_days=30))
    await save_draft(ask.database, text, now=NOW)
    found = (await ask("{ ruleSets(first: 9) { nodes { id name } } }"))["ruleSets"]["nodes"]
    return {one["name"]: one["id"] for one in found}


async def test_two_versions_differ_by_their_text_and_by_whom_they_move(
    peopled: Database, ask: Asker
) -> None:
    ids = await _short(ask)
    document = """query ($from: ID!, $to: ID!) { ruleSet(id: $from) { diff(to: $to) {
        changes { place before after text }
        simulation { ruleSet draft totals { population moved }
            statuses { status before count } matrix { before after members } } } } }"""
    there = (await ask(document, **{"from": ids["default"], "to": ids["short"]}))["ruleSet"]["diff"]
    back = (await ask(document, **{"from": ids["short"], "to": ids["default"]}))["ruleSet"]["diff"]
    assert there["changes"][1]["text"] == "~ window_days: 90 -> 30"
    assert back["changes"][1]["text"] == "~ window_days: 30 -> 90"
    assert (there["simulation"]["ruleSet"], back["simulation"]["ruleSet"]) == ("default", "short")
    for one in (there, back):
        cells = one["simulation"]["matrix"]
        assert sum(cell["members"] for cell in cells) == 8
        moved = sum(cell["members"] for cell in cells if cell["before"] != cell["after"])
        assert moved == one["simulation"]["totals"]["moved"]
    same = (await ask(document, **{"from": ids["short"], "to": ids["short"]}))["ruleSet"]["diff"]
    assert same["changes"] == []
    assert same["simulation"]["totals"]["moved"] == 0


async def test_rule_sets_stand_side_by_side(peopled: Database, ask: Asker) -> None:
    ids = await _short(ask)
    document = """query ($ids: [ID!]!) { compareRuleSets(ids: $ids) { asOf columns {
        ruleSet { name state } population differing statuses { status count share } } } }"""
    found = (await ask(document, ids=[ids["short"], ids["default"]]))["compareRuleSets"]
    names = [column["ruleSet"]["name"] for column in found["columns"]]
    assert names == ["default", "short", "default"]
    first, short, again = found["columns"]
    assert first["ruleSet"]["state"] == "ACTIVE"
    assert first["statuses"] == again["statuses"]
    assert (first["differing"], again["differing"]) == (0, 0)
    tiers = (await ask("{ tierReport { tiers { status count } } }"))["tierReport"]["tiers"]
    assert [(one["status"], one["count"]) for one in first["statuses"]] == [
        (one["status"], one["count"]) for one in tiers
    ]
    assert sum(one["count"] for one in short["statuses"]) == short["population"] == 8
    assert await ask.codes(document, ids=[]) == ["BAD_INPUT"]
    assert await ask.codes(document, ids=[ids["short"]] * 9) == ["BAD_INPUT"]
    assert await ask.codes(document, ids=["UnVsZVNldDo5OQ"]) == ["UNKNOWN_RULE_SET"]


@pytest.fixture(autouse=True)
async def ended(database: Database) -> Any:
    """Nothing goes on when the test is over."""
    yield
    await background.of(database).close()
