"""The file of the rows that an import did not record, and why."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

import orjson

from api.console import CommandError
from sources.files import shown
from sources.parse import MAX_ID, Fault
from sources.reader import Read
from store.load import kind_of

#: Rows of real people: for the eyes of whoever runs the import.
_MODE: Final = 0o600


class RejectedRows:
    """Rejected rows in a file, one JSON object a line; see store.load.Rejects.

    ``whole`` rows can be corrected and imported again; otherwise a row is told by its place, kind
    and id, so that the file says no more about people than that. The file is there from the start:
    a place that cannot be written is found before anything is recorded. Raises CommandError.
    """

    def __init__(self, path: Path, *, whole: bool) -> None:
        self.path = path
        self.rows = 0
        self._whole = whole
        self._taken: list[bytes] = []
        with self._told():
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, _MODE))

    @classmethod
    def beside(cls, data_dir: Path, format: str, name: str | None) -> Self:
        """The file in the data directory: of this ``name``, or a new one where there is none."""
        folder = data_dir / "rejected"
        if name is None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                handle, new = tempfile.mkstemp(".ndjson", f"{format}-", folder)
            except OSError as error:
                raise _unwritable(folder, error) from error
            os.close(handle)
            return cls(Path(new), whole=False)
        return cls(folder / f"{format}-{name}.ndjson", whole=False)

    def begin(self, kept: int) -> None:
        """Forget all but the first ``kept`` rows: what comes after them is read again."""
        self.rows = kept
        with self._told():
            if not self.path.is_file():
                return
            with self.path.open("rb+") as file:
                for _ in range(kept):
                    file.readline()
                file.truncate()

    def add(self, read: Read, faults: Sequence[Fault]) -> None:
        """Take a row."""
        row: dict[str, Any] = {"file": read.place.file, "row": read.place.row}
        if not self._whole:
            row |= {"kind": kind_of(read), "id": _id(read)}
        row["faults"] = [{"field": f.field, "code": f.code, "message": f.message} for f in faults]
        self.rows += 1
        self._taken.append(_line(row | {"value": read.value} if self._whole else row))

    def flush(self) -> None:
        """Write the rows taken, safe from a crash."""
        if not self._taken:
            return
        with self._told(), self.path.open("ab") as file:
            file.write(b"".join(self._taken))
            file.flush()
            with suppress(OSError):  # a pipe has nothing to keep safe
                os.fsync(file.fileno())
        self._taken.clear()

    def remove_if_empty(self) -> None:
        """Leave no file behind where there was nothing to write."""
        with suppress(OSError):
            if self.path.is_file() and not self.path.stat().st_size:
                self.path.unlink()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _unwritable(self.path, error) from error


def _unwritable(path: Path, error: OSError) -> CommandError:
    return CommandError(
        f"cannot write the rejected rows to {shown(path)}: {error.strerror or error}; name another "
        "place with --rejected, or make this one writable, and give the command again"
    )


def _id(read: Read) -> str | int | None:
    found = None if isinstance(read.value, str) else read.value.get("id")
    if isinstance(found, str):
        return found[:MAX_ID]
    return found if isinstance(found, int) else None


def _line(row: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(row, default=str, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        # Nested deeper than JSON is written, or no text; the place says where it is.
        return _line(row | {"value": None})
