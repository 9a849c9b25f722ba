"""Several rule sets side by side, in GraphQL."""

# ruff: noqa: D101 - the descriptions of types and fields are their docstrings

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date

import strawberry

from engagement import rules as rule_files
from engagement import words
from schema.context import Context
from schema.costs import about
from schema.rule_sets import RuleSet, rule_set_of
from schema.scopes import MANAGER, needs
from schema.simulation import BY_STATUS
from schema.words import Status
from store import background
from store.background import Progress
from store.compare import SideBySide, side_by_side
from store.db import day_date
from store.moment import Moment
from store.rules import RuleSetVersion
from store.simulated import share_of


@needs(*MANAGER)
@strawberry.type(description="How many have a status, and of how many.")
class StatusShare:
    status: Status
    count: int
    share: float = strawberry.field(description="Of all, 0 to 1.")


@needs(*MANAGER)
@strawberry.type(description="What one rule set makes of everybody.")
class ComparedRules:
    rule_set: RuleSet
    statuses: list[StatusShare] = strawberry.field(directives=BY_STATUS)
    population: int
    differing: int = strawberry.field(
        description="How many have another status than by the rules in force."
    )


@needs(*MANAGER)
@strawberry.type(
    description="Several rule sets on a day, that in force first. The others are taken as if they "
    "always had been in force: locks hold, graces do not."
)
class RuleSetComparison:
    as_of: date
    archive: bool
    columns: list[ComparedRules] = strawberry.field(directives=about(4))


async def compared(
    context: Context, now: Moment, versions: Sequence[RuleSetVersion], day: int
) -> RuleSetComparison:
    """Versions side by side, the first of which is in force; worked out in the background."""
    others = [await asyncio.to_thread(rule_files.load, one.toml) for one in versions[1:]]

    async def work(progress: Progress) -> SideBySide:
        async with context.database.read() as connection:
            await background.unhurried(connection)
            return await side_by_side(connection, now.rules, others, day=day, progress=progress)

    key = ("compare", tuple(one.id for one in versions), day, now.today)
    found = await context.worked_out(key, work)
    return RuleSetComparison(
        as_of=day_date(day),
        archive=now.archive,
        columns=[
            ComparedRules(
                rule_set=rule_set_of(version),
                population=column.population,
                differing=column.differing,
                statuses=[
                    StatusShare(status=status, count=n, share=share_of(n, column.population))
                    for status, n in zip(words.STATUSES, column.counts, strict=True)
                ],
            )
            for version, column in zip(versions, found.columns, strict=True)
        ],
    )
