"""What one recording transaction has in its hands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg

from store.db import Database, Write
from store.effects import Effects
from store.erasure import Key, blind
from store.names import Names
from store.receipt import Receipt
from store.resolve import Members, PostRef
from store.rules import ActiveRules


@dataclass(slots=True)
class PostChange:
    """A post before a call (None: not known) and after it; columns of the table by name."""

    key: Key
    before: dict[str, Any] | None
    after: dict[str, Any]


@dataclass(slots=True)
class Recording:
    """The connection, what names mean, what was found, and what is to follow from it.

    ``late`` collects members to be folded again from the start, ``counted`` those whose counters
    changed, ``unmet`` new retractions of actions that were not there; ``secret`` is the key of the
    hashes that stand for erased ids, None while nobody was erased; ``renamed`` says that actions
    got a second id.
    """

    connection: Write
    database: Database
    names: Names
    now: datetime
    today: int
    secret: bytes | None
    rules: ActiveRules
    members: Members = field(default_factory=lambda: Members({}, frozenset(), frozenset()))
    posts: dict[Key, PostRef] = field(default_factory=dict)
    effects: Effects = field(default_factory=Effects)
    late: set[int] = field(default_factory=set)
    counted: set[int] = field(default_factory=set)
    unmet: list[Key] = field(default_factory=list)
    renamed: list[Key] = field(default_factory=list)
    receipt: Receipt = field(default_factory=Receipt)

    def member(self, source_id: int, external_id: str | None) -> int | None:
        """The number of a member that a record names."""
        return None if external_id is None else self.members.ids[source_id, external_id]

    def post(self, source_id: int, external_id: str | None) -> PostRef | None:
        """The post that a record names."""
        return None if external_id is None else self.posts[source_id, external_id]

    def day(self, moment: datetime) -> int:
        """The day on which something counts: a clock that runs ahead does not reach tomorrow."""
        return min(self.database.day(moment), self.today)

    def guarded(self, type_id: int) -> bool:
        """Whether it matters to a status with how many people something of this type was done."""
        compiled = self.rules.compiled
        return type_id < len(compiled.index) and int(compiled.index[type_id]) in compiled.guarded

    def note_people(self, rows: Iterable[asyncpg.Record]) -> None:
        """Fold again those for whom it matters that somebody else is in these actions now."""
        for row in rows:
            if self.guarded(row["type_id"]):
                self.late.update({row["actor_id"], row["target_id"]} - {None})

    def own_id(self, source_id: int, external_id: str, *people: int | None) -> str:
        """The id under which to keep what erased ``people`` did: it may tell who they are."""
        if self.secret is None or self.members.erased.isdisjoint(people):
            return external_id
        return blind(self.secret, source_id, external_id)
