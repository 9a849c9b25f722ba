"""Reports: who stands where, who moved by which routes, who stays; and the health of the data."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from typing import Annotated, Any, Final

import typer

from api.commands._drafts import given, rules_of
from api.commands._shared import AsOf, Json, archive_note, moment_of
from api.commands._tables import Format, Formats, Output, write_to, written
from api.console import CommandError, gauge, run, say
from api.database import open_database
from api.settings import Settings
from engagement.history import History
from engagement.routes import GOALS
from engagement.words import STATUSES, Status
from store.db import day_number
from store.history import history
from store.reports.registry import REPORTS, Name
from store.reports.report import MOST_PERIOD, By, Days, Question, Sources, document
from store.rules import as_if

app = typer.Typer()

Period = Annotated[
    int,
    typer.Option(min=1, max=MOST_PERIOD, metavar="DAYS", help="Days over which moves count."),
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
_STATUS_WORDS: Final = [status.value for status in STATUSES]


@app.command()
def tiers(
    as_of: AsOf = None,
    period: Period = 30,
    format: Formats = Format.TABLE,
    output: Output = None,
    json: Json = False,
) -> None:
    """Count members by status, with those who came to it and left it during the period.

    The counts add up to the population: all members but staff, bots, merged and erased ones.
    """
    _run("tiers", as_of, Format.JSON if json else format, output, period_days=period)


@app.command()
def flow(
    as_of: AsOf = None,
    period: Period = 30,
    by: Annotated[By, typer.Option(help="What the rows are about.")] = By.STATUS,
    rules: Rules = None,
    format: Formats = Format.TABLE,
    output: Output = None,
    json: Json = False,
) -> None:
    """Say what flowed between the statuses during the period, and during the one before.

    By status (in, out, held, up, down), by edge (every move by members' own points), or by the
    month in which members joined.
    """
    form = Format.JSON if json else format
    _run("flow", as_of, form, output, rules=rules, period_days=period, by=by)


@app.command()
def routes(
    to: Annotated[
        str, typer.Option(metavar="STATUS", help="The status they came to.")
    ] = Status.CONTRIBUTOR.value,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="STATUS", help="From the first day on which they had this."),
    ] = None,
    joined: Range = None,
    arrived: Annotated[
        str | None, typer.Option(metavar="FIRST..LAST", help="Who came to it on these days.")
    ] = None,
    venue: Annotated[
        str | None, typer.Option(metavar="VENUE", help="Of those whose first action was in it.")
    ] = None,
    step: Annotated[
        list[str] | None,
        typer.Option(metavar="STATUS", help="What is a step upward here (default: all four)."),
    ] = None,
    first: Annotated[int, typer.Option(min=1, max=1000, help="Routes told apart.")] = 20,
    as_of: AsOf = None,
    rules: Rules = None,
    format: Formats = Format.TABLE,
    output: Output = None,
    json: Json = False,
) -> None:
    """Tell by which statuses members came to one, and how long each step took.

    success: upward by every step between; fast: upward, with steps skipped; detour: through
    dormancy, or with a fall. With `other` and `on the way` the rows add up to the population.
    """
    goal, begin = _status("--to", to), None if start is None else _status("--from", start)
    if goal not in GOALS or goal is begin:
        words = ", ".join(one.value for one in GOALS if one is not begin)
        raise typer.BadParameter(f"--to is {to!r}; expected one of {words}")
    _run(
        "routes",
        as_of,
        Format.JSON if json else format,
        output,
        rules=rules,
        to=goal,
        start=begin,
        joined=_days("--joined", joined),
        arrived=_days("--arrived", arrived),
        venue=venue,
        steps=tuple(_status("--step", one) for one in step) if step else GOALS,
        most=first,
    )


@app.command()
def stagnation(
    limit: Annotated[
        list[str] | None,
        typer.Option(metavar="STATUS=DAYS", help="Another limit; may be given several times."),
    ] = None,
    as_of: AsOf = None,
    rules: Rules = None,
    format: Formats = Format.TABLE,
    output: Output = None,
    json: Json = False,
) -> None:
    """Say who has been in a status for longer than its limit, and how long members stay."""
    form = Format.JSON if json else format
    _run("stagnation", as_of, form, output, rules=rules, limits=_limits(limit or []))


@app.command()
def conversion(
    joined: Range = None,
    as_of: AsOf = None,
    rules: Rules = None,
    format: Formats = Format.TABLE,
    output: Output = None,
    json: Json = False,
) -> None:
    """Say how many newcomers rose to one of the four statuses and stayed, by month of joining."""
    form = Format.JSON if json else format
    _run("conversion", as_of, form, output, rules=rules, joined=_days("--joined", joined))


@app.command()
def recycling(
    since: Annotated[
        str | None,
        typer.Option("--dormant", metavar="FIRST..LAST", help="Who became dormant on these days."),
    ] = None,
    as_of: AsOf = None,
    rules: Rules = None,
    format: Formats = Format.TABLE,
    output: Output = None,
    json: Json = False,
) -> None:
    """Say who became dormant, who came back, to what, after how long."""
    form = Format.JSON if json else format
    _run("recycling", as_of, form, output, rules=rules, arrived=_days("--dormant", since))


@app.command()
def goals(
    as_of: AsOf = None,
    rules: Rules = None,
    format: Formats = Format.TABLE,
    output: Output = None,
    json: Json = False,
) -> None:
    """Say which moves the goals take on each edge, and how many there were (`ikusei goals set`)."""
    _run("goals", as_of, Format.JSON if json else format, output, rules=rules)


@app.command("data-health")
def data_health(format: Formats = Format.TABLE, output: Output = None, json: Json = False) -> None:
    """Say what is odd or missing in the data: types nobody classified, posts nobody sent."""
    _run("data-health", None, Format.JSON if json else format, output)


def _run(
    name: str,
    as_of: str | None,
    format: Format,
    output: Any,
    rules: str | None = None,
    **asked: Any,
) -> None:
    run(_report(name, as_of, format, output, rules, asked))


async def _report(
    name: str,
    as_of: str | None,
    format: Format,
    output: Any,
    which: str | None,
    asked: dict[str, Any],
) -> None:
    if format is Format.PARQUET and output is None and sys.stdout.isatty():
        raise CommandError("Parquet is not for reading: name a file with --output")
    settings = Settings.load()
    kept = REPORTS[Name(name)]
    chosen = None if which is None else given(which)
    async with open_database(settings) as database:
        async with database.read() as connection:
            now, day = await moment_of(database, connection, settings.make_clock().now(), as_of)
            rules = now.rules
            if chosen is not None:
                rules = as_if(rules, await rules_of(connection, chosen))
        day = now.today if kept.of_now else day
        question = Question(moment=now, day=day, rules=rules, **asked)

        async def past() -> History:
            with gauge("folding members") as show:
                return await history(database, rules, until=day, progress=show)

        report = await kept.make(Sources(database, past), question)
    content = written(report, document(report, question, period=kept.has_period), format)
    if not kept.of_now and (note := archive_note(now, as_of)):
        say(note)
    if output is not None:
        write_to(output, content)
    else:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


def _status(option: str, word: str) -> Status:
    if word not in _STATUS_WORDS:
        raise typer.BadParameter(
            f"{option} is {word!r}; expected one of {', '.join(_STATUS_WORDS)}"
        )
    return Status(word)


def _days(option: str, text: str | None) -> Days:
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


def _limits(given_: Sequence[str]) -> dict[Status, int]:
    found = {}
    for one in given_:
        word, _, days = one.partition("=")
        if word not in _STATUS_WORDS or not days.isdecimal() or not 0 < int(days) <= MOST_PERIOD:
            raise typer.BadParameter(
                f"--limit is {one!r}; expected a status and days, such as connector=120"
            )
        found[Status(word)] = int(days)
    return found
