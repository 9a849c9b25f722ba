"""Reports: how many members have each status and who moved; and the health of the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from engagement.columns import NOBODY
from engagement.words import STATUSES, Status
from sources.records import Precision
from store import population
from store.db import Read
from store.moment import Moment
from store.population import Population
from store.rules import ActiveRules


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

    ``unplaced`` are those counted as ``member`` because no fold has reached them.
    """

    day: int
    since: int
    rule_set: str
    rows: tuple[TierRow, ...]
    total: int
    unplaced: int
    staff: int
    bots: int


@dataclass(frozen=True, slots=True)
class TypeCount:
    """How often an action type was recorded."""

    venue: str
    verb: str
    actions: int


@dataclass(frozen=True, slots=True)
class Health:
    """What is odd or missing in the data, as counts.

    ``waiting_posts`` are posts that others refer to and nobody sent, ``waiting_reactions`` the
    actions on them; ``waiting_retractions`` undo actions that have not come. ``undescribed`` are
    members known only from what they did. ``times`` counts actions by the precision of their time.
    """

    unclassified: tuple[TypeCount, ...]
    waiting_posts: int
    waiting_reactions: int
    waiting_retractions: int
    undescribed: int
    pending_refolds: int
    outdated_standings: int
    counters_whole: int
    times: dict[Precision, int]
    actions: int
    newest_day: int | None
    last_recorded_at: datetime | None
    rule_set_id: int
    rule_set: str
    archive: bool


async def tier_report(
    connection: Read, rules: ActiveRules, *, day: int, today: int, period_days: int
) -> TierReport:
    """Count members by status at the end of ``day`` (today: as it is so far).

    The period are the ``period_days`` days that end on ``day``.
    """
    start = day - period_days
    if day == today:
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
    """Look through all actions for what is odd or missing."""
    by_type = await connection.fetch(_BY_TYPE)
    times = dict.fromkeys(Precision, 0)
    counts: dict[tuple[str, str], int] = {}
    for row in by_type:
        times[Precision(row["precision"])] += row["n"]
        key = (row["venue"], row["verb"])
        counts[key] = counts.get(key, 0) + row["n"]
    rest = await connection.fetchrow(_HEALTH, moment.rules.id)
    assert rest is not None
    return Health(
        unclassified=_unclassified(counts, moment.rules),
        times=times,
        actions=sum(counts.values()),
        rule_set_id=moment.rules.id,
        rule_set=moment.rules.name,
        archive=moment.archive,
        **rest,
    )


async def type_counts(connection: Read) -> list[TypeCount]:
    """How often each action type was recorded, whether it is in the catalog or not."""
    counts: dict[tuple[str, str], int] = {}
    for row in await connection.fetch(_BY_TYPE):
        key = (row["venue"], row["verb"])
        counts[key] = counts.get(key, 0) + row["n"]
    return [TypeCount(venue, verb, n) for (venue, verb), n in sorted(counts.items())]


def _unclassified(counts: dict[tuple[str, str], int], rules: ActiveRules) -> tuple[TypeCount, ...]:
    """What no row of the catalog speaks of, the most frequent first."""
    known = {row.key for row in rules.rules.catalog}
    rest = [TypeCount(*key, n) for key, n in counts.items() if key not in known]
    return tuple(sorted(rest, key=lambda one: (-one.actions, one.venue, one.verb)))


# Every type that was ever named is there, also where only counters or anonymous counts had it.
_BY_TYPE = """
    select t.venue, t.verb, coalesce(a.precision, 0) as precision, coalesce(a.n, 0) as n
    from action_type t left join (
        select type_id, precision, count(*) as n from action group by type_id, precision
    ) a on a.type_id = t.id
"""

_HEALTH = """
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
        (select count(*) from counter where whole) as counters_whole,
        (select max(day) from tally where n > 0) as newest_day,
        (select max(occurred_at) from action) as last_recorded_at
"""
