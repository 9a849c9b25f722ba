"""Posts as they are read: one by its ids, lists in keyset pages, many members' at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from sources.records import PostState, Precision
from store.db import Read

#: (day, id) of the last post of a page.
Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class PostRow:
    """A post. ``known`` is false where others only referred to it; then most fields are None."""

    id: int
    source: str
    external_id: str
    known: bool
    venue: str | None
    verb: str | None
    form: str | None
    author_id: int | None
    root_id: int | None
    parent_id: int | None
    day: int | None
    written_at: datetime | None
    precision: Precision
    edited_at: datetime | None
    state: PostState
    format: str
    lang: str | None
    title: str | None
    text: str | None

    @property
    def key(self) -> Key:
        """Where it stands in a list; only known posts are listed, and each has a day."""
        assert self.day is not None
        return (self.day, self.id)


@dataclass(frozen=True, slots=True)
class Filter:
    """What posts a list holds; empty fields ask for nothing. Unknown posts are never listed."""

    venue: str | None = None
    form: str | None = None
    author_id: int | None = None
    root_id: int | None = None
    state: tuple[PostState, ...] = ()


async def by_ids(connection: Read, ids: Sequence[int]) -> dict[int, PostRow]:
    """Posts by id."""
    rows = await connection.fetch(f"{_POSTS} where p.id = any($1::int[])", sorted(set(ids)))
    return {row["id"]: _post(row) for row in rows}


async def by_external_id(connection: Read, source: str, external_id: str) -> PostRow | None:
    """The post that ``source`` calls ``external_id``."""
    row = await connection.fetchrow(
        f"{_POSTS} where o.name = $1 and p.external_id = $2", source, external_id
    )
    return None if row is None else _post(row)


async def listing(
    connection: Read, wanted: Filter, *, first: int, after: Key | None
) -> list[PostRow]:
    """At most ``first`` posts after the key, newest first."""
    where, arguments = ["p.type_id is not null"], list[Any]()

    def ask(condition: str, value: object) -> None:
        arguments.append(value)
        where.append(condition.format(f"${len(arguments)}"))

    if wanted.venue is not None:
        ask("t.venue = {}", wanted.venue)
    if wanted.form is not None:
        ask("p.form = {}", wanted.form)
    if wanted.author_id is not None:
        ask("p.author_id = {}", wanted.author_id)
    if wanted.root_id is not None:
        ask("p.root_id = {}", wanted.root_id)
    if wanted.state:
        ask("p.state = any({}::text[])", [state.value for state in wanted.state])
    if after is not None:
        arguments.extend(after)
        where.append(f"(p.day, p.id) < (${len(arguments) - 1}::int, ${len(arguments)}::int)")
    arguments.append(first)
    rows = await connection.fetch(
        f"{_POSTS} where {' and '.join(where)} "
        f"order by p.day desc, p.id desc limit ${len(arguments)}",
        *arguments,
    )
    return [_post(row) for row in rows]


async def of_authors(
    connection: Read, members: Sequence[int], *, first: int, after: Key | None
) -> dict[int, list[PostRow]]:
    """The newest ``first`` posts of each member after the key."""
    day, id_ = after or (None, None)
    rows = await connection.fetch(_OF_AUTHORS, list(members), day, id_, first)
    found: dict[int, list[PostRow]] = {member: [] for member in members}
    for row in rows:
        found[row["author_id"]].append(_post(row))
    return found


async def replies(
    connection: Read, posts: Sequence[int], *, first: int, after: Key | None
) -> dict[int, list[PostRow]]:
    """What answers each post, oldest first: to the opening of a thread all that is in it."""
    day, id_ = after or (None, None)
    rows = await connection.fetch(_REPLIES, list(posts), day, id_, first)
    found: dict[int, list[PostRow]] = {post: [] for post in posts}
    for row in rows:
        found[row["asked"]].append(_post(row))
    return found


def _post(row: asyncpg.Record) -> PostRow:
    return PostRow(
        id=row["id"],
        source=row["source"],
        external_id=row["external_id"],
        known=row["type_id"] is not None,
        venue=row["venue"],
        verb=row["verb"],
        form=row["form"],
        author_id=row["author_id"],
        root_id=row["root_id"],
        parent_id=row["parent_id"],
        day=row["day"],
        written_at=row["written_at"],
        precision=Precision(row["precision"]),
        edited_at=row["edited_at"],
        state=PostState(row["state"]),
        format=row["format"],
        lang=row["lang"],
        title=row["title"],
        text=row["text"],
    )


_COLUMNS = """
    p.id, o.name as source, p.external_id, p.type_id, t.venue, t.verb, p.form, p.author_id,
    p.root_id, p.parent_id, p.day, p.written_at, p.precision, p.edited_at, p.state, p.format,
    p.lang, p.title, p.text
"""

_POSTS = f"""
    select {_COLUMNS} from post p
    join source o on o.id = p.source_id left join action_type t on t.id = p.type_id
"""

_OF_AUTHORS = f"""
    select {_COLUMNS} from unnest($1::int[]) asked(member_id) cross join lateral (
        select * from post p
        where p.author_id = asked.member_id and p.type_id is not null
            and ($2::int is null or (p.day, p.id) < ($2, $3::int))
        order by p.day desc, p.id desc limit $4
    ) p
    join source o on o.id = p.source_id join action_type t on t.id = p.type_id
    order by p.day desc, p.id desc
"""

# Two ways to be an answer, each in the order of an index; of the two only one is ever asked.
_REPLIES = f"""
    select asked.id as asked, {_COLUMNS}
    from unnest($1::int[]) asked(id) join post q on q.id = asked.id cross join lateral (
        (select * from post p
        where q.root_id is null and p.root_id = q.id and p.type_id is not null
            and ($2::int is null or (p.day, p.id) > ($2, $3::int))
        order by p.day, p.id limit $4)
        union all
        (select * from post p
        where p.parent_id = q.id and p.root_id = q.root_id and p.parent_id <> p.root_id
            and p.type_id is not null
            and ($2::int is null or (p.day, p.id) > ($2, $3::int))
        order by p.day, p.id limit $4)
    ) p
    join source o on o.id = p.source_id join action_type t on t.id = p.type_id
    order by p.day, p.id
"""
