"""What the points of one member come from, action type by action type."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engagement.points import earn
from engagement.words import INDICES, Index, Side
from store.db import Read
from store.rules import ActiveRules


@dataclass(frozen=True, slots=True)
class TypeShare:
    """One action type inside the window: how many, what they are worth, and on how many days.

    ``n`` counts all, ``points_x100`` only what the daily caps let count. ``from_totals`` of them
    are known from a member's exported total alone.
    """

    venue: str
    verb: str
    index: Index
    side: Side
    n: int
    days: int
    points_x100: int
    from_totals: int


async def shares(
    connection: Read, member_id: int, rules: ActiveRules, *, day: int
) -> list[TypeShare]:
    """Where the points of a member in the window that ends on ``day`` come from, most first.

    The points of each index add up to those of the standing.
    """
    first = day - rules.rules.window_days + 1
    rows = await connection.fetch(_TALLIES, member_id, first, day)
    compiled = rules.compiled
    types = sorted({row["type_id"] for row in rows if row["type_id"] < len(compiled.index)})
    table = np.array([tuple(row) for row in rows], np.int64).reshape(-1, 5).T
    when, type_id, side, grade, n = table
    # Caps hold per day and type, so each type can be counted as if it were a member of its own.
    known = np.isin(type_id, types)
    position = np.searchsorted(np.array(types, np.int64), type_id[known])
    earned = earn(
        compiled,
        len(types),
        position,
        when[known],
        type_id[known],
        side[known],
        grade[known],
        n[known],
    )
    totals = {r["type_id"]: r for r in await connection.fetch(_TOTALS, member_id, first, day)}
    names = {number: key for key, number in rules.types.items()}
    found = []
    for i, one in enumerate(types):
        points = earned.points[earned.start[i] : earned.start[i + 1]]
        worth = int(points.sum())
        if not worth:
            continue
        which = int(compiled.side[one])
        mine = (type_id == one) & (side == which)
        risen = totals.get(one)
        found.append(
            TypeShare(
                *names[one],
                index=INDICES[int(compiled.index[one])],
                side=Side(which),
                n=int(n[mine].sum()),
                days=len(np.unique(when[mine])),
                points_x100=worth,
                from_totals=risen["given" if which == Side.GIVEN else "received"] if risen else 0,
            )
        )
    return sorted(found, key=lambda s: (INDICES.index(s.index), -s.points_x100, s.venue, s.verb))


_TALLIES = """
    select day, type_id, side, grade, n from tally
    where member_id = $1 and day between $2 and $3 and n > 0
"""

_TOTALS = """
    select type_id, coalesce(sum(rise) filter (where side = 0), 0)::bigint as given,
        coalesce(sum(rise) filter (where side = 1), 0)::bigint as received
    from counter where member_id = $1 and day between $2 and $3 group by type_id
"""
