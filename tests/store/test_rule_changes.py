"""Other rules come into force: who moves, who is kept for a while, and what is told of it."""

from __future__ import annotations

import dataclasses
from datetime import datetime

import pytest

from engagement import rules as rule_files
from engagement.columns import CAUSES
from engagement.explain import Standing
from engagement.words import STATUSES, RuleSet, Status
from store import explained, members, people, rules
from store.db import Database
from store.refresh import refresh
from store.reports import tiers
from tests.store.making import (
    EVE,
    NOW,
    act,
    ago,
    fetch,
    member,
    moves,
    number,
    put,
    status,
    value,
)
from tests.store.passing import later, likes, pass_days

pytestmark = pytest.mark.slow


def _with(**thresholds: int) -> RuleSet:
    first = rule_files.default()
    changed = {
        index: dataclasses.replace(t, enter=thresholds.get(index.value, t.enter))
        for index, t in first.thresholds.items()
    }
    return dataclasses.replace(first, name="other", thresholds=changed)


async def _activate(database: Database, chosen: RuleSet, now: datetime = NOW) -> int:
    draft = await rules.save_draft(database, rule_files.dump(chosen), now=now)
    return (await rules.activate(database, draft.id, now=now)).id


async def test_other_rules_fold_everybody_again(database: Database) -> None:
    today = database.day(NOW)
    await likes(database, "ann", 5)
    await put(database, act("1", "bob"))
    number = await _activate(database, _with(support=5))
    assert await status(database, "ann") is Status.NEWCOMER
    report = await pass_days(database, 0)
    assert report.members == 2
    assert await moves(database, "ann") == [
        (today, None, "newcomer", "action"),
        (today, "newcomer", "supporter", "rule_change"),
    ]
    assert await moves(database, "bob") == [(today, None, "newcomer", "action")]
    assert await value(database, "select min(rule_set_id) from standing") == number


async def test_news_under_other_rules_are_placed_by_them_at_once(database: Database) -> None:
    await likes(database, "ann", 5)
    await _activate(database, _with(support=6))
    await put(database, act("6"))
    assert await status(database, "ann") is Status.SUPPORTER
    await pass_days(database, 0)


async def test_activating_the_same_rules_again_changes_nothing(database: Database) -> None:
    await likes(database, "ann", 5)
    first = await value(database, "select id from rule_set where state = 'active'")
    again = await rules.activate(database, first, now=NOW)
    assert again.state == "active"
    assert (await refresh(database, now=NOW)).members == 0


async def test_an_action_type_that_other_rules_classify_counts_from_its_tallies(
    database: Database,
) -> None:
    await put(database, *[act(str(i), verb="juggle") for i in range(8)])
    assert await value(database, "select support from standing") == 0
    first = rule_files.default()
    like = next(row for row in first.catalog if row.key == ("qa", "like"))
    juggle = dataclasses.replace(like, verb="juggle", daily_cap=5)
    changed = dataclasses.replace(first, name="juggling", catalog=(*first.catalog, juggle))
    await _activate(database, changed)
    await pass_days(database, 0)
    assert await value(database, "select support from standing") == 500


async def test_present_holders_have_a_grace_when_rules_change(database: Database) -> None:
    today = database.day(NOW)
    await put(database, member("ann", joined=ago(40)))
    await likes(database, "ann", 10)
    assert await status(database, "ann") is Status.SUPPORTER
    await _activate(database, _with(support=20))
    await pass_days(database, 0)
    assert await status(database, "ann") is Status.SUPPORTER
    await pass_days(database, 13)
    assert await status(database, "ann") is Status.SUPPORTER
    await pass_days(database, 14)
    assert await status(database, "ann") is Status.MEMBER
    end = (today + 14, "supporter", "member", "rule_change")
    assert (await moves(database, "ann"))[2:] == [end]


async def test_grace_is_given_also_to_whoever_is_active_before_the_refresh(
    database: Database,
) -> None:
    await put(database, member("ann", joined=ago(40)))
    await likes(database, "ann", 10)
    await _activate(database, _with(support=20))
    await put(database, act("more", verb="login"))
    assert await status(database, "ann") is Status.SUPPORTER
    await pass_days(database, 0)
    holds = await fetch(database, "select kind, until_day - from_day as days from hold")
    assert holds == [{"kind": "grace", "days": 14}]
    await likes(database, "ann", 10, days=10, prefix="again ")
    await pass_days(database, 14)
    assert await status(database, "ann") is Status.SUPPORTER


async def test_rules_without_grace_lower_at_once(database: Database) -> None:
    await put(database, member("ann", joined=ago(40)))
    await likes(database, "ann", 10)
    other = _with(support=20)
    lifecycle = dataclasses.replace(other.lifecycle, rule_change_grace_days=0)
    await _activate(database, dataclasses.replace(other, lifecycle=lifecycle))
    await pass_days(database, 0)
    assert await status(database, "ann") is Status.MEMBER
    assert await value(database, "select count(*) from hold") == 0


async def test_a_status_that_points_no_longer_earn_gets_no_grace(database: Database) -> None:
    """Grace is for what new rules take; what silence took, they give back to nobody."""
    await likes(database, "ann", 10)
    await pass_days(database, 60)
    assert await status(database, "ann") is Status.DORMANT
    await _activate(database, _with(support=20), now=later(60))
    await pass_days(database, 60)
    assert await value(database, "select count(*) from hold") == 0


async def _live(database: Database, who: str, now: datetime) -> Standing:
    """The standing as it is read, due work done or not."""
    async with database.read() as c:
        active = await rules.active(database, c)
        row = await members.by_account(c, "site", who)
        assert row is not None
        found = await explained.live(c, [row.kept], active, today=database.day(now))
    return found[row.id]


async def _history(database: Database, who: str, until: int) -> list[tuple[int, str, str]]:
    """The moves of the fold: (day, to, cause)."""
    one = await number(database, who)
    async with database.read() as c:
        active = await rules.active(database, c)
        found = (await explained.fold_to(c, [one], active, until=until)).moves
    return [
        (int(day), STATUSES[after].value, CAUSES[why].value)
        for day, after, why in zip(found.day, found.after, found.cause, strict=True)
    ]


async def _report(database: Database, now: datetime) -> tiers.TierReport:
    day = database.day(now)
    async with database.read() as c:
        active = await rules.active(database, c)
        return await tiers.tier_report(c, active, day=day, today=day, period_days=3)


async def _holds(database: Database) -> list[tuple[str, int, int]]:
    """(status, first day, day after the last) of all graces; days are counted from NOW."""
    found = await fetch(database, "select * from hold where kind = 'grace' order by id")
    today = database.day(NOW)
    return [
        (STATUSES[row["status"]].value, row["from_day"] - today, row["until_day"] - today)
        for row in found
    ]


async def _supporter(database: Database, days: float = 0) -> None:
    await put(database, member("ann", joined=ago(40)))
    await likes(database, "ann", 10, days)


async def test_a_grace_goes_on_as_if_nothing_had_happened(database: Database) -> None:
    today = database.day(NOW)
    await _supporter(database)
    await _activate(database, _with(support=20), later(5))
    before = await _live(database, "ann", later(5))
    await pass_days(database, 5)
    after = await _live(database, "ann", later(5))
    assert before == after
    assert (after.status, after.since) == (Status.SUPPORTER, today)
    assert (await _history(database, "ann", today + 60))[2:] == [
        (today, "supporter", "action"),
        (today + 19, "member", "rule_change"),
        (today + 60, "dormant", "decay"),
    ]
    report = await _report(database, later(5))
    assert {(row.status, row.count, row.moved_in) for row in report.rows if row.count} == {
        (Status.SUPPORTER, 1, 0)
    }


@pytest.mark.parametrize("ended_by_hand", [True, False])
async def test_a_lock_leaves_no_grace(database: Database, ended_by_hand: bool) -> None:
    """What somebody had from a lock was not theirs by points, whenever the lock ends."""
    await put(database, member("ann", joined=ago(50)), act("1"))
    ann = await number(database, "ann")
    until = None if ended_by_hand else database.day(NOW) + 3
    await people.lock_status(
        database, ann, Status.CONTRIBUTOR, until_day=until, reason="r", by=EVE, now=NOW
    )
    await _activate(database, _with(favorability=7), later(3))
    if ended_by_hand:
        await people.end_lock(database, ann, now=later(3))
    await pass_days(database, 3)
    assert await status(database, "ann") is Status.MEMBER
    assert await _holds(database) == []
    assert (await moves(database, "ann"))[-1][1:] == ("contributor", "member", "lock")


async def test_behind_a_lock_the_own_status_is_kept(database: Database) -> None:
    await _supporter(database)
    ann = await number(database, "ann")
    until = database.day(NOW) + 8
    await people.lock_status(
        database, ann, Status.CONTRIBUTOR, until_day=until, reason="r", by=EVE, now=NOW
    )
    await _activate(database, _with(support=20), later(3))
    await pass_days(database, 3)
    assert await status(database, "ann") is Status.CONTRIBUTOR
    await pass_days(database, 8)
    assert await status(database, "ann") is Status.SUPPORTER
    await pass_days(database, 17)
    assert [move[1:] for move in (await moves(database, "ann"))[-2:]] == [
        ("contributor", "supporter", "lock"),
        ("supporter", "member", "rule_change"),
    ]


async def test_what_had_decayed_before_is_told_and_not_given_back(database: Database) -> None:
    today = database.day(NOW)
    await _supporter(database)
    for day in range(20, 110, 20):
        await put(database, act(f"l{day}", verb="login", time=later(day)), now=later(day))
    await _activate(database, _with(favorability=7), later(105))
    assert (await _live(database, "ann", later(105))).status is Status.MEMBER
    await pass_days(database, 105)
    assert await _holds(database) == []
    assert (await moves(database, "ann"))[-1] == (today + 104, "supporter", "member", "decay")


async def test_whoever_acts_first_moves_because_of_the_rules(database: Database) -> None:
    await put(database, member("ann", joined=ago(50)))
    await likes(database, "ann", 6)
    await _activate(database, _with(support=5), later(1))
    await put(database, act("in", verb="login", time=later(1)), now=later(1))
    day = database.day(later(1))
    assert (await moves(database, "ann"))[-1] == (day, "member", "supporter", "rule_change")


async def test_a_grace_is_not_granted_again(database: Database) -> None:
    """However often rules change meanwhile, it ends when it was to end at first."""
    await _supporter(database)
    for day in (0, 6, 12):
        changed = dataclasses.replace(_with(support=20 + day), name=f"rules of day {day}")
        await _activate(database, changed, later(day))
        await pass_days(database, day)
        assert await status(database, "ann") is Status.SUPPORTER
        assert await _holds(database) == [("supporter", 0, 14)]
    await pass_days(database, 14)
    assert await status(database, "ann") is Status.MEMBER


async def test_a_grace_ends_with_the_rules_that_made_it_necessary(database: Database) -> None:
    first = await value(database, "select id from rule_set where state = 'active'")
    await _supporter(database)
    await _activate(database, _with(support=20))
    await pass_days(database, 0)
    await rules.activate(database, first, now=later(5))
    await pass_days(database, 5)
    assert await _holds(database) == [("supporter", 0, 5)]
    assert (await _live(database, "ann", later(5))).because[0].code == "points"
    # They stood by their own points again: what takes that is another change.
    await _activate(database, _with(support=21), later(10))
    await pass_days(database, 10)
    assert await _holds(database) == [("supporter", 0, 5), ("supporter", 0, 24)]
    assert len(await moves(database, "ann")) == 2


async def test_rules_without_grace_end_an_earlier_one(database: Database) -> None:
    await _supporter(database)
    await _activate(database, _with(support=20))
    await pass_days(database, 0)
    other = _with(support=21)
    lifecycle = dataclasses.replace(other.lifecycle, rule_change_grace_days=0)
    await _activate(database, dataclasses.replace(other, lifecycle=lifecycle), later(3))
    await pass_days(database, 3)
    assert (await moves(database, "ann"))[-1][1:] == ("supporter", "member", "rule_change")


async def test_a_report_says_who_stands_by_earlier_rules(database: Database) -> None:
    await _supporter(database)
    await put(database, act("1", "bob"))
    await _activate(database, _with(support=5), later(61))
    report = await _report(database, later(61))
    assert (report.outdated, report.unplaced, report.total) == (2, 0, 2)
    assert {row.status for row in report.rows if row.count} == {Status.SUPPORTER, Status.NEWCOMER}
    await pass_days(database, 61)
    assert (await _report(database, later(61))).outdated == 0
