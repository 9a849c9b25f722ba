"""Due work, done again and again: at the start, then as long as somebody wants it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, Final, Protocol

from api.clock import Clock
from api.errors import origin, unavailable
from api.logs import log
from store.db import Database, StoreError

#: Seconds between two looks for due work, and how many times as long as a look takes: in a very
#: large community looking must not become work of its own.
PAUSE: Final = 5.0
SHARE: Final = 20.0
#: Seconds after failures: this, doubled each time, up to the other.
_FIRST_WAIT: Final = 1.0
_LONGEST_WAIT: Final = 60.0
#: Seconds that work under way gets to finish its transaction when the service stops; what is cut
#: off then is rolled back and due again.
_GRACE: Final = 10.0


class Refresh(Protocol):
    """Does everything that is due, once; midnight may pass while it does."""

    def __call__(self, database: Database, *, now: Callable[[], datetime]) -> Awaitable[Any]:
        """Do it; raises StoreError when the database cannot be used."""
        ...


async def _refresh(database: Database, *, now: Callable[[], datetime]) -> Any:
    from store.refresh import refresh  # noqa: PLC0415 - it takes numpy along

    return await refresh(database, now=now)


class Worker:
    """The loop that does due work on one database."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        refresh: Refresh = _refresh,
        pause: float = PAUSE,
        share: float = SHARE,
    ) -> None:
        self._database = database
        self._clock = clock
        self._refresh = refresh
        self._pause = pause
        self._share = share
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Let the work under way be the last."""
        self._stop.set()

    async def run(self) -> None:
        """Work until stop() is called. Failures are logged and tried again."""
        failures = 0
        while not self._stop.is_set():
            begin = time.perf_counter()
            failures = 0 if await self._once() else failures + 1
            wait = max(self._pause, self._share * (time.perf_counter() - begin))
            if failures:
                wait = _FIRST_WAIT * 2 ** min(failures - 1, 10)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), min(wait, _LONGEST_WAIT))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work in the background of what is inside; stops with it."""
        task = asyncio.create_task(self.run(), name="worker")
        try:
            yield
        finally:
            self.stop()
            done, _ = await asyncio.wait([task], timeout=_GRACE)
            if not done:
                task.cancel()
                await asyncio.wait([task])

    async def _once(self) -> bool:
        """Do what is due; whether that went well."""
        begin = time.perf_counter()
        try:
            report = await self._refresh(self._database, now=self._clock.now)
        except StoreError as error:
            kind = "UNAVAILABLE" if unavailable(error) else "REFUSED"
            log.warning("due work", outcome=kind, origin=list(origin(error)))
            return False
        except Exception as error:  # noqa: BLE001 - the loop must outlive whatever one round meets
            log.error("due work", outcome="INTERNAL", origin=list(origin(error)))
            return False
        ms = round((time.perf_counter() - begin) * 1000, 1)
        log.debug("due work", outcome="ok", ms=ms, report=_counts(report))
        return True


def _counts(report: Any) -> dict[str, int]:
    """The numbers of a report; it may name members too, and the log must not."""
    names = getattr(report, "__dataclass_fields__", {})
    values = {name: getattr(report, name) for name in names}
    return {name: value for name, value in values.items() if isinstance(value, int)}
