"""Routes: followed member by member and day by day, they are the same."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from statistics import quantiles

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement.routes import GOALS, Route, RouteKind, Routes, kind_of, routes
from engagement.words import STATUSES, Status
from tests.engagement.lives import LETTERS, UNTIL, Life, communities, periods_of, spelled

#: The statuses above, from the highest down, and how high all of them stand.
_LADDER = "CKFS"
_HEIGHT = {"C": 4, "K": 3, "F": 2, "S": 1, "N": 0, "M": 0, "D": -1}
_goals = st.sampled_from(_LADDER)
_starts = st.none() | st.sampled_from(LETTERS)
_rungs = st.sets(_goals).map(lambda rungs: "".join(sorted(rungs)))

#: The letters of a way, and the day on which each began.
Way = list[tuple[str, int]]


def of(letter: str) -> Status:
    return STATUSES[LETTERS.index(letter)]


def way_of(one: Life, goal: str, start: str | None) -> tuple[Way | None, bool]:
    """The way somebody went to the goal, day by day, and whether they ever set out on one."""
    way: Way = []
    for day in range(one.entry, UNTIL + 1):
        letter = LETTERS[one.on(day)]
        if not way and start is not None and letter != start:
            continue
        if not way or way[-1][0] != letter:
            way.append((letter, day))
        if letter == goal:
            return way, True
    return None, bool(way)


def told_once(way: Way) -> tuple[str, Way]:
    """A way with every to and fro told once, by striking out pairs until there are no more."""
    steps = [(letter, day, " ") for letter, day in way]
    while True:
        text = "".join(letter for letter, *_ in steps)
        at = next((i for i in range(len(text) - 3) if text[i : i + 2] == text[i + 2 : i + 4]), None)
        if at is None:
            break
        first, last = steps[at], steps[at + 3]
        steps[at : at + 4] = [(first[0], first[1], "*"), last]
    spelling = "".join(letter + mark for letter, _, mark in steps)
    return spelling, [(letter, day) for letter, day, _ in steps]


def kind(way: Way, rungs: str) -> tuple[RouteKind, str]:
    """What kind of way it is and which steps it passed over, by the words of RouteKind."""
    letters = [letter for letter, _ in way]
    heights = [_HEIGHT[letter] for letter in letters]
    skipped = "".join(
        rung
        for rung in _LADDER
        if rung in rungs and heights[0] < _HEIGHT[rung] < heights[-1] and rung not in letters
    )
    fell = any(after < before for before, after in pairwise(heights))
    if fell or "D" in letters[1:]:
        return RouteKind.DETOUR, skipped
    return (RouteKind.FAST if skipped else RouteKind.SUCCESS), skipped


def spelling(one: Route) -> str:
    return "".join(
        LETTERS[STATUSES.index(step.status)] + ("*" if step.again else " ") for step in one.steps
    )


def quarters(days: list[int]) -> tuple[float, ...]:
    if len(days) == 1:
        return (days[0],) * 3
    return tuple(quantiles(days, n=4, method="inclusive"))


def everybody(found: Routes) -> list[int]:
    """All members of a report, by position, however often."""
    parts = [one.members for one in found.listed]
    parts += [members for _, members in found.other]
    parts += [found.elsewhen, *found.on_the_way.values()]
    return sorted(member for part in parts for member in part.tolist())


@given(communities, _goals, _starts, _rungs)
def test_routes_are_the_ways_that_members_went(community, goal, start, rungs):
    if goal == start:
        return
    steps = tuple(of(rung) for rung in rungs)
    begin = None if start is None else of(start)
    found = routes(periods_of(community), to=of(goal), start=begin, steps=steps, most=99)
    expected: dict[str, dict[int, Way]] = defaultdict(dict)
    whole: dict[int, Way] = {}
    waiting: dict[Status, list[int]] = defaultdict(list)
    for who, one in enumerate(community):
        way, set_out = way_of(one, goal, start)
        if way is not None:
            text, short = told_once(way)
            expected[text][who], whole[who] = short, way
        elif set_out:
            waiting[STATUSES[one.on(UNTIL)]].append(who)
    assert {status: found.on_the_way[status].tolist() for status in found.on_the_way} == waiting
    assert {spelling(one): one.members.tolist() for one in found.listed} == {
        text: sorted(ways) for text, ways in expected.items()
    }
    for one in found.listed:
        ways = expected[spelling(one)]
        for who in ways:
            assert (one.kind, [LETTERS[STATUSES.index(s)] for s in one.skipped]) == (
                kind(whole[who], rungs)[0],
                list(kind(whole[who], rungs)[1]),
            )
        for i, step in enumerate(one.steps[:-1]):
            days = [way[i + 1][1] - way[i][1] for way in ways.values()]
            assert min(days) > 0
            assert step.days == pytest.approx(quarters(days))
        assert one.steps[-1].days is None
        whole_days = [whole[who][-1][1] - whole[who][0][1] for who in ways]
        assert one.days == pytest.approx(quarters(whole_days))
        if len(ways) == 1:
            assert sum(step.days[1] for step in one.steps if step.days) == one.days[1]


@given(
    communities,
    _goals,
    _starts,
    st.none() | st.lists(st.booleans(), min_size=9, max_size=9),
    st.none() | st.tuples(st.integers(-1, UNTIL + 1), st.integers(-1, UNTIL + 1)),
    st.integers(1, 4),
)
def test_everybody_is_in_one_row_whatever_is_asked(community, goal, start, among, arrived, most):
    if goal == start:
        return
    asked = [True] * 9 if among is None else among
    ways = [way_of(one, goal, start) for one in community]
    population = [who for who, (_, set_out) in enumerate(ways) if set_out and asked[who]]
    came = {who: way[-1][1] for who in population if (way := ways[who][0]) is not None}
    within = {
        who for who, day in came.items() if arrived is None or arrived[0] <= day <= arrived[1]
    }
    found = routes(
        periods_of(community),
        to=of(goal),
        start=None if start is None else of(start),
        among=None if among is None else np.array(among[: len(community)], bool),
        arrived=arrived,
        most=most,
    )
    assert everybody(found) == population
    assert found.population == len(population)
    assert found.arrived == len(within)
    assert found.elsewhen.tolist() == sorted(set(came) - within)
    on_the_way = sum(len(members) for members in found.on_the_way.values())
    assert found.arrived + len(found.elsewhen) + on_the_way == found.population
    by_kind = Counter(kind(way, _LADDER)[0] for who in within if (way := ways[who][0]))
    assert {one: found.of_kind(one) for one in RouteKind} == {
        one: by_kind[one] for one in RouteKind
    }
    sizes = [len(one.members) for one in found.listed]
    assert len(sizes) <= most
    assert sizes == sorted(sizes, reverse=True)
    if found.other:
        assert len(sizes) == most


@pytest.mark.parametrize(
    ("letters", "rungs", "expected"),
    [
        ("NSFKC", "CKFS", (RouteKind.SUCCESS, "")),
        ("NMSFKC", "CKFS", (RouteKind.SUCCESS, "")),
        ("NC", "CKFS", (RouteKind.FAST, "KFS")),
        ("NSC", "CKFS", (RouteKind.FAST, "KF")),
        ("NSC", "CS", (RouteKind.SUCCESS, "")),
        ("NKC", "CKS", (RouteKind.FAST, "S")),
        ("NKC", "", (RouteKind.SUCCESS, "")),
        ("NS", "CKFS", (RouteKind.SUCCESS, "")),
        ("SC", "CKFS", (RouteKind.FAST, "KF")),
        ("KC", "CKFS", (RouteKind.SUCCESS, "")),
        # Who entered with the goal has no way behind them, and nothing that they passed over.
        ("C", "CKFS", (RouteKind.SUCCESS, "")),
        ("NDC", "CKFS", (RouteKind.DETOUR, "KFS")),
        ("NSMSFKC", "CKFS", (RouteKind.DETOUR, "")),
        ("NSKFKC", "CKFS", (RouteKind.DETOUR, "")),
        # From dormancy, where that is asked for, no step leads through it.
        ("DSFKC", "CKFS", (RouteKind.SUCCESS, "")),
        ("DMDC", "CKFS", (RouteKind.DETOUR, "KFS")),
        # From above the goal there is only a fall.
        ("CK", "CKFS", (RouteKind.DETOUR, "")),
    ],
)
def test_a_way_is_of_one_kind(letters, rungs, expected):
    way = [LETTERS.index(letter) for letter in letters]
    found, skipped = kind_of(way, [of(rung) for rung in rungs])
    assert (found, "".join(LETTERS[STATUSES.index(one)] for one in skipped)) == expected
    assert kind([(letter, 0) for letter in letters], rungs) == expected


@pytest.mark.parametrize(
    ("letters", "steps", "days"),
    [
        ("NSC", "N S C ", [1, 1]),
        ("NNNSSC", "N S C ", [3, 2]),
        # Supporter from the second day, member for the last time on the seventh.
        ("NSSMSMMC", "N S*M C ", [1, 4, 2]),
        ("NSMSMSMC", "N S*M C ", [1, 5, 1]),
        ("NSMSC", "N S M S C ", [1, 1, 1, 1]),
        ("NSMSMSC", "N S*M S C ", [1, 3, 1, 1]),
        ("NSMSMKMKC", "N S*M*K C ", [1, 3, 3, 1]),
    ],
)
def test_to_and_fro_is_told_once(letters, steps, days):
    found = routes(periods_of([spelled(letters)]), to=Status.CONTRIBUTOR)
    (one,) = found.listed
    assert spelling(one) == steps
    assert [step.days[1] for step in one.steps if step.days] == days
    assert one.days[1] == sum(days)


def test_ways_that_differ_in_how_often_are_one_route():
    lives = [spelled("NSMSMC"), spelled("NSMSMSMC"), spelled("NSMC")]
    found = routes(periods_of(lives), to=Status.CONTRIBUTOR)
    assert [(spelling(one), one.members.tolist(), one.kind) for one in found.listed] == [
        ("N S*M C ", [0, 1], RouteKind.DETOUR),
        ("N S M C ", [2], RouteKind.DETOUR),
    ]


def test_nobody_has_a_route():
    for lives in ([], [spelled("N")]):
        found = routes(periods_of(lives), to=Status.FAN, start=Status.SUPPORTER)
        assert (found.population, found.arrived, found.listed, found.other) == (0, 0, (), ())
        assert everybody(found) == []
    assert [status.value[0] for status in GOALS] == ["c", "c", "f", "s"]
