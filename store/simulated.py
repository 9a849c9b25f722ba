"""What a simulation says: the figures that every door tells, by the same words everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from engagement.columns import NOBODY
from engagement.rules import Change, diff
from engagement.simulate import Spread, counts, is_near, matrix, spread
from engagement.words import INDICES, STATUSES, Index, RuleSet, Status
from store.db import Read
from store.reports import health
from store.rules import ActiveRules
from store.simulate import Month, Progress, Simulation, simulate

#: Members known of those who are near a bar, the nearest first.
NEAR_MOST: Final = 100


@dataclass(frozen=True, slots=True)
class StatusTold:
    """How many have a status now, would have it, and would once the graces are over."""

    status: Status
    before: int
    count: int
    share: float
    after_grace: int

    @property
    def change(self) -> int:
        """How many more would have it."""
        return self.count - self.before


@dataclass(frozen=True, slots=True)
class Move:
    """How many would go from a status to another, or stay; None is who is not here."""

    before: Status | None
    after: Status | None
    members: int


@dataclass(frozen=True, slots=True)
class Near:
    """A member near a bar, with their points."""

    member_id: int
    points: float


@dataclass(frozen=True, slots=True)
class IndexTold:
    """How the points of an index lie around the bar of the draft; ``near`` are NEAR_MOST."""

    index: Index
    spread: Spread
    near: tuple[Near, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Simulated:
    """A simulation in figures; ``would_be_told`` are whom an activation that notifies would tell.

    ``unclassified`` of the ``actions`` are of types that the draft does not know.
    """

    day: int
    active: ActiveRules
    draft: RuleSet
    changes: tuple[Change, ...]
    statuses: tuple[StatusTold, ...]
    moves: tuple[Move, ...]
    indices: tuple[IndexTold, ...]
    months: tuple[Month, ...]
    population: int
    moved: int
    would_be_told: int
    in_grace: int
    actions: int
    unclassified: int


async def simulated(
    connection: Read,
    active: ActiveRules,
    draft: RuleSet,
    *,
    day: int,
    today: int,
    progress: Progress | None = None,
) -> tuple[Simulation, Simulated]:
    """Simulate, and say what comes of it."""
    found = await simulate(connection, active, draft, day=day, today=today, progress=progress)
    there = await health.recorded(connection)
    known = {row.key for row in draft.catalog}
    unclassified = sum(n for key, n in there.by_type.items() if key not in known)
    return found, _told(found, actions=there.actions, unclassified=unclassified)


def _told(found: Simulation, *, actions: int, unclassified: int) -> Simulated:
    taken = found.taken
    here, moved = taken.after != NOBODY, taken.before != taken.after
    return Simulated(
        day=found.day,
        active=found.active,
        draft=found.draft,
        changes=diff(found.active.rules, found.draft),
        statuses=_statuses(found),
        moves=_moves(matrix(taken.before, taken.after)),
        indices=tuple(_index(found, index) for index in INDICES),
        months=found.months,
        population=int(here.sum()),
        moved=int(moved.sum()),
        would_be_told=int((moved & here).sum()),
        in_grace=taken.in_grace,
        actions=actions,
        unclassified=unclassified,
    )


def _statuses(found: Simulation) -> tuple[StatusTold, ...]:
    taken = found.taken
    columns = [counts(one).tolist() for one in (taken.before, taken.after, taken.settled)]
    population = sum(columns[1])
    return tuple(
        StatusTold(status, before, count, share_of(count, population), after_grace)
        for status, before, count, after_grace in zip(STATUSES, *columns, strict=True)
    )


def share_of(count: int, population: int) -> float:
    """``count`` as a part of all, to the millionth."""
    return round(count / population, 6) if population else 0.0


def _moves(table: Sequence[Sequence[int]] | np.ndarray) -> tuple[Move, ...]:
    """The cells of the matrix with anybody in them."""
    words = [*STATUSES, None]
    cells = np.asarray(table)
    return tuple(
        Move(words[row], words[column], int(cells[row, column]))
        for row, column in np.argwhere(cells).tolist()
    )


def _index(found: Simulation, index: Index) -> IndexTold:
    i = INDICES.index(index)
    points, enter = found.points[:, i], found.draft.thresholds[index].enter
    near = np.flatnonzero(is_near(points, enter))
    nearest = near[np.argsort(np.abs(points[near] - enter * 100), kind="stable")][:NEAR_MOST]
    pairs = zip(found.ids[nearest].tolist(), points[nearest].tolist(), strict=True)
    return IndexTold(
        index,
        spread(found.distribution.points[i], enter),
        tuple(Near(member, worth / 100) for member, worth in pairs),
    )
