"""The words of nurture: scenarios, the policy over all of them, and what a prompt can be about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final

from engagement.words import Status


class Kind(StrEnum):
    """What a prompt is about: the kind of its candidate."""

    QUESTION_FOR_YOU = "question_for_you"
    UNANSWERED_THREAD = "unanswered_thread"
    FIRST_POST = "newcomer_first_post"
    IDEA_NEAR_YOURS = "idea_near_yours"
    COMPANY_ARTICLE = "company_article"
    ANSWER_WAS_READ = "answer_was_read"
    NEXT_STEP = "next_step"
    WELCOME_BACK = "welcome_back"


KINDS: Final = tuple(Kind)


@dataclass(frozen=True, slots=True)
class Traits:
    """What is so of every candidate of a kind.

    ``has_item``: it is about a post. ``own``: about one of the member's own, else never. ``ask``:
    it asks for the member's knowledge, which counts as load. ``spread``: its post is not pushed to
    too many. ``needs_open``: not where the asker has accepted an answer. ``most_answers``: posts of
    others in the thread beyond which it is no longer wanted (None: any number). ``variables``: what
    its messages may tell, beside the venue.
    """

    variables: frozenset[str]
    has_item: bool = True
    own: bool = False
    ask: bool = False
    spread: bool = False
    needs_open: bool = False
    most_answers: int | None = None


_TITLE: Final = frozenset({"title"})
_COUNTED: Final = frozenset({"title", "count"})

#: ``count`` is: of a question the shared interests, of an unanswered thread the days it waits, of
#: an idea the votes it has, of an own answer its readers, of a next step the actions that are
#: missing, of what happened since the responses it had.
TRAITS: Final[Mapping[Kind, Traits]] = {
    Kind.QUESTION_FOR_YOU: Traits(_TITLE, ask=True, spread=True, needs_open=True, most_answers=3),
    Kind.UNANSWERED_THREAD: Traits(
        _COUNTED, ask=True, spread=True, needs_open=True, most_answers=0
    ),
    Kind.FIRST_POST: Traits(_TITLE, spread=True, most_answers=2),
    Kind.IDEA_NEAR_YOURS: Traits(_TITLE, spread=True),
    Kind.COMPANY_ARTICLE: Traits(_TITLE),
    Kind.ANSWER_WAS_READ: Traits(_COUNTED, own=True),
    Kind.NEXT_STEP: Traits(frozenset({"count", "status"}), has_item=False),
    Kind.WELCOME_BACK: Traits(_COUNTED),
}

#: The languages that every message is written in.
LANGUAGES: Final = ("en", "ja")


@dataclass(frozen=True, slots=True)
class Caps:
    """How many prompts at most; None: no cap of this sort. Days and weeks are the member's own."""

    session: int | None = None
    day: int | None = None
    week: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds for all scenarios together.

    ``caps`` count all prompts of a member, ``surfaces`` those on one surface. ``holdout_percent``
    of the members are never shown any. ``assume_consent``: whoever has said nothing may be shown
    prompts. An offer counts ``reserve_minutes`` against the caps without having been seen;
    ``asks_per_week`` is how often a member is asked for their knowledge, ``members_per_item`` to
    how many one post is pushed in a week. A dismissed kind rests ``dismiss_days``, a snoozed
    scenario ``snooze_days``. ``falling_days`` ahead a status that will be lost counts as falling,
    ``near_steps`` actions before the next one a member counts as near it.
    """

    holdout_percent: int = 5
    assume_consent: bool = True
    reserve_minutes: int = 10
    asks_per_week: int = 3
    members_per_item: int = 20
    dismiss_days: int = 14
    snooze_days: int = 3
    falling_days: int = 14
    near_steps: int = 4
    caps: Caps = field(default_factory=lambda: Caps(session=1, day=2, week=5))
    surfaces: Mapping[str, Caps] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Texts:
    """A message in one language, each part a pattern of Project Fluent."""

    title: str
    body: str
    why: str
    action: str


#: The parts of a message, in the order in which they are read.
PARTS: Final = ("title", "body", "why", "action")


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the messages of a scenario, shown to ``share`` percent; ``texts`` by language."""

    name: str
    share: int
    texts: Mapping[str, Texts]


@dataclass(frozen=True, slots=True)
class Scenario:
    """For a status, or an edge: which prompt, toward which action, with which caps.

    With ``to`` above ``status`` it helps members up; with one below, or from newcomer to member, it
    is for those who are about to fall there or further; without, it is for everybody of the status.
    ``goal`` are action types (venue, verb), one of which is what the prompt is for. Days are those
    of the community's calendar, both ends included. ``audience`` are conditions as of a segment.
    """

    key: str
    en: str
    ja: str
    status: Status
    to: Status | None
    goal: tuple[tuple[str, str], ...]
    kind: Kind
    surfaces: tuple[str, ...]
    priority: int
    caps: Caps
    cool_down_days: int
    begins: date | None
    ends: date | None
    audience: tuple[str, ...]
    holdout_percent: int
    variants: tuple[Variant, ...]

    @property
    def is_of(self) -> Traits:
        """What is so of its candidates."""
        return TRAITS[self.kind]
