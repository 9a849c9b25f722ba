"""The loop of due work: it goes on after failures and stops when asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import datetime
from io import StringIO

import pytest
import structlog

from api.clock import MovableClock
from api.logs import configure
from api.worker import Worker
from store.db import Database, Unavailable
from store.refresh import refresh
from tests.api.stand_in import NOW
from tests.store.making import act, put


class Rounds:
    """Due work that counts its rounds, so that a test can wait for one of them."""

    def __init__(self, work: Callable[..., Coroutine[None, None, object]] | None = None) -> None:
        self.moments: list[datetime] = []
        self._work = work
        self._news = asyncio.Condition()

    async def __call__(self, database: Database, *, now: Callable[[], datetime]) -> object:
        done = await self._work(database, now=now) if self._work else None
        async with self._news:
            self.moments.append(now())
            self._news.notify_all()
        return done

    async def reached(self, count: int) -> None:
        """Wait for the round of that number."""
        async with asyncio.timeout(120), self._news:
            await self._news.wait_for(lambda: len(self.moments) >= count)


def worker(database: Database, due: Callable[..., Coroutine[None, None, object]]) -> Worker:
    return Worker(database, MovableClock(NOW), refresh=due, pause=0.001, share=0)


def at_work() -> bool:
    return any(task.get_name() == "worker" for task in asyncio.all_tasks())


async def test_it_works_at_the_start_and_again(database: Database):
    rounds = Rounds()
    async with worker(database, rounds).running():
        assert at_work()
        await rounds.reached(3)
    assert not at_work()
    assert set(rounds.moments) == {NOW}


async def test_failures_do_not_end_it(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.worker._FIRST_WAIT", 0.001)
    failures = [Unavailable("gone"), RuntimeError("a mistake"), TimeoutError()]

    async def fail(database: Database, *, now: Callable[[], datetime]) -> None:
        if failures:
            raise failures.pop()

    rounds = Rounds(fail)
    async with worker(database, rounds).running():
        await rounds.reached(2)
    assert not failures


async def test_work_under_way_is_finished(database: Database):
    begun, done = asyncio.Event(), False

    async def due(database: Database, *, now: Callable[[], datetime]) -> None:
        nonlocal done
        begun.set()
        await working._stop.wait()
        # The loop has been told to stop by now, and has many turns in which it could.
        for _ in range(100):
            await asyncio.sleep(0)
        done = True

    working = worker(database, due)
    async with working.running():
        await begun.wait()
    assert done


async def test_work_without_end_is_cut_off(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.worker._GRACE", 0.05)
    begun, cancelled = asyncio.Event(), False

    async def due(database: Database, *, now: Callable[[], datetime]) -> None:
        nonlocal cancelled
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled = True
            raise

    async with worker(database, due).running():
        await begun.wait()
    assert cancelled


async def test_a_second_stop_cuts_it_off(database: Database):
    begun = asyncio.Event()

    async def due(database: Database, *, now: Callable[[], datetime]) -> None:
        begun.set()
        await asyncio.Event().wait()

    working = worker(database, due)
    running = asyncio.create_task(working.run_until_told())
    await begun.wait()
    working.stop()
    for _ in range(100):
        await asyncio.sleep(0)
    assert not running.done()
    working.stop()
    async with asyncio.timeout(5):
        await running
    assert not at_work()


async def test_a_mistake_of_ours_ends_it_with_an_error(database: Database):
    def told(_outcome: str, _members: int, _seconds: float) -> None:
        raise LookupError

    working = Worker(database, MovableClock(NOW), refresh=Rounds(), worked=told)
    with pytest.raises(LookupError):
        await working.run_until_told()


async def test_the_real_work_runs(database: Database):
    await put(database, act("a1"))
    await database.pool.execute(
        "insert into refold (member_id, cause, since) "
        "select member_id, 'import', now() from standing"
    )
    rounds = Rounds(refresh)
    async with worker(database, rounds).running():
        await rounds.reached(2)
    assert await database.pool.fetchval("select count(*) from refold") == 0


async def test_a_log_that_cannot_be_written_does_not_end_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    gone = StringIO()
    gone.close()
    before, handlers = structlog.get_config(), logging.getLogger().handlers[:]
    monkeypatch.setattr("sys.stderr", gone)
    try:
        configure("json", "debug")
        structlog.configure(cache_logger_on_first_use=False)
        rounds = Rounds()
        async with worker(database, rounds).running():
            await rounds.reached(2)
        assert len(rounds.moments) >= 2
    finally:
        structlog.configure(**before)
        logging.getLogger().handlers[:] = handlers
