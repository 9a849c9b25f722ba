"""Goals: the arithmetic of a plan, worked out by hand, and what must hold of every plan."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement.columns import CAUSES, NOBODY, Moves
from engagement.goals import LOOK_BACK, Goal, plan
from engagement.history import History, periods
from engagement.words import STATUSES, Cause, Status

MEMBER, SUPPORTER = STATUSES.index(Status.MEMBER), STATUSES.index(Status.SUPPORTER)
Life = list[tuple[int, int]]


def _history(lives: list[Life], until: int) -> History:
    """Members with their (day, status), the first of which is their entry."""
    rows = [
        (member, day, before, status)
        for member, life in enumerate(lives)
        for (day, status), before in zip(life, [NOBODY, *(s for _, s in life)], strict=False)
    ]
    member, day, before, status = np.array(rows, np.int64).reshape(-1, 4).T
    cause = np.full(len(rows), CAUSES.index(Cause.ACTION))
    found = periods(Moves(member, day, before, status, cause), len(lives))
    return History(until, np.arange(len(lives)), found, found)


def test_a_plan_worked_out_by_hand() -> None:
    # On day 100 the goal is set: 6 supporters by day 140, and it is day 120 now. In the 90 days
    # before, from day 11 on, three came from member and one joined as supporter; one left.
    lives: list[Life] = [
        [(0, MEMBER), (20, SUPPORTER)],
        [(0, MEMBER), (30, SUPPORTER), (61, MEMBER)],
        [(0, MEMBER), (50, SUPPORTER), (110, MEMBER)],
        [(91, SUPPORTER)],
        [(0, MEMBER), (105, SUPPORTER)],
        [(0, MEMBER)],
    ]
    found = plan(Goal(Status.SUPPORTER, 6, from_day=100, by_day=140), _history(lives, 120))
    assert (found.began, found.now, found.planned) == (3, 3, 4.5)
    # Member-days as supporter in the 90 days to day 100: 81 + 31 + 51 + 10 = 173; one left. Ahead
    # lie 40 days with (3 + 6) / 2 of them: 180 member-days, so 180 / 173 are expected to leave.
    leave = 180 / 173
    (out,) = found.out
    assert (out.before, out.after, out.usual, out.actual) == (Status.SUPPORTER, Status.MEMBER, 1, 1)
    assert out.needed == pytest.approx(leave)
    assert out.planned == pytest.approx(leave / 2)
    assert found.inflow.value == pytest.approx(3 + leave)
    assert found.inflow.low is not None
    assert found.inflow.high is not None
    # The exact interval of one event is 0.025 to 5.57.
    assert found.inflow.low == pytest.approx(3 + 0.025 * leave, abs=0.1)
    assert found.inflow.high == pytest.approx(3 + 5.57 * leave, rel=0.02)
    joined, rose = found.into
    assert (joined.before, joined.usual, joined.actual) == (None, 1, 0)
    assert (rose.before, rose.usual, rose.actual) == (Status.MEMBER, 3, 1)
    assert joined.needed == pytest.approx((3 + leave) / 4)
    assert rose.needed == pytest.approx((3 + leave) * 3 / 4)
    assert rose.planned == pytest.approx((3 + leave) * 3 / 8)


def test_where_the_time_before_tells_nothing_nothing_is_needed_on_an_edge() -> None:
    lives: list[Life] = [[(0, MEMBER), (105, SUPPORTER), (110, MEMBER)], [(0, MEMBER)]]
    found = plan(Goal(Status.SUPPORTER, 2, from_day=100, by_day=140), _history(lives, 120))
    for edge in (*found.into, *found.out):
        assert (edge.usual, edge.actual, edge.needed, edge.planned) == (0, 1, None, None)
    assert (found.inflow.value, found.inflow.high) == (2, None)


def test_fewer_of_a_status_take_more_who_leave_it() -> None:
    # On day 59 the goal is set: 1 supporter by day 79, and it is day 69 now. There is anybody from
    # day 0 on, so that the usual is that of 60 days, in which four joined as supporter and one left
    # to member; two have left since, one of them to be a fan.
    fan = STATUSES.index(Status.FAN)
    lives: list[Life] = [
        [(0, SUPPORTER), (65, MEMBER)],
        [(10, SUPPORTER), (50, MEMBER)],
        [(20, SUPPORTER), (66, fan)],
        [(30, SUPPORTER)],
        [(61, SUPPORTER)],
    ]
    found = plan(Goal(Status.SUPPORTER, 1, from_day=59, by_day=79), _history(lives, 69))
    assert (found.began, found.now, found.planned) == (3, 2, 2.0)
    assert found.on_course
    # Four in 60 days are 4/3 in 20; with them 2 + 4/3 must leave.
    assert found.inflow.value == pytest.approx(4 / 3)
    assert found.outflow.value == pytest.approx(2 + 4 / 3)
    assert found.outflow.low is not None
    assert found.outflow.high is not None
    # The exact interval of four events is 1.09 to 10.24.
    assert found.outflow.low == pytest.approx(2 + 1.09 / 3, rel=0.02)
    assert found.outflow.high == pytest.approx(2 + 10.24 / 3, rel=0.02)
    (joined,) = found.into
    assert (joined.before, joined.usual, joined.actual) == (None, 4, 1)
    assert (joined.needed, joined.planned) == pytest.approx((4 / 3, 2 / 3))
    out = {edge.after: (edge.usual, edge.actual, edge.needed) for edge in found.out}
    assert out == {
        Status.MEMBER: (1, 1, pytest.approx(10 / 3)),
        Status.FAN: (0, 1, 0.0),
    }
    behind = plan(Goal(Status.SUPPORTER, 0, from_day=59, by_day=79), _history(lives, 69))
    assert (behind.now, behind.planned, behind.on_course) == (2, 1.5, False)


def test_more_of_a_status_are_on_course_from_the_line_on() -> None:
    history = _history([[(0, MEMBER), (105, SUPPORTER)]], 108)
    on = [plan(Goal(Status.SUPPORTER, n, 100, 116), history).on_course for n in (1, 2, 3)]
    assert on == [True, True, False]


def test_where_nobody_came_before_nothing_is_shared_out() -> None:
    found = plan(
        Goal(Status.SUPPORTER, 2, from_day=100, by_day=110),
        _history([[(0, MEMBER), (105, SUPPORTER)]], 108),
    )
    (rose,) = found.into
    assert (rose.usual, rose.needed, rose.planned, rose.actual) == (0, None, None, 1)
    assert found.inflow.value == 2.0
    # Of a status that nobody had nobody can say how many leave.
    assert found.inflow.high is None


def test_a_goal_whose_day_is_over_stands_as_it_was_on_it() -> None:
    lives: list[Life] = [[(0, MEMBER), (105, SUPPORTER), (130, MEMBER)]]
    found = plan(Goal(Status.SUPPORTER, 1, from_day=100, by_day=120), _history(lives, 200))
    assert (found.now, found.planned) == (1, 1.0)
    assert [edge.actual for edge in found.out] == []


_LIFE = st.lists(
    st.tuples(st.integers(1, 60), st.integers(0, len(STATUSES) - 1)), min_size=1, max_size=8
)


@given(
    lives=st.lists(_LIFE, min_size=1, max_size=12),
    status=st.integers(0, len(STATUSES) - 1),
    target=st.integers(0, 30),
    days=st.integers(1, 200),
    until=st.integers(101, 400),
)
def test_a_plan_is_one_of_the_whole_community(
    lives: list[Life], status: int, target: int, days: int, until: int
) -> None:
    told: list[Life] = []
    for life in lives:
        day, last = 0, NOBODY
        steps: Life = []
        for gap, code in life:
            day += gap
            if code != last and day <= until:
                steps.append((day, code))
                last = code
        told.append(steps or [(until, code)])
    history = _history(told, until)
    found = plan(Goal(STATUSES[status], target, 100, 100 + days), history)
    last = min(until, 100 + days)

    def standing(day: int) -> int:
        now = [[code for when, code in life if when <= day][-1:] for life in told]
        return sum(one == [status] for one in now)

    assert (found.began, found.now) == (standing(100), standing(last))
    # Everybody who came or left since went over one of the edges.
    came = sum(edge.actual for edge in found.into)
    left = sum(edge.actual for edge in found.out)
    if until <= 100 + days:
        assert found.began + came - left == found.now
    usual = sum(
        100 - LOOK_BACK < day <= 100 and code == status for life in told for day, code in life
    )
    assert sum(edge.usual for edge in found.into) == usual
    # What is needed on the edges is what leads from the one number to the other.
    assert found.inflow.value is not None
    assert found.outflow.value is not None
    assert found.inflow.value - found.outflow.value == pytest.approx(target - found.began)
    for edges, flow in ((found.into, found.inflow), (found.out, found.outflow)):
        assert flow.low is not None
        assert flow.value is not None
        assert 0 <= flow.low <= flow.value
        if sum(edge.usual for edge in edges):
            assert sum(edge.needed or 0 for edge in edges) == pytest.approx(flow.value)
        elif flow.value:
            assert {edge.needed for edge in edges} <= {None}
        assert all((edge.needed is None) == (edge.planned is None) for edge in edges)
