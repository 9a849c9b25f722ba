"""Reports: how many members have each status and who moved; and the health of the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

import numpy as np

from engagement.columns import NOBODY
from engagement.words import STATUSES, Status
from sources.records import Precision
from store import population
from store.db import Read
from store.moment import Moment
from store.population import Population
from store.rules import ActiveRules

#: The longest period that a report compares, in days.
MOST_PERIOD: Final = 3650


@dataclass(frozen=True, slots=True)
class TierRow:
    """One status: how many have it on the day, and how it came about since the period began.

    ``moved_in`` and ``moved_out`` count members, each once, by where they stood at the end of the
    day before the period and where they stand now; ``joined`` (a part of ``moved_in``) are those
    who were not here then. ``count − moved_in + moved_out`` is the count at that time.
    """

    status: Status
    count: int
    share: float
    moved_in: int
    moved_out: int
    joined: int

    @property
    def before(self) -> int:
        """How many had it when the period began."""
        return self.count - self.moved_in + self.moved_out

    @property
    def net(self) -> int:
        """How many more they are than when the period began."""
        return self.moved_in - self.moved_out


@dataclass(frozen=True, slots=True)
class TierReport:
    """Everybody by status on ``day``; the counts of ``rows`` add up to ``total``.

    ``unplaced`` are those counted as ``member`` because no fold has reached them, ``outdated``
    those counted where earlier rules placed them because these rules have not reached them yet.
    """

    day: int
    since: int
    rule_set: str
    rows: tuple[TierRow, ...]
    total: int
    unplaced: int
    outdated: int
    staff: int
    bots: int


@dataclass(frozen=True, slots=True)
class TypeCount:
    """How often an action type was recorded."""

    venue: str
    verb: str
    actions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What is missing in the data or still to be done, as counts.

    ``waiting_posts`` are posts that others refer to and nobody sent, ``waiting_reactions`` the
    actions on them; ``waiting_retractions`` undo actions that have not come. ``undescribed`` are
    members known only from what they did.
    """

    waiting_posts: int
    waiting_reactions: int
    waiting_retractions: int
    undescribed: int
    pending_refolds: int
    outdated_standings: int
    counters_whole: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """All actions in sums; ``times`` counts them by the precision of their time."""

    by_type: dict[tuple[str, str], int]
    times: dict[Precision, int]
    newest_at: datetime | None

    @property
    def actions(self) -> int:
        """How many there are."""
        return sum(self.by_type.values())

    def unclassified(self, rules: ActiveRules) -> tuple[TypeCount, ...]:
        """What no row of the catalog speaks of and was recorded, the most frequent first."""
        rest = [TypeCount(*key, n) for key, n in self.by_type.items() if key not in rules.catalog]
        return tuple(sorted(rest, key=lambda one: (-one.actions, one.venue, one.verb)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Health(Backlog):
    """What is odd or missing in the data, as counts, and what is there."""

    unclassified: tuple[TypeCount, ...]
    times: dict[Precision, int]
    actions: int
    newest_day: int | None
    last_recorded_at: datetime | None
    rule_set_id: int
    rule_set: str
    archive: bool


async def tier_report(
    connection: Read,
    rules: ActiveRules,
    *,
    day: int,
    today: int,
    period_days: int,
    everybody: Population | None = None,
) -> TierReport:
    """Count members by status at the end of ``day`` (today: as it is so far).

    The period are the ``period_days`` days that end on ``day``. ``everybody`` is the population of
    that day where the caller has it already (``past.on_day``).
    """
    start = day - period_days
    if everybody is not None:
        now = everybody
    elif day == today:
        now = await population.live(connection, rules, today=today)
    else:
        now = await population.at(connection, rules, day=day)
    # Whoever has had their status since before the period has not moved; the others are few.
    moved = np.flatnonzero((now.since > start) & (now.unplaced == 0))
    members = now.ids[moved].tolist()
    before = await population.statuses_at(connection, members, rules, day=start)
    apart = await population.apart(connection)
    return TierReport(
        day=day,
        since=start,
        rule_set=rules.name,
        rows=_rows(now, moved, [before[m] for m in members]),
        total=len(now.ids),
        unplaced=int(now.unplaced.sum()),
        outdated=int(now.outdated.sum()),
        staff=apart.get("staff", 0),
        bots=apart.get("bot", 0),
    )


def _rows(now: Population, moved: np.ndarray, before: Sequence[int]) -> tuple[TierRow, ...]:
    counts = np.bincount(now.status, minlength=len(STATUSES))
    came = dict.fromkeys(range(len(STATUSES)), 0)
    left, joined = dict(came), dict(came)
    for status, was in zip(now.status[moved].tolist(), before, strict=True):
        if status == was:
            continue
        came[status] += 1
        if was == NOBODY:
            joined[status] += 1
        else:
            left[was] += 1
    total = len(now.ids)
    return tuple(
        TierRow(
            status=status,
            count=int(counts[code]),
            share=int(counts[code]) / total if total else 0.0,
            moved_in=came[code],
            moved_out=left[code],
            joined=joined[code],
        )
        for code, status in enumerate(STATUSES)
    )


async def data_health(connection: Read, moment: Moment) -> Health:
    """Look through everything for what is odd or missing."""
    there = await recorded(connection)
    rest = await backlog(connection, moment.rules)
    return Health(
        unclassified=there.unclassified(moment.rules),
        times=there.times,
        actions=there.actions,
        newest_day=await newest_day(connection),
        last_recorded_at=there.newest_at,
        rule_set_id=moment.rules.id,
        rule_set=moment.rules.name,
        archive=moment.archive,
        **asdict(rest),
    )


async def recorded(connection: Read) -> Recorded:
    """Every action that there is, in sums. It reads them all."""
    by_type: dict[tuple[str, str], int] = {}
    times = dict.fromkeys(Precision, 0)
    newest: list[datetime] = []
    for row in await connection.fetch(_RECORDED):
        key = (row["venue"], row["verb"])
        by_type[key] = by_type.get(key, 0) + row["n"]
        if row["n"]:
            times[Precision(row["precision"])] += row["n"]
            newest.append(row["newest"])
    return Recorded(by_type, times, max(newest, default=None))


async def backlog(connection: Read, rules: ActiveRules) -> Backlog:
    """What is missing or to be done; it reads the members, their counters, and what waits."""
    row = await connection.fetchrow(_BACKLOG, rules.id)
    assert row is not None
    return Backlog(**row)


async def newest_day(connection: Read) -> int | None:
    """The newest day on which anything counts. It reads all tallies."""
    day: int | None = await connection.fetchval("select max(day) from tally where n > 0")
    return day


# Every type that was ever named is there, also where only counters or anonymous counts had it.
_RECORDED = """
    select t.venue, t.verb, coalesce(a.precision, 0) as precision, coalesce(a.n, 0) as n, a.newest
    from action_type t left join (
        select type_id, precision, count(*) as n, max(occurred_at) as newest
        from action group by type_id, precision
    ) a on a.type_id = t.id
"""

_BACKLOG = """
    select
        (select count(*) from post where type_id is null) as waiting_posts,
        (select count(*) from action a join post p on p.id = a.post_id where p.type_id is null)
            as waiting_reactions,
        (select count(*) from retraction where action_id is null) as waiting_retractions,
        (select count(*) from member where not known and merged_into is null and erased_at is null)
            as undescribed,
        (select count(*) from refold) as pending_refolds,
        (select count(*) from standing where state <> '' and rule_set_id is distinct from $1)
            as outdated_standings,
        (select count(*) from counter where whole) as counters_whole
"""
