"""What the fold is made from, for many members at once: earnings, first days, holds, people."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from engagement.columns import Fold, Moves, Pairs, States, fold
from engagement.points import Bools, Compiled, Days, Ints, earn
from engagement.status import Hold
from engagement.words import STATUSES
from store.db import Read, Write
from store.rules import ActiveRules

Result = TypeVar("Result")

#: So many rows are some milliseconds of work.
_MANY: Final = 5_000
#: Bytes before the first cell of an array of one dimension, as PostgreSQL sends it.
_HEADER: Final = 20
#: Bytes of a cell with a 32-bit number: its size comes before it.
_CELL: Final = 8


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
    (row,) = await connection.fetch(_TALLIES, list(members), first, last)
    return await columns(row)


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
    # Of a query that is asked for one row only, PostgreSQL makes no parallel plan.
    (row,) = await connection.fetch(_PAIRS, ids, given, received, first, last)
    table = await columns(row)
    return await aside(table.shape[1], lambda: pairs_among(table, members, compiled))


def pairs_among(table: Ints, members: Sequence[int], compiled: Compiled) -> Pairs:
    """The pairs of columns of member, day, type, grade, who, as positions in ``members``.

    A ``who`` that is no positive number is nobody that is known.
    """
    member, day, type_id, grade, who = table
    by_day = compiled.by_day[type_id]
    counts = (compiled.rate_x100[type_id, grade] > 0) & (by_day | (who > 0))
    member, day, type_id, who = member[counts], day[counts], type_id[counts], who[counts]
    ids = np.array(members, np.int64)
    ascending = np.argsort(ids, kind="stable")
    # A member who is asked about twice is where they stand last.
    place = ascending[np.searchsorted(ids, member, "right", sorter=ascending) - 1]
    index = compiled.index[type_id]
    who = np.where(by_day[counts], -day, who)
    order = np.lexsort((who, index, day, place))
    start = np.searchsorted(place[order], np.arange(len(members) + 1))
    return Pairs(start, day[order], index[order], who[order])


async def columns(row: Any) -> Ints:
    """The columns of whole numbers that a row of ``array_send`` has; empty where they are null.

    Those of the first have 32 bits.

    As rows of their own, a hundred thousand numbers would be as many objects: most of the time.
    """
    rows = len(row[0] or b"") // _CELL
    return await aside(rows, lambda: np.array([_numbers(sent) for sent in row], np.int64))


def _numbers(sent: bytes | None) -> NDArray[np.signedinteger[Any]]:
    """The numbers of an array as PostgreSQL sends it: each with its size in bytes before it."""
    if sent is None:
        return np.zeros(0, np.int64)
    (size,) = np.frombuffer(sent, ">i4", 1, offset=_HEADER)
    cell = np.dtype([("size", ">i4"), ("number", f">i{size}")])
    found: NDArray[np.signedinteger[Any]] = np.frombuffer(sent, cell, offset=_HEADER)["number"]
    return found


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

    def work(until: Ints, pairs: Pairs | None) -> Fold:
        return fold(start, days, until, rules.compiled, holds=holds, pairs=pairs)

    size = len(days.day)
    result = await aside(size, lambda: work(until, None))
    wants = result.wants_pairs
    if wants.any():
        last = int(np.max(until[wants]))
        pairs = await pairs_of(connection, members, wants, rules, last=last)
        again = await aside(size, lambda: work(np.where(wants, until, start.day), pairs))
        result.states.put(wants, again.states.take(wants))
        moves = instead(result.moves, again.moves, wants)
        result = Fold(result.states, moves, again.wants_pairs)
    return result


def instead(moves: Moves, others: Moves, of: Bools) -> Moves:
    """``moves``, but those of the members ``of`` from ``others``."""
    kept = ~of[moves.member]
    return Moves(
        *(
            np.concatenate([getattr(moves, name)[kept], getattr(others, name)])
            for name in ("member", "day", "before", "after", "cause")
        )
    )


# The position of the member comes with each tally: they are folded in columns.
_TALLIES = """
    select array_send(array_agg((m.position - 1)::int)), array_send(array_agg(t.day)),
        array_send(array_agg(t.type_id)), array_send(array_agg(t.side)),
        array_send(array_agg(t.grade)), array_send(array_agg(t.n))
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
    select array_send(array_agg(member)), array_send(array_agg(day)),
        array_send(array_agg(type_id)), array_send(array_agg(grade)), array_send(array_agg(who))
    from (
        select distinct actor_id as member, day, type_id, grade, coalesce(target_id, 0) as who
        from action
        where actor_id = any($1::int[]) and type_id = any($2::smallint[])
            and day between $4 and $5 and state = 0 and target_id is distinct from actor_id
        union all
        select distinct target_id, day, type_id, grade, coalesce(actor_id, 0) from action
        where target_id = any($1::int[]) and type_id = any($3::smallint[])
            and day between $4 and $5 and state = 0 and target_id is distinct from actor_id
    ) both_of_them
"""
