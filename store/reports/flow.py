"""Who moved between the statuses during a period: by status, by edge, or by cohort."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from engagement.flow import CohortFlow, Flow, cohort_flows, edges, flows
from engagement.history import History
from engagement.words import STATUSES
from store.months import month_of, months_between
from store.reports.report import By, Column, Kind, Question, Report, Row, Sources, summed

_BY_STATUS: Final = (
    Column("status", Kind.STATUS, ""),
    Column("before", Kind.COUNT, "before"),
    Column("came", Kind.COUNT, "in"),
    Column("joined", Kind.COUNT, "(joined)"),
    Column("decided_in", Kind.COUNT, None),
    Column("out", Kind.COUNT, "out"),
    Column("promoted", Kind.COUNT, "(up)"),
    Column("fallen", Kind.COUNT, "(down)"),
    Column("aged", Kind.COUNT, None),
    Column("decided_out", Kind.COUNT, None),
    Column("held", Kind.COUNT, "held"),
    Column("count", Kind.COUNT, "members"),
    Column("net", Kind.CHANGE, "net"),
    Column("came_before", Kind.COUNT, None),
    Column("out_before", Kind.COUNT, None),
    Column("net_before", Kind.CHANGE, "net before"),
)
_BY_EDGE: Final = (
    Column("from", Kind.STATUS, "from"),
    Column("to", Kind.STATUS, "to"),
    Column("moves", Kind.COUNT, "moves"),
    Column("members", Kind.COUNT, "members"),
    Column("moves_before", Kind.COUNT, "moves before"),
)
_BY_COHORT: Final = (
    Column("cohort", Kind.TEXT, "joined"),
    Column("members", Kind.COUNT, "members"),
    *(Column(status.value, Kind.COUNT, status.value) for status in STATUSES),
    Column("joined", Kind.COUNT, "joined now"),
    Column("promoted", Kind.COUNT, "up"),
    Column("fallen", Kind.COUNT, "down"),
    Column("aged", Kind.COUNT, None),
    Column("decided", Kind.COUNT, None),
    Column("held", Kind.COUNT, "held"),
    Column("promoted_before", Kind.COUNT, "up before"),
    Column("fallen_before", Kind.COUNT, "down before"),
)


async def flow(sources: Sources, question: Question) -> Report:
    """What flowed during the period, with the period of the same length before it."""
    history = await sources.history()
    make = {By.STATUS: _by_status, By.EDGE: _by_edge, By.COHORT: _by_cohort}[question.by]
    return make(history, question)


def _by_status(history: History, question: Question) -> Report:
    since, day = question.since, question.day
    found = flows(history, since, day)
    earlier = flows(history, since - question.period_days, since)
    rows = tuple(_row(now, then) for now, then in zip(found, earlier, strict=True))
    names = [column.name for column in _BY_STATUS if column.name != "status"]
    sums = summed(rows, *names)
    return Report(
        name="flow",
        title="Who came to each status and left it during the period",
        columns=_BY_STATUS,
        rows=rows,
        totals={"population": sums["count"], **sums},
        notes=(
            "Each member is counted by where they stood before the period and at its end.",
            *_decided(sums["decided_out"]),
        ),
    )


def _decided(members: int) -> tuple[str, ...]:
    if not members:
        return ()
    return (f"{members:,} moved by a lock or a grace, which is neither up nor down.",)


def _row(now: Flow, then: Flow) -> Row:
    return {
        **asdict(now),
        "status": now.status.value,
        "count": now.count,
        "net": now.net,
        "came_before": then.came,
        "out_before": then.out,
        "net_before": then.net,
    }


def _by_edge(history: History, question: Question) -> Report:
    rows = tuple(
        {
            "from": edge.before.value,
            "to": edge.after.value,
            "moves": edge.moves,
            "members": edge.members,
            "moves_before": edge.moves_before,
        }
        for edge in edges(history.own, question.since + 1, question.day)
    )
    return Report(
        name="flow",
        title="Moves by members' own points during the period",
        columns=_BY_EDGE,
        rows=rows,
        totals={"population": len(history.ids), **summed(rows, "moves", "moves_before")},
        notes=("Every move counts, also that of a member who came back to where they were.",),
    )


def by_cohort(history: History, question: Question) -> tuple[tuple[CohortFlow, CohortFlow], ...]:
    """What became of those who joined in each month, in the period and in the one before it."""
    since, day = question.since, question.day
    months = [
        (month.first, month.last)
        for month in months_between(int(history.entry.min(initial=day)), day)
    ]
    return tuple(
        zip(
            cohort_flows(history, since, day, months),
            cohort_flows(history, since - question.period_days, since, months),
            strict=True,
        )
    )


def _by_cohort(history: History, question: Question) -> Report:
    rows = tuple(
        {
            "cohort": month_of(now.first),
            "members": now.count,
            **{status.value: n for status, n in zip(STATUSES, now.tiers, strict=True)},
            "joined": now.joined,
            "promoted": now.promoted,
            "fallen": now.fallen,
            "aged": now.aged,
            "decided": now.decided,
            "held": now.held,
            "promoted_before": then.promoted,
            "fallen_before": then.fallen,
        }
        for now, then in by_cohort(history, question)
    )
    names = [column.name for column in _BY_COHORT if column.name != "cohort"]
    sums = summed(rows, *names)
    return Report(
        name="flow",
        title="Where those who joined in the same month stand, and who moved during the period",
        columns=_BY_COHORT,
        rows=rows,
        totals={"population": sums["members"], **sums},
        notes=_decided(sums["decided"]),
    )
