"""How soon threads are responded to, though some have not been yet.

A thread without a response has waited for as long as we know and may be answered tomorrow: it is
censored, as in survival.py. Only times that are known exactly measure hours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from engagement.points import Bools
from engagement.survival import Estimate, Floats, kaplan_meier, share_of

#: Of fewer threads no times are told: their intervals would say nothing.
LEAST: Final = 10
#: Hours within which a response is looked for: at once, by the next day, in the week.
WITHIN_HOURS: Final = (1, 24, 168)

_HOUR: Final = 3600
_NONE: Final = Estimate(None, None, None)


@dataclass(frozen=True, slots=True)
class Waiting:
    """The first responses to ``threads``, of which ``answered`` have one by the end.

    ``timed`` of them have times that measure hours. ``quarter``, ``median`` and ``three_quarters``
    are the hours after which so many are answered, ``within`` the shares answered within each of
    WITHIN_HOURS; all of them without a value where fewer than LEAST are timed.
    """

    threads: int
    answered: int
    timed: int
    unanswered: Estimate
    quarter: Estimate = _NONE
    median: Estimate = _NONE
    three_quarters: Estimate = _NONE
    within: tuple[Estimate, ...] = field(default=(_NONE,) * len(WITHIN_HOURS))


def waiting(
    opened: Floats, responded: Floats, answered: Bools, exact: Bools, until: float
) -> Waiting:
    """How long threads waited that were ``opened`` at these seconds, as known at ``until``.

    ``responded`` are the seconds of the first responses (what stands for those not ``answered``
    does not matter). ``exact`` says that no time of the thread is less than exact. What was
    answered before it was opened, or opened after ``until``, is not timed either.
    """
    seconds = np.where(answered, responded, until) - opened
    timed = exact & (seconds >= 0)
    threads, found = len(opened), int(answered.sum())
    unanswered = share_of(threads - found, threads)
    number = int(timed.sum())
    if number < LEAST:
        return Waiting(threads, found, number, unanswered)
    curve = kaplan_meier(np.rint(seconds[timed]).astype(np.int64), answered[timed])
    quarter, median, three_quarters = (_hours(curve.quantile(part)) for part in (0.25, 0.5, 0.75))
    return Waiting(
        threads,
        found,
        number,
        unanswered,
        quarter,
        median,
        three_quarters,
        within=tuple(curve.over(hours * _HOUR) for hours in WITHIN_HOURS),
    )


def _hours(seconds: Estimate) -> Estimate:
    low, value, high = (
        None if one is None else one / _HOUR for one in (seconds.low, seconds.value, seconds.high)
    )
    return Estimate(value, low, high)
