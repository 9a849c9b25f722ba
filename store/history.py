"""The history of everybody's statuses, folded from all tallies by any rules.

It does not come from the log of announced changes: that begins when Ikusei does, while an archive
that was imported yesterday has years of history.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engagement.columns import NOBODY, States
from engagement.history import History, Periods, joined, periods, some
from engagement.points import Ints
from store import facts, population
from store.db import Database, Read
from store.rules import ActiveRules

#: Told how many members were looked at, and of how many.
Progress = Callable[[int, int], None]


async def history(
    database: Database, rules: ActiveRules, *, until: int, progress: Progress | None = None
) -> History:
    """Fold everybody from their first day to the end of ``until``, as if ``rules`` always applied.

    All tallies until then are read; ``progress`` is told after every part of the members.
    """
    async with database.read() as connection:
        return await history_in(connection, rules, until=until, progress=progress)


async def history_in(
    connection: Read, rules: ActiveRules, *, until: int, progress: Progress | None = None
) -> History:
    """``history`` of the snapshot that ``connection`` sees."""
    ids = await population.everybody(connection)
    parts: list[tuple[Ints, Periods, Periods]] = []
    done = 0
    for chunk in population.chunks(ids):
        parts.append(await _part(connection, chunk, rules, until))
        done += len(chunk)
        if progress is not None:
            progress(done, len(ids))
    return History(
        until=until,
        ids=np.concatenate([np.zeros(0, np.int64), *(part[0] for part in parts)]),
        placed=joined([part[1] for part in parts]),
        own=joined([part[2] for part in parts]),
    )


async def _part(
    connection: Read, members: list[int], rules: ActiveRules, until: int
) -> tuple[Ints, Periods, Periods]:
    """Numbers and periods of those of ``members`` who are here by then."""
    days = await facts.earnings(connection, members, rules, last=until)
    start = States.before(await facts.entries(connection, members, days))
    limit = np.full(len(members), until)
    holds = await facts.holds_of(connection, members)
    folded = await facts.fold_from(connection, members, start, days, limit, rules, holds)
    own = folded.moves
    if holds:
        # Without their holds only those stand elsewhere who have any.
        held = np.isin(np.arange(len(members)), [i for i, _ in holds])
        limit = np.where(held, until, start.day)
        free = await facts.fold_from(connection, members, start, days, limit, rules, ())
        own = facts.instead(own, free.moves, held)
    here = np.flatnonzero(folded.states.status != NOBODY)
    return (
        np.array(members, np.int64)[here],
        some(periods(folded.moves, len(members)), here),
        some(periods(own, len(members)), here),
    )


async def freshness(connection: Read) -> str:
    """What a history that is kept must share with one that would be made now.

    In a community that is folded in a second or two it changes with everything that is written; in
    a larger one a history of some minutes ago will do, or it would never be found made.
    """
    largest: int = await connection.fetchval("select coalesce(max(id), 0) from member")
    if largest > population.CHUNK:
        return ""
    mark: str = await connection.fetchval("select pg_current_snapshot()::text")
    return mark
