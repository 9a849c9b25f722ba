"""From tallies to points: what each member earned on each day, per index.

A rule set speaks of venues and verbs, tallies of the numbers that stand for them; ``compile_rules``
joins the two once, and ``earn`` then works on columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engagement.status import MOST_POINTS_X100
from engagement.words import INDICES, DistinctBy, Grade, RuleSet, Side

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

NO_CAP = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A rule set with its catalog as arrays over action type numbers.

    Arrays have one entry per number up to the largest; ``index`` is −1 where nothing is earned.
    ``rate_x100`` has the shape (types, grades): points × multiplier percent.
    """

    rules: RuleSet
    index: Ints
    side: Ints
    cap: Ints
    rate_x100: Ints
    by_day: Bools
    enter: Ints
    exit: Ints
    min_hold: Ints

    def earns_received(self, type_id: Ints) -> Bools:
        """Whether actions of these types earn for the member who received them."""
        safe = np.where(type_id < len(self.index), type_id, 0)
        if not len(self.index):
            return np.zeros(len(type_id), np.bool_)
        earns: Bools = (self.index[safe] >= 0) & (self.side[safe] == Side.RECEIVED)
        return earns & (type_id < len(self.index))

    @property
    def guarded(self) -> tuple[int, ...]:
        """Positions of the indices that ask for distinct members."""
        return tuple(
            i
            for i, index in enumerate(INDICES)
            if self.rules.thresholds[index].guards.distinct_members is not None
            and self.rules.thresholds[index].guards.k_of > 0
        )


def compile_rules(rules: RuleSet, types: Mapping[tuple[str, str], int]) -> Compiled:
    """Join a rule set with the numbers of the action types.

    ``types`` maps (venue, verb) to a number ≥ 0; catalog rows without a number are left out: no
    tally can name them.
    """
    size = max(types.values(), default=-1) + 1
    index = np.full(size, -1, np.int64)
    side = np.zeros(size, np.int64)
    cap = np.full(size, NO_CAP, np.int64)
    rate = np.zeros((size, len(Grade)), np.int64)
    by_day = np.zeros(size, np.bool_)
    percents = np.array([rules.multipliers.get(grade, 100) for grade in Grade], np.int64)
    for row in rules.catalog:
        number = types.get(row.key)
        if number is None or row.index is None:
            continue
        index[number] = INDICES.index(row.index)
        side[number] = int(row.earns)
        cap[number] = NO_CAP if row.daily_cap is None else row.daily_cap
        rate[number] = row.points * (percents if row.quality else 100)
        by_day[number] = row.distinct_by is DistinctBy.DAY
    thresholds = [rules.thresholds[i] for i in INDICES]
    return Compiled(
        rules=rules,
        index=index,
        side=side,
        cap=cap,
        rate_x100=rate,
        by_day=by_day,
        enter=np.array([t.enter_x100 for t in thresholds], np.int64),
        exit=np.array([t.exit_x100 for t in thresholds], np.int64),
        min_hold=np.array([t.min_hold_days for t in thresholds], np.int64),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Days:
    """What members earned, one row per member and day with points or presence, sorted by both.

    ``start`` has one entry per member and one more: member m's rows are start[m]:start[m+1].
    ``points`` has the shape (rows, 4), ×100. ``gave`` says that the member was here.
    """

    start: Ints
    day: Ints
    points: Ints
    gave: Bools

    @property
    def members(self) -> int:
        """Number of members."""
        return len(self.start) - 1

    @property
    def owner(self) -> Ints:
        """Position of the member of each row."""
        return np.repeat(np.arange(self.members), np.diff(self.start))


def earn(
    rules: Compiled,
    members: int,
    member: Ints,
    day: Ints,
    type_id: Ints,
    side: Ints,
    grade: Ints,
    n: Ints,
) -> Days:
    """Points per member and day from the rows of tallies (all arrays of one length).

    ``member`` is a position in 0 … members − 1. Only the side that the catalog names earns; the
    daily cap counts actions and takes those with the best grade first.
    """
    order = np.lexsort((day, member))
    member, day, type_id, side, grade, n = (
        column[order] for column in (member, day, type_id, side, grade, n)
    )
    index, worth = _worth(rules, member, day, type_id, side, grade, n)
    here = (side != Side.RECEIVED) & (n > 0)
    new = np.ones(len(day), np.bool_)
    new[1:] = (day[1:] != day[:-1]) | (member[1:] != member[:-1])
    row = np.cumsum(new) - 1
    rows = int(row[-1]) + 1 if len(row) else 0
    points = np.zeros((rows, len(INDICES)), np.int64)
    earns = worth > 0
    np.add.at(points, (row[earns], index[earns]), worth[earns])
    gave = np.zeros(rows, np.bool_)
    gave[row[here]] = True
    tells = gave | points.any(axis=1)
    start = np.searchsorted(member[new][tells], np.arange(members + 1))
    return Days(start, day[new][tells], np.minimum(points, MOST_POINTS_X100)[tells], gave[tells])


def _worth(
    rules: Compiled, member: Ints, day: Ints, type_id: Ints, side: Ints, grade: Ints, n: Ints
) -> tuple[Ints, Ints]:
    """Index and points ×100 of each row after the daily caps; rows in any order within a day."""
    known = type_id < len(rules.index)
    number = np.where(known, type_id, 0)
    if not len(rules.index):
        return np.full(len(n), -1, np.int64), np.zeros(len(n), np.int64)
    index = np.where(known, rules.index[number], -1)
    earns = (index >= 0) & (side == rules.side[number])
    rate = np.where(earns, rules.rate_x100[number, grade], 0)
    # Within one member, day and type the best grade comes first and the cap cuts the rest.
    order = np.lexsort((-rate, type_id, day, member))
    counted = np.where(earns, n, 0)[order]
    group = np.ones(len(n), np.bool_)
    m, d, t = member[order], day[order], type_id[order]
    group[1:] = (m[1:] != m[:-1]) | (d[1:] != d[:-1]) | (t[1:] != t[:-1])
    before = np.cumsum(counted) - counted
    first = np.maximum.accumulate(np.where(group, np.arange(len(n)), 0))
    before = before - before[first]
    taken = np.clip(rules.cap[number[order]] - before, 0, counted)
    # Counts are bounded by 10^9 and rates by 10^7, so the product fits 64 bits.
    worth = np.empty(len(n), np.int64)
    worth[order] = np.minimum(taken, MOST_POINTS_X100) * rate[order]
    return index, np.minimum(worth, MOST_POINTS_X100)
