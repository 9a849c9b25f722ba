"""Lift 押し上げ効果: what a prompt brings about, proven against members who are held out of it.

Both sides are counted as they were drawn, whatever became of the showing (intention to treat;
engagement/trial.py says who is in which). A figure is given once, on the day that was fixed before
the start, or not at all: looking early and stopping when it pleases finds effects that are none.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist
from typing import Final

from engagement.survival import Estimate, Z, share_of

#: The probability below which a split is not the planned one, and nothing is said.
WRONG_SPLIT_BELOW: Final = 0.001
#: Fewer members than these on a side say nothing, and might be recognised.
LEAST_MEMBERS: Final = 30
#: With fewer expected in an arm the chi-square distribution does not hold.
_LEAST_EXPECTED: Final = 5
#: How often an effect of the size that is asked about would be found.
POWER: Final = 0.8
_NOTHING: Final = Estimate(None, None, None)


class Outcome(StrEnum):
    """What is looked for after a decision.

    GOAL: its goal action (the primary outcome). STATUS: the next status (the secondary one).
    CONTRACT: a contract was made or renewed, or somebody referred. CANCELLED: one was ended, which
    no prompt is to bring about.
    """

    GOAL = "goal"
    STATUS = "status"
    CONTRACT = "contract"
    CANCELLED = "cancelled"


#: Days after a decision that belong to it.
HORIZON: Final[Mapping[Outcome, int]] = {
    Outcome.GOAL: 7,
    Outcome.STATUS: 30,
    Outcome.CONTRACT: 30,
    Outcome.CANCELLED: 30,
}


class Withheld(StrEnum):
    """Why there is no figure; where several hold, the first of these.

    NO_HOLDOUT: one of the sides was planned to be empty. WRONG_SPLIT: members are not split as
    planned, so something other than chance decides who is where. EARLY: not everybody has had all
    their days. FEW: fewer than LEAST_MEMBERS on a side.
    """

    NO_HOLDOUT = "no_holdout"
    WRONG_SPLIT = "wrong_split"
    EARLY = "early"
    FEW = "few"


@dataclass(frozen=True, slots=True)
class Visits:
    """Days on which members were here: their sum over members, and the sum of their squares."""

    total: int = 0
    squares: int = 0


@dataclass(frozen=True, slots=True)
class Arm:
    """A side of a trial: ``share`` of its members were to be in it, and ``members`` are.

    ``reached`` came to each outcome within its days; what is missing was not looked for.
    """

    share: float
    members: int
    reached: Mapping[Outcome, int]
    visits: Visits = Visits()


@dataclass(frozen=True, slots=True)
class Trial:
    """One scenario in one period under one plan, until the end of the day ``last``.

    ``held`` were held out of it, ``shown`` were not: an arm for each variant of the message. The
    shares of all arms add up to 1.
    """

    held: Arm
    shown: tuple[Arm, ...]
    last: int

    def due(self, outcome: Outcome) -> int:
        """The day at whose end everybody has had all their days."""
        return self.last + HORIZON[outcome]


@dataclass(frozen=True, slots=True)
class Lift:
    """What a trial says of one outcome; no estimate has a value where it is ``withheld``.

    ``shown`` and ``held`` are the shares who came to it, ``difference`` the first less the second,
    ``relative`` the difference in parts of the second. ``due`` is the day of the figure.
    """

    outcome: Outcome
    due: int
    withheld: Withheld | None
    shown: Estimate = _NOTHING
    held: Estimate = _NOTHING
    difference: Estimate = _NOTHING
    relative: Estimate = _NOTHING


def lift(trial: Trial, outcome: Outcome, *, until: int, variant: int | None = None) -> Lift:
    """What is known at the end of the day ``until``, of all variants together or of one.

    Several variants are so many comparisons with the same members held out: of twenty that do
    nothing, one looks as if it did. None of them is named the best.
    """
    arm = joined(trial.shown) if variant is None else trial.shown[variant]
    due = trial.due(outcome)
    withheld = withheld_for(trial, arm, due, until)
    if withheld is not None:
        return Lift(outcome, due, withheld)
    one = (arm.reached[outcome], arm.members)
    other = (trial.held.reached[outcome], trial.held.members)
    return Lift(
        outcome,
        due,
        None,
        share_of(*one),
        share_of(*other),
        difference(one, other),
        relative(one, other),
    )


def visits(trial: Trial, *, until: int) -> tuple[Withheld | None, Estimate]:
    """The guard-rail: how many more days those shown were here than those held out, each.

    Where it lies below 0 with all of its interval, prompts drive people away.
    """
    arm = joined(trial.shown)
    withheld = withheld_for(trial, arm, trial.due(Outcome.GOAL), until)
    if withheld is not None:
        return withheld, _NOTHING
    return None, mean_difference(arm, trial.held)


def joined(arms: Sequence[Arm]) -> Arm:
    """Several arms as one."""
    outcomes = {outcome for arm in arms for outcome in arm.reached}
    return Arm(
        math.fsum(arm.share for arm in arms),
        sum(arm.members for arm in arms),
        {one: sum(arm.reached[one] for arm in arms) for one in outcomes},
        Visits(sum(arm.visits.total for arm in arms), sum(arm.visits.squares for arm in arms)),
    )


def withheld_for(trial: Trial, arm: Arm, due: int, until: int) -> Withheld | None:
    """Why nothing is said of ``arm`` against those held out; None where something is."""
    if not (trial.held.share and arm.share):
        return Withheld.NO_HOLDOUT
    if wrong_split((trial.held, *trial.shown)):
        return Withheld.WRONG_SPLIT
    if until < due:
        return Withheld.EARLY
    if min(arm.members, trial.held.members) < LEAST_MEMBERS:
        return Withheld.FEW
    return None


def wrong_split(arms: Sequence[Arm]) -> bool:
    """Whether so uneven a split would come by chance less than once in a thousand times."""
    chance = split_chance(arms)
    return chance is not None and chance < WRONG_SPLIT_BELOW


def split_chance(arms: Sequence[Arm]) -> float | None:
    """The chance of a split at least as far from the planned one (Pearson's chi-square, 1900).

    None where too few are expected in an arm to tell. Who is in an arm that was to be empty cannot
    be there by chance.
    """
    whole = sum(arm.members for arm in arms)
    if any(arm.members for arm in arms if not arm.share):
        return 0.0
    planned = [arm for arm in arms if arm.share]
    if len(planned) < 2 or min(arm.share * whole for arm in planned) < _LEAST_EXPECTED:
        return None
    distance = math.fsum(
        (arm.members - arm.share * whole) ** 2 / (arm.share * whole) for arm in planned
    )
    return chi_square_tail(distance, len(planned) - 1)


def chi_square_tail(value: float, freedom: int) -> float:
    """How often a chi-square of so many degrees of freedom is above ``value``.

    The closed forms for 1 and 2 degrees, and from there two at a time (Abramowitz and Stegun,
    "Handbook of Mathematical Functions", 1964, 26.4).
    """
    half = value / 2
    if freedom % 2:
        tail, degrees = math.erfc(math.sqrt(half)), 1
    else:
        tail, degrees = math.exp(-half), 2
    while degrees < freedom:
        if half:
            step = degrees / 2
            tail += math.exp(step * math.log(half) - half - math.lgamma(step + 1))
        degrees += 2
    return min(1.0, tail)


def difference(one: tuple[int, int], other: tuple[int, int]) -> Estimate:
    """The difference of two shares (part, whole), the first less the second, with its interval.

    Newcombe, "Interval estimation for the difference between independent proportions: comparison
    of eleven methods", 1998, method 10: the distances from the shares to the ends of their Wilson
    intervals, squared and added.
    """
    (p, low, high), (q, least, most) = _wilson(one), _wilson(other)
    below, above = math.hypot(p - low, most - q), math.hypot(high - p, q - least)
    return Estimate(p - q, p - q - below, p - q + above)


def relative(one: tuple[int, int], other: tuple[int, int]) -> Estimate:
    """The difference of two shares in parts of the second, with its interval.

    The interval of their ratio r holds all r for which that of p − r·q, made as in ``difference``,
    holds 0; so the two agree on whether anything was found (Donner and Zou, "Closed-form confidence
    intervals for functions of the normal mean and standard deviation", 2012). Where nobody of the
    second came there is nothing to take parts of, and no value.
    """
    if not other[0]:
        return _NOTHING
    (p, low, high), (q, least, most) = _wilson(one), _wilson(other)
    # The roots of (p − r·q)² = (p − low)² + r²·(most − q)², and of the same with the other ends;
    # of the first in the form that holds where its square term is none.
    ends = low * (2 * p - low)
    root = math.sqrt(max(0.0, (p * q) ** 2 - ends * most * (2 * q - most)))
    bottom = ends / (p * q + root) if ends > 0 else 0.0
    square = least * (2 * q - least)
    top = (p * q + math.sqrt((p * q) ** 2 - high * (2 * p - high) * square)) / square
    return Estimate(p / q - 1, bottom - 1, top - 1)


def mean_difference(one: Arm, other: Arm) -> Estimate:
    """How many more days the members of one arm were here than those of the other, on average.

    The interval is that of the normal distribution with a variance for each arm (Welch, 1938).
    """
    value, variance = 0.0, 0.0
    for sign, arm in ((1, one), (-1, other)):
        mean = arm.visits.total / arm.members
        value += sign * mean
        spread = arm.visits.squares - arm.members * mean**2
        variance += max(0.0, spread) / (arm.members - 1) / arm.members
    half = Z * math.sqrt(variance)
    return Estimate(value, value - half, value + half)


def members_needed(base: float, by: float, held: float, *, power: float = POWER) -> int:
    """How many members it takes to find that ``base`` + ``by`` come where ``base`` would.

    A share of ``held`` of them is held out. Found means that no effect at all is refused at 5 %,
    on both sides, in ``power`` of the cases (Fleiss, Levin and Paik, "Statistical Methods for Rates
    and Proportions", 2003, 4.3, without correction for continuity).
    """
    raised = base + by
    mean = held * base + (1 - held) * raised
    alike = mean * (1 - mean) * (1 / held + 1 / (1 - held))
    apart = base * (1 - base) / held + raised * (1 - raised) / (1 - held)
    wanted = NormalDist().inv_cdf(power)
    return math.ceil(((Z * math.sqrt(alike) + wanted * math.sqrt(apart)) / by) ** 2)


def least_detectable(base: float, held: float, members: int) -> float | None:
    """The smallest rise over ``base`` that so many members would show in POWER of the cases.

    To a ten-thousandth; None where they would show not even that everybody comes.
    """
    steps = math.floor((1 - base) * 10_000)
    # Of larger effects less is needed: the first step that is large enough is found by halving.
    found = bisect_left(
        range(1, steps + 1), -members, key=lambda step: -members_needed(base, step / 10_000, held)
    )
    return (found + 1) / 10_000 if found < steps else None


def _wilson(part: tuple[int, int]) -> tuple[float, float, float]:
    """A share and the ends of its interval."""
    found = share_of(*part)
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    return found.value, found.low, found.high
