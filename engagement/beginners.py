"""What becomes of those who begin: whether they come to one of the four statuses in time."""

from __future__ import annotations

import numpy as np

from engagement.history import Periods, next_of
from engagement.points import Bools, Ints
from engagement.words import INDICES


def rose_within(own: Periods, member: Ints, begin: Ints, days: int) -> Bools:
    """Whether members (positions) had one of the four statuses within ``days`` of ``begin``.

    The day on which each began is the first of these days. Who was not here yet on that day is
    looked at from their first day on.
    """
    key = (own.member << 32) + own.start
    row = np.searchsorted(key, (member << 32) + begin, "right") - 1
    row = np.maximum(row, own.first[member])
    found = next_of(own.status < len(INDICES), row, own.first[member + 1])
    start = np.append(own.start, 0)[found]
    return (found >= 0) & (start < begin + days)
