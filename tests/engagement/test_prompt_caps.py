"""Members who come again and again: caps hold, and who is held out lives as the others do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement.holdout import Arm
from engagement.prompt import Candidate, Earlier
from engagement.scenario import KINDS, TRAITS, Caps, Kind, Policy, Scenario
from tests.engagement.prompting import (
    CAPS,
    DAY,
    MINUTE,
    MOMENTS,
    ZONES,
    decide,
    decisions,
    scenario,
    situation,
)

#: A visit: minutes since the one before, surface, session, minutes until it is seen (None: never).
Visit = tuple[int, str, str, int | None]

_visits = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 4, 9, 11, 61, 300, 700, 1441, 3000]),
        st.sampled_from(["home", "login"]),
        st.sampled_from(["s1", "s2", "s3"]),
        st.none() | st.integers(0, 9),
    ),
    max_size=25,
)


def drawing(arm: Arm) -> Callable[[Scenario], Arm]:
    """A draw that always gives this arm."""
    return lambda _: arm


def live(
    visits: Sequence[Visit], policy: Policy, zone: ZoneInfo, start: datetime, arm: Arm | None = None
) -> list[tuple[str, Earlier]]:
    """A member who comes again and again; (key, offer) of each time something won.

    What is seen is seen less than ``reserve_minutes`` after the decision. ``arm`` None draws one
    by the number of the visit.
    """
    running = (
        scenario("a", kind=Kind.NEXT_STEP, priority=3, cool_down_days=1),
        scenario("b", kind=Kind.UNANSWERED_THREAD, priority=2, caps=Caps(day=1)),
        scenario("c", kind=Kind.COMPANY_ARTICLE, priority=1),
    )
    now, post = start, 0
    made: list[tuple[str, Earlier]] = []
    for number, (gap, surface, session, delay) in enumerate(visits):
        now += gap * MINUTE
        known = [
            replace(one, shown_at=one.shown_at if one.shown_at and one.shown_at <= now else None)
            for _, one in made
        ]
        post += 10
        member = situation(
            now=now,
            zone=zone,
            surface=surface,
            session=session,
            earlier=known,
            candidates=[
                Candidate(kind, post + place if TRAITS[kind].has_item else None)
                for place, kind in enumerate(KINDS)
            ],
        )
        drawn = list(Arm)[number % 3] if arm is None else arm
        choice = decide(*running, member=member, policy=policy, draw=drawing(drawn))
        if choice.winner is not None:
            seen = drawn is Arm.SHOWN and delay is not None
            one = Earlier(
                now,
                choice.winner.scenario.key,
                choice.winner.scenario.kind,
                surface,
                session,
                drawn,
                shown_at=now + delay * MINUTE if seen and delay is not None else None,
            )
            made.append((one.key, one))
    return made


_life_policies = st.builds(
    Policy,
    reserve_minutes=st.just(10),
    asks_per_week=st.integers(0, 3),
    caps=CAPS,
    surfaces=st.dictionaries(st.sampled_from(["home", "login"]), CAPS, max_size=2),
)


@pytest.mark.slow
@decisions
@given(
    _visits,
    _life_policies,
    st.sampled_from(ZONES),
    st.sampled_from(MOMENTS),
    st.none() | st.sampled_from(Arm),
)
def test_caps_hold_whatever_happens(
    visits: Sequence[Visit], policy: Policy, zone: ZoneInfo, start: datetime, arm: Arm | None
) -> None:
    made = live(visits, policy, zone, start, arm)
    counted = [
        (one, (one.shown_at or one.at).astimezone(zone))
        for _, one in made
        if one.shown_at is not None or one.arm is not Arm.SHOWN
    ]
    for surface in (None, "home", "login"):
        caps = policy.caps if surface is None else policy.surfaces.get(surface, Caps())
        here = [(one, at) for one, at in counted if surface in (None, one.surface)]
        for most, groups in (
            (caps.session, Counter(one.session for one, _ in here)),
            (caps.day, Counter(at.date() for _, at in here)),
            (caps.week, Counter(at.isocalendar()[:2] for _, at in here)),
        ):
            assert most is None or all(have <= most for have in groups.values())
    asks = sorted(at for one, at in counted if TRAITS[one.kind].ask)
    for place, at in enumerate(asks):
        inside = [other for other in asks[: place + 1] if at.astimezone(UTC) - other < 7 * DAY]
        assert len(inside) <= policy.asks_per_week
    assert all(
        have <= 1 for have in Counter(at.date() for one, at in counted if one.key == "b").values()
    )


@pytest.mark.slow
@decisions
@given(_visits, _life_policies, st.sampled_from(ZONES), st.sampled_from(MOMENTS))
def test_held_out_members_live_as_if_they_saw_all_at_once(
    visits: Sequence[Visit], policy: Policy, zone: ZoneInfo, start: datetime
) -> None:
    at_once: list[Visit] = [(gap, surface, session, 0) for gap, surface, session, _ in visits]
    lives = [[(key, one.at) for key, one in live(at_once, policy, zone, start, arm)] for arm in Arm]
    assert lives[0] == lives[1] == lives[2]
