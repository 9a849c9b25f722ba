"""Who is held out: decided by a salted hash, so that every process says the same and keeps nothing.

A hash of a secret salt, the period and the member is as good as a draw, and the same each time it
is asked. Whoever does not know the salt cannot tell who is held out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from enum import IntEnum
from typing import Final

#: Parts into which members fall: a share is exact to a hundredth of a percent.
_PARTS: Final = 10_000


class Arm(IntEnum):
    """What became of the winner of a decision."""

    SHOWN = 0
    HELD_BY_SCENARIO = 1
    HELD_BY_ALL = 2


def period_of(day: date) -> int:
    """The quarter of a day, as ``year * 4 + quarter - 1``: arms are drawn anew in each."""
    return day.year * 4 + (day.month - 1) // 3


def period_name(period: int) -> str:
    """Such as 2026Q4."""
    return f"{period // 4}Q{period % 4 + 1}"


def first_day(period: int) -> date:
    """The first day of a period; of the next one, the day after its last."""
    return date(period // 4, period % 4 * 3 + 1, 1)


def arm(
    salt: str, period: int, member: int, *, key: str, scenario_percent: int, all_percent: int
) -> Arm:
    """The arm of a member in a scenario and period.

    Who is held out of everything is so whatever the scenario; the draws of different scenarios know
    nothing of each other.
    """
    if _part(salt, period, member, "all") < all_percent * 100:
        return Arm.HELD_BY_ALL
    if _part(salt, period, member, f"scenario:{key}") < scenario_percent * 100:
        return Arm.HELD_BY_SCENARIO
    return Arm.SHOWN


def variant(salt: str, period: int, member: int, key: str, shares: Sequence[int]) -> int:
    """The position of the message that a member is shown; ``shares`` are percents that make 100."""
    part = _part(salt, period, member, f"variant:{key}")
    bound = 0
    for position, share in enumerate(shares):
        bound += share * 100
        if part < bound:
            return position
    return len(shares) - 1


def _part(salt: str, period: int, member: int, what: str) -> int:
    digest = hashlib.sha256(f"{salt}|{period}|{member}|{what}".encode()).digest()
    # 64 bits over 10,000 parts: no part is likelier than another by more than 1e-15.
    return int.from_bytes(digest[:8], "big") % _PARTS
