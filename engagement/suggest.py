"""Thresholds for what is wanted of them: a number of members, a share of them, a natural gap.

Points are whole numbers and many members have the same ones, so that not every number of members
can be had. A suggestion therefore names, beside what it reaches, what the bar one step lower would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from engagement.distribution import HIGHEST, Distribution, Group
from engagement.points import Ints
from engagement.words import INDICES, Index

_UNIT: Final = 100
#: No bar may be higher, in points.
_MOST: Final = HIGHEST // _UNIT


@dataclass(frozen=True, slots=True)
class Reach:
    """A bar, in points, and how many members would have the status of its index by it."""

    enter: int
    members: int


@dataclass(frozen=True, slots=True)
class Bar:
    """What is suggested for one index.

    ``wanted`` is how many members were asked for (None: it was not asked by number). ``lower`` is
    the next lower bar by which more members would have it, None where there is none.
    """

    index: Index
    chosen: Reach
    lower: Reach | None
    wanted: int | None


class Unreachable(ValueError):
    """No bar gives what is wanted; the message says why."""


def for_numbers(
    everybody: Distribution, wanted: Mapping[Index, int], order: Sequence[Index]
) -> tuple[Bar, ...]:
    """Bars by which about so many members have the status of each index.

    Exact where ties allow it, else the nearest number that can be had, of two as near the larger
    bar. ``order`` are the indices as the precedence asks about them: whoever has an earlier status
    is not counted for a later one.

    Raises Unreachable where ``wanted`` is below 0 or not of every index.
    """
    missing = [index.value for index in order if wanted.get(index, -1) < 0]
    if missing:
        raise Unreachable(f"expected a number of members, 0 or more, for {', '.join(missing)}")
    bars: list[Bar] = []
    enter: dict[int, int] = {}
    for index in order:
        i = INDICES.index(index)
        reached = _reached(everybody, i, enter)
        # ``reached`` descends: the first bar by which not more than wanted have it.
        first = min(int(np.searchsorted(-reached[1:], -wanted[index], "left")) + 1, _MOST)
        looser = _looser(reached, first)
        if looser is not None:
            near = wanted[index] - int(reached[first]), looser.members - wanted[index]
            if near[1] < near[0]:
                first, looser = looser.enter, _looser(reached, looser.enter)
        bars.append(Bar(index, Reach(first, int(reached[first])), looser, wanted[index]))
        enter[i] = first * _UNIT
    return tuple(bars)


def for_share(points: Ints, share: float) -> int:
    """The lowest bar that at most ``share`` of those with any points reach.

    ``points`` are those of one index ×100. Raises Unreachable where nobody has any.
    """
    have = _whole(points)
    allowed = share * len(have)
    at_least = _at_least(np.bincount(have))
    return int(np.argmax(np.append(at_least[1:], 0) <= allowed)) + 1


def at_gap(points: Ints) -> int:
    """The bar at the natural break of the points of one index ×100, among those who have any.

    They are split in two classes so that the variance within them, of the logarithms, is least
    (Fisher, "On Grouping for Maximum Homogeneity", 1958; with two classes every split is tried).
    Raises Unreachable where all have the same.
    """
    values, count = np.unique(_whole(points), return_counts=True)
    if len(values) < 2:
        raise Unreachable("all who have points have the same, so there is no gap between them")
    log = np.log(values)
    below = np.cumsum(count)[:-1]
    sums = np.cumsum(count * log)
    above = count.sum() - below
    mean_below, mean_above = sums[:-1] / below, (sums[-1] - sums[:-1]) / above
    between = below * above * (mean_above - mean_below) ** 2
    return int(values[int(np.argmax(between)) + 1])


def _whole(points: Ints) -> Ints:
    """The points of those who have at least one, as the highest bar that each meets."""
    have = np.minimum(points, HIGHEST) // _UNIT
    have = have[have > 0]
    if not len(have):
        raise Unreachable("nobody has points in this index")
    return have


def _reached(everybody: Distribution, i: int, enter: Mapping[int, int]) -> Ints:
    """How many would have the status of index ``i`` by each bar of 0 … ``_MOST`` points.

    Whoever has it by a lock is not among them.
    ``enter`` are the bars ×100 of the indices asked before.
    """
    met = np.zeros(_MOST + 1, np.int64)
    for group in everybody.groups:
        if i in group.order:
            column = group.columns[group.order.index(i)]
            free = _free(group, i, enter)
            met += np.bincount(
                column[free] // _UNIT, weights=group.count[free], minlength=_MOST + 1
            ).astype(np.int64)
    return _at_least(met)


def _free(group: Group, i: int, enter: Mapping[int, int]) -> np.ndarray:
    """Which vectors meet none of the indices asked before ``i``."""
    free = np.ones(len(group.count), np.bool_)
    for earlier, column in zip(group.order, group.columns, strict=True):
        if earlier == i:
            break
        free &= column < enter[earlier]
    return free


def _at_least(met: Ints) -> Ints:
    """Sums from each number on."""
    return np.cumsum(met[::-1])[::-1]


def _looser(reached: Ints, bar: int) -> Reach | None:
    """The next bar below ``bar`` that more members reach."""
    more = np.flatnonzero(reached[1:bar] > reached[bar])
    return Reach(int(more[-1]) + 1, int(reached[more[-1] + 1])) if len(more) else None
