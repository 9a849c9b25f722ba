"""Rows of CSV out of lines that strangers wrote: what is odd costs its own row, not the rest."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import IO, Final

from sources.files import without_bom
from sources.reader import SourceError

#: A row may go on over so many lines; what goes on for longer lacks a quotation mark. The longest
#: texts of strangers, the statements of Polis, have 1,000 characters.
_MOST_LINES: Final = 2_000
#: No line of an export is longer; something else may be one line of many gigabytes.
MAX_LINE_BYTES: Final = 1_000_000


def text_lines(stream: IO[bytes], name: str) -> Iterator[str]:
    """The lines of a file as text, without a byte order mark and with their ends.

    A byte that is not UTF-8 costs a letter of somebody's name, not the import. Raises SourceError
    for a line that no export has.
    """
    stream = without_bom(stream)
    number = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            raise SourceError(
                f"{name}: line {number} has more than {MAX_LINE_BYTES} bytes; expected CSV"
            )
        # A NUL ends the row for some readers of CSV and is never part of an export.
        yield line.decode(errors="replace").replace("\0", "")


def split(lines: Iterable[str], looks: Mapping[str, str]) -> Iterator[tuple[int, list[str] | None]]:
    """The number of each row's first line and its cells; None where its quotation marks are odd.

    The first row names the columns. ``looks`` are patterns of cells, by the lower-case name of a
    column, as far as these never hold a text: they tell where a row begins. Left to itself,
    csv.reader takes a stray mark for the beginning of a cell that ends at the next one, however
    many rows away. Here it costs its own row, and reading goes on with the next line that looks
    like the beginning of one. Lines that make one whole row are one, whatever they look like: a
    text within quotation marks may well quote a row.
    """
    source = iter(lines)
    waiting: deque[str] = deque()
    number, width = 0, 0
    begins: re.Pattern[str] | None = None
    while (line := waiting.popleft() if waiting else next(source, None)) is not None:
        number += 1
        row = [line]
        marks, size = line.count('"'), len(line)
        while marks % 2 and len(row) < _MOST_LINES and size <= MAX_LINE_BYTES:
            more = waiting.popleft() if waiting else next(source, None)
            if more is None:
                break
            row.append(more)
            marks += more.count('"')
            size += len(more)
        cells = _cells(row, width, begins)
        if number == 1 and cells is not None:
            width, begins = len(cells), _beginning(cells, looks)
        yield number, cells
        own = len(row) if cells is not None else _own(row, begins)
        waiting.extendleft(reversed(row[own:]))
        number += own - 1


def _beginning(header: Sequence[str], looks: Mapping[str, str]) -> re.Pattern[str] | None:
    """How a row begins: with the cells of the first columns, as far as their look is known."""
    columns = takewhile(looks.__contains__, (column.strip().lower() for column in header))
    pattern = "".join(f"{looks[column]}," for column in columns)
    return re.compile(pattern) if pattern else None


def _cells(row: Sequence[str], width: int, begins: re.Pattern[str] | None) -> list[str] | None:
    """The cells of one row; None where these lines are not one whole row."""
    try:
        found = list(csv.reader(row, strict=True))
    except csv.Error:
        return None
    if len(found) != 1:
        return None
    # Two stray marks make a pair, and one cell of all the rows that begin between them.
    odd = len(found[0]) != width and begins is not None and any(map(begins.match, row[1:]))
    return None if odd else found[0]


def _own(row: Sequence[str], begins: re.Pattern[str] | None) -> int:
    """How many of the lines belong to the first of them, which begins a row that is not whole."""
    if begins is None or not begins.match(row[0]):
        return 1
    return next((n for n, line in enumerate(row) if n and begins.match(line)), len(row))
