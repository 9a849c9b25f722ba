"""Keys of the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from store import keys
from store.db import Database, StoreError
from store.keys import Scope

_NOW = datetime(2026, 11, 21, tzinfo=UTC)


async def _found(database: Database, text: str, at: datetime = _NOW) -> keys.Key | None:
    async with database.read() as connection:
        return await keys.find(connection, text, at)


async def test_a_key_is_found_by_its_whole_text_only(database: Database) -> None:
    text, made = await keys.create(database, name=" site ", scopes=[Scope.SITE], now=_NOW)
    assert await _found(database, text) == made
    assert made.name == "site"
    assert made.scopes == {Scope.SITE}
    last = "0" if text[-1] != "0" else "1"
    for wrong in (text[:-1] + last, text[:-1], text + "0", text.upper(), "", f" {text}"):
        assert await _found(database, wrong) is None


async def test_only_a_hash_is_kept(database: Database) -> None:
    text, _ = await keys.create(database, name="site", scopes=[Scope.SITE], now=_NOW)
    async with database.read() as connection:
        kept = str(await connection.fetch("select * from api_key"))
    assert text.split("_")[2] not in kept


async def test_an_expired_key_opens_nothing(database: Database) -> None:
    end = _NOW + timedelta(days=1)
    text, _ = await keys.create(
        database, name="site", scopes=[Scope.SITE], now=_NOW, expires_at=end
    )
    assert await _found(database, text, end - timedelta(microseconds=1)) is not None
    assert await _found(database, text, end) is None


async def test_a_revoked_key_opens_nothing_and_stays_revoked(database: Database) -> None:
    text, made = await keys.create(database, name="site", scopes=[Scope.SITE], now=_NOW)
    other, _ = await keys.create(database, name="us", scopes=list(Scope), now=_NOW)
    revoked = await keys.revoke(database, made.prefix, _NOW)
    again = await keys.revoke(database, made.prefix, _NOW + timedelta(days=1))
    assert again == revoked
    assert again.revoked_at == _NOW
    assert await _found(database, text) is None
    assert await _found(database, other) is not None
    async with database.read() as connection:
        assert [key.name for key in await keys.list_all(connection)] == ["site", "us"]


async def test_what_would_be_no_key_is_refused(database: Database) -> None:
    with pytest.raises(StoreError, match="needs a name"):
        await keys.create(database, name=" ", scopes=[Scope.SITE], now=_NOW)
    with pytest.raises(StoreError, match="at least one scope"):
        await keys.create(database, name="site", scopes=[], now=_NOW)
    with pytest.raises(StoreError, match="expired already"):
        await keys.create(database, name="site", scopes=[Scope.SITE], now=_NOW, expires_at=_NOW)
    with pytest.raises(StoreError, match="no key 'x'"):
        await keys.revoke(database, "x", _NOW)
