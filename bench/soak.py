"""Hours in half an hour: a mixed load without an error, in memory that does not grow.

The service runs in a process of its own, as does the worker. Their resident memory is looked at
every few seconds; that of the last quarter is compared with that of the second, when caches are
full and everything has been used. At the end every action that was acknowledged must be there,
whoever followed must have heard of every change up to the last, once and in order, and both
programs must be alive and have logged no error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Final

import numpy as np
import psutil

from bench.fill import Advance
from bench.follow import number
from bench.ground import ground
from bench.mixed import Mixed, Outcome
from bench.result import Document, document
from bench.served import Program, served, url_of, working
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
        async with working(url) as worker, served(url) as service:
            load = Mixed(f"127.0.0.1:{service.port}", text, seed=1)
            running = asyncio.create_task(load.run())
            programs = [service.program, worker]
            memory, of_worker = await _watch(programs, minutes * 60, running, advance)
            load.stop()
            await running
            outcome = load.outcome
            outcome.wrong += [fault for one in programs for fault in one.faults()]
        missing = await lost(database, outcome)
    quarter = len(memory) // 4
    early, late = median(memory[quarter : 2 * quarter]), median(memory[3 * quarter :])
    worker_growth = median(of_worker[3 * quarter :]) / median(of_worker[quarter : 2 * quarter])
    spent = np.array(outcome.seconds) * 1000
    return document(
        "soak",
        baseline="the resident memory of the same service after a quarter of the time",
        ratios={
            "memory_growth_at_most": (late / early, TARGET),
            "worker_memory_growth_at_most": (worker_growth, TARGET),
        },
        checksums_equal=not outcome.wrong and not missing,
        figures={
            "minutes": minutes,
            "calls": outcome.calls.total(),
            "wrong": outcome.wrong[:5] or 0,
            "lost": missing or 0,
            "actions": outcome.actions,
            "changes_followed": [len(one.cursors) for one in outcome.followers],
            "connections_of_followers": [one.connections for one in outcome.followers],
            "p50_ms": round(float(np.percentile(spent, 50)), 1),
            "p99_ms": round(float(np.percentile(spent, 99)), 1),
            "memory_early_mb": round(early / 1e6, 1),
            "memory_late_mb": round(late / 1e6, 1),
            "memory_most_mb": round(max(memory) / 1e6, 1),
            "worker_memory_most_mb": round(max(of_worker) / 1e6, 1),
        },
    )


async def _watch(
    programs: Sequence[Program], seconds: float, running: asyncio.Task[None], advance: Advance
) -> list[list[int]]:
    """The resident memory of each program, again and again, while the load runs.

    Raises what ended the load, if something did, and RuntimeError when a program has ended.
    """
    processes = [psutil.Process(one.pid) for one in programs]
    found: list[list[int]] = [[] for _ in programs]
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        done, _ = await asyncio.wait([running], timeout=min(_LOOK, seconds / 20))
        if done:
            await running
            raise RuntimeError("the load has ended by itself")
        for program, process, memory in zip(programs, processes, found, strict=True):
            if program.ended:
                raise RuntimeError("; ".join(program.faults()))
            memory.append(process.memory_info().rss)
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
    if outcome.newest is None or not outcome.followers:
        found.append("nobody knows what followers should have heard of")
        return found
    for who, one in enumerate(outcome.followers):
        numbers = [number(cursor) for cursor in one.cursors]
        heard = set(numbers)
        begin, end = number(one.begin), max([number(outcome.newest), *numbers])
        missed = [change for change in changes if begin < change <= end and change not in heard]
        if numbers != sorted(heard):
            found.append(f"follower {who} heard something twice or out of order")
        if missed:
            found.append(f"follower {who} missed {len(missed)} changes")
    return found
