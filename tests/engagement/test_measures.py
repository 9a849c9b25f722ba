"""Counts as expressions: what engines count is what the engine of statuses counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement import measures
from engagement.measures import REST, Weeks
from engagement.points import Compiled, Days, compile_rules, earn
from engagement.status import MOST_POINTS_X100
from engagement.weekly import week_statuses
from engagement.words import (
    INDICES,
    STATUS_OF_INDEX,
    STATUSES,
    ActionType,
    DistinctBy,
    Grade,
    Index,
    Lifecycle,
    RuleSet,
    Side,
    Threshold,
)

pytestmark = pytest.mark.slow

Tally = tuple[int, int, int, int, int, int]
MEMBERS = 8


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    opened = ibis.duckdb.connect(threads=1)
    yield opened
    opened.disconnect()


def row(
    index: Index | None, points: int, cap: int | None, side: Side, *, quality: bool
) -> ActionType:
    return ActionType(
        "qa", "x", index, side, points, cap, DistinctBy.MEMBER, quality, "x", "x", "x"
    )


def rule_set(
    catalog: Sequence[ActionType],
    multipliers: Mapping[Grade, int],
    bars: Sequence[int] = (10, 10, 10, 10),
    precedence: Sequence[str] = INDICES,
    window: int = 90,
) -> RuleSet:
    return RuleSet(
        name="test",
        window_days=window,
        thresholds={index: Threshold(bar) for index, bar in zip(INDICES, bars, strict=True)},
        lifecycle=Lifecycle(),
        precedence=("lock", "dormant", *precedence, "newcomer", "member"),
        multipliers=multipliers,
        catalog=tuple(replace(one, verb=f"v{i}") for i, one in enumerate(catalog)),
    )


catalogs = st.lists(
    st.builds(
        lambda index, points, cap, side, quality: row(index, points, cap, side, quality=quality),
        st.none() | st.sampled_from(INDICES),
        st.integers(0, 5),
        st.none() | st.integers(1, 4),
        st.sampled_from([Side.GIVEN, Side.RECEIVED]),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)
rule_sets = st.builds(
    rule_set,
    catalogs,
    st.dictionaries(st.sampled_from(list(Grade)), st.integers(0, 200)),
    st.tuples(*[st.integers(1, 12)] * 4),
    st.permutations(INDICES),
    st.integers(1, 30),
)
keys = st.tuples(
    st.integers(0, MEMBERS - 1),
    st.integers(0, 40),
    st.integers(0, 4),
    st.sampled_from([0, 1, 2]),
    st.integers(0, 5),
)
tallies = st.dictionaries(keys, st.integers(0, 6), max_size=80).map(
    lambda found: [(*key, n) for key, n in found.items()]
)


def compiled(rules: RuleSet) -> Compiled:
    return compile_rules(rules, {row.key: i for i, row in enumerate(rules.catalog)})


def tables(rules: Compiled, rows: list[Tally]) -> tuple[Any, Any]:
    """The table of tallies and that of rates."""
    columns = list(zip(*rows, strict=True)) or [()] * 6
    names = ["member", "day", "type", "side", "grade", "n"]
    kinds = [pa.int32(), pa.int32(), pa.int16(), pa.int8(), pa.int8(), pa.int64()]
    tally = pa.table([pa.array(c, k) for c, k in zip(columns, kinds, strict=True)], names)
    found = measures.rates(rules)
    rates = pa.table({name: pa.array(column, pa.int64()) for name, column in found.items()})
    return ibis.memtable(tally), ibis.memtable(rates)


def earned(rules: Compiled, rows: list[Tally]) -> Days:
    return earn(rules, MEMBERS, *np.array(rows, np.int64).reshape(-1, 6).T)


def by_engine(engine: Any, expression: Any) -> list[tuple[Any, ...]]:
    found = engine.to_pyarrow(expression)
    return sorted(zip(*(found[name].to_pylist() for name in found.column_names), strict=True))


@settings(max_examples=40)
@given(rule_sets, tallies)
def test_points_are_those_that_are_earned(engine: Any, rules: RuleSet, rows: list[Tally]):
    ours = compiled(rules)
    tally, rates = tables(ours, rows)
    days = earned(ours, rows)
    plain = sorted(
        (int(m), int(d), i, int(points[i]))
        for m, d, points in zip(days.owner, days.day, days.points, strict=True)
        for i in range(4)
        if points[i]
    )
    worth = measures.worth(tally, rates)
    assert by_engine(engine, measures.daily(worth)) == plain
    if all(row.daily_cap is None for row in rules.catalog):
        free = measures.worth(tally, rates, capped=False)
        assert by_engine(engine, measures.daily(free)) == plain


def values(days: Days, day: int, window: int) -> np.ndarray[Any, Any]:
    found = np.zeros((MEMBERS, 4), np.int64)
    inside = (days.day > day - window) & (days.day <= day)
    np.add.at(found, days.owner[inside], days.points[inside])
    return found


def plain_status(points: Any, rules: RuleSet) -> int:
    for word in rules.precedence:
        if word in set(INDICES):
            index = Index(word)
            if points[INDICES.index(index)] >= rules.thresholds[index].enter_x100:
                return STATUSES.index(STATUS_OF_INDEX[index])
    return REST


@settings(max_examples=15)
@given(rule_sets, tallies, st.integers(1, 7), st.integers(20, 45))
def test_weeks_are_windows_looked_at_one_by_one(
    engine: Any, rules: RuleSet, rows: list[Tally], count: int, last: int
):
    ours = compiled(rules)
    tally, rates = tables(ours, rows)
    days = earned(ours, rows)
    weeks = Weeks(last, count)
    window = rules.window_days
    ends = [last - 7 * k for k in reversed(range(count))]
    plain = np.array(
        [[plain_status(p, rules) for p in values(days, day, window)] for day in ends], np.int8
    ).T
    daily = measures.daily(measures.worth(tally, rates))

    on_last = by_engine(engine, measures.points_on(daily, day=last, window=window))
    everybody = values(days, last, window).tolist()
    assert on_last == [(m, *points) for m, points in enumerate(everybody) if any(points)]

    statuses = measures.statuses(measures.weekly(daily, weeks=weeks, window=window), ours)
    matrix = np.full((MEMBERS, count), REST, np.int8)
    for member, week, status in by_engine(engine, statuses):
        matrix[member, week:] = status
    assert matrix.tolist() == plain.tolist()

    row = np.argwhere(days.points > 0)
    columns = (days.owner[row[:, 0]], days.day[row[:, 0]], row[:, 1])
    points = days.points[row[:, 0], row[:, 1]]
    direct = week_statuses(MEMBERS, *columns, points, rules=ours, weeks=weeks)
    assert direct.tolist() == plain.tolist()

    flows = by_engine(engine, measures.flows(measures.moves(statuses)))
    table = np.array(flows, np.int64).reshape(-1, 5).T
    found = measures.distribution(*table[:4], population=MEMBERS, weeks=weeks)
    counted = [np.bincount(column, minlength=len(STATUSES)).tolist() for column in plain.T]
    assert found.tolist() == counted


def test_a_day_of_absurd_numbers_is_cut_as_it_is_when_earned(engine: Any):
    rules = rule_set([row(Index.SUPPORT, 1000, None, Side.GIVEN, quality=False)] * 2, {})
    rows = [(0, 0, number, 0, 0, 10**9) for number in (0, 1)]
    tally, rates = tables(compiled(rules), rows)
    daily = measures.daily(measures.worth(tally, rates))
    assert by_engine(engine, daily) == [(0, 0, 3, MOST_POINTS_X100)]
