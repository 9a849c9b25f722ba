"""The audits of npm graphql-http, which check a server against GraphQL over HTTP."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests import node_scripts
from tests.api.serving import IKUSEI, Served, serving

pytestmark = pytest.mark.slow


@asynccontextmanager
async def serves(data_dir: Path, url: str, profile: str) -> AsyncIterator[Served]:
    settings = {"IKUSEI_DATABASE_URL": url, "IKUSEI_HTTP_PROFILE": profile}
    async with serving(data_dir, (*IKUSEI, "serve"), **settings) as running:
        yield running


def audited(served: Served) -> list[dict[str, str]]:
    given = {"url": f"{served.base}/graphql", "key": served.key}
    results: list[dict[str, str]] = node_scripts.run("audits.js", given)
    assert len({one["id"] for one in results}) == 61
    return results


async def test_all_audits_pass(data_dir: Path, url: str):
    async with serves(data_dir, url, "audit") as served:
        results = audited(served)
    counts = Counter(one["status"] for one in results)
    print(f"audits of graphql-http: {counts['ok']} of {len(results)} pass")
    assert [one for one in results if one["status"] != "ok"] == []


async def test_under_the_draft_fails_what_is_older_than_it(data_dir: Path, url: str):
    async with serves(data_dir, url, "draft-2026") as served:
        results = audited(served)
    failing = [one for one in results if one["status"] != "ok"]
    assert len(failing) == 22
    assert {one["reason"] for one in failing} == {
        "Response status code is not 200",
        "Response status code is not 400",
    }
    # What it should have done by the older text; of the others it only may have.
    assert {one["id"] for one in failing if one["status"] != "notice"} == {
        "572B",  # 200 as application/json: the document cannot be parsed
        "FDE2",  # 200: it is not valid (its field begins with a digit: it cannot be parsed either)
        "7B9B",  # 200: its variables do not fit
        "86EE",  # 400 as application/graphql-response+json: its variables do not fit
    }
