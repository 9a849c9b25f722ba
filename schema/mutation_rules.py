"""What is decided on rules and goals."""

# ruff: noqa: D101, D102 - the descriptions of types and fields are their docstrings

# Strawberry types its decorators loosely.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from datetime import date
from typing import Annotated

import strawberry

from engagement.rules import RuleErrors
from schema.context import Asked
from schema.goals import Goal, goal_of
from schema.ids import from_id
from schema.problems import NotPossible
from schema.receipts import Problem
from schema.rule_sets import RuleSet, rule_set_of
from schema.scopes import MANAGER, needs
from schema.words import Status
from sources.parse import BAD_TEXT
from store import goals, rules
from store.db import StoreError, day_number

_MOST_CHARACTERS = 1_000_000


@needs(*MANAGER)
@strawberry.type(description="One thing that is wrong in a rule set, and what would be right.")
class RuleMistake:
    place: str = strawberry.field(description="Such as actions[17].points; empty for the whole.")
    line: int
    message: str


@needs(*MANAGER)
@strawberry.type(description="The text is not a rule set.")
class RuleProblem(Problem):
    mistakes: list[RuleMistake]


@needs(*MANAGER)
@strawberry.type(description="A version of the rules as it is after the change.")
class RuleSetChanged:
    rule_set: RuleSet


SaveRuleSetResult = Annotated[RuleSetChanged | RuleProblem, strawberry.union("SaveRuleSetResult")]
ActivateRuleSetResult = Annotated[
    RuleSetChanged | NotPossible, strawberry.union("ActivateRuleSetResult")
]


@needs(*MANAGER)
@strawberry.type(description="A goal as it is after the change.")
class GoalSaved:
    goal: Goal


@needs(*MANAGER)
@strawberry.type(description="The goal was taken away.")
class GoalDeleted:
    id: strawberry.ID


SaveGoalResult = Annotated[GoalSaved | NotPossible, strawberry.union("SaveGoalResult")]
DeleteGoalResult = Annotated[GoalDeleted | NotPossible, strawberry.union("DeleteGoalResult")]


@needs(*MANAGER)
@strawberry.type
class RuleMutations:
    @strawberry.mutation(description="Keep a rule set as a draft; the same again gives the same.")
    async def save_rule_set(
        self,
        info: Asked,
        toml: Annotated[
            str, strawberry.argument(description="As docs/how-to/adapt-rules.md describes.")
        ],
    ) -> SaveRuleSetResult:
        context = info.context
        if len(toml) > _MOST_CHARACTERS or BAD_TEXT.search(toml):
            message = f"`toml` has more than {_MOST_CHARACTERS} characters or control characters"
            return RuleProblem(code="RULES_INVALID", message=message, mistakes=[])
        try:
            version = await rules.save_draft(
                context.database, toml, by=context.actor, now=context.now()
            )
        except RuleErrors as error:
            mistakes = [
                RuleMistake(place=m.place, line=m.line, message=m.message) for m in error.mistakes
            ]
            message = f"the text is not a rule set: {len(mistakes)} mistakes"
            return RuleProblem(code="RULES_INVALID", message=message, mistakes=mistakes)
        return RuleSetChanged(rule_set=rule_set_of(version))

    @strawberry.mutation(
        description="Put a rule set in force, and retire the one that is. Everybody is placed "
        "again by due work, while recording goes on. With `on`, it is done when that day begins: "
        "whatever is in force then, this one takes its place."
    )
    async def activate_rule_set(
        self,
        info: Asked,
        id: strawberry.ID,
        on: Annotated[
            date | None,
            strawberry.argument(
                description="A day of the community's calendar; left out, today. Given again, it "
                "replaces the day there was."
            ),
        ] = None,
        *,
        notify: Annotated[
            bool,
            strawberry.argument(
                description="Whether followers of `standingChanged` are told of whom it moves."
            ),
        ] = False,
    ) -> ActivateRuleSetResult:
        number = min(from_id(id, "RuleSet")[1], 2**31 - 1)
        context = info.context
        try:
            version = await rules.activate(
                context.database,
                number,
                on=None if on is None else day_number(on),
                notify=notify,
                by=context.actor,
                now=context.now(),
            )
        except (rules.UnknownRuleSet, rules.NotAllowed) as error:
            return _rules_not_possible(error)
        return RuleSetChanged(rule_set=rule_set_of(version))

    @strawberry.mutation(description="Do not put a rule set in force that is scheduled.")
    async def cancel_activation(self, info: Asked, id: strawberry.ID) -> ActivateRuleSetResult:
        number = min(from_id(id, "RuleSet")[1], 2**31 - 1)
        context = info.context
        try:
            version = await rules.cancel(
                context.database, number, by=context.actor, now=context.now()
            )
        except (rules.UnknownRuleSet, rules.NotAllowed) as error:
            return _rules_not_possible(error)
        return RuleSetChanged(rule_set=rule_set_of(version))

    @strawberry.mutation(
        description="Set a goal from today on: so many members of a status at the end of a day. "
        "One for the same status and day takes its place."
    )
    async def save_goal(self, info: Asked, status: Status, target: int, by: date) -> SaveGoalResult:
        context = info.context
        try:
            saved = await goals.save(
                context.database,
                status,
                target,
                day_number(by),
                by=context.actor,
                now=context.now(),
            )
        except goals.NoGoal as error:
            return NotPossible(code="NOT_POSSIBLE", message=str(error))
        return GoalSaved(goal=goal_of(saved))

    @strawberry.mutation(description="Take a goal away.")
    async def delete_goal(self, info: Asked, id: strawberry.ID) -> DeleteGoalResult:
        number = min(from_id(id, "Goal")[1], 2**31 - 1)
        context = info.context
        try:
            await goals.delete(context.database, number, by=context.actor, now=context.now())
        except goals.UnknownGoal as error:
            return NotPossible(code="UNKNOWN_GOAL", message=str(error))
        return GoalDeleted(id=id)


def _rules_not_possible(error: StoreError) -> NotPossible:
    unknown = isinstance(error, rules.UnknownRuleSet)
    code = "UNKNOWN_RULE_SET" if unknown else "NOT_POSSIBLE"
    return NotPossible(code=code, message=str(error))
