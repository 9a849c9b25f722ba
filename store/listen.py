"""News between processes: PostgreSQL's LISTEN, on a connection of its own.

A notification says that something has changed, never what: what counts stands in the tables, so
that nothing is lost where a notification is. After every gap in listening all listeners are told,
as if everything had changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import asyncpg

from store.db import Database, StoreError

#: Standings have changed (store/announce.py), and keys of the API were revoked (store/keys.py).
CHANGES: Final = "ikusei_changes"
KEYS: Final = "ikusei_keys"

#: Seconds between two looks whether the server is still there: a connection whose other end has
#: vanished without a word stays open for hours.
_HEARTBEAT: Final = 10.0
#: Seconds after failures: this, doubled each time, up to the other.
_FIRST_WAIT: Final = 0.1
_LONGEST_WAIT: Final = 5.0
#: What a connection that is lost ends with; the last is what asyncpg raises when the server took
#: leave between two statements.
_LOST: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)


class Listener:
    """Calls ``heard[channel]`` for every notification of the channel, and all of them after a gap.

    ``listening`` says whether news arrive: while it is False, what was heard may be outdated.
    """

    def __init__(
        self,
        database: Database,
        heard: Mapping[str, Callable[[], None]],
        *,
        heartbeat: float = _HEARTBEAT,
    ) -> None:
        self._database = database
        self._heard = heard
        self._heartbeat = heartbeat
        self.listening = False

    async def run(self) -> None:
        """Listen until cancelled, through whatever befalls the database."""
        wait = _FIRST_WAIT
        while True:
            try:
                connection = await self._database.dial()
            except StoreError:
                await asyncio.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)
                continue
            wait = _FIRST_WAIT
            try:
                await self._listen(connection)
            finally:
                self.listening = False
                connection.terminate()

    async def _listen(self, connection: asyncpg.Connection) -> None:
        """Listen on a connection until it fails."""
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())

        def hear(_connection: Any, _process: int, channel: str, _payload: object) -> None:
            self._heard[channel]()

        with suppress(*_LOST):
            for channel in self._heard:
                await connection.add_listener(channel, hear)
            self.listening = True
            for tell in self._heard.values():
                tell()
            while not lost.is_set():
                # Not wait_for, which may swallow that we are cancelled while it is lost.
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._heartbeat):
                        await lost.wait()
                    return
                await connection.execute("select 1", timeout=self._heartbeat)
