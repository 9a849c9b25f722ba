"""What the tests of the schema share: a small community, and a way to ask about it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from schema.context import Caller, Context
from schema.schema import schema
from schema.words import Scope
from sources.records import ActionRecord, MemberRecord, PostRecord, Record
from store.db import Database
from store.feed import Feed
from store.members import AccountRow
from store.moment import Newest
from store.record import record

_RELEASED = "SELECT pg_advisory_unlock_all()"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Asker:
    """Asks the schema directly, at a moment that the test moves."""

    database: Database
    now: datetime = NOW
    scopes: frozenset[Scope] = field(default_factory=lambda: frozenset(Scope))
    newest: Newest = field(default_factory=Newest)
    key: str | None = "0a1b2c3d"
    member: AccountRow | None = None
    patience: float | None = None

    async def __call__(self, document: str, **variables: Any) -> dict[str, Any]:
        """The data of a document that must be answered without an error."""
        result = await self.result(document, **variables)
        assert result.errors is None, result.errors
        assert result.data is not None
        return dict(result.data)

    async def codes(self, document: str, **variables: Any) -> list[str]:
        """The codes of the errors of a document that must have some."""
        result = await self.result(document, **variables)
        assert result.errors
        return [(error.extensions or {}).get("code", error.message) for error in result.errors]

    async def result(self, document: str, **variables: Any) -> Any:
        """Whatever comes of a document."""
        context = self.context()
        if not document.startswith("subscription"):
            return await schema.execute(document, variables, context_value=context)
        events = await schema.subscribe(document, variables, context)
        return await anext(events) if isinstance(events, AsyncIterator) else events

    def context(self) -> Context:
        """What resolvers get."""
        return Context(
            database=self.database,
            now=lambda: self.now,
            caller=Caller("tests", self.scopes, self.key, self.member),
            feed=Feed(self.database),
            newest=self.newest,
            request_id="req-1",
            patience=self.patience,
        )


@asynccontextmanager
async def statements(database: Database) -> AsyncIterator[list[str]]:
    """The statements that all connections of the pool run meanwhile, transactions aside."""
    seen: list[str] = []

    def note(query: Any) -> None:
        text = " ".join(query.query.split())
        # What the driver asks once per connection, to know the types, is not ours.
        own = "current_setting('jit')" not in text and "typeinfo" not in text
        if own and not text.upper().startswith(("BEGIN", "COMMIT", "ROLLBACK", _RELEASED.upper())):
            seen.append(text)

    pool: Any = database.pool
    connections = [holder._con for holder in pool._holders if holder._con is not None]
    for connection in connections:
        connection.add_query_logger(note)
    yield seen
    for connection in connections:
        connection.remove_query_logger(note)


async def warmed(database: Database) -> None:
    """Open every connection that the pool may have."""
    held = [await database.pool.acquire() for _ in range(database.pool.get_max_size())]
    for connection in held:
        await database.pool.release(connection)


def at(days_ago: float) -> datetime:
    """A time before NOW."""
    return NOW - timedelta(days=days_ago)


async def seed(database: Database, records: Sequence[Record], now: datetime = NOW) -> None:
    """Record, and see that nothing is refused."""
    receipt = await record(database, records, now=now)
    assert not receipt.rejected


def community(members: int, *, days_ago: Callable[[int], float] = lambda _: 1) -> list[Record]:
    """Members who all become contributors: each answers four questions of three others."""
    records: list[Record] = [
        MemberRecord("site", f"m{i}", joined=at(200), name=f"Member {i:04}") for i in range(members)
    ]
    records += [
        PostRecord("site", f"q{i}", "qa", "question", at(100), author=f"m{i}", text="How?")
        for i in range(members)
    ]
    for i in range(members):
        for j in range(1, 6):
            other = (i + j) % members
            records.append(
                PostRecord(
                    "site",
                    f"a{i}-{j}",
                    "qa",
                    "answer",
                    at(days_ago(i) + j),
                    author=f"m{i}",
                    root=f"q{other}",
                    parent=f"q{other}",
                    text="So.",
                )
            )
    return records


def likes(actor: str, n: int, *, days_ago: float = 1, prefix: str = "l") -> list[Record]:
    """Likes that a member gave to the questions of a community."""
    return [
        ActionRecord(
            "site", f"{prefix}-{actor}-{i}", "qa", "like", at(days_ago), actor=actor, post=f"q{i}"
        )
        for i in range(n)
    ]
