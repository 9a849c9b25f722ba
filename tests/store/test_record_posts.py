"""Posts: snapshots, the writing each implies, what is done to them, and their counts."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest

from engagement.words import Side, Status
from sources.records import PostRecord, Precision, Record
from store.db import Database
from tests.store.making import (
    DELETED,
    NOW,
    VISIBLE,
    act,
    ago,
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


async def _post(database: Database, id: str = "q") -> dict[str, object]:
    return (await fetch(database, "select * from post where external_id = $1", id))[0]


async def test_a_post_implies_its_action(database: Database) -> None:
    receipt = await put(database, post("q", "bob"), post("a", "ann", "answer", parent="q"))
    assert outcome(receipt, "post") == {"recorded": 2}
    assert await tally(database, "bob", "ask", Side.GIVEN) == 1
    assert await tally(database, "ann", "answer", Side.GIVEN) == 1
    assert await tally(database, "bob", "answer", Side.RECEIVED) == 1
    assert await value(database, "select contribution from standing where contribution > 0") == 300
    await assert_consistent(database, NOW)


async def test_a_post_sent_again_is_a_duplicate(database: Database) -> None:
    await put(database, post("q", text="How?"))
    before = await snapshot(database)
    receipt = await put(database, post("q", text="How?"), post("q", text="How?"))
    assert outcome(receipt, "post") == {"duplicate": 2}
    assert await snapshot(database) == before
    assert (await _post(database))["edited_at"] is None


async def test_a_later_snapshot_replaces_what_it_states(database: Database) -> None:
    first = post("q", title="T", text="How?", format="markdown", lang="ja")
    await put(database, first)
    receipt = await put(database, post("q", text="How now?"))
    assert outcome(receipt, "post") == {"replaced": 1}
    kept = await _post(database)
    assert (kept["title"], kept["text"], kept["format"], kept["lang"]) == (
        "T",
        "How now?",
        "markdown",
        "ja",
    )
    await put(database, PostRecord("site", "q", "qa", "question", NOW))
    assert await tally(database, "bob", "ask", Side.GIVEN) == 1
    await assert_consistent(database, NOW)


async def test_an_edit_is_dated_and_a_change_of_state_is_none(database: Database) -> None:
    await put(database, post("q", text="a"))
    await put(database, post("q", state=DELETED), now=NOW + timedelta(hours=1))
    assert (await _post(database))["edited_at"] is None
    later = NOW + timedelta(hours=2)
    await put(database, post("q", text="b"), now=later)
    assert (await _post(database))["edited_at"] == later
    assert (await _post(database))["state"] == "deleted"
    await assert_consistent(database, later)


async def test_two_snapshots_in_one_call_take_effect_in_order(database: Database) -> None:
    receipt = await put(database, post("q", text="a"), post("q", "cid", text="b", time=ago(1)))
    assert outcome(receipt, "post") == {"recorded": 1, "replaced": 1}
    assert (await _post(database))["text"] == "b"
    assert await tally(database, "cid", "ask", Side.GIVEN, database.day(NOW) - 1) == 1
    assert await tally(database, "bob", "ask", Side.GIVEN) == 0
    await assert_consistent(database, NOW)


_WRITING: tuple[Record, ...] = (
    post("q", "bob", time=ago(3)),
    post("a", "ann", "answer", parent="q", time=ago(2)),
    act("w", "ann", "answer", post="a", time=ago(2)),
    undo("u", "w"),
)


@pytest.mark.parametrize(
    "order", list(itertools.permutations(range(3))), ids=lambda o: "".join(map(str, o))
)
async def test_the_action_of_writing_sent_as_well_is_a_duplicate_in_any_order(
    database: Database, order: tuple[int, ...]
) -> None:
    for i in order:
        await put(database, _WRITING[i])
    assert await tally(database, "ann", "answer", Side.GIVEN) == 1
    assert await tally(database, "bob", "answer", Side.RECEIVED) == 1
    again = await put(database, *_WRITING[:3])
    assert outcome(again, "action") == {"duplicate": 1}
    assert outcome(again, "post") == {"duplicate": 2}
    await assert_consistent(database, NOW)


@pytest.mark.parametrize(
    "order",
    [o for o in itertools.permutations(range(4)) if o.index(0) != 3],
    ids=lambda o: "".join(map(str, o)),
)
async def test_writing_is_retracted_by_the_id_of_its_action_in_any_order(
    database: Database, order: tuple[int, ...]
) -> None:
    for i in order:
        await put(database, _WRITING[i])
    assert await tally(database, "ann", "answer", Side.GIVEN) == 0
    assert await tally(database, "bob", "answer", Side.RECEIVED) == 0
    assert await value(database, "select count(*) from retraction where action_id is null") == 0
    await assert_consistent(database, NOW)


async def test_writing_and_its_action_and_retraction_in_one_call(database: Database) -> None:
    await put(database, *reversed(_WRITING))
    assert await tally(database, "ann", "answer", Side.GIVEN) == 0
    await assert_consistent(database, NOW)


@pytest.mark.parametrize("before", [0, 1, 2])
async def test_the_action_of_writing_under_two_ids_is_still_one(
    database: Database, before: int
) -> None:
    twice = [act(id, "ann", "answer", post="a", time=ago(2)) for id in ("w1", "w2")]
    await put(database, post("q", "bob", time=ago(3)))
    for one in twice[:before]:
        await put(database, one)
    await put(database, post("a", "ann", "answer", parent="q", time=ago(2)))
    for one in twice[before:]:
        await put(database, one)
    assert await tally(database, "ann", "answer", Side.GIVEN) == 1
    assert outcome(await put(database, *twice), "action") == {"duplicate": 2}
    await assert_consistent(database, NOW)
    await put(database, undo("u", "w2"))
    assert await tally(database, "ann", "answer", Side.GIVEN) == 0
    await assert_consistent(database, NOW)


@pytest.mark.parametrize("retracted", ["w1", "w2"])
async def test_retracted_writing_stays_retracted_when_its_post_comes(
    database: Database, retracted: str
) -> None:
    await put(database, *[act(id, "ann", "answer", post="a") for id in ("w1", "w2")])
    await put(database, undo("u", retracted))
    await put(database, post("a", "ann", "answer"))
    assert await tally(database, "ann", "answer", Side.GIVEN) == 0
    await assert_consistent(database, NOW)


async def test_writing_that_named_its_target_follows_the_post(database: Database) -> None:
    await put(database, act("w", "ann", "answer", post="a", target="cid"))
    await put(database, post("a", "ann", "answer", parent="q"))
    await put(database, post("q", "bob"))
    assert await tally(database, "bob", "answer", Side.RECEIVED) == 1
    assert await tally(database, "cid", "answer", Side.RECEIVED) == 0
    await assert_consistent(database, NOW)


async def test_a_second_id_of_writing_is_taken(database: Database) -> None:
    await put(database, post("a", "ann", "answer"), act("w", "ann", "answer", post="a"))
    receipt = await put(database, act("w", "ann", "like", target="bob"))
    assert outcome(receipt, "action") == {"conflict": 1}
    assert await tally(database, "ann", "like", Side.GIVEN) == 0
    await assert_consistent(database, NOW)


async def test_an_id_that_is_taken_is_not_the_writing(database: Database) -> None:
    await put(database, post("a", "ann", "answer"), act("w", "ann", "like", target="bob"))
    receipt = await put(database, act("w", "ann", "answer", post="a"))
    assert outcome(receipt, "action") == {"conflict": 1}
    await put(database, undo("u", "w"))
    assert await tally(database, "ann", "like", Side.GIVEN) == 0
    assert await tally(database, "ann", "answer", Side.GIVEN) == 1
    await assert_consistent(database, NOW)


async def test_somebody_elses_action_of_the_same_kind_is_a_response(database: Database) -> None:
    await put(database, post("c", "ann", "comment"), act("1", "bob", "comment", post="c"))
    assert await tally(database, "ann", "comment", Side.RECEIVED) == 1
    assert await tally(database, "bob", "comment", Side.GIVEN) == 1
    await assert_consistent(database, NOW)


async def test_deleting_a_post_retracts_its_writing_and_not_what_it_received(
    database: Database,
) -> None:
    await put(database, post("q", "bob", time=ago(5)), post("a", "ann", "answer", parent="q"))
    await put(database, act("1", "cid", "best_answer", post="a"), act("2", "bob", post="a"))
    receipt = await put(database, post("a", "ann", "answer", state=DELETED))
    assert outcome(receipt, "post") == {"replaced": 1}
    assert await tally(database, "ann", "answer", Side.GIVEN) == 0
    assert await tally(database, "bob", "answer", Side.RECEIVED) == 0
    assert await tally(database, "ann", "best_answer", Side.RECEIVED) == 1
    assert await tally(database, "ann", "like", Side.RECEIVED) == 1
    await assert_consistent(database, NOW)
    await put(database, post("a", "ann", "answer", state=VISIBLE))
    assert await tally(database, "ann", "answer", Side.GIVEN) == 1
    assert await tally(database, "bob", "answer", Side.RECEIVED) == 1
    await assert_consistent(database, NOW)


async def test_a_post_that_arrives_deleted_counts_nothing_until_it_is_restored(
    database: Database,
) -> None:
    await put(database, post("q", state=DELETED))
    assert await tally(database, "bob", "ask", Side.GIVEN) == 0
    await put(database, act("1", post="q"))
    assert await tally(database, "bob", "like", Side.RECEIVED) == 1
    await put(database, post("q", state=VISIBLE))
    assert await tally(database, "bob", "ask", Side.GIVEN) == 1
    await assert_consistent(database, NOW)


async def test_restoring_does_not_undo_a_retraction(database: Database) -> None:
    await put(database, post("q"), act("w", "bob", "ask", post="q"), undo("u", "w"))
    await put(database, post("q", state=DELETED))
    await put(database, post("q", state=VISIBLE))
    assert await tally(database, "bob", "ask", Side.GIVEN) == 0
    await assert_consistent(database, NOW)


async def test_a_reaction_to_an_unknown_post_waits_and_is_not_lost(database: Database) -> None:
    receipt = await put(database, act("1", post="a"), act("2", "cid", "best_answer", post="a"))
    assert outcome(receipt, "action") == {"recorded": 2, "waiting": 2}
    assert await tally(database, "ann", "like", Side.GIVEN) == 1
    await assert_consistent(database, NOW)
    await put(database, post("a", "bob", "answer", time=ago(1)))
    assert await tally(database, "bob", "like", Side.RECEIVED) == 1
    assert await value(database, "select max(contribution) from standing") == 600
    assert outcome(await put(database, act("1", post="a")), "action") == {"duplicate": 1}
    await assert_consistent(database, NOW)


async def test_ones_own_reaction_that_waited_is_worth_nothing(database: Database) -> None:
    await put(database, act("1", "bob", post="q"))
    assert await value(database, "select support from standing") == 100
    await put(database, post("q", "bob"))
    assert await tally(database, "bob", "like", Side.OWN) == 1
    assert await value(database, "select support from standing") == 0
    await assert_consistent(database, NOW)


async def test_a_reaction_retracted_while_it_waited_stays_out(database: Database) -> None:
    await put(database, act("1", post="q"), undo("u", "1"))
    await put(database, post("q"))
    assert await tally(database, "bob", "like", Side.RECEIVED) == 0
    await assert_consistent(database, NOW)


async def test_a_named_target_stays_when_the_post_says_otherwise(database: Database) -> None:
    await put(database, act("1", post="q", target="cid"))
    await put(database, post("q", "bob"))
    assert await tally(database, "cid", "like", Side.RECEIVED) == 1
    assert await tally(database, "bob", "like", Side.RECEIVED) == 0
    await assert_consistent(database, NOW)


async def test_a_reaction_to_a_known_post_without_author_does_not_wait(database: Database) -> None:
    await put(database, post("q", None))
    assert outcome(await put(database, act("1", post="q")), "action") == {"recorded": 1}


async def test_a_post_from_ahead_of_the_clock_sent_again_is_a_duplicate(database: Database) -> None:
    ahead = post("q", "ann", time=NOW + timedelta(hours=20))
    await put(database, ahead)
    again = await put(database, ahead, now=NOW + timedelta(days=1))
    assert outcome(again, "post") == {"duplicate": 1}


async def test_a_new_author_who_had_sent_the_writing_has_written_once(database: Database) -> None:
    await put(database, post("a", "ann", "answer"), act("w", "eve", "answer", post="a"))
    await put(database, post("a", "eve", "answer"))
    assert await tally(database, "eve", "answer", Side.GIVEN) == 1
    await put(database, undo("u", "w"))
    assert await tally(database, "eve", "answer", Side.GIVEN) == 0
    await assert_consistent(database, NOW)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_writing_that_came_first_is_retracted_by_its_own_name_too(
    database: Database, order: tuple[int, ...]
) -> None:
    parts = (
        act("w", "eve", "answer", post="a"),
        post("a", "eve", "answer"),
        undo("u", "writing:a"),
    )
    for i in order:
        await put(database, parts[i])
    assert await tally(database, "eve", "answer", Side.GIVEN) == 0
    assert await value(database, "select count(*) from retraction where action_id is null") == 0
    await assert_consistent(database, NOW)


async def test_helping_somebody_else_instead_is_asked_again(database: Database) -> None:
    await put(database, *[post(f"q{i}", who, time=ago(9)) for i, who in enumerate("xyyyz")])
    answers = [post(f"a{i}", "ann", "answer", parent=f"q{i}", time=ago(i)) for i in range(4)]
    await put(database, member("ann", joined=ago(50)), *answers)
    assert await status(database, "ann") is not Status.CONTRIBUTOR
    await put(
        database,
        post("a3", "ann", "answer", parent="q3", time=ago(3), state=DELETED),
        post("a4", "ann", "answer", parent="q4", time=ago(3)),
    )
    assert await status(database, "ann") is Status.CONTRIBUTOR
    await assert_consistent(database, NOW)


async def test_a_parent_may_arrive_later(database: Database) -> None:
    await put(
        database, post("a", "ann", "answer", parent="q"), post("c", "cid", "comment", parent="a")
    )
    assert await tally(database, "ann", "answer", Side.GIVEN) == 1
    assert await tally(database, "ann", "comment", Side.RECEIVED) == 1
    await put(database, post("q", "bob", time=ago(1)))
    assert await tally(database, "bob", "answer", Side.RECEIVED) == 1
    await assert_consistent(database, NOW)


async def test_without_a_parent_the_root_is_answered(database: Database) -> None:
    await put(database, post("q", "bob", root="q"), post("a", "ann", "answer", root="q"))
    assert await tally(database, "bob", "answer", Side.RECEIVED) == 1
    assert await tally(database, "bob", "ask", Side.OWN) == 0
    await assert_consistent(database, NOW)


async def test_a_change_of_author_moves_all_that_hangs_on_it(database: Database) -> None:
    await put(
        database,
        post("q", "bob", time=ago(4), counts={"vote_up": 7}),
        post("a", "ann", "answer", parent="q"),
        act("1", "ann", post="q"),
        act("2", "eve", post="q"),
    )
    await put(database, post("q", "eve", time=ago(4)))
    assert await tally(database, "bob", "ask", Side.GIVEN) == 0
    assert await tally(database, "eve", "ask", Side.GIVEN) == 1
    assert await tally(database, "eve", "answer", Side.RECEIVED) == 1
    assert await tally(database, "eve", "vote_up", Side.RECEIVED) == 7
    assert await tally(database, "eve", "like", Side.RECEIVED) == 1
    assert await tally(database, "eve", "like", Side.OWN) == 1
    assert (
        await value(
            database,
            "select count(*) from tally t join account a using (member_id) "
            "where a.external_id = 'bob'",
        )
        == 0
    )
    await assert_consistent(database, NOW)


async def test_a_post_without_author_finds_one_later(database: Database) -> None:
    await put(database, post("q", None, counts={"like": 2}), act("1", post="q"))
    await assert_consistent(database, NOW)
    await put(database, post("q", "bob"))
    assert await tally(database, "bob", "like", Side.RECEIVED) == 3
    assert await tally(database, "bob", "ask", Side.GIVEN) == 1
    await assert_consistent(database, NOW)


@pytest.mark.parametrize(
    "change", [{"time": ago(3)}, {"venue": "idea"}, {"type": "comment"}, {"parent": "p"}]
)
async def test_a_snapshot_that_changes_what_was_written_moves_the_writing(
    database: Database, change: dict[str, Any]
) -> None:
    await put(database, post("p", "cid"), post("q", "bob"), act("1", post="q"))
    await put(database, post("q", **change))
    assert await value(database, "select count(*) from action") == 3
    await assert_consistent(database, NOW)


async def test_the_precision_of_a_post_is_that_of_its_writing(database: Database) -> None:
    await put(database, post("q", precision=Precision.DAY))
    await put(database, post("q", precision=Precision.LOWER_BOUND))
    assert await value(database, "select precision from action") == Precision.LOWER_BOUND
    await assert_consistent(database, NOW)


async def _helper(database: Database) -> None:
    """``ann`` has answered enough on enough days, but questions that nobody knows."""
    await put(database, member("ann", joined=ago(50)))
    answers = [post(f"a{i}", "ann", "answer", parent=f"q{i}", time=ago(i)) for i in range(4)]
    await put(database, *answers)


async def test_helping_people_counts_once_it_is_known_whom(database: Database) -> None:
    await _helper(database)
    assert await status(database, "ann") is Status.MEMBER
    await put(database, *[post(f"q{i}", f"asker{i}", time=ago(9)) for i in range(2)])
    assert await status(database, "ann") is Status.MEMBER
    await put(database, post("q2", "asker2", time=ago(9)))
    assert await status(database, "ann") is Status.CONTRIBUTOR
    await assert_consistent(database, NOW)


async def test_helping_one_person_under_many_questions_is_helping_one(database: Database) -> None:
    await _helper(database)
    await put(database, *[post(f"q{i}", "one", time=ago(9)) for i in range(4)])
    assert await status(database, "ann") is Status.MEMBER
    await put(database, *[post(f"q{i}", f"asker{i}", time=ago(9)) for i in range(1, 4)])
    assert await status(database, "ann") is Status.CONTRIBUTOR
    await assert_consistent(database, NOW)


async def test_a_best_answer_counts_the_people_who_chose_it(database: Database) -> None:
    """An earner is asked for distinct people also where they earn by receiving."""
    await put(database, member("ann", joined=ago(50)))
    chosen = [act(f"b{i}", "asker0", "best_answer", target="ann", time=ago(i)) for i in range(4)]
    await put(database, *chosen)
    assert await status(database, "ann") is Status.MEMBER
    more = [act(f"c{i}", f"asker{i}", "best_answer", target="ann", time=ago(i)) for i in range(3)]
    await put(database, *more)
    assert await status(database, "ann") is Status.CONTRIBUTOR
    await assert_consistent(database, NOW)


async def test_a_changed_author_changes_whom_a_best_answer_came_from(database: Database) -> None:
    """The adopted idea is written anew; what it earned and from whom is counted again."""
    await put(database, member("ann", joined=ago(50)))
    records: list[Record] = []
    for i in range(3):
        records += [
            post(f"q{i}", f"asker{i}", time=ago(10)),
            post(f"a{i}", "ann", "answer", parent=f"q{i}", time=ago(2 + i)),
            act(f"t{i}", f"asker{i}", "best_answer", post=f"a{i}", time=ago(1)),
        ]
    await put(database, *records)
    assert await status(database, "ann") is Status.CONTRIBUTOR
    await put(database, *[post(f"q{i}", "ann", time=ago(10)) for i in range(3)])
    await assert_consistent(database, NOW)
