"""Months of the community's calendar as days."""

from __future__ import annotations

from datetime import date

from store.db import day_date, day_number


def month_of(day: int) -> str:
    """The month that ``day`` lies in, such as 2026-11."""
    return f"{day_date(day):%Y-%m}"


def months_between(first: int, last: int) -> list[tuple[int, int]]:
    """The first and the last day of every month from that of ``first`` to that of ``last``."""
    month = day_date(first).replace(day=1)
    found = []
    while (begin := day_number(month)) <= last:
        month = _next(month)
        found.append((begin, day_number(month) - 1))
    return found


def _next(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
