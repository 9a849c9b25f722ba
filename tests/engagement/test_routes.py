"""Routes: followed member by member and day by day, they are the same."""

from __future__ import annotations

from collections import Counter, defaultdict
from statistics import quantiles

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement.routes import GOALS, Route, RouteKind, Routes, kind_of, routes
from engagement.words import STATUSES, Status
from tests.engagement.lives import UNTIL, Life, communities, periods_of, spelled
from tests.textbook import LADDER, LETTERS, kind, told_once, way_of

_goals = st.sampled_from(LADDER)
_starts = st.none() | st.sampled_from(LETTERS)
_rungs = st.sets(_goals).map(lambda rungs: "".join(sorted(rungs)))


def of(letter: str) -> Status:
    return STATUSES[LETTERS.index(letter)]


def runs_of(one: Life) -> list[tuple[int, str]]:
    return [(day, LETTERS[status]) for day, status in one.runs()]


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
    expected: dict[str, dict[int, list[int]]] = defaultdict(dict)
    whole: dict[int, str] = {}
    waiting: dict[Status, list[int]] = defaultdict(list)
    for who, one in enumerate(community):
        way, set_out = way_of(runs_of(one), goal, start)
        if way is not None:
            text, days = told_once(way)
            expected[text][who], whole[who] = days, "".join(letter for _, letter in way)
        elif set_out:
            waiting[STATUSES[one.on(UNTIL)]].append(who)
    assert {status: found.on_the_way[status].tolist() for status in found.on_the_way} == waiting
    assert {spelling(one): one.members.tolist() for one in found.listed} == {
        text: sorted(ways) for text, ways in expected.items()
    }
    for one in found.listed:
        ways = expected[spelling(one)]
        for who in ways:
            skipped = "".join(LETTERS[STATUSES.index(one)] for one in one.skipped)
            assert (one.kind.value, skipped) == kind(whole[who], rungs)
        for i, step in enumerate(one.steps[:-1]):
            days = [way[i + 1] - way[i] for way in ways.values()]
            assert min(days) > 0
            assert step.days == pytest.approx(quarters(days))
        assert one.steps[-1].days is None
        assert one.days == pytest.approx(quarters([way[-1] - way[0] for way in ways.values()]))
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
    ways = [way_of(runs_of(one), goal, start) for one in community]
    population = [who for who, (_, set_out) in enumerate(ways) if set_out and asked[who]]
    came = {who: way[-1][0] for who in population if (way := ways[who][0]) is not None}
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
    gone = ["".join(letter for _, letter in ways[who][0] or ()) for who in within]
    by_kind = Counter(kind(letters)[0] for letters in gone)
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
    assert kind(letters, rungs) == expected


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
