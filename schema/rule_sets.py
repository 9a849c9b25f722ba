"""Rule sets, in GraphQL: what they say, where they stand in their life, how two of them differ."""

# ruff: noqa: D101, D102 - the descriptions of types and fields are their docstrings
# Strawberry types its decorators loosely.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, datetime
from enum import Enum
from functools import lru_cache
from typing import Annotated

import strawberry

from engagement import words
from engagement.rules import diff, load
from schema.catalog import ActionType, action_type
from schema.context import Asked, Siblings, asked_day
from schema.costs import about, costs
from schema.drafts import RuleChange, changes_of, version
from schema.ids import from_id, to_id
from schema.node import Node
from schema.scopes import MANAGER, needs
from schema.simulation import Question, Simulation, simulation_of
from schema.words import Index
from store.db import day_date
from store.rules import RuleSetVersion, as_if

#: What the text of a rule set costs, up to a million characters.
_TOML = 50


@strawberry.enum(
    description="Draft 案, scheduled (to be put in force on a day), active 適用中 (one), retired."
)
class RuleSetState(Enum):
    DRAFT = "draft"
    SCHEDULED = "scheduled"
    ACTIVE = "active"
    RETIRED = "retired"


@needs(*MANAGER)
@strawberry.type(description="When an index is met.")
class Threshold:
    index: Index
    enter: int = strawberry.field(description="Points that are needed to meet it.")
    exit: float = strawberry.field(description="Points below which it is lost.")
    min_hold_days: int
    distinct_members: int | None
    distinct_days: int | None
    k_of: int = strawberry.field(description="How many of the guards must hold to enter.")


@needs(*MANAGER)
@strawberry.type(description="What must be changed in a rule set to get another.")
class RuleSetDiff:
    changes: list[RuleChange] = strawberry.field(directives=about(20))
    simulation: Simulation = strawberry.field(
        description="Whom it would move, if the other took the place of the one."
    )


@needs(*MANAGER)
@strawberry.type(description="An immutable version of the rules.")
class RuleSet(Node):
    name: str
    state: RuleSetState
    checksum: str
    created_at: datetime
    activated_at: datetime | None
    retired_at: datetime | None
    activates_on: date | None = strawberry.field(
        description="The day of the community's calendar on which a SCHEDULED one is put in force, "
        "whatever is in force then."
    )
    notify: bool = strawberry.field(
        description="Whether followers of `standingChanged` are (to be) told of whom its "
        "activation moves."
    )
    toml: str = strawberry.field(description="The text that defines it.", directives=costs(_TOML))

    group: strawberry.Private[Siblings[None]]

    @strawberry.field(description="The days over which points are added up.")
    async def window_days(self) -> int:
        return (await self._read()).window_days

    @strawberry.field(description="Conditions in the order in which they decide.")
    async def precedence(self) -> list[str]:
        return list((await self._read()).precedence)

    @strawberry.field(description="When each index is met.", directives=about(4))
    async def thresholds(self) -> list[Threshold]:
        return [_threshold(index, t) for index, t in (await self._read()).thresholds.items()]

    @strawberry.field(description="Its catalog.", directives=about(200))
    async def action_types(self) -> list[ActionType]:
        return [action_type(row) for row in (await self._read()).catalog]

    @strawberry.field(description="How it differs from another, and whom that would move.")
    async def diff(
        self,
        info: Asked,
        to: Annotated[strawberry.ID, strawberry.argument(description="The id of a rule set.")],
        as_of: Annotated[
            date | None, strawberry.argument(description="The day of `simulation`.")
        ] = None,
    ) -> RuleSetDiff:
        other = await version(info.context, to)
        now = await info.context.moment()
        own = await self._read()
        base = replace(as_if(now.rules, own), id=from_id(self.id, "RuleSet")[1])
        return RuleSetDiff(
            changes=changes_of(diff(own, other)),
            simulation=simulation_of(Question(base, other, asked_day(now, as_of), now)),
        )

    async def _read(self) -> words.RuleSet:
        """What the text says: read once per process, aside, as it takes 16 ms."""
        return await self.group.once("rules", lambda: asyncio.to_thread(_read, self.toml))


@lru_cache(maxsize=256)
def _read(toml: str) -> words.RuleSet:
    return load(toml)


def _threshold(index: Index, threshold: words.Threshold) -> Threshold:
    return Threshold(
        index=index,
        enter=threshold.enter,
        exit=threshold.exit_x100 / 100,
        min_hold_days=threshold.min_hold_days,
        distinct_members=threshold.guards.distinct_members,
        distinct_days=threshold.guards.distinct_days,
        k_of=threshold.guards.k_of,
    )


def rule_set_of(version: RuleSetVersion) -> RuleSet:
    """A version of the rules as GraphQL tells it."""
    return RuleSet(
        id=to_id("RuleSet", version.id),
        name=version.name,
        state=RuleSetState(version.state),
        checksum=version.checksum,
        created_at=version.created_at,
        activated_at=version.activated_at,
        retired_at=version.retired_at,
        activates_on=None if version.activates_on is None else day_date(version.activates_on),
        notify=version.notify,
        toml=version.toml,
        group=Siblings([None]),
    )
