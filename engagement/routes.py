"""Routes 育成ルート: by which statuses members really came to one, and how long each step took.

A route is what a member went through by their own points, from their first status (or from the one
that is asked for) to the first day on which they had the goal. Routes that differ only in how often
somebody went to and fro between the same two statuses are one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from engagement.history import DORMANT, RANKS, Periods, next_of
from engagement.points import Bools, Ints
from engagement.words import INDICES, STATUSES, Status

#: What a goal can be: the statuses that are earned.
GOALS: Final = STATUSES[: len(INDICES)]
QUARTERS: Final = (25, 50, 75)


class RouteKind(StrEnum):
    """How somebody came to the goal.

    SUCCESS 成功: upward all the way, by every step between. FAST 早道: upward, with steps skipped.
    DETOUR 回り道: through dormancy, or with a fall on the way.
    """

    SUCCESS = "success"
    FAST = "fast"
    DETOUR = "detour"


@dataclass(frozen=True, slots=True)
class Step:
    """One status of a route.

    ``again`` says that some went to and fro between this one and the next, once or many times.
    ``days`` are the quartiles of the days until the next step (None for the last).
    """

    status: Status
    again: bool
    days: tuple[float, float, float] | None


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """A route that members took.

    ``members`` are their positions, ascending. ``days`` are the quartiles of the days from its
    beginning to the goal, ``skipped`` the steps between that it passed over.
    """

    kind: RouteKind
    steps: tuple[Step, ...]
    skipped: tuple[Status, ...]
    members: Ints
    days: tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Routes:
    """How a population came to ``to``; all there is adds up to it.

    ``listed`` are the routes most taken, ``other`` (kind, positions) those who came by others.
    ``elsewhen`` came outside of the days that were asked about, ``on_the_way`` have not come, by
    their status now (positions).
    """

    to: Status
    start: Status | None
    population: int
    listed: tuple[Route, ...]
    other: tuple[tuple[RouteKind, Ints], ...]
    elsewhen: Ints
    on_the_way: Mapping[Status, Ints]

    @property
    def arrived(self) -> int:
        """How many came to the goal in the days that were asked about."""
        return sum(len(route.members) for route in self.listed) + sum(
            len(members) for _, members in self.other
        )

    def of_kind(self, kind: RouteKind) -> int:
        """How many came so."""
        listed = sum(len(route.members) for route in self.listed if route.kind is kind)
        return listed + sum(len(members) for one, members in self.other if one is kind)


def routes(
    own: Periods,
    *,
    to: Status,
    start: Status | None = None,
    among: Bools | None = None,
    arrived: tuple[int, int] | None = None,
    steps: Sequence[Status] = GOALS,
    most: int = 20,
) -> Routes:
    """The routes to ``to``, of the members ``among`` (all) who ever had ``start`` (None: of all).

    ``own`` are periods by points alone. ``arrived`` are the first and the last day of the arrivals
    that are asked about. ``steps`` are the statuses that are steps upward here: where nobody can be
    a fan, nobody skips it. The ``most`` routes taken by most are told apart.
    """
    goal = STATUSES.index(to)
    begin = _begin(own, None if start is None else STATUSES.index(start))
    asked = begin >= 0
    if among is not None:
        asked &= among
    end = next_of(own.status == goal, np.maximum(begin, 0), own.first[1:])
    came = asked & (end >= 0)
    when = np.where(came, own.start[end], 0)
    within = came
    if arrived is not None:
        within = came & (when >= arrived[0]) & (when <= arrived[1])
    found = _taken(own, begin, end, np.flatnonzero(within), steps)
    found.sort(key=lambda route: (-len(route.members), _order(route)))
    return Routes(
        to=to,
        start=start,
        population=int(asked.sum()),
        listed=tuple(found[:most]),
        other=tuple(
            (kind, members) for kind in RouteKind if len(members := _members(found[most:], kind))
        ),
        elsewhen=np.flatnonzero(came & ~within),
        on_the_way=_by_status(own, np.flatnonzero(asked & ~came)),
    )


def _begin(own: Periods, start: int | None) -> Ints:
    """The period with which each member's route begins; −1 for whose does not."""
    first = own.first[:-1]
    if start is None:
        return np.where(np.diff(own.first) > 0, first, -1)
    return next_of(own.status == start, first, own.first[1:])


def _taken(
    own: Periods, begin: Ints, end: Ints, members: Ints, rungs: Sequence[Status]
) -> list[Route]:
    """The routes of ``members``, from their period ``begin`` to ``end``."""
    codes = own.status.astype(np.int8).tobytes()
    same: dict[bytes, list[int]] = {}
    for member, low, high in zip(
        members.tolist(), begin[members].tolist(), end[members].tolist(), strict=True
    ):
        same.setdefault(codes[low : high + 1], []).append(member)
    ways: dict[tuple[tuple[int, bool], ...], list[tuple[Ints, Ints, bytes]]] = {}
    for way, those in same.items():
        steps, kept = _compressed(way)
        who = np.array(those)
        days = own.start[begin[who][:, None] + np.array(kept)]
        ways.setdefault(steps, []).append((who, days, way))
    return [_route(steps, parts, rungs) for steps, parts in ways.items()]


def _compressed(way: Sequence[int]) -> tuple[tuple[tuple[int, bool], ...], list[int]]:
    """The steps of a way, and which of its periods begins each.

    To and fro between two statuses is told once: the first of them begins when it first began, the
    second when it last did.
    """
    steps: list[list[int]] = []
    for at, status in enumerate(way):
        steps.append([status, 0, at])
        if len(steps) >= 4 and [one[0] for one in steps[-4:-2]] == [one[0] for one in steps[-2:]]:
            last = steps.pop()
            steps.pop()
            steps[-2][1] = 1
            steps[-1][2] = last[2]
    return tuple((status, bool(again)) for status, again, _ in steps), [at for *_, at in steps]


def _route(
    steps: tuple[tuple[int, bool], ...],
    parts: Sequence[tuple[Ints, Ints, bytes]],
    rungs: Sequence[Status],
) -> Route:
    members = np.concatenate([who for who, _, _ in parts])
    days = np.concatenate([days for _, days, _ in parts])
    # Ways that are compressed to the same steps are of one kind: to and fro between two statuses
    # is a fall, however often.
    kind, skipped = kind_of(parts[0][2], rungs)
    each = np.diff(days, axis=1)
    quarters = [_quarters(each[:, i]) for i in range(each.shape[1])]
    return Route(
        kind=kind,
        steps=tuple(
            Step(STATUSES[status], again, last)
            for (status, again), last in zip(steps, [*quarters, None], strict=True)
        ),
        skipped=skipped,
        members=np.sort(members),
        days=_quarters(days[:, -1] - days[:, 0]),
    )


def kind_of(
    way: Sequence[int], steps: Sequence[Status] = GOALS
) -> tuple[RouteKind, tuple[Status, ...]]:
    """What kind of route a way is, by its statuses (positions in STATUSES), the goal the last.

    With it those of ``steps`` between that it passed over, from the highest down.
    """
    rank = RANKS[list(way)]
    between = STATUSES[way[-1] + 1 : len(GOALS) - max(int(rank[0]), 0)]
    met = {STATUSES[one] for one in way}
    skipped = tuple(one for one in between if one in steps and one not in met)
    if DORMANT in way[1:] or bool((np.diff(rank) < 0).any()):
        return RouteKind.DETOUR, skipped
    return (RouteKind.FAST if skipped else RouteKind.SUCCESS), skipped


def _quarters(days: Ints) -> tuple[float, float, float]:
    low, middle, high = np.percentile(days, QUARTERS).tolist()
    return low, middle, high


def _order(route: Route) -> tuple[int, ...]:
    """Routes taken by as many: the shorter first, then by their statuses."""
    return (len(route.steps), *(STATUSES.index(step.status) for step in route.steps))


def _members(of: Sequence[Route], kind: RouteKind) -> Ints:
    none = np.zeros(0, np.int64)
    return np.sort(np.concatenate([none, *(route.members for route in of if route.kind is kind)]))


def _by_status(own: Periods, members: Ints) -> dict[Status, Ints]:
    """``members`` by the status they have now."""
    now = own.status[own.first[1:][members] - 1]
    return {
        status: members[now == code]
        for code, status in enumerate(STATUSES)
        if bool((now == code).any())
    }
