"""Reading where a member stands: the kept row, against the same points from the actions.

Members are drawn by how much they do, as they come by. Each is read both ways by turns, on one
connection, a few times; the fastest counts, so that the percentiles are over members and not over
what else the machine does. The points must be the same.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Final

import numpy as np

from bench.by_sql import ONE_FROM_ACTIONS, make_worth
from bench.data import BEGIN, SOURCE, Log, generate
from bench.fill import Advance, fill
from bench.ground import ground, held
from bench.result import Document, document
from store import rules
from store.db import Database, Read

TARGET: Final = 0.1
_READS: Final = 2_000
_TIMES: Final = 5
#: First reads, which prepare statements and fill caches, and do not count.
_WARM_UP: Final = 100


async def bench_read(
    *, server: str | None, members: int, actions: int, advance: Advance = lambda _steps: None
) -> Document:
    """The ratio of the 99th percentiles."""
    log = generate(members=members, actions=actions)
    async with ground(server, now=BEGIN) as database:
        await fill(database, log, advance)
        kept, summed, same = await _race(database, log, await _drawn(database, log))
    spent = {"kept": np.array(kept) * 1e6, "from_actions": np.array(summed) * 1e6}
    p99 = {name: float(np.percentile(one, 99)) for name, one in spent.items()}
    return document(
        "read",
        baseline="the window's points of one member from action by indexes, with the daily caps",
        ratios={"standing_vs_actions_p99_at_most": (p99["kept"] / p99["from_actions"], TARGET)},
        checksums_equal=same,
        figures={
            **{
                f"{name}_p{q}_us": round(float(np.percentile(one, q)))
                for name, one in spent.items()
                for q in (50, 95, 99)
            },
            "reads": len(kept),
            "members": members,
            "actions": len(log.actor),
            "days": log.days,
        },
    )


async def _drawn(database: Database, log: Log) -> list[int]:
    """The numbers of members drawn by their activity."""
    rows = await database.pool.fetch(_NUMBERS, SOURCE)
    number = {row["external_id"]: row["member_id"] for row in rows}
    rng = np.random.default_rng(1)
    drawn = rng.choice(log.actor, _READS + _WARM_UP).tolist()
    return [number[str(one)] for one in drawn]


async def _race(
    database: Database, log: Log, members: list[int]
) -> tuple[list[float], list[float], bool]:
    """Seconds of each read both ways, and whether all results were equal."""
    kept: list[float] = []
    summed: list[float] = []
    same = True
    async with held(database) as connection:
        active = await rules.active(database, Read(connection))
        await make_worth(connection, active)
        last = database.day(BEGIN + timedelta(days=log.days - 1))
        first = last - active.rules.window_days + 1
        ours = await connection.prepare(_STANDING)
        theirs = await connection.prepare(ONE_FROM_ACTIONS)
        for member in members:
            seconds: tuple[list[float], list[float]] = ([], [])
            for _ in range(_TIMES):
                begin = time.perf_counter()
                standing = await ours.fetchrow(member)
                middle = time.perf_counter()
                points = await theirs.fetchrow(first, last, member)
                end = time.perf_counter()
                assert standing is not None
                assert points is not None
                same &= tuple(standing)[1:] == tuple(points)
                seconds[0].append(middle - begin)
                seconds[1].append(end - middle)
            kept.append(min(seconds[0]))
            summed.append(min(seconds[1]))
    return kept[_WARM_UP:], summed[_WARM_UP:], same


_NUMBERS = """
    select a.external_id, a.member_id from account a join source s on s.id = a.source_id
    where s.name = $1
"""

_STANDING = """
    select status, contribution, interaction, favorability, support from standing
    where member_id = $1
"""
