"""One connection of a client: bounded in time, size and number, which uvicorn leaves to others.

uvicorn waits for ever for a request that trickles in and for a client that does not take its
answer. Here a sweep once a second looks at all connections of the process, so that a request costs
nothing for it but three marks. docs/decisions/0013-processes-and-connections.md says why.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, cast

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from api.errors import Refusal
from api.logs import PLAIN, answer_json, log, trace_of

#: Bytes of an unread answer that must go within the time; a slower reader is taken for none.
_LEAST_TAKEN: Final = 32_768
#: Bytes that are taken at a time while headers come in.
_PART: Final = 16_384
#: Where the service is looked after; these are answered also when it is full.
_CARE: Final = frozenset({"/health", "/ready", "/metrics"})


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a connection may take.

    ``seconds`` is for a whole request to arrive, and for an answer to be taken; ``head`` bytes for
    request line and headers; beyond ``most`` connections requests are refused. ``cut`` is told the
    reason when a connection is refused or cut off.
    """

    seconds: float
    most: int
    head: int
    cut: Callable[[str], None]


class _Unread:
    """What a client leaves unread of what it was sent."""

    __slots__ = ("_since", "_size")

    def __init__(self) -> None:
        self._since: float | None = None
        self._size = 0

    def too_long(self, size: int, now: float, seconds: float) -> bool:
        """Whether too little of it, ``size`` bytes now, was taken in ``seconds``."""
        if not size:
            self._since = None
        elif self._since is None or size <= self._size - _LEAST_TAKEN:
            self._since, self._size = now, size
        elif now - self._since > seconds:
            return True
        else:
            self._size = max(size, self._size)
        return False


class Connection(HttpToolsProtocol):
    """A connection that is looked after; ``bounds`` are those of its process."""

    bounds: ClassVar[Bounds]

    def connection_made(self, transport: Any) -> None:
        """Begin; beyond the bounds it is told so, far beyond them it is closed at once."""
        super().connection_made(transport)
        #: When what is arriving began to arrive; None while nothing is.
        self.since: float | None = self.loop.time()
        self._begun = False
        self._in_head = True
        self._head = 0
        self._unread = _Unread()
        count = len(self.connections)
        if count > self.bounds.most:
            self.app = cast("Any", _full(self.app))
            self.bounds.cut("full")
            if count > self.bounds.most * 2:
                transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take what arrived."""
        self._begun = True
        if self.since is None:
            self.since = self.loop.time()
        while data:
            # What comes at once may be a head beyond the bounds, and the request that it makes.
            size = _PART if self._in_head else len(data)
            part, data = data[:size], data[size:]
            self._head += len(part) if self._in_head else 0
            super().data_received(part)
            if self.transport.is_closing() or self.transport.get_protocol() is not self:
                return
            if self._in_head and self._head > self.bounds.head:
                self._refuse("HEADERS_TOO_LARGE", f"more than {self.bounds.head} bytes of headers")
                return

    def on_message_begin(self) -> None:
        """Note that a request begins, which may stand in the same packet as the one before."""
        if self.since is None:
            self.since = self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that the body begins."""
        self._in_head = False
        self._head = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that the whole request is here."""
        self._in_head = True
        self.since = None
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, as JSON like every other error."""
        self._refuse("BAD_REQUEST", msg.rstrip("."))

    def look(self, now: float) -> None:
        """Cut this connection off if it is beyond its time."""
        if self.since is not None and now - self.since > self.bounds.seconds:
            self._late(now)
        size = self.transport.get_write_buffer_size()
        if self._unread.too_long(size, now, self.bounds.seconds):
            self._end("unread")
            self.transport.abort()

    @property
    def _open(self) -> RequestResponseCycle | None:
        """The request that is not answered as a whole yet, if there is one."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return None if cycle is None or cycle.response_complete else cycle

    def _late(self, now: float) -> None:
        cycle = self._open
        if self.flow.read_paused or (cycle is not None and not cycle.more_body):
            # It is we who keep the rest waiting.
            self.since = now
        elif not self._begun or (cycle is None and not self._in_head):
            # Nothing was asked, or what is still coming was answered long ago.
            self._end("slow")
            self.transport.close()
        else:
            self._refuse(
                "REQUEST_TIMEOUT",
                f"the request did not arrive as a whole within {self.bounds.seconds:g} seconds",
            )

    def _refuse(self, code: str, message: str) -> None:
        """Answer for the application, which has not got the request or waits for its rest."""
        refusal = Refusal(code, message)
        request_id = secrets.token_hex(8)
        cycle = self._open
        reason = "slow" if code == "REQUEST_TIMEOUT" else "malformed"
        if cycle is None:
            log.info("refused", request_id=request_id, status=refusal.status, outcome=code)
        elif cycle.more_body and not cycle.response_started:
            trace = trace_of(cast("Scope", cycle.scope))
            trace.status, trace.outcome, request_id = refusal.status, code, trace.request_id
            cycle.response_started = True
        else:
            # The answer to the request before is under way, into which nothing can be put.
            self._end(reason)
            self.transport.close()
            return
        self._end(reason)
        body = orjson.dumps({"errors": [refusal.shown(request_id)]})
        headers = (
            (b"content-type", b"application/json; charset=utf-8"),
            (b"content-length", b"%d" % len(body)),
            *PLAIN,
            (b"x-request-id", request_id.encode()),
            (b"connection", b"close"),
        )
        head = b"".join(b"%s: %s\r\n" % one for one in headers)
        self.transport.write(STATUS_LINE[refusal.status] + head + b"\r\n" + body)
        self.transport.close()

    def _end(self, reason: str) -> None:
        """Count it, and tell an application that waits for this client that it is gone."""
        self.since = None
        self.bounds.cut(reason)
        cycle = self._open
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
            self.flow.resume_writing()


class Socket(WebSocketsSansIOProtocol):
    """A WebSocket that is looked after: uvicorn closes it in order, for which it must be read."""

    bounds: ClassVar[Bounds]

    def connection_made(self, transport: Any) -> None:
        """Begin, beyond the bounds to be told so."""
        super().connection_made(transport)
        self._unread = _Unread()
        if len(self.connections) > self.bounds.most:
            self.app = cast("Any", _full(self.app))

    def look(self, now: float) -> None:
        """Cut this connection off if its client does not take what it is told."""
        size = self.transport.get_write_buffer_size()
        if self._unread.too_long(size, now, self.bounds.seconds):
            self.bounds.cut("unread")
            self.transport.abort()


def bounded(bounds: Bounds) -> tuple[type[Connection], type[Socket]]:
    """The kinds of connection of a process, for HTTP and for WebSocket."""
    named = {"bounds": bounds}
    return type("BoundedConnection", (Connection,), named), type("BoundedSocket", (Socket,), named)


def sweep(connections: Iterable[object], now: float) -> None:
    """Look at all connections."""
    for one in list(connections):
        if isinstance(one, Connection | Socket):
            one.look(now)


def _full(app: ASGIApp) -> ASGIApp:
    """The application for a connection too many: it only answers whoever looks after it."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in _CARE:
            await app(scope, receive, send)
            return

        async def send_so(message: Message) -> None:
            # Before it is accepted, a WebSocket may be answered like any request.
            await send({**message, "type": f"websocket.{message['type']}"})

        refusal = Refusal("OVERLOADED", "too many clients are connected; try again in a while")
        trace = trace_of(scope)
        headers = (*PLAIN, (b"retry-after", b"5"), (b"connection", b"close"))
        shown = {"errors": [refusal.shown(trace.request_id)]}
        by = send_so if scope["type"] == "websocket" else send
        await answer_json(by, refusal.status, shown, headers)

    return answer
