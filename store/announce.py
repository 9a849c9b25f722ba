"""Changes of status as they are announced: written down in the order of their commits, and read.

Somebody who has read the changes up to a number must never miss one below it that is committed
later. So a transaction draws its numbers while it holds a lock that no other one gets before it
has committed. Whatever else it writes comes first, so that the others do not wait for more than
its commit (docs/decisions/0014-changes-in-order-of-commit.md).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import asyncpg

from engagement.words import STATUSES, Cause, Status
from store.db import Database, Read, Write
from store.listen import CHANGES
from store.rules import ActiveRules

#: Held by whoever has drawn numbers of changes, until they commit.
_ANNOUNCING: Final = 0x696B75616E6E
#: More changes than there may be in what a backup does not hold.
_LOST: Final = 1_000_000_000


class Change(NamedTuple):
    """A member's status before (None: they had none) and after, as positions in STATUSES."""

    member_id: int
    day: int
    before: int | None
    after: int
    cause: str


@dataclass(frozen=True, slots=True)
class Announced:
    """A change of status as it was told when it was noticed; numbers rise as they are committed.

    Followers hear of it where it is ``told``.
    """

    id: int
    member_id: int
    day: int
    at: datetime
    rule_set_id: int
    before: Status | None
    after: Status
    cause: Cause
    told: bool


async def announce(
    connection: Write, changes: Sequence[Change], rules: ActiveRules, *, now: datetime
) -> None:
    """Write changes down, and wake up whoever follows them; the last thing in a transaction.

    What a change of rules does to members is told only where its activation asked for it
    (docs/decisions/0020-who-is-told-of-other-rules.md).
    """
    if changes:
        columns: list[list[Any]] = [list(column) for column in zip(*changes, strict=True)]
        await connection.execute("select pg_advisory_xact_lock($1)", _ANNOUNCING)
        await connection.execute(_ANNOUNCE, now, rules.id, CHANGES, *columns)


async def skip_lost(database: Database) -> None:
    """Number later changes far above those that were lost with what a backup does not hold.

    A client may come back with the number of a lost one: if new changes had numbers up to it, the
    client would never hear of them.
    """

    async def work(connection: Write) -> None:
        await connection.execute("select pg_advisory_xact_lock($1)", _ANNOUNCING)
        sequence = await connection.fetchval("select pg_get_serial_sequence('transition', 'id')")
        await connection.execute("select setval($1, nextval($1) + $2)", sequence, _LOST)

    await database.in_write(work)


async def of_members(
    connection: Read, ids: Sequence[int], *, first: int, before: int | None
) -> dict[int, list[Announced]]:
    """The newest ``first`` changes of each member with numbers below ``before``."""
    found: dict[int, list[Announced]] = {id_: [] for id_ in ids}
    for row in await connection.fetch(_OF_MEMBERS, list(ids), before, first):
        found[row["member_id"]].append(_announced(row))
    return found


async def newest(connection: Read) -> int:
    """The number of the newest change, 0 where there is none."""
    number: int = await connection.fetchval("select coalesce(max(id), 0) from transition")
    return number


async def following(
    connection: Read, after: int, *, first: int, of: Collection[int] | None = None
) -> list[Announced]:
    """At most ``first`` changes above the number ``after``, in order; ``of`` members or of all."""
    if of is None:
        rows = await connection.fetch(_FOLLOWING, after, first)
    else:
        rows = await connection.fetch(_FOLLOWING_OF, after, first, list(of))
    return [_announced(row) for row in rows]


async def become(connection: Read, member_id: int) -> frozenset[int]:
    """A member and whoever has become part of them, whose changes are theirs as well."""
    rows = await connection.fetch(_BECOME, member_id)
    return frozenset({member_id, *(row["id"] for row in rows)})


async def merged(connection: Read, ids: Collection[int]) -> frozenset[int]:
    """Those of ``ids`` who have become part of another member."""
    rows = await connection.fetch(_MERGED, list(ids))
    return frozenset(row["id"] for row in rows)


def _announced(row: asyncpg.Record) -> Announced:
    before = row["from_status"]
    return Announced(
        id=row["id"],
        member_id=row["member_id"],
        day=row["day"],
        at=row["at"],
        rule_set_id=row["rule_set_id"],
        before=None if before is None else STATUSES[before],
        after=STATUSES[row["to_status"]],
        cause=Cause(row["cause"]),
        told=row["told"],
    )


_ANNOUNCE = """
    with added as (
        insert into transition
            (at, rule_set_id, member_id, day, from_status, to_status, cause, told)
        select $1, $2, c.*, c.cause <> 'rule_change' or r.notify
        from unnest($4::int[], $5::int[], $6::smallint[], $7::smallint[], $8::text[])
            as c(member_id, day, before, after, cause)
        join rule_set r on r.id = $2
        returning 1
    )
    select pg_notify($3, '') from added limit 1
"""

_OF_MEMBERS = """
    select t.* from unnest($1::int[]) asked(member_id) cross join lateral (
        select * from transition t
        where t.member_id = asked.member_id and ($2::bigint is null or t.id < $2)
        order by t.id desc limit $3
    ) t
"""

_FOLLOWING = "select * from transition where id > $1 order by id limit $2"

# Of each by its own index: for several at once PostgreSQL may walk through the changes of all.
_FOLLOWING_OF = """
    select t.* from unnest($3::int[]) followed(member_id) cross join lateral (
        select * from transition t
        where t.member_id = followed.member_id and t.id > $1 order by t.id limit $2
    ) t
    order by t.id limit $2
"""

# Whoever was merged into somebody who is merged becomes part of the last (store/people.py).
_BECOME = "select id from member where merged_into = $1"
_MERGED = "select id from member where id = any($1::int[]) and merged_into is not null"
