"""Readiness tells the truth: while the database is away, and once it is back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import asyncpg
import httpx
import pytest

from api.app import create_app
from api.clock import MovableClock
from api.settings import Settings
from api.worker import Worker
from schema.ids import to_cursor
from store import keys
from store.db import Database, Unavailable, connect
from store.embedded import ensure
from store.keys import Scope
from store.migrate import migrate
from tests.api.on_socket import on_socket
from tests.api.stand_in import NOW, app_of, client_of, schema
from tests.api.test_websocket import CHANGES, arrive, let_in
from tests.processes import kill_server


async def test_ready_with_a_migrated_database(client: httpx.AsyncClient):
    answer = await client.get("/ready")
    assert (answer.status_code, answer.json()) == (200, {"ready": True})


async def test_not_ready_before_the_database_is_open(database: Database):
    async with client_of(app_of(database), "ik_x") as client:
        assert (await client.get("/health")).status_code == 200
        answer = await client.get("/ready")
        assert (answer.status_code, answer.json()["reason"]) == (503, "starting")
        answer = await client.post("/graphql", json={"query": "{ hello }"})
        assert answer.status_code == 503
        assert answer.headers["retry-after"]


async def test_not_ready_without_the_newest_migration(client: httpx.AsyncClient, url: str):
    connection = await asyncpg.connect(url)
    await connection.execute("update alembic_version set version_num = '0000'")
    await connection.close()
    answer = await client.get("/ready")
    assert answer.status_code == 503
    assert answer.json()["reason"] == "the database is not at this version's migration"


async def test_the_database_is_asked_once_for_all_who_ask(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
):
    asked = 0
    begun, release = asyncio.Event(), asyncio.Event()

    async def check(*_: object) -> None:
        nonlocal asked
        asked += 1
        begun.set()
        await release.wait()

    monkeypatch.setattr("api.readiness._ANSWER", 120)
    monkeypatch.setattr("store.db.check", check)
    requests = asyncio.gather(*(client.get("/ready") for _ in range(20)))
    await begun.wait()
    # Nothing but turns of the loop lies between a request of this client and the door.
    for _ in range(1_000):
        await asyncio.sleep(0)
    release.set()
    assert {one.status_code for one in await requests} == {200}
    assert asked == 1


async def test_a_database_that_hangs_is_not_ready(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("api.readiness._ANSWER", 0.05)

    async def check(*_: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr("store.db.check", check)
    answer = await client.get("/ready")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)


@pytest.mark.slow
async def test_the_database_goes_and_comes_back(data_dir: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.readiness._ANSWER", 120)
    embedded = await ensure(data_dir)
    await migrate(embedded.url, now=NOW)
    # As a database given by URL: nobody revives it but us.
    database = await connect(embedded.url)
    text, _ = await keys.create(database, name="the site", scopes={Scope.SITE}, now=NOW)
    app = app_of(database)
    try:
        async with app.router.lifespan_context(app), client_of(app, text) as client:
            assert (await client.get("/ready")).status_code == 200
            await embedded.release()

            answer = await client.get("/ready")
            assert answer.status_code == 503
            assert answer.json() == {"ready": False, "reason": "the database cannot be reached"}
            assert (await client.get("/health")).status_code == 200
            answer = await client.post("/graphql", json={"query": "{ hello }"})
            assert answer.status_code == 503
            (error,) = answer.json()["errors"]
            assert error["extensions"]["code"] == "UNAVAILABLE"
            assert "postgres" not in answer.text

            embedded = await ensure(data_dir)
            assert (await client.get("/ready")).status_code == 200
            answer = await client.post("/graphql", json={"query": "{ hello }"})
            assert answer.json()["data"] == {"hello": "hello"}
    finally:
        await database.close()
        await embedded.release()


@pytest.mark.slow
async def test_a_database_that_cannot_be_revived_is_away(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("api.readiness._ANSWER", 120)
    embedded = await ensure(data_dir)
    await migrate(embedded.url, now=NOW)
    database = await connect(embedded.url, revive=embedded.revive)
    key, _ = await keys.create(database, name="the site", scopes={Scope.SITE}, now=NOW)
    other, _ = await keys.create(database, name="unseen", scopes={Scope.SITE}, now=NOW)
    app = create_app(Settings(), database=database, clock=MovableClock(NOW), worker=False)
    record = """mutation { recordMembers(source: "site", members: [{id: "1"}]) {
        ... on Receipt { recorded } } }"""
    try:
        async with app.router.lifespan_context(app), client_of(app, key) as client:

            async def sent(key: str = key) -> httpx.Response:
                headers = {"Authorization": f"Bearer {key}"}
                return await client.post("/graphql", json={"query": record}, headers=headers)

            assert (await sent()).json()["data"]["recordMembers"] == {"recorded": 1}
            (data_dir / "postgresql.conf").write_text("shared_buffers = 'many'\n")
            kill_server(data_dir)
            for answer in (await sent(), await sent(other)):
                (error,) = answer.json()["errors"]
                assert error["extensions"]["code"] == "UNAVAILABLE"
                assert "postgres" not in answer.text
            answer = await client.get("/ready")
            assert (answer.status_code, answer.json()["reason"]) == (
                503,
                "the database cannot be reached",
            )
            (data_dir / "postgresql.conf").unlink()
            assert (await client.get("/ready")).status_code == 200
            assert (await sent()).json()["data"]["recordMembers"] == {"recorded": 0}
    finally:
        await database.close()
        await embedded.release()


async def refused(client: httpx.AsyncClient, reason: str) -> None:
    """Wait until the service is not ready for this reason."""
    async with asyncio.timeout(60):
        while (await client.get("/ready")).json().get("reason") != reason:
            pass


async def test_a_service_that_hears_no_news_is_not_ready_after_a_while(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    app = app_of(database)

    async def dial() -> asyncpg.Connection:
        raise Unavailable("no connection beside the pool")

    # As where an account may have no more connections than those of the pool.
    deaf = app_of(replace(database, dial=dial))
    async with app.router.lifespan_context(app), client_of(app) as client:
        async with deaf.router.lifespan_context(deaf), client_of(deaf) as other:
            assert (await other.get("/ready")).status_code == 200
            monkeypatch.setattr("api.readiness._PATIENCE", 0)
            await refused(other, "changes in the database are not heard of")
        async with asyncio.timeout(60):
            while (await client.get("/ready")).status_code != 200:
                pass


@pytest.mark.slow
async def test_a_service_that_cannot_read_changes_is_not_ready(
    url: str, manager_key: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("store.feed._TROUBLE", 2)
    hurried = await connect(url, least=0, most=3, statement_seconds=1)
    await arrive(hurried, "ann")
    app = create_app(Settings(), database=hurried, clock=MovableClock(NOW), worker=False)
    locking = await asyncpg.connect(url)
    async with (
        on_socket(app) as place,
        client_of(app) as client,
        let_in(place, manager_key) as talk,
        locking.transaction(),
    ):
        await talk.subscribe("1", CHANGES, after=to_cursor("changes", 0))
        assert (await talk.hear())["type"] == "next"
        await locking.execute("lock table transition in access exclusive mode")
        await refused(client, "changes of status cannot be read")
    await locking.close()
    await hurried.close()


async def test_due_work_that_has_ended_is_told(database: Database):
    app = create_app(
        Settings(), database=database, clock=MovableClock(NOW), schema=schema, worker=True
    )
    async with app.router.lifespan_context(app), client_of(app) as client:
        assert (await client.get("/ready")).status_code == 200
        (task,) = (one for one in asyncio.all_tasks() if one.get_name() == "worker")
        task.cancel()
        await refused(client, "due work has ended")


async def test_a_database_that_takes_no_writes_is_not_ready(database: Database, url: str):
    app = create_app(Settings(), database=database, clock=MovableClock(NOW), worker=False)
    key, _ = await keys.create(database, name="the site", scopes={Scope.SITE}, now=NOW)
    record = {
        "query": """mutation { recordMembers(source: "site", members: [{id: "1"}]) {
        ... on Receipt { recorded } } }"""
    }
    async with app.router.lifespan_context(app), client_of(app, key) as client:
        # What a primary is that was made a standby.
        await read_only(url, "on")
        await database.pool.expire_connections()
        (error,) = (await client.post("/graphql", json=record)).json()["errors"]
        assert error["extensions"]["code"] == "UNAVAILABLE"
        answer = await client.get("/ready")
        assert (answer.status_code, answer.json()["reason"]) == (
            503,
            "the database takes no writes",
        )
        await read_only(url, "off")
        # The connections of before are not used any more.
        answer = await client.get("/ready")
        while answer.status_code != 200:
            answer = await client.get("/ready")
        answer = await client.post("/graphql", json=record)
        assert answer.json()["data"]["recordMembers"] == {"recorded": 1}


async def read_only(url: str, value: str) -> None:
    connection = await asyncpg.connect(url)
    name = await connection.fetchval("select current_database()")
    await connection.execute("set default_transaction_read_only = off")
    await connection.execute(f"alter database {name} set default_transaction_read_only = {value}")
    await connection.close()


async def test_due_work_that_fails_is_told_and_a_database_that_is_away_is_not(
    client: httpx.AsyncClient, database: Database
):
    failures: list[Exception] = [Unavailable("gone")] * 4

    async def fail(database: Database, *, now: object) -> None:
        if failures:
            raise failures.pop()

    worker = Worker(database, MovableClock(NOW), refresh=fail)
    for _ in range(4):
        assert not await worker._once()
    assert worker.trouble() is None
    failures += [RuntimeError("a mistake")] * 3
    for _ in range(3):
        assert not await worker._once()
    assert worker.trouble() == "due work fails"
    assert await worker._once()
    assert worker.trouble() is None


async def test_what_stands_against_it_is_told(database: Database):
    app = app_of(database)
    service = app.state.service
    async with app.router.lifespan_context(app), client_of(app) as client:
        service.checks.append(lambda: "due work fails")
        answer = await client.get("/ready")
        assert (answer.status_code, answer.json()["reason"]) == (503, "due work fails")
        service.checks.pop()
        assert (await client.get("/ready")).status_code == 200
        service.stopping = True
        answer = await client.get("/ready")
        assert (answer.status_code, answer.json()["reason"]) == (503, "stopping")


async def test_a_pool_without_a_free_connection_is_told(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.readiness._ANSWER", 0.05)
    database = await connect(url, least=0, most=1)
    app = app_of(database)
    try:
        async with app.router.lifespan_context(app), client_of(app) as client:
            async with database.read():
                answer = await client.get("/ready")
            assert answer.json()["reason"] == "all connections to the database are in use"
    finally:
        await database.close()
