"""What another rule set would make of a community: from folds under both to figures.

The folds themselves are those of columns.py; here they are compared and counted. All figures of one
part of the members add up with those of another, so that a large community is worked through in
parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from engagement.columns import CAUSES, NOBODY, Moves, States, statuses
from engagement.distribution import Counted
from engagement.grace import Graces, graces
from engagement.points import Bools, Compiled, Ints
from engagement.status import Hold
from engagement.words import STATUSES, Cause, RuleSet

#: Whoever has a status again so many days after losing it has not moved, but flapped.
FLAP_DAYS: Final = 30
#: How far around a bar somebody is near it, in percent.
NEAR_PERCENT: Final = 10
#: Which quantiles are told, in percent.
QUANTILES: Final = (10, 25, 50, 75, 90, 99)
_UNIT: Final = 100
_STEPS: Final = (1, 2, 3, 4, 5, 6, 8)
#: Moves that the rules or people made, and not the members.
_NOT_OWN: Final = tuple(CAUSES.index(cause) for cause in (Cause.RULE_CHANGE, Cause.LOCK))


def without_hysteresis(rules: RuleSet) -> RuleSet:
    """The same rules, by which an index is lost as soon as its points are below the bar."""
    thresholds = {
        index: replace(threshold, exit_percent=100, min_hold_days=0)
        for index, threshold in rules.thresholds.items()
    }
    return replace(rules, thresholds=thresholds)


@dataclass(frozen=True, slots=True, eq=False)
class TakenOver:
    """Members under the rules in force and under others in their place: codes of status.

    ``before`` is how they stand, ``after`` how they would stand, ``settled`` how they would once
    the graces that the change itself gives are over. NOBODY is who has not come yet.
    """

    before: Ints
    after: Ints
    settled: Ints

    @property
    def in_grace(self) -> int:
        """How many keep for a while what they would not have by the other rules."""
        return int((self.after != self.settled).sum())


def taken_over(
    before: States,
    after: States,
    holds: Sequence[tuple[int, Hold]],
    change: Graces,
    active: Compiled,
    draft: Compiled,
    *,
    today: bool,
) -> TakenOver:
    """Let ``draft`` take the place of ``active`` today, and look at today or at a day before it.

    ``before`` are folded under ``active``, ``after`` under ``draft``, both to the end of one day;
    ``holds`` are those under ``active`` (positions of members), ``change`` what becomes of them. As
    a grace goes on from the day since which somebody had the status, days of the past have it too.
    """
    # By the time the graces of the change are over, those before it are.
    granted = set(change.granted)
    lasting = [
        (i, hold)
        for i, hold in change.holds
        if hold.kind == "lock" or not (today or (i, hold) in granted)
    ]
    return TakenOver(
        before=statuses(before, active, holds),
        after=statuses(after, draft, change.holds),
        settled=statuses(after, draft, lasting),
    )


def supposed(
    before: States,
    after: States,
    holds: Sequence[tuple[int, Hold]],
    active: Compiled,
    draft: Compiled,
    *,
    today: bool,
) -> Graces:
    """What would become of ``holds`` if ``draft`` followed ``active``, which is not in force.

    The arguments are those of ``taken_over``. On a day of the past nobody has a grace by that.
    """
    if not today:
        return Graces(list(holds), [], [])
    had = replace(before, status=statuses(before, active))
    return graces(had, statuses(after, draft), holds, draft.rules)


def matrix(before: Ints, after: Ints) -> Ints:
    """How many of status *row* before have status *column* after.

    The shape is (8, 8): the last row and column are those who are not here. The sum is the number
    of members who are here by either.
    """
    size = len(STATUSES) + 1
    here = (before != NOBODY) | (after != NOBODY)
    # NOBODY is −1, which names the last place of all.
    cell = (before[here] % size) * size + after[here] % size
    return np.bincount(cell, minlength=size * size).reshape(size, size)


def counts(status: Ints) -> Ints:
    """How many have each of STATUSES."""
    return np.bincount(status[status != NOBODY], minlength=len(STATUSES))


def flaps(moves: Moves, edges: Sequence[int]) -> tuple[Ints, Ints]:
    """How often members moved, and how often only to be back within FLAP_DAYS.

    Both per period: period k are the days edges[k] … edges[k + 1] − 1, by the day of the move, or
    of the return. Moves by a change of rules or by a lock are neither.
    """
    own = ~np.isin(moves.cause, _NOT_OWN) & (moves.before != NOBODY)
    order = np.lexsort((moves.day[own], moves.member[own]))
    member, day, was, is_ = (
        column[own][order] for column in (moves.member, moves.day, moves.before, moves.after)
    )
    back: Bools = (
        (member[1:] == member[:-1]) & (is_[1:] == was[:-1]) & (day[1:] - day[:-1] <= FLAP_DAYS)
    )
    limits = np.asarray(edges)
    moved = np.histogram(day, limits)[0]
    returned = np.histogram(day[1:][back], limits)[0]
    # The last bin of a histogram is closed.
    moved[-1] -= int((day == limits[-1]).sum())
    returned[-1] -= int((day[1:][back] == limits[-1]).sum())
    return moved, returned


@dataclass(frozen=True, slots=True)
class Bin:
    """Members with at least ``low`` points and fewer than ``high`` (None: no end)."""

    low: int
    high: int | None
    members: int


@dataclass(frozen=True, slots=True)
class Spread:
    """The points of one index over all members who are here.

    ``without`` have none, ``bins`` hold the others and begin or end at the bar ``enter``.
    ``quantiles`` are points of those who have any, by percent. ``near`` are within NEAR_PERCENT of
    the bar, ``reach`` at or above it, whether they have the status or not.
    """

    enter: int
    members: int
    without: int
    bins: tuple[Bin, ...]
    quantiles: dict[int, float]
    near: int
    reach: int


def spread(points: Counted, enter: int) -> Spread:
    """The spread of the points of one index with the bar ``enter`` (points)."""
    values, count = points.values, points.count
    some = values > 0
    have = int(count[some].sum())
    edges = np.array(_edges(int(values[-1]) // _UNIT if have else 1, enter))
    places = np.searchsorted(edges * _UNIT, values[some], "right")
    filled = np.bincount(places, weights=count[some], minlength=len(edges) + 1).astype(int).tolist()
    highs: list[int | None] = [*edges.tolist(), None]
    bins = tuple(
        Bin(low, high, n) for low, high, n in zip([0, *edges.tolist()], highs, filled, strict=True)
    )
    return Spread(
        enter=enter,
        members=int(count.sum()),
        without=int(count.sum()) - have,
        bins=bins if have else (),
        quantiles=_quantiles(values[some], count[some]),
        near=int(count[is_near(values, enter)].sum()),
        reach=int(count[values >= enter * _UNIT].sum()),
    )


def _quantiles(values: Ints, count: Ints) -> dict[int, float]:
    """QUANTILES of points ×100: the least that so many percent do not exceed."""
    if not len(values):
        return {}
    until = np.cumsum(count)
    # In whole numbers: a percentage of members is not to be missed by a rounding.
    places = [int(np.searchsorted(until * 100, q * int(until[-1]))) for q in QUANTILES]
    return {q: int(values[place]) / _UNIT for q, place in zip(QUANTILES, places, strict=True)}


def is_near(points: Ints, enter: int) -> Bools:
    """Whose ``points`` (×100) are within NEAR_PERCENT of the bar ``enter`` (points)."""
    low, high = enter * (100 - NEAR_PERCENT), enter * (100 + NEAR_PERCENT)
    found: Bools = (points >= low) & (points <= high)
    return found


def _edges(most: int, enter: int) -> list[int]:
    """Where bins begin: steps of about a fifth, of which the bar is one."""
    edges = {enter}
    scale = 1
    while scale <= most:
        edges |= {step * scale for step in _STEPS if step * scale <= most}
        scale *= 10
    return sorted(edges)
