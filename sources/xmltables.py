"""The XML tables of a Stack Exchange dump as streams of rows."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from sources.files import BROKEN, existing, opened, shown, unpacked
from sources.reader import Place, SourceError

#: The tables of a dump, in the order in which they are read.
TABLES: Final = ("Users", "Posts", "Comments", "Votes", "Badges", "PostLinks", "Tags")
_EXPECTED: Final = (
    "a folder or zip with the files of a Stack Exchange dump (Users.xml, Posts.xml, Votes.xml, …)"
)
#: Any but those to the line breaks and tabs that texts are full of.
_REFERENCE: Final = re.compile(rb"&#(?!x[9AD];)(?:x([0-9a-fA-F]{1,20})|([0-9]{1,20}));")
_LONGEST_REFERENCE: Final = 24
_CHARACTERS: Final = range(0x110000)
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
Row = Mapping[str, str]


class XmlTables:
    """Where each table of the dump at ``path`` lies; a table that is not there has no rows.

    Raises SourceError if there is neither a Users nor a Posts table.
    """

    def __init__(self, path: Path) -> None:
        self._path = existing(path, _EXPECTED)
        if not path.is_dir() and not zipfile.is_zipfile(path):
            hint = "; unpack it first" if path.suffix.lower() == ".7z" else ""
            raise SourceError(f"{path}: is neither a folder nor a zip{hint}; expected {_EXPECTED}")
        self.names = self._find()
        if not {"Users", "Posts"} & set(self.names):
            raise SourceError(
                f"{path}: holds neither Users.xml nor Posts.xml; expected {_EXPECTED}"
            )

    def _find(self) -> dict[str, str]:
        if self._path.is_dir():
            inside = [str(p.relative_to(self._path)) for p in sorted(self._path.rglob("*"))]
        else:
            try:
                with zipfile.ZipFile(self._path) as archive:
                    inside = archive.namelist()
            except BROKEN as error:
                raise SourceError(f"{self._path}: is a damaged zip ({error})") from error
        files = {f"{table}{end}".lower(): table for table in TABLES for end in (".xml", ".xml.gz")}
        found: dict[str, str] = {}
        for name in inside:
            table = files.get(name.replace("\\", "/").rsplit("/", 1)[-1].lower())
            if table is None:
                continue
            if table in found:
                raise SourceError(
                    f"{self._path}: holds the table {table} twice ({found[table]} and {name}); "
                    "expected the dump of one site"
                )
            found[table] = name
        return found

    @contextmanager
    def _open(self, table: str) -> Iterator[IO[bytes]]:
        name = self.names[table]
        if self._path.is_dir():
            with opened(self._path / name) as stream:
                yield stream
            return
        with zipfile.ZipFile(self._path) as archive, archive.open(name) as stream:
            yield unpacked(stream)

    def rows(self, table: str, repairs: Counter[str] | None = None) -> Iterator[tuple[Row, Place]]:
        """The rows of a table with their places; raises SourceError where the XML breaks off.

        A reference to a character that XML does not allow becomes U+FFFD; ``repairs`` counts them.
        """
        if table not in self.names:
            return
        name = self.names[table]
        count, latest = 0, ""
        try:
            with self._open(table) as stream:
                for row in _rows(_Allowed(stream, Counter() if repairs is None else repairs)):
                    count += 1
                    latest = row.get("Id", "")[:40]
                    yield row, Place(shown(name), f"row {count} (Id {latest or 'absent'})")
        except (ParseError, DefusedXmlException, ValueError, RuntimeError, *BROKEN) as error:
            after = f"after row {count} (Id {latest or 'absent'})" if count else "at its beginning"
            raise SourceError(
                f"{self._path}: {name} breaks off {after}: {_why(error)}; expected the complete "
                "XML file of a Stack Exchange dump"
            ) from error


def _why(error: Exception) -> str:
    if isinstance(error, DefusedXmlException):
        return "it declares entities or a document type, which no dump does"
    if isinstance(error, ParseError):
        return f"it is not well-formed XML ({error})"
    return str(error) or type(error).__name__


class _Allowed:
    """A stream of XML without references to characters that no XML may hold, such as ``&#x1;``.

    One of them is enough for a parser to refuse the file; whoever wrote it did not check.
    """

    def __init__(self, stream: IO[bytes], repairs: Counter[str]) -> None:
        self._stream = stream
        self._repairs = repairs
        self._rest = b""

    def read(self, size: int = -1, /) -> bytes:
        """About ``size`` bytes; none at the end."""
        chunk = b""
        while not chunk and (more := self._stream.read(size)):
            chunk, self._rest = _whole(self._rest + more)
        if not chunk:
            chunk, self._rest = self._rest, b""
        return _REFERENCE.sub(self._allowed, chunk)

    def _allowed(self, reference: re.Match[bytes]) -> bytes:
        number = int(reference[1], 16) if reference[1] else int(reference[2])
        if number in _CHARACTERS and not _FORBIDDEN.match(chr(number)):
            return reference[0]
        self._repairs["characters_replaced"] += 1
        return b"&#xFFFD;"


def _whole(chunk: bytes) -> tuple[bytes, bytes]:
    """The chunk up to a reference that its end may have cut in two, and that beginning."""
    cut = chunk.rfind(b"&", max(0, len(chunk) - _LONGEST_REFERENCE))
    if cut < 0 or b";" in chunk[cut:]:
        return chunk, b""
    return chunk[:cut], chunk[cut:]


def _rows(stream: _Allowed) -> Iterator[Row]:
    depth, root = 0, None
    for event, element in iterparse(stream, events=("start", "end"), forbid_dtd=True):
        if event == "start":
            depth += 1
            if root is None:
                root = element
            if depth > 2:
                raise ValueError(f"<{str(element.tag)[:40]}> stands inside a row")
            continue
        depth -= 1
        if depth == 1 and root is not None:
            if element.tag == "row":
                yield element.attrib
            # The parser hangs every row on the root; without this the whole file stays in memory.
            root.clear()
