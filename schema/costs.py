"""What a field costs, stated in the schema in the words of the cost specification.

The directives are those of the GraphQL Cost Directives Specification (IBM, 2021); how they are
added up is said in docs/reference/http.md and done by api/cost.py.
"""

# ruff: noqa: D101 - the descriptions of directives are their docstrings

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import strawberry
from graphql import GraphQLField, GraphQLObjectType, GraphQLSchema
from strawberry.schema_directive import Location


@strawberry.schema_directive(
    name="cost",
    locations=[Location.FIELD_DEFINITION],
    description="What asking for the field costs beside the objects that it answers with, 1 each.",
)
class Cost:
    weight: str


@strawberry.schema_directive(
    name="listSize",
    locations=[Location.FIELD_DEFINITION],
    description="How many items the list is taken to have before it is known.",
)
class ListSize:
    assumed_size: int


@dataclass(frozen=True, slots=True)
class Price:
    """What is stated of a field: its weight, and how many items its list is assumed to have."""

    weight: int = 0
    assumed: int | None = None


_INTROSPECTION: Final = Price(50)


def about(size: int, *, cost: int = 0) -> list[object]:
    """The directives of a list that has no ``first``: how long it is, and what it costs."""
    return [ListSize(assumed_size=size), *costs(cost)]


def costs(weight: int) -> list[object]:
    """The directives of a field that takes as much as ``weight`` objects."""
    return [Cost(weight=str(weight))] if weight else []


@functools.cache
def stated(schema: GraphQLSchema) -> Mapping[str, Mapping[str, Price]]:
    """The prices of a schema's fields by type and name, of those that state one.

    Asking for the schema has nothing to do with data but takes its time.
    """
    found: dict[str, dict[str, Price]] = {}
    if schema.query_type is not None:
        found[schema.query_type.name] = dict.fromkeys(("__schema", "__type"), _INTROSPECTION)
    for name, kind in schema.type_map.items():
        if isinstance(kind, GraphQLObjectType):
            for field_name, field in kind.fields.items():
                price = _price(field)
                if price != Price():
                    found.setdefault(name, {})[field_name] = price
    return found


def _price(field: GraphQLField) -> Price:
    definition = field.extensions.get("strawberry-definition")
    weight, assumed = 0, None
    for one in getattr(definition, "directives", ()):
        if isinstance(one, Cost):
            weight = int(one.weight)
        elif isinstance(one, ListSize):
            assumed = one.assumed_size
    return Price(weight, assumed)
