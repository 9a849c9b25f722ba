"""What the fold is made from, for many members at once: earnings, first days, holds, people."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from engagement.columns import Fold, Pairs, States, fold
from engagement.points import Compiled, Days, Ints, earn
from engagement.status import Hold
from engagement.words import STATUSES
from store.db import Read, Write
from store.rules import ActiveRules

Result = TypeVar("Result")

#: So many rows are some milliseconds of work.
_MANY: Final = 5_000


async def aside(rows: int, work: Callable[[], Result]) -> Result:
    """What ``work`` on so many rows gives; where they are many, without holding up the loop."""
    return work() if rows < _MANY else await asyncio.to_thread(work)


async def earnings(
    connection: Read | Write,
    members: Sequence[int],
    rules: ActiveRules,
    *,
    first: int = -(2**31),
    last: int = 2**31 - 1,
) -> Days:
    """What members earned from day ``first`` to ``last``, from their tallies."""
    table = await tallies(connection, members, first=first, last=last)
    return await earned(table, members, rules)


async def tallies(
    connection: Read | Write, members: Sequence[int], *, first: int, last: int
) -> Ints:
    """The tallies of members: rows of position in ``members``, day, type, side, grade, n.

    The shape is (6, tallies), in no order.
    """
    rows = await connection.fetch(_TALLIES, list(members), first, last)
    return await aside(
        len(rows), lambda: np.array([tuple(row) for row in rows], np.int64).reshape(-1, 6).T
    )


async def earned(table: Ints, members: Sequence[int], rules: ActiveRules) -> Days:
    """What members earned by the tallies of ``table`` under ``rules``."""
    return await aside(table.shape[1], lambda: earn(rules.compiled, len(members), *table))


async def entries(connection: Read | Write, members: Sequence[int], days: Days) -> Ints:
    """The first day of each member: when they joined or first did or earned something.

    It is never later than the day on which we first heard of them.
    """
    found = {row["id"]: row for row in await connection.fetch(_FIRST_DAYS, list(members))}
    first = np.empty(len(members), np.int64)
    for i, member in enumerate(members):
        row = found[member]
        known = row["seen_day"]
        if row["joined_day"] is not None:
            known = min(known, row["joined_day"])
        low, high = int(days.start[i]), int(days.start[i + 1])
        first[i] = known if low == high else min(known, int(days.day[low]))
    return first


async def holds_of(connection: Read | Write, members: Sequence[int]) -> list[tuple[int, Hold]]:
    """The locks and graces of members, by position in ``members``, older ones first."""
    rows = await connection.fetch(_HOLDS, list(members))
    position = {member: i for i, member in enumerate(members)}
    return [
        (
            position[row["member_id"]],
            Hold(row["kind"], STATUSES[row["status"]], row["from_day"], row["until_day"]),
        )
        for row in rows
    ]


async def pairs_of(
    connection: Read | Write,
    members: Sequence[int],
    wanted: NDArray[np.bool_],
    rules: ActiveRules,
    *,
    first: int = -(2**31),
    last: int,
) -> Pairs:
    """What the guard of distinct members counts for the members that are ``wanted``.

    Only days from ``first`` to ``last`` are read.
    """
    compiled = rules.compiled
    earning = np.isin(compiled.index, compiled.guarded)
    given = np.flatnonzero(earning & (compiled.side == 0)).tolist()
    received = np.flatnonzero(earning & (compiled.side == 1)).tolist()
    ids = [m for m, want in zip(members, wanted, strict=True) if want]
    rows = await connection.fetch(_PAIRS, ids, given, received, first, last)
    return await aside(len(rows), lambda: pairs_among(rows, members, compiled))


def pairs_among(rows: Sequence[Any], members: Sequence[int], compiled: Compiled) -> Pairs:
    """The pairs of (member, day, type, grade, who), as positions in ``members``."""
    position = {member: i for i, member in enumerate(members)}
    found = []
    for member, day, type_id, grade, who in rows:
        if compiled.rate_x100[type_id, grade] <= 0:
            continue
        if compiled.by_day[type_id]:
            found.append((position[member], day, compiled.index[type_id], -day))
        elif who is not None:
            found.append((position[member], day, compiled.index[type_id], who))
    table = np.array(sorted(found), np.int64).reshape(-1, 4)
    start = np.searchsorted(table[:, 0], np.arange(len(members) + 1))
    return Pairs(start, table[:, 1], table[:, 2], table[:, 3])


async def fold_from(
    connection: Read | Write,
    members: Sequence[int],
    start: States,
    days: Days,
    until: Ints,
    rules: ActiveRules,
    holds: Sequence[tuple[int, Hold]],
) -> Fold:
    """Fold members from the eve of their first day, counting people where it matters."""

    def work(pairs: Pairs | None) -> Fold:
        return fold(start, days, until, rules.compiled, holds=holds, pairs=pairs)

    size = len(days.day)
    result = await aside(size, lambda: work(None))
    if result.wants_pairs.any():
        last = int(np.max(until))
        pairs = await pairs_of(connection, members, result.wants_pairs, rules, last=last)
        result = await aside(size, lambda: work(pairs))
    return result


# The position of the member comes with each tally: they are folded in columns.
_TALLIES = """
    select (m.position - 1)::int, t.day, t.type_id, t.side, t.grade, t.n
    from unnest($1::int[]) with ordinality m(member_id, position)
    join tally t on t.member_id = m.member_id and t.day between $2 and $3
"""


_FIRST_DAYS = """
    select id, seen_day,
        ((joined_at at time zone (select value from setting where key = 'zone'))::date
            - date '1970-01-01') as joined_day
    from member where id = any($1::int[])
"""


_HOLDS = """
    select member_id, kind, status, from_day, until_day from hold
    where member_id = any($1::int[]) order by id
"""


_PAIRS = """
    select distinct actor_id, day, type_id, grade, target_id from action
    where actor_id = any($1::int[]) and type_id = any($2::smallint[]) and day between $4 and $5
        and state = 0 and target_id is distinct from actor_id
    union all
    select distinct target_id, day, type_id, grade, actor_id from action
    where target_id = any($1::int[]) and type_id = any($3::smallint[]) and day between $4 and $5
        and state = 0 and target_id is distinct from actor_id
"""
