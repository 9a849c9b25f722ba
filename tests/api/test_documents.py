"""Documents by name: trusted ones, learned ones, and a service that runs no others."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from api.answering import Answering
from api.documents import Documents, DocumentsError, read_documents
from api.execution import Engine, Request
from api.limits import Limits
from api.logs import Trace
from api.rates import Rates
from api.settings import SettingsError
from schema.context import Caller
from store.db import Database
from store.members import AccountRow
from tests.api.stand_in import app_of, client_of, schema

MEMBER = AccountRow("site", "u1")
HELLO = "{ hello }"
ECHO = "query ($text: String!) { echo(text: $text) }"
CHANGE = "mutation { change }"
RESULT = "application/graphql-response+json"


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def apollo(text: str) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest(text)}}}


def code(answer: httpx.Response) -> str:
    return str(answer.json()["errors"][0]["extensions"]["code"])


async def ask(app: Starlette, key: str, *bodies: dict[str, Any]) -> list[httpx.Response]:
    async with app.router.lifespan_context(app), client_of(app, key) as client:
        return [
            await client.post("/graphql", json=body, headers={"Accept": RESULT}) for body in bodies
        ]


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    place = tmp_path / "documents.json"
    entries = {digest(HELLO): HELLO, "echo-1": ECHO, f"sha256:{digest(CHANGE)}": CHANGE}
    place.write_text(json.dumps(entries))
    return place


async def test_trusted_documents_are_run_by_every_name(
    database: Database, site_key: str, manifest: Path
):
    app = app_of(database, documents=manifest)
    answers = await ask(
        app,
        site_key,
        {"documentId": f"sha256:{digest(HELLO)}"},
        {"documentId": digest(HELLO)},
        {"documentId": "echo-1", "variables": {"text": "a"}},
        {"documentId": f"sha256:{digest(ECHO)}", "variables": {"text": "b"}},
        apollo(HELLO),
        {"documentId": f"sha256:{digest(CHANGE)}"},
    )
    assert [answer.json()["data"] for answer in answers] == [
        {"hello": "hello"},
        {"hello": "hello"},
        {"echo": "a"},
        {"echo": "b"},
        {"hello": "hello"},
        {"change": "changed"},
    ]


async def test_a_document_is_learned_with_its_hash_only(database: Database, site_key: str):
    unknown, taught, known, wrong, still = await ask(
        app_of(database),
        site_key,
        apollo(HELLO),
        {"query": HELLO, **apollo(HELLO)},
        {"documentId": f"sha256:{digest(HELLO)}"},
        {"query": ECHO, **apollo(HELLO)},
        {"query": HELLO, "documentId": "hello-1"},
    )
    assert (unknown.status_code, code(unknown)) == (404, "PERSISTED_QUERY_NOT_FOUND")
    assert unknown.json()["errors"][0]["message"] == "PersistedQueryNotFound"
    assert taught.json()["data"] == known.json()["data"] == {"hello": "hello"}
    assert (wrong.status_code, code(wrong)) == (400, "BAD_REQUEST")
    assert still.json()["data"] == {"hello": "hello"}
    (not_learned,) = await ask(app_of(database), site_key, {"documentId": "hello-1"})
    assert code(not_learned) == "PERSISTED_QUERY_NOT_FOUND"


async def test_a_hash_without_its_prefix_is_one_too(database: Database, site_key: str):
    taught, known, wrong = await ask(
        app_of(database),
        site_key,
        {"query": HELLO, "documentId": digest(HELLO)},
        apollo(HELLO),
        {"query": ECHO, "documentId": digest(HELLO)},
    )
    assert taught.json()["data"] == known.json()["data"] == {"hello": "hello"}
    assert (wrong.status_code, code(wrong)) == (400, "BAD_REQUEST")


async def test_a_document_that_is_not_valid_is_not_learned(database: Database, site_key: str):
    first, again = await ask(
        app_of(database),
        site_key,
        {"query": "{ nothing }", **apollo("{ nothing }")},
        apollo("{ nothing }"),
    )
    assert (code(first), code(again)) == ("INVALID_DOCUMENT", "PERSISTED_QUERY_NOT_FOUND")


async def test_clients_of_json_get_200_and_ask_again(database: Database, site_key: str):
    app = app_of(database)
    async with app.router.lifespan_context(app), client_of(app, site_key) as client:
        answer = await client.post("/graphql", json=apollo(HELLO))
        by_get = await client.get(
            "/graphql", params={"extensions": json.dumps(apollo(HELLO)["extensions"])}
        )
        await client.post("/graphql", json={"query": HELLO, **apollo(HELLO)})
        known = await client.get("/graphql", params={"documentId": f"sha256:{digest(HELLO)}"})
    assert (answer.status_code, code(answer)) == (200, "PERSISTED_QUERY_NOT_FOUND")
    assert code(by_get) == "PERSISTED_QUERY_NOT_FOUND"
    assert known.json()["data"] == {"hello": "hello"}


async def test_nothing_else_is_run_where_nothing_else_may_be(
    database: Database, site_key: str, manifest: Path
):
    app = app_of(database, documents=manifest, documents_only=True)
    named, written, other, taught, unknown = await ask(
        app,
        site_key,
        {"documentId": "echo-1", "variables": {"text": "a"}},
        {"query": HELLO},
        {"query": "{ hello hello }"},
        {"query": "{ later }", **apollo("{ later }")},
        apollo("{ later }"),
    )
    assert named.json()["data"] == {"echo": "a"}
    assert written.json()["data"] == {"hello": "hello"}
    assert (other.status_code, code(other)) == (403, "DOCUMENT_NOT_ALLOWED")
    assert code(taught) == "DOCUMENT_NOT_ALLOWED"
    assert code(unknown) == "PERSISTED_QUERY_NOT_FOUND"


async def test_a_mutation_by_name_is_not_run_by_get(
    database: Database, site_key: str, manifest: Path
):
    app = app_of(database, documents=manifest)
    async with app.router.lifespan_context(app), client_of(app, site_key) as client:
        answer = await client.get("/graphql", params={"documentId": f"sha256:{digest(CHANGE)}"})
    assert (answer.status_code, code(answer)) == (405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize(
    ("identifier", "is_one"),
    [
        (f"sha256:{'0' * 64}", True),
        ("0123456789abcdef0123456789abcdef", True),
        ("x-mine:a.b", True),
        (f"sha256:{'0' * 63}", False),
        (f"sha256:{'A' * 64}", False),
        ("md5:abc", False),
        ("", False),
        ("a b", False),
        ("a" * 200, False),
        (1, False),
        ({}, False),
    ],
)
async def test_what_may_be_a_name(database: Database, site_key: str, identifier: Any, is_one: bool):
    (answer,) = await ask(app_of(database), site_key, {"documentId": identifier})
    assert code(answer) == ("PERSISTED_QUERY_NOT_FOUND" if is_one else "BAD_REQUEST")


@pytest.mark.parametrize(
    "persisted", [1, "x", {}, {"sha256Hash": 1}, {"sha256Hash": "x"}, {"sha256Hash": "0" * 63}]
)
async def test_what_is_no_form_of_apollo(database: Database, site_key: str, persisted: Any):
    (answer,) = await ask(app_of(database), site_key, {"extensions": {"persistedQuery": persisted}})
    assert (answer.status_code, code(answer)) == (400, "BAD_REQUEST")


def test_an_apollo_manifest_is_read(tmp_path: Path):
    place = tmp_path / "manifest.json"
    operation = {"id": digest(HELLO), "name": "Hello", "type": "query", "body": HELLO}
    place.write_text(
        json.dumps({"format": "apollo-persisted-query-manifest", "operations": [operation]})
    )
    assert read_documents(place) == {digest(HELLO): HELLO}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not JSON"),
        ("[]", "expected a JSON object"),
        ('{"a": 1}', "'a' has no document"),
        ('{"a": " "}', "'a' has no document"),
        ('{"operations": [{"id": "a"}]}', "has no 'body'"),
        ('{"operations": [1]}', "has no 'id'"),
        (json.dumps({"0" * 64: HELLO}), "is not the sha256 of its document"),
        (json.dumps({"Op/One": HELLO}), r"no request can name 'Op/One'; expected 'sha256:' and 64"),
        (json.dumps({"": HELLO}), "no request can name ''"),
        (json.dumps({"a" * 129: HELLO}), "no request can name 'aaa"),
        ('{"operations": [{"id": "a b", "body": "{ hello }"}]}', "no request can name 'a b'"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str, said: str):
    place = tmp_path / "documents.json"
    place.write_text(text)
    with pytest.raises(DocumentsError, match=said):
        read_documents(place)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(DocumentsError, match="No such file"):
        read_documents(tmp_path / "none.json")


def test_what_could_never_run_is_told_at_the_start(database: Database, tmp_path: Path):
    place = tmp_path / "documents.json"
    place.write_text(json.dumps({"good": HELLO, "old": "{ goodbye }"}))
    with pytest.raises(SettingsError, match="'old' cannot be run: Cannot query field 'goodbye'"):
        app_of(database, documents=place)
    with pytest.raises(SettingsError, match="needs IKUSEI_DOCUMENTS"):
        app_of(database, documents_only=True)


@pytest.mark.parametrize(
    ("member", "trusted", "noted"),
    [(None, False, "Mine"), (MEMBER, False, None), (MEMBER, True, "Mine")],
)
def test_what_a_member_calls_an_operation_is_not_noted(
    member: AccountRow | None, trusted: bool, noted: str | None
):
    text = "query Mine { hello }"
    answering = Answering(
        Engine(schema, Limits()),
        Limits(),
        Documents({"a": text} if trusted else {}),
        Rates(keys=0, members=0),
        lambda _caller, _request_id: None,
    )
    trace = Trace("r1")
    answering.prepare(Request(text), Caller("a", frozenset(), member=member), trace)
    assert (trace.kind, trace.operation) == ("query", noted)
