"""How much deciding what to show costs: `offerPrompt` against a route that only reads and inserts.

Both servers run in processes of their own on the same database and are asked for the same members,
in turns; each must have kept one row for every request, of the same member and status. Then 200
members ask at once while a site records beside them, and it is told how long they wait.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import httpx
import orjson

from bench import data
from bench.data import BEGIN, SOURCE, Log
from bench.fill import Advance, fill
from bench.ground import ground, held
from bench.load import Load, run_load
from bench.offer_by_hand import TABLE
from bench.result import Document, document
from bench.served import ended, served, url_of
from engagement.scenario import KINDS
from sources.records import PostRecord
from store import keys
from store.candidates.keeping import keep
from store.db import Database
from store.record import record
from store.refresh import refresh

TARGET: Final = 0.2
_ROOT: Final = Path(__file__).resolve().parent.parent
_BATCH: Final = 1_000
#: Actions that the site beside records in one call.
_TOLD: Final = 100
_WORDS: Final = [
    "router",
    "signal",
    "battery",
    "invoice",
    "roaming",
    "tariff",
    "backup",
    "camera",
    "update",
    "charger",
]
_OFFER: Final = """
mutation Offer($source: String!, $externalId: String!, $session: String!) {
  offerPrompt(source: $source, externalId: $externalId, surface: "home", session: $session) {
    __typename
    ... on Offered { offer prompt { title body why action item { externalId } } }
    ... on NothingOffered { offer reason }
  }
}
"""
_RECORD: Final = """
mutation ($records: [ActionInput!]!) {
  recordActions(source: "bench", actions: $records) { ... on Receipt { recorded } }
}
"""


async def bench_offer(
    *,
    server: str | None = None,
    members: int = 100_000,
    actions: int = 1_000_000,
    posts: int = 2_000,
    requests: int = 1_000,
    rounds: int = 7,
    connections: int = 8,
    crowd: int = 200,
    advance: Advance = lambda _: None,
) -> Document:
    """The ratio of requests a second: the median of that of rounds, each of both sides in turn.

    ``posts`` were written in the two weeks before, so that there is something to show.
    """
    log = data.generate(members=members, actions=actions)
    # Standings are of the last day of the log: nobody has to be brought to another one.
    now = BEGIN + timedelta(days=log.days) - timedelta(seconds=1)
    async with ground(server, now=now) as database:
        await fill(database, log, advance)
        await _write(database, log, posts, now)
        await refresh(database, now=now)
        kept = await keep(database, KINDS, now=now, always=True)
        assert kept is not None
        await database.pool.execute("vacuum analyze")
        await database.pool.execute(TABLE)
        url = await url_of(database, server)
        text, _ = await keys.create(database, name="bench", scopes={keys.Scope.SITE}, now=now)
        async with (
            served(url, IKUSEI_CLOCK=now.isoformat()) as service,
            _by_hand(url) as theirs,
        ):
            ask = _Asking(text, service.port, theirs, log.members)
            # Of an empty table PostgreSQL makes plans that read all of it; no site's stays empty.
            await _in_turns(ask, requests, rounds=0, connections=connections)
            await database.pool.execute("vacuum analyze")
            rates = await _in_turns(ask, requests, rounds=rounds, connections=connections)
            same = await _same(database)
            waits, told = await _crowded(ask, requests * 2, crowd, now)
        outcomes = await _outcomes(database)
    each = [ours / by_hand for ours, by_hand in zip(*rates, strict=True)]
    cuts = quantiles(waits, n=100)
    return document(
        "offer",
        baseline="a hand-written Starlette route with asyncpg: the standing read, one row inserted",
        ratios={"offer_vs_handwritten_rps_at_least": (median(each), TARGET)},
        checksums_equal=same,
        figures={
            "offers_per_second": round(median(rates[0])),
            "handwritten_per_second": round(median(rates[1])),
            "lowest_ratio": round(min(each), 3),
            "highest_ratio": round(max(each), 3),
            "crowd": crowd,
            "crowd_p50_ms": round(cuts[49] * 1000, 1),
            "crowd_p99_ms": round(cuts[98] * 1000, 1),
            "recorded_beside": told,
            "candidates": kept.candidates,
            "members": members,
            "actions": actions,
            **outcomes,
        },
    )


class _Asking:
    """Requests of both sides: never twice for a member in one visit, nor for one too often."""

    def __init__(self, key: str, service: int, theirs: int, members: int) -> None:
        self.key = key
        self.service = service
        self.theirs = theirs
        self._members = members
        self._next = 0

    def some(self, count: int) -> list[tuple[str, str]]:
        """(member, visit) of the next requests."""
        first, self._next = self._next, self._next + count
        return [(str(n * 7 % self._members), f"s{n}") for n in range(first, first + count)]

    async def offers(self, who: Sequence[tuple[str, str]], connections: int) -> Load:
        """Ask the service."""
        requests = [self._post("/graphql", _offering(*one)) for one in who]
        return await run_load(self.service, requests, connections=connections)

    async def by_hand(self, who: Sequence[tuple[str, str]], connections: int) -> Load:
        """Ask the route that was written by hand."""
        asked = (
            {"source": SOURCE, "externalId": one, "surface": "home", "session": visit}
            for one, visit in who
        )
        requests = [self._post("/offer", one) for one in asked]
        return await run_load(self.theirs, requests, connections=connections)

    def _post(self, path: str, value: dict[str, Any]) -> bytes:
        body = orjson.dumps(value)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: bench\r\nAccept: application/json\r\n"
            f"Authorization: Bearer {self.key}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def _offering(external_id: str, session: str) -> dict[str, Any]:
    variables = {"source": SOURCE, "externalId": external_id, "session": session}
    return {"query": _OFFER, "variables": variables}


async def _in_turns(
    ask: _Asking, requests: int, *, rounds: int, connections: int
) -> tuple[list[float], list[float]]:
    """The rates of both sides; a first round warms connections and caches and does not count."""
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(rounds + 1):
        who = ask.some(requests)
        load = await ask.offers(who, connections)
        other = await ask.by_hand(who, connections)
        if number:
            ours.append(load.per_second)
            theirs.append(other.per_second)
    return ours, theirs


async def _same(database: Database) -> bool:
    """Whether both sides have kept the same: a row for each visit, with member and status."""
    async with held(database) as connection:
        sums = [
            await connection.fetchval(_CHECKSUM.format(table=table))
            for table in ("offer", "offer_by_hand")
        ]
    return sums[0] is not None and sums[0] == sums[1]


async def _crowded(
    ask: _Asking, requests: int, crowd: int, now: datetime
) -> tuple[list[float], int]:
    """The waits of many members at once while a site records, and how much that was."""
    stop = asyncio.Event()
    recording = asyncio.create_task(_record(ask, now, stop.is_set))
    try:
        load = await ask.offers(ask.some(requests), crowd)
    finally:
        stop.set()
    return load.waits, await recording


async def _record(ask: _Asking, now: datetime, told: Callable[[], bool]) -> int:
    """Record likes of today, call by call, until it is told to stop; how many were new."""
    recorded = 0
    headers = {"Authorization": f"Bearer {ask.key}"}
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{ask.service}", headers=headers, timeout=60
    ) as client:
        while not told():
            records = [
                {
                    "id": f"beside-{recorded + n}",
                    "actor": str((recorded + n) * 13 % 1_000),
                    "venue": "forum",
                    "verb": "like",
                    "post": f"new-{n}",
                    "time": (now - timedelta(minutes=1)).isoformat(),
                }
                for n in range(_TOLD)
            ]
            answer = await client.post(
                "/graphql", json={"query": _RECORD, "variables": {"records": records}}
            )
            recorded += answer.raise_for_status().json()["data"]["recordActions"]["recorded"]
    return recorded


async def _write(database: Database, log: Log, posts: int, now: datetime) -> None:
    """Questions, topics, ideas and articles of the last two weeks, with words in their titles."""
    forms = (("qa", "question"), ("forum", "topic"), ("idea", "idea"), ("company_blog", "article"))
    written = []
    for number in range(posts):
        venue, form = forms[number % len(forms)]
        words = [_WORDS[number * step % len(_WORDS)] for step in (1, 3, 7)]
        written.append(
            PostRecord(
                source=SOURCE,
                id=f"new-{number}",
                venue=venue,
                type=form,
                time=now - timedelta(days=14 * (number + 1) / (posts + 1)),
                author=str(number * 31 % log.members),
                title=f"About {' and '.join(words)} ({number})",
                text=f"How does the {words[0]} go with the {words[1]}?",
            )
        )
    for begin in range(0, posts, _BATCH):
        await record(database, written[begin : begin + _BATCH], now=now, defer=True)


async def _outcomes(database: Database) -> dict[str, int]:
    """How the decisions ended."""
    async with held(database) as connection:
        rows = await connection.fetch(_ENDED)
    counted = Counter({row["how"]: row["n"] for row in rows})
    return {f"decided_{how.lower()}": n for how, n in counted.most_common()}


@asynccontextmanager
async def _by_hand(url: str) -> AsyncIterator[int]:
    """The hand-written server; gives its port."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.offer_by_hand", url),
        cwd=_ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with ended(process):
        yield int(await process.stdout.readline())


_CHECKSUM = """
    select md5(string_agg(concat_ws(' ', session, member_id, status), ',' order by session))
    from {table}
"""

_ENDED = "select coalesce(reason, 'SHOWN') as how, count(*) as n from offer group by 1"
