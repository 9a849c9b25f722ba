"""Everything that is due: days that went by, members marked, rules whose day has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engagement.words import Cause
from store import erasure, names, rules, scenarios, standings
from store.announce import announce
from store.candidates import keeping
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
    """What one refresh did.

    Members looked at, retractions that found their action, and candidates of prompts that are new,
    changed or gone.
    """

    members: int
    retractions: int
    candidates: int


async def refresh(
    database: Database,
    *,
    now: datetime | Callable[[], datetime],
    progress: Progress | None = None,
) -> RefreshReport:
    """Do all due work, chunk by chunk, each in a transaction of its own.

    ``now`` is a moment, or a clock that every chunk asks anew. Safe to run in several processes at
    once, which share the work, and to interrupt: what is not done stays due. When it returns, all
    is done that was due when it began, whoever did it.
    """
    clock = now if callable(now) else lambda: now
    await rules.activate_due(database, now=clock())
    retractions = await _apply_retractions(database, clock())
    members = 0
    total = 0 if progress is None else await _due_in_all(database, clock())
    for waiting in (False, True):
        last: int | None = -1
        while last is not None:
            last, done = await _chunk(database, clock(), after=last, waiting=waiting)
            members += done
            if done and progress is not None:
                progress(members, max(total, members))
    return RefreshReport(members, retractions, await _keep_candidates(database, clock()))


async def _keep_candidates(database: Database, now: datetime) -> int:
    """What prompts can be about, of the kinds that running scenarios want."""
    async with database.read() as connection:
        force = await scenarios.now_in_force(database, connection)
    kept = await keeping.keep(database, force.kinds, now=now)
    return 0 if kept is None else kept.written + kept.removed


async def _due_in_all(database: Database, now: datetime) -> int:
    """How many members are due; it looks at every standing."""
    async with database.read() as connection:
        active = await rules.active(database, connection)
        count: int = await connection.fetchval(_DUE, active.id, database.day(now))
    return count


async def _chunk(
    database: Database, now: datetime, *, after: int, waiting: bool
) -> tuple[int | None, int]:
    """``place_due`` in a transaction of its own."""
    return await database.in_write(
        lambda connection: place_due(database, connection, now, after=after, waiting=waiting)
    )


async def place_due(
    database: Database, connection: Write, now: datetime, *, after: int, waiting: bool
) -> tuple[int | None, int]:
    """Do one chunk of what is due: marked members, other rules, a review day that has come.

    It begins after the member ``after``. Without ``waiting`` members that somebody else has in hand
    are left out. Returns the last member looked at (None: there is nobody more), and how many.
    """
    today = database.day(now)
    await connection.execute(_UNHURRIED)
    active = await rules.in_force(database, connection)
    due = await connection.fetch(_NEXT if waiting else _NEXT_FREE, active.id, today, _CHUNK, after)
    locked = {row["member_id"]: row for row in due}
    again: dict[str, list[int]] = {}
    for row in due:
        if row["cause"] is not None:
            again.setdefault(row["cause"], []).append(row["member_id"])
    changes = []
    for cause, members in sorted(again.items()):
        changes += await standings.refold(
            connection, locked, members, active, today=today, now=now, cause=Cause(cause)
        )
    by_time = [row["member_id"] for row in due if row["cause"] is None]
    changes += await standings.keep_today(connection, locked, by_time, active, today=today)
    await announce(connection, changes, active, now=now)
    return (due[-1]["member_id"] if due else None), len(due)


async def _apply_retractions(database: Database, now: datetime) -> int:
    """Retractions whose action was being recorded by somebody else when they arrived."""
    vocabulary = await names.learn(database, (), ())

    async def work(connection: Write) -> int:
        await connection.execute(_UNHURRIED)
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


# Due work may take its time, also where requests may not.
_UNHURRIED = "set local statement_timeout = 0"

_DUE = """
    select count(*) from standing s
    where s.rule_set_id is distinct from $1
        or (s.next_review_day <= $2 and s.day < $2)
        or exists (select 1 from refold r where r.member_id = s.member_id)
"""

# Locked in the order of the members, as in standings.lock.
_NEXT = """
    select s.member_id, s.rule_set_id, s.day, s.status, s.next_review_day, s.state, s.recent,
        case when r.cause is not null then r.cause
            when s.state = '' then 'import'
            when s.rule_set_id is distinct from $1 then 'rule_change'
        end as cause
    from standing s left join refold r on r.member_id = s.member_id
    where s.member_id > $4 and (
        r.member_id is not null or s.rule_set_id is distinct from $1
        or (s.next_review_day <= $2 and s.day < $2))
    order by s.member_id limit $3 for no key update of s
"""

_NEXT_FREE = f"{_NEXT} skip locked"
