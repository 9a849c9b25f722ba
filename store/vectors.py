"""How many members have which points, kept so that questions about bars are answered at once.

What is kept of a day are its distinct vectors (engagement/distribution.py), packed, by all of the
rules but their bars. Those by the rules in force are made by due work; those by other rules, or of
another day, when somebody asks for them. They are as of the moment at which they were made, and no
recording ever waits for them (docs/decisions/0019-kept-vectors.md).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import asyncpg
import numpy as np

from engagement.columns import NOBODY, States, fold, values_at
from engagement.distribution import (
    Circumstances,
    Distribution,
    basis,
    distribution,
    joined,
    pack,
    unpack,
)
from engagement.points import Ints
from engagement.words import RuleSet
from store import background, facts, packed, population
from store.background import Progress
from store.db import Database, Read, Write
from store.moment import Moment, Newest, moment
from store.rules import ActiveRules, as_if
from store.simulate import beside_points, under

#: Members looked at at once.
_CHUNK: Final = 10_000
#: How old those of today may become while somebody does something, and those of another day.
_FRESH: Final = timedelta(hours=1)
_STALE: Final = timedelta(days=1)
#: Made anew sooner where so many actions were recorded since: this part of all, and at least.
_PART: Final = 100
_LEAST: Final = 1_000
#: Making them may take this part of all time.
_SHARE: Final = 20
#: How many of them a process remembers.
_REMEMBERED: Final = 4
#: Held by the process that makes those of due work.
_MAKING: Final = 0x696B75766563


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """The vectors of everybody at the end of ``day``, as they were at ``made_at``."""

    day: int
    made_at: datetime
    everybody: Distribution


@dataclass(slots=True)
class _Last:
    """Those that this process used last, by basis and day."""

    kept: OrderedDict[tuple[str, int], Kept] = field(default_factory=OrderedDict)


async def found(database: Database, rules: RuleSet, *, day: int) -> Kept | None:
    """What is kept of ``day`` by all of ``rules`` but their bars; None where there is nothing."""
    key = (basis(rules), day)
    last = database.remembered(_Last)
    async with database.read() as connection:
        made_at = await connection.fetchval(_MADE_AT, *key)
        known = last.kept.get(key)
        if made_at is None or (known is not None and known.made_at == made_at):
            return None if made_at is None else known
        row = await connection.fetchrow(_FIND, *key)
    assert row is not None
    everybody = await facts.aside(len(row["vectors"]), lambda: unpack(row["vectors"]))
    if everybody is None:
        return None
    last.kept[key] = Kept(day, row["made_at"], everybody)
    last.kept.move_to_end(key)
    while len(last.kept) > _REMEMBERED:
        last.kept.popitem(last=False)
    return last.kept[key]


async def asked(
    database: Database,
    at: Moment,
    rules: RuleSet,
    *,
    day: int,
    now: datetime,
    patience: float | None,
) -> Kept:
    """What is kept of ``day``; it is made where there is nothing, or nothing of late.

    Raises as background.kept does.
    """
    kept = await found(database, rules, day=day)
    of_today = day == at.today
    if kept is not None and now - kept.made_at < (_FRESH if of_today else _STALE):
        return kept
    if kept is not None and basis(rules) == basis(at.rules.rules) and day == at.day:
        # Due work sees to these.
        return kept

    async def work(progress: Progress) -> Kept:
        made = await _make(database, at, rules, day, now, progress)
        assert made is not None
        return made

    key = ("vectors", basis(rules), day)
    return await background.of(database).kept(key, work, patience=patience)


async def keep(database: Database, *, now: datetime) -> bool:
    """Make what is kept by the rules in force anew where it is due; drop what nobody needs.

    Returns whether it was made. It is part of due work, after everybody was placed.
    """
    async with database.read() as connection:
        at = await moment(database, connection, database.remembered(Newest), now=now)
        rules = at.rules.rules
        row = await connection.fetchrow(_STATE, basis(rules), at.day)
    assert row is not None
    if not _is_due(row, now=now, archive=at.archive):
        return False
    if await _make(database, at, rules, at.day, now, Progress(), alone=True) is None:
        return False
    old = (basis(rules), at.day, now - _STALE)
    await database.in_write(lambda write: write.execute(_DROP, *old))
    return True


def _is_due(row: asyncpg.Record, *, now: datetime, archive: bool) -> bool:
    """Whether what is kept is to be made anew; ``row`` tells of it, and of what was recorded."""
    if row["made_at"] is None:
        return True
    age, new = now - row["made_at"], row["now_recorded"] - row["recorded"]
    if age < timedelta(seconds=_SHARE * row["seconds"]):
        return False
    if new >= max(_LEAST, row["recorded"] // _PART):
        return True
    # In a living community what is taken back, locked or merged counts too, and has no number; in
    # an archive that is rare, and no day goes by.
    return bool(age >= _STALE or (age >= _FRESH and (new or not archive)))


async def _make(
    database: Database,
    at: Moment,
    rules: RuleSet,
    day: int,
    now: datetime,
    progress: Progress,
    *,
    alone: bool = False,
) -> Kept | None:
    """Make what is kept of a day, and keep it; with ``alone`` not where another process does."""
    begin = time.monotonic()
    async with database.read() as connection:
        await background.unhurried(connection)
        if alone and not await connection.fetchval(_ALONE, _MAKING):
            return None
        recorded: int = await connection.fetchval(_RECORDED)
        everybody = await everybody_on(
            connection, at.rules, rules, day=day, today=at.today, progress=progress
        )
    packed_ = await facts.aside(everybody.vectors, lambda: pack(everybody))
    seconds = round(time.monotonic() - begin)
    values = (basis(rules), day, now, recorded, seconds, packed_)

    async def work(connection: Write) -> None:
        await connection.execute(_KEEP, *values)

    await database.in_write(work)
    return Kept(day, now, everybody)


async def everybody_on(
    connection: Read,
    active: ActiveRules,
    rules: RuleSet,
    *,
    day: int,
    today: int,
    progress: Callable[[int, int], None] | None = None,
) -> Distribution:
    """Everybody's points at the end of ``day`` by ``rules``, and what decides beside them.

    Today's by the rules in force stand in the standings; else all tallies are read.
    """
    kept = day == today and basis(rules) == basis(active.rules)
    used = active if kept else as_if(active, rules)
    ids = await population.everybody(connection)
    points: list[Ints] = [np.zeros((0, 4), np.int64)]
    beside: list[Circumstances] = []
    for low in range(0, len(ids), _CHUNK):
        chunk = ids[low : low + _CHUNK]
        rows = await connection.fetch(_PLACED, chunk, active.id) if kept else []
        placed = [row["member_id"] for row in rows]
        rest = sorted(set(chunk) - set(placed))
        if placed:
            states = [(row["state"], row["recent"]) for row in rows]
            add = await _from_standings(connection, placed, states, used, day)
            points.append(add[0])
            beside.append(add[1])
        if rest:
            add = await _from_tallies(connection, rest, used, day)
            points.append(add[0])
            beside.append(add[1])
        if progress is not None:
            progress(low + len(chunk), len(ids))
    none = Circumstances(*(np.zeros((0, *size), np.int64) for size in ((), (), (), (4,))))
    return await facts.aside(
        len(ids),
        lambda: distribution(
            np.concatenate(points), joined(beside) if beside else none, rules.precedence
        ),
    )


async def _from_standings(
    connection: Read,
    members: list[int],
    rows: Sequence[tuple[bytes, bytes]],
    rules: ActiveRules,
    day: int,
) -> tuple[Ints, Circumstances]:
    """Points and circumstances of members who stand by the rules in force."""
    holds = await facts.holds_of(connection, members)

    def brought_here() -> tuple[States, Ints, packed.Kept]:
        read = packed.unpack(rows)
        until = np.maximum(read.now.day, day)
        states = fold(read.now, read.recent, until, rules.compiled, holds=holds).states
        everyone = np.arange(len(members))
        return (
            states,
            values_at(read.recent, everyone, np.full_like(until, day), rules.compiled),
            read,
        )

    states, points, read = await facts.aside(len(rows), brought_here)
    beside = await beside_points(connection, members, states, read.recent, rules, holds, day)
    return points, beside


async def _from_tallies(
    connection: Read, members: list[int], rules: ActiveRules, day: int
) -> tuple[Ints, Circumstances]:
    """Points and circumstances of those of some members who were here on the day."""
    table = await facts.tallies(connection, members, first=-(2**31), last=day)
    holds = await facts.holds_of(connection, members)
    one = await under(connection, members, table, rules, day, holds)
    here = np.flatnonzero(one.fold.states.status != NOBODY)
    points = values_at(one.days, here, np.full(len(here), day), rules.compiled)
    beside = await beside_points(connection, members, one.fold.states, one.days, rules, holds, day)
    return points, beside.take(here)


_ALONE = "select pg_try_advisory_xact_lock($1)"

_MADE_AT = "select made_at from kept_vectors where basis = $1 and day = $2"

_FIND = "select made_at, vectors from kept_vectors where basis = $1 and day = $2"

_RECORDED = """
    select coalesce(pg_sequence_last_value(pg_get_serial_sequence('action', 'id')), 0)
"""

_STATE = f"""
    select k.made_at, k.recorded, k.seconds, ({_RECORDED}) as now_recorded
    from (select 1) one left join kept_vectors k on k.basis = $1 and k.day = $2
"""

_KEEP = """
    insert into kept_vectors (basis, day, made_at, recorded, seconds, vectors)
    values ($1, $2, $3, $4, $5, $6)
    on conflict (basis, day) do update set made_at = excluded.made_at,
        recorded = excluded.recorded, seconds = excluded.seconds, vectors = excluded.vectors
"""

_DROP = "delete from kept_vectors where (basis, day) <> ($1, $2) and made_at < $3"

# Whose past has changed waits to be folded again, and is not taken as they stand.
_PLACED = """
    select s.member_id, s.state, s.recent from standing s
    where s.member_id = any($1::int[]) and s.rule_set_id = $2 and s.state <> ''
        and not exists (select 1 from refold r where r.member_id = s.member_id)
    order by s.member_id
"""
