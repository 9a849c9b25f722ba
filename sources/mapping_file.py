"""Reading a mapping file: TOML in, words and rules out, every mistake named with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sources.parse import MAX_WORD, WORD
from sources.reader import SourceError
from sources.records import Direction

Key = tuple[str, ...]
_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong in a mapping file: the key (``votes.2.verb``), its line if known, and why."""

    key: str
    line: int | None
    message: str

    def __str__(self) -> str:
        place = f"line {self.line}, " if self.line is not None else ""
        return f"{place}{self.key}: {self.message}"


class MappingError(SourceError):
    """A mapping file is not usable; ``mistakes`` lists everything found in it."""

    def __init__(self, name: str, mistakes: tuple[Mistake, ...]) -> None:
        self.name = name
        self.mistakes = mistakes
        super().__init__("\n".join(f"{name}: {mistake}" for mistake in mistakes))


@dataclass(frozen=True, slots=True)
class Rule:
    """What rows of one kind become: a post type or verb in a venue; or they are skipped.

    ``skip`` is the reason, as a word; then ``venue`` and ``word`` are empty. ``asker``: the actor
    is the author of the question, not whoever the row names.
    """

    venue: str = ""
    word: str = ""
    skip: str | None = None
    asker: bool = False


@dataclass(frozen=True, slots=True)
class CounterRule:
    """Which column is a member's total of which verb.

    ``required``: input without the column is refused. The columns of the shipped mappings are not:
    an export may be older, or trimmed.
    """

    column: str
    venue: str
    verb: str
    direction: Direction
    required: bool = False


def shipped_text(format: str) -> str:
    """The shipped mapping file of a format, to be copied and edited."""
    return (resources.files("sources") / "mappings" / f"{format}.toml").read_text("utf-8")


class Load(Protocol[_T_co]):
    """Gives the mapping of a format: the shipped one, or the file at ``path``."""

    def __call__(self, path: Path | None = None) -> _T_co:
        """The mapping.

        Raises MappingError with every mistake in the file, SourceError where it is no TOML.
        """
        ...


def loads(format: str, read: Callable[[Checker], _T]) -> Load[_T]:
    """What loads the mapping of a format, of which ``read`` understands the tables."""
    return lambda path=None: _load(format, path, read)


def _load(format: str, path: Path | None, read: Callable[[Checker], _T]) -> _T:
    name = f"the shipped mapping of {format}" if path is None else str(path)
    try:
        text = shipped_text(format) if path is None else path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SourceError(f"{name}: cannot be read ({error}); expected a mapping file") from error
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{name}: is not UTF-8 text ({error}); expected a mapping file"
        ) from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SourceError(f"{name}: is not TOML: {error}") from error
    checker = Checker(data, _lines(text), own=path is not None)
    if data.get("format") != format:
        checker.wrong(("format",), f"is {data.get('format')!r}; expected {format!r}")
    mapping = read(checker)
    if checker.mistakes:
        raise MappingError(name, tuple(checker.mistakes))
    return mapping


_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]")
_ASSIGNMENT = re.compile(r"\s*([A-Za-z0-9_.\"'-]+(?:\s*\.\s*[A-Za-z0-9_\"'-]+)*)\s*=")


def _lines(text: str) -> dict[Key, int]:
    """The line of each key; good enough for the files people write, and only used in messages."""
    found: dict[Key, int] = {}
    table: Key = ()
    seen: dict[Key, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _split(header[2])
            if header[1] == "[[":
                seen[table] = seen.get(table, -1) + 1
                table = (*table, str(seen[table]))
            found.setdefault(table, number)
        elif assignment := _ASSIGNMENT.match(line):
            found.setdefault((*table, *_split(assignment[1])), number)
    return found


def _split(dotted: str) -> Key:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


class Checker:
    """Reads values out of a mapping file and gathers every mistake with its place.

    ``own``: it is somebody's own file and not the shipped one.
    """

    def __init__(self, data: dict[str, Any], lines: Mapping[Key, int], *, own: bool) -> None:
        self.data = data
        self._own = own
        self.mistakes: list[Mistake] = []
        self._lines = lines

    def wrong(self, key: Key, message: str) -> None:
        """Note a mistake at the key, with the nearest line that is known."""
        line = next(
            (self._lines[key[:end]] for end in range(len(key), 0, -1) if key[:end] in self._lines),
            None,
        )
        self.mistakes.append(Mistake(".".join(key), line, message))

    def only(self, table: Mapping[str, Any], key: Key, known: tuple[str, ...]) -> None:
        """Note every key of a table that means nothing there."""
        for name in table:
            if name not in known:
                self.wrong((*key, name), f"is not known here; expected one of {', '.join(known)}")

    def table(self, value: object, key: Key, *, required: bool = True) -> dict[str, Any]:
        """The value if it is a table; else a mistake, and an empty one."""
        if value is None and not required:
            return {}
        if isinstance(value, dict):
            return value
        self.wrong(key, "is missing" if value is None else f"is {value!r}; expected a table")
        return {}

    def word(self, table: Mapping[str, Any], key: Key, name: str) -> str:
        """A venue, type or verb; else a mistake, and an empty one."""
        value = table.get(name)
        if value is None:
            self.wrong((*key, name), "is missing")
        elif not isinstance(value, str) or len(value) > MAX_WORD or not WORD.fullmatch(value):
            self.wrong(
                (*key, name),
                f"is {value!r}; expected lower-case letters, digits and '_', starting with a "
                f"letter, at most {MAX_WORD} of them",
            )
        else:
            return value
        return ""

    def words(
        self, value: object, key: Key, names: tuple[str, ...], *, also: tuple[str, ...] = ()
    ) -> dict[str, str]:
        """The word for each of these names in a table; or for ``skip``, which then stands alone.

        ``also`` may stand beside the names, to be read by the caller.
        """
        before = len(self.mistakes)
        table = self.table(value, key)
        if len(self.mistakes) > before:
            return {}
        if "skip" in table:
            self.only(table, key, ("skip",))
            return {"skip": self.word(table, key, "skip")}
        self.only(table, key, (*names, "skip", *also))
        return {name: self.word(table, key, name) for name in names}

    def rule(self, value: object, key: Key, word: str, *, actor: bool = False) -> Rule:
        """What rows of one kind become: ``{venue, <word>}``, or ``{skip}``."""
        words = self.words(value, key, ("venue", word), also=("actor",) if actor else ())
        who = value.get("actor", "voter") if actor and isinstance(value, dict) else "voter"
        if who not in ("voter", "asker"):
            self.wrong((*key, "actor"), f"is {who!r}; expected 'voter' or 'asker'")
        return Rule(
            venue=words.get("venue", ""),
            word=words.get(word, ""),
            skip=words.get("skip"),
            asker=who == "asker",
        )

    def rules(self, name: str, word: str, *, actor: bool = False) -> dict[str, Rule]:
        """A table of rules by the type numbers of a dump."""
        found = {}
        for number, value in self.table(self.data.get(name), (name,)).items():
            if not number.isdecimal():
                self.wrong((name, number), "is not a type number; expected digits such as 2")
            found[number] = self.rule(value, (name, number), word, actor=actor)
        return found

    def named_rules(self, name: str, word: str, names: tuple[str, ...]) -> dict[str, Rule]:
        """A table with one rule for each of these names."""
        table = self.table(self.data.get(name), (name,))
        self.only(table, (name,), names)
        return {key: self.rule(table.get(key), (name, key), word) for key in names}

    def verbs(self, names: tuple[str, ...]) -> dict[str, str | None]:
        """Those of the verbs that the file names; None for one that is not wanted (false)."""
        table = self.table(self.data.get("verbs"), ("verbs",), required=False)
        self.only(table, ("verbs",), names)
        return {
            name: None if table[name] is False else self.word(table, ("verbs",), name)
            for name in names
            if name in table
        }

    def counters(self) -> tuple[CounterRule, ...]:
        """The list of columns that are totals of a member."""
        values = self.data.get("counters", [])
        if not isinstance(values, list):
            self.wrong(("counters",), "is not a list; write each as a [[counters]] table")
            return ()
        found = []
        for position, value in enumerate(values):
            key = ("counters", str(position))
            table = self.table(value, key)
            self.only(table, key, ("column", "venue", "verb", "direction"))
            column = table.get("column")
            if not isinstance(column, str) or not column.strip():
                self.wrong((*key, "column"), f"is {column!r}; expected the name of a column")
            direction = table.get("direction")
            if direction not in tuple(Direction):
                self.wrong((*key, "direction"), f"is {direction!r}; expected 'given' or 'received'")
                direction = Direction.GIVEN
            venue, verb = self.word(table, key, "venue"), self.word(table, key, "verb")
            found.append(
                CounterRule(str(column).strip(), venue, verb, Direction(direction), self._own)
            )
        self._once(found)
        return tuple(found)

    def _once(self, counters: list[CounterRule]) -> None:
        first: dict[tuple[str, str, Direction], str] = {}
        for position, rule in enumerate(counters):
            other = first.setdefault((rule.venue, rule.verb, rule.direction), rule.column)
            if other != rule.column:
                self.wrong(
                    ("counters", str(position)),
                    f"{rule.column} and {other} give the same total; each venue, verb and "
                    "direction may have one column",
                )
