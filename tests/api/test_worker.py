"""The loop of due work: it goes on after failures and stops when asked."""

from __future__ import annotations

import asyncio
from datetime import datetime

from api.clock import MovableClock
from api.worker import Worker
from store.db import Database, Unavailable
from store.refresh import refresh
from tests.api.stand_in import NOW


async def reached(condition, seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - it has no event of its own
            await asyncio.sleep(0.005)


async def test_it_works_at_the_start_and_again(database: Database):
    moments: list[datetime] = []

    async def due(database: Database, *, now: datetime) -> None:
        moments.append(now)

    async with Worker(database, MovableClock(NOW), refresh=due, pause=0.01).running():
        await reached(lambda: len(moments) >= 3)
    count = len(moments)
    await asyncio.sleep(0.05)
    assert len(moments) == count
    assert set(moments) == {NOW}


async def test_failures_do_not_end_it(database: Database, monkeypatch):
    monkeypatch.setattr("api.worker._FIRST_WAIT", 0.001)
    failures = [Unavailable("gone"), RuntimeError("a mistake"), TimeoutError()]
    rounds = 0

    async def due(database: Database, *, now: datetime) -> None:
        nonlocal rounds
        rounds += 1
        if failures:
            raise failures.pop()

    async with Worker(database, MovableClock(NOW), refresh=due, pause=0.001).running():
        await reached(lambda: rounds >= 5)
    assert not failures


async def test_work_under_way_is_finished(database: Database):
    begun, done = asyncio.Event(), False

    async def due(database: Database, *, now: datetime) -> None:
        nonlocal done
        begun.set()
        await asyncio.sleep(0.1)
        done = True

    async with Worker(database, MovableClock(NOW), refresh=due).running():
        await begun.wait()
    assert done


async def test_work_without_end_is_cut_off(database: Database, monkeypatch):
    monkeypatch.setattr("api.worker._GRACE", 0.05)
    cancelled = False

    async def due(database: Database, *, now: datetime) -> None:
        nonlocal cancelled
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled = True
            raise

    async with Worker(database, MovableClock(NOW), refresh=due).running():
        await asyncio.sleep(0.01)
    assert cancelled


async def test_the_real_work_runs(database: Database):
    rounds = 0

    async def due(database: Database, *, now: datetime) -> object:
        nonlocal rounds
        report = await refresh(database, now=now)
        rounds += 1
        return report

    async with Worker(database, MovableClock(NOW), refresh=due, pause=0.01).running():
        await reached(lambda: rounds >= 2)
