"""Decisions on prompts as managers look into them: what was chosen, why, and what came of it."""

# ruff: noqa: D101, D102 - the descriptions of types and fields are their docstrings
# Strawberry types its decorators loosely.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from datetime import datetime

import strawberry

from engagement.holdout import Arm, period_name
from engagement.prompt import Reason
from engagement.scenario import Kind
from schema.connections import Connection, connection, page_size
from schema.context import Asked, Siblings
from schema.costs import about
from schema.ids import Big, from_cursor, to_cursor, to_id
from schema.node import Node
from schema.scenarios import Scenario, scenario_of
from schema.scopes import MANAGER, needs
from schema.standing import Language
from schema.types import Member, Post, member_of, post_of
from schema.words import Status
from store import members, offers, posts, scenarios
from store.offers import OfferRow

_ORDER = "offers"


@needs(*MANAGER)
@strawberry.type(description="What became of one scenario in a decision.")
class OfferStep:
    scenario_id: strawberry.ID
    key: str
    version: int
    reason: Reason | None = strawberry.field(description="None for the one that was shown.")
    post_id: strawberry.ID | None = strawberry.field(description="What it would have been about.")
    detail: str | None = strawberry.field(
        description="The numbers that decided, such as `2 of 2 on home`."
    )


@needs(*MANAGER)
@strawberry.type(description="One decision: to show a prompt, to hold it out, or to show none.")
class Offer(Node):
    at: datetime
    surface: str
    session: str | None
    language: Language
    status: Status = strawberry.field(description="The status of the member at the time.")
    period: str = strawberry.field(description="In which arms were drawn, such as 2026Q4.")
    kind: Kind | None
    arm: Arm | None = strawberry.field(description="None where nothing was chosen.")
    variant: int | None = strawberry.field(description="The place of its message, from 0.")
    reason: Reason | None = strawberry.field(description="Why nothing was shown.")
    shown_at: datetime | None
    followed_at: datetime | None
    dismissed_at: datetime | None
    snoozed_at: datetime | None
    refused_at: datetime | None
    trace: list[OfferStep] = strawberry.field(
        description="Every scenario for the member's status and the surface.",
        directives=about(10),
    )
    row: strawberry.Private[OfferRow]
    group: strawberry.Private[Siblings[OfferRow]]

    @strawberry.field(description="Whom it was about.")
    async def member(self, info: Asked) -> Member:
        async def load() -> dict[int, members.MemberRow]:
            async with info.context.read() as (connection, _):
                wanted = [one.member_id for one in self.group.rows]
                return await members.by_ids(connection, wanted)

        rows = await self.group.once("members", load)
        return member_of(rows[self.row.member_id], Siblings(list(rows.values())))

    @strawberry.field(description="The scenario that was chosen; None where none was.")
    async def scenario(self, info: Asked) -> Scenario | None:
        async def load() -> dict[int, scenarios.Version]:
            async with info.context.read() as (connection, _):
                wanted = [one.scenario_id for one in self.group.rows if one.scenario_id]
                return await scenarios.by_numbers(connection, wanted)

        found = await self.group.once("scenarios", load)
        number = self.row.scenario_id
        return None if number is None else scenario_of(found[number])

    @strawberry.field(description="What the prompt was about; None where it was about no post.")
    async def item(self, info: Asked) -> Post | None:
        async def load() -> dict[int, posts.PostRow]:
            async with info.context.read() as (connection, _):
                wanted = [one.post_id for one in self.group.rows if one.post_id]
                return await posts.by_ids(connection, wanted)

        found = await self.group.once("posts", load)
        row = None if self.row.post_id is None else found.get(self.row.post_id)
        return None if row is None else post_of(row, Siblings([row]))


def offer_of(row: OfferRow, group: Siblings[OfferRow]) -> Offer:
    """A decision as GraphQL tells it."""
    return Offer(
        id=to_id("Offer", row.id),
        at=row.at,
        surface=row.surface,
        session=row.session,
        language=Language(row.lang),
        status=row.status,
        period=period_name(row.period),
        kind=row.kind,
        arm=row.arm,
        variant=row.variant,
        reason=row.reason,
        shown_at=row.shown_at,
        followed_at=row.followed_at,
        dismissed_at=row.dismissed_at,
        snoozed_at=row.snoozed_at,
        refused_at=row.refused_at,
        trace=[
            OfferStep(
                scenario_id=to_id("Scenario", step.scenario_id),
                key=step.key,
                version=step.number,
                reason=step.reason,
                post_id=None if step.post_id is None else to_id("Post", step.post_id),
                detail=step.detail,
            )
            for step in row.trace
        ],
        row=row,
        group=group,
    )


async def offer_page(
    info: Asked, wanted: offers.Filter, first: int, after: str | None
) -> Connection[Offer]:
    """A page of decisions, the newest first."""
    size = page_size(first)
    key = from_cursor(after, _ORDER, Big)
    async with info.context.read() as (connected, _):
        rows = await offers.page(
            connected, wanted, before=None if key is None else key[0], first=size + 1
        )
    group = Siblings(rows[:size])
    return connection(
        rows,
        size,
        node=lambda row: offer_of(row, group),
        cursor=lambda row: to_cursor(_ORDER, row.id),
        after=after,
    )
