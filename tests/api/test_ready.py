"""Readiness tells the truth: while the database is away, and once it is back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import httpx
import pytest

from api.app import create_app
from api.clock import MovableClock
from api.settings import Settings
from store import keys
from store.db import Database, connect
from store.embedded import ensure
from store.keys import Scope
from store.migrate import migrate
from tests.api.stand_in import NOW, app_of, client_of
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

    monkeypatch.setattr("api.app._READY_SECONDS", 120)
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
    monkeypatch.setattr("api.app._READY_SECONDS", 0.05)

    async def check(*_: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr("store.db.check", check)
    answer = await client.get("/ready")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)


async def test_the_database_goes_and_comes_back(data_dir: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.app._READY_SECONDS", 120)
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
    monkeypatch.setattr("api.app._READY_SECONDS", 120)
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
