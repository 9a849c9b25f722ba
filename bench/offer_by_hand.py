"""The baseline of offering: read where a member stands, and insert one row that says so.

Starlette, asyncpg and orjson as one would write it by hand, without caps, candidates, keys or
GraphQL. `python -m bench.offer_by_hand DATABASE_URL` serves it and prints its port.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg
import orjson
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engagement.words import STATUSES

#: Where the baseline keeps its decisions; what the bench holds against the service's.
TABLE = """
    create table offer_by_hand (
        id bigint generated always as identity primary key, at timestamptz not null,
        member_id integer not null, status smallint not null, surface text not null,
        session text not null)
"""

_STANDING = """
    select a.member_id, s.status from account a
    join source o on o.id = a.source_id join standing s on s.member_id = a.member_id
    where o.name = $1 and a.external_id = $2
"""

_INSERT = """
    insert into offer_by_hand (at, member_id, status, surface, session)
    values ($1, $2, $3, $4, $5) returning id
"""


def make_app(url: str) -> Starlette:
    """The application on the database at ``url``."""
    found: dict[str, Any] = {}

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with asyncpg.create_pool(url, min_size=1, max_size=10) as pool:
            found["pool"] = pool
            yield

    async def offer(request: Request) -> Response:
        asked = orjson.loads(await request.body())
        async with found["pool"].acquire() as connection:
            row = await connection.fetchrow(_STANDING, asked["source"], asked["externalId"])
            number = await connection.fetchval(
                _INSERT,
                datetime.now(UTC),
                row["member_id"],
                row["status"],
                asked["surface"],
                asked["session"],
            )
        body = orjson.dumps({"offer": number, "status": STATUSES[row["status"]].name})
        return Response(body, media_type="application/json")

    return Starlette(routes=[Route("/offer", offer, methods=["POST"])], lifespan=lifespan)


def main(url: str) -> None:
    """Serve on a free port until the process is ended."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(
        make_app(url), log_level="warning", access_log=False, http="httptools", lifespan="on"
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main(*sys.argv[1:])
