"""Hours in half an hour: a mixed load without an error, in memory that does not grow.

The service runs in a process of its own, as does the worker. Its resident memory is looked at every
few seconds; that of the last quarter is compared with that of the second, when caches are full and
everything has been used. At the end every action that was acknowledged must be there, and whoever
followed must have heard of every change, once and in order.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from statistics import median
from typing import Final

import numpy as np
import psutil

from bench.fill import Advance
from bench.ground import ground
from bench.mixed import Mixed, Outcome
from bench.result import Document, document
from bench.served import served, url_of, working
from schema.ids import Big, from_cursor
from store import keys
from store.db import Database

TARGET: Final = 1.1
_LOOK: Final = 1.0


async def bench_soak(
    *, server: str | None, minutes: float, advance: Advance = lambda _steps: None
) -> Document:
    """The growth of memory, and whether all was well."""
    now = datetime.now(UTC)
    async with ground(server, now=now) as database:
        url = await url_of(database, server)
        text, _ = await keys.create(database, name="bench", scopes=set(keys.Scope), now=now)
        async with working(url), served(url) as service:
            load = Mixed(f"127.0.0.1:{service.port}", text, seed=1)
            running = asyncio.create_task(load.run())
            memory = await _watch(service.pid, minutes * 60, running, advance)
            load.stop()
            await running
        outcome = load.outcome
        missing = await lost(database, outcome)
    quarter = len(memory) // 4
    early, late = median(memory[quarter : 2 * quarter]), median(memory[3 * quarter :])
    spent = np.array(outcome.seconds) * 1000
    return document(
        "soak",
        baseline="the resident memory of the same service after a quarter of the time",
        ratios={"memory_growth_at_most": (late / early, TARGET)},
        checksums_equal=not outcome.wrong and not missing,
        figures={
            "minutes": minutes,
            "calls": outcome.calls.total(),
            "wrong": outcome.wrong[:5] or 0,
            "lost": missing or 0,
            "actions": outcome.actions,
            "changes_followed": [len(one) - 1 for one in outcome.cursors],
            "p50_ms": round(float(np.percentile(spent, 50)), 1),
            "p99_ms": round(float(np.percentile(spent, 99)), 1),
            "memory_early_mb": round(early / 1e6, 1),
            "memory_late_mb": round(late / 1e6, 1),
            "memory_most_mb": round(max(memory) / 1e6, 1),
        },
    )


async def _watch(
    pid: int, seconds: float, running: asyncio.Task[None], advance: Advance
) -> list[int]:
    """The resident memory of a process, again and again, while the load runs.

    Raises what ended the load, if something did.
    """
    process = psutil.Process(pid)
    found: list[int] = []
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        done, _ = await asyncio.wait([running], timeout=min(_LOOK, seconds / 20))
        if done:
            await running
            raise RuntimeError("the load has ended by itself")
        found.append(process.memory_info().rss)
        advance(1)
    return found


async def lost(database: Database, outcome: Outcome) -> list[str]:
    """What was acknowledged and is not there, or happened and was not told."""
    async with database.read() as connection:
        votes = await connection.fetchval(
            "select count(*) from action a join action_type t on t.id = a.type_id "
            "where t.verb = 'vote_up'"
        )
        changes = [row["id"] for row in await connection.fetch("select id from transition")]
    found = []
    if votes != outcome.actions:
        found.append(f"{outcome.actions} actions were acknowledged, {votes} are there")
    for who, cursors in enumerate(outcome.cursors):
        numbers = [_number(one) for one in cursors]
        heard = set(numbers[1:])
        missed = [one for one in changes if numbers[0] < one <= numbers[-1] and one not in heard]
        if numbers != sorted(heard | {numbers[0]}):
            found.append(f"follower {who} heard something twice or out of order")
        if missed:
            found.append(f"follower {who} missed {len(missed)} changes")
    return found


def _number(cursor: str) -> int:
    key = from_cursor(cursor, "changes", Big)
    assert key is not None
    number: int = key[0]
    return number
