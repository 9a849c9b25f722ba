"""News between processes: PostgreSQL's LISTEN, on a connection of its own.

A notification says that something has changed, never what: what counts stands in the tables, so
that nothing is lost where a notification is. After every gap in listening all listeners are told,
as if everything had changed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import asyncpg

from store.db import Database, StoreError

#: Standings have changed (store/announce.py), members were merged (store/people.py), keys of the
#: API were revoked, and the keys with which the site signs have changed (store/keys.py).
CHANGES: Final = "ikusei_changes"
MERGES: Final = "ikusei_merges"
KEYS: Final = "ikusei_keys"
SITE_KEYS: Final = "ikusei_site_keys"

#: Seconds between two looks whether the server is still there: a connection whose other end has
#: vanished without a word stays open for hours.
_HEARTBEAT: Final = 10.0
#: Seconds until the next try: this, doubled after each failure, up to the other.
_FIRST_WAIT: Final = 0.1
_LONGEST_WAIT: Final = 5.0
#: One of so many failures in a row is told.
_TOLD: Final = 10
#: What a connection that is lost ends with; the last is what asyncpg raises when the server took
#: leave between two statements.
_LOST: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)


#: Told of what prevents listening, but for a database that is away.
Failed = Callable[[Exception], None]


def _untold(_error: Exception) -> None:
    """Nobody wants to know."""


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
        failed: Failed = _untold,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._heard = heard
        self._heartbeat = heartbeat
        self._failed = failed
        self._clock = clock
        self._deaf_since: float | None = clock()

    @property
    def listening(self) -> bool:
        """Whether news arrive."""
        return self._deaf_since is None

    @property
    def deaf_for(self) -> float:
        """Seconds for which no news have arrived, whoever asks how often; 0 while they do."""
        return 0.0 if self._deaf_since is None else self._clock() - self._deaf_since

    async def run(self) -> None:
        """Listen until cancelled, through whatever befalls the database."""
        failures = 0
        while True:
            try:
                await self._listen()
                failures = 0
            except StoreError:
                failures += 1
            except Exception as error:  # noqa: BLE001 - without us nobody would hear any more
                if failures % _TOLD == 0:
                    self._failed(error)
                failures += 1
            await asyncio.sleep(min(_FIRST_WAIT * 2 ** min(failures, 10), _LONGEST_WAIT))

    async def _listen(self) -> None:
        """Listen on a connection of its own until that is lost; raises what prevents listening."""
        connection = await self._database.dial()
        lost = asyncio.Event()

        def hear(_connection: Any, _process: int, channel: str, _payload: object) -> None:
            self._heard[channel]()

        try:
            connection.add_termination_listener(lambda _: lost.set())
            for channel in self._heard:
                # A standby lets us in and refuses this.
                await connection.add_listener(channel, hear)
            self._deaf_since = None
            for tell in self._heard.values():
                tell()
            with suppress(*_LOST):
                await self._until(lost, connection)
        finally:
            if self._deaf_since is None:
                self._deaf_since = self._clock()
            connection.terminate()

    async def _until(self, lost: asyncio.Event, connection: asyncpg.Connection) -> None:
        """Wait until the connection is lost, or does not answer."""
        while not lost.is_set():
            # Not wait_for, which may swallow that we are cancelled while it is lost.
            with suppress(TimeoutError):
                async with asyncio.timeout(self._heartbeat):
                    await lost.wait()
                return
            await connection.execute("select 1", timeout=self._heartbeat)
