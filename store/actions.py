"""Actions as they are read: those a member gave or received, and those to a post, in pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from engagement.words import Grade, Side
from sources.records import Precision
from store.db import Read
from store.record_actions import POST_DELETED, RETRACTED

#: (day, id) of the last action of a page.
Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ActionRow:
    """One action; ``n`` is how many it stands for where it is anonymous."""

    id: int
    source: str
    external_id: str
    venue: str
    verb: str
    day: int
    occurred_at: datetime
    precision: Precision
    n: int
    actor_id: int | None
    target_id: int | None
    post_id: int | None
    wrote_id: int | None
    grade: Grade
    retracted: bool
    post_deleted: bool

    @property
    def key(self) -> Key:
        """Where it stands in a list, newest first."""
        return (self.day, self.id)


async def by_ids(connection: Read, ids: Sequence[int]) -> dict[int, ActionRow]:
    """Actions by id."""
    rows = await connection.fetch(_BY_IDS, list(ids))
    return {row["id"]: _action(row) for row in rows}


async def of_members(
    connection: Read, members: Sequence[int], side: Side, *, first: int, after: Key | None
) -> dict[int, list[ActionRow]]:
    """The newest ``first`` actions that each member gave or received, after the key.

    What they did to a post of their own is among the given ones only.
    """
    day, id_ = after or (None, None)
    query = _RECEIVED if side is Side.RECEIVED else _GIVEN
    rows = await connection.fetch(query, list(members), day, id_, first)
    return _grouped(members, rows)


async def of_posts(
    connection: Read, posts: Sequence[int], *, first: int, after: Key | None
) -> dict[int, list[ActionRow]]:
    """The newest ``first`` actions that respond to each post, after the key."""
    day, id_ = after or (None, None)
    return _grouped(posts, await connection.fetch(_TO_POSTS, list(posts), day, id_, first))


def _grouped(owners: Sequence[int], rows: Sequence[asyncpg.Record]) -> dict[int, list[ActionRow]]:
    found: dict[int, list[ActionRow]] = {owner: [] for owner in owners}
    for row in rows:
        found[row["asked"]].append(_action(row))
    return found


def _action(row: asyncpg.Record) -> ActionRow:
    return ActionRow(
        id=row["id"],
        source=row["source"],
        external_id=row["external_id"],
        venue=row["venue"],
        verb=row["verb"],
        day=row["day"],
        occurred_at=row["occurred_at"],
        precision=Precision(row["precision"]),
        n=row["n"],
        actor_id=row["actor_id"],
        target_id=row["target_id"],
        post_id=row["post_id"],
        wrote_id=row["wrote_id"],
        grade=Grade(row["grade"]),
        retracted=bool(row["state"] & RETRACTED),
        post_deleted=bool(row["state"] & POST_DELETED),
    )


_COLUMNS = """
    a.id, o.name as source, a.external_id, t.venue, t.verb, a.day, a.occurred_at, a.precision, a.n,
    a.actor_id, a.target_id, a.post_id, a.wrote_id, a.grade, a.state
"""
_NAMES = "join source o on o.id = a.source_id join action_type t on t.id = a.type_id"


def _newest(column: str, condition: str = "true") -> str:
    return f"""
    select asked.id as asked, {_COLUMNS}
    from unnest($1::int[]) asked(id) cross join lateral (
        select * from action a
        where a.{column} = asked.id and {condition}
            and ($2::int is null or (a.day, a.id) < ($2, $3::bigint))
        order by a.day desc, a.id desc limit $4
    ) a {_NAMES}
    order by a.day desc, a.id desc
"""


_GIVEN = _newest("actor_id")
_RECEIVED = _newest("target_id", "a.actor_id is distinct from a.target_id")
_TO_POSTS = _newest("post_id")
_BY_IDS = f"select {_COLUMNS} from action a {_NAMES} where a.id = any($1::bigint[])"
