"""Bulk import: a reader's records, batch by batch, each in a transaction, to be gone on with.

How far an import got is kept with it, so that one that was interrupted goes on there; as recording
is idempotent, the batch that was under way may run twice without harm.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from engagement.words import RuleSet
from sources.parse import Fault
from sources.reader import Read, Reader
from sources.records import KINDS, ActionRecord, CounterRecord, PostRecord, Record, writing_verb
from store import rules
from store.db import Database, Write
from store.receipt import Counts, Receipt
from store.record import record

#: A batch ends at so many records, or so many characters of text.
BATCH: Final = 2_000
BATCH_TEXT: Final = 8_000_000

#: Told after every batch: how many items were read.
Progress = Callable[[int], None]
#: Given every item that was not recorded, with its faults.
Rejected = Callable[[Read, Sequence[Fault]], None]

_KIND_OF = {kind: name for name, kind in KINDS.items()}


@dataclass(slots=True)
class ImportReport:
    """What an import read and what became of it, by kind of record.

    For every kind ``read`` equals recorded + duplicate + conflict + replaced (all in ``counts``) +
    rejected. ``unclassified`` counts the records read whose action type the rules do not know.
    """

    read: Counter[str] = field(default_factory=Counter)
    counts: dict[str, Counts] = field(default_factory=dict)
    rejected: Counter[str] = field(default_factory=Counter)
    unclassified: Counter[str] = field(default_factory=Counter)
    resumed_at: int = 0

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
                kind: [c.recorded, c.duplicate, c.conflict, c.replaced, c.waiting]
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
    fingerprint: str,
    now: datetime,
    progress: Progress | None = None,
    rejected: Rejected | None = None,
    batch: int = BATCH,
) -> ImportReport:
    """Record everything a reader gives; standings become due work.

    An import of the same ``fingerprint`` that did not finish is gone on with. Raises SourceError
    where the input breaks off: what was read before that is recorded.
    """
    async with database.read() as connection:
        active = await rules.active(database, connection)
    run = await _begin(database, source, reader.format, fingerprint, now)
    report, position = run.report, run.position
    report.resumed_at = position
    for part in _batches(reader.records(skip=position), batch):
        tell(report, part, active.rules)
        good = [read for read in part if read.record is not None]
        records = [read.record for read in good if read.record is not None]
        receipt = await record(database, records, now=now, defer=True)
        _add(report, receipt, part, good, rejected)
        position += len(part)
        await _keep(database, run.id, position, report, now, finished=False)
        if progress is not None:
            progress(len(part))
    await _keep(database, run.id, position, report, now, finished=True)
    return report


def tell(report: ImportReport, part: Sequence[Read], active: RuleSet) -> None:
    """Count what was read."""
    known = {row.key for row in active.catalog}
    for read in part:
        report.read[kind_of(read)] += 1
        for venue, verb in () if read.record is None else _types(read.record):
            if (venue, verb) not in known:
                report.unclassified[f"{venue}.{verb}"] += 1


def kind_of(read: Read) -> str:
    """The kind of record that was read, or ``row`` where it cannot be told."""
    if read.record is not None:
        return _KIND_OF[type(read.record)]
    kind = read.value.get("kind") if not isinstance(read.value, str) else None
    return kind if isinstance(kind, str) and kind in KINDS else "row"


def fingerprint_of(paths: Sequence[Path]) -> str:
    """What tells one input from another: names, sizes and times of change."""
    digest = hashlib.sha256()
    for path in paths:
        parts = sorted(path.rglob("*")) if path.is_dir() else [path]
        for part in parts:
            if part.is_file():
                stat = part.stat()
                digest.update(f"{part}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _types(one: Record) -> Iterator[tuple[str, str]]:
    if isinstance(one, ActionRecord | CounterRecord):
        yield one.venue, one.verb
    elif isinstance(one, PostRecord):
        yield one.venue, writing_verb(one.type)
        for verb in one.counts:
            yield one.venue, verb


def _batches(reads: Iterator[Read], most: int) -> Iterator[list[Read]]:
    part: list[Read] = []
    size = 0
    for read in reads:
        part.append(read)
        if isinstance(read.record, PostRecord) and read.record.text:
            size += len(read.record.text)
        if len(part) >= most or size >= BATCH_TEXT:
            yield part
            part, size = [], 0
    if part:
        yield part


def _add(
    report: ImportReport,
    receipt: Receipt,
    part: Sequence[Read],
    good: Sequence[Read],
    rejected: Rejected | None,
) -> None:
    for kind, counts in receipt.counts.items():
        report.counts.setdefault(kind, Counts()).add(counts)
    refused: list[tuple[Read, Sequence[Fault]]]
    refused = [(read, read.faults) for read in part if read.record is None]
    for one in receipt.rejected:
        refused.append((good[one.position], [Fault(one.field, one.code, one.message)]))
    for read, faults in refused:
        report.rejected[kind_of(read)] += 1
        if rejected is not None:
            rejected(read, faults)


@dataclass(frozen=True, slots=True)
class _Run:
    id: int
    position: int
    report: ImportReport


async def _begin(
    database: Database, source: str, format: str, fingerprint: str, now: datetime
) -> _Run:
    async def work(connection: Write) -> _Run:
        row = await connection.fetchrow(_BEGIN, source, format, fingerprint, now)
        assert row is not None
        return _Run(row["id"], row["position"], ImportReport.restore(row["report"]))

    return await database.in_write(work)


async def _keep(
    database: Database,
    run: int,
    position: int,
    report: ImportReport,
    now: datetime,
    *,
    finished: bool,
) -> None:
    async def work(connection: Write) -> None:
        done = now if finished else None
        await connection.execute(_KEEP, run, position, report.dump(), now, done)

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

_KEEP = """
    update import_run set position = $2, report = $3, updated_at = $4, finished_at = $5
    where id = $1
"""
