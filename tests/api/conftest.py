"""Applications on the stand-in schema, and keys to them."""

from __future__ import annotations

import logging
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from io import StringIO
from pathlib import Path

import httpx
import pytest
import structlog

from api.logs import configure
from store import keys
from store.db import Database
from store.keys import Scope
from tests.api.command_line import ikusei
from tests.api.stand_in import NOW, app_of, client_of


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
    """A data directory of the test's own: pytest's are tidied away by other runs of it."""
    with tempfile.TemporaryDirectory(prefix="ikusei-tests-") as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def made_once() -> Iterator[Path]:
    """A data directory with a migrated database that nobody uses."""
    with tempfile.TemporaryDirectory(prefix="ikusei-tests-") as directory:
        # Only while it is made: those that tests use are as everybody's.
        hasty = Path(directory) / "postgresql.conf"
        hasty.write_text("fsync = off\n")
        done = ikusei("migrate", data_dir=directory)
        assert done.returncode == 0, done.stderr
        hasty.unlink()
        yield Path(directory)


@pytest.fixture
def made(data_dir: Path, made_once: Path) -> None:
    """Puts a copy of the migrated database into the test's data directory: making one is slow."""
    # With the owner, whom Python's copies forget.
    subprocess.run(["cp", "-a", f"{made_once}/.", str(data_dir)], check=True)
