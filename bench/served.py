"""The service and its worker as processes of their own, on a database of a bench."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote, urlsplit

from store.db import Database

_ROOT: Final = Path(__file__).resolve().parent.parent
_LONGEST_START: Final = 60


@dataclass(frozen=True, slots=True)
class Served:
    """A running service: its port, and the number of its process."""

    port: int
    pid: int


async def url_of(database: Database, server: str | None) -> str:
    """The URL of an open database of bench.ground."""
    name = await database.pool.fetchval("select current_database()")
    if server is not None:
        return urlsplit(server)._replace(path=f"/{name}").geturl()
    place = await database.pool.fetchval("show unix_socket_directories")
    role = await database.pool.fetchval("select current_user")
    return f"postgresql://{role}@/{name}?host={quote(place, safe='/')}&port=5432"


@asynccontextmanager
async def served(url: str, **settings: str) -> AsyncIterator[Served]:
    """`ikusei serve` on the database at ``url``."""
    with tempfile.TemporaryFile() as log:
        process = await _program("serve", url, log, **settings)
        async with ended(process):
            yield Served(await _port(process, log), process.pid)


@asynccontextmanager
async def working(url: str) -> AsyncIterator[None]:
    """`ikusei work` on the database at ``url``."""
    with tempfile.TemporaryFile() as log:
        process = await _program("work", url, log)
        async with ended(process):
            yield


async def _program(
    command: str, url: str, log: IO[bytes], **settings: str
) -> asyncio.subprocess.Process:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("IKUSEI_")},
        "IKUSEI_DATABASE_URL": url,
        "IKUSEI_PORT": "0",
        "IKUSEI_LOG_FORMAT": "json",
        # Counted, but nobody is refused.
        "IKUSEI_KEY_RATE": "1e6",
        **settings,
    }
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "api.cli", command), cwd=_ROOT, env=environment, stderr=log
    )


async def _port(process: asyncio.subprocess.Process, log: IO[bytes]) -> int:
    """The port that the service tells in its log.

    Raises RuntimeError when it ends instead, TimeoutError when it does neither.
    """
    async with asyncio.timeout(_LONGEST_START):
        while not (found := re.search(rb"http://[\d.]+:(\d+)/graphql", _all(log))):
            if process.returncode is not None:
                raise RuntimeError(f"the service did not start: {_all(log).decode()}")
            await asyncio.sleep(0.05)
    return int(found[1])


def _all(file: IO[bytes]) -> bytes:
    """What a file holds; its own position, which the process shares, stays."""
    return os.pread(file.fileno(), 1 << 20, 0)


@asynccontextmanager
async def ended(process: asyncio.subprocess.Process) -> AsyncIterator[None]:
    """End a process with what is inside."""
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
