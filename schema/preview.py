"""What members would be shown, in GraphQL: decided and not kept."""

# ruff: noqa: D101 - the descriptions of types and fields are their docstrings

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import strawberry

from engagement.holdout import Arm
from engagement.prompt import Reason, Running
from engagement.scenarios import ScenarioErrors, load
from schema.context import Asked, Siblings, asked_day
from schema.costs import about
from schema.errors import Refused
from schema.ids import from_id
from schema.prompts import Prompt, prompt_of
from schema.scopes import MANAGER, needs
from schema.standing import Language
from schema.types import Member, member_of
from schema.words import Status
from store import preview, scenarios
from store.members import MemberRow
from store.preview import Previewed

#: Members for whom one question is answered.
MOST = 140


@needs(*MANAGER)
@strawberry.type(description="What became of one scenario.")
class PreviewStep:
    key: str
    reason: Reason | None = strawberry.field(description="None for the one that would be shown.")
    detail: str | None


@needs(*MANAGER)
@strawberry.type(description="What one member would be shown, and why.")
class PromptPreview:
    member: Member
    status: Status
    key: str | None = strawberry.field(description="Of the scenario that wins; None where none.")
    prompt: Prompt | None
    arm: Arm | None = strawberry.field(description="Whether it would be shown or held out.")
    reason: Reason | None = strawberry.field(description="Why nothing would be shown.")
    trace: list[PreviewStep] = strawberry.field(
        description="Every scenario for the member's status and the surface.",
        directives=about(10),
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Of whom a preview is: these members, or a sample of each status."""

    members: tuple[int, ...]
    each: int
    as_of: date | None
    surface: str
    language: Language | None


async def scenario_asked(info: Asked, id: str | None, toml: str | None) -> Running | None:
    """The scenario that a preview is of: one that is kept, or a text; None: all that run.

    Raises Refused.
    """
    if id is not None and toml is not None:
        raise Refused("BAD_INPUT", "expected `scenario` or `toml`, not both")
    if toml is not None:
        try:
            return Running(0, load(toml))
        except ScenarioErrors as error:
            first = error.mistakes[0]
            message = f"`toml` is not a scenario: {first}; `saveScenario` says all that is wrong"
            raise Refused("SCENARIO_INVALID", message) from None
    if id is None:
        return None
    number = min(from_id(id, "Scenario")[1], 2**31 - 1)
    async with info.context.read() as (connection, _):
        found = await scenarios.version(connection, number)
    if found is None:
        raise Refused("UNKNOWN_SCENARIO", "there is no scenario with this id")
    return Running(found.id, found.scenario)


async def previewed(info: Asked, only: Running | None, wanted: Wanted) -> list[PromptPreview]:
    """What members would be shown by what runs, or by one scenario alone.

    Raises Refused.
    """
    context = info.context
    async with context.read() as (connection, now):
        force = await scenarios.now_in_force(context.database, connection)
        if only is not None:
            force = preview.alone(force, only)
        day = asked_day(now, wanted.as_of)
        moment = now.now if day == now.today else context.database.end_of(day)
        chosen = list(wanted.members) or await preview.sample(
            connection, now.rules, day=day, today=now.today, each=wanted.each
        )
        language = None if wanted.language is None else wanted.language.value
        asked = preview.Asked(day, moment, wanted.surface, language)
        found = await preview.preview(context.database, connection, chosen, now.rules, force, asked)
    group = Siblings([one.member for one in found])
    return [_preview(one, group) for one in found]


def _preview(one: Previewed, group: Siblings[MemberRow]) -> PromptPreview:
    choice = one.choice
    return PromptPreview(
        member=member_of(one.member, group),
        status=one.status,
        key=None if choice.winner is None else choice.winner.scenario.key,
        prompt=None if one.prompt is None else prompt_of(one.prompt),
        arm=choice.arm,
        reason=choice.reason,
        trace=[
            PreviewStep(key=step.scenario.scenario.key, reason=step.reason, detail=step.detail)
            for step in choice.told_for(one.status)
        ],
    )
