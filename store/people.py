"""What is done to one person: a status locked, accounts merged, everything of them erased."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np

from engagement.words import STATUSES, Cause, Role, Status
from store import audit, effects, names, rules, standings
from store.announce import Change, announce
from store.audit import COMMAND_LINE, Actor, Kind
from store.db import Database, StoreError, Write, day_date
from store.erasure import hide
from store.listen import MERGES
from store.members import UnknownMember
from store.record_counters import rise
from store.rules import ActiveRules

_CALLED: Final = {Role.STAFF: "staff", Role.BOT: "a bot"}


class NotAllowed(StoreError):
    """The change makes no sense for this member; the message says why."""


async def lock_status(
    database: Database,
    member_id: int,
    status: Status,
    *,
    until_day: int | None,
    reason: str,
    by: Actor = COMMAND_LINE,
    now: datetime,
) -> None:
    """Keep a member at a status from today to the day before ``until_day`` (None: until ended).

    A lock that is in force ends. Raises UnknownMember, NotAllowed when ``until_day`` has come.
    """
    today = database.day(now)
    if until_day is not None and until_day <= today:
        raise NotAllowed("the lock would end before it begins; expected a later day")

    async def work(connection: Write) -> None:
        active = await rules.in_force(database, connection)
        (role,) = await _living(connection, [member_id])
        if role is not Role.MEMBER:
            raise NotAllowed(f"they are {_CALLED[role]}, who has no status; expected a member")
        before = await _kept(connection, member_id, today)
        await connection.execute(_END_LOCKS, member_id, today)
        code = STATUSES.index(status)
        await connection.execute(_LOCK, member_id, code, today, until_day, reason, by.name, now)
        changes = await _refold(connection, member_id, active, Cause.LOCK, today=today, now=now)
        after = await _kept(connection, member_id, today)
        about = (by, "lockStatus", Kind.MEMBER, [member_id])
        await audit.write(connection, *about, before=before, after=after, now=now)
        await announce(connection, changes, active, now=now)

    await database.in_write(work)


async def end_lock(
    database: Database, member_id: int, *, by: Actor = COMMAND_LINE, now: datetime
) -> None:
    """End the lock of a member today. Raises UnknownMember, NotAllowed when there is none."""
    today = database.day(now)

    async def work(connection: Write) -> None:
        active = await rules.in_force(database, connection)
        await _living(connection, [member_id])
        before = await _kept(connection, member_id, today)
        if await connection.execute(_END_LOCKS, member_id, today) == "UPDATE 0":
            raise NotAllowed("the member's status is not locked")
        changes = await _refold(connection, member_id, active, Cause.LOCK, today=today, now=now)
        after = await _kept(connection, member_id, today)
        about = (by, "endLock", Kind.MEMBER, [member_id])
        await audit.write(connection, *about, before=before, after=after, now=now)
        await announce(connection, changes, active, now=now)

    await database.in_write(work)


async def merge_members(
    database: Database,
    keep_id: int,
    other_id: int,
    *,
    by: Actor = COMMAND_LINE,
    now: datetime,
) -> None:
    """Make one person of two: everything of ``other_id`` becomes that of ``keep_id``.

    What each did to the other becomes an action on oneself. Raises UnknownMember, NotAllowed.
    """
    if keep_id == other_id:
        raise NotAllowed("a member cannot be merged with themselves; expected two members")

    today = database.day(now)

    async def work(connection: Write) -> None:
        await _alone(connection)
        active = await rules.active(database, connection)
        await _living(connection, [keep_id, other_id])
        guarded = np.flatnonzero(np.isin(active.compiled.index, active.compiled.guarded)).tolist()
        met = await connection.fetch(_MET, [keep_id, other_id], guarded)
        others = {row["member_id"] for row in met}
        locked = await standings.lock(connection, [keep_id, other_id, *others])
        both = (("keep", keep_id), ("merge", other_id))
        before = {word: await _status(connection, number) for word, number in both}
        for statement in _MERGE:
            await connection.execute(statement, keep_id, other_id)
        await connection.execute("select pg_notify($1, '')", MERGES)
        await rise(connection, effects.Effects(), [keep_id], None)
        await effects.recount(connection, [keep_id, other_id])
        changes = await _refold(connection, keep_id, active, Cause.MERGE, today=today, now=now)
        # For the others two people have become one.
        changes += await standings.settle(
            connection,
            locked,
            active,
            fresh=(),
            late=others,
            today=today,
            now=now,
            cause=Cause.MERGE,
        )
        after = {"keep": await _status(connection, keep_id)}
        about = (by, "mergeMembers", Kind.MEMBER, [keep_id, other_id])
        await audit.write(connection, *about, before=before, after=after, now=now)
        await announce(connection, changes, active, now=now)

    await database.in_write(work)


async def erase_member(
    database: Database, member_id: int, *, by: Actor = COMMAND_LINE, now: datetime
) -> None:
    """Take away whatever tells who a member is; what they did keeps counting for others.

    Their texts go, and every id that a source gave to them, their posts and what they did or
    received becomes a keyed hash: a re-import meets the tombstone. Raises UnknownMember.
    """

    async def work(connection: Write) -> None:
        await _alone(connection)
        await _living(connection, [member_id])
        await standings.lock(connection, [member_id])
        value = await connection.fetchval("select value from setting where key = 'erasure_key'")
        secret = bytes.fromhex(value)
        await hide(connection, secret, _IDENTIFYING, member_id)
        for statement in _ERASE:
            await connection.execute(statement, member_id, now)
        await audit.forget(connection, member_id)
        await audit.write(
            connection, by, "eraseMember", Kind.MEMBER, [member_id], after=_ERASED, now=now
        )

    await database.in_write(work)


async def _alone(connection: Write) -> None:
    """Wait until nobody records: a call under way may have read who a member is, to write it."""
    await connection.execute(names.ALONE, names.IN_USE)


async def _living(connection: Write, members: Sequence[int]) -> list[Role]:
    """Lock the rows of members that can still be changed, in order, and say who they are.

    Raises UnknownMember.
    """
    rows = await connection.fetch(_LIVING, sorted(members))
    missing = set(members) - {row["id"] for row in rows}
    if missing:
        raise UnknownMember("there is no such member; they may have been merged or erased")
    return [Role(row["role"]) for row in rows]


async def _refold(
    connection: Write,
    member_id: int,
    active: ActiveRules,
    cause: Cause,
    *,
    today: int,
    now: datetime,
) -> list[Change]:
    locked = await standings.lock(connection, [member_id])
    return await standings.refold(
        connection, locked, [member_id], active, today=today, now=now, cause=cause
    )


async def _kept(connection: Write, member_id: int, today: int) -> dict[str, Any]:
    """Status and lock of a member as they are kept, for the audit log."""
    row = await connection.fetchrow(_LOCKED, member_id, today)
    lock = None
    if row is not None:
        until = row["until_day"]
        lock = {
            "status": STATUSES[row["status"]].value,
            "until": None if until is None else day_date(until - 1).isoformat(),
            "reason": row["reason"],
        }
    return {**await _status(connection, member_id), "lock": lock}


async def _status(connection: Write, member_id: int) -> dict[str, str | None]:
    code = await connection.fetchval(_STATUS, member_id)
    return {"status": None if code is None else STATUSES[code].value}


#: All that the audit log says of an erasure.
_ERASED: Final = {"state": "erased"}

_STATUS = "select status from standing where member_id = $1 and state <> ''"

_LOCKED = """
    select status, until_day, reason from hold
    where member_id = $1 and kind = 'lock' and from_day <= $2
        and (until_day is null or until_day > $2)
    order by id desc limit 1
"""

_LIVING = """
    select id, role from member
    where id = any($1::int[]) and merged_into is null and erased_at is null
    order by id for no key update
"""

# Whoever has something to do with one of two members that somebody may count.
_MET = """
    select target_id as member_id from action
    where actor_id = any($1::int[]) and type_id = any($2::smallint[]) and target_id is not null
        and target_id <> all($1::int[])
    union
    select actor_id from action
    where target_id = any($1::int[]) and type_id = any($2::smallint[]) and actor_id is not null
        and actor_id <> all($1::int[])
"""

_END_LOCKS = """
    update hold set until_day = greatest($2, from_day)
    where member_id = $1 and kind = 'lock' and (until_day is null or until_day > $2)
"""

_LOCK = """
    insert into hold (member_id, kind, status, from_day, until_day, reason, by, created_at)
    values ($1, 'lock', $2, $3, $4, $5, $6, $7)
"""

_MERGE = (
    "update account set member_id = $1 where member_id = $2",
    "update post set author_id = $1 where author_id = $2",
    "update action set actor_id = $1 where actor_id = $2",
    "update action set target_id = $1 where target_id = $2",
    "update hold set member_id = $1 where member_id = $2",
    "update counter set member_id = $1 where member_id = $2",
    """update offer set session = null where member_id = $2 and (surface, session) in (
            select surface, session from offer where member_id = $1)""",
    "update offer set member_id = $1 where member_id = $2",
    # A no that either of them has said is a no.
    """insert into consent (member_id, kind, allowed, at, by)
        select $1, kind, allowed, at, by from consent where member_id = $2
        on conflict (member_id, kind) do update set
            allowed = consent.allowed and excluded.allowed,
            at = greatest(consent.at, excluded.at)""",
    "delete from consent where member_id = $2 and $1::int is not null",
    "delete from candidate where member_id = $2 and $1::int is not null",
    "delete from refold where member_id = $2 and $1::int is not null",
    "delete from standing where member_id = $2 and $1::int is not null",
    "update member set merged_into = $1 where id = $2",
    "update member set merged_into = $1 where merged_into = $2",
    """update member k set
            name = coalesce(k.name, o.name),
            search_name = case when k.name is null then o.search_name else k.search_name end,
            joined_at = least(k.joined_at, o.joined_at),
            seen_day = least(k.seen_day, o.seen_day), zone = coalesce(k.zone, o.zone),
            lang = coalesce(k.lang, o.lang), attributes = o.attributes || k.attributes,
            known = k.known or o.known
        from member o where k.id = $1 and o.id = $2""",
)

#: (table, column, which rows): every id that a source gave to what is the member's.
_IDENTIFYING = (
    (
        "retraction",
        "undoes",
        "action_id in (select id from action where actor_id = $1 or target_id = $1)",
    ),
    (
        "retraction",
        "external_id",
        "action_id in (select id from action where actor_id = $1 or target_id = $1)",
    ),
    (
        "alias",
        "external_id",
        "action_id in (select id from action where actor_id = $1 or target_id = $1)",
    ),
    ("action", "external_id", "actor_id = $1 or target_id = $1"),
    ("post", "external_id", "author_id = $1"),
    ("counter", "account", "member_id = $1"),
    ("account", "external_id", "member_id = $1"),
)

_ERASE = (
    """update post set title = null, text = null
        where author_id = $1 and $2::timestamptz is not null""",
    "update hold set reason = 'erased' where member_id = $1 and $2::timestamptz is not null",
    # That a prompt was shown, and what came of it, keeps counting; which visit it was does not.
    "update offer set session = null where member_id = $1 and $2::timestamptz is not null",
    "delete from consent where member_id = $1 and $2::timestamptz is not null",
    "delete from candidate where member_id = $1 and $2::timestamptz is not null",
    # Only the day of joining stays: from it on their standing is folded.
    """update member set
            seen_day = least(seen_day, (joined_at at time zone (
                select value from setting where key = 'zone'))::date - date '1970-01-01'),
            joined_at = null, name = null, search_name = '', zone = null, lang = null,
            attributes = '{}', state = 'deleted', erased_at = $2
        where id = $1""",
    """update member set name = null, search_name = '', attributes = '{}', zone = null,
            lang = null, joined_at = null
        where merged_into = $1 and $2::timestamptz is not null""",
)
