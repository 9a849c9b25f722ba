"""How large, deep and wide a request may be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from graphql import get_introspection_query, parse

from api.app import create_app
from api.clock import MovableClock
from api.errors import Refusal
from api.execution import Engine
from api.limits import Limits, check
from api.settings import Settings
from store.db import Database
from tests.api.stand_in import NOW, app_of, client_of, schema

GRAPHQL = {"Accept": "application/graphql-response+json"}


def nested(depth: int) -> str:
    return "{ thing " + "{ inner " * (depth - 2) + "{ name }" + " }" * (depth - 1)


def measured(document: str) -> tuple[int, int, int]:
    size = check(
        parse(document), Limits(depth=10**6, aliases=10**6, fields=10**6, operations=10**6)
    )
    return size.depth, size.aliases, size.fields


async def refused(client: httpx.AsyncClient, document: str) -> str:
    answer = await client.post("/graphql", json={"query": document}, headers=GRAPHQL)
    assert answer.status_code == 400, answer.text
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "LIMIT"
    return str(error["message"])


def test_fragments_count_wherever_they_are_spread():
    assert measured(nested(4)) == (4, 0, 4)
    assert measured("{ a: hello ...F ... { b: hello } } fragment F on Query { c: hello }") == (
        1,
        3,
        3,
    )
    parts = "fragment F on Thing { inner { ...G ...G } } fragment G on Thing { name }"
    document = "{ thing { ...F } } " + parts
    assert measured(document) == (3, 0, 4)


def test_the_fields_of_every_operation_count():
    """Each is validated and priced: many small ones that spread the same fragments are dear."""
    part = " fragment F on Query { hello thing { name } }"
    operations = " ".join(f"query Q{n} {{ ...F }}" for n in range(40))
    assert measured(operations + part) == (2, 0, 120)
    with pytest.raises(Refusal, match="120 fields"):
        check(parse(operations + part), Limits(fields=119, operations=40))


def test_doubling_fragments_are_measured_at_once():
    parts = [
        f"fragment F{n} on Thing {{ a: inner {{ ...F{n + 1} }} b: inner {{ ...F{n + 1} }} }}"
        for n in range(60)
    ]
    document = "{ thing { ...F0 } } " + " ".join(parts) + " fragment F60 on Thing { name }"
    limits = Limits(depth=10**6, aliases=10**30, fragments=100)
    with pytest.raises(Refusal, match=r"has \d{19} fields") as refusal:
        check(parse(document), limits)
    assert int(refusal.value.message.split()[3]) > 2**60


@pytest.mark.parametrize(
    "fragments",
    [
        "fragment F on Thing { inner { ...F } }",
        "fragment F on Thing { ...G ...G } fragment G on Thing { inner { ...F ...F } }",
    ],
)
def test_a_fragment_inside_itself_is_refused(fragments: str):
    with pytest.raises(Refusal, match=r"'[FG]' is spread inside itself"):
        measured("{ thing { ...F } } " + fragments)
    with pytest.raises(Refusal, match=r"'[FG]' is spread inside itself"):
        measured("{ hello } " + fragments)


@pytest.mark.parametrize(
    "document",
    [
        "{ thing { " + "inner { name } " * 11 + "} }",
        "{ " + ("thing { " + "inner { name } " * 4 + "} ") * 3 + "}",
        "{ thing { inner { ... { inner { name } } "
        + "...F " * 5
        + "} } } "
        + "fragment F on Thing { inner { name } inner { name } }",
        "{ hello } fragment F on Thing { " + "inner { name } " * 11 + "}",
        "{ hello } fragment F on Thing { "
        + "inner { name } " * 11
        + "} "
        + "fragment F on Thing { name }",
        "{ __schema { " + "types { name } " * 11 + "} }",
        "{ thing { " + "a: name " * 11 + "} }",
    ],
)
def test_fields_asked_for_again_and_again_in_one_place(document: str):
    limits = Limits(aliases=100)
    with pytest.raises(Refusal, match=r"asks 1[12] times for '\w+' in one place and may do so 10"):
        check(parse(document), limits)


def test_the_same_field_in_many_places():
    places = " ".join(f"a{n}: thing {{ inner {{ name name }} }}" for n in range(30))
    assert check(parse("{ " + places + " }"), Limits()).fields == 120


def test_asking_for_the_schema_often():
    assert check(parse(get_introspection_query()), Limits()).introspections == 1
    asked = ["a: __schema { types { name } }", '__type(name: "A") { name }', "thing { name }"]
    assert check(parse("{ " + " ".join(asked) + " }"), Limits()).introspections == 2
    again = "{ " + " ".join(asked) + " ...F } fragment F on Query { b: __schema { __typename } }"
    with pytest.raises(Refusal, match="3 uses of `__schema` and `__type` and may have 2"):
        check(parse(again), Limits())


@pytest.mark.parametrize(
    ("inside", "why"),
    [
        ("a: types { name }", "aliases inside `__schema`"),
        ("types { fields { type { interfaces { name } } } }", "leads 2 times from a type"),
        ("types { ...F } } } fragment F on __Type { inputFields { type { ...G", "leads 2 times"),
    ],
)
def test_the_schema_is_told_once(inside: str, why: str):
    rest = " } } } fragment G on __Type { fields { name } }" if "...G" in inside else " } }"
    with pytest.raises(Refusal, match=why):
        check(parse("{ __schema { " + inside + rest), Limits())


def test_many_fragments_and_operations():
    parts = "".join(f" fragment F{n} on Query {{ hello }}" for n in range(31))
    with pytest.raises(Refusal, match="31 fragments and may have 30"):
        check(parse("{ hello }" + parts), Limits())
    with pytest.raises(Refusal, match="21 operations and may have 20"):
        check(parse("".join(f"query Q{n} {{ hello }}" for n in range(21))), Limits())


def test_fragments_that_nobody_spreads_count_as_often_as_they_stand_there():
    """Each is validated and written out by itself: large ones for nothing are dear."""
    large = "fragment F on Thing { " + " ".join(f"inner {{ a{n}: name }}" for n in range(9)) + " }"
    idle = "".join(f" fragment G{n} on Thing {{ ...F }}" for n in range(4))
    assert measured("{ thing { ...F } } " + large) == (3, 9, 1 + 18)
    assert measured("{ thing { ...F } } " + large + idle) == (3, 9, 1 + 18 + 4 * 18)


@pytest.fixture
async def strict(database: Database, site_key: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service with narrow limits."""
    app = app_of(database, max_tokens=100, max_depth=4, max_aliases=3, max_body_bytes=2_000)
    async with app.router.lifespan_context(app), client_of(app, site_key) as client:
        yield client


async def test_depth(strict: httpx.AsyncClient):
    assert (await strict.post("/graphql", json={"query": nested(4)})).json()["data"]
    assert await refused(strict, nested(5)) == "the operation has 5 levels of fields and may have 4"


async def test_aliases(strict: httpx.AsyncClient):
    assert "aliases" in await refused(strict, "{ a: hello b: hello c: hello d: hello }")


async def test_tokens(strict: httpx.AsyncClient):
    assert "100 tokens" in await refused(strict, "{ " + "hello " * 99 + "}")


async def test_comments_and_characters(client: httpx.AsyncClient):
    assert "comments" in await refused(client, "#\n" * 300 + "{ hello }")
    assert "20000" in await refused(client, "{ hello }" + " " * 30_000)


async def test_fields(client: httpx.AsyncClient):
    assert "fields" in await refused(
        client, "{ thing { ...F ...F ...F } } fragment F on Thing { " + "name " * 400 + "}"
    )


async def test_body(strict: httpx.AsyncClient):
    def body(size: int) -> bytes:
        return b'{"query": "{ hello }"' + b" " * (size - 22) + b"}"

    async def send(content: Any) -> httpx.Response:
        headers = {"Content-Type": "application/json"}
        return await strict.post("/graphql", content=content, headers=headers)

    assert (await send(body(2_000))).status_code == 200
    assert (await send(body(2_001))).status_code == 413

    async def endless() -> AsyncIterator[bytes]:
        for number in range(1_000_000):
            assert number < 10, "the service reads on"
            yield b" " * 500

    answer = await send(endless())
    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"
    assert answer.json()["errors"][0]["extensions"]["code"] == "BODY_TOO_LARGE"
    long = await strict.get("/graphql?query={hello}&a=" + "a" * 33_000)
    assert long.status_code == 414


async def test_errors_are_capped(client: httpx.AsyncClient):
    answer = await client.post("/graphql", json={"query": "{ manyBroken(first: 50) }"})
    assert len(answer.json()["errors"]) == 20
    assert answer.json()["extensions"]["errorsNotShown"] == 30
    wrong = await client.post("/graphql", json={"query": "{ " + "wrong " * 500 + "}"})
    assert len(wrong.json()["errors"]) <= 21


async def test_introspection_works_within_the_limits(client: httpx.AsyncClient):
    answer = await client.post("/graphql", json={"query": get_introspection_query()})
    assert answer.json()["data"]["__schema"]


def test_introspection_can_be_off():
    engine = Engine(schema, Limits(), introspection=False)
    for document in (
        "{ __schema { queryType { name } } }",
        '{ ...F } fragment F on Query { x: __type(name: "A") { name } }',
    ):
        with pytest.raises(Refusal) as refusal:
            engine.prepare(document)
        assert refusal.value.code == "INTROSPECTION_OFF"
    assert engine.prepare("{ __typename }").size.fields == 1


async def test_suggestions_are_for_managers(
    database: Database, client: httpx.AsyncClient, manager_key: str
):
    app = app_of(database)
    for body in (
        {"query": "{ helo }"},
        {"query": '{ echo(txt: "") }'},
    ):
        plain = await client.post("/graphql", json=body)
        assert "Did you mean" not in plain.text
        async with app.router.lifespan_context(app), client_of(app, manager_key) as manager:
            assert "Did you mean" in (await manager.post("/graphql", json=body)).text


@pytest.mark.slow
def test_valid_documents_are_kept_within_bounds():
    engine = Engine(schema, Limits())
    first = engine.prepare("{ hello }")
    assert engine.prepare("{ hello }") is first
    for number in range(1_100):
        engine.prepare(f"query Q{number} {{ hello }}")
    again = engine.prepare("{ hello }")
    assert again is not first
    long = "{ hello }" + " " * 15_000
    for number in range(100):
        engine.prepare(long + " " * number)
    assert engine.prepare("{ hello }") is not again


async def test_variables_hold_so_many_values(database: Database, site_key: str):
    app = create_app(Settings(), database=database, clock=MovableClock(NOW), worker=False)
    listed = """query ($status: [Status!]) { members(first: 1, filter: {status: $status}) {
        nodes { id } } }"""
    record = """mutation ($given: [MemberInput!]!) {
        recordMembers(source: "site", members: $given) { ... on Receipt { recorded } } }"""

    async def sent(document: str, **variables: Any) -> Any:
        body = {"query": document, "variables": variables}
        return (await client.post("/graphql", json=body)).json()

    async with app.router.lifespan_context(app), client_of(app, site_key) as client:
        answer = await sent(listed, status=["FAN"] * 999)
        assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        for values in (["FAN"] * 1_000, [["x"] * 600, ["x"] * 600], {"a": ["x"] * 999, "b": 1}):
            answer = await sent(listed, status=values)
            assert "data" not in answer
            (error,) = answer["errors"]
            assert error["extensions"]["code"] == "LIMIT"
            assert "more than 1000 values" in error["message"]
        people = [{"id": str(n), "name": "n", "lang": "ja"} for n in range(1_000)]
        answer = await sent(record, given=people)
        assert answer["data"]["recordMembers"] == {"recorded": 1_000}
