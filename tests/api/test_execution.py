"""What a subscription does with an event that cannot be answered."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
import strawberry

from api.execution import Engine, Request
from api.limits import Limits
from store.db import StoreError, Unavailable

TICKS = "subscription { ticks { number told } }"


@strawberry.type
class Tick:
    number: int
    errors: strawberry.Private[list[Exception]]

    @strawberry.field
    async def told(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "told"


@strawberry.type
class Query:
    nothing: str | None = None


async def told(monkeypatch: pytest.MonkeyPatch, *errors: Exception) -> list[object]:
    """The data of two events, of which the first meets some errors."""
    monkeypatch.setattr("api.execution._AWAY", 0)

    @strawberry.type
    class Subscription:
        @strawberry.subscription
        async def ticks(self) -> AsyncGenerator[Tick, None]:
            yield Tick(number=1, errors=list(errors))
            yield Tick(number=2, errors=[])

    engine = Engine(strawberry.Schema(query=Query, subscription=Subscription), Limits())
    answers = engine.subscribe(Request(TICKS), engine.prepare(TICKS), None)
    return [answer.result.data async for answer in answers]


async def test_an_event_waits_for_the_database(monkeypatch: pytest.MonkeyPatch):
    found = await told(monkeypatch, Unavailable("restarting"), Unavailable("still"))
    assert found == [{"ticks": {"number": n, "told": "told"}} for n in (1, 2)]


async def test_an_event_that_cannot_be_answered_is_the_last(
    monkeypatch: pytest.MonkeyPatch,
):
    found = await told(monkeypatch, StoreError("there is no such thing"))
    # Whoever went on would never hear of the first one.
    assert found == [None]
