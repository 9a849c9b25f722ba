"""Everybody's status on a day of the past, worked out once for the pages of a list."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from store import population
from store.db import Database
from store.population import Population
from store.rules import ActiveRules

#: Days that are kept; one of a million members takes 64 MB.
_KEPT: Final = 2


@dataclass(slots=True)
class _Days:
    """The last days asked about, by day and rule set, each with what it was worked out from."""

    kept: OrderedDict[tuple[int, int], tuple[str, Population]] = field(default_factory=OrderedDict)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


async def on_day(database: Database, rules: ActiveRules, *, day: int, anew: bool) -> Population:
    """The population at the end of ``day``.

    It is folded from all tallies, which takes long, so one at a time, and the last ones are kept.
    With ``anew`` a kept one is given only where nothing at all was written since. Must be asked for
    without a connection in hand: whoever waits would keep it from the others.
    """
    days = database.remembered(_Days)
    key = (day, rules.id)
    if not anew and key in days.kept:
        days.kept.move_to_end(key)
        return days.kept[key][1]
    async with days.turn, database.read() as connection:
        mark: str = await connection.fetchval("select pg_current_snapshot()::text")
        if key not in days.kept or days.kept[key][0] != mark:
            days.kept[key] = (mark, await population.at(connection, rules, day=day))
        days.kept.move_to_end(key)
        while len(days.kept) > _KEPT:
            days.kept.popitem(last=False)
        return days.kept[key][1]
