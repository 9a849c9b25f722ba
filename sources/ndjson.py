"""The canonical record format: one JSON object a line."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

import orjson

from sources.cloudevents import Opened, is_event, opened_event
from sources.files import BROKEN, existing, shown, unpacked
from sources.parse import Fault, show
from sources.reader import BaseReader, Item, Place, Read, SourceError

#: A record with the longest text allowed, every character of it escaped, stays below this.
MAX_LINE_BYTES: Final = 1_000_000
_EXPECTED: Final = "canonical records, one JSON object a line (.ndjson, .jsonl, also gzipped)"
_SUFFIXES: Final = (".ndjson", ".jsonl", ".json")
_SHOWN: Final = 200
#: The keys that every row in a file of rejected rows has.
REJECTED_ROW: Final = frozenset({"file", "row", "faults"})


class NdjsonReader(BaseReader):
    """Lines as they are: nothing is repaired, a line at fault is refused with its number.

    A record without ``source`` gets the reader's. Of a key that stands twice in an object the last
    one counts. Two envelopes are opened: that of a file of rejected rows, whose ``value`` is the
    record; and that of CloudEvents, see sources/cloudevents.py. If an event's source is no word,
    the reader's stands for it. Ids of events are unique within their own source only, so a source
    of records may stand for one of them. A line may be a list of events: what CloudEvents calls a
    batch.

    ``total`` and ``done`` count bytes as stored; ``total`` is None when reading standard input.
    """

    format = "ndjson"

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        source: str | None,
        now: datetime,
        stdin: IO[bytes] | None = None,
    ) -> None:
        self._files = [file for path in paths for file in _files(path)]
        self._stdin = stdin
        super().__init__(source=source, now=now, settings=())

    def _begin(self) -> None:
        super()._begin()
        #: source of records -> the source of events that it stands for
        self._senders: dict[str, str] = {}

    def _items(self) -> Iterator[Item | Read]:
        if Path("-") not in self._files:
            self.total = sum(file.stat().st_size for file in self._files)
        before = 0
        for file in self._files:
            name = "standard input" if file == Path("-") else shown(file)
            try:
                with self._open(file) as raw:
                    for item in self._lines(unpacked(raw), name):
                        if self.total is not None:
                            self.done = before + raw.tell()
                        yield item
                    if self.total is not None:
                        before = self.done = before + raw.tell()
            except BROKEN as error:
                raise SourceError(f"{name}: breaks off ({error}); expected {_EXPECTED}") from error

    def _open(self, file: Path) -> AbstractContextManager[IO[bytes]]:
        if file != Path("-"):
            return file.open("rb")
        return nullcontext(self._stdin if self._stdin is not None else sys.stdin.buffer)

    def _lines(self, stream: IO[bytes], name: str) -> Iterator[Item | Read]:
        number = 0
        while line := stream.readline(MAX_LINE_BYTES + 1):
            number += 1
            place = Place(name, f"line {number}")
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
                _pass_over(stream)
                message = f"has more than {MAX_LINE_BYTES} bytes; expected one record"
                yield self._refuse_line(place, "too_long", message, _shown(line))
            elif line.isspace() or not line:
                self._account("lines", "skipped_empty")
            else:
                yield from self._line_items(line, place)

    def _line_items(self, line: bytes, place: Place) -> Iterator[Item | Read]:
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            code, message = "not_json", f"is not JSON: {error}"
            try:
                line.decode()
            except UnicodeDecodeError as wrong:
                code, message = "not_utf8", f"is not UTF-8: {wrong.reason} at byte {wrong.start}"
            yield self._refuse_line(place, code, message, _shown(line))
            return
        if not isinstance(value, list):
            yield self._item(value, place, line, len(line))
            return
        # A batch of events, as CloudEvents has it; it may well be empty.
        self._account("batches", "batch")
        for number, one in enumerate(value, 1):
            part = Place(place.file, f"{place.row}, item {number}")
            yield self._item(one, part, line, len(line) // len(value))

    def _item(self, value: object, place: Place, line: bytes, size: int) -> Item | Read:
        if not isinstance(value, dict):
            message = f"is {show(value)}; expected a JSON object"
            return self._refuse_line(place, "not_an_object", message, _shown(line))
        if value.keys() >= REJECTED_ROW:
            value = value.get("value")
            if not isinstance(value, dict):
                message = (
                    "is a rejected row without a record; expected it, corrected, as an object in "
                    "`value`"
                )
                return self._refuse_line(place, "not_an_object", message, _shown(line))
        if not is_event(value):
            return self._record_item(self._with_source(value), place, size)
        opened = opened_event(value)
        if isinstance(opened, Fault):
            return self._refuse_line(place, opened.code, opened.message, value, opened.field)
        record = self._with_source(opened.record)
        if (another := self._another(record, opened)) is not None:
            return self._refuse_line(place, "another_source", another, opened.record, "source")
        return self._record_item(record, place, size)

    def _with_source(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        if record.get("source") is None and self._source is not None:
            return {**record, "source": self._source}
        return record

    def _another(self, record: Mapping[str, Any], opened: Opened) -> str | None:
        """What is wrong where the record's source stands for another source of events already."""
        source = record.get("source")
        if opened.whole or not isinstance(source, str):
            return None
        before = self._senders.setdefault(source, opened.sender)
        if before == opened.sender:
            return None
        return (
            f"is of the event source {opened.sender[:60]!r}, but {source[:60]!r} stands for "
            f"{before[:60]!r} already, and ids are unique within a source only; expected `data` "
            "with a `source` and an `id` of its own, or an import of its own with --source"
        )

    def _record_item(self, record: Mapping[str, Any], place: Place, size: int) -> Item:
        kind = record.get("kind")
        return Item(place, record, "lines", kind if isinstance(kind, str) else "", size)

    def _refuse_line(
        self,
        place: Place,
        code: str,
        message: str,
        value: Mapping[str, Any] | str,
        field: str = "",
    ) -> Read:
        return self._refuse(place, code, message, table="lines", value=value, field=field)


def ndjson(
    paths: Sequence[Path],
    *,
    source: str | None = None,
    now: datetime,
    stdin: IO[bytes] | None = None,
) -> NdjsonReader:
    """Read canonical records from files, folders of files, or standard input (``-``).

    ``source`` is given to records that name none. Raises SourceError for a path that is not there.
    """
    return NdjsonReader(paths, source=source, now=now, stdin=stdin)


def _files(path: Path) -> list[Path]:
    if path == Path("-"):
        return [path]
    existing(path, _EXPECTED)
    if not path.is_dir():
        return [path]
    found = [
        file
        for file in sorted(path.rglob("*"))
        if file.is_file() and file.name.lower().removesuffix(".gz").endswith(_SUFFIXES)
    ]
    if not found:
        raise SourceError(f"{path}: the folder holds none; expected {_EXPECTED}")
    return found


def _pass_over(stream: IO[bytes]) -> None:
    while (rest := stream.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
        pass


def _shown(line: bytes) -> str:
    return line[:_SHOWN].decode(errors="replace").rstrip("\r\n")
