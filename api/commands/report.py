"""Reports: how many members have each status and who moved, and the health of the data."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from api.commands._shared import AsOf, Json, archive_note, moment_of
from api.console import print_json, run, say
from api.database import open_database
from api.settings import Settings
from engagement.explain_texts import STATUS_JA
from store.db import day_date
from store.moment import Newest, moment
from store.reports import MOST_PERIOD, Health, TierReport, data_health, tier_report

app = typer.Typer()


class Format(StrEnum):
    """How a report is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


Formats = Annotated[Format, typer.Option(help="How to print it.")]
Report = dict[str, Any]

#: What each concern of the health report means, in the order of the report.
CONCERNS: Final[Mapping[str, str]] = {
    "unclassified": "actions of a type that the rules do not know; they are worth nothing",
    "waiting_posts": "posts that something refers to and nobody sent",
    "waiting_reactions": "actions on such posts; they count once the post comes",
    "waiting_retractions": "retractions of actions that have not come",
    "undescribed": "members known only from what they did",
    "pending_refolds": "members whose past changed and who wait for due work",
    "outdated_standings": "members placed under other rules, who wait for due work",
    "counters_whole": "first snapshots of a member's total, which fall on one day as a whole",
    "times_day": "actions of which only the day is known",
    "times_lower_bound": "actions known only not to be earlier than their time",
    "times_unknown": "actions of which no time is known",
}


@app.command()
def tiers(
    as_of: AsOf = None,
    period: Annotated[
        int,
        typer.Option(min=1, max=MOST_PERIOD, metavar="DAYS", help="Days over which moves count."),
    ] = 30,
    format: Formats = Format.TABLE,
    json: Json = False,
) -> None:
    """Count members by status, with those who came to it and left it during the period.

    The counts add up to the population: all members but staff, bots, merged and erased ones.
    """
    run(_tiers(as_of, period, Format.JSON if json else format))


async def _tiers(as_of: str | None, period: int, format: Format) -> None:
    settings = Settings.load()
    now = settings.make_clock().now()
    async with open_database(settings) as database, database.read() as connection:
        found, day = await moment_of(database, connection, now, as_of)
        report = await tier_report(
            connection, found.rules, day=day, today=found.today, period_days=period
        )
    told = told_tiers(report, rule_set_version=found.rules.id, archive=found.archive)
    _print(told, format, note=archive_note(found, as_of))
    if format is Format.TABLE:
        totals = told["totals"]
        print(f"\nApart: {totals['staff']:,} staff, {totals['bots']:,} bots.")
        if totals["unplaced"]:
            say(f"{totals['unplaced']:,} wait to be placed: run `ikusei refresh`.")
        if totals["outdated"]:
            say(f"{totals['outdated']:,} still stand by earlier rules: run `ikusei refresh`.")


def told_tiers(report: TierReport, *, rule_set_version: int, archive: bool) -> Report:
    """A tier report as JSON.

    ``change`` is the count minus that at the end of the previous period (``before``), which is
    what ``net`` says from the side of those who moved.
    """
    rows = [
        {
            "status": row.status.value,
            "count": row.count,
            "share": round(row.share, 6),
            "moved_in": row.moved_in,
            "joined": row.joined,
            "moved_out": row.moved_out,
            "net": row.net,
            "before": row.before,
            "change": row.count - row.before,
        }
        for row in report.rows
    ]
    sums = ("count", "moved_in", "joined", "moved_out", "net", "before", "change")
    totals = {name: sum(int(row[name]) for row in rows) for name in sums}
    return {
        "report": "tiers",
        "as_of": str(day_date(report.day)),
        "rule_set": report.rule_set,
        "rule_set_version": rule_set_version,
        "archive": archive,
        "period": {
            "days": report.day - report.since,
            "first": str(day_date(report.since + 1)),
            "last": str(day_date(report.day)),
        },
        "rows": rows,
        "totals": {
            "population": report.total,
            **totals,
            "staff": report.staff,
            "bots": report.bots,
            "unplaced": report.unplaced,
            "outdated": report.outdated,
        },
    }


@app.command()
def health(format: Formats = Format.TABLE, json: Json = False) -> None:
    """Say what is odd or missing in the data: types nobody classified, posts nobody sent."""
    run(_health(Format.JSON if json else format))


async def _health(format: Format) -> None:
    settings = Settings.load()
    now = settings.make_clock().now()
    async with open_database(settings) as database, database.read() as connection:
        found = await moment(database, connection, Newest(), now=now)
        report = await data_health(connection, found)
    _print(told_health(report, now.astimezone(database.zone)), format)


def told_health(report: Health, now: datetime) -> Report:
    """A health report as JSON: a row for each concern, and for each unclassified type."""
    counts = {
        **{name: getattr(report, name) for name in CONCERNS if hasattr(report, name)},
        **{f"times_{one.name.lower()}": n for one, n in report.times.items()},
    }
    counts["unclassified"] = sum(one.actions for one in report.unclassified)
    rows = [
        {"concern": name, "subject": None, "count": counts[name], "meaning": meaning}
        for name, meaning in CONCERNS.items()
    ]
    rows[1:1] = [
        {
            "concern": "unclassified",
            "subject": f"{one.venue}.{one.verb}",
            "count": one.actions,
            "meaning": "one of these types",
        }
        for one in report.unclassified
    ]
    return {
        "report": "health",
        "as_of": str(now.date()),
        "rule_set": report.rule_set,
        "rule_set_version": report.rule_set_id,
        "archive": report.archive,
        "rows": rows,
        "totals": {
            "actions": report.actions,
            "newest_day": None if report.newest_day is None else str(day_date(report.newest_day)),
            "newest_action_at": report.last_recorded_at,
        },
    }


def _print(told: Report, format: Format, *, note: str | None = None) -> None:
    if note:
        say(note)
    if format is Format.JSON:
        print_json(told)
    elif format is Format.CSV:
        _print_csv(told)
    elif told["report"] == "tiers":
        _print_tiers(told)
    else:
        _print_health(told)


def _print_csv(told: Report) -> None:
    rows: Sequence[Mapping[str, object]] = told["rows"]
    writer = csv.DictWriter(sys.stdout, ["as_of", *rows[0]], lineterminator="\n")
    writer.writeheader()
    writer.writerows({"as_of": told["as_of"], **row} for row in rows)


def _print_tiers(told: Report) -> None:
    period = told["period"]
    print(
        f"Members by status at the end of {told['as_of']}, and moves since {period['first']}\n"
        f"({period['days']} days; rules: {told['rule_set']})\n"
    )
    print(f"{'':18}{'members':>9}{'share':>8}{'came':>8}{'left':>8}{'change':>8}")
    for row in told["rows"]:
        name = f"{row['status']} {STATUS_JA[row['status']]}"
        _print_tier(name, row, wide=2)  # two characters that are twice as wide
    _print_tier("all", {**told["totals"], "share": 1.0})


def _print_tier(name: str, row: Mapping[str, Any], *, wide: int = 0) -> None:
    print(
        f"{name:{18 - wide}}{row['count']:>9,}{row['share']:>8.1%}"
        f"{row['moved_in']:>8,}{row['moved_out']:>8,}{row['change']:>+8,}"
    )


def _print_health(told: Report) -> None:
    totals = told["totals"]
    print(f"Actions: {totals['actions']:,}, the newest of {totals['newest_day'] or 'no day'}\n")
    for row in told["rows"]:
        if row["subject"] is None:
            print(f"{row['count']:>10,}  {row['concern']}: {row['meaning']}")
        else:
            print(f"{row['count']:>10,}    {row['subject']}")
