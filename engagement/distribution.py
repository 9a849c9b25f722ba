"""Who would have which status under other thresholds: everybody's points as distinct vectors.

A community has far fewer different combinations of points than members. Each is kept once, with how
many have it, in the order of the index that the precedence asks about first; so a question about
thresholds is a binary search and a few comparisons of columns, however many members there are. For
bars among the lower points, where most bars are, it is a few look-ups in sums made before.

It speaks of a day by itself: who has the points on it, and who else decides. What holds of the days
before (hysteresis, graces) is left to the fold (columns.py).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engagement.columns import Pairs, States, quiet_since
from engagement.holds import NO_LOCK, Holds
from engagement.points import Bools, Compiled, Days, Ints
from engagement.rules import checksum
from engagement.status import Hold
from engagement.words import (
    INDICES,
    STATUS_OF_INDEX,
    STATUSES,
    ActionType,
    Grade,
    Guards,
    Index,
    Lifecycle,
    RuleSet,
    Status,
    Threshold,
)

#: No bar can be higher (rules_read.MAX_ENTER, ×100): more points than that are all the same.
HIGHEST: Final = 10_000_000

#: What packed bytes begin with; another number with every other form.
_FORMAT: Final = 1
#: How many sums are kept of a group; four indices with 30 different points each.
_CELLS: Final = 2**20

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

    def take(self, rows: Ints) -> Circumstances:
        """Those of some of the members."""
        return Circumstances(
            self.lock[rows], self.dormant[rows], self.newcomer[rows], self.guarded[rows]
        )


def joined(parts: Sequence[Circumstances]) -> Circumstances:
    """The circumstances of all members of which ``parts`` hold some."""
    return Circumstances(
        np.concatenate([part.lock for part in parts]),
        np.concatenate([part.dormant for part in parts]),
        np.concatenate([part.newcomer for part in parts]),
        np.concatenate([part.guarded for part in parts]),
    )


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


def people_matter(until: Ints, days: Days, rules: Compiled) -> Bools:
    """About whom it must be known how many people were on the other side, for ``circumstances``.

    The others have no points where that is asked, or get in, or not, whoever it was. ``until`` is
    the day of each.
    """
    found = np.zeros(len(until), np.bool_)
    inside = _inside(days.day, until[days.owner], rules.rules.window_days)
    for i in rules.guarded:
        guards = rules.rules.thresholds[INDICES[i]].guards
        earned = np.bincount(days.owner[inside & (days.points[:, i] > 0)], minlength=len(until))
        held = np.zeros(len(until), np.int64)
        if guards.distinct_days is not None:
            held += earned >= guards.distinct_days
        found |= (earned > 0) & (held == guards.k_of - 1)
    return found


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
class Sums:
    """How many are below bars of all indices of a group, for every bar among the lower points.

    ``edges`` are, for each index, the lowest points ×100 that there are, ascending. In ``below``,
    which has an axis for each index, stands at (i, j, …) how many have less than the i-th of the
    first, less than the j-th of the second, …; the last place of an axis is that of everybody.
    """

    edges: tuple[list[int], ...]
    below: Small

    def met(self, bars: Sequence[int]) -> list[int] | None:
        """How many meet each index and none before it, and how many none of them.

        None where a bar lies above the points of which the sums are known.
        """
        at: list[int] = []
        for edges, bar, size in zip(self.edges, bars, self.below.shape, strict=True):
            at.append(bisect_left(edges, bar))
            if at[-1] > size - 2:
                return None
        place = [size - 1 for size in self.below.shape]
        left = [self.below.item(*place)]
        for axis, first in enumerate(at):
            place[axis] = first
            left.append(self.below.item(*place))
        return [more - less for more, less in pairwise(left)] + left[-1:]


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
    sums: Sums

    @property
    def members(self) -> int:
        """How many there are."""
        return int(self.below[-1])


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """How many members have which points ×100 of an index; ``values`` ascend.

    All count, also where a guard, or what decides before the points, keeps them out.
    """

    values: Ints
    count: Ints


def counted(points: Ints) -> Counted:
    """How many have which of ``points``."""
    return Counted(*np.unique(points, return_counts=True))


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """Everybody on a day, for any thresholds; ``points`` are those of each index by itself."""

    groups: tuple[Group, ...]
    points: tuple[Counted, ...]

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
        found = [0] * len(STATUSES)
        for group in self.groups:
            bars = [enter[i] for i in group.order]
            met = group.sums.met(bars) or _met(group, bars)
            for i, n in zip(group.order, met, strict=False):
                found[_CODES[i]] += n
            found[group.rest] += met[-1]
        return np.array(found, np.int64)


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
        ),
        tuple(counted(np.clip(points[:, i], 0, HIGHEST)) for i in range(len(INDICES))),
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
        return group_of(order, rest, np.zeros((1, 0), np.int32), size)
    return group_of(order, rest, *distinct(worth[:, order]))


def group_of(order: tuple[int, ...], rest: int, vectors: Small, count: Small) -> Group:
    """A group from its distinct vectors, ascending, and how many have each."""
    return Group(
        order,
        rest,
        tuple(np.ascontiguousarray(vectors[:, i]) for i in range(len(order))),
        count,
        np.concatenate([[0], np.cumsum(count)]),
        _sums(vectors, count),
    )


def _sums(vectors: Small, count: Small) -> Sums:
    """The sums of distinct vectors: cumulative ones along every axis of their lower points."""
    if not vectors.shape[1]:
        return Sums((), np.array(count.sum(), np.int32))
    values = [np.unique(column) for column in vectors.T]
    sizes = [len(there) for there in values]
    # An axis has a place more for what is above its points, and one for the sum of nothing.
    while np.prod([size + 2 for size in sizes]) > _CELLS:
        longest = int(np.argmax(sizes))
        sizes[longest] -= -(-sizes[longest] // 16)
    shape = [size + 2 for size in sizes]
    below = np.zeros(shape, np.int32)
    cells = tuple(
        np.minimum(np.searchsorted(there, column), size) + 1
        for there, column, size in zip(values, vectors.T, sizes, strict=True)
    )
    np.add.at(below, cells, count)
    for axis in range(len(shape)):
        np.cumsum(below, axis=axis, out=below)
    edges = tuple(there[: size + 1].tolist() for there, size in zip(values, sizes, strict=True))
    return Sums(edges, below)


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


def _met(group: Group, bars: Sequence[int]) -> list[int]:
    """How many meet each index of the group and none before it, and how many none of them."""
    # As wide as the columns: comparing them with anything else converts them first.
    first, *others = np.array(bars, np.int32)
    at = int(group.columns[0].searchsorted(first))
    left = int(group.below[at])
    found = [group.members - left]
    count, columns = group.count[:at], [column[:at] for column in group.columns[1:]]
    low = None
    for bar, column in zip(others, columns, strict=True):
        below = column < bar
        low = below if low is None else np.logical_and(low, below, out=low)
        n = int(count[low].sum())
        found.append(left - n)
        left = n
    return [*found, left]


def pack(everybody: Distribution) -> bytes:
    """A distribution as bytes: integers of 32 bits, the least significant byte first."""
    parts: list[NDArray[Any]] = [np.array([_FORMAT, len(everybody.groups)])]
    for group in everybody.groups:
        head = [len(group.order), *group.order, group.rest, len(group.count)]
        parts += [np.array(head), *group.columns, group.count]
    for one in everybody.points:
        parts += [np.array([len(one.values)]), one.values, one.count]
    return np.concatenate(parts).astype("<i4").tobytes()


def unpack(packed: bytes) -> Distribution | None:
    """The inverse of ``pack``; None for what an earlier or later Ikusei has packed."""
    numbers = np.frombuffer(packed, "<i4").astype(np.int32)
    if numbers[0] != _FORMAT:
        return None
    groups, at = [], 2
    for _ in range(int(numbers[1])):
        size = int(numbers[at])
        order = tuple(numbers[at + 1 : at + 1 + size].tolist())
        rest, n = numbers[at + 1 + size : at + 3 + size].tolist()
        at += 3 + size
        table = numbers[at : at + (size + 1) * n].reshape(size + 1, n)
        at += (size + 1) * n
        groups.append(group_of(order, rest, np.ascontiguousarray(table[:size].T), table[size]))
    points = []
    for _ in INDICES:
        n = int(numbers[at])
        values, count = numbers[at + 1 : at + 1 + 2 * n].reshape(2, n).astype(np.int64)
        points.append(Counted(values, count))
        at += 1 + 2 * n
    return Distribution(tuple(groups), tuple(points))


def basis(rules: RuleSet) -> str:
    """What a distribution rests on, as 64 hexadecimal digits: all of the rules but the bars.

    Rule sets that differ by what is asked about (bars), or by what is not (hysteresis, graces,
    names), have the same.
    """
    return _basis(
        rules.window_days,
        tuple(rules.precedence),
        replace(rules.lifecycle, rule_change_grace_days=0),
        tuple(rules.thresholds[index].guards for index in INDICES),
        tuple(rules.multipliers.items()),
        rules.catalog,
    )


@lru_cache(maxsize=16)
def _basis(
    window_days: int,
    precedence: tuple[str, ...],
    lifecycle: Lifecycle,
    guards: tuple[Guards, ...],
    multipliers: tuple[tuple[Grade, int], ...],
    catalog: tuple[ActionType, ...],
) -> str:
    # Asked for with every question, while it takes milliseconds to write a catalog out.
    bare = RuleSet(
        name="",
        window_days=window_days,
        precedence=precedence,
        lifecycle=lifecycle,
        thresholds={
            index: Threshold(enter=1, exit_percent=100, min_hold_days=0, guards=one)
            for index, one in zip(INDICES, guards, strict=True)
        },
        multipliers=dict(multipliers),
        catalog=tuple(replace(row, en="", ja="", reason="") for row in catalog),
    )
    return checksum(bare)


#: The status of each index, by its place in INDICES.
_CODES: Final = tuple(STATUSES.index(STATUS_OF_INDEX[index]) for index in INDICES)
