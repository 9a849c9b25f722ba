"""Lift in GraphQL: the figures of the report, typed, and nothing where they are withheld."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from schema.words import Scope
from tests.schema.asking import Asker
from tests.store.asking import reported, row
from tests.store.offering import LATER, community

pytestmark = pytest.mark.slow

LIFT = """
query ($scenario: String, $period: String, $asOf: Date) {
    liftReport(scenario: $scenario, period: $period, asOf: $asOf) {
        asOf archive ruleSet notes
        trials {
            scenario name period versions plannedHeld membersShown membersHeld mixed
            figures { outcome due withheld shown { value } held { value }
                lift { value low high } relative { value low high } }
            messages { name membersShown figures { outcome } }
            visits { value low high } dismissed optedOutShown optedOutHeld deeds spilled
            prospect { members share detectable } } } }
"""


@pytest.fixture
async def later(ask: Asker) -> Asker:
    """Asks after the quarter, when all is due."""
    await community(ask.database)
    return replace(ask, now=LATER)


async def test_it_says_what_the_report_says(later: Asker) -> None:
    found = (await later(LIFT))["liftReport"]
    assert (found["asOf"], found["ruleSet"]) == ("2026-08-15", "default")
    report = await reported(later.database, "lift", now=LATER)
    assert found["notes"] == list(report.notes)
    trials = {(one["scenario"], one["period"]): one for one in found["trials"]}
    assert {(key or "(all prompts)", period) for key, period in trials} == {
        (one["scenario"], one["quarter"]) for one in report.rows
    }
    trial = trials["vote", "2026Q2"]
    goal = row(report, scenario="vote", quarter="2026Q2", outcome="goal")
    assert (trial["membersShown"], trial["membersHeld"]) == (240, 60)
    assert (trial["plannedHeld"], trial["versions"], trial["messages"]) == (0.2, [1], [])
    figure, status = trial["figures"]
    assert (figure["outcome"], figure["withheld"], figure["due"]) == ("GOAL", None, "2026-07-07")
    for name, told in (("lift", "lift"), ("relative", "relative")):
        for part, key in (("value", told), ("low", f"{told}_low"), ("high", f"{told}_high")):
            assert figure[name][part] == pytest.approx(goal[key], abs=1e-4)
    assert status["outcome"] == "STATUS"
    assert trial["visits"]["value"] == pytest.approx(goal["visits"], abs=1e-4)
    assert trial["prospect"] is None


async def test_what_is_withheld_has_no_values(later: Asker) -> None:
    asked: dict[str, Any] = {"scenario": "vote", "asOf": "2026-07-06"}
    (trial, next_) = (await later(LIFT, **asked))["liftReport"]["trials"]
    assert (trial["period"], next_["period"]) == ("2026Q2", "2026Q3")
    for figure in trial["figures"]:
        assert figure["withheld"] == "EARLY"
        parts = [figure[name] for name in ("shown", "held", "lift", "relative")]
        assert not any(any(part.values()) for part in parts)
    assert trial["deeds"] is trial["visits"]["value"] is None
    # The next quarter has begun, and nobody had a decision.
    assert (next_["membersShown"], next_["figures"][0]["due"]) == (0, "2026-10-07")
    # Everybody is dormant by now.
    assert next_["prospect"] == {"members": 0, "share": None, "detectable": None}


async def test_what_makes_no_sense_is_said(later: Asker) -> None:
    for asked in ({"scenario": "votes"}, {"period": "2026-Q2"}, {"period": "2027Q1"}):
        assert await later.codes(LIFT, **asked) == ["BAD_INPUT"]


async def test_it_is_for_managers_alone(later: Asker) -> None:
    for scope in (Scope.SITE, Scope.MEMBER):
        asker = replace(later, scopes=frozenset({scope}))
        assert await asker.codes("{ liftReport { asOf } }") == ["FORBIDDEN"]


async def test_before_anything_was_decided_it_tells_what_is_to_come(ask: Asker) -> None:
    asker = replace(ask, now=datetime(2026, 3, 1, 12, tzinfo=UTC))
    found = (await asker(LIFT))["liftReport"]
    assert all(one["membersShown"] == 0 for one in found["trials"])
    assert {one["figures"][0]["withheld"] for one in found["trials"]} <= {"EARLY"}
