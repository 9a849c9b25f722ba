"""History on a real database: everybody on every day, whatever was decided about them."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from engagement import rules as rule_files
from engagement.columns import CAUSES
from engagement.flow import edges, flows
from engagement.history import History, Periods
from engagement.words import STATUSES, RuleSet, Status
from store import people, population, rules
from store.db import Database
from store.history import history
from store.moment import Moment
from store.refresh import refresh
from store.reports.report import Days, NotAsked, Question, Sources
from store.reports.routes import found_routes
from store.venues import first_venues
from tests.peopled import UNTIL
from tests.store.making import EVE, NOW, act, ago, member, number, put
from tests.store.passing import later, likes

#: (day, status, cause)
Moved = tuple[int, str, str]


async def _history(database: Database, until: int, other: RuleSet | None = None) -> History:
    async with database.read() as connection:
        active = await rules.active(database, connection)
    return await history(
        database, active if other is None else rules.as_if(active, other), until=until
    )


def _moved(periods: Periods, position: int) -> list[Moved]:
    low, high = periods.first[position : position + 2].tolist()
    return [
        (int(periods.start[i]), STATUSES[periods.status[i]].value, CAUSES[periods.cause[i]].value)
        for i in range(low, high)
    ]


def _with(**thresholds: int) -> RuleSet:
    first = rule_files.default()
    changed = {
        index: dataclasses.replace(t, enter=thresholds.get(index.value, t.enter))
        for index, t in first.thresholds.items()
    }
    return dataclasses.replace(first, name="other", thresholds=changed)


async def _as_on_every_day(database: Database, until: int, other: RuleSet | None = None) -> History:
    """The history, held against everybody folded to each of the days."""
    past = await _history(database, until, other)
    here = past.placed.at(until)
    assert len(here) == len(past.ids)
    async with database.read() as connection:
        active = await rules.active(database, connection)
        chosen = active if other is None else rules.as_if(active, other)
        for day in range(until, until - 101, -4):
            found = await population.at(connection, chosen, day=day)
            statuses = dict(zip(found.ids.tolist(), found.status.tolist(), strict=True))
            since = dict(zip(found.ids.tolist(), found.since.tolist(), strict=True))
            at = past.placed.at(day).tolist()
            rows = past.placed.row_at(day).tolist()
            for id_, status, row in zip(past.ids.tolist(), at, rows, strict=True):
                assert statuses.get(id_, -1) == status, (id_, day)
                assert row < 0 or past.placed.start[row] == since[id_]
            assert statuses.keys() <= set(past.ids.tolist())
    return past


@pytest.mark.slow
async def test_the_history_is_where_everybody_stood_on_each_day(lively: Database) -> None:
    until = lively.day(UNTIL)
    past = await _as_on_every_day(lively, until)
    assert len(past.ids) == 40
    assert len(past.placed.start) > 60
    # Nobody decided anything.
    assert past.own.start.tolist() == past.placed.start.tolist()
    assert past.own.status.tolist() == past.placed.status.tolist()
    earlier = await _history(lively, until - 60)
    assert 0 < len(earlier.ids) < len(past.ids)
    for day in range(until - 100, until - 59):
        known = dict(zip(past.ids.tolist(), past.own.at(day).tolist(), strict=True))
        assert [known[id_] for id_ in earlier.ids.tolist()] == earlier.own.at(day).tolist()


@pytest.mark.slow
async def test_the_history_can_be_that_of_a_draft(lively: Database) -> None:
    until = lively.day(UNTIL)
    usual = await _history(lively, until)
    draft = await _as_on_every_day(lively, until, _with(contribution=3, interaction=4, support=3))
    assert draft.ids.tolist() == usual.ids.tolist()
    assert len(draft.own.start) > len(usual.own.start)


@pytest.mark.slow
async def test_members_are_followed_with_what_was_decided_of_them(lively: Database) -> None:
    until = lively.day(UNTIL)
    async with lively.read() as connection:
        ids = await population.everybody(connection)
    usual = await _history(lively, until - 1)
    for id_, status, end in (
        (ids[0], Status.CONTRIBUTOR, until + 9),
        (ids[1], Status.FAN, None),
        (ids[2], Status.MEMBER, until + 2),
    ):
        now = UNTIL - timedelta(days=20)
        await people.lock_status(lively, id_, status, until_day=end, reason="r", by=EVE, now=now)
    await people.end_lock(lively, ids[1], now=UNTIL - timedelta(days=3))
    await people.merge_members(lively, ids[3], ids[4], by=EVE, now=UNTIL)
    await people.erase_member(lively, ids[5], by=EVE, now=UNTIL)
    await refresh(lively, now=UNTIL)
    past = await _as_on_every_day(lively, until)
    assert past.ids.tolist() == [id_ for id_ in ids if id_ not in {ids[4], ids[5]}]
    assert past.placed.start.tolist() != past.own.start.tolist()
    # Locks change nothing of where they stand by their own points.
    for position in range(3):
        before = [one for one in _moved(usual.own, position) if one[0] < until]
        assert [one for one in _moved(past.own, position) if one[0] < until] == before


async def test_a_lock_is_no_step_and_the_flow_says_who_was_decided(database: Database) -> None:
    today = database.day(NOW)
    await put(database, member("ann", joined=ago(50)), member("bob", joined=ago(50)))
    await likes(database, "ann", 10, days=2)
    await put(database, act("b", "bob", "login", time=later(1)), now=later(1))
    ann = await number(database, "ann")
    # From the third day to the ninth; what they had from the second on goes on behind it.
    await people.lock_status(
        database, ann, Status.FAN, until_day=None, reason="r", by=EVE, now=later(3)
    )
    await people.end_lock(database, ann, now=later(9))
    past = await _history(database, today + 20)
    assert [_moved(past.placed, 0)[1:], _moved(past.own, 0)[1:]] == [
        [
            (today - 20, "member", "decay"),
            (today + 2, "supporter", "action"),
            (today + 3, "fan", "lock"),
            (today + 9, "supporter", "lock"),
        ],
        [(today - 20, "member", "decay"), (today + 2, "supporter", "action")],
    ]
    assert _moved(past.placed, 1) == _moved(past.own, 1)
    made = edges(past.own, today + 1, today + 20)
    assert [(one.before.value, one.after.value, one.moves) for one in made] == [
        ("member", "supporter", 1)
    ]
    into = {one.status.value: one for one in flows(past, today + 2, today + 5)}
    assert (into["fan"].came, into["fan"].decided_in) == (1, 1)
    assert (into["supporter"].out, into["supporter"].promoted) == (1, 0)
    assert into["supporter"].decided_out == 1
    out = {one.status.value: one for one in flows(past, today + 5, today + 10)}
    assert (out["fan"].decided_out, out["fan"].fallen, out["supporter"].decided_in) == (1, 0, 1)
    # Before and after there is nothing to see of it.
    whole = {one.status.value: one for one in flows(past, today + 2, today + 10)}
    assert (whole["supporter"].held, whole["fan"].count) == (1, 0)


async def test_a_grace_is_no_step(database: Database) -> None:
    today = database.day(NOW)
    await put(database, member("ann", joined=ago(50)))
    await likes(database, "ann", 10)
    draft = await rules.save_draft(database, rule_files.dump(_with(support=20)), now=NOW)
    await rules.activate(database, draft.id, now=later(5))
    await refresh(database, now=later(5))
    past = await _history(database, today + 40)
    assert _moved(past.placed, 0)[1:] == [
        (today - 20, "member", "decay"),
        (today, "supporter", "action"),
        (today + 19, "member", "rule_change"),
    ]
    # By the rules in force they never had it.
    assert _moved(past.own, 0)[1:] == [(today - 20, "member", "decay")]
    assert not any(edge.moves for edge in edges(past.own, today - 19, today + 40))
    fall = {one.status.value: one for one in flows(past, today + 10, today + 30)}
    assert (fall["supporter"].fallen, fall["supporter"].decided_out) == (0, 1)


async def test_two_accounts_of_one_person_are_one_life(database: Database) -> None:
    today = database.day(NOW)
    await put(database, member("ann", joined=ago(50)), member("ann2", joined=ago(80)))
    await put(database, *[act(f"a{i}", "ann", time=ago(5)) for i in range(5)])
    await put(database, *[act(f"b{i}", "ann2", venue="review", time=ago(9)) for i in range(5)])
    ann, other = await number(database, "ann"), await number(database, "ann2")
    await people.merge_members(database, ann, other, by=EVE, now=NOW)
    await refresh(database, now=NOW)
    past = await _history(database, today)
    assert past.ids.tolist() == [ann]
    assert past.entry.tolist() == [today - 80]
    async with database.read() as connection:
        assert await first_venues(connection, today) == {ann: "review"}
    await people.erase_member(database, ann, by=EVE, now=NOW)
    nobody = await _history(database, today)
    assert (nobody.ids.tolist(), nobody.own.members, nobody.placed.members) == ([], 0, 0)


async def test_nobody_has_a_history(database: Database) -> None:
    past = await _history(database, database.day(NOW))
    assert (len(past.ids), past.own.members) == (0, 0)
    assert past.placed.at(0).tolist() == []


async def test_the_first_venue_is_that_of_the_first_thing_that_holds(database: Database) -> None:
    today = database.day(NOW)
    await put(
        database,
        act("1", "ann", venue="review", time=ago(3)),
        act("2", "ann", time=ago(2)),
        act("3", "bob", time=ago(2) + timedelta(hours=1)),
        act("4", "bob", venue="review", time=ago(2) + timedelta(hours=2)),
        act("5", "cho", venue="idea", time=ago(1)),
        act("6", None, venue="idea", target="dai", time=ago(9)),
    )
    names = {name: await number(database, name) for name in ("ann", "bob", "cho")}
    async with database.read() as connection:
        found = await first_venues(connection, today)
        before = await first_venues(connection, today - 2)
    assert found == {names["ann"]: "review", names["bob"]: "qa", names["cho"]: "idea"}
    assert before == {names["ann"]: "review", names["bob"]: "qa"}


async def test_routes_that_nobody_can_have_gone_are_not_asked_about(database: Database) -> None:
    await put(database, act("1", "ann"), act("2", "bob", venue="review"))
    await likes(database, "ann", 10)
    async with database.read() as connection:
        active = await rules.active(database, connection)
    day = database.day(NOW)
    sources = Sources(database, lambda: history(database, active, until=day))
    moment = Moment(active, day, day, archive=False, now=NOW)
    asked = Question(moment=moment, day=day, rules=active, to=Status.SUPPORTER, venue="qa")
    past, found = await found_routes(sources, asked)
    assert (len(past.ids), found.population, found.arrived) == (2, 1, 1)
    later_only = dataclasses.replace(asked, joined=Days(day + 1, day + 9))
    assert (await found_routes(sources, later_only))[1].population == 0
    with pytest.raises(NotAsked, match="'lab'; there are: qa, review"):
        await found_routes(sources, dataclasses.replace(asked, venue="lab"))
    steps = (Status.FAN, Status.NEWCOMER)
    with pytest.raises(NotAsked, match="newcomer cannot be a step upward; expected some of contr"):
        await found_routes(sources, dataclasses.replace(asked, steps=steps))
