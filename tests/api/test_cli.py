"""The command line, as people run it: in a process of its own, on a real database."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner

from api import cli
from store.db import place
from tests.api.command_line import HOUSE, environment, fails, ikusei
from tests.databases import directory


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with directory() as place:
        yield Path(place) / "data"


def test_the_version_is_that_of_the_project() -> None:
    done = ikusei("--version")
    assert done.returncode == 0
    assert f'\nversion = "{done.stdout.strip()}"\n' in (HOUSE / "pyproject.toml").read_text()


def test_help_lists_every_command_and_loads_none() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "api.cli", "--help"],
        check=True,
        capture_output=True,
        text=True,
        cwd=HOUSE,
        env=environment(),
    )
    for name, summary in cli.commands().items():
        assert f"\n  {name}" in done.stdout
        assert summary.split()[0] in done.stdout
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not loaded & {"asyncpg", "pydantic", "rich", "sqlalchemy", "strawberry", "numpy"}


def test_every_command_says_what_it_is() -> None:
    assert {"migrate", "keys"} <= cli.commands().keys()
    for name, summary in cli.commands().items():
        assert summary.endswith("."), name


def test_every_command_has_help() -> None:
    for name in cli.commands():
        done = CliRunner().invoke(cli.application([name, "--help"]), [name, "--help"])
        assert done.exit_code == 0, done.output
        assert f"{name} [OPTIONS]" in done.output


def test_an_unknown_command_is_a_usage_error() -> None:
    fails(ikusei("migrat"), "Did you mean 'migrate'?", code=2)


def test_arguments_that_are_no_text_are_one_line() -> None:
    for words in (("member", "\udcff"), ("keys", "create", "a\udcff", "--scope", "site")):
        done = ikusei(*words)
        fails(done, "is not text in UTF-8", code=2)
        assert len(done.stderr.splitlines()) == 1


def test_a_key_lasts_a_hundred_years_at_most() -> None:
    done = ikusei("keys", "create", "x", "--scope", "site", "--days", "9000000")
    fails(done, "should be less than or equal to 36500", code=2)


def test_a_wrong_setting_is_one_line() -> None:
    done = ikusei("keys", "list", port="many")
    fails(done, "IKUSEI_PORT: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_database_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    url = f"postgresql://name:secret@/there?host={tmp_path}"
    done = ikusei("keys", "list", database_url=url)
    fails(done, f"cannot reach {place(url)}")
    assert len(done.stderr.splitlines()) == 1
    assert "secret" not in done.stderr


def test_a_database_of_that_name_is_not_there(empty_url: str) -> None:
    url = empty_url.replace("/test_", "/no_such_test_")
    fails(ikusei("migrate", database_url=url), "does not exist")


@pytest.mark.slow
def test_a_database_given_by_url_is_migrated_by_command_only(empty_url: str) -> None:
    fails(ikusei("keys", "list", database_url=empty_url), "run `ikusei migrate`")
    done = ikusei("migrate", database_url=empty_url, time_zone="Asia/Tokyo")
    assert done.returncode == 0, done.stderr
    assert ikusei("keys", "list", database_url=empty_url).returncode == 0
    fails(
        ikusei("migrate", database_url=empty_url, time_zone="UTC"), "Asia/Tokyo, fixed by its first"
    )


@pytest.mark.slow
def test_every_command_says_that_the_database_must_be_migrated(
    empty_url: str, data_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "records.ndjson").write_text("")
    (tmp_path / "ask.graphql").write_text("{ __typename }")
    arguments = {
        "demo": ("--no-serve",),
        "export": ("lake", str(tmp_path / "lake")),
        "goals": ("list",),
        "import": ("ndjson", str(tmp_path / "records.ndjson")),
        "keys": ("list",),
        "member": ("m1",),
        "prompts": ("show",),
        "query": (str(tmp_path / "ask.graphql"),),
        "refresh": (),
        "report": ("tiers",),
        "rules": ("show",),
        "serve": (),
        "simulate": (),
        "suggest": (),
        "work": (),
    }
    # The first makes its own databases, the second migrates.
    assert cli.commands().keys() - arguments.keys() == {"bench", "migrate"}
    settings = {"database_url": empty_url, "data_dir": str(data_dir), "port": "0"}
    for name, given in arguments.items():
        fails(ikusei(name, *given, **settings), "no tables of Ikusei yet; run `ikusei migrate`")


@pytest.mark.slow
def test_an_account_without_rights_cannot_migrate(guest_url: str) -> None:
    done = ikusei("migrate", database_url=guest_url)
    fails(done, "may not make tables in")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
async def test_two_processes_may_migrate_at_once(empty_url: str) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "api.cli", "migrate"],
            cwd=HOUSE,
            env=environment(database_url=empty_url),
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        _, stderr = process.communicate(timeout=120)
        assert process.returncode == 0, stderr
    connection = await asyncpg.connect(empty_url)
    assert await connection.fetchval("select count(*) from rule_set") == 1
    assert await connection.fetchval("select count(*) from alembic_version") == 1
    await connection.close()


@pytest.mark.slow
def test_keys_are_shown_once_listed_and_revoked(url: str) -> None:
    arguments = ("keys", "create", "the site", "--scope", "site", "--days", "3", "--json")
    made = json.loads(ikusei(*arguments, database_url=url, clock="2026-11-21T00:00:00Z").stdout)
    assert made["key"].startswith(f"ik_{made['prefix']}_")
    assert made["expires_at"].startswith("2026-11-24T00:00:00")
    plain = ikusei("keys", "create", "us", "--scope", "manager", database_url=url)
    assert plain.stdout.startswith("ik_")
    assert len(plain.stdout.splitlines()) == 1

    listed = ikusei("keys", "list", "--json", database_url=url, clock="2026-11-22T00:00:00Z")
    states = {key["name"]: (key["state"], key["scopes"]) for key in json.loads(listed.stdout)}
    assert states == {"the site": ("valid", ["site"]), "us": ("valid", ["manager"])}
    assert made["key"] not in listed.stdout
    later = ikusei("keys", "list", "--json", database_url=url, clock="2026-11-24T00:00:00Z")
    assert {key["state"] for key in json.loads(later.stdout)} == {"expired", "valid"}

    assert ikusei("keys", "revoke", made["prefix"], database_url=url).returncode == 0
    listed = ikusei("keys", "list", database_url=url)
    assert f"{made['prefix']}  revoked" in listed.stdout
    fails(ikusei("keys", "revoke", "nobody", database_url=url), "no key 'nobody'")


@pytest.mark.slow
def test_the_embedded_database_is_made_and_migrated_by_any_command(data_dir: Path) -> None:
    made = ikusei("keys", "create", "a", "--scope", "site", data_dir=str(data_dir))
    assert made.returncode == 0, made.stderr
    listed = ikusei("keys", "list", data_dir=str(data_dir))
    assert made.stdout.split("_")[1] in listed.stdout
    assert not (data_dir / "postgres" / "postmaster.pid").exists()


@pytest.mark.slow
def test_a_terminated_command_stops_what_it_started(data_dir: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli", "migrate"],
        cwd=HOUSE,
        env=environment(data_dir=str(data_dir)),
    )
    deadline = time.monotonic() + 120
    while not (data_dir / "postgres.alive").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=120) in {0, 143}
    assert not (data_dir / "postgres" / "postmaster.pid").exists()
