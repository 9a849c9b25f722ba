"""An export of several files: a folder or a zip, its files opened by name, never unpacked."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import IO

from sources.files import (
    BROKEN,
    checked,
    existing,
    of_macos,
    shown,
    unpacked,
    zip_entries,
)
from sources.reader import SourceError


class Bundle:
    """The files of an export at ``path``, each opened as often as asked.

    Raises SourceError, naming what was ``expected``, for what is neither a folder nor a readable
    zip. Files that macOS adds to an archive are not seen.
    """

    def __init__(self, path: Path, expected: str) -> None:
        self._path = existing(path, expected)
        self._expected = expected
        try:
            inside = self._inside()
        except BROKEN as error:
            raise self.broken(f"is a damaged zip ({error})") from error
        self.names = tuple(sorted(inside))

    def _inside(self) -> list[str]:
        if self._path.is_dir():
            files = (file for file in self._path.rglob("*") if file.is_file())
            found = [file.relative_to(self._path).as_posix() for file in files]
            return [name for name in found if not of_macos(name)]
        if not zipfile.is_zipfile(self._path):
            raise self.broken("is neither a folder nor a zip")
        with zipfile.ZipFile(self._path) as archive:
            entries = zip_entries(archive, self._path, self._expected)
        return [entry.filename for entry in entries]

    def broken(self, complaint: str) -> SourceError:
        """The error to raise where the export is not as it should be."""
        return SourceError(f"{shown(self._path)}: {complaint}; expected {self._expected}")

    def find(self, base: str, named: re.Pattern[str] | None = None) -> str | None:
        """The file called ``base`` or as ``named``, in whatever folder; None where there is none.

        Raises SourceError where there are two: then it is not one export.
        """
        called = named or re.compile(re.escape(base))
        found = [name for name in self.names if called.fullmatch(name.rsplit("/", 1)[-1].lower())]
        if len(found) > 1:
            both = f"{shown(found[0])} and {shown(found[1])}"
            raise self.broken(f"holds {base} twice ({both})")
        return found[0] if found else None

    def each(self, names: Sequence[str]) -> Generator[tuple[str, IO[bytes]], None, None]:
        """These files one after the other, each open until the next and unpacked if it is gzip.

        Raises SourceError where one cannot be opened, as its stream does where it breaks off.
        """
        name = ""
        zipped = nullcontext() if self._path.is_dir() else zipfile.ZipFile(self._path)
        try:
            with zipped as archive:
                for name in names:
                    file = archive.open(name) if archive else (self._path / name).open("rb")
                    with file as raw:
                        yield name, checked(unpacked(raw), partial(self._broken_off, name))
        except BROKEN as error:
            raise self._broken_off(name, error) from error

    def _broken_off(self, name: str, error: Exception) -> SourceError:
        return self.broken(f"{shown(name)} breaks off ({error})")

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """One of the files, as of ``each``."""
        with closing(self.each((name,))) as files:
            yield next(files)[1]
