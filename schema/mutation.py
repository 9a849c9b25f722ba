"""What can be changed."""

# ruff: noqa: D101, D102 - the descriptions of types and fields are their docstrings
# ruff: noqa: ARG002 - lists of records are read as they were sent (schema/records.py)

# Strawberry types its decorators loosely.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from datetime import date
from typing import Annotated

import strawberry

from engagement.rules import RuleErrors
from schema.context import Asked, Siblings
from schema.goals import Goal, goal_of
from schema.ids import from_id, member_number, to_id
from schema.receipts import Problem, RecordResult, record_given
from schema.records import (
    ActionInput,
    CounterInput,
    MemberInput,
    PostInput,
    ReactionInput,
    RetractionInput,
    ViewsInput,
)
from schema.rule_sets import RuleSet, rule_set_of
from schema.scopes import BOTH, MANAGER, SITE, Needs, needs
from schema.types import Member, member_of
from schema.words import Status
from sources.parse import BAD_TEXT
from store import goals, members, people, rules
from store.db import StoreError, day_number

_LONGEST_REASON = 500
_MOST_CHARACTERS = 1_000_000

Source = Annotated[
    str,
    strawberry.argument(
        description="The system that the records come from, such as site; their ids are unique "
        "within it."
    ),
]
_BY_SITE = [Needs(scopes=[*SITE])]
_BY_BOTH = [Needs(scopes=[*BOTH])]


@needs(*MANAGER)
@strawberry.type(description="One thing that is wrong in a rule set, and what would be right.")
class RuleMistake:
    place: str = strawberry.field(description="Such as actions[17].points; empty for the whole.")
    line: int
    message: str


@needs(*MANAGER)
@strawberry.type(description="The text is not a rule set.")
class RuleProblem(Problem):
    mistakes: list[RuleMistake]


@needs(*BOTH)
@strawberry.type(description="It cannot be done, or not to this member, rule set or goal.")
class NotPossible(Problem):
    pass


@needs(*MANAGER)
@strawberry.type(description="A member as they are after the change.")
class MemberChanged:
    member: Member


@needs(*MANAGER)
@strawberry.type(description="A version of the rules as it is after the change.")
class RuleSetChanged:
    rule_set: RuleSet


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
SaveRuleSetResult = Annotated[RuleSetChanged | RuleProblem, strawberry.union("SaveRuleSetResult")]
ActivateRuleSetResult = Annotated[
    RuleSetChanged | NotPossible, strawberry.union("ActivateRuleSetResult")
]


@needs(*MANAGER)
@strawberry.type(description="A goal as it is after the change.")
class GoalSaved:
    goal: Goal


@needs(*MANAGER)
@strawberry.type(description="The goal was taken away.")
class GoalDeleted:
    id: strawberry.ID


SaveGoalResult = Annotated[GoalSaved | NotPossible, strawberry.union("SaveGoalResult")]
DeleteGoalResult = Annotated[GoalDeleted | NotPossible, strawberry.union("DeleteGoalResult")]


@needs(*MANAGER)
@strawberry.type
class Mutation:
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
        except (people.UnknownMember, people.NotAllowed) as error:
            return _not_possible(error)
        return await _changed(info, number)

    @strawberry.mutation(description="End the lock of a member; from today they stand by points.")
    async def end_lock(self, info: Asked, member: strawberry.ID) -> MemberResult:
        number = member_number(member)
        try:
            await people.end_lock(
                info.context.database, number, by=info.context.actor, now=info.context.now()
            )
        except (people.UnknownMember, people.NotAllowed) as error:
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
        except (people.UnknownMember, people.NotAllowed) as error:
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
        number = await _named(info, member, source, external_id)
        if isinstance(number, NotPossible):
            return number
        try:
            await people.erase_member(
                info.context.database, number, by=info.context.actor, now=info.context.now()
            )
        except (people.UnknownMember, people.NotAllowed) as error:
            return _not_possible(error)
        return MemberErased(id=to_id("Member", number))

    @strawberry.mutation(description="Keep a rule set as a draft; the same again gives the same.")
    async def save_rule_set(
        self,
        info: Asked,
        toml: Annotated[
            str, strawberry.argument(description="As docs/how-to/adapt-rules.md describes.")
        ],
    ) -> SaveRuleSetResult:
        context = info.context
        if len(toml) > _MOST_CHARACTERS or BAD_TEXT.search(toml):
            message = f"`toml` has more than {_MOST_CHARACTERS} characters or control characters"
            return RuleProblem(code="RULES_INVALID", message=message, mistakes=[])
        try:
            version = await rules.save_draft(
                context.database, toml, by=context.actor, now=context.now()
            )
        except RuleErrors as error:
            mistakes = [
                RuleMistake(place=m.place, line=m.line, message=m.message) for m in error.mistakes
            ]
            message = f"the text is not a rule set: {len(mistakes)} mistakes"
            return RuleProblem(code="RULES_INVALID", message=message, mistakes=mistakes)
        return RuleSetChanged(rule_set=rule_set_of(version))

    @strawberry.mutation(
        description="Put a rule set in force, and retire the one that is. Everybody is placed "
        "again by due work, while recording goes on. With `on`, it is done when that day begins: "
        "whatever is in force then, this one takes its place."
    )
    async def activate_rule_set(
        self,
        info: Asked,
        id: strawberry.ID,
        on: Annotated[
            date | None,
            strawberry.argument(
                description="A day of the community's calendar; left out, today. Given again, it "
                "replaces the day there was."
            ),
        ] = None,
        *,
        notify: Annotated[
            bool,
            strawberry.argument(
                description="Whether followers of `standingChanged` are told of whom it moves."
            ),
        ] = False,
    ) -> ActivateRuleSetResult:
        number = min(from_id(id, "RuleSet")[1], 2**31 - 1)
        context = info.context
        try:
            version = await rules.activate(
                context.database,
                number,
                on=None if on is None else day_number(on),
                notify=notify,
                by=context.actor,
                now=context.now(),
            )
        except (rules.UnknownRuleSet, rules.NotAllowed) as error:
            return _rules_not_possible(error)
        return RuleSetChanged(rule_set=rule_set_of(version))

    @strawberry.mutation(description="Do not put a rule set in force that is scheduled.")
    async def cancel_activation(self, info: Asked, id: strawberry.ID) -> ActivateRuleSetResult:
        number = min(from_id(id, "RuleSet")[1], 2**31 - 1)
        context = info.context
        try:
            version = await rules.cancel(
                context.database, number, by=context.actor, now=context.now()
            )
        except (rules.UnknownRuleSet, rules.NotAllowed) as error:
            return _rules_not_possible(error)
        return RuleSetChanged(rule_set=rule_set_of(version))

    @strawberry.mutation(
        description="Set a goal from today on: so many members of a status at the end of a day. "
        "One for the same status and day takes its place."
    )
    async def save_goal(self, info: Asked, status: Status, target: int, by: date) -> SaveGoalResult:
        context = info.context
        try:
            saved = await goals.save(
                context.database,
                status,
                target,
                day_number(by),
                by=context.actor,
                now=context.now(),
            )
        except goals.NoGoal as error:
            return NotPossible(code="NOT_POSSIBLE", message=str(error))
        return GoalSaved(goal=goal_of(saved))

    @strawberry.mutation(description="Take a goal away.")
    async def delete_goal(self, info: Asked, id: strawberry.ID) -> DeleteGoalResult:
        number = min(from_id(id, "Goal")[1], 2**31 - 1)
        context = info.context
        try:
            await goals.delete(context.database, number, by=context.actor, now=context.now())
        except goals.UnknownGoal as error:
            return NotPossible(code="UNKNOWN_GOAL", message=str(error))
        return GoalDeleted(id=id)


def _rules_not_possible(error: StoreError) -> NotPossible:
    unknown = isinstance(error, rules.UnknownRuleSet)
    code = "UNKNOWN_RULE_SET" if unknown else "NOT_POSSIBLE"
    return NotPossible(code=code, message=str(error))


async def _changed(info: Asked, number: int) -> MemberChanged:
    async with info.context.read() as (connection, _):
        row = (await members.by_ids(connection, [number]))[number]
    return MemberChanged(member=member_of(row, Siblings([row])))


async def _named(
    info: Asked, member: str | None, source: str | None, external_id: str | None
) -> int | NotPossible:
    """The number of a member, by id or by account."""
    if member is not None and source is None and external_id is None:
        return member_number(member)
    if member is not None or source is None or external_id is None:
        message = "expected `member`, or `source` and `externalId`, and no more"
        return NotPossible(code="NOT_POSSIBLE", message=message)
    async with info.context.read() as (connection, _):
        row = None
        if not BAD_TEXT.search(source + external_id):
            row = await members.by_account(connection, source, external_id)
    if row is None:
        return NotPossible(code="UNKNOWN_MEMBER", message="there is no such account")
    return row.id


def _not_possible(error: StoreError) -> NotPossible:
    code = "UNKNOWN_MEMBER" if isinstance(error, people.UnknownMember) else "NOT_POSSIBLE"
    return NotPossible(code=code, message=str(error))
