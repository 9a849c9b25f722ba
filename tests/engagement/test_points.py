"""Points from tallies: sides, caps, grades, against a plain count of the same."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engagement.points import compile_rules, earn
from engagement.status import MOST_POINTS_X100
from engagement.words import (
    INDICES,
    ActionType,
    DistinctBy,
    Grade,
    Index,
    Lifecycle,
    RuleSet,
    Side,
    Threshold,
)


def row(
    verb: str,
    index: Index | None = Index.SUPPORT,
    *,
    points: int = 1,
    cap: int | None = None,
    side: Side = Side.GIVEN,
    quality: bool = False,
) -> ActionType:
    return ActionType(
        "qa", verb, index, side, points, cap, DistinctBy.MEMBER, quality, verb, verb, "test"
    )


def rules(*catalog: ActionType, multipliers: dict[Grade, int] | None = None) -> RuleSet:
    return RuleSet(
        name="test",
        window_days=90,
        thresholds={index: Threshold(10) for index in INDICES},
        lifecycle=Lifecycle(),
        precedence=("lock", "dormant", *INDICES, "newcomer", "member"),
        multipliers=multipliers or {},
        catalog=catalog,
    )


def earned(
    rule_set: RuleSet, tallies: list[tuple[int, int, int, int, int, int]], members: int = 3
) -> dict[tuple[int, int], tuple[tuple[int, ...], bool]]:
    """(member, day) -> (points ×100, gave) from rows (member, day, type, side, grade, n)."""
    types = {key.key: number for number, key in enumerate(rule_set.catalog)}
    table = np.array(tallies, np.int64).reshape(-1, 6).T
    days = earn(compile_rules(rule_set, types), members, *table)
    return {
        (int(m), int(d)): (tuple(p.tolist()), bool(g))
        for m, d, p, g in zip(days.owner, days.day, days.points, days.gave, strict=True)
    }


def plainly(
    rule_set: RuleSet, tallies: list[tuple[int, int, int, int, int, int]]
) -> dict[tuple[int, int], tuple[tuple[int, ...], bool]]:
    """The same, one action at a time, best first."""
    units: defaultdict[tuple[int, int, int], list[int]] = defaultdict(list)
    found: dict[tuple[int, int], tuple[list[int], bool]] = {}
    for member, day, number, side, grade, n in tallies:
        points, _gave = found.setdefault((member, day), ([0] * 4, False))
        if side != Side.RECEIVED and n:
            found[member, day] = (points, True)
        action = rule_set.catalog[number]
        if action.index is not None and action.earns == side:
            percent = rule_set.multipliers.get(Grade(grade), 100) if action.quality else 100
            units[member, day, number] += [action.points * percent] * n
    for (member, day, number), worths in units.items():
        action = rule_set.catalog[number]
        best = sorted(worths, reverse=True)[: action.daily_cap]
        assert action.index is not None
        found[member, day][0][INDICES.index(action.index)] += sum(best)
    return {key: (tuple(p), g) for key, (p, g) in found.items() if g or any(p)}


catalogs = st.lists(
    st.builds(
        lambda index, points, cap, side, quality: row(
            "x", index, points=points, cap=cap, side=side, quality=quality
        ),
        st.none() | st.sampled_from(INDICES),
        st.integers(0, 5),
        st.none() | st.integers(1, 4),
        st.sampled_from([Side.GIVEN, Side.RECEIVED]),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


@given(st.data(), catalogs, st.dictionaries(st.sampled_from(list(Grade)), st.integers(0, 200)))
def test_points_are_those_counted_one_by_one(data, catalog, multipliers):
    """Points equal the sum of the log, for every side, cap, grade and multiplier."""
    named = [
        ActionType(
            "qa",
            f"v{i}",
            a.index,
            a.earns,
            a.points,
            a.daily_cap,
            a.distinct_by,
            a.quality,
            "x",
            "x",
            "x",
        )
        for i, a in enumerate(catalog)
    ]
    keys = st.tuples(
        st.integers(0, 2),
        st.integers(0, 3),
        st.integers(0, len(named) - 1),
        st.sampled_from([0, 1, 2]),
        st.integers(0, 5),
    )
    counts = data.draw(st.dictionaries(keys, st.integers(1, 6), max_size=20))
    tallies = [(*key, n) for key, n in data.draw(st.permutations(list(counts.items())))]
    rule_set = rules(*named, multipliers=multipliers)
    assert earned(rule_set, tallies) == plainly(rule_set, tallies)


def test_the_cap_takes_the_best_grade_first():
    answer = row("answer", Index.CONTRIBUTION, points=3, cap=2, quality=True)
    rule_set = rules(answer, multipliers={Grade.SOLVES: 100, Grade.IMPRESSION: 20})
    tallies = [(0, 0, 0, 0, int(Grade.IMPRESSION), 5), (0, 0, 0, 0, int(Grade.SOLVES), 1)]
    assert earned(rule_set, tallies) == {(0, 0): ((300 + 60, 0, 0, 0), True)}


def test_what_is_done_to_oneself_shows_presence_and_is_worth_nothing():
    assert earned(rules(row("like")), [(0, 5, 0, int(Side.OWN), 0, 3)]) == {
        (0, 5): ((0, 0, 0, 0), True)
    }


def test_what_earns_nothing_for_the_receiver_leaves_no_day():
    assert earned(rules(row("like")), [(0, 5, 0, int(Side.RECEIVED), 0, 3)]) == {}


def test_unknown_types_are_worth_nothing():
    types = {("qa", "like"): 0, ("labs", "poke"): 1}
    compiled = compile_rules(rules(row("like")), types)
    table = np.array([(0, 0, 1, 0, 0, 4), (0, 0, 7, 0, 0, 4)], np.int64).T
    days = earn(compiled, 1, *table)
    assert days.points.tolist() == [[0, 0, 0, 0]]
    assert days.gave.tolist() == [True]
    assert compiled.earns_received(np.array([0, 1, 7])).tolist() == [False] * 3


def test_a_day_of_absurd_numbers_stays_within_32_bits():
    rule_set = rules(row("like", points=1000))
    assert earned(rule_set, [(0, 0, 0, 0, 0, 10**9)]) == {
        (0, 0): ((0, 0, 0, MOST_POINTS_X100), True)
    }
