"""What one WebSocket may take of the service, above all one whose client does not read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.types import Message

from store.db import Database
from tests.api.stand_in import app_of
from tests.api.test_websocket import PROTOCOL

SCOPE = {
    "type": "websocket",
    "path": "/graphql",
    "root_path": "",
    "query_string": b"",
    "headers": [],
    "subprotocols": [PROTOCOL],
}


class Deaf:
    """A client that says all it has to say and takes nothing after the ``connection_ack``."""

    def __init__(self, key: str, said: Iterable[dict[str, Any]]) -> None:
        init = {"type": "connection_init", "payload": {"authorization": f"Bearer {key}"}}
        self._said = iter([init, *said])
        self._connected = False
        #: Messages that were taken from it, and such that it was to be told.
        self.taken = 0
        self.untold: list[dict[str, Any]] = []
        self.waiting = asyncio.Condition()
        self.gone = asyncio.Event()

    async def receive(self) -> Message:
        if not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        message = next(self._said, None)
        if message is None:
            await self.gone.wait()
            return {"type": "websocket.disconnect", "code": 1006}
        self.taken += 1
        return {"type": "websocket.receive", "text": json.dumps(message)}

    async def send(self, message: Message) -> None:
        told: dict[str, Any] = json.loads(message["text"]) if "text" in message else dict(message)
        if told["type"] in {"websocket.accept", "connection_ack"}:
            return
        async with self.waiting:
            self.untold.append(told)
            self.waiting.notify_all()
        await self.gone.wait()
        raise OSError

    async def talk(self, app: Starlette) -> None:
        await app(dict(SCOPE), self.receive, self.send)


def running() -> list[str]:
    """The operations over WebSocket that have not ended."""
    names = [getattr(one.get_coro(), "__qualname__", "") for one in asyncio.all_tasks()]
    return [name for name in names if name == "_Connection._run"]


@pytest.mark.parametrize(
    ("settings", "operations", "code"),
    [({"key_rate": 0}, 50, "LIMIT"), ({"key_rate": 0.1}, 1, "RATE_LIMITED")],
)
@pytest.mark.parametrize("query", ["{", "{ hello }"])
async def test_who_does_not_read_is_not_read_either(
    database: Database,
    site_key: str,
    settings: dict[str, Any],
    operations: int,
    code: str,
    query: str,
):
    app = app_of(database, **settings)
    many = [{"id": str(n), "type": "subscribe", "payload": {"query": query}} for n in range(500)]
    client = Deaf(site_key, many)
    async with app.router.lifespan_context(app):
        talking = asyncio.create_task(client.talk(app))
        async with asyncio.timeout(60), client.waiting:
            await client.waiting.wait_for(lambda: len(client.untold) > operations)
        assert client.taken == 1 + operations + 1
        assert len(running()) == operations
        refused = [one for one in client.untold if one["id"] == str(operations)]
        assert [one["payload"][0]["extensions"]["code"] for one in refused] == [code]
        client.gone.set()
        async with asyncio.timeout(60):
            await talking
        assert running() == []
