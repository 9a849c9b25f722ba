"""Who is on which side of a trial, and who came to its outcome, by intention to treat.

A member is where their first decision put them, also where the prompt was not seen, and stays
there; later decisions are no further members. Times are whole numbers of one unit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engagement.history import RANKS, Periods, next_of
from engagement.points import Bools, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Firsts:
    """The rows of members' first decisions, ascending by member.

    ``mixed`` are members who were seen on both sides (two accounts that became one), who are on
    neither.
    """

    row: Ints
    mixed: Ints


def first_decisions(member: Ints, at: Ints, held: Ints) -> Firsts:
    """Whose first decision which row is; ``held`` is 1 where they were held out, and else 0."""
    order = np.lexsort((at, member))
    who = member[order]
    begin = np.flatnonzero(np.append(True, who[1:] != who[:-1])[: len(who)])
    times = np.diff(np.append(begin, len(who)))
    sides = np.add.reduceat(held[order], begin) if len(begin) else begin
    mixed = (sides > 0) & (sides < times)
    return Firsts(order[begin[~mixed]], who[begin[mixed]])


def under_plans(member: Ints, at: Ints, plan: Ints, held: Ints) -> dict[int, Firsts]:
    """The first decisions under each plan, of the members who had their first of all under it.

    Where a plan changes meanwhile, who was decided for under the earlier one is no new member for
    the later one, whatever it would say of them.
    """
    alone = first_decisions(member, at, np.zeros_like(member)).row
    begun = plan[alone][np.searchsorted(member[alone], member)]
    found = {}
    for one in np.unique(plan[alone]).tolist():
        rows = np.flatnonzero((begun == one) & (plan == one))
        firsts = first_decisions(member[rows], at[rows], held[rows])
        found[one] = Firsts(rows[firsts.row], firsts.mixed)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Acts:
    """What members did, in order of member and time; made by ``acts``.

    ``keys`` are complex, a member with a time: these are ordered by the one, then by the other, and
    hold both exactly (members have 32 bits, microseconds since 1970 need 51 of 53).
    """

    keys: NDArray[np.complex128]

    def between(self, member: Ints, after: Ints, until: Ints) -> Ints:
        """How often each member acted after one time of theirs, and no later than another."""
        ends = [np.searchsorted(self.keys, member + 1j * end, "right") for end in (after, until)]
        return ends[1] - ends[0]


def acts(actor: Ints, when: Ints) -> Acts:
    """Columns of who acted when, in any order."""
    # Of a kind that takes little time where they are in order already.
    return Acts(np.sort(actor + 1j * when, kind="stable"))


def rose(own: Periods, member: Ints, day: Ints, least: int, within: int) -> Bools:
    """Whether members (positions) stood at least at rank ``least`` at the end of a day.

    These are the day itself, on which a decision was made for who stood lower, and the ``within``
    days after it.
    """
    row = np.maximum(_row_at(own, member, day), own.first[member])
    found = next_of(RANKS[own.status] >= least, row, own.first[member + 1])
    return (found >= 0) & (np.append(own.start, 0)[found] <= day + within)


def stayed(own: Periods, member: Ints, day: Ints, least: int, within: int) -> Bools:
    """Whether members (positions) stand at least at rank ``least`` after ``within`` days."""
    row = _row_at(own, member, day + within)
    found: Bools = (row >= own.first[member]) & (RANKS[np.append(own.status, 0)[row]] >= least)
    return found


def _row_at(own: Periods, member: Ints, day: Ints) -> Ints:
    """The period that each member was in at the end of a day of theirs, or the one before it."""
    key = (own.member << 32) + own.start
    found: Ints = np.searchsorted(key, (member << 32) + day, "right") - 1
    return found
