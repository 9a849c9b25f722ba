"""What it costs to say no: hostile documents, each refused within a few milliseconds of CPU.

There is no other side to compare with: what counts is that nobody can keep the service busy with
what it refuses. A request is made in this process, from its bytes to the answer's, and the CPU of
the process is taken, not the time, so that what else the machine does matters little. Documents of
64 kB are refused for their length; shorter ones are looked at first, and some are good: what the
dearest of each length takes is told beside the ratio.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from statistics import median
from typing import Final

import orjson
from starlette.types import ASGIApp

from api.app import create_app
from api.clock import MovableClock
from api.settings import Settings
from bench.data import BEGIN
from bench.doors import post
from bench.ground import ground
from bench.hostile import HOSTILE
from bench.result import Document, document
from store import keys

TARGET_MS: Final = 5.0
#: Characters: as long as hostile documents are usually told of; and what passes the limits of
#: characters and of tokens, so that more is looked at before it is refused.
LONG: Final = 65_536
SHORTER: Final = (1_000, 3_000, 6_000, 19_000)
_TIMES: Final = 7


async def bench_refuse(*, server: str | None = None) -> Document:
    """The CPU of the dearest refusal of 64 kB; that of shorter documents is told beside it."""
    async with ground(server, now=BEGIN) as database:
        app = create_app(
            Settings(key_rate=0), database=database, clock=MovableClock(BEGIN), worker=False
        )
        # Managers are told more of what is wrong, which takes longer.
        key, _ = await keys.create(database, name="bench", scopes={keys.Scope.MANAGER}, now=BEGIN)
        async with app.router.lifespan_context(app):
            long = {name: await _spent(app, key, make(LONG)) for name, make in HOSTILE.items()}
            shorter = {
                (name, size): await _spent(app, key, make(size))
                for size in SHORTER
                for name, make in HOSTILE.items()
            }
    dearest = max(long, key=lambda name: long[name][0])
    return document(
        "refuse",
        baseline=f"{TARGET_MS:g} ms of CPU a document, whatever it holds",
        ratios={"dearest_refusal_cpu_ms_at_most": (long[dearest][0], TARGET_MS)},
        checksums_equal=all(refused for _, refused in long.values()),
        figures={
            "documents": len(HOSTILE),
            "dearest": dearest,
            "median_cpu_ms": round(median(ms for ms, _ in long.values()), 3),
            **_dearest(shorter, refused=True),
            **_dearest(shorter, refused=False),
        },
    )


def _dearest(
    found: Mapping[tuple[str, int], tuple[float, bool]], *, refused: bool
) -> dict[str, str]:
    """By length, the dearest of those that were refused, or that were not."""
    dearest: dict[str, str] = {}
    for size in SHORTER:
        cpu = {
            name: ms
            for (name, length), (ms, was_refused) in found.items()
            if length == size and was_refused is refused
        }
        name = max(cpu, key=lambda one: cpu[one])
        what = "refusal" if refused else "answer"
        dearest[f"{what} of {size} characters"] = f"{cpu[name]:.3f} ms, {name}"
    return dearest


async def _spent(app: ASGIApp, key: str, text: str) -> tuple[float, bool]:
    """Milliseconds of CPU, the median of some requests, and whether each was refused."""
    body = orjson.dumps({"query": text})
    each = []
    refused = True
    for _ in range(_TIMES):
        begin = time.process_time()
        answer = await post(app, key, body)
        each.append((time.process_time() - begin) * 1000)
        refused = refused and "data" not in orjson.loads(answer)
    return median(each), refused
