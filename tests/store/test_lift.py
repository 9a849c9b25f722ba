"""Lift on stored offers and actions, of which every figure is planted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from engagement import scenarios as texts
from engagement.history import History
from engagement.holdout import period_name, period_of
from engagement.lift import difference, least_detectable
from engagement.scenario import Kind, Variant
from engagement.words import Status
from sources.records import Precision
from store import consent, people, scenarios
from store.db import Database
from store.reports.lift import proven
from store.reports.report import NotAsked, Report
from tests.store.asking import asked, reported, row
from tests.store.making import EVE, act, number, post, put, statements, undo
from tests.store.offering import (
    BEGUN,
    DAY,
    DECIDED,
    HELD,
    LATER,
    OVER,
    SHOWN,
    Decided,
    begun,
    community,
    decide,
    names,
    people_of,
    scenario,
    vote,
)

pytestmark = pytest.mark.slow


async def lift(database: Database, *, now: datetime = LATER, **more: Any) -> Report:
    return await reported(database, "lift", now=now, **more)


def goal_of(report: Report, **key: Any) -> Any:
    usual = {"scenario": "vote", "outcome": "goal", "message": "all", "quarter": "2026Q2"}
    return row(report, **usual | key)


async def test_what_was_planted_is_found(database: Database) -> None:
    await community(database)
    report = await lift(database, scenario="vote")
    found = goal_of(report)
    assert (found["members_shown"], found["members_held"]) == (SHOWN, HELD)
    assert (found["reached_shown"], found["reached_held"]) == (72, 6)
    assert (found["share_shown"], found["share_held"], found["lift"]) == (0.3, 0.1, 0.2)
    by_hand = difference((72, SHOWN), (6, HELD))
    assert (found["lift_low"], found["lift_high"]) == pytest.approx(
        (by_hand.low, by_hand.high), abs=1e-4
    )
    assert found["relative"] == 2
    assert (found["withheld"], found["due"], found["versions"]) == (None, "2026-07-07", "1")
    assert found["detectable"] is found["expected_members"] is None
    # One vote makes nobody a supporter.
    status = goal_of(report, outcome="status")
    assert (status["reached_shown"], status["reached_held"], status["due"]) == (0, 0, "2026-07-30")
    assert {one["scenario"] for one in report.rows} == {"vote"}
    assert {one["outcome"] for one in report.rows} == {"goal", "status"}


async def test_only_what_follows_in_time_counts(database: Database) -> None:
    id = await community(database)
    minute = 1 / 24 / 60
    shown = names("shown", SHOWN)[100:]
    await put(
        database,
        vote(shown[0], -minute),
        vote(shown[1], 7 + minute),
        vote(shown[2], 1),
        undo("u1", f"v-{shown[2]}-0"),
        act("other", shown[3], "comment", time=DECIDED + DAY),
        vote(shown[4], 1, precision=Precision.LOWER_BOUND),
        # After a second decision: it is the first that counts.
        vote(shown[5], 21),
        # These count: just in time, and on a day after it.
        vote(shown[6], 7 - minute),
        vote(shown[7], 1, precision=Precision.DAY),
        now=OVER,
    )
    await decide(database, [Decided(shown[5], 0, id, at=DECIDED + 20 * DAY)])
    found = goal_of(await lift(database))
    assert (found["members_shown"], found["reached_shown"]) == (SHOWN, 74)


async def test_the_next_status_comes_from_the_fold(database: Database) -> None:
    await community(database)
    risen = [*names("shown", 12), "held0"]
    many = [vote(who, 4 + n / 100, n + 1) for who in risen for n in range(9)]
    # Too late: the tenth vote comes after the 30 days.
    late = [vote("shown20", 4, n + 1) for n in range(8)] + [vote("shown20", 32, 20)]
    await put(database, *many, *late, now=OVER)
    found = goal_of(await lift(database), outcome="status")
    assert (found["reached_shown"], found["reached_held"]) == (12, 1)
    # By other rules nobody rises: what they say today plays no part.
    report = await lift(database, now=datetime(2026, 7, 29, tzinfo=UTC))
    early = goal_of(report, outcome="status")
    assert (early["withheld"], early["due"]) == ("early", "2026-07-30")
    assert early["reached_shown"] is early["share_held"] is early["lift"] is None


async def test_where_nobody_may_fall_those_count_who_stayed(database: Database) -> None:
    """With a status below their own, and also at the top: who is still there after 30 days."""
    await community(database, of=scenario(status=Status.SUPPORTER, to=Status.MEMBER))
    kept = [*names("shown", 9), *names("held", 2)]
    await put(
        database, *(vote(who, -1, n + 1) for who in kept for n in range(10)), now=DECIDED - DAY / 2
    )
    found = goal_of(await lift(database), outcome="status")
    assert (found["reached_shown"], found["reached_held"]) == (9, 2)


async def test_looking_early_tells_nothing(database: Database) -> None:
    await community(database)
    report = await lift(database, now=datetime(2026, 7, 6, tzinfo=UTC))
    found = goal_of(report)
    assert (found["withheld"], found["due"]) == ("early", "2026-07-07")
    untold = ("share_shown", "share_held", "lift", "relative", "reached_shown", "reached_held")
    assert all(found[name] is None for name in (*untold, "visits", "deeds", "spilled"))
    # How many there are, and what they want no more of, is no outcome.
    assert (found["members_shown"], found["members_held"]) == (SHOWN, HELD)
    assert found["dismissed"] == 0
    # Seen from then, also later.
    day = database.day(datetime(2026, 7, 6, tzinfo=UTC))
    assert goal_of(await lift(database, day=day)) == found
    assert goal_of(await lift(database, day=day + 1))["lift"] == 0.2


async def test_a_scenario_that_ended_is_due_earlier(database: Database) -> None:
    id = await community(database)
    ended = datetime(2026, 5, 4, 12, tzinfo=UTC)
    await scenarios.set_state(database, id, "ended", by=EVE, now=ended)
    found = goal_of(await lift(database, now=datetime(2026, 5, 11, tzinfo=UTC)))
    assert (found["due"], found["lift"]) == ("2026-05-11", 0.2)


async def test_a_wrong_split_is_said_at_once(database: Database) -> None:
    await community(database, held=31)
    for now in (DECIDED + DAY, LATER):
        report = await lift(database, now=now)
        own = [one for one in report.rows if one["scenario"] == "vote"]
        assert {one["withheld"] for one in own if one["quarter"] == "2026Q2"} == {"wrong_split"}
        assert all(one["lift"] is one["share_shown"] is None for one in own)
        assert any("Something other than the draw" in note for note in report.notes)


async def test_few_are_too_few(database: Database) -> None:
    await community(database, held=29, shown=116)
    found = goal_of(await lift(database))
    assert (found["withheld"], found["lift"]) == ("few", None)


async def test_who_is_on_both_sides_is_on_neither(database: Database) -> None:
    await community(database)
    both = [await number(database, who) for who in ("shown0", "held0")]
    await people.merge_members(database, *both, by=EVE, now=OVER)
    report = await lift(database)
    found = goal_of(report)
    assert (found["mixed"], found["members_shown"], found["members_held"]) == (
        1,
        SHOWN - 1,
        HELD - 1,
    )
    assert (found["reached_shown"], found["reached_held"]) == (71, 5)
    assert any("Left out: 1 members" in note for note in report.notes)


async def test_a_changed_plan_is_another_figure(database: Database) -> None:
    first = await community(database)
    second = await begun(database, scenario(holdout_percent=50), now=DECIDED + DAY)
    assert second != first
    late = names("late", 80)
    await put(database, *people_of(*late), now=BEGUN)
    after = DECIDED + 10 * DAY
    await decide(
        database,
        [
            *(Decided(who, i % 2, second, after) for i, who in enumerate(late)),
            # They had their first decision under the other plan, also where they change sides.
            *(Decided(who, 1, second, after) for who in names("shown", 50)),
        ],
    )
    report = await lift(database)
    before = goal_of(report, planned_held=0.2)
    assert (before["members_shown"], before["members_held"], before["mixed"]) == (SHOWN, HELD, 0)
    assert (before["lift"], before["due"]) == (0.2, "2026-04-28")
    then = goal_of(report, planned_held=0.5)
    assert (then["members_shown"], then["members_held"], then["mixed"]) == (40, 40, 0)
    assert (then["versions"], then["due"]) == ("2", "2026-07-07")


async def test_messages_are_each_held_against_those_held_out(database: Database) -> None:
    of = scenario()
    (only,) = of.variants[:1]
    two = (Variant("warm", 75, only.texts), Variant("short", 25, only.texts))
    id = await begun(database, replace(of, variants=two))
    out, in_ = names("held", HELD), names("shown", SHOWN)
    await put(database, *people_of(*out, *in_), now=BEGUN)
    await put(database, *(vote(who, 3) for who in (*out[:6], *in_[:36])), now=OVER)
    await decide(
        database,
        [
            *(Decided(who, 1, id) for who in out),
            *(Decided(who, 0, id, variant=i % 4 == 0) for i, who in enumerate(in_)),
        ],
    )
    report = await lift(database)
    assert goal_of(report)["lift"] == 0.05
    warm, short = (goal_of(report, message=name) for name in ("warm", "short"))
    assert (warm["members_shown"], short["members_shown"]) == (180, 60)
    assert (warm["reached_shown"], short["reached_shown"]) == (27, 9)
    assert warm["members_held"] == short["members_held"] == HELD
    assert any("none is named the best" in note for note in report.notes)


async def test_harm_and_what_reaches_others_is_told_beside_it(database: Database) -> None:
    id = await community(database)
    await decide(database, [Decided("shown9", 0, id, DECIDED + DAY, dismissed=True)])
    for who, kind, days in (
        ("shown1", None, 1.0),
        ("shown2", Kind.UNANSWERED_THREAD, 2.0),
        ("shown3", Kind.WELCOME_BACK, 1.0),
        ("shown4", None, 9.0),
        ("held1", None, 3.0),
    ):
        when = DECIDED + days * DAY
        me = await number(database, who)
        await consent.set_consent(database, me, kind, allowed=False, by="test", now=when)
    await put(
        database,
        post("of-held", "held7", time=BEGUN),
        post("of-shown", "shown7", time=BEGUN),
        *(vote(f"shown{i}", 5, 1, post="of-held") for i in range(4)),
        *(vote(f"shown{i}", 5, 2, post="of-shown") for i in range(3)),
        # Too late, and by somebody who was shown none.
        vote("shown8", 8, 3, post="of-held"),
        vote("held8", 2, 4, post="of-held"),
        act("in", "held9", "login", venue="site", time=DECIDED + 2 * DAY),
        now=OVER,
    )
    report = await lift(database)
    found = goal_of(report)
    assert (found["dismissed"], found["opted_out_shown"], found["opted_out_held"]) == (1, 2, 1)
    assert (found["deeds"], found["spilled"]) == (7, 4)
    assert any("4 were done to members held out" in note for note in report.notes)
    # Votes on a day of their own, and a second day for four; six, one more vote and one log-in.
    assert found["visits"] == pytest.approx(76 / SHOWN - 8 / HELD, abs=1e-4)
    assert found["visits_low"] < found["visits"] < found["visits_high"]


async def test_contracts_are_told_where_there_are_any(database: Database) -> None:
    await community(database)
    await put(
        database,
        *(
            act(f"c{who}", who, "contracted", venue="contract", time=DECIDED + 29 * DAY)
            for who in (*names("shown", 8), "held3")
        ),
        act("renewed", "held4", "renewed", venue="contract", time=DECIDED + 31 * DAY),
        now=OVER,
    )
    report = await lift(database)
    found = goal_of(report, outcome="contract")
    assert (found["reached_shown"], found["reached_held"]) == (8, 1)
    assert "cancelled" not in {one["outcome"] for one in report.rows}


async def test_all_prompts_together_are_another_comparison(database: Database) -> None:
    id = await community(database, held=120, shown=480)
    other = await begun(database, scenario(key="comment", goal=(("qa", "comment"),)))
    none = names("none", 32)
    await put(database, *people_of(*none), now=BEGUN)
    await decide(
        database,
        [
            # The first decision says which goal is theirs; a later one says nothing.
            *(Decided(who, 2, id) for who in none[:16]),
            *(Decided(who, 2, other) for who in none[16:]),
            *(Decided(who, 2, other, DECIDED + DAY) for who in none[:16]),
            *(Decided(who, 0, other, DECIDED + DAY) for who in names("shown", 40)),
        ],
    )
    await put(
        database,
        vote(none[0], 2),
        vote(none[16], 2),
        act("c1", none[17], "comment", time=DECIDED + 2 * DAY),
        act("c2", none[1], "comment", time=DECIDED + 2 * DAY),
        now=OVER,
    )
    report = await lift(database)
    found = goal_of(report, scenario="(all prompts)")
    assert (found["members_shown"], found["members_held"]) == (600, 32)
    assert (found["reached_shown"], found["reached_held"]) == (78, 2)
    assert found["planned_held"] == 0.05
    # Held out of everything they are on no side of a scenario.
    assert goal_of(report)["members_held"] == 120
    assert goal_of(report, scenario="comment")["withheld"] in {"few", "wrong_split"}


async def test_what_can_be_found_is_told_before_the_start(database: Database) -> None:
    saved = await scenarios.save(database, texts.dump(scenario()), by=EVE, now=BEGUN)
    assert saved.state == "draft"
    some = names("m", 50)
    await put(database, *people_of(*some, "gone"), now=BEGUN)
    login = {"verb": "login", "venue": "site"}
    await put(
        database,
        *(act(f"l-{who}", who, time=DECIDED - 20 * DAY, **login) for who in some),
        act("l-gone", "gone", time=DECIDED - 100 * DAY, **login),
        *(vote(who, -1) for who in some[:10]),
        vote(some[10], -9),
        now=DECIDED,
    )
    found = goal_of(await lift(database, now=DECIDED))
    assert (found["members_shown"], found["withheld"]) == (0, "early")
    assert (found["expected_members"], found["expected_share"]) == (50, 0.2)
    assert found["detectable"] == least_detectable(0.2, 0.2, 50)
    # Of an ended scenario nothing is expected.
    await scenarios.set_state(database, saved.id, "ended", by=EVE, now=DECIDED)
    report = await lift(database, now=DECIDED + DAY)
    assert "vote" not in {one["scenario"] for one in report.rows}


async def test_quarters_and_scenarios_are_asked_for_by_name(database: Database) -> None:
    await community(database)
    for quarter in ("2026-Q2", "Q2", "2026Q5", "2026Q4", "0001Q1"):
        with pytest.raises(NotAsked, match=r"expected one such as 2026Q3"):
            await lift(database, quarter=quarter)
    with pytest.raises(NotAsked, match=r"no scenario 'votes' with a decision in 2026Q2 and 2026Q3"):
        await lift(database, scenario="votes")
    report = await lift(database, quarter="2026Q2", scenario="vote")
    assert goal_of(report)["lift"] == 0.2
    assert period_name(period_of(DECIDED.date())) == "2026Q2"
    running = await lift(database)
    assert {one["quarter"] for one in running.rows} == {"2026Q2", "2026Q3"}


async def test_statements_do_not_grow_with_scenarios(database: Database) -> None:
    await community(database, held=40, shown=160)
    sources, question = await asked(database, now=LATER)
    past = await sources.history()

    async def known() -> History:
        return past

    counts = []
    for part in range(2):
        async with statements(database) as seen:
            await proven(replace(sources, history=known), question)
        counts.append(len([one for one in seen if "select" in one]))
        if not part:
            for n in range(5):
                other = await begun(database, scenario(key=f"more{n}"))
                await decide(database, [Decided(f"shown{n}", 0, other)])
    assert counts[0] == counts[1] <= 10
