"""The history of statuses, and what reports find in it, for a request: worked out once for all."""

# ruff: noqa: D101 - the descriptions of types are their docstrings
# Strawberry types its decorators loosely.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated, TypeVar

import numpy as np
import strawberry

from engagement.history import History
from engagement.points import Ints
from engagement.rules import load
from schema.connections import Connection, connection, page_size
from schema.context import Asked, Siblings, asked_day
from schema.costs import costs
from schema.errors import Refused
from schema.ids import from_cursor, from_id, to_cursor
from schema.scopes import MANAGER, needs
from schema.types import OF_ALL, Member, member_of
from store import history, members, rules
from store.reports.registry import Kept
from store.reports.report import MOST_PERIOD, Question, Sources
from store.rules import ActiveRules, as_if

Found = TypeVar("Found")

AsIf = Annotated[
    strawberry.ID | None,
    strawberry.argument(
        description="As if this version of the rules had always been in force.",
        directives=costs(OF_ALL),
    ),
]


async def asked(
    info: Asked, as_of: date | None, rule_set: strawberry.ID | None, period_days: int = 30
) -> Question:
    """What is asked, by the rules in force or by another version in their place.

    Raises Refused for a day, a period or a rule set that makes no sense.
    """
    if not 1 <= period_days <= MOST_PERIOD:
        raise Refused(
            "BAD_INPUT",
            f"`periodDays` is {period_days}; expected a number from 1 to {MOST_PERIOD}",
        )
    now = await info.context.moment()
    by = now.rules
    if rule_set is not None:
        number = min(from_id(rule_set, "RuleSet")[1], 2**31 - 1)
        if number != by.id:
            by = await _version(info, number)
    day = asked_day(now, as_of)
    return Question(moment=now, day=day, rules=by, period_days=period_days)


async def _version(info: Asked, number: int) -> ActiveRules:
    async with info.context.read() as (connection_, now):
        found = await rules.version(connection_, number)
    if found is None:
        raise Refused("BAD_ID", "there is no such rule set")
    return as_if(now.rules, load(found.toml), number)


async def history_of(info: Asked, question: Question) -> History:
    """Everybody's history up to the day that is asked about, by the rules that are asked about.

    Raises Refused where it takes longer than the request can wait: asking again goes on.
    """
    context, by = info.context, question.rules
    async with context.read() as (connection_, _):
        mark = await history.freshness(connection_)
    key = ("history", by.id, len(by.types), question.day, mark)
    return await context.worked_out(
        key,
        lambda progress: history.history(
            context.database, by, until=question.day, progress=progress
        ),
    )


async def found_of(
    info: Asked,
    kept: Kept,
    question: Question,
    make: Callable[[Sources, Question], Awaitable[Found]],
    *,
    small: bool = True,
) -> Found:
    """What ``make`` finds for the report ``kept``, worked out aside where it reads too much.

    What is ``small`` is no list of members. Raises Refused where it takes longer than the request
    can wait: asking again goes on.
    """
    context, by = info.context, question.rules
    if not kept.aside(question):
        return await make(Sources(context.database, lambda: history_of(info, question)), question)
    # Before it, as pieces of work wait for each other's end.
    past = await history_of(info, question) if kept.folds else None

    async def history_() -> History:
        assert past is not None, "a report that folds says so"
        return past

    async with context.read() as (connection_, _):
        mark = await history.freshness(connection_)
    options = [repr(getattr(question, name)) for name in sorted(kept.takes)]
    key = (make, by.id, len(by.types), question.day, question.moment.today, *options, mark)
    return await context.worked_out(
        key,
        lambda _: make(Sources(context.database, history_, unhurried=True), question),
        small=small,
    )


@needs(*MANAGER)
@strawberry.type(description="A page of the members whom a part of a report is about.")
class GroupConnection(Connection[Member]):
    pass


async def page_of(
    info: Asked, ids: Ints, first: int, after: str | None, as_of: date | None
) -> GroupConnection:
    """A page of the members with these numbers, ascending."""
    size = page_size(first)
    key = from_cursor(after, "members of a report", int)
    ids = np.sort(ids)
    begin = 0 if key is None else int(np.searchsorted(ids, key[0], "right"))
    wanted = ids[begin : begin + size + 1].tolist()
    async with info.context.read() as (connection_, _):
        rows = await members.by_ids(connection_, wanted)
    found = [rows[id_] for id_ in wanted if id_ in rows]
    group = Siblings(found[:size])
    part = connection(
        found,
        size,
        node=lambda row: member_of(row, group, as_of),
        cursor=lambda row: to_cursor("members of a report", row.id),
        after=after,
    )
    return GroupConnection(edges=part.edges, page_info=part.page_info)
