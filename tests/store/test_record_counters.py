"""Counters: a member's exported totals, held against the actions that explain part of them."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest

from engagement.words import Side, Status
from sources.records import Direction, Record
from store.db import Database
from store.refresh import refresh
from tests.store.making import (
    NOW,
    act,
    ago,
    counted,
    fetch,
    member,
    outcome,
    post,
    put,
    snapshot,
    status,
    tally,
    undo,
    value,
)
from tests.store.recount import assert_consistent


async def _rises(database: Database) -> list[tuple[int, bool]]:
    rows = await fetch(database, "select rise, whole from counter order by as_of")
    return [(row["rise"], row["whole"]) for row in rows]


async def test_the_first_snapshot_falls_whole_on_its_day(database: Database) -> None:
    receipt = await put(database, counted("ann", 37, ago(3)))
    assert outcome(receipt, "counter") == {"recorded": 1}
    assert await tally(database, "ann", "like", Side.GIVEN, database.day(NOW) - 3) == 37
    assert await _rises(database) == [(37, True)]
    # The daily cap applies: ten of them count, just enough to be a supporter.
    assert await status(database, "ann") is Status.SUPPORTER
    assert await value(database, "select support from standing") == 1000
    await assert_consistent(database, NOW)


async def test_a_later_snapshot_counts_by_its_rise(database: Database) -> None:
    await put(database, counted("ann", 5, ago(9)))
    await put(database, counted("ann", 8, ago(2)))
    assert await _rises(database) == [(5, True), (3, False)]
    assert await tally(database, "ann", "like", Side.GIVEN) == 8
    await assert_consistent(database, NOW)


async def test_an_earlier_snapshot_may_arrive_later(database: Database) -> None:
    await put(database, counted("ann", 8, ago(2)))
    await put(database, counted("ann", 5, ago(9)), counted("ann", 6, ago(5)))
    assert await _rises(database) == [(5, True), (1, False), (2, False)]
    await assert_consistent(database, NOW)


async def test_a_total_that_falls_takes_nothing_away(database: Database) -> None:
    await put(database, counted("ann", 8, ago(9)), counted("ann", 6, ago(5)))
    assert await _rises(database) == [(8, True), (0, False)]
    await assert_consistent(database, NOW)


async def test_a_snapshot_of_the_same_moment_replaces(database: Database) -> None:
    await put(database, counted("ann", 8, ago(2)))
    assert outcome(await put(database, counted("ann", 8, ago(2))), "counter") == {"duplicate": 1}
    for value_ in (11, 4):
        receipt = await put(database, counted("ann", value_, ago(2)))
        assert outcome(receipt, "counter") == {"replaced": 1}
        assert await tally(database, "ann", "like", Side.GIVEN) == value_
    await assert_consistent(database, NOW)


async def test_the_last_of_one_call_and_moment_counts(database: Database) -> None:
    receipt = await put(database, counted("ann", 8), counted("ann", 9))
    assert outcome(receipt, "counter") == {"recorded": 1, "duplicate": 1}
    assert await tally(database, "ann", "like", Side.GIVEN) == 9


_MIXED: list[Record] = [
    counted("ann", 4, ago(8)),
    counted("ann", 10, ago(2)),
    *[act(f"before {i}", time=ago(9)) for i in range(3)],
    *[act(f"between {i}", time=ago(5)) for i in range(4)],
    act("after", time=ago(1)),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
async def test_actions_explain_part_of_a_total_in_any_order(
    database: Database, order: tuple[int, ...]
) -> None:
    parts = [_MIXED[:1], _MIXED[1:2], _MIXED[2:5], _MIXED[5:]]
    for i in order:
        await put(database, *parts[i])
    # Of the first four three are known one by one; of the rise of six, four.
    assert await _rises(database) == [(1, True), (2, False)]
    assert await tally(database, "ann", "like", Side.GIVEN) == 11
    await assert_consistent(database, NOW)


async def test_lifetime_is_the_larger_of_total_and_actions(database: Database) -> None:
    await put(database, *[act(str(i), time=ago(5)) for i in range(6)])
    await put(database, counted("ann", 4, ago(1)))
    assert await tally(database, "ann", "like", Side.GIVEN) == 6
    await put(database, counted("ann", 9, ago(1)))
    assert await tally(database, "ann", "like", Side.GIVEN) == 9
    await assert_consistent(database, NOW)


@pytest.mark.parametrize(
    ("totals", "actions", "lifetime"),
    [((5, 10), 8, 10), ((10, 6, 10), 0, 10), ((2, 3, 4), 9, 9), ((4, 9), 2, 9)],
)
async def test_lifetime_is_the_larger_whatever_the_order_of_totals(
    database: Database, totals: tuple[int, ...], actions: int, lifetime: int
) -> None:
    given = [act(f"a{i}", target="bob", time=ago(20)) for i in range(actions)]
    snapshots = [counted("ann", n, ago(9 - i)) for i, n in enumerate(totals)]
    await put(database, *given, *snapshots)
    assert await tally(database, "ann", "like", Side.GIVEN) == lifetime
    await assert_consistent(database, NOW)


async def test_a_late_action_between_two_snapshots_lowers_the_rise(database: Database) -> None:
    await put(database, counted("ann", 4, ago(8)), counted("ann", 6, ago(2)))
    await put(database, act("late", time=ago(5)))
    assert await _rises(database) == [(4, True), (1, False)]
    assert await tally(database, "ann", "like", Side.GIVEN) == 6
    await put(database, undo("u", "late"))
    assert await _rises(database) == [(4, True), (2, False)]
    await assert_consistent(database, NOW)


async def test_only_actions_of_the_source_explain_its_totals(database: Database) -> None:
    await put(database, act("1", time=ago(5)), act("2", verb="vote_up", time=ago(5)))
    await put(database, act("3", source="shop", time=ago(5)), counted("ann", 4))
    assert await _rises(database) == [(3, True)]
    await assert_consistent(database, NOW)


async def test_ones_own_posts_do_not_explain_a_total(database: Database) -> None:
    await put(database, post("q", "ann", time=ago(5)), act("1", post="q", time=ago(5)))
    await put(database, counted("ann", 4))
    assert await _rises(database) == [(4, True)]
    await assert_consistent(database, NOW)


async def test_a_total_of_received_is_explained_by_actions_and_counts(database: Database) -> None:
    got: dict[str, Any] = {"direction": Direction.RECEIVED}
    await put(database, post("q", "bob", time=ago(5), counts={"like": 3}))
    await put(database, act("1", post="q", time=ago(4)), act("2", None, target="bob", count=2))
    await put(database, counted("bob", 10, **got))
    assert await _rises(database) == [(4, True)]
    assert await tally(database, "bob", "like", Side.RECEIVED) == 10
    await put(database, post("q", "bob", time=ago(5), counts={"like": 5}))
    assert await _rises(database) == [(2, True)]
    assert await tally(database, "bob", "like", Side.RECEIVED) == 10
    await put(database, post("q", "eve", time=ago(5)))
    assert await _rises(database) == [(8, True)]
    assert await tally(database, "bob", "like", Side.RECEIVED) == 10
    await assert_consistent(database, NOW)


async def test_a_counter_of_the_site_is_about_its_verb_anywhere(database: Database) -> None:
    await put(
        database,
        act("1", time=ago(5)),
        act("2", venue="idea", time=ago(5)),
        act("3", "ann", "vote_up", time=ago(5)),
        counted("ann", 9, venue="site"),
    )
    assert await _rises(database) == [(7, True)]
    assert await tally(database, "ann", "like", Side.GIVEN) == 9
    await put(database, act("4", venue="member_blog", time=ago(4)))
    assert await _rises(database) == [(6, True)]
    await assert_consistent(database, NOW)


async def test_the_rise_of_today_promotes_at_once(database: Database) -> None:
    await put(database, member("ann", joined=ago(40)), counted("ann", 100, ago(80)))
    assert await status(database, "ann") is Status.DORMANT
    await put(database, counted("ann", 101))
    assert await status(database, "ann") is Status.SUPPORTER
    await assert_consistent(database, NOW)


async def test_what_moves_across_a_snapshot_within_a_day_is_held_against_it(
    database: Database,
) -> None:
    moment, hour = ago(1), timedelta(hours=1)
    await put(database, act("1", time=moment - hour), counted("ann", 5, moment))
    assert await _rises(database) == [(4, True)]
    await put(database, undo("u", "1"), act("2", time=moment + hour))
    assert await _rises(database) == [(5, True)]
    await put(database, post("q", "eve", time=moment + hour), counted("eve", 5, moment, verb="ask"))
    await put(database, post("q", "eve", time=moment - hour))
    assert await _rises(database) == [(5, True), (4, True)]
    await assert_consistent(database, NOW)


async def test_a_counter_ahead_of_the_clock_is_held_against_the_next_day(
    database: Database,
) -> None:
    moment, later = NOW + timedelta(hours=20), NOW + timedelta(days=1)
    await put(database, counted("ann", 5, moment))
    await put(database, act("1", time=moment - timedelta(hours=1)), now=later)
    assert await _rises(database) == [(4, True)]
    await refresh(database, now=later)
    await assert_consistent(database, later)


async def test_a_counter_ahead_of_the_clock_counts_today(database: Database) -> None:
    ahead = ago(-0.75)
    await put(database, counted("ann", 5, ahead), act("1"), act("2", time=ahead))
    assert await tally(database, "ann", "like", Side.GIVEN, database.day(NOW)) == 5
    await assert_consistent(database, NOW)


async def test_repeating_everything_changes_nothing(database: Database) -> None:
    await put(database, *_MIXED)
    before = await snapshot(database)
    receipt = await put(database, *_MIXED)
    assert outcome(receipt, "counter") == {"duplicate": 2}
    assert outcome(receipt, "action") == {"duplicate": 8}
    assert await snapshot(database) == before
