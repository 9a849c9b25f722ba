"""Files of rules and of scenarios: a text becomes what it means, or the list of its mistakes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeVar

from engagement.toml_lines import Path, lines_of
from engagement.toml_values import Found

Meaning = TypeVar("Meaning")

#: The default rule set has some 70,000 characters; beyond this a text is no file of ours.
MAX_CHARACTERS: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in a file, and what would be right.

    ``place`` is the table path, such as ``actions[17].points`` (counted from 0) or ``""`` for the
    file as a whole; ``line`` counts from 1 and is that of the nearest enclosing thing when what is
    wrong is that a key is absent.
    """

    place: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.place + ' ' if self.place else ''}{self.message}"


class Mistakes(Exception):
    """A text is not what it should be; ``mistakes`` holds all of it, in the order of the file."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        super().__init__(mistakes)
        self.mistakes = mistakes

    def __str__(self) -> str:
        return "\n".join(str(mistake) for mistake in self.mistakes)


def read(
    text: str, meaning: Callable[[Mapping[str, Any]], Meaning | Found], refusal: type[Mistakes]
) -> Meaning:
    """What ``meaning`` makes of the document in ``text``.

    Raises ``refusal``, and nothing else, with every mistake in it. A text that is not even TOML has
    one mistake, since nothing after it can be trusted.
    """
    found = meaning(_parse(text, refusal))
    if not isinstance(found, list):
        return found
    raise refusal(located(text, found))


def located(text: str, found: Found) -> tuple[Mistake, ...]:
    """What is wrong in the document in ``text``, with the lines, in the order of the file."""
    lines = lines_of(text)
    mistakes = [Mistake(_place(path), _line(path, lines), message) for path, message in found]
    return tuple(sorted(mistakes, key=lambda mistake: mistake.line))


def _parse(text: str, refusal: type[Mistakes]) -> dict[str, Any]:
    if len(text) > MAX_CHARACTERS:
        raise refusal((Mistake("", 1, f"is longer than {MAX_CHARACTERS} characters"),))
    try:
        return tomllib.loads(text, parse_float=_decimal)
    except RecursionError:
        raise refusal((Mistake("", 1, "is nested too deep to be such a file"),)) from None
    except ValueError as error:  # TOMLDecodeError, and numbers of more than 4,300 digits
        told = re.search(r" \(at line (\d+), column \d+\)", str(error))
        line = int(told[1]) if told else text.count("\n") + 1
        if not told and "end of document" not in str(error):
            line = 1
        raise refusal((Mistake("", line, f"is not TOML: {error}"),)) from None


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond what a Decimal can hold
        return Decimal("nan")


def _place(path: Path) -> str:
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            bare = re.fullmatch(r"[A-Za-z0-9_-]{1,80}", part)
            text += ("." if text else "") + (part if bare else ascii(part)[:80])
    return text


def _line(path: Path, lines: Mapping[Path, int]) -> int:
    for size in range(len(path), 0, -1):
        if path[:size] in lines:
            return lines[path[:size]]
    return 1
