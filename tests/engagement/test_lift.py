"""Lift: against published figures, against textbook formulas, and what must hold of any trial."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engagement.lift import (
    LEAST_MEMBERS,
    Arm,
    Outcome,
    Trial,
    Visits,
    Withheld,
    chi_square_tail,
    difference,
    joined,
    least_detectable,
    lift,
    mean_difference,
    members_needed,
    relative,
    split_chance,
    visits,
    wrong_split,
)
from engagement.survival import Estimate
from tests.textbook import Z, wilson

_NOTHING = Estimate(None, None, None)
LAST = 100
DUE = LAST + 7


@st.composite
def _shares(draw: st.DrawFn) -> tuple[int, int]:
    whole = draw(st.integers(1, 2000))
    return draw(st.integers(0, whole)), whole


#: Newcombe, "Interval estimation for the difference between independent proportions", 1998,
#: table II, method 10.
@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_the_published_intervals_of_differences_are_found(one, other, low, high):
    found = difference(one, other)
    assert found.value == pytest.approx(one[0] / one[1] - other[0] / other[1])
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


@given(_shares(), _shares())
def test_a_difference_is_in_its_interval_and_turns_with_the_sides(one, other):
    found, turned = difference(one, other), difference(other, one)
    assert found.value is not None and found.low is not None and found.high is not None
    assert -1 - 1e-9 <= found.low <= found.value <= found.high <= 1 + 1e-9
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


def _three(part: int, whole: int) -> tuple[float, float, float]:
    p, low, high = wilson(part, whole)
    assert p is not None and low is not None and high is not None
    return p, low, high


@given(_shares(), _shares())
def test_a_ratio_ends_where_nothing_is_left_of_the_difference(one, other):
    assume(other[0])
    found = relative(one, other)
    p, low, high = _three(*one)
    q, least, most = _three(*other)
    assert found.value is not None and found.low is not None and found.high is not None
    assert -1 <= found.low <= found.value + 1e-9
    assert found.value <= found.high + 1e-9
    # At each end p − r·q is as far from 0 as its interval reaches.
    r = found.low + 1
    assert p - r * q == pytest.approx(math.hypot(p - low, r * (most - q)), abs=1e-6 * (1 + r))
    r = found.high + 1
    assert r * q - p == pytest.approx(math.hypot(high - p, r * (q - least)), abs=1e-6 * (1 + r))


@given(_shares(), _shares())
def test_both_agree_on_whether_anything_was_found(one, other):
    assume(other[0])
    plain, parts = difference(one, other), relative(one, other)
    for found, said in ((plain.low, parts.low), (plain.high, parts.high)):
        assert found is not None and said is not None
        if abs(found) > 1e-9:
            assert (found > 0) == (said > 0)


def test_of_nobody_who_came_there_are_no_parts():
    assert relative((5, 56), (0, 29)) == _NOTHING
    assert relative((0, 56), (1, 29)).value == -1


@pytest.mark.parametrize(
    ("value", "freedom", "tail"),
    # The quantiles that are printed in the back of textbooks.
    [
        (3.841, 1, 0.05),
        (5.991, 2, 0.05),
        (7.815, 3, 0.05),
        (9.488, 4, 0.05),
        (18.307, 10, 0.05),
        (6.635, 1, 0.01),
        (10.828, 1, 0.001),
        (16.266, 3, 0.001),
        (22.362, 13, 0.05),
    ],
)
def test_the_printed_quantiles_of_chi_square_are_found(value, freedom, tail):
    assert chi_square_tail(value, freedom) == pytest.approx(tail, rel=1e-3)
    assert chi_square_tail(0, freedom) == 1


def _arm(share: float, members: int, reached: int = 0) -> Arm:
    return Arm(share, members, {Outcome.GOAL: reached})


def test_a_split_is_held_against_the_plan():
    # 10 more than the 50 that were planned: (10² / 50 + 10² / 950), one degree of freedom.
    arms = (_arm(0.05, 60), _arm(0.95, 940))
    assert split_chance(arms) == pytest.approx(math.erfc(math.sqrt((2 + 100 / 950) / 2)))
    assert not wrong_split(arms)
    # Mendel's peas (1866), 9 : 3 : 3 : 1: the chi-square is 0.47.
    peas = [_arm(n / 16, seen) for n, seen in ((9, 315), (3, 101), (3, 108), (1, 32))]
    assert split_chance(peas) == pytest.approx(0.925, abs=1e-3)


def test_too_few_say_nothing_of_a_split():
    assert split_chance((_arm(0.05, 0), _arm(0.95, 99))) is None
    assert split_chance((_arm(0.05, 0), _arm(0.95, 100))) is not None
    assert split_chance((_arm(1.0, 100),)) is None
    # Nobody is by chance where nobody was to be.
    assert split_chance((_arm(0.0, 1), _arm(1.0, 100))) == 0


@given(st.integers(100, 10_000), st.sampled_from([0.05, 0.2, 0.5]))
def test_the_planned_split_is_never_wrong(members, share):
    held = round(share * members)
    assert not wrong_split((_arm(share, held), _arm(1 - share, members - held)))


def _trial(
    held: tuple[int, int] = (10, 200),
    shown: tuple[int, int] = (600, 3800),
    share: float = 0.05,
) -> Trial:
    return Trial(_arm(share, held[1], held[0]), (_arm(1 - share, shown[1], shown[0]),), LAST)


def test_a_figure_is_given_on_its_day_and_not_before():
    found = lift(_trial(), Outcome.GOAL, until=DUE)
    assert (found.due, found.withheld) == (DUE, None)
    shown = (found.shown.value, found.shown.low, found.shown.high)
    assert shown == pytest.approx(wilson(600, 3800))
    assert found.held.value == 0.05
    assert found.difference == difference((600, 3800), (10, 200))
    assert found.relative.value == pytest.approx(600 / 3800 / 0.05 - 1)
    early = lift(_trial(), Outcome.GOAL, until=DUE - 1)
    assert (early.due, early.withheld) == (DUE, Withheld.EARLY)
    assert early.shown == early.held == early.difference == early.relative == _NOTHING
    assert lift(_trial(), Outcome.STATUS, until=LAST + 29).withheld is Withheld.EARLY


def test_a_wrong_split_withholds_everything():
    lost = _trial(held=(10, 130))
    assert wrong_split((lost.held, *lost.shown))
    found = lift(lost, Outcome.GOAL, until=DUE)
    assert (found.withheld, found.difference) == (Withheld.WRONG_SPLIT, _NOTHING)
    # It is told at once: more days do not mend it.
    assert lift(lost, Outcome.GOAL, until=0).withheld is Withheld.WRONG_SPLIT
    assert visits(lost, until=DUE) == (Withheld.WRONG_SPLIT, _NOTHING)


def test_few_say_nothing():
    few = _trial(held=(3, LEAST_MEMBERS - 1), shown=(50, 19 * (LEAST_MEMBERS - 1)))
    assert lift(few, Outcome.GOAL, until=DUE).withheld is Withheld.FEW
    enough = _trial(held=(3, LEAST_MEMBERS), shown=(50, 19 * LEAST_MEMBERS))
    assert lift(enough, Outcome.GOAL, until=DUE).withheld is None


def test_without_a_holdout_there_is_nothing_to_compare_with():
    alone = Trial(_arm(0.0, 0), (_arm(1.0, 5000, 700),), LAST)
    assert lift(alone, Outcome.GOAL, until=DUE).withheld is Withheld.NO_HOLDOUT


def test_variants_are_each_compared_with_those_held_out():
    held, one, other = _arm(0.2, 200, 20), _arm(0.6, 600, 60), _arm(0.2, 200, 50)
    trial = Trial(held, (one, other), LAST)
    all_ = lift(trial, Outcome.GOAL, until=DUE)
    assert all_.difference == difference((110, 800), (20, 200))
    each = [lift(trial, Outcome.GOAL, until=DUE, variant=i).difference for i in range(2)]
    assert each == [difference((60, 600), (20, 200)), difference((50, 200), (20, 200))]
    # The split is one for all of them.
    lost = Trial(held, (one, _arm(0.2, 100, 50)), LAST)
    found = lift(lost, Outcome.GOAL, until=DUE, variant=0)
    assert found.withheld is Withheld.WRONG_SPLIT


def test_several_arms_are_one():
    one = Arm(0.1, 10, {Outcome.GOAL: 1, Outcome.CONTRACT: 0}, Visits(5, 9))
    other = Arm(0.2, 20, {Outcome.GOAL: 2, Outcome.CONTRACT: 3}, Visits(7, 11))
    both = joined((one, other))
    assert both.members == 30
    assert both.share == pytest.approx(0.3)
    assert both.reached == {Outcome.GOAL: 3, Outcome.CONTRACT: 3}
    assert both.visits == Visits(12, 20)


_days = st.lists(st.integers(0, 7), min_size=2, max_size=60)


@given(_days, _days)
def test_days_here_are_compared_as_means(one, other):
    arms, mean, variance = [], [], []
    for days in (one, other):
        total, squares = sum(days), sum(day**2 for day in days)
        arms.append(Arm(0.5, len(days), {}, Visits(total, squares)))
        mean.append(total / len(days))
        spread = sum((day - mean[-1]) ** 2 for day in days)
        variance.append(spread / (len(days) - 1) / len(days))
    found = mean_difference(*arms)
    assert found.value == pytest.approx(mean[0] - mean[1])
    assert found.low is not None and found.high is not None
    assert (found.high - found.low) / 2 == pytest.approx(Z * math.sqrt(sum(variance)), abs=1e-6)


def test_the_published_sizes_are_found():
    # The example of R's power.prop.test: 76.7 in each group find 0.75 where 0.5 is usual, in 90 %.
    assert members_needed(0.5, 0.25, 0.5, power=0.9) == math.ceil(2 * 76.65)
    # Without correction for continuity 356 in each find 0.7 where 0.6 is usual, in 80 %.
    assert members_needed(0.6, 0.1, 0.5) == 2 * 356


@given(
    st.floats(0.005, 0.9),
    st.sampled_from([0.02, 0.05, 0.2, 0.5]),
    st.integers(20, 1_000_000),
)
def test_what_can_be_found_is_the_least_for_which_there_are_enough(base, held, members):
    found = least_detectable(base, held, members)
    if found is None:
        assert members_needed(base, math.floor((1 - base) * 10_000) / 10_000, held) > members
        return
    assert members_needed(base, found, held) <= members
    if found > 0.0001:
        assert members_needed(base, found - 0.0001, held) > members


def test_a_smaller_holdout_takes_more_members():
    needed = [members_needed(0.1, 0.03, held) for held in (0.5, 0.2, 0.05, 0.01)]
    assert needed == sorted(needed)
    assert least_detectable(1.0, 0.05, 10_000) is None
    assert least_detectable(0.1, 0.05, 10) is None
