"""What a draft would do is what it does: simulated, then put in force, member by member."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime, timedelta

import pytest

from engagement import rules as rule_files
from engagement.simulate import counts, matrix, without_hysteresis
from engagement.words import INDICES, Grade, Guards, Index, RuleSet, Status
from store import people, population, rules
from store.db import Database, day_date, day_number
from store.moment import Newest, moment
from store.refresh import refresh
from store.reports import tiers
from store.simulate import MONTHS, Simulation, month_edges, simulate
from tests.peopled import UNTIL
from tests.store.making import EVE, act, member, number, put
from tests.store.making import NOW as SMALL_NOW

pytestmark = pytest.mark.slow

DEFAULT = rule_files.default()


def bars(**enter: int) -> RuleSet:
    thresholds = {
        index: dataclasses.replace(t, enter=enter.get(index.value, t.enter))
        for index, t in DEFAULT.thresholds.items()
    }
    return dataclasses.replace(DEFAULT, name="draft", thresholds=thresholds)


def guardless(of: RuleSet = DEFAULT) -> RuleSet:
    thresholds = {
        index: dataclasses.replace(t, guards=Guards()) for index, t in of.thresholds.items()
    }
    return dataclasses.replace(of, name="draft", thresholds=thresholds)


def lifecycle(**changes: int) -> RuleSet:
    other = dataclasses.replace(DEFAULT.lifecycle, **changes)
    return dataclasses.replace(DEFAULT, name="draft", lifecycle=other)


def pointed(points: int) -> RuleSet:
    catalog = tuple(
        dataclasses.replace(row, points=points) if row.index is Index.SUPPORT else row
        for row in DEFAULT.catalog
    )
    return dataclasses.replace(DEFAULT, name="draft", catalog=catalog)


DRAFTS = {
    "lower bars": bars(contribution=4, interaction=3, favorability=2, support=3),
    "higher bars": bars(contribution=60, interaction=40, favorability=30, support=40),
    "no guards": guardless(),
    "a short window": dataclasses.replace(DEFAULT, name="draft", window_days=30),
    "a long window": dataclasses.replace(bars(contribution=8, favorability=4), window_days=180),
    "dear likes": pointed(4),
    "newcomers for long": lifecycle(newcomer_days=120, dormant_after_days=130),
    "dormant soon, no grace": lifecycle(
        newcomer_days=5, dormant_after_days=7, rule_change_grace_days=0
    ),
    "support first": dataclasses.replace(
        DEFAULT,
        name="draft",
        precedence=(
            *("lock", "support", "dormant", "favorability", "interaction"),
            *("contribution", "newcomer", "member"),
        ),
    ),
}


async def told(
    database: Database, draft: RuleSet, now: datetime = UNTIL, *, days_ago: int = 0
) -> Simulation:
    async with database.read() as connection:
        found = await moment(database, connection, Newest(), now=now)
        day = found.day - days_ago
        return await simulate(connection, found.rules, draft, day=day, today=found.today)


async def put_in_force(database: Database, draft: RuleSet, now: datetime = UNTIL) -> dict[int, int]:
    """The status of everybody on the same day, once the draft is in force."""
    saved = await rules.save_draft(database, rule_files.dump(draft), now=now)
    await rules.activate(database, saved.id, by=EVE, now=now)
    await refresh(database, now=now)
    async with database.read() as connection:
        active = await rules.active(database, connection)
        live = await population.live(connection, active, today=database.day(now))
    return dict(zip(live.ids.tolist(), live.status.tolist(), strict=True))


@pytest.mark.parametrize("draft", DRAFTS.values(), ids=DRAFTS.keys())
async def test_what_is_foretold_comes_about(lively: Database, draft: RuleSet):
    simulation = await told(lively, draft)
    taken = simulation.taken
    foretold = dict(zip(simulation.ids.tolist(), taken.after.tolist(), strict=True))
    assert await put_in_force(lively, draft) == foretold
    assert int(matrix(taken.before, taken.after).sum()) == len(foretold)
    # Drafts that change nothing would show nothing.
    assert (taken.before != taken.settled).any()


#: Bars that some meet by one action more or less.
TWENTY = guardless(bars(contribution=20, interaction=20, favorability=20, support=20))


@pytest.mark.parametrize(
    "draft",
    [
        dataclasses.replace(
            TWENTY,
            catalog=tuple(dataclasses.replace(row, daily_cap=1) for row in TWENTY.catalog),
        ),
        dataclasses.replace(TWENTY, multipliers={**TWENTY.multipliers, Grade.NONE: 0}),
    ],
    ids=["one of a kind a day", "nothing for what nobody judged"],
)
async def test_caps_and_multipliers_are_simulated_too(lively: Database, draft: RuleSet):
    without = (await told(lively, TWENTY)).taken.settled
    simulation = await told(lively, draft)
    foretold = dict(zip(simulation.ids.tolist(), simulation.taken.after.tolist(), strict=True))
    assert (simulation.taken.settled != without).any()
    assert await put_in_force(lively, draft) == foretold


@pytest.mark.parametrize("days_ago", [1, 20])
async def test_of_the_past_it_tells_what_reports_will_say(lively: Database, days_ago: int):
    """A grace goes on from the day since which a status was there: days before have it as well."""
    draft = DRAFTS["higher bars"]
    simulation = await told(lively, draft, days_ago=days_ago)
    foretold = dict(zip(simulation.ids.tolist(), simulation.taken.after.tolist(), strict=True))
    assert simulation.taken.in_grace > 0
    await put_in_force(lively, draft)
    async with lively.read() as connection:
        active = await rules.active(lively, connection)
        then = await population.at(connection, active, day=simulation.day)
    assert dict(zip(then.ids.tolist(), then.status.tolist(), strict=True)) == foretold


async def test_who_waits_to_be_placed_goes_on_from_the_rules_before(lively: Database):
    """Due work has not come by since the last activation, which gives graces of its own."""
    first = await rules.save_draft(lively, rule_files.dump(DRAFTS["higher bars"]), now=UNTIL)
    await rules.activate(lively, first.id, by=EVE, now=UNTIL)
    waiting = (await told(lively, DRAFTS["no guards"])).taken
    await refresh(lively, now=UNTIL)
    async with lively.read() as connection:
        active = await rules.active(lively, connection)
        live = await population.live(connection, active, today=lively.day(UNTIL))
    assert waiting.before.tolist() == live.status.tolist()


async def test_who_waits_is_placed_by_the_draft_as_foretold(lively: Database):
    first = await rules.save_draft(lively, rule_files.dump(DRAFTS["higher bars"]), now=UNTIL)
    await rules.activate(lively, first.id, by=EVE, now=UNTIL)
    simulation = await told(lively, DRAFTS["a short window"])
    foretold = dict(zip(simulation.ids.tolist(), simulation.taken.after.tolist(), strict=True))
    assert simulation.taken.in_grace > 0
    assert await put_in_force(lively, DRAFTS["a short window"]) == foretold


async def test_without_its_graces_it_is_what_is_said_to_remain(lively: Database):
    draft = DRAFTS["higher bars"]
    taken = (await told(lively, draft)).taken
    assert taken.in_grace > 0
    await put_in_force(lively, draft)

    async def by_fold() -> list[int]:
        async with lively.read() as connection:
            active = await rules.active(lively, connection)
            everybody = await population.at(connection, active, day=lively.day(UNTIL))
        return list(everybody.status)

    assert await by_fold() == taken.after.tolist()
    await lively.in_write(lambda c: c.execute("delete from hold where kind = 'grace'"))
    assert await by_fold() == taken.settled.tolist()


async def test_the_same_rules_change_nothing(lively: Database):
    simulation = await told(lively, DEFAULT)
    taken = simulation.taken
    assert taken.before.tolist() == taken.after.tolist() == taken.settled.tolist()
    assert taken.in_grace == 0
    for month in simulation.months:
        assert month.active == month.draft
        assert month.moved[0] == month.moved[1]
        assert month.flapped[0] == month.flapped[1]


async def test_it_counts_whom_the_report_counts(lively: Database):
    simulation = await told(lively, DEFAULT)
    async with lively.read() as connection:
        active = await rules.active(lively, connection)
        today = lively.day(UNTIL)
        for month in simulation.months:
            then = await population.at(connection, active, day=month.last_day)
            assert counts(then.status).tolist() == list(month.active)
        report = await tiers.tier_report(connection, active, day=today, today=today, period_days=30)
    assert counts(simulation.taken.before).tolist() == [row.count for row in report.rows]
    assert len(simulation.ids) == report.total


async def test_other_bars_are_answered_for_at_once(lively: Database):
    """Where nothing of the days before counts, they give what a fold gives."""
    base = without_hysteresis(guardless())
    everybody = (await told(lively, base)).distribution
    for enter in ({}, {"support": 3}, {"contribution": 2, "interaction": 2, "favorability": 1}):
        thresholds = {
            index: dataclasses.replace(t, enter=enter.get(index.value, t.enter))
            for index, t in base.thresholds.items()
        }
        other = dataclasses.replace(base, thresholds=thresholds)
        folded = await told(lively, other)
        bars_x100 = [other.thresholds[index].enter_x100 for index in INDICES]
        assert everybody.statuses(bars_x100).tolist() == counts(folded.taken.settled).tolist()


async def test_a_lock_is_kept_by_any_rules(database: Database):
    await put(database, member("ann", joined=SMALL_NOW - timedelta(days=400)), act("1"))
    who = await number(database, "ann")
    await people.lock_status(
        *(database, who, Status.CONTRIBUTOR),
        until_day=None,
        reason="she helps",
        by=EVE,
        now=SMALL_NOW,
    )
    simulation = await told(database, bars(support=1), SMALL_NOW)
    assert simulation.taken.after[0] == 0
    assert simulation.distribution.statuses([100] * 4).tolist()[0] == 1


async def test_nobody_is_simulated_too(database: Database):
    simulation = await told(database, bars(support=1), SMALL_NOW)
    assert len(simulation.ids) == 0
    assert int(matrix(simulation.taken.before, simulation.taken.after).sum()) == 0
    assert simulation.distribution.statuses([100] * 4).tolist() == [0] * 7


@pytest.mark.parametrize(
    ("day", "first", "last"),
    [
        ("2026-02-28", "2025-03-01", "2026-03-01"),
        ("2026-02-27", "2025-02-01", "2026-02-01"),
        ("2024-01-15", "2023-01-01", "2024-01-01"),
    ],
)
def test_months_are_whole(day: str, first: str, last: str):
    edges = [str(day_date(edge)) for edge in month_edges(day_number(date.fromisoformat(day)))]
    assert (len(edges), edges[0], edges[-1]) == (MONTHS + 1, first, last)
