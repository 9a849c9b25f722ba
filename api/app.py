"""The Starlette application: which doors there are, and what is open while it lives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import (
    AsyncExitStack,
    asynccontextmanager,
    nullcontext,
    suppress,
)
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from strawberry import Schema

from api.answering import Answering, MakeContext
from api.auth import TTL, Callers, Keyring
from api.clock import Clock
from api.context import Contexts
from api.database import open_database
from api.documents import Documents, DocumentsError, read_documents
from api.errors import Refusal, database_gone, origin, unavailable
from api.execution import Engine, Invalid
from api.limits import Limits
from api.live import Live, ended
from api.logs import RequestLog, answer_json, log, trace_of
from api.metrics import Metrics
from api.rates import Rates
from api.readiness import deafness, of_database
from api.scrape import Scrape
from api.settings import Settings, SettingsError
from api.traces import TraceRequests, Tracing, traced, tracing_of
from api.transport import GraphQLDoor
from api.websocket import SocketDoor
from api.worker import Worker
from store.db import Database, StoreError
from store.feed import PAUSE, Feed
from store.listen import CHANGES, KEYS, MERGES, SITE_KEYS, Listener

if TYPE_CHECKING:
    from api.tokens import Tokens

#: Seconds between two looks at the pool of connections.
_SAMPLE_SECONDS: Final = 5.0
_PATHS: Final = frozenset({"/graphql", "/schema.graphql", "/health", "/ready", "/metrics"})


@dataclass(frozen=True, slots=True)
class Unheard:
    """Seconds after which a key, or changes, are looked at though nothing was heard of them."""

    key: float = TTL
    changes: float = PAUSE


@dataclass(slots=True)
class Service:
    """What lives as long as the application; ``door`` is there while a database is open.

    ``checks`` say, beyond the database, why the service is not ready; None where it is.
    """

    settings: Settings
    clock: Clock
    schema: Schema
    limits: Limits
    documents: Documents
    metrics: Metrics
    make_context: Callable[[Database, Clock, Feed], MakeContext]
    unheard: Unheard = Unheard()
    tracing: Tracing | None = None
    tokens: Tokens | None = None
    database: Database | None = None
    door: GraphQLDoor | None = None
    socket_door: SocketDoor | None = None
    scrape: Scrape | None = None
    live: Live = field(init=False)
    checks: list[Callable[[], str | None]] = field(default_factory=list)
    stopping: bool = False
    _text: bytes = b""
    _asking: asyncio.Task[str | None] | None = field(default=None)

    def __post_init__(self) -> None:
        settings = self.settings
        self.live = Live(most=settings.max_streams, most_each=settings.max_streams_each)

    @asynccontextmanager
    async def open(self, database: Database) -> AsyncIterator[None]:
        """Answer from ``database``, which is heard as long as this lasts."""
        self.database = database
        # Printing it takes longer than most requests, and who asks for it has no key.
        self._text = self.schema.as_str().encode() + b"\n"
        feed = Feed(database, pause=self.unheard.changes, failed=_failed("feed"))
        keyring = Keyring(
            database, self.clock, ttl=self.unheard.key, seconds=self.settings.answer_seconds
        )
        callers = Callers(keyring, self.tokens)
        engine = Engine(self.schema, self.limits, introspection=self.introspection)
        answering = Answering(
            engine,
            self.limits,
            self.documents,
            Rates(keys=self.settings.key_rate, members=self.settings.member_rate),
            self.make_context(database, self.clock, feed),
        )
        self.door = GraphQLDoor(
            answering,
            self.limits,
            callers,
            self.live,
            by_get=self.settings.get_requests,
            profile=self.settings.http_profile,
        )
        self.socket_door = SocketDoor(
            answering,
            callers,
            self.live,
            origins=frozenset(self.settings.origins),
            noted=self.metrics.request,
            around=nullcontext if self.tracing is None else self.tracing.operation,
        )

        def forget_keys() -> None:
            keyring.forget()
            self.live.keys_changed()

        database.watchers.append(self.metrics.transaction)
        tokens = self.tokens
        self.scrape = Scrape(
            self.metrics,
            database,
            self.clock,
            keyring,
            self.live,
            self.settings.metrics,
            None if tokens is None else lambda: tokens.key_set_age,
        )
        heard = {CHANGES: feed.wake, MERGES: feed.merges, KEYS: forget_keys}
        if tokens is not None:
            heard[SITE_KEYS] = tokens.renew
        listener = Listener(database, heard, failed=_failed("listener"))
        keyring.told_by(listener)
        self.checks += (partial(deafness, listener), feed.trouble)
        listening = asyncio.create_task(listener.run(), name="listener")
        try:
            yield
        finally:
            self.live.stop()
            await ended([listening])

    @property
    def introspection(self) -> bool:
        """Whether the schema is told to whoever asks."""
        return self.settings.introspection

    async def graphql(self, scope: Scope, receive: Receive, send: Send) -> None:
        """POST and GET /graphql."""
        if self.door is None:
            await _refuse(scope, send, database_gone())
        else:
            await self.door(scope, receive, send)

    async def socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """WebSocket /graphql."""
        if self.socket_door is None:
            await send({"type": "websocket.close", "code": 1013, "reason": "starting"})
        else:
            await self.socket_door(scope, receive, send)

    async def sdl(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """GET /schema.graphql: for everybody, unless introspection is off."""
        if not self.introspection:
            await _refuse(
                scope, send, Refusal("NOT_FOUND", "this service keeps its schema private")
            )
            return
        if self.door is None:
            await _refuse(scope, send, database_gone())
            return
        await answer_json(send, 200, self._text, content_type=b"text/plain; charset=utf-8")

    async def health(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """GET /health: the process answers."""
        await answer_json(send, 200, {"healthy": True})

    async def prometheus(self, scope: Scope, receive: Receive, send: Send) -> None:
        """GET /metrics."""
        if self.scrape is None:
            await _refuse(scope, send, database_gone())
            return
        try:
            await self.scrape(scope, receive, send)
        except Refusal as refusal:
            await _refuse(scope, send, refusal)

    async def ready(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """GET /ready: the database answers and is migrated, and we are not about to go."""
        reason = "stopping" if self.stopping else await self._ask_once()
        if reason is not None:
            trace_of(scope).outcome = "NOT_READY"
            await answer_json(
                send, 503, {"ready": False, "reason": reason}, ((b"retry-after", b"5"),)
            )
        else:
            await answer_json(send, 200, {"ready": True})

    async def _ask_once(self) -> str | None:
        """However many ask at once, the database is asked by one of them."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._reason_not_ready())
        return await asyncio.shield(self._asking)

    async def _reason_not_ready(self) -> str | None:
        if self.database is None:
            return "starting"
        reason = await of_database(self.database, self.settings.database_url or "")
        if reason is not None:
            return reason
        return next((reason for check in self.checks if (reason := check()) is not None), None)

    @asynccontextmanager
    async def alive(self, database: Database, *, works: bool) -> AsyncIterator[None]:
        """Answer from ``database``, and where it ``works`` do due work as well."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.open(database))
            around = await stack.enter_async_context(traced(self.tracing, database))
            await stack.enter_async_context(self.sampled())
            if works:
                worker = Worker(database, self.clock, worked=self.metrics.worked, around=around)
                self.checks.append(worker.trouble)
                await stack.enter_async_context(worker.running())
            yield

    @asynccontextmanager
    async def sampled(self) -> AsyncIterator[None]:
        """Look at the pool every few seconds: another process may be asked for its numbers."""
        sampling = asyncio.create_task(self._sample())
        try:
            yield
        finally:
            sampling.cancel()

    async def _sample(self) -> None:
        while self.scrape is not None:
            self.scrape.sample()
            await asyncio.sleep(_SAMPLE_SECONDS)


def create_app(
    settings: Settings,
    *,
    database: Database | None = None,
    clock: Clock | None = None,
    schema: Schema | None = None,
    make_context: Callable[[Database, Clock, Feed], MakeContext] | None = None,
    worker: bool | None = None,
    tracing: Tracing | None = None,
    unheard: Unheard = Unheard(),
) -> Starlette:
    """The application, as a server runs it.

    Without ``database`` it opens the one of the settings while it lives, and closes it again; a
    given one stays the caller's. ``worker`` says whether due work is done in this process: by
    default where the database is the embedded one. The other arguments are for tests.
    """
    if schema is None:
        from schema.schema import schema as whole  # noqa: PLC0415 - tests have smaller ones

        schema = whole
    metrics = Metrics()
    tracing = tracing or tracing_of(settings)
    service = Service(
        settings=settings,
        metrics=metrics,
        tracing=tracing,
        clock=clock or settings.make_clock(),
        schema=schema,
        limits=limits_of(settings),
        documents=documents_of(settings, schema),
        make_context=make_context or partial(Contexts, recorded=metrics.recorded),
        unheard=unheard,
    )
    works = settings.database_url is None if worker is None else worker
    around = [Middleware(RequestLog, paths=_PATHS, noted=metrics.request)]
    if tracing is not None:
        around.append(Middleware(TraceRequests, tracing=tracing))
    app = Starlette(
        routes=_routes(service),
        middleware=[*around, *_cross_origin(settings)],
        exception_handlers={HTTPException: _not_there},
        lifespan=lambda _app: _lifespan(service, database, works=works),
    )
    app.state.service = service
    return app


@asynccontextmanager
async def _lifespan(
    service: Service, given: Database | None, *, works: bool
) -> AsyncIterator[None]:
    """Answer from the ``given`` database, else from that of the settings, while it is open."""
    settings = service.settings
    async with AsyncExitStack() as stack:
        database = given
        if database is None:
            database = await stack.enter_async_context(open_database(settings, hurried=True))
        if settings.jwt_jwks is not None:
            # What checks signatures is slow to load, and few commands need it.
            from api.tokens import tokens_of  # noqa: PLC0415

            service.tokens = await stack.enter_async_context(tokens_of(settings, service.clock))
        await stack.enter_async_context(service.alive(database, works=works))
        yield


def _routes(service: Service) -> list[BaseRoute]:
    return [
        Route("/graphql", _Door(service.graphql)),
        WebSocketRoute("/graphql", _Door(service.socket)),
        *(
            Route(path, _Door(answer), methods=["GET"])
            for path, answer in (
                ("/schema.graphql", service.sdl),
                ("/health", service.health),
                ("/ready", service.ready),
                ("/metrics", service.prometheus),
            )
        ),
    ]


def _cross_origin(settings: Settings) -> list[Middleware]:
    """Lets the pages of the named origins call; without one, browsers let nobody's.

    Nobody is known by a cookie, so that nothing is sent along without the page's doing.
    """
    if not settings.origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=("GET", "POST"),
            allow_headers=("authorization", "content-type", "x-request-id"),
            expose_headers=("x-request-id", "retry-after"),
        )
    ]


def limits_of(settings: Settings) -> Limits:
    """The limits that can be set; the others are as they are."""
    return Limits(
        body=settings.max_body_bytes,
        tokens=settings.max_tokens,
        depth=settings.max_depth,
        aliases=settings.max_aliases,
        cost=settings.max_cost,
        seconds=settings.answer_seconds,
    )


def documents_of(settings: Settings, schema: Schema) -> Documents:
    """The documents that are known by name.

    Raises SettingsError when they are not to be had, or one of them does not fit the schema.
    """
    path = settings.documents
    if path is None:
        if settings.documents_only:
            raise SettingsError(
                "IKUSEI_DOCUMENTS_ONLY needs IKUSEI_DOCUMENTS: without registered documents "
                "nothing could be asked"
            )
        return Documents()
    engine = Engine(schema, limits_of(settings))
    try:
        trusted = read_documents(path)
    except DocumentsError as error:
        raise SettingsError(f"IKUSEI_DOCUMENTS: {error}") from None
    for name, text in trusted.items():
        try:
            engine.prepare(text)
        except (Refusal, Invalid) as error:
            why = error.message if isinstance(error, Refusal) else error.errors[0].message
            raise SettingsError(
                f"IKUSEI_DOCUMENTS: {path}: {name!r} cannot be run: {why}"
            ) from None
    return Documents(trusted, only=settings.documents_only)


class _Door:
    """Marks a method as an ASGI application: Starlette takes functions for something else."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


async def _refuse(scope: Scope, send: Send, refusal: Refusal) -> None:
    trace = trace_of(scope)
    trace.outcome = refusal.code
    shown = {"errors": [refusal.shown(trace.request_id)]}
    await answer_json(send, refusal.status, shown, refusal.headers)


def _failed(what: str) -> Callable[[Exception], None]:
    """Logs what fails in the background."""

    def write(error: Exception) -> None:
        away = isinstance(error, StoreError) and unavailable(error)
        tell, outcome = (log.warning, "UNAVAILABLE") if away else (log.error, "INTERNAL")
        # A log that cannot be written must not end what goes on in the background.
        with suppress(OSError, ValueError):
            tell(what, outcome=outcome, origin=list(origin(error)))

    return write


async def _not_there(_request: Request, error: Exception) -> Response:
    """404 and 405 as JSON like every other error."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    allow = (getattr(error, "headers", None) or {}).get("Allow", "")
    refusal = (
        Refusal("METHOD_NOT_ALLOWED", f"use {allow}", (b"allow", allow.encode()))
        if status == 405
        else Refusal("NOT_FOUND", "there is no such address")
    )
    return _Refused(refusal)


class _Refused(Response):
    """A response that says a refusal."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__()
        self._refusal = refusal

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        await _refuse(scope, send, self._refusal)
