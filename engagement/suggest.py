"""Thresholds for what is wanted of them: a number of members, a share of them, a natural gap.

Points are whole numbers and many members have the same ones, so that not every number of members
can be had. A suggestion therefore names, beside what it reaches, what the bar one step lower would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

import numpy as np

from engagement.distribution import HIGHEST, Counted, Distribution, Group
from engagement.points import Ints
from engagement.words import INDICES, Index, RuleSet

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


class Way(StrEnum):
    """How bars are found: for numbers of members, for a share of them, at a gap between them."""

    MEMBERS = "members"
    SHARE = "share"
    GAP = "gap"


class Unreachable(ValueError):
    """No bar gives what is wanted; the message says why."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What one way suggests: ``bars`` by index, or why it says nothing of one.

    ``enter`` are all four bars, in points, those as now where nothing is said; ``counts`` how many
    would have each of STATUSES by them.
    """

    way: Way
    bars: Mapping[Index, Bar | str]
    enter: Mapping[Index, int]
    counts: tuple[int, ...]


def suggestions(
    everybody: Distribution, rules: RuleSet, wanted: Mapping[Index, int], share: float
) -> tuple[Suggestion, ...]:
    """Bars for ``rules`` in up to three ways: by numbers where some are ``wanted``, share and gap.

    What a way says of one index by itself, as share and gap do, is reached by points; what
    ``wanted`` asks for are members who have the status. Raises Unreachable like ``for_numbers``.
    """
    order = [Index(word) for word in rules.precedence if word in list(Index)]
    now = {index: threshold.enter for index, threshold in rules.thresholds.items()}
    found: list[tuple[Way, Mapping[Index, Bar | str]]] = []
    if wanted:
        bars = for_numbers(everybody, wanted, order, now)
        found.append((Way.MEMBERS, {bar.index: bar for bar in bars}))
    points = {index: everybody.points[INDICES.index(index)] for index in order}
    found += [
        (way, {i: _alone(way, i, points[i], share, now[i]) for i in order})
        for way in (Way.SHARE, Way.GAP)
    ]
    return tuple(_suggestion(everybody, way, bars, now) for way, bars in found)


def _alone(way: Way, index: Index, points: Counted, share: float, now: int) -> Bar | str:
    try:
        enter = for_share(points, share, now) if way is Way.SHARE else at_gap(points, now)
    except Unreachable as error:
        return str(error)
    members = int(points.count[points.values >= enter * _UNIT].sum())
    return Bar(index, Reach(enter, members), None, None)


def _suggestion(
    everybody: Distribution, way: Way, bars: Mapping[Index, Bar | str], now: Mapping[Index, int]
) -> Suggestion:
    enter = {
        index: now[index] if isinstance(bar, str) else bar.chosen.enter
        for index, bar in bars.items()
    }
    counts = everybody.statuses([enter[index] * _UNIT for index in INDICES])
    return Suggestion(way, bars, enter, tuple(counts.tolist()))


def for_numbers(
    everybody: Distribution,
    wanted: Mapping[Index, int],
    order: Sequence[Index],
    now: Mapping[Index, int],
) -> tuple[Bar, ...]:
    """Bars by which about so many members have the status of each index.

    Exact where ties allow it, else the nearest number that can be had, of two as near the smaller
    one. Of the bars that give it, the nearest to the one of ``now``. ``order`` are the indices as
    the precedence asks about them: whoever has an earlier status is not counted for a later one.

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
        chosen = _nearest(reached, first, now[index])
        bars.append(Bar(index, Reach(chosen, int(reached[first])), looser, wanted[index]))
        enter[i] = chosen * _UNIT
    return tuple(bars)


def for_share(points: Counted, share: float, now: int) -> int:
    """A bar that at most ``share`` of those with any points reach, and as many as can be.

    Of the bars that do, the nearest to ``now``. Raises Unreachable where nobody has any points.
    """
    have, count = _whole(points)
    # A share is meant as it is written: 0.29 of 100 are 29, which a product of floats misses.
    allowed = int(Fraction(str(share)) * int(count.sum()))
    met = np.zeros(_MOST + 2, np.int64)
    met[have] = count
    at_least = _at_least(met)
    return _nearest(at_least, int(np.argmax(at_least[1:] <= allowed)) + 1, now)


def at_gap(points: Counted, now: int) -> int:
    """A bar at the natural break of the points of one index, among those who have any.

    They are split in two classes so that the variance within them, of the logarithms, is least
    (Fisher, "On Grouping for Maximum Homogeneity", 1958; with two classes every split is tried). Of
    the bars between the two, the nearest to ``now``. Raises Unreachable where all have the same.
    """
    values, count = _whole(points)
    if len(values) < 2:
        raise Unreachable("all who have points have the same, so there is no gap between them")
    log = np.log(values)
    below = np.cumsum(count)[:-1]
    sums = np.cumsum(count * log)
    above = count.sum() - below
    mean_below, mean_above = sums[:-1] / below, (sums[-1] - sums[:-1]) / above
    between = below * above * (mean_above - mean_below) ** 2
    split = int(np.argmax(between))
    return min(max(now, int(values[split]) + 1), int(values[split + 1]))


def _nearest(reached: Ints, bar: int, now: int) -> int:
    """Of the bars that as many reach as reach ``bar``, the one that is nearest to ``now``."""
    # ``reached`` descends from place to place, and place 0 is no bar.
    low = int(np.searchsorted(-reached[1:], -reached[bar], "left")) + 1
    high = int(np.searchsorted(-reached[1:], -reached[bar], "right"))
    return min(max(now, low), high, _MOST)


def _whole(points: Counted) -> tuple[Ints, Ints]:
    """The points of those who have at least one, as the highest bar that each meets; how many."""
    have = np.minimum(points.values, HIGHEST) // _UNIT
    if not (have > 0).any():
        raise Unreachable("nobody has points in this index")
    values, place = np.unique(have[have > 0], return_inverse=True)
    count = np.bincount(place, weights=points.count[have > 0]).astype(np.int64)
    return values, count


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
