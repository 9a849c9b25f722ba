"""Who is on which side, and who came to the outcome: against loops over every decision."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engagement.points import Ints
from engagement.trial import came, counted, first_decisions, following

_few = st.integers(0, 4)
_acts = st.lists(st.tuples(_few, st.integers(-3, 30)), max_size=30)


def _columns(rows: Iterable[tuple[int, ...]], width: int) -> list[Ints]:
    return list(np.array(list(rows), np.int64).reshape(-1, width).T)


@given(st.lists(st.tuples(_few, st.integers(0, 9), st.integers(0, 1)), max_size=30))
def test_a_member_is_where_their_first_decision_put_them(decided):
    # Two decisions of one member at the same moment cannot be.
    rows = list({(member, at): (member, at, held) for member, at, held in decided}.values())
    member_, at_, held_ = _columns(rows, 3)
    found = first_decisions(member_, at_, held_)
    firsts, mixed = [], []
    for member in range(5):
        own = [i for i, row in enumerate(rows) if row[0] == member]
        if len({rows[i][2] for i in own}) == 2:
            mixed.append(member)
        elif own:
            firsts.append(min(own, key=lambda i: rows[i][1]))
    assert found.row.tolist() == firsts
    assert found.mixed.tolist() == mixed


@given(_acts, _acts, st.integers(0, 12))
def test_whoever_acted_after_it_and_in_time_came(decided, acted, within):
    (member_, at_), (actor_, when_) = _columns(decided, 2), _columns(acted, 2)
    later = [
        [when for actor, when in acted if actor == member and when > at] for member, at in decided
    ]
    assert came(member_, at_, actor_, when_, within).tolist() == [
        any(when <= at + within for when in those)
        for (_, at), those in zip(decided, later, strict=True)
    ]
    rows = following(member_, at_, actor_, when_).tolist()
    for (member, _), those, row in zip(decided, later, rows, strict=True):
        assert (row >= 0) == bool(those)
        if row >= 0:
            assert acted[row] == (member, min(those))


def test_what_is_done_at_the_moment_itself_was_not_brought_about():
    decided, moment = np.array([7]), np.array([1_000])
    for when, expected in ((1_000, False), (1_001, True), (1_007, True), (1_008, False)):
        assert came(decided, moment, decided, np.array([when]), 7).tolist() == [expected]


@given(_acts, st.sets(st.tuples(_few, st.integers(-3, 30))), st.integers(0, 12))
def test_days_are_counted_after_the_day_of_the_decision(decided, here, within):
    (member_, day_), (who_, on_) = _columns(decided, 2), _columns(here, 2)
    found = counted(member_, day_, who_, on_, within)
    assert found.tolist() == [
        sum(who == member and day < on <= day + within for who, on in here)
        for member, day in decided
    ]
