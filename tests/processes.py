"""The processes of an embedded PostgreSQL: found, killed, and seen dead."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import psutil

#: Seconds that the dead may take on a busy machine.
_PATIENCE = 120


def postmaster(data_dir: Path) -> int:
    """The id of the process that watches over the others, of a server that runs."""
    return int((data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def kill_server(data_dir: Path) -> None:
    """Kill every process of the server."""
    main = psutil.Process(postmaster(data_dir))
    kill(*main.children(recursive=True), main)


def kill(*processes: psutil.Process) -> None:
    """Kill them and see them dead: a process that is about to die still takes connections."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    deadline = time.monotonic() + _PATIENCE
    while any(lives(process) for process in processes):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def lives(process: psutil.Process) -> bool:
    """Not so a zombie, which whoever ought to bury it may never do."""
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
