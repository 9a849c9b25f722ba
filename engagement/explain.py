"""Why a member has the status they have, and what would bring them one step further.

``explain`` takes the state that the fold left behind and names the numbers that decided, beside
those that were needed. It decides nothing by itself: its first reason is the first condition of the
precedence that holds, which is what ``status.decide`` returns (held together by a property test).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from engagement import explain_texts as texts
from engagement.status import AT_BAR, Hold, State, decide, next_review_day
from engagement.words import INDICES, STATUS_OF_INDEX, Index, RuleSet, Status

#: Different counterparts per index, as far as they were counted.
Distinct = Mapping[Index, int]


@dataclass(frozen=True, slots=True)
class GuardStanding:
    """A condition for entering beside the points; ``have`` is None where nobody counted."""

    name: str
    have: int | None
    need: int


@dataclass(frozen=True, slots=True)
class IndexStanding:
    """One index: points ×100 in the window, the bars ×100, and whether it is met.

    ``kept_until_day`` is the first day on which it may be lost, where it is kept only because the
    points fell below ``exit_x100`` too short a time ago.
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
    def guards_open(self) -> bool:
        """Whether the guards would let the member in, as far as they were counted."""
        held = sum(1 for g in self.guards if g.have is not None and g.have >= g.need)
        return held >= self.guards_needed


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
    """The next status and what is missing for it: points ×100, and guards that do not hold yet.

    ``index`` is None for the way back from dormancy, which takes any one action.
    """

    status: Status
    index: Index | None
    missing_x100: int
    guards: tuple[GuardStanding, ...]
    text_en: str
    text_ja: str


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


def explain(
    state: State, rules: RuleSet, *, holds: Sequence[Hold] = (), distinct: Distinct | None = None
) -> Standing:
    """The standing of one member at the end of ``state.day``, with its reasons.

    ``distinct`` needs to hold the indices that ``blocked`` names; others are shown as not counted.
    """
    indices = tuple(
        index_standing(state, index, rules, (distinct or {}).get(index)) for index in INDICES
    )
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
    indices = tuple(index_standing(nobody, index, rules, None) for index in INDICES)
    reason = Reason("not_placed", None, None, None, *texts.not_placed())
    return Standing(Status.MEMBER, None, day, rules.name, indices, (reason,), None, None)


def blocked(state: State, rules: RuleSet) -> tuple[Index, ...]:
    """Indices whose points reach the bar while a guard keeps the member out.

    For these the number of distinct members must be counted to say what is missing.
    """
    return tuple(
        index
        for i, index in enumerate(INDICES)
        if state.met[i] is None
        and rules.thresholds[index].guards.distinct_members is not None
        and state.points[i] >= rules.thresholds[index].enter_x100
    )


def index_standing(
    state: State, index: Index, rules: RuleSet, distinct: int | None
) -> IndexStanding:
    """Points and bars of one index."""
    i = INDICES.index(index)
    threshold = rules.thresholds[index]
    met, value = state.met[i], state.points[i]
    kept_until = None
    if met is not None and met != AT_BAR and value < threshold.exit_x100:
        kept_until = met + threshold.min_hold_days
    guards = []
    if threshold.guards.distinct_members is not None:
        guards.append(
            GuardStanding("distinct_members", distinct, threshold.guards.distinct_members)
        )
    if threshold.guards.distinct_days is not None:
        days = sum(1 for _, points in state.recent if points[i] > 0)
        guards.append(GuardStanding("distinct_days", days, threshold.guards.distinct_days))
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
    graces = {hold.status: hold for hold in in_force if hold.kind == "grace"}
    quiet = state.day - (state.entry if state.last_given is None else state.last_given)
    life = rules.lifecycle
    who = texts.Who(state.status, state.since, rules.window_days)
    for word in rules.precedence:
        if word == "lock":
            if locks:
                said = texts.lock(who, locks[-1].until_day)
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
        said = texts.grace(who, index, points, enter, grace.until_day)
        return Reason("grace", index, points, enter, *said)
    return None


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
        return NextStep(back, None, 0, (), *texts.come_back(back))
    above = rules.precedence[: rules.precedence.index(word)]
    candidates = [indices[i] for i, index in enumerate(INDICES) if index.value in above]
    if not candidates:
        return None
    if word in {"newcomer", "member"}:
        target = min(reversed(candidates), key=_share_missing)
    else:
        target = max(candidates, key=lambda standing: above.index(standing.index.value))
    guards = () if target.guards_open else _missing(target.guards)
    status = STATUS_OF_INDEX[target.index]
    said = texts.step(status, target.index, target.missing_x100, guards, rules.window_days)
    return NextStep(status, target.index, target.missing_x100, guards, *said)


def _share_missing(standing: IndexStanding) -> float:
    return standing.missing_x100 / max(1, standing.enter_x100)


def _missing(guards: Sequence[GuardStanding]) -> tuple[GuardStanding, ...]:
    return tuple(guard for guard in guards if guard.have is None or guard.have < guard.need)
