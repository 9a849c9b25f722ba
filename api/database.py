"""The database that the settings name: the one at the URL, or the embedded one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.settings import Settings
from store.announce import skip_lost
from store.db import Database, connect
from store.embedded import Embedded, ensure
from store.migrate import migrate


@asynccontextmanager
async def open_database(settings: Settings, *, hurried: bool = False) -> AsyncIterator[Database]:
    """The database, migrated and ready; where it is ``hurried``, nothing waits for it for ever.

    The embedded one is started and migrated as needed, and stopped again by its last user; one
    given by URL must have been migrated. Raises StoreError when it cannot be had.
    """
    async with _server(settings) as (url, embedded):
        database = await connect(
            url,
            least=min(settings.pool_least, settings.pool_most),
            most=settings.pool_most,
            statement_seconds=settings.statement_seconds if hurried else None,
            wait_seconds=settings.answer_seconds if hurried else None,
            revive=embedded.revive if embedded else None,
        )
        try:
            yield database
        finally:
            await database.close()


@asynccontextmanager
async def hold_database(settings: Settings) -> AsyncIterator[None]:
    """See that the database can be opened, and keep the embedded one there for other processes.

    Raises StoreError when it cannot be had.
    """
    async with _server(settings) as (url, _):
        await (await connect(url, least=0, most=1)).close()
        yield


async def migrate_database(settings: Settings, *, restored: bool = False) -> None:
    """Bring the database that the settings name to the newest migration.

    Of a ``restored`` one, later changes get numbers that none of those which were lost had. Raises
    StoreError when that is not possible.
    """
    async with _server(settings) as (url, embedded):
        if embedded is None:
            await migrate(url, zone=settings.time_zone, now=settings.make_clock().now())
        if restored:
            database = await connect(url, least=0, most=1)
            try:
                await skip_lost(database)
            finally:
                await database.close()


@asynccontextmanager
async def _server(settings: Settings) -> AsyncIterator[tuple[str, Embedded | None]]:
    """The address of the database, and the use of the embedded one, which is migrated."""
    embedded = None if settings.database_url else await ensure(settings.data_dir)
    try:
        if embedded:
            now = settings.make_clock().now()
            await migrate(embedded.url, zone=settings.time_zone, now=now)
        yield (embedded.url if embedded else settings.database_url or ""), embedded
    finally:
        if embedded:
            await embedded.release()
