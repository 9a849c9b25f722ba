"""Standings over time: days that go by, zones, guards, locks and other rules; no clock but ours."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from engagement import rules as rule_files
from engagement.words import STATUSES, Grade, Guards, Index, Side, Status
from store import people, rules, standings
from store.db import Database, connect
from store.migrate import migrate
from store.record import record
from store.refresh import RefreshReport, refresh
from store.reports import tiers
from tests.store.making import (
    EVE,
    NOW,
    act,
    ago,
    counted,
    fetch,
    member,
    moves,
    number,
    post,
    put,
    snapshot,
    statements,
    status,
    tally,
    value,
)
from tests.store.passing import later, likes, pass_days
from tests.store.recount import assert_consistent


async def test_dormancy_comes_by_itself(database: Database) -> None:
    today = database.day(NOW)
    await put(database, member("ann", joined=ago(100)), act("1", verb="login"))
    await pass_days(database, 59)
    assert await status(database, "ann") is Status.MEMBER
    await pass_days(database, 60)
    assert await status(database, "ann") is Status.DORMANT
    assert await moves(database, "ann") == [
        (today, None, "member", "action"),
        (today + 60, "member", "dormant", "decay"),
    ]
    await put(database, act("2", verb="login", time=later(70)), now=later(70))
    assert (await moves(database, "ann"))[-1] == (today + 70, "dormant", "member", "action")
    await assert_consistent(database, later(70))


async def test_a_newcomer_stops_being_one(database: Database) -> None:
    today = database.day(NOW)
    await put(database, act("1"))
    await pass_days(database, 29)
    assert await status(database, "ann") is Status.NEWCOMER
    report = await pass_days(database, 30)
    assert report.members == 1
    assert await moves(database, "ann") == [
        (today, None, "newcomer", "action"),
        (today + 30, "newcomer", "member", "decay"),
    ]


async def test_points_leave_the_window_and_the_hold_ends(database: Database) -> None:
    today = database.day(NOW)
    await put(database, member("ann", joined=ago(40)))
    await likes(database, "ann", 10)
    assert await status(database, "ann") is Status.SUPPORTER
    for day in range(20, 90, 20):
        await put(database, act(f"l{day}", verb="login", time=later(day)), now=later(day))
    await pass_days(database, 90)
    assert await status(database, "ann") is Status.SUPPORTER
    assert await value(database, "select support from standing") == 0
    await pass_days(database, 103)
    assert await status(database, "ann") is Status.SUPPORTER
    await pass_days(database, 104)
    assert await status(database, "ann") is Status.MEMBER
    assert (await moves(database, "ann"))[-1] == (today + 104, "supporter", "member", "decay")


async def test_between_exit_and_enter_the_status_is_kept(database: Database) -> None:
    await put(database, member("ann", joined=ago(40)))
    await likes(database, "ann", 1)
    await likes(database, "ann", 9, days=50, prefix="later ")
    assert await status(database, "ann") is Status.SUPPORTER
    await put(database, act("l", verb="login", time=later(105)), now=later(105))
    # Nine of ten points are not below nine tenths of ten.
    assert await value(database, "select support from standing") == 900
    assert await status(database, "ann") is Status.SUPPORTER
    await pass_days(database, 106)


async def test_changes_of_several_days_are_told_with_their_days(database: Database) -> None:
    """However rarely the service looks: what happened between is told day by day."""
    today = database.day(NOW)
    await likes(database, "ann", 10)
    await pass_days(database, 400)
    assert await moves(database, "ann") == [
        (today, None, "supporter", "action"),
        (today + 60, "supporter", "dormant", "decay"),
    ]
    await put(database, act("back", verb="login", time=later(401)), now=later(401))
    assert (await moves(database, "ann"))[-1] == (today + 401, "dormant", "member", "action")
    await assert_consistent(database, later(401))


async def test_looking_daily_or_once_gives_the_same(database: Database, url: str) -> None:
    await likes(database, "ann", 10)
    await put(database, post("q", "bob", time=ago(3)), member("cid", joined=ago(1)))
    for day in range(1, 125):
        await refresh(database, now=later(day))
    daily = (await snapshot(database))["standings"]
    told = await moves(database, "ann")
    await assert_consistent(database, later(124))
    connection = await database.pool.acquire()
    await connection.execute("truncate transition, standing")
    await connection.execute("insert into standing (member_id) select id from member")
    await database.pool.release(connection)
    await refresh(database, now=later(124))
    once = (await snapshot(database))["standings"]
    # Who is looked at daily is placed on the day of their last review, the other way today.
    every_day = {(row[0], row[1]): (row[3], *row[5:10]) for row in daily}
    assert every_day == {(row[0], row[1]): (row[3], *row[5:10]) for row in once}
    assert [move[2] for move in told] == ["supporter", "dormant"]


async def test_refresh_does_nothing_twice(database: Database) -> None:
    await likes(database, "ann", 10)
    await put(database, member("bob", joined=ago(10)), counted("eve", 3, ago(80)))
    await pass_days(database, 75)
    before = await snapshot(database), await value(database, "select count(*) from transition")
    report = await refresh(database, now=later(75))
    assert report == RefreshReport(members=0, retractions=0, candidates=0)
    after = await snapshot(database), await value(database, "select count(*) from transition")
    assert after == before


async def test_progress_is_told(database: Database) -> None:
    await put(database, *[act(str(i), f"m{i}") for i in range(30)])
    seen: list[tuple[int, int | None]] = []
    await refresh(database, now=later(30), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(30, 30)]


async def test_todays_news_after_days_of_silence_go_on_from_the_row(database: Database) -> None:
    """Nobody refreshed; what decayed meanwhile is told with its own day."""
    today = database.day(NOW)
    await likes(database, "ann", 10)
    await put(database, act("x", verb="login", time=later(80)), now=later(80))
    assert await moves(database, "ann") == [
        (today, None, "supporter", "action"),
        (today + 60, "supporter", "dormant", "decay"),
        (today + 80, "dormant", "supporter", "action"),
    ]
    await assert_consistent(database, later(80))


async def test_a_clock_that_steps_back_over_midnight(database: Database) -> None:
    midnight = datetime(2026, 6, 16, tzinfo=UTC)
    await put(database, act("1", time=midnight), now=midnight + timedelta(seconds=5))
    early = midnight - timedelta(seconds=5)
    await put(database, act("2", time=early), now=early)
    await put(database, act("3", time=midnight), now=midnight + timedelta(seconds=9))
    await assert_consistent(database, midnight + timedelta(seconds=9))
    assert await value(database, "select support from standing") == 300


async def test_a_refresh_that_began_yesterday_takes_nothing_of_today_away(
    database: Database,
) -> None:
    midnight = datetime(2026, 6, 16, tzinfo=UTC)
    after, evening = midnight + timedelta(seconds=5), midnight - timedelta(seconds=20)
    await put(database, member("ann", joined=ago(50)))
    await put(database, *[act(f"y{i}", time=ago(1, of=midnight)) for i in range(5)], now=NOW)
    await put(database, *[act(f"t{i}", time=midnight) for i in range(5)], now=after)
    before = await snapshot(database)
    connection = await database.pool.acquire()
    await connection.execute("insert into refold select member_id, 'import', now() from standing")
    await database.pool.release(connection)
    assert (await refresh(database, now=evening)).members == 1
    assert await snapshot(database) == before
    assert await status(database, "ann") is Status.SUPPORTER
    await assert_consistent(database, after)
    assert (await refresh(database, now=after)).members == 0


async def test_every_chunk_of_a_refresh_asks_the_clock(database: Database) -> None:
    await likes(database, "ann", 10)
    times = iter([NOW, later(59), later(60), later(61), later(61)])
    await refresh(database, now=lambda: next(times, later(61)))
    assert await status(database, "ann") is Status.DORMANT


async def test_who_was_first_heard_of_tomorrow_is_placed_all_the_same(database: Database) -> None:
    """Of two servers one is in the next day already."""
    midnight = datetime(2026, 6, 16, tzinfo=UTC)
    early = midnight - timedelta(seconds=5)
    await put(database, act("1", "bob", target="ann", time=midnight), now=midnight)
    ann = await number(database, "ann")
    await people.lock_status(
        database, ann, Status.FAN, until_day=None, reason="r", by=EVE, now=early
    )
    assert await status(database, "ann") is Status.FAN
    async with database.read() as c:
        active = await rules.active(database, c)
        day = database.day(early)
        report = await tiers.tier_report(c, active, day=day, today=day, period_days=3)
    assert report.total == sum(row.count for row in report.rows) == 2
    await refresh(database, now=midnight)
    await assert_consistent(database, midnight)


async def test_a_status_that_there_is_not_cannot_be_kept(database: Database) -> None:
    await put(database, act("1"))
    connection = await database.pool.acquire()
    with pytest.raises(asyncpg.CheckViolationError, match="ck_standing_status"):
        await connection.execute("update standing set status = -1")
    await database.pool.release(connection)


async def test_a_day_is_placed_again_though_its_news_are_worth_nothing(database: Database) -> None:
    """On this day points leave the window; what is placed again on it must not bring them back."""
    first = rule_files.default()
    changed = dataclasses.replace(
        first,
        name="no hold, graded answers",
        thresholds={
            index: dataclasses.replace(t, min_hold_days=0, enter=3, guards=Guards())
            for index, t in first.thresholds.items()
        },
        catalog=tuple(
            dataclasses.replace(row, quality=True) if row.key == ("qa", "best_answer") else row
            for row in first.catalog
        ),
        multipliers={**first.multipliers, Grade.NONE: 0},
    )
    draft = await rules.save_draft(database, rule_files.dump(changed), now=NOW)
    await rules.activate(database, draft.id, now=NOW)
    await put(database, member("ann", joined=ago(50)), *[act(f"s{i}") for i in range(3)])
    await put(database, act("l", verb="login", time=later(50)), now=later(50))
    await pass_days(database, 90)
    assert await status(database, "ann") is Status.MEMBER
    worthless = act("b", "bob", "best_answer", target="ann", time=later(90))
    await put(database, worthless, now=later(90))
    assert await status(database, "ann") is Status.MEMBER
    await assert_consistent(database, later(90))


async def test_a_lock_that_never_held_is_no_cause(database: Database) -> None:
    await put(database, member("ann", joined=ago(50)), act("1"))
    ann = await number(database, "ann")
    await people.lock_status(database, ann, Status.FAN, until_day=None, reason="r", by=EVE, now=NOW)
    await people.end_lock(database, ann, now=NOW)
    await likes(database, "ann", 12)
    today = database.day(NOW)
    assert (await moves(database, "ann"))[-1] == (today, "member", "supporter", "action")


async def test_what_was_due_is_told_before_what_a_late_action_changes(database: Database) -> None:
    today = database.day(NOW)
    await put(database, member("ann", joined=ago(40)))
    await likes(database, "ann", 10)
    await put(database, act("late", verb="login", time=ago(3)), now=later(70))
    assert (await moves(database, "ann"))[-1] == (today + 60, "supporter", "dormant", "decay")
    await pass_days(database, 70)


@pytest.mark.parametrize("last", [False, True])
async def test_distinct_people_are_counted_from_the_actions(database: Database, last: bool) -> None:
    """Four answers are enough points; the third person on the second day makes a contributor."""
    await put(database, member("ann", joined=ago(50)))
    await put(database, *[post(f"q{i}", f"asker{i % 2}", time=ago(9)) for i in range(4)])
    answers = [post(f"a{i}", "ann", "answer", parent=f"q{i}", time=ago(i % 2)) for i in range(4)]
    await put(database, *answers)
    assert await value(database, "select max(contribution) from standing") == 1200
    assert await status(database, "ann") is Status.MEMBER
    await assert_consistent(database, NOW)
    asker = "third" if last else "asker0"
    await put(database, post("q9", asker), post("a9", "ann", "answer", parent="q9"))
    assert await status(database, "ann") is (Status.CONTRIBUTOR if last else Status.MEMBER)
    await assert_consistent(database, NOW)


async def test_one_busy_day_is_not_yet_a_habit(database: Database) -> None:
    await put(database, member("ann", joined=ago(50)))
    for i in range(5):
        answer = post(f"a{i}", "ann", "answer", parent=f"q{i}")
        await put(database, post(f"q{i}", f"asker{i}"), answer)
    assert await status(database, "ann") is Status.MEMBER
    more = post("a9", "ann", "answer", parent="q1", time=later(1))
    await put(database, more, now=later(1))
    assert await status(database, "ann") is Status.CONTRIBUTOR
    await assert_consistent(database, later(1))


async def test_guards_are_asked_on_entering_only(database: Database) -> None:
    await put(database, member("ann", joined=ago(50)))
    for i in range(4):
        answer = post(f"a{i}", "ann", "answer", parent=f"q{i}", time=ago(30 * (i % 2)))
        await put(database, post(f"q{i}", f"asker{i}", time=ago(40)), answer)
    assert await status(database, "ann") is Status.CONTRIBUTOR
    await put(
        database,
        *[post(f"b{i}", "ann", "answer", parent="q0", time=later(61)) for i in range(2)],
        now=later(61),
    )
    # Two people and two days are left inside the window, but twelve points.
    assert await value(database, "select max(contribution) from standing") == 1200
    assert await status(database, "ann") is Status.CONTRIBUTOR
    await assert_consistent(database, later(61))


async def test_what_is_distinct_by_day_needs_nobody_on_the_other_side(database: Database) -> None:
    await put(database, member("ann", joined=ago(50)))
    for i in range(3):
        review = act(f"r{i}", "ann", "write_review", venue="review", time=ago(i))
        await put(database, review)
    assert await status(database, "ann") is Status.CONTRIBUTOR
    await assert_consistent(database, NOW)


async def _hold(
    database: Database, who: str, kind: str, status: Status, first: int, end: int | None
) -> None:
    connection = await database.pool.acquire()
    await connection.execute(
        """insert into hold (member_id, kind, status, from_day, until_day, reason, by, created_at)
        select member_id, $2, $3, $4, $5, 'test', 'test', $6 from account where external_id = $1""",
        who, kind, STATUSES.index(status), first, end, NOW,
    )  # fmt: skip
    await connection.execute(
        "insert into refold select member_id, 'lock', $2 from account where external_id = $1",
        who, NOW,
    )  # fmt: skip
    await database.pool.release(connection)


async def test_a_lock_begins_and_ends_by_itself(database: Database) -> None:
    today = database.day(NOW)
    await put(database, act("1"))
    await _hold(database, "ann", "lock", Status.FAN, today + 5, today + 9)
    await pass_days(database, 0)
    assert await status(database, "ann") is Status.NEWCOMER
    await pass_days(database, 5)
    assert await status(database, "ann") is Status.FAN
    await pass_days(database, 8)
    await pass_days(database, 9)
    assert await moves(database, "ann") == [
        (today, None, "newcomer", "action"),
        (today + 5, "newcomer", "fan", "lock"),
        (today + 9, "fan", "newcomer", "lock"),
    ]


@asynccontextmanager
async def _in_zone(empty_url: str, zone: str) -> AsyncIterator[Database]:
    await migrate(empty_url, zone=zone, now=NOW)
    opened = await connect(empty_url, least=0, most=2)
    yield opened
    await opened.close()


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("zone", "first", "last", "next_day"),
    [
        ("UTC", "2026-03-29T00:00:00Z", "2026-03-29T23:59:59.999999Z", "2026-03-30T00:00:00Z"),
        # The day on which summer time begins has 23 hours, that on which it ends 25.
        ("Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T21:59:59Z", "2026-03-29T22:00:00Z"),
        ("Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z"),
        ("America/New_York", "2026-03-08T05:00Z", "2026-03-09T03:59:59Z", "2026-03-09T04:00:00Z"),
        ("America/New_York", "2026-11-01T04:00Z", "2026-11-02T04:59:59Z", "2026-11-02T05:00:00Z"),
        ("Asia/Tokyo", "2026-03-28T15:00:00Z", "2026-03-29T14:59:59Z", "2026-03-29T15:00:00Z"),
    ],
)
async def test_days_are_those_of_the_community(
    empty_url: str, zone: str, first: str, last: str, next_day: str
) -> None:
    async with _in_zone(empty_url, zone) as database:
        now = _at(next_day) + timedelta(hours=30)
        day = database.day(_at(first))
        before = _at(first) - timedelta(microseconds=1)
        times = [before, _at(first), _at(last), _at(next_day)]
        await put(database, *[act(str(i), time=time) for i, time in enumerate(times)], now=now)
        joined = [member("a", joined=before), member("b", joined=_at(first))]
        await put(database, *joined, member("c", joined=_at(next_day)), now=now)
        days = [await tally(database, "ann", "like", Side.GIVEN, day + i) for i in (-1, 0, 1)]
        assert days == [1, 2, 1]
        since = await fetch(database, "select since from standing order by member_id")
        assert [row["since"] - day for row in since] == [-1, -1, 0, 1]
        await assert_consistent(database, now)


async def test_months_end_and_daylight_saving_do_not_shift_the_window(empty_url: str) -> None:
    async with _in_zone(empty_url, "Europe/Berlin") as database:
        start = _at("2026-01-31T22:30:00Z")
        likes = [act(str(i), time=start) for i in range(10)]
        await put(database, member("ann", joined=start - timedelta(days=40)), *likes, now=start)
        day = database.day(start)
        for weeks in range(1, 16):
            moment = start + timedelta(weeks=weeks)
            login = act(f"l{weeks}", verb="login", time=moment)
            await put(database, login, now=moment)
            await assert_consistent(database, moment)
        # In the window for 90 days, then held for 14; by summer time 22:30 is of the next day.
        end = (day + 104, "supporter", "member", "decay")
        assert (await moves(database, "ann"))[-1] == end


async def _movers(database: Database, n: int) -> list[Any]:
    """News of ``n`` members, two actions each, with which all of them become supporters."""
    people = [f"m{i}" for i in range(n)]
    await record(database, [member(who, joined=ago(40)) for who in people], now=NOW)
    await record(database, [act(f"known {n}", "known")], now=NOW)
    almost = [act(f"{who} {i}", who, "thank") for who in people for i in range(4)]
    await record(database, almost, now=NOW)
    await refresh(database, now=NOW)
    assert await value(database, "select max(support) from standing") == 800
    return [act(f"{who} new {i}", who, "like") for who in people for i in range(2)]


async def test_recording_takes_a_fixed_handful_of_statements(url: str) -> None:
    taken = []
    for n in (50, 500):
        database = await connect(url, least=0, most=2)
        connection = await database.pool.acquire()
        await connection.execute("truncate member, source, action, tally cascade")
        await database.pool.release(connection)
        await database.close()
        database = await connect(url, least=0, most=2)
        news = await _movers(database, n)
        async with statements(database) as asked:
            await put(database, *news)
        taken.append(asked)
        told = "select count(*) from transition where to_status = 3 and cause = 'action'"
        assert await value(database, told) == n
        if n == 50:
            await assert_consistent(database, NOW)
        await database.close()
    few, many = taken
    assert len(many) == len(few) <= 25, many


async def test_first_news_of_many_take_the_same_statements(database: Database) -> None:
    taken = []
    for n in (40, 400):
        people = [f"m{n} {i}" for i in range(n)]
        await put(database, act(f"warm {n}"))
        async with statements(database) as asked:
            await put(database, *[act(f"{who} 1", who, target="bob") for who in people])
        taken.append(len(asked))
    assert taken[0] == taken[1]
    assert await value(database, "select count(*) from refold") == 0
    assert standings.FEW < 400
    await assert_consistent(database, NOW)


def test_indices_are_the_columns_of_a_standing() -> None:
    assert [index.value for index in Index] == [
        "contribution",
        "interaction",
        "favorability",
        "support",
    ]
