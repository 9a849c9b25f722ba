"""What the members have who were placed by earlier rules: their own status then, and graces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from engagement.columns import Moves, States, by_points, fold
from engagement.grace import Graces, concerned, graces
from engagement.holds import FAR
from engagement.points import Days, Ints
from engagement.status import Hold
from engagement.words import STATUSES
from store import facts, rules
from store.db import Read, Write
from store.packed import unpack
from store.rules import ActiveRules, Earlier


@dataclass(frozen=True, slots=True)
class Row:
    """What of a standing was made with the rule set ``rule_set_id``; ``state`` may be empty."""

    rule_set_id: int | None
    state: bytes
    recent: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Folded:
    """All that members are folded from: the facts, and the days ``last`` to which they are."""

    start: States
    days: Days
    last: Ints


async def gather(
    connection: Read | Write,
    members: Sequence[int],
    rows: Sequence[Row],
    active: ActiveRules,
    today: int,
) -> Folded:
    """The facts of members from their first day to today, and to what is known beyond it.

    A server whose clock is ahead may have recorded a day that has not begun by ours; it is not
    taken back.
    """
    days = await facts.earnings(connection, members, active)
    start = States.before(await facts.entries(connection, members, days))
    last = np.maximum(start.entry, today)
    some = np.diff(days.start) > 0
    last[some] = np.maximum(last[some], days.day[days.start[1:][some] - 1])
    placed = np.array([bool(row.state) for row in rows], np.bool_)
    kept = unpack([(row.state, row.recent) for row in rows if row.state])
    last[placed] = np.maximum(last[placed], kept.now.day)
    return Folded(start, days, last)


@dataclass(frozen=True, slots=True, eq=False)
class Before:
    """Members who stand by earlier rules.

    ``had`` says where they stood by their own points on the day on which those ended (NOBODY: of
    whom this is not known), ``moves`` what had come about by then since their rows were written.
    """

    had: States
    moves: list[Moves]


async def stood(
    connection: Read | Write,
    rows: Sequence[Row],
    active: ActiveRules,
    last: Ints,
    holds: Sequence[tuple[int, Hold]],
) -> Before:
    """Bring the rows made with other rules to the day on which these rules ended."""
    return _brought(rows, await _ended(connection, rows, active), last, holds)


async def _ended(
    connection: Read | Write, rows: Sequence[Row], active: ActiveRules
) -> dict[int, Earlier]:
    """The rules that rows were made with and that are no longer in force."""
    others = {
        row.rule_set_id
        for row in rows
        if row.state and row.rule_set_id is not None and row.rule_set_id != active.id
    }
    return await rules.earlier(connection, others) if others else {}


def _brought(
    rows: Sequence[Row],
    ended: Mapping[int, Earlier],
    last: Ints,
    holds: Sequence[tuple[int, Hold]],
) -> Before:
    """``stood``, of the rows made with the rules ``ended``."""
    had = States.before(last + 1)
    moves = []
    for number, old in ended.items():
        those = [i for i, row in enumerate(rows) if row.rule_set_id == number and row.state]
        if not those:
            continue
        who = np.array(those)
        kept = unpack([(rows[i].state, rows[i].recent) for i in those])
        end = np.minimum(np.maximum(kept.now.day, old.until_day), last[who])
        had.put(who, by_points(kept.now, kept.recent, end, old.compiled))
        moved = fold(kept.now, kept.recent, end, old.compiled, holds=among(those, holds)).moves
        moves.append(replace(moved, member=who[moved.member]))
    return Before(had, moves)


@dataclass(frozen=True, slots=True, eq=False)
class Foreseen:
    """What the holds of members will be: once due work has come by, and under other rules.

    ``now`` are those by the rules in force, ``then`` what becomes of the graces when the others
    take their place today.
    """

    now: list[tuple[int, Hold]]
    then: Graces


async def foreseen(
    connection: Read,
    members: Sequence[int],
    holds: Sequence[tuple[int, Hold]],
    active: ActiveRules,
    other: ActiveRules,
    *,
    today: int,
) -> Foreseen:
    """What ``refold`` would write of graces today, and if ``other`` were in force from today on.

    Whom due work has not placed by the rules in force yet goes on from the rules before, as it
    would be then: it is granted a grace once.
    """
    rows = [
        Row(row["rule_set_id"], row["state"], row["recent"])
        for row in await connection.fetch(_ROWS, list(members))
    ]
    ended = await _ended(connection, rows, active)
    now = await _granted(connection, members, rows, ended, active, holds, today)
    ended[active.id] = Earlier(active.compiled, today)
    then = await _granted(connection, members, rows, ended, other, holds, today)
    return Foreseen(now.holds, then)


async def _granted(
    connection: Read,
    members: Sequence[int],
    rows: Sequence[Row],
    ended: Mapping[int, Earlier],
    rules_: ActiveRules,
    holds: Sequence[tuple[int, Hold]],
    today: int,
) -> Graces:
    """``carried_over`` of those who stand by the rules ``ended``, which ``rules_`` follow."""
    last = np.full(len(members), FAR)
    had = (await facts.aside(len(rows), lambda: _brought(rows, ended, last, holds))).had
    those = np.flatnonzero(concerned(had, holds)).tolist()
    if not those:
        return Graces(list(holds), [], [])
    some = [members[i] for i in those]
    folded = await gather(connection, some, [rows[i] for i in those], rules_, today)
    own = among(those, holds)
    change = await carried_over(connection, some, folded, had.take(np.array(those)), rules_, own)
    rest = set(those)
    return Graces(
        [(i, hold) for i, hold in holds if i not in rest]
        + [(those[k], hold) for k, hold in change.holds],
        [(those[k], hold) for k, hold in change.granted],
        [(those[k], hold, until) for k, hold, until in change.ended],
    )


async def carried_over(
    connection: Read | Write,
    members: Sequence[int],
    folded: Folded,
    had: States,
    active: ActiveRules,
    holds: list[tuple[int, Hold]],
) -> Graces:
    """The holds of members once the rules in force have taken the place of those before.

    Nothing is written, and it is the same however often it is asked: so that reading tells before
    due work what will be so after it.
    """
    who = concerned(had, holds)
    if not who.any():
        return Graces(holds, [], [])
    day = np.maximum(had.day, folded.start.entry)
    until = np.where(who, day, folded.start.day)
    now = await facts.fold_from(connection, members, folded.start, folded.days, until, active, ())
    return graces(had, now.states.status, holds, active.rules)


async def write(
    connection: Write, members: Sequence[int], change: Graces, by: str, now: datetime
) -> None:
    """Keep what ``carried_over`` found."""
    if change.ended:
        columns = _columns(members, [(i, hold) for i, hold, _ in change.ended])
        await connection.execute(_END, *columns, [until for _, _, until in change.ended])
    if change.granted:
        columns = _columns(members, change.granted)
        until = [hold.until_day for _, hold in change.granted]
        await connection.execute(_GRANT, *columns, until, by, now)


def _columns(members: Sequence[int], holds: Sequence[tuple[int, Hold]]) -> list[list[Any]]:
    return [
        [members[i] for i, _ in holds],
        [STATUSES.index(hold.status) for _, hold in holds],
        [hold.from_day for _, hold in holds],
    ]


def among(those: Sequence[int], holds: Sequence[tuple[int, Hold]]) -> list[tuple[int, Hold]]:
    """The holds of some members, by position among them."""
    position = {i: k for k, i in enumerate(those)}
    return [(position[i], hold) for i, hold in holds if i in position]


# A member whom no fold has reached has a standing without a state, if any.
_ROWS = """
    select s.rule_set_id, coalesce(s.state, '') as state, coalesce(s.recent, '') as recent
    from unnest($1::int[]) with ordinality m(member_id, position)
    left join standing s on s.member_id = m.member_id order by m.position
"""

_GRANT = """
    insert into hold (member_id, kind, status, from_day, until_day, reason, by, created_at)
    select c.member_id, 'grace', c.status, c.from_day, c.until_day, 'change of rules', $5, $6
    from unnest($1::int[], $2::smallint[], $3::int[], $4::int[])
        as c(member_id, status, from_day, until_day)
"""

_END = """
    update hold h set until_day = c.until_day
    from unnest($1::int[], $2::smallint[], $3::int[], $4::int[])
        as c(member_id, status, from_day, until_day)
    where h.member_id = c.member_id and h.kind = 'grace' and h.status = c.status
        and h.from_day = c.from_day and (h.until_day is null or h.until_day > c.until_day)
"""
