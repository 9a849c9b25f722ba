"""The one gate to the canonical records.

``parse`` turns an untrusted mapping (a line of NDJSON, a GraphQL input, a row that a reader of a
foreign export has mapped) into a record, or into the faults that say which field is wrong, how, and
what would be right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import Any, Final
from zoneinfo import available_timezones

from sources.records import (
    ERASED,
    KINDS,
    WRITING,
    Direction,
    PostState,
    Precision,
    Record,
)

MAX_ID: Final = 255
MAX_WORD: Final = 64
MAX_NAME: Final = 255
MAX_TITLE: Final = 1_000
MAX_TEXT_BYTES: Final = 100_000
#: So many fields that no record has are named, the others counted.
_MOST_UNKNOWN: Final = 5
MAX_COUNT: Final = 1_000_000_000
MAX_ATTRIBUTES_BYTES: Final = 10_000
EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
#: How far ahead of our clock a source's clock may be.
MAX_AHEAD: Final = timedelta(days=1)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a record was refused: the field, what is wrong with it, and what would be right."""

    field: str
    code: str
    message: str


class _Refused(Exception):
    """A field's reader found a fault; never leaves this module."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message


#: In no text: control characters except tab, line feed and carriage return; and lone surrogates.
BAD_TEXT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
#: In no name or title: any control character or line break, and lone surrogates.
BAD_LINE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
#: What a word may be: a source, a venue, a verb.
WORD: Final = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*")
_A_WORD = "a word such as 'qa' or 'best_answer'"
_LANG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?P<zone>[Zz]|[+-]\d\d:?\d\d)?"
)


def show(value: object) -> str:
    """Any value as ASCII for a message, at most 60 characters of it."""
    try:
        text = ascii(value)
    except (RecursionError, ValueError):
        # Nested too deep, or a number of thousands of digits.
        text = f"a {type(value).__name__} that is too deep or too long to show"
    return text if len(text) <= 60 else text[:57] + "…"


def _line(value: object, limit: int, what: str) -> str:
    if not isinstance(value, str):
        raise _Refused("not_a_string", f"is {show(value)}; expected {what} as a string")
    if not value.strip():
        raise _Refused("empty", f"is empty; expected {what}")
    if len(value) > limit:
        raise _Refused("too_long", f"has {len(value)} characters; at most {limit} are allowed")
    if BAD_LINE.search(value):
        raise _Refused(
            "bad_character",
            f"is {show(value)}: control characters, line breaks and lone surrogates are not "
            "allowed",
        )
    return value


def _id(value: object) -> str:
    text = _line(value, MAX_ID, "the id that the source uses")
    if text.startswith(ERASED):
        raise _Refused("reserved", f"begins with {ERASED!r}, by which ids of the erased are kept")
    return text


def _action_id(value: object) -> str:
    text = _id(value)
    if text.startswith(WRITING):
        raise _Refused(
            "reserved",
            f"begins with {WRITING!r}: such an action is what a post implies; send the post",
        )
    return text


def _name(value: object) -> str:
    return _line(value, MAX_NAME, "a name")


def _title(value: object) -> str:
    return _line(value, MAX_TITLE, "a title")


def _word(value: object) -> str:
    return _checked_word(value) if isinstance(value, str) else _line(value, MAX_WORD, _A_WORD)


# Sources, venues and verbs are few and stand in every record.
@lru_cache(maxsize=1_000)
def _checked_word(text: str) -> str:
    _line(text, MAX_WORD, _A_WORD)
    if not WORD.fullmatch(text):
        raise _Refused(
            "not_a_word",
            f"is {show(text)}; expected lower-case letters, digits and '_', starting with a "
            "letter, such as 'best_answer'",
        )
    return text


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _Refused("not_a_string", f"is {show(value)}; expected text as a string")
    if bad := BAD_TEXT.search(value):
        raise _Refused(
            "bad_character",
            f"holds the character {show(bad.group())} at position {bad.start()}: control "
            "characters other than tab and line breaks, and lone surrogates, are not allowed",
        )
    if len(value) * 4 > MAX_TEXT_BYTES and (size := len(value.encode())) > MAX_TEXT_BYTES:
        raise _Refused("too_long", f"has {size} bytes; at most {MAX_TEXT_BYTES} are allowed")
    return value


def _time(value: object) -> datetime:
    if isinstance(value, str):
        value = _parse_time(value)
    if not isinstance(value, datetime):
        raise _Refused(
            "not_a_time", f"is {show(value)}; expected RFC 3339 such as '2026-11-21T09:30:00Z'"
        )
    if value.tzinfo is None:
        raise _Refused(
            "zone_missing",
            f"is {value.isoformat()!r} without a zone; expected RFC 3339 with a zone such as "
            f"'{value.isoformat()}Z' or '{value.isoformat()}+09:00'",
        )
    try:
        moment = value.astimezone(UTC)
    except OverflowError:
        moment = None
    if moment is None or not EARLIEST <= moment < LATEST:
        raise _Refused(
            "absurd_time",
            f"is {value.isoformat()!r}; expected a time from {EARLIEST.year} to before "
            f"{LATEST.year}",
        )
    return moment


def _parse_time(text: str) -> datetime:
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise _Refused(
            "not_a_time", f"is {show(text)}; expected RFC 3339 such as '2026-11-21T09:30:00Z'"
        )
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise _Refused(
            "not_a_time", f"is {show(text)}: {error}; expected a real date and time"
        ) from None


def _day(value: object) -> date:
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            raise _Refused(
                "not_a_day", f"is {show(value)}; expected a day such as '2026-11-21'"
            ) from None
    if not isinstance(value, date) or isinstance(value, datetime):
        raise _Refused("not_a_day", f"is {show(value)}; expected a day such as '2026-11-21'")
    if not EARLIEST.date() <= value < LATEST.date():
        raise _Refused(
            "absurd_time",
            f"is {value.isoformat()}; expected a day from {EARLIEST.year} to before {LATEST.year}",
        )
    return value


def _whole(value: object, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Refused("not_a_number", f"is {show(value)}; expected a whole number")
    if not least <= value <= MAX_COUNT:
        raise _Refused(
            "out_of_range", f"is {show(value)}; expected a number from {least} to {MAX_COUNT}"
        )
    return value


def _count(value: object) -> int:
    return _whole(value, 1)


def _total(value: object) -> int:
    return _whole(value, 0)


@dataclass(frozen=True, slots=True)
class _OneOf:
    """Reads one of a few words; they can be asked for, to be published in the schema."""

    words: tuple[str, ...]

    def __call__(self, value: object) -> str:
        if not isinstance(value, str) or value not in self.words:
            raise _Refused(
                "not_allowed", f"is {show(value)}; expected one of {', '.join(self.words)}"
            )
        return value


def _one_of(*words: str) -> _OneOf:
    return _OneOf(words)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone(value: object) -> str:
    text = _line(value, MAX_WORD, "a time zone such as 'Asia/Tokyo'")
    if text not in _zones():
        raise _Refused("not_a_zone", f"is {show(text)}; expected an IANA zone such as 'Asia/Tokyo'")
    return text


def _lang(value: object) -> str:
    text = _line(value, 35, "a language tag such as 'ja'")
    if not _LANG.fullmatch(text):
        raise _Refused("not_a_language", f"is {show(text)}; expected a tag such as 'ja' or 'en-GB'")
    return text


_PRECISIONS: Mapping[str, Precision] = {p.name.lower(): p for p in Precision}


def _precision(value: object) -> Precision:
    return _PRECISIONS[_one_of(*_PRECISIONS)(value)]


def _state(value: object) -> PostState:
    return PostState(_one_of(*PostState)(value))


def _direction(value: object) -> Direction:
    return Direction(_one_of(*Direction)(value))


def _counts(value: object) -> Mapping[str, int]:
    if not isinstance(value, Mapping):
        raise _Refused("not_an_object", f"is {show(value)}; expected totals such as {{'like': 3}}")
    if len(value) > 50:
        raise _Refused("too_many", f"has {len(value)} entries; at most 50 are allowed")
    return {_word(verb): _total(total) for verb, total in value.items()}


def _attributes(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _Refused("not_an_object", f"is {show(value)}; expected an object")
    _plain_size(value, depth=0)
    return value


def _plain_size(value: object, *, depth: int) -> int:
    if depth > 5:
        raise _Refused("too_deep", "is nested deeper than 5 levels")
    if value is None or isinstance(value, (bool, int, float)):
        if isinstance(value, float) and not -1e300 < value < 1e300:
            raise _Refused("out_of_range", "holds a number that is not finite")
        if isinstance(value, int) and abs(value) > 2**63:
            raise _Refused("out_of_range", "holds a number beyond 64 bits")
        return 8
    if isinstance(value, str):
        return len(_text(value).encode())
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise _Refused("not_an_object", "holds a key that is not a string")
        return _within(
            len(_text(key).encode()) + _plain_size(item, depth=depth + 1)
            for key, item in value.items()
        )
    if isinstance(value, (list, tuple)):
        return _within(_plain_size(item, depth=depth + 1) for item in value)
    raise _Refused("not_allowed", f"holds {show(value)}; expected JSON values")


def _within(sizes: Iterable[int]) -> int:
    """The size of a container; no more of it is looked at than fits."""
    total = len("[]")
    for size in sizes:
        total += size
        if total > MAX_ATTRIBUTES_BYTES:
            raise _Refused("too_long", f"has more than {MAX_ATTRIBUTES_BYTES} bytes")
    return total


_Reader = Callable[[object], Any]

#: For each kind: field -> (reader, required). The order is that in which faults are named.
FIELDS: Final[Mapping[str, Mapping[str, tuple[_Reader, bool]]]] = {
    "member": {
        "source": (_word, True),
        "id": (_id, True),
        "joined": (_time, False),
        "name": (_name, False),
        "role": (_one_of("member", "staff", "bot"), False),
        "state": (_one_of("active", "deleted"), False),
        "zone": (_zone, False),
        "lang": (_lang, False),
        "attributes": (_attributes, False),
    },
    "post": {
        "source": (_word, True),
        "id": (_id, True),
        "venue": (_word, True),
        "type": (_word, True),
        "time": (_time, True),
        "precision": (_precision, False),
        "author": (_id, False),
        "root": (_id, False),
        "parent": (_id, False),
        "title": (_title, False),
        "text": (_text, False),
        "format": (_one_of("plain", "markdown", "html"), False),
        "lang": (_lang, False),
        "state": (_state, False),
        "counts": (_counts, False),
    },
    "action": {
        "source": (_word, True),
        "id": (_action_id, True),
        "venue": (_word, True),
        "verb": (_word, True),
        "time": (_time, True),
        "precision": (_precision, False),
        "actor": (_id, False),
        "post": (_id, False),
        "target": (_id, False),
        "count": (_count, False),
    },
    "retraction": {
        "source": (_word, True),
        "id": (_id, True),
        "of": (_id, True),
        "time": (_time, True),
    },
    "counter": {
        "source": (_word, True),
        "member": (_id, True),
        "venue": (_word, True),
        "verb": (_word, True),
        "direction": (_direction, True),
        "as_of": (_time, True),
        "value": (_total, True),
    },
    "views": {
        "source": (_word, True),
        "post": (_id, True),
        "day": (_day, True),
        "count": (_total, True),
    },
}


def parse(value: object, *, now: datetime, kind: str | None = None) -> Record | list[Fault]:
    """Check one canonical record.

    ``kind`` is taken from the mapping's own ``kind`` when not given. ``now`` bounds times: nothing
    may lie more than MAX_AHEAD in the future. Returns the record, or every fault found (never
    both, never an exception, whatever ``value`` is).
    """
    if not isinstance(value, Mapping):
        return [Fault("", "not_an_object", f"the record is {show(value)}; expected an object")]
    if kind is None:
        kind = value.get("kind") if isinstance(value.get("kind"), str) else None
    if kind is None or kind not in KINDS:
        return [
            Fault(
                "kind",
                "not_allowed",
                f"is {show(value.get('kind'))}; expected one of {', '.join(KINDS)}",
            )
        ]
    fields = FIELDS[kind]
    faults: list[Fault] = []
    kept: dict[str, Any] = {}
    for name, (read, required) in fields.items():
        raw = value.get(name)
        if raw is None:
            if required:
                faults.append(Fault(name, "missing", "is missing; it is required"))
            continue
        try:
            kept[name] = read(raw)
        except _Refused as refused:
            faults.append(Fault(name, refused.code, refused.message))
    faults.extend(_unknown(kind, [n for n in value if n != "kind" and n not in fields]))
    if not faults:
        faults.extend(_across(kind, kept, now))
    return faults or KINDS[kind](**kept)


def _unknown(kind: str, names: Sequence[object]) -> Iterator[Fault]:
    for name in names[:_MOST_UNKNOWN]:
        yield Fault(show(name)[1:-1], "unknown_field", f"is not a field of a {kind}")
    if len(names) > _MOST_UNKNOWN:
        more = len(names) - _MOST_UNKNOWN
        yield Fault("", "unknown_field", f"the record has {more} more fields that no {kind} has")


def _across(kind: str, kept: Mapping[str, Any], now: datetime) -> list[Fault]:
    """Faults that no field shows alone."""
    faults = [
        Fault(
            name,
            "in_the_future",
            f"is {kept[name].isoformat()}, more than {MAX_AHEAD.days} day ahead of the clock "
            f"({now.isoformat(timespec='seconds')}); expected a time that has passed",
        )
        for name in ("joined", "time", "as_of")
        if name in kept and kept[name] > now + MAX_AHEAD
    ]
    if kind == "views" and kept["day"] > (now + MAX_AHEAD).date():
        faults.append(Fault("day", "in_the_future", f"is {kept['day']}; expected a day that began"))
    if kind == "action":
        if kept.get("actor") is None and kept.get("post") is None and kept.get("target") is None:
            faults.append(
                Fault("actor", "missing", "is missing, and so are post and target: expected one")
            )
        if kept.get("actor") is not None and kept.get("count", 1) != 1:
            faults.append(
                Fault(
                    "count",
                    "not_allowed",
                    "is allowed only for anonymous actions (no actor); send one action each",
                )
            )
    return faults
