"""The clients of npm graphql-ws and graphql-sse, as sites use them, against the real service."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests import node_scripts
from tests.api.serving import IKUSEI, serving

pytestmark = pytest.mark.slow

PEOPLE = ["ann", "bob", "cho"]


@pytest.mark.parametrize("by", ["graphql-ws", "graphql-sse"])
async def test_the_client_follows_changes(data_dir: Path, url: str, by: str):
    async with serving(data_dir, (*IKUSEI, "serve"), IKUSEI_DATABASE_URL=url) as served:
        given: dict[str, Any] = {
            "by": by,
            "url": f"{served.base}/graphql",
            "key": served.key,
            "people": PEOPLE,
        }
        done = await asyncio.to_thread(node_scripts.run, "follow.js", given)
    assert [one["member"]["externalId"] for one in done["told"]] == PEOPLE
    assert [one["after"] for one in done["told"]] == ["NEWCOMER"] * 3
    assert len({one["cursor"] for one in done["told"]}) == 3
    # Server-sent events know no other way than the one event of a result.
    told_as = "error" if by == "graphql-ws" else "result"
    assert done["refused"] == {"as": told_as, "codes": ["INVALID_DOCUMENT"]}
    assert done["failed"] == {"as": "result", "codes": ["BAD_ID"]}
    # Closed by the client, not by the service for something that it did.
    assert set(done["closes"]) <= {1000}
