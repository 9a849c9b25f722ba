"""Months of the community's calendar, in days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from store.db import day_date, day_number


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month by its first day, and the first day after it."""

    first: int
    after: int

    @property
    def name(self) -> str:
        """Such as 2026-11."""
        return month_of(self.first)

    @property
    def last(self) -> int:
        """Its last day."""
        return self.after - 1


def month_of(day: int) -> str:
    """The name of the month that ``day`` lies in."""
    return f"{day_date(day):%Y-%m}"


def months_between(first: int, last: int) -> list[Month]:
    """The months from that of the day ``first`` to that of the day ``last``."""
    found = []
    begin = day_date(first).replace(day=1)
    while day_number(begin) <= last:
        after = _next(begin)
        found.append(Month(day_number(begin), day_number(after)))
        begin = after
    return found


def _next(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
