"""Times that systems write as numbers since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def since_1970(*, microseconds: int) -> datetime | None:
    """The moment so many microseconds after the beginning of 1970; None beyond the calendar."""
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return None
