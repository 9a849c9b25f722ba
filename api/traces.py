"""Traces for OpenTelemetry, where IKUSEI_TRACES asks for them; its packages are an extra.

Spans say which operation, how it ended and how long its transactions took. They hold no text,
variable, or id of a member, nor the message of an exception, which would repeat one.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final

from starlette.types import ASGIApp, Receive, Scope, Send

from api.logs import Trace, trace_of
from api.settings import Settings, SettingsError
from store.db import Database, Use

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

#: Whoever looks after the service would otherwise fill the traces.
_UNTRACED: Final = frozenset({"/health", "/ready", "/metrics"})


class Tracing:
    """Makes the spans of one process."""

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry import trace  # noqa: PLC0415 - the packages are an extra

        self._provider = provider
        self._api = trace
        self._tracer = provider.get_tracer("ikusei")

    @contextmanager
    def span(
        self, name: str, *, headers: Mapping[str, str] | None = None
    ) -> Iterator[Callable[..., None]]:
        """A span around what is inside, below that which ``headers`` name.

        Gives what sets attributes, and with ``name`` another name.
        """
        from opentelemetry import propagate  # noqa: PLC0415

        kind = self._api.SpanKind.INTERNAL if headers is None else self._api.SpanKind.SERVER
        with self._tracer.start_as_current_span(
            name,
            context=None if headers is None else propagate.extract(headers),
            kind=kind,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:

            def note(*, name: str | None = None, failed: bool = False, **attributes: Any) -> None:
                if name is not None:
                    span.update_name(name)
                if failed:
                    span.set_status(self._api.StatusCode.ERROR)
                span.set_attributes({key: one for key, one in attributes.items() if one})

            try:
                yield note
            except asyncio.CancelledError:
                # Whoever follows has had enough, or a client is gone: nothing has failed.
                raise
            except BaseException as error:
                note(failed=True, **{"error.type": type(error).__qualname__})
                raise

    def transaction(self, use: Use) -> None:
        """Note a transaction that is over, below what it was done for."""
        if not self._api.get_current_span().get_span_context().is_valid:
            return
        end = time.time_ns()
        span = self._tracer.start_span(
            use.kind,
            kind=self._api.SpanKind.CLIENT,
            attributes={"db.system.name": "postgresql", "ikusei.waited_seconds": use.waited},
            start_time=end - int(use.seconds * 1e9),
        )
        if use.failed:
            span.set_status(self._api.StatusCode.ERROR)
        span.end(end)

    def round(self) -> AbstractContextManager[object]:
        """A span around a look for due work."""
        return self.span("due work")

    @contextmanager
    def operation(self, trace: Trace) -> Iterator[None]:
        """A span around an operation of a connection on which there are several."""
        with self.span("operation") as note:
            try:
                yield
            finally:
                note(name=trace.kind, failed=trace.outcome == "INTERNAL", **_known(trace))

    def close(self) -> None:
        """Send what was not sent yet; waits for the collector as long as OTEL_… allows."""
        self._provider.shutdown()


class TraceRequests:
    """Makes a span of every request."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["path"] in _UNTRACED:
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): one.decode("latin-1") for name, one in scope["headers"]}
        trace = trace_of(scope)
        with self._tracing.span(scope["method"], headers=headers) as note:
            try:
                await self._app(scope, receive, send)
            finally:
                attributes = {
                    "http.request.method": scope["method"],
                    "http.response.status_code": trace.status,
                    **_known(trace),
                }
                note(name=trace.kind, failed=trace.status >= 500, **attributes)


@asynccontextmanager
async def traced(
    tracing: Tracing | None, database: Database
) -> AsyncIterator[Callable[[], AbstractContextManager[object]]]:
    """Note the transactions of a database until the end; gives what is put around due work."""
    if tracing is None:
        yield nullcontext
        return
    database.watchers.append(tracing.transaction)
    try:
        yield tracing.round
    finally:
        await asyncio.to_thread(tracing.close)


def _known(trace: Trace) -> dict[str, str | None]:
    return {
        "graphql.operation.type": trace.kind,
        "graphql.operation.name": trace.operation,
        "ikusei.outcome": trace.outcome,
        "ikusei.request_id": trace.request_id,
    }


def tracing_of(settings: Settings) -> Tracing | None:
    """What makes the spans that the settings ask for; None where they ask for none.

    Raises SettingsError when the packages are not installed.
    """
    if settings.traces == "off":
        return None
    try:
        # By name, because they are no part of what every installation has.
        sdk = importlib.import_module("opentelemetry.sdk.trace")
        export = importlib.import_module("opentelemetry.sdk.trace.export")
        resources = importlib.import_module("opentelemetry.sdk.resources")
        otlp = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"IKUSEI_TRACES is {settings.traces}, but the package of {error.name} is not there: "
            "install ikusei[otel] (requirements/otel.txt), or leave it off"
        ) from None
    # What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say goes before it.
    named = resources.OTELResourceDetector().detect()
    resource = resources.Resource({"service.name": "ikusei"}).merge(named)
    provider = sdk.TracerProvider(resource=resource)
    processor = (
        export.BatchSpanProcessor(otlp.OTLPSpanExporter())
        if settings.traces == "otlp"
        else export.SimpleSpanProcessor(
            export.ConsoleSpanExporter(out=sys.stderr, formatter=_in_one_line)
        )
    )
    provider.add_span_processor(processor)
    return Tracing(provider)


def _in_one_line(span: Any) -> str:
    text: str = span.to_json(indent=None)
    return f"{text}\n"
