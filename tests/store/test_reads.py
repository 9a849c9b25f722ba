"""What is read of standings: kept or folded, alone or for everybody, it is always the same."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from engagement.columns import NEVER
from engagement.words import STATUSES, Side
from sources.records import ActionRecord, MemberRecord, PostRecord, Record
from store import (
    actions,
    explained,
    members,
    people,
    population,
    posts,
    refresh,
)
from store.db import Database, Read
from store.members import Filter, MemberRow, Order
from store.moment import Moment, Newest, moment
from store.record import record
from store.reports import tiers
from tests.store.making import EVE

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
VERBS = ["answer", "comment", "like", "best_answer", "login", "something_new"]


def town(seed: int, people_: int = 25) -> list[Record]:
    """Members who do this and that over half a year, some of them little."""
    dice = random.Random(seed)
    records: list[Record] = [
        MemberRecord(
            "site",
            f"m{i}",
            name=f"Member {i}",
            role="staff" if i == 0 else "bot" if i == 1 else "member",
            joined=NOW - timedelta(days=dice.randint(0, 250)),
        )
        for i in range(people_)
    ]
    records += [
        PostRecord("site", f"p{i}", "qa", "question", _ago(dice), author=f"m{i}")
        for i in range(people_)
    ]
    for i in range(people_ * 30):
        actor = min(int(dice.paretovariate(0.7)), people_ + 3) - 1
        venue = dice.choice(["qa", "company_blog", "member_blog"])
        records.append(
            ActionRecord(
                "site",
                f"a{i}",
                venue,
                dice.choice(VERBS),
                _ago(dice),
                actor=f"m{actor}",
                post=f"p{dice.randrange(people_)}",
            )
        )
    return records


def _ago(dice: random.Random) -> datetime:
    return NOW - timedelta(days=dice.random() * 180)


async def everybody(connection: Read) -> list[MemberRow]:
    page = await members.listing(
        connection, Filter(), Order.ID, descending=False, first=1000, after=None
    )
    return [row for _, row in page if row.role.value == "member"]


async def now_of(database: Database, connection: Read, now: datetime) -> Moment:
    return await moment(database, connection, Newest(), now=now)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("days_later", [0, 1, 17, 70])
async def test_kept_standings_equal_folded_ones_and_those_of_the_population(
    database: Database, seed: int, days_later: int
) -> None:
    await record(database, town(seed), now=NOW)
    async with database.read() as connection:
        first = (await everybody(connection))[3].id
    await people.lock_status(
        database, first, STATUSES[2], until_day=database.day(NOW) + 10, reason="x", by=EVE, now=NOW
    )
    later = NOW + timedelta(days=days_later)
    async with database.read() as connection:
        now = await now_of(database, connection, later)
        rows = await everybody(connection)
        ids = [row.id for row in rows]
        kept = await explained.live(connection, [r.kept for r in rows], now.rules, today=now.today)
        folded = await explained.at(connection, ids, now.rules, day=now.today)
        live = await population.live(connection, now.rules, today=now.today)
        past = await population.at(connection, now.rules, day=now.today)
    assert kept == folded
    assert live.ids.tolist() == past.ids.tolist() == ids
    assert live.status.tolist() == past.status.tolist()
    assert live.since.tolist() == past.since.tolist()
    assert live.points.tolist() == past.points.tolist()
    for i, id_ in enumerate(ids):
        standing = kept[id_]
        assert STATUSES.index(standing.status) == live.status[i]
        assert [one.points_x100 for one in standing.indices] == live.points[i].tolist()


async def test_who_waits_to_be_folded_is_read_as_they_will_be(database: Database) -> None:
    await record(database, town(7), now=NOW)
    late = [
        ActionRecord(
            "site", f"late{i}", "qa", "answer", NOW - timedelta(days=9), actor="m5", post=f"p{i}"
        )
        for i in range(9)
    ]
    await record(database, late, now=NOW, defer=True)
    async with database.read() as connection:
        now = await now_of(database, connection, NOW)
        row = await members.by_account(connection, "site", "m5")
        assert row is not None
        assert row.kept.pending
        before = (await explained.live(connection, [row.kept], now.rules, today=now.today))[row.id]
    await refresh.refresh(database, now=NOW)
    async with database.read() as connection:
        row = await members.by_account(connection, "site", "m5")
        assert row is not None
        assert not row.kept.pending
        after = (await explained.live(connection, [row.kept], now.rules, today=now.today))[row.id]
    assert before == after


async def test_a_whole_history_that_waits_is_not_yet_placed(database: Database) -> None:
    await record(database, town(7), now=NOW, defer=True)
    async with database.read() as connection:
        now = await now_of(database, connection, NOW)
        rows = await everybody(connection)
        found = await explained.live(connection, [r.kept for r in rows], now.rules, today=now.today)
        report = await tiers.tier_report(
            connection, now.rules, day=now.today, today=now.today, period_days=30
        )
        # Who was never folded stands nowhere, and that is what is kept of them.
        assert not await members.outdated(connection, now.rules.id, now.today, most=1)
    assert {s.because[0].code for s in found.values()} == {"not_placed"}
    assert report.unplaced == report.total == len(rows)
    await refresh.refresh(database, now=NOW)
    async with database.read() as connection:
        now = await now_of(database, connection, NOW)
        report = await tiers.tier_report(
            connection, now.rules, day=now.today, today=now.today, period_days=30
        )
        assert not await members.outdated(connection, now.rules.id, now.today, most=1)
    assert report.unplaced == 0
    assert sum(row.count for row in report.rows) == report.total == len(rows)
    assert (report.staff, report.bots) == (1, 1)


async def test_erased_and_merged_members_leave_the_population(database: Database) -> None:
    await record(database, town(3), now=NOW)
    async with database.read() as connection:
        ids = [row.id for row in await everybody(connection)]
    await people.merge_members(database, ids[0], ids[1], now=NOW)
    await people.erase_member(database, ids[2], now=NOW)
    async with database.read() as connection:
        now = await now_of(database, connection, NOW)
        live = await population.live(connection, now.rules, today=now.today)
        past = await population.at(connection, now.rules, day=now.today - 1)
        found = await members.by_ids(connection, ids[:3])
    assert ids[1] not in live.ids
    assert ids[2] not in live.ids
    assert set(past.ids.tolist()) <= set(live.ids.tolist())
    assert found[ids[1]].id == ids[0]
    assert found[ids[2]].erased_at is not None
    assert (live.since > NEVER).all()


async def test_a_day_before_anybody_came_is_empty(database: Database) -> None:
    await record(database, town(3), now=NOW)
    async with database.read() as connection:
        now = await now_of(database, connection, NOW)
        report = await tiers.tier_report(
            connection, now.rules, day=now.today - 900, today=now.today, period_days=30
        )
    assert report.total == 0
    assert {row.share for row in report.rows} == {0.0}


async def test_actions_and_posts_of_many_come_in_pages_of_each(database: Database) -> None:
    await record(database, town(5), now=NOW)
    async with database.read() as connection:
        ids = [row.id for row in await everybody(connection)]
        whole = await actions.of_members(connection, ids, Side.GIVEN, first=10_000, after=None)
        for id_ in ids[:6]:
            seen: list[int] = []
            after = None
            while rows := (
                await actions.of_members(connection, [id_], Side.GIVEN, first=4, after=after)
            )[id_]:
                seen += [row.id for row in rows]
                after = rows[-1].key
            assert seen == [row.id for row in whole[id_]]
        received = await actions.of_members(connection, ids, Side.RECEIVED, first=5, after=None)
        assert all(row.target_id == id_ for id_, rows in received.items() for row in rows)
        assert all(row.actor_id != id_ for id_, rows in received.items() for row in rows)
        written = await posts.of_authors(connection, ids, first=5, after=None)
        assert all(row.author_id == id_ for id_, rows in written.items() for row in rows)
        assert sum(map(len, written.values())) > 0


async def test_the_newest_day_is_asked_for_only_where_it_may_have_changed(
    database: Database,
) -> None:
    newest = Newest()
    async with database.read() as connection:
        found = await moment(database, connection, newest, now=NOW)
        assert (found.archive, newest.day) == (False, None)
    await record(database, town(3), now=NOW)
    async with database.read() as connection:
        found = await moment(database, connection, newest, now=NOW)
        assert not found.archive
        assert newest.day is not None
        last = newest.day
        found = await moment(database, connection, newest, now=NOW + timedelta(days=500))
    assert found.archive
    assert found.day == last + 1
