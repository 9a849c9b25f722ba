"""The writing of posts: the action that each implies, derived from it.

Whenever a snapshot changes what it depends on (author, time, parent, state), it is made anew and
the difference goes to the tallies. One that the source sent by itself before the post is adopted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sources.records import WRITING, PostState
from store.effects import DEED, deed
from store.record_actions import POST_DELETED, RETRACTED, ActionRow, insert
from store.recording import PostChange, Recording

#: What of a post its writing is derived from.
_WRITTEN_FROM = (
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
    adopted: dict[int, tuple[Any, ActionRow]] = {}
    others = []
    for row in await _sent(r, wanted.values()):
        post = row["post_id"]
        if post not in adopted:
            adopted[post] = (row, wanted.pop(post))
        else:
            others.append((row, adopted[post]))
    await _rewrite(r, await _join(r, others, list(adopted.values())))
    await _name(r, [(kept["id"], row) for kept, row in adopted.values()])
    await insert(r, wanted.values())


async def write_anew(r: Recording, changes: Sequence[PostChange]) -> None:
    """Bring the writing of known posts in line with what they now say."""
    touched = [
        c
        for c in changes
        if c.before is not None and any(c.before[n] != c.after[n] for n in _WRITTEN_FROM)
    ]
    if not touched:
        return
    # Locked before the authors are read: whoever else gives it a target is done by then.
    kept = await r.connection.fetch(_WRITTEN, [c.after["id"] for c in touched])
    wanted = {row.wrote_id: row for row in await _writings(r, touched)}
    pairs = {row["wrote_id"]: (row, wanted[row["wrote_id"]]) for row in kept}
    sent = await _sent(r, wanted.values())
    others = [(row, pairs[row["post_id"]]) for row in sent if row["post_id"] in pairs]
    await _rewrite(r, await _join(r, others, list(pairs.values())))


async def _sent(r: Recording, wanted: Iterable[ActionRow]) -> list[Any]:
    """The actions that the source sent by themselves and that are these writings."""
    rows = list(wanted)
    found: list[Any] = await r.connection.fetch(
        _SENT,
        [row.wrote_id for row in rows],
        [row.type_id for row in rows],
        [row.actor_id for row in rows],
    )
    return found


async def _join(
    r: Recording,
    others: Sequence[tuple[Any, tuple[Any, ActionRow]]],
    pairs: Sequence[tuple[Any, ActionRow]],
) -> list[tuple[Any, ActionRow]]:
    """Make of further actions that are the same writing second ids of the one that is kept.

    Returns ``pairs``, retracted where one of their further actions was.
    """
    states: dict[int, int] = {}
    if others:
        r.effects.deeds((deed(row) for row, _ in others), -1)
        ids = ([row["id"] for row, _ in others], [kept["id"] for _, (kept, _) in others])
        for statement in _JOIN:
            await r.connection.execute(statement, *ids)
        for row, (kept, _) in others:
            states[kept["id"]] = states.get(kept["id"], 0) | row["state"] & RETRACTED
    return [
        (kept, replace(row, state=row.state | states.get(kept["id"], 0))) for kept, row in pairs
    ]


async def _name(r: Recording, adopted: Sequence[tuple[int, ActionRow]]) -> None:
    """Give adopted actions, as second ids, those of the writings that they are."""
    if adopted:
        r.renamed += [row.key for _, row in adopted]
        await r.connection.execute(
            _ALIAS,
            [row.source_id for _, row in adopted],
            [row.external_id for _, row in adopted],
            [number for number, _ in adopted],
        )


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
                external_id=r.own_id(source, WRITING + external_id, post["author_id"]),
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


_SENT = f"""
    select {DEED}, a.post_id
    from unnest($1::int[], $2::smallint[], $3::int[]) as c(post_id, type_id, actor_id)
    join action a on a.post_id = c.post_id and a.type_id = c.type_id and a.actor_id = c.actor_id
    where a.wrote_id is null
    order by a.id for no key update of a
"""


_ALIAS = """
    insert into alias (source_id, external_id, action_id)
    select * from unnest($1::smallint[], $2::text[], $3::bigint[]) k order by 1, 2
    on conflict do nothing
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
