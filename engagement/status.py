"""Which status a member has: the fold over days, for one member.

``place`` advances one day: it takes where the member stood the evening before and the facts of the
day, and says where they stand at its end. Everything else (the column form, the recording path,
simulation, history) must agree with it; ``columns.py`` does the same for many members at once and a
property test holds the two together.

Because only whole days enter, the order in which actions arrive cannot matter, and folding again
from the first day gives the same answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from engagement.words import (
    INDICES,
    STATUS_OF_INDEX,
    Guards,
    Index,
    RuleSet,
    Status,
)

#: Points (times 100) of one member, day and index are held below this; it fits 32 bits.
MOST_POINTS_X100 = 2_000_000_000

Points = tuple[int, int, int, int]
NOTHING: Points = (0, 0, 0, 0)

#: In ``State.met``: the points reach the bar (as opposed to the day since which they do not).
AT_BAR = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one member and day: points ×100 per index, and whether they gave anything.

    ``gave`` includes what is worth nothing, such as logging in: it says that they were here.
    """

    day: int
    points: Points = NOTHING
    gave: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """A status kept by decision from ``from_day`` to the day before ``until_day`` (None: open).

    A ``lock`` gives its status whatever the points say. A ``grace`` counts as meeting the index of
    its status.
    """

    kind: str
    status: Status
    from_day: int
    until_day: int | None = None

    def applies(self, day: int) -> bool:
        """Whether it is in force on ``day``."""
        return self.from_day <= day and (self.until_day is None or day < self.until_day)


@dataclass(frozen=True, slots=True)
class Counterpart:
    """One thing the guard ``distinct_members`` can count: on ``day``, for ``index``, ``who``.

    For action types that are distinct by day, ``who`` is minus the day, so each day is one.
    """

    day: int
    index: Index
    who: int


@dataclass(frozen=True, slots=True)
class State:
    """Where a member stood at the end of ``day``, with all that the next day needs.

    ``met`` has, per index, None where it is not met, AT_BAR while the points reach the bar, and
    after that the first day on which they no longer did. ``entry`` is the member's first day.
    ``recent`` are the days inside the window that had points, ascending.
    """

    day: int
    status: Status
    since: int
    met: tuple[int | None, int | None, int | None, int | None]
    entry: int
    last_given: int | None
    recent: tuple[tuple[int, Points], ...] = field(default=())

    @property
    def points(self) -> Points:
        """Points ×100 per index inside the window that ends on ``day``."""
        sums = [sum(day[i] for _, day in self.recent) for i in range(len(INDICES))]
        return (sums[0], sums[1], sums[2], sums[3])


def place(
    previous: State | None,
    facts: Facts,
    rules: RuleSet,
    *,
    holds: Sequence[Hold] = (),
    counterparts: Iterable[Counterpart] = (),
) -> State:
    """Where a member stands at the end of ``facts.day``.

    ``previous`` is their state at the end of the day before, None on their first day.
    ``counterparts`` needs to hold what lies inside the window, and only for indices that have
    the guard ``distinct_members``.

    Raises ValueError when ``facts`` are not of the day after ``previous``.
    """
    day = facts.day
    if previous is not None and day != previous.day + 1:
        raise ValueError(f"facts of day {day} cannot follow a state of day {previous.day}")
    recent = tuple(
        (d, p) for d, p in (previous.recent if previous else ()) if d > day - rules.window_days
    )
    if any(facts.points):
        recent += ((day, facts.points),)
    entry = previous.entry if previous else day
    last_given = day if facts.gave else previous.last_given if previous else None
    inside = [c for c in counterparts if day - rules.window_days < c.day <= day]
    contribution, interaction, favorability, support = (
        _met(i, index, previous, recent, inside, day, rules) for i, index in enumerate(INDICES)
    )
    met = (contribution, interaction, favorability, support)
    state = State(day, Status.MEMBER, day, met, entry, last_given, recent)
    status = decide(state, rules, holds)
    since = previous.since if previous and previous.status is status else day
    return replace(state, status=status, since=since)


def _met(
    i: int,
    index: Index,
    previous: State | None,
    recent: Sequence[tuple[int, Points]],
    counterparts: Sequence[Counterpart],
    day: int,
    rules: RuleSet,
) -> int | None:
    """How the index is met at the end of ``day``, as in ``State.met``.

    The hold is counted from the day on which the points fell below the bar, not from the day of
    entering: otherwise somebody who did more, and so entered earlier, could lose it earlier.
    """
    threshold = rules.thresholds[index]
    value = sum(points[i] for _, points in recent)
    before = previous.met[i] if previous else None
    if value < threshold.enter_x100:
        if before is None:
            return None
        below_since = day if before == AT_BAR else before
        lost = value < threshold.exit_x100 and day - below_since >= threshold.min_hold_days
        return None if lost else below_since
    if before is not None:
        return AT_BAR
    days = sum(1 for _, points in recent if points[i] > 0)
    members = len({c.who for c in counterparts if c.index is index})
    return AT_BAR if guards_hold(threshold.guards, members=members, days=days) else None


def guards_hold(guards: Guards, *, members: int, days: int) -> bool:
    """Whether ``k_of`` of the guards that are set hold."""
    held = 0
    if guards.distinct_members is not None and members >= guards.distinct_members:
        held += 1
    if guards.distinct_days is not None and days >= guards.distinct_days:
        held += 1
    return held >= guards.k_of


def decide(state: State, rules: RuleSet, holds: Sequence[Hold] = ()) -> Status:
    """The first status of the precedence whose condition holds at the end of ``state.day``."""
    in_force = [hold for hold in holds if hold.applies(state.day)]
    locks = [hold.status for hold in in_force if hold.kind == "lock"]
    graces = {hold.status for hold in in_force if hold.kind == "grace"}
    quiet_since = state.entry if state.last_given is None else state.last_given
    for word in rules.precedence:
        if word == "lock":
            if locks:
                return locks[-1]
        elif word == "dormant":
            if state.day - quiet_since >= rules.lifecycle.dormant_after_days:
                return Status.DORMANT
        elif word == "newcomer":
            if state.day - state.entry < rules.lifecycle.newcomer_days:
                return Status.NEWCOMER
        elif word == "member":
            return Status.MEMBER
        else:
            index = Index(word)
            met = state.met[INDICES.index(index)] is not None
            if met or STATUS_OF_INDEX[index] in graces:
                return STATUS_OF_INDEX[index]
    return Status.MEMBER


def next_review_day(state: State, rules: RuleSet, holds: Sequence[Hold] = ()) -> int | None:
    """The first day after ``state.day`` on which the status may change though nothing happens.

    It is the earliest of: a day leaving the window, a hold ending, the end of being a newcomer,
    dormancy, and the begin or end of a lock or grace. None when nothing lies ahead.
    """
    quiet_since = state.entry if state.last_given is None else state.last_given
    ahead = [day + rules.window_days for day, _ in state.recent]
    ahead += [
        below_since + rules.thresholds[index].min_hold_days
        for index, below_since in zip(INDICES, state.met, strict=True)
        if below_since is not None and below_since != AT_BAR
    ]
    ahead.append(state.entry + rules.lifecycle.newcomer_days)
    ahead.append(quiet_since + rules.lifecycle.dormant_after_days)
    for hold in holds:
        if hold.until_day is None:
            ahead.append(hold.from_day)
        elif hold.from_day < hold.until_day:
            ahead += [hold.from_day, hold.until_day]
    return min((day for day in ahead if day > state.day), default=None)


def untouched(state: State, rules: RuleSet, holds: Sequence[Hold] = (), *, days: int) -> Status:
    """The status ``days`` after ``state`` where the member does nothing more and receives nothing.

    Guards are not asked: without points nothing is entered.
    """
    last = state.day + days
    while (review := next_review_day(state, rules, holds)) is not None and review <= last:
        # Such a state stays as it is through every day until its review.
        state = place(replace(state, day=review - 1), Facts(review), rules, holds=holds)
    return state.status
