"""Clients that are slow, too many, or late: each is told so or cut off, and nobody else suffers."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from api.logs import PLAIN
from tests.api.serving import STAND_IN, Served, holding, serving
from tests.api.test_metrics import of, read

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("made")]

HEAD = b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def address(served: Served) -> tuple[str, int]:
    url = httpx.URL(served.base)
    assert url.port is not None
    return url.host, url.port


@asynccontextmanager
async def connected(
    served: Served,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*address(served))
    try:
        yield reader, writer
    finally:
        writer.close()


async def trickle(writer: asyncio.StreamWriter, rest: bytes) -> None:
    """Send a byte every tenth of a second, as one does who means to stay."""
    try:
        for byte in rest:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.1)
    except OSError:
        pass


async def answered(reader: asyncio.StreamReader) -> tuple[int, dict[bytes, bytes], Any]:
    """The answer up to the end of the connection."""
    raw = b""
    # Who sends on to a closed connection is told so, maybe before everything was read.
    with suppress(ConnectionResetError):
        async with asyncio.timeout(60):
            while part := await reader.read(65_536):
                raw += part
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    headers = dict(line.lower().split(b": ", 1) for line in lines)
    return int(first.split()[1]), headers, json.loads(body)


def lines(served: Served) -> list[dict[str, Any]]:
    return [json.loads(line) for line in served.log.splitlines() if line.startswith("{")]


async def test_slow_clients_are_cut_off(data_dir: Path):
    async with serving(data_dir, STAND_IN, IKUSEI_REQUEST_SECONDS="2") as served:
        key = f"Authorization: Bearer {served.key}\r\n".encode()
        body = HEAD + key + b"Content-Length: 5000\r\n\r\n"

        async def slow(begin: bytes, rest: bytes) -> None:
            async with connected(served) as (reader, writer):
                writer.write(begin)
                sending = asyncio.create_task(trickle(writer, rest))
                status, headers, shown = await answered(reader)
                sending.cancel()
            assert status == 408
            assert headers[b"connection"] == b"close"
            assert headers.items() >= dict(PLAIN).items()
            assert shown["errors"][0]["extensions"]["code"] == "REQUEST_TIMEOUT"

        async def silent() -> None:
            # Who asks nothing is not answered.
            async with connected(served) as (reader, _), asyncio.timeout(60):
                assert await reader.read() == b""

        async def refused() -> None:
            # Who was refused already cannot stay by sending on.
            async with connected(served) as (reader, writer):
                writer.write(HEAD + b"Content-Length: 5000\r\n\r\n")
                sending = asyncio.create_task(trickle(writer, b"z" * 5000))
                status, _, shown = await answered(reader)
                sending.cancel()
                assert (status, shown["errors"][0]["extensions"]["code"]) == (
                    401,
                    "UNAUTHENTICATED",
                )

        await asyncio.gather(
            slow(b"", HEAD),
            slow(HEAD, b"X-Slow: " + b"y" * 500),
            slow(body, b"{" * 500),
            silent(),
            refused(),
        )
        async with served.client() as client:
            metrics = read(await client.get("/metrics"))
            assert of(metrics, "ikusei_http_connections_cut_total", reason="slow") == 5
            answer = await client.post("/graphql", json={"query": "{ hello }"})
            assert answer.json()["data"] == {"hello": "hello"}
        assert await served.end(signal.SIGTERM) == 0
    late = [line for line in lines(served) if line.get("outcome") == "REQUEST_TIMEOUT"]
    assert len(late) == 3
    assert {line["status"] for line in late} == {408}


async def test_line_breaks_do_not_keep_a_connection(data_dir: Path):
    async with (
        serving(data_dir, STAND_IN, IKUSEI_REQUEST_SECONDS="2") as served,
        connected(served) as (reader, writer),
    ):
        writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"true}")
        sending = asyncio.create_task(trickle(writer, b"\r\n" * 500))
        status, _, shown = await answered(reader)
        sending.cancel()
        assert (status, shown["errors"][0]["extensions"]["code"]) == (408, "REQUEST_TIMEOUT")


async def test_a_client_that_does_not_read_is_cut_off(data_dir: Path):
    async with serving(data_dir, STAND_IN, IKUSEI_REQUEST_SECONDS="2") as served:
        query = "query ($text: String!) { echo(text: $text, times: 2000) }"
        body = json.dumps({"query": query, "variables": {"text": "x" * 10_000}}).encode()
        key = f"Authorization: Bearer {served.key}\r\n".encode()
        head = HEAD + key + b"Content-Length: %d\r\n\r\n" % len(body)
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect(address(served))
            deaf.sendall(head + body)
            async with served.client() as client, asyncio.timeout(60):
                cut = 0.0
                while not cut:
                    metrics = read(await client.get("/metrics"))
                    cut = of(metrics, "ikusei_http_connections_cut_total", reason="unread")
            # What had left already may be read, and then it ends before its end.
            got = 0
            with suppress(ConnectionResetError):
                while part := deaf.recv(1_000_000):
                    got += len(part)
            assert got < 20_000_000
        assert await served.end(signal.SIGTERM) == 0


async def test_a_socket_that_is_not_read_is_cut_off(data_dir: Path):
    async with serving(data_dir, STAND_IN, IKUSEI_REQUEST_SECONDS="2") as served:
        query = "query ($text: String!) { echo(text: $text, times: 2000) }"
        asked = {"query": query, "variables": {"text": "x" * 10_000}}
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect(address(served))
            deaf.setblocking(False)
            async with connect(
                served.base.replace("http", "ws") + "/graphql",
                sock=deaf,
                subprotocols=[Subprotocol("graphql-transport-ws")],
                additional_headers={"Authorization": f"Bearer {served.key}"},
                ping_interval=None,
                close_timeout=0,
            ) as client:
                await client.send('{"type": "connection_init"}')
                assert await client.recv() == '{"type":"connection_ack"}'
                client.transport.pause_reading()
                for id_ in "12":
                    message = {"id": id_, "type": "subscribe", "payload": asked}
                    await client.send(json.dumps(message))
                async with served.client() as other, asyncio.timeout(60):
                    cut = 0.0
                    while not cut:
                        metrics = read(await other.get("/metrics"))
                        cut = of(metrics, "ikusei_http_connections_cut_total", reason="unread")
        assert await served.end(signal.SIGTERM) == 0
        # It was their doing, not a mistake of ours.
        assert "masked" not in served.log
        assert "unhandled" not in served.log


async def test_a_socket_too_many_is_refused(data_dir: Path):
    async with (
        serving(data_dir, STAND_IN, IKUSEI_MAX_CONNECTIONS="1") as served,
        connected(served),
    ):
        place = served.base.replace("http", "ws") + "/graphql"
        with pytest.raises(InvalidStatus) as refused:
            async with connect(place, subprotocols=[Subprotocol("graphql-transport-ws")]):
                pass
        answer = refused.value.response
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_what_is_no_http_is_refused_as_json(data_dir: Path):
    async with serving(data_dir, STAND_IN) as served:
        async with connected(served) as (reader, writer):
            writer.write(b"HELLO\x00\r\n\r\n")
            status, _, shown = await answered(reader)
            assert (status, shown["errors"][0]["extensions"]["code"]) == (400, "BAD_REQUEST")
        async with connected(served) as (reader, writer):
            writer.write(b"GET /health HTTP/1.1\r\nX: " + b"y" * 90_000)
            status, _, shown = await answered(reader)
            assert (status, shown["errors"][0]["extensions"]["code"]) == (431, "HEADERS_TOO_LARGE")
        # Also where the whole request comes at once.
        async with connected(served) as (reader, writer):
            writer.write(b"GET /graphql HTTP/1.1\r\nAccept: " + b"," * 200_000 + b"\r\n\r\n")
            status, _, shown = await answered(reader)
            assert (status, shown["errors"][0]["extensions"]["code"]) == (431, "HEADERS_TOO_LARGE")
        async with connected(served) as (reader, writer):
            query = b"GET /graphql?query={hello}&a=" + b"a" * 40_000
            writer.write(query + b" HTTP/1.1\r\nConnection: close\r\n\r\n")
            status, _, shown = await answered(reader)
            # Nobody reads it for a caller without a key.
            assert (status, shown["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")
        async with connected(served) as (reader, writer):
            many = b"X: y\r\n" * 9_000
            writer.write(b"GET /health HTTP/1.1\r\nConnection: close\r\n" + many + b"\r\n")
            status, _, _ = await answered(reader)
            assert status == 200


async def test_connections_beyond_the_cap_are_told_to_come_back(data_dir: Path):
    async with serving(data_dir, STAND_IN, IKUSEI_MAX_CONNECTIONS="3") as served:
        held = [await asyncio.open_connection(*address(served)) for _ in range(3)]
        async with served.client() as client:
            answer = await client.post("/graphql", json={"query": "{ hello }"})
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            assert answer.headers["content-type"].startswith("application/json")
            (error,) = answer.json()["errors"]
            assert error["extensions"]["code"] == "OVERLOADED"
            assert (await client.get("/health")).status_code == 200
        # Far beyond it nothing is said any more.
        held += [await asyncio.open_connection(*address(served)) for _ in range(3)]
        async with connected(served) as (reader, _), asyncio.timeout(60):
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
        for _, writer in held:
            writer.close()
        async with asyncio.timeout(60):
            status = 503
            while status == 503:
                async with served.client() as client:
                    answer = await client.post("/graphql", json={"query": "{ hello }"})
                    status = answer.status_code
        assert status == 200
        assert await served.end(signal.SIGTERM) == 0


async def test_it_says_that_it_stops_and_still_answers(data_dir: Path):
    async with (
        serving(data_dir, STAND_IN, IKUSEI_DRAIN_SECONDS="4") as served,
        served.client() as client,
        holding(data_dir, client) as held,
    ):
        assert (await client.get("/ready")).status_code == 200
        served.process.send_signal(signal.SIGTERM)
        async with served.client() as other:
            while (answer := await other.get("/ready")).status_code == 200:
                pass
            assert answer.json() == {"ready": False, "reason": "stopping"}
            assert answer.headers["retry-after"]
        # A load balancer that has not noticed yet.
        async with served.client() as late:
            answer = await late.post("/graphql", json={"query": "{ hello }"})
            assert answer.json()["data"] == {"hello": "hello"}
            assert (await late.get("/health")).status_code == 200
        held.release.set()
        assert (await held.request).json()["data"] == {"held": "done"}
        assert await served.end() == 0


async def test_a_second_signal_ends_the_drain(data_dir: Path):
    async with serving(data_dir, STAND_IN, IKUSEI_DRAIN_SECONDS="3000") as served:
        served.process.send_signal(signal.SIGTERM)
        async with served.client() as client:
            while (await client.get("/ready")).status_code == 200:
                pass
        assert await served.end(signal.SIGTERM) == 0
