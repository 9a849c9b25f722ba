"""Why a member has the status they have, and what would bring them one step further.

``explain`` takes the state that the fold left behind and names the numbers that decided, beside
those that were needed. It decides nothing by itself: its first reason is the first condition of the
precedence that holds, which is what ``status.decide`` returns (held together by a property test).

A state knows points and days, not people. Who shows an explanation counts the people of the
guards it shows and hands them to ``with_people``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from engagement import explain_texts as texts
from engagement.status import AT_BAR, Hold, State, decide, next_review_day
from engagement.words import INDICES, STATUS_OF_INDEX, DistinctBy, Index, RuleSet, Status

_PEOPLE = "distinct_members"
_DAYS = "distinct_days"


@dataclass(frozen=True, slots=True)
class GuardStanding:
    """A condition for entering beside the points; ``have`` is None where nobody counted."""

    name: str
    have: int | None
    need: int

    @property
    def holds(self) -> bool:
        """Whether it holds, as far as anybody counted."""
        return self.have is not None and self.have >= self.need


@dataclass(frozen=True, slots=True)
class IndexStanding:
    """One index: points ×100 in the window, the bars ×100, and whether it is met.

    ``kept_until_day`` is the last day on which it certainly counts as met, where that is only
    because the points fell below ``exit_x100`` too short a time ago. ``guards_needed`` of
    ``guards`` must hold to enter.
    """

    index: Index
    points_x100: int
    enter_x100: int
    exit_x100: int
    met: bool
    at_bar: bool
    kept_until_day: int | None
    guards: tuple[GuardStanding, ...]
    guards_needed: int

    @property
    def missing_x100(self) -> int:
        """Points ×100 that are missing to the bar; 0 where it is reached."""
        return max(0, self.enter_x100 - self.points_x100)

    @property
    def guards_missing(self) -> int:
        """How many more guards must hold to enter, as far as they were counted."""
        return max(0, self.guards_needed - sum(guard.holds for guard in self.guards))

    def with_people(self, people: int) -> IndexStanding:
        """The same, knowing with how many different people the points of the window were made."""
        guards = tuple(
            replace(guard, have=people) if guard.name == _PEOPLE else guard for guard in self.guards
        )
        return replace(self, guards=guards)


@dataclass(frozen=True, slots=True)
class Reason:
    """A condition that holds: what was counted, what was needed, and a sentence about it.

    ``code`` is ``lock``, ``dormant``, ``points`` (an index at its bar), ``held`` (an index that is
    met though its points fell below the bar), ``grace``, ``newcomer``, ``member`` or
    ``not_placed``. ``actual`` and ``needed`` are points ×100 for ``points``, ``held`` and
    ``grace``, days for ``dormant`` and ``newcomer``, else None.
    """

    code: str
    index: Index | None
    actual: int | None
    needed: int | None
    text_en: str
    text_ja: str


@dataclass(frozen=True, slots=True)
class NextStep:
    """The next status and what is missing for it.

    ``target`` is the index that leads there, None for the way back from dormancy, which takes any
    one action.
    """

    status: Status
    target: IndexStanding | None
    rules: RuleSet = field(repr=False)

    @property
    def missing_x100(self) -> int:
        """Points ×100 that are missing."""
        return 0 if self.target is None else self.target.missing_x100

    @property
    def guards(self) -> tuple[GuardStanding, ...]:
        """The guards that do not hold yet; none where enough of them do."""
        if self.target is None or not self.target.guards_missing:
            return ()
        return tuple(guard for guard in self.target.guards if not guard.holds)

    @property
    def guards_needed(self) -> int:
        """How many of ``guards`` must hold as well."""
        return 0 if self.target is None else self.target.guards_missing

    @property
    def asks_people(self) -> bool:
        """Whether people must be counted to say what is missing."""
        return any(guard.have is None for guard in self.guards)

    def with_people(self, people: int) -> NextStep:
        """The same, knowing with how many different people the points of the window were made."""
        return (
            self if self.target is None else replace(self, target=self.target.with_people(people))
        )

    def text(self) -> texts.Said:
        """What is missing, as a sentence in English and in Japanese."""
        if self.target is None:
            return texts.come_back(self.status)
        index = self.target.index
        return texts.step(
            self.status,
            index,
            self.missing_x100,
            self.guards,
            self.guards_needed,
            window_days=self.rules.window_days,
            days_count=any(
                row.index is index and row.distinct_by is DistinctBy.DAY
                for row in self.rules.catalog
            ),
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a member stands at the end of ``day``, and why."""

    status: Status
    since: int | None
    day: int
    rule_set: str
    indices: tuple[IndexStanding, ...]
    because: tuple[Reason, ...]
    next: NextStep | None
    next_review_day: int | None

    def with_people(self, people: Mapping[Index, int]) -> Standing:
        """The same with different people counted, by index, for all that is shown."""
        step = self.next
        if step is not None and step.target is not None:
            step = step.with_people(people.get(step.target.index, 0))
        indices = tuple(one.with_people(people.get(one.index, 0)) for one in self.indices)
        return replace(self, indices=indices, next=step)


def explain(state: State, rules: RuleSet, *, holds: Sequence[Hold] = ()) -> Standing:
    """The standing of one member at the end of ``state.day``, with its reasons.

    Its people are not counted yet, except where there can be none.
    """
    indices = tuple(_index_standing(state, index, rules) for index in INDICES)
    because, word = _because(state, indices, rules, holds)
    return Standing(
        status=state.status,
        since=state.since,
        day=state.day,
        rule_set=rules.name,
        indices=indices,
        because=(because,),
        next=_next(state, indices, rules, holds, word),
        next_review_day=next_review_day(state, rules, holds),
    )


def not_placed(day: int, rules: RuleSet) -> Standing:
    """The standing of somebody whom no fold has reached yet."""
    nobody = State(day, Status.MEMBER, day, (None, None, None, None), day, None)
    indices = tuple(_index_standing(nobody, index, rules) for index in INDICES)
    reason = Reason("not_placed", None, None, None, *texts.not_placed())
    return Standing(Status.MEMBER, None, day, rules.name, indices, (reason,), None, None)


def _index_standing(state: State, index: Index, rules: RuleSet) -> IndexStanding:
    """Points and bars of one index."""
    i = INDICES.index(index)
    threshold = rules.thresholds[index]
    met, value = state.met[i], state.points[i]
    kept_until = None
    if met is not None and met != AT_BAR and value < threshold.exit_x100:
        kept_until = met + threshold.min_hold_days - 1
    guards = []
    if threshold.guards.distinct_members is not None:
        # Points come from dealings that count: where there are none, there was nobody.
        guards.append(
            GuardStanding(_PEOPLE, None if value else 0, threshold.guards.distinct_members)
        )
    if threshold.guards.distinct_days is not None:
        days = sum(1 for _, points in state.recent if points[i] > 0)
        guards.append(GuardStanding(_DAYS, days, threshold.guards.distinct_days))
    return IndexStanding(
        index=index,
        points_x100=value,
        enter_x100=threshold.enter_x100,
        exit_x100=threshold.exit_x100,
        met=met is not None,
        at_bar=met == AT_BAR,
        kept_until_day=kept_until,
        guards=tuple(guards),
        guards_needed=threshold.guards.k_of,
    )


def _because(
    state: State, indices: Sequence[IndexStanding], rules: RuleSet, holds: Sequence[Hold]
) -> tuple[Reason, str]:
    """The first condition of the precedence that holds, and its word."""
    in_force = [hold for hold in holds if hold.applies(state.day)]
    locks = [hold for hold in in_force if hold.kind == "lock"]
    graces = {
        hold.status: hold
        for hold in sorted(in_force, key=_last_day_or_never)
        if hold.kind == "grace"
    }
    quiet = state.day - (state.entry if state.last_given is None else state.last_given)
    life = rules.lifecycle
    who = texts.Who(state.status, state.since, rules.window_days)
    for word in rules.precedence:
        if word == "lock":
            if locks:
                said = texts.lock(who, _last_day(locks[-1]))
                return Reason("lock", None, None, None, *said), word
        elif word == "dormant":
            if quiet >= life.dormant_after_days:
                said = texts.dormant(who, quiet, life.dormant_after_days)
                return Reason("dormant", None, quiet, life.dormant_after_days, *said), word
        elif word == "newcomer":
            age = state.day - state.entry
            if age < life.newcomer_days:
                said = texts.newcomer(who, age + 1, life.newcomer_days)
                return Reason("newcomer", None, age + 1, life.newcomer_days, *said), word
        elif word != "member":
            reason = _index_reason(indices[INDICES.index(Index(word))], graces, who)
            if reason is not None:
                return reason, word
        else:
            break
    return Reason("member", None, None, None, *texts.member(who)), "member"


def _index_reason(
    standing: IndexStanding, graces: Mapping[Status, Hold], who: texts.Who
) -> Reason | None:
    """Why an index counts as met; None where it does not."""
    index, points, enter = standing.index, standing.points_x100, standing.enter_x100
    if standing.at_bar:
        return Reason("points", index, points, enter, *texts.points(who, index, points, enter))
    if standing.met:
        until = standing.kept_until_day
        said = texts.held(who, index, points, enter, standing.exit_x100, until)
        return Reason("held", index, points, enter, *said)
    grace = graces.get(STATUS_OF_INDEX[index])
    if grace is not None:
        said = texts.grace(who, index, points, enter, _last_day(grace))
        return Reason("grace", index, points, enter, *said)
    return None


def _last_day(hold: Hold) -> int | None:
    return None if hold.until_day is None else hold.until_day - 1


def _last_day_or_never(hold: Hold) -> float:
    return math.inf if hold.until_day is None else hold.until_day


def _next(
    state: State,
    indices: Sequence[IndexStanding],
    rules: RuleSet,
    holds: Sequence[Hold],
    word: str,
) -> NextStep | None:
    """The step after the condition ``word`` that decided; None at the top and under a lock.

    From an index it is the next one up in the precedence; from newcomer or member it is the one
    that is nearest, measured by the share of its points that is missing (the lower hurdle where two
    are equally near).
    """
    if word == "lock":
        return None
    if word == "dormant":
        back = decide(replace(state, last_given=state.day), rules, holds)
        return NextStep(back, None, rules)
    above = rules.precedence[: rules.precedence.index(word)]
    candidates = [indices[i] for i, index in enumerate(INDICES) if index.value in above]
    if not candidates:
        return None
    if word in {"newcomer", "member"}:
        target = min(reversed(candidates), key=_share_missing)
    else:
        target = max(candidates, key=lambda standing: above.index(standing.index.value))
    return NextStep(STATUS_OF_INDEX[target.index], target, rules)


def _share_missing(standing: IndexStanding) -> float:
    return standing.missing_x100 / max(1, standing.enter_x100)
