"""Followers of all changes, by WebSocket and by event stream, who notice what they are not told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import orjson
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from schema.ids import Big, from_cursor

_FOLLOW: Final = """subscription ($after: String) {
  standingChanged(after: $after) { cursor after member { id standing { status } } } }"""


class Unfollowable(Exception):
    """A subscription was refused, or ended though nobody ended it; ``codes`` are of its errors."""

    def __init__(self, what: str, codes: set[str]) -> None:
        super().__init__(f"{what} {sorted(codes)}")
        self.codes = codes


@dataclass(slots=True)
class Following:
    """What a follower was told: the cursor they began with, and those of changes as they came.

    A ``short`` one leaves again and again; the others stay on one connection as long as it lives.
    """

    begin: str
    short: bool = False
    cursors: list[str] = field(default_factory=list)
    connections: int = 0

    @property
    def last(self) -> str:
        """The cursor to go on from."""
        return self.cursors[-1] if self.cursors else self.begin


async def by_socket(client: httpx.AsyncClient, after: str) -> AsyncIterator[str]:
    """Cursors of changes, over a WebSocket; raises Unfollowable."""
    place = f"ws://{client.base_url.host}:{client.base_url.port}/graphql"
    async with connect(place, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
        init = {"authorization": client.headers["Authorization"]}
        await _say(socket.send, type="connection_init", payload=init)
        payload = {"query": _FOLLOW, "variables": {"after": after}}
        await socket.recv()
        await _say(socket.send, type="subscribe", id="1", payload=payload)
        async for text in socket:
            message = orjson.loads(text)
            if message["type"] == "error":
                raise Unfollowable("an error", _codes(message["payload"]))
            if message["type"] == "complete":
                raise Unfollowable("the end", set())
            if message["type"] == "next":
                yield _cursor(message["payload"])
    raise Unfollowable("a close", set())


async def by_events(client: httpx.AsyncClient, after: str) -> AsyncIterator[str]:
    """Cursors of changes, as server-sent events; raises Unfollowable."""
    body = {"query": _FOLLOW, "variables": {"after": after}}
    headers = {"Accept": "text/event-stream"}
    async with client.stream("POST", "/graphql", json=body, headers=headers) as response:
        if response.status_code != httpx.codes.OK:
            errors = orjson.loads(await response.aread())["errors"]
            raise Unfollowable(f"status {response.status_code}", _codes(errors))
        async for line in response.aiter_lines():
            if line.startswith("event: complete"):
                break
            if line.startswith("data: "):
                yield _cursor(orjson.loads(line[6:]))
    raise Unfollowable("the end", set())


async def until_reached(followers: list[Following], goal: str, news: asyncio.Event) -> None:
    """Wait until every follower was told of the change at ``goal``."""
    while any(number(one.last) < number(goal) for one in followers):
        news.clear()
        await news.wait()


def number(cursor: str) -> int:
    """The number of the change that a cursor names."""
    key = from_cursor(cursor, "changes", Big)
    assert key is not None
    found: int = key[0]
    return found


async def _say(send: Any, **message: Any) -> None:
    await send(orjson.dumps(message).decode())


def _cursor(payload: dict[str, Any]) -> str:
    if payload.get("errors"):
        raise Unfollowable("an event with errors", _codes(payload["errors"]))
    cursor: str = payload["data"]["standingChanged"]["cursor"]
    return cursor


def _codes(errors: list[dict[str, Any]]) -> set[str]:
    return {one["extensions"]["code"] for one in errors}
