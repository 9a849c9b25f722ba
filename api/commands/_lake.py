"""The command that writes the lake."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands._drafts import given, rules_of
from api.commands._shared import Json
from api.console import CommandError, gauge, print_json, run, say
from api.database import open_database
from api.settings import Settings
from store.db import day_date
from store.moment import Newest, moment
from store.rules import as_if

if TYPE_CHECKING:
    from store.lake_export import LakeReport, Progress

_NAME = "lake"


def lake(
    directory: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIRECTORY]", help="Where to (default: the directory lake in IKUSEI_DATA_DIR)."
        ),
    ] = None,
    rules: Annotated[
        str | None,
        typer.Option(
            metavar="FILE_OR_VERSION",
            help="Other rules than the active ones, for a lake in a DIRECTORY of its own.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Write tallies, actions and periods of status as Parquet files, a part for each month.

    Texts, names and ids of the site are not among them. A lake that is there already is brought up
    to date: only the months that are not as they were are written. Interrupted, it stays as it was.
    """
    run(_lake(directory, rules, json))


async def _lake(directory: Path | None, which: str | None, json: bool) -> None:
    if which is not None and directory is None:
        raise CommandError(
            "--rules needs a DIRECTORY: the usual lake is that of the active rules; such as "
            f"`ikusei export lake lake-of-draft --rules {which}`"
        )
    # The other exports need none of what this takes a second to import.
    from store.lake_export import export_lake  # noqa: PLC0415

    settings = Settings.load()
    now = settings.make_clock().now()
    chosen = None if which is None else given(which)
    place = settings.data_dir / _NAME if directory is None else directory
    begin = time.monotonic()
    async with open_database(settings) as database:
        async with database.read() as connection:
            found = await moment(database, connection, Newest(), now=now)
            used = found.rules
            if chosen is not None:
                used = as_if(used, await rules_of(connection, chosen))
        with _shown() as show:
            report = await export_lake(
                database, used, place, until=found.day, now=now, progress=show
            )
    told = _told(report, place, used.name, time.monotonic() - begin)
    if json:
        print_json(told)
        return
    if found.archive:
        say(f"This is an archive: statuses are followed to {day_date(found.day)}.")
    for line in _lines(told):
        print(line)


@contextmanager
def _shown() -> Iterator[Progress | None]:
    """Show how far the export got, each of its steps by its name."""
    with gauge("writing the lake") as show:
        yield None if show is None else lambda _step, done, of: show(done, of or None)


def _told(report: LakeReport, place: Path, rule_set: str, seconds: float) -> dict[str, Any]:
    return {
        "lake": str(place.absolute()),
        "until": str(day_date(report.until_day)),
        "rule_set": rule_set,
        "datasets": {
            name: {
                "rows": one.rows,
                "rewritten": one.rewritten,
                "left": one.left,
                "removed": one.removed,
            }
            for name, one in report.datasets.items()
        },
        "tables": report.tables,
        "seconds": round(seconds, 1),
    }


def _lines(told: dict[str, Any]) -> Iterator[str]:
    yield f"The lake in {told['lake']}, statuses by {told['rule_set']} to {told['until']}:"
    for name, one in told["datasets"].items():
        written, removed = len(one["rewritten"]), len(one["removed"])
        yield (
            f"  {name:8}{one['rows']:>14,} rows; months: {written} written, {one['left']} left as "
            f"they were, {removed} removed"
        )
    for name, rows in told["tables"].items():
        yield f"  {name:12}{rows:>10,} rows"
