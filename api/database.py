"""The database that the settings name: the one at the URL, or the embedded one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.settings import Settings
from store.db import Database, connect
from store.embedded import ensure
from store.migrate import migrate


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """The database, migrated and ready.

    The embedded one is started and migrated as needed, and stopped again by its last user; one
    given by URL must have been migrated. Raises StoreError when it cannot be had.
    """
    url = settings.database_url
    embedded = None if url else await ensure(settings.data_dir)
    try:
        if embedded:
            url = embedded.url
            await migrate(url, zone=settings.time_zone, now=settings.make_clock().now())
        database = await connect(
            url or "",
            least=min(settings.pool_least, settings.pool_most),
            most=settings.pool_most,
            revive=embedded.revive if embedded else None,
        )
        try:
            yield database
        finally:
            await database.close()
    finally:
        if embedded:
            await embedded.release()


async def migrate_database(settings: Settings) -> None:
    """Bring the database that the settings name to the newest migration.

    Raises StoreError when that is not possible.
    """
    embedded = None if settings.database_url else await ensure(settings.data_dir)
    try:
        url = embedded.url if embedded else settings.database_url
        await migrate(url or "", zone=settings.time_zone, now=settings.make_clock().now())
    finally:
        if embedded:
            await embedded.release()
