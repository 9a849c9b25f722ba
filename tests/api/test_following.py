"""Following changes of status through the whole service, whatever befalls what they rest on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from api.app import create_app
from api.clock import MovableClock
from api.settings import Settings
from engagement.words import Status
from schema.ids import to_cursor, to_id
from store import keys
from store.db import Database
from store.keys import Scope
from store.people import lock_status, merge_members
from tests.api.on_socket import on_socket
from tests.api.stand_in import ONLY_HEARD
from tests.api.test_websocket import CHANGES, arrive, let_in
from tests.schema.asking import NOW, community, seed
from tests.store.making import number

pytestmark = pytest.mark.slow

COUNTED = """subscription ($after: String) { standingChanged(after: $after) {
    member { externalId standing { indices { guards { name have } } } } } }"""
EVERYTHING = to_cursor("changes", 0)


@pytest.fixture
async def heard(database: Database) -> AsyncIterator[str]:
    """Where a service answers that looks at nothing before it has heard of it."""
    app = create_app(
        Settings(),
        database=database,
        clock=MovableClock(NOW),
        worker=False,
        unheard=ONLY_HEARD,
    )
    async with on_socket(app) as place:
        yield place


@pytest.fixture
async def manager(database: Database) -> str:
    text, _ = await keys.create(database, name="manager", scopes={Scope.MANAGER}, now=NOW)
    return text


async def test_an_event_is_told_although_what_was_counted_for_it_failed_once(
    database: Database, url: str, manager: str
):
    await seed(database, community(4))
    app = create_app(Settings(), database=database, clock=MovableClock(NOW), worker=False)
    other = await asyncpg.connect(url)
    async with on_socket(app) as place, let_in(place, manager) as talk:
        # What the service asks of the actions once, it knows from here on.
        await talk.subscribe("1", "{ members(first: 1) { nodes { standing { status } } } }")
        assert "errors" not in (await talk.hear())["payload"]
        assert (await talk.hear())["type"] == "complete"
        async with other.transaction():
            await other.execute("lock table action in access exclusive mode")
            await talk.subscribe("2", COUNTED, after=EVERYTHING)
            async with asyncio.timeout(15):
                while not await other.fetchval(_CUT_OFF_WHO_WAITS):
                    pass
        told = (await talk.hear())["payload"]["data"]["standingChanged"]["member"]
    await other.close()
    guards = [guard for index in told["standing"]["indices"] for guard in index["guards"]]
    assert any(guard["have"] for guard in guards)


async def test_changes_are_told_because_they_are_heard_of(
    heard: str, manager: str, database: Database
):
    await arrive(database, "ann")
    async with let_in(heard, manager) as talk:
        await talk.subscribe("1", CHANGES, after=EVERYTHING)
        told = [(await talk.hear())["payload"]["data"]["standingChanged"]["member"]]
        # The first may be found at the beginning; of the others nothing but news can tell.
        for who in ("bob", "cho", "dai"):
            await arrive(database, who)
            told.append((await talk.hear())["payload"]["data"]["standingChanged"]["member"])
    assert [one["externalId"] for one in told] == ["ann", "bob", "cho", "dai"]


async def test_whose_member_is_merged_is_told_and_goes_on_after_the_cursor(
    heard: str, manager: str, database: Database
):
    await arrive(database, "ann", "bob")
    ann, bob = await number(database, "ann"), await number(database, "bob")
    follow = CHANGES.replace("$after: String", "$after: String, $of: ID").replace(
        "after: $after", "after: $after, member: $of"
    )
    async with let_in(heard, manager) as talk:
        await talk.subscribe("1", follow, after=EVERYTHING, of=to_id("Member", ann))
        cursor = (await talk.hear())["payload"]["data"]["standingChanged"]["cursor"]
        await merge_members(database, bob, ann, now=NOW)
        told = await talk.hear()
        assert told["payload"]["errors"][0]["extensions"]["code"] == "MERGED"
        assert (await talk.hear())["type"] == "complete"
        await lock_status(database, bob, Status.FAN, until_day=None, reason="r", now=NOW)
        await talk.subscribe("2", follow, after=cursor, of=to_id("Member", ann))
        statuses: list[str] = []
        while statuses[-1:] != ["FAN"]:
            statuses.append((await talk.hear())["payload"]["data"]["standingChanged"]["after"])


async def test_who_follows_is_thrown_out_because_the_revocation_is_heard_of(
    heard: str, manager: str, database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("api.live._AGAIN", 1e9)
    async with let_in(heard, manager) as talk:
        await keys.revoke(database, manager[3:11], NOW)
        assert (await talk.closed())[0] == 4403


_CUT_OFF_WHO_WAITS = """
    select pg_terminate_backend(pid) from pg_locks
    where relation = 'action'::regclass and not granted
"""
