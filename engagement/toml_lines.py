"""Where the keys of a TOML document stand: `tomllib` reads values and forgets their lines.

The document must be valid TOML (tomllib has accepted it); the scanner then only has to tell keys,
tables, strings, brackets and comments apart.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

#: Keys from the root; a number is the place in an array, counted from 0.
Path = tuple[str | int, ...]

_SPACE = " \t"
_BLANK = " \t\n"


def lines_of(text: str) -> Mapping[Path, int]:
    """The line (from 1) on which each table, key and array element of valid TOML begins."""
    scan = _Scan(text.replace("\r\n", "\n"))
    scan.document()
    return scan.lines


class _Scan:
    """A cursor over the text; each method reads one construct and stops behind it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self._sizes: dict[Path, int] = {}  # arrays of tables: how many elements so far
        self._counted = (0, 1)  # a position and its line, so that lines are counted once

    def document(self) -> None:
        table: Path = ()
        while self._skip(_BLANK):
            self._note(table)
            if self.text.startswith("[[", self.at):
                self.at += 2
                path = self._within(self._key("]"))
                self.at += 2
                self._sizes[path] = size = self._sizes.get(path, 0) + 1
                table = (*path, size - 1)
                self._note(path)
                self._note(table)
            elif self.text[self.at] == "[":
                self.at += 1
                table = self._within(self._key("]"))
                self.at += 1
                self._note(table)
            else:
                self._pair(table)

    def _pair(self, table: Path) -> None:
        """``key = value``, the key possibly dotted."""
        start, path = self.at, table
        for part in self._key("="):
            path = (*path, part)
            self._note(path, start)
        self.at += 1
        self._value(path)

    def _value(self, path: Path) -> None:
        self._skip(_SPACE)
        opening = self.text[self.at]
        if opening in "\"'":
            self._string()
        elif opening in "[{":
            self.at += 1
            number = 0
            while self._skip(_BLANK + ",") and self.text[self.at] not in "]}":
                if opening == "[":
                    self._note((*path, number))
                    self._value((*path, number))
                    number += 1
                else:
                    self._pair(path)
            self.at += 1
        else:
            while self.at < len(self.text) and self.text[self.at] not in ",]}#\n":
                self.at += 1

    def _key(self, end: str) -> Path:
        parts: list[str] = []
        while True:
            self._skip(_SPACE)
            start = self.at
            if self.text[start] in "\"'":
                self._string()
                parts.append(tomllib.loads(f"k = {self.text[start : self.at]}")["k"])
            else:
                while self.text[self.at] not in f". \t{end}":
                    self.at += 1
                parts.append(self.text[start : self.at])
            self._skip(_SPACE)
            if self.text[self.at] != ".":
                return tuple(parts)
            self.at += 1

    def _string(self) -> None:
        quote = self.text[self.at]
        mark = quote * 3 if self.text.startswith(quote * 3, self.at) else quote
        self.at += len(mark)
        while not self.text.startswith(mark, self.at):
            self.at += 2 if quote == '"' and self.text[self.at] == "\\" else 1
        self.at += len(mark)
        # Up to two quotes may stand directly before a closing triple mark.
        while len(mark) == 3 and self.text.startswith(quote, self.at):
            self.at += 1

    def _skip(self, blank: str) -> bool:
        """Pass blanks and, between lines, comments; False at the end of the text."""
        while self.at < len(self.text):
            if self.text[self.at] in blank:
                self.at += 1
            elif self.text[self.at] == "#" and "\n" in blank:
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                return True
        return False

    def _within(self, key: Path) -> Path:
        """A table's header as a path: below an array of tables it means the newest element."""
        path: Path = ()
        for part in key[:-1]:
            path = (*path, part)
            if path in self._sizes:
                path = (*path, self._sizes[path] - 1)
        return (*path, key[-1])

    def _note(self, path: Path, at: int | None = None) -> None:
        at = self.at if at is None else at
        position, line = self._counted
        line += (
            self.text.count("\n", position, at)
            if at >= position
            else -self.text.count("\n", at, position)
        )
        self._counted = (at, line)
        self.lines.setdefault(path, line)
