"""docs/reference/graphql.md speaks of what there is, and of all of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from graphql import GraphQLObjectType, parse, validate

from schema.schema import schema
from schema.scopes import stated

PAGE = (Path(__file__).resolve().parents[2] / "docs/reference/graphql.md").read_text("utf-8")
CORE = schema._schema


@pytest.mark.parametrize("document", re.findall(r"```graphql\n(.*?)```", PAGE, re.DOTALL))
def test_documents_on_the_page_are_valid(document: str) -> None:
    assert not validate(CORE, parse(document))


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
