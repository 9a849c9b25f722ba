"""What commands that ask a report share: options, and the question they make."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final

import typer

from api.commands._drafts import given, rules_of
from api.commands._shared import archive_note, moment_of, whole
from api.console import gauge, say
from api.database import open_database
from api.settings import Settings
from engagement.history import History
from engagement.words import STATUSES, Status
from store.db import day_number
from store.history import history
from store.reports.registry import Kept
from store.reports.report import MOST_PERIOD, Days, Question, Sources
from store.rules import as_if

Span = Annotated[
    int,
    typer.Option(min=1, max=MOST_PERIOD, metavar="DAYS", help="Days of the period."),
]
Rules = Annotated[
    str | None,
    typer.Option(
        metavar="FILE_OR_VERSION",
        help="As if these rules had always been in force (default: those that are).",
    ),
]
Range = Annotated[
    str | None,
    typer.Option(metavar="FIRST..LAST", help="Of those who joined on these days."),
]
Limits = Annotated[
    list[str] | None,
    typer.Option(metavar="STATUS=DAYS", help="Another limit; may be given several times."),
]
_STATUS_WORDS: Final = [status.value for status in STATUSES]


@dataclass(frozen=True, slots=True)
class Asking:
    """An opened database to ask, and the question; ``note`` is to be said beside the answer."""

    sources: Sources
    question: Question
    note: str | None


@asynccontextmanager
async def asking(
    kept: Kept | None, as_of: str | None, which: str | None, asked: dict[str, Any]
) -> AsyncIterator[Asking]:
    """Open the database for a question about a day, by rules, with the fields ``asked``.

    ``kept`` is the report that is asked, if it is one.
    """
    settings = Settings.load()
    chosen = None if which is None else given(which)
    async with open_database(settings) as database:
        async with database.read() as connection:
            now, day = await moment_of(database, connection, settings.make_clock().now(), as_of)
            rules = now.rules
            if chosen is not None:
                rules = as_if(rules, await rules_of(connection, chosen))
        of_now = kept is not None and kept.of_now
        day = now.today if of_now else day
        question = Question(moment=now, day=day, rules=rules, **asked)

        async def past() -> History:
            with gauge("folding members") as show:
                return await history(database, rules, until=day, progress=show)

        note = None if of_now else archive_note(now, as_of)
        yield Asking(Sources(database, past), question, note)


def say_note(asking: Asking) -> None:
    """Say what must be known of the day that was asked about."""
    if asking.note:
        say(asking.note)


def status_of(option: str, word: str) -> Status:
    """The status that an option names."""
    if word not in _STATUS_WORDS:
        raise typer.BadParameter(
            f"{option} is {word!r}; expected one of {', '.join(_STATUS_WORDS)}"
        )
    return Status(word)


def days_of(option: str, text: str | None) -> Days:
    """A range such as 2026-01-01..2026-03-31; either end may be left out."""
    if text is None:
        return Days()
    first, dots, last = text.partition("..")
    with suppress(ValueError):
        found = Days(
            day_number(date.fromisoformat(first)) if first else Days().first,
            day_number(date.fromisoformat(last)) if last else Days().last,
        )
        if dots and found.first <= found.last:
            return found
    raise typer.BadParameter(
        f"{option} is {text!r}; expected two days such as 2026-01-01..2026-03-31, of which either "
        "may be left out"
    )


def limits_of(given_: Sequence[str]) -> dict[Status, int]:
    """Limits of statuses in days, such as connector=120."""
    found = {}
    for one in given_:
        word, _, told = one.partition("=")
        days = whole(told)
        if word not in _STATUS_WORDS or days is None or not 0 < days <= MOST_PERIOD:
            raise typer.BadParameter(
                f"--limit is {one!r}; expected a status and days, such as connector=120"
            )
        found[Status(word)] = days
    return found
