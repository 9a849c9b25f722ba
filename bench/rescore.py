"""Everybody's window points anew, as after a change of rules: from the tallies or the actions.

Both are one statement over the window of a year's log, with the daily caps, in the same PostgreSQL
in turns, each in one process. The target is for the tables as they are, with an index by day on the
tallies only; what it would be with one on the actions is among the figures. The tallies lie as a
community that was recorded day by day leaves them; an archive imported in another order gains less
from that index.
"""

from __future__ import annotations

import time
from datetime import timedelta
from statistics import median
from typing import Final

import asyncpg

from bench.by_sql import ALL_FROM_ACTIONS, ALL_FROM_TALLIES, make_worth
from bench.data import BEGIN, generate
from bench.fill import Advance, fill
from bench.ground import ground, held
from bench.result import Document, document
from store import rules
from store.db import Database, Read

TARGET: Final = 0.33
_ROUNDS: Final = 7
_DAYS: Final = 365


async def bench_rescore(
    *, server: str | None, members: int, actions: int, advance: Advance = lambda _steps: None
) -> Document:
    """The ratio of the medians of alternating rounds."""
    log = generate(members=members, actions=actions, days=_DAYS)
    async with ground(server, now=BEGIN) as database:
        await fill(database, log, advance)
        last = database.day(BEGIN + timedelta(days=log.days - 1))
        async with held(database) as connection:
            active = await rules.active(database, Read(connection))
            await make_worth(connection, active)
            first = last - active.rules.window_days + 1
            await connection.execute("set max_parallel_workers_per_gather = 0")
            as_it_is = await _race(connection, first, last)
            await connection.execute("create index on action using brin (day)")
            with_index = await _race(connection, first, last)
            kept = await _checksum_of(connection, _KEPT)
            sizes = await _sizes(database)
    theirs, ours, sums = as_it_is
    return document(
        "rescore",
        baseline="the same sums from action",
        ratios={"tallies_vs_actions_at_most": (ours / theirs, TARGET)},
        checksums_equal=len(sums | with_index[2] | {kept}) == 1,
        figures={
            "tallies_seconds": round(ours, 3),
            "actions_seconds": round(theirs, 3),
            "actions_with_index_by_day_seconds": round(with_index[0], 3),
            "ratio_with_index_by_day": round(with_index[1] / with_index[0], 4),
            "members": members,
            "days": log.days,
            **sizes,
        },
    )


async def _race(
    connection: asyncpg.Connection, first: int, last: int
) -> tuple[float, float, set[tuple[int, int]]]:
    """Seconds from actions and from tallies, and the checksums that came out."""
    seconds: tuple[list[float], list[float]] = ([], [])
    sums = set()
    for number in range(_ROUNDS + 1):
        for query, own in zip((ALL_FROM_ACTIONS, ALL_FROM_TALLIES), seconds, strict=True):
            begin = time.perf_counter()
            sums.add(await _checksum_of(connection, query, first, last))
            if number:
                own.append(time.perf_counter() - begin)
    return median(seconds[0]), median(seconds[1]), sums


async def _checksum_of(connection: asyncpg.Connection, query: str, *days: int) -> tuple[int, int]:
    # As literals: after a few runs with arguments PostgreSQL would plan without knowing the days.
    for number, day in enumerate(days, 1):
        query = query.replace(f"${number}", str(day))
    row = await connection.fetchrow(_CHECKSUM.format(query=query))
    assert row is not None
    return row[0], row[1]


async def _sizes(database: Database) -> dict[str, int]:
    row = await database.pool.fetchrow(_SIZES)
    assert row is not None
    return dict(row)


_CHECKSUM = """
    select count(*), sum(hash_record_extended(row(member_id, p0, p1, p2, p3), 0))
    from ({query}) points where p0 + p1 + p2 + p3 > 0
"""

_KEPT = """
    select member_id, contribution as p0, interaction as p1, favorability as p2, support as p3
    from standing
"""

_SIZES = """
    select (select count(*) from action) as actions, (select count(*) from tally) as tallies,
        pg_total_relation_size('action') / 1048576 as action_mb,
        pg_total_relation_size('tally') / 1048576 as tally_mb
"""
