"""The heavy counts of history, as Ibis expressions: written once, run by DuckDB or by Spark.

They take tables of the lake (docs/reference/lake.md) and give expressions; whoever asks runs them.
All is counted in integers: engines add in different orders, and a sum that is not exact would put
members on different sides of a threshold. Days are numbers, so that no engine's idea of time zones
comes in. What moves through the window is counted by what enters and what leaves it, + when a day
comes in and − when it goes out: a running sum instead of a join over ranges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import ibis
import numpy as np

from engagement.points import NO_CAP, Compiled, Ints
from engagement.status import MOST_POINTS_X100
from engagement.words import INDICES, STATUS_OF_INDEX, STATUSES, Grade, Index, Status

#: An Ibis table expression; Ibis itself has no types.
Table = Any

WEEK: Final = 7
#: The status of who meets no bar.
REST: Final = STATUSES.index(Status.MEMBER)
#: What a sum of members' numbers is taken of, so that no two members can stand in for each other.
_FACTOR, _MODULUS = 7_919, 1_000_003


@dataclass(frozen=True, slots=True)
class Weeks:
    """``count`` weeks in a row; the last one ends with the day ``last``. They count from 0."""

    last: int
    count: int

    @property
    def first(self) -> int:
        """The day with which the first week ends."""
        return self.last - WEEK * (self.count - 1)


def rates(rules: Compiled) -> dict[str, list[int | None]]:
    """What actions are worth, as columns: type, side, grade, index, points_x100, cap.

    Only what is worth something has a row; ``index`` is a position in INDICES, a ``cap`` of None is
    no cap.
    """
    number, grade = (found.tolist() for found in np.nonzero(rules.rate_x100 > 0))
    return {
        "type": number,
        "side": rules.side[number].tolist(),
        "grade": [int(Grade(one)) for one in grade],
        "index": rules.index[number].tolist(),
        "points_x100": rules.rate_x100[number, grade].tolist(),
        "cap": [None if cap == NO_CAP else cap for cap in rules.cap[number].tolist()],
    }


def worth(tally: Table, rates: Table, *, capped: bool = True) -> Table:
    """What each row of ``tally`` is worth: member, day, index, points_x100.

    As ``engagement.points.earn``: only the side that the catalog names earns, and a daily cap takes
    the best grade first. Where no rate has a cap, ``capped`` may be false: looking for the best
    grade is most of the work.
    """
    rows = tally.inner_join(rates, ["type", "side", "grade"])
    taken = rows.n
    if capped:
        best_first = ibis.cumulative_window(
            group_by=[rows.member, rows.day, rows.type],
            order_by=[ibis.desc(rows.points_x100), rows.grade],
        )
        before = rows.n.sum().over(best_first).cast("int64") - rows.n
        room = ibis.greatest(rows.cap - before, 0)
        taken = rows.cap.isnull().ifelse(rows.n, ibis.least(rows.n, room))
    points = ibis.least(taken, MOST_POINTS_X100) * rows.points_x100
    return rows.select(
        "member", "day", "index", points_x100=ibis.least(points, MOST_POINTS_X100).cast("int64")
    )


def daily(worth: Table) -> Table:
    """Points per member, day and index: member, day, index, points_x100."""
    total = worth.points_x100.sum().cast("int64")
    summed = worth.group_by("member", "day", "index").agg(points_x100=total)
    return summed.mutate(points_x100=ibis.least(summed.points_x100, MOST_POINTS_X100)).filter(
        ibis._.points_x100 > 0
    )


def points_on(daily: Table, *, day: int, window: int) -> Table:
    """Everybody's points in the window that ends on ``day``: member and a column for each index.

    Who has none is missing.
    """
    inside = daily.filter(daily.day > day - window, daily.day <= day)
    return inside.group_by("member").agg(**_by_index(inside))


def weekly(points: Table, *, weeks: Weeks, window: int) -> Table:
    """By how much points in the window change from one week's end to the next.

    ``points`` are those of ``daily``, or of ``worth``, which spares an engine a step and differs
    only where somebody earns more in a day than is ever counted. Gives member, week and a column
    for each index; week 0 has all that is in the window at its end.
    """
    near = points.filter(points.day > weeks.first - window, points.day <= weeks.last)
    comes, goes = (_week_of(near.day + after, weeks) for after in (0, window))
    entering = near.select("member", "index", "points_x100", week=comes)
    leaving = near.filter(goes < weeks.count).select(
        "member", "index", points_x100=-near.points_x100, week=goes
    )
    both = entering.union(leaving)
    return both.group_by("member", "week").agg(**_by_index(both))


def statuses(weekly: Table, rules: Compiled) -> Table:
    """Which status points alone give: member, week, status (a position in STATUSES).

    There is a row where somebody's points changed; until the next one it stays. Bars are those for
    entering: neither hysteresis nor guards, locks, newcomers or dormancy are looked at.
    """
    so_far = ibis.cumulative_window(group_by=weekly.member, order_by=weekly.week)
    values = weekly.select(
        "member",
        "week",
        **{index.value: weekly[index.value].sum().over(so_far).cast("int64") for index in INDICES},
    )
    branches = [
        (values[index.value] >= bar, STATUSES.index(STATUS_OF_INDEX[index]))
        for index, bar in bars(rules)
    ]
    status = ibis.cases(*branches, else_=REST).cast("int16")
    return values.select("member", "week", status=status)


def moves(statuses: Table) -> Table:
    """Who went from which status to which: member, week, before, after.

    Everybody begins as somebody who meets no bar.
    """
    order = ibis.window(group_by=statuses.member, order_by=statuses.week)
    before = statuses.status.lag(1).over(order).fill_null(REST).cast("int16")
    both = statuses.select("member", "week", before=before, after=statuses.status)
    return both.filter(both.before != both.after)


def flows(moves: Table) -> Table:
    """How many went from where to where in a week: week, before, after, members, who.

    ``who`` sums up numbers made of the members', for comparing two engines.
    """
    number = moves.member.cast("int64") * _FACTOR % _MODULUS
    return moves.group_by("week", "before", "after").agg(
        members=moves.count(), who=number.sum().cast("int64")
    )


def distribution(
    week: Ints, before: Ints, after: Ints, members: Ints, *, population: int, weeks: Weeks
) -> Ints:
    """How many of a population have which status by points at the end of each week.

    From the columns of ``flows``; the shape is (weeks, statuses).
    """
    change = np.zeros((weeks.count, len(STATUSES)), np.int64)
    change[0, REST] = population
    np.add.at(change, (week, after), members)
    np.subtract.at(change, (week, before), members)
    return np.cumsum(change, axis=0)


def bars(rules: Compiled) -> list[tuple[Index, int]]:
    """The indices with the points ×100 that enter them, the first that applies first."""
    order = [Index(word) for word in rules.rules.precedence if word in set(INDICES)]
    return [(index, int(rules.enter[INDICES.index(index)])) for index in order]


def _by_index(rows: Table) -> dict[str, Any]:
    return {
        index.value: (rows.index == i).ifelse(rows.points_x100, 0).sum().cast("int64")
        for i, index in enumerate(INDICES)
    }


def _week_of(day: Any, weeks: Weeks) -> Any:
    """The first week that ends on the day or later."""
    after = ibis.greatest(day - weeks.first, 0)
    return ((after + WEEK - 1) // WEEK).cast("int32")
