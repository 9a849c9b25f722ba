"""The one place the service takes the time from, so that tests and demos can move it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

_OFFSET: Final = re.compile(r"(?P<sign>[+-])(?P<number>\d{1,6})(?P<unit>[smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The present moment, in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's time, ahead or behind by ``offset``."""

    offset: timedelta = timedelta()

    def now(self) -> datetime:
        """The present moment, in UTC."""
        return datetime.now(UTC) + self.offset


@dataclass(slots=True)
class MovableClock:
    """Stands still until it is moved."""

    moment: datetime

    def now(self) -> datetime:
        """The moment it stands at, in UTC."""
        return self.moment.astimezone(UTC)

    def move(self, by: timedelta) -> None:
        """Go on (or back) by a time."""
        self.moment += by


def parse_clock(text: str) -> Clock:
    """The clock that a setting names: ``system``, an offset ``+3d`` or a fixed RFC 3339 instant.

    Raises ValueError when it names none.
    """
    if text == "system":
        return SystemClock()
    if match := _OFFSET.fullmatch(text):
        size = timedelta(**{_UNITS[match["unit"]]: int(match["number"])})
        return SystemClock(size if match["sign"] == "+" else -size)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(
            "expected 'system', an offset such as '+3d' or '-12h' (s, m, h, d), or an instant with "
            "a zone such as '2026-11-21T09:30:00Z'"
        )
    return MovableClock(moment.astimezone(UTC))
