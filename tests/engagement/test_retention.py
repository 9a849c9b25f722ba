"""Conversion and recycling: counted member by member and day by day, they are the same."""

from __future__ import annotations

from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement.retention import Recycling, conversion, recycling, until_first_status
from engagement.survival import Estimate, share_of
from engagement.words import STATUSES, Status
from tests.engagement.lives import UNTIL, Life, communities, history_of, spelled
from tests.textbook import LETTERS

_NOTHING = Estimate(None, None, None)
_EARNED = [LETTERS.index(letter) for letter in "CKFS"]
_DORMANT = LETTERS.index("D")
_days = st.integers(0, UNTIL)


def _has(one: Life, day: int) -> bool:
    return one.on(day) in _EARNED


def _rose(one: Life, within: int) -> int | None:
    """The day on which somebody first had one of the four, within so many days."""
    days = range(one.entry, min(one.entry + within, UNTIL + 1))
    return next((day for day in days if _has(one, day)), None)


@given(
    communities,
    st.lists(st.tuples(_days, _days).map(lambda d: (min(d), max(d))), max_size=4),
    st.integers(1, 25),
    st.integers(1, 25),
)
def test_a_cohort_is_followed_day_by_day(community, months, within, sustain):
    found = conversion(history_of(community), months, within=within, sustain=sustain)
    assert [(one.first, one.last) for one in found] == months
    for cohort in found:
        those = [one for one in community if cohort.first <= one.entry <= cohort.last]
        assert cohort.joined == len(those)
        # The last who can have joined had all their days, and all those after the last of them.
        if cohort.last + within > UNTIL + 1:
            assert (cohort.reached, cohort.reached_share) == (None, _NOTHING)
        else:
            assert cohort.reached == sum(_rose(one, within) is not None for one in those)
            assert cohort.reached_share == share_of(cohort.reached, len(those))
        if cohort.last + within + sustain > UNTIL + 2:
            assert (cohort.sustained, cohort.sustained_share) == (None, _NOTHING)
            continue
        stayed = 0
        for one in those:
            begin = _rose(one, within)
            if begin is not None:
                assert begin + sustain - 1 <= UNTIL
                stayed += all(_has(one, day) for day in range(begin, begin + sustain))
        assert cohort.sustained == stayed
        assert cohort.sustained_share == share_of(stayed, len(those))
        assert stayed <= (cohort.reached or 0)


def test_a_cohort_that_is_not_over_has_no_figure():
    # It is over when the last who may join have had their days: 36 to 45 are ten.
    history = history_of([spelled("S", entry=36), spelled("N", entry=30)])
    over, not_over = conversion(history, [(30, 36), (30, 37)], within=10, sustain=1)
    assert (over.joined, over.reached, over.sustained) == (2, 1, 1)
    assert (not_over.joined, not_over.reached, not_over.sustained) == (2, None, None)
    (two,) = conversion(history, [(30, 36)], within=10, sustain=2)
    assert (two.reached, two.sustained) == (1, None)


def test_the_first_day_is_one_of_those_within_which_somebody_rises_and_stays():
    history = history_of([spelled("NNSSM"), spelled("NNNSM"), spelled("NNSM")])
    (one,) = conversion(history, [(0, 0)], within=3, sustain=2)
    assert (one.joined, one.reached, one.sustained) == (3, 2, 1)
    (more,) = conversion(history, [(0, 0)], within=4, sustain=1)
    assert (more.reached, more.sustained) == (3, 3)


@given(communities, _days, _days)
def test_the_days_until_the_first_status_are_those_that_were_seen(community, one, other):
    begin, end = sorted((one, other))
    curve = until_first_status(history_of(community), first=begin, last=end)
    community = [life for life in community if begin <= life.entry <= end]
    first = [_rose(one, UNTIL + 1) for one in community]
    assert (curve.n, curve.ended) == (len(community), sum(day is not None for day in first))
    waited = [
        (UNTIL if day is None else day) - one.entry
        for one, day in zip(community, first, strict=True)
    ]
    left = 1.0
    for days in range(UNTIL + 1):
        at_risk = sum(n >= days for n in waited)
        if not at_risk:
            break
        came = (n == days for n, day in zip(waited, first, strict=True) if day is not None)
        left *= 1 - sum(came) / at_risk
        assert curve.over(days).value == pytest.approx(1 - left)


def _spells(one: Life, first: int, last: int) -> list[tuple[int, int | None]]:
    """The first day of each time of dormancy, and the day on which it was over."""
    found = []
    for start, status in one.runs():
        if status == _DORMANT and first <= start <= last:
            days = range(start, UNTIL + 1)
            found.append((start, next((d for d in days if one.on(d) != _DORMANT), None)))
    return found


@given(communities, _days, _days, st.integers(1, 20))
def test_recycling_follows_everybody_who_was_dormant(community, one, other, watch):
    first, last = sorted((one, other))
    found: Recycling = recycling(history_of(community), first=first, last=last, watch=watch)
    spells = [
        (who, life, start, end)
        for who, life in enumerate(community)
        for start, end in _spells(life, first, last)
    ]
    assert found.spells == len(spells)
    assert found.members == len({who for who, *_ in spells})
    assert found.still.tolist() == [who for who, _, _, end in spells if end is None]
    assert found.curve.ended == sum(end is not None for *_, end in spells)
    came: dict[Status, list[tuple[int, Life, int, int]]] = {}
    for who, life, start, end in spells:
        if end is not None:
            came.setdefault(STATUSES[life.on(end)], []).append((who, life, start, end))
    assert {row.to for row in found.returns} == set(came)
    for row in found.returns:
        those = came[row.to]
        assert row.returns == len(those)
        assert row.members == len({who for who, *_ in those})
        assert row.days == median(end - start for _, _, start, end in those)
        watched = [(life, end) for _, life, _, end in those if end + watch - 1 <= UNTIL]
        rose = [any(_has(life, d) for d in range(end, end + watch)) for life, end in watched]
        assert (row.watched, row.rose) == (len(watched), sum(rose))
        assert row.rose_share == share_of(sum(rose), len(watched))


@given(communities)
def test_dormancy_lasts_as_the_days_say_on_which_it_was_seen(community):
    found = recycling(history_of(community), first=0, last=UNTIL, watch=5)
    spells = [spell for one in community for spell in _spells(one, 0, UNTIL)]
    left = 1.0
    for days in range(1, UNTIL + 1):
        ends = sum(end == start + days for start, end in spells)
        at_risk = sum(start + days <= (UNTIL if end is None else end) for start, end in spells)
        if not at_risk:
            break
        left *= 1 - ends / at_risk
        assert found.curve.over(days).value == pytest.approx(1 - left)


def test_nobody_is_recycled():
    nobody = history_of([])
    found = recycling(nobody, first=0, last=UNTIL, watch=5)
    assert (found.spells, found.members, found.returns, len(found.still)) == (0, 0, (), 0)
    assert until_first_status(nobody, first=0, last=UNTIL).n == 0
    (cohort,) = conversion(nobody, [(0, 5)], within=3, sustain=3)
    assert (cohort.joined, cohort.reached, cohort.reached_share) == (0, 0, _NOTHING)


def test_who_comes_back_twice_counts_twice():
    found = recycling(history_of([spelled("NNDDMDDDSSN")]), first=0, last=UNTIL, watch=6)
    assert (found.spells, found.members, len(found.still)) == (2, 1, 0)
    assert [(row.to.value, row.returns, row.days, row.rose) for row in found.returns] == [
        ("supporter", 1, 3, 1),
        ("member", 1, 2, 1),
    ]
