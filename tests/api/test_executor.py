"""The short ways of the executor give what the long way gives, errors and all."""

from __future__ import annotations

import asyncio
from datetime import date
from enum import Enum
from itertools import product
from typing import Any, ClassVar

import pytest
import strawberry
from graphql import ExecutionResult, execute, parse
from hypothesis import given, settings
from hypothesis import strategies as st

from api.executor import Direct, with_short_way


@strawberry.enum
class Colour(Enum):
    RED = "r"
    BLUE = strawberry.enum_value("b", name="AZURE")


@strawberry.interface
class Named:
    text: str


@strawberry.type
class Branch(Named):
    number: int


@strawberry.type
class Leaf(Named):
    text_or_not: str | None
    number: int
    share: float
    flag: bool | None
    day: date | None
    colour: Colour | None
    id: strawberry.ID
    words: list[str]
    next_one: Leaf | None

    @strawberry.field
    def called(
        self, source: str = "s", info_: int | None = None, colour: Colour = Colour.RED
    ) -> str:
        return f"{source} {info_} {colour.name}"

    @strawberry.field
    async def later(self, info: strawberry.Info[Any, None], camel_case: int = 1) -> str | None:
        await asyncio.sleep(0)
        if camel_case == 13:
            raise RuntimeError("unlucky")
        return f"{camel_case} {info.field_name} {info.context}"

    @strawberry.field
    def listed(self, numbers: list[int]) -> int:
        return sum(numbers)


@strawberry.type
class Query:
    @strawberry.field
    def leaf(self, info: strawberry.Info[Any, Any]) -> Leaf:
        leaf: Leaf = info.root_value
        return leaf

    @strawberry.field
    def named(self, info: strawberry.Info[Any, Any]) -> list[Named]:
        return [info.root_value, Branch(text="b", number=7)]

    @strawberry.field
    def either(self, info: strawberry.Info[Any, Any]) -> Leaf | Branch:
        either: Leaf = info.root_value
        return either

    @strawberry.field
    def leaves(self, info: strawberry.Info[Any, Any]) -> list[Leaf | None]:
        return [info.root_value, None, info.root_value]


schema = strawberry.Schema(query=Query, types=[Branch])
SHORT = with_short_way(schema)
DIRECT = Direct(schema)
PLAIN = [
    "text",
    "textOrNot",
    "number",
    "share",
    "flag",
    "day",
    "colour",
    "id",
    "words",
    "__typename",
]
PLAINLY = " ".join(PLAIN)
FIELDS = [
    *PLAIN,
    "called",
    'called(source: "x", info_: 3, colour: AZURE)',
    "later(camelCase: 13)",
    "listed(numbers: [1, 2])",
    "again: number",
    "... on Leaf { deep: text }",
    "words @skip(if: true)",
    "day @include(if: true)",
    "...on Leaf @include(if: false) { id }",
    "nextOne { number textOrNot }",
]


async def later(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


ODD: list[Any] = [
    None,
    "text",
    7,
    2**40,
    1.5,
    float("nan"),
    True,
    date(2026, 3, 1),
    Colour.RED,
    Colour.BLUE,
    "r",
    ["a"],
    RuntimeError("a mistake"),
    object,
]


def leaf(**changes: Any) -> Leaf:
    usual: dict[str, Any] = {
        "text": "t",
        "text_or_not": None,
        "number": 1,
        "share": 0.5,
        "flag": True,
        "day": date(2026, 3, 1),
        "colour": Colour.BLUE,
        "id": "i",
        "words": ["a", "b"],
        "next_one": None,
    }
    return Leaf(**(usual | changes))


async def both(document: str, source: Leaf) -> tuple[Any, Any]:
    """The answers of both ways; keys in order."""

    async def run(**how: Any) -> Any:
        running = execute(
            schema._schema, parse(document), source, "context", operation_extensions=None, **how
        )
        result = running if isinstance(running, ExecutionResult) else await running
        errors = sorted(
            (str(one.path), one.message, str(one.locations)) for one in result.errors or ()
        )
        return repr(result.data), errors

    short = await run(executor_class=SHORT, middleware=DIRECT)
    return short, await run(executor_class=schema.execution_context_class)


@pytest.mark.parametrize(
    ("name", "value"), list(product(["text", "text_or_not", "number", "share"], ODD))
)
async def test_odd_values_of_scalars(name: str, value: Any):
    document = f"{{ leaf {{ {PLAINLY} }} leaves {{ {PLAINLY} }} }}"
    short, long = await both(document, leaf(**{name: value}))
    assert short == long


@pytest.mark.parametrize(
    ("name", "value"), list(product(["flag", "day", "colour", "id", "words"], ODD))
)
async def test_odd_values_of_other_types(name: str, value: Any):
    short, long = await both(f"{{ leaf {{ {PLAINLY} }} leaves {{ id }} }}", leaf(**{name: value}))
    assert short == long


async def test_attributes_that_are_awaited_or_missing():
    for name in ("text", "colour", "day", "words", "flag"):
        document = f"{{ leaf {{ number {name} }} }}"

        for make in (lambda: later("x"), lambda: later(None)):
            source = leaf()
            results = []
            ways: list[dict[str, Any]] = [
                {"executor_class": SHORT, "middleware": DIRECT},
                {"executor_class": schema.execution_context_class},
            ]
            for how in ways:
                setattr(source, name, make())
                running: Any = execute(
                    schema._schema, parse(document), source, operation_extensions=None, **how
                )
                result = running if isinstance(running, ExecutionResult) else await running
                results.append((result.data, [one.message for one in result.errors or ()]))
            assert results[0] == results[1]
        source = leaf()
        delattr(source, name)
        short, long = await both(document, source)
        assert short == long


@pytest.mark.slow
@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_any_selection(data: st.DataObject):
    chosen = data.draw(st.lists(st.sampled_from(FIELDS), min_size=1, max_size=8, unique=True))
    if any(one.startswith("called(") for one in chosen):
        chosen = [one for one in chosen if one != "called"]
    name = data.draw(st.sampled_from(["text", "number", "colour", "day", "next_one"]))
    value = data.draw(st.sampled_from([None, "text", 7, Colour.RED]))
    source = leaf(**{name: value}) if name != "next_one" else leaf(next_one=leaf(number="x"))
    selection = " ".join(chosen)
    document = f"{{ leaves {{ {selection} }} leaf {{ {selection} }} }}"
    short, long = asyncio.run(both(document, source))
    assert short == long


@pytest.mark.parametrize("value", [None, "text", 7])
async def test_types_that_are_known_only_when_they_are_there(value: Any):
    document = """{
        named { __typename text ... on Branch { number }
            ... on Leaf { number flag nextOne { id } } }
        either { ... on Named { text } ... on Leaf { flag number } __typename }
    }"""
    for changes in ({"text": value}, {"number": value}, {"next_one": value}):
        short, long = await both(document, leaf(**changes))
        assert short == long


def test_plain_fields_and_simple_resolvers_are_found():
    assert set(SHORT.plains["Leaf"]) == {  # type: ignore[attr-defined]
        *("text", "textOrNot", "number", "share", "flag", "day", "colour", "id")
    }
    fields = schema._schema.type_map["Leaf"].fields  # type: ignore[attr-defined]
    direct = {name for name, one in fields.items() if one.resolve in DIRECT._direct}
    assert direct == {"called", "later"}


async def test_the_gate_is_asked_for_plain_fields_too():
    class Gated(SHORT):  # type: ignore[misc, valid-type]
        gate = frozenset({("Leaf", "number")})
        refused: ClassVar[list[str]] = []

        def execute_field(self, parent_type: Any, source: Any, details: Any, *rest: Any) -> Any:
            self.refused.append(details[0].node.name.value)
            return super().execute_field(parent_type, source, details, *rest)

    result = execute(
        schema._schema,
        parse("{ leaf { id number } }"),
        leaf(),
        executor_class=Gated,
        operation_extensions=None,
    )
    assert result.data == {"leaf": {"id": "i", "number": 1}}  # type: ignore[union-attr]
    assert Gated.refused == ["leaf", "number"]
