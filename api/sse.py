"""GraphQL over Server-Sent Events, in the distinct connections mode of graphql-sse.

Each operation is one request with ``Accept: text/event-stream``; its results come as events
``next``, and ``complete`` ends them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final

from starlette.types import Receive, Send

from api.answering import dumps
from api.errors import Refusal
from api.execution import Invalid
from api.live import Live, ended
from api.profiles import EVENTS
from api.reading import Gone

#: Seconds after which a comment shows both ends, and all between them, that the connection lives.
_QUIET: Final = 12.0
_COMMENT: Final = b":\n\n"
_COMPLETE: Final = b"event: complete\ndata:\n\n"
_HEADERS: Final = [
    (b"content-type", EVENTS),
    # nginx would gather events otherwise.
    (b"x-accel-buffering", b"no"),
]


def only(body: bytes) -> bytes:
    """The whole of a response with a single result."""
    return _event(body) + _COMPLETE


def _event(body: bytes) -> bytes:
    return b"event: next\ndata: " + body + b"\n\n"


class EventStream:
    """One response that tells events."""

    def __init__(
        self,
        send: Send,
        receive: Receive,
        *,
        refused: Callable[[Refusal | Invalid], Any],
        failed: Callable[[Exception], Any],
    ) -> None:
        self._send = send
        self._receive = receive
        self._refused = refused
        self._failed = failed

    async def tell(
        self,
        events: AsyncGenerator[bytes, None],
        live: Live,
        still_allowed: Callable[[], Awaitable[Any]],
    ) -> None:
        """Tell events until there are no more, or it must end; raises Gone if the client went."""
        await self._send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        # What comes at once tells the client that it was let in.
        await self._write(_COMMENT)
        telling = asyncio.create_task(self._tell(events))
        gone = asyncio.create_task(self._gone())
        end = asyncio.create_task(live.end(still_allowed))
        everything = (telling, gone, end)
        try:
            while not any(one.done() for one in everything):
                done, _ = await asyncio.wait(
                    everything, timeout=_QUIET, return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    await self._write(_COMMENT)
            if gone.done():
                raise Gone
            if not telling.done():
                await ended([telling])
                await self._tell_errors(self._refused(end.result()))
            elif telling.exception() is not None:
                await telling
            await self._send({"type": "http.response.body", "body": _COMPLETE})
        finally:
            await ended(everything)

    async def _tell(self, events: AsyncGenerator[bytes, None]) -> None:
        async with aclosing(events):
            while True:
                try:
                    body = await anext(events, None)
                except (Refusal, Invalid) as error:
                    return await self._tell_errors(self._refused(error))
                except Exception as error:  # noqa: BLE001 - the client must hear that it is over
                    return await self._tell_errors(self._failed(error))
                if body is None:
                    return None
                await self._next(body)

    async def _tell_errors(self, errors: Any) -> None:
        await self._next(dumps({"errors": errors}))

    async def _next(self, body: bytes) -> None:
        await self._write(_event(body))

    async def _write(self, chunk: bytes) -> None:
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
