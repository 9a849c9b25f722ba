"""The user list of a Discourse forum (Users -> Export) as members and their totals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sources.csvrows import split, text_lines
from sources.files import all_existing, streams
from sources.mapping_file import Checker, CounterRule, Rule, loads
from sources.reader import BaseReader, Item, Place, Read, SourceError

_EXPECTED: Final = "the CSV of a Discourse user list (Admin > Users > Export), or a zip of it"
#: Columns of a user list with personal data that no record needs; they are not even read.
_PERSONAL: Final = frozenset(
    {
        "email",
        "ip_address",
        "registration_ip_address",
        "secondary_emails",
        "name",
        "title",
        "location",
        "website",
        "external_email",
        "external_name",
        "external_username",
        "external_id",
        "external_avatar_url",
    }
)
#: The columns that are read besides those that the mapping counts.
_READ: Final = (
    "id",
    "username",
    "created_at",
    "last_seen_at",
    "admin",
    "moderator",
    "trust_level",
    "staged",
)
#: Times of what happened to a member: the list was exported no earlier than the newest of all.
_TIMES: Final = ("created_at", "last_seen_at", "last_posted_at", "last_emailed_at")
_LOOKS: Final = {"id": "-?[0-9]{1,18}"}
_RUBY_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,9})?) UTC")


@dataclass(frozen=True, slots=True)
class DiscourseUsersMapping:
    """Which columns of a user list are totals; ``seen`` makes the last visit an action."""

    counters: tuple[CounterRule, ...]
    seen: Rule | None = None


def _mapping(checker: Checker) -> DiscourseUsersMapping:
    checker.only(checker.data, (), ("format", "counters", "seen"))
    seen = checker.data.get("seen")
    counters = checker.counters()
    for position, rule in enumerate(counters):
        if rule.column.lower() in _PERSONAL:
            checker.wrong(
                ("counters", str(position), "column"),
                f"is {rule.column!r}, which is personal and never read; expected a total",
            )
    return DiscourseUsersMapping(
        counters=counters,
        seen=None if seen is None else checker.rule(seen, ("seen",), "verb"),
    )


load_discourse_users = loads("discourse-users", _mapping)


class DiscourseUsersReader(BaseReader):
    """Each row as a member and, by the mapping, a counter for each numeric column.

    ``as_of`` is when the list was exported; if not given, the newest time in it, since its totals
    were taken no earlier. Everything is read twice, to learn that time and to find a broken file
    before anything is recorded. Ids are Discourse's user ids, as in topics, so both
    imports speak of the same members.
    """

    format = "discourse-users"

    def __init__(
        self,
        paths: Sequence[Path],
        mapping: DiscourseUsersMapping,
        *,
        source: str,
        as_of: datetime | None,
        now: datetime,
    ) -> None:
        self._paths = all_existing(paths, _EXPECTED)
        self._mapping = mapping
        self._given_as_of = as_of
        super().__init__(source=source, now=now, settings=(mapping, as_of))

    def _begin(self) -> None:
        super()._begin()
        self._checks.update(members=0)
        self._checks.update({rule.column: 0 for rule in self._mapping.counters})

    def _items(self) -> Iterator[Item | Read]:
        self._survey()
        for place, header, cells in self._lists():
            if cells is not None and not any(cell.strip() for cell in cells):
                self._rows["users"]["skipped_empty"] += 1
            elif cells is None or len(cells) != len(header):
                yield self._odd(place, header, cells)
            else:
                yield from self._row(place, header, cells)
            self.done += 1

    def _survey(self) -> None:
        newest: datetime | None = None
        total = 0
        totals = {rule.column.lower() for rule in self._mapping.counters}
        counted = False
        for _, header, cells in self._lists():
            total += 1
            counted = counted or not totals.isdisjoint(header)
            if cells is None or len(cells) != len(header):
                continue
            for column, cell in zip(header, cells, strict=True):
                moment = _moment(cell) if column in _TIMES else None
                if moment is not None and moment <= self._now:
                    newest = moment if newest is None else max(newest, moment)
        self.total = total
        found = self._given_as_of or newest
        if found is None and counted:
            raise SourceError(
                f"{self._paths[0]}: has totals but no time in {', '.join(_TIMES)} to tell when "
                "they were taken; say when the list was exported (--as-of)"
            )
        self._as_of = found or self._now

    def _lists(self) -> Iterator[tuple[Place, list[str], list[str] | None]]:
        """The rows of all lists, each with its place and the names of the columns; see _split."""
        found = False
        for path in self._paths:
            for name, stream in streams(path, (".csv",), _EXPECTED):
                found = True
                yield from self._rows_of(name, text_lines(stream, name))
        if not found:
            raise SourceError(f"{self._paths[0]}: holds no .csv file; expected {_EXPECTED}")

    def _rows_of(
        self, name: str, text: Iterable[str]
    ) -> Iterator[tuple[Place, list[str], list[str] | None]]:
        rows = split(text, _LOOKS)
        _, first = next(rows, (1, None))
        header = [column.strip().lower() for column in first or ()]
        self._check_header(name, header)
        for line, cells in rows:
            yield Place(name, f"line {line}"), header, cells

    def _check_header(self, name: str, header: list[str]) -> None:
        missing = [column for column in ("id", "username") if column not in header]
        if missing:
            raise SourceError(
                f"{name}: has no column {' and no column '.join(missing)} in its first line; "
                f"expected {_EXPECTED}"
            )
        counters = self._mapping.counters
        for column in (*_READ, *(rule.column.lower() for rule in counters)):
            if header.count(column) > 1:
                raise SourceError(f"{name}: has the column {column} twice; expected it once")
        for rule in counters:
            if rule.required and rule.column.lower() not in header:
                known = ", ".join(column for column in header if column not in _PERSONAL)
                raise SourceError(
                    f"{name}: has no column {rule.column}, which the mapping names; expected one "
                    f"of {known}"
                )

    def _odd(self, place: Place, header: list[str], cells: list[str] | None) -> Read:
        # Never with the cells: which of them are addresses is just what cannot be told.
        wrong = "has a quotation mark too many or too few; expected one whole row"
        if cells is not None:
            wrong = f"has {len(cells)} cells; expected {len(header)}, as in the first line"
        return self._refuse(place, "cells", wrong, table="users")

    def _row(self, place: Place, header: list[str], cells: list[str]) -> Iterator[Item | Read]:
        row = {
            column: cell.strip()
            for column, cell in zip(header, cells, strict=True)
            if column not in _PERSONAL and cell.strip()
        }
        yield Item(place, self._member(row), "users", "member")
        if "id" not in row:
            return
        seen, rule = _time(row.get("last_seen_at")), self._mapping.seen
        if rule is not None and rule.skip is None and seen is not None:
            value = self._record(
                "action",
                id=f"seen-{row['id']}-{seen}",
                venue=rule.venue,
                verb=rule.word,
                actor=row["id"],
                time=seen,
            )
            yield Item(place, value)
        yield from self._counters(row, place)

    def _member(self, row: Mapping[str, str]) -> dict[str, Any]:
        number = row.get("id")
        flags = [row[flag] for flag in ("admin", "moderator") if flag in row]
        # Without these columns the list does not say who is staff, and must not take it back.
        role = None if not flags else "staff" if any(map(_true, flags)) else "member"
        attributes: dict[str, Any] = {}
        if (level := row.get("trust_level", "")).isdecimal():
            attributes["trust_level"] = int(level)
        if _true(row.get("staged", "")):
            attributes["staged"] = True
        return self._record(
            "member",
            id=number,
            joined=_time(row.get("created_at")),
            name=self._name(row.get("username")),
            role="bot" if (number or "").startswith("-") else role,
            attributes=attributes,
        )

    def _counters(self, row: Mapping[str, str], place: Place) -> Iterator[Item]:
        for rule in self._mapping.counters:
            total = row.get(rule.column.lower())
            if total is None:
                continue
            whole = re.fullmatch(r"([0-9]{1,18})(?:\.0+)?", total)
            value = self._record(
                "counter",
                member=row["id"],
                venue=rule.venue,
                verb=rule.verb,
                direction=rule.direction.value,
                as_of=self._as_of,
                value=int(whole[1]) if whole else total,
            )
            if whole:
                self._checks[rule.column] += int(whole[1])
            yield Item(place, value)

    def _read(self, item: Item) -> Read:
        read = super()._read(item)
        if read.record is not None and item.table is not None:
            self._checks["members"] += 1
        return read


def discourse_users(
    paths: Sequence[Path],
    mapping: DiscourseUsersMapping,
    *,
    source: str,
    as_of: datetime | None = None,
    now: datetime,
) -> DiscourseUsersReader:
    """Read user lists exported at ``as_of`` (default: their newest time).

    Raises SourceError for what is no such list.
    """
    return DiscourseUsersReader(paths, mapping, source=source, as_of=as_of, now=now)


def _true(cell: str) -> bool:
    return cell.lower() in ("true", "t", "1", "yes")


def _time(cell: str | None) -> str | None:
    """A time as Ruby prints it in RFC 3339; anything else unchanged, to be refused if wrong."""
    match = _RUBY_TIME.fullmatch(cell or "")
    return f"{match[1]}T{match[2]}Z" if match else cell


def _moment(cell: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(_time(cell.strip()) or "")
    except ValueError:
        return None
    return None if found.tzinfo is None else found
