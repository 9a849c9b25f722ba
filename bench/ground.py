"""A database of the bench's own: on a PostgreSQL in a temporary directory, or on the given one."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import asyncpg

from store.db import Database, connect, open_connection
from store.embedded import ensure
from store.migrate import migrate


@asynccontextmanager
async def ground(server: str | None, *, now: datetime) -> AsyncIterator[Database]:
    """A migrated database that is gone afterwards, opened with few connections.

    ``server`` is the URL of a PostgreSQL on which databases may be made; without it an embedded one
    is started, which keeps its promises to the disk (fsync) like every other.
    """
    async with _server(server) as url:
        name = f"ikusei_bench_{secrets.token_hex(4)}"
        own = urlsplit(url)._replace(path=f"/{name}").geturl()
        await _execute(url, f"create database {name}")
        try:
            await migrate(own, now=now)
            database = await connect(own, least=0, most=4)
            try:
                yield database
            finally:
                await database.close()
        finally:
            await _execute(url, f"drop database {name} with (force)")


@asynccontextmanager
async def _server(url: str | None) -> AsyncIterator[str]:
    if url is not None:
        yield url
        return
    with tempfile.TemporaryDirectory(prefix="ikusei-bench-") as directory:
        embedded = await ensure(Path(directory))
        try:
            yield embedded.url
        finally:
            await embedded.release()


@asynccontextmanager
async def held(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A connection for statements of the bench's own."""
    async with database.pool.acquire() as connection:
        yield cast(asyncpg.Connection, connection)


async def _execute(url: str, statement: str) -> None:
    connection = await open_connection(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
