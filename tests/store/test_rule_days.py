"""Rules that come into force on a day, and who is told of what they do."""

from __future__ import annotations

import dataclasses
from datetime import datetime

import pytest

from engagement import rules as rule_files
from engagement.words import RuleSet, Status
from store import rules
from store.db import Database, day_date
from store.feed import Feed
from store.rules import NotAllowed, RuleSetVersion, UnknownRuleSet
from tests.store.making import EVE, NOW, act, fetch, moves, put, status, value
from tests.store.passing import later, likes, pass_days
from tests.store.test_feed import take

pytestmark = pytest.mark.slow


def _support(enter: int) -> RuleSet:
    first = rule_files.default()
    thresholds = {
        index: dataclasses.replace(t, enter=enter if index.value == "support" else t.enter)
        for index, t in first.thresholds.items()
    }
    return dataclasses.replace(first, name=f"support {enter}", thresholds=thresholds)


async def _saved(database: Database, enter: int) -> int:
    text = rule_files.dump(_support(enter))
    return (await rules.save_draft(database, text, now=NOW)).id


async def _version(database: Database, number: int) -> RuleSetVersion:
    async with database.read() as connection:
        found = await rules.version(connection, number)
    assert found is not None
    return found


async def _schedule(
    database: Database, number: int, days: int, *, notify: bool = False, now: datetime = NOW
) -> RuleSetVersion:
    day = database.day(NOW) + days
    return await rules.activate(database, number, on=day, notify=notify, by=EVE, now=now)


async def test_a_version_comes_into_force_on_its_day(database: Database) -> None:
    await likes(database, "ann", 5)
    number = await _saved(database, 5)
    scheduled = await _schedule(database, number, 3)
    assert (scheduled.state, scheduled.activates_on) == ("scheduled", database.day(NOW) + 3)
    await pass_days(database, 2)
    assert await status(database, "ann") is Status.NEWCOMER
    await pass_days(database, 3)
    assert await status(database, "ann") is Status.SUPPORTER
    found = await _version(database, number)
    assert (found.state, found.activates_on, found.scheduled_by) == ("active", None, None)
    assert found.activated_at == later(3)
    assert (await _version(database, 1)).state == "retired"
    log = await fetch(database, "select actor, action, after from audit_entry order by id")
    assert [(row["actor"], row["action"]) for row in log] == [
        ("command line", "saveRuleSet"),
        ("eve", "activateRuleSet"),
        ("eve", "activateRuleSet"),
    ]
    assert log[1]["after"]["activates_on"] == str(day_date(database.day(NOW) + 3))
    assert "changes" in log[2]["after"]


async def test_it_takes_the_place_of_whatever_is_in_force_then(database: Database) -> None:
    await likes(database, "ann", 5)
    first, second = await _saved(database, 5), await _saved(database, 50)
    await _schedule(database, first, 3)
    await rules.activate(database, second, by=EVE, now=later(1))
    await pass_days(database, 1)
    assert (await _version(database, first)).state == "scheduled"
    await pass_days(database, 4)
    assert [(await _version(database, one)).state for one in (first, second)] == [
        "active",
        "retired",
    ]
    # One that was in force before may be scheduled like any other.
    await _schedule(database, second, 6, now=later(4))
    assert (await _version(database, second)).state == "scheduled"
    assert (await rules.cancel(database, second, by=EVE, now=later(5))).state == "retired"
    await pass_days(database, 7)
    assert (await _version(database, first)).state == "active"


async def test_days_that_nobody_saw_are_made_up_for_in_their_order(database: Database) -> None:
    first, second = await _saved(database, 5), await _saved(database, 50)
    await _schedule(database, second, 4)
    await _schedule(database, first, 2)
    assert await rules.activate_due(database, now=later(9)) == 2
    assert await rules.activate_due(database, now=later(9)) == 0
    assert (await _version(database, second)).state == "active"


async def test_a_day_can_be_moved_and_taken_back(database: Database) -> None:
    number = await _saved(database, 5)
    await _schedule(database, number, 2, notify=True)
    moved = await _schedule(database, number, 5)
    assert (moved.activates_on, moved.notify) == (database.day(NOW) + 5, False)
    back = await rules.cancel(database, number, by=EVE, now=NOW)
    assert (back.state, back.activates_on) == ("draft", None)
    assert await rules.activate_due(database, now=later(9)) == 0
    # Today is not a day to wait for, and what was scheduled may be put in force before.
    assert (await _schedule(database, number, 0)).state == "active"


async def test_what_cannot_be_scheduled_is_refused(database: Database) -> None:
    number, other = await _saved(database, 5), await _saved(database, 6)
    with pytest.raises(NotAllowed, match="is over: today is 2026-06-15"):
        await _schedule(database, number, -1)
    with pytest.raises(NotAllowed, match="rule set 1 is in force already"):
        await _schedule(database, 1, 3)
    await _schedule(database, number, 3)
    with pytest.raises(NotAllowed, match=f"rule set {number} is to be put in force on 2026-06-18"):
        await _schedule(database, other, 3)
    with pytest.raises(UnknownRuleSet):
        await _schedule(database, 99, 3)
    with pytest.raises(NotAllowed, match=f"rule set {other} is not scheduled: it is draft"):
        await rules.cancel(database, other, by=EVE, now=NOW)
    with pytest.raises(UnknownRuleSet):
        await rules.cancel(database, 99, by=EVE, now=NOW)


@pytest.mark.parametrize("notify", [False, True])
async def test_followers_are_told_only_where_it_was_asked_for(
    database: Database, notify: bool
) -> None:
    await likes(database, "ann", 5)
    begin = await value(database, "select max(id) from transition")
    number = await _saved(database, 5)
    await rules.activate(database, number, notify=notify, by=EVE, now=NOW)
    await pass_days(database, 0)
    # Written down either way.
    assert (await moves(database, "ann"))[-1][1:] == ("newcomer", "supporter", "rule_change")
    await put(database, act("first", "bob"))
    feed = Feed(database, pause=0.01)
    found = await take(feed, begin, 1 + notify)
    expected = [("supporter", "rule_change")] * notify + [("newcomer", "action")]
    assert [(one.after.value, one.cause.value) for one in found] == expected
    # Nothing that comes later is lost or told twice for it.
    await put(database, act("first too", "cho"))
    (last,) = await take(feed, found[-1].id, 1)
    assert last.id > found[-1].id
    assert await take(Feed(database, pause=0.01), begin + 1 - notify, 1) != []


async def test_the_end_of_a_grace_is_told_as_its_activation_was(database: Database) -> None:
    await likes(database, "ann", 10)
    await likes(database, "eve", 10)
    number = await _saved(database, 20)
    await rules.activate(database, number, by=EVE, now=NOW)
    await pass_days(database, 0)
    await pass_days(database, 14)
    rows = await fetch(database, "select cause, told from transition order by id")
    changed = [row["told"] for row in rows if row["cause"] == "rule_change"]
    assert changed == [False, False]
    assert all(row["told"] for row in rows if row["cause"] != "rule_change")
