"""Snapshots of posts: the later one replaces what it states.

What follows from a post (its writing, its counts) is brought in line with it; and when it becomes
known or changes its author, what was done to it finds its target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from engagement.words import Side
from sources.records import PostRecord, writing_verb
from store.effects import DEED, deed
from store.erasure import hide
from store.record_counts import record_counts
from store.record_writings import imply, write_anew
from store.recording import PostChange, Recording

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
    await _retarget(r, changes)
    await write_anew(r, [c for c in changes.values() if c.before is not None])
    await imply(r, [c for c in changes.values() if c.before is None])
    await record_counts(r, records, known, changes)


def _describe(
    r: Recording, records: Sequence[tuple[int, PostRecord]], known: dict[int, dict[str, Any]]
) -> dict[int, PostChange]:
    counts = r.receipt.of("post")
    changes: dict[int, PostChange] = {}
    for _, one in records:
        source = r.names.sources[one.source]
        ref = r.posts[source, one.id]
        row = known[ref.id]
        if row["erased"]:
            counts.duplicate += 1
            continue
        after = row | _stated(r, source, one)
        if after["written_at"] == row["written_at"]:
            # One from ahead of our clock counts on the day on which it came.
            after["day"] = row["day"]
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
        change = changes.setdefault(ref.id, PostChange((source, one.id), first, after))
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


async def _store(r: Recording, changes: Mapping[int, PostChange]) -> None:
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
            await hide(r.connection, r.secret, _IDENTIFYING, hidden)


async def _retarget(r: Recording, changes: Mapping[int, PostChange]) -> None:
    """Give what was done to posts the author as its target."""
    moved = [
        i
        for i, change in changes.items()
        if change.after["author_id"] != (change.before or {}).get("author_id")
    ]
    if not moved:
        return
    if any(changes[i].before for i in moved):
        await r.connection.execute(_ALONE, sorted(moved))
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
        r.note_people(wrong)
    for row in await r.connection.fetch(_COUNTS, sorted(moved)):
        before = (changes[row["post_id"]].before or {}).get("author_id")
        for member, n in ((before, -row["n"]), (author[row["post_id"]], row["n"])):
            if member is not None:
                r.effects.tally(member, row["day"], row["type_id"], Side.RECEIVED, n)


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

_ABOUT = "post_id = any($1::int[]) or wrote_id = any($1::int[])"
_OF_ACTIONS = f"action_id in (select id from action where {_ABOUT})"
#: The ids that a source gave to what becomes an erased member's with the post; as in people.py.
_IDENTIFYING = (
    ("retraction", "undoes", _OF_ACTIONS),
    ("retraction", "external_id", _OF_ACTIONS),
    ("alias", "external_id", _OF_ACTIONS),
    ("action", "external_id", _ABOUT),
    ("post", "external_id", "id = any($1::int[])"),
)

# After this, whoever recorded something to these posts under their old author has committed.
_ALONE = "select 1 from post where id = any($1::int[]) order by id for update"

_RESPONSES = f"""
    select {DEED}, a.post_id from action a
    where a.post_id = any($1::int[]) and not a.target_given order by a.id for no key update
"""

_SET_TARGET = """
    update action a set target_id = c.target_id
    from unnest($1::bigint[], $2::int[]) as c(id, target_id) where a.id = c.id
"""

_COUNTS = "select post_id, type_id, day, n from post_count where post_id = any($1::int[])"
