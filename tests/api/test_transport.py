"""GraphQL over HTTP: forms, statuses, and bodies that are not what they should be."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import orjson
import pytest

from store.db import Database
from tests.api.stand_in import app_of, client_of

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"


async def post(client: httpx.AsyncClient, body: Any, accept: str = GRAPHQL) -> httpx.Response:
    return await client.post("/graphql", json=body, headers={"Accept": accept})


def codes(answer: httpx.Response) -> list[str]:
    return [error["extensions"]["code"] for error in answer.json()["errors"]]


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        ("application/json; charset=utf-8", JSON),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}; charset=utf-8, {JSON};q=0.9", GRAPHQL),
        (f"{JSON};q=0.5, {GRAPHQL}", GRAPHQL),
        (f"text/html, {JSON}", JSON),
    ],
)
async def test_the_answer_has_the_form_that_is_asked_for(
    client: httpx.AsyncClient, accept: str | None, content_type: str
):
    client.headers.pop("accept")
    headers = {} if accept is None else {"Accept": accept}
    answer = await client.post("/graphql", json={"query": "{ hello }"}, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"{content_type}; charset=utf-8"
    assert answer.json()["data"] == {"hello": "hello"}


@pytest.mark.parametrize("accept", ["text/html", f"{JSON};q=0", f"{JSON};charset=utf-16", "x"])
async def test_a_form_that_we_do_not_have_is_406(client: httpx.AsyncClient, accept: str):
    answer = await post(client, {"query": "{ hello }"}, accept)
    assert (answer.status_code, codes(answer)) == (406, ["NOT_ACCEPTABLE"])


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"query": "{ hello"}, 400, "SYNTAX"),
        ({"query": "{ nothing }"}, 400, "INVALID_DOCUMENT"),
        ({"query": "{ echo(text: 1) }"}, 400, "INVALID_DOCUMENT"),
        ({"query": "query A { hello } query B { hello }"}, 400, "INVALID_DOCUMENT"),
        ({"query": "query A { hello }", "operationName": "B"}, 400, "INVALID_DOCUMENT"),
        ({"query": "fragment F on Query { hello }"}, 400, "INVALID_DOCUMENT"),
        ({"query": "query ($t: String!) { echo(text: $t) }"}, 400, "INVALID_VARIABLES"),
        (
            {"query": "query ($t: String!) { echo(text: $t) }", "variables": {"t": 1}},
            400,
            "INVALID_VARIABLES",
        ),
    ],
)
async def test_what_graphql_refuses_is_400_and_for_plain_json_200(
    client: httpx.AsyncClient, body: dict[str, Any], status: int, code: str
):
    answer = await post(client, body)
    assert (answer.status_code, set(codes(answer))) == (status, {code})
    assert "data" not in answer.json()
    plain = await post(client, body, JSON)
    assert (plain.status_code, set(codes(plain))) == (200, {code})
    assert "data" not in plain.json()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": None},
        {"query": ""},
        {"query": " "},
        {"query": 1},
        {"query": ["{ hello }"]},
        {"query": "{ hello }", "variables": "{}"},
        {"query": "{ hello }", "variables": [1]},
        {"query": "{ hello }", "variables": 0},
        {"query": "{ hello }", "extensions": "x"},
        {"query": "{ hello }", "operationName": {}},
        {"documentId": "sha256:0"},
        [{"query": "{ hello }"}],
        [],
        "{ hello }",
        1,
        None,
        True,
    ],
)
@pytest.mark.parametrize("accept", [GRAPHQL, JSON])
async def test_what_is_no_request_is_400(client: httpx.AsyncClient, body: Any, accept: str):
    answer = await client.post(
        "/graphql",
        content=orjson.dumps(body),
        headers={"Content-Type": JSON, "Accept": accept},
    )
    assert (answer.status_code, codes(answer)) == (400, ["BAD_REQUEST"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"query": "{ hello }"',
        b"{ hello }",
        b"query=%7Bhello%7D",
        b"\xff\xfe\xfd",
        b'{"query": "\xff"}',
        b'{"query": "\xed\xa0\x80"}',
        b'{"query": "{ hello }", "variables": {"a": NaN}}',
        b'{"query": "{ hello }", "variables": {"a": 1e999}}',
        b'{"query": "\\ud800"',
        b'\xef\xbb\xbf{"query": "{ hello }"}',
        b"\x00" * 1000,
        b'{"query": "{ hello }", "variables": ' + b'{"a":' * 20_000 + b"1" + b"}" * 20_000 + b"}",
        b"[" * 100_000,
        b'"\\ud800' + b"[" * 100_000,
    ],
)
async def test_malformed_bodies_are_400(client: httpx.AsyncClient, body: bytes):
    answer = await client.post("/graphql", content=body, headers={"Content-Type": JSON})
    assert (answer.status_code, codes(answer)) == (400, ["NOT_JSON"])


@pytest.mark.parametrize(
    "document",
    [
        "{" * 5_000,
        "{a" * 3_000,
        "{ hello(" + "[" * 5_000,
        "\x00",
        "\ud800",
        '{ echo(text: "\ud800") }',
    ],
)
async def test_malformed_documents_are_400(client: httpx.AsyncClient, document: str):
    body = json.dumps({"query": document}).encode()
    answer = await client.post(
        "/graphql", content=body, headers={"Content-Type": JSON, "Accept": GRAPHQL}
    )
    assert answer.status_code == 400
    assert set(codes(answer)) <= {"SYNTAX", "LIMIT"}


@pytest.mark.parametrize("half", [rb"\ud800", rb"\udbff", rb"\udc00", rb"\udfff"])
async def test_a_lone_surrogate_reaches_the_resolver_and_returns_as_an_escape(
    client: httpx.AsyncClient, half: bytes
):
    query = b'{"query": "query ($t: String!) { echo(text: $t) }", "variables": {"t": "a%s"}}'
    answer = await client.post("/graphql", content=query % half, headers={"Content-Type": JSON})
    assert answer.status_code == 200
    assert answer.content.startswith(b'{"data":{"echo":"a%s"},' % half)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": ""},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/graphql"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/jsonx"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "text/plain; application/json"},
        {"Content-Type": JSON, "Content-Encoding": "gzip"},
    ],
)
async def test_another_form_of_body_is_415(client: httpx.AsyncClient, headers: dict[str, str]):
    answer = await client.post("/graphql", content=b'{"query": "{ hello }"}', headers=headers)
    assert (answer.status_code, codes(answer)) == (415, ["UNSUPPORTED_MEDIA_TYPE"])


async def test_json_in_utf8_may_say_so(client: httpx.AsyncClient):
    for content_type in ("Application/JSON", 'application/json; charset="UTF-8"'):
        answer = await client.post(
            "/graphql", content=b'{"query":"{hello}"}', headers={"Content-Type": content_type}
        )
        assert answer.status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
async def test_other_methods_are_405(client: httpx.AsyncClient, method: str):
    answer = await client.request(method, "/graphql", json={"query": "{ hello }"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


async def test_queries_by_get(client: httpx.AsyncClient):
    parameters = {
        "query": "query A($t: String!) { echo(text: $t) } query B { hello }",
        "operationName": "A",
        "variables": '{"t": "日本語"}',
        "extensions": "{}",
        "other": "ignored",
    }
    answer = await client.get("/graphql", params=parameters)
    assert (answer.status_code, answer.json()["data"]) == (200, {"echo": "日本語"})


async def test_a_mutation_by_get_is_405_and_does_not_run(client: httpx.AsyncClient):
    for accept in (GRAPHQL, JSON):
        answer = await client.get(
            "/graphql", params={"query": "mutation { change }"}, headers={"Accept": accept}
        )
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
        assert codes(answer) == ["METHOD_NOT_ALLOWED"]


@pytest.mark.parametrize(
    "query_string",
    [
        "",
        "query=",
        "variables={}",
        "query={hello}&variables=1",
        "query={hello}&variables={",
        "query={hello}&variables=null&extensions=[]",
        "query={hello}&query={hello}",
        "&".join(["a=1"] * 1_000),
    ],
)
async def test_malformed_query_strings_are_400(client: httpx.AsyncClient, query_string: str):
    answer = await client.get(f"/graphql?{query_string}")
    assert (answer.status_code, codes(answer)) == (400, ["BAD_REQUEST"])


@pytest.mark.parametrize("query_string", ["query=%ff%fe", "query=%", "query=%00"])
async def test_odd_bytes_in_a_query_string_are_a_syntax_error(
    client: httpx.AsyncClient, query_string: str
):
    answer = await client.get(f"/graphql?{query_string}", headers={"Accept": GRAPHQL})
    assert (answer.status_code, codes(answer)) == (400, ["SYNTAX"])


async def test_data_stay_beside_errors(client: httpx.AsyncClient):
    answer = await post(client, {"query": "{ hello forbidden }"})
    assert answer.status_code == 200
    assert answer.json()["data"] == {"hello": "hello", "forbidden": None}
    assert codes(answer) == ["FORBIDDEN"]


async def test_errors_and_unknown_addresses_are_json(client: httpx.AsyncClient):
    for path in ("/nowhere", "/graphql/"):
        lost = await client.get(path)
        assert (lost.status_code, codes(lost)) == (404, ["NOT_FOUND"])
    wrong = await client.post("/health")
    assert (wrong.status_code, codes(wrong)) == (405, ["METHOD_NOT_ALLOWED"])
    assert "GET" in wrong.headers["allow"]


async def test_the_schema_is_published(client: httpx.AsyncClient):
    answer = await client.get("/schema.graphql")
    assert answer.status_code == 200
    assert "type Query" in answer.text


async def test_concurrent_requests_do_not_mix(database: Database, site_key: str):
    app = app_of(database)
    async with app.router.lifespan_context(app), client_of(app, site_key) as client:
        document = "query ($t: String!) { later echo(text: $t) }"
        answers = await asyncio.gather(
            *(
                post(client, {"query": document, "variables": {"t": str(number)}})
                for number in range(50)
            )
        )
    assert [one.json()["data"]["echo"] for one in answers] == [str(n) for n in range(50)]
