"""Counters: exported totals of members, held against the actions that explain part of them.

A member's lifetime number is the larger of the counter and the actions of its source, never their
sum. So a snapshot adds to the tallies of its day what neither the actions up to then nor an earlier
snapshot has told: as a rule the rise since the one before, less the actions in between. A counter
of the venue ``site`` is about its verb in every venue.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engagement.words import Side
from sources.records import CounterRecord, Direction
from store.db import Write
from store.effects import Effects
from store.recording import Recording

#: The venue of counters that do not say where.
ANYWHERE = "site"

#: Before all days.
_EVER = -(2**31)

_SIDES = {Direction.GIVEN: Side.GIVEN, Direction.RECEIVED: Side.RECEIVED}


async def record_counters(r: Recording, records: Sequence[tuple[int, CounterRecord]]) -> None:
    """Keep snapshots; one of the same moment replaces the one before."""
    if not records:
        return
    counts = r.receipt.of("counter")
    last: dict[tuple[object, ...], tuple[int, CounterRecord]] = {}
    for _, one in records:
        source = r.names.sources[one.source]
        member = r.members.ids[source, one.member]
        type_id = r.names.types[one.venue, one.verb]
        account = r.own_id(source, one.member, member)
        key = (member, source, type_id, int(_SIDES[one.direction]), one.as_of, account)
        last[key] = (r.day(one.as_of), one)
    counts.duplicate += len(records) - len(last)
    keys = sorted(last)
    columns = [list(column) for column in zip(*keys, strict=True)]
    rows = await r.connection.fetch(
        _SAVE, *columns, [last[k][0] for k in keys], [last[k][1].value for k in keys]
    )
    counts.recorded += sum(1 for row in rows if row["new"])
    counts.replaced += sum(1 for row in rows if not row["new"])
    counts.duplicate += len(keys) - len(rows)
    r.counted.update(row["member_id"] for row in rows)


async def touched(r: Recording, rows: NDArray[np.int64]) -> dict[int, int]:
    """Whose counters ``rows`` of changes bear upon, and from which day on.

    Their standings must be locked before the counters are held against the actions: what others
    record of them at the same time would not be seen.
    """
    if not r.counted and not await r.connection.fetchval(_ANY):
        return {}
    order = np.lexsort((rows[1], rows[0]))
    member, day = rows[0][order], rows[1][order]
    first = np.ones(len(member), np.bool_)
    first[1:] = member[1:] != member[:-1]
    found = dict(zip(member[first].tolist(), day[first].tolist(), strict=True))
    return found | dict.fromkeys(r.counted, _EVER)


async def rise(
    connection: Write, effects: Effects, members: Sequence[int], days: Sequence[int] | None
) -> None:
    """Work out anew what the counters of members add; only snapshots from their ``days`` on."""
    since = [_EVER] * len(members) if days is None else list(days)
    rows = await connection.fetch(_RISES, list(members), since, ANYWHERE)
    changed = [row for row in rows if row["rise"] != row["old"] or row["whole"] != row["was_whole"]]
    for row in changed:
        effects.tally(
            row["member_id"], row["day"], row["type_id"], row["side"], row["rise"] - row["old"]
        )
    if changed:
        columns = [
            [row[name] for row in changed]
            for name in (
                *("member_id", "source_id", "type_id", "side", "as_of", "account"),
                *("rise", "whole"),
            )
        ]
        await connection.execute(_SET_RISE, *columns)


_ANY = "select exists (select 1 from source where counts)"

_SAVE = """
    insert into counter as c (member_id, source_id, type_id, side, as_of, account, day, value)
    select * from unnest(
        $1::int[], $2::smallint[], $3::smallint[], $4::smallint[], $5::timestamptz[], $6::text[],
        $7::int[], $8::bigint[])
    on conflict (member_id, source_id, type_id, side, as_of, account)
        do update set value = excluded.value
        where c.value <> excluded.value
    returning member_id, xmax = 0 as new
"""

# Per snapshot what is left of the total of all accounts when the actions up to then are taken away
# (given ones by their actor, received ones by their target together with the anonymous counts of
# the target's posts); what of that no earlier snapshot had told. One from ahead of our clock has
# the day before its own.
_RISES = """
    with snapshot as (
        select c.*, m.since, (
            select sum(o.value) from (
                select distinct on (o.account) o.value from counter o
                where o.member_id = c.member_id and o.source_id = c.source_id
                    and o.type_id = c.type_id and o.side = c.side and o.as_of <= c.as_of
                order by o.account, o.as_of desc
            ) o
        ) as total, array(
            select t.id from action_type t join action_type o on o.id = c.type_id
            where t.id = o.id or (o.venue = $3 and t.verb = o.verb)
        ) as types
        from unnest($1::int[], $2::int[]) as m(member_id, since)
        join counter c on c.member_id = m.member_id
    ), unexplained as (
        select s.*, greatest(0, s.total - case s.side when 0 then (
            select coalesce(sum(a.n), 0) from action a
            where a.actor_id = s.member_id and a.source_id = s.source_id
                and a.type_id = any(s.types) and a.state = 0
                and a.target_id is distinct from a.actor_id and a.occurred_at <= s.as_of
        ) else (
            select coalesce(sum(a.n), 0) from action a
            where a.target_id = s.member_id and a.source_id = s.source_id
                and a.type_id = any(s.types) and a.state = 0
                and a.actor_id is distinct from a.target_id and a.occurred_at <= s.as_of
        ) + (
            select coalesce(sum(n.n), 0) from post p join post_count n on n.post_id = p.id
            where p.author_id = s.member_id and p.source_id = s.source_id
                and n.type_id = any(s.types) and n.day <= s.day
        ) end) as n
        from snapshot s
    ), risen as (
        select u.*, row_number() over w = 1 as first,
            greatest(0, n - coalesce(max(n) over (
                w rows between unbounded preceding and 1 preceding), 0))::bigint as risen
        from unexplained u
        window w as (
            partition by u.member_id, u.source_id, u.type_id, u.side
            order by u.as_of, u.account)
    )
    select member_id, source_id, type_id, side, as_of, account, day,
        rise as old, whole as was_whole, first as whole, risen as rise
    from risen where day + 1 >= since
"""

_SET_RISE = """
    update counter c set rise = v.rise, whole = v.whole
    from unnest($1::int[], $2::smallint[], $3::smallint[], $4::smallint[], $5::timestamptz[],
        $6::text[], $7::bigint[], $8::bool[]
    ) as v(member_id, source_id, type_id, side, as_of, account, rise, whole)
    where c.member_id = v.member_id and c.source_id = v.source_id and c.type_id = v.type_id
        and c.side = v.side and c.as_of = v.as_of and c.account = v.account
"""
