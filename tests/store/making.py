"""Records of a small community in short words, and readers of what became of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from engagement.words import STATUSES, Status
from sources.records import (
    ActionRecord,
    CounterRecord,
    Direction,
    MemberRecord,
    PostRecord,
    PostState,
    Record,
    RetractionRecord,
)
from store.audit import Actor
from store.db import Database
from store.receipt import Counts, Receipt
from store.record import record

#: The moment of most tests; days are counted back from it.
EVE = Actor("eve")
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


def ago(days: float, *, of: datetime = NOW) -> datetime:
    """So many days before."""
    return of - timedelta(days=days)


def act(id: str, actor: str | None = "ann", verb: str = "like", **more: Any) -> ActionRecord:
    """An action of ``site`` in Q&A now, unless told otherwise."""
    return ActionRecord(**_told(more, id=id, actor=actor, verb=verb, venue="qa", time=NOW))


def post(id: str, author: str | None = "bob", type: str = "question", **more: Any) -> PostRecord:
    """A post of ``site`` in Q&A now, unless told otherwise."""
    return PostRecord(**_told(more, id=id, author=author, type=type, venue="qa", time=NOW))


def undo(id: str, of: str, **more: Any) -> RetractionRecord:
    """A retraction of the action ``of``."""
    return RetractionRecord(**_told(more, id=id, of=of, time=NOW))


def member(id: str, **more: Any) -> MemberRecord:
    """A snapshot of a member of ``site``."""
    return MemberRecord(**_told(more, id=id))


def counted(who: str, value: int, as_of: datetime = NOW, **more: Any) -> CounterRecord:
    """A member's exported total of likes given in Q&A, unless told otherwise."""
    usual = _told({}, member=who, value=value, as_of=as_of, venue="qa", verb="like")
    return CounterRecord(**usual | {"direction": Direction.GIVEN} | more)


def _told(more: dict[str, Any], **usual: Any) -> dict[str, Any]:
    return {"source": "site"} | usual | more


DELETED, VISIBLE = PostState.DELETED, PostState.VISIBLE


async def put(database: Database, *records: Record, now: datetime = NOW) -> Receipt:
    """Record in one call; nothing may be rejected."""
    receipt = await record(database, records, now=now)
    assert receipt.rejected == []
    return receipt


def outcome(receipt: Receipt, kind: str) -> dict[str, int]:
    """The outcomes of one kind that are not 0."""
    counts = receipt.counts.get(kind, Counts())
    found = {
        name: getattr(counts, name)
        for name in ("recorded", "duplicate", "conflict", "replaced", "waiting")
    }
    return {name: n for name, n in found.items() if n}


async def fetch(database: Database, query: str, *args: Any) -> list[dict[str, Any]]:
    """Rows of a query."""
    async with database.read() as connection:
        return [dict(row) for row in await connection.fetch(query, *args)]


async def value(database: Database, query: str, *args: Any) -> Any:
    """The first value of a query."""
    async with database.read() as connection:
        return await connection.fetchval(query, *args)


async def status(database: Database, who: str, source: str = "site") -> Status:
    """The status in a member's standing."""
    code: int = await value(database, _STATUS, who, source)
    return STATUSES[code]


async def tally(database: Database, who: str, verb: str, side: int, day: int | None = None) -> int:
    """How often a verb is tallied for a member on one side, on one day or on all."""
    found: int = await value(database, _TALLY, who, verb, side, day)
    return found


async def moves(database: Database, who: str) -> list[tuple[int, str | None, str, str]]:
    """The announced changes of a member's status: (day, from, to, cause)."""
    rows = await fetch(database, _MOVES, who)
    return [
        (
            row["day"],
            None if row["from_status"] is None else STATUSES[row["from_status"]].value,
            STATUSES[row["to_status"]].value,
            row["cause"],
        )
        for row in rows
    ]


@asynccontextmanager
async def statements(database: Database) -> AsyncIterator[list[str]]:
    """What is asked of the database meanwhile, by calls one after the other.

    The pool gives out the connection that was given back last, so it is always the same one.
    """
    asked: list[str] = []

    def note(query: Any) -> None:
        asked.append(query.query)

    async with database.pool.acquire() as connection:
        connection.add_query_logger(note)
    yield asked
    async with database.pool.acquire() as connection:
        connection.remove_query_logger(note)


async def number(database: Database, id: str, source: str = "site") -> int:
    """The number of the member with an account."""
    async with database.read() as c:
        found: int = await c.fetchval(
            "select a.member_id from account a join source s on s.id = a.source_id "
            "where s.name = $1 and a.external_id = $2",
            source,
            id,
        )
    return found


async def snapshot(database: Database) -> dict[str, Sequence[tuple[Any, ...]]]:
    """Tallies, standings and what the source said, in the source's words and in a fixed order."""
    async with database.read() as connection:
        return {
            name: [tuple(row) for row in await connection.fetch(query)]
            for name, query in _SNAPSHOT.items()
        }


_STATUS = """
    select s.status from standing s join account a using (member_id)
    join source o on o.id = a.source_id where a.external_id = $1 and o.name = $2
"""

_TALLY = """
    select coalesce(sum(t.n), 0)::int from tally t
    join account a using (member_id) join action_type y on y.id = t.type_id
    where a.external_id = $1 and y.verb = $2 and t.side = $3 and ($4::int is null or t.day = $4)
"""

_MOVES = """
    select t.* from transition t join account a using (member_id)
    where a.external_id = $1 order by t.id
"""

_SNAPSHOT = {
    "tallies": """
        select o.name, a.external_id, t.day, y.venue, y.verb, t.side, t.grade, t.n
        from tally t join account a using (member_id) join source o on o.id = a.source_id
        join action_type y on y.id = t.type_id order by 1, 2, 3, 4, 5, 6, 7
    """,
    "standings": """
        select o.name, a.external_id, s.day, s.since, s.next_review_day, s.contribution,
            s.interaction, s.favorability, s.support, s.status, s.state, s.recent
        from standing s join account a using (member_id) join source o on o.id = a.source_id
        order by 1, 2
    """,
    "actions": """
        select distinct coalesce('wrote ' || w.external_id, a.external_id), y.venue, y.verb,
            a.occurred_at, a.day, a.precision, a.n, a.grade, a.state, p.external_id,
            c.external_id, t.external_id
        from action a join action_type y on y.id = a.type_id
        left join post p on p.id = a.post_id left join post w on w.id = a.wrote_id
        left join account c on c.member_id = a.actor_id
        left join account t on t.member_id = a.target_id order by 1, 2, 3
    """,
}
