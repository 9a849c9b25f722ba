"""Several processes on one socket: they share the work, are replaced, and end together."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from api.console import CommandError
from api.supervisor import Supervisor
from tests.api.serving import IKUSEI, Served, closed, holding, postgres_of, serving
from tests.api.test_metrics import Samples, of, read
from tests.processes import lives

REAL = (*IKUSEI, "serve", "--processes", "2")


def children(served: Served) -> list[psutil.Process]:
    """The processes that serve."""
    found = []
    for one in psutil.Process(served.process.pid).children():
        with suppress(psutil.Error):
            if "api.child" in " ".join(one.cmdline()):
                found.append(one)
    return found


def until(holds: Callable[[], Any]) -> None:
    """Wait for something outside of this process, which tells nobody."""
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


async def asked(served: Served) -> httpx.Response:
    """One question on a connection of its own."""
    async with served.client() as client:
        return await client.post("/graphql", json={"query": "query Ask { __typename }"})


async def scraped(served: Served) -> Samples:
    async with served.client() as client:
        return read(await client.get("/metrics"))


@pytest.mark.slow
@pytest.mark.usefixtures("made")
async def test_they_share_one_socket_one_database_and_their_counts(data_dir: Path):
    async with serving(data_dir, REAL) as served:
        first = children(served)
        assert len(first) == 2
        for _ in range(40):
            assert (await asked(served)).status_code == 200
        samples = await scraped(served)
        assert of(samples, "ikusei_requests_total", operation="Ask") == 40
        pids = {dict(labels).get("pid") for name, labels in samples if "resident" in name}
        assert pids == {str(one.pid) for one in first}

        # One dies: the other answers, and another comes in its place.
        first[0].kill()
        until(lambda: len(children(served)) == 2 and not lives(first[0]))
        for _ in range(10):
            assert (await asked(served)).status_code == 200
        assert first[0].pid not in {one.pid for one in children(served)}
        samples = await scraped(served)
        assert of(samples, "ikusei_requests_total", operation="Ask") == 50
        assert served.log.count("GraphQL  http") == 1

        last = children(served)
        metrics = Path(last[0].environ()["PROMETHEUS_MULTIPROC_DIR"])
        assert metrics.exists()
        assert await served.end(signal.SIGTERM) == 0
    assert not any(lives(one) for one in last)
    assert not metrics.exists()
    assert not postgres_of(data_dir)
    died = [json.loads(line) for line in served.log.splitlines() if "process died" in line]
    assert [(line["number"] in {0, 1}, line["code"]) for line in died] == [(True, -9)]
    assert "Traceback" not in served.log


@pytest.mark.slow
@pytest.mark.usefixtures("made")
async def test_due_work_is_done_by_one_of_them(data_dir: Path):
    async with serving(data_dir, REAL) as served:
        names = {
            " ".join(one.cmdline()).rsplit(" ", 1)[1]: str(one.pid) for one in children(served)
        }
        assert set(names) == {"0", "1"}
        place = Path(children(served)[0].environ()["PROMETHEUS_MULTIPROC_DIR"])

        def worked(pid: str) -> bool:
            return b"due_work_rounds_total" in (place / f"counter_{pid}.db").read_bytes()

        until(lambda: worked(names["0"]))
        assert not worked(names["1"])
        assert await served.end(signal.SIGINT) == 0


@pytest.mark.slow
@pytest.mark.usefixtures("made")
async def test_they_end_when_their_parent_is_killed(data_dir: Path):
    async with serving(data_dir, REAL) as served:
        left = children(served)
        served.process.kill()
        until(lambda: not any(lives(one) for one in left))
    assert not postgres_of(data_dir)


@pytest.mark.slow
@pytest.mark.usefixtures("made")
async def test_a_request_under_way_is_finished_by_its_process(data_dir: Path):
    program = ("-m", "tests.api.supervised")
    async with serving(data_dir, program) as served, served.client() as client:
        async with asyncio.timeout(120):
            async with holding(data_dir, client) as held:
                served.process.send_signal(signal.SIGTERM)
                await closed(served)
                held.release.set()
                assert (await held.request).json()["data"] == {"held": "done"}
        assert await served.end() == 0
    assert not postgres_of(data_dir)


@pytest.mark.slow
@pytest.mark.usefixtures("made")
async def test_a_second_signal_ends_all_at_once(data_dir: Path):
    program = ("-m", "tests.api.supervised")
    async with (
        serving(data_dir, program) as served,
        served.client() as client,
        holding(data_dir, client) as held,
    ):
        served.process.send_signal(signal.SIGTERM)
        await closed(served)
        assert await served.end(signal.SIGTERM) == 0
        with suppress(httpx.TransportError):
            assert (await held.request).status_code == 500
    assert not postgres_of(data_dir)


def supervisor(program: str, count: int = 2) -> Supervisor:
    listener = socket.create_server(("127.0.0.1", 0))
    return Supervisor(listener, count, program=("-c", program), first_wait=0.01)


async def test_a_process_that_does_not_start_ends_it():
    with pytest.raises(CommandError, match=r"process \d of the service did not start \(code 3\)"):
        await supervisor("raise SystemExit(3)").run(lambda: None)


async def test_a_process_that_dies_again_and_again_ends_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.supervisor._MOST", 3)
    with tempfile.TemporaryDirectory() as directory:
        note = f"open({directory + '/deaths'!r}, 'a').write('x')"
        # The other one lives, and has to be ended.
        program = (
            "import sys; print('ready', flush=True)\n"
            f"if sys.argv[2] == '0': {note}; sys.exit(5)\n"
            "sys.stdin.read()"
        )
        with pytest.raises(CommandError, match=r"died at once 3 times in a row.*code 5"):
            await supervisor(program).run(lambda: None)
        assert (Path(directory) / "deaths").read_text() == "xxx"
    mine = psutil.Process(os.getpid()).children(recursive=True)
    assert not [one for one in mine if "sys.argv[2]" in " ".join(one.cmdline())]


async def test_a_process_that_cannot_be_made_for_a_while_costs_the_others_nothing(
    monkeypatch: pytest.MonkeyPatch,
):
    make = asyncio.create_subprocess_exec
    # Two are made, and the one that dies is made again with the fourth try.
    tries = iter((None, None, errno.EAGAIN, errno.ENOMEM, None))

    async def make_or_not(*arguments: Any, **options: Any) -> asyncio.subprocess.Process:
        number = next(tries)
        if number is not None:
            raise OSError(number, "as the machine says it")
        return await make(*arguments, **options)

    monkeypatch.setattr("asyncio.create_subprocess_exec", make_or_not)
    watched = supervisor("print('ready', flush=True); import sys; sys.stdin.read()")
    started = asyncio.Event()
    running = asyncio.create_task(watched.run(started.set))
    async with asyncio.timeout(60):
        await started.wait()
    first, second = watched._children[0], watched._children[1]
    first.kill()
    until_made = asyncio.create_task(again(watched, first))
    async with asyncio.timeout(60):
        await until_made
    assert watched._children[1] is second
    watched.stop()
    await running


async def again(watched: Supervisor, gone: asyncio.subprocess.Process) -> None:
    """Wait until another process is in the place of one."""
    while watched._children.get(0, gone) is gone:
        await asyncio.wait([asyncio.create_task(gone.wait())], timeout=0.01)


async def test_they_are_started_before_it_is_said_and_stopped_at_once():
    program = "print('ready', flush=True); import sys; sys.stdin.read()"
    watched = supervisor(program, 3)
    told: list[int] = []

    def started() -> None:
        told.append(len(watched._children))
        watched.stop()

    await watched.run(started)
    assert told == [3]
    assert watched._children == {}
