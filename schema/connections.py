"""Relay connections by keyset: a page is what follows a key, and holds while others write."""

# ruff: noqa: D101, D102 - the descriptions of types and fields are their docstrings
# Strawberry types its decorators loosely.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

import strawberry

from schema.errors import Refused
from schema.scopes import ALL, needs

Item = TypeVar("Item")
Row = TypeVar("Row")

MOST = 100

First = Annotated[int, strawberry.argument(description="How many, 1 to 100.")]
After = Annotated[
    str | None, strawberry.argument(description="The `endCursor` of the page before.")
]


@needs(*ALL)
@strawberry.type(description="Where a page lies in its list. Pages are read forward only.")
class PageInfo:
    has_next_page: bool
    end_cursor: str | None
    has_previous_page: bool
    start_cursor: str | None


@needs(*ALL)
@strawberry.type(
    description="One item of a page, with the cursor after which the next page begins."
)
class Edge(Generic[Item]):
    node: Item
    cursor: str


@needs(*ALL)
@strawberry.type(description="A page of a list.")
class Connection(Generic[Item]):
    edges: list[Edge[Item]]
    page_info: PageInfo

    @strawberry.field(description="The items without their cursors.")
    def nodes(self) -> list[Item]:
        return [edge.node for edge in self.edges]


def page_size(first: int) -> int:
    """``first`` where it is allowed.

    Raises Refused where it is not.
    """
    if not 1 <= first <= MOST:
        raise Refused("BAD_INPUT", f"`first` is {first}; expected a number from 1 to {MOST}")
    return first


def connection(
    rows: Sequence[Row],
    first: int,
    *,
    node: Callable[[Row], Item],
    cursor: Callable[[Row], str],
    after: str | None,
) -> Connection[Item]:
    """A page from ``first`` + 1 rows: the last one only tells that there is more."""
    shown = rows[:first]
    edges = [Edge(node=node(row), cursor=cursor(row)) for row in shown]
    return Connection(
        edges=edges,
        page_info=PageInfo(
            has_next_page=len(rows) > first,
            end_cursor=edges[-1].cursor if edges else None,
            has_previous_page=after is not None,
            start_cursor=edges[0].cursor if edges else None,
        ),
    )
