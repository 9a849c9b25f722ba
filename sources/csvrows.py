"""Rows of CSV out of lines that strangers wrote: what is odd costs its own row, not the rest."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Final

from sources.files import without_bom
from sources.reader import SourceError

#: A cell may go on over so many lines; what goes on for longer lacks a quotation mark.
_MOST_LINES: Final = 100
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


def split(lines: Iterable[str], begins: re.Pattern[str]) -> Iterator[tuple[int, list[str] | None]]:
    """The number of each row's first line and its cells; None where its quotation marks are odd.

    ``begins`` is how a line begins that is the first of a row and never within a cell.
    Left to itself, csv.reader takes a stray mark for the beginning of a cell that ends at the next
    one, however many rows away. Here it costs its own line, and reading goes on with the next.
    """
    source = iter(lines)
    waiting: deque[str] = deque()
    number = 0
    while (line := waiting.popleft() if waiting else next(source, None)) is not None:
        number += 1
        row = [line]
        marks = line.count('"')
        while marks % 2 and len(row) < _MOST_LINES:
            more = waiting.popleft() if waiting else next(source, None)
            if more is None:
                break
            row.append(more)
            marks += more.count('"')
        cells = _cells(row, begins)
        yield number, cells
        if cells is None:
            waiting.extendleft(reversed(row[1:]))
        else:
            number += len(row) - 1


def _cells(row: Sequence[str], begins: re.Pattern[str]) -> list[str] | None:
    """The cells of one row; None where these lines are not one whole row."""
    # Two stray marks make a pair, and one cell of all the rows that begin between them.
    if any(begins.match(line) for line in row[1:]):
        return None
    try:
        found = list(csv.reader(row, strict=True))
    except csv.Error:
        return None
    return found[0] if len(found) == 1 else None
