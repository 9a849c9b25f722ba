"""Nothing is waited for without end: neither an answer nor a statement."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from store.db import Database, TooSlow, Write, connect
from store.refresh import refresh
from tests.api.stand_in import app_of, client_of
from tests.store.making import NOW, act, put


async def test_an_answer_that_takes_too_long_is_given_up(database: Database, site_key: str):
    app = app_of(database, answer_seconds=0.05)
    never = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        never.set()
        writer.close()

    with tempfile.TemporaryDirectory() as directory:
        place = str(Path(directory) / "held")
        async with (
            await asyncio.start_unix_server(hold, place),
            app.router.lifespan_context(app),
            client_of(app, site_key) as client,
        ):
            body = {
                "query": "query ($at: String!) { held(place: $at) }",
                "variables": {"at": place},
            }
            answer: httpx.Response = await client.post("/graphql", json=body)
            # Whoever was asked is no longer waited for.
            async with asyncio.timeout(60):
                await never.wait()
    assert answer.status_code == 503
    assert answer.json()["errors"][0]["extensions"]["code"] == "TIMEOUT"


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
