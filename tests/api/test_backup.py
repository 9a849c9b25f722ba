"""Backup and restore as docs/how-to/operate.md tells it: the service serves the same afterwards."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from store.cluster import Cluster
from tests.api.command_line import HOUSE, NOW, environment, told, works, write_records
from tests.api.own_server import own_server
from tests.api.serving import IKUSEI, serving

pytestmark = pytest.mark.slow

SERVE = (*IKUSEI, "serve")
ALL = """{ members(first: 100, orderBy: ID) { nodes { id name standing { status since
    because { text } next { status missing } indices { index points } } } } }"""


def steps(heading: str) -> str:
    """The shell commands below a heading of the page."""
    page = (HOUSE / "docs" / "how-to" / "operate.md").read_text(encoding="utf-8")
    section = page.split(f"### {heading}\n", 1)[1].split("\n#", 1)[0]
    return "\n".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL))


def shell(script: str, directory: Path, **variables: str) -> None:
    """Run commands as they stand in the page, in Bash, with the programs of the wheel in PATH."""
    programs = Cluster.at(directory / "programs").programs
    venv = HOUSE / ".venv" / "bin"
    path = f"{programs}:{venv}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        check=False,
        capture_output=True,
        text=True,
        cwd=directory,
        env={**environment(clock=NOW), **variables, "PATH": path},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr


def served(directory: Path, **where: str) -> Any:
    """What the community is told: standings over GraphQL, the report; and the keys."""
    file = directory / "all.graphql"
    file.write_text(ALL, encoding="utf-8")
    answer = works("query", str(file), **where)
    return answer, told("report", "tiers", **where), works("keys", "list", **where)


def filled(directory: Path, **where: str) -> Any:
    """What is served of a community with standings and a key, once it is there."""
    records = write_records(directory / "records.ndjson")
    works("import", "ndjson", str(records), **where)
    works("refresh", **where)
    works("keys", "create", "the site", "--scope", "site", **where)
    found = served(directory, **where)
    assert "Ana" in found[0]
    assert "CONTRIBUTOR" in found[0]
    return found


async def test_a_database_of_ones_own(data_dir: Path):
    async with own_server(data_dir) as server:
        old, new = await server.create("ikusei"), await server.create("restored")

        def rehearse() -> tuple[Any, Any]:
            works("migrate", database_url=old)
            before = filled(data_dir, database_url=old)
            shell(steps("Back up a database of your own"), data_dir, IKUSEI_DATABASE_URL=old)
            restore = steps("Restore it into an empty database")
            shell(restore, data_dir, NEW_DATABASE_URL=new)
            return before, served(data_dir, database_url=new)

        before, after = await asyncio.to_thread(rehearse)
    assert after == before


async def test_the_embedded_database(data_dir: Path):
    old, new = data_dir / "old", data_dir / "new"
    before = await asyncio.to_thread(filled, data_dir, data_dir=str(old))
    async with serving(old, SERVE, IKUSEI_CLOCK=NOW) as running:
        shell(steps("Back up the embedded database"), data_dir, IKUSEI_DATA_DIR=str(old))
        assert await running.end(signal.SIGTERM) == 0
    async with serving(new, SERVE, IKUSEI_CLOCK=NOW) as running:
        # An older backup does not know every table; what it knows not must not be there after it.
        place = f"postgresql://ikusei@/ikusei?host={new}/postgres"
        shell(f"psql '{place}' -v ON_ERROR_STOP=1 -c 'create table newer ()'", data_dir)
        shell(steps("Restore it into a new data directory"), data_dir, NEW_DATA_DIR=str(new))
        shell(f"psql '{place}' -v ON_ERROR_STOP=1 -c 'create table newer ()'", data_dir)
        shell(f"psql '{place}' -c 'drop table newer'", data_dir)
        assert await running.end(signal.SIGTERM) == 0
    after = await asyncio.to_thread(served, data_dir, data_dir=str(new))
    # The program of this test made a key of its own, before the backup.
    assert (after[0], after[1]) == (before[0], before[1])
    assert set(before[2].splitlines()) <= set(after[2].splitlines())
