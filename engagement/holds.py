"""Locks and graces of many members, in columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engagement.points import Bools, Ints
from engagement.status import Hold
from engagement.words import INDICES, STATUSES

#: A day after all days: of a hold without end.
FAR = 2**31 - 1
#: Stands for the code of a status where there is no lock.
NO_LOCK = -1


class Holds:
    """The holds that can matter to members who stand at the end of their day ``after``.

    ``after`` has one entry per member. What has ended by then is left out, and so is what ended on
    the day on which it began: it never held.
    """

    def __init__(self, holds: Sequence[tuple[int, Hold]], after: Ints) -> None:
        table = np.array(
            [
                (
                    owner,
                    hold.from_day,
                    FAR if hold.until_day is None else hold.until_day,
                    STATUSES.index(hold.status),
                    hold.kind == "lock",
                )
                for owner, hold in holds
            ],
            np.int64,
        ).reshape(-1, 5)
        table = table[(table[:, 1] < table[:, 2]) & (table[:, 2] > after[table[:, 0]])]
        # Those of one member stay in their order: of two locks the later one wins.
        table = table[np.argsort(table[:, 0], kind="stable")]
        self._from, self._until, self._code = table[:, 1], table[:, 2], table[:, 3]
        self._lock = table[:, 4] == 1
        self._start = np.searchsorted(table[:, 0], np.arange(len(after) + 1))

    def _of(self, member: Ints) -> tuple[Ints, Ints]:
        """Every hold of ``member``, as (row of ``member``, number of the hold)."""
        if not len(self._from):
            none = np.zeros(0, np.int64)
            return none, none
        first = self._start[member]
        sizes = self._start[member + 1] - first
        rows = np.repeat(np.arange(len(member)), sizes)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return rows, first[rows] + within

    def next_edge(self, member: Ints, day: Ints, ahead: Ints) -> Ints:
        """``ahead``, or the day on which a hold begins or ends where that comes first."""
        rows, which = self._of(member)
        if not len(rows):
            return ahead
        ahead = ahead.copy()
        for edge in (self._from[which], self._until[which]):
            later = edge > day[rows]
            np.minimum.at(ahead, rows[later], edge[later])
        return ahead

    def in_force(self, member: Ints, day: Ints) -> tuple[Ints, Bools]:
        """The code of each member's lock (NO_LOCK: none), and the indices met by grace (n, 4)."""
        locked = np.full(len(member), NO_LOCK, np.int64)
        grace = np.zeros((len(member), len(INDICES)), np.bool_)
        rows, which = self._of(member)
        if len(rows):
            now = (self._from[which] <= day[rows]) & (day[rows] < self._until[which])
            rows, which = rows[now], which[now]
            lock, code = self._lock[which], self._code[which]
            locked[rows[lock]] = code[lock]
            index = ~lock & (code < len(INDICES))
            grace[rows[index], code[index]] = True
        return locked, grace

    def edges(self, member: Ints, day: Ints) -> tuple[Bools, Bools]:
        """Whether a lock, and whether a grace of the member begins or ends on ``day``."""
        lock, grace = np.zeros((2, len(member)), np.bool_)
        rows, which = self._of(member)
        if len(rows):
            edge = (self._from[which] == day[rows]) | (self._until[which] == day[rows])
            lock[rows[edge & self._lock[which]]] = True
            grace[rows[edge & ~self._lock[which]]] = True
        return lock, grace
