"""Who is on which side, and who came to the outcome: against loops over every decision."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engagement.history import RANKS
from engagement.points import Ints
from engagement.trial import (
    acts,
    first_decisions,
    rose,
    stayed,
    under_plans,
)
from tests.engagement.lives import UNTIL, Life, history_of, lives

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
def test_whatever_was_done_after_it_and_in_time_counts(decided, acted, within):
    (member_, at_), (actor_, when_) = _columns(decided, 2), _columns(acted, 2)
    assert acts(actor_, when_).between(member_, at_, at_ + within).tolist() == [
        sum(actor == member and at < when <= at + within for actor, when in acted)
        for member, at in decided
    ]


def test_microseconds_of_many_members_are_told_apart():
    """The largest numbers there can be: a day in the year 2200, and the last id."""
    last, moment = np.array([2**31 - 1]), np.array([7_258_118_400_000_000])
    for later, expected in ((0, 0), (1, 1), (7, 1), (8, 0)):
        found = acts(last, moment + later).between(last, moment, moment + 7)
        assert found.tolist() == [expected]


@given(
    st.lists(st.tuples(_few, st.integers(0, 9), st.integers(0, 2), st.integers(0, 1)), max_size=30)
)
def test_under_a_later_plan_nobody_counts_again(decided):
    rows = list({(row[0], row[1]): row for row in decided}.values())
    found = under_plans(*_four(rows))
    first = {
        member: min((row for row in rows if row[0] == member), key=lambda row: row[1])
        for member in {row[0] for row in rows}
    }
    for plan in range(3):
        those = {member for member, row in first.items() if row[2] == plan}
        sides = {
            member: {row[3] for row in rows if row[0] == member and row[2] == plan}
            for member in those
        }
        mixed = sorted(member for member in those if len(sides[member]) == 2)
        if not those:
            assert plan not in found
            continue
        assert found[plan].mixed.tolist() == mixed
        expected = sorted(first[member] for member in those if member not in mixed)
        assert [rows[i] for i in found[plan].row.tolist()] == expected


def _four(rows: list[tuple[int, int, int, int]]) -> tuple[Ints, Ints, Ints, Ints]:
    member, at, plan, held = _columns(rows, 4)
    return member, at, plan, held


@given(
    st.lists(st.tuples(lives, st.integers(0, UNTIL)), min_size=1, max_size=9),
    st.integers(-1, 5),
    st.integers(0, 20),
)
def test_who_rose_and_who_stayed_is_seen_day_by_day(decided, least, within):
    own = history_of([life for life, _ in decided]).own
    member, day = np.arange(len(decided)), np.array([day for _, day in decided])
    assert rose(own, member, day, least, within).tolist() == [
        any(_stands(life, one, least) for one in range(day, min(day + within, UNTIL) + 1))
        for life, day in decided
    ]
    after = [min(day + within, UNTIL) for _, day in decided]
    assert stayed(own, member, day, least, within).tolist() == [
        _stands(life, one, least) for (life, _), one in zip(decided, after, strict=True)
    ]


def _stands(life: Life, day: int, least: int) -> bool:
    return day >= life.entry and bool(RANKS[life.on(day)] >= least)
