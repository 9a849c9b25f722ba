"""What is done to single members."""

# ruff: noqa: D101, D102 - the descriptions of types and fields are their docstrings

# Strawberry types its decorators loosely.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from datetime import date
from typing import Annotated

import strawberry

from schema.context import Asked, Siblings
from schema.ids import member_number, to_id
from schema.naming import named
from schema.problems import NotPossible
from schema.scopes import BOTH, MANAGER, SITE, Needs, needs
from schema.types import Member, member_of
from schema.words import Status
from sources.parse import BAD_TEXT
from store import members, people
from store.db import StoreError, day_number

_LONGEST_REASON = 500
_BY_SITE = [Needs(scopes=[*SITE])]
_BY_BOTH = [Needs(scopes=[*BOTH])]


@needs(*MANAGER)
@strawberry.type(description="A member as they are after the change.")
class MemberChanged:
    member: Member


@needs(*BOTH)
@strawberry.type(description="Everything that tells who the member is was taken away.")
class MemberErased:
    id: strawberry.ID


@needs(*BOTH)
@strawberry.type(description="Two members are one now.")
class MembersMerged:
    id: strawberry.ID = strawberry.field(description="Of the member who has everything now.")


MemberResult = Annotated[MemberChanged | NotPossible, strawberry.union("MemberResult")]
EraseResult = Annotated[MemberErased | NotPossible, strawberry.union("EraseResult")]
MergeResult = Annotated[MembersMerged | NotPossible, strawberry.union("MergeResult")]


@needs(*MANAGER)
@strawberry.type
class MemberMutations:
    @strawberry.mutation(
        description="Keep a member at a status, whatever they do, from today to the end of "
        "the day `until`; left out, until it is ended. It replaces a lock in force."
    )
    async def lock_status(
        self,
        info: Asked,
        member: strawberry.ID,
        status: Status,
        reason: Annotated[str, strawberry.argument(description="1 to 500 characters.")],
        until: date | None = None,
    ) -> MemberResult:
        number = member_number(member)
        if not 0 < len(reason.strip()) <= _LONGEST_REASON or BAD_TEXT.search(reason):
            return NotPossible(
                code="NOT_POSSIBLE",
                message=f"`reason` is empty, longer than {_LONGEST_REASON} characters or holds "
                "control characters",
            )
        context = info.context
        try:
            await people.lock_status(
                context.database,
                number,
                status,
                until_day=None if until is None else day_number(until) + 1,
                reason=reason.strip(),
                by=context.actor,
                now=context.now(),
            )
        except (members.UnknownMember, people.NotAllowed) as error:
            return _not_possible(error)
        return await _changed(info, number)

    @strawberry.mutation(description="End the lock of a member; from today they stand by points.")
    async def end_lock(self, info: Asked, member: strawberry.ID) -> MemberResult:
        number = member_number(member)
        try:
            await people.end_lock(
                info.context.database, number, by=info.context.actor, now=info.context.now()
            )
        except (members.UnknownMember, people.NotAllowed) as error:
            return _not_possible(error)
        return await _changed(info, number)

    @strawberry.mutation(
        description="Make one of two members who are the same person: everything of `merge` "
        "becomes that of `keep`. Cannot be undone.",
        directives=_BY_BOTH,
    )
    async def merge_members(
        self, info: Asked, keep: strawberry.ID, merge: strawberry.ID
    ) -> MergeResult:
        kept, merged = member_number(keep), member_number(merge)
        context = info.context
        try:
            await people.merge_members(
                context.database, kept, merged, by=context.actor, now=context.now()
            )
        except (members.UnknownMember, people.NotAllowed) as error:
            return _not_possible(error)
        return MembersMerged(id=to_id("Member", kept))

    @strawberry.mutation(
        description="Take away everything that tells who a member is: name, ids, attributes, "
        "texts. What they did keeps counting for others. Cannot be undone.",
        directives=_BY_SITE,
    )
    async def erase_member(
        self,
        info: Asked,
        member: Annotated[
            strawberry.ID | None, strawberry.argument(description="Their id, or else the two next.")
        ] = None,
        source: str | None = None,
        external_id: str | None = None,
    ) -> EraseResult:
        number = await named(info, member, source, external_id)
        if isinstance(number, NotPossible):
            return number
        try:
            await people.erase_member(
                info.context.database, number, by=info.context.actor, now=info.context.now()
            )
        except (members.UnknownMember, people.NotAllowed) as error:
            return _not_possible(error)
        return MemberErased(id=to_id("Member", number))


async def _changed(info: Asked, number: int) -> MemberChanged:
    async with info.context.read() as (connection, _):
        row = (await members.by_ids(connection, [number]))[number]
    return MemberChanged(member=member_of(row, Siblings([row])))


def _not_possible(error: StoreError) -> NotPossible:
    code = "UNKNOWN_MEMBER" if isinstance(error, members.UnknownMember) else "NOT_POSSIBLE"
    return NotPossible(code=code, message=str(error))
