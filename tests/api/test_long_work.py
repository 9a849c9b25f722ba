"""What takes longer than a request may, over HTTP: told in time, and there when asked for again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.settings import Settings
from sources.records import MemberRecord
from store import background
from store.background import Progress
from store.db import Database
from store.record import record
from tests.api.stand_in import client_of

pytestmark = pytest.mark.slow

FOLDED = "{ simulate(enter: {support: 3}) { totals { population } } }"
AT_ONCE = "{ simulate(enter: {support: 3}) { byPoints { population } } }"


async def _ask(client: httpx.AsyncClient, document: str) -> dict[str, Any]:
    answer = await client.post("/graphql", json={"query": document})
    assert answer.status_code == 200
    return dict(answer.json())


async def test_a_simulation_is_told_in_time_and_had_later(
    database: Database, manager_key: str, site_key: str
) -> None:
    joined = datetime.now(UTC) - timedelta(days=3)
    await record(database, [MemberRecord("site", "a", joined=joined)], now=datetime.now(UTC))
    app = create_app(Settings(answer_seconds=2.0), database=database, worker=False)
    go = asyncio.Event()

    async def busy(_progress: Progress) -> None:
        await go.wait()

    async with app.router.lifespan_context(app), client_of(app, manager_key) as client:
        # The process works out something else, so that everybody must wait for their turn.
        other = asyncio.create_task(background.of(database).kept("other", busy))
        (error,) = (await _ask(client, FOLDED))["errors"]
        assert error["extensions"]["code"] == "UNDER_WAY"
        assert error["extensions"]["progress"] == {"done": 0, "total": None}
        assert error["path"] == ["simulate", "totals"]
        go.set()
        await other
        answer = await _ask(client, FOLDED)
        while "errors" in answer:
            assert answer["errors"][0]["extensions"]["code"] == "UNDER_WAY"
            answer = await _ask(client, FOLDED)
        assert answer["data"] == {"simulate": {"totals": {"population": 1}}}
        answer = await _ask(client, AT_ONCE)
        assert answer["data"] == {"simulate": {"byPoints": {"population": 1}}}
    async with app.router.lifespan_context(app), client_of(app, site_key) as client:
        (error,) = (await _ask(client, AT_ONCE))["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN"
