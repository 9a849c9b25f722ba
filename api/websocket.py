"""GraphQL over WebSocket: the protocol graphql-transport-ws of the npm package graphql-ws.

One connection has one caller, who is known by the header of the handshake or by the payload of
``connection_init``, and any number of operations up to a limit, each a task of its own. The older
protocol ``graphql-ws`` is refused: it let operations run before anybody was known.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, aclosing, contextmanager, suppress
from typing import Any, Final

from starlette.types import Message, Receive, Scope, Send

from api import reading
from api.answering import Answering, dumps
from api.auth import Finder
from api.errors import Refusal
from api.execution import Invalid
from api.live import Live, ended
from api.logs import Noted, Trace, trace_of
from schema.context import Caller

#: What is put around every operation.
Around = Callable[[Trace], AbstractContextManager[object]]

PROTOCOL: Final = "graphql-transport-ws"
#: Seconds until somebody who has connected must have said who they are.
_INIT_SECONDS: Final = 10.0
#: Operations at a time, with those whose end the client has not taken yet; and bytes of a
#: message: lists of records are sent by POST.
_MOST_OPERATIONS: Final = 50
MOST_BYTES: Final = 256 * 1024
#: Bytes of the answer to a ping, which holds what the ping held and is not counted as a request.
_MOST_PONG: Final = 1024
_LONGEST_ID: Final = 128


class _Closed(Exception):
    """The connection ends, with the code and reason that are told."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class _Gone(Exception):
    """The client has closed the connection."""


class SocketDoor:
    """The WebSocket side of the address /graphql of one opened database."""

    def __init__(
        self,
        answering: Answering,
        callers: Finder,
        live: Live,
        *,
        origins: frozenset[str],
        noted: Noted,
        around: Around,
    ) -> None:
        self._answering = answering
        self._callers = callers
        self._live = live
        self._origins = origins
        self._noted = noted
        self._around = around

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection from its handshake to its end."""
        await receive()
        headers = reading.headers_of(scope)
        if not self._may_come_from(headers):
            # Before it is accepted this is an answer with status 403.
            trace_of(scope).outcome = "ORIGIN"
            await send({"type": "websocket.close", "code": 1008, "reason": "Origin"})
            return
        if PROTOCOL not in scope["subprotocols"]:
            await send({"type": "websocket.accept"})
            await send(_close(4406, "Subprotocol not acceptable"))
            return
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL})
        connection = _Connection(
            self._answering, self._callers, receive, send, trace_of(scope), self._noted,
            self._around, authorization=headers.get(b"authorization"),
        )  # fmt: skip
        try:
            async with asyncio.timeout(_INIT_SECONDS):
                await connection.init()
            caller = await connection.identify()
            with self._live.place(caller.who):
                await connection.serve(self._live)
        except TimeoutError:
            await _finish(send, 4408, "Connection initialisation timeout")
        except Refusal as refusal:
            trace_of(scope).outcome = refusal.code
            code = 1013 if refusal.status in (429, 503) else 4403
            await _finish(send, code, refusal.message)
        except _Closed as closed:
            await _finish(send, closed.code, closed.reason)
        except _Gone:
            pass

    def _may_come_from(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether the page that opened the connection, if a page did, is one that may."""
        origin = headers.get(b"origin")
        if origin is None:
            return True
        host = origin.partition(b"://")[2]
        return origin.decode("latin-1") in self._origins or host == headers.get(b"host")


class _Connection:
    """One connection that was accepted."""

    def __init__(
        self,
        answering: Answering,
        callers: Finder,
        receive: Receive,
        send: Send,
        trace: Trace,
        noted: Noted,
        around: Around,
        *,
        authorization: bytes | None,
    ) -> None:
        self._answering = answering
        self._callers = callers
        self._receive = receive
        self._send = send
        self._trace = trace
        self._noted = noted
        self._around = around
        self._authorization = authorization
        #: Operations by the ids that are in use, and all that have not ended: one of which the
        #: client was told that it is over has no id any more, but may wait for that to be taken.
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def init(self) -> None:
        """Wait for ``connection_init``."""
        while True:
            message = await self._next()
            match message["type"]:
                case "connection_init":
                    break
                case "ping" | "pong":
                    await self._pong(message)
                case "subscribe":
                    raise _Closed(4401, "Unauthorized")
                case _:
                    raise _invalid(message)
        payload = message.get("payload")
        if not isinstance(payload, dict | None):
            raise _Closed(4400, "Invalid message: 'payload' of connection_init must be an object")
        given = {key.lower(): value for key, value in (payload or {}).items()}.get("authorization")
        if isinstance(given, str):
            self._authorization = given.encode("utf-8", "replace")

    async def identify(self) -> Caller:
        """The caller, for whom the connection counts as a request.

        Raises Refusal where nobody is to be let in.
        """
        caller = await self._callers.caller(self._authorization)
        self._caller = caller
        self._trace.key = caller.name
        self._answering.admit(caller)
        return caller

    async def serve(self, live: Live) -> None:
        """Let the caller in, and run what they ask for until the connection ends, or must."""
        await self._tell({"type": "connection_ack"})
        reading_ = asyncio.create_task(self._read())
        end = asyncio.create_task(live.end(self._still_allowed))
        try:
            await asyncio.wait({reading_, end}, return_when=asyncio.FIRST_COMPLETED)
            if reading_.done():
                await reading_
            refusal = end.result()
            stops = refusal.code == "UNAVAILABLE"
            raise _Closed(1001 if stops else 4403, refusal.message)
        finally:
            await ended([reading_, end, *self._tasks])

    async def _still_allowed(self) -> None:
        await self._callers.caller(self._authorization)

    async def _read(self) -> None:
        while True:
            message = await self._next()
            match message["type"]:
                case "subscribe":
                    await self._subscribe(message)
                case "complete":
                    task = self._operations.pop(_id(message), None)
                    if task is not None:
                        await ended([task])
                case "ping" | "pong":
                    await self._pong(message)
                case "connection_init":
                    raise _Closed(4429, "Too many initialisation requests")
                case _:
                    raise _invalid(message)

    async def _subscribe(self, message: dict[str, Any]) -> None:
        id_ = _id(message)
        if id_ in self._operations:
            raise _Closed(4409, f"Subscriber for {id_} already exists")
        payload = message.get("payload")
        if not isinstance(payload, dict):
            raise _Closed(4400, "Invalid message: 'payload' of subscribe must be an object")
        trace = Trace(self._trace.request_id, key=self._trace.key)
        try:
            self._answering.admit(self._caller)
            _check_room(len(self._tasks))
        except Refusal as refusal:
            with self._noting(trace):
                # Told by who reads, so that nothing more is read of a client that does not.
                await self._tell_error(id_, self._answering.refused(refusal, trace))
            return
        task = asyncio.create_task(self._run(id_, payload, trace))
        self._operations[id_] = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, id_: str, payload: Mapping[str, Any], trace: Trace) -> None:
        """Run one operation and note what came of it."""
        try:
            with suppress(_Gone), self._noting(trace):
                await self._answer(id_, payload, trace)
        finally:
            self._free(id_)

    @contextmanager
    def _noting(self, trace: Trace) -> Iterator[None]:
        """Note the operation that is answered inside."""
        begin = time.perf_counter()
        try:
            with self._around(trace):
                try:
                    yield
                except (_Gone, asyncio.CancelledError):
                    # There is no other end to a subscription.
                    if trace.outcome == "ok" and trace.kind != "subscription":
                        trace.outcome = "DISCONNECTED"
                    raise
        finally:
            self._noted("/graphql", trace, time.perf_counter() - begin)

    async def _answer(self, id_: str, payload: Mapping[str, Any], trace: Trace) -> None:
        """Run one operation and tell what comes of it."""
        try:
            request = reading.request_of(payload)
            prepared = self._answering.prepare(request, self._caller, trace)
            async with aclosing(self._answering.events(prepared, trace)) as events:
                async for body in events:
                    await self._tell_raw(id_, "next", body)
        except (Refusal, Invalid) as error:
            await self._tell_error(id_, self._answering.refused(error, trace))
        except _Gone:
            raise
        except Exception as error:  # noqa: BLE001 - the others on this connection go on
            await self._tell_error(id_, self._answering.failed(error, trace))
        else:
            # Who hears that it is over may take the id again at once.
            self._free(id_)
            await self._tell({"id": id_, "type": "complete"})

    async def _tell_error(self, id_: str, errors: list[dict[str, Any]]) -> None:
        self._free(id_)
        await self._tell_raw(id_, "error", dumps(errors))

    def _free(self, id_: str) -> None:
        """Let the id of the operation that this task runs be taken again."""
        if self._operations.get(id_) is asyncio.current_task():
            del self._operations[id_]

    async def _next(self) -> dict[str, Any]:
        """The next message.

        Raises _Gone, and _Closed for what is no message.
        """
        event: Message = await self._receive()
        if event["type"] != "websocket.receive":
            raise _Gone
        text = event.get("text")
        if text is None:
            raise _Closed(4400, "Invalid message: expected text")
        try:
            # As by POST: a letter that is none ends the operation at most, not all of them.
            message = reading.loads(text.encode())
        except Refusal:
            raise _Closed(4400, "Invalid message: expected JSON") from None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise _Closed(4400, "Invalid message: expected an object with a 'type'")
        return message

    async def _pong(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "ping":
            payload = message.get("payload")
            more = {"payload": payload} if isinstance(payload, dict) else {}
            pong = dumps({"type": "pong", **more})
            if len(pong) > _MOST_PONG:
                most = f"'payload' of ping may have about {_MOST_PONG} bytes"
                raise _Closed(4400, f"Invalid message: {most}")
            await self._write(pong)

    async def _tell(self, message: Mapping[str, Any]) -> None:
        await self._write(dumps(message))

    async def _tell_raw(self, id_: str, kind: str, payload: bytes) -> None:
        head = dumps({"id": id_, "type": kind})[:-1]
        await self._write(head + b',"payload":' + payload + b"}")

    async def _write(self, text: bytes) -> None:
        """Send a message; raises _Gone where there is nobody to send it to any more."""
        try:
            await self._send({"type": "websocket.send", "text": text.decode()})
        except (OSError, RuntimeError):
            raise _Gone from None


def _check_room(running: int) -> None:
    if running >= _MOST_OPERATIONS:
        most = f"a connection may have {_MOST_OPERATIONS} operations at a time"
        raise Refusal("LIMIT", f"{most}: end others first")


def _id(message: Mapping[str, Any]) -> str:
    id_ = message.get("id")
    if not isinstance(id_, str) or not 0 < len(id_) <= _LONGEST_ID:
        raise _Closed(4400, "Invalid message: 'id' must be a string, not empty")
    return id_


def _invalid(message: Mapping[str, Any]) -> _Closed:
    return _Closed(4400, f"Invalid message: the type {message['type'][:40]!r} is not known")


def _close(code: int, reason: str) -> Message:
    # A close frame has room for 123 bytes.
    return {
        "type": "websocket.close",
        "code": code,
        "reason": reason.encode(errors="replace")[:123].decode(errors="ignore"),
    }


async def _finish(send: Send, code: int, reason: str) -> None:
    """Close the connection, which may have been closed meanwhile."""
    with suppress(RuntimeError, OSError):
        await send(_close(code, reason))
