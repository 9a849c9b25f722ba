"""Communities in which some are held out of a prompt, drawn so that its effect is known exactly.

Nothing of Ikusei is imported here: what is held against these worlds shares no code with them.

Members are of three kinds, who come more or less often and do what is asked for more or less often
anyway. Whenever they come there is a decision. The first prompt that somebody is shown makes them
do it with a probability, some days later, and whoever did it because of that comes more often for a
while; later prompts are for nothing. So decisions of one member are alike, the busy make most of
them, and who decides later decides as the side has made them: only the first of each can be
compared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

#: The length of the period and of the days after a decision, in days; times are microseconds.
PERIOD: Final = 91
WINDOW: Final = 7
DAY: Final = 86_400_000_000
#: Of each kind its share, how often it comes, and how often it does what is asked for, per day.
_SHARE: Final = np.array([0.55, 0.35, 0.1])
_COMES: Final = np.array([0.015, 0.05, 0.15])
_DOES: Final = np.array([0.005, 0.02, 0.09])
#: After a prompt that works it is done after so many days on average, and so many more visits
#: follow in the fortnight after it.
_DELAY: Final = 2.0
_MORE: Final = 3.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A world before it is drawn: members, the share held out, how busy it is, what prompts do."""

    members: int
    held: float
    pace: float
    effect: float = 0.0

    @property
    def _eligible(self) -> Floats:
        """The members of each kind for whom there is a decision, as shares of all members."""
        found: Floats = _SHARE * -np.expm1(-PERIOD * _COMES)
        return found

    @property
    def expected(self) -> int:
        """For how many members there will be a decision, about."""
        return round(self.members * float(self._eligible.sum()))

    @property
    def base(self) -> float:
        """The share of these who do it within the window anyway."""
        return 1 - self._idle

    @property
    def rise(self) -> float:
        """By how much that share is larger where prompts are shown."""
        return self.effect * self._idle * -math.expm1(-WINDOW / _DELAY)

    @property
    def _idle(self) -> float:
        weights = self._eligible / self._eligible.sum()
        return float((weights * np.exp(-WINDOW * self.pace * _DOES)).sum())

    def raised(self, rise: float) -> Plan:
        """The same world with prompts that raise the share by ``rise``; an effect is at most 1."""
        return Plan(self.members, self.held, self.pace, min(1.0, rise / self._most))

    @property
    def _most(self) -> float:
        return self._idle * -math.expm1(-WINDOW / _DELAY)


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """What happened: decisions and actions in no order, a row each, and who was held out.

    ``counts`` are the members with a decision and those of them who did it in the window, of the
    side that is shown prompts and of the one held out, as the world itself counts them.
    """

    member: Ints
    at: Ints
    held: Bools
    actor: Ints
    when: Ints
    counts: tuple[tuple[int, int], tuple[int, int]]


def draw(plan: Plan, rng: np.random.Generator) -> World:
    """One world of a plan."""
    kind = rng.choice(len(_SHARE), plan.members, p=_SHARE)
    held = rng.random(plan.members) < plan.held
    member = np.repeat(np.arange(plan.members), rng.poisson(PERIOD * _COMES[kind]))
    at = rng.uniform(0, PERIOD, len(member))
    first = np.full(plan.members, np.inf)
    np.minimum.at(first, member, at)
    works = np.flatnonzero((rng.random(plan.members) < plan.effect) & ~held & np.isfinite(first))
    done = first[works] + rng.exponential(_DELAY, len(works))
    again = np.repeat(np.arange(len(works)), rng.poisson(_MORE, len(works)))
    later = done[again] + rng.uniform(0, 14, len(again))
    again, later = again[later < PERIOD], later[later < PERIOD]
    days = PERIOD + WINDOW
    actor = np.repeat(np.arange(plan.members), rng.poisson(days * plan.pace * _DOES[kind]))
    when = rng.uniform(0, days, len(actor))
    actor, when = np.append(actor, works), np.append(when, done)
    did = np.zeros(plan.members, np.bool_)
    did[actor[(when > first[actor]) & (when <= first[actor] + WINDOW)]] = True
    member, at = np.append(member, works[again]), np.append(at, later)
    order = rng.permutation(len(member))
    return World(
        member[order],
        (at[order] * DAY).astype(np.int64),
        held,
        actor,
        (when * DAY).astype(np.int64),
        _sides(held, np.isfinite(first), did),
    )


def _sides(held: Bools, seen: Bools, did: Bools) -> tuple[tuple[int, int], tuple[int, int]]:
    shown, out = (
        (int((seen & those & did).sum()), int((seen & those).sum())) for those in (~held, held)
    )
    return shown, out
