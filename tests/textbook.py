"""What reports are held against: the same figures worked out one by one, as a textbook tells it.

Nothing here is shared with what is tested. Statuses are letters; a life is a list of (first day,
letter), one for every run of days with one status.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

#: Contributor, connector, fan, supporter, newcomer, dormant, member: the order of reports.
LETTERS = "CKFSNDM"
WORDS = dict(
    zip(
        LETTERS,
        ("contributor", "connector", "fan", "supporter", "newcomer", "dormant", "member"),
        strict=True,
    )
)
#: The earned ones, from the highest down, and how high all of them stand.
LADDER = "CKFS"
HEIGHT = {"C": 4, "K": 3, "F": 2, "S": 1, "N": 0, "M": 0, "D": -1}

#: Normal, two-sided, 95 %.
Z = 1.959963984540054

Runs = Sequence[tuple[int, str]]
#: A value and its interval, None where the data do not reach.
Told = tuple[float | None, float | None, float | None]
UNTOLD: Told = (None, None, None)


def way_of(runs: Runs, goal: str, start: str | None = None) -> tuple[Runs | None, bool]:
    """The way that somebody went to the goal, and whether they ever set out on one."""
    first = next((i for i, (_, letter) in enumerate(runs) if start in {None, letter}), None)
    if first is None:
        return None, False
    last = next((i for i in range(first, len(runs)) if runs[i][1] == goal), None)
    return (None if last is None else runs[first : last + 1]), True


def told_once(way: Runs) -> tuple[str, list[int]]:
    """A way with every to and fro told once, by striking out pairs until there are no more.

    The steps are letters, with a star where there was a to and fro and a space elsewhere; with
    them the days on which each began.
    """
    steps = [(day, letter, " ") for day, letter in way]
    while True:
        text = "".join(letter for _, letter, _ in steps)
        at = next((i for i in range(len(text) - 3) if text[i : i + 2] == text[i + 2 : i + 4]), None)
        if at is None:
            break
        day, letter, _ = steps[at]
        steps[at : at + 4] = [(day, letter, "*"), steps[at + 3]]
    return "".join(letter + mark for _, letter, mark in steps), [day for day, *_ in steps]


def kind(letters: str, rungs: str = LADDER) -> tuple[str, str]:
    """What kind of route a way is, and which of ``rungs`` it passed over."""
    heights = [HEIGHT[letter] for letter in letters]
    skipped = "".join(
        rung
        for rung in LADDER
        if rung in rungs and heights[0] < HEIGHT[rung] < heights[-1] and rung not in letters
    )
    fell = any(after < before for before, after in pairwise(heights))
    if fell or "D" in letters[1:]:
        return "detour", skipped
    return ("fast" if skipped else "success"), skipped


def route_rows(
    lives: Iterable[Runs],
    goal: str,
    start: str | None = None,
    rungs: str = LADDER,
    population: int | None = None,
) -> list[dict[str, Any]]:
    """The rows of the report on the routes that these lives took, in no order.

    ``population`` is what shares are of, where it is not those who set out.
    """
    ways: dict[str, list[list[int]]] = defaultdict(list)
    whole: dict[str, str] = {}
    waiting = Counter[str]()
    for runs in lives:
        way, set_out = way_of(runs, goal, start)
        if way is not None:
            steps, days = told_once(way)
            ways[steps].append(days)
            whole[steps] = "".join(letter for _, letter in way)
        elif set_out:
            waiting[runs[-1][1]] += 1
    of = population or sum(map(len, ways.values())) + waiting.total()
    nothing = dict.fromkeys(("days", "step_days", "skipped", "steps"))
    rows = [
        {"kind": "on the way", "route": f"now {WORDS[letter]}", "members": n}
        | {"share": round(n / of, 6), **nothing}
        for letter, n in waiting.items()
    ]
    for steps, found in ways.items():
        name, skipped = kind(whole[steps], rungs)
        words = [WORDS[letter] for letter in steps[::2]]
        marks = [" <> " if mark == "*" else " -> " for mark in steps[1::2]]
        each = zip(*([b - a for a, b in pairwise(days)] for days in found), strict=True)
        text = "".join(part for pair in zip(words, marks, strict=True) for part in pair)
        rows.append(
            {
                "kind": name,
                "route": text.removesuffix(" -> "),
                "members": len(found),
                "share": round(len(found) / of, 6),
                "days": median(days[-1] - days[0] for days in found),
                "step_days": " ".join(f"{median(days):g}" for days in each),
                "skipped": ", ".join(WORDS[letter] for letter in skipped),
                "steps": ", ".join(words),
            }
        )
    return rows


def survival(lasted: Iterable[tuple[int, bool]]) -> list[tuple[int, Told]]:
    """Kaplan–Meier: the share that lasts longer than each day on which something ended.

    ``lasted`` are the days that each lasted and whether it ended then, or went on. The interval is
    the log-log one, with Greenwood's variance; where nothing is left there is none.
    """
    everything = list(lasted)
    found: list[tuple[int, Told]] = [(0, (1.0, 1.0, 1.0))]
    share, variance = 1.0, 0.0
    for day in sorted({length for length, ended in everything if ended}):
        at_risk = sum(length >= day for length, _ in everything)
        ends = sum(length == day and ended for length, ended in everything)
        share *= 1 - ends / at_risk
        if ends == at_risk:
            found.append((day, (0.0, None, None)))
            break
        variance += ends / (at_risk * (at_risk - ends))
        spread = Z * math.sqrt(variance) / abs(math.log(share))
        interval = (share ** math.exp(spread), share ** math.exp(-spread))
        found.append((day, (share, *interval)))
    return found


def quantile(curve: list[tuple[int, Told]], part: float) -> Told:
    """The first days on which the curve and the ends of its interval say that so many are over."""

    def first(i: int) -> float | None:
        reached = (
            day for day, at in curve if (left := at[i]) is not None and 1 - left >= part - 1e-9
        )
        return next((float(day) for day in reached), None)

    return first(0), first(1), first(2)


def over(lasted: Iterable[tuple[int, bool]], day: int) -> Told:
    """The share that is over by ``day``; unknown where something goes on and nobody saw so far.

    There is an interval only where some are over, and some are not.
    """
    everything = list(lasted)
    share, low, high = [at for when, at in survival(everything) if when <= day][-1]
    if share == 0:
        return (1.0, None, None)
    if share is None or low is None or high is None or all(n < day for n, _ in everything):
        return UNTOLD
    if share == 1:
        return (0.0, None, None)
    return (1 - share, 1 - high, 1 - low)


def wilson(part: int, whole: int) -> Told:
    """A share, with the two shares of which it is just believable: the roots of a parabola."""
    if not whole:
        return UNTOLD
    p = part / whole
    a, b, c = 1 + Z * Z / whole, -2 * p - Z * Z / whole, p * p
    root = math.sqrt(max(0.0, b * b - 4 * a * c))
    return p, max(0.0, (-b - root) / (2 * a)), min(1.0, (-b + root) / (2 * a))
