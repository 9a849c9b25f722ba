"""Bulk import: a reader's records, batch by batch, each in a transaction, to be gone on with.

How far an import got is kept with it, so that one that was interrupted goes on there; as recording
is idempotent, the batch that was under way may run twice without harm. An import goes on only where
input and settings are certainly the same; one of which that cannot be told starts at the beginning.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

import sources
from sources.parse import Fault
from sources.reader import Read, Reader, SourceError
from sources.records import KINDS, ActionRecord, CounterRecord, PostRecord, Record, writing_verb
from store import rules
from store.db import Database, StoreError, Write
from store.receipt import Counts, Receipt
from store.record import record
from store.reports.health import backlog

#: A batch ends at so many records, or so many bytes of input.
BATCH: Final = 2_000
BATCH_BYTES: Final = 8_000_000
#: Unclassified action types that are told apart: more are ids sent as verbs.
MOST_UNCLASSIFIED: Final = 1_000

#: Told after every batch: how much was read, and of how much (None: not known), as the reader
#: counts it.
Progress = Callable[[int, int | None], None]


class Rejects(Protocol):
    """Where the rows go that were not recorded."""

    def begin(self, kept: int) -> None:
        """Told before the first row: an earlier part of this import left so many."""

    def add(self, read: Read, faults: Sequence[Fault]) -> None:
        """Take a row."""

    def flush(self) -> None:
        """See to it that no row that was taken can be lost; the import then goes past them."""


_KIND_OF = {kind: name for name, kind in KINDS.items()}


@dataclass(slots=True)
class ImportReport:
    """What an import read and what became of it, by kind of record.

    For every kind ``read`` equals recorded + duplicate + conflict + replaced (all in ``counts``) +
    rejected. ``unclassified`` counts the records read whose action type the rules do not know.
    ``broken_off`` says where and why the input broke off, if it did.
    """

    read: Counter[str] = field(default_factory=Counter)
    counts: dict[str, Counts] = field(default_factory=dict)
    rejected: Counter[str] = field(default_factory=Counter)
    unclassified: Counter[str] = field(default_factory=Counter)
    resumed_at: int = 0
    broken_off: str | None = None

    def of(self, outcome: str) -> dict[str, int]:
        """The records of each kind with one outcome."""
        return {kind: getattr(counts, outcome) for kind, counts in sorted(self.counts.items())}

    def missing(self) -> dict[str, int]:
        """By kind, the records that have no outcome: an empty dictionary, or a defect of ours."""
        found = {}
        for kind, n in self.read.items():
            counts = self.counts.get(kind, Counts())
            told = counts.recorded + counts.duplicate + counts.conflict + counts.replaced
            if n != told + self.rejected[kind]:
                found[kind] = n - told - self.rejected[kind]
        return found

    def dump(self) -> dict[str, Any]:
        """As JSON, to go on from."""
        return {
            "read": self.read,
            "counts": {
                kind: [c.recorded, c.duplicate, c.conflict, c.replaced]
                for kind, c in self.counts.items()
            },
            "rejected": self.rejected,
            "unclassified": self.unclassified,
        }

    @classmethod
    def restore(cls, kept: dict[str, Any]) -> ImportReport:
        """The inverse of ``dump``."""
        return cls(
            read=Counter(kept.get("read", {})),
            counts={kind: Counts(*values) for kind, values in kept.get("counts", {}).items()},
            rejected=Counter(kept.get("rejected", {})),
            unclassified=Counter(kept.get("unclassified", {})),
        )


async def load(
    database: Database,
    reader: Reader,
    *,
    source: str,
    fingerprint: str | None,
    now: datetime,
    progress: Progress | None = None,
    rejects: Rejects | None = None,
    batch: int = BATCH,
) -> ImportReport:
    """Record everything a reader gives; standings become due work.

    An import of the same ``fingerprint`` that did not finish is gone on with; None never is. Where
    the input breaks off, what was read before that is recorded, and the report says so; raises
    SourceError where nothing was. Raises StoreError when the same import runs twice at once, for
    the one that falls behind.
    """
    async with database.read() as connection:
        active = await rules.active(database, connection)
    run = await _begin(database, source, reader.format, fingerprint, now)
    report, position = run.report, run.position
    report.resumed_at = position
    if rejects is not None:
        rejects.begin(report.rejected.total())
    try:
        for part in _batches(reader.records(skip=position), batch):
            good = [read for read in part if read.record is not None]
            records = [read.record for read in good if read.record is not None]
            receipt = await record(database, records, now=now, defer=True)
            _add(report, receipt, part, good, active.catalog, rejects)
            await _keep(database, run, position, position + len(part), report, now)
            position += len(part)
            if progress is not None:
                progress(reader.done, reader.total)
    except SourceError as error:
        if not report.read:
            raise
        report.broken_off = str(error)
    else:
        await _keep(database, run, position, position, report, now, finished=True)
    return report


async def read_only(
    database: Database,
    reader: Reader,
    *,
    progress: Progress | None = None,
    rejects: Rejects | None = None,
) -> ImportReport:
    """Read everything and check it, recording nothing: a report without outcomes.

    Raises SourceError where the input breaks off before the first record.
    """
    async with database.read() as connection:
        active = await rules.active(database, connection)
    report = ImportReport()
    if rejects is not None:
        rejects.begin(0)
    try:
        for part in _batches(reader.records(), BATCH):
            _add(report, Receipt(), part, (), active.catalog, rejects)
            if progress is not None:
                progress(reader.done, reader.total)
    except SourceError as error:
        if not report.read:
            raise
        report.broken_off = str(error)
    return report


async def waiting(database: Database) -> dict[str, int]:
    """How many records in the database are about something nobody has sent yet, by kind."""
    async with database.read() as connection:
        found = await backlog(connection, await rules.active(database, connection))
    return {"action": found.waiting_reactions, "retraction": found.waiting_retractions}


def kind_of(read: Read) -> str:
    """The kind of record that was read, or ``row`` where it cannot be told."""
    if read.record is not None:
        return _KIND_OF[type(read.record)]
    kind = read.value.get("kind") if not isinstance(read.value, str) else None
    return kind if isinstance(kind, str) and kind in KINDS else "row"


def fingerprint_of(paths: Sequence[Path], settings: str) -> str | None:
    """What tells one import from another: names, sizes and times of change of the files, settings.

    ``settings`` are those of the reader. What the readers are made of belongs to it too: another
    version may give other records, or in another order. None where the input cannot be told from
    another: standard input, a pipe, a device.
    """
    digest = hashlib.sha256(_code() + settings.encode(errors="surrogateescape"))
    for path in paths:
        if path == Path("-") or not (path.is_file() or path.is_dir()):
            return None
        for part in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if part.is_file():
                stat = part.stat()
                digest.update(b"\0" + os.fsencode(part.absolute()))
                digest.update(b"\0%d\0%d\n" % (stat.st_size, stat.st_mtime_ns))
    return digest.hexdigest()


@cache
def _code() -> bytes:
    digest = hashlib.sha256()
    for folder in sources.__path__:
        for file in sorted(Path(folder).glob("*.py")):
            digest.update(file.read_bytes())
    return digest.digest()


def _types(one: Record) -> Iterator[tuple[str, str]]:
    if isinstance(one, ActionRecord | CounterRecord):
        yield one.venue, one.verb
    elif isinstance(one, PostRecord):
        yield one.venue, writing_verb(one.type)
        for verb, n in one.counts.items():
            if n:
                yield one.venue, verb


def _batches(reads: Iterator[Read], most: int) -> Iterator[list[Read]]:
    """The reads in parts; where they break off the part before that, and then the error."""
    part: list[Read] = []
    size = 0
    broken: SourceError | None = None
    while True:
        try:
            read = next(reads, None)
        except SourceError as error:
            read, broken = None, error
        if read is None:
            break
        part.append(read)
        size += read.size
        if len(part) >= most or size >= BATCH_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part
    if broken is not None:
        raise broken


def _add(
    report: ImportReport,
    receipt: Receipt,
    part: Sequence[Read],
    good: Sequence[Read],
    catalog: AbstractSet[tuple[str, str]],
    rejects: Rejects | None,
) -> None:
    """Count what was read and what became of it; refused rows are safe when this returns."""
    for read in part:
        report.read[kind_of(read)] += 1
        for key in () if read.record is None else _types(read.record):
            if key not in catalog:
                report.unclassified[_told_apart(".".join(key), report.unclassified)] += 1
    for kind, counts in receipt.counts.items():
        report.counts.setdefault(kind, Counts()).add(counts)
    refused: list[tuple[Read, Sequence[Fault]]]
    refused = [(read, read.faults) for read in part if read.record is None]
    for one in receipt.rejected:
        refused.append((good[one.position], [Fault(one.field, one.code, one.message)]))
    for read, faults in refused:
        report.rejected[kind_of(read)] += 1
        if rejects is not None:
            rejects.add(read, faults)
    if rejects is not None:
        rejects.flush()


def _told_apart(name: str, known: Counter[str]) -> str:
    return name if name in known or len(known) < MOST_UNCLASSIFIED else "others"


@dataclass(frozen=True, slots=True)
class _Run:
    """``id`` is None where nothing is kept of it."""

    id: int | None
    position: int
    report: ImportReport


async def _begin(
    database: Database, source: str, format: str, fingerprint: str | None, now: datetime
) -> _Run:
    if fingerprint is None:
        return _Run(None, 0, ImportReport())

    async def work(connection: Write) -> _Run:
        row = await connection.fetchrow(_BEGIN, source, format, fingerprint, now)
        assert row is not None
        return _Run(row["id"], row["position"], ImportReport.restore(row["report"]))

    return await database.in_write(work)


async def _keep(
    database: Database,
    run: _Run,
    old: int,
    new: int,
    report: ImportReport,
    now: datetime,
    *,
    finished: bool = False,
) -> None:
    """Keep that the import got from ``old`` to ``new``; StoreError if it is elsewhere by now."""
    if run.id is None:
        return

    async def work(connection: Write) -> None:
        done = now if finished else None
        kept = await connection.fetchval(_KEEP, run.id, old, new, report.dump(), now, done)
        if kept is None:
            raise StoreError(
                "the same import runs a second time and is ahead: this one stops, that one goes on "
                "and accounts for all of it"
            )

    await database.in_write(work)


# One that has finished begins anew: the same file again is read again, and adds nothing.
_BEGIN = """
    insert into import_run as r (source, format, fingerprint, started_at, updated_at)
    values ($1, $2, $3, $4, $4)
    on conflict (source, format, fingerprint) do update set
        position = case when r.finished_at is null then r.position else 0 end,
        report = case when r.finished_at is null then r.report else '{}' end,
        started_at = case when r.finished_at is null then r.started_at else excluded.started_at end,
        updated_at = excluded.updated_at,
        finished_at = null
    returning id, position, report
"""

# Two that run at once are at the same position or not: only one of them can go on from there.
_KEEP = """
    update import_run set position = $3, report = $4, updated_at = $5, finished_at = $6
    where id = $1 and position = $2 and finished_at is null
    returning id
"""
