"""The lake as files: what lies where, and how a new state takes the place of the old one.

    manifest.json                       what is in it, and what it was made from
    tally/month=2024-05/part.parquet    a dataset in parts, one for each month
    member.parquet                      a small table

A new state is written beside the old one. Once it is complete it is renamed, and from then on it is
what counts: whoever comes next puts its files in their places, if that was interrupted. Until then
nothing of the old state has changed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from store.db import StoreError

#: Another layout has another number, and then everything is written anew.
FORMAT: Final = 1

Schema = Any
Arrow = Any

#: Days are numbers since 1970-01-01. The columns are described in docs/reference/lake.md.
DATASETS: Final[dict[str, Schema]] = {
    "tally": pa.schema(
        [
            ("member", pa.int32()),
            ("day", pa.int32()),
            ("type", pa.int16()),
            ("side", pa.int8()),
            ("grade", pa.int8()),
            ("n", pa.int64()),
        ]
    ),
    "action": pa.schema(
        [
            ("id", pa.int64()),
            ("day", pa.int32()),
            ("occurred_at", pa.timestamp("us", tz="UTC")),
            ("actor", pa.int32()),
            ("target", pa.int32()),
            ("post", pa.int32()),
            ("wrote", pa.int32()),
            ("type", pa.int16()),
            ("n", pa.int32()),
            ("grade", pa.int8()),
            ("precision", pa.int8()),
            ("state", pa.int8()),
        ]
    ),
    "period": pa.schema(
        [
            ("member", pa.int32()),
            ("from_day", pa.int32()),
            ("until_day", pa.int32()),
            ("status", pa.string()),
            ("cause", pa.string()),
        ]
    ),
}
TABLES: Final[dict[str, Schema]] = {
    "member": pa.schema(
        [
            ("member", pa.int32()),
            ("role", pa.string()),
            ("seen_day", pa.int32()),
            ("joined_day", pa.int32()),
            ("lang", pa.string()),
        ]
    ),
    "action_type": pa.schema([("type", pa.int16()), ("venue", pa.string()), ("verb", pa.string())]),
    "hold": pa.schema(
        [
            ("member", pa.int32()),
            ("kind", pa.string()),
            ("status", pa.string()),
            ("from_day", pa.int32()),
            ("until_day", pa.int32()),
        ]
    ),
    "rate": pa.schema(
        [
            ("type", pa.int16()),
            ("side", pa.int8()),
            ("grade", pa.int8()),
            ("index", pa.int8()),
            ("points_x100", pa.int64()),
            ("cap", pa.int64()),
        ]
    ),
}

_MANIFEST: Final = "manifest.json"
#: Keys that the manifest of a lake has in every format. Others name files so as well.
_OF_A_LAKE: Final = {"format", "zone", "datasets", "tables"}
#: Being written, and complete; names with a dot are nobody's partition.
_NEXT, _READY, _LOCK = ".next", ".ready", ".lock"
_ROWS_PER_GROUP: Final = 122_880


@dataclass(frozen=True, slots=True)
class Part:
    """A month of a dataset, or a small table: what is in it, told by count and fingerprint."""

    rows: int
    fingerprint: str


#: The parts of a dataset by month, such as 2024-05.
Parts = dict[str, Part]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a lake says of itself.

    ``until_day`` is the day at whose end its statuses are as of; ``rule_set`` has number (0: of a
    file), name and checksum.
    """

    made_at: str
    zone: str
    until_day: int
    rule_set: dict[str, Any]
    datasets: dict[str, Parts] = field(default_factory=dict)
    tables: Parts = field(default_factory=dict)

    def dump(self) -> bytes:
        """As JSON."""

        def plain(parts: Parts) -> dict[str, Any]:
            return {
                name: {"rows": one.rows, "fingerprint": one.fingerprint}
                for name, one in sorted(parts.items())
            }

        told = {
            "format": FORMAT,
            "made_at": self.made_at,
            "zone": self.zone,
            "until_day": self.until_day,
            "rule_set": self.rule_set,
            "datasets": {name: plain(parts) for name, parts in self.datasets.items()},
            "tables": plain(self.tables),
        }
        return orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def read_manifest(directory: Path) -> Manifest | None:
    """The manifest of the lake in a directory, None where there is none of this format.

    Raises StoreError where a file of that name cannot be read, or is something else's.
    """
    path = directory / _MANIFEST
    try:
        told = orjson.loads(path.read_bytes())
        if not isinstance(told, dict) or not told.keys() >= _OF_A_LAKE:
            raise StoreError(
                f"{path} is not that of a lake, so {directory} is no lake: name a directory that "
                "is new, empty or a lake"
            )
        if told["format"] != FORMAT:
            return None
        return Manifest(
            made_at=told["made_at"],
            zone=told["zone"],
            until_day=told["until_day"],
            rule_set=told["rule_set"],
            datasets={name: _parts(parts) for name, parts in told["datasets"].items()},
            tables=_parts(told["tables"]),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(
            f"cannot read {path} ({error}): if {directory} is a lake and nothing else, remove it, "
            "and the next export writes all of it"
        ) from error


def _parts(told: dict[str, Any]) -> Parts:
    return {name: Part(one["rows"], one["fingerprint"]) for name, one in told.items()}


def part_path(dataset: str, month: str) -> Path:
    """Where a month of a dataset lies in its lake."""
    return Path(dataset) / f"month={month}" / "part.parquet"


def table_path(table: str) -> Path:
    """Where a small table lies in its lake."""
    return Path(f"{table}.parquet")


def settle(directory: Path) -> None:
    """Put a complete new state in its place, where that was interrupted.

    Where an export is at it, it is left to that. Raises StoreError where we may not write there.
    """
    if not (directory / _READY).exists():
        return
    try:
        with (directory / _LOCK).open("w") as lock:
            if _locked(lock):
                _settle(directory)
    except OSError as error:
        raise StoreError(
            f"an export into {directory} was interrupted, and its files cannot be put in their "
            f"places from here ({error.strerror or error}): run `ikusei export lake` again"
        ) from error


@contextmanager
def renewed(directory: Path) -> Iterator[Path]:
    """A directory for the files of a new state, which is the lake's when the block ends well.

    Raises StoreError where ``directory`` is not a lake and not empty, cannot be written, or another
    export writes it.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _check(directory)
        with (directory / _LOCK).open("w") as lock:
            if not _locked(lock):
                raise StoreError(f"another export is writing {directory}")
            _settle(directory)
            fresh = directory / _NEXT
            fresh.mkdir()
            try:
                yield fresh
                _commit(directory)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
    except OSError as error:
        raise StoreError(
            f"cannot write the lake in {directory}: {error.strerror or error}"
        ) from error


def write_manifest(fresh: Path, manifest: Manifest) -> None:
    """Write the manifest of a new state; it says which parts there are."""
    (fresh / _MANIFEST).write_bytes(manifest.dump())


def write_table(path: Path, schema: Schema, columns: Mapping[str, Any]) -> None:
    """Write a small table, or a part that is in memory as a whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = [pa.array(columns[one.name], one.type) for one in schema]
    table = pa.Table.from_arrays(arrays, schema=schema)
    pq.write_table(table, path, compression="zstd", row_group_size=_ROWS_PER_GROUP)


class PartWriter:
    """Writes one Parquet file table by table, in row groups of about one size."""

    def __init__(self, path: Path, schema: Schema) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = pq.ParquetWriter(path, schema, compression="zstd")

    def write(self, table: Arrow) -> None:
        """Add rows."""
        self._file.write_table(table, row_group_size=_ROWS_PER_GROUP)

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


def _locked(file: IO[str]) -> bool:
    """Whether nobody else holds the lock on a file; it is ours until the file is closed."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _settle(directory: Path) -> None:
    if (directory / _READY).exists():
        _take_over(directory, directory / _READY)
    shutil.rmtree(directory / _NEXT, ignore_errors=True)


def _check(directory: Path) -> None:
    found = {path.name for path in directory.iterdir()}
    if found - {_LOCK, _NEXT, _READY} and _MANIFEST not in found and _READY not in found:
        raise StoreError(
            f"{directory} is not empty and has no {_MANIFEST}, so it is no lake: name a directory "
            "that is new, empty or a lake"
        )
    read_manifest(directory)


def _commit(directory: Path) -> None:
    """From the rename on the new state is the one that counts."""
    fresh, ready = directory / _NEXT, directory / _READY
    for path in sorted(fresh.rglob("*")):
        _sync(path)
    _sync(fresh)
    fresh.rename(ready)
    _sync(directory)
    _take_over(directory, ready)


def _take_over(directory: Path, ready: Path) -> None:
    """Move the files of a complete new state to their places; safe to begin again."""
    for path in sorted(ready.rglob("*.parquet")):
        place = directory / path.relative_to(ready)
        place.parent.mkdir(parents=True, exist_ok=True)
        path.replace(place)
    if (ready / _MANIFEST).exists():
        (ready / _MANIFEST).replace(directory / _MANIFEST)
    manifest = read_manifest(directory)
    assert manifest is not None
    for dataset in DATASETS:
        _sweep(directory, dataset, manifest.datasets.get(dataset, {}))
    for path in (directory, *(one for one in directory.rglob("month=*") if one.is_dir())):
        _sync(path)
    shutil.rmtree(ready)


def _sweep(directory: Path, dataset: str, parts: Parts) -> None:
    """Remove the months that a dataset has no more."""
    for path in (directory / dataset).glob("month=*"):
        if path.name.removeprefix("month=") not in parts:
            shutil.rmtree(path)


def _sync(path: Path) -> None:
    """See to it that what was written to a file or directory outlives a failure of power."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
