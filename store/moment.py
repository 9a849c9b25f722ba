"""What a read is about: the rules in force, today, and the day reports speak of by default."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from store import rules
from store.db import Database, Read
from store.rules import ActiveRules


@dataclass(slots=True)
class Newest:
    """The newest day on which anything was done, as far as this process knows it.

    ``seen`` says of what state of the database this was found out.
    """

    day: int | None = None
    seen: str | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """``day`` is today, or for an archive the day after its newest action (``archive``)."""

    rules: ActiveRules
    today: int
    day: int
    archive: bool
    now: datetime


async def moment(database: Database, connection: Read, newest: Newest, *, now: datetime) -> Moment:
    """The moment of a read at ``now``.

    Where nothing was done inside the window that ends today, the data are an archive, and what is
    asked without a day is asked about the day after its newest action. In a living community this
    is known already and costs no statement. Of an archive all tallies are read, and not again while
    nobody has written anything since.
    """
    active = await rules.active(database, connection)
    today = database.day(now)
    oldest = today - active.rules.window_days
    if newest.day is None or newest.day <= oldest:
        seen = await connection.fetchval("select pg_current_snapshot()::text")
        if newest.seen != seen:
            newest.day, newest.seen = await _newest(connection, oldest, today), seen
    archive = newest.day is not None and newest.day <= oldest
    day = newest.day + 1 if archive and newest.day is not None else today
    return Moment(active, today, day, archive, now)


async def _newest(connection: Read, oldest: int, today: int) -> int | None:
    """The newest day with an action that is not of the future.

    Of a living community the last recorded ones are recent, which saves looking through all.
    """
    last: int | None = await connection.fetchval(_LAST_RECORDED, today)
    if last is not None and last > oldest:
        return last
    found: int | None = await connection.fetchval(_NEWEST, today)
    return found


_LAST_RECORDED = """
    select max(day) from (select day from action order by id desc limit 1000) a where day <= $1
"""

_NEWEST = "select max(day) from tally where day <= $1 and n > 0"
