"""Migrations on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from engagement import rules
from engagement.words import Status
from store import keys, migrate, people
from store.db import NEWEST, Database, StoreError, connect
from store.tables import Table
from tests.conftest import MIGRATED
from tests.store.making import EVE, NOW, act, ago, member, number, put

_CATALOG = {
    "tables": """
        select c.relname, c.relkind::text, c.relpersistence::text, c.reloptions,
               obj_description(c.oid)
        from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind <> 'S'
    """,
    "columns": """
        select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               a.attidentity::text, a.attgenerated::text, a.attstorage::text,
               a.attcompression::text, pg_get_expr(d.adbin, d.adrelid), a.attnum
        from pg_attribute a
        join pg_class c on c.oid = a.attrelid
        left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0
          and not a.attisdropped
    """,
    "constraints": """
        select conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid),
               convalidated, condeferrable
        from pg_constraint where connamespace = 'public'::regnamespace
    """,
    "indexes": """
        select indrelid::regclass::text, indexrelid::regclass::text, pg_get_indexdef(indexrelid),
               indisunique, indisprimary, indisvalid
        from pg_index i join pg_class c on c.oid = i.indrelid
        where c.relnamespace = 'public'::regnamespace
    """,
    "sequences": """
        select sequencename, data_type::text, start_value, increment_by, max_value, cycle
        from pg_sequences where schemaname = 'public'
    """,
    "functions": """
        select proname, pg_get_functiondef(oid) from pg_proc
        where pronamespace = 'public'::regnamespace
    """,
    "triggers": "select tgname, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal",
}


async def catalog(url: str) -> dict[str, list[str]]:
    """Everything that defines the tables, as sorted text."""
    connection = await asyncpg.connect(url)
    try:
        return {
            part: sorted(
                str(tuple(row))
                for row in await connection.fetch(query)
                if "alembic_version" not in str(tuple(row))
            )
            for part, query in _CATALOG.items()
        }
    finally:
        await connection.close()


async def test_a_fresh_schema_equals_the_migrated_one(empty_url: str, url: str) -> None:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        poolclass=NullPool,
        async_creator=lambda: asyncpg.connect(empty_url),
    )

    def create(connection: Connection) -> None:
        Table.metadata.create_all(connection)

    async with engine.begin() as connection:
        await connection.run_sync(create)
    await engine.dispose()
    fresh, migrated = await catalog(empty_url), await catalog(url)
    for part, rows in fresh.items():
        assert migrated[part] == rows, f"{part} differ: run python -m migrations.next"
    for special in (
        "USING brin (day) WITH (pages_per_range",
        "fillfactor=75",
        "(parent_id <> root_id)",
    ):
        assert special in str(fresh)


async def test_every_constraint_has_a_name_of_the_convention(url: str) -> None:
    rows = (await catalog(url))["constraints"]
    convention = re.compile(r"\('(\w+)', '(ck|fk|uq|pk|nn)_\1(_\w+)?'|'n', 'NOT NULL")
    assert len(rows) > 50
    assert [row for row in rows if not convention.search(row)] == []


def test_the_newest_migration_is_the_one_that_is_checked() -> None:
    config = Config()
    config.set_main_option("script_location", "migrations")
    config.set_main_option("path_separator", "newline")
    assert ScriptDirectory.from_config(config).get_current_head() == NEWEST


async def test_two_migrations_at_once(empty_url: str) -> None:
    await asyncio.gather(*(migrate.migrate(empty_url, now=MIGRATED) for _ in range(4)))
    await migrate.check(empty_url)
    opened = await connect(empty_url)
    async with opened.read() as connection:
        assert await connection.fetchval("select count(*) from rule_set") == 1
        assert await connection.fetchval("select count(*) from alembic_version") == 1
    await opened.close()


async def test_a_new_database_starts_with_the_default_rules(database: Database) -> None:
    async with database.read() as connection:
        row = await connection.fetchrow("select * from rule_set")
        settings = {
            row["key"]: row["value"] for row in await connection.fetch("select * from setting")
        }
    assert row is not None
    assert row["state"] == "active"
    assert row["activated_at"] == row["created_at"] == MIGRATED
    assert rules.load(row["toml"]) == rules.default()
    assert row["checksum"] == rules.checksum(rules.default())
    assert settings["zone"] == "UTC"
    assert len(bytes.fromhex(settings["erasure_key"])) == 32


async def test_migrating_again_changes_nothing(url: str) -> None:
    async def contents() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(url)
        rows = await connection.fetch("select key, value from setting order by key")
        rows += await connection.fetch("select * from rule_set")
        await connection.close()
        return rows

    before = await contents()
    await migrate.migrate(url, now=MIGRATED)
    assert await contents() == before


async def test_the_zone_is_fixed_by_the_first_migration(empty_url: str) -> None:
    await migrate.migrate(empty_url, zone="Asia/Tokyo", now=MIGRATED)
    await migrate.migrate(empty_url, zone="Asia/Tokyo", now=MIGRATED)
    await migrate.migrate(empty_url, now=MIGRATED)
    opened = await connect(empty_url)
    assert opened.zone.key == "Asia/Tokyo"
    await opened.close()
    with pytest.raises(StoreError, match="Asia/Tokyo, fixed by its first migration, and not UTC"):
        await migrate.migrate(empty_url, zone="UTC", now=MIGRATED)


async def test_a_zone_that_is_none_is_refused(empty_url: str) -> None:
    with pytest.raises(StoreError, match="'Atlantis/Deep' is not a time zone"):
        await migrate.migrate(empty_url, zone="Atlantis/Deep", now=MIGRATED)
    with pytest.raises(StoreError, match="no tables of Ikusei"):
        await migrate.check(empty_url)


async def test_a_database_that_is_not_migrated_says_what_to_run(empty_url: str) -> None:
    with pytest.raises(StoreError, match="run `ikusei migrate`"):
        await connect(empty_url)


async def test_an_older_and_a_newer_database_say_what_to_do(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("update alembic_version set version_num = '0000'")
    with pytest.raises(StoreError, match=r"at migration 0000, not at .*; run `ikusei migrate`"):
        await connect(url)
    await connection.execute("update alembic_version set version_num = '9999'")
    with pytest.raises(StoreError, match="of a newer Ikusei"):
        await connect(url)
    with pytest.raises(StoreError, match="of a newer Ikusei"):
        await migrate.migrate(url, now=MIGRATED)
    await connection.close()


async def test_an_account_without_rights_is_told_what_it_needs(guest_url: str) -> None:
    with pytest.raises(StoreError, match=r"may not make tables in .*schema public.*grant it"):
        await migrate.migrate(guest_url, now=MIGRATED)
    await migrate.migrate(guest_url.partition("&role=")[0], now=MIGRATED)
    for use in (migrate.migrate(guest_url, now=MIGRATED), connect(guest_url)):
        with pytest.raises(StoreError, match=r"may not read the database 'test_.*alembic_version"):
            await use


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
async def test_a_database_that_is_not_in_utf8_is_refused(empty_url: str, encoding: str) -> None:
    name = f"{urlsplit(empty_url).path.lstrip('/')}_{encoding.lower()}"
    connection = await asyncpg.connect(empty_url)
    try:
        await connection.execute(
            f"create database {name} encoding '{encoding}' locale 'C' template template0"
        )
        url = empty_url.replace(urlsplit(empty_url).path, f"/{name}")
        for use in (migrate.migrate(url, now=MIGRATED), connect(url)):
            with pytest.raises(StoreError, match=f"is in {encoding}.*make it in UTF8"):
                await use
        await connection.execute(f"drop database {name} with (force)")
    finally:
        await connection.close()


async def test_a_filled_database_is_upgraded_from_the_first_migration_on(
    url: str, empty_url: str
) -> None:
    """As one of the first release: what it holds stays, and what is new works on it."""

    def to_first(config: Config) -> None:
        command.upgrade(config, "0001")

    def back_to_first(config: Config) -> None:
        command.downgrade(config, "0001")

    opened = await connect(url)
    await put(opened, member("ann", joined=ago(400)), act("a1", verb="like", post="p1"))
    _, key = await keys.create(opened, name="site", scopes=[keys.Scope.SITE], now=NOW)
    await opened.close()
    await migrate.in_alembic(url, back_to_first)
    await migrate.in_alembic(empty_url, to_first)
    assert await catalog(url) == await catalog(empty_url)
    with pytest.raises(StoreError, match=r"at migration 0001, not at .*; run `ikusei migrate`"):
        await connect(url)
    before = await _contents(url)
    await migrate.migrate(url, now=MIGRATED)
    after = await _contents(url)
    # Columns are added with what all rows of before have in them, and what a new database begins
    # with.
    assert after.keys() - before.keys() == {"prompt_policy", "scenario"}
    assert before.keys() <= after.keys()
    for table, rows in before.items():
        kept = [{name: row[name] for name in rows[0]} for row in after[table]]
        assert kept == rows, table
    opened = await connect(url)
    await keys.revoke(opened, key.prefix, NOW)
    ann = await number(opened, "ann")
    await people.lock_status(opened, ann, Status.FAN, until_day=None, reason="r", by=EVE, now=NOW)
    async with opened.read() as connection:
        actions = await connection.fetch("select action from audit_entry order by id")
        # By the index of 0003, as soon as there are many.
        await connection.execute("set local enable_seqscan = off")
        plan = await connection.fetch("explain select id from member where merged_into = $1", ann)
    assert [row["action"] for row in actions] == ["revokeKey", "lockStatus"]
    assert "ix_member_merged_into" in str(plan)
    await opened.close()


async def _contents(url: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table that has some."""
    connection = await asyncpg.connect(url)
    found = {}
    for (table,) in await connection.fetch(
        "select relname from pg_class where relkind = 'r' "
        "and relnamespace = 'public'::regnamespace and relname <> 'alembic_version'"
    ):
        rows = await connection.fetch(f"select * from {table} t order by t::text")
        if rows:
            found[table] = [dict(row) for row in rows]
    await connection.close()
    return found
