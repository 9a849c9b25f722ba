"""What a report is: a question, and rows that answer it, the same at every door."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from engagement.history import History
from engagement.routes import GOALS
from engagement.survival import Estimate
from engagement.words import Status
from store import background
from store.db import Database, Read, StoreError, day_date
from store.moment import Moment
from store.rules import ActiveRules

#: The longest period that a report compares, in days.
MOST_PERIOD: Final = 3650
#: The most that a contact may cost, in any money.
MOST_COST: Final = 1e9

Row = Mapping[str, Any]
Document = dict[str, Any]


class Kind(StrEnum):
    """How the values of a column are to be read; None stands for what cannot be told."""

    TEXT = "text"
    STATUS = "status"
    COUNT = "count"
    CHANGE = "change"
    SHARE = "share"
    NUMBER = "number"
    DAYS = "days"
    DATE = "date"


class By(StrEnum):
    """What the rows of a report on flow are about."""

    STATUS = "status"
    EDGE = "edge"
    COHORT = "cohort"


class NotAsked(StoreError):
    """A question that makes no sense to the community as it is; the message says why."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name in the rows, and its head in a table (None: data, and not in a table)."""

    name: str
    kind: Kind
    head: str | None


@dataclass(frozen=True, slots=True)
class Days:
    """The days from ``first`` to ``last``, both included; without an end where none is given."""

    first: int = -(2**31)
    last: int = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: about the end of ``day``, by ``rules`` (those in force, or a draft).

    The period are the ``period_days`` days that end on ``day``. The others are asked by some
    reports only, each of which says which (registry.py).
    """

    moment: Moment
    day: int
    rules: ActiveRules
    period_days: int = 30
    by: By = By.STATUS
    to: Status = Status.CONTRIBUTOR
    start: Status | None = None
    joined: Days = Days()
    arrived: Days = Days()
    dormant: Days = Days()
    venue: str | None = None
    steps: tuple[Status, ...] = GOALS
    limits: Mapping[Status, int] = field(default_factory=dict)
    deflection: float | None = None
    contact_cost: float | None = None
    scenario: str | None = None
    quarter: str | None = None
    most: int = 20

    @property
    def since(self) -> int:
        """The last day before the period."""
        return self.day - self.period_days


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The answer. ``rows`` have a value for each of ``columns``.

    ``totals`` are sums of columns under their names, and what else is told once; ``notes`` what
    must be known to read the numbers rightly.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    totals: Row
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sources:
    """Where reports read: the database, and the history of statuses, worked out when asked for.

    ``history`` must be awaited without a connection in hand. ``unhurried`` says that nobody waits:
    statements may take longer than those of requests.
    """

    database: Database
    history: Callable[[], Awaitable[History]]
    unhurried: bool = False

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Read]:
        """A connection to read everything in one state of the database."""
        async with self.database.read() as connection:
            if self.unhurried:
                await background.unhurried(connection)
            yield connection


def document(report: Report, question: Question, *, period: bool) -> Document:
    """The report as JSON: the document of the contract, with the ``period`` where it has one."""
    return {
        "report": report.name,
        "as_of": str(day_date(question.day)),
        "rule_set": question.rules.name,
        "rule_set_version": question.rules.id,
        "archive": question.moment.archive,
        "period": {
            "days": question.period_days,
            "first": str(day_date(question.since + 1)),
            "last": str(day_date(question.day)),
        }
        if period
        else None,
        "rows": [dict(row) for row in report.rows],
        "totals": dict(report.totals),
        "notes": list(report.notes),
    }


def summed(rows: tuple[Row, ...], *names: str) -> dict[str, int]:
    """The sums of some columns."""
    return {name: sum(int(row[name]) for row in rows) for name in names}


def told(estimate: Estimate, name: str, places: int = 4) -> dict[str, float | None]:
    """An estimate as three columns: the value under ``name``, and the ends of its interval."""
    return {
        key: None if value is None else round(value, places)
        for key, value in (
            (name, estimate.value),
            (f"{name}_low", estimate.low),
            (f"{name}_high", estimate.high),
        )
    }


def estimated(name: str, kind: Kind, head: str) -> tuple[Column, Column, Column]:
    """The columns of ``told``."""
    low, high = ("low", "high") if kind is Kind.SHARE else ("from", "to")
    return (
        Column(name, kind, head),
        Column(f"{name}_low", kind, low),
        Column(f"{name}_high", kind, high),
    )


def untold(*columns: Column) -> tuple[Column, ...]:
    """Columns that are data, and not in the table."""
    return tuple(replace(column, head=None) for column in columns)
