"""PostgreSQL goes away under load: nothing is lost, and every follower catches up."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.mixed import Mixed
from bench.soak import lost
from store.db import connect
from store.embedded import ensure
from tests.api.serving import IKUSEI, serving
from tests.processes import kill_server

_PATIENCE = 120


class Watched:
    """A load whose progress can be waited for."""

    def __init__(self, load: Mixed) -> None:
        self._load = load
        self.outcome = load.outcome
        self._running = asyncio.create_task(load.run())

    async def go_on(self) -> None:
        """Until every follower has heard of something new."""
        await self._until(lambda: len(self.outcome.followers) == 4)
        heard = [len(one.cursors) for one in self.outcome.followers]
        await self._until(
            lambda: all(
                len(one.cursors) > before
                for one, before in zip(self.outcome.followers, heard, strict=True)
            )
        )

    def connected(self) -> list[int]:
        """How often each follower who stays has connected."""
        return [one.connections for one in self.outcome.followers if not one.short]

    async def miss(self) -> None:
        """Until somebody has found the database away."""
        before = self.outcome.away
        await self._until(lambda: self.outcome.away > before)

    async def end(self) -> None:
        self._load.stop()
        async with asyncio.timeout(_PATIENCE):
            await self._running

    async def _until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(_PATIENCE):
            while not done():
                await asyncio.wait([self._running], timeout=0.05)
                assert not self._running.done(), self._running


@pytest.mark.parametrize(
    "times", [pytest.param(1, marks=pytest.mark.slow), pytest.param(8, marks=pytest.mark.shows)]
)
async def test_nothing_is_lost_when_postgresql_restarts_under_load(times: int):
    with tempfile.TemporaryDirectory(prefix="ikusei-tests-") as directory:
        data_dir = Path(directory)
        async with serving(data_dir, (*IKUSEI, "serve")) as served:
            place = served.base.removeprefix("http://")
            load = Watched(Mixed(place, served.key, seed=times, patient=True))
            for _ in range(times):
                await load.go_on()
                kill_server(data_dir)
                await load.miss()
            await load.go_on()
            # On the connections of before: whoever comes back would hear in any case.
            assert load.connected() == [1, 1]
            await load.end()
            assert load.outcome.wrong == []
            embedded = await ensure(data_dir)
            try:
                database = await connect(embedded.url, least=0, most=2)
                assert await lost(database, load.outcome) == []
                await database.close()
            finally:
                await embedded.release()
