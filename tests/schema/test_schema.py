"""The contract as a whole: its text is the reviewed one, and every field holds its scope."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    is_required_input_field,
    parse,
    validate,
)

from schema.errors import CODES, PROBLEMS
from schema.schema import schema
from schema.scopes import denied, stated
from store.keys import Scope
from tests.schema.asking import Asker

SDL = Path(__file__).resolve().parents[2] / "schema" / "schema.graphql"
CORE: GraphQLSchema = schema._schema
SECRET = {"apiKey", "hash", "secret", "erasureKey", "state_packed"}


def test_the_text_of_the_schema_is_the_reviewed_one() -> None:
    assert SDL.read_text(encoding="utf-8") == schema.as_str() + "\n", (
        "the schema changed: write it with `python -m schema.text` and review the difference"
    )


def test_every_field_states_a_scope_and_describes_itself() -> None:
    for (type_name, field), scopes in stated(CORE).items():
        assert scopes, f"{type_name}.{field} states no scope"
        assert f"{field}" not in SECRET
    for name in ("Query", "Mutation"):
        for field_name, field in _type(name).fields.items():
            assert field.description, f"{name}.{field_name} has no description"
    text = schema.as_str()
    assert text.count("@needs(scopes:") >= len(stated(CORE)) - 4  # Interfaces print theirs too.


def test_lists_are_pages_with_a_required_first() -> None:
    for name, type_ in CORE.type_map.items():
        if name.startswith("__") or not isinstance(type_, GraphQLObjectType):
            continue
        for field_name, field in type_.fields.items():
            returned = get_named_type(field.type).name
            if returned.endswith("Connection"):
                assert "first" in field.args, f"{name}.{field_name}"
                assert is_non_null_type(field.args["first"].type)
                assert "after" in field.args


def test_no_mutation_gives_a_boolean() -> None:
    for name, field in _type("Mutation").fields.items():
        assert is_abstract_type(get_named_type(field.type)), name


def _type(name: str) -> GraphQLObjectType:
    found = CORE.type_map[name]
    assert isinstance(found, GraphQLObjectType)
    return found


def _literal(type_: Any) -> str:
    """A literal that fits an input type."""
    if is_non_null_type(type_):
        return _literal(type_.of_type)
    if is_list_type(type_):
        return f"[{_literal(type_.of_type)}]"
    if is_enum_type(type_):
        return str(next(iter(type_.values)))
    if is_input_object_type(type_):
        assert isinstance(type_, GraphQLInputObjectType)
        inner = [
            f"{n}: {_literal(f.type)}"
            for n, f in type_.fields.items()
            if is_required_input_field(f)
        ]
        return "{" + ", ".join(inner) + "}"
    return {
        "Int": "1",
        "Count": "1",
        "Boolean": "true",
        "Date": '"2026-01-01"',
        "DateTime": '"2026-01-01T00:00:00Z"',
        "ID": '"TWVtYmVyOjE"',
    }.get(type_.name, '"x"')


def _call(name: str, field: GraphQLField) -> str:
    arguments = [
        f"{n}: {_literal(a.type)}" for n, a in field.args.items() if is_required_argument(a)
    ]
    return f"{name}({', '.join(arguments)})" if arguments else name


def _paths() -> dict[str, list[str]]:
    """For each object type the calls that lead to it from a root, and its own spread."""
    found: dict[str, list[str]] = {"Query": ["query"], "Mutation": ["mutation"]}
    queue = deque(found)
    while queue:
        name = queue.popleft()
        for field_name, field in _type(name).fields.items():
            target = get_named_type(field.type)
            if not is_composite_type(target):
                continue
            possible = CORE.get_possible_types(target) if is_abstract_type(target) else [target]
            for one in possible:
                if one.name not in found:
                    found[one.name] = [*found[name], _call(field_name, field), f"... on {one.name}"]
                    queue.append(one.name)
    return found


def _document(path: list[str], name: str, field: GraphQLField) -> str:
    inner = " { __typename }" if is_composite_type(get_named_type(field.type)) else ""
    text = _call(name, field) + inner
    for step in reversed(path):
        text = f"{step} {{ {text} }}"
    return text


def test_every_object_of_the_schema_is_within_reach() -> None:
    objects = {
        name
        for name, type_ in CORE.type_map.items()
        if isinstance(type_, GraphQLObjectType) and not name.startswith("__")
    }
    assert set(_paths()) == objects


@pytest.mark.parametrize("scopes", [set(), {Scope.SITE}, {Scope.MANAGER}, set(Scope)])
async def test_every_field_is_refused_to_whom_it_does_not_concern(
    ask: Asker, scopes: set[Scope]
) -> None:
    asker = replace(ask, scopes=frozenset(scopes))
    refused = denied(CORE, frozenset(scopes))
    # Only roots can be asked for alone: a field below a refused one is refused with it, and one
    # below a granted one is judged when there is something there.
    for name in ("Query", "Mutation"):
        for field_name, field in _type(name).fields.items():
            document = _document([name.lower()], field_name, field)
            result = await asker.result(document)
            codes = [(e.extensions or {}).get("code") for e in result.errors or ()]
            assert ("FORBIDDEN" in codes) == ((name, field_name) in refused), document
    for name, path in _paths().items():
        for field_name, field in _type(name).fields.items():
            assert not validate(CORE, parse(_document(path, field_name, field)))


async def test_scopes_are_those_of_the_design() -> None:
    site = denied(CORE, frozenset({Scope.SITE}))
    manager = denied(CORE, frozenset({Scope.MANAGER}))
    assert not denied(CORE, frozenset(Scope))
    for mutation in (
        "recordMembers",
        "recordPosts",
        "recordReactions",
        "recordActions",
        "recordCounters",
        "recordViews",
        "retract",
        "eraseMember",
    ):
        assert ("Mutation", mutation) in manager
        assert ("Mutation", mutation) not in site
    for query in (
        "member",
        "members",
        "post",
        "posts",
        "node",
        "tierReport",
        "dataHealth",
        "ruleSet",
        "ruleSets",
    ):
        assert ("Query", query) in site
        assert ("Query", query) not in manager
    for mutation in ("lockStatus", "endLock", "saveRuleSet", "activateRuleSet"):
        assert ("Mutation", mutation) in site
        assert ("Mutation", mutation) not in manager
    everything = denied(CORE, frozenset())
    assert set(stated(CORE)) == set(everything)


async def test_a_field_below_a_granted_one_is_refused_by_itself(ask: Asker) -> None:
    asker = replace(ask, scopes=frozenset({Scope.SITE}))
    result = await asker.result(
        '{ actionTypes(venue: "qa") { actions } ruleSets(first: 1) { nodes { id } } }'
    )
    (error,) = result.errors
    assert error.path == ["ruleSets"]
    assert error.extensions["code"] == "FORBIDDEN"
    assert "manager" in error.message


def test_codes_are_described() -> None:
    assert all(text.endswith((".", "`.")) for text in [*CODES.values(), *PROBLEMS.values()])
