"""schemathesis asks for anything that the schema allows: nothing may break."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from schema.schema import schema
from store import keys
from store.db import Database
from store.keys import Scope
from tests.api.key_server import ISSUER, claims_of, key_of, key_set, serving, signed
from tests.api.on_socket import on_socket
from tests.api.test_websocket import whole_app
from tests.store.making import NOW

HOUSE = Path(__file__).parents[2]


@asynccontextmanager
async def served(database: Database, who: str) -> AsyncIterator[tuple[str, str]]:
    """The address of the service, and what ``who`` is let in with."""
    site_key = key_of()
    async with serving(key_set(site_key)) as site:
        second = int(NOW.timestamp())
        settings: dict[str, Any] = {
            "jwt_jwks": site.url,
            "jwt_issuer": ISSUER,
            "jwt_source": "demo",
        }
        app = whole_app(database, key_rate=0, member_rate=0, **settings)
        if who == "a member":
            text = signed(claims_of("m00001", iat=second, exp=second + 3600), key=site_key)
        else:
            text, _ = await keys.create(database, name="all", scopes=set(Scope), now=NOW)
        async with on_socket(app) as place:
            yield place, text


async def explored(place: str, text: str, tmp_path: Path, *options: str) -> None:
    """Have schemathesis explore every operation; fails with what it found."""
    run = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", f"http://{place}/graphql"),
        *("--header", f"Authorization: Bearer {text}", "--checks", "told_what_is_wrong"),
        *("--phases", "fuzzing", "--no-color", "--continue-on-failure", *options),
        cwd=tmp_path,
        env={
            "SCHEMATHESIS_HOOKS": "tests.api.schemathesis_hooks",
            "PYTHONPATH": str(HOUSE),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(3600):
        out, _ = await run.communicate()
    told = out.decode()
    assert run.returncode == 0, told[-6000:]
    core = schema._schema
    assert core.query_type is not None
    assert core.mutation_type is not None
    operations = len(core.query_type.fields) + len(core.mutation_type.fields)
    assert f"Tested: {operations}\n" in told, told[-6000:]


@pytest.mark.slow
@pytest.mark.parametrize("who", ["a key", "a member"])
async def test_nothing_breaks_whatever_is_asked(lively: Database, tmp_path: Path, who: str):
    async with served(lively, who) as (place, text):
        async with httpx.AsyncClient(base_url=f"http://{place}") as client:
            headers = {"Authorization": f"Bearer {text}"}
            body = {"query": "{ me { standing { status } } }"}
            answer = (await client.post("/graphql", json=body, headers=headers)).json()
            # Only a member has something of their own to ask for.
            assert bool((answer["data"] or {}).get("me")) == (who == "a member")
        await explored(place, text, tmp_path, "--seed", "20261122", "--max-examples", "6")


@pytest.mark.shows
@pytest.mark.parametrize("who", ["a key", "a member"])
async def test_nothing_breaks_for_long(lively: Database, tmp_path: Path, who: str):
    """With another seed every time, which the output names when something was found."""
    async with served(lively, who) as (place, text):
        await explored(place, text, tmp_path, "--max-examples", "40")
