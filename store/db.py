"""Connections to PostgreSQL; the one place that commits.

``read()`` gives a snapshot that cannot write, ``in_write()`` runs a function in a transaction and
commits it, again from the start where PostgreSQL chose it as the victim of a deadlock.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NewType, TypeVar
from zoneinfo import ZoneInfo

import asyncpg
import orjson

Result = TypeVar("Result")

#: A connection inside a read-only transaction, and one inside a transaction that may write.
Read = NewType("Read", asyncpg.Connection)
Write = NewType("Write", asyncpg.Connection)

_RETRIES = 5
_EPOCH = date(1970, 1, 1)


class StoreError(Exception):
    """What the caller can do something about; the message says what."""


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def day_date(number: int) -> date:
    """The calendar day of a day number."""
    return date.fromordinal(_EPOCH.toordinal() + number)


@dataclass(frozen=True, slots=True)
class Database:
    """A pool of connections to one migrated database, and the community's time zone."""

    pool: asyncpg.Pool
    zone: ZoneInfo

    def day(self, moment: datetime) -> int:
        """The number of the community's calendar day at ``moment``."""
        return moment.astimezone(self.zone).toordinal() - _EPOCH.toordinal()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Read]:
        """A connection that sees one snapshot and refuses to write."""
        async with (
            self.pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield Read(connection)

    async def in_write(self, work: Callable[[Write], Awaitable[Result]]) -> Result:
        """Run ``work`` in one transaction and commit it.

        ``work`` may run more than once: it must not change anything but the database.
        """
        for attempt in range(_RETRIES):
            try:
                async with self.pool.acquire() as connection, connection.transaction():
                    return await work(Write(connection))
            except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
                if attempt == _RETRIES - 1:
                    raise
        raise AssertionError("unreachable")

    async def close(self) -> None:
        """Close every connection, waiting for those in use."""
        await self.pool.close()


async def connect(url: str, *, least: int = 1, most: int = 10) -> Database:
    """Open a pool on a migrated database.

    Raises StoreError when the database cannot be reached or is not at the newest migration.
    """
    pool = await asyncpg.create_pool(url, min_size=least, max_size=most, init=_init)
    zone = await pool.fetchval("select value from setting where key = 'zone'")
    return Database(pool, ZoneInfo(zone))


async def _init(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec(
        "jsonb", encoder=_dumps, decoder=orjson.loads, schema="pg_catalog"
    )


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def utc(moment: datetime) -> datetime:
    """The same moment in UTC."""
    return moment.astimezone(UTC)
