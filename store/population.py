"""Everybody's status at once, on a day: what reports count and lists of the past are sorted by.

The population are the members of role ``member`` that are neither merged into another nor erased:
somebody who closed their account remains part of the history, a tombstone is nobody. Staff and bots
are counted apart. Who has not been here yet on the day is not part of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engagement.columns import NOBODY, States, fold, values_at
from engagement.points import Ints
from engagement.words import INDICES, STATUSES, Status
from store import facts
from store.db import Read
from store.explained import Past, fold_to
from store.packed import unpack
from store.rules import ActiveRules

#: Members folded at once from their tallies.
CHUNK = 20_000

_MEMBER = STATUSES.index(Status.MEMBER)


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """Columns of all members there were on ``day``, ascending by id.

    ``points`` has the shape (n, 4), ×100. ``unplaced`` marks those whom no fold has reached: they
    count as ``member``, with the ``since`` of NEVER. ``outdated`` marks those who stand where
    earlier rules placed them.
    """

    day: int
    ids: Ints
    status: Ints
    since: Ints
    points: Ints
    unplaced: Ints
    outdated: Ints


async def live(connection: Read, rules: ActiveRules, *, today: int) -> Population:
    """The population of today, from the kept standings.

    Standings that are out of date go on to today as in ``explained.live``; of those that wait to be
    folded again, or to be placed by the rules in force, the last known is taken.
    """
    rows = await connection.fetch(_KEPT, rules.id)
    table = np.array([tuple(row) for row in rows], np.int64).reshape(-1, 10)
    ids, status, since, review, unplaced, outdated = (table[:, i] for i in range(6))
    status, since, points = status.copy(), since.copy(), table[:, 6:].copy()
    due = np.flatnonzero((review <= today) & (unplaced == 0) & (outdated == 0))
    if len(due):
        at = {int(id_): int(row) for id_, row in zip(ids[due], due, strict=True)}
        await _advance(connection, at, status, since, points, rules, today)
    return Population(today, ids, status, since, points, unplaced, outdated)


async def at(connection: Read, rules: ActiveRules, *, day: int) -> Population:
    """The population at the end of ``day`` under the active rules, folded from all tallies."""
    ids = await everybody(connection)
    parts = [
        _part(await fold_to(connection, chunk, rules, until=day), rules) for chunk in chunks(ids)
    ]
    none = np.zeros(0, np.int64)
    if not parts:
        return Population(day, none, none, none, none.reshape(0, len(INDICES)), none, none)
    ids_, status, since, points = (np.concatenate([part[i] for part in parts]) for i in range(4))
    all_placed = np.zeros_like(ids_)
    return Population(day, ids_, status, since, points, all_placed, all_placed)


async def everybody(connection: Read) -> list[int]:
    """The population, ascending by id, whether or not they were here on some day."""
    return [row["id"] for row in await connection.fetch(_EVERYBODY)]


async def statuses_at(
    connection: Read, members: list[int], rules: ActiveRules, *, day: int
) -> dict[int, int]:
    """The status code of some members at the end of ``day``; NOBODY for who came later."""
    found: dict[int, int] = {}
    for chunk in chunks(members):
        past = await fold_to(connection, chunk, rules, until=day)
        found.update(zip(chunk, past.states.status.tolist(), strict=True))
    return found


async def apart(connection: Read) -> dict[str, int]:
    """How many staff and bots there are."""
    return {row["role"]: row["n"] for row in await connection.fetch(_APART)}


def _part(past: Past, rules: ActiveRules) -> tuple[Ints, Ints, Ints, Ints]:
    here = np.flatnonzero(past.states.status != NOBODY)
    ids = np.array(past.members, np.int64)
    values = values_at(past.days, here, np.full(len(here), past.until), rules.compiled)
    return ids[here], past.states.status[here], past.states.since[here], values


def chunks(ids: list[int]) -> list[list[int]]:
    """``ids`` in parts that are folded at once."""
    return [ids[low : low + CHUNK] for low in range(0, len(ids), CHUNK)]


async def _advance(
    connection: Read,
    at: dict[int, int],
    status: Ints,
    since: Ints,
    points: Ints,
    rules: ActiveRules,
    today: int,
) -> None:
    """Fold rows that are behind to today, in place; ``at`` says which row a member has."""
    for chunk in chunks(sorted(at)):
        kept = await connection.fetch(_PACKED, chunk)
        read = unpack([(row["state"], row["recent"]) for row in kept])
        holds = await facts.holds_of(connection, chunk)
        done: States = fold(read.now, read.recent, today, rules.compiled, holds=holds).states
        everyone = np.arange(len(chunk))
        rows = np.array([at[member] for member in chunk])
        status[rows], since[rows] = done.status, done.since
        until = np.full(len(chunk), today)
        points[rows] = values_at(read.recent, everyone, until, rules.compiled)


_PEOPLE = "m.role = 'member' and m.merged_into is null and m.erased_at is null"

_KEPT = f"""
    select s.member_id, s.status, coalesce(s.since, -2147483648),
        coalesce(case when s.day < s.next_review_day then s.next_review_day end, 2147483647),
        (s.state = '')::int, (s.state <> '' and s.rule_set_id is distinct from $1)::int,
        s.contribution, s.interaction, s.favorability, s.support
    from standing s join member m on m.id = s.member_id
    where {_PEOPLE} order by s.member_id
"""

_PACKED = """
    select state, recent from standing where member_id = any($1::int[]) order by member_id
"""

_EVERYBODY = f"select m.id from member m where {_PEOPLE} order by m.id"

_APART = """
    select role, count(*)::int as n from member
    where role <> 'member' and merged_into is null and erased_at is null group by role
"""
