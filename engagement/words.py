"""The words of the method as types: indices, statuses, action types and rule sets.

Everything here is an immutable value. Points are integers; wherever a quality multiplier
may apply they are kept times 100, and the name says so (``…_x100``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum


class Index(StrEnum):
    """The four indices, from the highest psychological hurdle to the lowest."""

    CONTRIBUTION = "contribution"
    INTERACTION = "interaction"
    FAVORABILITY = "favorability"
    SUPPORT = "support"


INDICES: tuple[Index, ...] = tuple(Index)


class Status(StrEnum):
    """The one label a member carries; the order is that of a member's growth, highest first."""

    CONTRIBUTOR = "contributor"
    CONNECTOR = "connector"
    FAN = "fan"
    SUPPORTER = "supporter"
    NEWCOMER = "newcomer"
    DORMANT = "dormant"
    MEMBER = "member"


STATUSES: tuple[Status, ...] = tuple(Status)

STATUS_OF_INDEX: Mapping[Index, Status] = {
    Index.CONTRIBUTION: Status.CONTRIBUTOR,
    Index.INTERACTION: Status.CONNECTOR,
    Index.FAVORABILITY: Status.FAN,
    Index.SUPPORT: Status.SUPPORTER,
}


class Cause(StrEnum):
    """Why a status changed."""

    ACTION = "action"
    DECAY = "decay"
    QUALITY = "quality"
    RULE_CHANGE = "rule_change"
    LOCK = "lock"
    IMPORT = "import"
    MERGE = "merge"


class Role(StrEnum):
    """Who somebody is to the community; only a ``member`` has a standing."""

    MEMBER = "member"
    STAFF = "staff"
    BOT = "bot"


class Side(IntEnum):
    """From which side a tally counts an action.

    ``OWN`` is an action on one's own post: it shows that the member was here, and is worth
    nothing to either side.
    """

    GIVEN = 0
    RECEIVED = 1
    OWN = 2


class Grade(IntEnum):
    """What the verdict on a text makes of an action; ``NONE`` is not judged."""

    NONE = 0
    SOLVES = 1
    PARTIAL = 2
    IMPRESSION = 3
    OFF = 4
    UNSURE = 5


class DistinctBy(StrEnum):
    """What the guard ``distinct_members`` counts for an action type.

    ``MEMBER`` counts different counterparts. ``DAY`` is for what has no counterpart (a review,
    a log-in): each day on which it was done counts as one.
    """

    MEMBER = "member"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class ActionType:
    """One row of the catalog: how a verb in a venue is classified.

    ``index`` is None for what is known and deliberately worth nothing (outcomes, views);
    ``points`` is then 0. ``daily_cap`` is the number of such actions that count per member and
    day (None: no cap).
    """

    venue: str
    verb: str
    index: Index | None
    earns: Side
    points: int
    daily_cap: int | None
    distinct_by: DistinctBy
    quality: bool
    en: str
    ja: str
    reason: str

    @property
    def key(self) -> tuple[str, str]:
        """``(venue, verb)``, unique in a catalog."""
        return (self.venue, self.verb)


@dataclass(frozen=True, slots=True)
class Guards:
    """Further conditions to *enter* an index, counted inside the window.

    ``k_of`` of the conditions that are set (not None) must hold.
    """

    distinct_members: int | None = None
    distinct_days: int | None = None
    k_of: int = 0


@dataclass(frozen=True, slots=True)
class Threshold:
    """When an index is met: entered at ``enter`` points, lost below ``exit_percent`` of them.

    It is not lost before ``min_hold_days`` after the points fell below ``enter``.
    """

    enter: int
    exit_percent: int = 90
    min_hold_days: int = 14
    guards: Guards = field(default_factory=Guards)

    @property
    def enter_x100(self) -> int:
        """Least points, times 100, to enter."""
        return self.enter * 100

    @property
    def exit_x100(self) -> int:
        """Points, times 100, below which the index is lost."""
        return self.enter * self.exit_percent


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """Days after which a newcomer is one no more and a silent member is dormant.

    ``rule_change_grace_days`` keep present holders when a new rule set would lower them.
    """

    newcomer_days: int = 30
    dormant_after_days: int = 60
    rule_change_grace_days: int = 14


#: One step of the precedence: an index by its name, or one of the other conditions.
PRECEDENCE_WORDS: frozenset[str] = frozenset(
    {"lock", "dormant", "newcomer", "member", *(index.value for index in Index)}
)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Everything that decides a status: catalog, thresholds, window, lifecycle, precedence.

    ``window_days`` W covers day d and the W − 1 days before it. ``multipliers`` are percents by
    grade, for action types with ``quality``. ``precedence`` holds every one of PRECEDENCE_WORDS
    once; the first that applies gives the status.
    """

    name: str
    window_days: int
    thresholds: Mapping[Index, Threshold]
    lifecycle: Lifecycle
    precedence: tuple[str, ...]
    multipliers: Mapping[Grade, int]
    catalog: tuple[ActionType, ...]
