"""Kaplan–Meier and Wilson: against loops from the textbook, and against published figures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement.survival import Curve, Estimate, kaplan_meier, share_of
from tests.textbook import Z, over, quantile, survival, wilson

#: Weeks in remission under 6-MP, and under a placebo (Freireich et al., 1963; + censored): the
#: example of most textbooks.
_TREATED = "6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+"
_PLACEBO = "1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23"
#: The share in remission and its log-log interval, as statistics packages print it.
_PUBLISHED = [
    (6, 0.8571, 0.6197, 0.9516),
    (7, 0.8067, 0.5631, 0.9228),
    (10, 0.7529, 0.5032, 0.8894),
    (13, 0.6902, 0.4316, 0.8491),
    (16, 0.6275, 0.3675, 0.8049),
    (22, 0.5378, 0.2678, 0.7468),
    (23, 0.4482, 0.1881, 0.6801),
]
_lasted = st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=30)


def curve_of(lasted: list[tuple[int, bool]]) -> Curve:
    return kaplan_meier(
        np.array([length for length, _ in lasted], np.int64),
        np.array([ended for _, ended in lasted], bool),
    )


def read(text: str) -> Curve:
    words = text.split()
    return curve_of([(int(word.rstrip("+")), not word.endswith("+")) for word in words])


@pytest.mark.parametrize(("day", "share", "low", "high"), _PUBLISHED)
def test_the_published_curve_is_found(day, share, low, high):
    curve = read(_TREATED)
    row = curve.day.tolist().index(day)
    found = (curve.share[row], curve.low[row], curve.high[row])
    assert [round(float(one), 4) for one in found] == [share, low, high]
    ended = curve.over(day)
    assert ended.value == pytest.approx(1 - share, abs=5e-5)
    assert ended.low == pytest.approx(1 - high, abs=5e-5)
    assert ended.high == pytest.approx(1 - low, abs=5e-5)


def test_the_published_medians_are_found():
    treated = read(_TREATED)
    assert (treated.n, treated.ended, treated.watched) == (21, 9, 35)
    assert treated.quantile(0.5) == Estimate(23, 13, None)
    # Less than three quarters are over.
    assert treated.quantile(0.75).value is None
    assert read(_PLACEBO).quantile(0.5) == Estimate(8, 4, 11)


@given(_lasted)
def test_a_curve_is_the_product_over_the_days_on_which_something_ended(lasted):
    curve = curve_of(lasted)
    expected = [
        (day, *(math.nan if one is None else one for one in at)) for day, at in survival(lasted)
    ]
    columns = (curve.day, curve.share, curve.low, curve.high)
    found = list(zip(*(column.tolist() for column in columns), strict=True))
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, abs=1e-9, nan_ok=True)
    assert (curve.n, curve.ended) == (len(lasted), sum(ended for _, ended in lasted))


@given(_lasted, st.sampled_from([0.25, 0.5, 0.75]))
def test_a_quantile_is_the_first_day_on_which_so_many_are_over(lasted, part):
    curve = curve_of(lasted)

    found = curve.quantile(part)
    assert found == Estimate(*quantile(survival(lasted), part))
    if found.low is not None and found.value is not None:
        assert found.low <= found.value
    if found.high is not None:
        assert found.value is not None
        assert found.value <= found.high


@given(_lasted, st.integers(0, 14))
def test_nothing_is_said_of_days_that_nobody_was_watched(lasted, day):
    found = curve_of(lasted).over(day)
    assert (found.value, found.low, found.high) == pytest.approx(over(lasted, day))
    if lasted and all(ended for _, ended in lasted):
        # Without anything censored the curve is the plain share.
        assert found.value == pytest.approx(sum(d <= day for d, _ in lasted) / len(lasted))


def test_of_a_single_end_the_interval_is_unknown():
    curve = read("5")
    assert curve.quantile(0.5) == Estimate(5, None, None)
    # Of one that lasted nobody knows that hardly any will end.
    assert curve.over(4) == Estimate(0, None, None)
    assert curve.over(5) == curve.over(90) == Estimate(1, None, None)
    assert read("1 2 3").quantile(0.5) == Estimate(2, 1, None)


def test_nothing_at_all_has_no_figures():
    curve = curve_of([])
    assert (curve.n, curve.ended, curve.watched) == (0, 0, -1)
    assert curve.quantile(0.5) == Estimate(None, None, None)
    assert curve.over(1) == Estimate(None, None, None)


#: Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I.
@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_published_intervals_are_found(part, whole, low, high):
    found = share_of(part, whole)
    assert found.value == part / whole
    assert found.low is not None
    assert found.high is not None
    assert [round(found.low, 4), round(found.high, 4)] == [low, high]


@given(st.integers(1, 5000), st.data())
def test_an_interval_ends_where_the_share_is_just_believable(whole, data):
    part = data.draw(st.integers(0, whole))
    found = share_of(part, whole)
    assert (found.value, found.low, found.high) == pytest.approx(wilson(part, whole), abs=1e-9)
    for end in (found.low, found.high):
        assert end is not None
        assert 0 <= end <= 1
        distance = Z * math.sqrt(end * (1 - end) / whole)
        assert abs(part / whole - end) == pytest.approx(distance, abs=1e-7)
    if part == 0:
        assert found.low == pytest.approx(0, abs=1e-12)
        assert found.high == pytest.approx(Z**2 / (whole + Z**2))
    if part == whole:
        assert found.high == pytest.approx(1)
        assert found.low == pytest.approx(whole / (whole + Z**2))


def test_of_nobody_there_is_no_share():
    assert share_of(0, 0) == Estimate(None, None, None)
