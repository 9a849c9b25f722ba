"""Stack Exchange data dumps: a folder or zip of Users, Posts, Comments, Votes, Badges, … as XML."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sources.mapping_file import Checker, CounterRule, Rule, loads
from sources.reader import BaseReader, Item, Place, SourceError
from sources.records import ActionRecord, CounterRecord, Record
from sources.xmltables import TABLES, Row, XmlTables

#: The pseudo-member that keeps a Stack Exchange site tidy.
SYSTEM_USER: Final = "-1"

_DATES: Final = (
    "CreationDate",
    "LastAccessDate",
    "LastActivityDate",
    "LastEditDate",
    "ClosedDate",
    "CommunityOwnedDate",
    "Date",
)
_LOCAL: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?")
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}")


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


def _mapping(checker: Checker) -> StackExchangeMapping:
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


def _only_skip(checker: Checker) -> Rule:
    table = checker.table(checker.data.get("tags"), ("tags",))
    checker.only(table, ("tags",), ("skip",))
    return Rule(skip=checker.word(table, ("tags",), "skip") if table else "")


load_stackexchange = loads("stackexchange", _mapping)


class IdMap:
    """Whole number to whole number in about 8 bytes an entry, where the numbers run dense.

    A site with 60 million posts would need several gigabytes as a dict.
    """

    _PAGE: Final = 256
    _ABSENT: Final = -(2**63)

    def __init__(self) -> None:
        self._pages: dict[int, array[int]] = {}

    def __setitem__(self, key: int, value: int) -> None:
        number, offset = divmod(key, self._PAGE)
        page = self._pages.get(number)
        if page is None:
            page = self._pages[number] = array("q", [self._ABSENT]) * self._PAGE
        page[offset] = value

    def get(self, key: int | None) -> int | None:
        """The value, or None if there is none (or no key)."""
        if key is None:
            return None
        number, offset = divmod(key, self._PAGE)
        page = self._pages.get(number)
        value = self._ABSENT if page is None else page[offset]
        return None if value == self._ABSENT else value


class StackExchangeReader(BaseReader):
    """A dump as members, posts, actions and counters, in that order.

    Everything is read twice. The first pass learns who wrote which post, what answers what, and
    the newest time anywhere in the dump: the totals in ``Users`` were taken no earlier, so that
    time is their ``as_of``. It also finds broken files before anything is recorded. Memory grows
    by about 16 bytes a post, not with the texts.
    """

    format = "stackexchange"

    def __init__(
        self, path: Path, mapping: StackExchangeMapping, *, source: str, now: datetime
    ) -> None:
        self._tables = XmlTables(path)
        self._mapping = mapping
        super().__init__(source=source, now=now, settings=(mapping,))
        self._columns = {(rule.venue, rule.verb): rule.column for rule in mapping.counters}

    def _begin(self) -> None:
        super()._begin()
        self._owner = IdMap()
        self._parent = IdMap()
        self._accepted = IdMap()
        self._as_of = ""
        self._checks.update(
            given_up_votes=0, given_down_votes=0, accepted_answers=0, self_accepts=0
        )

    def _items(self) -> Iterator[Item]:
        self._survey()
        steps: dict[str, Callable[[Row, Place], Iterator[Item]]] = {
            "Users": self._member,
            "Posts": self._post,
            "Comments": self._comment,
            "Votes": self._vote,
            "Badges": self._badge,
            "PostLinks": self._link,
            "Tags": self._tag,
        }
        for table, read in steps.items():
            for row, place in self._tables.rows(table, self._repairs):
                yield from read(row, place)
                self.done += 1
        if "Votes" not in self._tables.names:
            yield from self._acceptances()
        for row, place in self._tables.rows("Users"):
            yield from self._counters(row, place)

    def _survey(self) -> None:
        total = 0
        columns: set[str] = set()
        latest = (self._now.astimezone(UTC).isoformat()).removesuffix("+00:00")
        for table in TABLES:
            for row, _ in self._tables.rows(table):
                total += 1
                if table == "Users":
                    columns.update(row)
                for name in _DATES:
                    date = row.get(name)
                    if date is not None and self._as_of < date <= latest and _LOCAL.fullmatch(date):
                        self._as_of = date
                if table == "Posts" and (number := _number(row.get("Id"))) is not None:
                    owner, parent = _number(row.get("OwnerUserId")), _number(row.get("ParentId"))
                    # A post without an owner is still a post of this dump; no member has id 0.
                    self._owner[number] = owner if owner is not None else 0
                    if parent is not None:
                        self._parent[number] = parent
        self.total = total
        self._check_columns(columns)

    def _check_columns(self, columns: AbstractSet[str]) -> None:
        for rule in self._mapping.counters:
            if columns and rule.required and rule.column not in columns:
                raise SourceError(
                    f"no row of the table Users has {rule.column}, which the mapping names; "
                    f"expected one of {', '.join(sorted(columns))}"
                )

    def _member(self, row: Row, place: Place) -> Iterator[Item]:
        number, joined = row.get("Id"), _utc(row.get("CreationDate"))
        value = self._record(
            "member",
            id=number,
            joined=joined,
            name=self._name(row.get("DisplayName")),
            # The dump does not say who is staff, and must not take it back.
            role="bot" if number == SYSTEM_USER else None,
            attributes=_numbers(row, {"reputation": "Reputation"}),
        )
        yield Item(place, value, "Users", "member")
        join = self._mapping.join
        if join is not None and join.skip is None and number is not None and joined is not None:
            yield Item(
                place,
                self._record(
                    "action",
                    id=f"join-{number}",
                    venue=join.venue,
                    verb=join.word,
                    actor=number,
                    time=joined,
                ),
            )

    def _counters(self, row: Row, place: Place) -> Iterator[Item]:
        as_of = _utc(self._as_of or None) or self._now
        for rule in self._mapping.counters:
            total = _number(row.get(rule.column))
            if total is not None and row.get("Id") is not None:
                yield Item(
                    place,
                    self._record(
                        "counter",
                        member=row.get("Id"),
                        venue=rule.venue,
                        verb=rule.verb,
                        direction=rule.direction.value,
                        as_of=as_of,
                        value=total,
                    ),
                )

    def _post(self, row: Row, place: Place) -> Iterator[Item]:
        rule = self._rule(self._mapping.posts, row.get("PostTypeId"), "Posts")
        if rule is None:
            return
        number = row.get("Id")
        parent = row.get("ParentId")
        value = self._record(
            "post",
            id=number,
            venue=rule.venue,
            type=rule.word,
            author=row.get("OwnerUserId"),
            time=_utc(row.get("CreationDate")),
            root=parent or number,
            parent=parent,
            title=self._title(row.get("Title")),
            text=self._text(row.get("Body")),
            format="html",
            state="visible",
            counts=_numbers(row, {"view": "ViewCount"}),
        )
        yield Item(place, value, "Posts", rule.word)

    def _comment(self, row: Row, place: Place) -> Iterator[Item]:
        rule = self._rule({"": self._mapping.comments}, "", "Comments")
        if rule is None:
            return
        post = row.get("PostId")
        question = self._parent.get(_number(post))
        value = self._record(
            "post",
            id=_prefixed("comment", row.get("Id")),
            venue=rule.venue,
            type=rule.word,
            author=row.get("UserId"),
            time=_utc(row.get("CreationDate")),
            root=post if question is None else str(question),
            parent=post,
            text=self._text(row.get("Text")),
            format="markdown",
        )
        yield Item(place, value, "Comments", rule.word)

    def _vote(self, row: Row, place: Place) -> Iterator[Item]:
        rule = self._rule(self._mapping.votes, row.get("VoteTypeId"), "Votes")
        if rule is None:
            return
        post = row.get("PostId")
        value = self._record(
            "action",
            id=self._acceptance_id(post) if rule.asker else _prefixed("vote", row.get("Id")),
            venue=rule.venue,
            verb=rule.word,
            actor=self._asker(post) if rule.asker else row.get("UserId"),
            post=post,
            target=self._author(post),
            time=_utc(row.get("CreationDate")),
            precision="day",
        )
        yield Item(place, value, "Votes", rule.word)

    def _acceptances(self) -> Iterator[Item]:
        """Accepted answers of a dump without votes: who and whom is known, when is not."""
        rule = next((r for r in self._mapping.votes.values() if r.asker and r.skip is None), None)
        if rule is None:
            return
        for row, place in self._tables.rows("Posts"):
            answer = row.get("AcceptedAnswerId")
            if answer is None:
                continue
            value = self._record(
                "action",
                id=self._acceptance_id(answer),
                venue=rule.venue,
                verb=rule.word,
                actor=row.get("OwnerUserId"),
                post=answer,
                target=self._author(answer),
                time=_utc(row.get("CreationDate")),
                precision="lower_bound",
            )
            yield Item(place, value)

    def _badge(self, row: Row, place: Place) -> Iterator[Item]:
        rule = self._rule({"": self._mapping.badges}, "", "Badges")
        if rule is None:
            return
        value = self._record(
            "action",
            id=_prefixed("badge", row.get("Id")),
            venue=rule.venue,
            verb=rule.word,
            actor=row.get("UserId"),
            time=_utc(row.get("Date")),
        )
        yield Item(place, value, "Badges", rule.word)

    def _link(self, row: Row, place: Place) -> Iterator[Item]:
        rule = self._rule(self._mapping.links, row.get("LinkTypeId"), "PostLinks")
        if rule is None:
            return
        post = row.get("RelatedPostId")
        value = self._record(
            "action",
            id=_prefixed("link", row.get("Id")),
            venue=rule.venue,
            verb=rule.word,
            post=post,
            target=self._author(post),
            time=_utc(row.get("CreationDate")),
        )
        yield Item(place, value, "PostLinks", rule.word)

    def _tag(self, _row: Row, _place: Place) -> Iterator[Item]:
        self._rule({"": self._mapping.tags}, "", "Tags")
        yield from ()

    def _rule(self, rules: Mapping[str, Rule], number: str | None, table: str) -> Rule | None:
        """The rule for a row; None, and the row accounted for, if it is not to be recorded."""
        rule = rules.get(number) if number is not None else None
        if rule is None:
            self._account(table, f"unmapped_{(number or 'without_type')[:20]}")
        elif rule.skip is not None:
            self._account(table, f"skipped_{rule.skip}")
        else:
            return rule
        return None

    def _author(self, post: str | None) -> str | None:
        owner = self._owner.get(_number(post))
        return str(owner) if owner else None

    def _asker(self, answer: str | None) -> str | None:
        question = self._parent.get(_number(answer))
        return None if question is None else self._author(str(question))

    def _acceptance_id(self, answer: str | None) -> str | None:
        # By the answer, not by the vote: with and without the table Votes it is the same act.
        return _prefixed("accept", answer)

    def _check(self, record: Record) -> None:
        match record:
            case CounterRecord():
                column = self._columns.get((record.venue, record.verb))
                if column in _CHECKED_COLUMNS:
                    self._checks[_CHECKED_COLUMNS[column]] += record.value
            case ActionRecord() if record.id.startswith("accept-"):
                answer = _number(record.post)
                # An acceptance of a post that is not in the dump, or met before, adds nothing.
                if answer is None or self._owner.get(answer) is None or self._accepted.get(answer):
                    return
                self._accepted[answer] = 1
                self._checks["accepted_answers"] += 1
                if record.actor is not None and record.actor == record.target:
                    self._checks["self_accepts"] += 1


_CHECKED_COLUMNS: Final[Mapping[str | None, str]] = {
    "UpVotes": "given_up_votes",
    "DownVotes": "given_down_votes",
}


def stackexchange(
    path: Path, mapping: StackExchangeMapping, *, source: str, now: datetime
) -> StackExchangeReader:
    """Read the dump in the folder or zip at ``path``; raises SourceError if it is not one."""
    return StackExchangeReader(path, mapping, source=source, now=now)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and _NUMBER.fullmatch(text) else None


def _utc(text: str | None) -> str | None:
    """A dump's time with the zone it does not write; anything else unchanged, to be refused."""
    return f"{text}Z" if text is not None and _LOCAL.fullmatch(text) else text


def _prefixed(prefix: str, number: str | None) -> str | None:
    return f"{prefix}-{number}" if number else None


def _numbers(row: Row, columns: Mapping[str, str]) -> dict[str, int]:
    found = {name: _number(row.get(column)) for name, column in columns.items()}
    return {name: value for name, value in found.items() if value is not None and value >= 0}
