"""Where a member stands, in GraphQL."""

# ruff: noqa: D101, D102 - the descriptions of types and fields are their docstrings
# Strawberry types its decorators loosely.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import Enum
from typing import Final

import strawberry

from engagement import explain
from schema.context import Asked
from schema.costs import about
from schema.scopes import MANAGER, OWN, Needs, needs
from schema.words import Index, Status
from store.db import day_date


@strawberry.enum(description="The language of a text.")
class Language(Enum):
    EN = "en"
    JA = "ja"


def _said(language: Language, en: str, ja: str) -> str:
    return ja if language is Language.JA else en


@needs(*OWN)
@strawberry.type(description="A condition for entering an index beside its points.")
class Guard:
    name: str = strawberry.field(
        description="distinct_members (different people on the other side; a day of what is "
        "addressed to nobody counts as one) or distinct_days (different days with points)."
    )
    have: int
    need: int


@needs(*OWN)
@strawberry.type(description="One index: what the member has in the window, and the bars.")
class IndexStanding:
    index: Index
    points: float
    enter: float = strawberry.field(description="Points that are needed to meet it.")
    exit: float = strawberry.field(description="Points below which it is lost.")
    missing: float = strawberry.field(description="Points to the bar; 0 where it is reached.")
    met: bool
    kept_until: date | None = strawberry.field(
        description="The last day on which it certainly counts as met, where that is only "
        "because the points fell below `exit` too short a time ago."
    )
    guards_needed: int = strawberry.field(description="How many of `guards` must hold to enter.")
    member_id: strawberry.Private[int]
    day: strawberry.Private[int]
    known: strawberry.Private[explain.IndexStanding]

    @strawberry.field(
        description="Conditions for entering, with what there is inside the window.",
        directives=about(2),
    )
    async def guards(self, info: Asked) -> list[Guard]:
        known = self.known
        if any(guard.have is None for guard in known.guards):
            people = await info.context.distinct(self.member_id, self.day)
            known = known.with_people(people[self.index])
        return _guards(known.guards)


@needs(*OWN)
@strawberry.type(description="A condition that decided the status: what was counted and needed.")
class Reason:
    code: str = strawberry.field(
        description="points, held (met, though below the bar), grace, lock, dormant, newcomer, "
        "member or not_placed."
    )
    index: Index | None
    actual: float | None = strawberry.field(description="Points, or days for dormant and newcomer.")
    needed: float | None
    en: strawberry.Private[str]
    ja: strawberry.Private[str]

    @strawberry.field(description="The reason as a sentence for people.")
    def text(self, language: Language = Language.EN) -> str:
        return _said(language, self.en, self.ja)


@needs(*OWN)
@strawberry.type(description="The next status, and what is missing for it.")
class NextStep:
    status: Status
    index: Index | None = strawberry.field(
        description="The index that leads there; none where any one action does."
    )
    missing: float = strawberry.field(description="Points that are missing.")
    member_id: strawberry.Private[int]
    day: strawberry.Private[int]
    known: strawberry.Private[explain.NextStep]

    @strawberry.field(description="Conditions that do not hold yet.", directives=about(2))
    async def guards(self, info: Asked) -> list[Guard]:
        return _guards((await self._counted(info)).guards)

    @strawberry.field(
        description="How many of `guards` must hold as well: as many as there are, or fewer where "
        "they are alternatives."
    )
    async def guards_needed(self, info: Asked) -> int:
        return (await self._counted(info)).guards_needed

    @strawberry.field(description="What is missing, as a sentence for people.")
    async def text(self, info: Asked, language: Language = Language.EN) -> str:
        return _said(language, *(await self._counted(info)).text())

    async def _counted(self, info: Asked) -> explain.NextStep:
        """The step with its people counted, where they matter."""
        if self.known.target is None or not self.known.asks_people:
            return self.known
        people = await info.context.distinct(self.member_id, self.day)
        return self.known.with_people(people[self.known.target.index])


@needs(*OWN)
@strawberry.type(description="Where a member stands at the end of a day, and why.")
class Standing:
    status: Status
    since: date | None = strawberry.field(description="None until the member is placed.")
    day: date
    rule_set: str = strawberry.field(
        description="The name of the rule set that decided.",
        directives=[Needs(scopes=[*MANAGER])],
    )
    indices: list[IndexStanding] = strawberry.field(directives=about(4))
    because: list[Reason] = strawberry.field(directives=about(2))
    next: NextStep | None
    next_review_day: date | None = strawberry.field(
        description="The next day on which it may change though nothing happens."
    )


_CODES_IN_DAYS: Final = frozenset({"dormant", "newcomer"})


def standing_of(member_id: int, found: explain.Standing) -> Standing:
    """A standing as GraphQL tells it."""
    return Standing(
        status=found.status,
        since=None if found.since is None else day_date(found.since),
        day=day_date(found.day),
        rule_set=found.rule_set,
        indices=[_index(member_id, found.day, one) for one in found.indices],
        because=[_reason(reason) for reason in found.because],
        next=None if found.next is None else _next(member_id, found.day, found.next),
        next_review_day=None if found.next_review_day is None else day_date(found.next_review_day),
    )


def _index(member_id: int, day: int, one: explain.IndexStanding) -> IndexStanding:
    return IndexStanding(
        index=one.index,
        points=one.points_x100 / 100,
        enter=one.enter_x100 / 100,
        exit=one.exit_x100 / 100,
        missing=one.missing_x100 / 100,
        met=one.met,
        kept_until=None if one.kept_until_day is None else day_date(one.kept_until_day),
        guards_needed=one.guards_needed,
        member_id=member_id,
        day=day,
        known=one,
    )


def _reason(reason: explain.Reason) -> Reason:
    scale = 1 if reason.code in _CODES_IN_DAYS else 100
    return Reason(
        code=reason.code,
        index=reason.index,
        actual=None if reason.actual is None else reason.actual / scale,
        needed=None if reason.needed is None else reason.needed / scale,
        en=reason.text_en,
        ja=reason.text_ja,
    )


def _next(member_id: int, day: int, step: explain.NextStep) -> NextStep:
    return NextStep(
        status=step.status,
        index=None if step.target is None else step.target.index,
        missing=step.missing_x100 / 100,
        member_id=member_id,
        day=day,
        known=step,
    )


def _guards(guards: Sequence[explain.GuardStanding]) -> list[Guard]:
    # Whoever shows guards has counted them.
    return [Guard(name=g.name, have=g.have or 0, need=g.need) for g in guards]
