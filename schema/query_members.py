"""What can be asked about members and what they wrote."""

# ruff: noqa: D101, D102 - the descriptions of types and fields are their docstrings
# Strawberry types its decorators loosely.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from enum import Enum
from typing import Annotated, Final

import strawberry

from schema.arguments import findable
from schema.connections import After, Connection, First, connection, page_size
from schema.context import Asked, Siblings, asked_day
from schema.costs import costs
from schema.errors import Refused
from schema.ids import Big, from_cursor, from_id, member_number, post_number, to_cursor
from schema.node import Node
from schema.offers import offer_of
from schema.rule_sets import rule_set_of
from schema.scenarios import policy_of, scenario_of
from schema.scopes import BOTH, MANAGER, MEMBER, OWN, Needs, needs
from schema.subscription import newest_cursor
from schema.types import (
    AsOf,
    AsOfAll,
    Member,
    Post,
    action_of,
    member_of,
    post_of,
    post_page,
)
from schema.words import PostState, Role, Status
from store import actions, listing, members, offers, posts, rules, scenarios
from store.db import Read
from store.listing import Wanted
from store.members import MemberRow, Order

#: The last number that most things can have.
_LAST: Final = 2**31 - 1
#: What looking for a part of any name costs, in objects.
_SEARCH = 20


@strawberry.input(description="Which members; what is left out does not matter.")
class MemberFilter:
    status: list[Status] | None = None
    role: list[Role] | None = None
    known: bool | None = strawberry.field(
        description="Whether a source has described them.", default=None
    )
    search: str | None = strawberry.field(
        description="A part of the name, in any case and width, or the beginning of an external "
        "id.",
        default=None,
    )


strawberry.enum(Order, name="MemberOrder", description="What members are ordered by.")


@needs(*BOTH)
@strawberry.type(description="A page of members.")
class MemberConnection(Connection[Member]):
    outdated: int = strawberry.field(
        description="0; or where more members than can be brought up to date for a page wait for "
        "due work, how many: their last known status and points decided who is listed where."
    )


@strawberry.enum(description="Which way a list runs.")
class SortDirection(Enum):
    ASC = "asc"
    DESC = "desc"


@strawberry.input(description="Which posts; what is left out does not matter.")
class PostFilter:
    venue: str | None = None
    type: str | None = None
    author: strawberry.ID | None = strawberry.field(description="The id of a member.", default=None)
    root: strawberry.ID | None = strawberry.field(
        description="The id of the post that opens the thread.", default=None
    )
    state: list[PostState] | None = None


@needs(*MANAGER)
@strawberry.type
class MemberQueries:
    @strawberry.field(
        description="Whatever has this id: a member, post, action, rule set, scenario, offer or "
        "policy of prompts."
    )
    async def node(self, info: Asked, id: strawberry.ID) -> Node | None:
        kind, number = from_id(id, "Member", *_FOUND)
        if kind == "Member":
            return await _member(info, min(number, _LAST))
        async with info.context.read() as (connection_, _):
            return await _FOUND[kind](connection_, number)

    @strawberry.field(
        description="One member, by `id`, by `source` and `externalId`, or by `name`: written so, "
        "else but for case, else beginning so."
    )
    async def member(
        self,
        info: Asked,
        id: strawberry.ID | None = None,
        source: str | None = None,
        external_id: str | None = None,
        name: str | None = None,
        as_of: AsOf = None,
    ) -> Member | None:
        if (id is not None) + (name is not None) + (
            source is not None and external_id is not None
        ) != 1 or (source is None) != (external_id is None):
            raise Refused(
                "BAD_INPUT", "expected `id`, or `source` and `externalId`, or `name`, and no more"
            )
        if id is not None:
            return await _member(info, member_number(id), as_of)
        async with info.context.read() as (connection_, _):
            if name is not None:
                row = _only(
                    await members.by_name(connection_, findable(name, "name"), most=2), name
                )
            else:
                assert source is not None
                assert external_id is not None
                row = await members.by_account(
                    connection_, findable(source, "source"), findable(external_id, "externalId")
                )
        return None if row is None else member_of(row, Siblings([row]), as_of)

    @strawberry.field(
        description="The member whose token this is; whom they were merged into, if so. None while "
        "nobody told us of them, and once they are erased.",
        directives=[Needs(scopes=[*MEMBER])],
    )
    async def me(self, info: Asked) -> Member | None:
        row = await info.context.own_row()
        return None if row is None else member_of(row, Siblings([row]))

    @strawberry.field(description="Members in pages. Merged and erased ones are not listed.")
    async def members(
        self,
        info: Asked,
        first: First,
        after: After = None,
        filter: Annotated[
            MemberFilter | None, strawberry.argument(directives=costs(_SEARCH))
        ] = None,
        order_by: Order = Order.ID,
        direction: SortDirection = SortDirection.ASC,
        as_of: AsOfAll = None,
    ) -> MemberConnection:
        size = page_size(first)
        asked = filter or MemberFilter()
        found = members.Filter(
            status=tuple(asked.status or ()),
            role=tuple(asked.role or ()),
            known=asked.known,
            search=None if asked.search is None else findable(asked.search, "search"),
        )
        order = f"{order_by.value} {direction.value}"
        kind = {Order.ID: int, Order.NAME: str}.get(order_by, Big)
        key = from_cursor(after, order, kind, int)
        wanted = Wanted(
            found,
            order_by,
            descending=direction is SortDirection.DESC,
            first=size + 1,
            after=None if key is None else (key[0], key[1]),
        )
        page = await _page(info, wanted, as_of)
        group = Siblings([row for _, row in page.rows[:size]])
        part = connection(
            page.rows,
            size,
            node=lambda row: member_of(row[1], group, as_of),
            cursor=lambda row: to_cursor(order, *row[0]),
            after=after,
        )
        return MemberConnection(edges=part.edges, page_info=part.page_info, outdated=page.outdated)

    @strawberry.field(description="One post, by `id` or by `source` and `externalId`.")
    async def post(
        self,
        info: Asked,
        id: strawberry.ID | None = None,
        source: str | None = None,
        external_id: str | None = None,
    ) -> Post | None:
        if (id is None) == (source is None) or (source is None) != (external_id is None):
            raise Refused("BAD_INPUT", "expected `id`, or `source` and `externalId`, and no more")
        async with info.context.read() as (connection_, _):
            if id is not None:
                number = post_number(id)
                row = (await posts.by_ids(connection_, [number])).get(number)
            else:
                assert source is not None
                assert external_id is not None
                row = await posts.by_external_id(
                    connection_, findable(source, "source"), findable(external_id, "externalId")
                )
        return None if row is None else post_of(row, Siblings([row]))

    @strawberry.field(description="Posts in pages, the newest written first.")
    async def posts(
        self,
        info: Asked,
        first: First,
        after: After = None,
        filter: PostFilter | None = None,
    ) -> Connection[Post]:
        size = page_size(first)
        asked = filter or PostFilter()
        wanted = posts.Filter(
            venue=None if asked.venue is None else findable(asked.venue, "venue"),
            form=None if asked.type is None else findable(asked.type, "type"),
            author_id=None if asked.author is None else member_number(asked.author),
            root_id=None if asked.root is None else post_number(asked.root),
            state=tuple(asked.state or ()),
        )
        key = from_cursor(after, "posts", int, int)
        async with info.context.read() as (connection_, _):
            rows = await posts.listing(
                connection_, wanted, first=size + 1, after=None if key is None else (key[0], key[1])
            )
        return post_page(rows, size, Siblings(rows[:size]), after)

    @strawberry.field(
        description="The cursor of the newest change of a status: `standingChanged(after: …)` goes "
        "on from it.",
        directives=[Needs(scopes=[*OWN])],
    )
    async def standing_cursor(self, info: Asked) -> str:
        return await newest_cursor(info)


async def _page(info: Asked, wanted: Wanted, as_of: date | None) -> listing.Page:
    now = await info.context.moment()
    day = asked_day(now, as_of)
    if wanted.by_standing and day != now.today:
        return await listing.at_end_of(info.context.database, now, wanted, day=day)
    async with info.context.read() as (connection_, now):
        return await listing.on_today(connection_, now, wanted)


async def _member(info: Asked, number: int, as_of: date | None = None) -> Member | None:
    async with info.context.read() as (connection_, _):
        row = (await members.by_ids(connection_, [number])).get(number)
    return None if row is None else member_of(row, Siblings([row]), as_of)


def _only(found: list[MemberRow], name: str) -> MemberRow | None:
    if len(found) > 1:
        raise Refused(
            "AMBIGUOUS",
            f"several members are called or begin with {name[:60]!r}; ask with "
            "`members(filter: {search: …})`",
        )
    return found[0] if found else None


async def _post(connection_: Read, number: int) -> Node | None:
    row = (await posts.by_ids(connection_, [min(number, _LAST)])).get(number)
    return None if row is None else post_of(row, Siblings([row]))


async def _action(connection_: Read, number: int) -> Node | None:
    row = (await actions.by_ids(connection_, [number])).get(number)
    return None if row is None else action_of(row, Siblings([row]))


async def _rule_set(connection_: Read, number: int) -> Node | None:
    row = await rules.version(connection_, min(number, _LAST))
    return None if row is None else rule_set_of(row)


async def _scenario(connection_: Read, number: int) -> Node | None:
    row = await scenarios.version(connection_, min(number, _LAST))
    return None if row is None else scenario_of(row)


async def _offer(connection_: Read, number: int) -> Node | None:
    row = await offers.by_number(connection_, number)
    return None if row is None else offer_of(row, Siblings([row]))


async def _policy(connection_: Read, number: int) -> Node | None:
    found = await scenarios.policy_by_number(connection_, min(number, _LAST))
    return None if found is None else policy_of((number, found))


#: How what is no member is found by the number in its id, by kind.
_FOUND: Final[Mapping[str, Callable[[Read, int], Awaitable[Node | None]]]] = {
    "Post": _post,
    "Action": _action,
    "RuleSet": _rule_set,
    "Scenario": _scenario,
    "Offer": _offer,
    "PromptPolicy": _policy,
}
