"""Nothing is waited for without end: neither an answer nor a statement."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from store.db import Database, TooSlow, Use, Write, connect
from store.refresh import refresh
from tests.api.on_socket import on_socket
from tests.api.stand_in import app_of, client_of
from tests.api.test_sse import Told, client_at, following
from tests.api.test_websocket import CHANGES, Talk, let_in, turned_away, whole_app
from tests.api.unanswered import unanswered
from tests.store.making import NOW, act, put

pytestmark = pytest.mark.slow

#: Seconds after which what cannot be done at all is given up here.
_SOON = 0.2


def code(errors: Any) -> str:
    return str(errors[0]["extensions"]["code"])


async def test_an_answer_that_takes_too_long_is_given_up(database: Database, site_key: str):
    app = app_of(database, answer_seconds=0.05)
    async with (
        unanswered() as request,
        app.router.lifespan_context(app),
        client_of(app, site_key) as client,
    ):
        answer: httpx.Response = await client.post("/graphql", json=request.body)
        # Whoever was asked is no longer waited for.
        await request.given_up.wait()
    assert answer.status_code == 503
    assert code(answer.json()["errors"]) == "TIMEOUT"


async def test_so_it_is_over_websocket_and_as_events(database: Database, site_key: str):
    async with on_socket(app_of(database, answer_seconds=0.05)) as place:
        async with unanswered() as request, let_in(place, site_key) as talk:
            await talk.say(id="1", type="subscribe", payload=request.body)
            heard = await talk.hear()
            assert (heard["type"], code(heard["payload"])) == ("error", "TIMEOUT")
            await request.given_up.wait()
        async with unanswered() as request, client_at(place, site_key) as client:
            async with following(
                client, request.body["query"], **request.body["variables"]
            ) as told:
                assert code((await result(told))["errors"]) == "TIMEOUT"
                assert await told.event() == ("complete", None)
            await request.given_up.wait()


async def result(told: Told) -> Any:
    """The first result that is told."""
    name, data = await told.event()
    while not name:
        name, data = await told.event()
    assert name == "next"
    return data


@pytest.fixture
async def narrow(url: str) -> AsyncIterator[Database]:
    """A database to which there is one connection."""
    opened = await connect(url, least=0, most=1, wait_seconds=_SOON)
    yield opened
    await opened.close()


async def test_a_key_is_not_looked_up_for_ever(narrow: Database, site_key: str):
    app = app_of(narrow, answer_seconds=_SOON)
    async with app.router.lifespan_context(app), client_of(app, site_key) as client:
        async with narrow.read():
            answer = await client.post("/graphql", json={"query": "{ hello }"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert code(answer.json()["errors"]) == "UNAVAILABLE"
        assert (await client.post("/graphql", json={"query": "{ hello }"})).status_code == 200


async def test_a_key_is_not_looked_up_for_ever_over_websocket(narrow: Database, site_key: str):
    async with on_socket(whole_app(narrow, answer_seconds=_SOON)) as place:
        async with narrow.read():
            assert "may work later" in await turned_away(place, site_key)
        async with let_in(place, site_key):
            pass


async def known(client: httpx.AsyncClient, database: Database) -> None:
    """Ask until the key is not looked up any more: the service must hear the database for that."""
    used: list[Use] = []
    database.watchers.append(used.append)
    async with asyncio.timeout(60):
        while True:
            used.clear()
            await client.post("/graphql", json={"query": "{ __typename }"})
            if not used:
                return


async def test_a_subscription_does_not_wait_for_ever_to_begin(narrow: Database, manager_key: str):
    async with (
        on_socket(whole_app(narrow, answer_seconds=_SOON)) as place,
        let_in(place, manager_key) as talk,
        client_at(place, manager_key) as client,
    ):
        await known(client, narrow)
        await _begin_in_vain(narrow, talk, client)


async def _begin_in_vain(narrow: Database, talk: Talk, client: httpx.AsyncClient) -> None:
    async with narrow.read():
        await talk.subscribe("1", CHANGES)
        heard = await talk.hear()
        assert code(heard["payload"]["errors"]) == "UNAVAILABLE"
        assert await talk.hear() == {"id": "1", "type": "complete"}
        async with following(client, CHANGES) as told:
            assert code((await result(told))["errors"]) == "UNAVAILABLE"
            assert await told.event() == ("complete", None)


async def test_a_statement_that_takes_too_long_is_stopped(url: str):
    hurried = await connect(url, least=0, most=2, statement_seconds=0.05)
    try:
        with pytest.raises(TooSlow):
            async with hurried.read() as connection:
                await connection.execute("select pg_sleep(60)")

        async def slow(connection: Write) -> Any:
            await connection.execute("select pg_sleep(60)")

        with pytest.raises(TooSlow):
            await hurried.in_write(slow)
    finally:
        await hurried.close()


async def test_due_work_takes_its_time(url: str, database: Database):
    await put(database, act("a1"))
    await database.pool.execute(
        """create function slowly() returns trigger language plpgsql as
        'begin perform pg_sleep(0.2); return new; end';
        create trigger slow before update on standing for each row execute function slowly();
        insert into refold (member_id, cause, since)
        select member_id, 'import', now() from standing"""
    )
    hurried = await connect(url, least=0, most=2, statement_seconds=0.1)
    try:
        assert (await refresh(hurried, now=NOW)).members == 1
    finally:
        await hurried.close()
