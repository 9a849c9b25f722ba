"""The pages speak of what there is, and docs/reference/graphql.md of all of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from graphql import GraphQLObjectType, parse, validate

from schema.schema import schema
from schema.scopes import stated

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "reference/graphql.md").read_text("utf-8")
#: Every GraphQL document on any page, with the name of the page.
DOCUMENTS = [
    (page.stem, document)
    for page in sorted(DOCS.rglob("*.md"))
    for document in re.findall(r"```graphql\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
]
CORE = schema._schema


@pytest.mark.parametrize(("page", "document"), DOCUMENTS)
def test_documents_on_the_pages_are_valid(page: str, document: str) -> None:
    assert not validate(CORE, parse(document)), page


def test_the_pages_that_show_graphql_are_looked_at() -> None:
    assert {"graphql", "reports", "embed"} <= {page for page, _ in DOCUMENTS}


@pytest.mark.parametrize("root", ["Query", "Mutation", "Subscription"])
def test_every_query_and_mutation_is_on_the_page_with_its_scopes(root: str) -> None:
    told = {
        name: scopes
        for names, scopes in re.findall(r"^\| (`.*?) \| (.*?) \|", PAGE, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }
    type_ = CORE.type_map[root]
    assert isinstance(type_, GraphQLObjectType)
    for name in type_.fields:
        needed = {scope.value for scope in stated(CORE)[root, name]}
        assert set(told[name].split(", ")) == needed, name
