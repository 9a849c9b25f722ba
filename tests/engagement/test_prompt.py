"""The decision what a member is shown, by examples: calendars, rests, edges and stale items."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from engagement.holdout import Arm
from engagement.prompt import Candidate, Choice, Reason, fits, is_fall
from engagement.scenario import KINDS, TRAITS, Caps, Kind, Scenario
from engagement.words import STATUSES, Status
from tests.engagement.prompting import (
    BERLIN,
    DAY,
    MINUTE,
    NOON,
    OPEN,
    RANK,
    TOKYO,
    decide,
    offer,
    scenario,
    situation,
)


def test_a_reservation_holds_until_it_lapses() -> None:
    policy = replace(OPEN, caps=Caps(day=1), reserve_minutes=10)
    open_offer = offer(NOON, shown_at=None)
    for later, reason in (
        (timedelta(0), Reason.CAP_DAY),
        (10 * MINUTE - timedelta(microseconds=1), Reason.CAP_DAY),
        (10 * MINUTE, None),
    ):
        member = situation(now=NOON + later, earlier=[open_offer])
        assert decide(scenario(), member=member, policy=policy).reason is reason
    # Seen in time it counts for the whole day, and so does one that was held out.
    for one in (replace(open_offer, shown_at=NOON), replace(open_offer, arm=Arm.HELD_BY_ALL)):
        member = situation(now=NOON + 60 * MINUTE, earlier=[one])
        assert decide(scenario(), member=member, policy=policy).reason is Reason.CAP_DAY


def test_a_reservation_counts_on_both_sides_of_midnight() -> None:
    midnight = datetime(2026, 11, 17, 15, tzinfo=UTC)
    policy = replace(OPEN, caps=Caps(day=1), reserve_minutes=10)
    member = situation(now=midnight + MINUTE, earlier=[offer(midnight - 5 * MINUTE, shown_at=None)])
    assert decide(scenario(), member=member, policy=policy).reason is Reason.CAP_DAY


# --- the member's own calendar -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "then", "now", "same_day", "same_week"),
    [
        # Midnight in Tokyo is 15:00 UTC.
        (TOKYO, "2026-11-18T14:59Z", "2026-11-18T15:00Z", False, True),
        (TOKYO, "2026-11-17T15:00Z", "2026-11-18T14:59Z", True, True),
        (ZoneInfo("UTC"), "2026-11-18T14:59Z", "2026-11-18T15:00Z", True, True),
        # From Sunday to Monday.
        (TOKYO, "2026-11-22T14:59Z", "2026-11-22T15:00Z", False, False),
        (ZoneInfo("America/New_York"), "2026-11-23T04:59Z", "2026-11-23T05:00Z", False, False),
        # The clock is put forward, the day has 23 hours; and back, with an hour that comes twice.
        (BERLIN, "2026-03-28T23:00Z", "2026-03-29T21:59Z", True, True),
        (BERLIN, "2026-03-28T23:00Z", "2026-03-29T22:00Z", False, False),
        (BERLIN, "2026-10-24T22:00Z", "2026-10-25T22:59Z", True, True),
        (BERLIN, "2026-10-25T00:30Z", "2026-10-25T01:30Z", True, True),
        (BERLIN, "2026-10-24T22:00Z", "2026-10-25T23:00Z", False, False),
        # The year ends on a Thursday, in the middle of a week.
        (TOKYO, "2026-12-31T14:59Z", "2026-12-31T15:00Z", False, True),
        (TOKYO, "2026-12-27T15:00Z", "2027-01-03T14:59Z", False, True),
        (TOKYO, "2026-12-27T14:59Z", "2027-01-03T14:59Z", False, False),
        # The same number of the week, a year apart.
        (TOKYO, "2025-11-19T03:00Z", "2026-11-18T03:00Z", False, False),
    ],
)
def test_days_and_weeks_are_the_members_own(
    zone: ZoneInfo, then: str, now: str, same_day: bool, same_week: bool
) -> None:
    member = situation(
        now=datetime.fromisoformat(now), zone=zone, earlier=[offer(datetime.fromisoformat(then))]
    )
    for caps, same, reason in (
        (Caps(day=1), same_day, Reason.CAP_DAY),
        (Caps(week=1), same_week, Reason.CAP_WEEK),
    ):
        choice = decide(scenario(), member=member, policy=replace(OPEN, caps=caps))
        assert choice.reason is (reason if same else None)


def test_a_cool_down_is_so_many_times_24_hours() -> None:
    # Berlin puts the clock forward on 29 March: noon to noon of the week after is an hour less.
    then = datetime(2026, 3, 25, 12, tzinfo=BERLIN)
    for hour, reason in ((12, Reason.COOLDOWN), (13, None)):
        member = situation(
            now=datetime(2026, 4, 1, hour, tzinfo=BERLIN),
            zone=BERLIN,
            earlier=[offer(then, key="s")],
        )
        choice = decide(scenario(cool_down_days=7), member=member)
        assert choice.reason is reason
        assert choice.trace[0].detail == ("for 7 days from 2026-03-25" if reason else None)


def test_reminding_later_is_sooner_than_the_cool_down() -> None:
    policy = replace(OPEN, snooze_days=3, dismiss_days=14)
    for days, snoozed, dismissed in (
        (1, Reason.SNOOZED, Reason.COOLDOWN),
        (4, None, Reason.COOLDOWN),
        (8, None, Reason.DISMISSED),
        (15, None, None),
    ):
        past = offer(NOON - days * DAY, key="s", kind=Kind.NEXT_STEP)
        later = replace(past, snoozed_at=past.at)
        closed = replace(past, dismissed_at=past.at)
        for one, reason in ((later, snoozed), (closed, dismissed)):
            member = situation(earlier=[one])
            assert decide(scenario(cool_down_days=7), member=member, policy=policy).reason is reason
    # A kind rests in all scenarios that are of it, a snoozed scenario alone.
    member = situation(earlier=[replace(closed, at=NOON, shown_at=NOON, dismissed_at=NOON)])
    assert decide(scenario("other"), member=member, policy=policy).reason is Reason.DISMISSED
    member = situation(earlier=[replace(later, at=NOON, shown_at=NOON, snoozed_at=NOON)])
    assert decide(scenario("other"), member=member, policy=policy).reason is None


def test_the_numbers_that_decided_are_told() -> None:
    policy = replace(OPEN, caps=Caps(day=2), surfaces={"home": Caps(day=1)}, asks_per_week=1)
    two = [offer(NOON - MINUTE), offer(NOON, surface="login", kind=Kind.UNANSWERED_THREAD)]
    for earlier, kind, told in (
        (two, Kind.NEXT_STEP, "2 of 2"),
        (two[:1], Kind.NEXT_STEP, "1 of 1 on home"),
        (two[1:], Kind.QUESTION_FOR_YOU, "1 of 1 in a week"),
    ):
        member = situation(earlier=earlier, candidates=[Candidate(kind, 3)])
        step = decide(scenario(kind=kind), member=member, policy=policy).trace[0]
        assert (step.detail, step.post_id) == (told, 3)
    crowded = [Candidate(Kind.QUESTION_FOR_YOU, post, offered=20 + post) for post in (1, 2)]
    member = situation(candidates=crowded)
    step = decide(scenario(kind=Kind.QUESTION_FOR_YOU), member=member).trace[0]
    assert (step.reason, step.detail, step.post_id) == (Reason.CAP_ITEM, "22 of 20", 2)


# --- standings and items -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "to", "falls", "fit"),
    [
        (Status.FAN, None, None, True),
        (Status.FAN, Status.CONNECTOR, None, True),
        (Status.FAN, Status.CONNECTOR, Status.MEMBER, True),
        (Status.FAN, Status.SUPPORTER, None, False),
        (Status.FAN, Status.SUPPORTER, Status.SUPPORTER, True),
        (Status.FAN, Status.SUPPORTER, Status.MEMBER, True),
        (Status.FAN, Status.MEMBER, Status.SUPPORTER, False),
        (Status.FAN, Status.MEMBER, Status.NEWCOMER, True),
        (Status.FAN, Status.MEMBER, Status.DORMANT, True),
        (Status.NEWCOMER, Status.MEMBER, None, False),
        (Status.NEWCOMER, Status.MEMBER, Status.MEMBER, True),
        (Status.NEWCOMER, Status.MEMBER, Status.DORMANT, True),
        (Status.MEMBER, Status.DORMANT, Status.DORMANT, True),
        (Status.MEMBER, Status.DORMANT, None, False),
        (Status.DORMANT, Status.MEMBER, None, True),
    ],
)
def test_whom_an_edge_is_for(
    status: Status, to: Status | None, falls: Status | None, fit: bool
) -> None:
    one = scenario(status=status, to=to)
    assert fits(one, status, falls, RANK) is fit
    for other in set(STATUSES) - {status}:
        assert not fits(one, other, falls, RANK)


def test_what_is_a_fall() -> None:
    falls = {(a, b) for a in STATUSES for b in STATUSES if is_fall(a, b, RANK)}
    assert (Status.NEWCOMER, Status.MEMBER) in falls
    assert (Status.MEMBER, Status.NEWCOMER) not in falls
    assert falls - {(Status.NEWCOMER, Status.MEMBER)} == {
        (a, b) for a in STATUSES for b in STATUSES if RANK[a] > RANK[b]
    }


@pytest.mark.parametrize("kind", KINDS)
def test_what_makes_an_item_stale(kind: Kind) -> None:
    traits = TRAITS[kind]
    good = Candidate(kind, 7 if traits.has_item else None, own=traits.own)
    assert good.is_fresh
    others = {
        "hidden": (replace(good, visible=False), traits.has_item),
        "shown before": (replace(good, shown=True), traits.has_item),
        "of the other side": (replace(good, own=not traits.own), traits.has_item),
        "met": (replace(good, met=True), traits.has_item and not traits.own),
        "closed": (replace(good, closed=True), traits.needs_open),
        "one answer": (replace(good, answers=1), kind is Kind.UNANSWERED_THREAD),
        "many answers": (replace(good, answers=9), traits.most_answers is not None),
    }
    for name, (one, stale) in others.items():
        assert one.is_fresh is not stale, name
        member = situation(candidates=[one])
        choice = decide(scenario(kind=kind), member=member)
        assert choice.reason is (Reason.STALE_ITEM if stale else None), name
        both = decide(scenario(kind=kind), member=replace(member, candidates=[one, good]))
        assert both.reason is None, f"{name}: the other one is taken"


def test_items_are_not_pushed_to_too_many_and_the_next_best_is_taken() -> None:
    best = Candidate(Kind.UNANSWERED_THREAD, 1, 2.0, offered=20)
    second = Candidate(Kind.UNANSWERED_THREAD, 2, 1.0, offered=19)
    one = scenario(kind=Kind.UNANSWERED_THREAD)
    assert decide(one, member=situation(candidates=[best, second])).candidate == second
    assert decide(one, member=situation(candidates=[best])).reason is Reason.CAP_ITEM
    article = replace(best, kind=Kind.COMPANY_ARTICLE)
    told = decide(scenario(kind=Kind.COMPANY_ARTICLE), member=situation(candidates=[article]))
    assert told.candidate == article, "the company's news is for everybody"


def test_arbitration_is_by_priority_then_candidate_then_key() -> None:
    better = Candidate(Kind.COMPANY_ARTICLE, 1, 5.0)
    member = situation(candidates=[Candidate(Kind.NEXT_STEP), better])

    def won(*scenarios: Scenario) -> str:
        winner = decide(*scenarios, member=member).winner
        assert winner is not None
        return winner.scenario.key

    first, second = scenario("first"), scenario("second")
    article = scenario("third", kind=Kind.COMPANY_ARTICLE)
    assert won(second, first) == "first"
    assert won(second, first, article) == "third"
    assert won(first, article, replace(second, priority=101)) == "second"


def test_nothing_runs() -> None:
    assert decide(member=situation()) == Choice(None, None, None, None, ())


def test_the_order_is_that_of_the_method() -> None:
    order = [
        Reason.NO_CONSENT,
        Reason.NOT_FOR_STANDING,
        Reason.NO_CANDIDATE,
        Reason.STALE_ITEM,
        Reason.CAP_SESSION,
        Reason.CAP_DAY,
        Reason.CAP_WEEK,
        Reason.COOLDOWN,
        Reason.EXPERT_LOAD,
        Reason.LOST_ARBITRATION,
        Reason.HOLDOUT_SCENARIO,
        Reason.HOLDOUT_GLOBAL,
    ]
    assert [reason for reason in Reason if reason in order] == order


def test_a_step_is_told_of_by_the_scenario_that_it_was_made_for() -> None:
    near, far = (
        Candidate(Kind.NEXT_STEP, values={"count": n}, scenario=key)
        for n, key in ((1, "near"), (3, "far"))
    )
    member = situation(candidates=[near, far])
    assert decide(scenario("near"), member=member).candidate == near
    assert decide(scenario("far"), member=member).candidate == far
    assert decide(scenario("other"), member=member).reason is Reason.NO_CANDIDATE
