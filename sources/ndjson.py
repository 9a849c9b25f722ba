"""The canonical record format: one JSON object a line."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

import orjson

from sources.files import BROKEN, existing, unpacked
from sources.reader import BaseReader, Item, Place, Read, SourceError

#: A record with the longest text allowed, every character of it escaped, stays below this.
MAX_LINE_BYTES: Final = 1_000_000
_EXPECTED: Final = "canonical records, one JSON object a line (.ndjson, .jsonl, also gzipped)"
_SUFFIXES: Final = (".ndjson", ".jsonl", ".json")
_SHOWN: Final = 200


class NdjsonReader(BaseReader):
    """Lines as they are: nothing is repaired, a line at fault is refused with its number.

    A record without ``source`` gets the reader's. A CloudEvents envelope is opened: ``data`` is
    the record, and ``id`` and ``time`` are taken from the envelope where ``data`` has none.
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
        self._source = source
        self._stdin = stdin
        super().__init__(now=now)

    def _items(self) -> Iterator[Item | Read]:
        if Path("-") not in self._files:
            self.total = sum(file.stat().st_size for file in self._files)
        before = 0
        for file in self._files:
            if file == Path("-"):
                stream = self._stdin if self._stdin is not None else sys.stdin.buffer
                yield from self._lines(stream, "standard input")
                continue
            try:
                with file.open("rb") as raw:
                    for item in self._lines(unpacked(raw), file.name):
                        self.done = before + raw.tell()
                        yield item
                    before += raw.tell()
            except BROKEN as error:
                raise SourceError(f"{file}: breaks off ({error}); expected {_EXPECTED}") from error
            self.done = before

    def _lines(self, stream: IO[bytes], name: str) -> Iterator[Item | Read]:
        number = 0
        while line := stream.readline(MAX_LINE_BYTES + 1):
            number += 1
            place = Place(name, f"line {number}")
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
                _pass_over(stream)
                yield self._refuse(
                    place,
                    "too_long",
                    f"has more than {MAX_LINE_BYTES} bytes; expected one record",
                    table="lines",
                    value=_shown(line),
                )
            elif line.isspace() or not line:
                self._rows["lines"]["skipped_empty"] += 1
            else:
                yield self._line_item(line, place)

    def _line_item(self, line: bytes, place: Place) -> Item | Read:
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            code, message = "not_json", f"is not JSON: {error}"
            try:
                line.decode()
            except UnicodeDecodeError as wrong:
                code, message = "not_utf8", f"is not UTF-8: {wrong.reason} at byte {wrong.start}"
            return self._refuse(place, code, message, table="lines", value=_shown(line))
        if not isinstance(value, dict):
            message = f"is {_shown(line)!r}; expected a JSON object"
            return self._refuse(place, "not_an_object", message, table="lines", value=_shown(line))
        record = _opened_envelope(value)
        if self._source is not None and record.get("source") is None:
            record = {**record, "source": self._source}
        kind = record.get("kind")
        return Item(place, record, "lines", kind if isinstance(kind, str) else "")


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


def _opened_envelope(value: dict[str, Any]) -> Mapping[str, Any]:
    data = value.get("data")
    if "specversion" not in value or not isinstance(data, dict):
        return value
    record = dict(data)
    if record.get("kind") != "counter":
        record.setdefault("id", value.get("id"))
    if record.get("kind") in ("post", "action", "retraction"):
        record.setdefault("time", value.get("time"))
    return record


def _pass_over(stream: IO[bytes]) -> None:
    while (rest := stream.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
        pass


def _shown(line: bytes) -> str:
    return line[:_SHOWN].decode(errors="replace").rstrip("\r\n")
