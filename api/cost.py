"""What an operation will cost, before it runs: objects to be answered, and work that is dear.

An object of the answer costs 1, a field what ``@cost`` states beside it, an item of a list that a
mutation is given 1. A list counts as many times as its ``first`` asks for, else as ``@listSize``
says; fields without an object cost nothing. So the estimate of an operation is a sum of products,
which is made once for a document and filled in with the variables of each request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLCompositeType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_composite_type,
)

from schema.connections import MOST
from schema.costs import Price, stated

#: Items of a list of which nothing is stated.
_ASSUMED: Final = 10
#: The fields of a connection that have as many items as its ``first`` asked for.
_SIZED: Final = frozenset({"edges", "nodes"})
_FIRST: Final = "first"
_NOTHING: Final = Price()


@dataclass(frozen=True, slots=True)
class Variable:
    """A number that the variables of a request give; ``default`` where they do not."""

    name: str
    default: int

    def of(self, variables: Mapping[str, Any]) -> int:
        """The number, within what a list may be asked for."""
        value = variables.get(self.name, self.default)
        return _bounded(value if type(value) is int else MOST)


@dataclass(frozen=True, slots=True)
class Plan:
    """What an operation or a part of it costs: ``own``, and every list as often as it is long.

    ``written`` counts the records that stand in the document, ``given`` are the variables that
    hold some.
    """

    own: int = 0
    lists: tuple[tuple[Variable, Plan], ...] = ()
    written: int = 0
    given: tuple[str, ...] = ()

    def estimate(self, variables: Mapping[str, Any]) -> int:
        """The cost with these variables."""
        cost = self.own + self.records(variables)
        for size, inner in self.lists:
            cost += size.of(variables) * inner.estimate(variables)
        return cost

    def records(self, variables: Mapping[str, Any]) -> int:
        """The items of the lists that were given; GraphQL takes another value for a list of it."""
        values = (variables.get(name) for name in self.given)
        return self.written + sum(
            len(value) if isinstance(value, list) else 1 for value in values if value is not None
        )

    def __add__(self, other: Plan) -> Plan:
        return Plan(
            self.own + other.own,
            self.lists + other.lists,
            self.written + other.written,
            self.given + other.given,
        )

    def times(self, size: int | Variable) -> Plan:
        """The plan of a list of such parts, of which none takes records."""
        if isinstance(size, Variable):
            return Plan(0, ((size, self),))
        lists = tuple((number, inner.times(size)) for number, inner in self.lists)
        return Plan(self.own * size, lists)


_FREE: Final = Plan()


class Pricing:
    """Plans for the operations of one schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._prices = stated(schema)

    def plan(self, document: DocumentNode, operation: OperationDefinitionNode) -> Plan:
        """The plan of an operation of a valid document."""
        root = self._schema.get_root_type(operation.operation)
        assert root is not None
        return _Planner(self._schema, self._prices, document, operation).of(
            root, operation.selection_set, None
        )


class _Planner:
    """Adds up one operation, writing fragments out."""

    def __init__(
        self,
        schema: GraphQLSchema,
        prices: Mapping[str, Mapping[str, Price]],
        document: DocumentNode,
        operation: OperationDefinitionNode,
    ) -> None:
        self._schema = schema
        self._prices = prices
        self._fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self._defaults = {
            node.variable.name.value: node.default_value
            for node in operation.variable_definitions or ()
        }
        self._changes = operation.operation is OperationType.MUTATION

    def of(
        self, kind: GraphQLCompositeType, selections: SelectionSetNode, page: int | Variable | None
    ) -> Plan:
        """The plan of a selection set on ``kind``; ``page`` is the size of its edges and nodes."""
        total = _FREE
        for owner, node in self._fields(kind, selections):
            total += self._field(owner, node, page)
        return total

    def _fields(
        self, kind: GraphQLCompositeType, selections: SelectionSetNode
    ) -> Iterator[tuple[GraphQLCompositeType, FieldNode]]:
        for node in selections.selections:
            if isinstance(node, FieldNode):
                yield kind, node
                continue
            part: Any = node
            if isinstance(node, FragmentSpreadNode):
                part = self._fragments[node.name.value]
            inner = kind
            if part.type_condition is not None:
                inner = cast(
                    "GraphQLCompositeType", self._schema.get_type(part.type_condition.name.value)
                )
            yield from self._fields(inner, part.selection_set)

    def _field(
        self, owner: GraphQLCompositeType, node: FieldNode, page: int | Variable | None
    ) -> Plan:
        name = node.name.value
        price = self._prices.get(owner.name, {}).get(name, _NOTHING)
        total = Plan(price.of(node))
        if name.startswith("__"):
            return total
        field = self._schema.get_field(owner, name)
        assert field is not None
        if self._changes:
            total += self._given(field.args, node)
        inner = get_named_type(field.type)
        if not is_composite_type(inner) or node.selection_set is None:
            return total
        asked = self._first(field.args, node)
        if not _is_list(field.type):
            return total + Plan(1) + self.of(inner, node.selection_set, asked)
        size = asked if asked is not None else page if name in _SIZED else None
        if size is None:
            size = _ASSUMED if price.assumed is None else price.assumed
        return total + (Plan(1) + self.of(inner, node.selection_set, None)).times(size)

    def _first(self, args: Mapping[str, GraphQLArgument], node: FieldNode) -> int | Variable | None:
        if _FIRST not in args:
            return None
        for given in node.arguments or ():
            if given.name.value == _FIRST:
                return self._number(given.value)
        default = args[_FIRST].default_value
        return _bounded(default) if type(default) is int else MOST

    def _number(self, value: ValueNode) -> int | Variable:
        if isinstance(value, IntValueNode):
            return _bounded(int(value.value))
        if isinstance(value, VariableNode):
            default = self._defaults.get(value.name.value)
            return Variable(
                value.name.value, int(default.value) if isinstance(default, IntValueNode) else MOST
            )
        return MOST

    def _given(self, args: Mapping[str, GraphQLArgument], node: FieldNode) -> Plan:
        """The records that a mutation is given."""
        total = _FREE
        for given in node.arguments or ():
            argument = args.get(given.name.value)
            if argument is None or not _is_list(argument.type):
                continue
            if isinstance(given.value, ListValueNode):
                total += Plan(written=len(given.value.values))
            elif isinstance(given.value, VariableNode):
                total += Plan(given=(given.value.name.value,))
            elif not isinstance(given.value, NullValueNode):
                total += Plan(written=1)
        return total


def _is_list(kind: Any) -> bool:
    if isinstance(kind, GraphQLNonNull):
        kind = kind.of_type
    return isinstance(kind, GraphQLList)


def _bounded(number: int) -> int:
    return max(0, min(number, MOST))
