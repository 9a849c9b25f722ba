"""Action types and how the rules classify them, in GraphQL."""

# ruff: noqa: D101, D102 - the descriptions of types and fields are their docstrings
# Strawberry types its decorators loosely.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

import strawberry

from engagement import words
from schema.context import Asked, Context, Siblings
from schema.scalars import Count
from schema.scopes import BOTH, MANAGER, Needs, needs
from schema.words import DistinctBy, Index, Side
from store.reports import health
from store.reports.health import Recorded


@needs(*BOTH)
@strawberry.type(description="A verb in a venue, and how the active rules classify it.")
class ActionType:
    venue: str
    verb: str
    classified: bool = strawberry.field(
        description="False where no row of the catalog speaks of it: stored, and worth nothing."
    )
    index: Index | None = strawberry.field(
        description="None where it is known and deliberately worth nothing."
    )
    earns: Side | None = strawberry.field(
        description="Who earns: who gives it, or who receives it."
    )
    points: int
    daily_cap: int | None = strawberry.field(description="How many count per member and day.")
    distinct_by: DistinctBy | None
    quality: bool = strawberry.field(
        description="Whether the verdict on the text changes the points."
    )
    label_en: str | None
    label_ja: str | None
    reason: str | None


def action_type(row: words.ActionType) -> ActionType:
    """A row of the catalog as GraphQL tells it."""
    return ActionType(
        venue=row.venue,
        verb=row.verb,
        classified=True,
        index=row.index,
        earns=row.earns,
        points=row.points,
        daily_cap=row.daily_cap,
        distinct_by=row.distinct_by,
        quality=row.quality,
        label_en=row.en,
        label_ja=row.ja,
        reason=row.reason,
    )


def unclassified(venue: str, verb: str) -> ActionType:
    """An action type that no row of the catalog speaks of."""
    return ActionType(
        venue=venue,
        verb=verb,
        classified=False,
        index=None,
        earns=None,
        points=0,
        daily_cap=None,
        distinct_by=None,
        quality=False,
        label_en=None,
        label_ja=None,
        reason=None,
    )


@needs(*BOTH)
@strawberry.type(description="An action type, and how often it was recorded.")
class ActionTypeSeen:
    type: ActionType
    group: strawberry.Private[Siblings[None]]

    @strawberry.field(
        description="Counted among all actions, which takes long where they are many.",
        directives=[Needs(scopes=[*MANAGER])],
    )
    async def actions(self, info: Asked) -> Count:
        there = await recorded(info.context, self.group)
        return Count(there.by_type.get((self.type.venue, self.type.verb), 0))


async def recorded(context: Context, group: Siblings[None]) -> Recorded:
    """All actions in sums, read once for those of ``group`` who ask."""

    async def load() -> Recorded:
        async with context.read() as (connection, _):
            return await health.recorded(connection)

    return await group.once("recorded", load)
