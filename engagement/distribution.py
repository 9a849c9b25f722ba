"""Who would have which status under other thresholds: everybody's points as distinct vectors.

A community has far fewer different combinations of points than members. Each is kept once, with how
many have it, in the order of the index that the precedence asks about first; so a question about
thresholds is a binary search and a few comparisons of columns, however many members there are.

It speaks of a day by itself: who has the points on it, and who else decides. What holds of the days
before (hysteresis, graces) is left to the fold (columns.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engagement.columns import Pairs, States, quiet_since
from engagement.holds import NO_LOCK, Holds
from engagement.points import Bools, Compiled, Days, Ints
from engagement.status import Hold
from engagement.words import INDICES, STATUS_OF_INDEX, STATUSES, Index, Status

#: No bar can be higher (rules_read.MAX_ENTER, ×100): more points than that are all the same.
HIGHEST: Final = 10_000_000

Small = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Circumstances:
    """What decides beside the points, of n members on a day.

    ``lock`` is the code of a status or NO_LOCK; ``guarded`` (n, 4) says where the guards let them
    in.
    """

    lock: Ints
    dormant: Bools
    newcomer: Bools
    guarded: Bools


def circumstances(
    states: States,
    days: Days,
    rules: Compiled,
    holds: Sequence[tuple[int, Hold]] = (),
    pairs: Pairs | None = None,
) -> Circumstances:
    """What decides beside the points about members who stand at the end of a day, all the same one.

    ``pairs`` must hold what lies inside the window for everybody with points in an index that is
    guarded by distinct members.
    """
    day = states.day
    everyone = np.arange(len(day))
    locked, _ = Holds(holds, day - 1).in_force(everyone, day)
    lifecycle = rules.rules.lifecycle
    return Circumstances(
        lock=locked,
        dormant=day - quiet_since(states.entry, states.last_given) >= lifecycle.dormant_after_days,
        newcomer=day - states.entry < lifecycle.newcomer_days,
        guarded=_guarded(day, days, rules, pairs),
    )


def _guarded(until: Ints, days: Days, rules: Compiled, pairs: Pairs | None) -> Bools:
    """Where the guards of each index let each member in."""
    found = np.ones((len(until), len(INDICES)), np.bool_)
    window = rules.rules.window_days
    inside = _inside(days.day, until[days.owner], window)
    for i, index in enumerate(INDICES):
        guards = rules.rules.thresholds[index].guards
        if not guards.k_of:
            continue
        held = np.zeros(len(until), np.int64)
        if guards.distinct_days is not None:
            earned = days.owner[inside & (days.points[:, i] > 0)]
            held += np.bincount(earned, minlength=len(until)) >= guards.distinct_days
        if guards.distinct_members is not None and pairs is not None:
            owner = np.repeat(np.arange(len(until)), np.diff(pairs.start))
            counts = _inside(pairs.day, until[owner], window) & (pairs.index == i)
            both = np.unique(np.column_stack([owner[counts], pairs.who[counts]]), axis=0)
            people = np.bincount(both[:, 0], minlength=len(until))
            held += people >= guards.distinct_members
        found[:, i] = held >= guards.k_of
    return found


def _inside(day: Ints, until: Ints, window: int) -> Bools:
    found: Bools = (day <= until) & (day > until - window)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Members for whom the same decides beside the points.

    They are asked about the indices ``order`` one after the other, and have ``rest`` where none is
    met. ``columns`` has a column for each index in that order, of the points ×100 of each distinct
    vector; the first ascends. ``count`` says how many have the vector, ``below`` (one entry more)
    how many have it or one before it.
    """

    order: tuple[int, ...]
    rest: int
    columns: tuple[Small, ...]
    count: Small
    below: Ints

    @property
    def members(self) -> int:
        """How many there are."""
        return int(self.below[-1])


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """Everybody on a day, for any thresholds."""

    groups: tuple[Group, ...]

    @property
    def members(self) -> int:
        """How many there are."""
        return sum(group.members for group in self.groups)

    @property
    def vectors(self) -> int:
        """How many different ones they are."""
        return sum(len(group.count) for group in self.groups)

    def statuses(self, enter: Sequence[int]) -> Ints:
        """How many would have each of STATUSES with the bars ``enter`` (points ×100 per index).

        No bar may be above HIGHEST.
        """
        found = np.zeros(len(STATUSES), np.int64)
        # As wide as the columns: comparing them with anything else converts them first.
        bars = np.array(enter, np.int32)
        for group in self.groups:
            _count(group, bars, found)
        return found


def distribution(points: Ints, beside: Circumstances, precedence: Sequence[str]) -> Distribution:
    """The distribution of n members with ``points`` (n, 4), ×100.

    Where the guards of an index do not hold, its points count as none.
    """
    worth = np.where(beside.guarded, np.clip(points, 0, HIGHEST), 0).astype(np.int32)
    kinds = (beside.lock - NO_LOCK) * 4 + beside.dormant * 2 + beside.newcomer
    groups: dict[tuple[tuple[int, ...], int], list[Bools]] = {}
    for kind in np.flatnonzero(np.bincount(kinds)).tolist():
        lock, dormant, newcomer = kind // 4 + NO_LOCK, bool(kind & 2), bool(kind & 1)
        asked = asked_of(precedence, lock, dormant=dormant, newcomer=newcomer)
        groups.setdefault(asked, []).append(kinds == kind)
    return Distribution(
        tuple(
            _group(order, rest, worth[np.logical_or.reduce(members)])
            for (order, rest), members in groups.items()
        )
    )


def asked_of(
    precedence: Sequence[str], lock: int, *, dormant: bool, newcomer: bool
) -> tuple[tuple[int, ...], int]:
    """Which indices decide about somebody, in order, and the status of whoever meets none."""
    order: list[int] = []
    for word in precedence:
        if word == "lock":
            if lock != NO_LOCK:
                return tuple(order), lock
        elif word == "dormant":
            if dormant:
                return tuple(order), STATUSES.index(Status.DORMANT)
        elif word == "newcomer":
            if newcomer:
                return tuple(order), STATUSES.index(Status.NEWCOMER)
        elif word == "member":
            break
        else:
            order.append(INDICES.index(Index(word)))
    return tuple(order), STATUSES.index(Status.MEMBER)


def _group(order: tuple[int, ...], rest: int, worth: Small) -> Group:
    if not order:
        size = np.array([len(worth)], np.int32)
        return Group(order, rest, (), size, np.array([0, len(worth)]))
    vectors, count = distinct(worth[:, order])
    below = np.concatenate([[0], np.cumsum(count)])
    columns = tuple(np.ascontiguousarray(vectors[:, i]) for i in range(len(order)))
    return Group(order, rest, columns, count, below)


def distinct(rows: Small) -> tuple[Small, Small]:
    """The different rows, ascending, and how often each is there."""
    # Of many members most have nothing, and there is nothing to be sorted about them.
    some = rows.any(axis=1)
    none = len(rows) - int(np.count_nonzero(some))
    # Two columns make one number: HIGHEST has 24 bits.
    wide = np.zeros((len(rows) - none, 4), np.int64)
    wide[:, : rows.shape[1]] = rows[some]
    high, low = (wide[:, 0] << 24) + wide[:, 1], (wide[:, 2] << 24) + wide[:, 3]
    order = np.lexsort((low, high))
    high, low = high[order], low[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    first = np.flatnonzero(new)
    vectors = wide[order[first], : rows.shape[1]].astype(np.int32)
    count = np.diff(np.append(first, len(order))).astype(np.int32)
    if not none:
        return vectors, count
    nothing = np.zeros((1, rows.shape[1]), np.int32)
    return np.concatenate([nothing, vectors]), np.append(np.int32(none), count)


def _count(group: Group, bars: Small, found: Ints) -> None:
    """Add who of the group would have which status."""
    left = group.members
    if group.order:
        first, *others = group.order
        at = int(group.columns[0].searchsorted(bars[first]))
        found[_code(first)] += left - group.below[at]
        left = int(group.below[at])
        count, columns = group.count[:at], [column[:at] for column in group.columns[1:]]
        free = None
        for i, column in zip(others, columns, strict=True):
            met = column >= bars[i]
            new = met if free is None else met & free
            n = int(count[new].sum())
            found[_code(i)] += n
            left -= n
            free = ~met if free is None else free & ~met
    found[group.rest] += left


def _code(index: int) -> int:
    return STATUSES.index(STATUS_OF_INDEX[INDICES[index]])
