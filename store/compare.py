"""Several rule sets side by side: what each by itself makes of everybody on a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from engagement.columns import statuses
from engagement.points import Ints
from engagement.simulate import counts
from engagement.words import STATUSES, RuleSet
from store import facts, population
from store.db import Read
from store.rules import ActiveRules, as_if
from store.simulate import Progress, under

#: So many rule sets, the one in force apart, may stand side by side.
MOST: Final = 8


@dataclass(frozen=True, slots=True)
class Column:
    """How many have each of STATUSES by one rule set, and how many another than by that in force.

    ``population`` are those who are here: by few rules somebody has their first day sooner.
    """

    name: str
    counts: tuple[int, ...]
    differing: int

    @property
    def population(self) -> int:
        """How many there are."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True, eq=False)
class SideBySide:
    """Rule sets on ``day``; the first of the columns is that of the rules in force."""

    day: int
    active: ActiveRules
    columns: tuple[Column, ...]


async def side_by_side(
    connection: Read,
    active: ActiveRules,
    others: Sequence[RuleSet],
    *,
    day: int,
    progress: Progress | None = None,
) -> SideBySide:
    """What everybody has at the end of ``day`` by the rules in force, and would have by others.

    Each of ``others`` is taken as if it always had been in force: locks hold, graces do not. All
    tallies until the day are read once for all of them.
    """
    kinds = [active, *(as_if(active, other) for other in others)]
    ids = await population.everybody(connection)
    found = np.zeros((len(kinds), len(STATUSES)), np.int64)
    differing = np.zeros(len(kinds), np.int64)
    done = 0
    for chunk in population.chunks(ids):
        columns = await _columns(connection, chunk, kinds, day)
        for row, column in enumerate(columns):
            found[row] += counts(column)
            differing[row] += int((column != columns[0]).sum())
        done += len(chunk)
        if progress is not None:
            progress(done, len(ids))
    told = zip(kinds, found.tolist(), differing.tolist(), strict=True)
    return SideBySide(
        day, active, tuple(Column(one.name, tuple(row), moved) for one, row, moved in told)
    )


async def _columns(
    connection: Read, members: list[int], kinds: Sequence[ActiveRules], day: int
) -> list[Ints]:
    """The statuses of some members by each rule set, NOBODY for who is not here."""
    table = await facts.tallies(connection, members, first=-(2**31), last=day)
    holds = await facts.holds_of(connection, members)
    locks = [(i, hold) for i, hold in holds if hold.kind == "lock"]
    columns = []
    for place, rules in enumerate(kinds):
        own = locks if place else holds
        folded = await under(connection, members, table, rules, day, own)
        columns.append(statuses(folded.fold.states, rules.compiled, own))
    return columns
