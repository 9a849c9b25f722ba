"""The likes of a note blog: who liked its articles, and whose articles its owner liked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from sources.bundle import Bundle
from sources.csvtables import CsvTables
from sources.mapping_file import Checker, Rule, loads
from sources.parse import show
from sources.reader import BaseReader, Item, Place, Read
from sources.records import ActionRecord, PostRecord, Record

_EXPECTED: Final = (
    "a folder or zip with the tables of a note blog: likes.csv, my_likes.csv or both, and "
    "article_categories.csv for the titles"
)
_ARTICLES: Final = "article_categories"
_TOTALS: Final = "daily_summary"
_COLUMNS: Final = {
    "likes": ("note_key", "like_user_id", "liked_at"),
    "my_likes": ("liked_at", "note_key", "author", "article_title"),
    _ARTICLES: ("title", "published_date", "key"),
    _TOTALS: ("date",),
}
_LOOKS: Final = {
    "note_key": "n[0-9a-z]{8,20}",
    "like_user_id": '[^,"\\s]{1,80}',
    "liked_at": r"\d{4}-\d\d-\d\dT[0-9:.+-]{8,20}",
    "article_number": r"\w{1,20}",
    "category": r"\w{1,20}",
    "date": r"\d{4}-\d\d-\d\d",
}
#: A published date is a day where note is: in Japan.
_MIDNIGHT: Final = "T00:00:00+09:00"


@dataclass(frozen=True, slots=True)
class NoteMapping:
    """Whose blog it is, and what its articles and likes are, and those of others that it likes."""

    owner: str
    role: str
    articles: Rule
    likes: Rule
    liked_articles: Rule
    my_likes: Rule


def _mapping(checker: Checker) -> NoteMapping:
    data = checker.data
    names = ("owner", "articles", "likes", "liked_articles", "my_likes")
    checker.only(data, (), ("format", *names))
    owner = checker.table(data.get("owner"), ("owner",))
    checker.only(owner, ("owner",), ("id", "role"))
    member = owner.get("id")
    if not isinstance(member, str) or not member.strip():
        checker.wrong(("owner", "id"), f"is {member!r}; expected the owner's id as a string")
    role = owner.get("role")
    if role not in ("member", "staff", "bot"):
        checker.wrong(("owner", "role"), f"is {role!r}; expected 'staff', 'member' or 'bot'")
    return NoteMapping(
        owner=str(member),
        role=str(role),
        articles=checker.rule(data.get("articles"), ("articles",), "type"),
        likes=checker.rule(data.get("likes"), ("likes",), "verb"),
        liked_articles=checker.rule(data.get("liked_articles"), ("liked_articles",), "type"),
        my_likes=checker.rule(data.get("my_likes"), ("my_likes",), "verb"),
    )


load_note_likes = loads("note-likes", _mapping)


_Tell = Callable[[Place, Mapping[str, str]], Iterator[Item | Read]]


class NoteLikesReader(BaseReader):
    """The owner, their articles, the likes of these; then the articles they liked, and those likes.

    An article that is liked but not listed is a post without a title, written no later than it
    was first liked; so are, with a title, those listed without a day and all articles of others.
    Everything is read twice, to learn these times; memory grows by some 200 bytes an article.
    """

    format = "note-likes"

    def __init__(self, path: Path, mapping: NoteMapping, *, source: str, now: datetime) -> None:
        bundle = Bundle(path, _EXPECTED)
        self._tables = CsvTables(bundle, _COLUMNS, required=(), looks=_LOOKS)
        if not {"likes", "my_likes"} & set(self._tables.names):
            raise bundle.broken("holds neither likes.csv nor my_likes.csv")
        self._mapping = mapping
        super().__init__(source=source, now=now, settings=(mapping,))

    def _begin(self) -> None:
        super()._begin()
        self._listed: set[str] = set()
        self._undated: dict[str, str] = {}
        self._first_liked: dict[str, str] = {}
        self._told: set[str] = set()
        self._likers: set[str] = set()
        self._liked_authors: set[str] = set()
        self._checks.update(articles=0, articles_without_title=0, likes_received=0, likes_given=0)

    @property
    def checks(self) -> Mapping[str, int]:
        """``both_directions`` is how many like the owner's articles and are liked by the owner."""
        return {
            **self._checks,
            "likers": len(self._likers),
            "authors_liked": len(self._liked_authors),
            "both_directions": len(self._likers & self._liked_authors),
        }

    def _items(self) -> Iterator[Item | Read]:
        self._survey()
        owner = self._mapping.owner
        value = self._record("member", id=owner, role=self._mapping.role)
        yield Item(Place("the mapping", "owner"), value)
        yield from self._each(_ARTICLES, self._article)
        for key, time in self._first_liked.items():
            yield from self._unlisted(key, time)
        yield from self._each("likes", self._like)
        yield from self._each("my_likes", self._my_like)
        for _, _row in self._tables.rows(_TOTALS):
            self._account(_TOTALS, "skipped_totals_of_the_blog")
            self.done += 1

    def _survey(self) -> None:
        total = sum(1 for _ in self._tables.rows(_TOTALS))
        for _, row in self._tables.rows(_ARTICLES):
            total += 1
            if not isinstance(row, str) and _is_day(row["published_date"].strip()):
                self._listed.add(row["key"].strip())
            elif not isinstance(row, str):
                self._undated.setdefault(row["key"].strip(), row["title"])
        for _, row in self._tables.rows("likes"):
            total += 1
            if isinstance(row, str):
                continue
            key, time = row["note_key"].strip(), row["liked_at"].strip()
            if key and key not in self._listed and _is_time(time):
                first = self._first_liked.get(key)
                if first is None or datetime.fromisoformat(time) < datetime.fromisoformat(first):
                    self._first_liked[key] = time
        total += sum(1 for _ in self._tables.rows("my_likes"))
        self.total = total

    def _each(self, table: str, tell: _Tell) -> Iterator[Item | Read]:
        """What ``tell`` makes of the rows of a table; those that are no row are refused here."""
        for place, row in self._tables.rows(table):
            if isinstance(row, str):
                yield self._refuse(place, "cells", row, table=table)
            else:
                yield from tell(place, {name: cell.strip() for name, cell in row.items()})
            self.done += 1

    def _skipped(self, rule: Rule, table: str) -> bool:
        if rule.skip is not None:
            self._account(table, f"skipped_{rule.skip}")
        return rule.skip is not None

    def _article(self, place: Place, row: Mapping[str, str]) -> Iterator[Item | Read]:
        rule, day = self._mapping.articles, row["published_date"]
        if self._skipped(rule, _ARTICLES):
            return
        if not _is_day(day):
            message = f"is {show(day)}; expected a day such as 2026-03-29"
            yield self._refuse(place, "not_a_day", message, table=_ARTICLES, field="published_date")
            return
        value = self._post(rule, row["key"], self._mapping.owner, f"{day}{_MIDNIGHT}", "day")
        value["title"] = self._title(row["title"])
        yield Item(place, value, _ARTICLES, rule.word)

    def _unlisted(self, key: str, time: str) -> Iterator[Item]:
        rule = self._mapping.articles
        if rule.skip is None:
            value = self._post(rule, key, self._mapping.owner, time, "unknown")
            value["title"] = self._title(self._undated.get(key))
            yield Item(Place("likes.csv", f"article {key[:40]}"), value)

    def _post(self, rule: Rule, key: str, author: str, time: str, known: str) -> dict[str, Any]:
        return self._record(
            "post",
            id=key,
            venue=rule.venue,
            type=rule.word,
            author=author,
            time=time,
            precision=known,
            root=key or None,
        )

    def _like(self, place: Place, row: Mapping[str, str]) -> Iterator[Item | Read]:
        yield from self._liking(
            place, row, "likes", self._mapping.likes, row["like_user_id"], self._mapping.owner
        )

    def _my_like(self, place: Place, row: Mapping[str, str]) -> Iterator[Item | Read]:
        key, rule = row["note_key"], self._mapping.liked_articles
        # One of the owner's own articles is told already, with what is known of it.
        own = key in self._listed or key in self._first_liked
        if rule.skip is None and not own and key not in self._told and _is_time(row["liked_at"]):
            self._told.add(key)
            value = self._post(rule, key, row["author"], row["liked_at"], "unknown")
            value["title"] = self._title(row["article_title"])
            yield Item(place, value)
        yield from self._liking(
            place, row, "my_likes", self._mapping.my_likes, self._mapping.owner, row["author"]
        )

    def _liking(
        self,
        place: Place,
        row: Mapping[str, str],
        table: str,
        rule: Rule,
        actor: str,
        target: str,
    ) -> Iterator[Item | Read]:
        if self._skipped(rule, table):
            return
        for column in _COLUMNS[table][:3]:
            if not row[column]:
                message = "is empty; expected the key of an article, an id, and a time"
                yield self._refuse(place, "missing", message, table=table, field=column)
                return
        if not _is_time(row["liked_at"]):
            message = (
                f"is {show(row['liked_at'])}; expected a time with a zone, such as "
                "2026-03-29T22:01:50.000+09:00"
            )
            yield self._refuse(place, "not_a_time", message, table=table, field="liked_at")
            return
        value = self._record(
            "action",
            id=f"like-{row['note_key']}-{actor}",
            venue=rule.venue,
            verb=rule.word,
            actor=actor,
            post=row["note_key"],
            target=target,
            time=row["liked_at"],
        )
        yield Item(place, value, table, rule.word)

    def _read(self, item: Item) -> Read:
        read = super()._read(item)
        match read.record:
            case ActionRecord(actor=actor) if item.table == "likes":
                self._checks["likes_received"] += 1
                self._likers.add(actor or "")
            case ActionRecord(target=target) if item.table == "my_likes":
                self._checks["likes_given"] += 1
                self._liked_authors.add(target or "")
        return read

    def _check(self, record: Record) -> None:
        if isinstance(record, PostRecord) and record.author == self._mapping.owner:
            self._checks["articles"] += 1
            self._checks["articles_without_title"] += record.title is None


def note_likes(path: Path, mapping: NoteMapping, *, source: str, now: datetime) -> NoteLikesReader:
    """Read the tables in the folder or zip at ``path``; raises SourceError if there are none."""
    return NoteLikesReader(path, mapping, source=source, now=now)


def _is_time(cell: str) -> bool:
    try:
        return datetime.fromisoformat(cell).tzinfo is not None
    except ValueError:
        return False


def _is_day(cell: str) -> bool:
    try:
        date.fromisoformat(cell)
    except ValueError:
        return False
    return len(cell) == len("2026-03-29")
