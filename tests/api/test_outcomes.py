"""What log and metrics say that became of a request."""

from __future__ import annotations

import asyncio
from io import StringIO

import httpx
import pytest

from store.db import Database
from tests.api.on_socket import on_socket
from tests.api.stand_in import SECRET, app_of, broken_app_of
from tests.api.test_metrics import of, read
from tests.api.test_sse import client_at, following
from tests.api.test_websocket import CHANGES, let_in, whole_app
from tests.api.unanswered import unanswered

pytestmark = pytest.mark.slow

REQUESTS = "ikusei_requests_total"


async def noted(place: str, **labels: str) -> None:
    """Wait until a request was counted with these labels."""
    async with httpx.AsyncClient(base_url=f"http://{place}") as client, asyncio.timeout(60):
        while not of(read(await client.get("/metrics")), REQUESTS, **labels):
            pass


async def test_a_mistake_among_many_errors_is_noted(client: httpx.AsyncClient, written: StringIO):
    refused = " ".join(f"a{n}: forbidden b{n}: refused" for n in range(10))
    answer = (await client.post("/graphql", json={"query": f"{{ {refused} broken }}"})).json()
    assert len(answer["errors"]) == 20
    assert answer["extensions"]["errorsNotShown"] == 1
    masked, request = written.getvalue().splitlines()
    assert "Query.broken" in masked
    assert '"outcome":"INTERNAL"' in request


async def test_a_mistake_is_logged_though_the_database_was_away(
    client: httpx.AsyncClient, written: StringIO
):
    gone = " ".join(f"a{n}: gone" for n in range(5))
    await client.post("/graphql", json={"query": f"{{ {gone} broken }}"})
    *masked, _ = written.getvalue().splitlines()
    # Each kind is logged a few times only.
    assert len([line for line in masked if "Query.gone" in line]) == 3
    assert len([line for line in masked if "Query.broken" in line]) == 1


@pytest.mark.parametrize("by", ["complete", "close"])
async def test_an_operation_that_its_client_ended_over_websocket(
    database: Database, site_key: str, by: str
):
    async with on_socket(app_of(database)) as place, unanswered() as request:
        async with let_in(place, site_key) as talk:
            await talk.say(id="1", type="subscribe", payload=request.body)
            await request.begun.wait()
            if by == "complete":
                await talk.say(id="1", type="complete")
                await request.given_up.wait()
        await request.given_up.wait()
        await noted(place, operation="Held", outcome="DISCONNECTED")


async def test_an_operation_that_its_client_ended_as_events(database: Database, site_key: str):
    async with on_socket(app_of(database)) as place, unanswered() as request:
        async with (
            client_at(place, site_key) as client,
            following(client, request.body["query"], **request.body["variables"]),
        ):
            await request.begun.wait()
        await request.given_up.wait()
        await noted(place, operation="Held", outcome="DISCONNECTED")


async def test_a_subscription_has_no_other_end(database: Database, manager_key: str):
    async with on_socket(whole_app(database)) as place:
        async with let_in(place, manager_key) as talk:
            await talk.subscribe("1", CHANGES.replace("subscription", "subscription Socket"))
            await talk.subscribe("2", "{ __typename }")
            assert (await talk.hear())["id"] == "2"
            await talk.say(id="1", type="complete")
            await noted(place, operation="Socket", outcome="ok")
        async with client_at(place, manager_key) as client:
            query = CHANGES.replace("subscription", "subscription Events")
            async with following(client, query) as told:
                await told.event()
        await noted(place, operation="Events", outcome="ok")


async def test_what_nobody_foresaw_is_told_as_it_is_by_post(
    database: Database, site_key: str, written: StringIO
):
    async with (
        on_socket(broken_app_of(database)) as place,
        client_at(place, site_key) as client,
        let_in(place, site_key) as talk,
    ):
        body = {"query": "{ hello }"}
        plain = await client.post("/graphql", json=body, headers={"Accept": "*/*"})
        assert plain.status_code == 500
        await talk.subscribe("1", "{ hello }")
        heard = await talk.hear()
        assert heard["type"] == "error"
        async with following(client, "{ hello }") as told:
            name, data = await told.event()
            while not name:
                name, data = await told.event()
            assert await told.event() == ("complete", None)
        for errors in (plain.json()["errors"], heard["payload"], data["errors"]):
            assert [one["extensions"]["code"] for one in errors] == ["INTERNAL"]
    lines = written.getvalue()
    assert lines.count('"event":"masked"') == 3
    assert SECRET not in lines
