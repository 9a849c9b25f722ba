"""Figures of a simulation: counted one by one, they are the same."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engagement.columns import CAUSES, NOBODY, Moves
from engagement.distribution import counted
from engagement.simulate import FLAP_DAYS, flaps, is_near, matrix, spread
from engagement.words import STATUSES, Cause

_ACTION, _LOCK = CAUSES.index(Cause.ACTION), CAUSES.index(Cause.LOCK)
_HISTORY = st.lists(
    st.tuples(st.integers(0, 90), st.integers(0, 6), st.sampled_from([_ACTION, _ACTION, _LOCK])),
    max_size=12,
    unique_by=lambda one: one[0],
)
_Step = tuple[int, int, int]


def moves_of(histories: list[list[_Step]]) -> tuple[Moves, list[dict[int, int]]]:
    """Moves in no order of members, and the status of each member from each of their days on."""
    rows, known = [], []
    for who, history in enumerate(histories):
        was, found = NOBODY, {}
        for day, status, cause in sorted(history):
            if status != was:
                rows.append((who, day, was, status, cause))
                was = found[day] = status
        known.append(found)
    rows.sort(key=lambda row: (row[1], -row[0]))
    table = np.array(rows, np.int64).reshape(-1, 5).T
    return Moves(*table), known


@given(st.lists(_HISTORY, max_size=6))
def test_who_is_soon_back_has_flapped(histories: list[list[_Step]]):
    moves, _ = moves_of(histories)
    edges = [0, 31, 59, 90]
    moved, flapped = Counter[int](), Counter[int]()
    for who in range(len(histories)):
        columns = (moves.member, moves.day, moves.before, moves.after, moves.cause)
        steps = sorted(zip(*(column.tolist() for column in columns), strict=True))
        own = [one for one in steps if one[0] == who and one[4] != _LOCK and one[2] != NOBODY]
        for i, (_, day, before, after, _) in enumerate(own):
            period = next((k for k in range(3) if edges[k] <= day < edges[k + 1]), None)
            if period is None:
                continue
            moved[period] += 1
            if i and own[i - 1][2] == after and day - own[i - 1][1] <= FLAP_DAYS:
                flapped[period] += 1
            assert before != after
    found = flaps(moves, edges)
    assert found[0].tolist() == [moved[k] for k in range(3)]
    assert found[1].tolist() == [flapped[k] for k in range(3)]


@given(st.lists(st.tuples(st.integers(-1, 6), st.integers(-1, 6)), max_size=50))
def test_the_matrix_adds_up_to_everybody(pairs: list[tuple[int, int]]):
    before, after = np.array(pairs, np.int64).reshape(-1, 2).T
    table = matrix(before, after)
    here = [pair for pair in pairs if pair != (NOBODY, NOBODY)]
    assert int(table.sum()) == len(here)
    size = len(STATUSES) + 1
    for (was, is_), n in Counter(here).items():
        assert table[was % size, is_ % size] == n


@given(st.lists(st.integers(0, 60_000), max_size=60), st.integers(1, 400))
def test_a_spread_has_everybody_once_and_the_bar_between_two_bins(points: list[int], enter: int):
    column = np.array(points, np.int64)
    told = spread(counted(column), enter)
    assert told.without + sum(one.members for one in told.bins) == len(points) == told.members
    assert told.reach == sum(one >= enter * 100 for one in points)
    assert told.near == int(is_near(column, enter).sum())
    for one in told.bins:
        inside = [
            p
            for p in points
            if p and one.low * 100 <= p and (one.high is None or p < one.high * 100)
        ]
        assert one.members == len(inside)
    if told.bins:
        assert enter in {one.low for one in told.bins}
        some = sorted(p for p in points if p)
        assert told.quantiles[50] == some[(len(some) + 1) // 2 - 1] / 100
    above = [one.members for one in told.bins if one.low >= enter]
    assert sum(above) == told.reach


def test_near_is_a_tenth_of_the_bar():
    points = np.array([899, 900, 1000, 1100, 1101])
    assert is_near(points, 10).tolist() == [False, True, True, True, False]
