"""Keys of the API: made, found, listed and revoked. Only a hash of a key is kept."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from typing import Any

import asyncpg

from store import audit
from store.audit import COMMAND_LINE, Actor, Kind
from store.db import Database, Read, StoreError, Write
from store.listen import KEYS, SITE_KEYS

_MAX_NAME = 255
_PREFIX_BYTES = 4
_SECRET_BYTES = 32
_KEY = re.compile(r"ik_(?P<prefix>[0-9a-f]{8})_[0-9a-f]{64}")


class Scope(StrEnum):
    """What the holder of a key may do: feed and ask on behalf of the site, or manage."""

    SITE = "site"
    MANAGER = "manager"


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its secret; ``prefix`` is how people refer to it."""

    prefix: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def valid_at(self, moment: datetime) -> bool:
        """Whether it opens anything: it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or moment < self.expires_at)


async def create(
    database: Database,
    *,
    name: str,
    scopes: Collection[Scope],
    now: datetime,
    expires_at: datetime | None = None,
    by: Actor = COMMAND_LINE,
) -> tuple[str, Key]:
    """Make a key and return its text, which is nowhere kept, with what is kept of it.

    Raises StoreError when it would have no name or no scope, or would have expired already.
    """
    name = name.strip()
    if not 0 < len(name) <= _MAX_NAME:
        raise StoreError(f"a key needs a name of at most {_MAX_NAME} characters: who will use it?")
    if not scopes:
        raise StoreError("a key needs at least one scope: site or manager")
    if expires_at is not None and expires_at <= now:
        raise StoreError(f"the key would have expired already, at {expires_at.isoformat()}")
    prefix = secrets.token_hex(_PREFIX_BYTES)
    text = f"ik_{prefix}_{secrets.token_hex(_SECRET_BYTES)}"
    key = Key(prefix, name, frozenset(scopes), now, expires_at, None)

    async def insert(connection: Write) -> None:
        id_ = await connection.fetchval(
            """
            insert into api_key (name, prefix, hash, scopes, created_at, expires_at)
            values ($1, $2, $3, $4, $5, $6) returning id
            """,
            *(name, prefix, _hash(text), sorted(scopes), now, expires_at),
        )
        about = (by, "createKey", Kind.KEY, [id_])
        await audit.write(connection, *about, after=_told(key), now=now)

    await database.in_write(insert)
    return text, key


def formed(text: str) -> bool:
    """Whether a text could be a key, which can be told without asking anybody."""
    return _KEY.fullmatch(text) is not None


async def find(connection: Read, text: str, now: datetime) -> Key | None:
    """The key with this text, None when there is none that is valid at ``now``."""
    match = _KEY.fullmatch(text)
    if match is None:
        return None
    row = await connection.fetchrow(
        """
        select prefix, name, scopes, created_at, expires_at, revoked_at, hash
        from api_key where prefix = $1
        """,
        match["prefix"],
    )
    if row is None or not compare_digest(row["hash"], _hash(text)):
        return None
    key = _key(row)
    return key if key.valid_at(now) else None


async def list_all(connection: Read) -> list[Key]:
    """All keys that were ever made, the oldest first."""
    rows = await connection.fetch(
        """
        select prefix, name, scopes, created_at, expires_at, revoked_at
        from api_key order by created_at, id
        """
    )
    return [_key(row) for row in rows]


async def revoke(
    database: Database, prefix: str, now: datetime, *, by: Actor = COMMAND_LINE
) -> Key:
    """End a key at once; one that is revoked already stays as it is.

    Raises StoreError when there is no such key.
    """

    async def update(connection: Write) -> Key:
        row = await connection.fetchrow(
            """
            select id, prefix, name, scopes, created_at, expires_at, revoked_at
            from api_key where prefix = $1 for update
            """,
            prefix,
        )
        if row is None:
            raise StoreError(f"there is no key {prefix!r}; `ikusei keys list` shows all")
        key = _key(row)
        if key.revoked_at is not None:
            return key
        ended = replace(key, revoked_at=now)
        await connection.execute(
            "update api_key set revoked_at = $2 where id = $1", *(row["id"], now)
        )
        about = (by, "revokeKey", Kind.KEY, [row["id"]])
        await audit.write(connection, *about, before=_told(key), after=_told(ended), now=now)
        await connection.execute("select pg_notify($1, '')", KEYS)
        return ended

    return await database.in_write(update)


async def refresh_site(database: Database) -> None:
    """Have every process read the site's key set at once."""

    async def tell(connection: Write) -> None:
        await connection.execute("select pg_notify($1, '')", SITE_KEYS)

    await database.in_write(tell)


def _told(key: Key) -> dict[str, Any]:
    """A key as the audit log tells it."""
    return {
        "prefix": key.prefix,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "expires": key.expires_at,
        "revoked": key.revoked_at,
    }


def _hash(text: str) -> bytes:
    # A key is 256 random bits, not a password: a slow hash would protect nothing more.
    return sha256(text.encode()).digest()


def _key(row: asyncpg.Record) -> Key:
    return Key(
        row["prefix"],
        row["name"],
        frozenset(Scope(scope) for scope in row["scopes"]),
        row["created_at"],
        row["expires_at"],
        row["revoked_at"],
    )
