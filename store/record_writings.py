"""The writing of posts: the action that each implies, derived from it.

Whenever a snapshot changes what it depends on (author, time, parent, state), it is made anew and
the difference goes to the tallies. One that the source sent by itself before the post is adopted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sources.records import PostState
from store.effects import DEED, deed
from store.record_actions import POST_DELETED, RETRACTED, ActionRow, insert
from store.recording import PostChange, Recording

#: Whoever reads or counts, not what was said: a change of these is no edit.
_DERIVED = (
    "type_id",
    "author_id",
    "parent_id",
    "root_id",
    "day",
    "written_at",
    "precision",
    "state",
)


async def imply(r: Recording, changes: Sequence[PostChange]) -> None:
    """Record the writing of posts that just became known."""
    if not changes:
        return
    wanted = {row.wrote_id: row for row in await _writings(r, changes)}
    found = await r.connection.fetch(
        _ADOPT,
        list(wanted),
        [w.type_id for w in wanted.values()],
        [w.actor_id for w in wanted.values()],
    )
    adopted: dict[int, tuple[Any, ActionRow]] = {}
    others = []
    for row in found:
        post = row["post_id"]
        if post not in adopted:
            adopted[post] = (row, wanted.pop(post))
        else:
            kept, writing = adopted[post]
            adopted[post] = (kept, replace(writing, state=writing.state | row["state"] & RETRACTED))
            others.append((row, kept["id"]))
    await _join(r, others)
    await _rewrite(r, list(adopted.values()))
    await insert(r, wanted.values())


async def write_anew(r: Recording, changes: Sequence[PostChange]) -> None:
    """Bring the writing of known posts in line with what they now say."""
    touched = [
        c
        for c in changes
        if c.before is not None and any(c.before[n] != c.after[n] for n in _DERIVED)
    ]
    if touched:
        wanted = {row.wrote_id: row for row in await _writings(r, touched)}
        kept = await r.connection.fetch(_WRITTEN, list(wanted))
        await _rewrite(r, [(row, wanted[row["wrote_id"]]) for row in kept])


async def _join(r: Recording, others: Sequence[tuple[Any, int]]) -> None:
    """Make of further actions that are the same writing second ids of the one that is kept."""
    if others:
        r.effects.deeds((deed(row) for row, _ in others), -1)
        pairs = ([row["id"] for row, _ in others], [kept for _, kept in others])
        for statement in _JOIN:
            await r.connection.execute(statement, *pairs)


async def _rewrite(r: Recording, pairs: Sequence[tuple[Any, ActionRow]]) -> None:
    """Replace kept writings (rows of the database) by what they should be."""
    if not pairs:
        return
    rows = [replace(row, state=row.state | (kept["state"] & RETRACTED)) for kept, row in pairs]
    r.effects.deeds((deed(kept) for kept, _ in pairs), -1)
    r.effects.deeds(
        (
            replace(
                deed(kept),
                actor_id=row.actor_id,
                target_id=row.target_id,
                day=row.day,
                type_id=row.type_id,
                state=row.state,
            )
            for (kept, _), row in zip(pairs, rows, strict=True)
        ),
        1,
    )
    r.note_people(
        [
            kept
            for kept, row in pairs
            if (kept["actor_id"], kept["target_id"]) != (row.actor_id, row.target_id)
        ],
    )
    columns = [
        [getattr(row, name) for row in rows]
        for name in (
            "type_id",
            "occurred_at",
            "precision",
            "day",
            "actor_id",
            "target_id",
            "post_id",
            "wrote_id",
            "state",
        )
    ]
    await r.connection.execute(_REWRITE, [kept["id"] for kept, _ in pairs], *columns)


async def _writings(r: Recording, changes: Sequence[PostChange]) -> list[ActionRow]:
    """The writing that each post implies; without an author it is to nobody's credit."""
    parents = {c.after["parent_id"] or c.after["root_id"] for c in changes} - {None}
    rows = await r.connection.fetch(_AUTHORS, sorted(parents))
    authors = {row["id"]: row["author_id"] for row in rows}
    found = []
    for change in changes:
        post = change.after
        about = post["parent_id"] or post["root_id"]
        target = None if about is None else authors[about]
        source, external_id = change.key
        found.append(
            ActionRow(
                source_id=source,
                external_id=r.own_id(source, f"writing:{external_id}", post["author_id"]),
                type_id=post["type_id"],
                occurred_at=post["written_at"],
                precision=post["precision"],
                day=post["day"],
                n=1,
                actor_id=post["author_id"],
                target_id=target,
                post_id=about,
                wrote_id=post["id"],
                target_given=False,
                state=POST_DELETED if post["state"] == PostState.DELETED else 0,
            )
        )
    return found


# An action that the source sent before the post, and that turns out to be its writing.
_ADOPT = f"""
    select {DEED}, a.post_id
    from unnest($1::int[], $2::smallint[], $3::int[]) as c(post_id, type_id, actor_id)
    join action a on a.post_id = c.post_id and a.type_id = c.type_id and a.actor_id = c.actor_id
    where a.wrote_id is null
    order by a.id for no key update of a
"""


_JOIN = (
    """insert into alias (source_id, external_id, action_id)
        select a.source_id, a.external_id, c.kept
        from unnest($1::bigint[], $2::bigint[]) as c(id, kept) join action a on a.id = c.id
        order by 1, 2 on conflict do nothing""",
    """update retraction t set action_id = c.kept
        from unnest($1::bigint[], $2::bigint[]) as c(id, kept) where t.action_id = c.id""",
    """delete from action a using unnest($1::bigint[], $2::bigint[]) as c(id, kept)
        where a.id = c.id""",
)


_WRITTEN = f"""
    select {DEED}, a.wrote_id from action a
    where a.wrote_id = any($1::int[]) order by a.id for no key update
"""


_REWRITE = """
    update action a set
        type_id = c.type_id, occurred_at = c.occurred_at, precision = c.precision, day = c.day,
        actor_id = c.actor_id, target_id = c.target_id, post_id = c.post_id,
        wrote_id = c.wrote_id, state = c.state, target_given = false
    from unnest($1::bigint[], $2::smallint[], $3::timestamptz[], $4::smallint[], $5::int[],
        $6::int[], $7::int[], $8::int[], $9::int[], $10::smallint[]
    ) as c(id, type_id, occurred_at, precision, day, actor_id, target_id, post_id, wrote_id, state)
    where a.id = c.id
"""


# They keep their author until we commit; see resolve.posts.
_AUTHORS = "select id, author_id from post where id = any($1::int[]) order by id for key share"
