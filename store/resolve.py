"""From a source's ids to our own: accounts to members, and posts.

Whatever is named for the first time gets a row to be described later: a member who so far is only
somebody's target, a post that somebody liked before we heard of it. Of erased members and their
posts only keyed hashes of the ids remain; a raw id that is not found is looked up once more as such
a hash, so a re-import finds the tombstone instead of making the person anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from store.db import Read, Write
from store.erasure import Key, blind


@dataclass(frozen=True, slots=True)
class Members:
    """Member numbers by account key, who is new, and who of all that a call names is erased."""

    ids: dict[Key, int]
    erased: frozenset[int]
    new: frozenset[int]


async def members(
    connection: Write, keys: Iterable[Key], *, today: int, secret: bytes | None
) -> Members:
    """The members behind the accounts ``keys``; unknown ones are made."""
    wanted = sorted(set(keys))
    ids = await _found(connection, _FIND_ACCOUNTS, wanted)
    missing = [key for key in wanted if key not in ids]
    erased: set[int] = set()
    if missing and secret is not None:
        hidden = {(key[0], blind(secret, *key)): key for key in missing}
        tombs = await _found(connection, _FIND_ACCOUNTS, sorted(hidden))
        ids |= {hidden[key]: member for key, member in tombs.items()}
        erased = set(tombs.values())
        missing = [key for key in missing if key not in ids]
    new: set[int] = set()
    if missing:
        made = await _make_members(connection, missing, today)
        new = set(made.values())
        ids |= made
        late = [key for key in missing if key not in ids]
        ids |= await _found(connection, _FIND_ACCOUNTS, late)
    return Members(ids, frozenset(erased), frozenset(new))


async def _make_members(connection: Write, keys: Sequence[Key], today: int) -> dict[Key, int]:
    """New members for ``keys``, less those that another transaction made first."""
    numbers: list[int] = [r[0] for r in await connection.fetch(_NEW_MEMBERS, len(keys), today)]
    rows = await connection.fetch(
        _NEW_ACCOUNTS, [key[0] for key in keys], [key[1] for key in keys], numbers
    )
    made = {(row[0], row[1]): row[2] for row in rows}
    if len(made) < len(keys):
        spare = sorted(set(numbers) - set(made.values()))
        await connection.execute("delete from standing where member_id = any($1::int[])", spare)
        await connection.execute("delete from member where id = any($1::int[])", spare)
    return made


async def _found(connection: Read | Write, query: str, keys: Sequence[Key]) -> dict[Key, int]:
    rows = await connection.fetch(query, [key[0] for key in keys], [key[1] for key in keys])
    return {(row[0], row[1]): row[2] for row in rows}


@dataclass(slots=True)
class PostRef:
    """What recording needs of a post that a record names; ``type_id`` None: not known yet."""

    id: int
    type_id: int | None
    author_id: int | None


async def posts(
    connection: Write, keys: Iterable[Key], *, describes: AbstractSet[Key], secret: bytes | None
) -> dict[Key, PostRef]:
    """The posts behind ``keys``; unknown ones are made, to be described later.

    They are locked against what would make two calls miss each other for ever. Posts that are not
    known yet must not become known before we commit; those that the caller ``describes`` are locked
    with them, all in one order and as strongly as it will take: whoever first shares a lock and
    then wants it alone ends in a deadlock. The others keep their author, as far as that is with
    them who change it: they lock the post against this sharing.
    """
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    found = await _find_posts(connection, wanted)
    missing = [key for key in wanted if key not in found]
    if missing and secret is not None:
        hidden = {(key[0], blind(secret, *key)): key for key in missing}
        tombs = await _find_posts(connection, sorted(hidden))
        found |= {hidden[key]: ref for key, ref in tombs.items()}
        missing = [key for key in missing if key not in found]
    if missing:
        await connection.execute(
            _NEW_POSTS, [key[0] for key in missing], [key[1] for key in missing]
        )
        found |= await _find_posts(connection, missing)
    by_id = {ref.id: ref for ref in found.values()}
    alone = {ref.id for key, ref in found.items() if ref.type_id is None or key in describes}
    for statement, locked in ((_LOCK_POSTS, alone), (_SHARE_POSTS, by_id.keys() - alone)):
        for row in await connection.fetch(statement, sorted(locked)) if locked else ():
            ref = by_id[row["id"]]
            ref.type_id, ref.author_id = row["type_id"], row["author_id"]
    return found


async def erased(connection: Write, members: Iterable[int]) -> frozenset[int]:
    """Those of ``members`` who are erased."""
    return frozenset(row[0] for row in await connection.fetch(_ERASED, sorted(members)))


async def _find_posts(connection: Write, keys: Sequence[Key]) -> dict[Key, PostRef]:
    rows = await connection.fetch(_FIND_POSTS, [key[0] for key in keys], [key[1] for key in keys])
    return {(row[0], row[1]): PostRef(row[2], row[3], row[4]) for row in rows}


_FIND_ACCOUNTS = """
    select a.source_id, a.external_id, a.member_id
    from unnest($1::smallint[], $2::text[]) as k(source_id, external_id)
    join account a on a.source_id = k.source_id and a.external_id = k.external_id
"""

_NEW_MEMBERS = """
    with made as (
        insert into member (seen_day) select $2 from generate_series(1, $1) returning id
    ), placed as (
        insert into standing (member_id) select id from made
    )
    select id from made
"""

# In the order of the key, so that two transactions naming the same new people cannot deadlock.
_NEW_ACCOUNTS = """
    insert into account (source_id, external_id, member_id)
    select * from unnest($1::smallint[], $2::text[], $3::int[]) k order by 1, 2
    on conflict do nothing
    returning source_id, external_id, member_id
"""

_FIND_POSTS = """
    select p.source_id, p.external_id, p.id, p.type_id, p.author_id
    from unnest($1::smallint[], $2::text[]) as k(source_id, external_id)
    join post p on p.source_id = k.source_id and p.external_id = k.external_id
"""

_ERASED = "select id from member where id = any($1::int[]) and erased_at is not null"

_NEW_POSTS = """
    insert into post (source_id, external_id)
    select * from unnest($1::smallint[], $2::text[]) k order by 1, 2
    on conflict do nothing
"""

_POSTS = "select id, type_id, author_id from post where id = any($1::int[]) order by id"
_LOCK_POSTS = f"{_POSTS} for no key update"
_SHARE_POSTS = f"{_POSTS} for key share"
