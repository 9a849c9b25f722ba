"""Goals: so many members of a status by a day, and the flows that this takes on each edge.

The arithmetic is meant to be checked by hand: rates of the time before the goal was set go on as
they were, except those into the status, which are asked to grow alike until the goal is met. Where
there are to be fewer of a status, such as the dormant, it is those out of it that are asked to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from engagement.columns import NOBODY
from engagement.history import History
from engagement.survival import Estimate, Z
from engagement.words import STATUSES, Status

#: Days before a goal was set whose flows are taken as the usual ones.
LOOK_BACK: Final = 90

#: An edge: the status at its other end, moves before the goal was set, and since.
_Moves = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Goal:
    """``target`` members of ``status`` at the end of ``by_day``, set at the end of ``from_day``."""

    status: Status
    target: int
    from_day: int
    by_day: int


@dataclass(frozen=True, slots=True)
class EdgePlan:
    """One edge into the status, or out of it; ``before`` is None for those who join as it.

    All are moves by the members' own points: ``usual`` in LOOK_BACK days before the goal was set,
    ``needed`` until its day (None: not known), of these ``planned`` by now, and ``actual`` by now.
    """

    before: Status | None
    after: Status
    usual: int
    needed: float | None
    planned: float | None
    actual: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a goal takes, and how far it is.

    ``began`` had the status when it was set, ``now`` have it, ``planned`` would be on a straight
    line. ``inflow`` and ``outflow`` are the moves into it and out of it, whose difference is the
    rise: one of them is foreseen at the usual rate, with the interval that comes from not knowing
    it well, and the other is what is needed beside it. Where nobody went that way before, its edges
    cannot share it out.
    """

    goal: Goal
    began: int
    now: int
    planned: float
    inflow: Estimate
    outflow: Estimate
    into: tuple[EdgePlan, ...]
    out: tuple[EdgePlan, ...]

    @property
    def rises(self) -> bool:
        """Whether there are to be no fewer than there were."""
        return self.goal.target >= self.began

    @property
    def on_course(self) -> bool:
        """Whether the straight line is reached."""
        return self.now >= self.planned if self.rises else self.now <= self.planned


def plan(goal: Goal, history: History) -> Plan:
    """The plan of a goal, and how far it is at the end of the history.

    Who leaves is foreseen at the usual rate per member and day, for a number that grows on a
    straight line; where there are to be fewer, who comes at the usual rate per day. The history
    must begin before the goal was set.
    """
    code = STATUSES.index(goal.status)
    began = int((history.placed.at(goal.from_day) == code).sum())
    last = min(history.until, goal.by_day)
    part = (last - goal.from_day) / (goal.by_day - goal.from_day)
    into = _edges(history, goal, code, into=True)
    out = _edges(history, goal, code, into=False)
    came, left = (sum(usual for _, usual, _ in edges) for edges in (into, out))
    rise = goal.target - began
    if rise >= 0:
        outflow = _scaled(_poisson(left), _lives_ahead(history, goal, code, began))
        inflow = _more(outflow, rise)
    else:
        inflow = _scaled(_poisson(came), _days_ahead(history, goal))
        outflow = _more(inflow, -rise)
    return Plan(
        goal=goal,
        began=began,
        now=int((history.placed.at(last) == code).sum()),
        planned=began + rise * part,
        inflow=inflow,
        outflow=outflow,
        into=tuple(
            EdgePlan(None if edge == NOBODY else STATUSES[edge], goal.status, usual, *told)
            for (edge, usual, _), told in zip(into, _shared(into, inflow, part), strict=True)
        ),
        out=tuple(
            EdgePlan(goal.status, STATUSES[edge], usual, *told)
            for (edge, usual, _), told in zip(out, _shared(out, outflow, part), strict=True)
        ),
    )


def _shared(
    edges: Sequence[_Moves], flow: Estimate, part: float
) -> Iterator[tuple[float | None, float | None, int]]:
    """What each of ``edges`` takes of a flow, as they shared the usual one; by now; and took."""
    whole = sum(usual for _, usual, _ in edges)
    for _, usual, actual in edges:
        needed = None
        # Without an upper end nothing is known of the flow.
        if flow.value is not None and flow.high is not None and (whole or not flow.value):
            needed = flow.value * usual / max(whole, 1)
        yield needed, None if needed is None else needed * part, actual


def _lives_ahead(history: History, goal: Goal, code: int, began: int) -> float | None:
    """The member-days of the status that lie ahead, by those that lie behind (None: none do)."""
    stayed = _member_days(history, code, goal.from_day)
    ahead = (began + goal.target) / 2 * (goal.by_day - goal.from_day)
    return ahead / stayed if stayed else None


def _days_ahead(history: History, goal: Goal) -> float | None:
    """The days that lie ahead, by those of LOOK_BACK on which anybody was here (None: none)."""
    first = int(history.entry.min(initial=goal.from_day + 1))
    behind = min(LOOK_BACK, goal.from_day - first + 1)
    return (goal.by_day - goal.from_day) / behind if behind > 0 else None


def _edges(history: History, goal: Goal, code: int, *, into: bool) -> list[_Moves]:
    """The edges into a status, or out of it."""
    own = history.own
    rows = (own.status == code) if into else (own.before == code)
    other = own.before if into else own.status
    early = rows & (own.start > goal.from_day - LOOK_BACK) & (own.start <= goal.from_day)
    since = rows & (own.start > goal.from_day) & (own.start <= goal.by_day)
    # NOBODY is −1.
    usual, actual = (
        np.bincount(other[those] + 1, minlength=len(STATUSES) + 1) for those in (early, since)
    )
    return [
        (end - 1, int(usual[end]), int(actual[end]))
        for end in np.flatnonzero(usual + actual).tolist()
    ]


def _member_days(history: History, code: int, until: int) -> int:
    """Days that members spent in a status by their own points in LOOK_BACK days to ``until``."""
    own = history.own
    begin = np.maximum(own.start, until - LOOK_BACK + 1)
    end = np.minimum(own.end, until + 1)
    return int(np.maximum(end - begin, 0)[own.status == code].sum())


def _poisson(n: int) -> Estimate:
    """A count with its interval of 95 % (Byar's approximation; Breslow and Day, 1987)."""
    if not n:
        return Estimate(0.0, 0.0, -float(np.log(0.025)))
    low = n * (1 - 1 / (9 * n) - Z / (3 * n**0.5)) ** 3
    high = (n + 1) * (1 - 1 / (9 * (n + 1)) + Z / (3 * (n + 1) ** 0.5)) ** 3
    return Estimate(float(n), low, high)


def _scaled(estimate: Estimate, by: float | None) -> Estimate:
    if by is None:
        return Estimate(0.0, 0.0, None)
    assert estimate.value is not None
    assert estimate.low is not None
    assert estimate.high is not None
    return Estimate(estimate.value * by, estimate.low * by, estimate.high * by)


def _more(estimate: Estimate, by: int) -> Estimate:
    low, value, high = (
        None if one is None else one + by for one in (estimate.low, estimate.value, estimate.high)
    )
    return Estimate(value, low, high)
