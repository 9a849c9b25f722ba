"""What an operation costs: estimated before, counted after, refused beyond the limit."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from graphql import OperationDefinitionNode, parse
from hypothesis import given
from hypothesis import strategies as st

from api.app import create_app
from api.clock import MovableClock
from api.cost import Plan, Pricing
from api.settings import Settings
from schema.schema import schema
from store import keys
from store.db import Database
from tests.api.stand_in import NOW, app_of, client_of

CORE = schema._schema


def plan(text: str) -> Plan:
    document = parse(text)
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    return Pricing(CORE).plan(document, operation)


@pytest.mark.parametrize(
    ("document", "variables", "cost"),
    [
        ("{ __typename }", {}, 0),
        ('{ member(name: "a") { id name } }', {}, 1),
        ('{ member(name: "a") { id standing { status } } }', {}, 2),
        # The connection, its page, and of each item the member.
        ("{ members(first: 3) { nodes { id } } }", {}, 1 + 3),
        ("{ members(first: 3) { edges { cursor node { id } } pageInfo { endCursor } } }", {}, 8),
        ("{ members(first: 3) { nodes { id } edges { cursor } } }", {}, 1 + 3 + 3),
        ("{ members(first: 0) { nodes { id } } }", {}, 1),
        ("query ($n: Int!) { members(first: $n) { nodes { id } } }", {"n": 7}, 1 + 7),
        ("query ($n: Int = 4) { members(first: $n) { nodes { id } } }", {}, 1 + 4),
        # What will be refused is taken for as much as may be asked.
        ("query ($n: Int!) { members(first: $n) { nodes { id } } }", {"n": 10_000}, 1 + 100),
        ("query ($n: Int!) { members(first: $n) { nodes { id } } }", {"n": -5}, 1),
        ("query ($n: Int!) { members(first: $n) { nodes { id } } }", {"n": "x"}, 1 + 100),
        (
            "query ($n: Int!) { members(first: 2) { nodes { posts(first: $n) { nodes { id }}}}}",
            {"n": 5},
            1 + 2 * (1 + 1 + 5),
        ),
        (
            "{ members(first: 2) { ...F } } fragment F on MemberConnection { nodes { id } }",
            {},
            1 + 2,
        ),
        ('{ node(id: "x") { ... on Member { standing { status } } ... on Post { id } } }', {}, 2),
        ("{ __schema { types { name } } }", {}, 500),
        ('{ __type(name: "Post") { name } }', {}, 50),
        # Arguments may have a price: everybody's history is folded, names are searched.
        ('{ members(first: 1, asOf: "2026-06-01") { nodes { id } } }', {}, 200 + 1 + 1),
        ('{ members(first: 1, filter: {search: "a"}) { nodes { id } } }', {}, 20 + 1 + 1),
        ('{ member(name: "a") { standing(asOf: "2026-06-01") { status } } }', {}, 10 + 2),
        ("{ posts(first: 3) { nodes { text } } }", {}, 1 + 3 * (1 + 5)),
        ("{ dataHealth { unclassified(first: 4) { actions } } }", {}, 200 + 1 + 4),
        (
            'mutation ($m: [MemberInput!]!) {recordMembers(source: "", members: $m) {__typename}}',
            {"m": [{}] * 12},
            1 + 12,
        ),
        ('mutation { retract(source: "a", retractions: []) { __typename } }', {}, 1),
        ('mutation { retract(source: "a", retractions: [{}, {}]) { __typename } }', {}, 1 + 2),
        ('mutation { retract(source: "a", retractions: {}) { __typename } }', {}, 1 + 1),
        (
            'mutation ($m: [MemberInput!]!) {recordMembers(source: "", members: $m) {__typename}}',
            {"m": {}},
            1 + 1,
        ),
        ("subscription { standingChanged { cursor member { id } } }", {}, 2),
    ],
)
def test_estimates(document: str, variables: dict[str, Any], cost: int) -> None:
    assert plan(document).estimate(variables) == cost


@given(
    st.recursive(
        st.integers(0, 5).map(Plan),
        lambda inner: (
            st.tuples(inner, inner).map(lambda two: two[0] + two[1])
            | st.tuples(inner, st.integers(0, 4)).map(lambda part: part[0].times(part[1]))
        ),
    ),
    st.integers(0, 4),
)
def test_a_list_costs_as_often_as_it_is_long(part: Plan, size: int) -> None:
    assert part.times(size).estimate({}) == size * part.estimate({})


@pytest.fixture
async def narrow(database: Database, site_key: str) -> Any:
    app = app_of(database, max_cost=50)
    async with app.router.lifespan_context(app), client_of(app, site_key) as client:
        yield client


async def ask(client: httpx.AsyncClient, query: str, **variables: Any) -> Any:
    answer = await client.post("/graphql", json={"query": query, "variables": variables})
    return answer.json()


async def test_the_cost_is_told_with_every_answer(narrow: httpx.AsyncClient):
    told = await ask(narrow, "{ thing { things(first: 9) { inner { name } } } }")
    assert told["extensions"]["cost"] == {"estimated": 19, "actual": 19, "limit": 50}
    told = await ask(narrow, "{ thing { name } broken }")
    assert told["extensions"]["cost"] == {"estimated": 1, "actual": 1, "limit": 50}


async def test_what_costs_too_much_does_not_run(narrow: httpx.AsyncClient):
    query = "query ($n: Int!) { thing { things(first: $n) { things(first: $n) { name } } } }"
    good = await ask(narrow, query, n=6)
    assert good["extensions"]["cost"]["actual"] == 1 + 6 + 36
    (error,) = (await ask(narrow, query, n=7))["errors"]
    assert error["extensions"]["code"] == "LIMIT"
    assert error["extensions"]["cost"] == {"estimated": 57, "limit": 50}
    assert "would cost 57 and may cost 50" in error["message"]


async def test_introspection_has_a_price_of_its_own(narrow: httpx.AsyncClient):
    told = await ask(narrow, '{ __type(name: "Thing") { name } thing { name } }')
    assert told["errors"][0]["message"].startswith("the operation would cost 51")
    told = await ask(narrow, '{ __type(name: "Thing") { name } }')
    assert told["extensions"]["cost"] == {"estimated": 50, "actual": 50, "limit": 50}


@pytest.mark.slow
async def test_what_was_spent_is_never_more_than_was_estimated(lively: Database):
    key, _ = await keys.create(lively, name="a", scopes=set(keys.Scope), now=NOW)
    app = create_app(Settings(), database=lively, clock=MovableClock(NOW), worker=False)
    async with app.router.lifespan_context(app), client_of(app, key) as client:
        for query in (
            """{ members(first: 50) { nodes { accounts { source } locks { reason }
                standing { indices { guards { name } } because { text } next { text } }
                history(first: 5) { nodes { day } } } pageInfo { endCursor } } }""",
            "{ members(first: 20) { edges { node { posts(first: 3) { nodes { id } } } } } }",
            """{ posts(first: 20) { nodes { author { name } replies(first: 10) {
                nodes { actions(first: 5) { nodes { actor { name } type { points } } } } } } } }""",
            "{ actionTypes { __typename } }",
            "{ ruleSet { thresholds { enter } actionTypes { __typename } } }",
            "{ tierReport { tiers { count } } dataHealth { times { actions } } }",
            """{ members(first: 5, asOf: "2026-02-01", filter: {search: "a"}) { nodes {
                standing(asOf: "2026-01-15") { status } } } posts(first: 9) { nodes { text } }
                dataHealth { unclassified(first: 3) { actions } } ruleSet { toml } }""",
        ):
            told = await ask(client, query)
            assert "errors" not in told, told["errors"]
            cost = told["extensions"]["cost"]
            assert 0 < cost["actual"] <= cost["estimated"], (query, cost)
