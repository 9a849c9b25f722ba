"""Snapshots of posts, the writing that each implies, and their anonymous counts.

Writing a post is an action. It is derived from the post: whenever a snapshot changes what it
depends on (author, time, parent, state), it is made anew and the difference goes to the tallies.
When a post becomes known or changes its author, what was done to it finds its target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engagement.words import Side
from sources.records import PostRecord, PostState, ViewsRecord, writing_verb
from store.db import Write, day_number
from store.receipt import Rejection
from store.record_actions import POST_DELETED, RETRACTED, ActionRow, insert
from store.record_retractions import deed
from store.recording import Recording
from store.resolve import Key, blind

_COLUMNS = (
    "type_id",
    "precision",
    "author_id",
    "root_id",
    "parent_id",
    "day",
    "written_at",
    "edited_at",
    "form",
    "state",
    "format",
    "lang",
    "title",
    "text",
)
_TEXTS = ("title", "text")
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

VIEW = "view"

#: (post, type, day)
_CountKey = tuple[int, int, int]


@dataclass(slots=True)
class _Change:
    """A post before this call (None: not known) and after it."""

    key: Key
    before: dict[str, Any] | None
    after: dict[str, Any]


async def record_posts(r: Recording, records: Sequence[tuple[int, PostRecord]]) -> None:
    """Describe posts and bring what follows from them up to date."""
    if not records:
        return
    rows = await r.connection.fetch(
        _FIND, sorted({r.posts[r.names.sources[one.source], one.id].id for _, one in records})
    )
    known = {row["id"]: dict(row) for row in rows}
    changes = _describe(r, records, known)
    await _store(r, changes)
    for change in changes.values():
        ref = r.posts[change.key]
        ref.type_id, ref.author_id = change.after["type_id"], change.after["author_id"]
        ref.root_id = change.after["root_id"]
    await _retarget(r, changes)
    await _write_anew(r, [c for c in changes.values() if c.before is not None])
    await _imply(r, [c for c in changes.values() if c.before is None])
    await _count(r, records, known, changes)


def _describe(
    r: Recording, records: Sequence[tuple[int, PostRecord]], known: dict[int, dict[str, Any]]
) -> dict[int, _Change]:
    counts = r.receipt.of("post")
    changes: dict[int, _Change] = {}
    for _, one in records:
        source = r.names.sources[one.source]
        ref = r.posts[source, one.id]
        row = known[ref.id]
        if row["erased"]:
            counts.duplicate += 1
            continue
        after = row | _stated(r, source, one)
        if row["type_id"] is None:
            counts.recorded += 1
        elif after == row:
            counts.duplicate += 1
            continue
        else:
            counts.replaced += 1
            if any(after[name] != row[name] for name in _TEXTS):
                after["edited_at"] = r.now
        first = None if row["type_id"] is None else row
        change = changes.setdefault(ref.id, _Change((source, one.id), first, after))
        change.after = known[ref.id] = after
    return changes


def _stated(r: Recording, source: int, one: PostRecord) -> dict[str, Any]:
    """The columns that a snapshot says something about."""
    root, parent = r.post(source, one.root), r.post(source, one.parent)
    own = r.posts[source, one.id].id
    stated = {
        "type_id": r.names.types[one.venue, writing_verb(one.type)],
        "precision": int(one.precision),
        "author_id": r.member(source, one.author),
        "root_id": None if root is None or root.id == own else root.id,
        "parent_id": None if parent is None or parent.id == own else parent.id,
        "day": r.day(one.time),
        "written_at": one.time,
        "form": one.type,
        "state": None if one.state is None else one.state.value,
        "format": one.format,
        "lang": one.lang,
        "title": one.title,
        "text": one.text,
    }
    return {name: value for name, value in stated.items() if value is not None}


async def _store(r: Recording, changes: Mapping[int, _Change]) -> None:
    ids = sorted(changes)
    erased = r.members.erased
    for change in changes.values():
        if change.after["author_id"] in erased:
            change.after.update(title=None, text=None)
    if ids:
        columns = [[changes[i].after[name] for i in ids] for name in _COLUMNS]
        await r.connection.execute(_UPDATE, ids, *columns)
        hidden = [i for i in ids if changes[i].after["author_id"] in erased]
        if hidden and r.secret is not None:
            names = [blind(r.secret, *changes[i].key) for i in hidden]
            await r.connection.execute(_HIDE, hidden, names)


async def _retarget(r: Recording, changes: Mapping[int, _Change]) -> None:
    """Give what was done to posts the author as its target."""
    moved = [
        i
        for i, change in changes.items()
        if change.after["author_id"] != (change.before or {}).get("author_id")
    ]
    if not moved:
        return
    rows = await r.connection.fetch(_RESPONSES, sorted(moved))
    author = {i: changes[i].after["author_id"] for i in moved}
    wrong = [row for row in rows if row["target_id"] != author[row["post_id"]]]
    if wrong:
        r.effects.deeds((deed(row) for row in wrong), -1)
        targets = [author[row["post_id"]] for row in wrong]
        r.effects.deeds(
            (
                replace(deed(row), target_id=target)
                for row, target in zip(wrong, targets, strict=True)
            ),
            1,
        )
        await r.connection.execute(_SET_TARGET, [row["id"] for row in wrong], targets)
        _note_people(r, wrong)
    for row in await r.connection.fetch(_COUNTS, sorted(moved)):
        before = (changes[row["post_id"]].before or {}).get("author_id")
        for member, n in ((before, -row["n"]), (author[row["post_id"]], row["n"])):
            if member is not None:
                r.effects.tally(member, row["day"], row["type_id"], Side.RECEIVED, n)


async def _imply(r: Recording, changes: Sequence[_Change]) -> None:
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


async def _join(r: Recording, others: Sequence[tuple[Any, int]]) -> None:
    """Make of further actions that are the same writing second ids of the one that is kept."""
    if others:
        r.effects.deeds((deed(row) for row, _ in others), -1)
        pairs = ([row["id"] for row, _ in others], [kept for _, kept in others])
        for statement in _JOIN:
            await r.connection.execute(statement, *pairs)


async def _write_anew(r: Recording, changes: Sequence[_Change]) -> None:
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
    _note_people(
        r,
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


def _note_people(r: Recording, rows: Sequence[Any]) -> None:
    """Fold those again for whom it matters with whom they did what now has somebody else in it."""
    for row in rows:
        if r.guarded(row["type_id"]):
            r.late.update({row["actor_id"], row["target_id"]} - {None})


async def _writings(r: Recording, changes: Sequence[_Change]) -> list[ActionRow]:
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


async def _count(
    r: Recording,
    records: Sequence[tuple[int, PostRecord]],
    known: Mapping[int, Mapping[str, Any]],
    changes: Mapping[int, _Change],
) -> None:
    """Anonymous totals that came with posts: on the day of the post, at the earliest.

    Each verb has one total, which goes along when its post moves to another day or venue.
    """
    stated: dict[int, dict[str, tuple[int, int]]] = {}
    for _, one in records:
        post = known[r.posts[r.names.sources[one.source], one.id].id]
        if one.counts and not post["erased"]:
            stated.setdefault(post["id"], {}).update(
                {verb: (r.names.types[one.venue, verb], n) for verb, n in one.counts.items()}
            )
    totals = {
        (post, type_id, known[post]["day"]): n
        for post, verbs in stated.items()
        for type_id, n in verbs.values()
    }
    left = await _move_counts(r, changes, stated, totals)
    outcomes = await _set_counts(r.connection, r, totals)
    if left:
        columns = [list(column) for column in zip(*left, strict=True)]
        await r.connection.execute(_DROP_COUNTS, *columns)
    recounted = {key[0] for key in outcomes} - set(changes)
    counts = r.receipt.of("post")
    counts.duplicate -= len(recounted)
    counts.replaced += len(recounted)


async def _move_counts(
    r: Recording,
    changes: Mapping[int, _Change],
    stated: Mapping[int, Mapping[str, tuple[int, int]]],
    totals: dict[_CountKey, int],
) -> list[_CountKey]:
    """Put what becomes of the counts of moved posts into ``totals``; returns what they left."""
    moved = [
        i
        for i, c in changes.items()
        if c.before is not None and any(c.before[n] != c.after[n] for n in ("day", "type_id"))
    ]
    left = []
    for row in await r.connection.fetch(_MOVED_COUNTS, moved, VIEW) if moved else ():
        post, key = row["post_id"], (row["post_id"], row["type_id"], row["day"])
        day = changes[post].after["day"]
        if key in totals:
            continue
        if row["verb"] not in stated.get(post, {}):
            if row["day"] == day:
                continue
            totals[post, row["type_id"], day] = row["n"]
        totals[key] = 0
        left.append(key)
    return left


async def record_views(r: Recording, records: Sequence[tuple[int, ViewsRecord]]) -> None:
    """Views of known posts per day; views of a post that is not known are refused."""
    if not records:
        return
    counts = r.receipt.of("views")
    keys = {(r.names.sources[one.source], one.post) for _, one in records}
    rows = await r.connection.fetch(_VIEWED, [k[0] for k in keys], [k[1] for k in keys])
    known = {(row["source_id"], row["external_id"]): row for row in rows}
    totals: dict[_CountKey, int] = {}
    for position, one in records:
        post = known.get((r.names.sources[one.source], one.post))
        if post is None:
            message = f"names no post of {one.source!r} that is known; record the post first"
            r.receipt.rejected.append(Rejection(position, "post", "unknown_post", message))
            continue
        totals[post["id"], post["view_id"], min(day_number(one.day), r.today)] = one.count
    outcomes = list((await _set_counts(r.connection, r, totals)).values())
    counts.recorded += outcomes.count("recorded")
    counts.replaced += outcomes.count("replaced")
    accepted = sum(1 for _, one in records if (r.names.sources[one.source], one.post) in known)
    counts.duplicate += accepted - counts.recorded - counts.replaced


async def _set_counts(
    connection: Write, r: Recording, totals: Mapping[_CountKey, int]
) -> dict[_CountKey, str]:
    """Replace totals; the authors' tallies move by the difference. Says what changed, and how."""
    if not totals:
        return {}
    keys = sorted(totals)
    columns = [list(column) for column in zip(*keys, strict=True)]
    rows = await connection.fetch(_OLD_COUNTS, *columns)
    outcomes = {}
    for row in rows:
        key = (row["post_id"], row["type_id"], row["day"])
        old = row["n"]
        if old == totals[key]:
            continue
        outcomes[key] = "recorded" if old is None else "replaced"
        if row["author_id"] is not None:
            change = totals[key] - (old or 0)
            r.effects.tally(row["author_id"], key[2], key[1], Side.RECEIVED, change)
    if outcomes:
        columns = [list(column) for column in zip(*outcomes, strict=True)]
        await connection.execute(_SET_COUNTS, *columns, [totals[key] for key in outcomes])
    return outcomes


_FIND = f"""
    select p.id, {", ".join(f"p.{name}" for name in _COLUMNS)},
        (m.erased_at is not null) is true as erased
    from post p left join member m on m.id = p.author_id
    where p.id = any($1::int[]) order by p.id for no key update of p
"""

_UPDATE = """
    update post p set
        type_id = c.type_id, precision = c.precision, author_id = c.author_id,
        root_id = c.root_id, parent_id = c.parent_id, day = c.day, written_at = c.written_at,
        edited_at = c.edited_at, form = c.form, state = c.state, format = c.format, lang = c.lang,
        title = c.title, text = c.text
    from unnest($1::int[], $2::smallint[], $3::smallint[], $4::int[], $5::int[], $6::int[],
        $7::int[], $8::timestamptz[], $9::timestamptz[], $10::text[], $11::text[], $12::text[],
        $13::text[], $14::text[], $15::text[]
    ) as c(id, type_id, precision, author_id, root_id, parent_id, day, written_at, edited_at,
        form, state, format, lang, title, text)
    where p.id = c.id
"""

_HIDE = """
    update post p set external_id = c.external_id
    from unnest($1::int[], $2::text[]) as c(id, external_id) where p.id = c.id
"""

_DEED = "a.id, a.actor_id, a.target_id, a.day, a.type_id, a.grade, a.n, a.state"

_RESPONSES = f"""
    select {_DEED}, a.post_id from action a
    where a.post_id = any($1::int[]) and not a.target_given order by a.id for no key update
"""

_SET_TARGET = """
    update action a set target_id = c.target_id
    from unnest($1::bigint[], $2::int[]) as c(id, target_id) where a.id = c.id
"""

_COUNTS = "select post_id, type_id, day, n from post_count where post_id = any($1::int[])"

# An action that the source sent before the post, and that turns out to be its writing.
_ADOPT = f"""
    select {_DEED}, a.post_id
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
    select {_DEED}, a.wrote_id from action a
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

_AUTHORS = "select id, author_id from post where id = any($1::int[])"

_VIEWED = """
    select p.id, p.source_id, p.external_id, v.id as view_id
    from unnest($1::smallint[], $2::text[]) as k(source_id, external_id)
    join post p on p.source_id = k.source_id and p.external_id = k.external_id
    join action_type t on t.id = p.type_id
    join action_type v on v.venue = t.venue and v.verb = 'view'
"""

_MOVED_COUNTS = """
    select c.post_id, c.type_id, c.day, c.n, t.verb
    from post_count c join action_type t on t.id = c.type_id
    where c.post_id = any($1::int[]) and t.verb <> $2
"""

_DROP_COUNTS = """
    delete from post_count c
    using unnest($1::int[], $2::smallint[], $3::int[]) as k(post_id, type_id, day)
    where c.post_id = k.post_id and c.type_id = k.type_id and c.day = k.day
"""

_OLD_COUNTS = """
    select c.post_id, c.type_id, c.day, p.author_id, o.n
    from unnest($1::int[], $2::smallint[], $3::int[]) as c(post_id, type_id, day)
    join post p on p.id = c.post_id
    left join post_count o
        on o.post_id = c.post_id and o.type_id = c.type_id and o.day = c.day
    order by 1, 2, 3
    for no key update of p
"""

_SET_COUNTS = """
    insert into post_count (post_id, type_id, day, n)
    select * from unnest($1::int[], $2::smallint[], $3::int[], $4::bigint[])
    on conflict (post_id, type_id, day) do update set n = excluded.n
"""
