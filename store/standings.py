"""Where members stand: kept with every recording, folded again when the past changed.

The row of a member holds the state at the end of the day before (``eve``) and of its ``day``
(``now``), and the days of the window with their points. That is all that today's actions need; any
change to an earlier day folds the member again from their tallies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import asyncpg
import numpy as np
from numpy.typing import NDArray

from engagement.columns import (
    CAUSES,
    NOBODY,
    Moves,
    Pairs,
    States,
    fold,
    place_day,
    review_days,
    values_at,
)
from engagement.holds import FAR
from engagement.points import Days, Ints
from engagement.status import Hold
from engagement.words import Cause
from store import facts, graces
from store.announce import Change
from store.db import Write
from store.graces import Row
from store.packed import pack_recent, pack_states, unpack
from store.rules import ActiveRules

#: So many members with changed pasts are folded again at once; more become due work.
FEW: Final = 200

_EVER: Final = -(2**31)


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """The outcome of folding some members to a day: that of the day itself, and of the eve."""

    eve: States
    now: States
    before: Moves
    today: Moves
    wants_pairs: NDArray[np.bool_]


def advance(
    start: States,
    days: Days,
    last: Ints,
    rules: ActiveRules,
    holds: Sequence[tuple[int, Hold]],
    pairs: Pairs | None,
) -> Placed:
    """Fold to the eve of each member's day ``last``, and from there to what that day is so far."""
    eve = fold(start, days, last - 1, rules.compiled, holds=holds, pairs=pairs)
    now = place_day(eve.states, days, rules.compiled, holds=holds, pairs=pairs)
    return Placed(eve.states, now.states, eve.moves, now.moves, eve.wants_pairs | now.wants_pairs)


async def lock(connection: Write, members: Iterable[int]) -> dict[int, asyncpg.Record]:
    """The standings of ``members``, locked in the order of their numbers until we commit.

    Whoever changes what a member has earned holds this lock first, so that no two changes are
    computed from the same past.
    """
    rows = await connection.fetch(_LOCK, sorted(members))
    return {row["member_id"]: row for row in rows}


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """How the changes of members are told, who are named by position.

    ``before`` came about on days before the one they are placed on, and is told as it is. What
    remains is told as one change, with their cause in ``causes``; where that is an action, the move
    of the day itself in ``today`` knows better.
    """

    before: list[Moves]
    today: Moves
    causes: list[Cause]


async def keep_today(
    connection: Write,
    locked: Mapping[int, asyncpg.Record],
    members: Sequence[int],
    rules: ActiveRules,
    *,
    today: int,
) -> list[Change]:
    """Place members whose only news are of today, from what their rows hold.

    The rows must have been folded under ``rules``; the tallies of today must be written. Returns
    what is to be announced.
    """
    members = sorted(members)
    if not members:
        return []
    kept = unpack([(locked[m]["state"], locked[m]["recent"]) for m in members])
    news = await facts.earnings(connection, members, rules, first=today, last=today)
    days = _with_day(kept.recent, news, today)
    behind = kept.now.day < today
    start = kept.eve.take(np.arange(len(members)))
    start.put(behind, kept.now.take(behind))
    holds = await facts.holds_of(connection, members)
    last = np.full(len(members), today)
    # Nobody can enter by what lies before the window.
    first = today - rules.rules.window_days + 1
    placed = await _place(connection, members, start, days, last, rules, holds, first)
    told = Told([placed.before], placed.today, [Cause.ACTION] * len(members))
    return await _write(connection, locked, members, placed, days, holds, rules, told)


async def refold(
    connection: Write,
    locked: Mapping[int, asyncpg.Record],
    members: Sequence[int],
    rules: ActiveRules,
    *,
    today: int,
    now: datetime,
    cause: Cause,
) -> list[Change]:
    """Fold members again from their first day, to today or to their own day where that is later.

    What was due before is told first, then the difference, with ``cause``. Whoever stood by other
    rules moves because of them, and may have a grace (engagement/grace.py). Returns what is to be
    announced.
    """
    members = sorted(members)
    if not members:
        return []
    rows = [Row(locked[m]["rule_set_id"], locked[m]["state"], locked[m]["recent"]) for m in members]
    folded = await graces.gather(connection, members, rows, rules, today)
    holds = await facts.holds_of(connection, members)
    before = await graces.stood(connection, rows, rules, folded.last, holds)
    change = await graces.carried_over(connection, members, folded, before.had, rules, holds)
    await graces.write(connection, members, change, rules.name, now)
    holds = change.holds
    start, days, last = folded.start, folded.days, folded.last
    placed = await _place(connection, members, start, days, last, rules, holds, _EVER)
    due = _due_before(locked, members, last, holds, rules)
    others = before.had.status != NOBODY
    causes = [Cause.RULE_CHANGE if other else cause for other in others.tolist()]
    told = Told([*before.moves, due], placed.today, causes)
    await connection.execute("delete from refold where member_id = any($1::int[])", members)
    return await _write(connection, locked, members, placed, days, holds, rules, told)


def _due_before(
    locked: Mapping[int, asyncpg.Record],
    members: Sequence[int],
    last: Ints,
    holds: Sequence[tuple[int, Hold]],
    rules: ActiveRules,
) -> Moves:
    """What came about by itself before the day ``last``, and nobody has looked at since."""
    those = [
        i
        for i, row in enumerate(locked[m] for m in members)
        if row["state"] and row["rule_set_id"] == rules.id and row["next_review_day"] is not None
        and row["next_review_day"] < last[i]
    ]  # fmt: skip
    kept = unpack([(locked[members[i]]["state"], locked[members[i]]["recent"]) for i in those])
    who = np.array(those, np.int64)
    own = graces.among(those, holds)
    moves = fold(kept.now, kept.recent, last[who] - 1, rules.compiled, holds=own).moves
    return replace(moves, member=who[moves.member])


async def _place(
    connection: Write,
    members: Sequence[int],
    start: States,
    days: Days,
    last: Ints,
    rules: ActiveRules,
    holds: Sequence[tuple[int, Hold]],
    first: int,
) -> Placed:
    """``advance``, counting the people of those for whom it matters, from day ``first`` on."""
    placed = advance(start, days, last, rules, holds, None)
    if placed.wants_pairs.any():
        wanted, end = placed.wants_pairs, int(last.max())
        pairs = await facts.pairs_of(connection, members, wanted, rules, first=first, last=end)
        placed = advance(start, days, last, rules, holds, pairs)
    return placed


async def mark(connection: Write, members: Iterable[int], cause: Cause, now: datetime) -> None:
    """Leave members to due work."""
    await connection.execute(_MARK, sorted(members), cause.value, now)


async def settle(
    connection: Write,
    locked: Mapping[int, asyncpg.Record],
    rules: ActiveRules,
    *,
    fresh: Iterable[int],
    late: Iterable[int],
    today: int,
    now: datetime,
    cause: Cause = Cause.ACTION,
    new: frozenset[int] = frozenset(),
    defer: bool = False,
) -> list[Change]:
    """Bring standings up to date after a change of tallies; returns what is to be announced.

    ``fresh`` had news of today, ``late`` of earlier days or of themselves. Those who cannot simply
    go on from their row (late, never folded, other rules) are folded again, by due work when they
    are many or ``defer`` says so. ``new`` members have no more past than this change gives them
    and do not make it many. ``locked`` must hold all of them.
    """
    again = set(late)
    go_on = []
    for member in set(fresh) - again:
        row = locked[member]
        if row["state"] and row["rule_set_id"] == rules.id and row["day"] <= today:
            go_on.append(member)
        else:
            again.add(member)
    changes = await keep_today(connection, locked, go_on, rules, today=today)
    due = again if defer else again - new if len(again - new) > FEW else set()
    at_once = sorted(again - due)
    if due:
        await mark(connection, due, cause, now)
    return changes + await refold(
        connection, locked, at_once, rules, today=today, now=now, cause=cause
    )


def _with_day(recent: Days, news: Days, today: int) -> Days:
    """The kept days with those of ``news`` (all of ``today``) in the place of what they had."""
    keep = recent.day != today
    owner = np.concatenate([recent.owner[keep], news.owner])
    day = np.concatenate([recent.day[keep], news.day])
    points = np.concatenate([recent.points[keep], news.points])
    gave = np.concatenate([recent.gave[keep], news.gave])
    order = np.lexsort((day, owner))
    start = np.searchsorted(owner[order], np.arange(recent.members + 1))
    return Days(start, day[order], points[order], gave[order])


async def _write(
    connection: Write,
    locked: Mapping[int, asyncpg.Record],
    members: Sequence[int],
    placed: Placed,
    days: Days,
    holds: Sequence[tuple[int, Hold]],
    rules: ActiveRules,
    told: Told,
) -> list[Change]:
    everyone = np.arange(len(members))
    values = values_at(days, everyone, placed.now.day, rules.compiled)
    recent = _recent(days, placed.now.day, rules.rules.window_days)
    # Days without points change nothing when they leave the window.
    review = review_days(placed.now, recent, rules.compiled, holds)
    await connection.execute(
        _WRITE,
        list(members),
        rules.id,
        placed.now.day.tolist(),
        placed.now.since.tolist(),
        [None if day == FAR else day for day in review.tolist()],
        *values.T.tolist(),
        placed.now.status.tolist(),
        pack_states(placed.eve, placed.now),
        pack_recent(recent),
    )
    return _changes(locked, members, placed.now, told)


def _recent(days: Days, until: Ints, window: int) -> Days:
    """The days inside each member's window that had points."""
    last = until[days.owner]
    kept = (days.day > last - window) & (days.day <= last) & days.points.any(axis=1)
    start = np.searchsorted(days.owner[kept], np.arange(days.members + 1))
    return Days(start, days.day[kept], days.points[kept], days.gave[kept])


def _changes(
    locked: Mapping[int, asyncpg.Record],
    members: Sequence[int],
    now: States,
    told: Told,
) -> list[Change]:
    """Whatever changed since the rows were last written."""
    last: dict[int, int | None] = {
        i: (locked[m]["status"] if locked[m]["state"] else None) for i, m in enumerate(members)
    }
    found: list[Change] = []
    earlier = [step for moves in told.before for step in _steps(moves)]
    for i, day, after, why in sorted(earlier):
        since = locked[members[i]]["day"]
        if since is not None and day > since and last[i] != after:
            found.append(Change(members[i], day, last[i], after, CAUSES[why].value))
            last[i] = after
    today = {i: CAUSES[why] for i, _, _, why in _steps(told.today)}
    for i, (day, status) in enumerate(zip(now.day.tolist(), now.status.tolist(), strict=True)):
        if last[i] != status:
            cause = told.causes[i]
            if cause is Cause.ACTION:
                cause = today.get(i, cause)
            found.append(Change(members[i], day, last[i], status, cause.value))
    return found


def _steps(moves: Moves) -> list[tuple[int, int, int, int]]:
    """(position of the member, day, status after it, position of the cause in CAUSES)."""
    columns = (moves.member, moves.day, moves.after, moves.cause)
    return list(zip(*(column.tolist() for column in columns), strict=True))


_LOCK = """
    select member_id, rule_set_id, day, status, next_review_day, state, recent from standing
    where member_id = any($1::int[]) order by member_id for no key update
"""

_MARK = """
    insert into refold (member_id, cause, since)
    select member_id, $2, $3 from unnest($1::int[]) member_id order by 1
    on conflict do nothing
"""


_WRITE = """
    update standing s set
        rule_set_id = $2, day = c.day, since = c.since, next_review_day = c.review,
        contribution = c.contribution, interaction = c.interaction,
        favorability = c.favorability, support = c.support,
        status = c.status, state = c.state, recent = c.recent
    from unnest(
        $1::int[], $3::int[], $4::int[], $5::int[], $6::bigint[], $7::bigint[], $8::bigint[],
        $9::bigint[], $10::smallint[], $11::bytea[], $12::bytea[]
    ) as c(member_id, day, since, review, contribution, interaction, favorability, support,
        status, state, recent)
    where s.member_id = c.member_id
"""
