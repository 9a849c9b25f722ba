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

import orjson

from store.db import Database

_ROOT: Final = Path(__file__).resolve().parent.parent
_LONGEST_START: Final = 60


@dataclass(frozen=True, slots=True)
class Program:
    """A command of Ikusei in a process of its own, and the file of its log."""

    command: str
    process: asyncio.subprocess.Process
    log: IO[bytes]

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self.process.pid

    @property
    def ended(self) -> bool:
        """Whether it lives no more."""
        return self.process.returncode is not None

    def faults(self) -> list[str]:
        """What is wrong with a program that should be alive and should have met no error."""
        found = [f"`ikusei {self.command}` ended with {self.process.returncode}"] * self.ended
        # What is not JSON is for people: where it answers, and what Python says of a crash.
        lines = [line for line in _all(self.log).splitlines() if line.startswith(b"{")]
        entries = [orjson.loads(line) for line in lines]
        errors = [one for one in entries if one["level"] in {"error", "critical"}]
        return found + [f"`ikusei {self.command}` logged {one}" for one in errors]


@dataclass(frozen=True, slots=True)
class Served:
    """A running service and its port."""

    port: int
    program: Program


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
            yield Served(await _port(process, log), Program("serve", process, log))


@asynccontextmanager
async def working(url: str) -> AsyncIterator[Program]:
    """`ikusei work` on the database at ``url``."""
    with tempfile.TemporaryFile() as log:
        process = await _program("work", url, log)
        async with ended(process):
            yield Program("work", process, log)


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
    number = file.fileno()
    return os.pread(number, os.fstat(number).st_size, 0)


@asynccontextmanager
async def ended(process: asyncio.subprocess.Process) -> AsyncIterator[None]:
    """End a process with what is inside."""
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
