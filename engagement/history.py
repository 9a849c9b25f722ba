"""The statuses of members over all days, as periods: what every report on the past is counted from.

``placed`` is where members stood: by their points, and by locks and graces where there were any.
``own`` is where they stood by their points alone. Only moves in ``own`` are edges of a route: no
manager's decision makes anybody rise or fall.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from engagement.columns import NOBODY, Moves
from engagement.holds import FAR
from engagement.points import Bools, Ints
from engagement.words import STATUSES, Status

#: How high each of STATUSES stands: the four of the indices above those who have none of them yet,
#: the dormant below.
RANKS: Final[Ints] = np.array([4, 3, 2, 1, 0, -1, 0], np.int64)
DORMANT: Final = STATUSES.index(Status.DORMANT)


@dataclass(frozen=True, slots=True, eq=False)
class Periods:
    """Days from ``start`` until the day before ``end`` (FAR: still so) with one status.

    Ascending by ``member`` (a position) and ``start``; those of member m are first[m]:first[m + 1],
    without gaps. ``before`` is the status that came before (NOBODY: none), ``cause`` a position in
    columns.CAUSES.
    """

    first: Ints
    member: Ints
    start: Ints
    end: Ints
    status: Ints
    before: Ints
    cause: Ints

    @property
    def members(self) -> int:
        """How many there are, with and without periods."""
        return len(self.first) - 1

    @property
    def moved(self) -> Bools:
        """Which of them began with a move, and not with the member."""
        found: Bools = self.before != NOBODY
        return found

    def at(self, day: int) -> Ints:
        """The status of each member at the end of ``day``; NOBODY for who came later."""
        # Row −1 is the last.
        found: Ints = np.append(self.status, NOBODY)[self.row_at(day)]
        return found

    def row_at(self, day: int) -> Ints:
        """Which period each member was in at the end of ``day``; −1 for who came later."""
        everyone = np.arange(self.members)
        key = (self.member << 32) + self.start
        last = np.searchsorted(key, (everyone << 32) + day, "right") - 1
        return np.where(last >= self.first[:-1], last, -1)

    def lasting(self, until: int) -> tuple[Ints, Bools]:
        """Days that each period lasted, and whether it is over by the end of ``until``.

        One that is not lasts longer than that: of its last known day nobody knows whether another
        followed.
        """
        over = self.end <= until
        return np.where(over, self.end, until) - self.start, over


def periods(moves: Moves, members: int) -> Periods:
    """The periods between ``moves``, which are all there were of each of ``members``."""
    order = np.lexsort((moves.day, moves.member))
    member, start, before, status, cause = (
        column[order]
        for column in (moves.member, moves.day, moves.before, moves.after, moves.cause)
    )
    end = np.full(len(start), FAR, np.int64)
    same = member[1:] == member[:-1]
    end[:-1][same] = start[1:][same]
    first = np.searchsorted(member, np.arange(members + 1))
    return Periods(first, member, start, end, status, before, cause)


def next_of(those: Bools, after: Ints, before: Ints) -> Ints:
    """The first row from ``after`` on, and before ``before``, that is one of ``those``; or −1."""
    rows = np.append(np.flatnonzero(those), len(those))
    found = rows[np.searchsorted(rows, after)]
    return np.where(found < before, found, -1)


def some(of: Periods, members: Ints) -> Periods:
    """The periods of some members, ascending, who are then numbered anew."""
    size = np.diff(of.first)[members]
    rows = np.repeat(of.first[members] - np.cumsum(size) + size, size) + np.arange(size.sum())
    return Periods(
        np.concatenate([[0], np.cumsum(size)]),
        np.repeat(np.arange(len(members)), size),
        of.start[rows],
        of.end[rows],
        of.status[rows],
        of.before[rows],
        of.cause[rows],
    )


def joined(parts: Sequence[Periods]) -> Periods:
    """The periods of members who are in parts, one part after the other."""
    sizes = np.cumsum([0, *(part.members for part in parts)])
    rows = np.cumsum([0, *(len(part.member) for part in parts)])
    none = np.zeros(0, np.int64)

    def column(name: str) -> Ints:
        return np.concatenate([none, *(getattr(part, name) for part in parts)])

    return Periods(
        np.concatenate([[0], *(part.first[1:] + n for part, n in zip(parts, rows, strict=False))]),
        np.concatenate([none, *(part.member + n for part, n in zip(parts, sizes, strict=False))]),
        *(column(name) for name in ("start", "end", "status", "before", "cause")),
    )


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Everybody who is here by the end of ``until``, from their first day on.

    ``ids`` are the numbers of the members, ascending; periods name positions among them. Everybody
    has at least one.
    """

    until: int
    ids: Ints
    placed: Periods
    own: Periods

    @property
    def entry(self) -> Ints:
        """The first day of each member."""
        return self.own.start[self.own.first[:-1]]
