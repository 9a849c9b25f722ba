"""Questions to reports, as the doors ask them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from engagement.history import History
from store.db import Database
from store.history import history
from store.moment import Newest, moment
from store.reports.registry import REPORTS, Name
from store.reports.report import Question, Report, Row, Sources
from tests.store.making import NOW


async def asked(
    database: Database, *, now: datetime = NOW, day: int | None = None, **more: Any
) -> tuple[Sources, Question]:
    """Where to read, and a question about today, or another day."""
    async with database.read() as connection:
        found = await moment(database, connection, Newest(), now=now)
    on = found.today if day is None else day

    async def past() -> History:
        return await history(database, found.rules, until=on)

    return Sources(database, past), Question(moment=found, day=on, rules=found.rules, **more)


async def reported(database: Database, name: str, **more: Any) -> Report:
    """A report, whose rows have a value for each of its columns and no other."""
    report = await REPORTS[Name(name)].make(*await asked(database, **more))
    columns = {column.name for column in report.columns}
    for row in report.rows:
        assert set(row) == columns
    return report


def row(report: Report, **key: Any) -> Row:
    """The one row with these values."""
    (found,) = [one for one in report.rows if all(one[name] == key[name] for name in key)]
    return found
