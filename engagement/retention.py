"""Who rises and stays: cohorts of newcomers, and the dormant who come back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engagement.history import DORMANT, History, next_of
from engagement.points import Ints
from engagement.survival import Curve, Estimate, kaplan_meier, share_of
from engagement.words import INDICES, STATUSES, Status


@dataclass(frozen=True, slots=True)
class Cohort:
    """Those who joined from day ``first`` to ``last``, and how far they came.

    ``reached`` had one of the four statuses within the days asked about, ``sustained`` kept one of
    them from then on for as long as is asked. Both are None while some may still get there, the
    shares with them.
    """

    first: int
    last: int
    joined: int
    reached: int | None
    sustained: int | None
    reached_share: Estimate
    sustained_share: Estimate


def conversion(
    history: History, months: Sequence[tuple[int, int]], *, within: int, sustain: int
) -> tuple[Cohort, ...]:
    """How many of the cohorts of ``months`` (first and last day) rose, and stayed.

    They rose where they had any of the four statuses by their own points on one of their first
    ``within`` days, and stayed where they had one on every day of the ``sustain`` days from that
    one on.
    """
    begin, end = _first_stay(history)
    entry = history.entry
    rose = (begin >= 0) & (begin - entry < within)
    stayed = rose & (end - begin >= sustain)
    found = []
    for first, last in months:
        those = (entry >= first) & (entry <= last)
        joined = int(those.sum())
        reached = int((those & rose).sum()) if last + within - 1 <= history.until else None
        seen = last + within - 1 + sustain - 1 <= history.until
        sustained = int((those & stayed).sum()) if seen else None
        found.append(
            Cohort(
                first,
                last,
                joined,
                reached,
                sustained,
                share_of(reached or 0, joined if reached is not None else 0),
                share_of(sustained or 0, joined if sustained is not None else 0),
            )
        )
    return tuple(found)


def until_first_status(history: History, *, first: int, last: int) -> Curve:
    """The days to the first of the four statuses, of those who joined from ``first`` to ``last``.

    Whoever had one on their first day waited for 0 days.
    """
    begin, _ = _first_stay(history)
    entry = history.entry
    came = begin >= 0
    waited = np.where(came, begin, history.until) - entry
    those = (entry >= first) & (entry <= last)
    return kaplan_meier(waited[those], came[those])


def _first_stay(history: History) -> tuple[Ints, Ints]:
    """When each member first had any of the four statuses, and the day from which they had none.

    −1 where they never had; what has not ended ends on the day after all that is known.
    """
    own = history.own
    has = own.status < len(INDICES)
    # The first period with one, and the first without after it.
    begin = next_of(has, own.first[:-1], own.first[1:])
    end = next_of(~has, np.maximum(begin, 0), own.first[1:])
    start = np.append(own.start, 0)
    over = np.where(end >= 0, start[end], history.until + 1)
    return np.where(begin >= 0, start[begin], -1), over


@dataclass(frozen=True, slots=True)
class Returns:
    """Those who came back from dormancy to one status.

    ``days`` is the median of how long they had been dormant. Of those ``watched`` for as long as is
    asked after it, ``rose`` had one of the four statuses in that time.
    """

    to: Status
    returns: int
    members: int
    days: float
    watched: int
    rose: int
    rose_share: Estimate


@dataclass(frozen=True, slots=True, eq=False)
class Recycling:
    """Everybody who ever was dormant by their own points.

    ``spells`` are times of dormancy, of ``members``; those that ended make up ``returns``.
    ``still`` are the positions of who is dormant now, ``back`` those of who came back to each
    status; ``curve`` says when they come back.
    """

    spells: int
    members: int
    returns: tuple[Returns, ...]
    back: Mapping[Status, Ints]
    still: Ints
    curve: Curve


def recycling(history: History, *, first: int, last: int, watch: int) -> Recycling:
    """Dormancy that began on the days from ``first`` to ``last``, and what became of it.

    Whoever came back is watched for ``watch`` days, the day of the return included.
    """
    own, until = history.own, history.until
    rows = np.flatnonzero((own.status == DORMANT) & (own.start >= first) & (own.start <= last))
    length, over = own.lasting(until)
    length, over = length[rows], over[rows]
    back = rows[over] + 1  # the period after one that has ended is the same member's
    up = next_of(own.status < len(INDICES), back, own.first[own.member[back] + 1])
    rose = (up >= 0) & (own.start[up] - own.start[back] < watch)
    seen = own.start[back] + watch - 1 <= until
    found, members = [], {}
    for code, status in enumerate(STATUSES):
        those = own.status[back] == code
        if not those.any():
            continue
        members[status] = np.unique(own.member[back[those]])
        watched, up_then = int((those & seen).sum()), int((those & seen & rose).sum())
        found.append(
            Returns(
                status,
                int(those.sum()),
                len(members[status]),
                float(np.median(length[over][those])),
                watched,
                up_then,
                share_of(up_then, watched),
            )
        )
    return Recycling(
        spells=len(rows),
        members=len(np.unique(own.member[rows])),
        returns=tuple(found),
        back=members,
        still=own.member[rows[~over]],
        curve=kaplan_meier(length, over),
    )
