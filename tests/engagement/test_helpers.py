"""Who helped how many, against sets; and who rises after beginning, day by day."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engagement.beginners import rose_within
from engagement.columns import NOBODY
from engagement.helpers import LEAST, helpers
from engagement.history import Periods
from engagement.holds import FAR


@given(st.lists(st.tuples(st.integers(0, 25), st.integers(0, 12)), max_size=200))
def test_helpers_are_ranked_by_distinct_people(pairs: list[tuple[int, int]]):
    found = helpers(*np.array(pairs, np.int64).reshape(-1, 2).T)
    people: dict[int, set[int]] = {}
    for helper, helped in pairs:
        people.setdefault(helper, set()).add(helped)
    ranked = sorted(people, key=lambda who: (-len(people[who]), who))
    assert found.helper.tolist() == ranked
    assert found.helped.tolist() == [len(people[who]) for who in ranked]
    assert found.people == len(set().union(*people.values()))
    if len(people) < LEAST:
        assert (found.top, found.top_people) == (None, None)
    else:
        assert found.top == math.ceil(len(people) / 10)
        assert found.top_people == len(set().union(*(people[who] for who in ranked[: found.top])))


_LIVES = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(1, 30), st.integers(0, 6)), min_size=1, max_size=6),
        st.integers(-10, 120),
    ),
    min_size=1,
    max_size=8,
)


@given(_LIVES, st.integers(1, 60))
def test_who_rises_in_time(lives: list[tuple[list[tuple[int, int]], int]], days: int):
    rows = []
    for member, (life, _) in enumerate(lives):
        day = 0
        for gap, status in life:
            day += gap
            rows.append((member, day, status))
    table = np.array(rows, np.int64)
    end = np.full(len(rows), FAR, np.int64)
    same = table[1:, 0] == table[:-1, 0]
    end[:-1][same] = table[1:, 1][same]
    first = np.searchsorted(table[:, 0], np.arange(len(lives) + 1))
    nothing = np.zeros(len(rows), np.int64)
    own = Periods(first, table[:, 0], table[:, 1], end, table[:, 2], nothing + NOBODY, nothing)
    begin = np.array([begin for _, begin in lives], np.int64)
    found = rose_within(own, np.arange(len(lives)), begin, days)
    expected = [
        any(
            row_start <= day < row_end and status < 4
            for day in range(start, start + days)
            for (owner, row_start, status), row_end in zip(rows, end.tolist(), strict=True)
            if owner == member
        )
        for member, (_, start) in enumerate(lives)
    ]
    assert found.tolist() == expected
