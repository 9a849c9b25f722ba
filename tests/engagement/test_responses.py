"""How long threads waited, by arithmetic that can be done by hand; and what is withheld."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement.responses import LEAST, Waiting, waiting

HOUR = 3600


def waited(hours: Sequence[float | None], *, watched: float = 1000, exact: bool = True) -> Waiting:
    """Threads opened at 0 and responded to after so many hours (None: never)."""
    n = len(hours)
    return waiting(
        np.zeros(n),
        np.array([(hour or 0) * HOUR for hour in hours]),
        np.array([hour is not None for hour in hours], np.bool_),
        np.full(n, exact),
        watched * HOUR,
    )


def test_quartiles_of_threads_of_which_some_have_no_response():
    found = waited([float(hour) for hour in range(1, 11)] + [None, None])
    assert (found.threads, found.answered, found.timed) == (12, 10, 12)
    # After k responses 1 − k/12 of the threads wait on.
    assert (found.quarter.value, found.median.value, found.three_quarters.value) == (3, 6, 9)
    assert [one.value for one in found.within] == pytest.approx([1 / 12, 10 / 12, 10 / 12])
    assert found.unanswered.value == pytest.approx(2 / 12)
    assert found.unanswered.low == pytest.approx(0.0470, abs=1e-4)  # Wilson, 2 of 12
    assert found.unanswered.high == pytest.approx(0.4480, abs=1e-4)


def test_a_thread_without_a_response_is_not_left_out():
    """Half of them answered after an hour: leaving out the others would make that everybody."""
    found = waited([1.0] * 6 + [None] * 6)
    assert found.within[0].value == pytest.approx(0.5)
    assert found.three_quarters.value is None


@given(st.lists(st.integers(0, 10_000), min_size=LEAST, max_size=60))
def test_where_all_have_a_response_they_are_the_order_statistics(minutes: list[int]):
    found = waited([minute / 60 for minute in minutes])
    ordered = sorted(minutes)
    for one, part in ((found.quarter, 0.25), (found.median, 0.5), (found.three_quarters, 0.75)):
        assert one.value is not None
        first = next(m for i, m in enumerate(ordered, 1) if i >= part * len(ordered))
        assert one.value == pytest.approx(first / 60)
    for one, hours in zip(found.within, (1, 24, 168), strict=True):
        share = sum(minute <= hours * 60 for minute in minutes) / len(minutes)
        assert one.value == pytest.approx(share)
    assert found.unanswered.value == 0


@given(st.lists(st.one_of(st.none(), st.integers(0, 400)), min_size=LEAST, max_size=60))
def test_intervals_hold_their_estimates(hours: list[int | None]):
    found = waited([None if hour is None else float(hour) for hour in hours], watched=400)
    for one in (found.unanswered, found.median, *found.within):
        if one.value is not None and one.low is not None:
            assert one.low - 1e-9 <= one.value
        if one.value is not None and one.high is not None:
            assert one.value <= one.high + 1e-9


def test_hours_of_few_threads_are_withheld_and_their_counts_are_not():
    found = waited([1.0] * (LEAST - 1))
    assert (found.answered, found.timed) == (9, 9)
    assert found.median.value is None
    assert all(one.value is None for one in found.within)
    assert found.unanswered.value == 0
    assert waited([1.0] * LEAST).median.value == 1


def test_times_that_are_not_exact_measure_no_hours():
    found = waited([1.0] * 20, exact=False)
    assert (found.threads, found.answered, found.timed) == (20, 20, 0)
    assert found.median.value is None


def test_what_came_before_its_thread_is_not_timed():
    assert waited([-1.0] * 5 + [2.0] * 10).timed == 10


def test_none_and_all_are_no_ground_for_an_interval():
    found = waited([None] * 12)
    assert found.within[1].value == 0
    assert (found.within[1].low, found.within[1].high) == (None, None)


def test_there_may_be_no_threads():
    found = waited([])
    assert (found.threads, found.unanswered.value, found.median.value) == (0, None, None)
