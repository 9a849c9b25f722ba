"""What another rule set would make of the community: worked out from its tallies, never written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from engagement.columns import NOBODY, Fold, States, values_at
from engagement.distribution import (
    Circumstances,
    Distribution,
    circumstances,
    distribution,
    joined,
    people_matter,
)
from engagement.history import periods
from engagement.points import Days, Ints
from engagement.simulate import (
    TakenOver,
    counts,
    flaps,
    supposed,
    taken_over,
    without_hysteresis,
)
from engagement.status import Hold
from engagement.words import RuleSet
from store import facts, graces, population
from store.db import Read, day_date, day_number
from store.rules import ActiveRules, as_if

#: Months that the back-test goes back.
MONTHS: Final = 12

#: Told how many members were looked at, and of how many.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Month:
    """The end of a month, and what was so at it: counts by status under both rules.

    ``moved`` and ``flapped`` are of the days of the month: moves by the members' own doing, and
    those that were taken back soon, under the rules in force, under the draft, and under the draft
    without hysteresis.
    """

    last_day: int
    active: tuple[int, ...]
    draft: tuple[int, ...]
    moved: tuple[int, int, int]
    flapped: tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Simulation:
    """Everybody on ``day``, by the rules in force and by ``draft`` in their place.

    Columns ascend by id; ``points`` (n, 4), ×100, are those of the draft. ``months`` are the last
    MONTHS whole ones, oldest first. ``distribution`` answers for other thresholds of the draft.
    """

    day: int
    active: ActiveRules
    draft: RuleSet
    ids: Ints
    taken: TakenOver
    points: Ints
    months: tuple[Month, ...]
    distribution: Distribution


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """What was worked out of some members: columns, and sums by month."""

    ids: Ints
    taken: TakenOver
    points: Ints
    beside: Circumstances
    by_status: Ints
    moves: Ints


@dataclass(frozen=True, slots=True, eq=False)
class _About:
    """What is simulated: the rules before, the draft, and the draft without hysteresis, on ``day``.

    ``real`` says that the rules before are in force, and not only supposed to be. ``edges`` are
    those of months.
    """

    kinds: tuple[ActiveRules, ActiveRules, ActiveRules]
    day: int
    today: int
    real: bool
    edges: Sequence[int]


@dataclass(frozen=True, slots=True, eq=False)
class Under:
    """Some members folded under one rule set."""

    rules: ActiveRules
    days: Days
    fold: Fold


async def simulate(
    connection: Read,
    active: ActiveRules,
    draft: RuleSet,
    *,
    day: int,
    today: int,
    progress: Progress | None = None,
) -> Simulation:
    """Work out what everybody would have at the end of ``day`` if ``draft`` came into force today.

    It is what reports of that day will say then. All tallies until then are read; ``progress`` is
    told after every part of the members.
    """
    other = as_if(active, draft)
    free = as_if(active, without_hysteresis(draft))
    edges = month_edges(day)
    real = active.id == await connection.fetchval(_IN_FORCE)
    about = _About((active, other, free), day, today, real, edges)
    ids = await population.everybody(connection)
    parts: list[_Part] = []
    done = 0
    for chunk in population.chunks(ids) or [[]]:
        part = await _part(connection, chunk, about)
        parts.append(part)
        done += len(chunk)
        if progress is not None:
            progress(done, len(ids))
    points = np.concatenate([part.points for part in parts])
    return Simulation(
        day=day,
        active=active,
        draft=draft,
        ids=np.concatenate([part.ids for part in parts]),
        taken=_joined([part.taken for part in parts]),
        points=points,
        months=_months(edges, parts),
        distribution=distribution(
            points, joined([part.beside for part in parts]), draft.precedence
        ),
    )


def month_edges(day: int) -> list[int]:
    """The first days of the last MONTHS whole months before ``day``, and of the one after them.

    A month is whole when ``day`` is its last day, or later.
    """
    after = day_date(day + 1)
    year, month = after.year, after.month
    edges = []
    for _ in range(MONTHS + 1):
        edges.append(day_number(after.replace(year=year, month=month, day=1)))
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
    return edges[::-1]


async def _part(connection: Read, members: list[int], about: _About) -> _Part:
    kinds, day, edges = about.kinds, about.day, about.edges
    table = await facts.tallies(connection, members, first=-(2**31), last=day)
    holds = await facts.holds_of(connection, members)
    active, draft, free = [
        await under(connection, members, table, rules, day, holds) for rules in kinds
    ]
    taken = await _taken(connection, members, about, active, draft, holds)
    here = np.flatnonzero((taken.before != NOBODY) | (taken.after != NOBODY))
    points = values_at(draft.days, here, np.full(len(here), day), kinds[1].compiled)
    beside = await beside_points(
        connection, members, draft.fold.states, draft.days, kinds[1], holds, day
    )
    last_days = [edge - 1 for edge in edges[1:]]
    by_status = np.array(
        [
            [counts(lives.at(day)) for day in last_days]
            for lives in (periods(one.fold.moves, len(members)) for one in (active, draft))
        ]
    )
    return _Part(
        ids=np.array(members, np.int64)[here],
        taken=TakenOver(taken.before[here], taken.after[here], taken.settled[here]),
        points=points,
        beside=beside.take(here),
        by_status=by_status,
        moves=np.array([flaps(under.fold.moves, edges) for under in (active, draft, free)]),
    )


async def _taken(
    connection: Read,
    members: list[int],
    about: _About,
    active: Under,
    draft: Under,
    holds: list[tuple[int, Hold]],
) -> TakenOver:
    """What the change makes of some members, who have ``holds`` so far."""
    before, after = active.fold.states, draft.fold.states
    compiled = active.rules.compiled, draft.rules.compiled
    today = about.day == about.today
    if about.real:
        found = await graces.foreseen(
            connection, members, holds, active.rules, draft.rules, today=about.today
        )
        holds, change = found.now, found.then
    else:
        change = supposed(before, after, holds, *compiled, today=today)
    return taken_over(before, after, holds, change, *compiled, today=today)


async def under(
    connection: Read,
    members: list[int],
    table: Ints,
    rules: ActiveRules,
    day: int,
    holds: Sequence[tuple[int, Hold]],
) -> Under:
    """Fold members to the end of ``day`` by the tallies of ``table``."""
    days = await facts.earned(table, members, rules)
    start = States.before(await facts.entries(connection, members, days))
    limit = np.full(len(members), day)
    folded = await facts.fold_from(connection, members, start, days, limit, rules, holds)
    return Under(rules, days, folded)


async def beside_points(
    connection: Read,
    members: list[int],
    states: States,
    days: Days,
    rules: ActiveRules,
    holds: Sequence[tuple[int, Hold]],
    day: int,
) -> Circumstances:
    """What decides on ``day`` beside the points, counting people where that is a guard.

    ``states`` are at the end of the day, or of an earlier one since which nothing was done.
    """
    states = states.take(np.arange(len(members)))
    states.day[:] = day
    pairs = None
    wanted = people_matter(states.day, days, rules.compiled)
    if wanted.any():
        first = day - rules.rules.window_days + 1
        pairs = await facts.pairs_of(connection, members, wanted, rules, first=first, last=day)
    return circumstances(states, days, rules.compiled, holds, pairs)


def _joined(parts: Sequence[TakenOver]) -> TakenOver:
    return TakenOver(
        np.concatenate([part.before for part in parts]),
        np.concatenate([part.after for part in parts]),
        np.concatenate([part.settled for part in parts]),
    )


def _months(edges: Sequence[int], parts: Sequence[_Part]) -> tuple[Month, ...]:
    by_status = np.sum([part.by_status for part in parts], axis=0).tolist()
    moves = np.sum([part.moves for part in parts], axis=0).tolist()
    return tuple(
        Month(
            last_day=after - 1,
            active=tuple(by_status[0][k]),
            draft=tuple(by_status[1][k]),
            moved=(moves[0][0][k], moves[1][0][k], moves[2][0][k]),
            flapped=(moves[0][1][k], moves[1][1][k], moves[2][1][k]),
        )
        for k, (_, after) in enumerate(pairwise(edges))
    )


_IN_FORCE = "select id from rule_set where state = 'active'"
