"""The log: one line per request and per thing that happens, without texts, names or ids of members.

Exceptions are logged as their kinds and places only (errors.origin): their messages repeat data.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import sys
import threading
import time
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal, TextIO, cast

import orjson
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import internal, origin

log: Final = structlog.stdlib.get_logger("ikusei")

#: What machines make: ids of proxies and traces, UUIDs. Other words may be names.
_REQUEST_ID: Final = re.compile(rb"[0-9A-Fa-f-]{16,64}")
_TRACE: Final = "ikusei.trace"
_LONGEST_NAME: Final = 64
#: Of every answer that does not say otherwise: it is data, of this moment, for whoever asked.
PLAIN: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)


@dataclass(slots=True)
class Trace:
    """What the log line of a request will say; filled in while it is answered.

    ``operation`` is the name the client's developers gave it, ``key`` that of the caller's key.
    """

    request_id: str
    status: int = 0
    outcome: str = "ok"
    kind: str | None = None
    operation: str | None = None
    key: str | None = None

    def name(self, operation: str | None) -> None:
        """Note the operation's name."""
        self.operation = operation[:_LONGEST_NAME] if operation else None

    def failed(self, cause: BaseException) -> None:
        """Log what the caller was not told."""
        with suppress(OSError, ValueError):
            log.error("masked", request_id=self.request_id, origin=list(origin(cause)))


def trace_of(scope: Scope) -> Trace:
    """The trace of the request, as RequestLog began it."""
    trace = scope.get(_TRACE)
    return trace if isinstance(trace, Trace) else Trace(secrets.token_hex(8))


#: Told of every request that was answered: its path, what is known of it, seconds.
Noted = Callable[[str, Trace, float], None]


class RequestLog:
    """Gives every request its id, logs it, and answers 500 where something unforeseen happened."""

    def __init__(self, app: ASGIApp, paths: frozenset[str], noted: Noted) -> None:
        self._app = app
        self._paths = paths
        self._noted = noted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        begin = time.perf_counter()
        trace = scope[_TRACE] = Trace(_request_id(scope))

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                trace.status = message["status"]
                headers = list(message.get("headers", ()))
                own = {name for name, _ in headers}
                message["headers"] = [
                    *headers,
                    *(one for one in PLAIN if one[0] not in own),
                    (b"x-request-id", trace.request_id.encode()),
                ]
            await send(message)

        try:
            await self._app(scope, receive, send_marked)
        except Exception as error:
            trace.outcome = "INTERNAL"
            trace.failed(error)
            if trace.status:
                raise
            if scope["type"] == "http":
                await answer_json(send_marked, 500, {"errors": [internal(trace.request_id)]})
        finally:
            seconds = time.perf_counter() - begin
            if scope["type"] == "http":
                # What is asked over a WebSocket is noted operation by operation.
                self._noted(scope["path"], trace, seconds)
            self._write(scope, trace, seconds)

    def _write(self, scope: Scope, trace: Trace, seconds: float) -> None:
        path = scope["path"]
        fields: dict[str, Any] = {
            "request_id": trace.request_id,
            "method": scope.get("method", "WEBSOCKET"),
            # An address that we do not have may hold anything.
            "path": path if path in self._paths else "other",
            "status": trace.status,
            "outcome": trace.outcome,
            "ms": round(seconds * 1000, 2),
        }
        if trace.kind:
            fields.update(kind=trace.kind, operation=trace.operation, key=trace.key)
        quiet = path in {"/health", "/ready", "/metrics"} and trace.outcome == "ok"
        # A log that cannot be written (its disk is full, its reader is gone) must not cost answers.
        with suppress(OSError, ValueError):
            (log.debug if quiet else log.info)("request", **fields)


async def answer_json(
    send: Send,
    status: int,
    body: Any,
    headers: tuple[tuple[bytes, bytes], ...] = (),
    content_type: bytes = b"application/json; charset=utf-8",
) -> None:
    """Send a JSON answer."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", content_type),
                (b"content-length", str(len(raw)).encode()),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": raw})


class _Lasting:
    """A stream of which what cannot be written is lost: its disk is full, or its reader is gone.

    A log must cost neither an answer nor the loop that does due work.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Write, or not."""
        with suppress(OSError, ValueError):
            self._file.write(text)
        return len(text)

    def flush(self) -> None:
        """See that it arrives, or not."""
        with suppress(OSError, ValueError):
            self._file.flush()


def configure(form: Literal["console", "json"], level: str) -> None:
    """Write logs to standard error, our own and those of the libraries, in one form."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_messages,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(serializer=_dumps)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    lasting = cast("TextIO", _Lasting(sys.stderr))
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=lasting),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(lasting)
    handler.addFilter(_without_data)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder({"logger", "place"}), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def log_uncaught() -> None:
    """Let what nobody catches, and warnings, go to the log too: Python would show the values."""
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda found: _log_lost("thread", found.exc_value)
    sys.unraisablehook = lambda found: _log_lost("unraisable", found.exc_value)


def log_unhandled(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what nobody waited for: asyncio would show the values in it."""
    _log_lost("event loop", context.get("exception"))


def _log_lost(where: str, error: BaseException | None) -> None:
    with suppress(OSError, ValueError):
        log.error("unhandled", where=where, origin=list(origin(error)) if error else [])


def _log_uncaught(kind: type[BaseException], error: BaseException, _trace: object) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    _log_lost("program", error)


def _without_data(record: logging.LogRecord) -> bool:
    """Take what a library says without the values in it: they may be what members wrote.

    A text that was put together before it got here cannot be told from one that holds none: only
    those of uvicorn, which we have read, are kept. They are one line; more of them are what
    Starlette makes of an exception. Of others the place says which one it was.
    """
    known = record.name.partition(".")[0] == "uvicorn" and isinstance(record.msg, str)
    record.msg = str(record.msg).partition("\n")[0] if known else "library"
    record.args = ()
    record.logger = record.name
    record.place = f"{record.module}:{record.lineno} {record.funcName}"
    return True


def _without_messages(
    _logger: Any, _method: str, fields: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replace an exception by where it arose."""
    found = fields.pop("exc_info", None)
    error = found[1] if isinstance(found, tuple) else sys.exc_info()[1] if found is True else found
    if isinstance(error, BaseException):
        fields["origin"] = list(origin(error))
    return fields


def _dumps(value: Any, **_options: Any) -> str:
    return orjson.dumps(value, default=str).decode()


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            if _REQUEST_ID.fullmatch(value):
                return str(value, "ascii")
            break
    return secrets.token_hex(8)
