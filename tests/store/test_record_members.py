"""Snapshots of members: known by what they state, however late it comes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engagement.words import Side, Status
from store.db import Database
from tests.store.making import (
    NOW,
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
    value,
)
from tests.store.recount import assert_consistent


async def test_a_member_is_recorded_replaced_and_repeated(database: Database) -> None:
    first = member("ann", name="Ann", lang="ja", attributes={"plan": "S"}, joined=ago(9))
    assert outcome(await put(database, first), "member") == {"recorded": 1}
    assert outcome(await put(database, first, first), "member") == {"duplicate": 2}
    renamed = member("ann", name="Anne")
    assert outcome(await put(database, renamed), "member") == {"replaced": 1}
    kept = (await fetch(database, "select * from member"))[0]
    assert (kept["name"], kept["lang"], kept["attributes"]) == ("Anne", "ja", {"plan": "S"})
    assert kept["joined_at"] == ago(9)
    await assert_consistent(database, NOW)


async def test_snapshots_of_one_call_take_effect_in_order(database: Database) -> None:
    receipt = await put(database, member("ann", name="A"), member("ann", name="B", zone="UTC"))
    assert outcome(receipt, "member") == {"recorded": 1, "replaced": 1}
    assert await value(database, "select name from member") == "B"
    receipt = await put(database, member("ann", name="C"), member("ann", name="B"))
    assert outcome(receipt, "member") == {"replaced": 2}
    assert await value(database, "select name || zone from member") == "BUTC"


async def test_whoever_is_only_named_becomes_known_later(database: Database) -> None:
    await put(database, act("1", "ann", target="bob"))
    assert await value(database, "select count(*) from member where known") == 0
    receipt = await put(database, member("ann", name="Ann"), member("bob", name="Bob"))
    assert outcome(receipt, "member") == {"recorded": 2}
    assert await value(database, "select count(*) from member where known") == 2
    await assert_consistent(database, NOW)


async def test_a_renamed_member_keeps_what_they_did(database: Database) -> None:
    await put(database, member("ann", name="Ann"), act("1"))
    before = await snapshot(database)
    await put(database, member("ann", name="Zoë"))
    assert await snapshot(database) == before


async def test_a_joining_day_learnt_later_moves_the_first_day(database: Database) -> None:
    await put(database, act("1"))
    assert await status(database, "ann") is Status.NEWCOMER
    await put(database, member("ann", joined=ago(31)))
    assert await status(database, "ann") is Status.MEMBER
    await put(database, member("ann", joined=ago(29)))
    assert await status(database, "ann") is Status.NEWCOMER
    await assert_consistent(database, NOW)


async def test_deeds_before_the_joining_day_come_first(database: Database) -> None:
    await put(database, member("ann", joined=ago(5)), act("1", time=ago(40)))
    assert await status(database, "ann") is Status.MEMBER
    await assert_consistent(database, NOW)


async def test_a_member_who_never_did_anything_becomes_dormant(database: Database) -> None:
    await put(database, member("new", joined=ago(59)), member("old", joined=ago(60)))
    assert await status(database, "new") is Status.MEMBER
    assert await status(database, "old") is Status.DORMANT
    await assert_consistent(database, NOW)


async def test_a_joining_time_within_the_same_day_changes_no_standing(database: Database) -> None:
    await put(database, member("ann", joined=ago(40)))
    before = await snapshot(database)
    receipt = await put(database, member("ann", joined=ago(40) + timedelta(hours=3)))
    assert outcome(receipt, "member") == {"replaced": 1}
    assert await snapshot(database) == before


@pytest.mark.parametrize("role", ["staff", "bot"])
async def test_staff_and_bots_are_kept_apart_by_role(database: Database, role: str) -> None:
    await put(
        database,
        member("desk", role=role),
        post("q", "bob"),
        *[act(str(i), "desk", post="q") for i in range(3)],
        act("x", "bob", target="desk"),
    )
    assert await value(database, "select role from member where role <> 'member'") == role
    # What staff do reaches members as what anybody does.
    assert await tally(database, "bob", "like", Side.RECEIVED) == 3
    assert await tally(database, "desk", "like", Side.GIVEN) == 3
    await put(database, member("desk", name="Desk"))
    assert await value(database, "select role from member where name = 'Desk'") == role
    await assert_consistent(database, NOW)
