"""Applications on the stand-in schema, and keys to them."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import AsyncIterator, Iterator
from io import StringIO
from pathlib import Path

import httpx
import pytest
import structlog

from api.logs import configure
from store import keys
from store.db import Database
from store.embedded import Embedded
from store.keys import Scope
from tests.api.command_line import ikusei, told, write_records
from tests.api.stand_in import NOW, app_of, client_of
from tests.databases import directory, execute, fresh, named


@pytest.fixture
def written() -> Iterator[StringIO]:
    """What the log writes, as JSON."""
    before, handlers = structlog.get_config(), logging.getLogger().handlers[:]
    configure("json", "debug")
    file = StringIO()
    # Loggers must not remember the file: they are those of later tests too.
    structlog.configure(
        logger_factory=structlog.WriteLoggerFactory(file=file), cache_logger_on_first_use=False
    )
    yield file
    structlog.configure(**before)
    logging.getLogger().handlers[:] = handlers


@pytest.fixture
async def site_key(database: Database) -> str:
    text, _ = await keys.create(database, name="the site", scopes={Scope.SITE}, now=NOW)
    return text


@pytest.fixture
async def manager_key(database: Database) -> str:
    text, _ = await keys.create(database, name="a manager", scopes={Scope.MANAGER}, now=NOW)
    return text


@pytest.fixture
async def client(database: Database, site_key: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a site key."""
    app = app_of(database)
    async with app.router.lifespan_context(app), client_of(app, site_key) as client:
        yield client


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data directory of the test's own."""
    with directory() as place:
        yield Path(place)


@pytest.fixture(scope="session")
def made_once() -> Iterator[Path]:
    """A data directory with a migrated database that nobody uses."""
    with directory() as place:
        # Only while it is made: those that tests use are as everybody's.
        hasty = Path(place) / "postgresql.conf"
        hasty.write_text("fsync = off\n")
        done = ikusei("migrate", data_dir=place)
        assert done.returncode == 0, done.stderr
        hasty.unlink()
        yield Path(place)


@pytest.fixture
def made(data_dir: Path, made_once: Path) -> None:
    """Puts a copy of the migrated database into the test's data directory: making one is slow."""
    # With the owner, whom Python's copies forget.
    subprocess.run(["cp", "-a", f"{made_once}/.", str(data_dir)], check=True)


@pytest.fixture(scope="session")
async def filled_once(
    server: Embedded, template: str, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The name of a database with the small community, imported by command."""
    name = "template_filled"
    await execute(server.url, f"create database {name} template {template}")
    file = write_records(tmp_path_factory.mktemp("small") / "records.ndjson")
    report = told("import", "ndjson", str(file), database_url=named(server.url, name))
    assert report["recorded"] == {"action": 14, "member": 8, "post": 8}
    assert report["unaccounted"] == {}
    assert report["unclassified"] == {"lab.poke": 1}
    return name


@pytest.fixture
async def filled(server: Embedded, filled_once: str) -> AsyncIterator[str]:
    """The address of a database of the test's own with the small community."""
    async with fresh(server.url, filled_once) as url:
        yield url
