"""Which bars would do what is wanted, in GraphQL."""

# ruff: noqa: D101 - the descriptions of types and fields are their docstrings

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

import strawberry

from engagement import suggest, words
from schema.context import Context
from schema.costs import about
from schema.measures import StatusCount, status_counts
from schema.scopes import MANAGER, needs
from schema.simulation import BY_INDEX, BY_STATUS, kept_points
from schema.words import Index
from store.db import day_date
from store.moment import Moment

strawberry.enum(
    suggest.Way,
    name="SuggestionWay",
    description="How bars are found: for numbers of members, for a share of those who have points, "
    "or at the widest gap between them.",
)


@needs(*MANAGER)
@strawberry.type(description="A bar, and how many it would be for.")
class Reach:
    enter: int
    reached: int


@needs(*MANAGER)
@strawberry.type(description="What a way says of one index.")
class SuggestedBar:
    index: Index
    now: int = strawberry.field(description="The bar that there is.")
    enter: int | None = strawberry.field(
        description="The one that is suggested; of those that do the same, the nearest to the "
        "present one. None: stay where you are, for the reason in `whyNot`."
    )
    reached: int | None = strawberry.field(
        description="How many would have the status of the index, where numbers were asked for, "
        "else how many have the points."
    )
    wanted: int | None
    lower: Reach | None = strawberry.field(
        description="The next lower bar by which more members would have it: as many have the same "
        "points, not every number can be had."
    )
    why_not: str | None


@needs(*MANAGER)
@strawberry.type(description="Bars by one way, and what they would do by the points of the day.")
class Suggestion:
    way: suggest.Way
    bars: list[SuggestedBar] = strawberry.field(directives=BY_INDEX)
    statuses: list[StatusCount] = strawberry.field(directives=BY_STATUS)


@needs(*MANAGER)
@strawberry.type(description="Bars that would do what is wanted, by the points of a day.")
class Suggestions:
    as_of: date
    archive: bool
    rule_set: str
    made_at: datetime
    population: int
    ways: list[Suggestion] = strawberry.field(directives=about(3))


async def suggested(
    context: Context,
    now: Moment,
    rules: words.RuleSet,
    wanted: Mapping[words.Index, int],
    share: float,
    day: int,
) -> Suggestions:
    """Suggestions for ``rules`` on a day."""
    kept = await kept_points(context, now, rules, day)
    found = suggest.suggestions(kept.everybody, rules, wanted, share)
    return Suggestions(
        as_of=day_date(day),
        archive=now.archive,
        rule_set=rules.name,
        made_at=kept.made_at,
        population=kept.everybody.members,
        ways=[
            Suggestion(
                way=one.way,
                bars=[
                    _bar(index, one.bars[index], rules.thresholds[index].enter)
                    for index in words.INDICES
                ],
                statuses=status_counts(one.counts),
            )
            for one in found
        ],
    )


def _bar(index: words.Index, bar: suggest.Bar | str, now: int) -> SuggestedBar:
    if isinstance(bar, str):
        return SuggestedBar(
            index=index, now=now, enter=None, reached=None, wanted=None, lower=None, why_not=bar
        )
    lower = bar.lower
    return SuggestedBar(
        index=index,
        now=now,
        enter=bar.chosen.enter,
        reached=bar.chosen.members,
        wanted=bar.wanted,
        lower=None if lower is None else Reach(enter=lower.enter, reached=lower.members),
        why_not=None,
    )
