"""Rules as a question is given them (a version, a text, other bars), and how two of them differ."""

# ruff: noqa: D101 - the descriptions of types and fields are their docstrings

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import strawberry

from engagement import words
from engagement.rules import Change, RuleErrors, load
from engagement.rules_read import MAX_ENTER
from engagement.toml_file import MAX_CHARACTERS
from schema.context import Context
from schema.errors import Refused
from schema.ids import from_id
from schema.scopes import MANAGER, needs
from sources.parse import BAD_TEXT
from store import rules

#: Mistakes told in the message of a refusal; `saveRuleSet` tells all.
_TOLD = 3

Draft = Annotated[
    strawberry.ID | None,
    strawberry.argument(description="The id of a rule set; without it, the one in force."),
]
Toml = Annotated[
    str | None,
    strawberry.argument(description="The text of a rule set that nobody has saved, instead."),
]


@strawberry.input(description="Bars in points; those left out stay as they are.")
class BarsInput:
    contribution: int | None = None
    interaction: int | None = None
    favorability: int | None = None
    support: int | None = None


@strawberry.input(description="How many members should have each status.")
class MembersWanted:
    contributor: int
    connector: int
    fan: int
    supporter: int


@needs(*MANAGER)
@strawberry.type(description="A setting that differs; None where it is not there.")
class RuleChange:
    place: str = strawberry.field(description="Such as thresholds.support.enter.")
    before: str | None
    after: str | None
    text: str = strawberry.field(description="As `ikusei rules diff` prints it.")


def changes_of(changes: Sequence[Change]) -> list[RuleChange]:
    """Differences of rules as GraphQL tells them."""
    return [
        RuleChange(place=one.place, before=one.before, after=one.after, text=str(one))
        for one in changes
    ]


async def drafted(
    context: Context, draft: str | None, toml: str | None, enter: BarsInput | None = None
) -> words.RuleSet:
    """The rules that are meant; raises Refused where there are no such, or they are not right."""
    if draft is not None and toml is not None:
        raise Refused("BAD_INPUT", "expected `draft` or `toml`, and not both")
    found = await _read(context, draft, toml)
    return found if enter is None else _with_bars(found, enter)


async def _read(context: Context, draft: str | None, toml: str | None) -> words.RuleSet:
    if draft is not None:
        return await version(context, draft)
    if toml is None:
        return (await context.moment()).rules.rules
    if len(toml) > MAX_CHARACTERS or BAD_TEXT.search(toml):
        raise Refused(
            "RULES_INVALID",
            f"`toml` has more than {MAX_CHARACTERS} characters or control characters",
        )
    try:
        # It takes some milliseconds.
        return await asyncio.to_thread(load, toml)
    except RuleErrors as error:
        told = [f"line {one.line}: {one.place} {one.message}" for one in error.mistakes]
        more = f"; and {len(told) - _TOLD} more" if len(told) > _TOLD else ""
        raise Refused("RULES_INVALID", "; ".join(told[:_TOLD]) + more) from None


async def version(context: Context, given: str) -> words.RuleSet:
    """The rules of a version; raises Refused where there is none with this id."""
    number = min(from_id(given, "RuleSet")[1], 2**31 - 1)
    async with context.read() as (connection, now):
        if number == now.rules.id:
            return now.rules.rules
        found = await rules.version(connection, number)
    if found is None:
        raise Refused("UNKNOWN_RULE_SET", "there is no rule set with this id")
    return await asyncio.to_thread(load, found.toml)


def _with_bars(found: words.RuleSet, enter: BarsInput) -> words.RuleSet:
    thresholds = dict(found.thresholds)
    for index in words.INDICES:
        points = getattr(enter, index.value)
        if points is None:
            continue
        if not 1 <= points <= MAX_ENTER:
            raise Refused(
                "BAD_INPUT",
                f"`enter.{index.value}` is {points}; expected a number from 1 to {MAX_ENTER}",
            )
        thresholds[index] = replace(thresholds[index], enter=points)
    return replace(found, thresholds=thresholds)


def wanted_of(members: MembersWanted | None) -> dict[words.Index, int]:
    """What is wanted by index; raises Refused for less than nobody."""
    if members is None:
        return {}
    found = {index: getattr(members, words.STATUS_OF_INDEX[index].value) for index in words.INDICES}
    for index, number in found.items():
        if number < 0:
            status = words.STATUS_OF_INDEX[index].value
            raise Refused("BAD_INPUT", f"`members.{status}` is {number}; expected 0 or more")
    return found
