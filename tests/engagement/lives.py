"""Communities as a status for each member and day, and what is asked of them, day by day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from engagement.columns import CAUSES, NOBODY, Moves
from engagement.history import History, Periods, periods
from engagement.words import Cause
from tests.textbook import LETTERS

#: The last day that is known.
UNTIL = 45
ACTION, DECAY = CAUSES.index(Cause.ACTION), CAUSES.index(Cause.DECAY)


@dataclass(frozen=True)
class Life:
    """The status at the end of every day from ``entry`` to UNTIL."""

    entry: int
    statuses: tuple[int, ...]

    def on(self, day: int) -> int:
        """The status at the end of ``day``."""
        return NOBODY if day < self.entry else self.statuses[min(day, UNTIL) - self.entry]

    def runs(self) -> list[tuple[int, int]]:
        """(first day, status) of every run of days with one status."""
        return [
            (day, self.on(day))
            for day in range(self.entry, UNTIL + 1)
            if self.on(day) != self.on(day - 1)
        ]


def life(entry: int, parts: Sequence[tuple[int, int]]) -> Life:
    """A life of (status, days) parts, the last of which goes on."""
    days = [status for status, length in parts for _ in range(length)]
    days += [days[-1]] * UNTIL
    return Life(entry, tuple(days[: UNTIL + 1 - entry]))


def spelled(text: str, *, entry: int = 0) -> Life:
    """A life by letters, a day each: N newcomer, S supporter, F fan, K connector, C contributor."""
    return life(entry, [(LETTERS.index(letter), 1) for letter in text])


_parts = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 9)), min_size=1, max_size=14)
#: Few statuses, so that members go to and fro.
_narrow = st.lists(
    st.tuples(st.sampled_from([0, 3, 5]), st.integers(1, 4)), min_size=1, max_size=20
)
lives = st.builds(life, st.integers(0, UNTIL), _parts | _narrow)
communities = st.lists(lives, max_size=9)


def moves_of(community: Sequence[Life]) -> Moves:
    """Their moves, in the order of days as a fold finds them."""
    rows = [
        (who, day, one.on(day - 1), status, ACTION if status < one.on(day - 1) else DECAY)
        for who, one in enumerate(community)
        for day, status in one.runs()
    ]
    rows.sort(key=lambda row: (row[1], -row[0]))
    return Moves(*np.array(rows, np.int64).reshape(-1, 5).T)


def periods_of(community: Sequence[Life]) -> Periods:
    """Their periods."""
    return periods(moves_of(community), len(community))


def history_of(own: Sequence[Life], placed: Sequence[Life] | None = None) -> History:
    """Their history up to UNTIL; ``placed`` where they stood elsewhere than by their points."""
    ids = np.arange(len(own)) * 3 + 5
    return History(UNTIL, ids, periods_of(own if placed is None else placed), periods_of(own))


@st.composite
def decided(draw: st.DrawFn) -> tuple[list[Life], list[Life]]:
    """A community by its own points, and as it was placed: some were locked for some days."""
    own = draw(communities)
    placed = []
    for one in own:
        days = list(one.statuses)
        for _ in range(draw(st.integers(0, 2))):
            first, length = draw(st.integers(0, UNTIL)), draw(st.integers(1, 20))
            status = draw(st.integers(0, 6))
            for i in range(first, min(first + length, len(days))):
                days[i] = status
        placed.append(Life(one.entry, tuple(days)))
    return own, placed
