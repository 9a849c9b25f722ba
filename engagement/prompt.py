"""Which prompt a member is shown now, if any: decided in one order, with a reason for every no.

consent, the standing, an item that is still open and readable, the caps, the cool-down, the load of
those who know, arbitration, and last the holdout: so that who is held out differs from who is shown
in nothing but the showing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from engagement.explain import NextStep
from engagement.holdout import Arm
from engagement.scenario import TRAITS, Caps, Kind, Policy, Scenario
from engagement.words import Status


class Reason(StrEnum):
    """Why a prompt is not shown, in the order in which it is asked.

    The first two are those of a decision that is asked for again in the same visit: the member has
    answered its prompt, or a manager has stopped its scenario.
    """

    ANSWERED = "ANSWERED"
    NOT_RUNNING = "NOT_RUNNING"
    NOT_A_MEMBER = "NOT_A_MEMBER"
    NO_CONSENT = "NO_CONSENT"
    OTHER_SURFACE = "OTHER_SURFACE"
    NOT_IN_PERIOD = "NOT_IN_PERIOD"
    NOT_FOR_STANDING = "NOT_FOR_STANDING"
    NOT_IN_AUDIENCE = "NOT_IN_AUDIENCE"
    NO_CANDIDATE = "NO_CANDIDATE"
    STALE_ITEM = "STALE_ITEM"
    CAP_ITEM = "CAP_ITEM"
    CAP_SESSION = "CAP_SESSION"
    CAP_DAY = "CAP_DAY"
    CAP_WEEK = "CAP_WEEK"
    COOLDOWN = "COOLDOWN"
    SNOOZED = "SNOOZED"
    DISMISSED = "DISMISSED"
    EXPERT_LOAD = "EXPERT_LOAD"
    LOST_ARBITRATION = "LOST_ARBITRATION"
    HOLDOUT_SCENARIO = "HOLDOUT_SCENARIO"
    HOLDOUT_GLOBAL = "HOLDOUT_GLOBAL"


_ORDER: Final = {reason: place for place, reason in enumerate(Reason)}
_HELD: Final = {
    Arm.HELD_BY_SCENARIO: Reason.HOLDOUT_SCENARIO,
    Arm.HELD_BY_ALL: Reason.HOLDOUT_GLOBAL,
}
_WEEK: Final = timedelta(days=7)
#: What is so of every scenario at once, or of all for other places.
_PLAIN: Final = frozenset({Reason.NOT_A_MEMBER, Reason.OTHER_SURFACE})

#: What a message tells, by the names of its variables.
Values = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that a prompt can be about, and what has become of it by now.

    ``post_id`` is None where it is about no post; of candidates of a kind the one with the highest
    ``score`` is taken. ``visible``: it can be read, by anybody and in the member's language.
    ``answers`` are the posts of others in its thread; ``closed``: the asker has
    accepted an answer; ``met``: the member answered it, reacted to it, or read it; ``shown``: an
    earlier prompt showed it to them; ``offered``: to how many other members it was offered in the
    last seven days. ``scenario`` is the key of the one that it was made for, None for all of its
    kind: which step is next, and in what it is counted, is the scenario's to say.
    """

    kind: Kind
    post_id: int | None = None
    score: float = 0.0
    values: Values = field(default_factory=dict)
    visible: bool = True
    own: bool = False
    closed: bool = False
    met: bool = False
    shown: bool = False
    answers: int = 0
    offered: int = 0
    scenario: str | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether it can still be shown."""
        traits = TRAITS[self.kind]
        if not traits.has_item:
            return True
        return (
            self.visible
            and not self.shown
            and (self.own if traits.own else not self.own and not self.met)
            and not (traits.needs_open and self.closed)
            and (traits.most_answers is None or self.answers <= traits.most_answers)
        )


@dataclass(frozen=True, slots=True)
class Earlier:
    """An offer that was made to the member before."""

    at: datetime
    key: str
    kind: Kind
    surface: str
    session: str | None
    arm: Arm
    shown_at: datetime | None = None
    dismissed_at: datetime | None = None
    snoozed_at: datetime | None = None

    def counts(self, now: datetime, reserve: timedelta) -> bool:
        """Whether it counts against the caps: seen, held out as if seen, or not yet given up."""
        return self.arm is not Arm.SHOWN or self.shown_at is not None or now - self.at < reserve

    @property
    def counted_at(self) -> datetime:
        """When it counts: when it was seen, else when it was decided."""
        return self.shown_at or self.at


@dataclass(frozen=True, slots=True)
class Situation:
    """A member who asks what there is for them.

    ``refused`` are the kinds that they do not want, ``consents``: they may be shown any. ``falls``
    is the status that they will have in ``Policy.falling_days`` if they do nothing more (None: it
    stays). ``today`` is the community's day, ``zone`` the member's own. ``is_member`` is false of
    staff, bots and closed accounts.
    """

    status: Status
    now: datetime
    today: date
    zone: ZoneInfo
    surface: str
    session: str | None
    is_member: bool = True
    consents: bool = True
    refused: frozenset[Kind] = frozenset()
    falls: Status | None = None
    earlier: Sequence[Earlier] = ()
    candidates: Sequence[Candidate] = ()


@dataclass(frozen=True, slots=True)
class Running:
    """A scenario that runs, by the number of its version."""

    id: int
    scenario: Scenario


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one scenario in a decision.

    ``reason`` is None for the one that is shown. ``post_id`` is the item that it would have been
    about, ``detail`` the numbers that decided, such as ``2 of 2 on a day``.
    """

    scenario: Running
    reason: Reason | None
    post_id: int | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A decision: its winner with the arm it fell into, and what became of every scenario.

    ``winner`` and ``candidate`` are None where nothing came so far; ``reason`` is then the one of
    the scenario that came furthest, None where no scenario runs.
    """

    winner: Running | None
    candidate: Candidate | None
    arm: Arm | None
    reason: Reason | None
    trace: tuple[Step, ...]

    def told_for(self, status: Status) -> list[Step]:
        """What is worth telling of the trace to a member of ``status``.

        What every scenario for another surface or status would say is left out.
        """
        return [
            step
            for step in self.trace
            if step.reason not in _PLAIN
            and (
                step.reason is not Reason.NOT_FOR_STANDING
                or step.scenario.scenario.status is status
            )
        ]


def held_out(arm: Arm) -> Reason | None:
    """Why what was chosen is not shown; None where it is."""
    return _HELD.get(arm)


def steps_missing(step: NextStep, points: int) -> int:
    """How many actions of ``points`` each, to other people and on other days, reach a next status.

    Its people must have been counted (``NextStep.with_people``).
    """
    lacking = sorted(guard.need - (guard.have or 0) for guard in step.guards)
    return max(-(-step.missing_x100 // (points * 100)), *lacking[: step.guards_needed], 0)


#: The arm of the member in a scenario.
Draw = Callable[[Scenario], Arm]
#: Whether the member is of a scenario's audience.
Among = Callable[[Scenario], bool]
#: How high each status stands.
Ranks = Mapping[Status, int]


def choose(
    running: Collection[Running],
    policy: Policy,
    member: Situation,
    *,
    ranks: Ranks,
    among: Among,
    draw: Draw,
) -> Choice:
    """Decide what ``member`` is shown.

    Of several prompts that could be, the one of the highest priority wins, then that of the better
    candidate, then that of the first key. The trace has a step for every scenario that runs: those
    that could not be by their keys, the winner, and whom it beat. Nothing depends on the order in
    which scenarios, candidates and earlier offers come.
    """
    usage = _Usage(policy, member)
    steps: list[Step] = []
    left: list[tuple[Running, Candidate]] = []
    for one in sorted(running, key=lambda one: one.scenario.key):
        refusal = _unfit(one.scenario, member, ranks, among)
        candidate = None
        detail = None
        if refusal is None:
            candidate, refusal, detail = _candidate(one.scenario, policy, member)
        if refusal is None:
            refusal, detail = usage.refusal(one.scenario)
        if refusal is not None:
            post = None if candidate is None else candidate.post_id
            steps.append(Step(one, refusal, post, detail))
        else:
            assert candidate is not None
            left.append((one, candidate))
    if not left:
        furthest = max((s.reason for s in steps if s.reason), key=_ORDER.__getitem__, default=None)
        return Choice(None, None, None, furthest, tuple(steps))
    # The keys are in order already, and sorting keeps them so.
    left.sort(key=lambda pair: (-pair[0].scenario.priority, -pair[1].score))
    (winner, candidate), *rest = left
    lost = [Step(one, Reason.LOST_ARBITRATION, other.post_id) for one, other in rest]
    arm = draw(winner.scenario)
    reason = held_out(arm)
    steps += [Step(winner, reason, candidate.post_id), *lost]
    return Choice(winner, candidate, arm, reason, tuple(steps))


def _unfit(scenario: Scenario, member: Situation, ranks: Ranks, among: Among) -> Reason | None:
    """Why a scenario is not for this member, here and now; None where it is."""
    if not member.is_member:
        return Reason.NOT_A_MEMBER
    if not member.consents or scenario.kind in member.refused:
        return Reason.NO_CONSENT
    if member.surface not in scenario.surfaces:
        return Reason.OTHER_SURFACE
    begun = scenario.begins is None or scenario.begins <= member.today
    if not begun or (scenario.ends is not None and member.today > scenario.ends):
        return Reason.NOT_IN_PERIOD
    if not fits(scenario, member.status, member.falls, ranks):
        return Reason.NOT_FOR_STANDING
    return None if among(scenario) else Reason.NOT_IN_AUDIENCE


def fits(scenario: Scenario, status: Status, falls: Status | None, ranks: Ranks) -> bool:
    """Whether a scenario is for members of ``status``, who will fall to ``falls``.

    One for a fall is for those who fall so far or further. One for a rise, or for everybody of a
    status, is also for those who fall: priorities say which of them comes first.
    """
    if scenario.status is not status:
        return False
    if scenario.to is None or not is_fall(status, scenario.to, ranks):
        return True
    return falls is not None and ranks[falls] <= ranks[scenario.to]


def is_fall(status: Status, to: Status, ranks: Ranks) -> bool:
    """Whether a move leads down; the end of a newcomer's month is one, though it ends no lower."""
    ended = status is Status.NEWCOMER and to is Status.MEMBER
    return ended or ranks[to] < ranks[status]


def _candidate(
    scenario: Scenario, policy: Policy, member: Situation
) -> tuple[Candidate | None, Reason | None, str | None]:
    """The best candidate that is fresh and not pushed to too many, or why there is none."""
    own = [
        one
        for one in member.candidates
        if one.kind is scenario.kind and one.scenario in {None, scenario.key}
    ]
    if not own:
        return None, Reason.NO_CANDIDATE, None
    fresh = [one for one in own if one.is_fresh]
    if not fresh:
        return _best(own), Reason.STALE_ITEM, f"{len(own)} looked at"
    if scenario.is_of.spread:
        spare = [one for one in fresh if one.offered < policy.members_per_item]
        if not spare:
            best = _best(fresh)
            return best, Reason.CAP_ITEM, f"{best.offered} of {policy.members_per_item}"
        fresh = spare
    return _best(fresh), None, None


def _best(candidates: Sequence[Candidate]) -> Candidate:
    return max(candidates, key=lambda one: (one.score, one.post_id or 0))


class _Usage:
    """How much the member was shown already."""

    def __init__(self, policy: Policy, member: Situation) -> None:
        self._policy = policy
        self._member = member
        reserve = timedelta(minutes=policy.reserve_minutes)
        # Times of one zone are subtracted as clocks on the wall show them, in summer and winter.
        self._now = member.now.astimezone(UTC)
        self._today = member.now.astimezone(member.zone).date()
        self._all = [one for one in member.earlier if one.counts(self._now, reserve)]

    def refusal(self, scenario: Scenario) -> tuple[Reason | None, str | None]:
        """Why caps, rest or load forbid a scenario, with the numbers; None where nothing does."""
        surface = self._member.surface
        limits = (
            (self._policy.caps, self._all, ""),
            (
                self._policy.surfaces.get(surface, Caps()),
                [one for one in self._all if one.surface == surface],
                f" on {surface}",
            ),
            (scenario.caps, [one for one in self._all if one.key == scenario.key], " of it"),
        )
        refusals = [
            (reason, f"{have} of {most}{where}")
            for caps, offers, where in limits
            for reason, most, have in self._counted(caps, offers)
            if most is not None and have >= most
        ]
        if refusals:
            return min(refusals, key=lambda one: _ORDER[one[0]])
        return self._resting(scenario) or self._loaded(scenario) or (None, None)

    def _counted(
        self, caps: Caps, offers: Sequence[Earlier]
    ) -> tuple[tuple[Reason, int | None, int], ...]:
        session = self._member.session
        here = [one for one in offers if session is not None and one.session == session]
        days = [self._counted_at(one).astimezone(self._member.zone).date() for one in offers]
        week = self._today.isocalendar()[:2]
        return (
            (Reason.CAP_SESSION, caps.session, len(here)),
            (Reason.CAP_DAY, caps.day, sum(day == self._today for day in days)),
            (Reason.CAP_WEEK, caps.week, sum(day.isocalendar()[:2] == week for day in days)),
        )

    def _counted_at(self, one: Earlier) -> datetime:
        """When an offer counts; one that may yet be seen counts now, also past midnight."""
        pending = one.arm is Arm.SHOWN and one.shown_at is None
        return self._now if pending else one.counted_at

    def _resting(self, scenario: Scenario) -> tuple[Reason, str] | None:
        rests = (
            (
                Reason.COOLDOWN,
                scenario.cool_down_days,
                # "Remind me later" is sooner than the cool-down, or it would be no use.
                [
                    self._counted_at(one)
                    for one in self._all
                    if one.key == scenario.key and one.snoozed_at is None
                ],
            ),
            (
                Reason.SNOOZED,
                self._policy.snooze_days,
                [
                    one.snoozed_at
                    for one in self._member.earlier
                    if one.key == scenario.key and one.snoozed_at is not None
                ],
            ),
            (
                Reason.DISMISSED,
                self._policy.dismiss_days,
                [
                    one.dismissed_at
                    for one in self._member.earlier
                    if one.kind is scenario.kind and one.dismissed_at is not None
                ],
            ),
        )
        for reason, days, times in rests:
            if times and self._now - max(times) < timedelta(days=days):
                begun = max(times).astimezone(self._member.zone).date()
                return reason, f"for {days} days from {begun}"
        return None

    def _loaded(self, scenario: Scenario) -> tuple[Reason, str] | None:
        if not scenario.is_of.ask:
            return None
        asked = sum(
            TRAITS[one.kind].ask and self._now - self._counted_at(one) < _WEEK for one in self._all
        )
        most = self._policy.asks_per_week
        return (Reason.EXPERT_LOAD, f"{asked} of {most} in a week") if asked >= most else None
