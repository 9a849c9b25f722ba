"""The one interface by which candidates come into being."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import numpy as np

from engagement.points import Bools, Ints
from engagement.survival import Floats
from store.db import Read, Write
from store.rules import ActiveRules

#: The member whose candidates are for everybody; no member has this number.
EVERYBODY: Final = 0
#: No post of another member is a candidate for longer than so many days.
LONGEST_DAYS: Final = 60


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Candidates of one kind, in columns: a prompt to ``member`` could be about ``post``.

    ``score`` is from 0 to 1, so that candidates of different kinds compare. ``count`` is what
    messages tell by this name, None where those of the kind tell none; the venue and the title are
    looked up with the post. A pair of member and post stands here once.
    """

    member: Ints
    post: Ints
    score: Floats
    count: Ints | None = None

    def of(self, chosen: Bools | Ints) -> Found:
        """Some of them, by mask or position."""
        return Found(
            self.member[chosen],
            self.post[chosen],
            self.score[chosen],
            None if self.count is None else self.count[chosen],
        )

    def asked_about(self, asked: Asked) -> Found:
        """Those of the members that are asked about."""
        if asked.members is None:
            return self
        return self.of(np.isin(self.member, np.array(sorted(asked.members), np.int64)))


def joined(parts: Sequence[Found], *, per_member: int) -> Found:
    """The best of several lots for each member, without counts."""
    none = np.zeros(0, np.int64)
    member = np.concatenate([none, *(part.member for part in parts)])
    post = np.concatenate([none, *(part.post for part in parts)])
    score = np.concatenate([np.zeros(0), *(part.score for part in parts)])
    order = np.lexsort((-post, -score, member))
    ordered = member[order]
    rank = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    return Found(member, post, score).of(order[rank < per_member])


def from_zero_to_one(value: Floats, *, half: float) -> Floats:
    """Values from 0 on as scores: ``half`` is worth 0.5, and no value 1."""
    return value / (value + half)


def columns(rows: Sequence[tuple[float, ...]], *, counts: bool = False) -> Found:
    """Rows of member, post, score and, where the kind ``counts``, count."""
    table = np.array(rows, np.float64).reshape(-1, 3 + counts)
    whole = table.astype(np.int64)
    return Found(whole[:, 0], whole[:, 1], table[:, 2], whole[:, 3] if counts else None)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a feeder is asked: the candidates as of ``moment``, which is on ``day``.

    Nothing that happened later may be seen, so that the past can be previewed. ``members`` are
    those that are asked about, None: everybody. ``remembered`` is what feeders that are asked one
    after the other share, by its type.
    """

    connection: Read | Write
    rules: ActiveRules
    day: int
    moment: datetime
    members: Collection[int] | None = None
    remembered: dict[type[Any], Any] = field(default_factory=dict)


#: Finds the candidates of one kind: those of the members that are asked about, and those for
#: everybody. What a member is given must not depend on who is asked about.
Feeder = Callable[[Asked], Awaitable[Found]]
