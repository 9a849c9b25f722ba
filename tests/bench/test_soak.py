"""The soak notices what it is there for: a follower who misses something, a program with errors."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator

import httpx
import pytest

from bench.follow import Following, Unfollowable, by_events, by_socket, number, until_reached
from bench.mixed import Outcome
from bench.served import Program
from bench.soak import lost
from schema.ids import to_cursor
from store import keys
from store.db import Database
from store.keys import Scope
from tests.api.on_socket import on_socket
from tests.api.test_websocket import arrive, whole_app
from tests.store.making import NOW

pytestmark = pytest.mark.slow


def cursors(*numbers: int) -> list[str]:
    return [to_cursor("changes", one) for one in numbers]


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ((1, 2, 3), []),
        ((), ["follower 0 missed 3 changes"]),
        ((1, 2), ["follower 0 missed 1 changes"]),
        ((1, 3), ["follower 0 missed 1 changes"]),
        ((1, 3, 2), ["follower 0 heard something twice or out of order"]),
        ((1, 2, 2, 3), ["follower 0 heard something twice or out of order"]),
    ],
)
async def test_what_a_follower_missed_is_found(
    database: Database, told: tuple[int, ...], complaint: list[str]
):
    await arrive(database, "ann", "bob", "cho")
    begin, newest = cursors(0, 3)
    one = Following(begin, cursors=cursors(*told))
    assert await lost(database, Outcome(followers=[one], newest=newest)) == complaint


async def test_a_load_without_an_end_or_followers_proves_nothing(database: Database):
    (begin,) = cursors(0)
    for outcome in (Outcome(newest=begin), Outcome(followers=[Following(begin)])):
        assert len(await lost(database, outcome)) == 1


@pytest.fixture
async def place(database: Database) -> AsyncIterator[str]:
    async with on_socket(whole_app(database)) as place:
        yield place


def client_at(place: str, key: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.AsyncClient(base_url=f"http://{place}", headers=headers, timeout=60)


@pytest.mark.parametrize("how", [by_socket, by_events])
async def test_a_follower_hears_and_says_what_it_is_refused(database: Database, place: str, how):
    await arrive(database, "ann", "bob")
    manager, _ = await keys.create(database, name="a", scopes={Scope.MANAGER}, now=NOW)
    site, _ = await keys.create(database, name="b", scopes={Scope.SITE}, now=NOW)
    begin, beyond = cursors(0, 9)
    async with client_at(place, manager) as client:
        changes = how(client, begin)
        assert [number(await anext(changes)) for _ in range(2)] == [1, 2]
        await changes.aclose()
        with pytest.raises(Unfollowable) as refused:
            await anext(how(client, beyond))
        assert refused.value.codes == {"BAD_CURSOR"}
    async with client_at(place, site) as client:
        with pytest.raises(Unfollowable) as refused:
            await anext(how(client, begin))
        assert refused.value.codes == {"FORBIDDEN"}


async def test_a_stream_that_is_refused_as_a_whole_is_no_empty_one(place: str):
    async with client_at(place, "ik_none") as client:
        with pytest.raises(Unfollowable, match="401"):
            await anext(by_events(client, *cursors(0)))


async def test_the_end_waits_for_every_follower():
    news = asyncio.Event()
    begin, first, second = cursors(0, 1, 2)
    followers = [Following(begin), Following(begin)]
    waiting = asyncio.create_task(until_reached(followers, second, news))
    for one, cursor in ((0, first), (0, second), (1, second)):
        assert not waiting.done()
        followers[one].cursors.append(cursor)
        news.set()
        for _ in range(3):
            await asyncio.sleep(0)
    await waiting


async def test_a_program_that_ended_or_met_an_error_is_told():
    said = '{"level": "info"}\nGraphQL http\n{"level": "error", "event": "masked"}\n'
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", f"import sys; sys.stderr.write({said!r}); sys.exit(3)"),
            stderr=log,
        )
        await process.wait()
        ended, logged = Program("work", process, log).faults()
    assert (ended, "masked" in logged) == ("`ikusei work` ended with 3", True)
