"""What can be asked."""

# ruff: noqa: D101, D102 - the descriptions of types and fields are their docstrings
# Strawberry types its decorators loosely.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from dataclasses import replace
from datetime import date
from enum import Enum
from typing import Annotated

import strawberry

from engagement.routes import GOALS
from schema import audit
from schema.any_report import Report, ReportOptions, report_of
from schema.arguments import findable
from schema.audit import AuditEntry, AuditFilter
from schema.catalog import ActionTypeSeen, RuleSet, action_type, rule_set_of, unclassified
from schema.comparison import RuleSetComparison, compared
from schema.connections import After, Connection, First, connection, page_size
from schema.context import Asked, Siblings, asked_day
from schema.costs import about, costs
from schema.drafts import BarsInput, Draft, MembersWanted, Toml, drafted, wanted_of
from schema.errors import Refused
from schema.flow import FlowReport, flow_report_of
from schema.goals import Goal, goals_of
from schema.history import AsIf, asked, history_of
from schema.ids import Big, from_cursor, from_id, member_number, post_number, to_cursor
from schema.measures import DayRange, days_of
from schema.node import Node
from schema.reports import DataHealth, TierReport, health_of, tier_report_of
from schema.routes import RouteReport, routes_of
from schema.scopes import BOTH, MANAGER, MEMBER, OWN, Needs, needs
from schema.simulation import Question, Simulation, simulation_of
from schema.subscription import newest_cursor
from schema.suggestions import Suggestions, suggested
from schema.types import (
    OF_ALL,
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
from store import actions, listing, members, past, posts, rules
from store.compare import MOST
from store.listing import Wanted
from store.members import MemberRow, Order
from store.reports import tiers
from store.reports.registry import Name
from store.reports.report import MOST_PERIOD

#: What looking for a part of any name costs, in objects.
_SEARCH = 20
#: What bars by the kept points of a day cost.
_AT_ONCE = 50


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
class Query:
    @strawberry.field(description="Whatever has this id: a member, post, action or rule set.")
    async def node(self, info: Asked, id: strawberry.ID) -> Node | None:
        kind, number = from_id(id, "Member", "Post", "Action", "RuleSet")
        small = min(number, 2**31 - 1)
        if kind == "Member":
            return await _member(info, small)
        async with info.context.read() as (connection_, _):
            if kind == "Post":
                post = (await posts.by_ids(connection_, [small])).get(small)
                return None if post is None else post_of(post, Siblings([post]))
            if kind == "Action":
                action = (await actions.by_ids(connection_, [number])).get(number)
                return None if action is None else action_of(action, Siblings([action]))
            version = await rules.version(connection_, small)
            return None if version is None else rule_set_of(version)

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
        description="The active catalog and whatever else was recorded, with how often.",
        directives=[Needs(scopes=[*BOTH]), *about(250)],
    )
    async def action_types(
        self,
        info: Asked,
        venue: str | None = None,
        classified: Annotated[
            bool | None, strawberry.argument(description="Only these, or only the others.")
        ] = None,
    ) -> list[ActionTypeSeen]:
        catalog = await info.context.catalog()
        now = await info.context.moment()
        types = [action_type(row) for row in catalog.values()]
        types += [unclassified(*key) for key in sorted(now.rules.types.keys() - catalog.keys())]
        group = Siblings([None])
        return [
            ActionTypeSeen(type=one, group=group)
            for one in types
            if (venue is None or one.venue == venue)
            and (classified is None or one.classified == classified)
        ]

    @strawberry.field(description="One version of the rules; without `id`, the active one.")
    async def rule_set(self, info: Asked, id: strawberry.ID | None = None) -> RuleSet | None:
        async with info.context.read() as (connection_, now):
            number = now.rules.id if id is None else min(from_id(id, "RuleSet")[1], 2**31 - 1)
            version = await rules.version(connection_, number)
        return None if version is None else rule_set_of(version)

    @strawberry.field(description="Every version of the rules, newest first.")
    async def rule_sets(
        self, info: Asked, first: First, after: After = None
    ) -> Connection[RuleSet]:
        size = page_size(first)
        key = from_cursor(after, "rule_sets", int)
        async with info.context.read() as (connection_, _):
            before = None if key is None else key[0]
            versions = await rules.versions_before(connection_, before, first=size + 1)
        return connection(
            versions,
            size,
            node=rule_set_of,
            cursor=lambda version: to_cursor("rule_sets", version.id),
            after=after,
        )

    @strawberry.field(
        description="What other rules would do: a version, a text, or those in force with other "
        "bars. Nothing is changed."
    )
    async def simulate(
        self,
        info: Asked,
        draft: Draft = None,
        toml: Toml = None,
        enter: BarsInput | None = None,
        as_of: AsOf = None,
    ) -> Simulation:
        now = await info.context.moment()
        day = asked_day(now, as_of)
        other = await drafted(info.context, draft, toml, enter)
        return simulation_of(Question(now.rules, other, day, now))

    @strawberry.field(
        description="Several rule sets side by side, such as those of other products or audiences: "
        "the one in force, and up to eight others. Folds everybody's history by each; the error "
        "UNDER_WAY says how far that is, where it takes longer than a request may.",
        directives=costs(OF_ALL),
    )
    async def compare_rule_sets(
        self, info: Asked, ids: list[strawberry.ID], as_of: AsOf = None
    ) -> RuleSetComparison:
        if not 1 <= len(ids) <= MOST:
            raise Refused("BAD_INPUT", f"{len(ids)} `ids`; expected 1 to {MOST}")
        numbers = [min(from_id(one, "RuleSet")[1], 2**31 - 1) for one in ids]
        async with info.context.read() as (connection_, now):
            found = [await rules.version(connection_, one) for one in (now.rules.id, *numbers)]
        versions = [one for one in found if one is not None]
        if len(versions) < len(found):
            raise Refused("UNKNOWN_RULE_SET", "there is no rule set with one of these ids")
        return await compared(info.context, now, versions, asked_day(now, as_of))

    @strawberry.field(
        description="Bars that would do what is wanted, and what else they would do: for `members` "
        "with each status, for a share of those who have points, at the widest gap. By the points "
        "of the day; what hysteresis adds, `simulate` says.",
        directives=costs(_AT_ONCE),
    )
    async def suggest(
        self,
        info: Asked,
        draft: Draft = None,
        toml: Toml = None,
        members: MembersWanted | None = None,
        share: Annotated[
            float,
            strawberry.argument(
                description="Of those with points in an index, who should reach its bar at most: 0 "
                "to 1."
            ),
        ] = 0.1,
        as_of: AsOf = None,
    ) -> Suggestions:
        if not 0 <= share <= 1:
            raise Refused("BAD_INPUT", f"`share` is {share}; expected a number from 0 to 1")
        now = await info.context.moment()
        day = asked_day(now, as_of)
        rules_ = await drafted(info.context, draft, toml)
        return await suggested(info.context, now, rules_, wanted_of(members), share, day)

    @strawberry.field(
        description="How many members have each status, and who moved.",
        directives=costs(OF_ALL),
    )
    async def tier_report(
        self,
        info: Asked,
        as_of: AsOfAll = None,
        period_days: Annotated[
            int, strawberry.argument(description="Length of the period that ends on the day.")
        ] = 30,
    ) -> TierReport:
        if not 1 <= period_days <= MOST_PERIOD:
            raise Refused(
                "BAD_INPUT",
                f"`periodDays` is {period_days}; expected a number from 1 to {MOST_PERIOD}",
            )
        now = await info.context.moment()
        day = asked_day(now, as_of)
        everybody = None
        if day != now.today:
            everybody = await past.on_day(info.context.database, now.rules, day=day, anew=True)
        async with info.context.read() as (connection_, now):
            found = await tiers.tier_report(
                connection_,
                now.rules,
                day=day,
                today=now.today,
                period_days=period_days,
                everybody=everybody,
            )
        return tier_report_of(found, archive=now.archive)

    @strawberry.field(
        description="What flowed between the statuses during a period, who stays, who comes back.",
        directives=costs(OF_ALL),
    )
    async def flow_report(
        self,
        info: Asked,
        as_of: AsOfAll = None,
        period_days: Annotated[
            int, strawberry.argument(description="Length of the period that ends on the day.")
        ] = 30,
        rule_set: AsIf = None,
    ) -> FlowReport:
        question = await asked(info, as_of, rule_set, period_days)
        return flow_report_of(await history_of(info, question), question)

    @strawberry.field(
        description="By which statuses members came to one of the four.", directives=costs(OF_ALL)
    )
    async def routes(
        self,
        info: Asked,
        first: First,
        to: Status = Status.CONTRIBUTOR,
        start: Annotated[
            Status | None,
            strawberry.argument(
                name="from", description="Of those who ever had it, from the first time on."
            ),
        ] = None,
        joined: DayRange | None = None,
        arrived: DayRange | None = None,
        venue: Annotated[
            str | None, strawberry.argument(description="Of those whose first action was in it.")
        ] = None,
        steps: Annotated[
            list[Status] | None,
            strawberry.argument(description="What is a step upward here; by default all four."),
        ] = None,
        as_of: AsOfAll = None,
        rule_set: AsIf = None,
    ) -> RouteReport:
        question = replace(
            await asked(info, as_of, rule_set),
            to=to,
            start=start,
            joined=days_of(joined),
            arrived=days_of(arrived),
            venue=venue,
            steps=GOALS if steps is None else tuple(steps),
            most=page_size(first),
        )
        return await routes_of(info, question)

    @strawberry.field(description="What was set to be reached.", directives=about(10))
    async def goals(self, info: Asked) -> list[Goal]:
        return await goals_of(info)

    @strawberry.field(
        description="A report as a table: the same rows as `ikusei report` on the command line.",
        directives=costs(OF_ALL),
    )
    async def report(
        self,
        info: Asked,
        name: Name,
        as_of: AsOfAll = None,
        rule_set: AsIf = None,
        options: ReportOptions | None = None,
    ) -> Report:
        return await report_of(info, name, as_of, rule_set, options)

    @strawberry.field(
        description="Who changed what: members, rule sets, keys; newest first. Never rewritten, "
        "but that erasing a member takes out what was written about them."
    )
    async def audit_log(
        self, info: Asked, first: First, after: After = None, filter: AuditFilter | None = None
    ) -> Connection[AuditEntry]:
        return await audit.page(info, first, after, filter or AuditFilter())

    @strawberry.field(
        description="The cursor of the newest change of a status: `standingChanged(after: …)` goes "
        "on from it.",
        directives=[Needs(scopes=[*OWN])],
    )
    async def standing_cursor(self, info: Asked) -> str:
        return await newest_cursor(info)

    @strawberry.field(description="What is odd or missing in the data.", directives=costs(OF_ALL))
    async def data_health(self, info: Asked) -> DataHealth:
        return health_of(await info.context.moment())


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
