"""Reports: where members stand, how they move and stay, what was answered; data health."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from api.commands._asking import (
    Limits,
    Range,
    Rules,
    Span,
    asking,
    days_of,
    limits_of,
    say_note,
    status_of,
)
from api.commands._shared import AsOf, Json
from api.commands._tables import Format, Formats, Output, for_reading, put_out, written
from api.console import run
from engagement.routes import GOALS
from engagement.words import Status
from store.reports.registry import REPORTS, Name
from store.reports.report import MOST_COST, By, document

app = typer.Typer()


@app.command()
def tiers(
    as_of: AsOf = None,
    period: Span = 30,
    rules: Rules = None,
    format: Formats = Format.TABLE,
    output: Output = None,
    json: Json = False,
) -> None:
    """Count members by status, with those who came to it and left it during the period.

    The counts add up to the population: all members but staff, bots, merged and erased ones.
    """
    _run("tiers", as_of, format, output, json=json, rules=rules, period_days=period)


@app.command()
def flow(
    as_of: AsOf = None,
    period: Span = 30,
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
    _run("flow", as_of, format, output, json=json, rules=rules, period_days=period, by=by)


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
    _run(
        "routes",
        as_of,
        format,
        output,
        json=json,
        rules=rules,
        to=status_of("--to", to),
        start=None if start is None else status_of("--from", start),
        joined=days_of("--joined", joined),
        arrived=days_of("--arrived", arrived),
        venue=venue,
        steps=tuple(status_of("--step", one) for one in step) if step else GOALS,
        most=first,
    )


@app.command()
def stagnation(
    limit: Limits = None,
    as_of: AsOf = None,
    rules: Rules = None,
    format: Formats = Format.TABLE,
    output: Output = None,
    json: Json = False,
) -> None:
    """Say who has been in a status for longer than its limit, and how long members stay."""
    _run("stagnation", as_of, format, output, json=json, rules=rules, limits=limits_of(limit or []))


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
    _run(
        "conversion",
        as_of,
        format,
        output,
        json=json,
        rules=rules,
        joined=days_of("--joined", joined),
    )


@app.command()
def recycling(
    dormant: Annotated[
        str | None,
        typer.Option(metavar="FIRST..LAST", help="Who became dormant on these days."),
    ] = None,
    as_of: AsOf = None,
    rules: Rules = None,
    format: Formats = Format.TABLE,
    output: Output = None,
    json: Json = False,
) -> None:
    """Say who became dormant, who came back, to what, after how long."""
    _run(
        "recycling",
        as_of,
        format,
        output,
        json=json,
        rules=rules,
        dormant=days_of("--dormant", dormant),
    )


@app.command("first-response")
def first_response(
    as_of: AsOf = None,
    period: Span = 30,
    rules: Rules = None,
    format: Formats = Format.TABLE,
    output: Output = None,
    json: Json = False,
) -> None:
    """Say how long threads waited for a response by somebody else, and how many have none.

    Threads that members opened in the period, by venue; those of newcomers apart. Hours.
    """
    _run("first-response", as_of, format, output, json=json, rules=rules, period_days=period)


@app.command()
def helpers(
    first: Annotated[int, typer.Option(min=1, max=1000, help="Helpers listed.")] = 20,
    as_of: AsOf = None,
    period: Span = 30,
    rules: Rules = None,
    format: Formats = Format.TABLE,
    output: Output = None,
    json: Json = False,
) -> None:
    """List who helped most other members in the period: different ones, not how often.

    Members first, then staff. Totals are of all who helped.
    """
    _run("helpers", as_of, format, output, json=json, rules=rules, period_days=period, most=first)


@app.command()
def venues(
    as_of: AsOf = None,
    period: Span = 30,
    rules: Rules = None,
    format: Formats = Format.TABLE,
    output: Output = None,
    json: Json = False,
) -> None:
    """Say what members did in each venue, who began there, and what became of them."""
    _run("venues", as_of, format, output, json=json, rules=rules, period_days=period)


@app.command()
def value(
    deflection: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="SHARE",
            help="Of all reads of a solved thread, how many would have been a contact (0 to 1).",
        ),
    ] = None,
    contact_cost: Annotated[
        float | None,
        typer.Option(
            min=0, max=MOST_COST, metavar="AMOUNT", help="What a contact costs, in any money."
        ),
    ] = None,
    as_of: AsOf = None,
    period: Span = 30,
    format: Formats = Format.TABLE,
    output: Output = None,
    json: Json = False,
) -> None:
    """Say what the community was worth in the period, each figure with its formula.

    Contacts saved and their cost are withheld until their rates are given.
    """
    _run(
        "value",
        as_of,
        format,
        output,
        json=json,
        period_days=period,
        deflection=deflection,
        contact_cost=contact_cost,
    )


@app.command()
def lift(
    scenario: Annotated[
        str | None, typer.Option(metavar="KEY", help="Of this scenario only.")
    ] = None,
    quarter: Annotated[
        str | None,
        typer.Option(
            metavar="QUARTER", help="Such as 2026Q3 (default: that of the day, and the one before)."
        ),
    ] = None,
    as_of: AsOf = None,
    rules: Rules = None,
    format: Formats = Format.TABLE,
    output: Output = None,
    json: Json = False,
) -> None:
    """Say what prompts brought about: members shown against members held out, with intervals.

    A figure is withheld until its day, where too few are on a side, and where members are not
    split as planned. See the page on how to prove lift.
    """
    _run(
        "lift",
        as_of,
        format,
        output,
        json=json,
        rules=rules,
        scenario=scenario,
        quarter=quarter,
    )


@app.command()
def goals(
    as_of: AsOf = None,
    rules: Rules = None,
    format: Formats = Format.TABLE,
    output: Output = None,
    json: Json = False,
) -> None:
    """Say which moves the goals take on each edge, and how many there were (`ikusei goals set`)."""
    _run("goals", as_of, format, output, json=json, rules=rules)


@app.command("data-health")
def data_health(format: Formats = Format.TABLE, output: Output = None, json: Json = False) -> None:
    """Say what is odd or missing in the data: types nobody classified, posts nobody sent."""
    _run("data-health", None, format, output, json=json)


def _run(
    name: str,
    as_of: str | None,
    format: Format,
    output: Path | None,
    *,
    json: bool,
    rules: str | None = None,
    **asked: Any,
) -> None:
    run(_report(name, as_of, Format.JSON if json else format, output, rules, asked))


async def _report(
    name: str,
    as_of: str | None,
    format: Format,
    output: Path | None,
    which: str | None,
    asked: dict[str, Any],
) -> None:
    for_reading(format, output)
    kept = REPORTS[Name(name)]
    async with asking(kept, as_of, which, asked) as here:
        report = await kept.make(here.sources, here.question)
    content = written(report, document(report, here.question, period=kept.has_period), format)
    say_note(here)
    put_out(output, content)
