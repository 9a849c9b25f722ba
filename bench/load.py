"""A small HTTP load: a fixed number of requests over a few kept connections, on loopback only."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, cast

_LONGEST: Final = 60.0
_LENGTH: Final = b"content-length: "


@dataclass(frozen=True, slots=True)
class Load:
    """What a round gave: requests a second, the bodies and the waits in no certain order.

    ``waits`` are seconds from sending a request to the end of its answer.
    """

    per_second: float
    seconds: float
    bodies: list[bytes]
    waits: list[float]


async def run_load(port: int, requests: Sequence[bytes], *, connections: int) -> Load:
    """Send every request once over ``connections`` kept connections.

    Raises RuntimeError when an answer is not 200, TimeoutError when it takes a minute.
    """
    waiting = iter(requests)
    loop = asyncio.get_running_loop()
    bodies: list[bytes] = []
    waits: list[float] = []
    clients = [
        (await loop.create_connection(lambda: _Client(waiting, bodies, waits), "127.0.0.1", port))[
            1
        ]
        for _ in range(connections)
    ]
    begin = time.perf_counter()
    try:
        async with asyncio.timeout(_LONGEST):
            for client in clients:
                client.send()
            await asyncio.gather(*(client.done for client in clients))
    finally:
        for client in clients:
            client.close()
    seconds = time.perf_counter() - begin
    return Load(len(bodies) / seconds, seconds, bodies, waits)


class _Client(asyncio.Protocol):
    """One connection: sends the next request when the answer to the last one is complete."""

    def __init__(self, waiting: Iterator[bytes], bodies: list[bytes], waits: list[float]) -> None:
        self._waiting = waiting
        self._bodies = bodies
        self._waits = waits
        self._sent = 0.0
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's by inheritance.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or RuntimeError("the server closed a connection"))

    def send(self) -> None:
        """Send the next request, or be done."""
        assert self._transport is not None
        request = next(self._waiting, None)
        if request is None:
            self.done.set_result(None)
        else:
            self._sent = time.perf_counter()
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data
        head, separator, body = received.partition(b"\r\n\r\n")
        if not separator:
            return
        begin = head.lower().index(_LENGTH) + len(_LENGTH)
        length = int(head[begin:].split(b"\r\n", 1)[0])
        if len(body) < length:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self.done.set_exception(RuntimeError(f"answered {head[:40]!r} {body[:200]!r}"))
            return
        self._received = b""
        self._bodies.append(body)
        self._waits.append(time.perf_counter() - self._sent)
        self.send()

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()
