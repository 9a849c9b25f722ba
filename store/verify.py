"""Put a rule set in force, see where everybody stands, and take it all back.

It does what activation and due work do, in one transaction that is never committed: so that what
was foretold can be held against what comes about, in a community that notices nothing but a pause.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from engagement.words import RuleSet
from store import population, rules
from store.audit import COMMAND_LINE
from store.db import Database, Read, Write
from store.population import Population
from store.refresh import place_due


class _TakenBack(Exception):
    """Ends the transaction."""


async def put_in_force(
    database: Database, draft: RuleSet, toml: str, *, day: int, now: datetime
) -> Population:
    """Everybody at the end of ``day`` as reports would have them with ``draft`` in force.

    Recording waits until it is over. Nothing is written.
    """
    found: list[Population] = []

    async def work(connection: Write) -> None:
        saved = await rules.save_in(connection, draft, toml, by=COMMAND_LINE, now=now)
        await rules.activate_in(database, connection, saved.id, by=COMMAND_LINE, now=now)
        last: int | None = -1
        while last is not None:
            last, _ = await place_due(database, connection, now, after=last, waiting=True)
        active = await rules.active(database, connection)
        reading, today = Read(connection), database.day(now)
        if day == today:
            found.append(await population.live(reading, active, today=today))
        else:
            found.append(await population.at(reading, active, day=day))
        raise _TakenBack

    with suppress(_TakenBack):
        await database.in_write(work)
    return found[-1]
