"""Who is held out: shares, independence, and the same answer in every process."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement.holdout import Arm, arm, first_day, period_name, period_of, variant

#: Show 3: the holdout over so many members.
MEMBERS = 100_000
SALT = "a salt of this community"
Q4 = period_of(date(2026, 11, 22))

#: Of a normal distribution 99.9 % lie within so many standard deviations.
Z = NormalDist().inv_cdf(0.9995)

Arms = list[Arm]

FIRST_TWENTY = [1, 1, 1, 0, 0, 0, 0, 2, 0, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0]
FIRST_VARIANTS = [0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0]


def arms(key: str, *, percent: int = 10, everything: int = 5, period: int = Q4) -> Arms:
    """The arm of each of MEMBERS members."""
    return [
        arm(SALT, period, member, key=key, scenario_percent=percent, all_percent=everything)
        for member in range(1, MEMBERS + 1)
    ]


@pytest.fixture(scope="module")
def drawn() -> dict[str, Sequence[bool]]:
    """Draws that must know nothing of each other, by what they are of."""
    held = {
        "one": arms("one", everything=0),
        "two": arms("two", everything=0),
        "one, next period": arms("one", period=Q4 + 1, everything=0),
    }
    draws: dict[str, Sequence[bool]] = {
        name: [each is Arm.HELD_BY_SCENARIO for each in column] for name, column in held.items()
    }
    for name, period in (("all", Q4), ("all, next period", Q4 + 1)):
        column = arms("one", percent=0, period=period)
        draws[name] = [each is Arm.HELD_BY_ALL for each in column]
    for key in ("one", "two"):
        draws[f"variant of {key}"] = [
            variant(SALT, Q4, member, key, (50, 50)) == 1 for member in range(1, MEMBERS + 1)
        ]
    draws["a neighbour"] = [*draws["one"][1:], draws["one"][0]]
    draws["an even number"] = [member % 2 == 0 for member in range(1, MEMBERS + 1)]
    return draws


def within(held: int, share: float, of: int = MEMBERS) -> bool:
    """Whether a count lies in the interval that holds 99.9 % of binomial counts."""
    return abs(held - of * share) <= Z * math.sqrt(of * share * (1 - share)) + 0.5


def p_of_independence(one: Sequence[bool], other: Sequence[bool]) -> float:
    """The p of Pearson's chi-square of a table of two by two, which has one degree of freedom."""
    size, first, second = len(one), sum(one), sum(other)
    both = sum(a and b for a, b in zip(one, other, strict=True))
    odds = first * (size - first) * second * (size - second)
    square = size * (both * size - first * second) ** 2 / odds
    return math.erfc(math.sqrt(square / 2))


@pytest.mark.slow
@pytest.mark.parametrize("percent", [0, 1, 5, 10, 50])
def test_shares_are_as_planned(percent: int) -> None:
    for everything in (0, 5):
        column = arms("share", percent=percent, everything=everything)
        assert within(column.count(Arm.HELD_BY_ALL), everything / 100)
        left = MEMBERS - column.count(Arm.HELD_BY_ALL)
        # Of those who are not held out of everything anyway, the scenario's share is.
        assert within(column.count(Arm.HELD_BY_SCENARIO), percent / 100, left)
        assert column.count(Arm.SHOWN) == left - column.count(Arm.HELD_BY_SCENARIO)
        if not percent:
            assert Arm.HELD_BY_SCENARIO not in column


@pytest.mark.slow
def test_draws_know_nothing_of_each_other(drawn: dict[str, Sequence[bool]]) -> None:
    names = list(drawn)
    pairs = [(a, b) for place, a in enumerate(names) for b in names[place + 1 :]]
    found = {(a, b): p_of_independence(drawn[a], drawn[b]) for a, b in pairs}
    # Of so many tests of what is independent, the smallest p is below this once in a thousand.
    assert min(found.values()) > 0.001 / len(pairs), min(found.items(), key=lambda one: one[1])
    # And the test can tell: a draw is not independent of one that it decides.
    mixed = [a or b for a, b in zip(drawn["one"], drawn["two"], strict=True)]
    assert p_of_independence(drawn["one"], mixed) < 1e-9


def test_whoever_is_held_out_of_everything_is_so_in_all_scenarios() -> None:
    one, two = arms("one", percent=50), arms("two", percent=50)
    assert [a is Arm.HELD_BY_ALL for a in one] == [a is Arm.HELD_BY_ALL for a in two]
    # Among the others a scenario's arm says nothing of another's.
    kept = [(a, b) for a, b in zip(one, two, strict=True) if a is not Arm.HELD_BY_ALL]
    both = sum(a is b is Arm.HELD_BY_SCENARIO for a, b in kept)
    assert within(both, 0.25, len(kept))


@pytest.mark.slow
@pytest.mark.parametrize("shares", [(100,), (50, 50), (1, 99), (20, 30, 50), (10,) * 10])
def test_variants_have_their_shares_in_each_arm(shares: tuple[int, ...]) -> None:
    places = [variant(SALT, Q4, member, "one", shares) for member in range(1, MEMBERS + 1)]
    held = [each is Arm.HELD_BY_SCENARIO for each in arms("one", percent=10, everything=0)]
    for place, share in enumerate(shares):
        assert within(places.count(place), share / 100)
        of_held = sum(is_held for is_held, at in zip(held, places, strict=True) if at == place)
        assert within(of_held, share / 100, sum(held))
    assert set(places) <= set(range(len(shares)))


def test_a_larger_share_takes_more_and_lets_nobody_go() -> None:
    fewer, more = arms("one", percent=5, everything=2), arms("one", percent=20, everything=5)
    for before, after in zip(fewer, more, strict=True):
        assert before is Arm.SHOWN or after is not Arm.SHOWN


def test_the_salt_decides() -> None:
    mine = [arm("a", Q4, m, key="k", scenario_percent=50, all_percent=0) for m in range(10_000)]
    other = [arm("b", Q4, m, key="k", scenario_percent=50, all_percent=0) for m in range(10_000)]
    same = sum(a is b for a, b in zip(mine, other, strict=True))
    assert within(same, 0.5, 10_000)


_ASK = """
from engagement.holdout import arm, variant
print([int(arm("s", 8107, m, key="k", scenario_percent=30, all_percent=10)) for m in range(300)])
print([variant("s", 8107, m, "k", (20, 30, 50)) for m in range(300)])
"""


@pytest.mark.parametrize("seed", ["0", "4242"])
def test_every_process_says_the_same(seed: str) -> None:
    there = subprocess.run(
        [sys.executable, "-c", _ASK],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    told = [
        [int(arm("s", 8107, m, key="k", scenario_percent=30, all_percent=10)) for m in range(300)],
        [variant("s", 8107, m, "k", (20, 30, 50)) for m in range(300)],
    ]
    assert there.stdout.split("\n")[:2] == [str(line) for line in told]


def test_what_was_drawn_stays_drawn() -> None:
    """Another hash in a later version would end every experiment that runs."""
    told = [
        int(arm("salt", 8107, m, key="one", scenario_percent=30, all_percent=10))
        for m in range(1, 21)
    ]
    assert told == FIRST_TWENTY
    assert [variant("salt", 8107, m, "one", (50, 50)) for m in range(1, 21)] == FIRST_VARIANTS


@pytest.mark.parametrize(
    ("day", "name"),
    [
        (date(2026, 1, 1), "2026Q1"),
        (date(2026, 3, 31), "2026Q1"),
        (date(2026, 4, 1), "2026Q2"),
        (date(2026, 6, 30), "2026Q2"),
        (date(2026, 7, 1), "2026Q3"),
        (date(2026, 9, 30), "2026Q3"),
        (date(2026, 10, 1), "2026Q4"),
        (date(2026, 12, 31), "2026Q4"),
        (date(2027, 1, 1), "2027Q1"),
        (date(2028, 2, 29), "2028Q1"),
    ],
)
def test_periods_are_quarters(day: date, name: str) -> None:
    assert period_name(period_of(day)) == name


@given(st.dates(date(1970, 1, 1), date(8000, 1, 1)))
def test_a_period_is_the_days_from_its_first_to_the_next(day: date) -> None:
    period = period_of(day)
    assert first_day(period) <= day < first_day(period + 1)
    assert period_of(first_day(period)) == period
    assert period_of(first_day(period) - timedelta(days=1)) == period - 1
    assert math.ceil((first_day(period + 1) - first_day(period)).days / 31) == 3


def test_periods_follow_each_other() -> None:
    periods = [period_of(date(2026, 1, 1) + timedelta(days=day)) for day in range(800)]
    assert {after - before for before, after in pairwise(periods)} == {0, 1}
