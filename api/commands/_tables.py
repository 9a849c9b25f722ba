"""Reports as people and programs read them: a table, JSON, CSV or Parquet."""

from __future__ import annotations

import csv
import io
import os
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from enum import StrEnum
from itertools import accumulate
from pathlib import Path
from secrets import token_hex
from stat import S_IMODE, S_ISREG
from typing import Annotated, Any, Final

import orjson
import typer

from api.console import CommandError
from engagement.explain_texts import STATUS_JA
from store.reports.report import Column, Document, Kind, Report, Row


class Format(StrEnum):
    """How a report is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


Formats = Annotated[Format, typer.Option(help="How to write it.")]
Output = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Where to write it (default: standard output)."),
]

#: The kinds of columns that stand on the left of a table.
_TEXTS: Final = frozenset({Kind.TEXT, Kind.STATUS, Kind.DATE})
#: What a formula begins with, also in full width, or after what spreadsheets leave out.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
#: No column of a table is wider.
_WIDEST: Final = 72
#: From here on a number is told without decimals.
_LONG: Final = 1000


def written(report: Report, document: Document, format: Format) -> bytes:
    """The report in one of the forms."""
    if format is Format.JSON:
        return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    if format is Format.CSV:
        return _csv(report, document).encode()
    if format is Format.PARQUET:
        return _parquet(report, document)
    return "".join(f"{line}\n" for line in _table(report, document)).encode()


def for_reading(format: Format, output: Path | None) -> None:
    """Refuse what no terminal can show; raises CommandError."""
    if format is Format.PARQUET and output is None and sys.stdout.isatty():
        raise CommandError("Parquet is not for reading: name a file with --output")


def put_out(output: Path | None, content: bytes) -> None:
    """Write to a file, or to standard output without one; raises CommandError."""
    if output is not None:
        write_to(output, content)
        return
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise  # whoever reads has had enough, and needs no message
    except OSError as error:
        raise CommandError(f"cannot write to standard output: {error.strerror}") from None


def write_to(output: Path, content: bytes) -> None:
    """Write a file whole, or not at all; raises CommandError.

    A file that is there keeps who may read it. Where a link leads is written to, and what is no
    file (a pipe, a device) is not replaced by one.
    """
    try:
        there = output.stat() if output.exists() else None
        if there is not None and _is_standard_output(there):
            # Such as /dev/stdout, behind what is in its file already.
            put_out(None, content)
        elif there is None or S_ISREG(there.st_mode):
            _replace(output.resolve(), content, None if there is None else there.st_mode)
        else:
            output.write_bytes(content)
    except (OSError, RuntimeError) as error:
        # What links lead to in circles is a RuntimeError.
        said = error.strerror if isinstance(error, OSError) else error
        raise CommandError(f"cannot write {output}: {said}") from None


def _is_standard_output(there: os.stat_result) -> bool:
    with suppress(OSError):
        return os.path.samestat(there, os.fstat(1))
    return False


def _replace(place: Path, content: bytes, mode: int | None) -> None:
    beside = place.with_name(f".ikusei-{token_hex(4)}.part")
    try:
        beside.touch(exist_ok=False)
        if mode is not None:
            beside.chmod(S_IMODE(mode))
        beside.write_bytes(content)
        beside.replace(place)
    finally:
        with suppress(OSError):
            beside.unlink()


def _names(report: Report) -> list[str]:
    return [column.name for column in report.columns]


def _csv(report: Report, document: Document) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, ["as_of", *_names(report)], lineterminator="\n")
    writer.writeheader()
    texts = [column.name for column in report.columns if column.kind is Kind.TEXT]
    for row in document["rows"]:
        safe = {name: _inert(row[name]) for name in texts}
        writer.writerow({"as_of": document["as_of"], **row, **safe})
    return out.getvalue()


def _inert(text: str | None) -> str | None:
    """A text that no spreadsheet takes for a formula: what members write ends up in its cells."""
    return f"'{text}" if text and text.startswith(_FORMULA) else text


def _parquet(report: Report, document: Document) -> bytes:
    """One table, with what is told once among its metadata."""
    # Takes a fifth of a second to import.
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import parquet  # noqa: PLC0415

    types = {
        **dict.fromkeys(_TEXTS, pa.string()),
        **dict.fromkeys((Kind.COUNT, Kind.CHANGE), pa.int64()),
        **dict.fromkeys((Kind.SHARE, Kind.NUMBER, Kind.DAYS), pa.float64()),
    }
    fields = [pa.field(column.name, types[column.kind]) for column in report.columns]
    told = {key: value for key, value in document.items() if key != "rows"}
    schema = pa.schema(fields, {"ikusei": orjson.dumps(told)})
    out = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(document["rows"], schema), out)
    return out.getvalue()


def _table(report: Report, document: Document) -> Iterator[str]:
    yield f"{report.title}: {_when(document)}"
    yield ""
    columns = [column for column in report.columns if column.head is not None]
    cells = _cells(columns, report.rows)
    totals = [column.name in report.totals for column in columns]
    if any(totals) and report.rows:
        last = [
            _cell(report.totals[column.name], column) if summed else ""
            for column, summed in zip(columns, totals, strict=True)
        ]
        cells.append(["all", *last[1:]] if not totals[0] else last)
    yield from _aligned(columns, cells)
    rest = {
        name: value
        for name, value in report.totals.items()
        if name not in _names(report) and value is not None
    }
    if rest:
        yield ""
        yield from (f"{_said(value):>10}  {name.replace('_', ' ')}" for name, value in rest.items())
    for note in report.notes:
        yield f"\n{note}"


def rows_of(columns: Sequence[Column], rows: Iterable[Row]) -> Iterator[str]:
    """A table for a terminal: a line of heads and one for each row."""
    return _aligned(columns, _cells(columns, rows))


def _cells(columns: Sequence[Column], rows: Iterable[Row]) -> list[list[str]]:
    return [[_cell(row[column.name], column) for column in columns] for row in rows]


def _aligned(columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [
        max(_width(one) for one in (column.head or "", *(row[i] for row in cells)))
        for i, column in enumerate(columns)
    ]
    yield _line([column.head or "" for column in columns], columns, widths)
    yield from (_line(row, columns, widths) for row in cells)


def _when(document: Document) -> str:
    period = document["period"]
    rules = f"rules: {document['rule_set']}"
    if period is None:
        return f"{document['as_of']} ({rules})"
    return f"{period['first']} to {period['last']}, {period['days']} days ({rules})"


#: How values of a kind are written.
_FORMS: Final[dict[Kind, Callable[[Any], str]]] = {
    Kind.TEXT: lambda value: _cut(str(value)),
    Kind.STATUS: lambda value: f"{value} {STATUS_JA[value]}",
    Kind.COUNT: lambda value: f"{value:,}",
    Kind.CHANGE: lambda value: f"{value:+,}",
    Kind.SHARE: lambda value: f"{value:.1%}",
}


def _cell(value: Any, column: Column) -> str:
    return "-" if value is None else _FORMS.get(column.kind, _said)(value)


def _said(value: Any) -> str:
    if isinstance(value, float):
        # Past four digits %g would tell the exponent.
        return f"{value:,.4g}" if abs(value) < _LONG else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _line(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    padded = [
        cell + gap if column.kind in _TEXTS else gap + cell
        for cell, column, width in zip(cells, columns, widths, strict=True)
        for gap in [" " * (width - _width(cell))]
    ]
    return "  ".join(padded).rstrip()


def _width(text: str) -> int:
    """How many places a text takes at a terminal."""
    return sum(map(_places, text))


def _places(letter: str) -> int:
    """Japanese characters take two places; accents stand upon what is before them."""
    if unicodedata.category(letter) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _cut(text: str) -> str:
    """A text as one line that is no wider than a column may be."""
    line = " ".join(text.splitlines()).replace("\t", " ")
    if _width(line) <= _WIDEST:
        return line
    ends = accumulate(map(_places, line))
    return line[: sum(end < _WIDEST for end in ends)] + "…"
