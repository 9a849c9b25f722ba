"""What happens in each venue, who begins there, and what becomes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from engagement.beginners import rose_within
from engagement.history import History
from engagement.points import Ints, earn
from engagement.survival import share_of
from engagement.words import INDICES, Role
from store import facts, population, threads
from store.db import Read, day_date
from store.reports.report import (
    Column,
    Kind,
    Question,
    Report,
    Sources,
    estimated,
    summed,
    told,
    untold,
)
from store.reports.retention import WITHIN
from store.venues import firsts

_COUNTS: Final = ("posts", "actions", "active", "began", "openings", "responses")

_COLUMNS: Final = (
    Column("venue", Kind.TEXT, "venue"),
    Column("posts", Kind.COUNT, "posts"),
    Column("actions", Kind.COUNT, "actions"),
    Column("active", Kind.COUNT, "active"),
    Column("openings", Kind.COUNT, "threads"),
    Column("responses", Kind.COUNT, None),
    Column("responses_per_opening", Kind.NUMBER, "responses each"),
    *(Column(index.value, Kind.NUMBER, index.value) for index in INDICES),
    Column("began", Kind.COUNT, "began"),
    Column("watched", Kind.COUNT, "watched"),
    Column("rose", Kind.COUNT, "rose"),
    *estimated("rose_share", Kind.SHARE, "share"),
    Column("posts_before", Kind.COUNT, None),
    Column("actions_before", Kind.COUNT, "actions before"),
    Column("active_before", Kind.COUNT, "active before"),
    *untold(
        Column("openings_before", Kind.COUNT, ""),
        Column("responses_before", Kind.COUNT, ""),
        Column("responses_per_opening_before", Kind.NUMBER, ""),
        *(Column(f"{index.value}_before", Kind.NUMBER, "") for index in INDICES),
        Column("began_before", Kind.COUNT, ""),
    ),
)
#: Counts that are sums over the venues; the same member may be active in several.
_SUMMED: Final = ("posts", "actions", "openings", "responses", "began", "watched", "rose")


@dataclass(slots=True)
class _Venue:
    """One venue in one period; ``points`` are ×100, by index."""

    posts: int = 0
    actions: int = 0
    active: int = 0
    began: int = 0
    openings: int = 0
    responses: int = 0
    points: Ints = field(default_factory=lambda: np.zeros(len(INDICES), np.int64))

    @property
    def told(self) -> dict[str, Any]:
        each = round(self.responses / self.openings, 4) if self.openings else None
        return {
            **{name: getattr(self, name) for name in _COUNTS},
            "responses_per_opening": each,
            **{
                index.value: points / 100
                for index, points in zip(INDICES, self.points.tolist(), strict=True)
            },
        }


async def venues(sources: Sources, question: Question) -> Report:
    """What members did in each venue in the period and in that before it, and who began there."""
    history = await sources.history()
    days = (question.since, question.day)
    async with sources.read() as connection:
        then, now = [await _activity(connection, question, day) for day in days]
        await _earned(connection, question, then, now)
        began = await firsts(connection, question.day)
    _begun(history, began, question, then, now)
    outcomes = _outcomes(history, began, question)
    rows = []
    for venue in sorted({*now, *then, *outcomes}):
        watched, rose = outcomes.get(venue, (0, 0))
        rows.append(
            {
                "venue": venue,
                **now.get(venue, _Venue()).told,
                "watched": watched,
                "rose": rose,
                **told(share_of(rose, watched), "rose_share"),
                **{f"{key}_before": value for key, value in then.get(venue, _Venue()).told.items()},
            }
        )
    watched_days = (question.since - WITHIN + 2, question.day - WITHIN + 1)
    return Report(
        name="venues",
        title="What members did in each venue, and who began there",
        columns=_COLUMNS,
        rows=tuple(rows),
        totals={**summed(tuple(rows), *_SUMMED), "population": len(history.ids)},
        notes=tuple(_notes(*watched_days)),
    )


def _notes(first: int, last: int) -> Iterator[str]:
    yield (
        "By members: staff and bots aside. Anonymous counts and exported totals are no actions; "
        "they are among the points."
    )
    yield (
        "Began: their first action of all was there, in the period. Watched: who began there from "
        f"{day_date(first)} to {day_date(last)}; rose: who of them had one of the four statuses "
        f"within {WITHIN} days (Wilson intervals of 95 %)."
    )
    yield "A venue may draw those who would have risen anyway: shares by venue are correlations."


async def _activity(connection: Read, question: Question, day: int) -> dict[str, _Venue]:
    """What was done in the period that ends on ``day``."""
    first = day - question.period_days + 1
    found = {
        row["venue"]: _Venue(row["posts"], row["actions"], row["active"])
        for row in await connection.fetch(_ACTIVITY, first, day)
    }
    opened = await threads.opened(connection, first=first, last=day, until=day)
    for venue, role, responses in zip(
        opened.venue, opened.role, opened.responses.tolist(), strict=True
    ):
        if role is Role.MEMBER:
            one = found.setdefault(venue, _Venue())
            one.openings += 1
            one.responses += responses
    return found


async def _earned(
    connection: Read, question: Question, then: dict[str, _Venue], now: dict[str, _Venue]
) -> None:
    """Add the points that members earned in each venue in both periods."""
    rules = question.rules
    first = question.since - question.period_days + 1
    its = {type_id: venue for (venue, _), type_id in rules.types.items()}
    for chunk in population.chunks(await population.everybody(connection)):
        table = await facts.tallies(connection, chunk, first=first, last=question.day)
        for type_id in np.unique(table[2]).tolist():
            days = earn(rules.compiled, len(chunk), *table[:, table[2] == type_id])
            late = days.day > question.since
            for period, rows in ((then, ~late), (now, late)):
                points = days.points[rows].sum(axis=0)
                if points.any():
                    period.setdefault(its[type_id], _Venue()).points += points


def _begun(
    history: History,
    began: Mapping[int, tuple[str, int]],
    question: Question,
    then: dict[str, _Venue],
    now: dict[str, _Venue],
) -> None:
    """Count who began in each venue in both periods."""
    first = question.since - question.period_days + 1
    for id_ in history.ids.tolist():
        venue, day = began.get(id_, ("", first - 1))
        if day >= first:
            period = now if day > question.since else then
            period.setdefault(venue, _Venue()).began += 1


def _outcomes(
    history: History, began: Mapping[int, tuple[str, int]], question: Question
) -> dict[str, tuple[int, int]]:
    """Who began in each venue in the newest period that could be watched, and who of them rose."""
    last = question.day - WITHIN + 1
    those = [
        (position, *began[id_])
        for position, id_ in enumerate(history.ids.tolist())
        if id_ in began and last - question.period_days < began[id_][1] <= last
    ]
    position, begin = (np.array([one[i] for one in those], np.int64) for i in (0, 2))
    rose = rose_within(history.own, position, begin, WITHIN).tolist()
    watched = Counter(venue for _, venue, _ in those)
    up = Counter(venue for (_, venue, _), rose_ in zip(those, rose, strict=True) if rose_)
    return {venue: (n, up[venue]) for venue, n in watched.items()}


_ACTIVITY = """
    select t.venue, sum(a.n)::bigint as actions, count(distinct a.actor_id) as active,
        count(a.wrote_id) as posts
    from action a join action_type t on t.id = a.type_id
    join member m on m.id = a.actor_id and m.role = 'member'
    where a.state = 0 and a.day between $1 and $2 group by t.venue
"""
