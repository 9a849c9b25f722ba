"""Scenarios and the policy, in GraphQL."""

# ruff: noqa: D101 - the descriptions of types and fields are their docstrings

from __future__ import annotations

from datetime import date, datetime
from enum import Enum

import strawberry

from engagement.scenario import Caps, Kind, Policy
from engagement.scenarios import dump_policy
from schema.costs import about, costs
from schema.ids import to_id
from schema.node import Node
from schema.scopes import MANAGER, needs
from schema.words import Status
from store.scenarios import Version

#: What the text of a scenario costs.
_TOML = 5


@strawberry.enum(
    description="Draft; running (one version of a key); paused; ended, which stays so."
)
class ScenarioState(Enum):
    DRAFT = "draft"
    RUNNING = "running"
    PAUSED = "paused"
    ENDED = "ended"


@needs(*MANAGER)
@strawberry.type(description="An action that a scenario is for.")
class GoalAction:
    venue: str
    verb: str


@needs(*MANAGER)
@strawberry.type(description="How many prompts at most; None: no cap of this sort.")
class PromptCaps:
    session: int | None
    day: int | None = strawberry.field(description="A day of the member's own calendar.")
    week: int | None = strawberry.field(description="Monday to Sunday, in the member's zone.")


@needs(*MANAGER)
@strawberry.type(description="One of the messages of a scenario.")
class ScenarioMessage:
    name: str
    share: int = strawberry.field(description="Percent of the members who are shown it.")


@needs(*MANAGER)
@strawberry.type(
    description="A version of a scenario: which prompt for a status or an edge, toward which "
    "action, with which caps."
)
class Scenario(Node):
    key: str
    version: int = strawberry.field(description="Counts the versions of its key.")
    state: ScenarioState
    name: str
    name_ja: str
    status: Status
    to: Status | None = strawberry.field(
        description="Above `status`: where it helps members to; below: for those about to fall."
    )
    goal: list[GoalAction] = strawberry.field(directives=about(3))
    kind: Kind
    surfaces: list[str]
    priority: int
    caps: PromptCaps
    cool_down_days: int
    begins: date | None
    ends: date | None
    audience: list[str]
    holdout_percent: int
    messages: list[ScenarioMessage] = strawberry.field(directives=about(2))
    toml: str = strawberry.field(description="The text that defines it.", directives=costs(_TOML))
    by: str
    created_at: datetime
    begun_at: datetime | None
    ended_at: datetime | None


@needs(*MANAGER)
@strawberry.type(description="What holds for all scenarios together.")
class PromptPolicy(Node):
    holdout_percent: int = strawberry.field(description="Of members who are never shown any.")
    assume_consent: bool
    reserve_minutes: int
    asks_per_week: int
    members_per_item: int
    dismiss_days: int
    snooze_days: int
    caps: PromptCaps
    toml: str = strawberry.field(directives=costs(_TOML))


def scenario_of(version: Version) -> Scenario:
    """A version as GraphQL tells it."""
    said = version.scenario
    return Scenario(
        id=to_id("Scenario", version.id),
        key=version.key,
        version=version.number,
        state=ScenarioState(version.state),
        name=said.en,
        name_ja=said.ja,
        status=said.status,
        to=said.to,
        goal=[GoalAction(venue=venue, verb=verb) for venue, verb in said.goal],
        kind=said.kind,
        surfaces=list(said.surfaces),
        priority=said.priority,
        caps=_caps(said.caps),
        cool_down_days=said.cool_down_days,
        begins=said.begins,
        ends=said.ends,
        audience=list(said.audience),
        holdout_percent=said.holdout_percent,
        messages=[ScenarioMessage(name=one.name, share=one.share) for one in said.variants],
        toml=version.toml,
        by=version.by,
        created_at=version.created_at,
        begun_at=version.begun_at,
        ended_at=version.ended_at,
    )


def policy_of(found: tuple[int, Policy]) -> PromptPolicy:
    """A policy with its number as GraphQL tells it."""
    number, policy = found
    return PromptPolicy(
        id=to_id("PromptPolicy", number),
        holdout_percent=policy.holdout_percent,
        assume_consent=policy.assume_consent,
        reserve_minutes=policy.reserve_minutes,
        asks_per_week=policy.asks_per_week,
        members_per_item=policy.members_per_item,
        dismiss_days=policy.dismiss_days,
        snooze_days=policy.snooze_days,
        caps=_caps(policy.caps),
        toml=dump_policy(policy),
    )


def _caps(caps: Caps) -> PromptCaps:
    return PromptCaps(session=caps.session, day=caps.day, week=caps.week)
