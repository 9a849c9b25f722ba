"""Prompts, in GraphQL: what is offered to a member, what they did with it, what they allow."""

# ruff: noqa: D101 - the descriptions of types and fields are their docstrings

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from engagement.holdout import Arm
from engagement.prompt import Reason
from engagement.scenario import Kind
from schema.ids import to_id
from schema.problems import NotPossible
from schema.scopes import ALL, BOTH, OWN, Needs, needs
from schema.standing import Language
from store import prompts
from store.prompts import Outcome

strawberry.enum(Kind, name="PromptKind", description="What a prompt is about.")
strawberry.enum(
    Reason, name="OfferReason", description="Why a prompt is not shown, in the order of asking."
)
strawberry.enum(Outcome, name="PromptOutcome", description="What a member did with a prompt.")
strawberry.enum(
    Arm,
    name="OfferArm",
    description="What became of the prompt that was chosen: it is SHOWN, or held out to measure "
    "what showing it does.",
)

#: What to say instead of more prompts: of this kind, of all kinds.
_OPT_OUT = {
    "en": ("No more of these suggestions", "No personal suggestions at all"),
    "ja": ("この種類のおすすめを表示しない", "個人向けのおすすめをすべて表示しない"),
}


@needs(*ALL)
@strawberry.type(description="The post that a prompt is about.")
class PromptItem:
    source: str
    external_id: str
    title: str | None = strawberry.field(description="Its own, else that of its thread.")
    venue: str


@needs(*ALL)
@strawberry.type(description="What is shown to a member; all texts are plain, in one language.")
class Prompt:
    kind: Kind
    language: Language
    title: str
    body: str
    why: str = strawberry.field(description="Why the member sees this; to be shown with it.")
    action: str = strawberry.field(description="What the button says that leads to the item.")
    item: PromptItem | None = strawberry.field(description="None where it is about no post.")
    valid_until: datetime = strawberry.field(
        description="Not to be shown for the first time after this: others may have come between."
    )
    opt_out: str = strawberry.field(description="What the button says that ends this kind.")
    opt_out_all: str = strawberry.field(description="What the one says that ends all of them.")


@needs(*ALL)
@strawberry.type(description="A prompt to be shown. Tell by `acknowledgePrompt` when it was seen.")
class Offered:
    offer: strawberry.ID = strawberry.field(description="The decision.")
    prompt: Prompt


@needs(*ALL)
@strawberry.type(
    description="There is nothing to show. Whoever is held out gets the same as whom nothing fits."
)
class NothingOffered:
    offer: strawberry.ID = strawberry.field(description="The decision.")
    reason: Reason | None = strawberry.field(
        description="None where no scenario runs.", directives=[Needs(scopes=[*BOTH])]
    )


@needs(*ALL)
@strawberry.type(description="It is kept; the first time that it is told counts.")
class Acknowledged:
    offer: strawberry.ID
    outcome: Outcome


@needs(*OWN)
@strawberry.type(description="What a member allows of prompts.")
class PromptConsent:
    all: bool | None = strawberry.field(
        description="What they said to all personal prompts; None where they said nothing."
    )
    refused: list[Kind] = strawberry.field(description="Kinds that they refused one by one.")


@needs(*ALL)
@strawberry.type(description="What the member allows from this moment on.")
class ConsentSet:
    all: bool | None = strawberry.field(
        description="What they said to all personal prompts; None where they said nothing."
    )
    refused: list[Kind] = strawberry.field(description="Kinds that they refused one by one.")


OfferResult = Annotated[Offered | NothingOffered | NotPossible, strawberry.union("OfferResult")]
AcknowledgeResult = Annotated[Acknowledged | NotPossible, strawberry.union("AcknowledgeResult")]
ConsentResult = Annotated[ConsentSet | NotPossible, strawberry.union("ConsentResult")]


def offer_of(offer: prompts.Offer) -> Offered | NothingOffered:
    """A decision as GraphQL tells it."""
    number = to_id("Offer", offer.id)
    if offer.prompt is None:
        return NothingOffered(offer=number, reason=offer.reason)
    return Offered(offer=number, prompt=prompt_of(offer.prompt))


def prompt_of(prompt: prompts.Prompt) -> Prompt:
    """A prompt as GraphQL tells it."""
    item, texts = prompt.item, prompt.texts
    opt_out, opt_out_all = _OPT_OUT[prompt.language]
    return Prompt(
        kind=prompt.kind,
        language=Language(prompt.language),
        title=texts.title,
        body=texts.body,
        why=texts.why,
        action=texts.action,
        item=None
        if item is None
        else PromptItem(
            source=item.source,
            external_id=item.external_id,
            title=item.title,
            venue=item.venue,
        ),
        valid_until=prompt.valid_until,
        opt_out=opt_out,
        opt_out_all=opt_out_all,
    )
