"""Clients as others write them: the generators take our schema, and what comes of it works."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.errors import CODES
from tests import node_scripts
from tests.api.command_line import HOUSE, NOW, works, write_records
from tests.api.serving import IKUSEI, Served, serving
from tests.databases import directory

# One service for all of them, which they only read, or record the same in.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("clients")]

_SOURCES = HOUSE / "tests" / "clients"
_PAGE = (HOUSE / "docs" / "how-to" / "clients.md").read_text("utf-8")
_ARIADNE = HOUSE / ".venv" / "clients" / "bin"
_STRICT = (
    *("--strict", "--noUncheckedIndexedAccess", "--target", "es2022", "--module", "nodenext"),
    *("--types", "node"),
)
#: Words of tools that are not content with what they were given.
_COMPLAINTS = re.compile(r"warn|deprecat|error|invalid|unsupported|✖|⚠", re.IGNORECASE)

_ASK_BY_ARIADNE = """
import asyncio, json, sys
from client import Client

async def main() -> None:
    told = json.load(sys.stdin)
    headers = {"Authorization": f"Bearer {told['key']}"}
    async with Client(url=told["url"], headers=headers) as client:
        print((await client.standing(**told["variables"])).model_dump_json())

asyncio.run(main())
"""


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[Served]:
    with directory() as home:
        place = Path(home)
        file = write_records(place / "records.ndjson")
        works("import", "ndjson", str(file), data_dir=str(place / "data"))
        async with serving(place / "data", (*IKUSEI, "serve"), IKUSEI_CLOCK=NOW) as running:
            yield running


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path, served: Served) -> Path:
    """A folder as a client's author has it, with the schema that the service gave out."""
    kind = request.param if hasattr(request, "param") else "none"
    there = tmp_path / "client"
    shutil.copytree(_SOURCES / kind, there) if kind != "none" else there.mkdir()
    shutil.copy(_SOURCES / "standing.graphql", there)
    schema = httpx.get(f"{served.base}/schema.graphql")
    assert schema.text == (HOUSE / "schema" / "schema.graphql").read_text("utf-8")
    (there / "schema.graphql").write_text(schema.text, encoding="utf-8")
    (there / "package.json").write_text('{"type": "module"}')
    (there / "node_modules").symlink_to(node_scripts.PACKAGES)
    return there


def _given(served: Served, **variables: Any) -> dict[str, Any]:
    return {"url": f"{served.base}/graphql", "key": served.key, "variables": variables}


def _content(said: str) -> None:
    assert not _COMPLAINTS.search(said), said


@pytest.mark.parametrize("place", ["codegen"], indirect=True)
def test_graphql_codegen(place: Path, served: Served):
    _content(node_scripts.tool("graphql-codegen", "--config", "codegen.json", cwd=place))
    _content(node_scripts.tool("tsc", *_STRICT, "--outDir", "built", "ask.ts", cwd=place))
    told = node_scripts.run(place / "built/ask.js", _given(served, externalId="m1"), cwd=place)
    assert told["member"]["name"] == "Ana"
    assert told["member"]["standing"]["status"] == "CONTRIBUTOR"


@pytest.mark.parametrize("place", ["relay"], indirect=True)
def test_relay(place: Path, served: Served):
    (place / "src/__generated__").mkdir()
    _content(node_scripts.tool("relay-compiler", "relay.config.json", cwd=place))
    document = '{ member(source: "site", externalId: "m2") { id } }'
    headers = {"Authorization": f"Bearer {served.key}"}
    answer = httpx.post(f"{served.base}/graphql", json={"query": document}, headers=headers)
    id_ = answer.json()["data"]["member"]["id"]
    told = node_scripts.run(place / "src/ask.js", _given(served, first=3, id=id_), cwd=place)
    assert told["count"] == 3
    assert {"id": id_, "name": "Ben"} in told["names"]


@pytest.mark.parametrize("place", ["ariadne"], indirect=True)
def test_ariadne_codegen(place: Path, served: Served):
    assert _ARIADNE.is_dir(), "ariadne-codegen is not installed: run `make tools` first"
    made = _ran(place, str(_ARIADNE / "ariadne-codegen"))
    _content((made.stdout + made.stderr).replace("exceptions.py", ""))
    given = json.dumps(_given(served, external_id="m1"))
    asked = _ran(place, str(_ARIADNE / "python"), "-c", _ASK_BY_ARIADNE, given=given)
    told = json.loads(asked.stdout)
    assert (told["member"]["name"], told["member"]["standing"]["status"]) == ("Ana", "CONTRIBUTOR")


def _ran(
    place: Path, *command: str, given: str = "", **more: str
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        input=given,
        cwd=place,
        env={**os.environ, "PYTHONPATH": "", **more},
        timeout=node_scripts.PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def _example(language: str) -> str:
    (text,) = re.findall(rf"^```{language}\n(.*?)^```$", _PAGE, re.MULTILINE | re.DOTALL)
    return str(text)


def _python(place: Path, settings: dict[str, str]) -> str:
    (place / "site.py").write_text(_example("python"), encoding="utf-8")
    return _ran(place, sys.executable, "site.py", **settings).stdout


def _typescript(place: Path, settings: dict[str, str]) -> str:
    (place / "site.ts").write_text(_example("ts"), encoding="utf-8")
    _content(node_scripts.tool("tsc", *_STRICT, "site.ts", cwd=place))
    return _ran(place, *node_scripts.command(), "site.js", **settings).stdout


def _response(status: str, content: bytes, *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status}", "Connection: close", f"Content-Length: {len(content)}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + content


@asynccontextmanager
async def before(served: Served, refusal: bytes = b"") -> AsyncIterator[tuple[str, list[float]]]:
    """An address before the service, and when it was called.

    The first call is answered with the ``refusal``; without one it is carried out, but not
    answered.
    """
    calls: list[float] = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append(asyncio.get_running_loop().time())
        first = len(calls) == 1
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        assert length is not None
        body = await reader.readexactly(int(length[1]))
        answer = refusal
        if not (first and refusal):
            async with served.client() as client:
                headers = {"Content-Type": "application/json"}
                found = await client.post("/graphql", content=body, headers=headers)
            answer = b"" if first else _response("200 OK", found.content)
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(relay, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/graphql", calls
    assert len(calls) == 3


@pytest.mark.parametrize("example", [_python, _typescript], ids=["Python", "TypeScript"])
async def test_the_examples_of_the_page(example: Any, place: Path, served: Served):
    """The answer to their first call is lost: sent again, the action is there already."""
    async with before(served) as (url, _):
        settings = {"IKUSEI": url, "SITE_KEY": served.key, "MANAGER_KEY": served.key}
        told = json.loads(await asyncio.to_thread(example, place, settings))
    assert told["receipt"] == {"recorded": 0, "duplicate": 1, "rejected": []}
    assert (told["member"]["name"], told["member"]["standing"]["status"]) == ("Ana", "CONTRIBUTOR")


@pytest.mark.parametrize("example", [_python, _typescript], ids=["Python", "TypeScript"])
@pytest.mark.parametrize(
    ("status", "code"),
    [("503 Service Unavailable", "OVERLOADED"), ("429 Too Many Requests", "TOO_MANY_CONNECTIONS")],
)
async def test_the_examples_come_again_when_they_are_told(
    example: Any, status: str, code: str, place: Path, served: Served
):
    refused = {"errors": [{"message": "try again", "extensions": {"code": code}}]}
    refusal = _response(status, json.dumps(refused).encode(), "Retry-After: 1")
    async with before(served, refusal) as (url, calls):
        settings = {"IKUSEI": url, "SITE_KEY": served.key, "MANAGER_KEY": served.key}
        told = json.loads(await asyncio.to_thread(example, place, settings))
    assert told["member"]["name"] == "Ana"
    assert calls[1] - calls[0] >= 1


def test_the_examples_try_again_what_the_error_codes_say():
    again = {
        code
        for code, meaning in CODES.items()
        if meaning.status in (408, 429) or meaning.status >= 500
    }
    for language in ("python", "ts"):
        assert again <= set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)*\b", _example(language)))


@pytest.mark.parametrize("example", [_python, _typescript], ids=["Python", "TypeScript"])
def test_the_examples_say_what_was_refused(example: Any, place: Path, served: Served):
    url = f"{served.base}/graphql"
    settings = {"IKUSEI": url, "SITE_KEY": "ik_nobody", "MANAGER_KEY": served.key}
    with pytest.raises(AssertionError, match="UNAUTHENTICATED: the header"):
        example(place, settings)
