"""Anonymous counts of posts: reactions that name nobody, and views.

A later total replaces the one before, and the tally of the post's author moves by the difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

from engagement.words import Side
from sources.records import PostRecord, ViewsRecord
from store.db import day_number
from store.erasure import Key, blind
from store.receipt import Rejection
from store.recording import PostChange, Recording

#: The verb under which the views of a post are counted, in its venue.
VIEW: Final = "view"


#: (post, type, day)
_CountKey = tuple[int, int, int]


async def record_counts(
    r: Recording,
    records: Sequence[tuple[int, PostRecord]],
    known: Mapping[int, Mapping[str, Any]],
    changes: Mapping[int, PostChange],
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
    outcomes = await _set_counts(r, totals)
    if left:
        columns = [list(column) for column in zip(*left, strict=True)]
        await r.connection.execute(_DROP_COUNTS, *columns)
    recounted = {key[0] for key in outcomes} - set(changes)
    counts = r.receipt.of("post")
    counts.duplicate -= len(recounted)
    counts.replaced += len(recounted)


async def _move_counts(
    r: Recording,
    changes: Mapping[int, PostChange],
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
    erased = await _erased(r, keys - known.keys())
    totals: dict[_CountKey, int] = {}
    for position, one in records:
        key = (r.names.sources[one.source], one.post)
        if key in known:
            post = known[key]
            totals[post["id"], post["view_id"], min(day_number(one.day), r.today)] = one.count
        elif key not in erased:
            message = f"names no post of {one.source!r} that is known; record the post first"
            r.receipt.rejected.append(Rejection(position, "post", "unknown_post", message))
    outcomes = list((await _set_counts(r, totals)).values())
    counts.recorded += outcomes.count("recorded")
    counts.replaced += outcomes.count("replaced")
    kept = known.keys() | erased
    accepted = sum(1 for _, one in records if (r.names.sources[one.source], one.post) in kept)
    counts.duplicate += accepted - counts.recorded - counts.replaced


async def _erased(r: Recording, keys: AbstractSet[Key]) -> set[Key]:
    """Those of ``keys`` that are posts of erased members, whose views nobody counts any more."""
    if r.secret is None or not keys:
        return set()
    hashes = {(source, blind(r.secret, source, id)): id for source, id in keys}
    rows = await r.connection.fetch(_POSTS, [k[0] for k in hashes], [k[1] for k in hashes])
    return {(row[0], hashes[row[0], row[1]]) for row in rows}


async def _set_counts(r: Recording, totals: Mapping[_CountKey, int]) -> dict[_CountKey, str]:
    """Replace totals; the authors' tallies move by the difference. Says what changed, and how.

    The posts are locked: a statement that waits for a lock does not see what it waited for.
    """
    if not totals:
        return {}
    keys = sorted(totals)
    columns = [list(column) for column in zip(*keys, strict=True)]
    rows = await r.connection.fetch(_OLD_COUNTS, *columns)
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
        await r.connection.execute(_SET_COUNTS, *columns, [totals[key] for key in outcomes])
    return outcomes


_POSTS = """
    select p.source_id, p.external_id
    from unnest($1::smallint[], $2::text[]) as k(source_id, external_id)
    join post p on p.source_id = k.source_id and p.external_id = k.external_id
"""


_VIEWED = """
    select p.id, p.source_id, p.external_id, v.id as view_id
    from unnest($1::smallint[], $2::text[]) as k(source_id, external_id)
    join post p on p.source_id = k.source_id and p.external_id = k.external_id
    join action_type t on t.id = p.type_id
    join action_type v on v.venue = t.venue and v.verb = 'view'
    order by p.id for no key update of p
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
"""


_SET_COUNTS = """
    insert into post_count (post_id, type_id, day, n)
    select * from unnest($1::int[], $2::smallint[], $3::int[], $4::bigint[])
    on conflict (post_id, type_id, day) do update set n = excluded.n
"""
