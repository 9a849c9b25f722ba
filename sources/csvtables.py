"""The CSV files of an export as tables of rows, their columns found by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from sources.bundle import Bundle
from sources.csvrows import split, text_lines
from sources.files import shown
from sources.parse import show
from sources.reader import Place

#: A row as its cells by column, or what is wrong with it.
Row = Mapping[str, str] | str


class CsvTables:
    """The tables that an export needs, and those it may have; ``columns`` are required in each.

    Columns may stand in any order and more may stand beside them. A table that the export does not
    have has no rows. ``looks`` are patterns of the cells of columns that never hold a text, as
    ``split`` takes them; ``named`` is how the files of tables are called, where not by the table's
    name. Raises SourceError where a required table or column is missing.
    """

    def __init__(
        self,
        bundle: Bundle,
        columns: Mapping[str, Sequence[str]],
        *,
        required: Sequence[str],
        looks: Mapping[str, str],
        named: Mapping[str, re.Pattern[str]] | None = None,
    ) -> None:
        self._bundle = bundle
        self._columns = columns
        self._looks = looks
        self.names: dict[str, str] = {}
        for table in columns:
            called = (named or {}).get(table)
            name = bundle.find(f"{table}.csv", called) or bundle.find(f"{table}.csv.gz", called)
            if name is not None:
                self.names[table] = name
            elif table in required:
                raise bundle.broken(f"holds no {table}.csv")

    def rows(self, table: str) -> Iterator[tuple[Place, Row]]:
        """Each row that is not empty with its place; SourceError where the file breaks off."""
        name = self.names.get(table)
        if name is None:
            return
        with self._bundle.open(name) as stream:
            lines = split(text_lines(stream, shown(name)), self._looks)
            _, first = next(lines, (1, None))
            header = [column.strip().lower() for column in first or ()]
            self._check(table, name, header)
            for number, cells in lines:
                place = Place(shown(name), f"line {number}")
                if cells is None:
                    wrong = "has a quotation mark too many or too few; expected one whole row"
                    yield place, wrong
                elif len(cells) != len(header) and any(cells):
                    yield place, f"has {len(cells)} cells; expected {len(header)}, as in line 1"
                elif any(cell.strip() for cell in cells):
                    yield place, dict(zip(header, cells, strict=True))

    def _check(self, table: str, name: str, header: Sequence[str]) -> None:
        for column in self._columns[table]:
            if column not in header:
                has = ", ".join(header[:10]) if any(header) else "nothing"
                raise self._bundle.broken(
                    f"{shown(name)} has no column {column} in its first line (it has {show(has)})"
                )
            if header.count(column) > 1:
                raise self._bundle.broken(f"{shown(name)} has the column {column} twice")
