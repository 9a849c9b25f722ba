"""The packed columns ``state`` and ``recent`` of a standing, in and out of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from engagement.columns import WIDTH, States
from engagement.points import Days

_RECENT_WIDTH = 5


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """What the rows of some members hold, in columns; ``recent`` is as in points.Days."""

    eve: States
    now: States
    recent: Days


def unpack(rows: Sequence[tuple[bytes, bytes]]) -> Kept:
    """Read the packed columns ``state`` and ``recent`` of rows that were folded."""
    packed = np.frombuffer(b"".join(row[0] for row in rows), "<i4").reshape(-1, 2, WIDTH)
    recent = np.frombuffer(b"".join(row[1] for row in rows), "<i4").reshape(-1, _RECENT_WIDTH)
    sizes = [len(row[1]) // (4 * _RECENT_WIDTH) for row in rows]
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    wide = recent.astype(np.int64)
    here = np.zeros(len(wide), np.bool_)
    days = Days(start, wide[:, 0], wide[:, 1:], here)
    return Kept(States.unpack(packed[:, 0]), States.unpack(packed[:, 1]), days)


def pack_states(eve: States, now: States) -> list[bytes]:
    """The column ``state``."""
    return [row.tobytes() for row in np.stack([eve.pack(), now.pack()], axis=1)]


def pack_recent(recent: Days) -> list[bytes]:
    """The column ``recent``."""
    whole = np.column_stack([recent.day, recent.points]).astype("<i4").tobytes()
    ends = (recent.start * 4 * _RECENT_WIDTH).tolist()
    return [whole[low:high] for low, high in pairwise(ends)]
