"""Days that go by in a test, by no clock but its own."""

from __future__ import annotations

from datetime import datetime, timedelta

from store.db import Database
from store.refresh import RefreshReport, refresh
from tests.store.making import NOW, act, put
from tests.store.recount import assert_consistent


def later(days: float) -> datetime:
    """So many days after."""
    return NOW + timedelta(days=days)


async def pass_days(database: Database, days: float) -> RefreshReport:
    """Let days go by, and hold everything against the recount."""
    report = await refresh(database, now=later(days))
    await assert_consistent(database, later(days))
    return report


async def likes(database: Database, who: str, n: int, days: float = 0, prefix: str = "") -> None:
    """So many likes today, as many of them yesterday as go over the daily cap."""
    given = [act(f"{prefix}{who} {i}", who, time=later(days - i // 10)) for i in range(n)]
    await put(database, *given, now=later(days))
