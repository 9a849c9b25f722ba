"""Several processes that serve on one listening socket, started, watched and stopped together.

uvicorn's own supervisor starts a process that dies at once for ever, knows no second signal and
nothing of our database: docs/decisions/0013-processes-and-connections.md.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import sys
import tempfile
import time
from asyncio.subprocess import Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from prometheus_client.multiprocess import mark_process_dead

from api.console import CommandError
from api.logs import log
from api.metrics import DIRECTORY

#: What a child says on standard output once it answers.
READY: Final = b"ready\n"

#: Seconds before which a process has died at once, and how often in a row it may.
_AT_ONCE: Final = 10.0
_MOST: Final = 8
#: Seconds before a process that died is started again: this, doubled each time, up to the other.
_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 30.0
#: Seconds that the processes get to end, beside those for which they still take requests.
_GRACE: Final = 60.0


class Supervisor:
    """Keeps ``count`` processes serving on ``listener``.

    ``program`` is the Python program of a child: it gets the number of the listening socket's file
    and its own number, says READY, and ends when it is told so or when its standard input does.
    """

    def __init__(
        self,
        listener: socket.socket,
        count: int,
        *,
        drain: float = 0.0,
        program: Sequence[str] = ("-m", "api.child"),
        first_wait: float = _FIRST_WAIT,
    ) -> None:
        self._listener = listener
        self._count = count
        self._longest = drain + _GRACE
        self._program = program
        self._first_wait = first_wait
        self._stopping = asyncio.Event()
        self._ready = [asyncio.Event() for _ in range(count)]
        self._children: dict[int, Process] = {}

    def stop(self) -> None:
        """Let all end gracefully; called again, at once."""
        self._stopping.set()
        # While it is open here, clients would be let in whom nobody answers.
        self._listener.close()
        for child in self._children.values():
            _signal(child, signal.SIGTERM)

    async def run(self, started: Callable[[], None]) -> None:
        """Serve until stop() is called; ``started`` is called once all answer.

        Raises CommandError when a process cannot start, or dies at once again and again.
        """
        with tempfile.TemporaryDirectory(prefix="ikusei-metrics-") as directory:
            keeping = [
                asyncio.create_task(self._keep(number, directory)) for number in range(self._count)
            ]
            telling = asyncio.create_task(self._tell(started))
            try:
                await asyncio.wait(keeping, return_when=asyncio.FIRST_EXCEPTION)
            finally:
                telling.cancel()
                if not self._stopping.is_set():
                    self.stop()
                await asyncio.wait(keeping, timeout=self._longest)
                for child in self._children.values():
                    _signal(child, signal.SIGKILL)
                results = await asyncio.gather(*keeping, return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result

    async def _tell(self, started: Callable[[], None]) -> None:
        for ready in self._ready:
            await ready.wait()
        started()

    async def _keep(self, number: int, directory: str) -> None:
        """Have the process of this number, again when it dies."""
        deaths = 0
        while not self._stopping.is_set():
            begin = time.monotonic()
            code: int | str
            try:
                code = await self._one(number, directory)
            except OSError as error:
                # The machine has no process or memory to spare just now: the others still serve.
                code = errno.errorcode.get(error.errno or 0, "OSError")
            if self._stopping.is_set():
                return
            if not self._ready[number].is_set():
                raise CommandError(f"process {number} of the service did not start (code {code})")
            deaths = deaths + 1 if time.monotonic() - begin < _AT_ONCE else 0
            if deaths >= _MOST:
                raise CommandError(
                    f"process {number} of the service died at once {deaths} times in a row, the "
                    f"last time with code {code}; the log says why"
                )
            wait = min(self._first_wait * 2**deaths, _LONGEST_WAIT)
            log.error("process died", number=number, code=code, again_in=wait)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait)

    async def _one(self, number: int, directory: str) -> int:
        """Have a process live and die; its exit code."""
        file = self._listener.fileno()
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            *(*self._program, str(file), str(number)),
            pass_fds=(file,),
            # It ends when this pipe does, which is when we die, however we die.
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # Ctrl-C is told to us, and we tell them.
            start_new_session=True,
            env={**os.environ, DIRECTORY: directory},
        )
        self._children[number] = child
        if self._stopping.is_set():
            _signal(child, signal.SIGTERM)
        assert child.stdout is not None
        try:
            while line := await child.stdout.readline():
                if line == READY:
                    self._ready[number].set()
            return await child.wait()
        finally:
            del self._children[number]
            mark_process_dead(child.pid, directory)  # type: ignore[no-untyped-call]


def _signal(child: Process, kind: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        child.send_signal(kind)
