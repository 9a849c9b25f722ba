"""The baseline of recording: the bare log, merged idempotently, as one would write it by hand.

The table has the columns, keys, indexes, checks and foreign keys of ``action``. One statement per
batch resolves the source's ids by joins and inserts what is new.
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from sources.records import ActionRecord
from store.names import Names


async def make_table(connection: asyncpg.Connection) -> None:
    """Make ``bare_action`` in the likeness of ``action``, with what is in it so far."""
    await connection.execute(_TABLE)
    for name, definition in await connection.fetch(_FOREIGN_KEYS):
        await connection.execute(f"alter table bare_action add constraint {name} {definition}")
    await connection.execute("insert into bare_action overriding system value table action")
    await connection.execute(_GO_ON)


async def merge(
    connection: asyncpg.Connection,
    names: Names,
    records: Sequence[ActionRecord],
    *,
    table: str = "bare_action",
) -> None:
    """Merge one batch of one source's actions in one transaction."""
    types = names.types
    await connection.execute(
        _MERGE.format(table=table),
        names.sources[records[0].source],
        [one.id for one in records],
        [types[one.venue, one.verb] for one in records],
        [one.time for one in records],
        [int(one.precision) for one in records],
        [one.count for one in records],
        [one.actor for one in records],
        [one.target for one in records],
        [one.post for one in records],
    )


_TABLE = "create table bare_action (like action including all)"

_GO_ON = """
    select setval(pg_get_serial_sequence('bare_action', 'id'), max(id)) from bare_action
"""

_FOREIGN_KEYS = """
    select conname, pg_get_constraintdef(oid) from pg_constraint
    where conrelid = 'action'::regclass and contype = 'f'
"""

_MERGE = """
    insert into {table} (source_id, external_id, type_id, occurred_at, precision, day, n,
        actor_id, target_id, post_id, target_given)
    select $1, k.id, k.type_id, k.time, k.precision,
        (k.time at time zone (select value from setting where key = 'zone'))::date
            - date '1970-01-01',
        k.n, actor.member_id, coalesce(target.member_id, post.author_id), post.id,
        target.member_id is not null
    from unnest($2::text[], $3::smallint[], $4::timestamptz[], $5::smallint[], $6::int[],
        $7::text[], $8::text[], $9::text[]
    ) as k(id, type_id, time, precision, n, actor, target, post)
    left join account actor on actor.source_id = $1 and actor.external_id = k.actor
    left join account target on target.source_id = $1 and target.external_id = k.target
    left join post on post.source_id = $1 and post.external_id = k.post
    on conflict (source_id, external_id) do nothing
"""
