"""What flowed between the statuses during a period, and how long members stay in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np

from engagement.columns import NOBODY
from engagement.history import RANKS, History, Periods
from engagement.points import Bools, Ints
from engagement.survival import Estimate, kaplan_meier
from engagement.words import STATUSES, Status

_SIZE: Final = len(STATUSES)


@dataclass(frozen=True, slots=True)
class Flow:
    """One status in a period, each member counted by where they stood before it and at its end.

    ``before`` + ``came`` − ``out`` = ``count``. Of those who came, ``joined`` were not here before
    and ``decided_in`` are here by a lock, a grace, or the end of one. ``out`` are the ``promoted``
    to a higher status, the ``fallen`` to a lower one, the ``aged`` (newcomers whose time was over)
    and those moved by decision, ``decided_out``. ``held`` had it at both times.
    """

    status: Status
    before: int
    came: int
    joined: int
    decided_in: int
    out: int
    promoted: int
    fallen: int
    aged: int
    decided_out: int
    held: int

    @property
    def count(self) -> int:
        """How many have it at the end."""
        return self.before + self.net

    @property
    def net(self) -> int:
        """How many more they became."""
        return self.came - self.out


def flows(history: History, since: int, day: int) -> tuple[Flow, ...]:
    """The flow of each of STATUSES from the end of the day ``since`` to that of ``day``."""
    _, was, now, change = _changes(history, since, day)

    def count(those: Bools, by: Ints) -> list[int]:
        found: list[int] = np.bincount(by[those], minlength=_SIZE).tolist()
        return found

    joined, held, decided = (change == one for one in (Change.JOINED, Change.HELD, Change.DECIDED))
    columns = (
        count(~joined, was),
        count(~held, now),
        count(joined, now),
        count(decided, now),
        count(~joined & ~held, was),
        *(count(change == one, was) for one in (Change.PROMOTED, Change.FALLEN, Change.AGED)),
        count(decided, was),
        count(held, was),
    )
    return tuple(
        Flow(status, *numbers)
        for status, numbers in zip(STATUSES, zip(*columns, strict=True), strict=True)
    )


class Change(IntEnum):
    """What became of a member in a period; each who is here at its end has one.

    Up and down are by RANKS and by members' own points; AGED are newcomers whose time was over;
    DECIDED moved by a lock or a grace, or by the end of one.
    """

    JOINED = 0
    PROMOTED = 1
    FALLEN = 2
    AGED = 3
    DECIDED = 4
    HELD = 5


def _changes(history: History, since: int, day: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Of those who are here at the end of ``day``: their positions, status before, status, Change.

    The status before is NOBODY for who JOINED.
    """
    stands = history.placed.at(day)
    here = np.flatnonzero(stands != NOBODY)
    was, now = history.placed.at(since)[here], stands[here]
    decided = (was != history.own.at(since)[here]) | (now != history.own.at(day)[here])
    rise = RANKS[now] - RANKS[was]
    change = np.select(
        [was == NOBODY, was == now, decided, rise > 0, rise < 0],
        [Change.JOINED, Change.HELD, Change.DECIDED, Change.PROMOTED, Change.FALLEN],
        Change.AGED,
    )
    return here, was, now, change


@dataclass(frozen=True, slots=True)
class CohortFlow:
    """Those who joined on the days from ``first`` to ``last``, in a period.

    ``tiers`` are how many have each of STATUSES at its end: in all ``joined`` + ``promoted`` +
    ``fallen`` + ``aged`` + ``decided`` + ``held``.
    """

    first: int
    last: int
    tiers: tuple[int, ...]
    joined: int
    promoted: int
    fallen: int
    aged: int
    decided: int
    held: int

    @property
    def count(self) -> int:
        """How many they are at the end."""
        return sum(self.tiers)


def cohort_flows(
    history: History, since: int, day: int, cohorts: Sequence[tuple[int, int]]
) -> tuple[CohortFlow, ...]:
    """What became of each cohort (the days on which it joined) from ``since`` to ``day``."""
    here, _, now, change = _changes(history, since, day)
    entry = history.entry[here]
    found = []
    for first, last in cohorts:
        those = (entry >= first) & (entry <= last)
        tiers = np.bincount(now[those], minlength=_SIZE).tolist()
        counts = np.bincount(change[those], minlength=len(Change)).tolist()
        found.append(CohortFlow(first, last, tuple(tiers), *counts))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Edge:
    """Moves from one status to another by the members' own points, and by how many members.

    ``moves_before`` are those of the period of the same length before.
    """

    before: Status
    after: Status
    moves: int
    members: int
    moves_before: int


def edges(own: Periods, first: int, last: int) -> tuple[Edge, ...]:
    """The moves of the days from ``first`` to ``last``, the most frequent first.

    What somebody did only in the period before is told too: that nobody does it any more.
    """
    kind = own.before * _SIZE + own.status

    def within(first: int, last: int) -> Bools:
        found: Bools = own.moved & (own.start >= first) & (own.start <= last)
        return found

    def count(kinds: Ints) -> Ints:
        return np.bincount(kinds, minlength=_SIZE * _SIZE)

    now = within(first, last)
    then = within(2 * first - last - 1, first - 1)
    moves, moves_before = count(kind[now]), count(kind[then])
    members = count(np.unique(np.stack([kind[now], own.member[now]]), axis=1)[0])
    found = [
        Edge(
            STATUSES[i // _SIZE],
            STATUSES[i % _SIZE],
            int(moves[i]),
            int(members[i]),
            int(moves_before[i]),
        )
        for i in np.flatnonzero(moves + moves_before).tolist()
    ]
    return tuple(sorted(found, key=lambda edge: (-edge.moves, -edge.moves_before)))


@dataclass(frozen=True, slots=True)
class Stay:
    """How long members stay in a status by their own points: quartiles in days, with intervals.

    ``stays`` began, ``ended`` are over. Of those that go on nobody knows how long they will last.
    """

    status: Status
    stays: int
    ended: int
    quarter: Estimate
    median: Estimate
    three_quarters: Estimate


def stays(own: Periods, until: int) -> tuple[Stay, ...]:
    """The time in each of STATUSES up to the end of ``until`` (Kaplan–Meier)."""
    length, ended = own.lasting(until)
    found = []
    for code, status in enumerate(STATUSES):
        rows = own.status == code
        curve = kaplan_meier(length[rows], ended[rows])
        found.append(
            Stay(
                status, curve.n, curve.ended, *(curve.quantile(part) for part in (0.25, 0.5, 0.75))
            )
        )
    return tuple(found)


@dataclass(frozen=True, slots=True, eq=False)
class Stagnation:
    """Who has had a status for more than ``limit`` days (None: it has no limit).

    ``members`` have it, ``over`` are the positions of those who had it longer, longest first.
    ``median`` are the days they have had it so far, half of them longer.
    """

    status: Status
    limit: int | None
    members: int
    over: Ints
    median: float | None


def stagnation(history: History, limits: dict[Status, int]) -> tuple[Stagnation, ...]:
    """Who has been where they are for longer than the limit of their status."""
    placed, until = history.placed, history.until
    row = placed.first[1:] - 1
    status, days = placed.status[row], until + 1 - placed.start[row]
    found = []
    for code, of in enumerate(STATUSES):
        those = np.flatnonzero(status == code)
        limit = limits.get(of)
        over = those[days[those] > limit] if limit is not None else those[:0]
        over = over[np.argsort(-days[over], kind="stable")]
        median = float(np.median(days[those])) if len(those) else None
        found.append(Stagnation(of, limit, len(those), over, median))
    return tuple(found)
