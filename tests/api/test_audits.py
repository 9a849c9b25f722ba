"""The audits of npm graphql-http, which check a server against GraphQL over HTTP."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests import node_scripts
from tests.api.serving import IKUSEI, Served, serving

pytestmark = pytest.mark.slow


@pytest.fixture
async def served(data_dir: Path, url: str) -> AsyncIterator[Served]:
    async with serving(data_dir, (*IKUSEI, "serve"), IKUSEI_DATABASE_URL=url) as running:
        yield running


def audited(served: Served) -> list[dict[str, str]]:
    given = {"url": f"{served.base}/graphql", "key": served.key}
    results: list[dict[str, str]] = node_scripts.run("audits.js", given)
    return results


async def test_all_audits_pass(served: Served) -> None:
    results = audited(served)
    counts = Counter(one["status"] for one in results)
    print(f"audits of graphql-http: {counts['ok']} of {len(results)} pass")
    assert [one for one in results if one["status"] != "ok"] == []
    assert len({one["id"] for one in results}) == 61
