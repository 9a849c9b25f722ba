"""What commands about the community's past and rules share."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated, Final

import typer

from api.console import CommandError, gauge
from store.db import Database, Read, day_date, day_number, utc
from store.moment import Moment, Newest, moment
from store.refresh import RefreshReport, refresh

AsOf = Annotated[
    str | None,
    typer.Option(
        metavar="DAY",
        help="A day such as 2026-11-21: what held at its end (default: today, or for an archive "
        "the day after its newest action).",
    ),
]
#: Of numbers on the command line.
_DIGITS: Final = 18
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


async def moment_of(
    database: Database, connection: Read, now: datetime, as_of: str | None
) -> tuple[Moment, int]:
    """The present moment, and the day that is asked about.

    Raises CommandError for what is no day, or one that is yet to come or before all counting.
    """
    found = await moment(database, connection, Newest(), now=now)
    if as_of is None:
        return found, found.day
    return found, _day_named(as_of, found.today)


def end_of(database: Database, now: datetime, as_of: str) -> datetime:
    """The last moment of a day of the community's calendar; raises CommandError like moment_of."""
    day = day_date(_day_named(as_of, database.day(now)))
    midnight = datetime.combine(day + timedelta(days=1), time(), database.zone)
    return utc(midnight) - timedelta(microseconds=1)


def _day_named(as_of: str, today: int) -> int:
    try:
        day = day_number(date.fromisoformat(as_of))
    except ValueError:
        raise CommandError(
            f"--as-of is {as_of!r}; expected a day such as {day_date(today)}"
        ) from None
    if day > today:
        raise CommandError(f"--as-of is {as_of}, which is yet to come; today is {day_date(today)}")
    if day < 0:
        raise CommandError(f"--as-of is {as_of}; expected a day from 1970-01-01 on")
    return day


def archive_note(found: Moment, as_of: str | None) -> str | None:
    """What must be said when nobody named a day and it is not today."""
    if as_of is not None or not found.archive:
        return None
    newest = day_date(found.day - 1)
    return (
        f"The newest action is of {newest}, before the window of "
        f"{found.rules.rules.window_days} days: this is an archive, shown as of "
        f"{day_date(found.day)}."
    )


def whole(text: str) -> int | None:
    """The whole number that ``text`` is; None where it is none, or beyond all that is counted."""
    return int(text) if text.isdecimal() and len(text) <= _DIGITS else None


async def refreshed(database: Database, now: datetime) -> RefreshReport:
    """Do all due work, showing how far it got."""
    with gauge("placing members") as show:
        return await refresh(database, now=now, progress=show)
