"""Requests made to hurt: each is refused in words, whatever it holds, and never with a 5xx."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson
import pytest
from graphql import GraphQLSyntaxError, Lexer, Source, TokenKind
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.types import Message
from websockets.exceptions import ConnectionClosed

from api.app import create_app
from api.clock import MovableClock
from api.errors import Refusal
from api.limits import Limits, check_text
from api.settings import Settings
from bench.hostile import HOSTILE
from store import keys
from store.db import Database
from store.keys import Scope
from tests.api.on_socket import on_socket
from tests.api.stand_in import NOW, app_of, client_of
from tests.api.test_websocket import let_in, whole_app


@pytest.fixture
async def every_key(database: Database) -> str:
    text, _ = await keys.create(database, name="all", scopes=set(Scope), now=NOW)
    return text


CODES = re.compile(r"LIMIT|SYNTAX|INVALID_DOCUMENT")
JSON = {"Content-Type": "application/json", "Accept": "application/graphql-response+json"}


@pytest.mark.parametrize("size", [65_536, 19_000])
async def test_hostile_documents_are_refused(database: Database, size: int):
    app = create_app(Settings(), database=database, clock=MovableClock(NOW), worker=False)
    key, _ = await keys.create(database, name="a", scopes={Scope.MANAGER}, now=NOW)
    async with app.router.lifespan_context(app), client_of(app, key) as client:
        for name, make in HOSTILE.items():
            answer = await client.post("/graphql", json={"query": make(size)}, headers=JSON)
            if size < 20_000 and name in {"blank", "block string"}:
                # Long, but nothing is wrong with it.
                assert answer.status_code == 200
                continue
            assert answer.status_code == 400, name
            for error in answer.json()["errors"]:
                assert CODES.fullmatch(error["extensions"]["code"]), name
            assert len(answer.content) < 30_000, name


def tokens(text: str) -> int | None:
    """How many tokens graphql-core finds; None where the text is no GraphQL."""
    lexer = Lexer(Source(text))
    found = 0
    try:
        while lexer.advance().kind is not TokenKind.EOF:
            found += 1
    except GraphQLSyntaxError:
        return None
    return found


PARTS = [
    *["{", "}", "(", ")", "[", "]", "...", "!", "$", "&", "=", "@", "|", ":", ",", " ", "\n"],
    *["name", "_x9", "0", "-12", "1.5e+3", "# comment\n", "#\n", "\ufeff", "\t"],
    *[
        '"text"',
        '""',
        r'"a\"b"',
        r'"あ"',
        '"""block"""',
        r'"""a \""" b"""',
        '""""""',
        '"""\n"x"\n"""',
    ],
]


@pytest.mark.slow
@given(st.lists(st.sampled_from(PARTS), max_size=60).map(" ".join))
@settings(max_examples=500)
def test_tokens_are_counted_as_the_parser_counts_them(text: str) -> None:
    most = tokens(text)
    if most is None:
        return
    check_text(text, Limits(tokens=most))
    if most:
        with pytest.raises(Refusal, match="tokens"):
            check_text(text, Limits(tokens=most - 1))


@given(st.text(alphabet='"\\u#a{ .9\n', max_size=400))
@settings(max_examples=300)
def test_nothing_that_parses_is_refused_for_tokens_it_does_not_have(text: str) -> None:
    most = tokens(text)
    if most is not None:
        check_text(text, Limits(tokens=most))


#: What a request may be instead of an object with a document.
BODIES: list[bytes] = [
    b'"{ hello }"',
    b"1",
    b"null",
    b"true",
    b"[]",
    b"\xff\xfe",
    b'{"query": "\xff"}',
    b'{"query": "{ hello }", "variables": ' + b'{"a":' * 20_000 + b"1" + b"}" * 20_000 + b"}",
    b'{"query": "{ hello }", "variables": {"a": 1e400}}',
    b'{"query": "{ hello }", "variables": {"a": ' + b"9" * 5_000 + b"}}",
    b'{"query": "query ($a: Int) { echo(text: $a) }", "variables": {"a": ' + b"9" * 5_000 + b"}}",
    b'{"query": "{ hello }", "query": 1}',
    b'{"query": "{ hello }", "operationName": "' + b"a" * 100_000 + b'"}',
    b'{"query": "{ hello }", "extensions": {"persistedQuery": []}}',
    b"{" * 100_000,
    b'{"query": "' + b"\\u0000" * 1_000 + b'"}',
    b'{"query": "{ hello }", "variables": {"\\ud800": "\\udfff"}}',
]


async def sent(client: httpx.AsyncClient, body: bytes) -> httpx.Response:
    return await client.post("/graphql", content=body, headers=JSON)


@pytest.mark.parametrize("number", range(len(BODIES)))
async def test_no_body_is_answered_with_5xx(client: httpx.AsyncClient, number: int):
    answer = await sent(client, BODIES[number])
    assert answer.status_code < 500, answer.text
    assert answer.json().keys() & {"errors", "data"}


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["\ud800", "a\udfff"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)
QUERIES = st.sampled_from(
    [
        "{ hello }",
        "query ($a: Int!) { thing { things(first: $a) { name } } }",
        "query ($a: String!) { echo(text: $a) }",
        "query A { hello } query B { thing { name } }",
        "mutation ($a: String) { change(text: $a) }",
        "{ manyBroken(first: 3) }",
        "{",
        "",
        "subscription { nothing }",
        "fragment F on Query { hello }",
        # Of the service's own schema.
        "query ($a: Int!) { members(first: $a) { nodes { id } } }",
        "query ($a: String!) { member(name: $a) { id } }",
        "query ($a: ID) { member(id: $a) { id } }",
        "query ($b: String) { auditLog(first: 1, after: $b) { nodes { action } } }",
        "{ __typename }",
        'mutation ($a: [MemberInput!]!) { recordMembers(source: "s", members: $a) { __typename } }',
        "subscription ($a: ID, $b: String) { standingChanged(member: $a, after: $b) { cursor } }",
    ]
)
LIKELY: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"query": QUERIES},
    optional={
        "variables": st.fixed_dictionaries(
            {}, optional={"a": st.integers(-1, 3) | st.text(max_size=9), "b": st.text(max_size=9)}
        ),
        "operationName": st.sampled_from("AB"),
    },
)
UNLIKELY: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "query": QUERIES | JSON_VALUES,
        "variables": st.dictionaries(st.sampled_from("ab"), JSON_VALUES, max_size=2) | JSON_VALUES,
        "operationName": st.sampled_from(["A", "B", "C", ""]) | JSON_VALUES,
        "extensions": JSON_VALUES,
        "documentId": st.text(max_size=70) | JSON_VALUES,
    },
)
#: Of either kind often enough: hypothesis would choose among all that they are made of.
REQUESTS = st.sampled_from([LIKELY, UNLIKELY]).flatmap(lambda kind: kind)
SUBSCRIBE = st.fixed_dictionaries(
    {"type": st.just("subscribe"), "id": st.sampled_from("abc"), "payload": LIKELY}
)
MESSAGES = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["subscribe"] * 8 + ["complete", "ping", "pong", "connection_init"])
        | JSON_VALUES
    },
    optional={
        "id": st.sampled_from(["a", "b", "c", "\ud800"]) | JSON_VALUES,
        "payload": REQUESTS | JSON_VALUES,
    },
)


def damaged(draw: st.DrawFn, raw: bytes) -> bytes:
    """Some are cut, or have a byte that is another one."""
    place = draw(st.integers(0, len(raw)))
    change = draw(st.sampled_from(["", "", "", "cut", "byte"]))
    if change == "cut":
        return raw[:place]
    if change == "byte":
        return raw[:place] + bytes([draw(st.integers(0, 255))]) + raw[place + 1 :]
    return raw


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    return damaged(
        draw, json.dumps(draw(draw(st.sampled_from([LIKELY, UNLIKELY, JSON_VALUES])))).encode()
    )


@st.composite
def query_strings(draw: st.DrawFn) -> bytes:
    request = draw(REQUESTS)
    texts = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in request.items()
    }
    return damaged(draw, urlencode(texts, errors="surrogatepass").encode())


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    return damaged(draw, json.dumps(draw(draw(st.sampled_from([SUBSCRIBE, MESSAGES])))).encode())


def gathered(strategy: st.SearchStrategy[bytes], examples: int) -> list[bytes]:
    found: list[bytes] = []

    @given(strategy)
    @settings(max_examples=examples)
    def gather(value: bytes) -> None:
        found.append(value)

    gather()
    return found


def stand_in(database: Database) -> Starlette:
    return app_of(database, key_rate=0)


def whole(database: Database) -> Starlette:
    return whole_app(database, key_rate=0)


APPS = pytest.mark.parametrize("make", [stand_in, whole])


@pytest.mark.slow
@APPS
async def test_no_request_is_answered_with_5xx(
    database: Database, every_key: str, make: Callable[[Database], Starlette]
):
    seen = Counter[int]()
    app = make(database)
    async with app.router.lifespan_context(app), client_of(app, every_key) as client:
        for body in gathered(bodies(), 300):
            answer = await sent(client, body)
            assert answer.status_code < 500, (body, answer.text)
            seen[answer.status_code] += 1
            assert orjson.loads(answer.content).keys() & {"errors", "data"}, body
            assert make is stand_in or b'"INTERNAL"' not in answer.content, body
    assert seen[400] > 50
    assert seen[200]


@pytest.mark.slow
@APPS
async def test_no_query_string_is_answered_with_5xx(
    database: Database, every_key: str, make: Callable[[Database], Starlette]
):
    seen = Counter[int]()
    app = make(database)
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/graphql",
        "root_path": "",
        "headers": [(b"authorization", f"Bearer {every_key}".encode())],
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async with app.router.lifespan_context(app):
        for query in gathered(query_strings(), 300):
            told: list[Message] = []

            async def send(message: Message, told: list[Message] = told) -> None:
                told.append(message)

            await app({**scope, "query_string": query}, receive, send)
            status = told[0]["status"]
            assert status < 500, query
            seen[status] += 1
            assert orjson.loads(told[1]["body"]).keys() & {"errors", "data"}, query
    assert seen[400] > 50
    assert seen[200]


@pytest.mark.slow
@APPS
async def test_no_message_breaks_a_websocket(
    database: Database, every_key: str, make: Callable[[Database], Starlette]
):
    """Each is answered, or closes the connection with a code that says why."""
    codes = Counter[int | None]()
    left = iter(gathered(messages(), 200))
    async with on_socket(make(database)) as place:
        while (message := next(left, None)) is not None:
            async with let_in(place, every_key) as talk:
                with suppress(ConnectionClosed):
                    while message is not None:
                        await talk.socket.send(message.decode("latin-1"))
                        await talk.subscribe("after it", "{ __typename }")
                        heard: dict[str, Any] = {}
                        while (heard.get("id"), heard.get("type")) != ("after it", "complete"):
                            heard = await talk.hear()
                            assert make is stand_in or "INTERNAL" not in str(heard), message
                        codes[None] += 1
                        message = next(left, None)
                code, _ = await talk.closed() if message is not None else (None, None)
            if message is not None:
                assert code in {4400, 4409, 4429}, (message, code)
                codes[code] += 1
    assert codes[None] > 10
    assert codes[4400] > 10
