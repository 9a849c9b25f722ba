"""What GraphQL over HTTP says of statuses, clause by clause, under both profiles."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import get_args

import httpx
import pytest

from api.profiles import FORMS, GRAPHQL, JSON
from api.settings import Profile
from store.db import Database
from tests.api.stand_in import app_of, client_of

_MODERN, _LEGACY = "application/graphql-response+json", "application/json"
_TYPES = (GRAPHQL, JSON)
_ECHO = "query ($t: String!) { echo(text: $t) }"
_FRAGMENT = "fragment F on Query { hello }"


@dataclass(frozen=True)
class Clause:
    """What is said, a request of which it is said, and the statuses it has.

    ``statuses``: for graphql-response+json and for json, under audit; the same under draft-2026.
    """

    says: str
    statuses: tuple[int, int, int, int]
    body: str | None = '{"query": "{ hello }"}'
    method: str = "POST"
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)
    #: Refused before it is known which type of answer is liked.
    early: bool = False

    @property
    def ran(self) -> bool:
        """Whether there are data in the answer."""
        return self.statuses[0] == 200

    def form(self, profile: Profile, accept: str) -> tuple[int, str]:
        """The status, and the type: the draft keeps application/json to what went well."""
        column = 2 * (profile == "draft-2026") + (accept == _LEGACY)
        status = self.statuses[column]
        if profile == "draft-2026":
            return status, accept if self.ran else _MODERN
        return status, _LEGACY if self.early else accept


def _post(says: str, statuses: tuple[int, int, int, int], **request: object) -> Clause:
    return Clause(says, statuses, json.dumps(request))


def _get(says: str, statuses: tuple[int, int, int, int], **params: str) -> Clause:
    return Clause(says, statuses, None, "GET", params)


CLAUSES = (
    # The request ran.
    _post("data without errors is 200", (200, 200, 200, 200), query="{ hello }"),
    _get("by GET as well", (200, 200, 200, 200), query="{ hello }"),
    _post("data beside errors is 294", (200, 200, 294, 200), query="{ hello refused }"),
    _post("also where a field failed unforeseen", (200, 200, 294, 200), query="{ hello broken }"),
    _post("also where data is null", (200, 200, 294, 200), query='{ held(place: "nowhere") }'),
    _get("partial by GET as well", (200, 200, 294, 200), query="{ hello forbidden }"),
    # It is not a request.
    Clause("a body that cannot be parsed as JSON is 400", (400, 400, 400, 400), "NONSENSE"),
    Clause("so is one that breaks off", (400, 400, 400, 400), '{"query":'),
    Clause("so is an empty one", (400, 400, 400, 400), ""),
    _post("no query: not well-formed, 422", (400, 400, 422, 422), qeury="{ hello }"),
    _post("a query that is no string", (400, 400, 422, 422), query={"a": 1}),
    _post("variables that are no map", (400, 400, 422, 422), query=_ECHO, variables=[7]),
    _post(
        "an operationName that is no string", (400, 400, 422, 422), query="{ a }", operationName=1
    ),
    _post("extensions that are no map", (400, 400, 422, 422), query="{ a }", extensions="x"),
    Clause("a body that is no map", (400, 400, 422, 422), '["{ hello }"]'),
    _get("no query by GET", (400, 400, 422, 422), variables="{}"),
    _get("variables by GET that are not JSON", (400, 400, 422, 422), query=_ECHO, variables="{"),
    # GraphQL refuses it.
    _post("a document that cannot be parsed is 400", (400, 200, 400, 400), query="{"),
    _get("it cannot be parsed, by GET", (400, 200, 400, 400), query="{"),
    _post("one that fails validation is 422", (400, 200, 422, 422), query="{ nothing }"),
    _get("it fails validation, by GET", (400, 200, 422, 422), query="{ nothing }"),
    _post(
        "rules of ours are validation too", (400, 200, 422, 422), query="{hello " * 20 + "}" * 20
    ),
    _post("no operation to run is 422", (400, 200, 422, 422), query=_FRAGMENT),
    _post("several, and none named", (400, 200, 422, 422), query="query A {hello} query B {hello}"),
    _post("none of the name", (400, 200, 422, 422), query="query A {hello}", operationName="B"),
    _post("a variable that is missing is 422", (400, 200, 422, 422), query=_ECHO),
    _post(
        "null for one that must not be", (400, 200, 422, 422), query=_ECHO, variables={"t": None}
    ),
    _post("one of the wrong type", (400, 200, 422, 422), query=_ECHO, variables={"t": 1}),
    _post("a name of no document is 404", (404, 200, 404, 404), documentId="sha256:" + "0" * 64),
    # HTTP refuses it.
    Clause(
        "a mutation by GET is 405 and does not run",
        (405, 405, 405, 405),
        None,
        "GET",
        params={"query": "mutation { change }"},
        answers={"allow": "POST"},
    ),
    Clause(
        "another method is 405, and Allow says which are taken",
        (405, 405, 405, 405),
        method="PUT",
        early=True,
        answers={"allow": "GET, POST"},
    ),
    Clause(
        "another type of body is 415",
        (415, 415, 415, 415),
        "query={hello}",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    ),
    Clause("no type of body is 415", (415, 415, 415, 415), headers={"Content-Type": ""}),
    Clause(
        "no type of answer that we have is 406",
        (406, 406, 406, 406),
        headers={"Accept": "text/html"},
        early=True,
    ),
    Clause("a body too large is 413", (413, 413, 413, 413), json.dumps({"query": "#" * 5000})),
    _get("an address too long is 414", (414, 414, 414, 414), query="a" * 40_000),
    Clause(
        "a caller who may not is 401",
        (401, 401, 401, 401),
        headers={"Authorization": "Bearer nobody"},
        answers={"www-authenticate": 'Bearer realm="ikusei"'},
    ),
)


@pytest.fixture(params=get_args(Profile))
async def service(
    request: pytest.FixtureRequest, database: Database, site_key: str
) -> AsyncIterator[tuple[Profile, httpx.AsyncClient]]:
    app = app_of(database, http_profile=request.param, max_body_bytes=4_000)
    async with app.router.lifespan_context(app), client_of(app, site_key) as client:
        yield request.param, client


@pytest.mark.parametrize("accept", [_MODERN, _LEGACY])
async def test_every_clause_holds(service: tuple[Profile, httpx.AsyncClient], accept: str):
    profile, client = service
    found, said = [], []
    for clause in CLAUSES:
        answer = await _ask(client, clause, accept)
        told = answer.json()
        found.append((clause.says, answer.status_code, _type(answer), "data" in told))
        said.append((clause.says, *clause.form(profile, accept), clause.ran))
        assert dict(clause.answers).items() <= dict(answer.headers).items(), clause.says
        assert clause.ran or set(told) == {"errors"}, clause.says
    assert found == said


def test_every_code_has_its_clause_or_has_one_status_everywhere():
    """What differs between the profiles, or the types, is in the table above."""
    differing = {
        outcome
        for outcome in {outcome for outcome, _ in FORMS["audit"]}
        if len({FORMS[profile][outcome, liked].status for profile in FORMS for liked in _TYPES}) > 1
    }
    assert differing == {
        "PARTIAL",
        "BAD_REQUEST",
        "SYNTAX",
        "INVALID_DOCUMENT",
        "INVALID_VARIABLES",
        "LIMIT",
        "INTROSPECTION_OFF",
        "PERSISTED_QUERY_NOT_FOUND",
    }


async def _ask(client: httpx.AsyncClient, clause: Clause, accept: str) -> httpx.Response:
    headers = {"Content-Type": "application/json", "Accept": accept} | dict(clause.headers)
    return await client.request(
        clause.method,
        "/graphql",
        content=clause.body,
        params=clause.params,
        headers={name: value for name, value in headers.items() if value},
    )


def _type(answer: httpx.Response) -> str:
    return answer.headers["content-type"].partition(";")[0]
