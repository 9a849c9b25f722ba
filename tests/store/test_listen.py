"""Listening: every notification, and after every gap the assumption that there were some."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import asyncpg
import pytest

from store import keys
from store.db import Database, Write
from store.keys import Scope
from store.listen import CHANGES, KEYS, Listener
from tests.store.making import act, put

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


class Heard:
    """How often each channel was heard, and a way to wait for more."""

    def __init__(self) -> None:
        self.times = {CHANGES: 0, KEYS: 0}
        self._more = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def hear(self, channel: str) -> None:
        self.times[channel] += 1
        task = asyncio.get_running_loop().create_task(self._tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self) -> None:
        async with self._more:
            self._more.notify_all()

    async def until(self, **least: int) -> None:
        wanted = {CHANGES: least.get("changes", 0), KEYS: least.get("keys", 0)}
        async with asyncio.timeout(60), self._more:
            await self._more.wait_for(
                lambda: all(self.times[name] >= n for name, n in wanted.items())
            )


@asynccontextmanager
async def listening(database: Database, heard: Heard) -> AsyncIterator[Listener]:
    listener = Listener(
        database,
        {CHANGES: lambda: heard.hear(CHANGES), KEYS: lambda: heard.hear(KEYS)},
        heartbeat=0.05,
    )
    task = asyncio.create_task(listener.run())
    try:
        yield listener
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert not listener.listening


async def cut_off(database: Database) -> None:
    """End every other connection to this database."""

    async def cut(connection: Write) -> None:
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )

    await database.in_write(cut)


async def test_every_channel_is_told_at_the_start_and_when_something_happens(
    database: Database,
) -> None:
    heard = Heard()
    _, key = await keys.create(database, name="a", scopes={Scope.SITE}, now=NOW)
    async with listening(database, heard) as listener:
        await heard.until(changes=1, keys=1)
        assert listener.listening
        await keys.revoke(database, key.prefix, NOW)
        await heard.until(keys=2)
        await put(database, act("a1"))
        await heard.until(changes=2)
    assert heard.times == {CHANGES: 2, KEYS: 2}


async def test_after_a_gap_everybody_is_told(database: Database) -> None:
    heard = Heard()
    async with listening(database, heard):
        for times in range(1, 4):
            await heard.until(changes=times, keys=times)
            await cut_off(database)
        await heard.until(changes=4, keys=4)
    assert heard.times[CHANGES] == heard.times[KEYS] >= 4


async def test_it_can_be_ended_while_its_connection_is_lost(database: Database) -> None:
    for steps in range(30):
        heard = Heard()
        async with asyncio.timeout(60), listening(database, heard):
            await heard.until(changes=1, keys=1)
            cutting = asyncio.create_task(cut_off(database))
            for _ in range(steps):
                await asyncio.sleep(0)
        await asyncio.gather(cutting, return_exceptions=True)
        assert heard.times[KEYS] >= 1


async def test_who_is_let_in_and_may_not_listen_waits_and_tells(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.listen._LONGEST_WAIT", 1e6)
    monkeypatch.setattr("store.listen._FIRST_WAIT", 1e6)
    refusing = await database.dial()
    # It refuses to listen as a standby does.
    await refusing.close()
    dialled: list[int] = []
    told: list[Exception] = []

    async def dial() -> asyncpg.Connection:
        dialled.append(1)
        return refusing

    listener = Listener(replace(database, dial=dial), {KEYS: lambda: None}, failed=told.append)
    task = asyncio.create_task(listener.run())
    for _ in range(100):
        await asyncio.sleep(0)
    assert (len(dialled), len(told), listener.listening) == (1, 1, False)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_whatever_goes_wrong_is_told_and_listening_goes_on(database: Database) -> None:
    heard, told = Heard(), list[Exception]()
    mistakes = [TypeError("a mistake")]

    async def dial() -> asyncpg.Connection:
        if mistakes:
            raise mistakes.pop()
        return await database.dial()

    listener = Listener(
        replace(database, dial=dial), {KEYS: lambda: heard.hear(KEYS)}, failed=told.append
    )
    task = asyncio.create_task(listener.run())
    await heard.until(keys=1)
    assert [type(one) for one in told] == [TypeError]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_deafness_is_counted_from_when_it_began(database: Database) -> None:
    now = 100.0
    heard = Heard()
    listener = Listener(
        database,
        {KEYS: lambda: heard.hear(KEYS)},
        clock=lambda: now,
    )
    now = 103.0
    assert (listener.listening, listener.deaf_for) == (False, 3.0)
    task = asyncio.create_task(listener.run())
    await heard.until(keys=1)
    now = 200.0
    assert (listener.listening, listener.deaf_for) == (True, 0.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    now = 205.0
    assert (listener.listening, listener.deaf_for) == (False, 5.0)


async def test_what_was_rolled_back_is_not_heard(database: Database) -> None:
    heard = Heard()

    async def fail(connection: Write) -> None:
        await connection.execute("select pg_notify($1, '')", KEYS)
        raise KeyError

    async with listening(database, heard):
        await heard.until(changes=1, keys=1)
        with pytest.raises(KeyError):
            await database.in_write(fail)
        await put(database, act("a1"))
        await heard.until(changes=2)
    assert heard.times[KEYS] == 1
