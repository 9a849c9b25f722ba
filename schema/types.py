"""Members, posts and actions, in GraphQL."""

# ruff: noqa: D101, D102 - the descriptions of types and fields are their docstrings
# Strawberry types its decorators loosely.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from datetime import date, datetime
from enum import Enum
from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from schema import loading
from schema.catalog import ActionType, action_type
from schema.connections import After, Connection, First, connection, page_size
from schema.context import Asked, Siblings, asked_day
from schema.costs import about, costs
from schema.ids import Big, from_cursor, to_cursor, to_id
from schema.node import Node
from schema.prompts import PromptConsent
from schema.records import AccountState, TextFormat
from schema.scalars import Count
from schema.scopes import MANAGER, OWN, Needs, needs
from schema.standing import Standing, standing_of
from schema.words import Cause, Grade, PostState, Precision, Role, Side, Status
from store.actions import ActionRow
from store.db import day_date
from store.members import LockRow, MemberRow
from store.posts import PostRow


@strawberry.enum(description="Who decided that a status is kept: a manager, or a change of rules.")
class LockKind(Enum):
    LOCK = "lock"
    GRACE = "grace"


#: What members may see of themselves; all else of a member is for managers.
_OWN = [Needs(scopes=[*OWN])]
#: What folding a member's whole history costs, in objects, and what looking at everybody does.
_FOLD = 10
OF_ALL = 200
#: What a text of up to 100,000 bytes costs.
_TEXT = 5

_AS_OF = (
    "The day at whose end it stood so, under the active rules. Without it: today, or for an "
    "archive the day after its newest action."
)
AsOf = Annotated[date | None, strawberry.argument(description=_AS_OF, directives=costs(_FOLD))]
#: Of a field for which everybody's history is folded.
AsOfAll = Annotated[date | None, strawberry.argument(description=_AS_OF, directives=costs(OF_ALL))]


@needs(*OWN)
@strawberry.type(description="What a source calls a member.")
class Account:
    source: str
    external_id: str


@needs(*MANAGER)
@strawberry.type(description="A status kept by decision, up to the day before `until`.")
class Lock:
    id: strawberry.ID
    kind: LockKind
    status: Status
    begins: date
    until: date | None = strawberry.field(
        description="The last day on which it applies; the day before `begins` where it was ended "
        "on the day it began."
    )
    reason: str
    by: str = strawberry.field(description="The name of the key with which it was set.")
    created_at: datetime


@needs(*OWN)
@strawberry.type(description="A change of status, as the fold over all that is known now sees it.")
class Move:
    day: date
    before: Status | None = strawberry.field(description="None for the first.")
    after: Status
    cause: Cause


@needs(*MANAGER)
@strawberry.type(description="A change of status as it was announced; never rewritten.")
class Transition:
    day: date
    at: datetime
    before: Status | None = strawberry.field(description="None for the first.")
    after: Status
    cause: Cause
    rule_set_id: strawberry.ID


@needs(*MANAGER)
@strawberry.type(description="A person, with one or more accounts.")
class Member(Node):
    id: strawberry.ID = strawberry.field(
        description="Opaque, and the same for good.", directives=_OWN
    )
    known: bool = strawberry.field(description="False while only actions have named them.")
    role: Role
    state: AccountState
    name: str | None = strawberry.field(directives=_OWN)
    joined_at: datetime | None = strawberry.field(directives=_OWN)
    first_heard_of: date
    zone: str | None = strawberry.field(directives=_OWN)
    lang: str | None = strawberry.field(directives=_OWN)
    attributes: JSON
    erased_at: datetime | None
    row: strawberry.Private[MemberRow]
    group: strawberry.Private[loading.Members]
    day: strawberry.Private[date | None]

    @strawberry.field(description="What the sources call them.", directives=[*_OWN, *about(2)])
    async def accounts(self, info: Asked) -> list[Account]:
        found = await loading.accounts(info.context, self.group)
        return [Account(source=a.source, external_id=a.external_id) for a in found[self.row.id]]

    @strawberry.field(
        description="What `source` calls them; without it, the first of their accounts. None where "
        "that source has no account of theirs.",
        directives=_OWN,
    )
    async def external_id(self, info: Asked, source: str | None = None) -> str | None:
        found = (await loading.accounts(info.context, self.group))[self.row.id]
        return next((a.external_id for a in found if source in (None, a.source)), None)

    @strawberry.field(
        description="Where they stand, and why. None for staff and bots, for who is erased, and "
        "for days on which they were not here yet.",
        directives=_OWN,
    )
    async def standing(self, info: Asked, as_of: AsOf = None) -> Standing | None:
        if not self._has_standing():
            return None
        day = asked_day(await info.context.moment(), as_of or self.day)
        found = (await loading.standings(info.context, self.group, day))[self.row.id]
        return None if found is None else standing_of(self.row.id, found)

    @strawberry.field(
        description="Their changes of status up to a day, newest first, under the active rules. "
        "None for staff and bots, and for who is erased.",
        directives=[*_OWN, *costs(_FOLD)],
    )
    async def history(
        self, info: Asked, first: First, after: After = None, as_of: AsOf = None
    ) -> Connection[Move]:
        size = page_size(first)
        key = from_cursor(after, "history", int)
        day = asked_day(await info.context.moment(), as_of or self.day)
        moves = []
        if self._has_standing():
            moves = (await loading.history(info.context, self.group, day))[self.row.id]
        rest = [move for move in moves if key is None or move[0] < key[0]]
        return connection(
            rest[: size + 1],
            size,
            node=lambda m: Move(day=day_date(m[0]), before=m[1], after=m[2], cause=m[3]),
            cursor=lambda m: to_cursor("history", m[0]),
            after=after,
        )

    @strawberry.field(description="What they allow of prompts.", directives=_OWN)
    async def prompt_consent(self, info: Asked) -> PromptConsent:
        said = (await loading.consents(info.context, self.group))[self.row.id]
        return PromptConsent(all=said.all, refused=list(said.refused))

    @strawberry.field(
        description="Changes of status as they were announced, newest first. None for staff and "
        "bots, and for who is erased."
    )
    async def transitions(
        self, info: Asked, first: First, after: After = None
    ) -> Connection[Transition]:
        size = page_size(first)
        key = from_cursor(after, "transitions", Big)
        before = None if key is None else key[0]
        told = []
        if self._has_standing():
            told = (await loading.announced(info.context, self.group, size + 1, before))[
                self.row.id
            ]
        return connection(
            told,
            size,
            node=lambda t: Transition(
                day=day_date(t.day),
                at=t.at,
                before=t.before,
                after=t.after,
                cause=t.cause,
                rule_set_id=to_id("RuleSet", t.rule_set_id),
            ),
            cursor=lambda t: to_cursor("transitions", t.id),
            after=after,
        )

    @strawberry.field(description="What they did, or what they received, newest first.")
    async def actions(
        self, info: Asked, first: First, after: After = None, side: Side = Side.GIVEN
    ) -> Connection[Action]:
        size, key = page_size(first), _key(after, "actions", Big)
        found, group = await loading.member_actions(info.context, self.group, side, size + 1, key)
        return _action_page(found[self.row.id], size, group, after)

    @strawberry.field(description="What they wrote, newest first.")
    async def posts(self, info: Asked, first: First, after: After = None) -> Connection[Post]:
        size, key = page_size(first), _key(after, "posts")
        found, group = await loading.member_posts(info.context, self.group, size + 1, key)
        return post_page(found[self.row.id], size, group, after)

    @strawberry.field(
        description="Locks and graces, past ones too, newest first.", directives=about(3)
    )
    async def locks(self, info: Asked) -> list[Lock]:
        found = await loading.locks(info.context, self.group)
        return [lock_of(row) for row in found[self.row.id]]

    def _has_standing(self) -> bool:
        return self.row.role is Role.MEMBER and self.row.erased_at is None


@needs(*MANAGER)
@strawberry.type(description="Anything written.")
class Post(Node):
    source: str
    external_id: str
    known: bool = strawberry.field(description="False while others only referred to it.")
    venue: str | None
    type: str | None = strawberry.field(description="The source's word: question, answer, …")
    written_at: datetime | None
    precision: Precision
    edited_at: datetime | None
    state: PostState
    format: TextFormat
    lang: str | None
    title: str | None
    text: str | None = strawberry.field(directives=costs(_TEXT))
    row: strawberry.Private[PostRow]
    group: strawberry.Private[loading.Posts]

    @strawberry.field(description="Who wrote it.")
    async def author(self, info: Asked) -> Member | None:
        return await _person(info, self.group, self.row, "author_id")

    @strawberry.field(description="The post that opens its thread; none where it is that itself.")
    async def root(self, info: Asked) -> Post | None:
        return await _linked(info, self.group, self.row, "root_id")

    @strawberry.field(description="The post that it answers.")
    async def parent(self, info: Asked) -> Post | None:
        return await _linked(info, self.group, self.row, "parent_id")

    @strawberry.field(
        description="What answers it, oldest first; of the opening of a thread, all that is in it."
    )
    async def replies(self, info: Asked, first: First, after: After = None) -> Connection[Post]:
        size, key = page_size(first), _key(after, "replies")
        found, group = await loading.replies(info.context, self.group, size + 1, key)
        return post_page(found[self.row.id], size, group, after, order="replies")

    @strawberry.field(description="The actions that respond to it, newest first.")
    async def actions(self, info: Asked, first: First, after: After = None) -> Connection[Action]:
        size, key = page_size(first), _key(after, "actions", Big)
        found, group = await loading.responses(info.context, self.group, size + 1, key)
        return _action_page(found[self.row.id], size, group, after)


@needs(*MANAGER)
@strawberry.type(description="One member did one verb in one venue at one time.")
class Action(Node):
    source: str
    external_id: str
    venue: str
    verb: str
    occurred_at: datetime
    day: date = strawberry.field(description="The community's calendar day that it counts on.")
    precision: Precision
    count: Count = strawberry.field(description="How many it stands for where it is anonymous.")
    grade: Grade
    retracted: bool
    post_deleted: bool = strawberry.field(
        description="It wrote a post that is deleted, and does not count for that."
    )
    row: strawberry.Private[ActionRow]
    group: strawberry.Private[Siblings[ActionRow]]

    @strawberry.field(description="Its row in the active catalog; none where it is unclassified.")
    async def type(self, info: Asked) -> ActionType | None:
        known = (await info.context.catalog()).get((self.venue, self.verb))
        return None if known is None else action_type(known)

    @strawberry.field(description="Who did it; none where it is anonymous.")
    async def actor(self, info: Asked) -> Member | None:
        return await _person(info, self.group, self.row, "actor_id")

    @strawberry.field(description="Who received it.")
    async def target(self, info: Asked) -> Member | None:
        return await _person(info, self.group, self.row, "target_id")

    @strawberry.field(description="The post that it responds to.")
    async def post(self, info: Asked) -> Post | None:
        return await _linked(info, self.group, self.row, "post_id")

    @strawberry.field(description="The post that it brought forth.")
    async def wrote(self, info: Asked) -> Post | None:
        return await _linked(info, self.group, self.row, "wrote_id")


def member_of(row: MemberRow, group: loading.Members, day: date | None = None) -> Member:
    """A member as GraphQL tells them; ``day`` is what ``asOf`` of the list said."""
    return Member(
        id=to_id("Member", row.id),
        known=row.known,
        role=row.role,
        state=AccountState(row.state),
        name=row.name,
        joined_at=row.joined_at,
        first_heard_of=day_date(row.seen_day),
        zone=row.zone,
        lang=row.lang,
        attributes=JSON(row.attributes),
        erased_at=row.erased_at,
        row=row,
        group=group,
        day=day,
    )


def post_of(row: PostRow, group: loading.Posts) -> Post:
    """A post as GraphQL tells it."""
    return Post(
        id=to_id("Post", row.id),
        source=row.source,
        external_id=row.external_id,
        known=row.known,
        venue=row.venue,
        type=row.form,
        written_at=row.written_at,
        precision=row.precision,
        edited_at=row.edited_at,
        state=row.state,
        format=TextFormat(row.format),
        lang=row.lang,
        title=row.title,
        text=row.text,
        row=row,
        group=group,
    )


def action_of(row: ActionRow, group: Siblings[ActionRow]) -> Action:
    """An action as GraphQL tells it."""
    return Action(
        id=to_id("Action", row.id),
        source=row.source,
        external_id=row.external_id,
        venue=row.venue,
        verb=row.verb,
        occurred_at=row.occurred_at,
        day=day_date(row.day),
        precision=row.precision,
        count=Count(row.n),
        grade=row.grade,
        retracted=row.retracted,
        post_deleted=row.post_deleted,
        row=row,
        group=group,
    )


def lock_of(row: LockRow) -> Lock:
    """A lock as GraphQL tells it."""
    return Lock(
        id=to_id("Lock", row.id),
        kind=LockKind(row.kind),
        status=row.status,
        begins=day_date(row.from_day),
        until=None if row.until_day is None else day_date(row.until_day - 1),
        reason=row.reason,
        by=row.by,
        created_at=row.created_at,
    )


def post_page(
    rows: list[PostRow], size: int, group: loading.Posts, after: str | None, order: str = "posts"
) -> Connection[Post]:
    """A page of posts."""
    return connection(
        rows,
        size,
        node=lambda row: post_of(row, group),
        cursor=lambda row: to_cursor(order, *row.key),
        after=after,
    )


def _action_page(
    rows: list[ActionRow], size: int, group: Siblings[ActionRow], after: str | None
) -> Connection[Action]:
    return connection(
        rows,
        size,
        node=lambda row: action_of(row, group),
        cursor=lambda row: to_cursor("actions", *row.key),
        after=after,
    )


def _key(after: str | None, order: str, id_: type[int] = int) -> tuple[int, int] | None:
    key = from_cursor(after, order, int, id_)
    return None if key is None else (key[0], key[1])


async def _person(
    info: Asked, group: loading.Posts | Siblings[ActionRow], row: PostRow | ActionRow, column: str
) -> Member | None:
    id_ = getattr(row, column)
    if id_ is None:
        return None
    found, people = await loading.people(info.context, group, column)
    return member_of(found[id_], people)


async def _linked(
    info: Asked, group: loading.Posts | Siblings[ActionRow], row: PostRow | ActionRow, column: str
) -> Post | None:
    id_ = getattr(row, column)
    if id_ is None:
        return None
    found, linked = await loading.linked_posts(info.context, group, column)
    return post_of(found[id_], linked)
