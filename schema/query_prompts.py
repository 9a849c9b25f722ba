"""What can be asked about scenarios, and about what was and would be offered."""

# ruff: noqa: D101, D102 - the descriptions of types and fields are their docstrings
# Strawberry types its decorators loosely.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from typing import Annotated

import strawberry

from engagement.scenarios_read import is_surface
from schema.arguments import findable
from schema.connections import After, Connection, First
from schema.context import Asked
from schema.costs import about, costs
from schema.errors import Refused
from schema.ids import member_number
from schema.offers import Offer, offer_page
from schema.preview import MOST, PromptPreview, Wanted, previewed, scenario_asked
from schema.scenarios import PromptPolicy, Scenario, ScenarioState, policy_of, scenario_of
from schema.scopes import MANAGER, needs
from schema.standing import Language
from schema.types import AsOf
from store import offers, scenarios

#: What deciding for everybody of a sample costs, in objects.
_SAMPLE = 200


@needs(*MANAGER)
@strawberry.type
class PromptQueries:
    @strawberry.field(
        description="Versions of scenarios, by key, the newest first.", directives=about(50)
    )
    async def scenarios(
        self,
        info: Asked,
        state: Annotated[
            list[ScenarioState] | None, strawberry.argument(description="Only these.")
        ] = None,
        key: str | None = None,
    ) -> list[Scenario]:
        async with info.context.read() as (connection, _):
            found = await scenarios.all_versions(connection)
        wanted = None if state is None else {one.value for one in state}
        return [
            scenario_of(one)
            for one in found
            if (wanted is None or one.state in wanted) and key in (None, one.key)
        ]

    @strawberry.field(description="What holds for all scenarios together.")
    async def prompt_policy(self, info: Asked) -> PromptPolicy:
        async with info.context.read() as (connection, _):
            return policy_of(await scenarios.policy(connection))

    @strawberry.field(description="Decisions on prompts in pages, the newest first.")
    async def offers(
        self,
        info: Asked,
        first: First,
        after: After = None,
        member: strawberry.ID | None = None,
        key: Annotated[
            str | None, strawberry.argument(description="Of the scenario that was chosen.")
        ] = None,
    ) -> Connection[Offer]:
        wanted = offers.Filter(
            None if member is None else member_number(member),
            None if key is None else findable(key, "key"),
        )
        return await offer_page(info, wanted, first, after)

    @strawberry.field(
        description="What members would be shown, and why: by all scenarios that run, or by one "
        "alone. Nothing is kept.",
        directives=[*about(MOST), *costs(_SAMPLE)],
    )
    async def scenario_preview(
        self,
        info: Asked,
        scenario: Annotated[
            strawberry.ID | None, strawberry.argument(description="A version that is kept.")
        ] = None,
        toml: Annotated[
            str | None, strawberry.argument(description="One that is not kept yet.")
        ] = None,
        members: Annotated[
            list[strawberry.ID] | None,
            strawberry.argument(description=f"1 to {MOST}; left out, a sample of each status."),
        ] = None,
        each: Annotated[
            int, strawberry.argument(description="Members of each status in the sample: 1 to 20.")
        ] = 3,
        surface: str = "home",
        language: Language | None = None,
        as_of: AsOf = None,
    ) -> list[PromptPreview]:
        if not 1 <= each <= MOST // 7:
            raise Refused("BAD_INPUT", f"`each` is {each}; expected a number from 1 to {MOST // 7}")
        if members is not None and not 1 <= len(members) <= MOST:
            message = f"`members` has {len(members)} ids; expected 1 to {MOST}"
            raise Refused("BAD_INPUT", message)
        if not is_surface(surface):
            raise Refused("BAD_INPUT", "`surface` is not a name; expected one such as home")
        chosen = tuple(member_number(one) for one in members or ())
        only = await scenario_asked(info, scenario, toml)
        wanted = Wanted(chosen, each, as_of, surface, language)
        return await previewed(info, only, wanted)
