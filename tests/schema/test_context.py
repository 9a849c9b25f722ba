"""What resolvers share: one who is given up takes nothing from the others."""

from __future__ import annotations

import asyncio

import pytest

from schema.context import Siblings
from store.db import day_number
from tests.schema.asking import NOW, Asker, community, seed


@pytest.mark.parametrize("given_up", [0, 1])
async def test_whoever_still_waits_for_what_is_loaded_together_gets_it(given_up: int) -> None:
    group = Siblings([1, 2])
    begun, release = asyncio.Event(), asyncio.Event()

    async def load() -> str:
        begun.set()
        await release.wait()
        return "loaded"

    waiting = [asyncio.create_task(group.once("key", load)) for _ in group.rows]
    await begun.wait()
    waiting[given_up].cancel()
    await asyncio.wait([waiting[given_up]])
    release.set()
    async with asyncio.timeout(60):
        assert await waiting[1 - given_up] == "loaded"
    assert waiting[given_up].cancelled()


async def test_when_all_are_given_up_the_loading_ends() -> None:
    group = Siblings([1])
    ended = asyncio.Event()

    async def load() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    waiting = asyncio.create_task(group.once("key", load))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    async with asyncio.timeout(60):
        await ended.wait()


async def test_whoever_still_waits_for_what_is_counted_together_gets_it(ask: Asker) -> None:
    await seed(ask.database, community(4))
    context = ask.context()
    today = day_number(NOW.date())
    waiting = [asyncio.create_task(context.distinct(1, today)) for _ in range(2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting[0].cancel()
    async with asyncio.timeout(60):
        assert sum((await waiting[1]).values()) > 0
    assert waiting[0].cancelled()
