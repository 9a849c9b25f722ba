"""Everything that is due: days that went by, members marked, retractions that can be applied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engagement.words import Cause
from store import erasure, names, rules, standings
from store.db import Database, Write
from store.record import finish
from store.record_retractions import apply_waiting
from store.recording import Recording

#: Members per transaction of due work.
_CHUNK: Final = 5_000

#: Told after every chunk: how many members were looked at so far, and of how many that are due.
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class RefreshReport:
    """What one refresh did: members looked at, and retractions that found their action."""

    members: int
    retractions: int


async def refresh(
    database: Database, *, now: datetime, progress: Progress | None = None
) -> RefreshReport:
    """Do all due work, chunk by chunk, each in a transaction of its own.

    Safe to run in several processes at once and to interrupt: what is not done stays due.
    """
    retractions = await _apply_retractions(database, now)
    members = 0
    total = 0 if progress is None else await _due_in_all(database, now)
    while done := await _chunk(database, now=now):
        members += done
        if progress is not None:
            progress(members, max(total, members))
    return RefreshReport(members, retractions)


async def _due_in_all(database: Database, now: datetime) -> int:
    """How many members are due; it looks at every standing."""
    async with database.read() as connection:
        active = await rules.active(database, connection)
        count: int = await connection.fetchval(_DUE, active.id, database.day(now))
    return count


async def _chunk(database: Database, *, now: datetime) -> int:
    """Do one chunk of what is due: marked members, other rules, a review day that has come.

    Returns how many members were looked at; 0 means that nothing is due.
    """
    today = database.day(now)

    async def work(connection: Write) -> int:
        active = await rules.in_force(database, connection)
        marked = await connection.fetch(_DUE_MARKED, _CHUNK)
        causes = {row["member_id"]: row["cause"] for row in marked}
        room = _CHUNK - len(causes)
        for row in await connection.fetch(_DUE_RULES, active.id, room) if room else ():
            causes.setdefault(row["member_id"], row["cause"])
        due = await connection.fetch(_DUE_DAYS, today, _CHUNK) if not causes else []
        locked = await standings.lock(connection, [*causes, *(row["member_id"] for row in due)])
        for cause in sorted(set(causes.values())):
            members = [m for m, why in causes.items() if why == cause]
            await standings.refold(
                connection, locked, members, active, today=today, now=now, cause=Cause(cause)
            )
        await standings.keep_today(
            connection, locked, [row[0] for row in due], active, today=today, now=now
        )
        return len(locked)

    return await database.in_write(work)


async def _apply_retractions(database: Database, now: datetime) -> int:
    """Retractions whose action was being recorded by somebody else when they arrived."""
    vocabulary = await names.learn(database, (), ())

    async def work(connection: Write) -> int:
        active = await rules.in_force(database, connection)
        recording = Recording(
            connection=connection,
            database=database,
            names=vocabulary,
            now=now,
            today=database.day(now),
            secret=await erasure.erasure_key(connection),
            rules=active,
        )
        met = await apply_waiting(connection, recording.effects)
        if met:
            await finish(recording, defer=False)
        return met

    return await database.in_write(work)


_DUE = """
    select count(*) from standing s
    where s.rule_set_id is distinct from $1
        or (s.next_review_day <= $2 and s.day < $2)
        or exists (select 1 from refold r where r.member_id = s.member_id)
"""

_DUE_MARKED = """
    select member_id, cause from refold order by member_id limit $1 for update skip locked
"""


_DUE_RULES = """
    select member_id, case when state = '' then 'import' else 'rule_change' end as cause
    from standing where rule_set_id is distinct from $1
    order by member_id limit $2
"""


# A scan once a day: an index on this column would be rewritten with every action.
_DUE_DAYS = """
    select member_id from standing
    where next_review_day <= $1 and day < $1 order by member_id limit $2
"""
