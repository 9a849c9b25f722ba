"""Segments: conditions on what a list tells of members, such as ``contribution>=6``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from engagement.words import STATUSES, Status
from store.attributes import ATTRIBUTES, OWN, NoSuchAttribute
from store.db import StoreError
from store.reports.report import Column, Kind, Row

#: The comparisons, and what they are called; longer signs are looked for first.
COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
_CONDITION: Final = re.compile(
    rf"(?P<name>{re.escape(OWN)}.*?|\w+)\s*(?P<sign>{'|'.join(COMPARISONS)})\s*(?P<value>.*)",
    re.DOTALL,
)
_COLUMNS: Final[Mapping[str, tuple[str, Column]]] = {
    column.name: (name, column) for name, columns in ATTRIBUTES.items() for column in columns
}

#: How a value is read, and what is expected of it.
_READ: Final[Mapping[Kind, tuple[Callable[[str], str | float], str]]] = {
    Kind.NUMBER: (float, "a number"),
    Kind.DATE: (lambda text: str(date.fromisoformat(text)), "a day such as 2026-11-21"),
    Kind.STATUS: (
        lambda text: Status(text).value,
        "one of " + ", ".join(status.value for status in STATUSES),
    ),
}


class BadCondition(StoreError):
    """A condition cannot be read; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Condition:
    """``column`` of a row compares so with ``value``; ``attribute`` is what must be told for it.

    What is not known (None) equals only the empty value, and is neither more nor less than any.
    """

    attribute: str
    column: str
    sign: str
    value: str | float | None

    def holds(self, row: Row) -> bool:
        """Whether it is so of the member in this row."""
        found = row[self.column]
        if self.sign in {"=", "!="}:
            return COMPARISONS[self.sign](found, self.value)
        if found is None or self.value is None:
            return False
        return COMPARISONS[self.sign](found, self.value)


def condition(text: str) -> Condition:
    """Read a condition: a column of what is told of members, a comparison, a value.

    Raises BadCondition, and NoSuchAttribute where nothing of this name is told.
    """
    found = _CONDITION.fullmatch(text.strip())
    if found is None:
        signs = ", ".join(COMPARISONS)
        raise BadCondition(f"{text!r} is no condition; expected NAME, one of {signs}, and a value")
    name, sign, value = found["name"], found["sign"], found["value"]
    if name.startswith(OWN) and len(name) > len(OWN):
        return Condition(name, name, sign, value or None)
    if name not in _COLUMNS:
        known = ", ".join(_COLUMNS)
        raise NoSuchAttribute(
            f"{name!r} is not told of members; expected one of {known}, or {OWN}KEY"
        )
    attribute, column = _COLUMNS[name]
    return Condition(attribute, name, sign, _value(column, value) if value else None)


def segment(rows: Iterable[Row], conditions: Sequence[Condition]) -> list[Row]:
    """The rows of which all conditions hold."""
    return [row for row in rows if all(one.holds(row) for one in conditions)]


def _value(column: Column, text: str) -> str | float:
    """The value as the column has it; days as ISO text, which is in their order."""
    if column.kind not in _READ:
        return text
    read, expected = _READ[column.kind]
    try:
        return read(text)
    except ValueError:
        raise BadCondition(f"{column.name} is {text!r}; expected {expected}") from None
