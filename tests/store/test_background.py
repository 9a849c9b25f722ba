"""Work that takes longer than a request: done once for all who ask, and kept for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from store import background
from store.background import (
    KEPT_MOST,
    KEPT_MOST_SMALL,
    KEPT_SECONDS,
    Background,
    Crowded,
    Progress,
    UnderWay,
    unhurried,
)
from store.db import Database, StoreError


@dataclass
class Work:
    """Work that goes on when the test says so."""

    begun: list[str] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, name: str) -> Callable[[Progress], Awaitable[str]]:
        async def work(progress: Progress) -> str:
            self.begun.append(name)
            progress(len(self.begun), 9)
            await self.go.wait()
            return f"{name} {len(self.begun)}"

        return work


async def test_who_cannot_wait_is_told_how_far_it_is_and_finds_it_later() -> None:
    kept, work = Background(), Work()
    waiting = asyncio.create_task(kept.kept("a", work("again")))
    with pytest.raises(UnderWay, match="1 of 9 members are done") as told:
        await kept.kept("a", work("a"), patience=0.001)
    assert (told.value.progress.done, told.value.progress.total) == (1, 9)
    work.go.set()
    assert await waiting == await kept.kept("a", work("a"), patience=0) == "a 1"
    assert work.begun == ["a"]
    await kept.close()


async def test_what_does_not_say_how_far_it_is_says_that_it_has_begun() -> None:
    kept, go = Background(), asyncio.Event()

    async def work(_: Progress) -> bool:
        return await go.wait()

    with pytest.raises(UnderWay, match="it has begun"):
        await kept.kept("a", work, patience=0.001)
    go.set()
    assert await kept.kept("a", work)
    await kept.close()


async def test_one_piece_is_done_at_a_time() -> None:
    kept, work = Background(), Work()
    both = [asyncio.create_task(kept.kept(key, work(key))) for key in "ab"]
    with pytest.raises(UnderWay, match="1 of 9"):
        await kept.kept("a", work("a"), patience=0.001)
    with pytest.raises(UnderWay, match="it waits for its turn"):
        await kept.kept("b", work("b"), patience=0.001)
    assert work.begun == ["a"]
    work.go.set()
    assert await asyncio.gather(*both) == ["a 1", "b 2"]
    await kept.close()


async def test_who_gives_up_does_not_end_it_for_the_others() -> None:
    kept, work = Background(), Work()
    first = asyncio.create_task(kept.kept("a", work("a")))
    second = asyncio.create_task(kept.kept("a", work("a")))
    with pytest.raises(UnderWay):
        await kept.kept("a", work("a"), patience=0)
    first.cancel()
    work.go.set()
    assert await second == "a 1"
    await kept.close()


async def test_it_is_made_anew_when_it_is_old_or_the_oldest_of_many() -> None:
    now = 0.0
    kept, work = Background(clock=lambda: now), Work()
    work.go.set()
    assert await kept.kept("a", work("a")) == "a 1"
    now = KEPT_SECONDS - 1
    assert await kept.kept("a", work("a")) == "a 1"
    now = KEPT_SECONDS
    assert await kept.kept("a", work("a")) == "a 2"
    for n in range(KEPT_MOST + 1):
        await kept.kept(n, work(str(n)))
    assert await kept.kept(KEPT_MOST, work("")) == f"{KEPT_MOST} {KEPT_MOST + 3}"
    assert await kept.kept("a", work("a")) == f"a {KEPT_MOST + 4}"
    await kept.close()


async def test_what_is_old_takes_no_place() -> None:
    now = 0.0
    kept, work = Background(clock=lambda: now), Work()
    work.go.set()
    assert await kept.kept("a", work("a")) == "a 1"
    now = 10.0
    assert await kept.kept("b", work("b")) == "b 2"
    for n in range(KEPT_MOST - 2):
        await kept.kept(n, work(str(n)))
    # It was asked for last, and is yet the first to be too old.
    await kept.kept("a", work("again"))
    await kept.kept("last", work("last"))
    now = KEPT_SECONDS
    assert await kept.kept("b", work("again")) == "b 2"
    await kept.close()


async def test_what_is_small_takes_no_place_of_what_is_not() -> None:
    kept, work = Background(), Work()
    work.go.set()
    assert await kept.kept("a", work("a")) == "a 1"
    for n in range(KEPT_MOST_SMALL + 1):
        await kept.kept(n, work(str(n)), small=True)
    assert await kept.kept("a", work("again")) == "a 1"
    assert await kept.kept(1, work("again"), small=True) == "1 3"
    assert (await kept.kept(0, work("again"), small=True)).startswith("again ")
    await kept.close()


async def test_what_fails_is_told_and_tried_again() -> None:
    kept = Background()
    tries = 0

    async def work(_progress: Progress) -> int:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise StoreError("there is no day like that")
        return tries

    with pytest.raises(StoreError, match="no day like that"):
        await kept.kept("a", work)
    assert await kept.kept("a", work) == 2
    await kept.close()


async def test_there_is_an_end_to_what_may_wait() -> None:
    kept, work = Background(), Work()
    asked = [kept.kept(n, work(str(n)), patience=0) for n in range(100)]
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(one) for one in told} == {UnderWay, Crowded}
    assert [type(one) for one in told[:3]] == [UnderWay] * 3
    await kept.close()
    work.go.set()
    assert (await kept.kept("later", work("later"))).startswith("later ")


async def test_closing_the_database_ends_what_is_under_way(database: Database) -> None:
    ended = asyncio.Event()

    async def work(_progress: Progress) -> None:
        async with database.read() as connection:
            await unhurried(connection)
            assert await connection.fetchval("show statement_timeout") == "0"
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

    one = background.of(database)
    assert background.of(database) is one
    waiting = asyncio.create_task(one.kept("a", work))
    with pytest.raises(UnderWay):
        await one.kept("a", work, patience=0.05)
    for end in database.closing:
        await end()
    assert ended.is_set()
    with pytest.raises(StoreError, match="given up; ask again"):
        await waiting
