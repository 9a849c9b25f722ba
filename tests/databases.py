"""Databases of the tests' server: where it lies, and how a test comes to one of its own."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import asyncpg

_numbers = count(1)
_MEMORY = Path("/dev/shm")
#: Bytes; with less to spare it is not for us.
_PLENTY = 4_000_000_000


def directory() -> tempfile.TemporaryDirectory[str]:
    """A directory for a small server: in memory where there is plenty of it, else on the disk.

    Making a database is making a thousand small files, five times as fast in memory. It is outside
    of pytest's own directories, which are tidied away by other runs of it.
    """
    try:
        plenty = shutil.disk_usage(_MEMORY).free >= _PLENTY
    except OSError:
        plenty = False
    return tempfile.TemporaryDirectory(prefix="ikusei-tests-", dir=_MEMORY if plenty else None)


def named(url: str, name: str) -> str:
    """The address of another database of the same server."""
    return url.replace("/ikusei?", f"/{name}?")


async def execute(url: str, statement: str) -> None:
    """Run one statement in a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@asynccontextmanager
async def fresh(url: str, template: str | None = None) -> AsyncIterator[str]:
    """The address of a new database, which goes away again: empty, or a copy of ``template``."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    await execute(
        url,
        f"create database {name}"
        + (f" template {template} strategy file_copy" if template else ""),
    )
    yield named(url, name)
    await execute(url, f"drop database {name} with (force)")
