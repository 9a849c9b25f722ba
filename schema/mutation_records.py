"""What is recorded."""

# ruff: noqa: D101, D102 - the descriptions of types and fields are their docstrings
# ruff: noqa: ARG002 - lists of records are read as they were sent (schema/records.py)

# Strawberry types its decorators loosely.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from typing import Annotated

import strawberry

from schema.context import Asked
from schema.receipts import RecordResult, record_given
from schema.records import (
    ActionInput,
    CounterInput,
    MemberInput,
    PostInput,
    ReactionInput,
    RetractionInput,
    ViewsInput,
)
from schema.scopes import SITE, Needs, needs

Source = Annotated[
    str,
    strawberry.argument(
        description="The system that the records come from, such as site; their ids are unique "
        "within it."
    ),
]
_BY_SITE = [Needs(scopes=[*SITE])]


@needs(*SITE)
@strawberry.type
class RecordMutations:
    @strawberry.mutation(description="1 to 1,000 accounts.", directives=_BY_SITE)
    async def record_members(
        self, info: Asked, source: Source, members: list[MemberInput]
    ) -> RecordResult:
        return await record_given(info, "members", "member", source)

    @strawberry.mutation(
        description="1 to 1,000 posts, each with the action of writing it.", directives=_BY_SITE
    )
    async def record_posts(
        self, info: Asked, source: Source, posts: list[PostInput]
    ) -> RecordResult:
        return await record_given(info, "posts", "post", source)

    @strawberry.mutation(description="1 to 1,000 actions on posts.", directives=_BY_SITE)
    async def record_reactions(
        self, info: Asked, source: Source, reactions: list[ReactionInput]
    ) -> RecordResult:
        return await record_given(info, "reactions", "reaction", source)

    @strawberry.mutation(description="1 to 1,000 actions of any kind.", directives=_BY_SITE)
    async def record_actions(
        self, info: Asked, source: Source, actions: list[ActionInput]
    ) -> RecordResult:
        return await record_given(info, "actions", "action", source)

    @strawberry.mutation(description="1 to 1,000 totals of members.", directives=_BY_SITE)
    async def record_counters(
        self, info: Asked, source: Source, counters: list[CounterInput]
    ) -> RecordResult:
        return await record_given(info, "counters", "counter", source)

    @strawberry.mutation(description="1 to 1,000 counts of views.", directives=_BY_SITE)
    async def record_views(
        self, info: Asked, source: Source, views: list[ViewsInput]
    ) -> RecordResult:
        return await record_given(info, "views", "views", source)

    @strawberry.mutation(
        description="Take back 1 to 1,000 actions, those to come too.", directives=_BY_SITE
    )
    async def retract(
        self, info: Asked, source: Source, retractions: list[RetractionInput]
    ) -> RecordResult:
        return await record_given(info, "retractions", "retraction", source)
