"""The mark of a database that holds a made-up community, and making room for another one."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Final

import orjson

from store import names
from store.db import Database, Read, StoreError, Write

_KEY: Final = "demo"
#: Not of one community: what a database starts with, who may ask it, and the numbers of sources and
#: action types, which other processes remember.
_STAYS: Final = (
    *("alembic_version", "setting", "rule_set", "api_key", "audit_entry"),
    *("source", "action_type", "scenario", "prompt_policy"),
)


@dataclass(frozen=True, slots=True)
class Mark:
    """Which made-up community a database holds: the arguments that make it.

    It ends at ``until``; ``filled`` once all of it is recorded.
    """

    members: int
    seed: int
    days: int
    until: datetime
    filled: bool = False


async def begin(database: Database, wanted: Mark) -> Mark:
    """The mark of the database; an empty one is marked with ``wanted``.

    Raises StoreError where it holds a community and no mark.
    """

    async def work(connection: Write) -> Mark:
        if await connection.fetchval(_HOLDS_ANYTHING) and await _find(connection) is None:
            raise StoreError(
                "the database holds a community already, which a demo must not be mixed with; give "
                "the demo a database of its own: IKUSEI_DATA_DIR=… ikusei demo, without "
                "IKUSEI_DATABASE_URL"
            )
        await connection.execute(_MARK, _KEY, _dump(wanted))
        mark = await _find(connection)
        assert mark is not None
        return mark

    return await database.in_write(work)


async def filled(database: Database, mark: Mark) -> Mark:
    """Keep that all of it is recorded."""
    done = replace(mark, filled=True)

    async def work(connection: Write) -> Mark:
        await connection.execute(_SET, _KEY, _dump(done))
        return done

    return await database.in_write(work)


async def anew(database: Database, old: Mark, wanted: Mark, source: str) -> Mark:
    """Remove the community marked ``old``, and mark the database with ``wanted``.

    Settings, rule sets, API keys and the audit log stay. Returns the mark that the database then
    has: another one where another process was first. Raises StoreError where it holds anything that
    is not of ``source``: then nothing is removed.
    """

    async def work(connection: Write) -> Mark:
        await connection.execute(names.ALONE, names.IN_USE)
        found = await _find(connection)
        assert found is not None
        if found != old:
            return found
        if foreign := await _others(connection, source):
            raise StoreError(
                f"the database also holds what is of {', '.join(foreign)}, so its demo is not made "
                "anew; give a demo a data directory of its own: IKUSEI_DATA_DIR=… ikusei demo"
            )
        tables = await connection.fetch(_TABLES, list(_STAYS))
        await connection.execute(f"truncate {', '.join(row['name'] for row in tables)}")
        await connection.execute(_SET, _KEY, _dump(wanted))
        return wanted

    return await database.in_write(work)


async def others(database: Database, source: str) -> list[str]:
    """The sources other than ``source`` of which the database holds anything."""
    async with database.read() as connection:
        return await _others(connection, source)


async def _others(connection: Read | Write, source: str) -> list[str]:
    return [row["name"] for row in await connection.fetch(_OTHERS, source)]


async def _find(connection: Write) -> Mark | None:
    text = await connection.fetchval("select value from setting where key = $1", _KEY)
    if text is None:
        return None
    found = orjson.loads(text)
    return Mark(**found | {"until": datetime.fromisoformat(found["until"])})


def _dump(mark: Mark) -> str:
    return orjson.dumps(asdict(mark)).decode()


_HOLDS_ANYTHING = """
    select exists (select from member) or exists (select from post) or exists (select from action)
"""

_MARK = "insert into setting (key, value) values ($1, $2) on conflict do nothing"

_SET = "update setting set value = $2 where key = $1"

_TABLES = """
    select quote_ident(tablename) as name from pg_tables
    where schemaname = current_schema() and tablename <> all($1::text[])
"""

_OTHERS = """
    select s.name from source s
    where s.name <> $1 and (
        exists (select from account a where a.source_id = s.id)
        or exists (select from post p where p.source_id = s.id)
        or exists (select from action a where a.source_id = s.id))
    order by s.name
"""
