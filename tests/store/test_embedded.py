"""The embedded PostgreSQL, with real processes that are really killed."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import psutil
import pytest

from store.cluster import Cluster
from store.db import Database, StoreError, Unavailable, Write, connect
from store.embedded import ensure
from store.migrate import migrate
from tests.conftest import MIGRATED
from tests.databases import directory
from tests.processes import kill, kill_server, lives, postmaster

pytestmark = pytest.mark.slow

_CLIENT = """
import asyncio, sys
from pathlib import Path
from store.embedded import ensure

async def main():
    embedded = await ensure(Path(sys.argv[1]))
    print(embedded.url, flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await embedded.release()

asyncio.run(main())
"""
_ROOT = os.geteuid() == 0


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A directory for one cluster; a server that a test left behind is ended."""
    with directory() as place:
        path = Path(place).resolve() / "data"
        yield path
        with suppress(OSError, psutil.NoSuchProcess):
            psutil.Process(postmaster(path)).kill()


class Client:
    """Another process that uses the server until it is told to leave."""

    def __init__(self, data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _CLIENT, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    async def url(self) -> str:
        assert self.process.stdout is not None
        return (await asyncio.to_thread(self.process.stdout.readline)).strip()

    async def leave(self) -> None:
        await asyncio.to_thread(self.process.communicate, "\n")
        assert self.process.returncode == 0

    async def kill(self) -> None:
        self.process.kill()
        await asyncio.to_thread(self.process.communicate)


def _running(data_dir: Path) -> bool:
    """Whether the server lives; the file alone may be what a killed one left."""
    with suppress(FileNotFoundError, psutil.NoSuchProcess):
        return lives(psutil.Process(postmaster(data_dir)))
    return False


async def _put(url: str, value: int) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("create table if not exists note (value int)")
    await connection.execute("insert into note values ($1)", value)
    await connection.close()


async def _notes(url: str) -> list[int]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("select value from note order by value")
    await connection.close()
    return [row["value"] for row in rows]


@asynccontextmanager
async def _opened(data_dir: Path) -> AsyncIterator[Database]:
    """A migrated database as the service has it, whose pool revives the server."""
    embedded = await ensure(data_dir)
    await migrate(embedded.url, now=MIGRATED)
    database = await connect(embedded.url, revive=embedded.revive)
    yield database
    await database.close()
    await embedded.release()


async def _until_available(database: Database, name: str) -> list[str]:
    """Do as a client does: send it again, with the same id, while the database is unavailable."""

    async def put(connection: Write) -> list[str]:
        statement = "insert into source (name) values ($1) on conflict do nothing"
        await connection.execute(statement, name)
        rows = await connection.fetch("select name from source order by name")
        return [row["name"] for row in rows]

    async with asyncio.timeout(120):
        while True:
            try:
                return await database.in_write(put)
            except Unavailable:
                await asyncio.sleep(0.1)


async def test_it_is_a_durable_and_deterministic_postgresql(data_dir: Path) -> None:
    embedded = await ensure(data_dir)
    connection = await asyncpg.connect(embedded.url)
    settings = {
        row["name"]: row["setting"]
        for row in await connection.fetch("select name, setting from pg_settings")
    }
    locale = await connection.fetchrow(
        "select * from pg_database where datname = current_database()"
    )
    await connection.close()
    await embedded.release()
    assert {settings[name] for name in ("fsync", "full_page_writes", "synchronous_commit")} == {
        "on"
    }
    assert settings["listen_addresses"] == ""
    assert settings["data_checksums"] == "on"
    assert settings["jit"] == "off"
    assert settings["TimeZone"] == "UTC"
    assert settings["server_encoding"] == "UTF8"
    assert locale is not None
    assert (locale["datlocprovider"], locale["datlocale"]) == (b"b", "C.UTF-8")


async def test_settings_of_ones_own_are_read_last(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "postgresql.conf").write_text("work_mem = '77MB'\n")
    embedded = await ensure(data_dir)
    connection = await asyncpg.connect(embedded.url)
    assert await connection.fetchval("show work_mem") == "77MB"
    await connection.close()
    await embedded.release()


async def test_two_processes_share_it_and_the_last_one_stops_it(data_dir: Path) -> None:
    first = Client(data_dir)
    url = await first.url()
    second = Client(data_dir)
    assert await second.url() == url
    await _put(url, 1)
    await first.leave()
    assert await _notes(url) == [1]
    await second.leave()
    assert not _running(data_dir)


async def test_many_processes_may_make_it_at_once(data_dir: Path) -> None:
    clients = [Client(data_dir) for _ in range(5)]
    urls = [await client.url() for client in clients]
    assert len(set(urls)) == 1
    assert urls[0].startswith("postgresql://")
    await asyncio.gather(*(client.leave() for client in clients))
    assert not _running(data_dir)


async def test_two_uses_in_one_process_count_apart(data_dir: Path) -> None:
    first, second = await ensure(data_dir), await ensure(data_dir)
    await first.release()
    await first.release()
    await _put(second.url, 1)
    await second.release()
    assert not _running(data_dir)


async def test_a_killed_user_leaves_a_server_that_the_next_one_takes_over(data_dir: Path) -> None:
    client = Client(data_dir)
    await _put(await client.url(), 1)
    await client.kill()
    before = postmaster(data_dir)
    embedded = await ensure(data_dir)
    assert postmaster(data_dir) == before
    assert await _notes(embedded.url) == [1]
    await embedded.release()
    assert not _running(data_dir)


async def test_a_killed_server_loses_nothing_that_was_acknowledged(data_dir: Path) -> None:
    embedded = await ensure(data_dir)
    for value in range(20):
        await _put(embedded.url, value)
    kill(psutil.Process(postmaster(data_dir)))
    again = await ensure(data_dir)
    assert await _notes(again.url) == list(range(20))
    await again.release()
    await embedded.release()
    assert not _running(data_dir)


async def test_a_running_service_revives_a_killed_server(data_dir: Path) -> None:
    async with _opened(data_dir) as database:
        for last in "abcd":
            os.kill(postmaster(data_dir), signal.SIGKILL)
            assert await _until_available(database, last) == list("abcd"[: ord(last) - 96])
    assert not _running(data_dir)


async def test_leaving_a_server_that_just_died_is_quiet(data_dir: Path) -> None:
    async with _opened(data_dir) as database:
        # The connection ends unseen, as if it did so just before the goodbye is sent.
        async with database.pool.acquire() as connection:
            connection._con._transport.pause_reading()  # type: ignore[attr-defined]
        kill_server(data_dir)
    assert not _running(data_dir)


async def test_everything_killed_at_once_comes_back(data_dir: Path) -> None:
    client = Client(data_dir)
    url = await client.url()
    await _put(url, 1)
    main = psutil.Process(postmaster(data_dir))
    client.process.kill()
    kill(*main.children(recursive=True), main)
    await client.kill()
    embedded = await ensure(data_dir)
    assert await _notes(embedded.url) == [1]
    await embedded.release()


async def test_a_stale_pid_file_that_names_another_process_does_not_matter(data_dir: Path) -> None:
    embedded = await ensure(data_dir)
    await _put(embedded.url, 1)
    stale = (data_dir / "postgres" / "postmaster.pid").read_text()
    await embedded.release()
    bystander = subprocess.Popen(
        ["cat"],
        stdin=subprocess.PIPE,
        user=(data_dir / "postgres").stat().st_uid if _ROOT else None,
    )
    lines = stale.splitlines()
    (data_dir / "postgres" / "postmaster.pid").write_text(
        "\n".join([str(bystander.pid), *lines[1:]]) + "\n"
    )
    again = await ensure(data_dir)
    assert await _notes(again.url) == [1]
    await again.release()
    assert bystander.poll() is None
    bystander.communicate(b"\n")


async def test_a_process_that_does_not_finish_starting_it_is_named(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.embedded._LONGEST_WAIT", 0.1)
    data_dir.mkdir()
    with (data_dir / "postgres.lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match=r"another process has been starting .*fuser .*lock"):
            await ensure(data_dir)


async def test_a_server_started_by_hand_is_named_and_left_alone(data_dir: Path) -> None:
    await (await ensure(data_dir)).release()
    cluster = Cluster.at(data_dir)
    cluster._run("pg_ctl", "start", "-w", "-s", "-D", str(cluster.files), "-l", "/dev/null")
    by_hand = postmaster(data_dir)
    with pytest.raises(StoreError, match=rf"did not start .* stop it \(process {by_hand}\)"):
        await ensure(data_dir)
    assert psutil.pid_exists(by_hand)
    cluster.stop()


async def test_an_interrupted_making_leaves_nothing_in_the_way(data_dir: Path) -> None:
    (data_dir / "postgres.new" / "base").mkdir(parents=True)
    embedded = await ensure(data_dir)
    await _put(embedded.url, 1)
    await embedded.release()
    assert not (data_dir / "postgres.new").exists()


async def test_being_cancelled_while_it_starts_leaves_no_server(data_dir: Path) -> None:
    data_dir.mkdir()
    with (data_dir / "postgres.lock").open("a") as lock:
        # Nobody can start it before we let go, so it is still starting when it is cancelled.
        fcntl.flock(lock, fcntl.LOCK_EX)
        task = asyncio.create_task(ensure(data_dir))
        await asyncio.sleep(0)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (data_dir / "postgres").exists()
    assert not _running(data_dir)


async def test_a_long_and_odd_path_works(data_dir: Path) -> None:
    odd = data_dir / "a 'quoted' directory & 100 %" / ("long" * 30)
    embedded = await ensure(odd)
    await _put(embedded.url, 1)
    assert await _notes(embedded.url) == [1]
    await embedded.release()
    shutil.rmtree(Cluster.at(odd).socket_dir)


async def test_a_data_directory_that_cannot_be_written_is_named(data_dir: Path) -> None:
    data_dir.write_text("a file")
    with pytest.raises(StoreError, match=r"cannot write in the data directory .*IKUSEI_DATA_DIR"):
        await ensure(data_dir / "below")


async def test_data_of_another_major_version_are_named(data_dir: Path) -> None:
    await (await ensure(data_dir)).release()
    (data_dir / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(StoreError, match=r"are of PostgreSQL 16, and this Ikusei brings 18"):
        await ensure(data_dir)


async def test_a_server_that_does_not_start_says_why(data_dir: Path) -> None:
    await (await ensure(data_dir)).release()
    (data_dir / "postgresql.conf").write_text("shared_buffers = 'many'\n")
    with pytest.raises(StoreError, match=r"does not start: .*shared_buffers.*see .*postgres\.log"):
        await ensure(data_dir)


@pytest.mark.skipif(not _ROOT, reason="only root can act as another account")
async def test_no_other_account_gets_in(data_dir: Path) -> None:
    embedded = await ensure(data_dir)
    cluster = Cluster.at(data_dir)
    for account in {cluster.account.uid, 65534}:
        done = subprocess.run(
            [cluster.programs / "psql", "-h", cluster.socket_dir, "-U", "ikusei", "-c", "select 1"],
            check=False,
            capture_output=True,
            text=True,
            user=account,
            extra_groups=[],
            cwd="/",
        )
        assert done.returncode != 0
        assert "Peer authentication failed" in done.stderr or "Permission denied" in done.stderr
    await embedded.release()


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 130 MB."""
    with tempfile.TemporaryDirectory(prefix="ikusei-disk-") as directory:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=130m", "tmpfs", directory],
            check=False,
            capture_output=True,
        )
        if mounted.returncode != 0:
            pytest.skip("a small file system can only be mounted by root, outside of containers")
        yield Path(directory)
        subprocess.run(["umount", "-l", directory], check=True)


async def test_a_full_disk_is_named_and_loses_nothing(small_disk: Path) -> None:
    fill = """
        insert into source (name)
        select (select string_agg(md5((n * 100 + i)::text), '') from generate_series(1, 60) i)
        from generate_series(1, 100000) n
    """
    async with _opened(small_disk / "data") as database:
        said = set()
        for _ in range(3):
            with pytest.raises(Unavailable) as caught:
                await database.in_write(lambda connection: connection.execute(fill))
            said.add(str(caught.value))
        assert any("is full" in message for message in said), said
        async with database.read() as connection:
            assert await connection.fetchval("select count(*) from rule_set") == 1
            assert await connection.fetchval("select count(*) from source") == 0


async def test_a_disk_full_of_others_stops_the_start_with_its_name(small_disk: Path) -> None:
    async with _opened(small_disk / "data"):
        pass
    ballast = small_disk / "ballast"
    with suppress(OSError), ballast.open("wb") as file:
        while True:
            file.write(bytes(4096))
            file.flush()
    with pytest.raises(StoreError, match=r"the disk that holds .* is full"):
        async with _opened(small_disk / "data"):
            pass
    ballast.unlink()
    async with _opened(small_disk / "data") as database, database.read() as connection:
        assert await connection.fetchval("select count(*) from rule_set") == 1


async def test_a_disk_too_small_to_begin_is_named(small_disk: Path) -> None:
    with (small_disk / "ballast").open("wb") as file:
        file.write(bytes(100_000_000))
    with pytest.raises(StoreError, match=r"the disk that holds .* is full"):
        await ensure(small_disk / "data")
    (small_disk / "ballast").unlink()
    embedded = await ensure(small_disk / "data")
    await _put(embedded.url, 1)
    await embedded.release()


async def test_a_use_that_has_ended_revives_nothing(data_dir: Path):
    embedded = await ensure(data_dir)
    await embedded.release()
    with pytest.raises(StoreError, match="no longer used"):
        await embedded.revive()
    assert not (data_dir / "postgres" / "postmaster.pid").exists()
