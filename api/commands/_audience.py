"""`export audience`: lists of members, chosen by where they stand or by a row of a report."""

from __future__ import annotations

from dataclasses import MISSING, fields
from pathlib import Path
from typing import Annotated, Any, Final

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
from api.console import gauge, run
from engagement.words import Status
from store.attributes import ATTRIBUTES, OWN, columns_of, described
from store.audience import AUDIENCES, OTHER, TO, audience
from store.reports.report import Question, Report, document
from store.segment import condition, is_among

_USUAL: Final = "name,accounts,status,since"


def command(
    status: Annotated[
        str | None, typer.Option(metavar="STATUS", help="Who stands there at the end of the day.")
    ] = None,
    edge: Annotated[
        str | None,
        typer.Option(
            metavar=f"STATUS{TO}STATUS", help="Who moved so in the period, by their own points."
        ),
    ] = None,
    report: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"Who stands behind a report: {', '.join(AUDIENCES)}."),
    ] = None,
    row: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Which row of it: a status, an edge, what stands under `route`, a month, a venue.",
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONDITION",
            help="Only those of whom this is so, such as contribution>=6, lang=ja, "
            f"joined<2026-01-01, {OWN}plan!=free; may be given several times.",
        ),
    ] = None,
    attributes: Annotated[
        str,
        typer.Option(
            "--with",
            metavar="NAME,…",
            help=f"What is told of each: {', '.join(ATTRIBUTES)}, or {OWN}KEY for what the site "
            "says of them.",
        ),
    ] = _USUAL,
    as_of: AsOf = None,
    period: Span = 30,
    to: Annotated[
        str, typer.Option(metavar="STATUS", help="Of routes: the status they came to.")
    ] = Status.CONTRIBUTOR.value,
    start: Annotated[
        str | None, typer.Option("--from", metavar="STATUS", help="Of routes: where they began.")
    ] = None,
    joined: Range = None,
    arrived: Annotated[
        str | None,
        typer.Option(metavar="FIRST..LAST", help="Of routes: who came to it on these days."),
    ] = None,
    venue: Annotated[
        str | None,
        typer.Option(metavar="VENUE", help="Of routes: whose first action was in it."),
    ] = None,
    dormant: Annotated[
        str | None,
        typer.Option(metavar="FIRST..LAST", help="Of recycling: became dormant on these days."),
    ] = None,
    first: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1000,
            help="Of routes: those that the report tells apart, for its row `other` (20).",
        ),
    ] = None,
    limit: Limits = None,
    rules: Rules = None,
    format: Formats = Format.CSV,
    output: Output = None,
    json: Json = False,
) -> None:
    """List the members of a status, of an edge, behind a row of a report, or of a segment.

    One of --status, --edge and --report, of whom --where keeps some, or --where alone, of everybody
    who joined. Staff and bots are never listed, nor anybody who was merged or erased.
    """
    name, which = _chosen(status, edge, report, row, alone=bool(where))
    asked = {
        "period_days": period,
        "to": status_of("--to", to),
        "start": None if start is None else status_of("--from", start),
        "joined": days_of("--joined", joined),
        "arrived": days_of("--arrived", arrived),
        "dormant": days_of("--dormant", dormant),
        "venue": venue,
        "limits": limits_of(limit or []),
        **({} if first is None else {"most": first}),
    }
    _refuse_others(name, asked)
    if which != OTHER:
        # All routes have their rows, not only those most taken.
        asked.setdefault("most", _ALL)
    form = Format.JSON if json else format
    names = [one.strip() for one in attributes.split(",")]
    run(_export(name, which, where or [], names, as_of, rules, form, output, asked))


_ALL: Final = 2**31
#: The report that everybody who joined stands behind.
_EVERYBODY: Final = "conversion"
#: What options are called that set a field of another name.
_OPTIONS: Final = {"period_days": "period", "start": "from", "limits": "limit", "most": "first"}


def _refuse_others(name: str, asked: dict[str, Any]) -> None:
    """Refuse options that mean nothing to the list that is asked for."""
    usual = {field.name: field for field in fields(Question)}
    for field, value in asked.items():
        one = usual[field]
        default = one.default if one.default_factory is MISSING else one.default_factory()
        if value != default and name in AUDIENCES and field not in AUDIENCES[name].takes:
            option = _OPTIONS.get(field, field)
            raise typer.BadParameter(f"--{option} means nothing to members behind {name}")


def _chosen(
    status: str | None, edge: str | None, report: str | None, row: str | None, *, alone: bool
) -> tuple[str, str | None]:
    """The report and the row that are meant; ``alone``: there may be none."""
    named = sum(one is not None for one in (status, edge, report))
    if named > 1 or (not named and not alone):
        raise typer.BadParameter(
            "expected exactly one of --status, --edge and --report, or --where without them"
        )
    if report is None and row is not None:
        raise typer.BadParameter("--row is a row of a report: name it with --report")
    if status is not None:
        return "tiers", status_of("--status", status).value
    if edge is not None:
        return "flow", edge
    return _EVERYBODY if report is None else report, row


async def _export(
    name: str,
    row: str | None,
    where: list[str],
    names: list[str],
    as_of: str | None,
    rules: str | None,
    format: Format,
    output: Path | None,
    asked: dict[str, Any],
) -> None:
    for_reading(format, output)
    columns = columns_of(names)
    conditions = [condition(one) for one in where]
    told = [*names, *(one.attribute for one in conditions)]
    async with asking(None, as_of, rules, asked) as here:
        question = here.question
        ids = await audience(here.sources, question, name, row)
        with gauge("describing members") as show:
            rows = await described(
                here.sources,
                ids,
                told,
                question.rules,
                day=question.day,
                among=is_among(conditions),
                progress=show,
            )
    kept = [{one.name: row_[one.name] for one in columns} for row_ in rows]
    whom = AUDIENCES[name].without if row is None else f"members behind {name}, {row}"
    found = Report(
        name="audience",
        title=", ".join((f"Of {whom}", *where)),
        columns=columns,
        rows=tuple(kept),
        totals={"of": name, "row": row, "where": where, "members": len(kept)},
    )
    has_period = "period_days" in AUDIENCES[name].takes
    content = written(found, document(found, question, period=has_period), format)
    say_note(here)
    put_out(output, content)
