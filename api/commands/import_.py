"""Import a community's export: records, members, posts and reactions.

Interrupted, it goes on where it stopped when the same command is given again; finished, the same
command again adds nothing.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Annotated, Any

import orjson
import typer

from api.console import CommandError, print_json, progress, run, say
from api.database import open_database
from api.settings import Settings
from sources.open import FORMATS, open_source
from sources.parse import Fault
from sources.reader import Read, Reader, SourceError
from store import rules
from store.db import Database
from store.load import ImportReport, Rejected, fingerprint_of, kind_of, load, tell
from store.refresh import refresh

Paths = Annotated[
    list[Path], typer.Argument(metavar="PATH…", help="Files or folders; - reads ndjson from input.")
]


def command(
    format: Annotated[str, typer.Argument(help=f"One of {', '.join(FORMATS)}.")],
    paths: Paths,
    source: Annotated[
        str | None, typer.Option(help="What to call the community its ids belong to.")
    ] = None,
    mapping: Annotated[Path | None, typer.Option(help="A mapping file of your own.")] = None,
    as_of: Annotated[
        datetime | None, typer.Option(help="When a user list was exported (default: now).")
    ] = None,
    rejected: Annotated[
        Path | None, typer.Option(help="Where to write rows that were not recorded.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and check, record nothing.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document only.")] = False,
) -> None:
    """Import an export: record what is new, place every member, and account for every record."""
    run(_import(format, paths, source, mapping, as_of, rejected, dry_run, json))


async def _import(
    format: str,
    paths: Sequence[Path],
    source: str | None,
    mapping: Path | None,
    as_of: datetime | None,
    rejected: Path | None,
    dry_run: bool,
    json: bool,
) -> None:
    settings = Settings.load()
    now = settings.make_clock().now()
    if source is None and format != "ndjson":
        source = format.replace("-", "_").removesuffix("_users")
    started = time.monotonic()
    try:
        reader = open_source(
            format,
            paths,
            source=source,
            mapping=mapping,
            now=now,
            as_of=None if as_of is None else as_of.astimezone(),
            stdin=sys.stdin.buffer,
        )
        async with open_database(settings) as database:
            place = (
                rejected or settings.data_dir / "rejected" / f"{format}-{now:%Y%m%dT%H%M%S}.ndjson"
            )
            with _rejects(place) as (reject, written):
                if dry_run:
                    report = await _read_only(database, reader, reject)
                else:
                    report = await _load(database, reader, source, paths, now, reject)
    except SourceError as error:
        raise CommandError(str(error)) from error
    told = _told(reader, source, report, time.monotonic() - started)
    told["rejected_file"] = str(place) if written() else None
    if json:
        print_json(told)
    else:
        _print(told, report, dry_run=dry_run)


async def _load(
    database: Database,
    reader: Reader,
    source: str | None,
    paths: Sequence[Path],
    now: datetime,
    reject: Rejected,
) -> ImportReport:
    with progress(f"reading {reader.format}") as advance:
        report = await load(
            database,
            reader,
            source=source or "",
            fingerprint=fingerprint_of(paths),
            now=now,
            progress=advance,
            rejected=reject,
        )
    with progress("placing members") as advance:
        seen = 0

        def show(done: int, _due: int) -> None:
            nonlocal seen
            advance(done - seen)
            seen = done

        await refresh(database, now=now, progress=show)
    return report


async def _read_only(database: Database, reader: Reader, reject: Rejected) -> ImportReport:
    report = ImportReport()
    async with database.read() as connection:
        active = await rules.active(database, connection)
    with progress(f"reading {reader.format}") as advance:
        for read in reader.records():
            tell(report, [read], active.rules)
            if read.record is None:
                report.rejected[kind_of(read)] += 1
                reject(read, read.faults)
            advance(1)
    return report


@contextmanager
def _rejects(path: Path) -> Iterator[tuple[Rejected, Any]]:
    """A writer of rejected rows that makes its file with the first of them."""
    file: IO[bytes] | None = None

    def write(read: Read, faults: Sequence[Fault]) -> None:
        nonlocal file
        if file is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Rows of real people: for the eyes of whoever runs the import.
            file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
        row = {
            "file": read.place.file,
            "row": read.place.row,
            "faults": [{"field": f.field, "code": f.code, "message": f.message} for f in faults],
            "value": read.value,
        }
        file.write(orjson.dumps(row, default=str, option=orjson.OPT_APPEND_NEWLINE))

    try:
        yield write, lambda: file is not None
    finally:
        if file is not None:
            file.close()


def _told(
    reader: Reader, source: str | None, report: ImportReport, seconds: float
) -> dict[str, Any]:
    return {
        "format": reader.format,
        "source": source,
        "read": dict(sorted(report.read.items())),
        "recorded": report.of("recorded"),
        "duplicate": report.of("duplicate"),
        "conflict": report.of("conflict"),
        "replaced": report.of("replaced"),
        "rejected": dict(sorted(report.rejected.items())),
        "unaccounted": report.missing() if report.counts else {},
        "waiting": report.of("waiting"),
        "unclassified": dict(report.unclassified.most_common()),
        "checks": dict(reader.checks),
        "rows": {table: dict(rows) for table, rows in reader.rows.items()},
        "repairs": dict(reader.repairs),
        "resumed_at": report.resumed_at,
        "seconds": round(seconds, 1),
    }


def _print(told: dict[str, Any], report: ImportReport, *, dry_run: bool) -> None:
    columns = ("read", "recorded", "duplicate", "conflict", "replaced", "rejected", "waiting")
    print(f"{'':12}" + "".join(f"{name:>11}" for name in columns))
    for kind in sorted(report.read):
        print(f"{kind:12}" + "".join(f"{told[name].get(kind, 0):>11,}" for name in columns))
    for title in ("checks", "repairs", "unclassified"):
        for name, n in told[title].items():
            print(f"{title[:-1] if title != 'unclassified' else title}: {name} {n:,}")
    if told["rejected_file"]:
        say(f"Rows that were not recorded, and why: {told['rejected_file']}")
    if dry_run:
        say("Nothing was recorded (--dry-run).")
    else:
        say(f"Done in {told['seconds']} s; `ikusei report tiers` shows where everybody stands.")
