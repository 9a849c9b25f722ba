"""Short ways through graphql-core and Strawberry for fields of which little is to be done.

Most fields of a large answer are plain: no resolver, no arguments, a scalar or an enum. For each of
them graphql-core builds an info object and a path and asks a dozen questions about the type, which
costs more than everything else about the field. Here their values are read and coerced at once.
Whatever is not entirely ordinary (no value where one is due, a value that does not fit, a field
beyond the caller's scopes) goes the long way, which then says what is wrong. Resolvers whose
arguments are scalars or enums are called as they are: Strawberry would look at each argument again.
A test compares both ways.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, Final, cast

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLFieldResolver,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    specified_scalar_types,
)
from graphql.execution import Executor, MiddlewareManager
from strawberry import Schema
from strawberry.execution.is_awaitable import optimized_is_awaitable
from strawberry.schema.config import StrawberryConfig
from strawberry.types.base import StrawberryMaybe
from strawberry.types.field import StrawberryField

from schema.costs import Price, stated

#: Scalars that take nothing but plain values: an exception or an awaitable does not pass them.
_STRICT: Final = frozenset(specified_scalar_types.values())
_MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class Plain:
    """A field whose value is the attribute ``name`` as ``coerce`` gives it; _MISSING: not so."""

    name: str
    coerce: Callable[[Any], Any]
    nullable: bool


#: The plain fields of each type of a schema, by names.
Plains = Mapping[str, Mapping[str, Plain]]


class _ShortWay(Executor[Any]):
    """Reads plain fields itself; to be mixed into the executor that a schema runs with."""

    plains: ClassVar[Plains] = {}
    #: Of each type but those of introspection, the prices of fields that have one.
    prices: ClassVar[Mapping[str, Mapping[str, Price]]] = {}
    spent: int = 0
    #: Fields of (type, name) that the caller may not ask for; see schema/scopes.py.
    gate: frozenset[tuple[str, str]] = frozenset()

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Any,
        grouped_field_set: Any,
        position_context: Any,
    ) -> Any:
        """As in graphql-core."""
        self._spend(parent_type.name, grouped_field_set, is_root=path is None)
        plains = self.plains.get(parent_type.name)
        if plains is None:
            return super().execute_fields(
                parent_type, source_value, path, grouped_field_set, position_context
            )
        gate = self.gate
        results: dict[str, Any] = {}
        rest: dict[str, Any] = {}
        for key, details in grouped_field_set.items():
            name = details[0].node.name.value
            plain = plains.get(name)
            value = (
                _MISSING
                if plain is None or (gate and (parent_type.name, name) in gate)
                else _read(source_value, plain)
            )
            # A place for what comes later keeps the order of the answer.
            results[key] = None
            if value is _MISSING:
                rest[key] = details
            else:
                results[key] = value
        if not rest:
            return results
        done = super().execute_fields(parent_type, source_value, path, rest, position_context)
        if isinstance(done, dict):
            results.update(done)
            return results
        return _joined(results, done)

    def execute_fields_serially(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Any,
        grouped_field_set: Any,
        position_context: Any,
    ) -> Any:
        """As in graphql-core."""
        self._spend(parent_type.name, grouped_field_set, is_root=path is None)
        return super().execute_fields_serially(
            parent_type, source_value, path, grouped_field_set, position_context
        )

    def _spend(self, kind: str, grouped_field_set: Any, *, is_root: bool) -> None:
        """Count an object, and the work that is stated of its fields; see api/cost.py."""
        prices = self.prices.get(kind)
        if prices is None:
            return
        if not is_root:
            self.spent += 1
        if prices:
            for details in grouped_field_set.values():
                node = details[0].node
                price = prices.get(node.name.value)
                if price is not None:
                    self.spent += price.of(node)


class Direct(MiddlewareManager):
    """Gives graphql-core the resolvers themselves where Strawberry's wrapping does nothing."""

    def __init__(self, schema: Schema) -> None:
        super().__init__()
        self._direct = {} if schema.exception_handlers else _direct(schema)

    def get_field_resolver(self, field_resolver: GraphQLFieldResolver) -> GraphQLFieldResolver:
        """The resolver to call instead of ``field_resolver``."""
        return self._direct.get(field_resolver, field_resolver)


def with_short_way(schema: Schema) -> type[Executor[Any]]:
    """The executor of ``schema``, which reads plain fields itself."""
    own = cast("type[Executor[Any]]", schema.execution_context_class)
    plains = _plains(schema) if schema.config.default_resolver is getattr else {}
    return type("ShortWay", (_ShortWay, own), {"plains": plains, "prices": _prices(schema)})


def spent(executor: Executor[Any]) -> int:
    """What an executor of ``with_short_way`` has spent so far."""
    assert isinstance(executor, _ShortWay)
    return executor.spent


async def _joined(results: dict[str, Any], rest: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    results.update(await rest)
    return results


def _read(source: Any, plain: Plain) -> Any:
    """The value of a plain field; _MISSING where something about it is not ordinary."""
    try:
        value = getattr(source, plain.name)
        if value is None:
            return None if plain.nullable else _MISSING
        return plain.coerce(value)
    except Exception:  # noqa: BLE001 - the long way meets it again and says it properly
        return _MISSING


def _plains(schema: Schema) -> Plains:
    core = schema._schema  # noqa: SLF001 - see api/execution.py
    return {
        name: found
        for name, kind in core.type_map.items()
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__")
        if (found := {one: plain for one, f in kind.fields.items() if (plain := _plain(f))})
    }


def _prices(schema: Schema) -> Mapping[str, Mapping[str, Price]]:
    core = schema._schema  # noqa: SLF001 - see api/execution.py
    prices = stated(core)
    return {
        name: prices.get(name, {})
        for name, kind in core.type_map.items()
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__")
    }


def _plain(field: GraphQLField) -> Plain | None:
    definition = field.extensions.get("strawberry-definition")
    if not isinstance(definition, StrawberryField) or not definition.is_basic_field or field.args:
        return None
    nullable = not isinstance(field.type, GraphQLNonNull)
    kind = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
    if isinstance(kind, GraphQLEnumType):
        return Plain(definition.python_name, _of_enum(kind), nullable)
    if isinstance(kind, GraphQLScalarType):
        coerce = kind.coerce_output_value if kind in _STRICT else _of_scalar(kind)
        return Plain(definition.python_name, coerce, nullable)
    return None


def _direct(schema: Schema) -> dict[GraphQLFieldResolver, GraphQLFieldResolver]:
    core = schema._schema  # noqa: SLF001 - see api/execution.py
    found = {}
    for name, kind in core.type_map.items():
        # The resolver of a subscription makes its events; they are answered as they are.
        if (
            isinstance(kind, GraphQLObjectType)
            and not name.startswith("__")
            and kind is not core.subscription_type
        ):
            for field in kind.fields.values():
                direct = _resolver(field, schema.config)
                if field.resolve is not None and direct is not None:
                    found[field.resolve] = direct
    return found


def _resolver(field: GraphQLField, config: StrawberryConfig) -> GraphQLFieldResolver | None:
    """A function that calls the resolver of a field as Strawberry would; None: leave it to it."""
    definition = field.extensions.get("strawberry-definition")
    if not isinstance(definition, StrawberryField) or definition.extensions:
        return None
    own = definition.base_resolver
    if own is None or own.parent_parameter or own.root_parameter or not callable(own.wrapped_func):
        return None
    if not all(_is_simple(one, field.args) for one in field.args) or any(
        isinstance(one.type, StrawberryMaybe) for one in definition.arguments
    ):
        return None
    names = {
        config.name_converter.from_argument(one): one.python_name for one in definition.arguments
    }
    call = own.wrapped_func
    with_self = bool(own.self_parameter)
    info_name = own.info_parameter.name if own.info_parameter else None

    def resolve(source: Any, info: GraphQLResolveInfo[Any], /, **given: Any) -> Any:
        arguments = {names[name]: value for name, value in given.items()}
        if info_name is not None:
            arguments[info_name] = config.info_class(_raw_info=info, _field=definition)
        return call(source, **arguments) if with_self else call(**arguments)

    return resolve


def _is_simple(name: str, arguments: Mapping[str, GraphQLArgument]) -> bool:
    """Whether what graphql-core makes of an argument is what its resolver wants."""
    kind = arguments[name].type
    if isinstance(kind, GraphQLNonNull):
        kind = kind.of_type
    if isinstance(kind, GraphQLEnumType):
        return True
    return isinstance(kind, GraphQLScalarType) and kind.name != "GlobalID"


def _of_enum(kind: GraphQLEnumType) -> Callable[[Any], Any]:
    """Names by members: graphql-core would look through them for every value."""
    wrapped = getattr(kind, "wrapped_cls", None)
    if wrapped is None or not issubclass(wrapped, Enum):
        return _never
    names = {id(member): kind.coerce_output_value(member) for member in wrapped}
    return lambda value: names.get(id(value), _MISSING)


def _of_scalar(kind: GraphQLScalarType) -> Callable[[Any], Any]:
    def coerce(value: Any) -> Any:
        if isinstance(value, Exception) or optimized_is_awaitable(value):
            return _MISSING
        coerced = kind.coerce_output_value(value)
        return _MISSING if coerced is None else coerced

    return coerce


def _never(_value: Any) -> Any:
    return _MISSING
