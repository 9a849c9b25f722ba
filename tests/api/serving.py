"""The real program in a process of its own, and what tests do with it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from codecs import getincrementaldecoder
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).parents[2]
IKUSEI = ("-m", "api.cli")
STAND_IN = ("-m", "tests.api.served")


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("IKUSEI_")}
    return {
        **kept,
        "IKUSEI_DATA_DIR": str(data_dir),
        "IKUSEI_PORT": "0",
        "IKUSEI_LOG_FORMAT": "json",
        **more,
    }


async def ran(
    data_dir: Path, *arguments: str, given: str = "", **more: str
) -> tuple[int, str, str]:
    """A command run to its end: code, output, errors."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=ROOT,
        env=environment(data_dir, **more),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(given.encode()), 120)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


@dataclass
class Held:
    """A request under way, and what lets it end."""

    request: asyncio.Task[httpx.Response]
    release: asyncio.Event


class Served:
    """A running service: its process, its address and a key; ``log`` is what it has said so far.

    All of it is read at once: a service whose words nobody takes waits until somebody does, and
    with it whoever asks it anything.
    """

    def __init__(self, process: asyncio.subprocess.Process, key: str) -> None:
        self.process = process
        self.base = ""
        self.key = key
        self.log = ""
        self._news = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stderr is not None
        decoder = getincrementaldecoder("utf-8")()
        while chunk := await self.process.stderr.read(65536):
            self.log += decoder.decode(chunk)
            self._news.set()
        self._news.set()

    async def said(self, pattern: str) -> str:
        """What the first group of ``pattern`` matches, once that has been said."""
        async with asyncio.timeout(120):
            while not (found := re.search(pattern, self.log)):
                assert not self._reading.done(), self.log
                self._news.clear()
                await self._news.wait()
        return found[1]

    async def end(self, kind: signal.Signals | None = None) -> int:
        """Wait for its end, after a signal, and for the last that it says."""
        if kind is not None:
            self.process.send_signal(kind)
        async with asyncio.timeout(120):
            await self._reading
            return await self.process.wait()

    def client(self) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.AsyncClient(base_url=self.base, headers=headers, timeout=30)


@asynccontextmanager
async def serving(data_dir: Path, program: Sequence[str], **settings: str) -> AsyncIterator[Served]:
    code, key, err = await ran(
        data_dir,
        *(*IKUSEI, "keys", "create", "the tests", "--scope", "site", "--scope", "manager"),
        **{name: one for name, one in settings.items() if name == "IKUSEI_DATABASE_URL"},
    )
    assert code == 0, err
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *program,
        cwd=ROOT,
        env=environment(data_dir, **settings),
        stderr=asyncio.subprocess.PIPE,
    )
    served = Served(process, key.strip())
    try:
        served.base = await served.said(r"(http://\S+)/graphql")
        yield served
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        # Read to the end, or its pipe is closed when garbage is collected: in another test.
        await served.end()


@asynccontextmanager
async def holding(data_dir: Path, client: httpx.AsyncClient) -> AsyncIterator[Held]:
    """A request that has arrived and is answered when the test says so."""
    arrived, release = asyncio.Event(), asyncio.Event()

    async def hold(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await release.wait()
        writer.close()

    place = str(data_dir / "held")
    async with await asyncio.start_unix_server(hold, place):
        body = {"query": "query ($at: String!) { held(place: $at) }", "variables": {"at": place}}
        request = asyncio.create_task(client.post("/graphql", json=body))
        async with asyncio.timeout(120):
            await arrived.wait()
        yield Held(request, release)
        release.set()


async def closed(served: Served) -> None:
    """Wait until the service takes no new connections."""
    async with asyncio.timeout(120):
        with suppress(httpx.ConnectError):
            while True:
                async with served.client() as other:
                    with suppress(httpx.ReadError, httpx.RemoteProtocolError):
                        await other.get("/health")


def postgres_of(data_dir: Path) -> list[psutil.Process]:
    """The processes of the embedded database."""
    found = [
        (process, process.info["cmdline"] or [""]) for process in psutil.process_iter(["cmdline"])
    ]
    return [one for one, line in found if "postgres" in line[0] and str(data_dir) in " ".join(line)]
