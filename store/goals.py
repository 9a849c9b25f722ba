"""Goals as managers set them: so many members of a status by a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg

from engagement.goals import Goal
from engagement.words import STATUSES, Status
from store import audit
from store.audit import COMMAND_LINE, Actor, Kind
from store.db import Database, Read, StoreError, Write, day_date

#: No goal is further away, in days.
FURTHEST: Final = 3650
#: No community has more members of a status.
MOST: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Kept:
    """A goal as it is kept: its number, and who set it when."""

    id: int
    goal: Goal
    by: str
    created_at: datetime


class UnknownGoal(StoreError):
    """There is no such goal."""


class NoGoal(StoreError):
    """What was given cannot be a goal; the message says why."""


async def all_goals(connection: Read) -> list[Kept]:
    """Every goal, the ones that end first before the others."""
    return [_kept(row) for row in await connection.fetch(_ALL)]


async def save(
    database: Database,
    status: Status,
    target: int,
    by_day: int,
    *,
    by: Actor = COMMAND_LINE,
    now: datetime,
) -> Kept:
    """Set a goal from today on; one for the same status and day takes its place.

    Raises NoGoal.
    """
    today = database.day(now)
    if not today < by_day <= today + FURTHEST:
        raise NoGoal(
            f"the day of a goal is {day_date(by_day)}; expected one from {day_date(today + 1)} to "
            f"{day_date(today + FURTHEST)}"
        )
    if not 0 <= target <= MOST:
        raise NoGoal(f"the target of a goal is {target}; expected a number from 0 to {MOST}")

    async def work(connection: Write) -> Kept:
        code = STATUSES.index(status)
        last = await connection.fetchrow(_OF, code, by_day)
        row = await connection.fetchrow(_SAVE, code, target, today, by_day, by.name, now)
        assert row is not None
        saved = _kept(row)
        before = None if last is None else _told(_kept(last))
        about = (by, "saveGoal", Kind.GOAL, [saved.id])
        await audit.write(connection, *about, before=before, after=_told(saved), now=now)
        return saved

    return await database.in_write(work)


async def delete(
    database: Database, number: int, *, by: Actor = COMMAND_LINE, now: datetime
) -> Kept:
    """Take a goal away; raises UnknownGoal."""

    async def work(connection: Write) -> Kept:
        row = await connection.fetchrow(_DELETE, number)
        if row is None:
            raise UnknownGoal(f"there is no goal with the number {number}")
        gone = _kept(row)
        about = (by, "deleteGoal", Kind.GOAL, [gone.id])
        await audit.write(connection, *about, before=_told(gone), now=now)
        return gone

    return await database.in_write(work)


def _kept(row: asyncpg.Record) -> Kept:
    goal = Goal(STATUSES[row["status"]], row["target"], row["from_day"], row["by_day"])
    return Kept(row["id"], goal, row["by"], row["created_at"])


def _told(kept: Kept) -> dict[str, object]:
    """A goal as the audit log tells it."""
    goal = kept.goal
    return {
        "status": goal.status.value,
        "target": goal.target,
        "from": str(day_date(goal.from_day)),
        "by": str(day_date(goal.by_day)),
    }


_ALL = "select * from goal order by by_day, status"
_OF = "select * from goal where status = $1 and by_day = $2 for update"
_SAVE = """
    insert into goal (status, target, from_day, by_day, by, created_at)
    values ($1, $2, $3, $4, $5, $6)
    on conflict (status, by_day) do update set
        target = excluded.target, from_day = excluded.from_day, by = excluded.by,
        created_at = excluded.created_at
    returning *
"""
_DELETE = "delete from goal where id = $1 returning *"
