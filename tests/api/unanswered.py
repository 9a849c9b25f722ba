"""A request on the stand-in schema that the service cannot answer."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Unanswered:
    """The body of the request, and whether the service has begun with it and has given it up."""

    body: dict[str, Any]
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    given_up: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def unanswered() -> AsyncIterator[Unanswered]:
    with tempfile.TemporaryDirectory() as directory:
        place = str(Path(directory) / "held")
        query = "query Held($at: String!) { held(place: $at) }"
        request = Unanswered({"query": query, "variables": {"at": place}})

        async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            request.begun.set()
            await reader.read()
            request.given_up.set()
            writer.close()

        async with await asyncio.start_unix_server(hold, place), asyncio.timeout(60):
            yield request
