"""Due work, done again and again: at the start, then as long as somebody wants it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress
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
#: So many failures in a row that are not the database's are no accident.
_TROUBLE: Final = 3
#: Seconds that work under way gets to finish its transaction when the service stops; what is cut
#: off then is rolled back and due again.
_GRACE: Final = 10.0


class Refresh(Protocol):
    """Does everything that is due, once; midnight may pass while it does."""

    def __call__(self, database: Database, *, now: Callable[[], datetime]) -> Awaitable[Any]:
        """Do it; raises StoreError when the database cannot be used."""
        ...


#: Told of every look for due work: its outcome, the members looked at, seconds.
Worked = Callable[[str, int, float], None]


def _untold(_outcome: str, _members: int, _seconds: float) -> None:
    """Nobody measures."""


async def _refresh(database: Database, *, now: Callable[[], datetime]) -> Any:
    # They take numpy along.
    from store.refresh import refresh  # noqa: PLC0415
    from store.vectors import keep  # noqa: PLC0415

    report = await refresh(database, now=now)
    await keep(database, now=now())
    return report


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
        worked: Worked = _untold,
        around: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._database = database
        self._clock = clock
        self._refresh = refresh
        self._pause = pause
        self._share = share
        self._worked = worked
        self._around = around
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._mistakes = 0

    def stop(self) -> None:
        """Let the work under way be the last; called again, cut it off."""
        if self._stop.is_set() and self._task is not None:
            self._task.cancel()
        self._stop.set()

    def trouble(self) -> str | None:
        """Why due work is not done as it should be, where it runs in the background.

        That the database is away is not for us to tell: whoever asks finds it out.
        """
        if self._task is not None and self._task.done() and not self._stop.is_set():
            return "due work has ended"
        return "due work fails" if self._mistakes >= _TROUBLE else None

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
        task = self._task = asyncio.create_task(self.run(), name="worker")
        try:
            yield
        finally:
            self._stop.set()
            done, _ = await asyncio.wait([task], timeout=_GRACE)
            if not done:
                task.cancel()
                await asyncio.wait([task])

    async def run_until_told(self) -> None:
        """Work until stop() is called, which gives the work under way a while to be finished."""
        async with self.running():
            assert self._task is not None
            told = asyncio.create_task(self._stop.wait())
            await asyncio.wait([self._task, told], return_when=asyncio.FIRST_COMPLETED)
            told.cancel()
            if self._task.done() and not self._task.cancelled():
                self._task.result()

    async def _once(self) -> bool:
        """Do what is due; whether that went well."""
        begin = time.perf_counter()
        outcome, report = "ok", None
        try:
            with self._around():
                report = await self._refresh(self._database, now=self._clock.now)
        except StoreError as error:
            outcome = "UNAVAILABLE" if unavailable(error) else "REFUSED"
            log.warning("due work", outcome=outcome, origin=list(origin(error)))
        except Exception as error:  # noqa: BLE001 - the loop must outlive whatever one round meets
            outcome = "INTERNAL"
            log.error("due work", outcome=outcome, origin=list(origin(error)))
        seconds = time.perf_counter() - begin
        counts = _counts(report)
        self._worked(outcome, counts.get("members", 0), seconds)
        if outcome != "ok":
            self._mistakes += outcome != "UNAVAILABLE"
            return False
        self._mistakes = 0
        log.debug("due work", outcome=outcome, ms=round(seconds * 1000, 1), report=counts)
        return True


def _counts(report: Any) -> dict[str, int]:
    """The numbers of a report; it may name members too, and the log must not."""
    names = getattr(report, "__dataclass_fields__", {})
    values = {name: getattr(report, name) for name in names}
    return {name: value for name, value in values.items() if isinstance(value, int)}
