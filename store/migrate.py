"""Bring a database to the newest migration, and give a new one what it starts with."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import asyncpg

from engagement import rules, scenarios
from store import db
from store.db import StoreError
from store.scenarios import begin

if TYPE_CHECKING:
    from alembic.config import Config

_SCRIPTS = Path(__file__).resolve().parent.parent / "migrations"
#: Any number will do, as long as no other program that shares the database takes the same.
_LOCK = 0x696B75736569
_FIRST_ZONE = "UTC"


async def migrate(url: str, *, zone: str | None = None, now: datetime) -> None:
    """Upgrade the database at ``url``; what is done already is not done again.

    Safe when several processes do it at once. ``zone`` is the community's time zone, which is fixed
    by the first migration (None: UTC then, and later whatever it is). Raises StoreError when the
    database cannot be reached or used, or has another zone.
    """
    if zone is not None:
        _check_zone(zone)
    connection = await db.open_connection(url)
    try:
        # Of the session, not of a transaction: Alembic works on another connection meanwhile.
        await connection.execute("select pg_advisory_lock($1)", _LOCK)
        await _upgrade(connection, url)
        async with connection.transaction():
            await _fill(connection, zone, now)
    except asyncpg.InsufficientPrivilegeError as error:
        raise StoreError(
            f"the account may not make tables in {db.place(url)} ({error}): grant it create on the "
            "schema, or migrate with an account that may"
        ) from error
    finally:
        await connection.close()


async def check(url: str) -> None:
    """Raise StoreError, which says what to run, unless the database is at the newest migration."""
    connection = await db.open_connection(url)
    try:
        await db.check(connection, url)
    finally:
        await connection.close()


async def in_alembic(url: str, work: Callable[[Config], None]) -> None:
    """Run one of Alembic's commands on the database at ``url``.

    ``work`` gets the configuration with the connection in it, and all it does is one transaction.
    Raises what asyncpg raises.
    """
    # Alembic and SQLAlchemy take a third of a second to import, and most starts need no migration.
    from alembic.config import Config  # noqa: PLC0415
    from sqlalchemy import Connection  # noqa: PLC0415
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")

    def run(connection: Connection) -> None:
        config.attributes["connection"] = connection
        work(config)

    engine = create_async_engine(
        "postgresql+asyncpg://", poolclass=NullPool, async_creator=lambda: db.open_connection(url)
    )
    try:
        async with engine.begin() as connection:
            await connection.run_sync(run)
    except DBAPIError as error:
        # Everywhere else in this room errors are the driver's own.
        raise error.driver_exception from error
    finally:
        await engine.dispose()


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise StoreError(
            f"{zone!r} is not a time zone; use a name such as 'Asia/Tokyo' or 'UTC'"
        ) from None


async def _upgrade(connection: asyncpg.Connection, url: str) -> None:
    """Upgrade to the newest migration.

    Raises StoreError when the database is too old or of a newer Ikusei.
    """
    found = await db.migration(connection, url)
    if found == db.NEWEST:
        return

    def run(config: Config) -> None:
        from alembic import command  # noqa: PLC0415 - see in_alembic

        command.upgrade(config, db.NEWEST)

    await in_alembic(url, run)


async def _fill(connection: asyncpg.Connection, zone: str | None, now: datetime) -> None:
    """Set what a new database starts with: zone, secrets, active rule set, running scenarios."""
    put = "insert into setting (key, value) values ($1, $2) on conflict do nothing"
    await connection.execute(put, "zone", zone or _FIRST_ZONE)
    await connection.execute(put, "erasure_key", secrets.token_hex(32))
    await connection.execute(put, "holdout_salt", secrets.token_hex(32))
    fixed = await connection.fetchval("select value from setting where key = 'zone'")
    if zone is not None and zone != fixed:
        raise StoreError(
            f"the database's time zone is {fixed}, fixed by its first migration, and not {zone}: "
            "every day in it is a day of that zone. Unset IKUSEI_TIME_ZONE, or start a new database"
        )
    if not await connection.fetchval("select exists (select from prompt_policy)"):
        policy, running = scenarios.default()
        texts = [scenarios.dump(scenario) for scenario in running]
        await begin(connection, scenarios.dump_policy(policy), texts, now)
    if await connection.fetchval("select exists (select from rule_set where state = 'active')"):
        return
    default = rules.default()
    await connection.execute(
        """
        insert into rule_set (name, toml, checksum, state, created_at, activated_at)
        values ($1, $2, $3, 'active', $4, $4)
        """,
        default.name,
        rules.dump(default),
        rules.checksum(default),
        now,
    )
