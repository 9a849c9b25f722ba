"""Import a community's export: records, members, posts and reactions.

Interrupted, it goes on where it stopped when the same command is given again; finished, the same
command again adds nothing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from api.commands._rejects import RejectedRows
from api.commands._shared import end_of, refreshed
from api.console import CommandError, fail, gauge, print_json, run, say
from api.database import open_database
from api.settings import Settings
from sources.files import shown
from sources.open import FORMATS, open_source
from sources.reader import BaseReader, SourceError
from store.db import Database
from store.load import ImportReport, fingerprint_of, load, read_only, waiting

Paths = Annotated[
    list[Path], typer.Argument(metavar="PATH…", help="Files or folders; - reads ndjson from input.")
]


def command(
    format: Annotated[str, typer.Argument(help=f"One of {', '.join(FORMATS)}.")],
    paths: Paths,
    source: Annotated[
        str | None,
        typer.Option(help="What to call the community its ids belong to, such as my_forum."),
    ] = None,
    mapping: Annotated[Path | None, typer.Option(help="A mapping file of your own.")] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="DAY",
            help="The day at whose end a user list was exported (default: its newest time).",
        ),
    ] = None,
    rejected: Annotated[
        Path | None,
        typer.Option(
            help="Where to write rows that were not recorded, whole, to be corrected (default: in "
            "the data directory, by place and id only)."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and check, record nothing.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document only.")] = False,
) -> None:
    """Import an export: record what is new, place every member, and account for every record."""
    asked = _Asked(format, paths, source, mapping, as_of, rejected, dry_run)
    told, broken_off = run(_import(asked))
    if json:
        print_json(told)
    else:
        _print(told, dry_run=dry_run)
    if broken_off is not None:
        kept = "was read" if dry_run else "is recorded"
        fail(
            f"{broken_off}\nWhat came before that {kept}; import the complete input when you have "
            "it, and only what is missing will be new"
        )


@dataclass(frozen=True, slots=True)
class _Asked:
    """The command's arguments."""

    format: str
    paths: Sequence[Path]
    source: str | None
    mapping: Path | None
    as_of: str | None
    rejected: Path | None
    dry_run: bool


async def _import(asked: _Asked) -> tuple[dict[str, Any], str | None]:
    """What to tell about the import, and why the input broke off, if it did."""
    settings = Settings.load()
    now = settings.make_clock().now()
    source = asked.source
    if source is None and asked.format != "ndjson":
        source = asked.format.replace("-", "_").removesuffix("_users")
    started = time.monotonic()
    try:
        async with open_database(settings) as database:
            reader = _opened(database, asked, source, now)
            fingerprint = fingerprint_of(asked.paths, reader.settings)
            rejects = _rejects(asked, settings.data_dir, fingerprint)
            try:
                with gauge(f"reading {reader.format}") as show:
                    if asked.dry_run:
                        report = await read_only(database, reader, progress=show, rejects=rejects)
                    else:
                        report = await load(
                            database,
                            reader,
                            source=source or "",
                            fingerprint=fingerprint,
                            now=now,
                            progress=show,
                            rejects=rejects,
                        )
            finally:
                rejects.remove_if_empty()
            if not asked.dry_run:
                await refreshed(database, now)
            left = await waiting(database)
    except SourceError as error:
        raise CommandError(str(error)) from error
    told = _told(reader, source, report, dry_run=asked.dry_run)
    told["waiting"] = left
    told["rejected_file"] = shown(rejects.path) if rejects.rows else None
    told["seconds"] = round(time.monotonic() - started, 1)
    return told, report.broken_off


def _opened(database: Database, asked: _Asked, source: str | None, now: datetime) -> BaseReader:
    return open_source(
        asked.format,
        asked.paths,
        source=source,
        mapping=asked.mapping,
        now=now,
        as_of=None if asked.as_of is None else end_of(database, now, asked.as_of),
        stdin=sys.stdin.buffer,
    )


def _rejects(asked: _Asked, data_dir: Path, fingerprint: str | None) -> RejectedRows:
    if asked.rejected is None:
        name = None if fingerprint is None else fingerprint[:16] + "-dry" * asked.dry_run
        return RejectedRows.beside(data_dir, asked.format, name)
    for path in asked.paths:
        if path.exists() and asked.rejected.exists() and path.samefile(asked.rejected):
            raise CommandError(
                f"--rejected is {shown(path)}, which is to be imported; expected another file"
            )
    return RejectedRows(asked.rejected, whole=True)


def _told(
    reader: BaseReader, source: str | None, report: ImportReport, *, dry_run: bool
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
        "unaccounted": {} if dry_run else report.missing(),
        "unclassified": dict(report.unclassified.most_common()),
        "checks": dict(reader.checks),
        "rows": {table: dict(rows) for table, rows in reader.rows.items()},
        "repairs": dict(reader.repairs),
        "resumed_at": report.resumed_at,
        "broken_off": None if report.broken_off is None else shown(report.broken_off),
    }


def _print(told: dict[str, Any], *, dry_run: bool) -> None:
    columns = ("read", "recorded", "duplicate", "conflict", "replaced", "rejected")
    print(f"{'':12}" + "".join(f"{name:>11}" for name in columns))
    for kind in told["read"]:
        print(f"{kind:12}" + "".join(f"{told[name].get(kind, 0):>11,}" for name in columns))
    for title in ("checks", "repairs", "unclassified"):
        for name, n in told[title].items():
            print(f"{title[:-1] if title != 'unclassified' else title}: {name} {n:,}")
    for kind, n in told["waiting"].items():
        if n:
            print(f"waiting for what nobody has sent: {n:,} {kind}s")
    if told["rejected_file"]:
        say(f"Rows that were not recorded, and why: {told['rejected_file']}")
    if dry_run:
        say("Nothing was recorded (--dry-run).")
    else:
        say(f"Done in {told['seconds']} s; `ikusei report tiers` shows where everybody stands.")
