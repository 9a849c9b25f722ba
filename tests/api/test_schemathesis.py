"""schemathesis asks for anything that the schema allows: nothing may break."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from schema.schema import schema
from store import keys
from store.db import Database
from store.keys import Scope
from tests.api.on_socket import on_socket
from tests.api.test_websocket import whole_app
from tests.store.making import NOW

HOUSE = Path(__file__).parents[2]


@pytest.mark.slow
async def test_nothing_breaks_whatever_is_asked(lively: Database, tmp_path: Path):
    text, _ = await keys.create(lively, name="all", scopes=set(Scope), now=NOW)
    app = whole_app(lively, key_rate=0)
    async with on_socket(app) as place:
        run = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", "run", f"http://{place}/graphql"),
            *("--header", f"Authorization: Bearer {text}", "--max-examples", "15"),
            *("--checks", "told_what_is_wrong"),
            *("--phases", "fuzzing", "--seed", "20261122", "--no-color", "--continue-on-failure"),
            cwd=tmp_path,
            env={
                "SCHEMATHESIS_HOOKS": "tests.api.schemathesis_hooks",
                "PYTHONPATH": str(HOUSE),
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(600):
            out, _ = await run.communicate()
    told = out.decode()
    assert run.returncode == 0, told[-6000:]
    core = schema._schema
    assert core.query_type is not None
    assert core.mutation_type is not None
    operations = len(core.query_type.fields) + len(core.mutation_type.fields)
    assert f"Tested: {operations}\n" in told, told[-6000:]
