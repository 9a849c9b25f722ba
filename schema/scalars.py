"""Scalars of our own."""

from __future__ import annotations

from typing import Any, NewType

import strawberry

_BIGGEST = 2**53


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _BIGGEST:
        raise ValueError("Count must be a whole number of at most 2^53")
    return value


#: Counts grow beyond the 32 bits of GraphQL's Int.
Count = NewType("Count", int)

COUNT = strawberry.scalar(
    name="Count",
    description="A whole number of up to 53 bits.",
    serialize=int,
    parse_value=_whole,
)
