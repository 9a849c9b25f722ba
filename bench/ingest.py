"""What full recording costs over the bare log, and what GraphQL costs over the store call.

The same actions go in order of time into ``action`` by ``store.record`` (tallies, standings and
transitions with it) and into a like table by a hand-written merge, in slices by turns on one
connection each. What comes after the race goes in by calls of 1,000, through the service and
straight into the store by turns. At the end both tables must hold the same, and the tallies and
standings must be what the actions say.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from statistics import median
from typing import Any, Final

from bench import bare, checks
from bench.data import BEGIN, Ints, Log, generate
from bench.doors import CALL, open_doors
from bench.fill import Advance, record_world
from bench.ground import ground, held
from bench.result import Document, document
from sources.records import ActionRecord
from store.db import Database
from store.names import Names
from store.record import record
from store.refresh import refresh

RECORD_TARGET: Final = 0.3
GRAPHQL_TARGET: Final = 2.0
#: Actions that one side records before it is the other's turn.
_SLICE: Final = 50_000
#: The part of the race that counts as cold: tables empty, nobody's window filled.
_COLD: Final = 0.1
#: Calls by each door after the race (one for so many actions of it), and uncounted first ones.
_CALLS: Final = range(5, 60)
_ACTIONS_PER_CALL: Final = 20_000
_WARM_UP: Final = 3


async def bench_ingest(
    *,
    server: str | None,
    members: int,
    actions: int,
    batch: int,
    advance: Advance = lambda _steps: None,
) -> Document:
    """The ratios of recording to the bare merge, and of GraphQL to the store."""
    calls = min(max(actions // _ACTIONS_PER_CALL, _CALLS.start), _CALLS.stop)
    log = generate(members=members, actions=actions + 2 * (calls + _WARM_UP) * CALL)
    async with ground(server, now=BEGIN) as database:
        race = Race(database, log, advance)
        await race.prepare()
        end = int(len(log.arrival) * actions / len(log.actor))
        await race.run(list(log.batches(batch, 0, end)), batch)
        graphql, store = await _by_doors(race, list(log.batches(CALL, end)))
        begin = time.perf_counter()
        now = BEGIN + timedelta(days=log.days) - timedelta(seconds=1)
        await refresh(database, now=now)
        refreshed = time.perf_counter() - begin
        async with held(database) as connection:
            equal = {
                "rows": await checks.same_rows(connection),
                "tallies": await checks.tallies_hold(connection),
                "standings": not await checks.wrong_standings(database, now=now),
            }
            sizes = dict((await connection.fetch(_SIZES))[0])
    return document(
        "ingest",
        baseline="a hand-written idempotent merge of the bare actions into a like table; "
        "for GraphQL the store call",
        ratios={
            "record_vs_bare_merge_at_least": (race.ratio(), RECORD_TARGET),
            "graphql_vs_store_at_most": (median(graphql) / median(store), GRAPHQL_TARGET),
        },
        checksums_equal=all(equal.values()),
        figures={
            **race.figures(),
            "graphql_ms_per_call": round(1000 * median(graphql), 1),
            "store_ms_per_call": round(1000 * median(store), 1),
            "refresh_seconds": round(refreshed, 1),
            "equal": equal,
            "members": members,
            "days": log.days,
            "batch": batch,
            **sizes,
        },
    )


@dataclass(slots=True)
class Turn:
    """Both sides' seconds for one slice of ``actions`` arrivals."""

    actions: int
    bare: float = 0.0
    full: float = 0.0


@dataclass(slots=True)
class Race:
    """The two sides on one database."""

    database: Database
    log: Log
    advance: Advance
    turns: list[Turn] = field(default_factory=list)

    async def prepare(self) -> None:
        """Record the world, and make the other side's table."""
        await record_world(self.database, self.log, self.advance)
        async with held(self.database) as connection:
            await bare.make_table(connection)
            await connection.execute("vacuum analyze bare_action")

    async def run(self, batches: Sequence[Ints], batch: int) -> None:
        """Record everything on both sides, slice by slice."""
        left = iter(batches)
        size = max(1, _SLICE // batch)
        while some := list(islice(left, size)):
            records = [self.log.records(rows) for rows in some]
            turn = Turn(sum(map(len, records)))
            sides = (self.merge, self.record)
            for side in sides if len(self.turns) % 2 else reversed(sides):
                await side(records, turn)
            self.turns.append(turn)
            self.advance(turn.actions)

    async def merge(self, batches: Sequence[Sequence[ActionRecord]], turn: Turn) -> None:
        """The baseline's turn."""
        async with held(self.database) as connection:
            begin = time.perf_counter()
            for records in batches:
                await bare.merge(connection, self.database.remembered(Names), records)
            turn.bare = time.perf_counter() - begin

    async def record(self, batches: Sequence[Sequence[ActionRecord]], turn: Turn) -> None:
        """The turn of full recording, each batch at the moment of its last action."""
        begin = time.perf_counter()
        for records in batches:
            await record(self.database, records, now=max(one.time for one in records))
        turn.full = time.perf_counter() - begin

    def ratio(self) -> float:
        """Actions a second of full recording to those of the bare merge, over all."""
        return sum(one.bare for one in self.turns) / sum(one.full for one in self.turns)

    def figures(self) -> dict[str, Any]:
        """Cold and warm apart."""
        cold = max(1, round(len(self.turns) * _COLD))
        found: dict[str, Any] = {}
        for name, turns in (("cold", self.turns[:cold]), ("warm", self.turns[cold:])):
            actions = sum(one.actions for one in turns)
            bare, full = sum(one.bare for one in turns), sum(one.full for one in turns)
            if actions:
                found[f"{name}_ratio"] = round(bare / full, 3)
                found[f"{name}_bare_per_second"] = round(actions / bare)
                found[f"{name}_record_per_second"] = round(actions / full)
        worst = min(one.bare / one.full for one in self.turns)
        return {**found, "worst_slice_ratio": round(worst, 3), "slices": len(self.turns)}


async def _by_doors(race: Race, batches: Sequence[Ints]) -> tuple[list[float], list[float]]:
    """Seconds of full calls through GraphQL and into the store, by turns; merged bare as well."""
    graphql: list[float] = []
    store: list[float] = []
    async with open_doors(race.database, now=BEGIN) as doors:
        sides = ((doors.through_graphql, graphql), (doors.into_store, store))
        for number, rows in enumerate(batches):
            records = race.log.records(rows)
            # ABBA: neither door always comes first.
            call, seconds = sides[(number + number // 2) % 2]
            spent = await call(records, max(one.time for one in records))
            if len(records) == CALL and number >= 2 * _WARM_UP:
                seconds.append(spent)
            await race.merge([records], Turn(len(records)))
            race.advance(len(records))
    return graphql, store


_SIZES = """
    select (select count(*) from action) as actions, (select count(*) from tally) as tallies,
        (select count(*) from transition) as transitions
"""
