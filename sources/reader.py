"""What all readers of foreign exports have in common: protocol, errors, bookkeeping."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from sources.parse import (
    BAD_LINE,
    BAD_TEXT,
    MAX_NAME,
    MAX_TEXT_BYTES,
    MAX_TITLE,
    Fault,
    parse,
)
from sources.records import Record

#: Outcomes of the rows of a table that are told apart; a damaged file has as many as it has rows.
MOST_OUTCOMES: Final = 200


class SourceError(Exception):
    """The input cannot be read as the format it was said to be; the message says what was expected.

    Raised on opening for what is missing or of the wrong kind, and while reading for what breaks
    off. A single bad row is never an error: it becomes a ``Read`` with faults.
    """


class NotJson(ValueError):
    """A file that is not read as JSON: the message says why, ``code`` in a word.

    ``beginning`` is how it begins, where that may help to find it.
    """

    def __init__(self, code: str, message: str, beginning: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.beginning = beginning


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was read: a file's name and the row in it, in words (``line 12``)."""

    file: str
    row: str

    def __str__(self) -> str:
        return f"{self.file}, {self.row}"


@dataclass(frozen=True, slots=True)
class Read:
    """One record as read, or why it was refused.

    Exactly one of ``record`` and ``faults`` is set. ``value`` is the canonical mapping that was
    checked, or the beginning of the line as text where there was no mapping. ``size`` is about how
    many bytes of the input it holds.
    """

    place: Place
    value: Mapping[str, Any] | str
    record: Record | None = None
    faults: tuple[Fault, ...] = ()
    size: int = 0


class Reader(Protocol):
    """A foreign export as a stream of canonical records.

    The order of ``records`` is the same every time for the same input, so an interrupted import may
    pass over the first ``skip`` of them (rejected ones included), or simply start again. The
    other properties speak of the latest run of ``records`` and are complete when it is exhausted.
    """

    @property
    def format(self) -> str:
        """The format's name, as ``open_source`` takes it."""

    def records(self, *, skip: int = 0) -> Iterator[Read]:
        """Read everything from the start, leaving out the first ``skip`` items.

        Raises SourceError where the input breaks off.
        """

    @property
    def rows(self) -> Mapping[str, Mapping[str, int]]:
        """For each table of the input what became of its rows: ``{table: {outcome: rows}}``.

        The outcomes of a table add up to its rows. An outcome is what a row was read as, or
        ``rejected``, or begins with ``skipped_`` or ``unmapped_``.
        """

    @property
    def checks(self) -> Mapping[str, int]:
        """Sums over the records read, by which an import is compared with its source."""

    @property
    def repairs(self) -> Mapping[str, int]:
        """What was changed or left out for a row to be recorded at all: ``{repair: times}``."""

    @property
    def total(self) -> int | None:
        """How much there is to read, in a unit of the reader's own; None while it is unknown."""

    @property
    def done(self) -> int:
        """How much of ``total`` has been read."""


@dataclass(frozen=True, slots=True)
class Item:
    """One canonical mapping on its way to ``parse``.

    ``table`` and ``outcome`` say which row of the input this accounts for; a row that gives
    several records is accounted for by one of them. ``size`` is about how many bytes it holds; if
    not given, those of its texts.
    """

    place: Place
    value: Mapping[str, Any]
    table: str | None = None
    outcome: str = ""
    size: int | None = None


class BaseReader(ABC):
    """The bookkeeping of a reader; a format fills in ``_items`` and, if it has sums, ``_check``.

    ``source`` is the community whose records these are, where they do not say so themselves.
    """

    format: str

    def __init__(
        self, *, source: str | None = None, now: datetime, settings: tuple[object, ...]
    ) -> None:
        self._source = source
        self._now = now
        self._settings = (source, *settings)
        self._begin()

    def _begin(self) -> None:
        self._rows: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._checks: Counter[str] = Counter()
        self._repairs: Counter[str] = Counter()
        self.total: int | None = None
        self.done = 0

    @property
    def settings(self) -> str:
        """What besides the input decides about the records, such as the mapping, as one text."""
        return repr(self._settings)

    @property
    def rows(self) -> Mapping[str, Mapping[str, int]]:
        """See Reader."""
        return {table: dict(outcomes) for table, outcomes in self._rows.items()}

    @property
    def checks(self) -> Mapping[str, int]:
        """See Reader."""
        return dict(self._checks)

    @property
    def repairs(self) -> Mapping[str, int]:
        """See Reader."""
        return dict(self._repairs)

    def records(self, *, skip: int = 0) -> Iterator[Read]:
        """See Reader."""
        self._begin()
        for position, item in enumerate(self._items()):
            read = item if isinstance(item, Read) else self._read(item)
            if position >= skip:
                yield read

    @abstractmethod
    def _items(self) -> Iterator[Item | Read]:
        """Canonical mappings in the order of recording; a Read for what has no mapping."""

    def _check(self, record: Record) -> None:  # noqa: B027 (a format without sums has none)
        """Add an accepted record to the sums of ``checks``."""

    def _account(self, table: str, outcome: str) -> None:
        """Say what a row of the input became; where all differ, only the first are told apart."""
        outcomes = self._rows[table]
        if outcome not in outcomes and len(outcomes) >= MOST_OUTCOMES:
            outcome = "unmapped_others"
        outcomes[outcome] += 1

    def _read(self, item: Item) -> Read:
        result = parse(item.value, now=self._now)
        size = item.size
        if size is None:
            size = sum(len(text) for text in item.value.values() if isinstance(text, str))
        refused = isinstance(result, list)
        if item.table is not None:
            self._account(item.table, "rejected" if refused else item.outcome)
        if isinstance(result, list):
            return Read(item.place, item.value, faults=tuple(result), size=size)
        self._check(result)
        return Read(item.place, item.value, record=result, size=size)

    def _record(self, kind: str, **values: Any) -> dict[str, Any]:
        """A canonical mapping of the community."""
        return {"kind": kind, "source": self._source, **values}

    def _refuse(
        self,
        place: Place,
        code: str,
        message: str,
        *,
        table: str,
        value: Mapping[str, Any] | str = "",
        field: str = "",
    ) -> Read:
        self._account(table, "rejected")
        return Read(place, value, faults=(Fault(field, code, message),), size=len(value))

    def _refuse_file(self, name: str, error: NotJson) -> Read:
        place = Place(name, "the whole file")
        return self._refuse(place, error.code, str(error), table="files", value=error.beginning)

    def _text(self, value: object) -> object:
        """A text that can be recorded: without control characters, cut at the limit."""
        if not isinstance(value, str):
            return value
        value = self._strip(value, BAD_TEXT, "")
        if len(value) * 4 > MAX_TEXT_BYTES and len(encoded := value.encode()) > MAX_TEXT_BYTES:
            self._repairs["texts_cut"] += 1
            return encoded[:MAX_TEXT_BYTES].decode(errors="ignore")
        return value

    def _title(self, value: object) -> object:
        return self._line(value, MAX_TITLE, "titles_cut")

    def _name(self, value: object) -> object:
        return self._line(value, MAX_NAME, "names_cut")

    def _line(self, value: object, limit: int, repair: str) -> object:
        if not isinstance(value, str):
            return value
        value = self._strip(value, BAD_LINE, " ")
        if len(value) > limit:
            self._repairs[repair] += 1
            value = value[:limit]
        return value if value.strip() else None

    # What parse refuses in a record of our own format: a foreign text is worth more without these
    # characters than not at all.
    def _strip(self, value: str, unwanted: re.Pattern[str], instead: str) -> str:
        if unwanted.search(value) is None:
            return value
        self._repairs["characters_stripped"] += 1
        return unwanted.sub(instead, value)
