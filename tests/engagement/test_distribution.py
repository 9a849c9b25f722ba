"""Statuses under other thresholds: the distinct vectors say what asking everybody says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement.columns import Pairs, States
from engagement.distribution import (
    HIGHEST,
    Circumstances,
    Distribution,
    circumstances,
    counted,
    distinct,
    distribution,
)
from engagement.holds import NO_LOCK
from engagement.points import Compiled, Days, compile_rules
from engagement.rules import default
from engagement.status import guards_hold
from engagement.suggest import Unreachable, Way, at_gap, for_numbers, for_share, suggestions
from engagement.words import INDICES, STATUS_OF_INDEX, STATUSES, Guards, Index, Status

PRECEDENCE = (
    *("lock", "dormant", "contribution", "interaction", "favorability", "support"),
    *("newcomer", "member"),
)
_MEMBERS = st.lists(
    st.tuples(
        st.tuples(*[st.sampled_from([0, 50, 100, 150, 200, 300, 700, 10**8])] * 4),
        st.sampled_from([NO_LOCK] * 6 + [0, 3, 6]),
        st.booleans(),
        st.booleans(),
        st.tuples(*[st.sampled_from([True, True, True, False])] * 4),
    ),
    max_size=40,
)
NOW = {index: threshold.enter for index, threshold in default().thresholds.items()}
_ENTER = st.lists(st.sampled_from([100, 200, 300, 500, HIGHEST]), min_size=4, max_size=4)
_Member = tuple[tuple[int, ...], int, bool, bool, tuple[bool, ...]]


def made(members: Sequence[_Member], precedence: Sequence[str] = PRECEDENCE) -> Distribution:
    beside = Circumstances(
        lock=np.array([one[1] for one in members], np.int64),
        dormant=np.array([one[2] for one in members], np.bool_),
        newcomer=np.array([one[3] for one in members], np.bool_),
        guarded=np.array([one[4] for one in members], np.bool_).reshape(-1, 4),
    )
    points = np.array([one[0] for one in members], np.int64).reshape(-1, 4)
    return distribution(points, beside, precedence)


def one_by_one(members: Sequence[_Member], enter: Sequence[int], precedence: Sequence[str]):
    found = [0] * len(STATUSES)
    for points, lock, dormant, newcomer, guarded in members:
        holds = {
            "lock": lock != NO_LOCK,
            "dormant": dormant,
            "newcomer": newcomer,
            "member": True,
            **{
                index.value: points[i] >= enter[i] and guarded[i] for i, index in enumerate(INDICES)
            },
        }
        word = next(word for word in precedence if holds[word])
        if word == "lock":
            found[lock] += 1
        elif word in {index.value for index in INDICES}:
            found[STATUSES.index(STATUS_OF_INDEX[Index(word)])] += 1
        else:
            found[STATUSES.index(Status(word))] += 1
    return found


@given(_MEMBERS, _ENTER, st.permutations(PRECEDENCE))
def test_it_says_what_asking_everybody_says(
    members: list[_Member], enter: list[int], precedence: list[str]
):
    everybody = made(members, precedence)
    assert everybody.members == len(members)
    assert everybody.statuses(enter).tolist() == one_by_one(members, enter, precedence)


@given(
    st.lists(st.tuples(*[st.integers(0, 10**6)] * 4), min_size=1, max_size=200, unique=True),
    st.lists(st.sampled_from([100, 3_000, 90_000, 400_000, HIGHEST]), min_size=4, max_size=4),
)
@settings(max_examples=50)
def test_bars_beyond_the_points_that_have_sums_are_answered_for_too(
    points: list[tuple[int, ...]], enter: list[int]
):
    free = (NO_LOCK, False, False, (True,) * 4)
    members = [(one, *free) for one in points] * 2
    assert made(members).statuses(enter).tolist() == one_by_one(members, enter, PRECEDENCE)


def test_sums_are_kept_of_the_lower_points_only():
    free = (NO_LOCK, False, False, (True,) * 4)
    members = [((n * 100,) * 4, *free) for n in range(200)]
    everybody = made(members)
    (group,) = everybody.groups
    assert group.sums.below.size <= 2**20
    assert group.sums.met([2_000] * 4) == [180, 0, 0, 0, 20]
    assert group.sums.met([15_000] * 4) is None
    for bar in (2_000, 15_000):
        expected = one_by_one(members, [bar] * 4, PRECEDENCE)
        assert everybody.statuses([bar] * 4).tolist() == expected


_EARNED = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(0, 3), st.integers(0, 5)),
    max_size=40,
)


@given(
    _EARNED,
    st.integers(20, 40),
    st.sampled_from([(2, None, 1), (None, 2, 1), (2, 2, 1), (2, 3, 2), (None, None, 0)]),
)
def test_guards_are_those_of_entering(
    earned: list[tuple[int, int, int, int]], day: int, guards: tuple[int | None, int | None, int]
):
    """Of four members with (member, day, index, counterpart), each worth a point."""
    rules = guarded_by(Guards(guards[0], guards[1], guards[2]))
    members = np.arange(5)
    rows = sorted({(who, on) for who, on, _, _ in earned})
    points = np.zeros((len(rows), 4), np.int64)
    for who, on, position, _ in earned:
        points[rows.index((who, on)), position] += 100
    owners = np.array([who for who, _ in rows], np.int64)
    days = Days(
        np.searchsorted(owners, members),
        np.array([on for _, on in rows], np.int64),
        points,
        np.ones(len(rows), np.bool_),
    )
    table = np.array(sorted(earned), np.int64).reshape(-1, 4)
    pairs = Pairs(np.searchsorted(table[:, 0], members), table[:, 1], table[:, 2], table[:, 3])
    states = States.before(np.full(4, day + 1, np.int64))
    found = circumstances(states, days, rules, (), pairs).guarded
    first = day - rules.rules.window_days + 1
    for who in range(4):
        for i, index in enumerate(INDICES):
            inside = [
                one for one in earned if one[0] == who and one[2] == i and first <= one[1] <= day
            ]
            expected = guards_hold(
                rules.rules.thresholds[index].guards,
                members=len({one[3] for one in inside}),
                days=len({one[1] for one in inside}),
            )
            assert found[who, i] == expected


def guarded_by(guards: Guards) -> Compiled:
    rules = default()
    thresholds = {index: replace(t, guards=guards) for index, t in rules.thresholds.items()}
    return compile_rules(replace(rules, window_days=15, thresholds=thresholds), {})


def test_the_same_points_are_kept_once():
    rows = np.array([[3, 1], [1, 2], [3, 1], [1, 1]], np.int32)
    vectors, count = distinct(rows)
    assert vectors.tolist() == [[1, 1], [1, 2], [3, 1]]
    assert count.tolist() == [1, 1, 2]
    free = (NO_LOCK, False, False, (True,) * 4)
    many = made([((500, 0, 0, 0), *free)] * 1000 + [((10**9, 0, 0, 0), *free)] * 7)
    assert (many.members, many.vectors) == (1007, 2)
    assert many.statuses([HIGHEST] * 4)[0] == 7


@given(_MEMBERS, st.lists(st.integers(0, 12), min_size=4, max_size=4))
@settings(max_examples=30)
def test_a_suggestion_does_what_it_says(members: list[_Member], wanted: list[int]):
    everybody = made([one for one in members if one[1] == NO_LOCK])
    bars = for_numbers(everybody, dict(zip(INDICES, wanted, strict=True)), INDICES, NOW)
    enter = [bar.chosen.enter * 100 for bar in bars]

    def members_by(i: int, bar: int) -> int:
        return int(everybody.statuses([*enter[:i], bar * 100, *enter[i + 1 :]])[i])

    for i, bar in enumerate(bars):
        assert members_by(i, bar.chosen.enter) == bar.chosen.members
        assert bar.wanted is not None
        near = abs(bar.chosen.members - bar.wanted)
        for other in (1, 2, 3, 4, 7, 8, HIGHEST // 100):
            assert abs(members_by(i, other) - bar.wanted) >= near
        if bar.lower is not None:
            assert members_by(i, bar.lower.enter) == bar.lower.members > bar.chosen.members


def test_a_number_must_be_one():
    with pytest.raises(Unreachable, match="for interaction, support"):
        for_numbers(made([]), {Index.CONTRIBUTION: 1, Index.FAVORABILITY: 0}, INDICES, NOW)


def test_of_bars_that_give_the_same_the_nearest_to_the_present_one_is_chosen():
    free = (NO_LOCK, False, False, (True,) * 4)
    everybody = made([((n * 1_000, 0, 0, 0), *free) for n in (1, 2, 9)])
    wanted = {Index.CONTRIBUTION: 1} | dict.fromkeys(INDICES[1:], 0)

    def bar(now: int) -> int:
        (first, *_) = for_numbers(everybody, wanted, INDICES, dict.fromkeys(INDICES, now))
        assert first.chosen.members == 1
        assert first.lower is not None
        assert (first.lower.enter, first.lower.members) == (20, 2)
        return first.chosen.enter

    assert [bar(now) for now in (1, 21, 30, 90, 91, 100_000)] == [21, 21, 30, 90, 90, 90]
    points = everybody.points[0]
    assert [for_share(points, 0.4, now) for now in (1, 30, 100)] == [21, 30, 90]
    assert for_share(points, 0.0, 50) == 91
    assert [at_gap(points, now) for now in (1, 30, 100)] == [21, 30, 90]


def test_what_is_suggested_of_each_way_is_what_it_would_do():
    free = (NO_LOCK, False, False, (True,) * 4)
    everybody = made([((n * 100, 0, n * 300, 0), *free) for n in range(20)])
    wanted = dict(zip(INDICES, (3, 0, 4, 0), strict=True))
    ways = suggestions(everybody, default(), wanted, 0.5)
    assert [one.way for one in ways] == list(Way)
    for one in ways:
        enter = [one.enter[index] * 100 for index in INDICES]
        assert everybody.statuses(enter).tolist() == list(one.counts)
        assert (
            one.bars[Index.SUPPORT] == "nobody has points in this index" or one.way is Way.MEMBERS
        )
        assert sum(one.counts) == 20
    assert ways[0].counts[:4] == (3, 0, 4, 0)
    assert [one.way for one in suggestions(everybody, default(), {}, 0.5)] == [Way.SHARE, Way.GAP]


def test_a_share_of_those_who_have_points():
    points = np.array([0, 0, 100, 250, 300, 900, 50])
    assert for_share(counted(points), 1.0, 1) == 1
    assert for_share(counted(points), 0.75, 1) == 2
    assert for_share(counted(points), 0.5, 1) == 3
    assert for_share(counted(points), 0.3, 1) == 4
    assert for_share(counted(points), 0.0, 1) == 10
    hundred = counted(np.repeat([100, 200], [71, 29]))
    assert for_share(hundred, 0.29, 1) == 2
    assert for_share(hundred, 0.28, 1) == 3
    with pytest.raises(Unreachable, match="nobody has points"):
        for_share(counted(np.array([0, 99])), 0.5, 1)


def test_the_gap_is_where_it_can_be_seen():
    points = np.array([0] * 50 + [100] * 40 + [200] * 20 + [300] * 9 + [4000] * 3 + [5500] * 2)
    assert [at_gap(counted(points), now) for now in (1, 12, 99)] == [4, 12, 40]
    with pytest.raises(Unreachable, match="no gap"):
        at_gap(counted(np.array([100, 100, 0])), 1)
