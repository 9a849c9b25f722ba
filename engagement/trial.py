"""Who is on which side of a trial, and who came to its outcome, by intention to treat.

A member is where their first decision put them, also where the prompt was not seen, and stays
there; later decisions are no further members. Times are whole numbers of one unit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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


def came(member: Ints, at: Ints, actor: Ints, when: Ints, within: int) -> Bools:
    """For which (member, at) the member acted after it, and at most ``within`` later.

    ``actor`` and ``when`` are the actions, in any order.
    """
    after = following(member, at, actor, when)
    return (after >= 0) & (np.append(when, 0)[after] - at <= within)


def following(member: Ints, at: Ints, actor: Ints, when: Ints) -> Ints:
    """For each (member, at) the row of the member's first action after it; −1 where none is."""
    moments, place = np.unique(np.concatenate([at, when]), return_inverse=True)
    order = np.lexsort((when, actor))
    # Members and places of moments in one number, which keeps the order of both.
    keys = actor[order] * len(moments) + place[len(at) :][order]
    after = np.searchsorted(keys, member * len(moments) + place[: len(at)], "right")
    row = np.append(order, -1)[after]
    return np.where((row >= 0) & (np.append(actor, -1)[row] == member), row, -1)


def counted(member: Ints, day: Ints, actor: Ints, on: Ints, within: int) -> Ints:
    """For each (member, day) on how many of the ``within`` days after it the member acted.

    ``actor`` and ``on`` are days on which somebody acted, in any order, each once.
    """
    order = np.lexsort((on, actor))
    first, span = int(min(day.min(initial=0), on.min(initial=0))), 1 << 32
    keys = actor[order] * span + (on[order] - first)
    start = member * span + (day - first)
    found: Ints = np.searchsorted(keys, start + within, "right") - np.searchsorted(
        keys, start, "right"
    )
    return found


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
