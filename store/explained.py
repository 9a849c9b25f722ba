"""Where members stand as they are read: brought to today, or back to a day of the past.

A row of ``standing`` says where its member stood when it was last written. Reading goes on from
there to the end of the day that is asked about, in columns and without writing, so that an answer
is right even where the daily refresh has not come by yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Final

import numpy as np

from engagement.columns import NEVER, NOBODY, WIDTH, Moves, States, fold
from engagement.explain import Standing, explain, not_placed
from engagement.points import Days
from engagement.status import Hold, Points, State
from engagement.words import INDICES, STATUSES, Index
from store import facts, graces
from store.db import Read, Write
from store.graces import Row
from store.packed import unpack
from store.rules import ActiveRules

#: (member, day): what a count of distinct members is about.
At = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Kept:
    """What the database holds of one member's standing.

    ``state`` is empty until the first fold; ``pending`` says that the member's past changed and
    that they wait to be folded again. Nothing changes by itself before ``review_day``.
    """

    member_id: int
    rule_set_id: int | None
    state: bytes
    recent: bytes
    review_day: int | None
    pending: bool
    holds: tuple[Hold, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """A fold of some members from their first day to the end of ``until``.

    ``moves`` name positions in ``members``. Whoever came later has the status NOBODY.
    """

    members: tuple[int, ...]
    until: int
    states: States
    moves: Moves
    days: Days


@dataclass(frozen=True, slots=True)
class Stood:
    """Where a member stands today, and the holds it rests on; ``state`` is None before any fold."""

    state: State | None
    holds: tuple[Hold, ...] = ()

    def explained(self, rules: ActiveRules, today: int) -> Standing:
        """The standing with its reasons."""
        if self.state is None:
            return not_placed(today, rules.rules)
        return explain(self.state, rules.rules, holds=self.holds)


def ready(
    kept: Sequence[Kept], rules: ActiveRules, *, today: int
) -> tuple[dict[int, Standing], list[Kept]]:
    """The standings of today that need no database, by member; and those for which ``live`` does.

    These are the ones whose past changed, or who were placed under other rules.
    """
    found, rest = _ready(kept, rules, today)
    return {member: one.explained(rules, today) for member, one in found.items()}, rest


async def live(
    connection: Read, kept: Sequence[Kept], rules: ActiveRules, *, today: int
) -> dict[int, Standing]:
    """The standings of today, by member, whatever it takes."""
    found = await stood(connection, kept, rules, today=today)
    return {member: one.explained(rules, today) for member, one in found.items()}


async def stood(
    connection: Read | Write, kept: Sequence[Kept], rules: ActiveRules, *, today: int
) -> dict[int, Stood]:
    """Where members stand today, by member, whatever it takes."""
    found, rest = _ready(kept, rules, today)
    if rest:
        found |= await _as_due_work_would(connection, rest, rules, today=today)
    return found


def _ready(
    kept: Sequence[Kept], rules: ActiveRules, today: int
) -> tuple[dict[int, Stood], list[Kept]]:
    found: dict[int, Stood] = {}
    rest: list[Kept] = []
    current = [k for k in kept if k.state and k.rule_set_id == rules.id and not k.pending]
    states = _brought_to(current, rules, today)
    for one in kept:
        state = states.get(one.member_id)
        if not one.state:
            found[one.member_id] = Stood(None)
        elif state is None:
            rest.append(one)
        else:
            found[one.member_id] = Stood(state, one.holds)
    return found, rest


async def _as_due_work_would(
    connection: Read | Write, kept: Sequence[Kept], rules: ActiveRules, *, today: int
) -> dict[int, Stood]:
    """Fold members as ``standings.refold`` is going to do, without writing."""
    members = [one.member_id for one in kept]
    rows = [Row(one.rule_set_id, one.state, one.recent) for one in kept]
    folded = await graces.gather(connection, members, rows, rules, today)
    held = [(i, hold) for i, one in enumerate(kept) for hold in one.holds]
    had = (await graces.stood(connection, rows, rules, folded.last, held)).had
    holds = (await graces.carried_over(connection, members, folded, had, rules, held)).holds
    result = await facts.fold_from(
        connection, members, folded.start, folded.days, folded.last, rules, holds
    )
    states = _rows(result.states, folded.days, rules.rules.window_days)
    own: list[list[Hold]] = [[] for _ in members]
    for i, hold in holds:
        own[i].append(hold)
    return {
        member: Stood(state, tuple(its))
        for member, state, its in zip(members, states, own, strict=True)
        if state is not None
    }


async def at(
    connection: Read, members: Sequence[int], rules: ActiveRules, *, day: int
) -> dict[int, Standing | None]:
    """The standings at the end of ``day`` under the active rules; None for who came later."""
    found = await stood_at(connection, members, rules, day=day)
    return {
        member: None if one is None else one.explained(rules, day) for member, one in found.items()
    }


async def stood_at(
    connection: Read, members: Sequence[int], rules: ActiveRules, *, day: int
) -> dict[int, Stood | None]:
    """Where members stood at the end of ``day`` by the active rules; None for who came later."""
    past = await fold_to(connection, members, rules, until=day)
    holds: dict[int, tuple[Hold, ...]] = {}
    for position, hold in await facts.holds_of(connection, members):
        member = members[position]
        holds[member] = (*holds.get(member, ()), hold)
    return {
        member: None if state is None else Stood(state, holds.get(member, ()))
        for member, state in _states(past, rules).items()
    }


async def fold_to(
    connection: Read, members: Sequence[int], rules: ActiveRules, *, until: int
) -> Past:
    """Fold members from their first day to the end of ``until``, from their tallies."""
    days = await facts.earnings(connection, members, rules, last=until)
    start = States.before(await facts.entries(connection, members, days))
    holds = await facts.holds_of(connection, members)
    limit = np.full(len(members), until)
    result = await facts.fold_from(connection, members, start, days, limit, rules, holds)
    return Past(tuple(members), until, result.states, result.moves, days)


async def distinct(
    connection: Read | Write, asked: Sequence[At], rules: ActiveRules
) -> dict[At, Mapping[Index, int]]:
    """How many distinct counterparts each member has in the window that ends on the day.

    For the guards that an explanation shows (``Standing.with_people``).
    """
    found: dict[At, Mapping[Index, int]] = {}
    window = rules.rules.window_days
    for day in sorted({day for _, day in asked}):
        members = [member for member, when in asked if when == day]
        wanted = np.ones(len(members), np.bool_)
        first = day - window + 1
        pairs = await facts.pairs_of(connection, members, wanted, rules, first=first, last=day)
        everyone, when = np.arange(len(members)), np.full(len(members), day)
        people = {
            INDICES[i]: pairs.distinct(everyone, i, when - window, when).tolist()
            for i in rules.compiled.guarded
        }
        for position, member in enumerate(members):
            found[member, day] = {index: counts[position] for index, counts in people.items()}
    return found


def _brought_to(kept: Sequence[Kept], rules: ActiveRules, today: int) -> dict[int, State]:
    """The kept states, gone on to the end of ``today`` where they are older."""
    window = rules.rules.window_days
    due: list[Kept] = []
    states: dict[int, State] = {}
    for one in kept:
        if one.review_day is not None and one.review_day <= today:
            due.append(one)
        else:
            # Such a state stays as it is through every day until its review.
            states[one.member_id] = _as_kept(one, today, window)
    if due:
        read = unpack([(k.state, k.recent) for k in due])
        holds = [(i, hold) for i, k in enumerate(due) for hold in k.holds]
        # Nothing was given since: else the row would have been written.
        moved = fold(read.now, read.recent, today, rules.compiled, holds=holds).states
        np.maximum(moved.day, today, out=moved.day)
        rows = _rows(moved, read.recent, window)
        states |= {k.member_id: row for k, row in zip(due, rows, strict=True) if row is not None}
    return states


_STATE: Final = Struct(f"<{WIDTH}i")
_DAY: Final = Struct(f"<{1 + len(INDICES)}i")


def _as_kept(kept: Kept, today: int, window: int) -> State:
    """One row as a State, without columns: those would take longer than the rest of a request."""
    day, status, since, entry, given, *met = _STATE.unpack_from(kept.state, _STATE.size)
    day = max(day, today)
    bars = [None if one == NEVER else one for one in met]
    return State(
        day,
        STATUSES[status],
        since,
        (bars[0], bars[1], bars[2], bars[3]),
        entry,
        None if given == NEVER else given,
        tuple(
            (when, (p0, p1, p2, p3))
            for when, p0, p1, p2, p3 in _DAY.iter_unpack(kept.recent)
            if day - window < when <= day
        ),
    )


def _states(past: Past, rules: ActiveRules) -> dict[int, State | None]:
    rows = _rows(past.states, past.days, rules.rules.window_days)
    return dict(zip(past.members, rows, strict=True))


def _rows(states: States, days: Days, window: int) -> list[State | None]:
    """Columns as one State per member; None for NOBODY."""
    start = days.start.tolist()
    rows: list[State | None] = []
    columns = zip(
        states.day.tolist(),
        states.status.tolist(),
        states.since.tolist(),
        states.entry.tolist(),
        states.last_given.tolist(),
        states.met.tolist(),
        strict=True,
    )
    for i, (day, status, since, entry, given, met) in enumerate(columns):
        if status == NOBODY:
            rows.append(None)
            continue
        here = slice(start[i], start[i + 1])
        recent: list[tuple[int, Points]] = [
            (when, (points[0], points[1], points[2], points[3]))
            for when, points in zip(
                days.day[here].tolist(), days.points[here].tolist(), strict=True
            )
            if day - window < when <= day and any(points)
        ]
        bars = [None if one == NEVER else one for one in met]
        rows.append(
            State(
                day,
                STATUSES[status],
                since,
                (bars[0], bars[1], bars[2], bars[3]),
                entry,
                None if given == NEVER else given,
                tuple(recent),
            )
        )
    return rows
