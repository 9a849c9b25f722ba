"""Server-sent events over real sockets, in the distinct connections mode of graphql-sse."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from store import keys
from store.db import Database
from store.keys import Scope
from tests.api.on_socket import on_socket
from tests.api.stand_in import app_of
from tests.api.test_websocket import CHANGES, arrive, whole_app
from tests.store.making import NOW
from tests.store.test_listen import cut_off

EVENTS = "text/event-stream"


@pytest.fixture
async def key(database: Database) -> str:
    text, _ = await keys.create(database, name="manager", scopes={Scope.MANAGER}, now=NOW)
    return text


@asynccontextmanager
async def client_at(place: str, key: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {key}", "Accept": EVENTS}
    async with httpx.AsyncClient(base_url=f"http://{place}", headers=headers, timeout=60) as client:
        yield client


@pytest.fixture
async def client(database: Database, key: str) -> AsyncIterator[httpx.AsyncClient]:
    async with on_socket(whole_app(database)) as place, client_at(place, key) as client:
        yield client


class Told:
    """The events of one response; a comment counts as an event without a name."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def event(self) -> tuple[str, Any]:
        name, data = "", ""
        async with asyncio.timeout(60):
            async for line in self._lines:
                if line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("data: "):
                    data = line[6:]
                elif not line:
                    return name, json.loads(data) if data else None
        return "end", None


@asynccontextmanager
async def following(
    client: httpx.AsyncClient, query: str, method: str = "POST", **variables: Any
) -> AsyncIterator[Told]:
    given: dict[str, Any] = {"json": {"query": query, "variables": variables}}
    if method == "GET":
        given = {"params": {"query": query, "variables": json.dumps(variables)}}
    async with client.stream(method, "/graphql", **given) as response:
        yield Told(response)


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_query_is_one_event_and_the_end(client: httpx.AsyncClient, method: str):
    async with following(client, "{ __typename }", method) as told:
        assert told.response.status_code == 200
        assert told.response.headers["content-type"] == f"{EVENTS}; charset=utf-8"
        assert told.response.headers["cache-control"] == "no-store"
        assert await told.event() == ("", None)
        name, data = await told.event()
        assert (name, data["data"]) == ("next", {"__typename": "Query"})
        assert await told.event() == ("complete", None)
        assert await told.event() == ("end", None)


async def test_changes_are_told_as_they_happen(client: httpx.AsyncClient, database: Database):
    async with following(client, "{ standingCursor }") as told:
        await told.event()
        _, data = await told.event()
    async with following(client, CHANGES, after=data["data"]["standingCursor"]) as told:
        assert await told.event() == ("", None)
        for who in ("ann", "bob"):
            if who == "bob":
                # Only what has begun outlives the connections to the database.
                await cut_off(database)
            await arrive(database, who)
            name, data = await told.event()
            assert name == "next"
            assert data["data"]["standingChanged"]["member"] == {"externalId": who}
    cursor = data["data"]["standingChanged"]["cursor"]
    await arrive(database, "cho")
    async with following(client, CHANGES, after=cursor) as told:
        await told.event()
        _, data = await told.event()
        assert data["data"]["standingChanged"]["member"] == {"externalId": "cho"}


async def test_a_subscription_streams_to_whoever_accepts_streams_at_all(client: httpx.AsyncClient):
    many = "application/graphql-response+json, application/json, text/event-stream"
    client.headers["Accept"] = many
    async with following(client, CHANGES) as told:
        assert told.response.headers["content-type"].startswith(EVENTS)
    plain = await client.post("/graphql", json={"query": "{ __typename }"})
    assert plain.json()["data"] == {"__typename": "Query"}


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json", "*/*"])
async def test_a_subscription_is_not_answered_otherwise(client: httpx.AsyncClient, accept: str):
    answer = await client.post("/graphql", json={"query": CHANGES}, headers={"Accept": accept})
    assert answer.status_code == 406
    assert answer.json()["errors"][0]["extensions"]["code"] == "NOT_ACCEPTABLE"


async def test_what_is_wrong_with_the_document_is_an_event(client: httpx.AsyncClient):
    for query, code in (
        ("{", "SYNTAX"),
        ("{ nothing }", "INVALID_DOCUMENT"),
        ("query ($n: Int!) { members(first: $n) { nodes { id } } }", "INVALID_VARIABLES"),
    ):
        async with following(client, query) as told:
            assert told.response.status_code == 200
            name, data = await told.event()
            while not name:
                name, data = await told.event()
            assert (name, data["errors"][0]["extensions"]["code"]) == ("next", code)
            assert await told.event() == ("complete", None)


async def test_who_may_not_come_in_gets_a_status(client: httpx.AsyncClient):
    client.headers["Authorization"] = "Bearer x"
    answer = await client.post("/graphql", json={"query": CHANGES})
    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("application/json")


async def test_mutations_are_not_taken_by_get(client: httpx.AsyncClient):
    mutation = 'mutation { retract(source: "a", retractions: []) { __typename } }'
    async with following(client, mutation, "GET") as told:
        assert told.response.status_code == 405


async def test_a_revoked_key_ends_the_stream(client: httpx.AsyncClient, database: Database):
    async with following(client, CHANGES) as told:
        await told.event()
        async with database.read() as connection:
            (key,) = await keys.list_all(connection)
        await keys.revoke(database, key.prefix, NOW)
        name, data = await told.event()
        assert (name, data["errors"][0]["extensions"]["code"]) == ("next", "UNAUTHENTICATED")
        assert await told.event() == ("complete", None)


async def test_a_quiet_stream_shows_that_it_lives(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("api.sse._QUIET", 0.01)
    async with following(client, CHANGES) as told:
        assert [await told.event() for _ in range(3)] == [("", None)] * 3


async def test_a_caller_has_so_many_streams(database: Database, key: str):
    app = whole_app(database, max_streams_each=1)
    async with on_socket(app) as place, client_at(place, key) as client:
        async with following(client, CHANGES) as told:
            await told.event()
            answer = await client.post("/graphql", json={"query": CHANGES})
            assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
        # The place is free once the service has noticed that its holder is gone.
        async with asyncio.timeout(60):
            while True:
                async with following(client, CHANGES) as told:
                    if told.response.status_code == 200:
                        break


async def test_mistakes_of_ours_are_masked(database: Database, key: str):
    async with (
        on_socket(app_of(database)) as place,
        client_at(place, key) as client,
        following(client, "{ broken }") as told,
    ):
        await told.event()
        _, data = await told.event()
        assert data["errors"][0]["extensions"]["code"] == "INTERNAL"


async def test_the_end_of_the_service_ends_the_stream(database: Database, key: str):
    async with on_socket(whole_app(database)) as place:
        client = httpx.AsyncClient(base_url=f"http://{place}", timeout=60)
        headers = {"Authorization": f"Bearer {key}", "Accept": EVENTS}
        request = client.build_request("POST", "/graphql", json={"query": CHANGES}, headers=headers)
        response = await client.send(request, stream=True)
    told = Told(response)
    await told.event()
    name, data = await told.event()
    assert (name, data["errors"][0]["extensions"]["code"]) == ("next", "UNAVAILABLE")
    assert await told.event() == ("complete", None)
    await client.aclose()
