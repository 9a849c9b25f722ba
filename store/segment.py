"""Segments: conditions on what a list tells of members, such as ``contribution>=6``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from math import isfinite
from typing import Any, Final

from engagement.words import STATUSES
from store.attributes import ATTRIBUTES, OWN, NoSuchAttribute
from store.db import StoreError
from store.reports.report import Kind, Row

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
#: The attribute that a column is of, and its kind.
_COLUMNS: Final[Mapping[str, tuple[str, Kind]]] = {
    column.name: (name, column.kind) for name, columns in ATTRIBUTES.items() for column in columns
}

#: Signs for which there need be no order, and what has one (None: what the site chose).
_EQUAL: Final = {"=", "!="}
_ORDERED: Final = {Kind.NUMBER, Kind.DATE, None}


class BadCondition(StoreError):
    """A condition cannot be read; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Condition:
    """``column`` of a row compares so with ``value``; ``attribute`` is what must be told for it.

    What is not known equals only the empty value (None), and is neither more nor less than any.
    """

    attribute: str
    column: str
    sign: str
    value: str | float | None

    def holds(self, row: Row) -> bool:
        """Whether it is so of the member in this row."""
        found = row[self.column]
        if found == "":
            found = None
        if isinstance(self.value, float) and isinstance(found, str):
            found = _number(found)
        if self.sign in _EQUAL:
            return COMPARISONS[self.sign](found, self.value)
        return found is not None and COMPARISONS[self.sign](found, self.value)


def condition(text: str) -> Condition:
    """Read a condition: a column of what is told of members, a comparison, a value.

    Raises BadCondition, and NoSuchAttribute where nothing of this name is told.
    """
    found = _CONDITION.fullmatch(text.strip())
    if found is None:
        raise BadCondition(
            f"{text!r} is no condition; expected NAME, one of {', '.join(COMPARISONS)}, and a value"
        )
    name, sign, value = found["name"], found["sign"], found["value"]
    attribute, kind = _told(name)
    if value.startswith(tuple("=<>!")):
        raise BadCondition(f"{text!r} has two signs; expected one of {', '.join(COMPARISONS)}")
    if sign not in _EQUAL and (not value or kind not in _ORDERED):
        raise BadCondition(
            f"{text!r} compares what has no order; expected = or != here"
            if value
            else f"{text!r} compares with nothing; expected a value"
        )
    return Condition(attribute, name, sign, _value(name, kind, value) if value else None)


def is_among(conditions: Sequence[Condition]) -> Callable[[Row], bool]:
    """Whether all conditions hold of the member in a row."""
    return lambda row: all(one.holds(row) for one in conditions)


def _told(name: str) -> tuple[str, Kind | None]:
    """The attribute that a column is of, and its kind (None: one that the site chose)."""
    if name.startswith(OWN) and len(name) > len(OWN):
        return name, None
    if name not in _COLUMNS:
        raise NoSuchAttribute(
            f"{name!r} is not told of members; expected one of {', '.join(_COLUMNS)}, or {OWN}KEY"
        )
    return _COLUMNS[name]


def _value(name: str, kind: Kind | None, text: str) -> str | float:
    """The value as the column has it; days as ISO text, which is in their order."""
    if kind is None:
        number = _number(text)
        return text if number is None else number
    if kind not in _READ:
        return text
    read, expected = _READ[kind]
    found = read(text)
    if found is None:
        raise BadCondition(f"{name} is {text!r}; expected {expected}")
    return found


def _number(text: str) -> float | None:
    with suppress(ValueError):
        number = float(text)
        return number if isfinite(number) else None
    return None


def _day(text: str) -> str | None:
    with suppress(ValueError):
        return str(date.fromisoformat(text))
    return None


def _status(text: str) -> str | None:
    return text if text in _WORDS else None


_WORDS: Final = [status.value for status in STATUSES]
#: How a value is read (None: it cannot be), and what is expected of it.
_READ: Final[Mapping[Kind, tuple[Callable[[str], str | float | None], str]]] = {
    Kind.NUMBER: (_number, "a number"),
    Kind.DATE: (_day, "a day such as 2026-11-21"),
    Kind.STATUS: (_status, "one of " + ", ".join(_WORDS)),
}
