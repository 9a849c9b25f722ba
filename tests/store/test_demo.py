"""The mark of a demo's database, and what is removed for another demo."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sources.records import Record
from store import demo, keys
from store.db import Database, StoreError
from store.demo import Mark
from store.keys import Scope
from store.record import record
from tests.store.making import NOW, act, ago, counted, member, post, undo

_MARK = Mark(members=20, seed=7, days=40, until=ago(10))
_SOURCE = "site"


async def _contents(database: Database) -> dict[str, int]:
    async with database.read() as connection:
        tables = await connection.fetch(
            "select tablename as name from pg_tables where schemaname = 'public'"
        )
        return {
            row["name"]: await connection.fetchval(f"select count(*) from {row['name']}")
            for row in tables
        }


async def _fill(database: Database, **more: str) -> None:
    records: list[Record] = [
        member("ann", **more),
        post("q1", **more),
        act("a1", post="q1", **more),
        counted("ann", 3, NOW, **more),
        undo("u1", "a9", **more),
    ]
    await record(database, records, now=NOW)


async def test_an_empty_database_is_marked_once(database: Database) -> None:
    assert await demo.begin(database, _MARK) == _MARK
    done = await demo.filled(database, _MARK)
    assert done == replace(_MARK, filled=True)
    await _fill(database)
    assert await demo.begin(database, replace(_MARK, seed=8)) == done


@pytest.mark.parametrize("only", [member("ann"), act("a1"), post("q1", author=None)])
async def test_a_database_of_others_is_never_marked(database: Database, only: Record) -> None:
    await record(database, [only], now=NOW)
    for _ in range(2):
        with pytest.raises(StoreError, match="holds a community already"):
            await demo.begin(database, _MARK)


async def test_for_another_demo_all_goes_but_keys_and_rules(database: Database) -> None:
    await keys.create(database, name="mine", scopes={Scope.SITE}, now=NOW)
    await demo.begin(database, _MARK)
    before = await _contents(database)
    await _fill(database)
    assert (await _contents(database))["tally"] > 0
    wanted = replace(_MARK, seed=9, until=NOW)
    assert await demo.anew(database, _MARK, wanted, _SOURCE) == wanted
    assert await demo.begin(database, _MARK) == wanted
    after = await _contents(database)
    # Names are for ever: other processes remember their numbers.
    assert {**after, "source": 0, "action_type": 0} == before
    await _fill(database)
    # Who meant the community of before removes nothing of this one.
    full = await _contents(database)
    assert await demo.anew(database, _MARK, replace(wanted, seed=10), _SOURCE) == wanted
    assert await _contents(database) == full


async def test_what_is_of_others_is_never_removed(database: Database) -> None:
    await demo.begin(database, _MARK)
    await _fill(database)
    assert await demo.others(database, _SOURCE) == []
    await _fill(database, source="forum")
    before = await _contents(database)
    assert await demo.others(database, _SOURCE) == ["forum"]
    with pytest.raises(StoreError, match="also holds what is of forum"):
        await demo.anew(database, _MARK, replace(_MARK, until=NOW), _SOURCE)
    assert await _contents(database) == before
    assert await demo.begin(database, replace(_MARK, seed=8)) == _MARK
