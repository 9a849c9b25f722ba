"""Following changes: all of them, once, in the order of their commits, whatever happens."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from contextvars import ContextVar

import asyncpg
import pytest

from engagement.words import Status
from store import announce, people, rules
from store.announce import Announced, Change
from store.db import Database, Use, Write
from store.embedded import Embedded
from store.feed import Feed, Merged, UnknownChange
from tests.store.making import NOW, act, fetch, number, put
from tests.store.test_listen import cut_off

pytestmark = pytest.mark.slow


async def take(feed: Feed, after: int, count: int, member_id: int | None = None) -> list[Announced]:
    """The first changes after a number."""
    found: list[Announced] = []
    async with asyncio.timeout(60), aclosing(feed.follow(after, member_id)) as changes:
        async for change in changes:
            found.append(change)
            if len(found) == count:
                break
    return found


async def numbers(database: Database) -> list[int]:
    return [row["id"] for row in await fetch(database, "select id from transition order by id")]


async def arrive(database: Database, *who: str) -> None:
    """Each does something for the first time, and so comes to stand somewhere."""
    for one in who:
        await put(database, act(f"first-{one}", one, venue="site", verb="login"))


async def test_what_was_before_and_what_comes_later_is_told_once_in_order(
    database: Database,
) -> None:
    feed = Feed(database, pause=0.01)
    await arrive(database, "ann", "bob", "cho")
    following = asyncio.create_task(take(feed, 0, 6))
    await arrive(database, "dai", "eri", "fay")
    found = await following
    assert [change.id for change in found] == await numbers(database)
    assert [change.after.value for change in found] == ["newcomer"] * 6
    assert found[0].before is None


async def test_somebody_hears_of_nobody_else(database: Database) -> None:
    feed = Feed(database, pause=0.01)
    await arrive(database, "ann", "bob")
    bob = await number(database, "bob")
    (told,) = await take(feed, 0, 1, bob)
    following = asyncio.create_task(take(feed, told.id, 1, bob))
    await arrive(database, "cho")

    async def move(connection: Write) -> None:
        active = await rules.active(database, connection)
        change = Change(bob, 20_000, 5, 0, "action")
        await announce.announce(connection, [change], active, now=NOW)

    await database.in_write(move)
    (later,) = await following
    assert (told.member_id, later.member_id) == (bob, bob)


async def told_until_merged(feed: Feed, after: int, member_id: int) -> list[int]:
    """The numbers of all changes that are told of a member before they become part of another."""
    found: list[int] = []
    async with asyncio.timeout(60), aclosing(feed.follow(after, member_id)) as changes:
        while True:
            try:
                found.append((await anext(changes)).id)
            except Merged:
                return found


async def test_who_follows_a_member_is_told_all_and_then_that_they_were_merged(
    database: Database,
) -> None:
    # Nothing is looked at before it is told.
    feed = Feed(database, pause=1e9)
    await arrive(database, "ann", "bob", "cho")
    ann, bob = await number(database, "ann"), await number(database, "bob")
    following = asyncio.create_task(told_until_merged(feed, 0, ann))
    others = asyncio.create_task(take(feed, 0, 4))
    # Both have read, and somebody has read for both.
    await used(database, 6)
    await people.lock_status(database, ann, Status.FAN, until_day=None, reason="r", now=NOW)
    await people.merge_members(database, bob, ann, now=NOW)
    feed.merges()
    assert await following == [1, 4]
    assert [change.id for change in await others] == [1, 2, 3, 4]


async def test_whoever_was_away_during_a_merge_hears_of_both_from_then_on(
    database: Database,
) -> None:
    feed = Feed(database, pause=0.01)
    await arrive(database, "ann", "bob", "cho")
    ann, bob, cho = [await number(database, who) for who in ("ann", "bob", "cho")]
    away_since = await feed.begin(None)
    await people.lock_status(database, ann, Status.FAN, until_day=None, reason="r", now=NOW)
    await people.lock_status(database, cho, Status.FAN, until_day=None, reason="r", now=NOW)
    await people.merge_members(database, bob, ann, now=NOW)
    await people.merge_members(database, cho, bob, now=NOW)
    all_numbers = await numbers(database)
    expected = [one for one in all_numbers if one > away_since]
    assert len(expected) >= 2
    found = await take(feed, away_since, len(expected), cho)
    assert [change.id for change in found] == expected
    assert {change.member_id for change in found} >= {ann, cho}


async def test_a_merge_before_anybody_reads_is_noticed(database: Database) -> None:
    feed = Feed(database, pause=1e9)
    await arrive(database, "ann", "bob")
    ann, bob = await number(database, "ann"), await number(database, "bob")
    await people.merge_members(database, bob, ann, now=NOW)
    assert await told_until_merged(feed, 0, ann) == [1]


async def test_whoever_was_away_long_reads_what_is_no_longer_in_memory(database: Database) -> None:
    feed = Feed(database, pause=0.01, kept=2)
    await arrive(database, "zoe")
    begin = await feed.begin(None)
    # One who stays keeps the feed reading while the other is away.
    staying = asyncio.create_task(take(feed, begin, 8))
    (first,) = await take(feed, begin - 1, 1)
    await arrive(database, *"abcdefgh")
    everything = await staying
    assert first.id == begin
    assert await take(feed, begin, 8) == everything
    assert [change.id for change in everything] == (await numbers(database))[1:]


async def test_a_number_is_drawn_in_the_order_of_the_commits(database: Database) -> None:
    await arrive(database, "ann", "bob")
    ann, bob = await number(database, "ann"), await number(database, "bob")
    begin = await Feed(database).begin(None)
    drawn, release = asyncio.Event(), asyncio.Event()

    async def slow(connection: Write) -> None:
        active = await rules.active(database, connection)
        await announce.announce(connection, [Change(ann, 1, 5, 6, "decay")], active, now=NOW)
        drawn.set()
        await release.wait()

    async def fast(connection: Write) -> None:
        active = await rules.active(database, connection)
        await announce.announce(connection, [Change(bob, 1, 5, 6, "decay")], active, now=NOW)

    first = asyncio.create_task(database.in_write(slow))
    await drawn.wait()
    second = asyncio.create_task(database.in_write(fast))
    waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    async with asyncio.timeout(60):
        while (await fetch(database, waiting))[0]["count"] == 0:
            pass
    assert await numbers(database) == list(range(1, begin + 1))
    release.set()
    await asyncio.gather(first, second)
    found = await take(Feed(database), begin, 2)
    assert [change.member_id for change in found] == [ann, bob]


async def test_nothing_is_missed_while_many_record_and_connections_break(
    database: Database,
) -> None:
    feed = Feed(database, pause=0.01, kept=20)
    total = 60

    async def somebody(which: int) -> None:
        for n in range(which, total, 3):
            await arrive(database, f"m{n}")

    async def disturb() -> None:
        for _ in range(3):
            await database.pool.expire_connections()
            feed.wake()

    async def piecewise() -> list[int]:
        """Follow with many short connections, each from where the last one ended."""
        told: list[int] = []
        while len(told) < total:
            last = told[-1] if told else 0
            told += [change.id for change in await take(feed, last, min(7, total - len(told)))]
        return told

    whole, parts = (
        asyncio.create_task(take(feed, 0, total)),
        asyncio.create_task(piecewise()),
    )
    await asyncio.gather(disturb(), *(somebody(n) for n in range(3)))
    assert [change.id for change in await whole] == await parts == await numbers(database)
    assert feed.followers == 0


async def test_it_goes_on_when_the_connections_were_lost(database: Database) -> None:
    feed = Feed(database, pause=0.01)
    await arrive(database, "ann")
    following = asyncio.create_task(take(feed, 0, 2))
    await cut_off(database)
    await arrive(database, "bob")
    assert [change.id for change in await following] == await numbers(database)


async def test_it_goes_on_when_the_database_let_nobody_in(
    server: Embedded, database: Database
) -> None:
    await arrive(database, "ann")
    (found,) = await fetch(database, "select current_database() as name")
    feed = Feed(database, pause=0.01)
    await closed_to_all(server, found["name"], "false")
    await database.pool.expire_connections()
    following = asyncio.create_task(take(feed, 0, 1))
    await used(database, 4)
    assert not following.done()
    await closed_to_all(server, found["name"], "true")
    assert [change.id for change in await following] == await numbers(database)


async def test_a_reader_that_fails_is_told_and_followers_meet_its_error(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.feed._WAIT", 0)
    told: list[Exception] = []
    feed = Feed(database, pause=0.01, failed=told.append)
    await arrive(database, "ann")
    following = asyncio.create_task(take(feed, 1, 1))
    # The follower reads once, and twice whoever reads for all.
    await used(database, 3)
    assert (told, feed.trouble()) == ([], None)
    await rename(database, "transition", "elsewhere")
    with pytest.raises(asyncpg.UndefinedTableError):
        await following
    assert isinstance(told[0], asyncpg.UndefinedTableError)


async def test_a_reader_that_goes_on_failing_is_told_now_and_then_until_it_recovers(
    server: Embedded, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.feed._WAIT", 0)
    told = asyncio.Semaphore(0)
    feed = Feed(database, pause=0.01, failed=lambda _: told.release())
    await arrive(database, "ann")
    (found,) = await fetch(database, "select current_database() as name")
    await closed_to_all(server, found["name"], "false")
    await database.pool.expire_connections()
    following = asyncio.create_task(take(feed, 1, 1))
    async with asyncio.timeout(60):
        await told.acquire()
        await told.acquire()
    assert feed.trouble() == "changes of status cannot be read"
    await closed_to_all(server, found["name"], "true")
    await arrive(database, "bob")
    assert [change.id for change in await following] == [2]
    assert feed.trouble() is None


async def rename(database: Database, table: str, name: str) -> None:
    async def work(connection: Write) -> None:
        await connection.execute(f"alter table {table} rename to {name}")

    await database.in_write(work)


async def test_what_is_read_for_all_is_no_part_of_what_the_first_one_asked(
    database: Database,
) -> None:
    asked = ContextVar("asked", default="by nobody")
    asked.set("by the first")
    seen: dict[str, str] = {}

    def note(_: Use) -> None:
        task = asyncio.current_task()
        assert task is not None
        seen["feed" if task.get_name() == "feed" else "follower"] = asked.get()

    database.watchers.append(note)
    feed = Feed(database, pause=0.01)
    await arrive(database, "ann")
    following = asyncio.create_task(take(feed, 1, 1))
    await used(database, 3)
    await arrive(database, "bob")
    await following
    assert seen == {"feed": "by nobody", "follower": "by the first"}


async def used(database: Database, times: int) -> None:
    """Wait until the database was used so often from now on, in vain or not."""
    often = asyncio.Semaphore(0)
    database.watchers.append(lambda _: often.release())
    async with asyncio.timeout(60):
        for _ in range(times):
            await often.acquire()


async def closed_to_all(server: Embedded, name: str, allowed: str) -> None:
    connection = await asyncpg.connect(server.url)
    await connection.execute(f"alter database {name} with allow_connections {allowed}")
    await connection.close()


@pytest.mark.parametrize("turns", range(4))
async def test_nobody_reads_once_nobody_follows(database: Database, turns: int) -> None:
    feed = Feed(database)
    await arrive(database, "ann")
    waiting = asyncio.create_task(take(feed, 1, 1))
    # The follower reads once, and twice whoever reads for all, who waits for news then.
    await used(database, 3)
    readers = [one for one in asyncio.all_tasks() if one.get_name() == "feed"]
    # News come in the very moment at which the last one leaves.
    feed.wake()
    for _ in range(turns):
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    done, still = await asyncio.wait(readers, timeout=3)
    assert (len(done), still) == (1, set())


async def test_nothing_is_skipped_for_whoever_knows_a_change_that_was_lost(
    database: Database,
) -> None:
    feed = Feed(database, pause=0.01)
    await arrive(database, "ann", "bob")
    # What came after it is not in the backup.
    lost = await feed.begin(None) + 3
    await announce.skip_lost(database)
    with pytest.raises(UnknownChange):
        await feed.begin(lost)
    await arrive(database, "cho", "dai", "eri", "fay")
    assert await feed.begin(lost) == lost
    found = await take(feed, lost, 4)
    assert [change.id for change in found] == (await numbers(database))[2:]


async def test_a_number_that_is_yet_to_come_is_refused(database: Database) -> None:
    feed = Feed(database)
    await arrive(database, "ann")
    newest = await feed.begin(None)
    assert await feed.begin(newest) == newest
    with pytest.raises(UnknownChange):
        await feed.begin(newest + 1)
