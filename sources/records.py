"""The canonical records: what a community's history is made of, whatever system it came from.

A record is an immutable value that has been checked; ``sources.parse`` is the one gate to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import Any, Final


class Precision(IntEnum):
    """How well the time of something is known; only ``EXACT`` times order actions."""

    EXACT = 0
    DAY = 1
    LOWER_BOUND = 2
    UNKNOWN = 3


class PostState(StrEnum):
    """Whether a post can be read; ``HIDDEN`` still counts, ``DELETED`` retracts its writing."""

    VISIBLE = "visible"
    HIDDEN = "hidden"
    DELETED = "deleted"


class Direction(StrEnum):
    """Which total of a member a counter is."""

    GIVEN = "given"
    RECEIVED = "received"


@dataclass(frozen=True, slots=True)
class MemberRecord:
    """A snapshot of a member's account; a later one replaces it in what it states.

    What is None leaves what is known; at first a member is an active ``member``.
    """

    source: str
    id: str
    joined: datetime | None = None
    name: str | None = None
    role: str | None = None
    state: str | None = None
    zone: str | None = None
    lang: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PostRecord:
    """A snapshot of anything written; it implies the action of writing it.

    A later snapshot replaces it in what it states; None leaves what is known (at first plain text,
    visible).
    ``counts`` are totals of anonymous reactions by verb. ``root`` opens the thread, ``parent`` is
    what this answers; both are ids of the same source and may come later.
    """

    source: str
    id: str
    venue: str
    type: str
    time: datetime
    precision: Precision = Precision.EXACT
    author: str | None = None
    root: str | None = None
    parent: str | None = None
    title: str | None = None
    text: str | None = None
    format: str | None = None
    lang: str | None = None
    state: PostState | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ActionRecord:
    """One member did one verb in one venue at one time.

    Without ``actor`` it is anonymous and raises only what the target received; ``count`` is how
    many such actions it stands for.
    """

    source: str
    id: str
    venue: str
    verb: str
    time: datetime
    precision: Precision = Precision.EXACT
    actor: str | None = None
    post: str | None = None
    target: str | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class RetractionRecord:
    """Takes back the action with the id ``of``, now or when it arrives."""

    source: str
    id: str
    of: str
    time: datetime


@dataclass(frozen=True, slots=True)
class CounterRecord:
    """A member's exported total of a verb, as it stood at ``as_of``."""

    source: str
    member: str
    venue: str
    verb: str
    direction: Direction
    as_of: datetime
    value: int


@dataclass(frozen=True, slots=True)
class ViewsRecord:
    """How often a post was read on a day of the community's calendar; the later count replaces."""

    source: str
    post: str
    day: date
    count: int


Record = MemberRecord | PostRecord | ActionRecord | RetractionRecord | CounterRecord | ViewsRecord

KINDS: Final[Mapping[str, type[Record]]] = {
    "member": MemberRecord,
    "post": PostRecord,
    "action": ActionRecord,
    "retraction": RetractionRecord,
    "counter": CounterRecord,
    "views": ViewsRecord,
}

#: What the ids of our own making begin with: the hashes that stand for ids of erased members, and
#: the writings that posts imply (followed by the post's id).
ERASED: Final = "erased:"
WRITING: Final = "writing:"

#: The verb of writing a post, by the post's type; a type that is not here is its own verb.
WRITING_VERBS: Final[Mapping[str, str]] = {
    "question": "ask",
    "idea": "propose_idea",
    "review": "write_review",
    "article": "write_article",
    "topic": "post_topic",
}


def writing_verb(post_type: str) -> str:
    """The verb of the action that a post of this type implies."""
    return WRITING_VERBS.get(post_type, post_type)
