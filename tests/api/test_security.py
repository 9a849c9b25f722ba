"""What strangers try first: the tests of graphql-cop, other sites' pages, and odd headers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from graphql import get_introspection_query

from api.app import create_app
from api.clock import MovableClock
from api.settings import Settings
from store import keys
from store.db import Database
from store.keys import Scope
from tests.api.on_socket import on_socket
from tests.api.stand_in import NOW, app_of, client_of

OURS = "https://community.example.org"


def whole(database: Database, **settings: Any) -> Any:
    return create_app(
        Settings(**settings), database=database, clock=MovableClock(NOW), worker=False
    )


@pytest.fixture
async def key(database: Database) -> str:
    text, _ = await keys.create(database, name="manager", scopes=set(Scope), now=NOW)
    return text


@pytest.fixture
async def hardened(database: Database, key: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client, with a key to everything, of a service as docs/how-to/operate.md advises."""
    app = whole(database, introspection=False, get_requests=False)
    async with app.router.lifespan_context(app), client_of(app, key) as client:
        yield client


async def post(client: httpx.AsyncClient, query: str, **more: Any) -> Any:
    return (await client.post("/graphql", json={"query": query, **more})).json()


class TestOfGraphqlCop:
    """The twelve findings of graphql-cop, each as it is looked for; there is none."""

    async def test_alias_overloading(self, hardened: httpx.AsyncClient):
        aliases = " ".join(f"alias{n}: __typename" for n in range(101))
        assert "data" not in await post(hardened, f"query cop {{ {aliases} }}")

    async def test_array_based_batching(self, hardened: httpx.AsyncClient):
        answer = await hardened.post("/graphql", json=[{"query": "query cop { __typename }"}] * 10)
        assert answer.status_code == 400
        assert not isinstance(answer.json(), list)

    async def test_directive_overloading(self, hardened: httpx.AsyncClient):
        found = await post(hardened, "query cop { __typename @aa@aa@aa@aa@aa@aa@aa@aa@aa@aa }")
        assert len(found["errors"]) == 1

    async def test_circular_introspection(self, hardened: httpx.AsyncClient):
        fields = "{ fields { type " * 5 + "{ name }" + " } }" * 5
        assert "data" not in await post(hardened, f"query cop {{ __schema {{ types {fields} }} }}")

    async def test_field_duplication(self, hardened: httpx.AsyncClient):
        assert "data" not in await post(hardened, f"query cop {{ {'__typename ' * 500} }}")

    async def test_introspection(self, hardened: httpx.AsyncClient):
        for query in (get_introspection_query(), 'query cop { __type(name: "Member") { name } }'):
            found = await post(hardened, query)
            assert "data" not in found
            assert found["errors"][0]["extensions"]["code"] == "INTROSPECTION_OFF"
        assert (await hardened.get("/schema.graphql")).status_code == 404

    async def test_field_suggestions(self, hardened: httpx.AsyncClient):
        for query in ("query cop { memberz }", "query cop { member(nam: 1) { nam } }"):
            found = await post(hardened, query)
            assert found["errors"]
            assert "Did you mean" not in str(found)

    async def test_an_ide(self, hardened: httpx.AsyncClient):
        for path in (
            "/",
            "/graphql",
            "/graphiql",
            "/playground",
            "/console",
            "/altair",
            "/voyager",
        ):
            answer = await hardened.get(path, headers={"Accept": "text/html"})
            assert answer.status_code in {404, 405, 406}
            assert "<html" not in answer.text.lower()

    async def test_queries_by_get(self, hardened: httpx.AsyncClient):
        answer = await hardened.get("/graphql", params={"query": "query cop { __typename }"})
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")

    async def test_mutations_by_get(self, hardened: httpx.AsyncClient):
        answer = await hardened.get("/graphql", params={"query": "mutation cop { __typename }"})
        assert "data" not in answer.json()

    async def test_forms_by_post(self, hardened: httpx.AsyncClient):
        for form in (
            {"data": {"query": "query cop { __typename }"}},
            {"files": {"query": (None, "query cop { __typename }")}},
            {"content": '{"query": "{ __typename }"}', "headers": {"Content-Type": "text/plain"}},
        ):
            answer = await hardened.post("/graphql", **form)
            assert answer.status_code == 415

    async def test_tracing_and_unhandled_errors(self, hardened: httpx.AsyncClient):
        assert "tracing" not in await post(hardened, "query cop { __typename }")
        found = await post(hardened, "qwerty cop { abc }")
        assert found["errors"][0]["extensions"].keys() == {"code", "requestId"}
        assert "exception" not in str(found).lower()


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "text/plain; application/json",
        "application/x-www-form-urlencoded, application/json",
    ],
)
async def test_what_a_form_of_another_site_can_send_is_not_read(
    database: Database, site_key: str, content_type: str | None
):
    """A page elsewhere can send these types without asking first; ours it must ask for."""
    app = app_of(database)
    async with app.router.lifespan_context(app), client_of(app, site_key) as client:
        headers = {} if content_type is None else {"Content-Type": content_type}
        answer = await client.post(
            "/graphql", content=b'{"query": "mutation { change }"}', headers=headers
        )
    assert answer.status_code == 415


async def test_nobody_is_known_by_a_cookie_or_the_address(database: Database, site_key: str):
    app = app_of(database)
    async with app.router.lifespan_context(app), client_of(app) as client:
        for given in (
            {"headers": {"Cookie": f"Authorization=Bearer {site_key}; token={site_key}"}},
            {"params": {"access_token": site_key, "authorization": f"Bearer {site_key}"}},
        ):
            answer = await client.get("/graphql", **given)  # type: ignore[arg-type]
            assert answer.status_code == 401
            assert "set-cookie" not in answer.headers


async def test_pages_of_named_origins_may_call(database: Database, site_key: str):
    app = app_of(database, origins=(OURS,))
    ask = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    async with app.router.lifespan_context(app), client_of(app, site_key) as client:
        allowed = await client.options("/graphql", headers={"Origin": OURS, **ask})
        other = await client.options("/graphql", headers={"Origin": "https://evil.example", **ask})
        called = await client.post(
            "/graphql", json={"query": "{ hello }"}, headers={"Origin": OURS}
        )
        from_elsewhere = await client.post(
            "/graphql", json={"query": "{ hello }"}, headers={"Origin": "https://evil.example"}
        )
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == OURS
    assert "POST" in allowed.headers["access-control-allow-methods"]
    assert called.headers["access-control-allow-origin"] == OURS
    assert "x-request-id" in called.headers["access-control-expose-headers"].lower()
    for answer in (other, from_elsewhere):
        assert "access-control-allow-origin" not in answer.headers
    for answer in (allowed, called):
        assert "access-control-allow-credentials" not in answer.headers


async def test_no_page_of_elsewhere_may_call_by_default(database: Database, site_key: str):
    app = app_of(database)
    async with app.router.lifespan_context(app), client_of(app, site_key) as client:
        asked = await client.options(
            "/graphql", headers={"Origin": OURS, "Access-Control-Request-Method": "POST"}
        )
        called = await client.post(
            "/graphql", json={"query": "{ hello }"}, headers={"Origin": OURS}
        )
    for answer in (asked, called):
        assert not [name for name in answer.headers if name.startswith("access-control")]


def keeps_browsers_from_guessing(headers: httpx.Headers) -> bool:
    said = {
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
        "referrer-policy": "no-referrer",
    }
    unsaid = {"server", "x-powered-by", "set-cookie"}
    # Each once: of two, browsers take whichever they like.
    return not headers.keys() & unsaid and all(
        headers.get_list(name) == [value] for name, value in said.items()
    )


@pytest.mark.parametrize(
    "path",
    ["/graphql", "/graphql/", "/health", "/ready", "/schema.graphql", "/metrics", "/nothing"],
)
async def test_every_answer_keeps_browsers_from_guessing(database: Database, path: str):
    app = app_of(database)
    async with app.router.lifespan_context(app), client_of(app) as client:
        answer = await client.get(path)
    assert keeps_browsers_from_guessing(answer.headers)


@pytest.mark.parametrize("origin", [OURS, "https://evil.example"])
async def test_so_do_answers_to_pages_that_ask_first(database: Database, origin: str):
    app = app_of(database, origins=(OURS,))
    async with app.router.lifespan_context(app), client_of(app) as client:
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        answer = await client.options("/graphql", headers=headers)
    assert keeps_browsers_from_guessing(answer.headers)


async def test_so_do_streams(database: Database, site_key: str):
    app = app_of(database)
    async with app.router.lifespan_context(app), client_of(app, site_key) as client:
        headers = {"Accept": "text/event-stream"}
        answer = await client.post("/graphql", json={"query": "{ hello }"}, headers=headers)
    assert answer.text.startswith(":")
    assert keeps_browsers_from_guessing(answer.headers)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"this is no HTTP\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 200_000, 431),
    ],
)
async def test_so_do_answers_that_the_connection_gives(
    database: Database, sent: bytes, status: int
):
    async with on_socket(app_of(database, max_body_bytes=65_536)) as place, asyncio.timeout(60):
        host, port = place.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(sent)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        writer.close()
    first, *lines = head.strip().split("\r\n")
    assert int(first.split()[1]) == status
    named = [line.split(": ", 1) for line in lines]
    assert keeps_browsers_from_guessing(httpx.Headers([(name, value) for name, value in named]))


HARM = [
    "'; drop table member; --",
    "' or '1'='1",
    '"; select pg_sleep(10); --',
    "%' or 1=1 or name like '%",
    "\\'; --",
    "$1",
    "$$; select 1; $$",
    "{{7*7}}",
    "${7*7}",
    "{0.__class__}",
    "%(name)s %s %d",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "\\x00",
    "a' collate \"C",
    "_%",
]


async def test_texts_are_never_sql_or_templates(database: Database, key: str):
    record = """mutation ($m: [MemberInput!]!) { recordMembers(source: "site", members: $m) {
        ... on Receipt { recorded rejected { message } } } }"""
    find = """query ($text: String!) {
        named: members(first: 10, filter: {search: $text}) { nodes { name externalId } }
        account: member(source: "site", externalId: $text) { name }
        source: member(source: $text, externalId: "x") { name } }"""
    app = whole(database)
    async with app.router.lifespan_context(app), client_of(app, key) as client:
        given = [{"id": text, "name": text} for text in HARM]
        receipt = (await post(client, record, variables={"m": given}))["data"]["recordMembers"]
        assert receipt == {"recorded": len(HARM), "rejected": []}
        for text in HARM:
            found = (await post(client, find, variables={"text": text}))["data"]
            assert found["account"] == {"name": text}
            assert found["source"] is None
            names = [one["name"] for one in found["named"]["nodes"]]
            assert text in names
            assert all(name.casefold().startswith(text.casefold()) for name in names)
        for name in HARM:
            answer = await client.get("/graphql", params={"query": name, "variables": name})
            assert answer.status_code == 400


@pytest.mark.parametrize(
    "value",
    [
        "x" * 1_000_000,
        ["x"] * 100_000,
        {"a": {"b": {"c": ["x"] * 50_000}}},
        -(2**63),
        2**63,
        1e308,
        True,
        [[[[[[]]]]]],
    ],
    ids=repr,
)
async def test_variables_of_any_size_are_refused_in_few_words(
    database: Database, key: str, value: Any
):
    query = "query ($a: Int!) { members(first: $a) { nodes { id } } }"
    app = whole(database)
    async with app.router.lifespan_context(app), client_of(app, key) as client:
        found = await post(client, query, variables={"a": value})
    assert "data" not in found or found["data"] is None
    assert re.fullmatch(
        "INVALID_VARIABLES|LIMIT|BAD_INPUT", found["errors"][0]["extensions"]["code"]
    )
    assert len(str(found)) < 5_000
