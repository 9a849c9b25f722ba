"""The baseline of reading: one route as one would write it by hand, without GraphQL or keys.

Starlette, asyncpg and orjson, with the same statement as the service runs for it; status and points
are taken from the columns that hold them, and the thresholds are read once at the start.
`python -m bench.by_hand DATABASE_URL` serves it and prints its port; with `no-reset` after it,
sessions are not reset after each use: asyncpg does so unless told otherwise, the service does not.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engagement.words import INDICES, STATUSES
from store import members, rules
from store.db import connect, day_date

_COLUMNS = "s.status, s.since, s.contribution, s.interaction, s.favorability, s.support"
_STATEMENT = members._BY_ACCOUNT.replace(  # noqa: SLF001 - the same statement, on purpose
    "s.rule_set_id,", f"s.rule_set_id, {_COLUMNS},", 1
)


def make_app(url: str, **pooling: Any) -> Starlette:
    """The application on the database at ``url``; ``pooling`` is for asyncpg."""
    found: dict[str, Any] = {}

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        database = await connect(url)
        async with database.read() as connection:
            active = await rules.active(database, connection)
        await database.close()
        found["bars"] = [(i.name, active.rules.thresholds[i].enter_x100) for i in INDICES]
        async with asyncpg.create_pool(url, min_size=1, max_size=10, **pooling) as pool:
            found["pool"] = pool
            yield

    async def standing(request: Request) -> Response:
        source = request.query_params["source"]
        external_id = request.query_params["externalId"]
        row = await found["pool"].fetchrow(_STATEMENT, source, external_id)
        body = orjson.dumps({"data": {"member": row and _member(row, found["bars"])}})
        return Response(body, media_type="application/json")

    return Starlette(routes=[Route("/standing", standing)], lifespan=lifespan)


async def _leave(_: object) -> None:
    """Nothing to undo."""


def _member(row: asyncpg.Record, bars: list[tuple[str, int]]) -> dict[str, Any]:
    indices = []
    for name, enter in bars:
        points = row[name.lower()]
        indices.append(
            {
                "index": name,
                "points": points / 100,
                "enter": enter / 100,
                "missing": max(0, enter - points) / 100,
            }
        )
    status, since = STATUSES[row["status"]].name, day_date(row["since"])
    return {
        "name": row["name"],
        "standing": {"status": status, "since": since, "indices": indices},
    }


def main(url: str, how: str = "") -> None:
    """Serve on a free port until the process is ended."""
    pooling = {"reset": _leave} if how == "no-reset" else {}
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(
        make_app(url, **pooling),
        log_level="warning",
        access_log=False,
        http="httptools",
        lifespan="on",
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main(*sys.argv[1:])
