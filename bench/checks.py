"""Whether what recording keeps is what the actions say: rows, tallies and standings."""

from __future__ import annotations

from datetime import datetime

import asyncpg

from bench.ground import held
from engagement.words import Cause
from store import rules, standings
from store.db import Database, Read, Write

_SAMPLE = 2_000


async def same_rows(connection: asyncpg.Connection) -> bool:
    """Whether ``action`` and ``bare_action`` hold the same."""
    sums = {await connection.fetchval(_ROWS.format(table=t)) for t in ("action", "bare_action")}
    return len(sums) == 1


async def tallies_hold(connection: asyncpg.Connection) -> bool:
    """Whether the tallies are those that a count of the actions gives."""
    sums = {await connection.fetchval(_SUM.format(query=q)) for q in ("table tally", COUNTED)}
    return len(sums) == 1


async def wrong_standings(
    database: Database, *, now: datetime
) -> list[tuple[asyncpg.Record, asyncpg.Record]]:
    """Of some members those who do not stand where they are kept, with how a fold places them.

    They are folded again from their first day; nothing is changed. What is due must have been done
    before.
    """
    async with held(database) as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            members = [row[0] for row in await connection.fetch(_SOME, _SAMPLE)]
            before = await connection.fetch(_STANDINGS, members)
            write = Write(connection)
            locked = await standings.lock(write, members)
            await standings.refold(
                write,
                locked,
                members,
                await rules.active(database, Read(connection)),
                today=database.day(now),
                now=now,
                cause=Cause.IMPORT,
            )
            after = await connection.fetch(_STANDINGS, members)
            return [(a, b) for a, b in zip(before, after, strict=True) if a != b]
        finally:
            await transaction.rollback()


_ROWS = """
    select (count(*), sum(hash_record_extended(row(source_id, external_id, type_id, occurred_at,
        precision, day, n, actor_id, target_id, post_id, wrote_id, target_given, grade, state), 0)
    ))::text
    from {table}
"""

_SUM = """
    select (count(*), sum(hash_record_extended(
        row(member_id, day, type_id, side, grade, n), 0)))::text
    from ({query}) t
"""

# Written apart from store/effects.py on purpose: this is what it is checked by.
COUNTED = """
    select member_id, day, type_id, side, grade, sum(n)::bigint as n from (
        select actor_id as member_id, day, type_id,
            (case when actor_id = target_id then 2 else 0 end)::smallint as side, grade, n
        from action where state = 0 and actor_id is not null
        union all
        select target_id, day, type_id, 1::smallint, grade, n
        from action
        where state = 0 and target_id is not null and target_id is distinct from actor_id
    ) sides
    group by member_id, day, type_id, side, grade
"""

# Always the same ones, in an order that has nothing to do with who they are.
_SOME = "select member_id from standing order by hashint4(member_id), member_id limit $1"

# Not the day of the next review: a fold from the start also looks when a day without points leaves
# the window, which changes nothing and is not kept.
_STANDINGS = """
    select member_id, status, since, contribution, interaction, favorability, support
    from standing where member_id = any($1::int[]) order by member_id
"""
