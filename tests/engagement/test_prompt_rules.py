"""Properties of the decision: its order, and that holding out changes nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import TypeVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement.holdout import Arm
from engagement.prompt import Reason, Running, choose
from engagement.scenario import TRAITS, Kind
from tests.engagement.prompting import (
    KINDS_USED,
    RANK,
    ZONES,
    Textbook,
    World,
    decisions,
    fresh,
    scenario,
    worlds,
)

Value = TypeVar("Value")

# --- the order ---------------------------------------------------------------------------------


@pytest.mark.slow
@decisions
@given(worlds())
def test_reasons_are_asked_in_their_order(world: World) -> None:
    choice = world.choice()
    steps = {step.scenario.scenario.key: step for step in choice.trace}
    assert Counter(step.scenario.id for step in choice.trace) == Counter(
        range(len(world.scenarios))
    ), "one step for each that runs"
    expected = {one.key: Textbook(world, one).first() for one in world.scenarios}
    could = [one for one in world.scenarios if expected[one.key] is None]
    for key, reason in expected.items():
        if reason is not None:
            assert steps[key].reason is reason
    if not could:
        assert (choice.winner, choice.candidate, choice.arm) == (None, None, None)
        order = list(Reason)
        furthest = max((order.index(r) for r in expected.values() if r), default=None)
        assert choice.reason is (None if furthest is None else order[furthest])
        return
    best = max(one.priority for one in could)
    assert choice.winner is not None
    assert choice.winner.scenario in could
    assert choice.winner.scenario.priority == best
    winner = choice.winner.scenario
    for one in could:
        if one is not winner:
            assert steps[one.key].reason is Reason.LOST_ARBITRATION
    held = {
        Arm.SHOWN: None,
        Arm.HELD_BY_SCENARIO: Reason.HOLDOUT_SCENARIO,
        Arm.HELD_BY_ALL: Reason.HOLDOUT_GLOBAL,
    }[world.arms[winner.key]]
    assert choice.arm is world.arms[winner.key]
    assert choice.reason is steps[winner.key].reason is held


@pytest.mark.slow
@decisions
@given(worlds())
def test_what_wins_is_the_best_that_is_fresh(world: World) -> None:
    choice = world.choice()
    assert (choice.winner is None) == (choice.candidate is None)
    if choice.winner is None or choice.candidate is None:
        return
    won, candidate = choice.winner.scenario, choice.candidate
    assert candidate.kind is won.kind
    assert candidate.is_fresh
    assert fresh(candidate)
    for other in world.member.candidates:
        if other in Textbook(world, won).own and fresh(other):
            spare = not TRAITS[won.kind].spread or other.offered < world.policy.members_per_item
            assert not spare or other.score <= candidate.score


@pytest.mark.slow
@decisions
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_what_goes_in_does_not_matter(world: World, random: Random) -> None:
    def shuffled(values: Sequence[Value]) -> list[Value]:
        return random.sample(list(values), len(values))

    before = world.choice()
    running = [Running(number, one) for number, one in enumerate(world.scenarios)]
    random.shuffle(running)
    after = choose(
        running,
        world.policy,
        replace(
            world.member,
            earlier=shuffled(world.member.earlier),
            candidates=shuffled(world.member.candidates),
        ),
        ranks=dict(shuffled(list(RANK.items()))),
        among=lambda one: one.key in world.audience,
        draw=lambda one: world.arms[one.key],
    )
    assert after == before


@pytest.mark.slow
@decisions
@given(worlds(), st.sampled_from(ZONES))
def test_the_same_moment_in_another_zone_is_the_same(world: World, zone: ZoneInfo) -> None:
    elsewhere = replace(world.member, now=world.member.now.astimezone(zone))
    assert replace(world, member=elsewhere).choice() == world.choice()


# --- holding out -------------------------------------------------------------------------------


@pytest.mark.slow
@decisions
@given(worlds())
def test_the_arm_changes_nothing_but_the_reason(world: World) -> None:
    shown = replace(world, arms=dict.fromkeys(world.arms, Arm.SHOWN)).choice()
    for arm, reason in (
        (Arm.HELD_BY_SCENARIO, Reason.HOLDOUT_SCENARIO),
        (Arm.HELD_BY_ALL, Reason.HOLDOUT_GLOBAL),
    ):
        held = replace(world, arms=dict.fromkeys(world.arms, arm)).choice()
        if shown.winner is None:
            assert held == shown
            continue
        assert (held.winner, held.candidate) == (shown.winner, shown.candidate), "not replaced"
        assert (held.arm, held.reason) == (arm, reason)
        assert [
            replace(step, reason=None) if step.reason is reason else step for step in held.trace
        ] == list(shown.trace)


@pytest.mark.slow
@decisions
@given(worlds(), st.integers(0, 3), st.sampled_from(KINDS_USED))
def test_one_more_of_lower_priority_never_changes_the_winner(
    world: World, less: int, kind: Kind
) -> None:
    before = world.choice()
    if before.winner is None:
        return
    lower = before.winner.scenario.priority - 1 - less
    weak = scenario("z", status=world.member.status, kind=kind, priority=lower)
    after = replace(
        world,
        scenarios=[*world.scenarios, weak],
        audience=world.audience | {"z"},
        arms={**world.arms, "z": Arm.SHOWN},
    ).choice()
    assert (after.winner, after.candidate, after.arm) == (
        before.winner,
        before.candidate,
        before.arm,
    )
