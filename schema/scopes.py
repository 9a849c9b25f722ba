"""Scopes: what a caller may do, stated on every field of the schema and held by its executor.

What a caller may not ask for is found once per scopes and schema, so that a request pays one look
into a set per field, and nothing where the caller may see everything.
"""

# ruff: noqa: D101 - the descriptions of types and fields are their docstrings

from __future__ import annotations

import functools
from collections.abc import Mapping
from copy import copy
from typing import Any, Final, TypeVar

import strawberry
from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationType,
    located_error,
)
from graphql.execution.collect_fields import FieldDetails, collect_fields
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema_directive import Location
from strawberry.types.base import get_object_definition

from schema.errors import Refused
from schema.records import MOST_VALUES, too_many, without_records
from schema.words import Scope

Kind = TypeVar("Kind", bound=type)


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    description="The field is answered to callers who have one of these scopes.",
)
class Needs:
    scopes: list[Scope]


MANAGER: Final = (Scope.MANAGER,)
SITE: Final = (Scope.SITE,)
BOTH: Final = (Scope.SITE, Scope.MANAGER)
MEMBER: Final = (Scope.MEMBER,)
#: What a manager may see of everybody, and each member of themself: what only ``me`` leads to.
OWN: Final = (Scope.MANAGER, Scope.MEMBER)
#: What tells nothing by itself, such as a page: what is in it states its own scopes.
ALL: Final = tuple(Scope)


def needs(*scopes: Scope) -> Any:
    """A decorator for a GraphQL type: its fields need one of ``scopes``, unless they say more.

    Fields that it has from an interface need what the type says, not what the interface does.
    """

    def state(cls: Kind) -> Kind:
        definition = get_object_definition(cls, strict=True)
        inherited = {
            id(field)
            for base in cls.__mro__[1:]
            if (above := get_object_definition(base)) is not None
            for field in above.fields
        }
        for place, field in enumerate(definition.fields):
            if id(field) in inherited:
                own = definition.fields[place] = copy(field)
                rest = [one for one in field.directives if not isinstance(one, Needs)]
                own.directives = [*rest, Needs(scopes=list(scopes))]
            elif not any(isinstance(one, Needs) for one in field.directives):
                field.directives = [*field.directives, Needs(scopes=list(scopes))]
        return cls

    return state


Field = tuple[str, str]


@functools.cache
def stated(schema: GraphQLSchema) -> Mapping[Field, frozenset[Scope]]:
    """The scopes that each (type, field) of a schema needs one of; none stated, none suffices."""
    found: dict[Field, frozenset[Scope]] = {}
    for name, type_ in schema.type_map.items():
        if not name.startswith("__") and isinstance(
            type_, (GraphQLObjectType, GraphQLInterfaceType)
        ):
            for field_name, field in type_.fields.items():
                definition = field.extensions.get("strawberry-definition")
                found[name, field_name] = frozenset(
                    scope
                    for one in getattr(definition, "directives", ())
                    if isinstance(one, Needs)
                    for scope in one.scopes
                )
    return found


@functools.lru_cache(maxsize=64)
def denied(schema: GraphQLSchema, scopes: frozenset[Scope]) -> frozenset[Field]:
    """The fields that somebody with ``scopes`` may not ask for."""
    return frozenset(field for field, needed in stated(schema).items() if not needed & scopes)


class GatedExecutor(StrawberryGraphQLCoreExecutionContext):
    """Runs a document: refuses fields beyond the caller's scopes, and spares records coercion.

    It takes the place of graphql-core's executor, so that there is no way into the schema past it.
    """

    gate: frozenset[Field] = frozenset()

    @classmethod
    def build(
        cls,
        schema: GraphQLSchema,
        document: Any,
        root_value: Any = None,
        context_value: Any = None,
        raw_variable_values: Any = None,
        operation_name: str | None = None,
        *rest: Any,
        **named: Any,
    ) -> Any:
        """As in graphql-core, for a context that is a schema.context.Context."""
        variables = without_records(document, operation_name, raw_variable_values, context_value)
        if too_many(variables):
            message = f"the variables hold more than {MOST_VALUES} values, lists of records apart"
            return [Refused("LIMIT", f"{message}: ask for less at once")]
        built = super().build(
            schema, document, root_value, context_value, variables, operation_name, *rest, **named
        )
        if isinstance(built, cls):
            built.gate = denied(schema, context_value.caller.scopes)
            if built.operation.operation is OperationType.SUBSCRIPTION:
                return built.admitted()
        return built

    def admitted(self) -> Any:
        """This executor, or why not: the events of a subscription are made before fields run."""
        root = self.schema.subscription_type
        assert root is not None
        fields = collect_fields(
            self.schema,
            self.fragments,
            self.variable_values,
            root,
            self.operation,
            hide_suggestions=False,
        ).grouped_field_set
        for key, details in fields.items():
            name = details[0].node.name.value
            if (root.name, name) in self.gate:
                error = _forbidden(self.schema, root.name, name)
                return [located_error(error, [one.node for one in details], [key])]
        return self

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: list[FieldDetails],
        path: Path,
        position_context: Any,
    ) -> Any:
        """As in graphql-core, where the caller may ask for the field; else it is refused."""
        if parent_type is self.schema.mutation_type:
            # What the mutation before this one changed is no longer as this request read it.
            self.context_value.changed()
        if self.gate:
            name = field_details_list[0].node.name.value
            if (parent_type.name, name) in self.gate:
                self._refuse(parent_type, name, field_details_list, path)
                return None
        return super().execute_field(
            parent_type, source, field_details_list, path, position_context
        )

    def _refuse(
        self,
        parent_type: GraphQLObjectType,
        name: str,
        field_details_list: list[FieldDetails],
        path: Path,
    ) -> None:
        error = _forbidden(self.schema, parent_type.name, name)
        self.handle_field_error(error, parent_type.fields[name].type, field_details_list, path)


def _forbidden(schema: GraphQLSchema, kind: str, name: str) -> Refused:
    needed = sorted(scope.value for scope in stated(schema)[kind, name])
    return Refused("FORBIDDEN", f"{kind}.{name} needs the scope {' or '.join(needed)}")
