"""Ids of erased members: only keyed hashes remain, by which a re-import meets the tombstones.

Whatever a source sends again comes under its own id; so wherever something is looked up by the id
of a source, it is looked up by the hash of that id as well, once anybody was erased.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence

from sources.records import ERASED
from store.db import Read, Write

#: What a record is found by: the source's number and its id there.
Key = tuple[int, str]


def blind(secret: bytes, source_id: int, external_id: str) -> str:
    """The keyed hash that stands for an id of an erased member."""
    digest = hmac.new(secret, f"{source_id}\0{external_id}".encode(), hashlib.sha256)
    return ERASED + digest.hexdigest()


async def erasure_key(connection: Read | Write) -> bytes | None:
    """The key of the hashes, or None while nobody was ever erased."""
    value: str | None = await connection.fetchval(_ERASURE_KEY)
    return None if value is None else bytes.fromhex(value)


async def hashed(connection: Write, secret: bytes | None, keys: Iterable[Key]) -> dict[Key, str]:
    """The hashes of those of ``keys`` by which an action, or a retraction of one, is kept."""
    if secret is None:
        return {}
    hashes = {(source, blind(secret, source, id)): id for source, id in keys}
    rows = await connection.fetch(_KEPT, [k[0] for k in hashes], [k[1] for k in hashes])
    return {(row[0], hashes[row[0], row[1]]): row[1] for row in rows}


async def hide(
    connection: Write, secret: bytes, places: Sequence[tuple[str, str, str]], about: object
) -> None:
    """Replace ids by their hashes in every place: (table, column, condition on ``about`` as $1)."""
    for table, column, condition in places:
        rows = await connection.fetch(
            f"select distinct source_id, {column} as id from {table} "
            f"where ({condition}) and not starts_with({column}, '{ERASED}')",
            about,
        )
        await connection.execute(
            f"""
            update {table} set {column} = c.hash
            from unnest($1::smallint[], $2::text[], $3::text[]) as c(source_id, id, hash)
            where {table}.source_id = c.source_id and {table}.{column} = c.id
            """,
            [row["source_id"] for row in rows],
            [row["id"] for row in rows],
            [blind(secret, row["source_id"], row["id"]) for row in rows],
        )


async def hide_waiting(connection: Write, secret: bytes, actions: Sequence[Key]) -> None:
    """Let retractions that wait for ``actions`` by their own ids wait for them by the hashes."""
    places = [
        ("retraction", column, "action_id is null and undoes = any($1::text[])")
        for column in ("external_id", "undoes")
    ]
    for source in {source for source, _ in actions}:
        mine = [
            (table, column, f"{condition} and source_id = {source}")
            for table, column, condition in places
        ]
        await hide(connection, secret, mine, [id for own, id in actions if own == source])


_ERASURE_KEY = """
    select value from setting
    where key = 'erasure_key' and exists (select 1 from member where erased_at is not null)
"""

_KEPT = """
    select k.source_id, k.external_id
    from unnest($1::smallint[], $2::text[]) as k(source_id, external_id)
    where exists (
            select 1 from action a
            where a.source_id = k.source_id and a.external_id = k.external_id)
        or exists (
            select 1 from alias l
            where l.source_id = k.source_id and l.external_id = k.external_id)
        or exists (
            select 1 from retraction t
            where t.source_id = k.source_id and t.undoes = k.external_id)
"""
