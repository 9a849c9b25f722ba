"""Traces: one span per request with its transactions below, and nothing that members wrote."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from api.app import create_app
from api.clock import MovableClock
from api.settings import Settings
from api.traces import Tracing, tracing_of
from api.worker import Worker
from store import keys
from store.db import Database, Unavailable
from tests.api.command_line import HOUSE, environment
from tests.api.on_socket import on_socket
from tests.api.serving import IKUSEI
from tests.api.serving import environment as serving_environment
from tests.api.stand_in import NOW, client_of
from tests.api.test_websocket import let_in

#: As the specification of the header has it.
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NAME = "a name that nobody else has"


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracing(spans: InMemorySpanExporter) -> Tracing:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return Tracing(provider)


def everything(spans: Sequence[ReadableSpan]) -> str:
    return "".join(span.to_json() for span in spans)


async def test_a_request_and_its_transactions_are_one_trace(
    database: Database, spans: InMemorySpanExporter, tracing: Tracing
):
    key, _ = await keys.create(database, name="t", scopes=set(keys.Scope), now=NOW)
    app = create_app(
        Settings(), database=database, clock=MovableClock(NOW), worker=False, tracing=tracing
    )
    document = """mutation Record($members: [MemberInput!]!) {
        recordMembers(source: "site", members: $members) { ... on Receipt { recorded } } }"""
    body = {"query": document, "variables": {"members": [{"id": "m-4711", "name": NAME}]}}
    async with app.router.lifespan_context(app), client_of(app, key) as client:
        answer = await client.post("/graphql", json=body, headers={"traceparent": PARENT})
        assert answer.json()["data"]["recordMembers"] == {"recorded": 1}
        await client.get("/health")
        wrong = await client.post(
            "/graphql", json={"query": f'{{ member(id: "{NAME}") {{ id }} }}'}
        )
        assert "errors" in wrong.json()
        finished = spans.get_finished_spans()
    (span,) = [one for one in finished if one.name == "mutation"]
    assert span.kind is SpanKind.SERVER
    assert span.parent is not None
    assert f"{span.parent.trace_id:032x}-{span.parent.span_id:016x}" in PARENT
    assert dict(span.attributes or {}) == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "graphql.operation.type": "mutation",
        "graphql.operation.name": "Record",
        "ikusei.outcome": "ok",
        "ikusei.request_id": answer.headers["x-request-id"],
    }
    below = [one for one in finished if one.parent and one.parent.span_id == span.context.span_id]
    assert {"read", "write"} == {one.name for one in below}
    assert all(span.start_time <= one.start_time <= one.end_time <= span.end_time for one in below)  # type: ignore[operator]
    for secret in (NAME, "m-4711", "/health", key):
        assert secret not in everything(finished)


async def test_each_operation_over_websocket_is_a_span(
    database: Database, spans: InMemorySpanExporter, tracing: Tracing
):
    key, _ = await keys.create(database, name="t", scopes=set(keys.Scope), now=NOW)
    app = create_app(
        Settings(), database=database, clock=MovableClock(NOW), worker=False, tracing=tracing
    )
    async with on_socket(app) as place, let_in(place, key) as talk:
        for id_, query in (
            ("1", "query Cursor { standingCursor }"),
            ("2", f'{{ member(name: "{NAME}") {{ id }} }}'),
        ):
            await talk.subscribe(id_, query)
            assert (await talk.hear())["type"] == "next"
            assert (await talk.hear())["type"] == "complete"
    finished = spans.get_finished_spans()
    operations = [one for one in finished if one.name == "query"]
    assert [
        one.attributes["graphql.operation.name"]
        for one in operations
        if one.attributes and "graphql.operation.name" in one.attributes
    ] == ["Cursor"]
    assert len(operations) == 2
    for operation in operations:
        assert operation.parent is None
        below = [one.name for one in finished if one.parent == operation.context]
        assert below == ["read"]
    assert NAME not in everything(finished)


async def test_a_failure_is_marked_without_its_message(
    database: Database, spans: InMemorySpanExporter, tracing: Tracing
):
    async def due(database: Database, *, now: Any) -> None:
        raise Unavailable(NAME)

    worker = Worker(database, MovableClock(NOW), refresh=due, around=tracing.round)
    assert not await worker._once()
    (span,) = spans.get_finished_spans()
    assert (span.name, span.status.status_code) == ("due work", StatusCode.ERROR)
    assert dict(span.attributes or {}) == {"error.type": "Unavailable"}
    assert NAME not in everything([span])


async def test_a_subscription_that_the_client_ends_has_not_failed(
    database: Database, spans: InMemorySpanExporter, tracing: Tracing
):
    key, _ = await keys.create(database, name="t", scopes=set(keys.Scope), now=NOW)
    app = create_app(
        Settings(), database=database, clock=MovableClock(NOW), worker=False, tracing=tracing
    )
    async with on_socket(app) as place, let_in(place, key) as talk:
        await talk.subscribe("1", "subscription { standingChanged { cursor } }")
        await talk.subscribe("2", "{ standingCursor }")
        for type_ in ("next", "complete"):
            assert (await talk.hear())["type"] == type_
        await talk.say(id="1", type="complete")
    (span,) = [one for one in spans.get_finished_spans() if one.name == "subscription"]
    assert span.status.status_code is StatusCode.UNSET
    assert "error.type" not in (span.attributes or {})


@pytest.mark.slow
@pytest.mark.usefixtures("made")
async def test_due_work_is_traced_to_the_console(data_dir: Path):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *IKUSEI, "work"),
        cwd=HOUSE,
        env=serving_environment(data_dir, IKUSEI_TRACES="console"),
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    names: set[str] = set()
    async with asyncio.timeout(120):
        while not {"due work", "write"} <= names:
            line = await process.stderr.readline()
            assert line
            if line.startswith(b'{"name"'):
                names.add(json.loads(line)["name"])
        process.terminate()
        await process.communicate()
    assert process.returncode == 0


async def test_spans_are_sent_to_the_collector(monkeypatch: pytest.MonkeyPatch):
    asked: list[tuple[bytes, bytes]] = []

    async def collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        (length,) = re.findall(rb"(?i)content-length: (\d+)", head)
        asked.append((head.partition(b"\r\n")[0], await reader.readexactly(int(length))))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(collect, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        tracing = tracing_of(Settings(traces="otlp"))
        assert tracing is not None
        with tracing.round():
            pass
        await asyncio.to_thread(tracing.close)
    ((line, body),) = asked
    assert line == b"POST /v1/traces HTTP/1.1"
    assert b"due work" in body
    assert b"ikusei" in body


def test_without_its_packages_it_says_which_to_install() -> None:
    blocked = (
        "import sys; sys.modules['opentelemetry.sdk.trace'] = None\n"
        "from api.console import run\n"
        "from api.settings import Settings\n"
        "from api.traces import tracing_of\n"
        "async def main(): tracing_of(Settings.load())\n"
        "run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", blocked],
        check=False,
        capture_output=True,
        text=True,
        cwd=HOUSE,
        env=environment(traces="otlp"),
    )
    assert done.returncode != 0
    assert "IKUSEI_TRACES is otlp" in done.stderr
    assert "ikusei[otel]" in done.stderr
