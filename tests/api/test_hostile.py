"""Requests made to hurt: each is refused in words, whatever it holds, and never with a 5xx."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import orjson
import pytest
from graphql import GraphQLSyntaxError, Lexer, Source, TokenKind
from hypothesis import given, settings
from hypothesis import strategies as st

from api.app import create_app
from api.clock import MovableClock
from api.errors import Refusal
from api.limits import Limits, check_text
from api.settings import Settings
from bench.hostile import HOSTILE
from store import keys
from store.db import Database
from store.keys import Scope
from tests.api.stand_in import NOW, app_of, client_of

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
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
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
    ]
)
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "query": QUERIES | JSON_VALUES,
        "variables": st.dictionaries(st.sampled_from("ab"), JSON_VALUES, max_size=2) | JSON_VALUES,
        "operationName": st.sampled_from(["A", "B", "C", ""]) | JSON_VALUES,
        "extensions": JSON_VALUES,
        "documentId": st.text(max_size=70) | JSON_VALUES,
    },
)


async def test_no_request_is_answered_with_5xx(database: Database, site_key: str):
    app = app_of(database, key_rate=0)
    seen: dict[int, int] = {}
    bodies: list[bytes] = []

    @given(REQUESTS | JSON_VALUES, st.data())
    @settings(max_examples=400)
    def gather(value: Any, data: st.DataObject) -> None:
        raw = json.dumps(value).encode()
        # Some are cut, or have a byte that is another one.
        place = data.draw(st.integers(0, len(raw)))
        change = data.draw(st.sampled_from(["", "cut", "byte"]))
        if change == "cut":
            raw = raw[:place]
        elif change == "byte":
            raw = raw[:place] + bytes([data.draw(st.integers(0, 255))]) + raw[place + 1 :]
        bodies.append(raw)

    gather()
    async with app.router.lifespan_context(app), client_of(app, site_key) as client:
        for body in bodies:
            answer = await sent(client, body)
            assert answer.status_code < 500, (body, answer.text)
            seen[answer.status_code] = seen.get(answer.status_code, 0) + 1
            assert orjson.loads(answer.content).keys() & {"errors", "data"}, body
    assert seen[400] > 50
    assert seen[200]
