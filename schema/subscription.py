"""What can be followed."""

# ruff: noqa: D101, D102 - the descriptions of types and fields are their docstrings

# Strawberry types its decorators loosely.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import date, datetime
from typing import Annotated

import strawberry

from schema.context import Asked, Siblings
from schema.errors import Refused
from schema.ids import Big, from_cursor, member_number, to_cursor, to_id
from schema.scopes import MANAGER, OWN, Needs, needs
from schema.types import Member, member_of
from schema.words import Cause, Scope, Status
from store import announce, members
from store.announce import Announced
from store.db import day_date
from store.feed import Merged, UnknownChange

_ORDER = "changes"


@needs(*OWN)
@strawberry.type(description="Somebody's status has changed.")
class StandingChange:
    cursor: str = strawberry.field(
        description="Follow after it, and every later change comes, none twice."
    )
    day: date
    at: datetime
    before: Status | None = strawberry.field(description="None for the first.")
    after: Status
    cause: Cause
    rule_set_id: strawberry.ID
    row: strawberry.Private[Announced]

    @strawberry.field(
        description="Whose it is, as they are now.", directives=[Needs(scopes=[*MANAGER])]
    )
    async def member(self, info: Asked) -> Member:
        async with info.context.read() as (connection, _):
            row = (await members.by_ids(connection, [self.row.member_id]))[self.row.member_id]
        return member_of(row, Siblings([row]))


@needs(*OWN)
@strawberry.type
class Subscription:
    @strawberry.subscription(
        description="Every change of a status from now on, or after a cursor: each once, in the "
        "order in which they came about here. It goes on when the database was away. What a "
        "change of the rules does is told only where its activation asked for it (`notify`). That "
        "of one member begins with the changes of whoever became part of them, and ends with the "
        "error MERGED when they become part of another: whoever goes on after the last cursor "
        "follows that one and misses nothing."
    )
    async def standing_changed(
        self,
        info: Asked,
        member: Annotated[
            strawberry.ID | None,
            strawberry.argument(
                description="Whose changes; without it, everybody's. A member follows their own, "
                "with or without it."
            ),
        ] = None,
        after: Annotated[
            str | None,
            strawberry.argument(description="The `cursor` of the last change that is known."),
        ] = None,
    ) -> AsyncGenerator[StandingChange, None]:
        context = info.context
        number = await _whose(info, member)
        key = from_cursor(after, _ORDER, Big)
        try:
            begin = await context.feed.begin(None if key is None else key[0])
        except UnknownChange:
            message = "`after` is a cursor of changes that are not known here; begin without it"
            raise Refused("BAD_CURSOR", message) from None
        try:
            async with aclosing(context.feed.follow(begin, number)) as changes:
                async for change in changes:
                    # What was read for the change before this one is no longer so.
                    context.changed()
                    yield _change(change)
        except Merged:
            message = "the member has become part of another; go on after the last `cursor`"
            raise Refused("MERGED", message) from None


async def _whose(info: Asked, asked: str | None) -> int | None:
    """The number of the member who is followed, of a merged one whom they are now; None: all are.

    Raises Refused where a member asks for somebody else, or there is nobody to be followed.
    """
    number = None if asked is None else member_number(asked)
    if Scope.MANAGER in info.context.caller.scopes:
        return None if number is None else await _there(info, number)
    own = await info.context.own_member()
    if own is None:
        raise Refused("UNKNOWN_MEMBER", "the site has not told of you yet; `me` is null until then")
    if number not in (None, own):
        raise Refused("FORBIDDEN", "a member follows their own changes only; leave `member` out")
    return own


async def _there(info: Asked, number: int) -> int:
    async with info.context.read() as (connection, _):
        row = (await members.by_ids(connection, [number])).get(number)
    if row is None:
        raise Refused("UNKNOWN_MEMBER", "there is no member with this id")
    return row.id


async def newest_cursor(info: Asked) -> str:
    """The cursor of the newest change there is."""
    async with info.context.read() as (connection, _):
        return to_cursor(_ORDER, await announce.newest(connection))


def _change(row: Announced) -> StandingChange:
    return StandingChange(
        cursor=to_cursor(_ORDER, row.id),
        day=day_date(row.day),
        at=row.at,
        before=row.before,
        after=row.after,
        cause=row.cause,
        rule_set_id=to_id("RuleSet", row.rule_set_id),
        row=row,
    )
