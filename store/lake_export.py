"""Writes the lake: what history needs, out of PostgreSQL into Parquet files.

One snapshot is read, a stretch of months at a time, and only the months that are not as they were
at the last export. A fingerprint of each month's rows, worked out by PostgreSQL, tells: it does not
matter what changed a month, and nothing has to be remembered where things are changed.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

from engagement import measures
from engagement.columns import CAUSES
from engagement.holds import FAR
from engagement.points import Ints
from engagement.rules import checksum
from engagement.words import STATUSES
from store.db import Database, Read, utc
from store.history import history_in
from store.lake_files import (
    DATASETS,
    TABLES,
    Arrow,
    Manifest,
    Part,
    Parts,
    PartWriter,
    Schema,
    part_path,
    read_manifest,
    renewed,
    table_path,
    write_manifest,
    write_table,
)
from store.months import Month, months_between
from store.rules import ActiveRules

#: Told what is being done, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]

#: Bytes of text that are turned into columns at once.
_CHUNK: Final = 8_000_000


@dataclass(slots=True)
class Written:
    """What became of a dataset's months: names of those written and removed, number of the rest."""

    rows: int
    rewritten: list[str]
    removed: list[str]
    left: int


@dataclass(slots=True)
class LakeReport:
    """What an export did, by dataset; ``until_day`` is the last day that statuses are known of."""

    until_day: int
    datasets: dict[str, Written] = field(default_factory=dict)
    tables: dict[str, int] = field(default_factory=dict)


async def export_lake(
    database: Database,
    rules: ActiveRules,
    directory: Path,
    *,
    until: int,
    now: datetime,
    progress: Progress | None = None,
) -> LakeReport:
    """Bring the lake in ``directory`` to what the database holds; periods are those by ``rules``.

    Statuses are followed to the end of the day ``until``. Raises StoreError where the directory
    cannot be written, holds something else, or is being written by another export.
    """
    with renewed(directory) as fresh:
        before = read_manifest(directory)
        manifest = Manifest(
            made_at=utc(now).isoformat(),
            zone=database.zone.key,
            until_day=until,
            rule_set={
                "version": rules.id,
                "name": rules.name,
                "checksum": checksum(rules.rules),
            },
        )
        async with database.read() as connection:
            export = _Export(connection, fresh, directory, before, progress)
            report = await export.run(rules, manifest)
        write_manifest(fresh, manifest)
    return report


class _Export:
    """One export, of one snapshot."""

    def __init__(
        self,
        connection: Read,
        fresh: Path,
        directory: Path,
        before: Manifest | None,
        progress: Progress | None,
    ) -> None:
        self._connection = connection
        self._fresh = fresh
        self._directory = directory
        self._before = before
        self._tell = progress or (lambda _what, _done, _of: None)

    async def run(self, rules: ActiveRules, manifest: Manifest) -> LakeReport:
        """Write what is not as it was, and add to the manifest what there is now."""
        report = LakeReport(manifest.until_day)
        months = await self._months()
        for dataset in _READ:
            parts = await self._fingerprints(dataset, months)
            stale = self._stale(dataset, parts)
            await self._write(dataset, [month for month in months if month.name in stale], parts)
            manifest.datasets[dataset] = parts
            report.datasets[dataset] = self._written(dataset, parts, stale)
        parts, stale = await self._periods(rules, manifest.until_day)
        manifest.datasets["period"] = parts
        report.datasets["period"] = self._written("period", parts, stale)
        manifest.tables["member"] = await self._members()
        for table, columns in (await self._tables(rules)).items():
            manifest.tables[table] = self._table(table, columns)
        report.tables = {table: part.rows for table, part in manifest.tables.items()}
        return report

    async def _months(self) -> list[Month]:
        """All months from that of the first day with anything to that of the last."""
        row = await self._connection.fetchrow(_EDGES)
        assert row is not None
        return [] if row["first"] is None else months_between(row["first"], row["last"])

    async def _fingerprints(self, dataset: str, months: Sequence[Month]) -> Parts:
        self._tell(f"comparing {dataset}", 0, 0)
        read = _READ[dataset]
        query = _FINGERPRINTS.format(**read)
        rows = await self._connection.fetch(query, [month.first for month in months])
        return {months[row["month"] - 1].name: Part(row["n"], str(row["sum"])) for row in rows}

    def _stale(self, dataset: str, parts: Parts) -> set[str]:
        """The months whose files do not hold what ``parts`` says."""
        known = self._before.datasets.get(dataset, {}) if self._before else {}
        return {
            name
            for name, part in parts.items()
            if known.get(name) != part or not (self._directory / part_path(dataset, name)).exists()
        }

    def _written(self, dataset: str, parts: Parts, stale: set[str]) -> Written:
        known = self._before.datasets.get(dataset, {}) if self._before else {}
        return Written(
            rows=sum(part.rows for part in parts.values()),
            rewritten=sorted(stale),
            removed=sorted(known.keys() - parts.keys()),
            left=len(parts) - len(stale),
        )

    async def _write(self, dataset: str, stale: Sequence[Month], parts: Parts) -> None:
        files = _MonthFiles(self._fresh, dataset)
        try:
            of = sum(parts[month.name].rows for month in stale)
            for stretch in _stretches(stale):
                await self._copy(dataset, stretch, files, of)
        finally:
            files.close()

    async def _copy(
        self, dataset: str, stretch: Sequence[Month], files: _MonthFiles, of: int
    ) -> None:
        """Write months that follow one another, as PostgreSQL gives their rows."""

        def add(table: Arrow) -> None:
            files.add(table, stretch)
            self._tell(f"writing {dataset}", files.rows, of)

        edges = [month.first for month in stretch]
        query = _ROWS.format(**_READ[dataset])
        between = (stretch[0].first, stretch[-1].after)
        await self._stream(query, DATASETS[dataset], add, edges, *between)

    async def _stream(
        self, query: str, schema: Schema, take: Callable[[Arrow], None], *args: Any
    ) -> None:
        """Hand on the rows of a query in columns, part by part."""
        text = bytearray()

        async def hand_on(size: int) -> None:
            part = bytes(text[:size])
            del text[:size]
            await asyncio.to_thread(lambda: take(_parsed(part, schema)))

        async def receive(data: bytes) -> None:
            text.extend(data)
            if len(text) >= _CHUNK:
                # No value has a line break in it.
                await hand_on(text.rfind(b"\n") + 1)

        await self._connection.copy_from_query(query, *args, output=receive, format="csv")
        await hand_on(len(text))

    async def _members(self) -> Part:
        """Write the members if they are not as they were."""
        row = await self._connection.fetchrow(_MEMBERS_FINGERPRINT)
        assert row is not None
        part = Part(row["n"], str(row["sum"]))
        if self._is_stale("member", part):
            schema = TABLES["member"]
            file = PartWriter(self._fresh / table_path("member"), schema)
            try:
                await self._stream(_MEMBERS, schema, file.write)
            finally:
                file.close()
        return part

    async def _periods(self, rules: ActiveRules, until: int) -> tuple[Parts, set[str]]:
        """Everybody's statuses, folded from all tallies; the months that are not as they were."""
        columns = await self._folded(rules, until)
        day = columns["from_day"]
        months = months_between(int(day[0]), int(day[-1])) if len(day) else []
        edges = np.searchsorted(day, [*(month.first for month in months), FAR])
        parts: Parts = {}
        rows: dict[str, slice] = {}
        for month, low, high in zip(months, edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            if low < high:
                rows[month.name] = slice(low, high)
                digest = hashlib.sha256()
                for column in columns.values():
                    digest.update(np.ascontiguousarray(column[low:high]).tobytes())
                parts[month.name] = Part(high - low, digest.hexdigest())
        stale = self._stale("period", parts)
        for name in stale:
            part = {key: column[rows[name]] for key, column in columns.items()}
            path = self._fresh / part_path("period", name)
            write_table(path, DATASETS["period"], _periods_in_words(part))
        return parts, stale

    async def _folded(self, rules: ActiveRules, until: int) -> dict[str, Ints]:
        """The columns of all periods, in numbers, by the day of their beginning."""
        self._tell("folding members", 0, 0)
        found = await history_in(
            self._connection,
            rules,
            until=until,
            progress=lambda done, of: self._tell("folding members", done, of),
        )
        placed = found.placed
        member = found.ids[placed.member]
        order = np.lexsort((member, placed.start))
        return {
            "member": member[order],
            "from_day": placed.start[order],
            "until_day": placed.end[order],
            "status": placed.status[order],
            "cause": placed.cause[order],
        }

    async def _tables(self, rules: ActiveRules) -> dict[str, Mapping[str, Sequence[Any]]]:
        """The columns of the small tables."""
        found: dict[str, Mapping[str, Sequence[Any]]] = {"rate": measures.rates(rules.compiled)}
        for table, query in _TABLES.items():
            rows = await self._connection.fetch(query)
            names = TABLES[table].names
            found[table] = {name: [row[name] for row in rows] for name in names}
        codes = found["hold"]["status"]
        found["hold"] = {**found["hold"], "status": [STATUSES[code].value for code in codes]}
        return found

    def _table(self, table: str, columns: Mapping[str, Sequence[Any]]) -> Part:
        """Write a small table if it is not as it was."""
        text = repr([(name, list(column)) for name, column in columns.items()])
        rows = len(next(iter(columns.values())))
        part = Part(rows, hashlib.sha256(text.encode()).hexdigest())
        if self._is_stale(table, part):
            write_table(self._fresh / table_path(table), TABLES[table], columns)
        return part

    def _is_stale(self, table: str, part: Part) -> bool:
        known = self._before.tables.get(table) if self._before else None
        return known != part or not (self._directory / table_path(table)).exists()


class _MonthFiles:
    """The files of a dataset's months, written one after the other."""

    def __init__(self, fresh: Path, dataset: str) -> None:
        self._fresh = fresh
        self._dataset = dataset
        self._open: PartWriter | None = None
        self._month: Month | None = None
        self.rows = 0

    def add(self, table: Arrow, months: Sequence[Month]) -> None:
        """Write rows, which come month after month."""
        day = table.column("day").to_numpy()
        month = np.searchsorted([month.first for month in months], day, "right") - 1
        edges = [0, *(np.flatnonzero(np.diff(month)) + 1).tolist(), len(day)]
        for low, high in pairwise(edges):
            if low < high:
                self._of(months[month[low]]).write(table.slice(low, high - low))
        self.rows += len(day)

    def close(self) -> None:
        """Finish the last file."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _of(self, month: Month) -> PartWriter:
        if self._open is None or self._month != month:
            self.close()
            path = self._fresh / part_path(self._dataset, month.name)
            self._open, self._month = PartWriter(path, DATASETS[self._dataset]), month
        return self._open


def _parsed(text: bytes, schema: Schema) -> Arrow:
    """Rows as PostgreSQL writes them, as columns; moments come as microseconds since 1970."""
    if not text:
        return schema.empty_table()
    kinds = {
        one.name: pa.int64() if pa.types.is_timestamp(one.type) else one.type for one in schema
    }
    table = pc.read_csv(
        BytesIO(text),
        read_options=pc.ReadOptions(column_names=schema.names, use_threads=False),
        convert_options=pc.ConvertOptions(
            column_types=kinds, null_values=[""], strings_can_be_null=True
        ),
    )
    return table.cast(schema)


def _periods_in_words(columns: Mapping[str, Ints]) -> dict[str, Any]:
    until = columns["until_day"]
    return {
        "member": columns["member"],
        "from_day": columns["from_day"],
        "until_day": pa.array(until, pa.int32(), mask=until == FAR),
        "status": [STATUSES[code].value for code in columns["status"].tolist()],
        "cause": [CAUSES[code].value for code in columns["cause"].tolist()],
    }


def _stretches(months: Iterable[Month]) -> list[list[Month]]:
    """Months that follow one another, together."""
    found: list[list[Month]] = []
    for month in months:
        if found and found[-1][-1].after == month.first:
            found[-1].append(month)
        else:
            found.append([month])
    return found


#: How the rows of a dataset are read. A tally that was taken back to 0 is not there.
_READ: Final = {
    "tally": {
        "table": "tally",
        "columns": "member_id, day, type_id, side, grade, n",
        "which": "n > 0",
        "order": "member_id, day, type_id, side, grade",
    },
    "action": {
        "table": "action",
        "columns": (
            "id, day, (extract(epoch from occurred_at) * 1000000)::bigint, actor_id, target_id, "
            "post_id, wrote_id, type_id, n, grade, precision, state"
        ),
        "which": "true",
        "order": "occurred_at, id",
    },
}

_EDGES = """
    select min(first) as first, max(last) as last from (
        select min(day) as first, max(day) as last from tally where n > 0
        union all
        select min(day), max(day) from action) both_of_them
"""

# A sum, so that the order of the rows is all the same.
_FINGERPRINTS = """
    select width_bucket(day, $1::int[]) as month, count(*) as n,
        sum(hash_record_extended(row({columns}), 0)) as sum
    from {table} where {which} group by 1
"""

_ROWS = """
    select {columns} from {table} where {which} and day >= $2 and day < $3
    order by width_bucket(day, $1::int[]), {order}
"""

_MEMBERS = """
    select id, role, seen_day,
        ((joined_at at time zone (select value from setting where key = 'zone'))::date
            - date '1970-01-01'), lang
    from member where merged_into is null and erased_at is null order by id
"""

_MEMBERS_FINGERPRINT = """
    select count(*) as n, coalesce(sum(hash_record_extended(
        row(id, role, seen_day, joined_at, lang), 0)), 0) as sum
    from member where merged_into is null and erased_at is null
"""

_TABLES: Final = {
    "action_type": "select id as type, venue, verb from action_type order by id",
    "hold": """
        select h.member_id as member, h.kind, h.status, h.from_day, h.until_day
        from hold h join member m on m.id = h.member_id where m.erased_at is null order by h.id
    """,
}
