"""Sources and action types by name: few, never deleted, and remembered by each process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from store.db import Database, Read, Write

#: So many venues × verbs that only a mistake (ids sent as verbs) can lead there.
MOST_TYPES: Final = 10_000
MOST_SOURCES: Final = 1_000

#: The lock shared by all who work with the rules and types they have read; see rules.in_force.
IN_USE: Final = 0x696B75727573
#: Wait until nobody does, and keep them from it until we commit.
ALONE: Final = "select pg_advisory_xact_lock($1)"


@dataclass(slots=True)
class Names:
    """The numbers of sources and action types that are known to be committed.

    ``counting`` are the sources that have sent counters.
    """

    sources: dict[str, int] = field(default_factory=dict)
    types: dict[tuple[str, str], int] = field(default_factory=dict)
    counting: set[str] = field(default_factory=set)

    def type_of(self, number: int) -> tuple[str, str]:
        """Venue and verb of an action type number."""
        return next(key for key, known in self.types.items() if known == number)


async def learn(
    database: Database,
    sources: Iterable[str],
    types: Iterable[tuple[str, str]],
    counting: Iterable[str] = (),
) -> Names:
    """See to it that every name has a number, adding the new ones in a transaction of their own.

    Adding them apart, while nobody records, means that every recording knows all that others have
    recorded by. Names beyond MOST_TYPES and MOST_SOURCES get no number; the caller refuses the
    record. ``counting`` are the sources that are about to send counters.
    """
    names = database.remembered(Names)
    new_sources = sorted({s for s in sources if s not in names.sources})
    new_types = sorted({t for t in types if t not in names.types})
    new_counting = sorted({s for s in counting if s not in names.counting})
    if new_sources or new_types or new_counting:

        async def add(connection: Write) -> None:
            await connection.execute(ALONE, IN_USE)
            await connection.execute(_ADD_SOURCES, new_sources, MOST_SOURCES)
            await connection.execute(
                _ADD_TYPES, [t[0] for t in new_types], [t[1] for t in new_types], MOST_TYPES
            )
            await connection.execute(_MARK_COUNTING, new_counting)

        await database.in_write(add)
        async with database.read() as connection:
            await load(connection, names)
    return names


async def load(connection: Read | Write, names: Names) -> Names:
    """Read all names."""
    for row in await connection.fetch("select id, name, counts from source"):
        names.sources[row["name"]] = row["id"]
        if row["counts"]:
            names.counting.add(row["name"])
    for row in await connection.fetch("select id, venue, verb from action_type"):
        names.types[row["venue"], row["verb"]] = row["id"]
    return names


# As many as there is room for: a number once drawn is not given back, also not by those refused.
_ADD_SOURCES = """
    insert into source (name)
    select name from unnest($1::text[]) name
    where not exists (select 1 from source s where s.name = name.name)
    order by name limit greatest(0, $2 - (select count(*) from source))
"""

_MARK_COUNTING = "update source set counts = true where name = any($1::text[]) and not counts"

_ADD_TYPES = """
    insert into action_type (venue, verb)
    select t.venue, t.verb from unnest($1::text[], $2::text[]) t(venue, verb)
    where not exists (select 1 from action_type a where a.venue = t.venue and a.verb = t.verb)
    order by t.venue, t.verb limit greatest(0, $3 - (select count(*) from action_type))
"""
