"""What can be asked about rules, those there are and those there might be."""

# ruff: noqa: D101, D102 - the descriptions of types and fields are their docstrings
# Strawberry types its decorators loosely.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from typing import Annotated

import strawberry

from schema import audit
from schema.audit import AuditEntry, AuditFilter
from schema.catalog import ActionTypeSeen, action_type, unclassified
from schema.comparison import RuleSetComparison, compared
from schema.connections import After, Connection, First, connection, page_size
from schema.context import Asked, Siblings, asked_day
from schema.costs import about, costs
from schema.drafts import BarsInput, Draft, MembersWanted, Toml, drafted, wanted_of
from schema.errors import Refused
from schema.ids import from_cursor, from_id, to_cursor
from schema.rule_sets import RuleSet, rule_set_of
from schema.scopes import BOTH, MANAGER, Needs, needs
from schema.simulation import Question, Simulation, simulation_of
from schema.suggestions import Suggestions, suggested
from schema.types import (
    OF_ALL,
    AsOf,
)
from store import rules
from store.compare import MOST

#: What bars by the kept points of a day cost.
_AT_ONCE = 50


@needs(*MANAGER)
@strawberry.type
class RuleQueries:
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
        description="Who changed what: members, rule sets, keys; newest first. Never rewritten, "
        "but that erasing a member takes out what was written about them."
    )
    async def audit_log(
        self, info: Asked, first: First, after: After = None, filter: AuditFilter | None = None
    ) -> Connection[AuditEntry]:
        return await audit.page(info, first, after, filter or AuditFilter())
