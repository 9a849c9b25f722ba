"""Whether lift is what it says: worlds with a known effect, and how often the figures hold.

In half of them prompts do nothing (A/A), in the others they do just what so many members would show
in 80 % of the cases (A/B). Every world has members, a holdout and decisions of its own; what is
held against it is what the reports use: first decisions, outcomes after them, the check of the
split, the interval. Figures tell what becomes of it when every decision counts, or when somebody
looks once a week and stops when it pleases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

import numpy as np

from bench.result import Document, document
from bench.worlds import DAY, PERIOD, WINDOW, Bools, Ints, Plan, World, draw
from engagement.lift import (
    Arm,
    Outcome,
    Trial,
    Withheld,
    difference,
    least_detectable,
    lift,
)
from engagement.survival import Estimate
from engagement.trial import acts, first_decisions

_LAST: Final = PERIOD - 1
_HELD: Final = (0.05, 0.1, 0.2, 0.5)
_LEAST_HELD: Final = 60
_WEEKS: Final = range(2, PERIOD // 7 + 2)


async def bench_lift(*, worlds: int, advance: Callable[[int], None] = lambda _: None) -> Document:
    """The shares of so many worlds of each kind in which the figures say what is not so."""
    rng = np.random.default_rng(20260105)
    seen: Counter[str] = Counter()
    for _ in range(worlds):
        plan = _plan(rng)
        _look(draw(plan, rng), plan, "aa", seen)
        rise = least_detectable(plan.base, plan.held, plan.expected)
        assert rise is not None
        plan = plan.raised(rise)
        _look(draw(plan, rng), plan, "ab", seen)
        advance(2)
    wrong = seen["aa_found"] / seen["aa_told"]
    covered = seen["ab_covered"] / seen["ab_told"]
    return document(
        "lift",
        baseline="the effect that was planted",
        ratios={
            "false_positives_at_least": (wrong, 0.04),
            "false_positives_at_most": (wrong, 0.06),
            "coverage_at_least": (covered, 0.94),
            "coverage_at_most": (covered, 0.96),
            "found_at_least": (seen["ab_found"] / seen["ab_told"], 0.78),
            "split_alarms_at_most": (seen["alarms"] / (2 * worlds), 0.003),
        },
        checksums_equal=not seen["unequal"],
        figures={
            "worlds": 2 * worlds,
            "decisions": seen["decisions"],
            "members": seen["members"],
            "relative_coverage": round(seen["ab_relative"] / seen["ab_told"], 4),
            "false_positives_of_every_decision": round(seen["aa_naive"] / seen["aa_told"], 4),
            "false_positives_of_weekly_looks": round(seen["aa_looks"] / seen["aa_told"], 4),
        },
    )


def _plan(rng: np.random.Generator) -> Plan:
    """A world without an effect, with enough held out to say something."""
    held = float(rng.choice(_HELD))
    least = round(_LEAST_HELD / held)
    return Plan(least + int(rng.integers(500, 2_500)), held, float(rng.uniform(0.5, 4)))


def _look(world: World, plan: Plan, kind: str, seen: Counter[str]) -> None:
    """What the figures say of a world, and whether it is so."""
    held = world.held[world.member]
    first = first_decisions(world.member, world.at, held.astype(np.int64)).row
    reached = _came(world, first)
    shown, out = _sides(reached, held[first])
    seen["unequal"] += (shown, out) != world.counts
    seen["decisions"] += len(world.member)
    seen["members"] += len(first)
    trial = Trial(_arm(plan.held, out), (_arm(1 - plan.held, shown),), _LAST)
    found = lift(trial, Outcome.GOAL, until=_LAST + WINDOW)
    if found.withheld is Withheld.WRONG_SPLIT:
        seen["alarms"] += 1
        return
    assert found.withheld is None, found.withheld
    seen[f"{kind}_told"] += 1
    seen[f"{kind}_found"] += not _holds(found.difference, 0.0)
    seen[f"{kind}_covered"] += _holds(found.difference, plan.rise)
    seen[f"{kind}_relative"] += _holds(found.relative, plan.rise / plan.base)
    if kind == "aa":
        every = _came(world, np.arange(len(held)))
        naive = difference(*_sides(every, held))
        seen["aa_naive"] += not _holds(naive, 0.0)
        seen["aa_looks"] += _looks(world.at[first], reached, held[first])


def _came(world: World, rows: Ints) -> Bools:
    """After which of some decisions it was done in the window."""
    member, at = world.member[rows], world.at[rows]
    found: Bools = acts(world.actor, world.when).between(member, at, at + WINDOW * DAY) > 0
    return found


def _looks(at: Ints, reached: Bools, held: Bools) -> bool:
    """Whether anything would be found on the last day of any week, by those who had their days."""
    for week in _WEEKS:
        over = at <= (week * 7 - WINDOW) * DAY
        shown, out = _sides(reached[over], held[over])
        if min(shown[1], out[1]) >= 30 and not _holds(difference(shown, out), 0.0):
            return True
    return False


def _sides(reached: Bools, held: Bools) -> tuple[tuple[int, int], tuple[int, int]]:
    """How many came and how many there are, of those shown and of those held out."""
    shown, out = (
        (int(np.count_nonzero(reached & those)), int(np.count_nonzero(those)))
        for those in (~held, held)
    )
    return shown, out


def _arm(share: float, counts: tuple[int, int]) -> Arm:
    return Arm(share, counts[1], {Outcome.GOAL: counts[0]})


def _holds(estimate: Estimate, truth: float) -> bool:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low <= truth <= estimate.high
