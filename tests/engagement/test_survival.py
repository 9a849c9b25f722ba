"""Kaplan–Meier and Wilson: against loops from the textbook, and against published figures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement.survival import Curve, Estimate, kaplan_meier, share_of

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
#: Normal, two-sided, 95 %.
_Z = 1.959963984540054
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
    over = curve.over(day)
    assert over.value == pytest.approx(1 - share, abs=5e-5)
    assert over.low == pytest.approx(1 - high, abs=5e-5)
    assert over.high == pytest.approx(1 - low, abs=5e-5)


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
    share, variance = 1.0, 0.0
    expected = [(0, 1.0, 1.0, 1.0)]
    for day in sorted({length for length, ended in lasted if ended}):
        at_risk = sum(length >= day for length, _ in lasted)
        ends = sum(length == day and ended for length, ended in lasted)
        share *= 1 - ends / at_risk
        if ends == at_risk:
            expected.append((day, 0.0, math.nan, math.nan))
            break
        variance += ends / (at_risk * (at_risk - ends))
        spread = _Z * math.sqrt(variance) / abs(math.log(share))
        expected.append((day, share, share ** math.exp(spread), share ** math.exp(-spread)))
    columns = (curve.day, curve.share, curve.low, curve.high)
    found = list(zip(*(column.tolist() for column in columns), strict=True))
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, abs=1e-9, nan_ok=True)
    assert (curve.n, curve.ended) == (len(lasted), sum(ended for _, ended in lasted))


@given(_lasted, st.sampled_from([0.25, 0.5, 0.75]))
def test_a_quantile_is_the_first_day_on_which_so_many_are_over(lasted, part):
    curve = curve_of(lasted)

    def first(of: np.ndarray) -> float | None:
        there = (d for d, left in zip(curve.day, of, strict=True) if 1 - left >= part - 1e-9)
        return next((float(day) for day in there), None)

    found = curve.quantile(part)
    assert found == Estimate(first(curve.share), first(curve.low), first(curve.high))
    if found.low is not None and found.value is not None:
        assert found.low <= found.value
    if found.high is not None:
        assert found.value is not None
        assert found.value <= found.high


@given(_lasted, st.integers(0, 14))
def test_nothing_is_said_of_days_that_nobody_was_watched(lasted, day):
    over = curve_of(lasted).over(day)
    watched = max((length for length, _ in lasted), default=0)
    left = not lasted or any(length == watched and not ended for length, ended in lasted)
    if day > watched and left:
        assert over == Estimate(None, None, None)
        return
    assert over.value is not None
    assert 0 <= over.value <= 1
    if lasted and all(ended for _, ended in lasted):
        # Without anything censored the curve is the plain share.
        assert over.value == pytest.approx(sum(d <= day for d, _ in lasted) / len(lasted))


def test_of_a_single_end_the_interval_is_unknown():
    curve = read("5")
    assert curve.quantile(0.5) == Estimate(5, None, None)
    assert curve.over(4) == Estimate(0, 0, 0)
    assert curve.over(5) == curve.over(90) == Estimate(1, None, None)
    assert read("1 2 3").quantile(0.5) == Estimate(2, 1, None)


def test_nothing_at_all_has_no_figures():
    curve = curve_of([])
    assert (curve.n, curve.ended, curve.watched) == (0, 0, 0)
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
    assert found.value == part / whole
    for end in (found.low, found.high):
        assert end is not None
        assert 0 <= end <= 1
        distance = _Z * math.sqrt(end * (1 - end) / whole)
        assert abs(part / whole - end) == pytest.approx(distance, abs=1e-7)
    if part == 0:
        assert found.low == pytest.approx(0, abs=1e-12)
        assert found.high == pytest.approx(_Z**2 / (whole + _Z**2))
    if part == whole:
        assert found.high == pytest.approx(1)
        assert found.low == pytest.approx(whole / (whole + _Z**2))


def test_of_nobody_there_is_no_share():
    assert share_of(0, 0) == Estimate(None, None, None)
