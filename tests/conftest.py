"""A real PostgreSQL for the tests: one per test process, and a fresh database for each test."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings

from store.db import Database, connect
from store.embedded import Embedded, ensure
from store.migrate import migrate
from tests.databases import directory, execute, fresh, named
from tests.peopled import as_it_happened

# A slow machine is no failure; and what CI finds must be found again by whoever looks into it.
settings.register_profile("ikusei", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("ikusei")

#: When the databases of the tests were migrated.
MIGRATED = datetime(2026, 1, 1, tzinfo=UTC)
_HASTY = "fsync = off\nfull_page_writes = off\nmax_wal_size = 256MB\n"
_TEMPLATE = "template_migrated"
_PEOPLED = "template_peopled"


@pytest.fixture(scope="session")
async def server() -> AsyncIterator[Embedded]:
    """The embedded PostgreSQL, in a directory outside of the repository."""
    with directory() as place:
        # The data are thrown away: what a crash of the machine would do to them is all the same.
        (Path(place) / "postgresql.conf").write_text(_HASTY)
        embedded = await ensure(Path(place))
        try:
            yield embedded
        finally:
            await embedded.release()


@pytest.fixture(scope="session")
async def template(server: Embedded) -> str:
    """The name of a migrated database, copied for each test."""
    await execute(server.url, f"create database {_TEMPLATE}")
    await migrate(named(server.url, _TEMPLATE), now=MIGRATED)
    return _TEMPLATE


@pytest.fixture(scope="session")
async def peopled(server: Embedded, template: str) -> str:
    """The name of a database in which a synthetic community was recorded as it happened."""
    await execute(server.url, f"create database {_PEOPLED} template {template}")
    opened = await connect(named(server.url, _PEOPLED), least=0)
    await as_it_happened(opened)
    await opened.close()
    return _PEOPLED


@pytest.fixture
async def lively(server: Embedded, peopled: str) -> AsyncIterator[Database]:
    """A database of the test's own that holds the synthetic community, opened."""
    async with fresh(server.url, peopled) as url:
        opened = await connect(url, least=0, most=5)
        yield opened
        await opened.close()


@pytest.fixture
async def empty_url(server: Embedded) -> AsyncIterator[str]:
    """The address of an empty database of the test's own."""
    async with fresh(server.url) as url:
        yield url


@pytest.fixture
async def guest_url(empty_url: str) -> AsyncIterator[str]:
    """The address of the empty database for an account that may connect to it, and no more."""
    role = f"guest_{os.getpid()}"
    await execute(empty_url, f"create role {role}")
    yield f"{empty_url}&role={role}"
    await execute(empty_url, f"drop role {role}")


@pytest.fixture
async def url(server: Embedded, template: str) -> AsyncIterator[str]:
    """The address of a migrated database of the test's own, in the time zone UTC."""
    async with fresh(server.url, template) as copy:
        yield copy


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """A migrated database of the test's own, opened."""
    opened = await connect(url, least=0, most=5)
    yield opened
    await opened.close()
