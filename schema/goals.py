"""Goals, in GraphQL: so many members of a status by a day, and the flows they take."""

# ruff: noqa: D101, D102 - the descriptions of types and fields are their docstrings
# Strawberry types its decorators loosely.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from datetime import date, datetime

import strawberry

from engagement import goals
from schema.context import Asked
from schema.costs import about
from schema.history import asked, history_of
from schema.ids import to_id
from schema.measures import Estimate, estimate_of
from schema.scopes import MANAGER, needs
from schema.words import Status
from store.db import day_date
from store.goals import Kept, all_goals


@needs(*MANAGER)
@strawberry.type(
    description="One edge into the status of a goal, or out of it: moves by members' own points."
)
class GoalEdge:
    before: Status | None = strawberry.field(description="None for those who join as it.")
    after: Status
    usual: int = strawberry.field(
        description=f"How many there were in the {goals.LOOK_BACK} days before the goal was set."
    )
    needed: float | None = strawberry.field(
        description="How many it takes until the day of the goal; the other way (out, where there "
        "are to be more), how many are to be expected. None where the time before tells nothing."
    )
    planned: float | None = strawberry.field(description="Of these, by now on a straight line.")
    actual: int = strawberry.field(description="How many there were since the goal was set.")


@needs(*MANAGER)
@strawberry.type(description="How far a goal is. It foretells nothing.")
class GoalPlan:
    began: int = strawberry.field(description="How many had the status when the goal was set.")
    now: int = strawberry.field(description="How many have it.")
    planned: float = strawberry.field(description="How many would, on a straight line.")
    inflow: Estimate = strawberry.field(
        description="How many must come to it in all: the rise, and what makes up for those who "
        "leave at the usual rate. Where there are to be fewer: how many come at the usual rate."
    )
    outflow: Estimate = strawberry.field(
        description="How many leave it in all at the usual rate; where there are to be fewer, how "
        "many must: the fall, and what makes up for those who come."
    )
    on_course: bool = strawberry.field(description="Whether `now` has reached `planned`.")
    into: list[GoalEdge] = strawberry.field(directives=about(6))
    out: list[GoalEdge] = strawberry.field(directives=about(6))


@needs(*MANAGER)
@strawberry.type(description="So many members of a status at the end of a day.")
class Goal:
    id: strawberry.ID
    status: Status
    target: int
    since: date = strawberry.field(description="The day on which it was set.")
    by: date
    set_by: str = strawberry.field(description="The name of the key with which it was set.")
    created_at: datetime
    kept: strawberry.Private[Kept]

    @strawberry.field(
        description="How far it is at the end of a day after it was set; None before that."
    )
    async def plan(self, info: Asked, as_of: date | None = None) -> GoalPlan | None:
        question = await asked(info, as_of, None)
        if question.day <= self.kept.goal.from_day:
            return None
        return _plan(goals.plan(self.kept.goal, await history_of(info, question)))


async def goals_of(info: Asked) -> list[Goal]:
    """Every goal, the ones that end first before the others."""
    async with info.context.read() as (connection, _):
        return [goal_of(one) for one in await all_goals(connection)]


def goal_of(kept: Kept) -> Goal:
    """A goal as GraphQL tells it."""
    return Goal(
        id=to_id("Goal", kept.id),
        status=kept.goal.status,
        target=kept.goal.target,
        since=day_date(kept.goal.from_day),
        by=day_date(kept.goal.by_day),
        set_by=kept.by,
        created_at=kept.created_at,
        kept=kept,
    )


def _plan(found: goals.Plan) -> GoalPlan:
    return GoalPlan(
        began=found.began,
        now=found.now,
        planned=found.planned,
        inflow=estimate_of(found.inflow),
        outflow=estimate_of(found.outflow),
        on_course=found.on_course,
        into=[_edge(one) for one in found.into],
        out=[_edge(one) for one in found.out],
    )


def _edge(one: goals.EdgePlan) -> GoalEdge:
    return GoalEdge(
        before=one.before,
        after=one.after,
        usual=one.usual,
        needed=one.needed,
        planned=one.planned,
        actual=one.actual,
    )
