"""An export of several files: a folder or a zip, its files opened by name, never unpacked."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Final

from sources.files import BROKEN, existing, opened, shown, unpacked
from sources.reader import SourceError

#: What a zip may raise besides ``BROKEN``: an unknown kind of packing.
_DAMAGED: Final = (*BROKEN, NotImplementedError, RuntimeError)


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
        except _DAMAGED as error:
            raise self.broken(f"is a damaged zip ({error})") from error
        self.names = tuple(sorted(name for name in inside if not _of_macos(name)))

    def _inside(self) -> list[str]:
        if self._path.is_dir():
            files = (file for file in self._path.rglob("*") if file.is_file())
            return [file.relative_to(self._path).as_posix() for file in files]
        if not zipfile.is_zipfile(self._path):
            raise self.broken("is neither a folder nor a zip")
        with zipfile.ZipFile(self._path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        for entry in entries:
            if entry.flag_bits & 1:
                raise self.broken(f"holds {shown(entry.filename)}, which is encrypted")
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
        """These files one after the other, each open until the next.

        Raises SourceError where one breaks off, also while the caller reads it.
        """
        name = ""
        try:
            if self._path.is_dir():
                for name in names:
                    with opened(self._path / name) as stream:
                        yield name, stream
                return
            with zipfile.ZipFile(self._path) as archive:
                for name in names:
                    with archive.open(name) as stream:
                        yield name, unpacked(stream)
        except _DAMAGED as error:
            raise self.broken(f"{shown(name)} breaks off ({error})") from error

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """One of the files as bytes, unpacked if it is gzip."""
        try:
            with closing(self.each((name,))) as files:
                yield next(files)[1]
        except _DAMAGED as error:
            raise self.broken(f"{shown(name)} breaks off ({error})") from error


def _of_macos(name: str) -> bool:
    return name.startswith("__MACOSX/") or name.rsplit("/", 1)[-1].startswith("._")
