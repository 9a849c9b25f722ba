"""graphql-transport-ws over real sockets: its order, its close codes, and what ends it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from api.app import create_app
from api.clock import MovableClock
from api.settings import Settings
from store import keys
from store.db import Database
from store.keys import Scope
from tests.api.on_socket import on_socket
from tests.api.stand_in import app_of
from tests.store.making import NOW, act, put
from tests.store.test_listen import cut_off

pytestmark = pytest.mark.slow

PROTOCOL = "graphql-transport-ws"
CHANGES = """subscription ($after: String) { standingChanged(after: $after) {
    cursor after member { externalId } } }"""


def whole_app(database: Database, **settings: Any) -> Starlette:
    return create_app(
        Settings(**settings), database=database, clock=MovableClock(NOW), worker=False
    )


@pytest.fixture
async def place(database: Database) -> AsyncIterator[str]:
    async with on_socket(whole_app(database)) as place:
        yield place


@pytest.fixture
async def manager(database: Database) -> str:
    text, _ = await keys.create(database, name="manager", scopes={Scope.MANAGER}, now=NOW)
    return text


class Talk:
    """What is said over one connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(60):
            text = await self.socket.recv()
        assert isinstance(text, str)
        heard: dict[str, Any] = json.loads(text)
        return heard

    async def subscribe(self, id: str, query: str, **variables: Any) -> None:
        payload = {"query": query, "variables": variables}
        await self.say(id=id, type="subscribe", payload=payload)

    async def closed(self) -> tuple[int | None, str | None]:
        """Code and reason of the close that comes next."""
        async with asyncio.timeout(60):
            with suppress(ConnectionClosed):
                async for _ in self.socket:
                    pass
            await self.socket.wait_closed()
        return self.socket.close_code, self.socket.close_reason


@asynccontextmanager
async def talking(
    place: str, *, protocol: str | None = PROTOCOL, **more: Any
) -> AsyncIterator[Talk]:
    protocols = [Subprotocol(protocol)] if protocol else None
    async with connect(f"ws://{place}/graphql", subprotocols=protocols, **more) as socket:
        yield Talk(socket)


@asynccontextmanager
async def let_in(place: str, key: str) -> AsyncIterator[Talk]:
    async with talking(place) as talk:
        await talk.say(type="connection_init", payload={"Authorization": f"Bearer {key}"})
        assert await talk.hear() == {"type": "connection_ack"}
        yield talk


async def turned_away(place: str, key: str) -> str:
    """Why somebody with a good key was not let in, which they were not told before."""
    async with talking(place) as talk:
        await talk.say(type="connection_init", payload={"authorization": f"Bearer {key}"})
        with pytest.raises(ConnectionClosed):
            await talk.hear()
        code, reason = await talk.closed()
    assert code == 1013
    return str(reason)


async def arrive(database: Database, *who: str) -> None:
    for one in who:
        await put(database, act(f"first-{one}", one, venue="site", verb="login"))


async def test_a_query_is_answered_and_completed(place: str, manager: str):
    async with let_in(place, manager) as talk:
        await talk.subscribe("1", "{ __typename }")
        answer = await talk.hear()
        assert (answer["id"], answer["type"]) == ("1", "next")
        assert answer["payload"]["data"] == {"__typename": "Query"}
        assert await talk.hear() == {"id": "1", "type": "complete"}
        await talk.subscribe("1", "{ __typename }")
        assert (await talk.hear())["type"] == "next"


async def test_the_key_may_stand_in_the_header(place: str, manager: str):
    headers = {"Authorization": f"Bearer {manager}"}
    async with talking(place, additional_headers=headers) as talk:
        await talk.say(type="connection_init")
        assert await talk.hear() == {"type": "connection_ack"}


async def test_changes_are_told_as_they_happen_and_after_a_cursor(
    place: str, manager: str, database: Database
):
    await arrive(database, "ann")
    cursors = []
    async with let_in(place, manager) as talk:
        await talk.subscribe("1", "{ standingCursor }")
        begin = (await talk.hear())["payload"]["data"]["standingCursor"]
        await talk.hear()
        await talk.subscribe("2", CHANGES, after=begin)
        await arrive(database, "bob", "cho")
        for who in ("bob", "cho"):
            told = (await talk.hear())["payload"]["data"]["standingChanged"]
            assert (told["member"], told["after"]) == ({"externalId": who}, "NEWCOMER")
            cursors.append(told["cursor"])
        await talk.say(id="2", type="complete")
        await arrive(database, "dai")
        await talk.subscribe("3", "{ __typename }")
        assert (await talk.hear())["id"] == "3"
    async with let_in(place, manager) as talk:
        await talk.subscribe("1", CHANGES, after=cursors[0])
        told = [(await talk.hear())["payload"]["data"]["standingChanged"] for _ in range(2)]
        assert [one["member"]["externalId"] for one in told] == ["cho", "dai"]


async def test_a_subscription_outlives_the_connections_to_the_database(
    place: str, manager: str, database: Database
):
    async with let_in(place, manager) as talk:
        await talk.subscribe("1", "{ standingCursor }")
        begin = (await talk.hear())["payload"]["data"]["standingCursor"]
        await talk.hear()
        await talk.subscribe("1", CHANGES, after=begin)
        for who in ("ann", "bob"):
            if who == "bob":
                # Only what has begun outlives them.
                await cut_off(database)
            await arrive(database, who)
            told = (await talk.hear())["payload"]["data"]["standingChanged"]
            assert told["member"] == {"externalId": who}


async def test_a_revoked_key_is_thrown_out_at_once(place: str, manager: str, database: Database):
    async with let_in(place, manager) as talk:
        async with database.read() as connection:
            (key,) = await keys.list_all(connection)
        await keys.revoke(database, key.prefix, NOW)
        code, reason = await talk.closed()
    assert code == 4403
    assert "valid key" in str(reason)


async def test_errors_of_the_request_end_the_operation_only(place: str, manager: str):
    async with let_in(place, manager) as talk:
        for query, code in (
            ("{", "SYNTAX"),
            ("{ nothing }", "INVALID_DOCUMENT"),
            ("subscription { standingChanged(after: 1) { cursor } }", "INVALID_DOCUMENT"),
            ('mutation { retract(source: "a", retractions: []) { __typename } }', "next"),
        ):
            await talk.subscribe("1", query)
            told = await talk.hear()
            if code == "next":
                assert told["payload"]["errors"][0]["extensions"]["code"] == "FORBIDDEN"
                assert (await talk.hear())["type"] == "complete"
                continue
            assert (told["id"], told["type"]) == ("1", "error")
            assert told["payload"][0]["extensions"]["code"] == code
        await talk.subscribe("1", CHANGES, after="nonsense")
        told = await talk.hear()
        assert told["payload"]["errors"][0]["extensions"]["code"] == "BAD_CURSOR"
        assert (await talk.hear())["type"] == "complete"


async def test_a_subscription_needs_its_scope(place: str, database: Database):
    site, _ = await keys.create(database, name="site", scopes={Scope.SITE}, now=NOW)
    async with let_in(place, site) as talk:
        await talk.subscribe("1", CHANGES)
        told = await talk.hear()
        assert told["type"] == "error"
        assert told["payload"][0]["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("no json", 4400),
        (b"bytes", 4400),
        ("[]", 4400),
        ('"connection_init"', 4400),
        ('{"type": 1}', 4400),
        ('{"type": "start"}', 4400),
        ('{"type": "connection_init", "payload": "x"}', 4400),
        ('{"type": "subscribe", "id": "1", "payload": {"query": "{ a }"}}', 4401),
        ('{"type": "connection_init"}', 4403),
        ('{"type": "connection_init", "payload": {"authorization": "Bearer x"}}', 4403),
        ("[" * 100_000, 4400),
        ("x" * 300_000, 1009),
    ],
)
async def test_what_is_no_beginning_closes(place: str, said: str | bytes, code: int):
    async with talking(place) as talk:
        await talk.socket.send(said)
        assert (await talk.closed())[0] == code


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"type": "connection_init"}, 4429),
        ({"type": "subscribe", "id": "1"}, 4400),
        ({"type": "subscribe", "payload": {"query": "{ __typename }"}}, 4400),
        ({"type": "subscribe", "id": "a" * 200, "payload": {"query": "{ __typename }"}}, 4400),
        ({"type": "complete"}, 4400),
        ({"type": "stop", "id": "1"}, 4400),
    ],
)
async def test_what_is_no_message_closes(place: str, manager: str, said: dict[str, Any], code: int):
    async with let_in(place, manager) as talk:
        await talk.say(**said)
        assert (await talk.closed())[0] == code


async def test_who_does_not_say_who_they_are_is_not_waited_for(
    place: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("api.websocket._INIT_SECONDS", 0.05)
    async with talking(place) as talk:
        # What keeps other connections alive is no beginning.
        await talk.say(type="ping")
        assert await talk.hear() == {"type": "pong"}
        assert await talk.closed() == (4408, "Connection initialisation timeout")


async def test_an_id_in_use_closes(place: str, manager: str):
    async with let_in(place, manager) as talk:
        await talk.subscribe("1", CHANGES)
        await talk.subscribe("1", CHANGES)
        assert await talk.closed() == (4409, "Subscriber for 1 already exists")


async def test_a_letter_that_is_none_ends_nothing_but_its_operation(
    place: str, manager: str, database: Database
):
    query = "query ($name: String!) { member(name: $name) { id } }"
    async with let_in(place, manager) as talk:
        await talk.subscribe("1", "{ standingCursor }")
        begin = (await talk.hear())["payload"]["data"]["standingCursor"]
        await talk.hear()
        await talk.subscribe("1", CHANGES, after=begin)
        # As JSON that is \\ud800: what UTF-8 cannot hold is written as an escape.
        await talk.subscribe("\ud800", query, name="\udc00")
        told = await talk.hear()
        assert told["id"] == "\ud800"
        assert told["type"] in {"next", "error"}
        while told["type"] == "next":
            told = await talk.hear()
        await arrive(database, "ann")
        assert (await talk.hear())["id"] == "1"
        for _ in range(2):
            await talk.subscribe("\ud800", CHANGES)
        assert await talk.closed() == (4409, "Subscriber for ? already exists")


async def test_an_id_is_free_once_its_operation_was_ended(
    place: str, manager: str, database: Database
):
    async with let_in(place, manager) as talk:
        for _ in range(20):
            await talk.subscribe("1", CHANGES)
            await talk.say(id="1", type="complete")
        await talk.subscribe("1", "{ standingCursor }")
        begin = (await talk.hear())["payload"]["data"]["standingCursor"]
        assert await talk.hear() == {"id": "1", "type": "complete"}
        await talk.subscribe("1", CHANGES, after=begin)
        await arrive(database, "ann")
        told = (await talk.hear())["payload"]["data"]["standingChanged"]
        assert told["member"] == {"externalId": "ann"}
        # None of those that were ended has let the id of this one go.
        await talk.subscribe("1", CHANGES)
        assert await talk.closed() == (4409, "Subscriber for 1 already exists")


async def test_pings_are_answered(place: str, manager: str):
    async with let_in(place, manager) as talk:
        await talk.say(type="ping", payload={"a": 1})
        assert await talk.hear() == {"type": "pong", "payload": {"a": 1}}
        await talk.say(type="pong")
        await talk.say(type="ping")
        assert await talk.hear() == {"type": "pong"}
        await talk.say(type="ping", payload={"a": "a" * 900})
        assert len((await talk.hear())["payload"]["a"]) == 900
        await talk.say(type="ping", payload={"a": "a" * 1_100})
        code, reason = await talk.closed()
    assert code == 4400
    assert "1024 bytes" in str(reason)


@pytest.mark.parametrize("protocol", [None, "graphql-ws"])
async def test_other_protocols_are_refused(place: str, protocol: str | None):
    async with talking(place, protocol=protocol) as talk:
        assert await talk.closed() == (4406, "Subprotocol not acceptable")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
async def test_pages_of_elsewhere_cannot_connect(place: str, origin: str):
    with pytest.raises(InvalidStatus) as refused:
        async with talking(place, origin=Origin(origin)):
            pass
    assert refused.value.response.status_code == 403


async def test_pages_of_ours_and_of_named_origins_can(database: Database, manager: str):
    ours = "https://community.example.org"
    async with on_socket(whole_app(database, origins=(ours,))) as place:
        for origin in (ours, f"http://{place}"):
            async with talking(place, origin=Origin(origin)) as talk:
                await talk.say(
                    type="connection_init", payload={"authorization": f"Bearer {manager}"}
                )
                assert await talk.hear() == {"type": "connection_ack"}


async def test_a_caller_has_so_many_connections(database: Database, manager: str):
    app = whole_app(database, max_streams=3, max_streams_each=2)
    other, _ = await keys.create(database, name="other", scopes={Scope.MANAGER}, now=NOW)
    async with on_socket(app) as place, let_in(place, manager), let_in(place, manager):
        await turned_away(place, manager)
        async with let_in(place, other):
            await turned_away(place, other)


async def test_connecting_again_and_again_counts_as_asking(database: Database, manager: str):
    async with on_socket(whole_app(database, key_rate=0.1)) as place:
        for _ in range(2):
            async with let_in(place, manager):
                pass
        assert "try again in" in await turned_away(place, manager)


async def test_a_connection_has_so_many_operations(place: str, manager: str):
    async with let_in(place, manager) as talk:
        for n in range(51):
            await talk.subscribe(str(n), CHANGES)
        told = await talk.hear()
        assert (told["id"], told["type"]) == ("50", "error")
        assert told["payload"][0]["extensions"]["code"] == "LIMIT"
        await talk.say(id="0", type="complete")
        await talk.subscribe("again", "{ __typename }")
        assert (await talk.hear())["id"] == "again"


async def test_mistakes_of_ours_are_masked(database: Database, manager: str):
    async with on_socket(app_of(database)) as place, let_in(place, manager) as talk:
        await talk.subscribe("1", "{ broken }")
        (error,) = (await talk.hear())["payload"]["errors"]
        assert error["extensions"]["code"] == "INTERNAL"
        assert "member" not in error["message"]


async def test_the_end_of_the_service_is_told(database: Database, manager: str):
    app = whole_app(database)
    async with on_socket(app) as place:
        talk = Talk(await connect(f"ws://{place}/graphql", subprotocols=[Subprotocol(PROTOCOL)]))
        await talk.say(type="connection_init", payload={"authorization": f"Bearer {manager}"})
        await talk.hear()
        await talk.subscribe("1", CHANGES)
    assert (await talk.closed())[0] in {1001, 1012}


async def test_a_key_that_runs_out_is_noticed(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.live._AGAIN", 0.01)
    clock = MovableClock(NOW)
    app = create_app(Settings(), database=database, clock=clock, worker=False)
    text, _ = await keys.create(
        database, name="a", scopes={Scope.SITE}, now=NOW, expires_at=NOW + timedelta(minutes=5)
    )
    async with on_socket(app) as place, let_in(place, text) as talk:
        clock.move(timedelta(minutes=5))
        assert (await talk.closed())[0] == 4403
