"""A PostgreSQL as one has it oneself: over TCP, with a password, made by the bundled programs."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from store.cluster import Cluster

PASSWORD = "a-password-of-the-tests"


@dataclass(frozen=True)
class OwnServer:
    """A running server; ``programs`` is where pg_dump and the like are."""

    port: int
    programs: Path

    def url(self, name: str) -> str:
        return f"postgresql://ikusei:{PASSWORD}@127.0.0.1:{self.port}/{name}"

    async def create(self, name: str) -> str:
        """The address of a new, empty database."""
        connection = await asyncpg.connect(self.url("postgres"))
        try:
            await connection.execute(
                f"create database {name} encoding 'UTF8' locale_provider builtin "
                "builtin_locale 'C.UTF-8' template template0"
            )
        finally:
            await connection.close()
        return self.url(name)


@asynccontextmanager
async def own_server(directory: Path) -> AsyncIterator[OwnServer]:
    # Only its programs and its account are used: root may not run PostgreSQL.
    cluster = Cluster.at(directory)
    account = cluster.account
    files = directory / "own"
    files.mkdir(mode=0o700)
    secret = directory / "password"
    secret.write_text(PASSWORD)
    if account.switch:
        directory.chmod(0o755)
        for path in (files, secret):
            os.chown(path, account.uid, account.gid)

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [cluster.programs / program, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=files,
            **cluster._identity(),
        )

    run(
        *("initdb", "-D", str(files), "-U", "ikusei", "-E", "UTF8", "--no-instructions", "-N"),
        *("--auth=scram-sha-256", f"--pwfile={secret}", "--locale=C"),
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = (
        f"-c port={port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
    )
    log = str(files / "log")
    await asyncio.to_thread(
        run, "pg_ctl", "start", "-w", "-D", str(files), "-l", log, "-o", options
    )
    try:
        yield OwnServer(port, cluster.programs)
    finally:
        await asyncio.to_thread(run, "pg_ctl", "stop", "-m", "immediate", "-w", "-D", str(files))
