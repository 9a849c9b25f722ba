"""Reports, in GraphQL."""

# ruff: noqa: D101, D102 - the descriptions of types and fields are their docstrings
# Strawberry types its decorators loosely.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from datetime import date, datetime

import strawberry

from schema.catalog import ActionTypeSeen, recorded, unclassified
from schema.connections import First, page_size
from schema.context import Asked, Siblings
from schema.costs import about
from schema.ids import to_id
from schema.scalars import Count
from schema.scopes import MANAGER, needs
from schema.words import Precision, Status
from store.db import day_date
from store.moment import Moment
from store.reports import health, tiers


@needs(*MANAGER)
@strawberry.type(
    description="One status: who has it, and how that came about since the day before the period. "
    "Who moved and came back has not moved."
)
class Tier:
    status: Status
    count: int
    share: float = strawberry.field(description="Of the total, 0 to 1.")
    moved_in: int = strawberry.field(description="Who has it now and did not then; with `joined`.")
    moved_out: int = strawberry.field(description="Who had it then and has another now.")
    joined: int = strawberry.field(description="Who was not here then.")
    net: int = strawberry.field(description="`movedIn` less `movedOut`: `count` less `before`.")
    before: int = strawberry.field(description="How many had it then.")


@needs(*MANAGER)
@strawberry.type(
    description="All members by status at the end of a day. Merged and erased members are not "
    "counted, staff and bots are counted apart."
)
class TierReport:
    as_of: date
    since: date = strawberry.field(description="The day before the period, compared with.")
    archive: bool = strawberry.field(
        description="The data end before the window of today, so that `asOf` is by default the day "
        "after the newest action."
    )
    rule_set: str
    tiers: list[Tier] = strawberry.field(directives=about(7))
    total: int = strawberry.field(description="The sum of the counts of `tiers`.")
    unplaced: int = strawberry.field(
        description="How many are counted as MEMBER because their history is still being folded."
    )
    outdated: int = strawberry.field(
        description="How many are counted where earlier rules placed them, because those of "
        "`ruleSet` have not reached them yet."
    )
    staff: int
    bots: int


@needs(*MANAGER)
@strawberry.type(description="How many times are known how well.")
class TimesKnown:
    precision: Precision
    actions: Count


@needs(*MANAGER)
@strawberry.type(
    description="What is odd or missing in the data. Each field reads what it is about, so that "
    "only what is asked for costs."
)
class DataHealth:
    archive: bool = strawberry.field(
        description="Whether nothing was done inside the window that ends today."
    )
    default_as_of: date = strawberry.field(
        description="The day that is meant where `asOf` is left out."
    )
    rule_set_id: strawberry.ID
    rule_set: str
    group: strawberry.Private[Siblings[None]]

    @strawberry.field(
        description="What was recorded and no row of the active catalog speaks of, the most "
        "frequent first."
    )
    async def unclassified(self, info: Asked, first: First = 20) -> list[ActionTypeSeen]:
        size = page_size(first)
        there = await recorded(info.context, self.group)
        now = await info.context.moment()
        return [
            ActionTypeSeen(type=unclassified(one.venue, one.verb), group=self.group)
            for one in there.unclassified(now.rules)[:size]
        ]

    @strawberry.field(description="Posts that others refer to; nobody sent them.")
    async def waiting_posts(self, info: Asked) -> Count:
        return Count((await self._backlog(info)).waiting_posts)

    @strawberry.field(description="Actions that respond to such posts.")
    async def waiting_reactions(self, info: Asked) -> Count:
        return Count((await self._backlog(info)).waiting_reactions)

    @strawberry.field(description="Retractions of actions yet to come.")
    async def waiting_retractions(self, info: Asked) -> Count:
        return Count((await self._backlog(info)).waiting_retractions)

    @strawberry.field(description="Members known only from what they did.")
    async def undescribed_members(self, info: Asked) -> Count:
        return Count((await self._backlog(info)).undescribed)

    @strawberry.field(description="Members whose past is still to be folded.")
    async def pending_refolds(self, info: Asked) -> Count:
        return Count((await self._backlog(info)).pending_refolds)

    @strawberry.field(description="Standings made with other rules.")
    async def outdated_standings(self, info: Asked) -> Count:
        return Count((await self._backlog(info)).outdated_standings)

    @strawberry.field(
        description="First snapshots of counters, whose whole total falls on one day."
    )
    async def counters_whole(self, info: Asked) -> Count:
        return Count((await self._backlog(info)).counters_whole)

    @strawberry.field(description="How many times are known how well.", directives=about(4))
    async def times(self, info: Asked) -> list[TimesKnown]:
        there = await recorded(info.context, self.group)
        return [TimesKnown(precision=p, actions=Count(n)) for p, n in there.times.items()]

    @strawberry.field(description="How many actions there are.")
    async def actions(self, info: Asked) -> Count:
        return Count((await recorded(info.context, self.group)).actions)

    @strawberry.field(description="When the newest action was done.")
    async def newest_action_at(self, info: Asked) -> datetime | None:
        return (await recorded(info.context, self.group)).newest_at

    @strawberry.field(description="The newest day on which anything counts.")
    async def newest_day(self, info: Asked) -> date | None:
        async with info.context.read() as (connection, _):
            day = await health.newest_day(connection)
        return None if day is None else day_date(day)

    async def _backlog(self, info: Asked) -> health.Backlog:
        async def load() -> health.Backlog:
            async with info.context.read() as (connection, now):
                return await health.backlog(connection, now.rules)

        return await self.group.once("backlog", load)


def tier_report_of(found: tiers.TierReport, *, archive: bool) -> TierReport:
    """The report on statuses as GraphQL tells it."""
    return TierReport(
        as_of=day_date(found.day),
        since=day_date(found.since),
        archive=archive,
        rule_set=found.rule_set,
        tiers=[
            Tier(
                status=row.status,
                count=row.count,
                share=row.share,
                moved_in=row.moved_in,
                moved_out=row.moved_out,
                joined=row.joined,
                net=row.net,
                before=row.before,
            )
            for row in found.rows
        ],
        total=found.total,
        unplaced=found.unplaced,
        outdated=found.outdated,
        staff=found.staff,
        bots=found.bots,
    )


def health_of(now: Moment) -> DataHealth:
    """The health of the data as GraphQL tells it."""
    return DataHealth(
        archive=now.archive,
        default_as_of=day_date(now.day),
        rule_set_id=to_id("RuleSet", now.rules.id),
        rule_set=now.rules.name,
        group=Siblings([None]),
    )
