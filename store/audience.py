"""Who is meant by a row of a report: lists of members to be looked at or written to.

Only the population is ever listed: no staff, no bots, nobody who was merged or erased.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from engagement.flow import stagnation
from engagement.history import History
from engagement.points import Ints
from engagement.retention import recycling
from engagement.words import STATUSES, Role, Status
from store import population, threads, venues
from store.db import StoreError
from store.months import month_of
from store.reports.helpers import ranked
from store.reports.report import Question, Sources
from store.reports.retention import LIMITS, WATCH
from store.reports.routes import found_routes, route_text

#: Between the two statuses of an edge.
TO: Final = ".."
#: The row of routes that are not told apart.
OTHER: Final = "other"
#: So many rows are named to who asks for one that there is not.
_LISTED: Final = 20
_ELSEWHEN: Final = "at another time"


class NoSuchRow(StoreError):
    """The report has no row of this name; the message says which there are."""


@dataclass(frozen=True, slots=True)
class Selection:
    """How the members behind the rows of a report are found.

    ``select`` is given the row (None: what is said in ``without``) and returns the numbers of
    members in the order in which they are listed, each once. ``row`` says how rows are named,
    ``without`` who is meant where none is named (None: one must be). ``takes`` are the fields of a
    Question that it looks at.
    """

    select: Callable[[Sources, Question, str | None], Awaitable[Ints]]
    row: str | None
    without: str | None
    takes: frozenset[str]


async def audience(
    sources: Sources, question: Question, report: str, row: str | None = None
) -> Ints:
    """The numbers of the members behind a row of a report, in the report's order.

    Raises NoSuchRow, also where ``report`` has no rows that stand for members.
    """
    selection = AUDIENCES.get(report)
    if selection is None:
        raise NoSuchRow(f"no members stand behind {report!r}; behind {_listed(AUDIENCES)} they do")
    if row is None and selection.without is None:
        raise NoSuchRow(f"name a row of the report {report!r}: {selection.row}")
    if row is not None and selection.row is None:
        raise NoSuchRow(f"the report {report!r} has one list of members: name no row")
    found = await selection.select(sources, question, row)
    async with sources.read() as connection:
        here = await population.everybody(connection)
    kept: Ints = found[np.isin(found, here)]
    return kept


async def _with_status(sources: Sources, question: Question, row: str | None) -> Ints:
    """Members who stand there at the end of the day."""
    assert row is not None
    history = await sources.history()
    return _numbers(history, np.flatnonzero(history.placed.at(question.day) == _code(row)))


async def _moved(sources: Sources, question: Question, row: str | None) -> Ints:
    """Members who moved along the edge in the period, by their own points."""
    assert row is not None
    before, to, after = row.partition(TO)
    if not to:
        raise NoSuchRow(f"{row!r} is no edge; expected two statuses such as newcomer..supporter")
    codes = _code(before), _code(after)
    history = await sources.history()
    own = history.own
    rows = (own.before == codes[0]) & (own.status == codes[1]) & own.moved
    rows &= (own.start > question.since) & (own.start <= question.day)
    return _numbers(history, np.unique(own.member[rows]))


async def _by_route(sources: Sources, question: Question, row: str | None) -> Ints:
    """Members who came by a route, or who are counted in one of the other rows."""
    history, found = await found_routes(sources, question)
    lists = {
        **{route_text(one): one.members for one in found.listed},
        **{f"now {status.value}": members for status, members in found.on_the_way.items()},
    }
    if found.other:
        lists[OTHER] = np.sort(np.concatenate([members for _, members in found.other]))
    if len(found.elsewhen):
        lists[_ELSEWHEN] = found.elsewhen
    if row not in lists:
        raise NoSuchRow(f"no member came by {row!r}; the rows are: {_listed(list(lists))}")
    return _numbers(history, lists[row])


async def _stagnant(sources: Sources, question: Question, row: str | None) -> Ints:
    """Members who have had the status (None: any) for longer than its limit, longest first."""
    wanted = None if row is None else STATUSES[_code(row)]
    history = await sources.history()
    found = stagnation(history, {**LIMITS, **question.limits})
    over = np.concatenate([one.over for one in found if wanted in {None, one.status}])
    placed = history.placed
    since = placed.start[placed.first[1:][over] - 1]
    return _numbers(history, over[np.argsort(since, kind="stable")])


async def _joined(sources: Sources, question: Question, row: str | None) -> Ints:
    """Members who joined on the days that are asked about (and in the month), first ones first."""
    history = await sources.history()
    days = question.joined
    entry = history.entry
    those = np.flatnonzero((entry >= days.first) & (entry <= min(days.last, question.day)))
    those = those[np.argsort(entry[those], kind="stable")]
    if row is None:
        return _numbers(history, those)
    months = [month_of(day) for day in entry[those].tolist()]
    if row not in months:
        there = _listed(sorted(set(months)))
        raise NoSuchRow(f"nobody joined in {row!r}; the months are: {there}")
    return _numbers(history, those[np.array(months, np.str_) == row])


async def _dormant(sources: Sources, question: Question, row: str | None) -> Ints:
    """Members who became dormant on the days that are asked about, and came back to a status.

    Without one, those who have not come back.
    """
    code = None if row is None else _code(row)
    history = await sources.history()
    days = question.dormant
    last = min(days.last, question.day)
    found = recycling(history, first=days.first, last=last, watch=WATCH)
    if code is None:
        return _numbers(history, np.unique(found.still))
    none = np.zeros(0, np.int64)
    return _numbers(history, found.back.get(STATUSES[code], none))


async def _active(sources: Sources, question: Question, row: str | None) -> Ints:
    """Members who did anything in a venue in the period."""
    first = question.since + 1
    async with sources.read() as connection:
        found = await venues.active(connection, first=first, last=question.day)
    if row not in found:
        there = _listed(sorted(found))
        raise NoSuchRow(f"nobody was active in {row!r}; they were in: {there}")
    return np.array(found[row], np.int64)


async def _unanswered(sources: Sources, question: Question, row: str | None) -> Ints:
    """Who opened a thread of the period that nobody else has responded to, longest ago first."""
    async with sources.read() as connection:
        found = await threads.opened(
            connection, first=question.since + 1, last=question.day, until=question.day
        )
    venue = np.array(found.venue, np.str_)
    ours = np.array([role is Role.MEMBER for role in found.role], np.bool_)
    if row is not None and row not in (there := sorted(set(venue[ours].tolist()))):
        raise NoSuchRow(f"no thread was opened in {row!r}; there were some in: {_listed(there)}")
    those = ours & ~found.anybody.answered & (found.author >= 0)
    if row is not None:
        those &= venue == row
    rows = np.flatnonzero(those)
    rows = rows[np.argsort(found.opened[rows], kind="stable")]
    authors, first = np.unique(found.author[rows], return_index=True)
    return authors[np.argsort(first)]


async def _helpful(sources: Sources, question: Question, _row: str | None) -> Ints:
    """Every member who helped another in the period, who helped most first."""
    async with sources.read() as connection:
        return (await ranked(connection, question)).helper


def _numbers(history: History, positions: Ints) -> Ints:
    found: Ints = history.ids[positions]
    return found


def _code(word: str) -> int:
    try:
        return STATUSES.index(Status(word))
    except ValueError:
        known = _listed([status.value for status in STATUSES])
        raise NoSuchRow(f"{word!r} is no status; expected one of: {known}") from None


def _listed(names: Sequence[str] | Mapping[str, object]) -> str:
    more = ", …" if len(names) > _LISTED else ""
    return ", ".join(list(names)[:_LISTED]) + more or "none"


_A_STATUS: Final = "a status, such as supporter"

#: By the name of the report.
AUDIENCES: Final[Mapping[str, Selection]] = {
    "tiers": Selection(_with_status, _A_STATUS, None, frozenset()),
    "flow": Selection(
        _moved, "an edge, such as newcomer..supporter", None, frozenset({"period_days"})
    ),
    "routes": Selection(
        _by_route,
        "what stands under `route`, such as 'newcomer -> contributor' or 'now dormant'",
        None,
        frozenset({"to", "start", "joined", "arrived", "venue", "steps", "most"}),
    ),
    "stagnation": Selection(
        _stagnant, _A_STATUS, "everybody who is over a limit", frozenset({"limits"})
    ),
    "conversion": Selection(
        _joined, "a month, such as 2026-03", "everybody who joined", frozenset({"joined"})
    ),
    "recycling": Selection(
        _dormant,
        "the status they came back to, such as member",
        "everybody who is still dormant",
        frozenset({"dormant"}),
    ),
    "first-response": Selection(
        _unanswered,
        "a venue, such as qa",
        "who opened a thread that has no response",
        frozenset({"period_days"}),
    ),
    "venues": Selection(_active, "a venue, such as qa", None, frozenset({"period_days"})),
    "helpers": Selection(
        _helpful, None, "everybody who helped another member", frozenset({"period_days"})
    ),
}
