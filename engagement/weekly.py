"""Who would have which status by points alone at the end of each of many weeks, as one matrix.

Each day's points are added to the week in which they come into the window and taken away in the
one in which they leave it; a running sum over the weeks is then the exact value of the window at
every week's end. Memory is proportional to members × weeks: large communities come in parts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engagement.measures import REST, WEEK, Weeks, bars
from engagement.points import Compiled, Ints
from engagement.words import INDICES, STATUS_OF_INDEX, STATUSES

Matrix = NDArray[np.int8]
#: Whole numbers of any width.
Whole = NDArray[np.signedinteger[Any]]


def room_for(members: int, weeks: Weeks) -> Ints:
    """Memory for ``week_statuses`` of up to ``members`` members.

    The shape is (weeks + 1, indices, members): weeks first and members last, so that sums over the
    weeks run along the memory.
    """
    return np.empty((weeks.count + 1, len(INDICES), members), np.int64)


def week_statuses(
    members: int,
    member: Whole,
    day: Whole,
    index: Whole,
    points_x100: Whole,
    *,
    rules: Compiled,
    weeks: Weeks,
    room: Ints | None = None,
) -> Matrix:
    """The statuses of ``members`` members from what they earned, one row per member.

    ``member`` is a position in 0 … members − 1; rows may come in any order and several for one
    day. The shape is (members, weeks), a cell is a position in STATUSES. The same as
    ``measures.statuses``. Whoever calls it for one part of a community after the other gives it the
    same ``room``: getting memory anew would take as long as the sums.
    """
    window = rules.rules.window_days
    near = (day > weeks.first - window) & (day <= weeks.last)
    if not near.all():
        member, day, index, points_x100 = (
            column[near] for column in (member, day, index, points_x100)
        )
    change = room_for(members, weeks) if room is None else room
    change.fill(0)
    cells = change.reshape(-1)
    wide = change.shape[2]
    place = index.astype(np.int64) * wide + member
    # Days are few: where each begins among the cells is looked up, not worked out row by row.
    earliest = weeks.first - window + 1
    days = np.arange(earliest, weeks.last + window + 1)
    begin = _week_of(days, weeks) * (len(INDICES) * wide)
    np.add.at(cells, place + begin[day - earliest], points_x100)
    np.subtract.at(cells, place + begin[day + (window - earliest)], points_x100)
    return _statuses(change[:-1, :, :members], rules)


def _week_of(day: Ints, weeks: Weeks) -> Ints:
    """The first week that ends on the day or later; ``weeks.count`` for later ones."""
    week: Ints = (np.maximum(day - weeks.first, 0) + WEEK - 1) // WEEK
    return np.minimum(week, weeks.count)


def _statuses(change: Ints, rules: Compiled) -> Matrix:
    weeks, _, members = change.shape
    found = np.full((weeks, members), REST, np.int8)
    value = np.zeros(change.shape[1:], np.int64)
    lowest_first = [
        (INDICES.index(index), STATUSES.index(STATUS_OF_INDEX[index]), bar)
        for index, bar in reversed(bars(rules))
    ]
    for week in range(weeks):
        value += change[week]
        for i, status, bar in lowest_first:
            np.copyto(found[week], np.int8(status), where=value[i] >= bar)
    return np.ascontiguousarray(found.T)
