"""How soon a thread is responded to, by whom, and how many never are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from engagement.points import Bools
from engagement.responses import LEAST, WITHIN_HOURS, Waiting, waiting
from engagement.words import Role
from store import facts, population, threads
from store.db import Read
from store.reports.report import (
    Column,
    Kind,
    Question,
    Report,
    Sources,
    estimated,
    told,
    untold,
)
from store.rules import ActiveRules
from store.threads import Threads

_EVERYBODY: Final = "everybody"
_NEWCOMERS: Final = "newcomers"
_WITHIN: Final = tuple(f"within_{hours}h" for hours in WITHIN_HOURS)


_COLUMNS: Final = (
    Column("venue", Kind.TEXT, "venue"),
    Column("authors", Kind.TEXT, "opened by"),
    Column("threads", Kind.COUNT, "threads"),
    Column("answered", Kind.COUNT, "answered"),
    *estimated("unanswered_share", Kind.SHARE, "unanswered"),
    Column("timed", Kind.COUNT, None),
    *untold(*estimated("quarter", Kind.NUMBER, "")),
    *estimated("median", Kind.NUMBER, "median h"),
    *untold(*estimated("three_quarters", Kind.NUMBER, "")),
    *untold(*estimated(_WITHIN[0], Kind.SHARE, "")),
    *estimated(_WITHIN[1], Kind.SHARE, "in 24 h"),
    *untold(*estimated(_WITHIN[2], Kind.SHARE, "")),
    Column("member_answered", Kind.COUNT, "by members"),
    *untold(*estimated("member_unanswered_share", Kind.SHARE, "")),
    *untold(*estimated("member_median", Kind.NUMBER, "")),
    *estimated("member_within_24h", Kind.SHARE, "in 24 h")[:1],
    *untold(*estimated("member_within_24h", Kind.SHARE, "")[1:]),
    Column("threads_before", Kind.COUNT, "before"),
    *estimated("unanswered_share_before", Kind.SHARE, "unanswered")[:1],
    *untold(*estimated("unanswered_share_before", Kind.SHARE, "")[1:]),
    *untold(*estimated("median_before", Kind.NUMBER, "")),
    *untold(*estimated("within_24h_before", Kind.SHARE, "")),
)


async def first_response(sources: Sources, question: Question) -> Report:
    """Time to the first response to the threads of the period, and the share without one.

    Rows are venues, once for the threads of all members and once for those of newcomers.
    """
    now = await _asked(sources, question, question.day)
    then = await _asked(sources, question, question.since)
    venues = sorted({*now.venues, *then.venues})
    rows = [
        {"venue": venue, "authors": authors, **_figures(now, then, venue, authors)}
        for venue in venues
        for authors in (_EVERYBODY, _NEWCOMERS)
        if now.size(venue, authors) or then.size(venue, authors)
    ]
    everywhere = _figures(now, then, None, _EVERYBODY)
    newcomers = _figures(now, then, None, _NEWCOMERS)
    return Report(
        name="first-response",
        title="Time until somebody else responds to a thread, and threads without a response",
        columns=_COLUMNS,
        rows=tuple(rows),
        totals={
            **everywhere,
            **{
                f"newcomers_{name}": newcomers[name]
                for name in ("threads", "answered", "unanswered_share", "median", _WITHIN[1])
            },
            "staff_threads": now.by_staff,
        },
        notes=tuple(_notes(everywhere, question)),
    )


class _Asked:
    """The threads of one period, and which of them a row is about."""

    def __init__(self, found: Threads, newcomers: Bools, until: float) -> None:
        self._found = found
        self._until = until
        self._venue = np.array(found.venue, np.str_)
        ours = np.array([role is Role.MEMBER for role in found.role], np.bool_)
        self._of = {_EVERYBODY: ours, _NEWCOMERS: ours & newcomers}
        self.venues = sorted(set(self._venue[ours].tolist()))
        self.by_staff = int((~ours).sum())

    def _those(self, venue: str | None, authors: str) -> Bools:
        those = self._of[authors]
        return those if venue is None else those & (self._venue == venue)

    def size(self, venue: str, authors: str) -> int:
        return int(self._those(venue, authors).sum())

    def waiting(self, venue: str | None, authors: str, *, members: bool) -> Waiting:
        """How long these threads waited, for anybody or for a member."""
        of, those = self._found, self._those(venue, authors)
        by = of.members if members else of.anybody
        return waiting(
            of.opened[those], by.first[those], by.answered[those], by.exact[those], self._until
        )


async def _asked(sources: Sources, question: Question, day: int) -> _Asked:
    """The threads of the period that ends on ``day``, as they were at its end."""
    async with sources.read() as connection:
        found = await threads.opened(
            connection, first=day - question.period_days + 1, last=day, until=day
        )
        new = await _of_newcomers(connection, found, question.rules, day)
    until = min(sources.database.end_of(day), question.moment.now)
    return _Asked(found, new, until.timestamp())


async def _of_newcomers(connection: Read, found: Threads, rules: ActiveRules, day: int) -> Bools:
    """Which threads were opened in the first days of their author, by the rules."""
    authors = np.unique(found.author[found.author >= 0])
    entry: dict[int, int] = {}
    for chunk in population.chunks(authors.tolist()):
        days = await facts.earnings(connection, chunk, rules, last=day)
        first = await facts.entries(connection, chunk, days)
        entry.update(zip(chunk, first.tolist(), strict=True))
    within = rules.rules.lifecycle.newcomer_days
    pairs = zip(found.author.tolist(), found.day.tolist(), strict=True)
    return np.array([a in entry and when - entry[a] < within for a, when in pairs], np.bool_)


def _figures(now: _Asked, then: _Asked, venue: str | None, authors: str) -> dict[str, Any]:
    anybody = now.waiting(venue, authors, members=False)
    members = now.waiting(venue, authors, members=True)
    before = then.waiting(venue, authors, members=False)
    within = zip(_WITHIN, anybody.within, strict=True)
    return {
        "threads": anybody.threads,
        "answered": anybody.answered,
        **told(anybody.unanswered, "unanswered_share"),
        "timed": anybody.timed,
        **told(anybody.quarter, "quarter"),
        **told(anybody.median, "median"),
        **told(anybody.three_quarters, "three_quarters"),
        **{key: value for name, one in within for key, value in told(one, name).items()},
        "member_answered": members.answered,
        **told(members.unanswered, "member_unanswered_share"),
        **told(members.median, "member_median"),
        **told(members.within[1], "member_within_24h"),
        "threads_before": before.threads,
        **told(before.unanswered, "unanswered_share_before"),
        **told(before.median, "median_before"),
        **told(before.within[1], "within_24h_before"),
    }


def _notes(everywhere: dict[str, Any], question: Question) -> Iterator[str]:
    newcomer_days = question.rules.rules.lifecycle.newcomer_days
    yield (
        f"Threads opened by members in the period; newcomers: in their first {newcomer_days} days, "
        "who are among everybody. A response is by somebody else, bots aside."
    )
    yield (
        "Threads without a response count for as long as they have waited (Kaplan-Meier), and may "
        "yet get one. Hours are told of ten threads or more. Intervals are of 95 %."
    )
    untimed = everywhere["threads"] - everywhere["timed"]
    if untimed:
        yield (
            f"{untimed:,} threads have no exact times and measure no hours; where their responses "
            "are what is inexact, hours look longer than they were."
        )
    if everywhere["timed"] < LEAST:
        yield f"Hours are withheld: only {everywhere['timed']} threads have exact times."
    yield "`before`: the period before, as it was known at its end."
