"""The grace after a change of rules: what members had by their own points stays for a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engagement.columns import NOBODY, States
from engagement.points import Bools, Ints
from engagement.status import Hold
from engagement.words import INDICES, STATUS_OF_INDEX, STATUSES, RuleSet, Status


@dataclass(frozen=True, slots=True)
class Graces:
    """What a change of rules does to the holds of members, who are named by position.

    ``holds`` are all holds from then on, ``granted`` the new graces among them, ``ended`` those
    that end sooner than they would have: (position, as it was, its new ``until_day``).
    """

    holds: list[tuple[int, Hold]]
    granted: list[tuple[int, Hold]]
    ended: list[tuple[int, Hold, int]]


def concerned(had: States, holds: Sequence[tuple[int, Hold]]) -> Bools:
    """Who had an index by their own points, or by an earlier grace, at the end of ``had.day``.

    Nobody else can have a grace; ``graces`` need not know where they stand by the new rules.
    """
    found: Bools = (had.status != NOBODY) & (had.status < len(INDICES))
    for i, _ in _earlier(had, holds):
        found[i] = True
    return found


def _earlier(had: States, holds: Sequence[tuple[int, Hold]]) -> list[tuple[int, Hold]]:
    """The graces in force when the rules change."""
    return [
        (i, hold)
        for i, hold in holds
        if hold.kind == "grace" and had.status[i] != NOBODY and hold.applies(int(had.day[i]))
    ]


def graces(had: States, now: Ints, holds: Sequence[tuple[int, Hold]], rules: RuleSet) -> Graces:
    """What becomes of graces when ``rules`` come into force on the days ``had.day``.

    ``had`` says where members stood by their own points and the rules before (NOBODY: these are
    their rules already), ``now`` (codes of status) where they stand by their points and the new
    ones on the same days. Whoever loses a status keeps it for the days of grace. The grace goes on
    from the day since which they had the status, so that nothing happens on the day of the change.
    An earlier grace goes on as far as it was granted where it is still needed; it is never granted
    again.
    """
    length = rules.lifecycle.rule_change_grace_days
    rank = _ranks(rules)

    def taken(i: int, status: int) -> bool:
        return bool(rank[now[i]] > rank[status])

    ended: list[tuple[int, Hold, int]] = []
    for i, hold in _earlier(had, holds):
        day = int(had.day[i])
        until = day + length if taken(i, STATUSES.index(hold.status)) else day
        if hold.until_day is None or until < hold.until_day:
            ended.append((i, hold, until))
    granted = [
        (i, Hold("grace", STATUSES[status], int(had.since[i]), int(had.day[i]) + length))
        for i, status in enumerate(had.status.tolist())
        if length and NOBODY < status < len(INDICES) and taken(i, status)
    ]
    shorter = {(i, hold): until for i, hold, until in ended}
    kept = [
        (i, replace(hold, until_day=shorter.get((i, hold), hold.until_day))) for i, hold in holds
    ]
    return Graces(kept + granted, granted, ended)


def _ranks(rules: RuleSet) -> Ints:
    """The place of each status in the precedence, by its code."""
    word = {
        **{STATUS_OF_INDEX[index]: index.value for index in INDICES},
        **{status: status.value for status in (Status.DORMANT, Status.NEWCOMER, Status.MEMBER)},
    }
    return np.array([rules.precedence.index(word[status]) for status in STATUSES])
