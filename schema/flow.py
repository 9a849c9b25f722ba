"""What flowed between the statuses, in GraphQL."""

# ruff: noqa: D101, D102 - the descriptions of types and fields are their docstrings
# Strawberry types its decorators loosely.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from datetime import date
from typing import Annotated

import numpy as np
import strawberry

from engagement import flow, retention
from engagement.columns import NOBODY
from engagement.history import History
from engagement.points import Ints
from engagement.words import STATUSES
from schema.costs import about
from schema.measures import (
    DayRange,
    Estimate,
    Group,
    StatusCount,
    StatusDays,
    days_of,
    estimate_of,
    limits_of,
    status_counts,
)
from schema.scopes import MANAGER, needs
from schema.words import Status
from store.db import day_date
from store.reports.flow import by_cohort
from store.reports.report import Days, Question
from store.reports.retention import LIMITS, SUSTAIN, WATCH, WITHIN, cohorts


@needs(*MANAGER)
@strawberry.type(
    description="One status in the period; each member counts by where they stood before it and at "
    "its end. `before` + `came` - `out` = `count`."
)
class StatusFlow:
    status: Status
    before: int
    came: int = strawberry.field(description="Who has it now and did not then.")
    joined: int = strawberry.field(description="Of these, who was not here then.")
    decided_in: int = strawberry.field(
        description="Of these, who has it by a lock or a grace, or by the end of one."
    )
    out: int = strawberry.field(description="Who had it then and has another now.")
    promoted: int = strawberry.field(description="Of these, who rose by their own points.")
    fallen: int = strawberry.field(description="Of these, who fell or became dormant.")
    aged: int = strawberry.field(description="Of these, newcomers whose time was over.")
    decided_out: int = strawberry.field(description="Of these, who moved by a lock or a grace.")
    held: int = strawberry.field(description="Who had it at both times.")
    count: int
    net: int


@needs(*MANAGER)
@strawberry.type(description="Moves by members' own points; never by a lock or a change of rules.")
class FlowEdge:
    before: Status
    after: Status
    moves: int
    members: int
    moves_before: int = strawberry.field(
        description="How many there were in the period of the same length before."
    )


@needs(*MANAGER)
@strawberry.type(
    description="Those who joined in one month, in a period. `joined` + `promoted` + `fallen` + "
    "`aged` + `decided` + `held` = `count`."
)
class CohortFlow:
    first: date
    last: date
    count: int = strawberry.field(description="How many were here at the end of the period.")
    tiers: list[StatusCount] = strawberry.field(
        description="Where they stood at the end of the period.", directives=about(7)
    )
    joined: int = strawberry.field(description="Who was not here before the period.")
    promoted: int = strawberry.field(description="Who rose by their own points.")
    fallen: int = strawberry.field(description="Who fell or became dormant.")
    aged: int = strawberry.field(description="Newcomers whose time was over.")
    decided: int = strawberry.field(description="Who moved by a lock or a grace.")
    held: int = strawberry.field(description="Who had the same status at both times.")
    previous: CohortFlow | None = strawberry.field(
        description="In the period of the same length before; None of that period itself."
    )


@needs(*MANAGER)
@strawberry.type(
    description="Those who joined in one month, where they stand, and how far they came. What is "
    "not over for all of them is None."
)
class Cohort:
    first: date
    last: date
    joined: int
    tiers: list[StatusCount] = strawberry.field(directives=about(7))
    reached: int | None = strawberry.field(
        description=f"Who had one of the four statuses within {WITHIN} days of joining."
    )
    reached_share: Estimate
    sustained: int | None = strawberry.field(
        description=f"Who then had one of them for {SUSTAIN} days without a break."
    )
    sustained_share: Estimate


@needs(*MANAGER)
@strawberry.type(
    description="How long members stay in a status by their own points, in days (Kaplan-Meier: "
    "stays that go on count for as long as they are known)."
)
class Stay:
    status: Status
    stays: int
    ended: int
    quarter: Estimate = strawberry.field(description="After so many days a quarter has left.")
    median: Estimate
    three_quarters: Estimate


@needs(*MANAGER)
@strawberry.type(description="A status, and who has had it for longer than its limit (`members`).")
class Stagnation(Group):
    status: Status
    limit: int | None = strawberry.field(description="In days; None: it has none.")
    count: int = strawberry.field(description="How many have the status.")
    over: int = strawberry.field(description="How many have had it for longer than the limit.")


@needs(*MANAGER)
@strawberry.type(description="Who came back from dormancy to one status.")
class Return:
    to: Status
    returns: int
    members: int
    days: float = strawberry.field(description="The median of how long they had been dormant.")
    watched: int = strawberry.field(description=f"Who was watched for {WATCH} days after it.")
    rose: int = strawberry.field(description="Of these, who had one of the four statuses then.")
    rose_share: Estimate


@needs(*MANAGER)
@strawberry.type(
    description="Dormancy by members' own points, and what became of it. `members` are dormant now."
)
class Recycling(Group):
    spells: int = strawberry.field(description="Times that somebody became dormant.")
    count: int = strawberry.field(description="How many members it were.")
    returns: list[Return] = strawberry.field(directives=about(6))
    still: int = strawberry.field(description="How many are dormant now.")
    back_within_30: Estimate
    back_within_90: Estimate
    back_within_365: Estimate
    half_back: Estimate = strawberry.field(description="Days until half of them are back.")


@needs(*MANAGER)
@strawberry.type(
    description="What flowed between the statuses, by a fold over all of history: an imported "
    "archive has it too. Merged and erased members, staff and bots are not in it."
)
class FlowReport:
    as_of: date
    since: date = strawberry.field(description="The day before the period, compared with.")
    archive: bool
    rule_set: str
    population: int
    question: strawberry.Private[Question]
    history: strawberry.Private[History]

    @strawberry.field(description="Each status in the period.", directives=about(7))
    def tiers(self) -> list[StatusFlow]:
        return _statuses(flow.flows(self.history, self.question.since, self.question.day))

    @strawberry.field(
        description="Each status in the period of the same length before.", directives=about(7)
    )
    def previous(self) -> list[StatusFlow]:
        since = self.question.since
        return _statuses(flow.flows(self.history, since - self.question.period_days, since))

    @strawberry.field(
        description="Every move in the period or the one before it, by edge.", directives=about(20)
    )
    def edges(self) -> list[FlowEdge]:
        found = flow.edges(self.history.own, self.question.since + 1, self.question.day)
        return [
            FlowEdge(
                before=e.before,
                after=e.after,
                moves=e.moves,
                members=e.members,
                moves_before=e.moves_before,
            )
            for e in found
        ]

    @strawberry.field(
        description="The period of those who joined in each month.", directives=about(60)
    )
    def by_cohort(self) -> list[CohortFlow]:
        return [
            _cohort_flow(now, _cohort_flow(then))
            for now, then in by_cohort(self.history, self.question)
        ]

    @strawberry.field(
        description="How far newcomers came, by the month of joining.", directives=about(60)
    )
    def cohorts(self, joined: DayRange | None = None) -> list[Cohort]:
        return _cohorts(self.history, days_of(joined), self.question.day)

    @strawberry.field(description="How long members stay in each status.", directives=about(7))
    def stays(self) -> list[Stay]:
        return [
            Stay(
                status=one.status,
                stays=one.stays,
                ended=one.ended,
                quarter=estimate_of(one.quarter),
                median=estimate_of(one.median),
                three_quarters=estimate_of(one.three_quarters),
            )
            for one in flow.stays(self.history.own, self.history.until)
        ]

    @strawberry.field(
        description="Who has been where they are for too long, by these and the usual limits.",
        directives=about(7),
    )
    def stagnation(self, limits: list[StatusDays] | None = None) -> list[Stagnation]:
        return [
            Stagnation(
                status=one.status,
                limit=one.limit,
                count=one.members,
                over=len(one.over),
                ids=self.history.ids[one.over],
                as_of=self.as_of,
            )
            for one in flow.stagnation(self.history, {**LIMITS, **limits_of(limits or [])})
        ]

    @strawberry.field(description="Who became dormant, who came back, to what, after how long.")
    def recycling(
        self,
        began: Annotated[
            DayRange | None, strawberry.argument(description="When they became dormant.")
        ] = None,
    ) -> Recycling:
        days = days_of(began)
        found = retention.recycling(
            self.history, first=days.first, last=min(days.last, self.question.day), watch=WATCH
        )
        return _recycling(found, self.history, self.as_of)


def _statuses(found: tuple[flow.Flow, ...]) -> list[StatusFlow]:
    return [
        StatusFlow(
            status=one.status,
            before=one.before,
            came=one.came,
            joined=one.joined,
            decided_in=one.decided_in,
            out=one.out,
            promoted=one.promoted,
            fallen=one.fallen,
            aged=one.aged,
            decided_out=one.decided_out,
            held=one.held,
            count=one.count,
            net=one.net,
        )
        for one in found
    ]


def _cohort_flow(found: flow.CohortFlow, previous: CohortFlow | None = None) -> CohortFlow:
    return CohortFlow(
        first=day_date(found.first),
        last=day_date(found.last),
        count=found.count,
        tiers=status_counts(list(found.tiers)),
        joined=found.joined,
        promoted=found.promoted,
        fallen=found.fallen,
        aged=found.aged,
        decided=found.decided,
        held=found.held,
        previous=previous,
    )


def _cohorts(history: History, joined: Days, day: int) -> list[Cohort]:
    entry, now = history.entry, history.placed.at(day)
    return [
        Cohort(
            first=day_date(one.first),
            last=day_date(one.last),
            joined=one.joined,
            tiers=_tiers(now[(entry >= one.first) & (entry <= one.last)]),
            reached=one.reached,
            reached_share=estimate_of(one.reached_share),
            sustained=one.sustained,
            sustained_share=estimate_of(one.sustained_share),
        )
        for one in cohorts(history, joined, day)
    ]


def _tiers(status: Ints) -> list[StatusCount]:
    counts = np.bincount(status[status != NOBODY], minlength=len(STATUSES))
    return status_counts(counts.tolist())


def _recycling(found: retention.Recycling, history: History, as_of: date) -> Recycling:
    return Recycling(
        spells=found.spells,
        count=found.members,
        returns=[
            Return(
                to=one.to,
                returns=one.returns,
                members=one.members,
                days=one.days,
                watched=one.watched,
                rose=one.rose,
                rose_share=estimate_of(one.rose_share),
            )
            for one in found.returns
        ],
        still=len(found.still),
        back_within_30=estimate_of(found.curve.over(30)),
        back_within_90=estimate_of(found.curve.over(90)),
        back_within_365=estimate_of(found.curve.over(365)),
        half_back=estimate_of(found.curve.quantile(0.5)),
        ids=history.ids[found.still],
        as_of=as_of,
    )


def flow_report_of(history: History, question: Question) -> FlowReport:
    """The report on flow as GraphQL tells it."""
    return FlowReport(
        as_of=day_date(question.day),
        since=day_date(question.since),
        archive=question.moment.archive,
        rule_set=question.rules.name,
        population=len(history.ids),
        question=question,
        history=history,
    )
