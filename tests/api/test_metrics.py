"""What Prometheus reads: what was counted is what was done, and who may read it."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain_metrics
from starlette.applications import Starlette
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from api.app import create_app
from api.clock import MovableClock
from api.metrics import MOST_NAMES
from api.settings import Settings
from engagement import rules as rule_files
from store import keys, rules
from store.db import NEWEST, Database
from store.due import due
from store.refresh import refresh
from tests.api.command_line import HOUSE
from tests.api.on_socket import on_socket
from tests.api.stand_in import NOW, app_of, client_of
from tests.api.test_websocket import let_in

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]

RECORD = """mutation Record($members: [MemberInput!]!) {
    recordMembers(source: "site", members: $members) { ... on Receipt { recorded } } }"""
REACT = """mutation React($reactions: [ReactionInput!]!) {
    recordReactions(source: "site", reactions: $reactions) { ... on Receipt { recorded } } }"""


def read(answer: httpx.Response) -> Samples:
    assert answer.status_code == 200, answer.text
    families = open_metrics if "openmetrics" in answer.headers["content-type"] else plain_metrics
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families(answer.text)
        for sample in family.samples
    }


def of(samples: Samples, name: str, **labels: str) -> float:
    """The sum over all that have these labels."""
    return sum(
        value
        for (one, having), value in samples.items()
        if one == name and labels.items() <= dict(having).items()
    )


@asynccontextmanager
async def living(
    database: Database, scopes: set[keys.Scope], **settings: Any
) -> AsyncIterator[httpx.AsyncClient]:
    text, _ = await keys.create(database, name="the tests", scopes=scopes, now=NOW)
    app = create_app(Settings(**settings), database=database, clock=MovableClock(NOW), worker=False)
    async with app.router.lifespan_context(app), client_of(app, text) as client:
        yield client


async def send(client: httpx.AsyncClient, query: str, **variables: Any) -> Any:
    body = {"query": query, "variables": variables}
    return (await client.post("/graphql", json=body)).json()


async def test_what_is_counted_is_what_was_done(database: Database):
    async with living(database, set(keys.Scope)) as client:
        people: list[dict[str, Any]] = [{"id": "1"}, {"id": "2"}]
        await send(client, RECORD, members=people)
        await send(client, RECORD, members=[{"id": "1"}, {"id": "", "name": ""}])
        await send(client, "query Look { __typename }")
        await send(client, "query Look { nothing }")
        await client.post("/graphql", content=b"{")
        await client.get("/health")
        samples = read(await client.get("/metrics"))
    done = "ikusei_requests_total"
    assert of(samples, done, operation="Record", kind="mutation", outcome="ok") == 2
    assert of(samples, done, operation="Look", kind="query", outcome="ok") == 1
    assert of(samples, done, outcome="INVALID_DOCUMENT") == 1
    assert of(samples, done, outcome="UNSUPPORTED_MEDIA_TYPE", kind="-") == 1
    assert of(samples, done, kind="http") == 1
    assert of(samples, "ikusei_request_duration_seconds_count") == of(samples, done)
    assert of(samples, "ikusei_records_total", kind="member", outcome="recorded") == 2
    assert of(samples, "ikusei_records_total", kind="member", outcome="duplicate") == 1
    assert of(samples, "ikusei_records_total", kind="member", outcome="rejected") == 1
    transactions = "ikusei_database_transaction_duration_seconds_count"
    assert of(samples, transactions, kind="write") >= 2
    assert of(samples, transactions, kind="read") >= 1
    assert of(samples, "ikusei_database_failures_total") == 0
    assert of(samples, "ikusei_database_up") == 1
    assert of(samples, "ikusei_database_connections", state="idle") >= 1
    assert of(samples, "ikusei_process_resident_memory_bytes") > 1e7
    assert of(samples, "ikusei_build_info", migration=NEWEST) == 1


async def test_due_work_and_its_age_are_told(database: Database, url: str):
    async with living(database, set(keys.Scope)) as client:
        await send(client, RECORD, members=[{"id": "1"}])
        await refresh(database, now=NOW)
        found = await due(database, now=NOW)
        assert (found.marked, found.review, found.rules, found.lag) == (0, 0, 0, 0)
        assert found.newest_action is None
        reaction = {
            "id": "r1",
            "verb": "like",
            "venue": "member_blog",
            "actor": "1",
            "post": "p1",
            "time": (NOW - timedelta(hours=2)).isoformat(),
        }
        assert (await send(client, REACT, reactions=[reaction]))["data"]
        later = NOW + timedelta(days=200)
        found = await due(database, now=later)
        assert found.review == 1
        assert found.newest_action == pytest.approx(timedelta(days=200, hours=2).total_seconds())
        assert timedelta(days=1) < timedelta(seconds=found.lag) < timedelta(days=200)
        await refresh(database, now=later)
        assert (await due(database, now=later)).lag == 0


async def test_whoever_is_not_placed_by_the_rules_in_force_is_due_for_as_long(
    database: Database, url: str
):
    async with living(database, set(keys.Scope)) as client:
        await send(client, RECORD, members=[{"id": "1"}])

    async def unplace(connection: Any) -> None:
        await connection.execute("update standing set rule_set_id = null, state = ''")

    await database.in_write(unplace)
    found = await due(database, now=NOW + timedelta(days=3))
    # From the midnight before: nobody has looked at them since.
    assert (found.rules, found.lag) == (1, timedelta(days=3, hours=NOW.hour).total_seconds())
    await refresh(database, now=NOW)
    assert (await due(database, now=NOW)).lag == 0
    other = replace(rule_files.default(), name="other", window_days=30)
    draft = await rules.save_draft(database, rule_files.dump(other), now=NOW)
    await rules.activate(database, draft.id, now=NOW)
    found = await due(database, now=NOW + timedelta(hours=5))
    assert (found.rules, found.lag) == (1, timedelta(hours=5).total_seconds())
    await refresh(database, now=NOW + timedelta(hours=5))
    assert (await due(database, now=NOW + timedelta(hours=5))).lag == 0


async def test_marks_are_counted_with_their_age(database: Database):
    async with living(database, set(keys.Scope)) as client:
        await send(client, RECORD, members=[{"id": "1"}, {"id": "2"}])

        async def mark(connection: Any) -> None:
            await connection.execute(
                "insert into refold select id, 'import', $1 from member", NOW - timedelta(hours=3)
            )

        await database.in_write(mark)
        samples = read(await client.get("/metrics"))
    assert of(samples, "ikusei_due_members", cause="marked") == 2
    assert of(samples, "ikusei_due_oldest_mark_age_seconds") == 3 * 3600
    assert of(samples, "ikusei_due_lag_seconds") == 3 * 3600


async def test_the_database_is_asked_once_for_many_scrapes(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    app = app_of(database)
    async with app.router.lifespan_context(app), client_of(app) as client:
        uses: list[object] = []
        await client.get("/metrics")
        database.watchers.append(uses.append)
        for _ in range(5):
            assert of(read(await client.get("/metrics")), "ikusei_database_up") == 1
        assert uses == []


async def test_a_scrape_is_answered_while_the_database_is_away(database: Database):
    app = app_of(database)
    async with app.router.lifespan_context(app), client_of(app) as client:
        await database.pool.close()
        samples = read(await client.get("/metrics"))
    assert of(samples, "ikusei_database_up") == 0
    assert not [name for name, _ in samples if name.startswith("ikusei_due_members")]


@pytest.mark.slow
async def test_names_of_operations_are_bounded(client: httpx.AsyncClient):
    for number in range(MOST_NAMES + 5):
        await send(client, f"query Name{number} {{ hello }}")
    await send(client, "{ hello }")
    samples = read(await client.get("/metrics"))
    named = {
        dict(labels)["operation"] for name, labels in samples if name == "ikusei_requests_total"
    }
    assert len(named) == MOST_NAMES + 2
    assert of(samples, "ikusei_requests_total", operation="other") == 5
    assert of(samples, "ikusei_requests_total", operation="-", kind="query") == 1


async def test_a_scraper_that_likes_it_gets_open_metrics(client: httpx.AsyncClient):
    headers = {"Accept": "application/openmetrics-text; version=1.0.0"}
    answer = await client.get("/metrics", headers=headers)
    assert answer.text.endswith("# EOF\n")
    assert of(read(answer), "ikusei_build_info") == 1


def from_address(app: Starlette, address: str, key: str | None = None) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, client=(address, 40_000))
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers)


@pytest.mark.parametrize(
    ("readers", "address", "header", "status"),
    [
        ("local", "127.0.0.1", None, 200),
        ("local", "::1", None, 200),
        ("local", "10.0.0.9", None, 401),
        ("local", "127.0.0.1", "X-Forwarded-For", 401),
        ("local", "127.0.0.1", "Forwarded", 401),
        ("open", "10.0.0.9", None, 200),
        ("off", "127.0.0.1", None, 404),
    ],
)
async def test_who_may_read_it(
    database: Database, readers: str, address: str, header: str | None, status: int
):
    app = app_of(database, metrics=readers)
    headers = {header: "for=127.0.0.1"} if header else {}
    async with app.router.lifespan_context(app), from_address(app, address) as client:
        assert (await client.get("/metrics", headers=headers)).status_code == status


async def test_from_elsewhere_a_key_opens_it(database: Database, site_key: str):
    app = app_of(database)
    async with app.router.lifespan_context(app):
        async with from_address(app, "10.0.0.9", site_key) as client:
            assert (await client.get("/metrics")).status_code == 200
        async with from_address(app, "10.0.0.9", site_key[:-1] + "x") as client:
            assert (await client.get("/metrics")).status_code == 401


def documented() -> Iterator[tuple[str, set[str]]]:
    """The metrics of the page, each with its labels."""
    page = (HOUSE / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    for name, labels in re.findall(r"^\| `(ikusei_\w+)` \|([^|]*)\|", page, re.MULTILINE):
        yield name, set(re.findall(r"`(\w+)`", labels))


async def test_the_page_has_every_metric(database: Database):
    page = dict(documented())
    app = app_of(database)
    async with app.router.lifespan_context(app), client_of(app) as client:
        answer = await client.get("/metrics")
    found = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in plain_metrics(answer.text)
        if not family.name.endswith("_created")
    }
    # Before the first action there is no newest one.
    assert found | {"ikusei_newest_action_age_seconds"} == page.keys()
    for name, labels in read(answer):
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        assert {label for label, _ in labels} - {"le"} <= page.get(base, page.get(name, set()))


async def test_operations_over_a_websocket_are_counted_one_by_one(
    database: Database, site_key: str
):
    app = app_of(database)
    async with on_socket(app) as place:
        protocol = Subprotocol("graphql-transport-ws")
        async with connect(f"ws://{place}/graphql", subprotocols=[protocol]) as socket:
            login = {"authorization": f"Bearer {site_key}"}
            await socket.send(json.dumps({"type": "connection_init", "payload": login}))
            assert json.loads(await socket.recv())["type"] == "connection_ack"
            for number, field in enumerate(("hello", "nothing")):
                asked = {"query": f"query Over {{ {field} }}"}
                told = {"id": str(number), "type": "subscribe", "payload": asked}
                await socket.send(json.dumps(told))
                while json.loads(await socket.recv())["type"] not in {"complete", "error"}:
                    pass
        async with httpx.AsyncClient(base_url=f"http://{place}") as client:
            samples = read(await client.get("/metrics"))
    done = "ikusei_requests_total"
    assert of(samples, done, operation="Over", kind="query", outcome="ok") == 1
    assert of(samples, done, outcome="INVALID_DOCUMENT") == 1


async def test_how_long_somebody_followed_is_no_duration_of_an_answer(database: Database):
    key, _ = await keys.create(database, name="t", scopes=set(keys.Scope), now=NOW)
    app = create_app(Settings(), database=database, clock=MovableClock(NOW), worker=False)
    async with on_socket(app) as place, let_in(place, key) as talk:
        await talk.subscribe("1", "subscription Follow { standingChanged { cursor } }")
        await talk.subscribe("2", "query Look { standingCursor }")
        for type_ in ("next", "complete"):
            assert (await talk.hear())["type"] == type_
        await talk.say(id="1", type="complete")
        async with httpx.AsyncClient(base_url=f"http://{place}") as client:
            samples: Samples = {}
            while not of(samples, "ikusei_requests_total", kind="subscription"):
                samples = read(await client.get("/metrics"))
    durations = "ikusei_request_duration_seconds_count"
    assert of(samples, durations, operation="Look") == 1
    assert of(samples, durations, kind="subscription") == 0
