"""Where members stand: kept with every recording, folded again when the past changed.

The row of a member holds the state at the end of the day before (``eve``) and of its ``day``
(``now``), and the days of the window with their points. That is all that today's actions need; any
change to an earlier day folds the member again from their tallies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise
from typing import Any, Final

import asyncpg
import numpy as np
from numpy.typing import NDArray

from engagement.columns import CAUSES, WIDTH, Moves, Pairs, States, fold, review_days, values_at
from engagement.points import Days, Ints
from engagement.status import Hold
from engagement.words import INDICES, STATUSES, Cause
from store import facts
from store.db import Write
from store.rules import ActiveRules

#: So many members with changed pasts are folded again at once; more become due work.
FEW: Final = 200

_RECENT_WIDTH = 5
_NEVER_REVIEWED = 2**31 - 1


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """What the rows of some members hold, in columns; ``recent`` is as in points.Days."""

    eve: States
    now: States
    recent: Days


def unpack(rows: Sequence[tuple[bytes, bytes]]) -> Kept:
    """Read the packed columns ``state`` and ``recent`` of rows that were folded."""
    packed = np.frombuffer(b"".join(row[0] for row in rows), "<i4").reshape(-1, 2, WIDTH)
    recent = np.frombuffer(b"".join(row[1] for row in rows), "<i4").reshape(-1, _RECENT_WIDTH)
    sizes = [len(row[1]) // (4 * _RECENT_WIDTH) for row in rows]
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    wide = recent.astype(np.int64)
    here = np.zeros(len(wide), np.bool_)
    days = Days(start, wide[:, 0], wide[:, 1:], here)
    return Kept(States.unpack(packed[:, 0]), States.unpack(packed[:, 1]), days)


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """The outcome of folding some members to today."""

    eve: States
    now: States
    before_today: Moves
    today: Moves
    wants_pairs: NDArray[np.bool_]


def advance(
    start: States,
    days: Days,
    today: int,
    rules: ActiveRules,
    holds: Sequence[tuple[int, Hold]],
    pairs: Pairs | None,
) -> Placed:
    """Fold to the end of yesterday, and from there to what today is so far."""
    eve = fold(start, days, today - 1, rules.compiled, holds=holds, pairs=pairs)
    now = fold(eve.states, days, today, rules.compiled, holds=holds, pairs=pairs)
    return Placed(eve.states, now.states, eve.moves, now.moves, eve.wants_pairs | now.wants_pairs)


async def lock(connection: Write, members: Iterable[int]) -> dict[int, asyncpg.Record]:
    """The standings of ``members``, locked in the order of their numbers until we commit.

    Whoever changes what a member has earned holds this lock first, so that no two changes are
    computed from the same past.
    """
    rows = await connection.fetch(_LOCK, sorted(members))
    return {row["member_id"]: row for row in rows}


async def keep_today(
    connection: Write,
    locked: Mapping[int, asyncpg.Record],
    members: Sequence[int],
    rules: ActiveRules,
    *,
    today: int,
    now: datetime,
) -> None:
    """Place members whose only news are of today, from what their rows hold.

    The rows must have been folded under ``rules``; the tallies of today must be written.
    """
    members = sorted(members)
    if not members:
        return
    kept = unpack([(locked[m]["state"], locked[m]["recent"]) for m in members])
    news = await facts.earnings(connection, members, rules, first=today, last=today)
    days = _with_day(kept.recent, news, today)
    behind = kept.now.day < today
    start = kept.eve.take(np.arange(len(members)))
    start.put(behind, kept.now.take(behind))
    holds = await facts.holds_of(connection, members)
    placed = await _place(connection, members, start, days, today, rules, holds)
    await _write(connection, locked, members, placed, days, holds, rules, today, now, Cause.ACTION)


async def refold(
    connection: Write,
    locked: Mapping[int, asyncpg.Record],
    members: Sequence[int],
    rules: ActiveRules,
    *,
    today: int,
    now: datetime,
    cause: Cause,
) -> None:
    """Fold members again from their first day; changes of status get ``cause``.

    Whom rules that are new to them would lower keeps the status for the days of grace.
    """
    members = sorted(members)
    if not members:
        return
    days = await facts.earnings(connection, members, rules)
    start = States.before(await facts.entries(connection, members, days))
    holds = await facts.holds_of(connection, members)
    placed = await _place(connection, members, start, days, today, rules, holds)
    graces = _graces(locked, members, placed, rules, today)
    if graces:
        tried = await _place(connection, members, start, days, today, rules, holds + graces)
        status = tried.now.status
        # Where it would change nothing (they are dormant, say) there is nothing to be kept.
        graces = [(i, hold) for i, hold in graces if STATUSES[status[i]] is hold.status]
        await _grant(connection, members, graces, rules, now)
        holds += graces
        placed = await _place(connection, members, start, days, today, rules, holds)
    await _write(connection, locked, members, placed, days, holds, rules, today, now, cause)
    await connection.execute("delete from refold where member_id = any($1::int[])", members)


async def _place(
    connection: Write,
    members: Sequence[int],
    start: States,
    days: Days,
    today: int,
    rules: ActiveRules,
    holds: Sequence[tuple[int, Hold]],
) -> Placed:
    """``advance``, counting the people of those for whom it matters."""
    placed = advance(start, days, today, rules, holds, None)
    if placed.wants_pairs.any():
        pairs = await facts.pairs_of(connection, members, placed.wants_pairs, rules, last=today)
        placed = advance(start, days, today, rules, holds, pairs)
    return placed


def _graces(
    locked: Mapping[int, asyncpg.Record],
    members: Sequence[int],
    placed: Placed,
    rules: ActiveRules,
    today: int,
) -> list[tuple[int, Hold]]:
    """A grace for everybody who met an index by other rules and stands lower by these."""
    length = rules.rules.lifecycle.rule_change_grace_days
    found = []
    for i, (member, status) in enumerate(zip(members, placed.now.status.tolist(), strict=True)):
        row = locked[member]
        by_others = row["state"] and row["rule_set_id"] != rules.id
        if length and by_others and row["status"] < min(status, len(INDICES)):
            hold = Hold("grace", STATUSES[row["status"]], today, today + length)
            found.append((i, hold))
    return found


async def _grant(
    connection: Write,
    members: Sequence[int],
    graces: Sequence[tuple[int, Hold]],
    rules: ActiveRules,
    now: datetime,
) -> None:
    if graces:
        await connection.execute(
            _GRACE,
            [members[i] for i, _ in graces],
            [STATUSES.index(hold.status) for _, hold in graces],
            [hold.from_day for _, hold in graces],
            [hold.until_day for _, hold in graces],
            rules.name,
            now,
        )


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
) -> None:
    """Bring standings up to date after a change of tallies.

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
    await keep_today(connection, locked, go_on, rules, today=today, now=now)
    due = again if defer else again - new if len(again - new) > FEW else set()
    at_once = sorted(again - due)
    if due:
        await mark(connection, due, cause, now)
    await refold(connection, locked, at_once, rules, today=today, now=now, cause=cause)


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
    today: int,
    now: datetime,
    cause: Cause,
) -> None:
    everyone = np.arange(len(members))
    values = values_at(days, everyone, placed.now.day, rules.compiled)
    recent = _recent(days, placed.now.day, rules.rules.window_days)
    # Days without points change nothing when they leave the window.
    review = review_days(placed.now, recent, rules.compiled, holds)
    packed = np.stack([placed.eve.pack(), placed.now.pack()], axis=1)
    await connection.execute(
        _WRITE,
        list(members),
        rules.id,
        placed.now.day.tolist(),
        placed.now.since.tolist(),
        [None if day == _NEVER_REVIEWED else day for day in review.tolist()],
        *values.T.tolist(),
        placed.now.status.tolist(),
        [row.tobytes() for row in packed],
        _pack(recent),
    )
    moves = _announcements(locked, members, placed, today, cause)
    if moves:
        columns: list[list[Any]] = [list(column) for column in zip(*moves, strict=True)]
        await connection.execute(_ANNOUNCE, now, rules.id, *columns)


def _recent(days: Days, until: Ints, window: int) -> Days:
    """The days inside each member's window that had points."""
    last = until[days.owner]
    kept = (days.day > last - window) & (days.day <= last) & days.points.any(axis=1)
    start = np.searchsorted(days.owner[kept], np.arange(days.members + 1))
    return Days(start, days.day[kept], days.points[kept], days.gave[kept])


def _pack(recent: Days) -> list[bytes]:
    """The inverse of what ``unpack`` does to the column ``recent``."""
    whole = np.column_stack([recent.day, recent.points]).astype("<i4").tobytes()
    ends = (recent.start * 4 * _RECENT_WIDTH).tolist()
    return [whole[low:high] for low, high in pairwise(ends)]


def _announcements(
    locked: Mapping[int, asyncpg.Record],
    members: Sequence[int],
    placed: Placed,
    today: int,
    cause: Cause,
) -> list[tuple[int, int, int | None, int, str]]:
    """(member, day, from, to, cause) for whatever changed since the row was last written.

    Members who went on from their row moved day by day and each move is told. For those folded
    again only the difference to what was last told counts, with the cause of the folding.
    """
    told: dict[int, int | None] = {
        i: (locked[m]["status"] if locked[m]["state"] else None) for i, m in enumerate(members)
    }
    went_on = {i for i, m in enumerate(members) if locked[m]["state"] and cause is Cause.ACTION}
    found: list[tuple[int, int, int | None, int, str]] = []
    causes: dict[int, str] = {}
    steps = [
        (int(m), int(d), int(after), CAUSES[why].value)
        for moves in (placed.before_today, placed.today)
        for m, d, after, why in zip(moves.member, moves.day, moves.after, moves.cause, strict=True)
        if int(m) in went_on
    ]
    for i, own in groupby(sorted(steps), key=lambda step: step[0]):
        since = locked[members[i]]["day"]
        for _, day, after, why in own:
            if day == today:
                causes[i] = why
            elif day > since and told[i] != after:
                found.append((members[i], day, told[i], after, why))
                told[i] = after
    for i, status in enumerate(placed.now.status.tolist()):
        if status >= 0 and told[i] != status:
            why = causes.get(i, cause.value)
            found.append((members[i], today, told[i], status, why))
    return found


_LOCK = """
    select member_id, rule_set_id, day, status, state, recent from standing
    where member_id = any($1::int[]) order by member_id for no key update
"""

_MARK = """
    insert into refold (member_id, cause, since)
    select member_id, $2, $3 from unnest($1::int[]) member_id order by 1
    on conflict do nothing
"""


_GRACE = """
    insert into hold (member_id, kind, status, from_day, until_day, reason, by, created_at)
    select c.member_id, 'grace', c.status, c.from_day, c.until_day, 'change of rules', $5, $6
    from unnest($1::int[], $2::smallint[], $3::int[], $4::int[])
        as c(member_id, status, from_day, until_day)
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

_ANNOUNCE = """
    insert into transition (at, rule_set_id, member_id, day, from_status, to_status, cause)
    select $1, $2, * from unnest($3::int[], $4::int[], $5::smallint[], $6::smallint[], $7::text[])
"""
