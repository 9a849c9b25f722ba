"""What reports have in common in GraphQL: ranges, limits, estimates, groups of members."""

# ruff: noqa: D101, D102 - the descriptions of types and fields are their docstrings
# Strawberry types its decorators loosely.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import strawberry

from engagement import survival
from engagement.points import Ints
from engagement.words import STATUSES
from schema.connections import After, First
from schema.context import Asked
from schema.errors import Refused
from schema.history import GroupConnection, page_of
from schema.scopes import MANAGER, needs
from schema.words import Status
from store.db import day_number
from store.reports.report import MOST_PERIOD, Days


@strawberry.input(description="Days from `first` to `last`, both included; either may be left out.")
class DayRange:
    first: date | None = None
    last: date | None = None


@strawberry.input(description="A number of days for a status.")
class StatusDays:
    status: Status
    days: int


@needs(*MANAGER)
@strawberry.type(
    description="An estimate with its interval of 95 %. None where the data do not reach so far."
)
class Estimate:
    value: float | None
    low: float | None
    high: float | None


@needs(*MANAGER)
@strawberry.type(description="A quarter has at most `low`, half `median`, three quarters `high`.")
class Quartiles:
    low: float
    median: float
    high: float


@needs(*MANAGER)
@strawberry.type(description="How many have a status.")
class StatusCount:
    status: Status
    count: int


@needs(*MANAGER)
@strawberry.type(description="Members who share something.")
class Group:
    ids: strawberry.Private[Ints]
    as_of: strawberry.Private[date]

    @strawberry.field(description="Who they are.")
    async def members(self, info: Asked, first: First, after: After = None) -> GroupConnection:
        return await page_of(info, self.ids, first, after, self.as_of)


def days_of(given: DayRange | None) -> Days:
    """A range of days; raises Refused where it ends before it begins."""
    if given is None:
        return Days()
    found = Days(
        Days().first if given.first is None else day_number(given.first),
        Days().last if given.last is None else day_number(given.last),
    )
    if found.first > found.last:
        raise Refused("BAD_INPUT", f"the days end on {given.last}, before {given.first}")
    return found


def limits_of(given: list[StatusDays]) -> dict[Status, int]:
    """Limits by status; raises Refused for one that makes no sense."""
    for one in given:
        if not 1 <= one.days <= MOST_PERIOD:
            raise Refused("BAD_INPUT", f"`days` is {one.days}; expected 1 to {MOST_PERIOD}")
    return {one.status: one.days for one in given}


def estimate_of(one: survival.Estimate) -> Estimate:
    """An estimate as GraphQL tells it."""
    return Estimate(value=one.value, low=one.low, high=one.high)


def status_counts(counts: Sequence[int]) -> list[StatusCount]:
    """How many have each of STATUSES."""
    return [StatusCount(status=one, count=n) for one, n in zip(STATUSES, counts, strict=True)]
