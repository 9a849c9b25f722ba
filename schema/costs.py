"""What a field costs, stated in the schema in the words of the cost specification.

The directives are those of the GraphQL Cost Directives Specification (IBM, 2021); how they are
added up is said in docs/reference/http.md and done by api/cost.py.
"""

# ruff: noqa: D101 - the descriptions of directives are their docstrings

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import strawberry
from graphql import FieldNode, GraphQLArgument, GraphQLField, GraphQLObjectType, GraphQLSchema
from strawberry.schema_directive import Location


@strawberry.schema_directive(
    name="cost",
    locations=[Location.FIELD_DEFINITION, Location.ARGUMENT_DEFINITION],
    description="What asking for the field, or giving the argument, costs beside the objects that "
    "are answered with, 1 each.",
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
    """What is stated of a field: its weight, and how many items its list is assumed to have.

    ``arguments`` are the weights of those that have one, by name.
    """

    weight: int = 0
    assumed: int | None = None
    arguments: Mapping[str, int] = field(default_factory=dict)

    def of(self, node: FieldNode) -> int:
        """What asking so for the field costs; an argument counts when it is given, if only null."""
        if not self.arguments:
            return self.weight
        given = (self.arguments.get(one.name.value, 0) for one in node.arguments or ())
        return self.weight + sum(given)


#: What the whole schema takes as long as, and one type of it.
_INTROSPECTION: Final = {"__schema": Price(500), "__type": Price(50)}


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
        found[schema.query_type.name] = dict(_INTROSPECTION)
    for name, kind in schema.type_map.items():
        if isinstance(kind, GraphQLObjectType):
            for field_name, field in kind.fields.items():
                price = _price(field)
                if price != Price():
                    found.setdefault(name, {})[field_name] = price
    return found


def _price(field: GraphQLField) -> Price:
    assumed = next(
        (one.assumed_size for one in _directives(field) if isinstance(one, ListSize)), None
    )
    arguments = {name: _weight(argument) for name, argument in field.args.items()}
    return Price(
        _weight(field), assumed, {name: weight for name, weight in arguments.items() if weight}
    )


def _weight(part: GraphQLField | GraphQLArgument) -> int:
    return sum(int(one.weight) for one in _directives(part) if isinstance(one, Cost))


def _directives(part: GraphQLField | GraphQLArgument) -> Iterable[object]:
    return getattr(part.extensions.get("strawberry-definition"), "directives", ())
