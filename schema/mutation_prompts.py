"""What is done with prompts: asking for one, telling what became of it, and allowing them."""

# ruff: noqa: D101, D102 - the descriptions of types and fields are their docstrings
# Strawberry types its decorators loosely.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from typing import Annotated, Final

import strawberry

from engagement.scenario import Kind
from engagement.scenarios import MAX_CHARACTERS, ScenarioErrors
from engagement.scenarios_read import is_surface
from engagement.toml_file import Mistakes
from schema.context import Asked
from schema.errors import Refused
from schema.ids import from_id, member_number, to_id
from schema.problems import NotPossible
from schema.prompts import (
    Acknowledged,
    AcknowledgeResult,
    ConsentResult,
    ConsentSet,
    OfferResult,
    offer_of,
)
from schema.receipts import Problem
from schema.scenarios import PromptPolicy, Scenario, ScenarioState, policy_of, scenario_of
from schema.scopes import ALL, BOTH, MANAGER, MEMBER, SITE, Needs, needs
from schema.standing import Language
from schema.words import Scope
from sources.parse import BAD_TEXT, MAX_ID
from store import consent, prompts, scenarios
from store.members import AccountRow, UnknownMember
from store.prompts import Outcome, Request, UnknownOffer

_LONGEST_SESSION: Final = 200
_OF_SITE_AND_MEMBER: Final = [Needs(scopes=[*SITE, *MEMBER])]
_OF_ALL: Final = [Needs(scopes=[*ALL])]

WhoId = Annotated[
    strawberry.ID | None,
    strawberry.argument(
        description="Whom it is about: their id, or else `source` and `externalId`."
        " A member leaves all three out."
    ),
]


@needs(*MANAGER)
@strawberry.type(description="One thing that is wrong in a text, and what would be right.")
class ScenarioMistake:
    place: str = strawberry.field(description="Such as messages[0].en.title; empty for the whole.")
    line: int
    message: str


@needs(*MANAGER)
@strawberry.type(description="The text is no scenario, or no policy.")
class ScenarioProblem(Problem):
    mistakes: list[ScenarioMistake]


@needs(*MANAGER)
@strawberry.type(description="A version of a scenario as it is after the change.")
class ScenarioChanged:
    scenario: Scenario


@needs(*MANAGER)
@strawberry.type(description="The policy in force after the change.")
class PromptPolicySaved:
    policy: PromptPolicy


SaveScenarioResult = Annotated[
    ScenarioChanged | ScenarioProblem, strawberry.union("SaveScenarioResult")
]
SetScenarioStateResult = Annotated[
    ScenarioChanged | NotPossible, strawberry.union("SetScenarioStateResult")
]
SavePromptPolicyResult = Annotated[
    PromptPolicySaved | ScenarioProblem, strawberry.union("SavePromptPolicyResult")
]


@needs(*BOTH)
@strawberry.type
class PromptMutations:
    @strawberry.mutation(
        description="Decide what to show to a member now, if anything, and keep the decision with "
        "its reasons. The same visit (`session`) gets the same again, while it holds.",
        directives=_OF_SITE_AND_MEMBER,
    )
    async def offer_prompt(
        self,
        info: Asked,
        surface: Annotated[
            str, strawberry.argument(description="Where on the site, such as home.")
        ],
        session: Annotated[
            str,
            strawberry.argument(description="What the site calls this visit: 1 to 200 characters."),
        ],
        member: WhoId = None,
        source: str | None = None,
        external_id: str | None = None,
        language: Annotated[
            Language | None, strawberry.argument(description="Left out, that of the member.")
        ] = None,
    ) -> OfferResult:
        context = info.context
        who = _who(info, member, source, external_id)
        if not is_surface(surface):
            return _wrong(
                "`surface` is not a name; expected up to 64 lower-case letters, digits, '_', '-' "
                "and '.', starting with a letter, such as home"
            )
        if not 0 < len(session) <= _LONGEST_SESSION or BAD_TEXT.search(session):
            return _wrong(
                f"`session` is empty, longer than {_LONGEST_SESSION} characters or holds control "
                "characters"
            )
        asked = None if language is None else language.value
        request = Request(who, surface, session, asked, context.now())
        try:
            return offer_of(await prompts.offer(context.database, request))
        except UnknownMember as error:
            return NotPossible(code="UNKNOWN_MEMBER", message=str(error))

    @strawberry.mutation(
        description="Tell what a member did with a prompt: SHOWN when it was really visible, later "
        "what they did. NOT_INTERESTED also withdraws the consent to its kind.",
        directives=_OF_SITE_AND_MEMBER,
    )
    async def acknowledge_prompt(
        self, info: Asked, offer: strawberry.ID, outcome: Outcome
    ) -> AcknowledgeResult:
        context = info.context
        number = min(from_id(offer, "Offer")[1], 2**63 - 1)
        own = None if Scope.SITE in context.caller.scopes else context.caller.member
        try:
            await prompts.acknowledge(
                context.database,
                number,
                outcome,
                of=own,
                by=context.caller.name,
                now=context.now(),
            )
        except UnknownOffer as error:
            return NotPossible(code="UNKNOWN_OFFER", message=str(error))
        return Acknowledged(offer=to_id("Offer", number), outcome=outcome)

    @strawberry.mutation(
        description="Allow or refuse prompts, from this moment on: those of a kind, or without "
        "`kind` all personal ones.",
        directives=_OF_ALL,
    )
    async def set_consent(
        self,
        info: Asked,
        *,
        allowed: bool,
        kind: Kind | None = None,
        member: WhoId = None,
        source: str | None = None,
        external_id: str | None = None,
    ) -> ConsentResult:
        context = info.context
        who = _who(info, member, source, external_id)
        try:
            said = await consent.set_consent(
                context.database,
                who,
                kind,
                allowed=allowed,
                by=context.caller.name,
                now=context.now(),
            )
        except UnknownMember as error:
            return NotPossible(code="UNKNOWN_MEMBER", message=str(error))
        return ConsentSet(all=said.all, refused=list(said.refused))

    @strawberry.mutation(
        description="Keep a scenario as a draft, the next version of its key; the same content as "
        "the newest one gives that, unless it has ended.",
        directives=[Needs(scopes=[*MANAGER])],
    )
    async def save_scenario(
        self,
        info: Asked,
        toml: Annotated[
            str, strawberry.argument(description="As docs/how-to/scenarios.md describes.")
        ],
    ) -> SaveScenarioResult:
        if (problem := _no_text(toml)) is not None:
            return problem
        context = info.context
        try:
            saved = await scenarios.save(
                context.database, toml, by=context.actor, now=context.now()
            )
        except ScenarioErrors as error:
            return _problem(error, "a scenario")
        return ScenarioChanged(scenario=scenario_of(saved))

    @strawberry.mutation(
        description="Let a version run, pause it or end it. When a draft begins to run, the "
        "version of its key that ran before ends.",
        directives=[Needs(scopes=[*MANAGER])],
    )
    async def set_scenario_state(
        self, info: Asked, id: strawberry.ID, state: ScenarioState
    ) -> SetScenarioStateResult:
        number = min(from_id(id, "Scenario")[1], 2**31 - 1)
        context = info.context
        try:
            version = await scenarios.set_state(
                context.database, number, state.value, by=context.actor, now=context.now()
            )
        except scenarios.UnknownScenario as error:
            return NotPossible(code="UNKNOWN_SCENARIO", message=str(error))
        except scenarios.NotAllowed as error:
            return NotPossible(code="NOT_POSSIBLE", message=str(error))
        return ScenarioChanged(scenario=scenario_of(version))

    @strawberry.mutation(
        description="Put another policy in force: caps over all prompts, rests, the global "
        "holdout.",
        directives=[Needs(scopes=[*MANAGER])],
    )
    async def save_prompt_policy(self, info: Asked, toml: str) -> SavePromptPolicyResult:
        if (problem := _no_text(toml)) is not None:
            return problem
        context = info.context
        try:
            await scenarios.save_policy(context.database, toml, by=context.actor, now=context.now())
        except ScenarioErrors as error:
            return _problem(error, "a policy")
        async with context.read() as (connection, _):
            return PromptPolicySaved(policy=policy_of(await scenarios.policy(connection)))


def _who(
    info: Asked, member: str | None, source: str | None, external_id: str | None
) -> int | AccountRow:
    """Whom a caller asks for: a member for themself, a site or a manager for whom they name.

    Raises Refused.
    """
    caller = info.context.caller
    named = (member, source, external_id) != (None, None, None)
    if caller.member is not None and not caller.scopes & set(BOTH):
        if named:
            message = "a member asks for themself; leave `member`, `source` and `externalId` out"
            raise Refused("FORBIDDEN", message)
        return caller.member
    if member is not None and source is None and external_id is None:
        return member_number(member)
    if member is not None or source is None or external_id is None:
        message = "expected `member`, or `source` and `externalId`, and no more"
        raise Refused("BAD_INPUT", message)
    if len(external_id) > MAX_ID or BAD_TEXT.search(source + external_id):
        raise Refused("BAD_INPUT", "`source` or `externalId` is nothing that a record can have")
    return AccountRow(source, external_id)


def _wrong(message: str) -> NotPossible:
    return NotPossible(code="NOT_POSSIBLE", message=message)


def _no_text(toml: str) -> ScenarioProblem | None:
    if len(toml) <= MAX_CHARACTERS and not BAD_TEXT.search(toml):
        return None
    message = f"`toml` has more than {MAX_CHARACTERS} characters or control characters"
    return ScenarioProblem(code="SCENARIO_INVALID", message=message, mistakes=[])


def _problem(error: Mistakes, what: str) -> ScenarioProblem:
    mistakes = [
        ScenarioMistake(place=one.place, line=one.line, message=one.message)
        for one in error.mistakes
    ]
    message = f"the text is not {what}: {len(mistakes)} mistakes"
    return ScenarioProblem(code="SCENARIO_INVALID", message=message, mistakes=mistakes)
