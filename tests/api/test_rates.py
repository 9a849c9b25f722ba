"""Rates: what may come at once, what in the long run, and what a caller is told."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import Refusal
from api.rates import Rate
from store.db import Database
from tests.api.stand_in import app_of, client_of


class Time:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def taken(rate: Rate, caller: str = "a") -> bool:
    try:
        rate.take(caller)
    except Refusal:
        return False
    return True


@given(
    st.floats(0.5, 50),
    st.floats(0, 5),
    st.lists(st.floats(0, 3), min_size=1, max_size=200),
)
def test_never_more_than_the_burst_and_the_rate(
    per_second: float, burst: float, pauses: list[float]
) -> None:
    time = Time()
    rate = Rate(per_second, burst=burst, now=time)
    moments = []
    for pause in pauses:
        time.seconds += pause
        if taken(rate):
            moments.append(time.seconds)
    for first in range(len(moments)):
        for last in range(first, len(moments)):
            most = (moments[last] - moments[first] + burst) * per_second + 1
            assert last - first + 1 <= most + 1e-6


@given(st.floats(0.5, 50), st.integers(1, 500))
def test_who_keeps_to_the_rate_is_never_refused(per_second: float, times: int) -> None:
    time = Time()
    rate = Rate(per_second, burst=0, now=time)
    for n in range(times):
        time.seconds = 1_000 + n / per_second + 1e-6 * n
        assert taken(rate)


def test_callers_do_not_count_for_each_other() -> None:
    rate = Rate(1, burst=2, now=Time())
    assert [taken(rate) for _ in range(5)] == [True, True, True, False, False]
    assert taken(rate, "b")


def test_nobody_is_refused_without_a_rate() -> None:
    rate = Rate(0, now=Time())
    assert all(taken(rate) for _ in range(1_000))


def test_who_is_refused_is_told_when_to_come_again() -> None:
    time = Time()
    rate = Rate(0.1, burst=0, now=time)
    rate.take("a")
    with pytest.raises(Refusal) as refused:
        rate.take("a")
    assert refused.value.headers == ((b"retry-after", b"10"),)
    time.seconds += 10
    assert taken(rate)


async def test_the_door_refuses_with_429(database: Database, site_key: str) -> None:
    app = app_of(database, key_rate=0.5)
    async with app.router.lifespan_context(app), client_of(app, site_key) as client:
        answers: list[httpx.Response] = [
            await client.post("/graphql", json={"query": "{ hello }"}) for _ in range(8)
        ]
    codes = [answer.status_code for answer in answers]
    assert codes == [200] * 6 + [429] * 2
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert answers[-1].json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
