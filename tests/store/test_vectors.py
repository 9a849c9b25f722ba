"""The kept vectors: those of everybody, however they were made, and made anew when it is time."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any

import pytest

from engagement import rules as rule_files
from engagement.distribution import Distribution, basis, pack, unpack
from engagement.words import INDICES, Guards, RuleSet, Status
from store import background, people, rules, vectors
from store.background import Progress
from store.db import Database
from store.moment import Moment, Newest, moment
from store.refresh import refresh
from store.simulate import simulate
from store.vectors import Kept, asked, found, keep
from tests.peopled import UNTIL
from tests.store.making import EVE, NOW, act, ago, fetch, member, number, put, undo, value

pytestmark = pytest.mark.slow

DEFAULT = rule_files.default()
BARS = [
    [points * 100 for points in bars]
    for bars in ((1, 1, 1, 1), (12, 12, 6, 10), (3, 2, 9, 4), (40, 1, 30, 2), (500, 90, 20, 7))
]


def _guarded(guards: Guards) -> RuleSet:
    thresholds = {i: dataclasses.replace(t, guards=guards) for i, t in DEFAULT.thresholds.items()}
    return dataclasses.replace(DEFAULT, name="guarded", thresholds=thresholds)


async def _moment(database: Database, now: datetime) -> Moment:
    async with database.read() as connection:
        return await moment(database, connection, Newest(), now=now)


async def _made(
    database: Database, draft: RuleSet, day: int | None = None, now: datetime = UNTIL
) -> Distribution:
    at = await _moment(database, now)
    asked_day = at.day if day is None else day
    async with database.read() as connection:
        return await vectors.everybody_on(
            connection, at.rules, draft, day=asked_day, today=at.today, progress=Progress()
        )


async def _simulated(
    database: Database, draft: RuleSet, day: int | None = None, now: datetime = UNTIL
) -> Distribution:
    at = await _moment(database, now)
    asked_day = at.day if day is None else day
    async with database.read() as connection:
        simulation = await simulate(connection, at.rules, draft, day=asked_day, today=at.today)
    return simulation.distribution


def _same(one: Distribution, other: Distribution) -> None:
    assert one.members == other.members > 0
    for bars in BARS:
        assert one.statuses(bars).tolist() == other.statuses(bars).tolist()


@pytest.mark.parametrize(
    "guards",
    [DEFAULT.thresholds[INDICES[0]].guards, Guards(2, None, 1), Guards(3, 2, 1), Guards(2, 3, 2)],
    ids=["default", "people", "either", "both"],
)
async def test_they_are_those_of_a_simulation(lively: Database, guards: Guards):
    chosen = _guarded(guards)
    # By rules that are not in force they come from all tallies, else from the standings.
    _same(await _made(lively, chosen), await _simulated(lively, chosen))
    saved = await rules.save_draft(lively, rule_files.dump(chosen), now=UNTIL)
    await rules.activate(lively, saved.id, by=EVE, now=UNTIL)
    _same(await _made(lively, chosen), await _simulated(lively, chosen))
    await refresh(lively, now=UNTIL)
    _same(await _made(lively, chosen), await _simulated(lively, chosen))
    earlier = lively.day(UNTIL) - 40
    _same(await _made(lively, chosen, earlier), await _simulated(lively, chosen, earlier))
    # Days on which nobody looked have gone by; the window has moved over what they did.
    later = UNTIL + timedelta(days=30)
    day = lively.day(later)
    _same(await _made(lively, chosen, day, later), await _simulated(lively, chosen, day, later))


async def test_locks_and_changed_pasts_are_in_them(database: Database):
    await put(database, member("ann", joined=ago(400)), *[act(str(n)) for n in range(12)])
    await put(database, *[act(f"b{n}", "bob", time=ago(3)) for n in range(11)])
    await people.lock_status(
        *(database, await number(database, "bob"), Status.FAN),
        until_day=None,
        reason="he asked",
        by=EVE,
        now=NOW,
    )
    everybody = await _made(database, DEFAULT, now=NOW)
    assert everybody.statuses([100] * 4).tolist() == [0, 0, 1, 1, 0, 0, 0]
    await database.in_write(
        lambda c: c.execute("insert into refold select member_id, 'import', now() from standing")
    )
    _same(await _made(database, DEFAULT, now=NOW), everybody)


async def test_packed_they_are_the_same(lively: Database):
    everybody = await _made(lively, DEFAULT)
    again = unpack(pack(everybody))
    assert again is not None
    _same(again, everybody)
    assert pack(again) == pack(everybody)
    assert unpack(b"\x63\x00\x00\x00" + pack(everybody)[4:]) is None


def test_bars_and_names_make_no_difference():
    def moved(rules_: RuleSet, **changes: Any) -> RuleSet:
        thresholds = {i: dataclasses.replace(t, **changes) for i, t in rules_.thresholds.items()}
        return dataclasses.replace(rules_, thresholds=thresholds)

    same = [
        moved(DEFAULT, enter=77),
        moved(DEFAULT, exit_percent=50, min_hold_days=3),
        dataclasses.replace(DEFAULT, name="other"),
    ]
    assert {basis(one) for one in same} == {basis(DEFAULT)}
    other = [
        dataclasses.replace(DEFAULT, window_days=30),
        moved(DEFAULT, guards=Guards(9, None, 1)),
        dataclasses.replace(DEFAULT, precedence=(*DEFAULT.precedence[1:7], "lock", "member")),
    ]
    assert len({basis(one) for one in [DEFAULT, *other]}) == 4


async def _kept(database: Database, now: datetime = NOW) -> Kept | None:
    at = await _moment(database, now)
    return await found(database, at.rules.rules, day=at.day)


async def test_due_work_makes_them_anew_when_it_is_time(database: Database):
    await put(database, *[act(str(n)) for n in range(12)])
    assert await _kept(database) is None
    assert await keep(database, now=NOW)
    kept = await _kept(database)
    assert kept is not None
    assert (kept.day, kept.made_at) == (database.day(NOW), NOW)
    assert kept.everybody.statuses([100] * 4)[3] == 1
    assert await _kept(database) is kept
    # A few actions are no reason to make them again, but with the hour they are.
    await put(database, *[act(f"b{n}", "bob") for n in range(12)])
    assert not await keep(database, now=NOW + timedelta(minutes=1))
    assert await keep(database, now=NOW + timedelta(hours=2))
    again = await _kept(database)
    assert again is not None
    assert again.everybody.statuses([100] * 4)[3] == 2
    # So is what was only taken back.
    await put(database, *[undo(f"u{n}", f"b{n}") for n in range(12)])
    assert not await keep(database, now=NOW + timedelta(hours=2, minutes=59))
    assert await keep(database, now=NOW + timedelta(hours=3))
    less = await _kept(database)
    assert less is not None
    assert less.everybody.statuses([100] * 4)[3] == 1
    # Another day, and other rules, have their own; those of days gone by are dropped.
    tomorrow = NOW + timedelta(days=2)
    assert await keep(database, now=tomorrow)
    assert await value(database, "select array_agg(day) from kept_vectors") == [
        database.day(tomorrow)
    ]
    other = dataclasses.replace(DEFAULT, name="long", window_days=120)
    saved = await rules.save_draft(database, rule_files.dump(other), now=tomorrow)
    await rules.activate(database, saved.id, now=tomorrow)
    assert await keep(database, now=tomorrow)


async def test_those_of_an_archive_follow_what_is_added_to_it(database: Database):
    await put(database, *[act(str(n), time=ago(400)) for n in range(12)])
    assert await keep(database, now=NOW)
    assert not await keep(database, now=NOW + timedelta(hours=2))
    await put(database, *[act(f"b{n}", "bob", time=ago(400)) for n in range(12)])
    assert await keep(database, now=NOW + timedelta(hours=2))
    kept = await _kept(database)
    assert kept is not None
    assert kept.everybody.statuses([100] * 4)[3] == 2


async def test_many_actions_are_a_reason_to_make_them_at_once(database: Database):
    await put(database, act("first"))
    await keep(database, now=NOW)
    await put(database, *[act(f"b{n}", f"m{n % 50}") for n in range(1_000)])
    assert await keep(database, now=NOW + timedelta(seconds=1))


async def test_those_of_other_rules_are_made_when_asked_for(database: Database):
    await put(database, *[act(str(n)) for n in range(12)])
    at = await _moment(database, NOW)
    other = dataclasses.replace(DEFAULT, name="long", window_days=120)
    first = await asked(database, at, other, day=at.day, now=NOW, patience=None)
    assert first.everybody.statuses([100] * 4)[3] == 1
    again = await asked(
        database, at, other, day=at.day, now=NOW + timedelta(minutes=9), patience=None
    )
    assert again.made_at == NOW
    bars = dataclasses.replace(other, name="the same but for its name")
    assert (await asked(database, at, bars, day=at.day, now=NOW, patience=0)).made_at == NOW
    await background.of(database).close()
    late = NOW + timedelta(hours=1)
    renewed = await asked(database, at, other, day=at.day, now=late, patience=None)
    assert renewed.made_at == late
    rows = await fetch(database, "select day from kept_vectors")
    assert len(rows) == 1


async def test_nobody_has_vectors_too(database: Database):
    assert await keep(database, now=NOW)
    kept = await _kept(database)
    assert kept is not None
    assert kept.everybody.statuses([100] * 4).tolist() == [0] * 7
