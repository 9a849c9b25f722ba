"""How long something lasts, though much of it has not ended yet; and shares with their intervals.

What has not ended when we look is censored: it lasted at least so long. Leaving it out, or taking
its length so far for the whole, makes everything look shorter than it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engagement.points import Bools, Ints

Floats = NDArray[np.float64]

#: The quantile of the normal distribution that leaves 2.5 % on each side: intervals are of 95 %.
Z: Final = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its interval of 95 %.

    None stands for what the data do not reach: a median of which less than half is over, an upper
    end that lies beyond what was watched.
    """

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The share that lasts longer than each of ``day``, with its interval; one row per end.

    ``n`` lasted in all, ``ended`` of them to their end; none is known for longer than ``watched``
    days (of none at all: −1). The first row is day 0, before all ends.
    Where nothing is left the interval is NaN: its formula has no value there.
    """

    day: Ints
    share: Floats
    low: Floats
    high: Floats
    n: int
    ended: int
    watched: int

    def quantile(self, part: float) -> Estimate:
        """The days after which ``part`` of them are over.

        Its interval are the days on which the interval of the curve holds 1 − part (Brookmeyer and
        Crowley, "A Confidence Interval for the Median Survival Time", 1982).
        """
        left = 1 - part
        return Estimate(
            self._first(self.share, left), self._first(self.low, left), self._first(self.high, left)
        )

    def _first(self, of: Floats, left: float) -> float | None:
        reached = np.flatnonzero(of <= left + 1e-12)
        return float(self.day[reached[0]]) if len(reached) else None

    def over(self, day: int) -> Estimate:
        """The share that is over by ``day``; None beyond what was watched, if anything is left.

        Where nothing is over, or all is, the variance is 0 however few were watched: an interval of
        no width would be a certainty that nobody has, so there is none.
        """
        row = int(np.searchsorted(self.day, day, "right")) - 1
        share, low, high = (float(of[row]) for of in (self.share, self.low, self.high))
        if not share:
            return Estimate(1.0, None, None)
        if day > self.watched:
            return Estimate(None, None, None)
        if share == 1:
            return Estimate(0.0, None, None)
        return Estimate(1 - share, 1 - high, 1 - low)


def kaplan_meier(length: Ints, ended: Bools) -> Curve:
    """The curve of what lasted ``length`` days to its end, or (not ``ended``) longer than that.

    What is still going on after n days lasts longer than n − 1: whether it would have ended on the
    n-th nobody has seen.

    Kaplan and Meier, "Nonparametric Estimation from Incomplete Observations", 1958. The variance is
    Greenwood's (1926), the interval that of log(−log S) (Kalbfleisch and Prentice, 1980), which
    stays between 0 and 1. Several lengths of one member are taken as if they were of several.
    """
    day, position = np.unique(length, return_inverse=True)
    ends = np.bincount(position[ended], minlength=len(day))
    gone = np.bincount(position, minlength=len(day))
    at_risk = len(length) - np.cumsum(gone) + gone
    some = ends > 0
    day, ends, at_risk = day[some], ends[some], at_risk[some]
    share = np.cumprod(1 - ends / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(np.cumsum(ends / (at_risk * (at_risk - ends)))) / np.abs(np.log(share))
        low, high = share ** np.exp(Z * spread), share ** np.exp(-Z * spread)
    low, high = np.where(share > 0, low, np.nan), np.where(share > 0, high, np.nan)
    return Curve(
        np.concatenate([[0], day]),
        np.concatenate([[1.0], share]),
        np.concatenate([[1.0], low]),
        np.concatenate([[1.0], high]),
        n=len(length),
        ended=int(ended.sum()),
        watched=int(length.max(initial=-1)),
    )


def share_of(part: int, whole: int) -> Estimate:
    """A share with its interval (Wilson, "Probable Inference", 1927); of nothing there is none."""
    if not whole:
        return Estimate(None, None, None)
    p, z2 = part / whole, Z * Z
    middle = (p + z2 / (2 * whole)) / (1 + z2 / whole)
    half = Z * math.sqrt(p * (1 - p) / whole + z2 / (4 * whole * whole)) / (1 + z2 / whole)
    return Estimate(p, max(0.0, middle - half), min(1.0, middle + half))
