"""Who would have which status by other bars: distinct vectors against a column of all members.

The same bars are asked of both, in one process in turns: ``numpy.select`` looks at everybody with
points, ours at every combination of points once. Points are drawn so that a few members have most
of them; `sparse` is a community where a quarter were active in the window, `dense` one where nine
tenths were. The ratio is that of bars as people set them; figures tell how it is for bars that few
reach (`far`), which are beyond the points whose sums are kept.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.result import Document, document
from engagement.distribution import Circumstances, Distribution, distribution
from engagement.holds import NO_LOCK
from engagement.points import Ints
from engagement.rules import default
from engagement.words import STATUSES

TARGETS: Final = {"sparse": 0.05, "dense": 0.2}
_ACTIVE: Final = {"sparse": 0.25, "dense": 0.9}
_QUERIES: Final = 50
#: The points below which bars are drawn, for each index: as people set them, and far above.
_USUAL: Final = (40, 40, 30, 30)
_FAR: Final = (2_000, 1_000, 400, 400)
#: How the actions of four kinds of members fall on the four indices, and what one is worth.
_KINDS: Final = (
    (0.01, 0.02, 0.27, 0.7),
    (0.02, 0.08, 0.45, 0.45),
    (0.06, 0.3, 0.34, 0.3),
    (0.25, 0.4, 0.2, 0.15),
)
_SHARES: Final = (0.55, 0.25, 0.14, 0.06)
_WORTH: Final = (500, 300, 100, 100)
_REST: Final = len(STATUSES) - 1


async def bench_simulate(*, members: int) -> Document:
    """The ratio of the medians over the same random bars, for both communities."""
    ratios: dict[str, tuple[float, float]] = {}
    figures: dict[str, object] = {"members": members, "queries": _QUERIES}
    equal = True
    for name, target in TARGETS.items():
        points = _points(members, _ACTIVE[name])
        begin = time.perf_counter()
        everybody = _distribution(points)
        figures[f"{name}_build_ms"] = round((time.perf_counter() - begin) * 1e3, 1)
        ours, theirs, same = _race(points, everybody, _USUAL)
        far, _, far_same = _race(points, everybody, _FAR)
        equal &= same and far_same
        ratios[f"threshold_query_vs_numpy_select_{name}_at_most"] = (ours / theirs, target)
        figures |= {
            f"{name}_query_ms": round(ours * 1e3, 3),
            f"{name}_far_query_ms": round(far * 1e3, 3),
            f"{name}_numpy_select_ms": round(theirs * 1e3, 3),
            f"{name}_with_points": int((points > 0).any(axis=1).sum()),
            f"{name}_vectors": everybody.vectors,
        }
    return document(
        "simulate",
        baseline="numpy.select over everybody with points",
        ratios=ratios,
        checksums_equal=equal,
        figures=figures,
    )


def _points(members: int, active: float) -> Ints:
    """Points ×100 of everybody, shape (members, 4)."""
    rng = np.random.default_rng(7)
    rate = np.minimum(rng.pareto(1.05, members) + 0.02, 2_000)
    actions = np.where(rng.random(members) < active, 1 + rng.poisson(rate * 3), 0)
    kind = rng.choice(len(_KINDS), members, p=_SHARES)
    found = np.empty((members, 4), np.int64)
    left: Ints = actions
    share = np.array(_KINDS)[kind]
    rest = np.ones(members)
    for i in range(3):
        found[:, i] = rng.binomial(left, np.clip(share[:, i] / rest, 0, 1))
        left = left - found[:, i]
        rest = rest - share[:, i]
    found[:, 3] = left
    return found * np.array(_WORTH, np.int64)


def _distribution(points: Ints) -> Distribution:
    nobody = np.zeros(len(points), np.bool_)
    beside = Circumstances(
        lock=np.full(len(points), NO_LOCK),
        dormant=nobody,
        newcomer=nobody,
        guarded=np.ones(points.shape, np.bool_),
    )
    return distribution(points, beside, default().precedence)


def _race(
    points: Ints, everybody: Distribution, highest: Sequence[int]
) -> tuple[float, float, bool]:
    """Seconds of a query of ours and of theirs, and whether the answers were the same."""
    some = points[(points > 0).any(axis=1)]
    columns = [np.ascontiguousarray(some[:, i], np.int32) for i in range(4)]
    without = len(points) - len(some)
    seconds: tuple[list[float], list[float]] = ([], [])
    same = True
    rng = np.random.default_rng(11)
    for _ in range(_QUERIES):
        enter = (rng.integers(1, highest) * 100).tolist()
        begin = time.perf_counter()
        ours = everybody.statuses(enter)
        between = time.perf_counter()
        theirs = _by_select(columns, enter)
        seconds[0].append(between - begin)
        seconds[1].append(time.perf_counter() - between)
        theirs[_REST] += without
        same &= bool(np.array_equal(ours, theirs))
    return median(seconds[0]), median(seconds[1]), same


def _by_select(columns: Sequence[NDArray[np.int32]], enter: Sequence[int]) -> Ints:
    met = [column >= bar for column, bar in zip(columns, enter, strict=True)]
    return np.bincount(np.select(met, [0, 1, 2, 3], _REST), minlength=len(STATUSES))
