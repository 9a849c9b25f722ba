"""What lives as long as the application: its doors, what it hears of, and whether it is ready."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import (
    AsyncExitStack,
    asynccontextmanager,
    nullcontext,
    suppress,
)
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from starlette.types import Receive, Scope, Send
from strawberry import Schema

from api.answering import Answering, MakeContext
from api.auth import TTL, Callers, Keyring
from api.clock import Clock
from api.documents import Documents
from api.errors import Refusal, database_gone, origin, unavailable
from api.execution import Engine
from api.limits import Limits
from api.live import Live, ended
from api.logs import answer_json, log, trace_of
from api.metrics import Metrics
from api.rates import Rates
from api.readiness import deafness, of_database
from api.scrape import Scrape
from api.settings import Settings
from api.traces import Tracing, traced
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
        database.watchers.append(self.metrics.transaction)
        feed = Feed(database, pause=self.unheard.changes, failed=_failed("feed"))
        keyring = Keyring(
            database, self.clock, ttl=self.unheard.key, seconds=self.settings.answer_seconds
        )
        self._open_doors(self.make_context(database, self.clock, feed), keyring)
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
        listener = self._listener(database, feed, keyring)
        self.checks += (partial(deafness, listener), feed.trouble)
        listening = asyncio.create_task(listener.run(), name="listener")
        try:
            yield
        finally:
            self.live.stop()
            await ended([listening])

    def _open_doors(self, make_context: MakeContext, keyring: Keyring) -> None:
        settings = self.settings
        callers = Callers(keyring, self.tokens)
        answering = Answering(
            Engine(self.schema, self.limits, introspection=self.introspection),
            self.limits,
            self.documents,
            Rates(keys=settings.key_rate, members=settings.member_rate),
            make_context,
        )
        self.door = GraphQLDoor(
            answering,
            self.limits,
            callers,
            self.live,
            by_get=settings.get_requests,
            profile=settings.http_profile,
        )
        self.socket_door = SocketDoor(
            answering,
            callers,
            self.live,
            origins=frozenset(settings.origins),
            noted=self.metrics.request,
            around=nullcontext if self.tracing is None else self.tracing.operation,
        )

    def _listener(self, database: Database, feed: Feed, keyring: Keyring) -> Listener:
        """What hears of changes, and on which the keyring relies to hear of revoked keys."""

        def forget_keys() -> None:
            keyring.forget()
            self.live.keys_changed()

        heard = {CHANGES: feed.wake, MERGES: feed.merges, KEYS: forget_keys}
        if self.tokens is not None:
            heard[SITE_KEYS] = self.tokens.renew
        listener = Listener(database, heard, failed=_failed("listener"))
        keyring.told_by(listener)
        return listener

    @property
    def introspection(self) -> bool:
        """Whether the schema is told to whoever asks."""
        return self.settings.introspection

    async def graphql(self, scope: Scope, receive: Receive, send: Send) -> None:
        """POST and GET /graphql."""
        if self.door is None:
            await refuse(scope, send, database_gone())
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
            await refuse(scope, send, Refusal("NOT_FOUND", "this service keeps its schema private"))
            return
        if self.door is None:
            await refuse(scope, send, database_gone())
            return
        await answer_json(send, 200, self._text, content_type=b"text/plain; charset=utf-8")

    async def health(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """GET /health: the process answers."""
        await answer_json(send, 200, {"healthy": True})

    async def prometheus(self, scope: Scope, receive: Receive, send: Send) -> None:
        """GET /metrics."""
        if self.scrape is None:
            await refuse(scope, send, database_gone())
            return
        try:
            await self.scrape(scope, receive, send)
        except Refusal as refusal:
            await refuse(scope, send, refusal)

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


async def refuse(scope: Scope, send: Send, refusal: Refusal) -> None:
    """Answer with a refusal."""
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
