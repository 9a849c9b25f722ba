"""Actions and what takes them back: once each, whatever comes twice, late or too early."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest

from engagement.words import Side, Status
from sources.records import Precision, Record
from store import names, standings
from store.db import Database
from store.record import record
from store.refresh import refresh
from tests.store.making import (
    NOW,
    act,
    ago,
    fetch,
    member,
    moves,
    outcome,
    post,
    put,
    snapshot,
    statements,
    status,
    tally,
    undo,
    value,
)
from tests.store.recount import assert_consistent


async def test_an_action_is_recorded_once(database: Database) -> None:
    receipt = await put(database, act("1"), act("2", time=ago(1)))
    assert outcome(receipt, "action") == {"recorded": 2}
    again = await put(database, act("2", time=ago(1)), act("1"))
    assert outcome(again, "action") == {"duplicate": 2}
    assert await tally(database, "ann", "like", Side.GIVEN) == 2
    await assert_consistent(database, NOW)


async def test_a_duplicate_within_one_call_counts_once(database: Database) -> None:
    receipt = await put(database, act("1"), act("2"), act("1"), act("1"))
    assert outcome(receipt, "action") == {"recorded": 2, "duplicate": 2}
    assert await tally(database, "ann", "like", Side.GIVEN) == 2
    await assert_consistent(database, NOW)


async def test_the_same_id_of_two_sources_is_two_actions(database: Database) -> None:
    receipt = await put(database, act("1"), act("1", source="shop"))
    assert outcome(receipt, "action") == {"recorded": 2}
    assert await value(database, "select count(*) from member") == 2
    await assert_consistent(database, NOW)


@pytest.mark.parametrize(
    "other",
    [
        {"verb": "vote_up"},
        {"venue": "idea"},
        {"actor": "cid"},
        {"time": ago(1)},
        {"precision": Precision.DAY},
        {"target": "dan"},
        {"post": "q"},
    ],
    ids=lambda other: next(iter(other)),
)
@pytest.mark.parametrize("together", [True, False])
async def test_a_repeat_with_other_content_is_a_conflict_and_changes_nothing(
    database: Database, other: dict[str, Any], together: bool
) -> None:
    await put(database, member("ann"), member("cid"), member("dan"), post("q", "dan"))
    first, second = act("1", target="bob"), act("1", **{"target": "bob"} | other)
    if together:
        receipt = await put(database, first, second)
        assert outcome(receipt, "action") == {"recorded": 1, "conflict": 1}
    else:
        await put(database, first)
        before = await snapshot(database)
        receipt = await put(database, second)
        assert outcome(receipt, "action") == {"conflict": 1}
        assert await snapshot(database) == before
    assert await value(database, "select count(*) from action where wrote_id is null") == 1
    assert await tally(database, "ann", "like", Side.GIVEN) == 1
    assert await tally(database, "bob", "like", Side.RECEIVED) == 1
    await assert_consistent(database, NOW)


async def test_a_repeat_that_leaves_the_target_out_is_a_duplicate(database: Database) -> None:
    await put(database, post("q", "bob"), act("1", post="q", target="bob"))
    assert outcome(await put(database, act("1", post="q")), "action") == {"duplicate": 1}


async def test_received_is_the_same_row_from_the_other_side(database: Database) -> None:
    await put(database, post("q", "bob"), act("1", post="q"))
    assert await tally(database, "ann", "like", Side.GIVEN) == 1
    assert await tally(database, "bob", "like", Side.RECEIVED) == 1
    assert await value(database, "select count(*) from action where wrote_id is null") == 1
    await assert_consistent(database, NOW)


async def test_the_receiving_side_earns_where_the_catalog_says_so(database: Database) -> None:
    await put(database, post("a", "bob", "answer"), act("1", "ann", "best_answer", post="a"))
    rows = await fetch(
        database,
        "select a.external_id, s.contribution from standing s join account a using (member_id)",
    )
    # An answer is 3 points, the best answer 3 more for its author and none for the asker.
    assert {row["external_id"]: row["contribution"] for row in rows} == {"bob": 600, "ann": 0}
    await assert_consistent(database, NOW)


async def test_an_unknown_action_type_is_kept_worth_nothing_and_told(database: Database) -> None:
    odd = [act(str(i), verb="juggle") for i in range(3)]
    receipt = await put(database, *odd, act("x", verb="like"))
    assert receipt.unclassified == {("qa", "juggle"): 3}
    assert (await put(database, *odd)).unclassified == {}
    assert await tally(database, "ann", "juggle", Side.GIVEN) == 3
    points = await fetch(database, "select contribution, interaction, favorability from standing")
    assert [list(row.values()) for row in points] == [[0, 0, 0]]
    await assert_consistent(database, NOW)


async def test_an_unknown_action_type_still_shows_presence(database: Database) -> None:
    await put(database, member("ann", joined=ago(200)))
    assert await status(database, "ann") is Status.DORMANT
    await put(database, act("1", verb="juggle"))
    assert await status(database, "ann") is Status.MEMBER
    await assert_consistent(database, NOW)


async def test_self_actions_are_worth_nothing_but_presence(database: Database) -> None:
    await put(database, member("bob", joined=ago(200)), post("q", "bob", time=ago(150)))
    assert await status(database, "bob") is Status.DORMANT
    likes = [act(str(i), "bob", post="q") for i in range(12)]
    await put(database, *likes, act("best", "bob", "best_answer", target="bob"))
    assert await tally(database, "bob", "like", Side.OWN) == 12
    assert await tally(database, "bob", "like", Side.GIVEN) == 0
    assert await tally(database, "bob", "like", Side.RECEIVED) == 0
    assert await status(database, "bob") is Status.MEMBER
    assert await value(database, "select sum(support + contribution) from standing") == 0
    await assert_consistent(database, NOW)


async def test_anonymous_actions_raise_only_what_the_target_received(database: Database) -> None:
    receipt = await put(
        database,
        post("a", "bob", "answer"),
        act("1", None, "vote_up", post="a", count=40),
        act("2", None, "confirm_solved", target="bob", count=3),
    )
    assert outcome(receipt, "action") == {"recorded": 2}
    assert await value(database, "select count(*) from member") == 1
    assert await tally(database, "bob", "vote_up", Side.RECEIVED) == 40
    # 3 for the answer, 1 for each confirmation.
    assert await value(database, "select contribution from standing") == 600
    await assert_consistent(database, NOW)


async def test_an_anonymous_action_does_not_show_that_its_target_was_here(
    database: Database,
) -> None:
    await put(database, member("bob", joined=ago(200)))
    await put(database, act("2", None, "confirm_solved", target="bob", count=3))
    assert await status(database, "bob") is Status.DORMANT
    await assert_consistent(database, NOW)


async def test_the_daily_cap_holds_across_calls(database: Database) -> None:
    for start in range(0, 16, 4):
        await put(database, *[act(str(i)) for i in range(start, start + 4)])
    await put(database, *[act(f"y{i}", time=ago(1)) for i in range(9)])
    # Ten likes a day count: ten of today's sixteen, all nine of yesterday's.
    assert await value(database, "select support from standing") == 1900
    assert await tally(database, "ann", "like", Side.GIVEN) == 25
    await assert_consistent(database, NOW)


@pytest.mark.parametrize("precision", list(Precision))
async def test_the_precision_of_a_time_is_kept(database: Database, precision: Precision) -> None:
    await put(database, act("1", precision=precision), post("q", precision=precision, time=ago(2)))
    rows = await fetch(
        database, "select precision from action union all select precision from post"
    )
    assert [row["precision"] for row in rows] == [int(precision)] * 3
    await assert_consistent(database, NOW)


async def test_a_late_action_counts_on_its_own_day(database: Database) -> None:
    await put(database, member("ann", joined=ago(300)), act("now", verb="login"))
    assert await status(database, "ann") is Status.MEMBER
    await put(database, *[act(str(i), time=ago(10)) for i in range(10)])
    assert await status(database, "ann") is Status.SUPPORTER
    day = database.day(NOW)
    assert await value(database, "select since from standing") == day - 10
    # What was announced stays; the news is told on the day on which it was learnt.
    assert (await moves(database, "ann"))[-1] == (day, "member", "supporter", "action")
    await assert_consistent(database, NOW)


async def test_a_late_action_before_the_first_day_moves_the_first_day(database: Database) -> None:
    await put(database, act("1"))
    assert await status(database, "ann") is Status.NEWCOMER
    await put(database, act("2", time=ago(40)))
    assert await status(database, "ann") is Status.MEMBER
    await assert_consistent(database, NOW)


async def test_many_late_members_become_due_work(database: Database) -> None:
    many = [f"m{i}" for i in range(standings.FEW + 1)]
    await put(database, *[act(f"first {who}", who) for who in many])
    await refresh(database, now=NOW)
    late = [act(f"{who} {i}", who, time=ago(3)) for who in many for i in range(4)]
    await put(database, *late)
    assert await value(database, "select count(*) from refold") == len(many)
    report = await refresh(database, now=NOW)
    assert report.members == len(many)
    assert await value(database, "select count(*) from refold") == 0
    assert await value(database, "select min(support) from standing") == 500
    await assert_consistent(database, NOW)


async def test_many_new_members_are_placed_at_once(database: Database) -> None:
    many = [f"m{i}" for i in range(standings.FEW + 1)]
    await put(database, *[act(f"{who} {i}", who) for who in many for i in range(4)])
    assert await value(database, "select min(support) from standing") == 400
    await assert_consistent(database, NOW)


async def test_a_clock_that_runs_ahead_does_not_reach_tomorrow(database: Database) -> None:
    tomorrow = NOW + timedelta(hours=20)
    await put(
        database,
        act("1", time=tomorrow),
        post("q", "ann", time=tomorrow),
        member("new", joined=tomorrow),
    )
    assert await tally(database, "ann", "like", Side.GIVEN, database.day(NOW)) == 1
    assert await tally(database, "ann", "ask", Side.GIVEN, database.day(NOW)) == 1
    assert await value(database, "select max(occurred_at) from action") == tomorrow
    assert await status(database, "new") is Status.NEWCOMER
    await assert_consistent(database, NOW)
    assert outcome(await put(database, act("1", time=tomorrow), now=tomorrow), "action") == {
        "duplicate": 1
    }
    await refresh(database, now=tomorrow)
    await assert_consistent(database, tomorrow)


async def test_a_retraction_nets_out_on_the_day_of_the_action(database: Database) -> None:
    await put(database, post("q", "bob", time=ago(9)), *[act(str(i), post="q") for i in range(10)])
    await put(database, act("old", time=ago(5), post="q"))
    assert await status(database, "ann") is Status.SUPPORTER
    receipt = await put(database, undo("u1", "old"), undo("u2", "3"))
    assert outcome(receipt, "retraction") == {"recorded": 2}
    day = database.day(NOW)
    assert await tally(database, "ann", "like", Side.GIVEN, day) == 9
    assert await tally(database, "ann", "like", Side.GIVEN, day - 5) == 0
    assert await tally(database, "bob", "like", Side.RECEIVED) == 9
    assert await status(database, "ann") is Status.NEWCOMER
    await assert_consistent(database, NOW)


async def test_a_retraction_may_arrive_before_its_action(database: Database) -> None:
    receipt = await put(database, undo("u", "1"))
    assert outcome(receipt, "retraction") == {"recorded": 1, "waiting": 1}
    receipt = await put(database, act("1"), act("2"))
    assert outcome(receipt, "action") == {"recorded": 2}
    assert await tally(database, "ann", "like", Side.GIVEN) == 1
    assert await value(database, "select count(*) from retraction where action_id is null") == 0
    await assert_consistent(database, NOW)


async def test_a_retraction_in_the_same_call_takes_its_action_back(database: Database) -> None:
    receipt = await put(database, act("1"), undo("u", "1"), undo("v", "9"), act("2"))
    assert outcome(receipt, "retraction") == {"recorded": 2, "waiting": 1}, "only for what is not"
    assert await tally(database, "ann", "like", Side.GIVEN) == 1
    await assert_consistent(database, NOW)


async def test_retractions_are_recorded_once_and_the_first_wins(database: Database) -> None:
    await put(database, act("1"), act("2"), undo("u", "1"))
    receipt = await put(database, undo("u", "1"), undo("u", "2"), undo("v", "9"), undo("v", "8"))
    assert outcome(receipt, "retraction") == {
        "recorded": 1,
        "duplicate": 1,
        "conflict": 2,
        "waiting": 1,
    }
    assert await tally(database, "ann", "like", Side.GIVEN) == 1
    await assert_consistent(database, NOW)


@pytest.mark.parametrize("order", list(itertools.permutations(["1", "u", "v"])), ids="".join)
async def test_two_retractions_of_one_action_subtract_once(
    database: Database, order: tuple[str, ...]
) -> None:
    records: dict[str, Record] = {"1": act("1"), "u": undo("u", "1"), "v": undo("v", "1")}
    await put(database, act("0"))
    for name in order:
        await put(database, records[name])
    assert await tally(database, "ann", "like", Side.GIVEN) == 1
    assert await value(database, "select count(*) from retraction where action_id is null") == 0
    await assert_consistent(database, NOW)


async def test_a_retracted_action_sent_again_stays_retracted(database: Database) -> None:
    await put(database, act("1"), act("2"))
    await put(database, undo("u", "1"))
    assert outcome(await put(database, act("1")), "action") == {"duplicate": 1}
    assert await tally(database, "ann", "like", Side.GIVEN) == 1
    await assert_consistent(database, NOW)


async def test_a_retraction_of_another_source_does_not_reach(database: Database) -> None:
    await put(database, act("1"), undo("u", "1", source="shop"))
    assert await tally(database, "ann", "like", Side.GIVEN) == 1
    await assert_consistent(database, NOW)


async def test_repeated_retractions_take_a_fixed_number_of_statements(database: Database) -> None:
    undone = [undo(f"u{i}", f"a{i}") for i in range(50)]
    await put(database, *undone)
    taken = []
    for few in (undone[:5], undone):
        async with statements(database) as asked:
            assert outcome(await put(database, *few), "retraction") == {"duplicate": len(few)}
        taken.append(len(asked))
    assert taken[0] == taken[1] > 0


async def test_action_types_beyond_the_last_number_get_none(database: Database) -> None:
    await put(database, act("0"))
    room = names.MOST_TYPES - await value(database, "select count(*) from action_type")
    known = await names.learn(
        database, ["site"], [("forum", f"verb{i:05}") for i in range(room + 30_000)]
    )
    assert len(known.types) == names.MOST_TYPES
    beyond = act("2", verb="verb39999", venue="forum")
    receipt = await record(database, [act("1"), beyond], now=NOW)
    assert [(r.position, r.field, r.code) for r in receipt.rejected] == [
        (1, "verb", "too_many_types")
    ]
    assert outcome(receipt, "action") == {"recorded": 1}
