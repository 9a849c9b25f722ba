"""The same store by two doors: GraphQL as the service answers it, in this process, and directly."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import orjson
from starlette.types import ASGIApp, Message

from api.app import create_app
from api.clock import MovableClock
from api.settings import Settings
from sources.records import ActionRecord
from store import keys
from store.db import Database
from store.record import record

#: As many records as a call may have.
CALL: Final = 1_000

_DOCUMENT: Final = """
mutation Record($source: String!, $actions: [ActionInput!]!) {
  recordActions(source: $source, actions: $actions) {
    ... on Receipt { recorded duplicate conflict rejected { index } }
    ... on CallProblem { code message }
  }
}
"""


class Doors:
    """Calls that record the same, timed from outside."""

    def __init__(self, app: ASGIApp, database: Database, clock: MovableClock, key: str) -> None:
        self._app = app
        self._database = database
        self._clock = clock
        self._key = key

    async def through_graphql(self, records: Sequence[ActionRecord], now: datetime) -> float:
        """Seconds of a call over GraphQL, from the request's bytes to the answer's.

        Raises RuntimeError when not all was recorded.
        """
        self._clock.moment = now
        body = _request(records)
        begin = time.perf_counter()
        answer = await post(self._app, self._key, body)
        seconds = time.perf_counter() - begin
        result = orjson.loads(answer)
        receipt = (result.get("data") or {}).get("recordActions") or {}
        if receipt.get("recorded", 0) + receipt.get("duplicate", 0) != len(records):
            raise RuntimeError(f"not all was recorded: {answer[:1000]!r}")
        return seconds

    async def into_store(self, records: Sequence[ActionRecord], now: datetime) -> float:
        """Seconds of the store call with records that were read already."""
        begin = time.perf_counter()
        await record(self._database, records, now=now)
        return time.perf_counter() - begin


async def post(app: ASGIApp, key: str, body: bytes) -> bytes:
    """The answer to a request to /graphql, made in this process."""
    parts: list[bytes] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        parts.append(message.get("body", b""))

    await app(_scope(key, body), receive, send)
    return b"".join(parts)


def _scope(key: str, body: bytes) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": "POST",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "root_path": "",
        "query_string": b"",
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "headers": [
            (b"host", b"bench"),
            (b"accept", b"application/json"),
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"authorization", f"Bearer {key}".encode()),
        ],
    }


@asynccontextmanager
async def open_doors(database: Database, *, now: datetime) -> AsyncIterator[Doors]:
    """The service over ``database`` and a key of scope ``site``."""
    text, _ = await keys.create(database, name="bench", scopes={keys.Scope.SITE}, now=now)
    clock = MovableClock(now)
    app = create_app(Settings.load(), database=database, clock=clock, worker=False)
    async with app.router.lifespan_context(app):
        yield Doors(app, database, clock, text)


def _request(records: Sequence[ActionRecord]) -> bytes:
    actions = [
        {
            name: value
            for name in ("id", "venue", "verb", "time", "actor", "post", "target")
            if (value := getattr(one, name)) is not None
        }
        for one in records
    ]
    variables = {"source": records[0].source, "actions": actions}
    return orjson.dumps({"query": _DOCUMENT, "variables": variables})
