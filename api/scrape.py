"""The address /metrics: who may read it, and what is asked of the database for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from ipaddress import ip_address
from typing import Final, Literal

from starlette.types import Receive, Scope, Send

from api.auth import Keyring
from api.clock import Clock
from api.errors import Refusal
from api.live import Live
from api.logs import answer_json
from api.metrics import Metrics
from api.reading import headers_of
from store.db import Database
from store.due import Due, due

#: Seconds that the database gets to answer; the other metrics are told without it.
_LONGEST: Final = 5.0
#: A request with one of these came through a proxy: its caller may be anywhere.
_BY_PROXY: Final = frozenset({b"forwarded", b"x-forwarded-for", b"x-real-ip"})


class Scrape:
    """Answers Prometheus from one opened database."""

    def __init__(
        self,
        metrics: Metrics,
        database: Database,
        clock: Clock,
        keyring: Keyring,
        live: Live,
        readers: Literal["local", "open", "off"],
        key_set_age: Callable[[], float] | None = None,
    ) -> None:
        self._metrics = metrics
        self._database = database
        self._clock = clock
        self._keyring = keyring
        self._live = live
        self._readers = readers
        self._key_set_age = key_set_age

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one scrape.

        Raises Refusal for a caller who may not read it.
        """
        headers = headers_of(scope)
        if self._readers == "off":
            raise Refusal("NOT_FOUND", "this service keeps its metrics private")
        if self._readers == "local" and not _is_local(scope, frozenset(headers)):
            await self._keyring.caller(headers.get(b"authorization"))
        self.sample()
        accept = headers.get(b"accept", b"").decode("latin-1")
        page, content_type = await self._metrics.page(accept, self._due)
        await answer_json(send, 200, page, content_type=content_type.encode())

    def sample(self) -> None:
        """Note what is looked at now and then: the pool, the streams, the age of the key set."""
        self._metrics.streams(self._live.connections)
        if self._key_set_age is not None:
            self._metrics.key_set(self._key_set_age())
        pool = self._database.pool
        idle = pool.get_idle_size()
        self._metrics.pool(pool.get_size() - idle, idle)

    async def _due(self) -> Due:
        async with asyncio.timeout(_LONGEST):
            return await due(self._database, now=self._clock.now())


def _is_local(scope: Scope, headers: frozenset[bytes]) -> bool:
    """Whether the caller is on this machine, as far as can be told."""
    if headers & _BY_PROXY or scope.get("client") is None:
        return False
    try:
        return ip_address(scope["client"][0]).is_loopback
    except ValueError:
        return False
