"""Several calls at once: nothing twice, nothing lost, nothing computed from an old past."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from engagement import rules as rule_files
from engagement.words import Side
from sources.records import Record, ViewsRecord
from store import rules
from store.db import Database, connect
from store.people import erase_member, merge_members
from store.receipt import Receipt
from store.record import record
from store.refresh import refresh
from tests.store.making import (
    DELETED,
    NOW,
    act,
    ago,
    counted,
    member,
    number,
    post,
    put,
    tally,
    undo,
    value,
)
from tests.store.recount import assert_consistent

pytestmark = pytest.mark.slow

#: Other databases of the server have waits of their own. Not by pg_stat_activity, of which a
#: transaction sees one moment only.
_WAITING = """
    select count(*) from pg_locks where not granted and pid in (
        select l.pid from pg_locks l join pg_database d on d.oid = l.database
        where d.datname = current_database())
"""


class Gate:
    """A lock of ours that others run into."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def waiting(self, tasks: int) -> None:
        """Return as soon as so many are waiting for a lock in this database."""
        async with asyncio.timeout(120):
            while await self._connection.fetchval(_WAITING) < tasks:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)


@asynccontextmanager
async def holding(url: str, statement: str, *args: object) -> AsyncIterator[Gate]:
    """Run a statement in a transaction that is given up at the end."""
    connection = await asyncpg.connect(url)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(statement, *args)
    try:
        yield Gate(connection)
    finally:
        await transaction.rollback()
        await connection.close()


#: Keeps everybody out who has news of the member with the account ``zed``, after they have written
#: the actions.
_ZED = """
    select 1 from standing join account using (member_id) where external_id = 'zed' for update
"""
#: Keeps everybody out who names ``new`` for the first time, after they have read the rules.
_NEW = """
    insert into account (source_id, external_id, member_id)
    select id, 'new', (select max(id) from member) from source where name = 'site'
"""
#: Keeps everybody out who names the post ``new`` for the first time, after they have read who the
#: members are.
_NEW_POST = "insert into post (source_id, external_id) select id, 'new' from source"

#: Whatever is still the business of a member.
_OF = """
    select (select count(*) from action where actor_id = $1 or target_id = $1)
        + (select count(*) from post where author_id = $1)
        + (select count(*) from tally where member_id = $1)
"""
#: Ids of actions that tell who did them.
_RAW = "select count(*) from action where external_id like '%two'"


def _busy(seed: int) -> list[Record]:
    """A lively morning of few people around few posts."""
    chance = random.Random(seed)
    people, posts = [f"m{i}" for i in range(8)], [f"p{i}" for i in range(12)]
    records: list[Record] = [member(who, name=who, joined=ago(70)) for who in people]
    for i, id in enumerate(posts):
        parent = posts[chance.randrange(i)] if i and i % 3 else None
        kind = "answer" if parent else "question"
        records.append(
            post(id, people[i % 8], kind, parent=parent, time=ago(i % 4), counts={"like": i % 3})
        )
    for i in range(120):
        who, about = chance.choice(people), chance.choice(posts)
        verb = chance.choice(["like", "vote_up", "comment", "answer", "best_answer"])
        records.append(act(f"a{i}", who, verb, post=about, time=ago(chance.choice([0, 0, 1, 30]))))
        if i % 5 == 0:
            records.append(undo(f"u{i}", f"a{chance.randrange(120)}"))
    records += [counted(who, 9, ago(1)) for who in people[:4]]
    return records


@pytest.mark.parametrize("seed", range(3))
async def test_overlapping_batches_at_once_count_everything_once(url: str, seed: int) -> None:
    records = _busy(seed)
    chance = random.Random(seed)
    opened = [await connect(url, least=0, most=3) for _ in range(2)]
    calls: list[Coroutine[Any, Any, Receipt]] = []
    for i in range(6):
        mine = chance.sample(records, len(records) * 2 // 3)
        calls += [
            record(opened[i % 2], mine[start : start + 40], now=NOW)
            for start in range(0, len(mine), 40)
        ]
    receipts = await asyncio.gather(*calls)
    receipts.append(await record(opened[0], records, now=NOW))
    total = Receipt()
    for receipt in receipts:
        total.add(receipt)
    assert total.rejected == []
    named = "select count(*) from alias where external_id not like 'writing:%'"
    assert total.of("action").recorded + await value(opened[0], named) <= 120
    assert total.of("retraction").recorded == 24
    assert total.of("post").recorded == 12
    assert total.of("member").recorded == 8
    assert total.of("action").conflict == 0
    await refresh(opened[1], now=NOW)
    await assert_consistent(opened[0], NOW)
    again = await record(opened[1], records, now=NOW)
    assert all(c.recorded == c.conflict == c.replaced == 0 for c in again.counts.values())
    for one in opened:
        await one.close()


async def test_the_same_action_at_once_is_recorded_by_one(database: Database) -> None:
    calls = [put(database, act("1"), act(f"own {i}", "bob")) for i in range(5)]
    receipts = await asyncio.gather(*calls)
    counts = [r.of("action") for r in receipts]
    assert sorted(c.recorded for c in counts) == [1, 1, 1, 1, 2]
    assert sum(c.duplicate for c in counts) == 4
    await assert_consistent(database, NOW)


async def test_a_post_and_a_reaction_to_it_at_once_find_each_other(database: Database) -> None:
    for i in range(10):
        about = post(f"q{i}", "bob", time=ago(1))
        await asyncio.gather(
            put(database, act(f"1 {i}", post=f"q{i}")),
            put(database, about),
            put(database, act(f"2 {i}", "cid", post=f"q{i}")),
        )
    assert await tally(database, "bob", "like", Side.RECEIVED) == 20
    await assert_consistent(database, NOW)


@pytest.mark.parametrize("known", [True, False])
async def test_a_reaction_waits_for_the_post_that_is_being_recorded(
    database: Database, url: str, known: bool
) -> None:
    await put(database, act("0", "zed", post="q" if known else None, target="x"))
    async with holding(url, _ZED) as gate:
        first = asyncio.create_task(put(database, post("q", "bob"), act("1", "zed")))
        await gate.waiting(1)
        second = asyncio.create_task(put(database, act("2", post="q")))
        await gate.waiting(2)
    await asyncio.gather(first, second)
    assert await tally(database, "bob", "like", Side.RECEIVED) == 1
    await assert_consistent(database, NOW)


async def test_a_post_waits_for_the_reaction_that_is_being_recorded(
    database: Database, url: str
) -> None:
    await put(database, act("0", "zed"))
    async with holding(url, _ZED) as gate:
        first = asyncio.create_task(put(database, act("1", "zed", post="q")))
        await gate.waiting(1)
        second = asyncio.create_task(put(database, post("q", "bob")))
        await gate.waiting(2)
    await asyncio.gather(first, second)
    assert await tally(database, "bob", "like", Side.RECEIVED) == 1
    await assert_consistent(database, NOW)


async def test_a_post_changes_its_author_after_a_reaction_that_is_being_recorded(
    database: Database, url: str
) -> None:
    await put(database, act("0", "zed"), post("q", "bob"), post("q2", "bob"))
    async with holding(url, _ZED) as gate:
        first = asyncio.create_task(put(database, act("1", post="q"), act("2", "zed")))
        await gate.waiting(1)
        second = asyncio.create_task(put(database, post("q", "eve")))
        await gate.waiting(2)
    await asyncio.gather(first, second)
    assert await tally(database, "eve", "like", Side.RECEIVED) == 1
    assert await tally(database, "bob", "like", Side.RECEIVED) == 0
    await assert_consistent(database, NOW)


async def test_a_reaction_meets_a_post_that_is_changing_its_author(
    database: Database, url: str
) -> None:
    await put(database, act("0", "zed"), post("q", "bob"))
    async with holding(url, _NEW_POST) as gate:
        first = asyncio.create_task(put(database, act("1", post="q"), act("2", "cid", post="new")))
        await gate.waiting(1)
        await put(database, post("q", "eve"))
    await first
    assert await tally(database, "eve", "like", Side.RECEIVED) == 1
    await assert_consistent(database, NOW)


_TWO = (post("q", "two"), act("0", "zed"), act("own", "one", "answer", post="q"), act("x", "two"))


@pytest.mark.parametrize("names", [act("1", "two"), act("1", "bob", post="q"), post("q2", "two")])
@pytest.mark.parametrize("until", [_NEW_POST, _ZED])
async def test_members_are_merged_while_news_of_them_are_recorded(
    database: Database, url: str, names: Record, until: str
) -> None:
    await put(database, *_TWO)
    one, two = await number(database, "one"), await number(database, "two")
    async with holding(url, until) as gate:
        news = asyncio.create_task(put(database, names, act("2", "zed", post="new")))
        await gate.waiting(1)
        merging = asyncio.create_task(merge_members(database, one, two, now=NOW))
        await gate.waiting(2)
    await asyncio.gather(news, merging)
    assert await value(database, _OF, two) == 0
    await assert_consistent(database, NOW)


@pytest.mark.parametrize("names", [act("1-two", "two"), act("1-two", "bob", post="q")])
@pytest.mark.parametrize("until", [_NEW_POST, _ZED])
async def test_a_member_is_erased_while_news_of_them_are_recorded(
    database: Database, url: str, names: Record, until: str
) -> None:
    await put(database, *_TWO)
    two = await number(database, "two")
    async with holding(url, until) as gate:
        news = asyncio.create_task(put(database, names, act("2", "zed", post="new")))
        await gate.waiting(1)
        erasing = asyncio.create_task(erase_member(database, two, now=NOW))
        await gate.waiting(2)
    await asyncio.gather(news, erasing)
    assert await value(database, _RAW) == 0
    assert (await put(database, names)).of("action").duplicate == 1
    await assert_consistent(database, NOW)


async def test_a_post_and_its_known_answer_change_at_once(database: Database, url: str) -> None:
    await put(database, post("a", "ann", "answer", parent="q", time=ago(2)))
    mine = "select 1 from action where external_id = 'writing:a' for update"
    async with holding(url, mine) as gate:
        asked = asyncio.create_task(put(database, post("q", "bob", time=ago(5))))
        await gate.waiting(1)
        edited = asyncio.create_task(put(database, post("a", "ann", "answer", time=ago(1))))
        await gate.waiting(2)
    await asyncio.gather(asked, edited)
    assert await tally(database, "bob", "answer", Side.RECEIVED) == 1
    await assert_consistent(database, NOW)


async def test_the_same_views_at_once_count_once(database: Database, url: str) -> None:
    views = ViewsRecord("site", "q", NOW.date(), 20)
    await put(database, post("q"), act("0", "zed"))
    async with holding(url, _ZED) as gate:
        first = asyncio.create_task(put(database, views, act("1", "zed")))
        await gate.waiting(1)
        again = asyncio.create_task(put(database, views))
        await gate.waiting(2)
    await asyncio.gather(first, again)
    assert await tally(database, "bob", "view", Side.RECEIVED) == 20
    await assert_consistent(database, NOW)


async def test_the_same_posts_at_once_do_not_starve_each_other(database: Database) -> None:
    ids = [f"q{i}" for i in range(20)]
    await put(database, *[act(f"like {id}", post=id) for id in ids])
    posts = [post(id, "bob") for id in ids]
    async with asyncio.timeout(120):
        receipts = await asyncio.gather(*[put(database, *posts) for _ in range(5)])
    assert sum(r.of("post").recorded for r in receipts) == len(ids)
    assert (
        await value(
            database, "select deadlocks from pg_stat_database where datname = current_database()"
        )
        == 0
    )
    await assert_consistent(database, NOW)


async def test_an_action_and_its_retraction_at_once_net_out(database: Database, url: str) -> None:
    await put(database, act("0", "zed"), act("x"))
    async with holding(url, _ZED) as gate:
        first = asyncio.create_task(put(database, act("1"), act("2", "zed")))
        await gate.waiting(1)
        # Neither sees the other: the retraction waits, and due work finds its action.
        await put(database, undo("u", "1"))
    await first
    assert await value(database, "select count(*) from retraction where action_id is null") == 1
    report = await refresh(database, now=NOW)
    assert report.retractions == 1
    assert await tally(database, "ann", "like", Side.GIVEN) == 1
    await assert_consistent(database, NOW)


async def test_writing_retracted_while_its_post_is_recorded(database: Database, url: str) -> None:
    await put(database, act("0", "zed"), act("w", "ann", "answer", post="a"))
    async with holding(url, _ZED) as gate:
        undone = asyncio.create_task(put(database, undo("u", "w"), act("1", "zed")))
        await gate.waiting(1)
        written = asyncio.create_task(put(database, post("a", "ann", "answer")))
        await gate.waiting(2)
    await asyncio.gather(undone, written)
    assert await tally(database, "ann", "answer", Side.GIVEN) == 0
    await assert_consistent(database, NOW)


async def test_a_counter_and_its_actions_at_once_do_not_add_up(
    database: Database, url: str
) -> None:
    await put(database, act("0", "zed"), member("ann"), counted("eve", 1))
    async with holding(url, _ZED) as gate:
        total = asyncio.create_task(put(database, counted("ann", 5), act("1", "zed")))
        await gate.waiting(1)
        action = asyncio.create_task(put(database, act("2", "ann", time=ago(1)), act("3", "zed")))
        await gate.waiting(2)
    await asyncio.gather(total, action)
    assert await tally(database, "ann", "like", Side.GIVEN) == 5
    await assert_consistent(database, NOW)


async def test_the_first_counter_of_all_and_an_action_at_once(database: Database, url: str) -> None:
    await put(database, act("0", "zed"), member("ann"))
    async with holding(url, _ZED) as gate:
        action = asyncio.create_task(put(database, act("2", "ann", time=ago(1)), act("3", "zed")))
        await gate.waiting(1)
        total = asyncio.create_task(put(database, counted("ann", 5), act("1", "zed")))
        await gate.waiting(2)
    await asyncio.gather(total, action)
    assert await tally(database, "ann", "like", Side.GIVEN) == 5
    await assert_consistent(database, NOW)


async def _other_rules(database: Database, **thresholds: int) -> int:
    """The number of a draft with other thresholds, in which likes received earn support too."""
    first = rule_files.default()
    changed = {
        index: dataclasses.replace(t, enter=thresholds.get(index.value, t.enter))
        for index, t in first.thresholds.items()
    }
    catalog = tuple(
        dataclasses.replace(row, earns=Side.RECEIVED) if row.key == ("qa", "like") else row
        for row in first.catalog
    )
    other = dataclasses.replace(first, name="other", thresholds=changed, catalog=catalog)
    return (await rules.save_draft(database, rule_files.dump(other), now=NOW)).id


async def test_rules_activated_while_a_recording_is_under_way(database: Database, url: str) -> None:
    """What was recorded by the old rules is folded by the new ones, whoever ends first."""
    other = await _other_rules(database, support=2)
    await put(database, post("q", "bob", time=ago(1)), member("ann"))
    async with holding(url, _NEW) as gate:
        # By the old rules a like is nothing to bob's standing, so his is not locked.
        recording = asyncio.create_task(put(database, act("1", post="q"), act("2", "new")))
        await gate.waiting(1)

        async def change() -> None:
            await rules.activate(database, other, now=NOW)
            await refresh(database, now=NOW)

        changing = asyncio.create_task(change())
        waiting = asyncio.create_task(gate.waiting(2))
        await asyncio.wait({changing, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
    await asyncio.gather(recording, changing)
    await refresh(database, now=NOW)
    await assert_consistent(database, NOW)
    assert await value(database, "select max(support) from standing") == 100


async def test_a_kind_of_action_that_another_process_learns_meanwhile(
    database: Database, url: str
) -> None:
    await put(database, member("ann"), act("0"))
    elsewhere = await connect(url, least=0, most=2)
    async with holding(url, _NEW) as gate:
        late = asyncio.create_task(put(database, act("1", time=ago(1)), act("2", "new")))
        await gate.waiting(1)
        review = act("3", "ann", "write_review", venue="review")
        other = asyncio.create_task(put(elsewhere, review))
        waiting = asyncio.create_task(gate.waiting(2))
        await asyncio.wait({other, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
    await asyncio.gather(late, other)
    await elsewhere.close()
    await assert_consistent(database, NOW)


async def test_activation_folds_everybody_again_while_recording_goes_on(url: str) -> None:
    opened = [await connect(url, least=0, most=3) for _ in range(3)]
    records = _busy(7)
    await record(opened[0], records[:90], now=NOW)
    numbers = [await _other_rules(opened[0], support=n) for n in (2, 4)]

    async def keep_recording() -> None:
        for start in range(90, len(records), 6):
            await record(opened[0], records[start : start + 6], now=NOW)

    async def change() -> None:
        for version in (*numbers, numbers[0]):
            await rules.activate(opened[1], version, now=NOW)
            await asyncio.gather(refresh(opened[1], now=NOW), refresh(opened[2], now=NOW))

    await asyncio.gather(keep_recording(), change())
    await refresh(opened[2], now=NOW)
    await assert_consistent(opened[0], NOW)
    assert await value(opened[0], "select id from rule_set where state = 'active'") == numbers[0]
    for one in opened:
        await one.close()


async def test_deleting_and_reacting_at_once(database: Database) -> None:
    await put(database, post("q", "bob"))
    for i in range(5):
        await asyncio.gather(
            put(database, post("q", "bob", state=DELETED if i % 2 else None, text=str(i))),
            put(database, act(f"a{i}", post="q")),
            put(database, act(f"b{i}", "cid", "answer", post="q", time=ago(i))),
            put(database, undo(f"u{i}", f"a{i}")),
        )
    await refresh(database, now=NOW)
    await assert_consistent(database, NOW)
