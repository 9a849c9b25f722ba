"""What can be asked about everybody: the reports."""

# ruff: noqa: D101, D102 - the descriptions of types and fields are their docstrings
# Strawberry types its decorators loosely.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import strawberry

from engagement.routes import GOALS
from schema.any_report import Report, ReportOptions, report_of
from schema.connections import First, page_size
from schema.context import Asked
from schema.costs import about, costs
from schema.flow import FlowReport, flow_report_of
from schema.goals import Goal, goals_of
from schema.history import AsIf, asked, found_of, history_of
from schema.lift import LiftReport, lift_report_of
from schema.measures import DayRange, days_of
from schema.reports import DataHealth, TierReport, health_of, tier_report_of
from schema.routes import RouteReport, routes_of
from schema.scopes import MANAGER, needs
from schema.types import (
    OF_ALL,
    AsOfAll,
)
from schema.words import Status
from store.reports import tiers
from store.reports.registry import REPORTS, Name


@needs(*MANAGER)
@strawberry.type
class ReportQueries:
    @strawberry.field(
        description="How many members have each status, and who moved.",
        directives=costs(OF_ALL),
    )
    async def tier_report(
        self,
        info: Asked,
        as_of: AsOfAll = None,
        period_days: Annotated[
            int, strawberry.argument(description="Length of the period that ends on the day.")
        ] = 30,
    ) -> TierReport:
        question = await asked(info, as_of, None, period_days)
        found = await found_of(info, REPORTS[Name.TIERS], question, tiers.counted)
        return tier_report_of(found, archive=question.moment.archive)

    @strawberry.field(
        description="What flowed between the statuses during a period, who stays, who comes back.",
        directives=costs(OF_ALL),
    )
    async def flow_report(
        self,
        info: Asked,
        as_of: AsOfAll = None,
        period_days: Annotated[
            int, strawberry.argument(description="Length of the period that ends on the day.")
        ] = 30,
        rule_set: AsIf = None,
    ) -> FlowReport:
        question = await asked(info, as_of, rule_set, period_days)
        return flow_report_of(await history_of(info, question), question)

    @strawberry.field(
        description="By which statuses members came to one of the four.", directives=costs(OF_ALL)
    )
    async def routes(
        self,
        info: Asked,
        first: First,
        to: Status = Status.CONTRIBUTOR,
        start: Annotated[
            Status | None,
            strawberry.argument(
                name="from", description="Of those who ever had it, from the first time on."
            ),
        ] = None,
        joined: DayRange | None = None,
        arrived: DayRange | None = None,
        venue: Annotated[
            str | None, strawberry.argument(description="Of those whose first action was in it.")
        ] = None,
        steps: Annotated[
            list[Status] | None,
            strawberry.argument(description="What is a step upward here; by default all four."),
        ] = None,
        as_of: AsOfAll = None,
        rule_set: AsIf = None,
    ) -> RouteReport:
        question = replace(
            await asked(info, as_of, rule_set),
            to=to,
            start=start,
            joined=days_of(joined),
            arrived=days_of(arrived),
            venue=venue,
            steps=GOALS if steps is None else tuple(steps),
            most=page_size(first),
        )
        return await routes_of(info, question)

    @strawberry.field(
        description="What prompts brought about: members shown against members held out.",
        directives=costs(OF_ALL),
    )
    async def lift_report(
        self,
        info: Asked,
        scenario: Annotated[
            str | None, strawberry.argument(description="The key of one; else of all.")
        ] = None,
        period: Annotated[
            str | None,
            strawberry.argument(
                description="A quarter such as 2026Q3; else that of the day and the one before."
            ),
        ] = None,
        as_of: AsOfAll = None,
    ) -> LiftReport:
        return await lift_report_of(info, scenario, period, as_of)

    @strawberry.field(description="What was set to be reached.", directives=about(10))
    async def goals(self, info: Asked) -> list[Goal]:
        return await goals_of(info)

    @strawberry.field(
        description="A report as a table: the same rows as `ikusei report` on the command line.",
        directives=costs(OF_ALL),
    )
    async def report(
        self,
        info: Asked,
        name: Name,
        as_of: AsOfAll = None,
        rule_set: AsIf = None,
        options: ReportOptions | None = None,
    ) -> Report:
        return await report_of(info, name, as_of, rule_set, options)

    @strawberry.field(description="What is odd or missing in the data.", directives=costs(OF_ALL))
    async def data_health(self, info: Asked) -> DataHealth:
        return health_of(await info.context.moment())
