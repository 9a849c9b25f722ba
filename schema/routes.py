"""Routes, in GraphQL: by which statuses members came to one."""

# ruff: noqa: D101 - the descriptions of types and fields are their docstrings
# Strawberry types its decorators loosely.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from datetime import date
from typing import Any

import strawberry

from engagement import routes
from engagement.history import History
from engagement.points import Ints
from schema.context import Asked
from schema.costs import about
from schema.errors import Refused
from schema.history import found_of
from schema.measures import Group, Quartiles
from schema.scopes import MANAGER, needs
from schema.words import Status
from store.db import day_date
from store.reports.registry import REPORTS, Name
from store.reports.report import NotAsked, Question
from store.reports.routes import found_routes

strawberry.enum(
    routes.RouteKind,
    description="How somebody came to a status. SUCCESS 成功: upward, by every step between. FAST "
    "早道: upward, with steps skipped. DETOUR 回り道: through dormancy, or with a fall.",
)
RouteKind = routes.RouteKind


@needs(*MANAGER)
@strawberry.type(description="One status of a route.")
class RouteStep:
    status: Status
    again: bool = strawberry.field(
        description="Whether some went to and fro between this one and the next."
    )
    days: Quartiles | None = strawberry.field(description="Until the next step; None for the last.")


@needs(*MANAGER)
@strawberry.type(description="Members who share something, with how many of the population.")
class RouteGroup(Group):
    count: int
    share: float


@needs(*MANAGER)
@strawberry.type(description="A route 育成ルート that members took.")
class Route(RouteGroup):
    kind: RouteKind
    steps: list[RouteStep] = strawberry.field(directives=about(8))
    skipped: list[Status] = strawberry.field(description="Steps between that it passed over.")
    days: Quartiles = strawberry.field(description="From its beginning to the goal.")


@needs(*MANAGER)
@strawberry.type(description="Those who came by routes that are not told apart.")
class OtherRoutes(RouteGroup):
    kind: RouteKind


@needs(*MANAGER)
@strawberry.type(description="Those who have not come to the status, by the one they have now.")
class OnTheWay(RouteGroup):
    status: Status


@needs(*MANAGER)
@strawberry.type(
    description="How members came to a status by their own points. The counts of `routes`, `other` "
    "and `onTheWay` with `elsewhen` add up to the population."
)
class RouteReport:
    as_of: date
    archive: bool
    rule_set: str
    to: Status
    start: Status | None = strawberry.field(
        name="from", description="None where routes begin with members' first status."
    )
    population: int
    arrived: int
    elsewhen: int = strawberry.field(
        description="Who came to it on other days than those that are asked about."
    )
    routes: list[Route] = strawberry.field(directives=about(20))
    other: list[OtherRoutes] = strawberry.field(directives=about(3))
    on_the_way: list[OnTheWay] = strawberry.field(directives=about(7))


async def routes_of(info: Asked, question: Question) -> RouteReport:
    """The routes that are asked about; raises Refused where the question makes no sense."""
    kept = REPORTS[Name.ROUTES]
    try:
        history, found = await found_of(info, kept, question, found_routes, small=False)
    except NotAsked as error:
        raise Refused("BAD_INPUT", str(error)) from None
    return _report(found, history, question)


def _report(found: routes.Routes, history: History, question: Question) -> RouteReport:
    """Routes as GraphQL tells them."""
    as_of = day_date(question.day)

    def group(positions: Ints) -> dict[str, Any]:
        share = len(positions) / found.population if found.population else 0.0
        ids = history.ids[positions]
        return {"count": len(positions), "share": share, "ids": ids, "as_of": as_of}

    return RouteReport(
        as_of=as_of,
        archive=question.moment.archive,
        rule_set=question.rules.name,
        to=found.to,
        start=found.start,
        population=found.population,
        arrived=found.arrived,
        elsewhen=len(found.elsewhen),
        routes=[
            Route(
                kind=one.kind,
                steps=[
                    RouteStep(
                        status=step.status,
                        again=step.again,
                        days=None if step.days is None else _quartiles(step.days),
                    )
                    for step in one.steps
                ],
                skipped=list(one.skipped),
                days=_quartiles(one.days),
                **group(one.members),
            )
            for one in found.listed
        ],
        other=[OtherRoutes(kind=kind, **group(members)) for kind, members in found.other],
        on_the_way=[
            OnTheWay(status=status, **group(members))
            for status, members in found.on_the_way.items()
        ],
    )


def _quartiles(days: tuple[float, float, float]) -> Quartiles:
    return Quartiles(low=days[0], median=days[1], high=days[2])
