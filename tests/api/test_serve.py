"""The real program over real sockets: it starts, stops when told, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests.api.serving import (
    IKUSEI,
    ROOT,
    STAND_IN,
    closed,
    environment,
    holding,
    postgres_of,
    ran,
    serving,
)


@pytest.mark.slow
@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT])
async def test_requests_under_way_are_finished(data_dir: Path, kind: signal.Signals):
    async with serving(data_dir, STAND_IN) as served, served.client() as client:
        async with holding(data_dir, client) as held:
            served.process.send_signal(kind)
            await closed(served)
            held.release.set()
            assert (await held.request).json()["data"] == {"held": "done"}
        assert await served.end() == 0
    assert "Traceback" not in served.log
    assert not postgres_of(data_dir)


@pytest.mark.slow
@pytest.mark.usefixtures("made")
async def test_a_second_signal_ends_it_at_once(data_dir: Path):
    async with (
        serving(data_dir, STAND_IN) as served,
        served.client() as client,
        holding(data_dir, client) as held,
    ):
        served.process.send_signal(signal.SIGTERM)
        await closed(served)
        assert await served.end(signal.SIGTERM) == 0
        with suppress(httpx.TransportError):
            assert (await held.request).status_code == 500
    assert not postgres_of(data_dir)


@pytest.mark.slow
@pytest.mark.usefixtures("made")
async def test_the_real_service_survives_kill_9(data_dir: Path):
    async with serving(data_dir, (*IKUSEI, "serve")) as served, served.client() as client:
        assert (await client.get("/ready")).json() == {"ready": True}
        body = {"query": "{ __typename }"}
        assert (await client.post("/graphql", json=body)).json()["data"] == {"__typename": "Query"}
        served.process.kill()
        assert await served.end() == -signal.SIGKILL
    # The database was left running for nobody; the next one takes it over.
    async with serving(data_dir, (*IKUSEI, "serve")) as served, served.client() as client:
        assert (await client.get("/ready")).status_code == 200
        assert await served.end(signal.SIGTERM) == 0
    assert not postgres_of(data_dir)
    lines = [json.loads(line) for line in served.log.splitlines() if line.startswith("{")]
    assert {line["level"] for line in lines} <= {"info", "debug"}


@pytest.mark.slow
@pytest.mark.usefixtures("made")
async def test_bodies_beyond_the_limit_are_answered_over_a_socket(data_dir: Path):
    async with serving(data_dir, STAND_IN) as served, served.client() as client:
        headers = {"Content-Type": "application/json"}

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b" " * 1_000_000

        for content in (b" " * 9_000_000, b" " * 80_000_000, chunks()):
            with suppress(httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
                answer = await client.post("/graphql", content=content, headers=headers)
                assert answer.status_code == 413
        small = await client.post("/graphql", json={"query": "{ hello }"})
        assert small.json()["data"] == {"hello": "hello"}
        declared = await client.post("/graphql", content=b" " * 9_000_000, headers=headers)
        assert declared.status_code == 413
        memory = psutil.Process(served.process.pid).memory_info().rss
        assert memory < 400_000_000
        assert await served.end(signal.SIGTERM) == 0


@pytest.mark.slow
async def test_a_port_that_is_taken_is_told_before_anything_is_started(data_dir: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, out, err = await ran(data_dir, *IKUSEI, "serve", IKUSEI_PORT=port)
    assert (code, out) == (1, "")
    assert re.match(rf"ikusei: cannot serve on 127.0.0.1 port {port}: .*--port", err)
    assert not (data_dir / "postgres").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("made")
async def test_work_stops_when_told(data_dir: Path):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *(*IKUSEI, "work"),
        cwd=ROOT,
        env=environment(data_dir),
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    async with asyncio.timeout(120):
        while b"working" not in (line := await process.stderr.readline()):
            assert line
        process.send_signal(signal.SIGTERM)
        await process.communicate()
        assert process.returncode == 0
    assert not postgres_of(data_dir)


@pytest.mark.slow
@pytest.mark.usefixtures("made")
async def test_query_in_process(data_dir: Path, url: str):
    more = {"IKUSEI_DATABASE_URL": url}
    file = data_dir / "q.graphql"
    file.write_text("query A { a: __typename } query B { b: __typename }", encoding="utf-8")
    code, out, err = await ran(data_dir, *IKUSEI, "query", str(file), "--operation", "B", **more)
    assert (code, json.loads(out)) == (0, {"data": {"b": "Query"}}), err
    document = "query ($x: Boolean!) { a: __typename @include(if: $x) }"
    code, out, _ = await ran(
        data_dir, *IKUSEI, "query", "-", "--variables", '{"x": true}', given=document, **more
    )
    assert (code, json.loads(out)) == (0, {"data": {"a": "Query"}})
    code, out, _ = await ran(data_dir, *IKUSEI, "query", "-", given="{ nothing }", **more)
    assert code == 1
    assert json.loads(out)["errors"][0]["extensions"]["code"] == "INVALID_DOCUMENT"
    code, out, err = await ran(data_dir, *IKUSEI, "query", "-", "--variables", "[1]", given="{ a }")
    assert (code, out) == (1, "")
    assert "--variables" in err
    code, out, err = await ran(data_dir, *IKUSEI, "query", str(data_dir / "none"))
    assert (code, out) == (1, "")
    assert "cannot read" in err
