"""The status of every member at the end of each of the last 104 weeks, by points alone.

Ours goes from the daily roll-up (the tallies of a lake) to a matrix of one byte per member and
week. The baseline is what one would write by hand: one SQL query over the raw actions, run by
DuckDB, for the same statuses as a table of changes. Beside it the same query over the tallies, once
written by hand and once as the expression that also runs on Spark. Each side runs in a process of
its own, so that its memory is its own. The log is made by a generator beside the repository.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.result import Document, document

TARGETS: Final = {
    "weekly_matrix_vs_duckdb_raw_at_most": 0.33,
    "ibis_vs_handwritten_sql_at_most": 1.5,
}
_GENERATOR: Final = Path("scale", "make_synthetic_actions.py")
_SIDES: Final = ("matrix", "raw_sql", "tally_sql", "ibis")
_STATS: Final = "stats.json"

#: Told what is being done.
Tell = Callable[[str], None]


class NoData(Exception):
    """The generator of the log is not on this machine."""


async def bench_history(
    *,
    shared: Path,
    cache: Path | None,
    members: int,
    actions: int,
    rounds: int = 3,
    tell: Tell = lambda _step: None,
) -> Document:
    """The ratios of the medians of alternating rounds.

    ``shared`` is the folder of the generator's project data; with a ``cache`` the log stays there
    for the next time. Raises NoData.
    """
    async with _log(shared, cache, members, actions, tell) as place:
        tell("rolling up")
        rolled = await _side("roll_up", place)
        found: dict[str, list[dict[str, Any]]] = {side: [] for side in _SIDES}
        for number in range(rounds):
            for side in _SIDES:
                tell(f"round {number + 1} of {rounds}: {side}")
                found[side].append(await _side(side, place))
    seconds = {side: median(one["seconds"] for one in found[side]) for side in _SIDES}
    checksums = {one["checksum"] for side in _SIDES for one in found[side]}
    values = {
        "weekly_matrix_vs_duckdb_raw_at_most": seconds["matrix"] / seconds["raw_sql"],
        "ibis_vs_handwritten_sql_at_most": seconds["ibis"] / seconds["tally_sql"],
    }
    return document(
        "history",
        baseline="DuckDB by hand: from the raw actions, and from the tallies",
        ratios={name: (value, TARGETS[name]) for name, value in values.items()},
        checksums_equal=len(checksums) == 1,
        figures={
            "members": members,
            "actions": actions,
            "tallies": rolled["rows"],
            "roll_up_seconds": rolled["seconds"],
            **{f"{side}_seconds": round(seconds[side], 2) for side in _SIDES},
            **{f"{side}_peak_mb": max(one["peak_mb"] for one in found[side]) for side in _SIDES},
            "matrix_with_roll_up_vs_raw": round(
                (seconds["matrix"] + rolled["seconds"]) / seconds["raw_sql"], 3
            ),
            "matrix_mb": round(members * 104 / 1e6, 1),
            "moves": found["matrix"][0]["moves"],
        },
    )


@asynccontextmanager
async def _log(
    shared: Path, cache: Path | None, members: int, actions: int, tell: Tell
) -> AsyncIterator[Path]:
    """The folder of the log, made where it is not there."""
    generator = shared / _GENERATOR
    if not generator.exists():
        raise NoData(
            f"there is no {generator}: name the folder of the shared data in IKUSEI_SHARED_DATA"
        )
    if cache is None:
        with tempfile.TemporaryDirectory(prefix="ikusei-bench-") as folder:
            await _generate(generator, Path(folder), members, actions, tell)
            yield Path(folder)
        return
    place = cache / f"history-{members}-{actions}"
    # Written last: with it the log is whole.
    if not (place / _STATS).exists():
        await _generate(generator, place, members, actions, tell)
    yield place


async def _generate(generator: Path, place: Path, members: int, actions: int, tell: Tell) -> None:
    tell(f"making {actions:,} actions")
    sizes = ("--members", str(members), "--actions", str(actions))
    await _run(str(generator), "--out", str(place), *sizes)


async def _side(side: str, place: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await _run("-m", "bench.history_sides", side, str(place)))
    return found


async def _run(*arguments: str) -> bytes:
    """What a program in Python prints; it is ended when we are."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=PIPE, stderr=PIPE
    )
    try:
        out, error = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{error.decode()}")
    return out
