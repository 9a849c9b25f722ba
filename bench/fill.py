"""Put the bench's community into an empty database."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import islice

from bench import bare
from bench.checks import COUNTED
from bench.data import BEGIN, SOURCE, Log
from bench.ground import held
from sources.records import Record
from store import names
from store.db import Database
from store.names import Names
from store.record import record
from store.refresh import refresh

#: Told how many records more are done.
Advance = Callable[[int], None]

_BATCH = 5_000


async def record_world(database: Database, log: Log, advance: Advance) -> None:
    """Record all members and posts and place everybody on the eve of the log."""
    await names.learn(database, [SOURCE], [row.key for row in log.types])
    for records in (log.member_records(), log.post_records()):
        for batch in _batched(records):
            await record(database, batch, now=BEGIN, defer=True)
            advance(len(batch))
    await refresh(database, now=BEGIN)
    await database.pool.execute("vacuum analyze")


async def fill(database: Database, log: Log, advance: Advance) -> None:
    """Have the world and its whole log recorded, faster than by recording it bit by bit.

    Actions are merged bare; every seventh of those that a judge would read gets each grade, as
    nobody grades yet; tallies are counted, in the order of days as recording leaves them, and
    standings folded from the result.
    """
    await record_world(database, log, advance)
    async with held(database) as connection:
        known = database.remembered(Names)
        for rows in log.batches(_BATCH):
            await bare.merge(connection, known, log.records(rows), table="action")
            advance(len(rows))
        judged = [known.types[row.key] for row in log.types if row.quality]
        await connection.execute(_GRADE, judged)
        await connection.execute("truncate tally")
        await connection.execute(f"insert into tally {COUNTED} order by day")
        await connection.execute("update standing set rule_set_id = null")
    await database.pool.execute("vacuum analyze")
    await refresh(database, now=BEGIN + timedelta(days=log.days) - timedelta(seconds=1))
    await database.pool.execute("vacuum analyze")


def _batched(records: Iterable[Record]) -> Iterable[list[Record]]:
    left = iter(records)
    while batch := list(islice(left, _BATCH)):
        yield batch


_GRADE = """
    update action set grade = id % 7 where type_id = any($1::smallint[]) and id % 7 between 1 and 5
"""
