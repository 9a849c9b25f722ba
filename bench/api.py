"""How much GraphQL costs: one member's standing over it, against a route written by hand.

Both servers run in processes of their own on the same database and answer the same members with
equal data, in turns; the service checks keys, limits and scopes and logs every request, the other
does nothing but answer.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Final

import orjson

from bench import data
from bench.ground import ground
from bench.load import run_load
from bench.result import Document, document
from bench.served import ended, served, url_of
from store import keys
from store.db import Database
from store.record import record
from store.refresh import refresh

TARGET: Final = 0.2
_ROOT: Final = Path(__file__).resolve().parent.parent
_BATCH: Final = 1_000
_DOCUMENT: Final = """
query Standing($source: String!, $externalId: String!) {
  member(source: $source, externalId: $externalId) {
    name
    standing { status since indices { index points enter missing } }
  }
}
"""


async def bench_api(
    *,
    server: str | None = None,
    members: int = 1_000,
    actions: int = 40_000,
    requests: int = 500,
    rounds: int = 15,
    connections: int = 8,
) -> Document:
    """The ratio of requests a second: the median of that of rounds, each of both sides in turn.

    ``server`` is the URL of a PostgreSQL on which a database may be made; without it an embedded
    one is started.
    """
    log = data.generate(members=members, actions=actions)
    rates, same = await _rates(server, log, requests, rounds=rounds, connections=connections)
    each = [ours / theirs for ours, theirs in zip(rates[0], rates[1], strict=True)]
    without = [ours / bare for ours, bare in zip(rates[0], rates[2], strict=True)]
    return document(
        "api",
        baseline="a hand-written Starlette route with asyncpg and orjson, the same statement",
        ratios={"graphql_vs_handwritten_rps_at_least": (median(each), TARGET)},
        checksums_equal=same,
        figures={
            "graphql_per_second": round(median(rates[0])),
            "handwritten_per_second": round(median(rates[1])),
            "handwritten_without_reset_per_second": round(median(rates[2])),
            "ratio_without_reset": round(median(without), 4),
            "lowest_ratio": round(min(each), 3),
            "highest_ratio": round(max(each), 3),
            "rounds": rounds,
            "requests_per_round": requests,
            "connections": connections,
            "members": members,
        },
    )


Side = tuple[int, Sequence[bytes]]


async def _rates(
    server: str | None, log: data.Log, requests: int, *, rounds: int, connections: int
) -> tuple[list[list[float]], bool]:
    """As _measure, of the service, the route by hand, and that with connections never reset."""
    now = data.BEGIN + timedelta(days=log.days, hours=1)
    async with ground(server, now=now) as database:
        await _fill(database, log, now)
        url = await url_of(database, server)
        text, _ = await keys.create(database, name="bench", scopes={keys.Scope.MANAGER}, now=now)
        wanted = [str(number % log.members) for number in range(requests)]
        gets = [_get(one) for one in wanted]
        async with (
            served(url, IKUSEI_CLOCK=now.isoformat()) as service,
            _by_hand(url) as theirs,
            _by_hand(url, "no-reset") as bare,
        ):
            sides = (
                (service.port, [_post(one, text) for one in wanted]),
                (theirs, gets),
                (bare, gets),
            )
            return await _measure(sides, rounds=rounds, connections=connections)


async def _measure(
    sides: Sequence[Side], *, rounds: int, connections: int
) -> tuple[list[list[float]], bool]:
    """The rates of all sides in turns, and whether their answers were equal throughout.

    A first round of each warms connections and caches and does not count.
    """
    rates: list[list[float]] = [[] for _ in sides]
    sums = set()
    for number in range(rounds + 1):
        for (port, requests), own in zip(sides, rates, strict=True):
            load = await run_load(port, requests, connections=connections)
            sums.add(_checksum(load.bodies))
            if number:
                own.append(load.per_second)
    return rates, len(sums) == 1


def _checksum(bodies: list[bytes]) -> str:
    """Of the answers as data: no matter in which order keys and answers came.

    What the service tells beside the data, such as the cost, the other side knows nothing of.
    """
    plain = sorted(
        orjson.dumps({**orjson.loads(one), "extensions": None}, option=orjson.OPT_SORT_KEYS)
        for one in bodies
    )
    return sha256(b"\n".join(plain)).hexdigest()


async def _fill(database: Database, log: data.Log, now: datetime) -> None:
    """Record the log and bring every standing to ``now``."""
    for records in (list(log.member_records()), list(log.post_records())):
        for begin in range(0, len(records), _BATCH):
            await record(database, records[begin : begin + _BATCH], now=now, defer=True)
    for rows in log.batches(_BATCH):
        await record(database, log.records(rows), now=now, defer=True)
    await refresh(database, now=now)
    await database.pool.execute("vacuum analyze")


def _post(external_id: str, key: str) -> bytes:
    variables = {"source": data.SOURCE, "externalId": external_id}
    body = orjson.dumps({"query": _DOCUMENT, "variables": variables})
    head = (
        "POST /graphql HTTP/1.1\r\nHost: bench\r\nAccept: application/json\r\n"
        f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _get(external_id: str) -> bytes:
    query = f"source={data.SOURCE}&externalId={external_id}"
    return f"GET /standing?{query} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()


@asynccontextmanager
async def _by_hand(url: str, *how: str) -> AsyncIterator[int]:
    """The hand-written server; gives its port."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.by_hand", url, *how),
        cwd=_ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with ended(process):
        yield int(await process.stdout.readline())
