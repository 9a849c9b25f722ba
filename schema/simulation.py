"""What other rules would do, in GraphQL."""

# ruff: noqa: D101, D102 - the descriptions of types and fields are their docstrings
# Strawberry types its decorators loosely.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import strawberry

from engagement import rules as rule_files
from engagement import simulate, words
from engagement.distribution import basis
from schema.connections import First, page_size
from schema.context import Asked, Context, Siblings
from schema.costs import about, costs
from schema.drafts import RuleChange, changes_of
from schema.measures import StatusCount, status_counts
from schema.scalars import Count
from schema.scopes import MANAGER, needs
from schema.types import OF_ALL, Member, member_of
from schema.words import Index, Status
from store import background, members, vectors
from store.background import Progress
from store.db import day_date
from store.moment import Moment
from store.rules import ActiveRules
from store.simulate import Month
from store.simulated import IndexTold, Move, Simulated, StatusTold, share_of, simulated
from store.vectors import Kept

#: What an answer from the kept vectors costs: less than looking at a list.
_AT_ONCE = 20
BY_STATUS = about(len(words.STATUSES))
_FOLDED = about(len(words.STATUSES), cost=OF_ALL)
BY_INDEX = about(len(words.INDICES))


@needs(*MANAGER)
@strawberry.type(description="How many would have a status by the points of a day alone.")
class StatusByPoints:
    status: Status
    count: int
    share: float = strawberry.field(description="Of all, 0 to 1.")
    change: int = strawberry.field(
        description="How many more than by the points of the same day and the rules in force."
    )


@needs(*MANAGER)
@strawberry.type(description="Members with at least so many points and fewer than others.")
class HistogramBin:
    at_least: int
    below: int | None = strawberry.field(description="None: there is no end.")
    members: int


@needs(*MANAGER)
@strawberry.type(description="The least points that so many percent of those who have any have.")
class Quantile:
    percent: int
    points: float


@needs(*MANAGER)
@strawberry.type(description="How the points of an index lie around its bar.")
class PointSpread:
    index: Index
    enter: int = strawberry.field(description="The bar, at which one of the bins begins.")
    reach: int = strawberry.field(description="How many have so many points, or more.")
    near: int = strawberry.field(description="How many are within 10 % of the bar.")
    without: int = strawberry.field(description="How many have no points; in none of the bins.")
    quantiles: list[Quantile] = strawberry.field(directives=about(6))
    histogram: list[HistogramBin] = strawberry.field(directives=about(20))


@needs(*MANAGER)
@strawberry.type(
    description="What the points of a day say by themselves: who meets which bar. Hysteresis and "
    "graces, which look at the days before, have no part in it; `statuses` of the simulation says "
    "what will be so."
)
class PointsOfDay:
    made_at: datetime = strawberry.field(
        description="When the points were looked at; they are kept for an hour or so."
    )
    population: int
    statuses: list[StatusByPoints] = strawberry.field(directives=BY_STATUS)
    spreads: list[PointSpread] = strawberry.field(directives=BY_INDEX)


@needs(*MANAGER)
@strawberry.type(description="How many have a status, and how many would have it.")
class SimulatedStatus:
    status: Status
    before: int = strawberry.field(description="By the rules whose place the draft takes.")
    count: int = strawberry.field(description="By the draft: what reports of the day will say.")
    change: int
    share: float = strawberry.field(description="Of all, 0 to 1.")
    after_grace: int = strawberry.field(
        description="Once the graces that the change itself gives are over."
    )


@needs(*MANAGER)
@strawberry.type(
    description="How many would go from a status to another, or stay. All cells add up to the "
    "population."
)
class SimulatedMove:
    before: Status | None = strawberry.field(description="None: who is not here by these rules.")
    after: Status | None
    members: int


@needs(*MANAGER)
@strawberry.type(description="A member near a bar.")
class NearMember:
    member: Member
    points: float


@needs(*MANAGER)
@strawberry.type(description="An index in the simulation: its points, and who is near the bar.")
class SimulatedIndex:
    spread: PointSpread
    told: strawberry.Private[IndexTold]

    @strawberry.field(description="Members within 10 % of the bar, the nearest first.")
    async def near(self, info: Asked, first: First = 5) -> list[NearMember]:
        nearest = self.told.near[: page_size(first)]
        async with info.context.read() as (connection, _):
            rows = await members.by_ids(connection, [one.member_id for one in nearest])
        group = Siblings(list(rows.values()))
        return [
            NearMember(member=member_of(rows[one.member_id], group), points=one.points)
            for one in nearest
            if one.member_id in rows
        ]


@needs(*MANAGER)
@strawberry.type(
    description="A number by the rules in force, by the draft, and by the draft without hysteresis."
)
class ByRules:
    active: int
    draft: int
    draft_without_hysteresis: int


@needs(*MANAGER)
@strawberry.type(description="The end of a month, had each of the two always been in force.")
class SimulatedMonth:
    last_day: date
    active: list[StatusCount] = strawberry.field(directives=BY_STATUS)
    draft: list[StatusCount] = strawberry.field(directives=BY_STATUS)
    moves: ByRules = strawberry.field(
        description="Changes of a status in the month by the members' own doing."
    )
    flaps: ByRules = strawberry.field(
        description="Those of them that only took back one of the 30 days before."
    )


@needs(*MANAGER)
@strawberry.type(description="The simulation in single numbers.")
class SimulatedTotals:
    population: int
    moved: int = strawberry.field(description="How many would have another status.")
    would_be_told: int = strawberry.field(
        description="Whose move followers would be told of, if the activation asks for it "
        "(`notify`); without that, nobody's."
    )
    in_grace: int = strawberry.field(description="How many would keep a status for a while.")
    actions: Count
    unclassified: Count = strawberry.field(
        description="How many of the actions are of types that the draft does not know."
    )


@dataclass(frozen=True, slots=True)
class Question:
    """What is simulated: the ``draft`` in the place of ``base`` at the end of ``day``."""

    base: ActiveRules
    draft: words.RuleSet
    day: int
    now: Moment

    async def answer(self, context: Context) -> Simulated:
        """The figures, worked out in the background; raises Refused while they are not there."""

        async def work(progress: Progress) -> Simulated:
            async with context.database.read() as connection:
                await background.unhurried(connection)
                _, figures = await simulated(
                    connection,
                    self.base,
                    self.draft,
                    day=self.day,
                    today=self.now.today,
                    progress=progress,
                )
            return figures

        both = rule_files.checksum(self.base.rules), rule_files.checksum(self.draft)
        key = ("simulate", self.now.rules.id, *both, self.day, self.now.today)
        return await context.worked_out(key, work)


@needs(*MANAGER)
@strawberry.type(
    description="What a draft would do in the place of other rules; nothing is changed. `byPoints` "
    "is answered at once. The other lists and the totals fold the whole history of everybody, once "
    "for all of them: where that takes longer than a request may, the error UNDER_WAY says how far "
    "it is, and asking again some time later gets it."
)
class Simulation:
    as_of: date
    archive: bool
    rule_set: str = strawberry.field(description="The name of the rules that are in force.")
    draft: str
    question: strawberry.Private[Question]
    group: strawberry.Private[Siblings[None]]

    @strawberry.field(description="What the draft changes.", directives=about(20))
    async def changes(self) -> list[RuleChange]:
        return changes_of(rule_files.diff(self.question.base.rules, self.question.draft))

    @strawberry.field(description="Who meets which bar.", directives=costs(_AT_ONCE))
    async def by_points(self, info: Asked) -> PointsOfDay:
        asked = self.question
        kept = await kept_points(info.context, asked.now, asked.draft, asked.day)
        other = kept
        if basis(asked.base.rules) != basis(asked.draft):
            other = await kept_points(info.context, asked.now, asked.base.rules, asked.day)
        return _points_of(kept, asked.draft, other, asked.base.rules)

    @strawberry.field(description="Who would have which status.", directives=_FOLDED)
    async def statuses(self, info: Asked) -> list[SimulatedStatus]:
        return [_status(one) for one in (await self._told(info)).statuses]

    @strawberry.field(
        description="From which status to which; those who stay are there too.",
        directives=about(20, cost=OF_ALL),
    )
    async def matrix(self, info: Asked) -> list[SimulatedMove]:
        return moves_of((await self._told(info)).moves)

    @strawberry.field(
        description="How the points lie around the bars, and who is near them.",
        directives=about(4, cost=OF_ALL),
    )
    async def indices(self, info: Asked) -> list[SimulatedIndex]:
        return [
            SimulatedIndex(spread=_spread(one.index, one.spread), told=one)
            for one in (await self._told(info)).indices
        ]

    @strawberry.field(
        description="The ends of the last twelve months, oldest first.",
        directives=about(12, cost=OF_ALL),
    )
    async def months(self, info: Asked) -> list[SimulatedMonth]:
        return [_month(one) for one in (await self._told(info)).months]

    @strawberry.field(description="Single numbers.", directives=costs(OF_ALL))
    async def totals(self, info: Asked) -> SimulatedTotals:
        told = await self._told(info)
        return SimulatedTotals(
            population=told.population,
            moved=told.moved,
            would_be_told=told.would_be_told,
            in_grace=told.in_grace,
            actions=Count(told.actions),
            unclassified=Count(told.unclassified),
        )

    async def _told(self, info: Asked) -> Simulated:
        return await self.group.once("told", lambda: self.question.answer(info.context))


def simulation_of(question: Question) -> Simulation:
    """A simulation that is worked out as far as it is asked about."""
    return Simulation(
        as_of=day_date(question.day),
        archive=question.now.archive,
        rule_set=question.base.name,
        draft=question.draft.name,
        question=question,
        group=Siblings([None]),
    )


async def kept_points(context: Context, now: Moment, rules: words.RuleSet, day: int) -> Kept:
    """The kept vectors of a day."""
    return await context.patiently(
        vectors.asked(
            context.database, now, rules, day=day, now=context.now(), patience=context.patience
        )
    )


def _points_of(kept: Kept, draft: words.RuleSet, other: Kept, base: words.RuleSet) -> PointsOfDay:
    counts = kept.everybody.statuses(_bars(draft)).tolist()
    before = other.everybody.statuses(_bars(base)).tolist()
    population = kept.everybody.members
    return PointsOfDay(
        made_at=kept.made_at,
        population=population,
        statuses=[
            StatusByPoints(status=status, count=n, share=share_of(n, population), change=n - then)
            for status, n, then in zip(words.STATUSES, counts, before, strict=True)
        ],
        spreads=[
            _spread(index, simulate.spread(points, draft.thresholds[index].enter))
            for index, points in zip(words.INDICES, kept.everybody.points, strict=True)
        ],
    )


def _bars(rules: words.RuleSet) -> list[int]:
    return [rules.thresholds[index].enter_x100 for index in words.INDICES]


def _spread(index: words.Index, told: simulate.Spread) -> PointSpread:
    return PointSpread(
        index=index,
        enter=told.enter,
        reach=told.reach,
        near=told.near,
        without=told.without,
        quantiles=[Quantile(percent=q, points=points) for q, points in told.quantiles.items()],
        histogram=[
            HistogramBin(at_least=one.low, below=one.high, members=one.members) for one in told.bins
        ],
    )


def _status(one: StatusTold) -> SimulatedStatus:
    return SimulatedStatus(
        status=one.status,
        before=one.before,
        count=one.count,
        change=one.change,
        share=one.share,
        after_grace=one.after_grace,
    )


def moves_of(moves: Sequence[Move]) -> list[SimulatedMove]:
    """A matrix as GraphQL tells it."""
    return [SimulatedMove(before=one.before, after=one.after, members=one.members) for one in moves]


def _month(one: Month) -> SimulatedMonth:
    return SimulatedMonth(
        last_day=day_date(one.last_day),
        active=status_counts(one.active),
        draft=status_counts(one.draft),
        moves=_by_rules(one.moved),
        flaps=_by_rules(one.flapped),
    )


def _by_rules(numbers: tuple[int, int, int]) -> ByRules:
    active, draft, free = numbers
    return ByRules(active=active, draft=draft, draft_without_hysteresis=free)
