"""Mapping files: how the rows and categories of a foreign format become venues, types and verbs."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Final, TypeVar

from sources.parse import MAX_WORD, WORD
from sources.reader import SourceError
from sources.records import Direction

#: Columns of a user list with personal data that no record needs; they are not even read.
PERSONAL: Final = frozenset(
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
Key = tuple[str, ...]
_T = TypeVar("_T")


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


@dataclass(frozen=True, slots=True)
class StackExchangeMapping:
    """The rules of a dump's tables; ``posts``, ``votes``, ``links`` by the dump's type number."""

    posts: Mapping[str, Rule]
    comments: Rule
    votes: Mapping[str, Rule]
    badges: Rule
    links: Mapping[str, Rule]
    tags: Rule
    join: Rule | None
    counters: tuple[CounterRule, ...]


@dataclass(frozen=True, slots=True)
class CategoryRule:
    """What topics of one category become; ``skip`` is the reason not to import them."""

    venue: str = ""
    topic: str = ""
    reply: str = ""
    skip: str | None = None


@dataclass(frozen=True, slots=True)
class DiscourseMapping:
    """``categories`` by number (as text) or slug; a verb that is None is not imported."""

    default: CategoryRule
    categories: Mapping[str, CategoryRule] = field(default_factory=dict)
    like: str | None = "like"
    view: str | None = "view"
    best_answer: str | None = "best_answer"
    mention: str | None = "mention"
    quote: str | None = "quote"


@dataclass(frozen=True, slots=True)
class DiscourseUsersMapping:
    """Which columns of a user list are totals; ``seen`` makes the last visit an action."""

    counters: tuple[CounterRule, ...]
    seen: Rule | None = None


def load_stackexchange(path: Path | None = None) -> StackExchangeMapping:
    """The mapping of Stack Exchange dumps: the shipped one, or the file at ``path``.

    Raises MappingError with every mistake in the file.
    """
    return _load("stackexchange", path, _stackexchange)


def load_discourse(path: Path | None = None) -> DiscourseMapping:
    """The mapping of Discourse topics: the shipped one, or the file at ``path``.

    Raises MappingError with every mistake in the file.
    """
    return _load("discourse", path, _discourse)


def load_discourse_users(path: Path | None = None) -> DiscourseUsersMapping:
    """The mapping of Discourse user lists: the shipped one, or the file at ``path``.

    Raises MappingError with every mistake in the file.
    """
    return _load("discourse-users", path, _discourse_users)


def shipped_text(format: str) -> str:
    """The shipped mapping file of a format, to be copied and edited."""
    return (resources.files("sources") / "mappings" / f"{format}.toml").read_text("utf-8")


def _load(format: str, path: Path | None, read: Callable[[_Checker], _T]) -> _T:
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
    checker = _Checker(data, _lines(text), own=path is not None)
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


class _Checker:
    """Reads values out of a mapping file and gathers every mistake with its place.

    ``own``: it is somebody's own file and not the shipped one.
    """

    def __init__(self, data: dict[str, Any], lines: Mapping[Key, int], *, own: bool) -> None:
        self.data = data
        self._own = own
        self.mistakes: list[Mistake] = []
        self._lines = lines

    def wrong(self, key: Key, message: str) -> None:
        line = next(
            (self._lines[key[:end]] for end in range(len(key), 0, -1) if key[:end] in self._lines),
            None,
        )
        self.mistakes.append(Mistake(".".join(key), line, message))

    def only(self, table: Mapping[str, Any], key: Key, known: tuple[str, ...]) -> None:
        for name in table:
            if name not in known:
                self.wrong((*key, name), f"is not known here; expected one of {', '.join(known)}")

    def table(self, value: object, key: Key, *, required: bool = True) -> dict[str, Any]:
        if value is None and not required:
            return {}
        if isinstance(value, dict):
            return value
        self.wrong(key, "is missing" if value is None else f"is {value!r}; expected a table")
        return {}

    def word(self, table: Mapping[str, Any], key: Key, name: str) -> str:
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

    def rule(self, value: object, key: Key, word: str, *, actor: bool = False) -> Rule:
        before = len(self.mistakes)
        table = self.table(value, key)
        if len(self.mistakes) > before:
            return Rule()
        if "skip" in table:
            self.only(table, key, ("skip",))
            return Rule(skip=self.word(table, key, "skip"))
        self.only(
            table, key, ("venue", word, "skip", "actor") if actor else ("venue", word, "skip")
        )
        who = table.get("actor", "voter")
        if who not in ("voter", "asker"):
            self.wrong((*key, "actor"), f"is {who!r}; expected 'voter' or 'asker'")
        return Rule(
            venue=self.word(table, key, "venue"),
            word=self.word(table, key, word),
            asker=who == "asker",
        )

    def rules(self, name: str, word: str, *, actor: bool = False) -> dict[str, Rule]:
        found = {}
        for number, value in self.table(self.data.get(name), (name,)).items():
            if not number.isdecimal():
                self.wrong((name, number), "is not a type number; expected digits such as 2")
            found[number] = self.rule(value, (name, number), word, actor=actor)
        return found

    def counters(self) -> tuple[CounterRule, ...]:
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


def _stackexchange(checker: _Checker) -> StackExchangeMapping:
    data = checker.data
    known = ("format", "posts", "comments", "votes", "badges", "links", "tags", "join", "counters")
    checker.only(data, (), known)
    join = data.get("join")
    return StackExchangeMapping(
        posts=checker.rules("posts", "type"),
        comments=checker.rule(data.get("comments"), ("comments",), "type"),
        votes=checker.rules("votes", "verb", actor=True),
        badges=checker.rule(data.get("badges"), ("badges",), "verb"),
        links=checker.rules("links", "verb"),
        tags=_only_skip(checker),
        join=None if join is None else checker.rule(join, ("join",), "verb"),
        counters=checker.counters(),
    )


def _only_skip(checker: _Checker) -> Rule:
    table = checker.table(checker.data.get("tags"), ("tags",))
    checker.only(table, ("tags",), ("skip",))
    return Rule(skip=checker.word(table, ("tags",), "skip") if table else "")


def _category(checker: _Checker, value: object, key: Key) -> CategoryRule:
    before = len(checker.mistakes)
    table = checker.table(value, key)
    if len(checker.mistakes) > before:
        return CategoryRule()
    if "skip" in table:
        checker.only(table, key, ("skip",))
        return CategoryRule(skip=checker.word(table, key, "skip"))
    checker.only(table, key, ("venue", "topic", "reply", "skip"))
    return CategoryRule(
        venue=checker.word(table, key, "venue"),
        topic=checker.word(table, key, "topic"),
        reply=checker.word(table, key, "reply"),
    )


def _discourse(checker: _Checker) -> DiscourseMapping:
    data = checker.data
    checker.only(data, (), ("format", "default", "categories", "verbs"))
    names = ("like", "view", "best_answer", "mention", "quote")
    verbs = checker.table(data.get("verbs"), ("verbs",), required=False)
    checker.only(verbs, ("verbs",), names)
    chosen = {
        name: None if verbs[name] is False else checker.word(verbs, ("verbs",), name)
        for name in names
        if name in verbs
    }
    categories = checker.table(data.get("categories"), ("categories",), required=False)
    return DiscourseMapping(
        default=_category(checker, data.get("default"), ("default",)),
        categories={
            name: _category(checker, value, ("categories", name))
            for name, value in categories.items()
        },
        **chosen,
    )


def _discourse_users(checker: _Checker) -> DiscourseUsersMapping:
    checker.only(checker.data, (), ("format", "counters", "seen"))
    seen = checker.data.get("seen")
    counters = checker.counters()
    for position, rule in enumerate(counters):
        if rule.column.lower() in PERSONAL:
            checker.wrong(
                ("counters", str(position), "column"),
                f"is {rule.column!r}, which is personal and never read; expected a total",
            )
    return DiscourseUsersMapping(
        counters=counters,
        seen=None if seen is None else checker.rule(seen, ("seen",), "verb"),
    )
