"""What a caller may be told, and what the log keeps instead."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import httpx
import pytest

from api.errors import page
from schema.errors import CODES, PROBLEMS
from store.db import Database
from tests.api.stand_in import SECRET, app_of, client_of

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "error-codes.md"

ID = "0B7E0cf8-6fd5-4f9b-8a3e-5d8f1d2c3b4a"


async def ask(client: httpx.AsyncClient, document: str, **headers: str) -> httpx.Response:
    return await client.post("/graphql", json={"query": document}, headers=headers)


@pytest.mark.parametrize(
    ("field", "code", "message"),
    [
        ("broken", "INTERNAL", "internal error"),
        ("notText", "INTERNAL", "internal error"),
        ("gone", "UNAVAILABLE", "the database cannot be used just now"),
        ("refused", "REFUSED", "there is no such rule set"),
        ("forbidden", "FORBIDDEN", "not for you"),
    ],
)
async def test_only_errors_written_for_callers_pass(
    client: httpx.AsyncClient, field: str, code: str, message: str
):
    answer = await ask(client, f"{{ hello {field} }}")
    (error,) = answer.json()["errors"]
    assert error["message"].startswith(message)
    assert error["path"] == [field]
    assert error["extensions"] == {"code": code, "requestId": answer.headers["x-request-id"]}
    assert SECRET not in answer.text


async def test_an_unfit_argument_is_the_callers_error(client: httpx.AsyncClient):
    body = {"query": 'query ($t: String = "a") { echo(text: $t) }', "variables": {"t": None}}
    answer = await client.post("/graphql", json=body)
    assert answer.json()["errors"][0]["extensions"]["code"] == "INVALID_VARIABLES"


async def test_a_request_id_is_kept_if_it_is_one(client: httpx.AsyncClient):
    answer = await ask(client, "{ broken }", **{"X-Request-Id": ID})
    assert answer.headers["x-request-id"] == ID
    assert answer.json()["errors"][0]["extensions"]["requestId"] == ID
    for odd in ("", "a b", "a" * 65, "a" * 15, '"', "a,b", "hanako.yamada_1987", "member-20150001"):
        answer = await ask(client, "{ hello }", **{"X-Request-Id": odd})
        assert re.fullmatch("[0-9a-f]{16}", answer.headers["x-request-id"])


async def test_the_log_holds_the_cause_and_no_data(client: httpx.AsyncClient, written: StringIO):
    await ask(client, "query Mine { broken }", **{"X-Request-Id": ID})
    logged = written.getvalue()
    assert SECRET not in logged
    masked, request = (line for line in logged.splitlines() if ID in line)
    assert "builtins.RuntimeError" in masked
    assert "Query.broken" in masked
    assert '"operation":"Mine"' in request
    assert '"outcome":"INTERNAL"' in request
    assert '"key":"the site"' in request
    assert re.search(r'"ms":\d', request)


async def test_the_log_names_no_address_that_we_do_not_have(
    client: httpx.AsyncClient, written: StringIO
):
    await client.get(f"/members/{SECRET.replace(' ', '-')}?q={SECRET}")
    logged = written.getvalue()
    assert SECRET.replace(" ", "-") not in logged
    assert '"path":"other"' in logged


async def test_an_exception_outside_of_resolvers_is_masked_too(database: Database, site_key: str):
    app = app_of(database)

    def broken(*_: object) -> None:
        raise RuntimeError(SECRET)

    async with app.router.lifespan_context(app), client_of(app, site_key) as client:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("api.execution.Engine.prepare", broken)
            answer = await ask(client, "{ hello }")
    assert answer.status_code == 500
    (error,) = answer.json()["errors"]
    assert error["extensions"] == {
        "code": "INTERNAL",
        "requestId": answer.headers["x-request-id"],
    }
    assert SECRET not in answer.text


def test_the_page_of_codes_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(CODES, PROBLEMS)
