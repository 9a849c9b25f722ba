"""How active members were in the venues of late."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np

from engagement.points import Ints
from engagement.survival import Floats
from engagement.words import Side
from store.candidates.feeder import Asked
from store.threads import RESPONSES

#: Days in which what somebody did loses half of its weight, and after which it has none.
_HALF_LIFE: Final = 30
_DAYS: Final = 182
#: Rows taken at once.
_CHUNK: Final = 50_000


@dataclass(frozen=True, slots=True, eq=False)
class Active:
    """Members who did something in a venue, ascending, and how much: of late it weighs more.

    ``answers`` is the part of ``deeds`` that answered something.
    """

    member: Ints
    deeds: Floats
    answers: Floats


async def active(asked: Asked, venues: Collection[str]) -> dict[str, Active]:
    """Who did something in some venues up to the end of the day before.

    What was done today is left out: it is tallied by the day, and the moment may lie within it.
    """
    parts: dict[str, list[tuple[int, float, float]]] = {venue: [] for venue in sorted(venues)}
    tables: dict[str, list[Floats]] = {venue: [] for venue in parts}
    cursor = await asked.connection.cursor(
        *(_ACTIVE, asked.day, _DAYS, _HALF_LIFE, list(parts), list(RESPONSES)),
        int(Side.GIVEN),
    )
    while chunk := await cursor.fetch(_CHUNK):
        for row in chunk:
            parts[row["venue"]].append((row["member_id"], row["deeds"], row["answers"]))
        for venue, part in parts.items():
            tables[venue].append(np.array(part, np.float64).reshape(-1, 3))
            part.clear()
    return {venue: _active(tables[venue]) for venue in parts}


def _active(tables: list[Floats]) -> Active:
    table = np.concatenate([np.zeros((0, 3)), *tables])
    table = table[np.argsort(table[:, 0])]
    return Active(table[:, 0].astype(np.int64), table[:, 1], table[:, 2])


_ACTIVE = """
    select w.member_id, t.venue, sum(w.weight)::float8 as deeds,
        coalesce(sum(w.weight) filter (where t.verb = any($5::text[])), 0)::float8 as answers
    from (
        select member_id, type_id, sum(n * power(0.5::float8, ($1 - day)::float8 / $3)) as weight
        from tally where day between $1 - $2::int and $1 - 1 and side = $6
        group by member_id, type_id
    ) w
    join action_type t on t.id = w.type_id and t.venue = any($4::text[])
    join member m on m.id = w.member_id and m.role = 'member' and m.state = 'active'
    group by w.member_id, t.venue
"""
