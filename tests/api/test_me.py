"""A member asks: with tokens made as the how-to says, of the real service and schema."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from api.app import create_app
from api.settings import Settings
from sources.records import MemberRecord
from store.db import Database
from store.people import erase_member
from store.record import record
from tests.api.command_line import HOUSE
from tests.api.stand_in import client_of

PAGE = (HOUSE / "docs/how-to/embed.md").read_text("utf-8")
MAKE_KEYS, MAKE_TOKEN = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
(MAKE_TOKEN_IN_NODE,) = re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL)
QUERY, *_ = re.findall(r"```graphql\n(.*?)```", PAGE, re.DOTALL)


def run(*command: str, directory: Path) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=directory)
    return done.stdout.strip()


def by_python(directory: Path, member: str) -> str:
    program = f"{MAKE_TOKEN}\nprint(token({member!r}))"
    return run(sys.executable, "-c", program, directory=directory)


def by_node(directory: Path, member: str) -> str:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node on the path")
    program = f"{MAKE_TOKEN_IN_NODE}\nconsole.log(token({json.dumps(member)}))"
    return run(node, "-e", program, directory=directory)


@pytest.mark.parametrize("make", [by_python, by_node])
async def test_a_token_of_the_how_to_shows_a_member_themself(
    database: Database, tmp_path: Path, make: Callable[[Path, str], str]
) -> None:
    run(sys.executable, "-c", MAKE_KEYS, directory=tmp_path)
    now = datetime.now(UTC)
    people = [
        MemberRecord("site", f"u{n}", joined=now - timedelta(days=3), name=f"Name {n}")
        for n in (27, 28)
    ]
    await record(database, people, now=now)
    settings = Settings(jwt_jwks=str(tmp_path / "jwks.json"), jwt_issuer="https://site.example")
    app = create_app(settings, database=database, worker=False)
    async with app.router.lifespan_context(app):
        for number in (27, 28):
            async with client_of(app, make(tmp_path, f"u{number}")) as client:
                answer = (await client.post("/graphql", json={"query": QUERY})).json()
                assert answer["data"]["me"]["name"] == f"Name {number}"
                assert answer["data"]["me"]["standing"]["status"] == "NEWCOMER"
                assert answer["data"]["me"]["history"]["nodes"]
                refused = await client.post(
                    "/graphql", json={"query": '{ member(source: "site", externalId: "u28") {id} }'}
                )
                assert refused.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        # Tokens that are still good lead nowhere once there is nobody.
        async with client_of(app, make(tmp_path, "u27")) as client:
            async with database.read() as connection:
                number = await connection.fetchval(
                    "select member_id from account where external_id = 'u27'"
                )
            await erase_member(database, number, now=now)
            answer = (await client.post("/graphql", json={"query": QUERY})).json()
            assert answer["data"] == {"me": None}


async def test_who_changed_something_over_http_is_in_the_log(
    database: Database, manager_key: str
) -> None:
    now = datetime.now(UTC)
    await record(database, [MemberRecord("site", "u27", joined=now, name="Aoi")], now=now)
    app = create_app(Settings(), database=database, worker=False)
    async with app.router.lifespan_context(app), client_of(app, manager_key) as client:

        async def ask(query: str) -> Any:
            headers = {"X-Request-Id": "27" * 8}
            return (await client.post("/graphql", json={"query": query}, headers=headers)).json()

        found = await ask('{ member(source: "site", externalId: "u27") { id } }')
        id_ = found["data"]["member"]["id"]
        lock = f'lockStatus(member: "{id_}", status: FAN, reason: "pilot") {{ __typename }}'
        await ask(f"mutation {{ {lock} }}")
        log = await ask("{ auditLog(first: 1) { nodes { action actor key requestId subjects } } }")
    entry = {
        "action": "lockStatus",
        "actor": "a manager",
        "key": manager_key[3:11],
        "requestId": "27" * 8,
        "subjects": [id_],
    }
    assert log["data"] == {"auditLog": {"nodes": [entry]}}
