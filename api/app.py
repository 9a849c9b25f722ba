"""The Starlette application: which addresses there are, and what is put around them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from strawberry import Schema

from api.answering import MakeContext
from api.clock import Clock
from api.context import Contexts
from api.database import open_database
from api.documents import Documents, DocumentsError, read_documents
from api.errors import Refusal
from api.execution import Engine, Invalid
from api.limits import Limits
from api.logs import RequestLog
from api.metrics import Metrics
from api.service import Service, Unheard, refuse
from api.settings import Settings, SettingsError
from api.traces import TraceRequests, Tracing, tracing_of
from api.widget import asked_by_widget, widget
from store.db import Database
from store.feed import Feed

#: The part of a request's time for which it may wait for work in the background: what is left is
#: for saying that it is under way.
_PATIENCE: Final = 0.8
_PATHS: Final = frozenset(
    {"/graphql", "/schema.graphql", "/widget.js", "/health", "/ready", "/metrics"}
)


def create_app(
    settings: Settings,
    *,
    database: Database | None = None,
    clock: Clock | None = None,
    schema: Schema | None = None,
    make_context: Callable[[Database, Clock, Feed], MakeContext] | None = None,
    worker: bool | None = None,
    tracing: Tracing | None = None,
    unheard: Unheard | None = None,
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
        make_context=make_context
        or partial(
            Contexts,
            recorded=metrics.recorded,
            patience=_PATIENCE * settings.answer_seconds,
        ),
        unheard=unheard or Unheard(),
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
    # A client of the wrong address should be told so, not sent on with its key.
    app.router.redirect_slashes = False
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
        Route("/widget.js", widget),
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
    return Documents({**asked_by_widget(), **trusted}, only=settings.documents_only)


class _Door:
    """Marks a method as an ASGI application: Starlette takes functions for something else."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


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
        await refuse(scope, send, self._refusal)
