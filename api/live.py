"""Connections that stay open: how many there may be, and what ends them.

A subscription outlives the moment at which its caller was let in. So whoever holds one open asks
again and again whether the caller may still come in: at once when keys are revoked, and before
long for whatever else may have changed, such as a token that has run out.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from api.errors import Refusal

#: Seconds between two questions whether a caller may still come in.
_AGAIN: Final = 15.0


class Live:
    """The open connections of one process: at most ``most``, and ``most_each`` of one caller."""

    def __init__(self, *, most: int, most_each: int) -> None:
        self._most = most
        self._most_each = most_each
        self._open: Counter[Hashable] = Counter()
        self._stopping = asyncio.Event()
        self._keys = asyncio.Event()

    @property
    def connections(self) -> int:
        """How many are open."""
        return self._open.total()

    def stop(self) -> None:
        """End all: the service stops."""
        self._stopping.set()

    def keys_changed(self) -> None:
        """Somebody who came in may no longer be allowed to."""
        self._keys.set()
        self._keys = asyncio.Event()

    @contextmanager
    def place(self, caller: Hashable) -> Iterator[None]:
        """A place for a connection of ``caller``.

        Raises Refusal when there is none.
        """
        if self._open.total() >= self._most:
            raise _full("the service has as many open connections as it may have")
        if self._open[caller] >= self._most_each:
            raise _full(
                f"the caller has {self._most_each} open connections, as many as they may have"
            )
        self._open[caller] += 1
        try:
            yield
        finally:
            self._open[caller] -= 1
            if not self._open[caller]:
                del self._open[caller]

    async def end(self, still_allowed: Callable[[], Awaitable[Any]]) -> Refusal:
        """Return why a connection must end, once it must.

        ``still_allowed`` raises Refusal when its caller may no longer come in.
        """
        while True:
            # Before we ask: what changes while we do has us ask again.
            keys = self._keys
            # Nobody is sent away because the database is.
            try:
                await still_allowed()
            except Refusal as refusal:
                if refusal.code != "UNAVAILABLE":
                    return refusal
            waiting = [asyncio.create_task(one.wait()) for one in (self._stopping, keys)]
            try:
                await asyncio.wait(waiting, timeout=_AGAIN, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await ended(waiting)
            if self._stopping.is_set():
                return Refusal("UNAVAILABLE", "the service stops; connect again")


def _full(why: str) -> Refusal:
    return Refusal("TOO_MANY_CONNECTIONS", f"{why}; close some", (b"retry-after", b"5"))


async def ended(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until they have cleaned up."""
    tasks = list(tasks)
    for one in tasks:
        one.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
