"""A small schema for the tests of the doors, and an application that serves it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import strawberry
from graphql import GraphQLError
from starlette.applications import Starlette

from api.app import create_app
from api.clock import MovableClock
from api.service import Unheard
from api.settings import Settings
from store.db import Database, StoreError, Unavailable

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "the text of a member"


@strawberry.type
class Thing:
    name: str

    @strawberry.field
    def inner(self) -> Thing:
        return self

    @strawberry.field
    def things(self, first: int) -> list[Thing]:
        return [self] * first


@strawberry.type
class Query:
    @strawberry.field
    def hello(self) -> str:
        return "hello"

    @strawberry.field
    def thing(self) -> Thing:
        return Thing(name="it")

    @strawberry.field
    def echo(self, text: str, times: int = 1) -> str:
        return text * times

    @strawberry.field
    async def scopes(self, info: strawberry.Info[Any, None]) -> list[str]:
        return sorted(scope.value for scope in info.context.scopes)

    @strawberry.field
    def broken(self) -> str | None:
        raise RuntimeError(SECRET)

    @strawberry.field
    def many_broken(self, first: int) -> list[str | None]:
        return [None if n < 0 else RuntimeError(SECRET) for n in range(first)]  # type: ignore[misc]

    @strawberry.field
    def not_text(self) -> int | None:
        return SECRET  # type: ignore[return-value]

    @strawberry.field
    def refused(self) -> str | None:
        raise StoreError("there is no such rule set")

    @strawberry.field
    def gone(self) -> str | None:
        raise Unavailable(f"cannot reach {SECRET}")

    @strawberry.field
    def forbidden(self) -> str | None:
        raise GraphQLError("not for you", extensions={"code": "FORBIDDEN"})

    @strawberry.field
    async def later(self) -> str:
        await asyncio.sleep(0)
        return "done"

    @strawberry.field
    async def held(self, place: str) -> str:
        """Answered once whoever listens at the socket ``place`` hangs up."""
        reader, writer = await asyncio.open_unix_connection(place)
        try:
            await reader.read()
        finally:
            writer.close()
        return "done"


@strawberry.type
class Mutation:
    @strawberry.mutation
    def change(self, text: str = "") -> str:
        return text or "changed"


schema = strawberry.Schema(query=Query, mutation=Mutation)


#: Nothing is looked at before something was heard of it.
ONLY_HEARD = Unheard(key=1e9, changes=1e9)


def app_of(database: Database, *, unheard: Unheard | None = None, **changes: Any) -> Starlette:
    """The application on the stand-in schema; resolvers get the caller as their context."""
    settings = Settings(**changes)
    return create_app(
        settings,
        database=database,
        clock=MovableClock(NOW),
        schema=schema,
        make_context=lambda _database, _clock, _feed: lambda caller, _request_id: caller,
        worker=False,
        unheard=unheard or Unheard(),
    )


def broken_app_of(database: Database) -> Starlette:
    """The application with a mistake of ours outside of the resolvers."""

    def make_context(*_: object) -> Any:
        raise RuntimeError(SECRET)

    return create_app(
        Settings(),
        database=database,
        clock=MovableClock(NOW),
        schema=schema,
        make_context=lambda *_: make_context,
        worker=False,
    )


def client_of(app: Starlette, key: str | None = None) -> httpx.AsyncClient:
    """A client of the application, without a socket."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers)
