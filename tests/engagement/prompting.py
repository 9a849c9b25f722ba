"""Members, scenarios and earlier offers to decide on, and the rules of the decision once more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from engagement.history import RANKS
from engagement.holdout import Arm
from engagement.prompt import Candidate, Choice, Earlier, Reason, Running, Situation, choose, fits
from engagement.scenario import TRAITS, Caps, Kind, Policy, Scenario
from engagement.words import STATUSES, Status

RANK: Mapping[Status, int] = {
    status: int(rank) for status, rank in zip(STATUSES, RANKS, strict=True)
}
NOON = datetime(2026, 11, 18, 3, tzinfo=UTC)  # a Wednesday, noon in Tokyo
TOKYO = ZoneInfo("Asia/Tokyo")
BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def scenario(key: str = "s", **settings: object) -> Scenario:
    """For every member, about nothing, without caps or rest, unless said otherwise."""
    plain = Scenario(
        key=key,
        en="S",
        ja="S",
        status=Status.MEMBER,
        to=None,
        goal=(("qa", "answer"),),
        kind=Kind.NEXT_STEP,
        surfaces=("home", "login"),
        priority=100,
        caps=Caps(),
        cool_down_days=0,
        begins=None,
        ends=None,
        audience=(),
        holdout_percent=0,
        variants=(),
    )
    return replace(plain, **settings)  # type: ignore[arg-type]


def situation(**settings: object) -> Situation:
    plain = Situation(
        status=Status.MEMBER,
        now=NOON,
        today=date(2026, 11, 18),
        zone=TOKYO,
        surface="home",
        session="now",
        candidates=(Candidate(Kind.NEXT_STEP),),
    )
    return replace(plain, **settings)  # type: ignore[arg-type]


def offer(at: datetime, **settings: object) -> Earlier:
    """An offer that was seen at once."""
    plain = Earlier(at, "other", Kind.COMPANY_ARTICLE, "home", "then", Arm.SHOWN, shown_at=at)
    return replace(plain, **settings)  # type: ignore[arg-type]


OPEN = Policy(caps=Caps(), asks_per_week=100)


def decide(
    *scenarios: Scenario,
    member: Situation,
    policy: Policy = OPEN,
    among: Callable[[Scenario], bool] = lambda _: True,
    draw: Callable[[Scenario], Arm] = lambda _: Arm.SHOWN,
) -> Choice:
    running = [Running(number, one) for number, one in enumerate(scenarios)]
    return choose(running, policy, member, ranks=RANK, among=among, draw=draw)


# --- worlds ------------------------------------------------------------------------------------

ZONES = [ZoneInfo(name) for name in ("Asia/Tokyo", "Europe/Berlin", "America/New_York", "UTC")]
ZONES.append(ZoneInfo("Pacific/Chatham"))
#: Among them the ends of a week, a quarter and a year, and both changes of the clock.
MOMENTS = [
    NOON,
    datetime(2026, 12, 31, 15, tzinfo=UTC),
    datetime(2027, 1, 4, 0, tzinfo=UTC),
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
]
KINDS_USED = (Kind.NEXT_STEP, Kind.QUESTION_FOR_YOU, Kind.UNANSWERED_THREAD, Kind.ANSWER_WAS_READ)
_STATUSES = (Status.FAN, Status.SUPPORTER, Status.MEMBER)
_few = st.none() | st.integers(0, 3)
CAPS = st.builds(Caps, _few, _few, _few)
_gaps = st.integers(0, 20 * 24 * 60) | st.integers(0, 30)


@st.composite
def _scenarios(draw: st.DrawFn) -> list[Scenario]:
    keys = draw(st.lists(st.sampled_from("abcdef"), max_size=5, unique=True))
    return [
        scenario(
            key,
            status=draw(st.sampled_from([Status.FAN, Status.FAN, Status.SUPPORTER])),
            to=draw(st.sampled_from([None, None, Status.CONNECTOR, Status.MEMBER])),
            kind=draw(st.sampled_from(KINDS_USED)),
            surfaces=draw(st.sampled_from([("home",), ("home", "login"), ("login",)])),
            priority=draw(st.integers(0, 3)),
            caps=draw(st.just(Caps()) | CAPS),
            cool_down_days=draw(st.sampled_from([0, 0, 1, 7])),
            begins=draw(st.sampled_from([None, None, date(2026, 11, 18), date(2026, 12, 31)])),
            ends=draw(st.sampled_from([None, None, date(2026, 11, 18), date(2026, 12, 31)])),
        )
        for key in keys
    ]


_policies = st.builds(
    Policy,
    reserve_minutes=st.integers(1, 60),
    asks_per_week=st.integers(0, 3),
    members_per_item=st.integers(1, 3),
    dismiss_days=st.integers(0, 14),
    snooze_days=st.integers(0, 5),
    caps=CAPS,
    surfaces=st.dictionaries(st.sampled_from(["home", "login"]), CAPS, max_size=2),
)


@st.composite
def _candidates(draw: st.DrawFn) -> list[Candidate]:
    rarely = st.sampled_from([False, False, False, True])
    found = []
    for post in draw(st.lists(st.integers(1, 20), max_size=6, unique=True)):
        kind = draw(st.sampled_from(KINDS_USED[1:]))
        own = TRAITS[kind].own
        found.append(
            Candidate(
                kind,
                post,
                draw(st.sampled_from([0.0, 0.5, 1.0])),
                visible=not draw(rarely),
                own=own is not draw(rarely),
                closed=draw(rarely),
                met=draw(rarely),
                shown=draw(rarely),
                answers=draw(st.sampled_from([0, 0, 1, 3, 4])),
                offered=draw(st.integers(0, 4)),
            )
        )
    steps: list[str | None] = draw(st.sampled_from([[None], [None], [], ["a", "b", "c"]]))
    found += [Candidate(Kind.NEXT_STEP, scenario=key) for key in steps]
    return found


@st.composite
def _offers(draw: st.DrawFn, now: datetime) -> list[Earlier]:
    found = []
    for minutes in draw(st.lists(_gaps, max_size=5)):
        at = now - minutes * MINUTE
        arm = draw(st.sampled_from([Arm.SHOWN, Arm.SHOWN, Arm.HELD_BY_SCENARIO, Arm.HELD_BY_ALL]))
        seen = arm is Arm.SHOWN and draw(st.booleans())
        shown_at = min(now, at + draw(st.integers(0, 60)) * MINUTE) if seen else None
        found.append(
            Earlier(
                at,
                draw(st.sampled_from("abcdef")),
                draw(st.sampled_from(KINDS_USED)),
                draw(st.sampled_from(["home", "login"])),
                draw(st.sampled_from(["now", "then"])),
                arm,
                shown_at=shown_at,
                dismissed_at=shown_at if draw(st.booleans()) else None,
                snoozed_at=shown_at if draw(st.booleans()) else None,
            )
        )
    return found


@dataclass(frozen=True)
class World:
    """All that a decision depends on."""

    scenarios: Sequence[Scenario]
    policy: Policy
    member: Situation
    audience: frozenset[str]
    arms: Mapping[str, Arm]

    def choice(self) -> Choice:
        """The decision."""
        return decide(
            *self.scenarios,
            member=self.member,
            policy=self.policy,
            among=lambda one: one.key in self.audience,
            draw=lambda one: self.arms[one.key],
        )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    zone = draw(st.sampled_from(ZONES))
    now = draw(st.sampled_from(MOMENTS)) + draw(st.integers(-180, 180)) * MINUTE
    often = st.sampled_from([True] * 9 + [False])
    member = Situation(
        status=draw(st.sampled_from([Status.FAN] * 4 + [Status.SUPPORTER])),
        now=now,
        today=now.astimezone(TOKYO).date(),
        zone=zone,
        surface=draw(st.sampled_from(["home", "login"])),
        session=draw(st.sampled_from(["now", "now", None])),
        is_member=draw(often),
        consents=draw(often),
        refused=draw(st.frozensets(st.sampled_from(KINDS_USED), max_size=1)),
        falls=draw(st.sampled_from([None, None, Status.SUPPORTER, Status.DORMANT])),
        earlier=draw(st.just([]) | _offers(now)),
        candidates=draw(_candidates()),
    )
    everybody = frozenset("abcdef")
    return World(
        draw(_scenarios()),
        draw(st.just(OPEN) | _policies),
        member,
        everybody - draw(st.frozensets(st.sampled_from("abcdef"), max_size=1)),
        {key: draw(st.sampled_from(Arm)) for key in "abcdef"},
    )


decisions = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


# --- the rules, once more ----------------------------------------------------------------------


def fresh(one: Candidate) -> bool:
    """The sentences of `Traits`, said once more."""
    traits = TRAITS[one.kind]
    if not traits.has_item:
        return True
    gone = not one.visible or one.shown
    theirs = not one.own if traits.own else one.own or one.met
    done = (one.closed and traits.needs_open) or (
        traits.most_answers is not None and one.answers > traits.most_answers
    )
    return not (gone or theirs or done)


class Textbook:
    """Whether each reason holds for one scenario, without regard to the others."""

    def __init__(self, world: World, one: Scenario) -> None:
        self.world, self.one = world, one
        self.member, self.policy = world.member, world.policy
        self.own = [
            c
            for c in self.member.candidates
            if c.kind is one.kind and c.scenario in (None, one.key)
        ]
        self.fresh = [c for c in self.own if fresh(c)]
        reserve = self.policy.reserve_minutes * MINUTE
        #: When each earlier offer counts; those that lapsed are not there.
        self.seen: list[tuple[Earlier, datetime]] = []
        for past in self.member.earlier:
            if past.arm is not Arm.SHOWN:
                self.seen.append((past, past.at))
            elif past.shown_at is not None:
                self.seen.append((past, past.shown_at))
            elif self.member.now - past.at < reserve:
                self.seen.append((past, self.member.now))

    def first(self) -> Reason | None:
        """The first reason that holds, in the order in which they are asked."""
        order = list(Reason)
        first, last = order.index(Reason.NOT_A_MEMBER), order.index(Reason.LOST_ARBITRATION)
        for reason in order[first:last]:
            if self.holds(reason):
                return reason
        return None

    def holds(self, reason: Reason) -> bool:
        """Whether a reason holds for the scenario."""
        one, member = self.one, self.member
        sayings: Mapping[Reason, Callable[[], bool]] = {
            Reason.NOT_A_MEMBER: lambda: not member.is_member,
            Reason.NO_CONSENT: lambda: not member.consents or one.kind in member.refused,
            Reason.OTHER_SURFACE: lambda: member.surface not in one.surfaces,
            Reason.NOT_IN_PERIOD: lambda: (
                not (one.begins or date.min) <= member.today <= (one.ends or date.max)
            ),
            Reason.NOT_FOR_STANDING: lambda: not fits(one, member.status, member.falls, RANK),
            Reason.NOT_IN_AUDIENCE: lambda: one.key not in self.world.audience,
            Reason.NO_CANDIDATE: lambda: not self.own,
            Reason.STALE_ITEM: lambda: not self.fresh,
            Reason.CAP_ITEM: self.is_crowded,
            Reason.CAP_SESSION: lambda: self.full(lambda caps: caps.session, self.same_session),
            Reason.CAP_DAY: lambda: self.full(lambda caps: caps.day, self.same_day),
            Reason.CAP_WEEK: lambda: self.full(lambda caps: caps.week, self.same_week),
            Reason.COOLDOWN: self.cools_down,
            Reason.SNOOZED: self.was_put_off,
            Reason.DISMISSED: self.was_closed,
            Reason.EXPERT_LOAD: self.is_tired,
        }
        return sayings[reason]()

    def is_crowded(self) -> bool:
        """Every item was pushed to enough others."""
        most = self.policy.members_per_item
        return TRAITS[self.one.kind].spread and all(c.offered >= most for c in self.fresh)

    def cools_down(self) -> bool:
        """The scenario was shown a short while ago, and nobody said to come again."""
        mine = [at for past, at in self.seen if past.key == self.one.key and not past.snoozed_at]
        return self.since(self.one.cool_down_days, mine)

    def was_put_off(self) -> bool:
        """The member said to come again later."""
        mine = [past for past in self.member.earlier if past.key == self.one.key]
        return self.since(self.policy.snooze_days, [p.snoozed_at for p in mine])

    def was_closed(self) -> bool:
        """A prompt of the kind was closed."""
        mine = [past for past in self.member.earlier if past.kind is self.one.kind]
        return self.since(self.policy.dismiss_days, [p.dismissed_at for p in mine])

    def is_tired(self) -> bool:
        """The member was asked for their knowledge often enough."""
        asked = [at for past, at in self.seen if TRAITS[past.kind].ask]
        in_week = sum(self.member.now - at < 7 * DAY for at in asked)
        return TRAITS[self.one.kind].ask and in_week >= self.policy.asks_per_week

    def since(self, days: int, times: Sequence[datetime | None]) -> bool:
        """Whether one of the times is less than so many days ago."""
        return any(at is not None and self.member.now - at < days * DAY for at in times)

    def same_day(self, _: Earlier, at: datetime) -> bool:
        """On the member's day."""
        return self.day(at) == self.day(self.member.now)

    def same_week(self, _: Earlier, at: datetime) -> bool:
        """In the member's week, which begins on Monday."""
        now = self.day(self.member.now)
        return self.day(at) - self.day(at).weekday() * DAY == now - now.weekday() * DAY

    def same_session(self, past: Earlier, _: datetime) -> bool:
        """In the session, where there is one."""
        return past.session is not None and past.session == self.member.session

    def day(self, at: datetime) -> date:
        """The member's own day of a moment."""
        return at.astimezone(self.member.zone).date()

    def full(
        self, cap: Callable[[Caps], int | None], counts: Callable[[Earlier, datetime], bool]
    ) -> bool:
        here = [past for past, at in self.seen if counts(past, at)]
        surface = self.member.surface
        limits = [
            (cap(self.policy.caps), len(here)),
            (
                cap(self.policy.surfaces.get(surface, Caps())),
                sum(past.surface == surface for past in here),
            ),
            (cap(self.one.caps), sum(past.key == self.one.key for past in here)),
        ]
        return any(most is not None and have >= most for most, have in limits)
