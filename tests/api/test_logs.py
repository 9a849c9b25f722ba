"""Whatever happens, the log is JSON and holds nothing that members wrote or are called."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from tests.api.command_line import HOUSE, environment
from tests.api.serving import IKUSEI, serving

NAME, TEXT, ID = "Sakura Himitsu", "a confession of 1987", "member-4711-x"
WRONG, NUMBER = "not-a-status-at-all", 31415926
SECRETS = (NAME, TEXT, ID, WRONG, str(NUMBER), "Himitsu", "confession", "4711")

RECORD = """mutation Members($members: [MemberInput!]!) {
    recordMembers(source: "site", members: $members) { ... on Receipt { recorded } } }"""
POSTS = """mutation Posts($posts: [PostInput!]!) {
    recordPosts(source: "site", posts: $posts) { ... on Receipt { recorded } } }"""


def calls() -> list[dict[str, Any]]:
    """Right ones, wrong ones and worse ones."""
    post = {
        "id": f"post-{ID}",
        "type": "question",
        "venue": "qa",
        "author": ID,
        "time": "2026-11-01T10:00:00Z",
        "text": TEXT,
        "title": TEXT,
    }
    return [
        {"query": RECORD, "variables": {"members": [{"id": ID, "name": NAME}]}},
        {"query": POSTS, "variables": {"posts": [post]}},
        {"query": POSTS, "variables": {"posts": [post | {"time": TEXT}, post | {"type": WRONG}]}},
        {"query": RECORD, "variables": {"members": [{"id": NUMBER, "nom": NAME}]}},
        {"query": RECORD, "variables": {"members": TEXT}},
        {"query": f'{{ member(source: "site", externalId: "{ID}") {{ name }} }}'},
        {"query": f'{{ members(first: 5, filter: {{search: "{NAME}"}}) {{ nodes {{ id }} }} }}'},
        {"query": f"{{ members(first: {NUMBER}) {{ nodes {{ id }} }} }}"},
        {"query": f'{{ members(first: 1, after: "{TEXT}") {{ nodes {{ id }} }} }}'},
        {"query": f"{{ {WRONG.replace('-', '_')} }}"},
        {"query": f'query {{ # {TEXT}\n "{NAME}" }}'},
        {"query": TEXT, "variables": {TEXT: NAME}, "operationName": ID},
    ]


async def busy(client: httpx.AsyncClient) -> AsyncIterator[int]:
    """A mixed run; the status of each answer."""
    for call in calls():
        yield (await client.post("/graphql", json=call)).status_code
    for content in (TEXT.encode(), b'{"query": "' + NAME.encode(), b"\xff" + ID.encode()):
        headers = {"Content-Type": "application/json"}
        answer = await client.post("/graphql", content=content, headers=headers)
        yield answer.status_code
    yield (await client.get("/graphql", params={"query": TEXT, "variables": NAME})).status_code
    yield (await client.get(f"/{ID}", params={"q": NAME})).status_code
    yield (await client.get("/ready", headers={"X-Request-Id": TEXT})).status_code
    yield (await client.get("/schema.graphql", headers={"X-Request-Id": ID})).status_code
    yield (await client.get("/graphql", headers={"Authorization": f"Bearer {TEXT}"})).status_code


async def malformed(base: str) -> None:
    url = httpx.URL(base)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(f"GET /{NAME} {TEXT}\r\n{ID}\r\n\r\n".encode())
    assert b" 400 " in await reader.read()
    writer.close()


def checked(log: str) -> list[dict[str, Any]]:
    """The lines of a log, each JSON and without a secret."""
    for secret in SECRETS:
        assert secret not in log
    return [json.loads(line) for line in log.splitlines()]


@pytest.mark.slow
async def test_a_busy_service_logs_no_data(data_dir: Path):
    async with serving(data_dir, (*IKUSEI, "serve"), IKUSEI_LOG_LEVEL="debug") as served:
        async with served.client() as client:
            statuses = [status async for status in busy(client)]
            assert statuses.count(200) >= 6
            await malformed(served.base)
            # The connections of the pool are cut under it, while it is asked.
            place = f"postgresql://ikusei@/ikusei?host={data_dir}/postgres"
            connection = await asyncpg.connect(place)
            for _ in range(5):
                await connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity "
                    "where pid <> pg_backend_pid() and backend_type = 'client backend'"
                )
                answers = [client.post("/graphql", json=call) for call in calls()]
                await asyncio.gather(*answers)
            await connection.close()
        assert await served.end(signal.SIGTERM) == 0
    # The first four lines are for people.
    lines = checked("\n".join(served.log.splitlines()[4:]))
    outcomes = {line.get("outcome") for line in lines}
    assert {"ok", "BAD_REQUEST", "INVALID_DOCUMENT", "SYNTAX", "UNAUTHENTICATED"} <= outcomes
    assert {"request", "refused"} <= {line["event"] for line in lines}


PROGRAM = f"""
import asyncio, gc, logging, threading, warnings
from api.logs import configure, log_uncaught, log_unhandled
configure("json", "info")
log_uncaught()

class Worse(Exception):
    def __del__(self):
        raise ValueError({TEXT!r})

def thread():
    raise ValueError({TEXT!r})

async def fails():
    raise ValueError({TEXT!r})

async def main():
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_unhandled)
    loop.call_soon(lambda name: 1 / 0, {NAME!r})
    task = loop.create_task(fails(), name={NAME!r})
    await asyncio.wait([task])
    del task
    gc.collect()
    await asyncio.sleep(0)

asyncio.run(main())
running = threading.Thread(target=thread, name={NAME!r})
running.start()
running.join()
Worse()
warnings.warn({TEXT!r}, RuntimeWarning)
# As Starlette gives it to uvicorn when the application cannot begin or end.
logging.getLogger("uvicorn.error").error("Traceback (most recent call last):\\n" + {TEXT!r})
for name in ("asyncpg", "asyncio", "strawberry.execution", "uvicorn.error", "lib.other"):
    logging.getLogger(name).error("%s is called %s", {ID!r}, {NAME!r})
logging.getLogger("asyncio").error({TEXT!r})
logging.getLogger("strawberry.execution").error(ValueError({TEXT!r}), exc_info=ValueError({NAME!r}))
raise ValueError({TEXT!r})
"""


def test_what_libraries_say_is_told_without_its_values() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        check=False,
        capture_output=True,
        text=True,
        cwd=HOUSE,
        env=environment(),
    )
    assert done.returncode == 1
    lines = checked(done.stderr)
    where = [line["where"] for line in lines if line["event"] == "unhandled"]
    assert where == ["event loop", "event loop", "thread", "unraisable", "program"]
    said = {line["logger"]: line["event"] for line in lines if "logger" in line}
    assert said["uvicorn.error"] == "%s is called %s"
    assert said["asyncpg"] == said["lib.other"] == said["py.warnings"] == "library"
    assert all(line["place"] for line in lines if "logger" in line)
    (raised,) = [line for line in lines if line.get("logger") == "strawberry.execution"][1:]
    assert raised["origin"] == ["builtins.ValueError"]
