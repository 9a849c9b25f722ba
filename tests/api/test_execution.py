"""What a subscription does with an event that cannot be answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
import strawberry
from graphql import ExecutionResult

from api.execution import Engine, Request
from api.limits import Limits
from store.db import StoreError, Unavailable

TICKS = "subscription { ticks { number told } }"


@strawberry.type
class Tick:
    number: int
    errors: strawberry.Private[list[Exception]]

    @strawberry.field
    async def later(self) -> str:
        await asyncio.Event().wait()
        return "later"

    @strawberry.field
    async def told(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "told"


@strawberry.type
class Query:
    nothing: str | None = None


async def told(
    monkeypatch: pytest.MonkeyPatch, *errors: Exception, query: str = TICKS, seconds: float = 60
) -> list[ExecutionResult]:
    """The results of two events, of which the first meets some errors."""
    monkeypatch.setattr("api.execution._AWAY", 0)

    @strawberry.type
    class Subscription:
        @strawberry.subscription
        async def ticks(self) -> AsyncGenerator[Tick, None]:
            yield Tick(number=1, errors=list(errors))
            yield Tick(number=2, errors=[])

    schema = strawberry.Schema(query=Query, subscription=Subscription)
    engine = Engine(schema, Limits(seconds=seconds))
    answers = engine.subscribe(Request(query), engine.prepare(query), None)
    return [answer.result async for answer in answers]


async def test_an_event_waits_for_the_database(monkeypatch: pytest.MonkeyPatch):
    found = await told(monkeypatch, Unavailable("restarting"), Unavailable("still"))
    assert [one.data for one in found] == [{"ticks": {"number": n, "told": "told"}} for n in (1, 2)]


async def test_an_event_that_cannot_be_answered_is_the_last(
    monkeypatch: pytest.MonkeyPatch,
):
    found = await told(monkeypatch, StoreError("there is no such thing"))
    # Whoever went on would never hear of the first one.
    assert [one.data for one in found] == [None]


async def test_an_event_that_takes_too_long_is_the_last(monkeypatch: pytest.MonkeyPatch):
    query = "subscription { ticks { number later } }"
    (last,) = await told(monkeypatch, query=query, seconds=0.01)
    assert last.data is None
    assert last.errors is not None
    (error,) = last.errors
    assert (error.extensions or {})["code"] == "TIMEOUT"
    assert "longer than 0.01 seconds: ask for less" in error.message
