"""Reports, in GraphQL."""

# ruff: noqa: D101 - the descriptions of types and fields are their docstrings

from __future__ import annotations

from datetime import date, datetime

import strawberry

from schema.catalog import ActionTypeSeen, unclassified
from schema.ids import to_id
from schema.scalars import Count
from schema.scopes import MANAGER, needs
from schema.words import Precision, Status
from store import reports
from store.db import day_date


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
    tiers: list[Tier]
    total: int = strawberry.field(description="The sum of the counts of `tiers`.")
    unplaced: int = strawberry.field(
        description="How many are counted as MEMBER because their history is still being folded."
    )
    staff: int
    bots: int


@needs(*MANAGER)
@strawberry.type(description="How many times are known how well.")
class TimesKnown:
    precision: Precision
    actions: Count


@needs(*MANAGER)
@strawberry.type(description="What is odd or missing in the data.")
class DataHealth:
    unclassified: list[ActionTypeSeen] = strawberry.field(
        description="What was recorded and no row of the active catalog speaks of, by frequency."
    )
    waiting_posts: Count = strawberry.field(
        description="Posts that others refer to; nobody sent them."
    )
    waiting_reactions: Count = strawberry.field(description="Actions that respond to such posts.")
    waiting_retractions: Count = strawberry.field(description="Retractions of actions yet to come.")
    undescribed_members: Count = strawberry.field(
        description="Members known only from what they did."
    )
    pending_refolds: Count = strawberry.field(
        description="Members whose past is still to be folded."
    )
    outdated_standings: Count = strawberry.field(description="Standings made with other rules.")
    counters_whole: Count = strawberry.field(
        description="First snapshots of counters, whose whole total falls on one day."
    )
    times: list[TimesKnown]
    actions: Count
    newest_day: date | None = strawberry.field(
        description="The newest day on which anything counts."
    )
    newest_action_at: datetime | None
    archive: bool = strawberry.field(
        description="Whether nothing was done inside the window that ends today."
    )
    default_as_of: date = strawberry.field(
        description="The day that is meant where `asOf` is left out."
    )
    rule_set_id: strawberry.ID
    rule_set: str


def tier_report_of(found: reports.TierReport, *, archive: bool) -> TierReport:
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
        staff=found.staff,
        bots=found.bots,
    )


def health_of(found: reports.Health, *, default_day: int) -> DataHealth:
    """The health of the data as GraphQL tells it."""
    return DataHealth(
        unclassified=[
            ActionTypeSeen(type=unclassified(one.venue, one.verb), actions=Count(one.actions))
            for one in found.unclassified
        ],
        waiting_posts=Count(found.waiting_posts),
        waiting_reactions=Count(found.waiting_reactions),
        waiting_retractions=Count(found.waiting_retractions),
        undescribed_members=Count(found.undescribed),
        pending_refolds=Count(found.pending_refolds),
        outdated_standings=Count(found.outdated_standings),
        counters_whole=Count(found.counters_whole),
        times=[TimesKnown(precision=p, actions=Count(n)) for p, n in found.times.items()],
        actions=Count(found.actions),
        newest_day=None if found.newest_day is None else day_date(found.newest_day),
        newest_action_at=found.last_recorded_at,
        archive=found.archive,
        default_as_of=day_date(default_day),
        rule_set_id=to_id("RuleSet", found.rule_set_id),
        rule_set=found.rule_set,
    )
