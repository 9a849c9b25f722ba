"""Lift 押し上げ効果, in GraphQL: members shown prompts against members held out."""

# ruff: noqa: D101 - the descriptions of types and fields are their docstrings
# Strawberry types its decorators loosely.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import strawberry

from engagement import lift
from engagement.holdout import period_name
from schema.context import Asked
from schema.costs import about
from schema.errors import Refused
from schema.history import asked, found_of
from schema.measures import Estimate, estimate_of
from schema.scopes import MANAGER, needs
from store.db import day_date
from store.lift import Prospect, Tried
from store.reports.lift import lifts, notes
from store.reports.registry import REPORTS, Name
from store.reports.report import NotAsked

strawberry.enum(
    lift.Outcome,
    name="LiftOutcome",
    description="What is looked for after a decision. GOAL: the scenario's goal action, within 7 "
    "days. STATUS: the status it leads to, or keeps, within 30. CONTRACT: a contract was made or "
    "renewed, or somebody referred, within 30; CANCELLED: one was ended.",
)
LiftOutcome = lift.Outcome

strawberry.enum(
    lift.Withheld,
    name="LiftWithheld",
    description="Why there is no figure. NO_HOLDOUT: nobody was to be held out. WRONG_SPLIT: "
    "members are not split as planned, so something other than the draw decides. EARLY: not "
    "everybody has had all their days. FEW: fewer than "
    f"{lift.LEAST_MEMBERS} members on a side.",
)
LiftWithheld = lift.Withheld


@needs(*MANAGER)
@strawberry.type(
    description="One outcome; without any values where it is withheld. Intervals are Newcombe's."
)
class LiftFigure:
    outcome: LiftOutcome
    due: date = strawberry.field(description="At the end of this day everybody had their days.")
    withheld: LiftWithheld | None
    shown: Estimate = strawberry.field(description="The share of those shown who came to it.")
    held: Estimate = strawberry.field(description="The share of those held out who came to it.")
    lift: Estimate = strawberry.field(
        description="The first less the second: where 0 lies in its interval, nothing was proven."
    )
    relative: Estimate = strawberry.field(
        description="The lift in parts of those held out; None where none of these came to it."
    )


@needs(*MANAGER)
@strawberry.type(description="A message of a scenario, against all who are held out of it.")
class LiftMessage:
    name: str
    members_shown: int
    figures: list[LiftFigure] = strawberry.field(directives=about(3))


@needs(*MANAGER)
@strawberry.type(description="What can be found of a scenario whose figures are not due yet.")
class LiftProspect:
    members: int = strawberry.field(
        description="How many have its status and were here lately: no more may have a decision."
    )
    share: float | None = strawberry.field(
        description="Of these, who did what it asks for in the last week."
    )
    detectable: float | None = strawberry.field(
        description="The least lift that would be found in 80 of 100 cases, if all of them had a "
        "decision. None: none would."
    )


@needs(*MANAGER)
@strawberry.type(
    description="One scenario in one period under one plan (goal, statuses, holdout, messages), or "
    "all prompts together in one period. Members count once, from their first decision, on the "
    "side that was drawn."
)
class LiftTrial:
    scenario: str | None = strawberry.field(
        description="The key of the scenario; None: all prompts, against who is never shown any."
    )
    name: str
    period: str = strawberry.field(description="Such as 2026Q3: members are drawn anew in each.")
    versions: list[int] = strawberry.field(directives=about(2))
    planned_held: float = strawberry.field(description="The share that was to be held out.")
    members_shown: int
    members_held: int
    mixed: int = strawberry.field(
        description="Members seen on both sides, as accounts of theirs became one: on neither."
    )
    figures: list[LiftFigure] = strawberry.field(directives=about(3))
    messages: list[LiftMessage] = strawberry.field(
        description="Each message, where there are several.", directives=about(2)
    )
    visits: Estimate = strawberry.field(
        description="A guard-rail: on how many more of the 7 days after it those shown were here, "
        "each. Withheld as the goal is."
    )
    dismissed: int = strawberry.field(description="Members shown who put a prompt away.")
    opted_out_shown: int = strawberry.field(
        description="Who wanted no more prompts of the kind, or none at all, within 7 days."
    )
    opted_out_held: int
    deeds: int | None = strawberry.field(
        description="What those shown did toward the goal to others; None while it is withheld."
    )
    spilled: int | None = strawberry.field(
        description="How many of these were done to members held out, who may do more for it."
    )
    prospect: LiftProspect | None


@needs(*MANAGER)
@strawberry.type(description="What prompts brought about, or why nothing is said of it yet.")
class LiftReport:
    as_of: date
    archive: bool
    rule_set: str
    trials: list[LiftTrial] = strawberry.field(
        description="All prompts first, then the scenarios by their keys.", directives=about(30)
    )
    notes: list[str] = strawberry.field(
        description="What must be known to read the numbers rightly.", directives=about(5)
    )


async def lift_report_of(
    info: Asked, scenario: str | None, period: str | None, as_of: date | None
) -> LiftReport:
    """The trials that are asked about; raises Refused for those that there are not."""
    question = replace(await asked(info, as_of, None), scenario=scenario, quarter=period)
    try:
        found = await found_of(info, REPORTS[Name.LIFT], question, lifts)
    except NotAsked as error:
        raise Refused("BAD_INPUT", str(error)) from None
    return LiftReport(
        as_of=day_date(question.day),
        archive=question.moment.archive,
        rule_set=question.rules.name,
        trials=[_trial(one) for one in found],
        notes=list(notes(found)),
    )


def _trial(one: Tried) -> LiftTrial:
    trial = one.trial
    return LiftTrial(
        scenario=one.plan.key,
        name=one.name,
        period=period_name(one.plan.period),
        versions=list(one.versions),
        planned_held=one.plan.held,
        members_shown=sum(arm.members for arm in trial.shown),
        members_held=trial.held.members,
        mixed=one.mixed,
        figures=_figures(one.lifts),
        messages=[
            LiftMessage(name=name, members_shown=arm.members, figures=_figures(lifts_))
            # One message is no choice between several.
            for (name, lifts_), arm in zip(one.by_message, trial.shown, strict=False)
        ],
        visits=estimate_of(one.days[1]),
        dismissed=one.dismissed,
        opted_out_shown=one.opted_out[0],
        opted_out_held=one.opted_out[1],
        deeds=one.deeds,
        spilled=one.spilled,
        prospect=None if one.prospect is None else _prospect(one.prospect),
    )


def _prospect(one: Prospect) -> LiftProspect:
    return LiftProspect(members=one.members, share=one.base, detectable=one.detectable)


def _figures(found: Sequence[lift.Lift]) -> list[LiftFigure]:
    return [
        LiftFigure(
            outcome=one.outcome,
            due=day_date(one.due),
            withheld=one.withheld,
            shown=estimate_of(one.shown),
            held=estimate_of(one.held),
            lift=estimate_of(one.difference),
            relative=estimate_of(one.relative),
        )
        for one in found
    ]
