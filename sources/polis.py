"""Polis conversations: statements, and who agreed, disagreed or passed, each vote with its time."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from sources.bundle import Bundle
from sources.csvtables import CsvTables
from sources.mapping_file import Checker, Rule, loads
from sources.parse import show
from sources.reader import BaseReader, Item, Place, Read
from sources.records import ActionRecord, PostRecord, Record, RetractionRecord
from sources.times import since_1970

_EXPECTED: Final = (
    "a folder or zip with the raw data of a Polis report (…comments.csv, …votes.csv and, to "
    "compare with, …participant-votes.csv)"
)
#: The three votes of Polis, as its export writes them.
_VOTES: Final[Mapping[str, str]] = {"1": "agree", "-1": "disagree", "0": "pass"}
_PARTICIPANTS: Final = "participants-votes"
_COLUMNS: Final = {
    "comments": ("timestamp", "comment-id", "author-id", "comment-body"),
    "votes": ("timestamp", "comment-id", "voter-id", "vote"),
    _PARTICIPANTS: ("participant", "n-votes", "n-agree", "n-disagree"),
}
#: Polis puts day, time and conversation before the name when it is downloaded, and has changed one.
_NAMED: Final = {
    "comments": re.compile(r"(?:.*-)?comments\.csv(?:\.gz)?"),
    "votes": re.compile(r"(?:.*(?<!participant)(?<!participants)-)?votes\.csv(?:\.gz)?"),
    _PARTICIPANTS: re.compile(r"(?:.*-)?participants?-votes\.csv(?:\.gz)?"),
}
_LOOKS: Final = {"timestamp": "[0-9]{9,16}", "participant": "[0-9]{1,9}"}
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_TIME: Final = re.compile(r"[0-9]{9,16}")
#: Later than any time in seconds, earlier than any in milliseconds that is not refused.
_MILLISECONDS_FROM: Final = 10**11
_SUMS: Final = {"agree": "votes_up", "disagree": "votes_down", "pass": "votes_pass"}
#: Bits for a voter beside a statement in one number.
_VOTER_BITS: Final = 31


@dataclass(frozen=True, slots=True)
class PolisMapping:
    """What a proposal is, and each of the three votes (``agree``, ``disagree``, ``pass``)."""

    comments: Rule
    votes: Mapping[str, Rule]


def _mapping(checker: Checker) -> PolisMapping:
    checker.only(checker.data, (), ("format", "comments", "votes"))
    return PolisMapping(
        comments=checker.rule(checker.data.get("comments"), ("comments",), "type"),
        votes=checker.named_rules("votes", "verb", tuple(_VOTES.values())),
    )


load_polis = loads("polis", _mapping)


@dataclass(frozen=True, slots=True)
class _Vote:
    """A row of votes.csv; ``time`` in milliseconds since 1970."""

    statement: str
    voter: str
    value: str
    time: int

    @property
    def id(self) -> str:
        return f"{self.statement}-{self.voter}-{_VOTES[self.value]}-{self.time}"


class PolisReader(BaseReader):
    """Participants, statements, then votes in the order of their file.

    Every vote is an action with its time in its id. One that its voter replaced later, even by the
    same, is followed by a retraction at the time of the next, so the last one holds; two in the
    same millisecond are put in the order of their values. Polis exports each vote that was ever
    cast. So a later export brings the new votes and the retractions of what they replaced,
    and which rows came in which order does not matter.

    Votes are read twice; memory grows by some 50 bytes a vote while it is found out which hold.
    """

    format = "polis"

    def __init__(self, path: Path, mapping: PolisMapping, *, source: str, now: datetime) -> None:
        bundle = Bundle(path, _EXPECTED)
        self._tables = CsvTables(
            bundle, _COLUMNS, required=("comments", "votes"), looks=_LOOKS, named=_NAMED
        )
        self._mapping = mapping
        super().__init__(source=source, now=now, settings=(mapping,))

    def _begin(self) -> None:
        super()._begin()
        self._authors: dict[str, str] = {}
        self._writers: set[str] = set()
        self._voters: set[str] = set()
        self._replaced: dict[int, int] = {}
        self._same: dict[int, int] = {}
        self._held: dict[str, Counter[str]] = {}
        self._checks.update(proposals=0, vote_rows=0, votes=0, votes_up=0, votes_down=0)
        self._checks.update(votes_pass=0, votes_tied=0)
        if _PARTICIPANTS in self._tables.names:
            self._checks.update(participants=0, participants_votes=0, participants_agree=0)
            self._checks.update(participants_disagree=0, participants_differing=0)

    @property
    def checks(self) -> Mapping[str, int]:
        """``votes`` and its parts are those that hold; ``participants_…`` what Polis counts.

        ``votes_tied`` are votes of which it is not known whether the voter's next one came later.
        """
        return {**self._checks, "authors": len(self._writers), "voters": len(self._voters)}

    def _items(self) -> Iterator[Item | Read]:
        self._survey()
        for place, row in self._tables.rows(_PARTICIPANTS):
            yield from self._participant(place, row)
            self.done += 1
        for place, row in self._tables.rows("comments"):
            yield from self._statement(place, row)
            self.done += 1
        position = 0
        for place, row in self._tables.rows("votes"):
            vote = _vote(row)
            if isinstance(vote, _Vote):
                yield from self._vote_items(place, vote, position)
                position += 1
            else:
                yield self._refuse(place, "not_a_vote", vote[1], table="votes", field=vote[0])
            self.done += 1

    # Finding out which votes hold

    def _survey(self) -> None:
        total = sum(1 for _ in self._tables.rows(_PARTICIPANTS))
        for _, row in self._tables.rows("comments"):
            total += 1
            if not isinstance(row, str) and not _not_a_number(row, ("comment-id", "author-id")):
                self._authors[str(int(row["comment-id"]))] = str(int(row["author-id"]))
        keys, times, values = array("q"), array("q"), array("b")
        for _, row in self._tables.rows("votes"):
            total += 1
            vote = _vote(row)
            if isinstance(vote, _Vote):
                keys.append(int(vote.statement) << _VOTER_BITS | int(vote.voter))
                times.append(vote.time)
                values.append(int(vote.value))
        self.total = total
        self._order(np.asarray(keys), np.asarray(times), np.asarray(values))

    def _order(self, keys: Any, times: Any, values: Any) -> None:
        """Which vote another replaced and when, by position; what each voter's last votes are."""
        order = np.lexsort((values, times, keys))
        keys, times, values = keys[order], times[order], values[order]
        again = keys[1:] == keys[:-1]
        followed = np.append(again, np.zeros(min(1, len(keys)), bool))
        self._replaced = dict(
            zip(order[:-1][again].tolist(), times[1:][again].tolist(), strict=True)
        )
        at_once = again & (times[1:] == times[:-1])
        same = at_once & (values[1:] == values[:-1])
        self._checks["votes_tied"] = int(at_once.sum() - same.sum())
        for before, position in zip(
            order[:-1][same].tolist(), order[1:][same].tolist(), strict=True
        ):
            self._same[position] = self._same.get(before, 1) + 1
        voters = keys[~followed] & ((1 << _VOTER_BITS) - 1)
        for voter, value in zip(voters.tolist(), values[~followed].tolist(), strict=True):
            self._held.setdefault(str(voter), Counter())[str(value)] += 1

    # Telling

    def _participant(self, place: Place, row: Mapping[str, str] | str) -> Iterator[Item | Read]:
        if isinstance(row, str):
            yield self._refuse(place, "cells", row, table=_PARTICIPANTS)
            return
        names = _COLUMNS[_PARTICIPANTS]
        if (wrong := _not_a_number(row, names)) is not None:
            name, message = wrong
            yield self._refuse(place, "not_a_number", message, table=_PARTICIPANTS, field=name)
            return
        number, votes, agree, disagree = (int(row[name]) for name in names)
        held = self._held.get(str(number), Counter())
        self._checks["participants_votes"] += votes
        self._checks["participants_agree"] += agree
        self._checks["participants_disagree"] += disagree
        if (held.total(), held["1"], held["-1"]) != (votes, agree, disagree):
            self._checks["participants_differing"] += 1
        self._checks["participants"] += 1
        yield Item(place, self._record("member", id=str(number)), _PARTICIPANTS, "member")

    def _statement(self, place: Place, row: Mapping[str, str] | str) -> Iterator[Item | Read]:
        if isinstance(row, str):
            yield self._refuse(place, "cells", row, table="comments")
            return
        rule, author = self._mapping.comments, row["author-id"].strip()
        if rule.skip is not None:
            self._account("comments", f"skipped_{rule.skip}")
            return
        ids = ("comment-id", "author-id") if author else ("comment-id",)
        if (wrong := _not_a_number(row, ids)) is not None:
            name, message = wrong
            yield self._refuse(place, "not_a_number", message, table="comments", field=name)
            return
        number = str(int(row["comment-id"]))
        time = _milliseconds(row["timestamp"])
        if time is None:
            message = _not_a_time(row["timestamp"])
            yield self._refuse(place, "not_a_time", message, table="comments", field="timestamp")
            return
        value = self._record(
            "post",
            id=number,
            venue=rule.venue,
            type=rule.word,
            author=str(int(author)) if author else None,
            time=since_1970(microseconds=time * 1000),
            root=number,
            text=self._text(row["comment-body"]),
            format="plain",
            # Moderators took it out of the vote; it was written all the same.
            state="hidden" if row.get("moderated", "").strip() == "-1" else "visible",
        )
        yield Item(place, value, "comments", rule.word)

    def _vote_items(self, place: Place, vote: _Vote, position: int) -> Iterator[Item]:
        rule = self._mapping.votes[_VOTES[vote.value]]
        if rule.skip is not None:
            self._account("votes", f"skipped_{rule.skip}")
            return
        nth = self._same.get(position, 1)
        name = vote.id if nth == 1 else f"{vote.id}-{nth}"
        value = self._record(
            "action",
            id=f"vote-{name}",
            venue=rule.venue,
            verb=rule.word,
            actor=vote.voter,
            post=vote.statement,
            target=self._authors.get(vote.statement),
            time=since_1970(microseconds=vote.time * 1000),
        )
        yield Item(place, value, "votes", rule.word)
        if position in self._replaced:
            next_time = since_1970(microseconds=self._replaced[position] * 1000)
            undone = self._record(
                "retraction", id=f"changed-{name}", of=f"vote-{name}", time=next_time
            )
            yield Item(place, undone)

    def _check(self, record: Record) -> None:
        match record:
            case PostRecord():
                self._checks["proposals"] += 1
                if record.author is not None:
                    self._writers.add(record.author)
            case ActionRecord():
                self._checks["vote_rows"] += 1
                self._voters.add(record.actor or "")
                self._count(record.id, 1)
            case RetractionRecord():
                self._count(record.of, -1)

    def _count(self, vote: str, n: int) -> None:
        self._checks["votes"] += n
        self._checks[_SUMS[vote.split("-")[3]]] += n


def polis(path: Path, mapping: PolisMapping, *, source: str, now: datetime) -> PolisReader:
    """Read the export in the folder or zip at ``path``; raises SourceError if it is not one."""
    return PolisReader(path, mapping, source=source, now=now)


def _vote(row: Mapping[str, str] | str) -> _Vote | tuple[str, str]:
    """The vote in a row; or the column at fault, and what is wrong with it."""
    if isinstance(row, str):
        return "", row
    if (wrong := _not_a_number(row, ("comment-id", "voter-id"))) is not None:
        return wrong
    value = row["vote"].strip()
    if value not in _VOTES:
        return "vote", f"is {show(value)}; expected 1 (agree), -1 (disagree) or 0 (pass)"
    time = _milliseconds(row["timestamp"])
    if time is None:
        return "timestamp", _not_a_time(row["timestamp"])
    statement, voter = (str(int(row[column])) for column in ("comment-id", "voter-id"))
    return _Vote(statement, voter, value, time)


def _not_a_number(row: Mapping[str, str], columns: Sequence[str]) -> tuple[str, str] | None:
    """The first of the columns whose cell is no whole number, and what is wrong with it."""
    for column in columns:
        if not _NUMBER.fullmatch(row[column].strip()):
            return column, f"is {show(row[column])}; expected a whole number"
    return None


def _milliseconds(cell: str) -> int | None:
    """Since 1970, whether written so or in seconds."""
    if not _TIME.fullmatch(cell.strip()):
        return None
    number = int(cell)
    return number if number >= _MILLISECONDS_FROM else number * 1000


def _not_a_time(cell: str) -> str:
    return f"is {show(cell)}; expected milliseconds since 1970, such as 1435654192085"
