"""What is recorded through GraphQL: the inputs, and the way past their coercion.

A call brings up to 1,000 records. GraphQL would look at every value of each three times before a
resolver saw it, and refuse the whole call for one that does not fit. So the lists are taken out of
the variables before GraphQL looks at them, and each item goes through ``sources.parse.parse`` as
the records of every other source do: a bad one is rejected by itself. The input types describe what
is expected; literals in the document are held to them by validation as usual.
"""

# ruff: noqa: D101 - the descriptions of types and fields are their docstrings

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any, Final, TypeGuard

import strawberry
from graphql import (
    DocumentNode,
    ListTypeNode,
    NamedTypeNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    OperationType,
    TypeNode,
    VariableNode,
    value_from_ast_untyped,
)
from strawberry.scalars import JSON

from schema.scalars import Count
from schema.words import Direction, PostState, Precision, Role
from sources.parse import Fault, parse, show
from sources.records import Record

MOST: Final = 1_000
#: Values in the variables of a call, lists of records apart.
MOST_VALUES: Final = 1_000


@strawberry.enum(description="Whether an account is in use.")
class AccountState(Enum):
    ACTIVE = "active"
    DELETED = "deleted"


@strawberry.enum(description="How the text of a post is written.")
class TextFormat(Enum):
    PLAIN = "plain"
    MARKDOWN = "markdown"
    HTML = "html"


def _about(text: str, **more: Any) -> Any:
    return strawberry.field(description=text, **more)


_TIME = "With a zone, such as 2026-11-21T09:30:00Z."
_PRECISION = "EXACT where it is left out."


@strawberry.input(description="A snapshot of an account; a later one replaces it.")
class MemberInput:
    id: str = _about("What the source calls the member; at most 255 characters.")
    joined: datetime | None = _about(f"When they joined. {_TIME}", default=None)
    name: str | None = _about("The name that others see.", default=None)
    role: Role | None = _about("MEMBER where it is left out.", default=None)
    state: AccountState | None = _about("ACTIVE where it is left out.", default=None)
    zone: str | None = _about("Their time zone, such as Asia/Tokyo.", default=None)
    lang: str | None = _about("Their language, such as ja.", default=None)
    attributes: JSON | None = _about("Whatever else; at most 10,000 bytes.", default=None)


@strawberry.input(description="A total of anonymous reactions.")
class VerbCount:
    verb: str
    count: Count


@strawberry.input(
    description="A snapshot of something written; a later one replaces it. The action of writing "
    "it (ask, answer, …) is recorded with it."
)
class PostInput:
    id: str = _about("What the source calls the post; at most 255 characters.")
    venue: str = _about("Where it was written, such as qa.")
    type: str = _about("What it is: question, answer, idea, review, article, topic, comment, …")
    time: datetime = _about(f"When it was written. {_TIME}")
    precision: Precision | None = _about(_PRECISION, default=None)
    author: str | None = _about("The id of the member who wrote it.", default=None)
    root: str | None = _about("The id of the post that opens the thread.", default=None)
    parent: str | None = _about("The id of the post that this answers.", default=None)
    title: str | None = None
    text: str | None = _about("At most 100,000 bytes.", default=None)
    format: TextFormat | None = _about("PLAIN where it is left out.", default=None)
    lang: str | None = _about("The language, such as ja; else it is found out.", default=None)
    state: PostState | None = _about("VISIBLE where it is left out.", default=None)
    counts: list[VerbCount] | None = _about("Totals of anonymous reactions to it.", default=None)


@strawberry.input(
    description="An action whose object is a post: like, vote, best_answer, bookmark."
)
class ReactionInput:
    id: str = _about("Unique among the actions of the source; at most 255 characters.")
    venue: str = _about("The venue of the post.")
    verb: str
    time: datetime = _about(_TIME)
    post: str = _about("The id of the post. It may come later.")
    actor: str | None = _about(
        "The id of the member; left out where it is anonymous.", default=None
    )
    precision: Precision | None = _about(_PRECISION, default=None)
    target: str | None = _about("Who received it; else the author of the post.", default=None)
    count: Count | None = _about("How many anonymous ones this stands for.", default=None)


@strawberry.input(description="One member did one verb in one venue at one time.")
class ActionInput:
    id: str = _about("Unique among the actions of the source; at most 255 characters.")
    venue: str
    verb: str
    time: datetime = _about(_TIME)
    actor: str | None = _about(
        "The id of the member; left out where it is anonymous.", default=None
    )
    post: str | None = _about("The id of the post it is about.", default=None)
    target: str | None = _about("The id of the member it is about.", default=None)
    precision: Precision | None = _about(_PRECISION, default=None)
    count: Count | None = _about("How many anonymous ones this stands for.", default=None)


@strawberry.input(description="A member's exported total of a verb, as it stood at a time.")
class CounterInput:
    member: str = _about("The id of the member.")
    venue: str
    verb: str
    direction: Direction
    as_of: datetime = _about(f"When the total was read. {_TIME}")
    value: Count


@strawberry.input(description="How often a post was read on a day; a later count replaces it.")
class ViewsInput:
    post: str = _about("The id of the post.")
    day: date
    count: Count


@strawberry.input(description="Takes back an action, now or when it arrives.")
class RetractionInput:
    id: str = _about("Unique among the retractions of the source; at most 255 characters.")
    of: str = _about("The id of the action that is taken back.")
    time: datetime = _about(_TIME)


_INPUTS: Final = frozenset(
    {
        "MemberInput",
        "PostInput",
        "ReactionInput",
        "ActionInput",
        "CounterInput",
        "ViewsInput",
        "RetractionInput",
    }
)
#: Fields whose values are enums, written in capitals here and in small letters in records.
_ENUMS: Final = ("precision", "state", "role", "format", "direction")
#: Fields of records that are none of the inputs.
_UNKNOWN: Final = ("kind", "source", "as_of")
_DIFFERENT: Final = frozenset({*_ENUMS, *_UNKNOWN, "asOf", "counts"})


def without_records(
    document: DocumentNode, name: str | None, variables: dict[str, Any] | None, context: Any
) -> dict[str, Any] | None:
    """The variables with an empty list in the place of each list of records.

    The lists themselves are left in ``context.raw_records``, by the names of the variables.
    """
    if not variables:
        return variables
    kept = variables
    for operation in document.definitions:
        if not _runs(operation, name):
            continue
        for definition in operation.variable_definitions or ():
            variable = definition.variable.name.value
            given = variables.get(variable)
            if isinstance(given, (list, dict)) and _of_records(definition.type):
                context.raw_records[variable] = given if isinstance(given, list) else [given]
                kept = {**kept, variable: []}
    return kept


def too_many(variables: dict[str, Any] | None) -> bool:
    """Whether variables without records hold more values than any query has use for.

    GraphQL would look at every one of them, and say of each what is wrong with it, before it asked
    whether the caller may do any of this.
    """
    seen = 0
    inside: list[Any] = [variables]
    while inside and seen <= MOST_VALUES:
        value = inside.pop()
        held = list(value.values()) if isinstance(value, dict) else value
        if isinstance(held, list):
            seen += len(held)
            inside += held[: MOST_VALUES + 1]
    return seen > MOST_VALUES


def _runs(operation: Any, name: str | None) -> TypeGuard[OperationDefinitionNode]:
    return (
        isinstance(operation, OperationDefinitionNode)
        and operation.operation is OperationType.MUTATION
        and (name is None or (operation.name is not None and operation.name.value == name))
    )


def _of_records(type_: TypeNode) -> bool:
    """Whether a variable is a list of records."""
    inner = type_.type if isinstance(type_, NonNullTypeNode) else type_
    if not isinstance(inner, ListTypeNode):
        return False
    item = inner.type.type if isinstance(inner.type, NonNullTypeNode) else inner.type
    return isinstance(item, NamedTypeNode) and item.name.value in _INPUTS


def given(info: Any, argument: str) -> list[Any]:
    """The records in an argument as the caller wrote them."""
    # Strawberry's Info does not show the arguments as they were written.
    field = info._raw_info.field_nodes[0]  # noqa: SLF001
    (node,) = [a for a in field.arguments if a.name.value == argument]
    if isinstance(node.value, VariableNode):
        name = node.value.name.value
        if name in info.context.raw_records:
            found: list[Any] = info.context.raw_records[name]
            return found
        defaults = [
            d.default_value
            for d in info.operation.variable_definitions
            if d.variable.name.value == name
        ]
        value = value_from_ast_untyped(defaults[0], {}) if defaults and defaults[0] else []
    else:
        value = value_from_ast_untyped(node.value, info.variable_values)
    return value if isinstance(value, list) else [value]


def read(value: Any, kind: str, *, source: str, now: datetime) -> Record | list[Fault]:
    """One item as a record, or all that is wrong with it, in the words of the inputs."""
    canonical = "action" if kind == "reaction" else kind
    if not isinstance(value, Mapping):
        return parse(value, now=now, kind=canonical)
    if _DIFFERENT.isdisjoint(value):  # The same in both: most items, and this is done for each.
        record = parse({**value, "source": source}, now=now, kind=canonical)
        odd: list[str] = []
    else:
        odd = [name for name in _UNKNOWN if name in value]
        record = parse(_canonical(value, kind, source), now=now, kind=canonical)
    faults = [Fault(name, "unknown_field", "is not a field of this record") for name in odd]
    if kind == "reaction" and value.get("post") is None:
        faults.append(Fault("post", "missing", "is missing; it is required"))
    if isinstance(record, list):
        faults += [_said(fault, value) for fault in record]
    return faults or record


def source_fault(source: str, kind: str, now: datetime) -> Fault | None:
    """What is wrong with the source of a call, whatever its records are."""
    found = parse({"source": source}, now=now, kind="action" if kind == "reaction" else kind)
    faults = found if isinstance(found, list) else []
    return next((fault for fault in faults if fault.field == "source"), None)


def _said(fault: Fault, item: Mapping[Any, Any]) -> Fault:
    """A fault of a canonical record, in the words of the input that it came from."""
    field, message = fault.field, fault.message
    if field == "as_of":
        field = "asOf"
    elif field == "counts" and fault.code == "not_an_object":
        message = f"is {show(item[field])}; expected a list such as [{{verb: 'like', count: 3}}]"
    elif field in _ENUMS and fault.code == "not_allowed":
        words = message.partition("; expected ")[2].replace("one of ", "").upper()
        message = f"is {show(item[field])}; expected one of {words}"
    return Fault(field, fault.code, message)


def _canonical(value: Mapping[Any, Any], kind: str, source: str) -> dict[Any, Any]:
    """An item in the words of the canonical records."""
    plain = {name: item for name, item in value.items() if name not in _UNKNOWN}
    plain["source"] = source
    for name in _ENUMS:
        if name in plain:
            plain[name] = _word(plain[name])
    if kind == "counter" and "asOf" in plain:
        plain["as_of"] = plain.pop("asOf")
    if kind == "post" and isinstance(plain.get("counts"), list):
        plain["counts"] = _totals(plain["counts"])
    return plain


def _word(value: Any) -> Any:
    if isinstance(value, Enum):
        value = value.name
    return value.lower() if isinstance(value, str) else value


def _totals(counts: list[Any]) -> Any:
    """The list of verbs and counts as a mapping; left alone where it is no such list."""
    totals = {}
    for one in counts:
        if not isinstance(one, Mapping) or set(one) != {"verb", "count"}:
            return counts
        if not isinstance(one["verb"], str) or one["verb"] in totals:
            return counts
        totals[one["verb"]] = one["count"]
    return totals
