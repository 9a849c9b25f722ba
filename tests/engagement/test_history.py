"""Periods: the days of every member, told as runs of days with one status."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engagement.columns import NOBODY
from engagement.history import Periods, joined, next_of, periods, some
from engagement.holds import FAR
from tests.engagement.lives import (
    ACTION,
    DECAY,
    UNTIL,
    Life,
    communities,
    history_of,
    moves_of,
    periods_of,
)


def rows(of: Periods) -> list[list[tuple[int, ...]]]:
    """The periods of every member as (start, end, status, before, cause)."""
    columns = (of.start, of.end, of.status, of.before, of.cause)
    table = list(zip(*(column.tolist() for column in columns), strict=True))
    bounds = of.first.tolist()
    for low, high, who in zip(bounds, bounds[1:], range(of.members), strict=False):
        assert set(of.member[low:high].tolist()) <= {who}
    return [table[low:high] for low, high in pairwise(bounds)]


def told(one: Life) -> list[tuple[int, ...]]:
    """The same of one life, by looking at every day."""
    found: list[tuple[int, ...]] = []
    for day in range(one.entry, UNTIL + 1):
        status, before = one.on(day), one.on(day - 1)
        if status == before:
            continue
        end = next((d for d in range(day, UNTIL + 1) if one.on(d) != status), FAR)
        found.append((day, end, status, before, ACTION if status < before else DECAY))
    return found


@given(communities)
def test_periods_are_the_runs_of_days_of_each_member(community):
    of = periods_of(community)
    assert of.members == len(community)
    assert rows(of) == [told(one) for one in community]
    assert of.moved.tolist() == [before != NOBODY for one in rows(of) for *_, before, _ in one]


@given(communities)
def test_periods_say_where_everybody_was_on_any_day(community):
    of = periods_of(community)
    for day in range(-1, UNTIL + 3):
        assert of.at(day).tolist() == [one.on(day) for one in community]
        for which, one in zip(of.row_at(day).tolist(), community, strict=True):
            if which < 0:
                assert day < one.entry
            else:
                assert of.start[which] <= day < of.end[which]


def test_members_without_periods_were_never_here():
    nobody = periods(moves_of([]), 3)
    assert nobody.members == 3
    assert nobody.at(7).tolist() == [NOBODY] * 3
    assert nobody.row_at(7).tolist() == [-1] * 3


@given(communities, st.integers(0, UNTIL))
def test_a_period_lasts_until_the_day_of_the_next_or_longer_than_is_known(community, until):
    of = periods_of(community)
    days, over = of.lasting(until)
    for i, (who, start) in enumerate(zip(of.member.tolist(), of.start.tolist(), strict=True)):
        if start > until:
            continue
        left = [d for d in range(start, until + 1) if community[who].on(d) != of.status[i]]
        assert over[i] == bool(left)
        assert days[i] == (left[0] if left else until) - start


@given(communities, st.data())
def test_some_members_are_periods_of_their_own(community, data):
    chosen = [i for i in range(len(community)) if data.draw(st.booleans())]
    of = some(periods_of(community), np.array(chosen, np.int64))
    assert of.members == len(chosen)
    assert rows(of) == [told(community[i]) for i in chosen]


@given(st.lists(communities, max_size=4))
def test_parts_are_joined_one_after_the_other(parts):
    of = joined([periods_of(part) for part in parts])
    everybody = [one for part in parts for one in part]
    assert of.members == len(everybody)
    assert rows(of) == [told(one) for one in everybody]


@given(st.lists(st.booleans(), max_size=12), st.data())
def test_next_of_is_found_by_looking_row_by_row(those, data):
    ends = st.lists(st.integers(0, len(those)), min_size=2, max_size=2).map(sorted)
    spans = data.draw(st.lists(ends, max_size=6))
    found = next_of(
        np.array(those, bool),
        np.array([low for low, _ in spans], np.int64),
        np.array([high for _, high in spans], np.int64),
    )
    expected = [next((i for i in range(low, high) if those[i]), -1) for low, high in spans]
    assert found.tolist() == expected


@given(communities)
def test_everybody_enters_on_their_first_day(community):
    history = history_of(community)
    assert history.entry.tolist() == [one.entry for one in community]
