"""How many members have each status on a day, and who moved since the period began."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from engagement.columns import NOBODY
from engagement.words import STATUSES, Status
from store import population
from store.db import Read
from store.population import Population
from store.reports.report import Column, Kind, Question, Report, Sources, summed
from store.rules import ActiveRules

#: Days in which few of a community move.
_SHORT: Final = 92
_COLUMNS: Final = (
    Column("status", Kind.STATUS, ""),
    Column("count", Kind.COUNT, "members"),
    Column("share", Kind.SHARE, "share"),
    Column("moved_in", Kind.COUNT, "came"),
    Column("joined", Kind.COUNT, None),
    Column("moved_out", Kind.COUNT, "left"),
    Column("net", Kind.CHANGE, None),
    Column("before", Kind.COUNT, None),
    Column("change", Kind.CHANGE, "change"),
)


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


async def tiers(sources: Sources, question: Question) -> Report:
    """Members by status; the counts add up to the population.

    ``change`` is the count less that before the period, which is what ``net`` says from the side of
    those who moved.
    """
    found = await counted(sources, question)
    rows = tuple(
        {
            "status": row.status.value,
            "count": row.count,
            "share": round(row.share, 6),
            "moved_in": row.moved_in,
            "joined": row.joined,
            "moved_out": row.moved_out,
            "net": row.net,
            "before": row.before,
            "change": row.count - row.before,
        }
        for row in found.rows
    )
    sums = summed(rows, "count", "moved_in", "joined", "moved_out", "net", "before", "change")
    apart = {"staff": found.staff, "bots": found.bots}
    due = {"unplaced": found.unplaced, "outdated": found.outdated}
    return Report(
        name="tiers",
        title="Members by status, and who came to it and left it during the period",
        columns=_COLUMNS,
        rows=rows,
        totals={"population": found.total, **sums, **apart, **due},
        notes=tuple(_notes(found)),
    )


def is_quick(question: Question) -> bool:
    """Whether it takes no more than a second or two: few have moved since the period began."""
    return is_kept(question) and question.period_days <= _SHORT


def is_kept(question: Question) -> bool:
    """Whether it is asked where members stand today, by the rules in force, as standings say."""
    moment = question.moment
    return question.day == moment.today and question.rules.id == moment.rules.id


async def counted(sources: Sources, question: Question) -> TierReport:
    """The figures of ``tiers``."""
    async with sources.read() as connection:
        return await tier_report(
            connection,
            question.rules,
            day=question.day,
            today=question.day if is_kept(question) else None,
            period_days=question.period_days,
        )


def _notes(found: TierReport) -> Iterator[str]:
    if found.unplaced:
        yield f"{found.unplaced:,} wait to be placed: run `ikusei refresh`."
    if found.outdated:
        yield f"{found.outdated:,} still stand by earlier rules: run `ikusei refresh`."


async def tier_report(
    connection: Read,
    rules: ActiveRules,
    *,
    day: int,
    today: int | None,
    period_days: int,
) -> TierReport:
    """Count members by status at the end of ``day`` (today: as it is so far).

    ``today`` is counted as standings are kept, every other day by a fold; None: this one as well.
    The period are the ``period_days`` days that end on ``day``.
    """
    start = day - period_days
    if day == today:
        now = await population.live(connection, rules, today=day)
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
