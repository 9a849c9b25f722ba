"""Anonymous counts of posts: reactions that came as totals, and views."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from engagement.words import Side
from sources.records import ViewsRecord
from store.db import Database
from store.record import record
from tests.store.making import (
    NOW,
    act,
    ago,
    outcome,
    post,
    put,
    tally,
    value,
)
from tests.store.recount import assert_consistent


async def test_counts_are_anonymous_reactions_on_the_day_of_the_post(database: Database) -> None:
    await put(
        database, post("a", "bob", "answer", time=ago(2), counts={"like": 5, "confirm_solved": 2})
    )
    day = database.day(NOW)
    assert await tally(database, "bob", "like", Side.RECEIVED, day - 2) == 5
    assert await value(database, "select contribution from standing") == 500
    assert await value(database, "select count(*) from member") == 1
    await assert_consistent(database, NOW)


@pytest.mark.parametrize("later", [0, 3, 5, 9])
async def test_later_counts_replace_the_earlier(database: Database, later: int) -> None:
    await put(database, post("q", counts={"like": 5, "vote_up": 1}))
    receipt = await put(database, post("q", counts={"like": later}))
    assert outcome(receipt, "post") == {"duplicate" if later == 5 else "replaced": 1}
    assert await tally(database, "bob", "like", Side.RECEIVED) == later
    assert await tally(database, "bob", "vote_up", Side.RECEIVED) == 1
    await assert_consistent(database, NOW)


@pytest.mark.parametrize("restated", [{}, {"like": 5}, {"like": 6}])
@pytest.mark.parametrize("change", [{"time": ago(3)}, {"venue": "idea"}])
async def test_counts_follow_their_post_to_another_day_or_venue(
    database: Database, change: dict[str, Any], restated: dict[str, int]
) -> None:
    await put(database, post("q", counts={"like": 5}))
    await put(database, ViewsRecord("site", "q", NOW.date(), 10))
    await put(database, post("q", counts=restated, **change))
    assert await tally(database, "bob", "like", Side.RECEIVED) == restated.get("like", 5)
    day = await value(
        database,
        "select t.day from tally t join action_type y on y.id = t.type_id where verb = 'like'",
    )
    assert day == database.day(change.get("time", NOW))
    assert await tally(database, "bob", "view", Side.RECEIVED, database.day(NOW)) == 10
    await assert_consistent(database, NOW)


async def test_two_snapshots_with_counts_in_one_call(database: Database) -> None:
    await put(database, post("q", counts={"like": 5}), post("q", time=ago(1), counts={"like": 4}))
    assert await tally(database, "bob", "like", Side.RECEIVED) == 4
    await assert_consistent(database, NOW)


async def test_views_are_counts_per_day_and_the_later_replaces(database: Database) -> None:
    await put(database, post("q", time=ago(9)))
    day, today = date(2026, 6, 14), NOW.date()
    receipt = await put(
        database,
        ViewsRecord("site", "q", day, 30),
        ViewsRecord("site", "q", today, 5),
        ViewsRecord("site", "q", today, 8),
    )
    assert outcome(receipt, "views") == {"recorded": 2, "duplicate": 1}
    receipt = await put(
        database, ViewsRecord("site", "q", day, 20), ViewsRecord("site", "q", today, 8)
    )
    assert outcome(receipt, "views") == {"replaced": 1, "duplicate": 1}
    assert await tally(database, "bob", "view", Side.RECEIVED, database.day(NOW) - 1) == 20
    assert await tally(database, "bob", "view", Side.RECEIVED, database.day(NOW)) == 8
    assert await value(database, "select count(*) from action") == 1
    await assert_consistent(database, NOW)


async def test_views_of_an_unknown_post_are_refused_and_the_rest_recorded(
    database: Database,
) -> None:
    await put(database, act("0", post="liked"))
    records = [ViewsRecord("site", id, NOW.date(), 1) for id in ("never", "liked")]
    receipt = await record(database, [act("1"), *records, act("2")], now=NOW)
    assert [(r.position, r.field, r.code) for r in receipt.rejected] == [
        (1, "post", "unknown_post"),
        (2, "post", "unknown_post"),
    ]
    assert outcome(receipt, "action") == {"recorded": 2}
    await assert_consistent(database, NOW)
