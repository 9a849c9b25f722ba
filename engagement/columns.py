"""The fold of ``status.place`` for many members at once, on columns.

Every member has a day of their own and jumps from one day on which something can change to the
next, so the work is proportional to what happened, not to members × days. The result is that of
``place`` day by day (held together by a property test).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engagement.holds import FAR, NO_LOCK, Holds
from engagement.points import Bools, Compiled, Days, Ints
from engagement.status import AT_BAR, Hold
from engagement.words import INDICES, STATUS_OF_INDEX, STATUSES, Cause, Index, Status

#: A day before all days: "not met", "never given".
NEVER = -(2**31)
#: The status of somebody who has not entered yet.
NOBODY = -1

_CODE: dict[Status, int] = {status: code for code, status in enumerate(STATUSES)}
_DORMANT = _CODE[Status.DORMANT]
_MEMBER = _CODE[Status.MEMBER]
#: The causes by the numbers that stand for them in columns.
CAUSES: tuple[Cause, ...] = tuple(Cause)
#: Columns of the packed form, each a 32-bit integer.
WIDTH = 5 + len(INDICES)


@dataclass(frozen=True, slots=True, eq=False)
class States:
    """Where n members stand, each at the end of their own ``day``; the columns of status.State.

    ``status`` is a position in STATUSES or NOBODY, ``met`` has the shape (n, 4), NEVER stands for
    None.
    """

    day: Ints
    status: Ints
    since: Ints
    met: Ints
    entry: Ints
    last_given: Ints

    @classmethod
    def before(cls, entry: Ints) -> States:
        """The states on the eve of the members' first days."""
        never = np.full(len(entry), NEVER, np.int64)
        return cls(
            day=entry - 1,
            status=np.full(len(entry), NOBODY, np.int64),
            since=entry.copy(),
            met=np.full((len(entry), len(INDICES)), NEVER, np.int64),
            entry=entry.copy(),
            last_given=never,
        )

    def pack(self) -> NDArray[np.int32]:
        """Shape (n, WIDTH), for keeping."""
        columns = [self.day, self.status, self.since, self.entry, self.last_given]
        return np.column_stack([*columns, self.met]).astype("<i4")

    @classmethod
    def unpack(cls, packed: NDArray[np.int32]) -> States:
        """The inverse of ``pack``."""
        wide = packed.astype(np.int64)
        return cls(
            day=wide[:, 0],
            status=wide[:, 1],
            since=wide[:, 2],
            entry=wide[:, 3],
            last_given=wide[:, 4],
            met=wide[:, 5:],
        )

    def take(self, rows: Ints | Bools) -> States:
        """The states of some members (a copy)."""
        return States(
            self.day[rows],
            self.status[rows],
            self.since[rows],
            self.met[rows],
            self.entry[rows],
            self.last_given[rows],
        )

    def put(self, rows: Ints | Bools, states: States) -> None:
        """Replace the states of some members."""
        for name in ("day", "status", "since", "met", "entry", "last_given"):
            getattr(self, name)[rows] = getattr(states, name)


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """Changes of status in the order of (round, member); ``before`` is NOBODY for the first.

    ``cause`` is a position in CAUSES.
    """

    member: Ints
    day: Ints
    before: Ints
    after: Ints
    cause: Ints


#: The columns of some Moves.
_Moved = tuple[Ints, Ints, Ints, Ints, Ints]


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """What the guard ``distinct_members`` counts, per member ascending by day.

    Member m's rows are start[m]:start[m+1]; ``index`` is a position in INDICES.
    """

    start: Ints
    day: Ints
    index: Ints
    who: Ints

    def distinct(self, member: Ints, index: int, after: Ints, until: Ints) -> Ints:
        """How many different ones each of some members has in the days after … until."""
        found = np.zeros(len(member), np.int64)
        begin = self.start[member]
        for row, (low, high) in enumerate(zip(begin, self.start[member + 1], strict=True)):
            day = self.day[low:high]
            first, end = low + np.searchsorted(day, [after[row], until[row]], "right")
            who = self.who[first:end][self.index[first:end] == index]
            found[row] = len(set(who.tolist()))
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """What a fold gives: the states, the moves, and who needs ``pairs`` to be sure.

    ``wants_pairs`` marks members who stood above a bar where it depends on the guard of distinct
    members while no pairs were given: their result counts as if that had failed, and is to be
    folded again.
    """

    states: States
    moves: Moves
    wants_pairs: Bools


class Folding:
    """One fold of ``days`` under ``rules``, from the end of each member's day ``after``."""

    def __init__(
        self,
        after: Ints,
        days: Days,
        rules: Compiled,
        holds: Sequence[tuple[int, Hold]] = (),
        pairs: Pairs | None = None,
    ) -> None:
        self.days = days
        self.rules = rules
        self.pairs = pairs
        self.window = rules.rules.window_days
        self.holds = Holds(holds, after)
        # One sorted key for all members makes "the row of member m on day d" a binary search.
        self._key = (days.owner << 32) + days.day - NEVER
        zero = np.zeros((1, len(INDICES)), np.int64)
        self._total = np.concatenate([zero, np.cumsum(days.points, axis=0)])
        # For each row the first from it on that has points: only those change a value by leaving.
        rows = len(days.day)
        earned = np.where(days.points.any(axis=1), np.arange(rows), rows)
        self._next_earned = np.append(np.minimum.accumulate(earned[::-1])[::-1], rows)
        # For each guarded index, on how many of the days before each row it was earned in.
        self._earned = {
            i: np.append(0, np.cumsum(days.points[:, i] > 0))
            for i, index in enumerate(INDICES)
            if rules.rules.thresholds[index].guards.distinct_days is not None
        }
        self.wants = np.zeros(days.members, np.bool_)

    def upto(self, member: Ints, day: Ints) -> Ints:
        """Position after the last row of each member that is not after ``day``."""
        return np.searchsorted(self._key, (member << 32) + day - NEVER, "right")

    def values(self, member: Ints, day: Ints) -> Ints:
        """Points ×100 per index in the window that ends on ``day``: shape (len(member), 4)."""
        high = self.upto(member, day)
        low = self.upto(member, day - self.window)
        total: Ints = self._total[high] - self._total[low]
        return total

    def next_event(self, member: Ints, s: States) -> Ints:
        """The next day on which each member's status can change."""
        rules = self.rules.rules
        ahead = np.where(s.status == NOBODY, s.day + 1, FAR)
        rows = len(self.days.day)
        if rows:
            at = self.upto(member, s.day)
            own = at < self.days.start[member + 1]
            ahead = np.where(own, np.minimum(ahead, self.days.day[np.minimum(at, rows - 1)]), ahead)
            leaving = self._next_earned[self.upto(member, s.day - self.window)]
            inside = leaving < at
            leaves = self.days.day[np.minimum(leaving, rows - 1)] + self.window
            ahead = np.where(inside, np.minimum(ahead, leaves), ahead)
        quiet = quiet_since(s.entry, s.last_given)
        candidates = [
            s.entry + rules.lifecycle.newcomer_days,
            quiet + rules.lifecycle.dormant_after_days,
            *(
                np.where(s.met[:, i] == AT_BAR, NEVER, s.met[:, i] + self.rules.min_hold[i])
                for i in range(len(INDICES))
            ),
        ]
        for candidate in candidates:
            ahead = np.where(candidate > s.day, np.minimum(ahead, candidate), ahead)
        return self.holds.next_edge(member, s.day, ahead)

    def evaluate(self, member: Ints, s: States, day: Ints) -> tuple[States, Bools]:
        """The states at the end of ``day``, and who had facts on it."""
        values = self.values(member, day)
        at = self.upto(member, day) - 1
        here = np.zeros(len(member), np.bool_)
        if len(self.days.day):
            safe = np.maximum(at, 0)
            here = (at >= self.days.start[member]) & (self.days.day[safe] == day)
            gave = here & self.days.gave[safe]
        else:
            gave = here
        last_given = np.where(gave, day, s.last_given)
        met = self._met(member, s.met, values, day)
        status = self.status(member, met, s.entry, last_given, day)
        since = np.where(status == s.status, s.since, day)
        return States(day, status, since, met, s.entry, last_given), here

    def _met(self, member: Ints, before: Ints, values: Ints, day: Ints) -> Ints:
        when = day[:, None]
        reached = values >= self.rules.enter
        enters = reached & (before == NEVER)
        for i, index in enumerate(INDICES):
            if self.rules.rules.thresholds[index].guards.k_of:
                rows = np.flatnonzero(enters[:, i])
                enters[rows, i] = self._guarded(member[rows], i, day[rows])
        below_since = np.where(before == AT_BAR, when, before)
        lost = (values < self.rules.exit) & (when - below_since >= self.rules.min_hold)
        kept = np.where(lost, NEVER, below_since)
        return np.where(
            enters | (reached & (before != NEVER)), AT_BAR, np.where(reached, before, kept)
        )

    def _guarded(self, member: Ints, i: int, day: Ints) -> Bools:
        """Where the guards of index i let a member in on their ``day``."""
        guards = self.rules.rules.thresholds[INDICES[i]].guards
        held = np.zeros(len(member), np.int64)
        if guards.distinct_days is not None:
            earned = self._earned[i]
            days = earned[self.upto(member, day)] - earned[self.upto(member, day - self.window)]
            held += days >= guards.distinct_days
        if guards.distinct_members is not None:
            # The others get in, or not, whoever it was.
            matters = np.flatnonzero(held == guards.k_of - 1)
            if self.pairs is None:
                self.wants[member[matters]] = True
            else:
                who, until = member[matters], day[matters]
                people = self.pairs.distinct(who, i, until - self.window, until)
                held[matters] += people >= guards.distinct_members
        return held >= guards.k_of

    def step(self, member: Ints, s: States, day: Ints) -> tuple[States, list[_Moved]]:
        """``evaluate``, with the changes of status that it makes, if any."""
        after, here = self.evaluate(member, s, day)
        moved = after.status != s.status
        if not moved.any():
            return after, []
        who, on, was, is_ = member[moved], day[moved], s.status[moved], after.status[moved]
        cause = _causes(was, is_, here[moved], *self.holds.edges(who, on))
        return after, [(who, on, was, is_, cause)]

    def status(self, member: Ints, met: Ints, entry: Ints, last_given: Ints, day: Ints) -> Ints:
        """The first status of the precedence whose condition holds at the end of ``day``."""
        rules = self.rules.rules
        locked, grace = self.holds.in_force(member, day)
        quiet = quiet_since(entry, last_given)
        status = np.full(len(member), _MEMBER, np.int64)
        for word in reversed(rules.precedence):
            if word == "lock":
                status = np.where(locked != NO_LOCK, locked, status)
            elif word == "dormant":
                dormant = day - quiet >= rules.lifecycle.dormant_after_days
                status = np.where(dormant, _DORMANT, status)
            elif word == "newcomer":
                new = day - entry < rules.lifecycle.newcomer_days
                status = np.where(new, _CODE[Status.NEWCOMER], status)
            elif word == "member":
                status = np.full(len(member), _MEMBER, np.int64)
            else:
                i = INDICES.index(Index(word))
                code = _CODE[STATUS_OF_INDEX[INDICES[i]]]
                holds = (met[:, i] != NEVER) | grace[:, i]
                status = np.where(holds, code, status)
        return status


def quiet_since(entry: Ints, last_given: Ints) -> Ints:
    """The day since which each member has given nothing: their first, if they never have."""
    return np.where(last_given == NEVER, entry, last_given)


def fold(
    states: States,
    days: Days,
    until: Ints | int,
    rules: Compiled,
    *,
    holds: Sequence[tuple[int, Hold]] = (),
    pairs: Pairs | None = None,
) -> Fold:
    """Advance every member to the end of their day ``until``.

    ``states`` stand at the end of a day each; ``days`` must hold every day with facts inside the
    window before that and from then on (later ones are not looked at). Members whose state is at
    or after ``until`` stay as they are. ``holds`` are (position of the member, hold).
    """
    folding = Folding(states.day, days, rules, holds, pairs)
    result = states.take(np.arange(len(states.day)))
    limit = np.broadcast_to(np.asarray(until, np.int64), result.day.shape)
    found: list[_Moved] = []
    active = np.flatnonzero(result.day < limit)
    while len(active):
        s = result.take(active)
        event = folding.next_event(active, s)
        due = event <= limit[active]
        result.day[active[~due]] = limit[active[~due]]
        active, day = active[due], event[due]
        if not len(active):
            break
        after, moves = folding.step(active, s.take(due), day)
        found += moves
        result.put(active, after)
        active = active[day < limit[active]]
    return Fold(result, _moves(found), folding.wants)


def place_day(
    eves: States,
    days: Days,
    rules: Compiled,
    *,
    holds: Sequence[tuple[int, Hold]] = (),
    pairs: Pairs | None = None,
) -> Fold:
    """Place every member on the day after that of their state, whatever happens on it.

    Unlike ``fold`` it needs no facts of days before the window of that day.
    """
    folding = Folding(eves.day, days, rules, holds, pairs)
    after, moves = folding.step(np.arange(len(eves.day)), eves, eves.day + 1)
    return Fold(after, _moves(moves), folding.wants)


def by_points(states: States, days: Days, until: Ints | int, rules: Compiled) -> States:
    """Where members would stand at the end of ``until`` with no hold, and since when.

    ``days`` as for ``fold``. Who has another status than by their points has it since the day of
    their state at the earliest.
    """
    start = states.take(np.arange(len(states.day)))
    status = statuses(start, rules)
    start.since[:] = np.where(status == start.status, start.since, start.day)
    start.status[:] = status
    return fold(start, days, until, rules).states


def statuses(states: States, rules: Compiled, holds: Sequence[tuple[int, Hold]] = ()) -> Ints:
    """The statuses at the end of the days of ``states``, with these holds and no others."""
    none = np.zeros(0, np.int64)
    start = np.zeros(len(states.day) + 1, np.int64)
    days = Days(start, none, none.reshape(0, len(INDICES)), none.astype(np.bool_))
    everyone = np.arange(len(states.day))
    folding = Folding(states.day - 1, days, rules, holds)
    status = folding.status(everyone, states.met, states.entry, states.last_given, states.day)
    return np.where(states.status == NOBODY, NOBODY, status)


def _causes(before: Ints, after: Ints, here: Bools, lock: Bools, grace: Bools) -> Ints:
    """Why statuses changed.

    A lock where one begins or ends; an action where it lifted somebody or brought them here or
    back; a change of rules where a grace begins or ends; otherwise time did it.
    """
    came = before == NOBODY
    back = here & (before == _DORMANT)
    rose = here & (after < before) & (after < len(INDICES))
    by_time = np.where(grace, CAUSES.index(Cause.RULE_CHANGE), CAUSES.index(Cause.DECAY))
    otherwise = np.where(came | back | rose, CAUSES.index(Cause.ACTION), by_time)
    return np.where(lock, CAUSES.index(Cause.LOCK), otherwise)


def _moves(found: Sequence[_Moved]) -> Moves:
    if not found:
        none = np.zeros(0, np.int64)
        return Moves(none, none, none, none, none)
    member, day, before, after, cause = (
        np.concatenate([part[i] for part in found]) for i in range(5)
    )
    return Moves(member, day, before, after, cause)


def values_at(days: Days, member: Ints, day: Ints, rules: Compiled) -> Ints:
    """Points ×100 per index in the window that ends on ``day``: shape (len(member), 4)."""
    return Folding(np.zeros(days.members, np.int64), days, rules).values(member, day)


def review_days(
    states: States, days: Days, rules: Compiled, holds: Sequence[tuple[int, Hold]] = ()
) -> Ints:
    """The next day on which each status may change though nothing happens (2³¹ − 1: never)."""
    folding = Folding(states.day, days, rules, holds)
    return folding.next_event(np.arange(len(states.day)), states)
