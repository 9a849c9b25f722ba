"""The one interface by which candidates come into being."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

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


def columns(rows: Sequence[tuple[float, ...]], *, counts: bool = False) -> Found:
    """Rows of member, post, score and, where the kind ``counts``, count."""
    table = np.array(rows, np.float64).reshape(-1, 3 + counts)
    whole = table.astype(np.int64)
    return Found(whole[:, 0], whole[:, 1], table[:, 2], whole[:, 3] if counts else None)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a feeder is asked: the candidates as of ``moment``, which is on ``day``.

    Nothing that happened later may be seen, so that the past can be previewed. ``members`` are
    those that are asked about, None: everybody.
    """

    connection: Read | Write
    rules: ActiveRules
    day: int
    moment: datetime
    members: Collection[int] | None = None


#: Finds the candidates of one kind: those of the members that are asked about, and those for
#: everybody. What a member is given must not depend on who is asked about.
Feeder = Callable[[Asked], Awaitable[Found]]
