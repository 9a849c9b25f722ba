"""Goals: so many members of a status by a day, and the flows that this takes on each edge.

The arithmetic is meant to be checked by hand: rates of the time before the goal was set go on as
they were, except those into the status, which are asked to grow alike until the goal is met.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from engagement.columns import NOBODY
from engagement.history import History
from engagement.survival import Estimate, Z
from engagement.words import STATUSES, Status

#: Days before a goal was set whose flows are taken as the usual ones.
LOOK_BACK: Final = 90


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
    line. ``inflow`` are the moves into it that are needed in all, with the interval that comes from
    not knowing well how many leave; where nobody came in before, edges cannot share it out.
    """

    goal: Goal
    began: int
    now: int
    planned: float
    inflow: Estimate
    into: tuple[EdgePlan, ...]
    out: tuple[EdgePlan, ...]


def plan(goal: Goal, history: History) -> Plan:
    """The plan of a goal, and how far it is at the end of the history.

    Who leaves is foreseen at the usual rate per member and day, for a number that grows on a
    straight line. The history must begin before the goal was set.
    """
    code = STATUSES.index(goal.status)
    began = int((history.placed.at(goal.from_day) == code).sum())
    days = goal.by_day - goal.from_day
    passed = min(history.until, goal.by_day) - goal.from_day
    part = passed / days
    into = _edges(history, goal, code, into=True)
    out = _edges(history, goal, code, into=False)
    stayed = _member_days(history, code, goal.from_day)
    # So many member-days of the status lie ahead.
    ahead = (began + goal.target) / 2 * days
    leave = _scaled(_poisson(sum(usual for _, usual, _ in out)), ahead / stayed if stayed else None)
    inflow = _needed(goal.target - began, leave)
    came = sum(usual for _, usual, _ in into)
    return Plan(
        goal=goal,
        began=began,
        now=int((history.placed.at(min(history.until, goal.by_day)) == code).sum()),
        planned=began + (goal.target - began) * part,
        inflow=inflow,
        into=tuple(
            _plan(goal, edge, usual, actual, inflow.value, _per(usual, came), part)
            for edge, usual, actual in into
        ),
        out=tuple(
            _plan(goal, edge, usual, actual, ahead, _per(usual, stayed), part, out=True)
            for edge, usual, actual in out
        ),
    )


def _plan(
    goal: Goal,
    edge: int,
    usual: int,
    actual: int,
    all_: float | None,
    share: float | None,
    part: float,
    *,
    out: bool = False,
) -> EdgePlan:
    needed = None if all_ is None or share is None else all_ * share
    other = None if edge == NOBODY else STATUSES[edge]
    before, after = (goal.status, other) if out else (other, goal.status)
    assert after is not None
    return EdgePlan(before, after, usual, needed, None if needed is None else needed * part, actual)


def _per(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _edges(history: History, goal: Goal, code: int, *, into: bool) -> list[tuple[int, int, int]]:
    """Edges of a status: the status at the other end, moves before the goal was set, and since."""
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


def _needed(rise: int, leave: Estimate) -> Estimate:
    low, value, high = (
        None if one is None else max(0.0, rise + one)
        for one in (leave.low, leave.value, leave.high)
    )
    return Estimate(value, low, high)
