"""Locks, merging and erasing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from engagement.words import STATUSES, Role, Side, Status
from sources.records import MemberRecord, ViewsRecord
from store.db import Database
from store.members import UnknownMember
from store.people import (
    NotAllowed,
    end_lock,
    erase_member,
    lock_status,
    merge_members,
)
from store.refresh import refresh
from tests.store.making import EVE, NOW, act, ago, counted, member, number, post, put, tally, undo
from tests.store.recount import assert_consistent


async def status(database: Database, member_id: int) -> Status:
    async with database.read() as c:
        code: int = await c.fetchval("select status from standing where member_id = $1", member_id)
    return STATUSES[code]


async def rows(database: Database, query: str, *args: object) -> list[dict[str, Any]]:
    async with database.read() as c:
        return [dict(row) for row in await c.fetch(query, *args)]


async def test_a_lock_gives_its_status_until_its_last_day(database):
    await put(database, member("ann", joined=ago(400)), act("a1", verb="like", post="p1"))
    ann = await number(database, "ann")
    today = database.day(NOW)
    await lock_status(
        database, ann, Status.CONTRIBUTOR, until_day=today + 3, reason="pilot", by=EVE, now=NOW
    )
    assert await status(database, ann) is Status.CONTRIBUTOR
    await assert_consistent(database, NOW)
    later = NOW + timedelta(days=2)
    await refresh(database, now=later)
    assert await status(database, ann) is Status.CONTRIBUTOR
    ended = NOW + timedelta(days=3)
    await refresh(database, now=ended)
    assert await status(database, ann) is Status.MEMBER
    moves = await rows(database, "select to_status, cause from transition order by id")
    assert [m["cause"] for m in moves] == ["action", "lock", "lock"]
    await assert_consistent(database, ended)


async def test_a_second_lock_ends_the_first_and_a_lock_can_be_ended(database):
    await put(database, member("ann", joined=ago(400)), act("a1", verb="like", post="p1"))
    ann = await number(database, "ann")
    for to in (Status.FAN, Status.CONNECTOR):
        await lock_status(database, ann, to, until_day=None, reason="r", by=EVE, now=NOW)
        assert await status(database, ann) is to
    await end_lock(database, ann, now=NOW)
    assert await status(database, ann) is Status.MEMBER
    with pytest.raises(NotAllowed, match="not locked"):
        await end_lock(database, ann, now=NOW)
    await assert_consistent(database, NOW)


async def test_locks_are_refused_where_they_make_no_sense(database):
    await put(database, member("ann"))
    ann = await number(database, "ann")
    with pytest.raises(NotAllowed, match="end before it begins"):
        await lock_status(
            database, ann, Status.FAN, until_day=database.day(NOW), reason="", by=EVE, now=NOW
        )
    with pytest.raises(UnknownMember):
        await lock_status(
            database, ann + 99, Status.FAN, until_day=None, reason="", by=EVE, now=NOW
        )


async def test_who_has_no_status_cannot_be_locked(database):
    await put(database, member("eve", role=Role.STAFF), member("r2", role=Role.BOT))
    for who, called in (("eve", "staff"), ("r2", "a bot")):
        one = await number(database, who)
        with pytest.raises(NotAllowed, match=f"they are {called}, who has no status"):
            await lock_status(database, one, Status.FAN, until_day=None, reason="", by=EVE, now=NOW)
    assert await rows(database, "select 1 from hold") == []


@pytest.mark.parametrize("askers", [3, 250])
async def test_two_people_who_become_one_count_as_one_for_others(database, askers):
    """Three different people made her a contributor; two of them turn out to be the same."""
    await put(database, member("ann", joined=ago(50)))
    await put(database, *[post(f"q{i}", f"asker{i % 3}", time=ago(9)) for i in range(4)])
    for i in range(4):
        answer = post(f"a{i}", "ann", "answer", parent=f"q{i % 3}", time=ago(i % 2))
        await put(database, answer)
    more = [post(f"m{i}", f"m{i}", "answer", parent="q0") for i in range(askers - 3)]
    await put(database, *more)
    ann = await number(database, "ann")
    assert await status(database, ann) is Status.CONTRIBUTOR
    await merge_members(
        database, await number(database, "asker0"), await number(database, "asker1"), now=NOW
    )
    await refresh(database, now=NOW)
    assert await status(database, ann) is Status.MEMBER
    await assert_consistent(database, NOW)


async def test_merging_makes_one_person_of_two_accounts(database):
    await put(
        database,
        member("ann", joined=ago(50), name="Ann"),
        MemberRecord("shop", "a-1", joined=ago(300), lang="ja"),
        post("p1", author="bob", time=ago(20)),
        act("a1", actor="ann", post="p1", time=ago(3)),
    )
    await put(database, act("s1", source="shop", actor="a-1", verb="comment", target="b-2"))
    ann, other = await number(database, "ann"), await number(database, "a-1", "shop")
    await merge_members(database, ann, other, now=NOW)
    assert await number(database, "a-1", "shop") == ann
    (kept,) = await rows(database, "select name, lang, joined_at from member where id = $1", ann)
    assert kept == {"name": "Ann", "lang": "ja", "joined_at": ago(300)}
    assert await rows(database, "select 1 from tally where member_id = $1", other) == []
    await assert_consistent(database, NOW)
    receipt = await put(
        database, act("s1", source="shop", actor="a-1", verb="comment", target="b-2")
    )
    assert receipt.of("action").duplicate == 1
    await put(database, act("s2", source="shop", actor="a-1", verb="like", target="b-2"))
    await assert_consistent(database, NOW)


async def test_what_two_accounts_did_to_each_other_becomes_worth_nothing(database):
    await put(database, post("p1", author="ann"), act("a1", actor="bob", verb="like", post="p1"))
    ann, bob = await number(database, "ann"), await number(database, "bob")
    await merge_members(database, ann, bob, now=NOW)
    found = await rows(
        database,
        "select t.side from tally t join action_type a on a.id = t.type_id "
        "where a.verb = 'like' and t.member_id = $1",
        ann,
    )
    assert found == [{"side": 2}]
    await assert_consistent(database, NOW)


async def test_counters_of_two_sources_go_along(database):
    await put(
        database,
        counted("ann", 7, ago(2)),
        counted("a-1", 5, ago(2), source="shop"),
        counted("bob", 4, ago(2)),
    )
    ann, other = await number(database, "ann"), await number(database, "a-1", "shop")
    await merge_members(database, ann, other, now=NOW)
    (total,) = await rows(
        database, "select sum(n)::int as n from tally where member_id = $1 and side = 0", ann
    )
    assert total == {"n": 12}
    await assert_consistent(database, NOW)


@pytest.mark.parametrize("times", [(2, 2), (2, 3)])
async def test_totals_of_two_accounts_of_one_source_add_up_in_every_export(database, times):
    export = [counted("ann", 7, ago(times[0])), counted("alt", 5, ago(times[1]))]
    await put(database, *export)
    ann, alt = await number(database, "ann"), await number(database, "alt")
    await merge_members(database, ann, alt, now=NOW)
    assert await tally(database, "ann", "like", Side.GIVEN) == 12
    assert (await put(database, *export)).of("counter").duplicate == 2
    await put(database, counted("ann", 9, ago(1)), counted("alt", 6, ago(1)))
    assert await tally(database, "ann", "like", Side.GIVEN) == 15
    await assert_consistent(database, NOW)
    await erase_member(database, ann, now=NOW)
    await put(database, counted("alt", 8, ago(0)))
    assert await rows(database, "select 1 from counter where account in ('ann', 'alt')") == []
    await assert_consistent(database, NOW)


async def test_merging_is_refused_where_it_makes_no_sense(database):
    await put(database, member("ann"), member("bob"))
    ann, bob = await number(database, "ann"), await number(database, "bob")
    with pytest.raises(NotAllowed, match="with themselves"):
        await merge_members(database, ann, ann, now=NOW)
    await merge_members(database, ann, bob, now=NOW)
    with pytest.raises(UnknownMember):
        await merge_members(database, ann, bob, now=NOW)


HISTORY = (
    member("ann", name="Ann Example", joined=ago(90), attributes={"mail": "ann@example.invalid"}),
    post("q-ann", author="ann", text="my number is zq-555", title="Ann asks", time=ago(30)),
    post("a-bob", author="bob", type="answer", parent="q-ann", root="q-ann", time=ago(29)),
    act("like-ann-a-bob", actor="ann", post="a-bob", time=ago(28)),
    act("like-bob-q-ann", actor="bob", post="q-ann", time=ago(28)),
    act("cmt-ann", actor="ann", verb="comment", target="bob", time=ago(5)),
    undo("undo-cmt-ann", "cmt-ann", time=ago(4)),
)


async def whole(database: Database) -> str:
    """Everything in the database, as text."""
    tables = await rows(
        database,
        "select tablename as name from pg_tables where schemaname = 'public' "
        "and tablename not in ('rule_set', 'scenario', 'prompt_policy', 'setting', "
        "'alembic_version')",
    )
    parts = []
    for table in tables:
        parts += await rows(database, f'select t::text as row from "{table["name"]}" t')
    return "\n".join(part["row"] for part in parts)


async def test_erasing_takes_away_whatever_tells_who_it_was(database):
    await put(database, *HISTORY)
    ann, bob = await number(database, "ann"), await number(database, "bob")
    before = await rows(database, "select * from tally where member_id = $1 order by day", bob)
    await erase_member(database, ann, now=NOW)
    text = await whole(database)
    for trace in ("ann", "Ann", "zq-555", "example.invalid"):
        assert trace not in text
    after = await rows(database, "select * from tally where member_id = $1 order by day", bob)
    assert after == before
    await assert_consistent(database, NOW)


async def test_erasing_keeps_the_day_on_which_they_were_first_heard_of(database):
    await put(database, act("1", "ann", time=ago(90)), now=ago(90))
    await put(database, member("ann", joined=ago(30)))
    ann = await number(database, "ann")
    await erase_member(database, ann, now=NOW)
    (kept,) = await rows(database, "select seen_day from member where id = $1", ann)
    assert kept == {"seen_day": database.day(ago(90))}
    await assert_consistent(database, NOW)


async def test_a_re_import_meets_the_tombstone(database):
    await put(database, *HISTORY)
    await erase_member(database, await number(database, "ann"), now=NOW)
    members = await rows(database, "select count(*) from member")
    receipt = await put(database, *HISTORY)
    assert {kind: c.recorded for kind, c in receipt.counts.items() if c.recorded} == {}
    assert await rows(database, "select count(*) from member") == members
    text = await whole(database)
    for trace in ("ann", "Ann", "zq-555"):
        assert trace not in text
    await assert_consistent(database, NOW)


async def test_new_records_of_an_erased_member_stay_nameless(database):
    await put(database, *HISTORY)
    await erase_member(database, await number(database, "ann"), now=NOW)
    await put(
        database,
        act("like-ann-new", actor="ann", post="a-bob"),
        post("q-ann-2", author="ann", text="again zq-555", title="Ann"),
        act("like-bob-q-ann-2", actor="bob", post="q-ann-2"),
    )
    text = await whole(database)
    for trace in ("ann", "Ann", "zq-555"):
        assert trace not in text
    await assert_consistent(database, NOW)
    again = await put(database, act("like-ann-new", actor="ann", post="a-bob"))
    assert again.of("action").duplicate == 1


async def test_what_is_done_to_an_erased_members_post_is_known_again(database):
    await put(database, *HISTORY)
    await erase_member(database, await number(database, "ann"), now=NOW)
    for names in (HISTORY[5], act("new-ann", actor="cid", post="q-ann")):
        await put(database, names)
        again = await put(database, names)
        assert again.of("action").duplicate == 1
    assert "ann" not in await whole(database)
    await assert_consistent(database, NOW)


async def test_of_two_erased_members_a_re_import_meets_both_tombstones(database):
    await put(database, *HISTORY)
    for who in ("ann", "bob"):
        await erase_member(database, await number(database, who), now=NOW)
    for records in (HISTORY, *[(one,) for one in HISTORY]):
        receipt = await put(database, *records)
        assert {kind: c.recorded for kind, c in receipt.counts.items() if c.recorded} == {}
    await assert_consistent(database, NOW)


async def test_what_waited_for_a_post_of_an_erased_member_is_known_again(database):
    await put(database, *HISTORY)
    await erase_member(database, await number(database, "ann"), now=NOW)
    like = act("r1-ann", actor="bob", post="q-new")
    await put(database, like, undo("u1-ann", "r2-ann"), act("r2-ann", actor="bob", post="q-new"))
    await put(database, post("q-new", author="ann"))
    again = await put(database, like, undo("u1-ann", "r2-ann"))
    assert (again.of("action").duplicate, again.of("retraction").duplicate) == (1, 1)
    assert "ann" not in await whole(database)
    await assert_consistent(database, NOW)


async def test_a_post_handed_to_an_erased_member_tells_nothing(database):
    await put(database, *HISTORY, post("q7-ann", author="eve"))
    await erase_member(database, await number(database, "ann"), now=NOW)
    await put(database, post("q7-ann", author="ann"))
    assert "ann" not in await whole(database)
    await assert_consistent(database, NOW)


async def test_a_second_id_of_an_erased_members_writing_can_be_retracted(database):
    await put(database, post("a", "ann", "answer"), act("w-ann", "ann", "answer", post="a"))
    await erase_member(database, await number(database, "ann"), now=NOW)
    receipt = await put(database, undo("u-ann", "w-ann"))
    assert receipt.of("retraction").waiting == 0
    assert "ann" not in await whole(database)
    await assert_consistent(database, NOW)


async def test_a_retraction_may_come_before_the_action_of_an_erased_member(database):
    await put(database, *HISTORY)
    await erase_member(database, await number(database, "ann"), now=NOW)
    undone = undo("u9-ann", "late-ann")
    await put(database, undone)
    await put(database, act("late-ann", actor="ann", target="bob"))
    assert await tally(database, "bob", "like", Side.RECEIVED) == 1
    assert (await put(database, undone)).of("retraction").duplicate == 1
    assert "ann" not in await whole(database)
    await assert_consistent(database, NOW)


async def test_views_of_an_erased_members_post_are_nothing_new(database):
    views = ViewsRecord("site", "q-ann", NOW.date(), 3)
    await put(database, *HISTORY, views)
    await erase_member(database, await number(database, "ann"), now=NOW)
    assert (await put(database, views)).of("views").duplicate == 1


async def test_an_erased_member_stays_as_old_as_they_were(database):
    await put(database, act("1", "bob", target="ann"))
    await put(database, member("ann", joined=NOW + timedelta(hours=20)))
    await erase_member(database, await number(database, "ann"), now=NOW)
    await assert_consistent(database, NOW)


async def test_an_erased_member_cannot_be_changed(database):
    await put(database, *HISTORY)
    ann = await number(database, "ann")
    await erase_member(database, ann, now=NOW)
    with pytest.raises(UnknownMember):
        await erase_member(database, ann, now=NOW)
    with pytest.raises(UnknownMember):
        await lock_status(database, ann, Status.FAN, until_day=None, reason="", by=EVE, now=NOW)
