"""Readers of single values and tables of a TOML file: rules and scenarios are read with them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from engagement.toml_lines import Path

_WORD = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*")
_BAD_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

#: Found mistakes: where, and what is wrong and would be right.
Found = list[tuple[Path, str]]


class Wrong(Exception):
    """A reader's refusal, with what would be right; caught by ``read_table``."""


@dataclass(frozen=True, slots=True)
class Key:
    """How a key's value is read, and whether the key must be there."""

    read: Callable[[Any], Any]
    required: bool = True


def show(value: object) -> str:
    """A value as the file has it, cut to a readable length, safe to print."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        text = str(value)
    elif isinstance(value, int) and abs(value) >= 10**18:
        text = "a number beyond 18 digits"  # str() of thousands of digits raises
    elif isinstance(value, dict):
        text = "a table"
    elif isinstance(value, list):
        text = "a list"
    else:
        text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint with the nearest known word, or all known words when none is near."""
    words = sorted(known)
    near = difflib.get_close_matches(word[:64], words, n=1)
    return f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(words)}"


def whole(least: int, most: int) -> Callable[[object], int]:
    """A reader of whole numbers from ``least`` to ``most``."""

    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise Wrong(f"is {show(value)}; expected a whole number from {least} to {most}")
        return value

    return read


def percent_of_ratio(value: object) -> int:
    """A decimal such as 0.9 as whole percents, exactly: 0.905 is refused, not rounded."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 1:
        value = Decimal(value)
    if isinstance(value, Decimal) and value.is_finite() and 0 < value <= 1:
        percent = int(value * 100)
        if percent and Decimal(percent) / 100 == value:
            return percent
    raise Wrong(
        f"is {show(value)}; expected a decimal above 0 and up to 1 in whole percents, such as 0.9"
    )


def a_line(most: int, what: str) -> Callable[[object], str]:
    """A reader of one line of text with at most ``most`` characters, not blank."""

    def read(value: object) -> str:
        if not isinstance(value, str):
            raise Wrong(f"is {show(value)}; expected {what} in quotes")
        if not value.strip():
            raise Wrong(f"is empty; expected {what}")
        if len(value) > most:
            raise Wrong(f"has {len(value)} characters; at most {most} are allowed")
        if _BAD_LINE.search(value):
            raise Wrong(f"is {show(value)}; expected one line without control characters")
        return value

    return read


def a_word(value: object) -> str:
    """The name of a venue or a verb."""
    if not isinstance(value, str) or len(value) > 64 or not _WORD.fullmatch(value):
        raise Wrong(
            f"is {show(value)}; expected up to 64 lower-case letters, digits and '_', starting "
            'with a letter, such as "best_answer"'
        )
    return value


def choice(known: Mapping[str, Any]) -> Callable[[object], Any]:
    """A reader of one of the known words."""

    def read(value: object) -> Any:
        if not isinstance(value, str) or value not in known:
            hint = did_you_mean(value if isinstance(value, str) else "", known)
            raise Wrong(f"is {show(value)}; {hint}")
        return known[value]

    return read


def yes_no(value: object) -> bool:
    """A truth value: true or false, without quotes."""
    if not isinstance(value, bool):
        raise Wrong(f"is {show(value)}; expected true or false")
    return value


def anything(value: object) -> object:
    """What is read later, by a reader of its own."""
    return value


def read_table(value: object, path: Path, keys: Mapping[str, Key], found: Found) -> dict[str, Any]:
    """The keys of one table that could be read; absent and wrong ones are left out."""
    if not isinstance(value, Mapping):
        found.append((path, f"is {show(value)}; expected a table with {', '.join(keys)}"))
        return {}
    kept: dict[str, Any] = {}
    for name, key in keys.items():
        if name not in value:
            if key.required:
                found.append(((*path, name), "is missing; it is required"))
            continue
        try:
            kept[name] = key.read(value[name])
        except Wrong as wrong:
            found.append(((*path, name), str(wrong)))
    found.extend(
        ((*path, name), f"is not a key here; {did_you_mean(name, keys)}")
        for name in value
        if name not in keys
    )
    return kept
