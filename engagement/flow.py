"""What flowed between the statuses during a period, and how long members stay in each."""

from __future__ import annotations

from dataclasses import dataclass
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
    was, now = history.placed.at(since), history.placed.at(day)
    here = now != NOBODY
    was, now = was[here], now[here]
    decided = (was != history.own.at(since)[here]) | (now != history.own.at(day)[here])
    joined, moved = was == NOBODY, (was != now) & (was != NOBODY)
    rise = RANKS[now] - np.where(joined, 0, RANKS[was])
    into, out = (joined | moved), moved

    def count(those: Bools, by: Ints) -> list[int]:
        found: list[int] = np.bincount(by[those], minlength=_SIZE).tolist()
        return found

    columns = (
        count(~joined, was),
        count(into, now),
        count(joined, now),
        count(moved & decided, now),
        count(out, was),
        count(moved & ~decided & (rise > 0), was),
        count(moved & ~decided & (rise < 0), was),
        count(moved & ~decided & (rise == 0), was),
        count(moved & decided, was),
        count(~joined & ~moved, was),
    )
    return tuple(
        Flow(status, *numbers)
        for status, numbers in zip(STATUSES, zip(*columns, strict=True), strict=True)
    )


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
