"""Who stays, who rises, who comes back: stagnation, conversion and recycling."""

from __future__ import annotations

from typing import Any, Final

from engagement.flow import stagnation, stays
from engagement.history import History
from engagement.retention import Cohort, conversion, recycling, until_first_status
from engagement.words import Status
from store.months import month_of, months_between
from store.reports.report import (
    Column,
    Days,
    Kind,
    Question,
    Report,
    Sources,
    estimated,
    summed,
    told,
)

#: Days in a status after which somebody should have moved on; who contributes may stay.
LIMITS: Final = {
    Status.CONNECTOR: 180,
    Status.FAN: 180,
    Status.SUPPORTER: 180,
    Status.MEMBER: 180,
    Status.DORMANT: 365,
}
#: Days after joining in which a newcomer is to rise, and for which they are to stay there.
WITHIN: Final = 90
SUSTAIN: Final = 60
#: Days for which somebody is watched who came back from dormancy.
WATCH: Final = 90

_CENSORED: Final = (
    "Stays that go on count for as long as they are known (Kaplan-Meier, intervals of 95 %); "
    "several stays of one member count as if they were of several."
)

_STAGNATION: Final = (
    Column("status", Kind.STATUS, ""),
    Column("members", Kind.COUNT, "members"),
    Column("limit", Kind.DAYS, "limit"),
    Column("over", Kind.COUNT, "over it"),
    Column("over_share", Kind.SHARE, "share"),
    Column("so_far", Kind.DAYS, "so far"),
    Column("stays", Kind.COUNT, None),
    Column("ended", Kind.COUNT, None),
    *estimated("quarter", Kind.DAYS, "1/4 leave by")[:1],
    *estimated("median", Kind.DAYS, "1/2 leave by"),
    *estimated("three_quarters", Kind.DAYS, "3/4 leave by")[:1],
)


async def stagnant(sources: Sources, question: Question) -> Report:
    """Who has been in a status for longer than its limit, and how long members stay as a rule."""
    history = await sources.history()
    rows: list[dict[str, Any]] = []
    now = stagnation(history, {**LIMITS, **question.limits})
    for one, stay in zip(now, stays(history.own, history.until), strict=True):
        over = len(one.over)
        rows.append(
            {
                "status": one.status.value,
                "members": one.members,
                "limit": one.limit,
                "over": over,
                "over_share": round(over / one.members, 6) if one.limit and one.members else None,
                "so_far": one.median,
                "stays": stay.stays,
                "ended": stay.ended,
                "quarter": stay.quarter.value,
                **told(stay.median, "median"),
                "three_quarters": stay.three_quarters.value,
            }
        )
    sums = summed(tuple(rows), "members", "over")
    return Report(
        name="stagnation",
        title="Who has been in a status for longer than its limit, in days",
        columns=_STAGNATION,
        rows=tuple(rows),
        totals={"population": sums["members"], **sums},
        notes=(
            "`so far` is the median of those who have the status now, who are not done with it.",
            _CENSORED,
        ),
    )


_CONVERSION: Final = (
    Column("cohort", Kind.TEXT, "joined"),
    Column("joined", Kind.COUNT, "members"),
    Column("reached", Kind.COUNT, "rose"),
    *estimated("reached_share", Kind.SHARE, "share"),
    Column("sustained", Kind.COUNT, "stayed"),
    *estimated("sustained_share", Kind.SHARE, "share"),
)


def cohorts(history: History, joined: Days, day: int) -> tuple[Cohort, ...]:
    """How far those came who joined on the days ``joined``, by the month in which they did.

    A month of which only some days are asked about is the cohort of these.
    """
    first = max(int(history.entry.min(initial=day)), joined.first)
    last = min(day, joined.last)
    if first > last:
        return ()
    months = [
        (max(month.first, joined.first), min(month.last, joined.last))
        for month in months_between(first, last)
    ]
    return conversion(history, months, within=WITHIN, sustain=SUSTAIN)


async def converted(sources: Sources, question: Question) -> Report:
    """How many newcomers rose and stayed, by the month in which they joined."""
    history = await sources.history()
    joined = question.joined
    rows = tuple(
        {
            "cohort": month_of(one.first),
            "joined": one.joined,
            "reached": one.reached,
            **told(one.reached_share, "reached_share"),
            "sustained": one.sustained,
            **told(one.sustained_share, "sustained_share"),
        }
        for one in cohorts(history, joined, question.day)
    )
    curve = until_first_status(history, first=joined.first, last=joined.last)
    return Report(
        name="conversion",
        title="Newcomers who rose to one of the four statuses, and who stayed",
        columns=_CONVERSION,
        rows=rows,
        totals={
            "population": len(history.ids),
            "joined": sum(row["joined"] for row in rows),
            "ever_rose": curve.ended,
            # The first day is one of those within which they are to rise.
            **told(curve.over(WITHIN - 1), "rose_within"),
            **told(curve.quantile(0.25), "days_until_quarter_rose"),
        },
        notes=(
            f"Rose: on one of the first {WITHIN} days. Stayed: on each of {SUSTAIN} from then on.",
            "A cohort that is not over yet has no figure.",
            "Shares of cohorts with Wilson intervals, those over all with Kaplan-Meier's, of 95 %.",
        ),
    )


_RECYCLING: Final = (
    Column("to", Kind.STATUS, "came back as"),
    Column("returns", Kind.COUNT, "returns"),
    Column("members", Kind.COUNT, "members"),
    Column("days", Kind.DAYS, "days away"),
    Column("watched", Kind.COUNT, "watched"),
    Column("rose", Kind.COUNT, "rose"),
    *estimated("rose_share", Kind.SHARE, "share"),
)


async def recycled(sources: Sources, question: Question) -> Report:
    """Who became dormant, who came back, to what, after how long."""
    history = await sources.history()
    days = question.dormant
    found = recycling(history, first=days.first, last=min(days.last, question.day), watch=WATCH)
    rows = tuple(
        {
            "to": one.to.value,
            "returns": one.returns,
            "members": one.members,
            "days": one.days,
            "watched": one.watched,
            "rose": one.rose,
            **told(one.rose_share, "rose_share"),
        }
        for one in found.returns
    )
    returned = sum(one.returns for one in found.returns)
    return Report(
        name="recycling",
        title="Members who became dormant, and what became of them",
        columns=_RECYCLING,
        rows=rows,
        totals={
            "population": len(history.ids),
            "spells": found.spells,
            "members_dormant": found.members,
            "returns": returned,
            "still_dormant": len(found.still),
            **told(found.curve.over(30), "back_within_30"),
            **told(found.curve.over(90), "back_within_90"),
            **told(found.curve.over(365), "back_within_365"),
            **told(found.curve.quantile(0.5), "days_until_half_are_back"),
        },
        notes=(
            "`days away` is the median of those who came back.",
            f"Rose: one of the four within {WATCH} days, of those who were watched for so long.",
            _CENSORED,
        ),
    )
