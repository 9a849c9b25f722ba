"""Work of minutes for requests of seconds: done once, one after the other, and kept for a while.

Whoever asks waits as long as they can. Where that is too short, the work goes on without them, and
who asks again finds it further on, or done. A process does one piece at a time, so that what takes
long never takes all of it; another process of the service does its own.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from store.db import Database, Read, StoreError

Result = TypeVar("Result")

#: Seconds that an outcome is kept after it was made, and how many there are at most: what is worked
#: out of a million members may take a hundred megabytes, a report takes some thousand bytes.
KEPT_SECONDS: Final = 300.0
KEPT_MOST: Final = 4
KEPT_MOST_SMALL: Final = 64
#: Pieces of work that may wait for their turn.
_QUEUE: Final = 16


@dataclass(slots=True)
class Progress:
    """How far a piece of work is: it is told by calling it; ``total`` is None until it is known."""

    done: int = 0
    total: int | None = None
    begun: bool = False

    def __call__(self, done: int, total: int) -> None:
        """Note that ``done`` of ``total`` are done."""
        self.done, self.total = done, total

    def __str__(self) -> str:
        if self.total is None:
            return "it has begun" if self.begun else "it waits for its turn"
        return f"{self.done:,} of {self.total:,} members are done"


class UnderWay(StoreError):
    """What was asked for is being worked out and not there yet; ``progress`` says how far it is."""

    code = "UNDER_WAY"

    def __init__(self, progress: Progress) -> None:
        super().__init__(f"it is being worked out: {progress}; ask again in a while")
        self.progress = progress


class Crowded(StoreError):
    """So much waits to be worked out that nothing is added."""

    code = "CROWDED"


@dataclass(slots=True, eq=False)
class _Piece:
    """One piece of work; ``made`` is when it was over, by the clock of the process."""

    progress: Progress
    task: asyncio.Task[Any]
    small: bool
    made: float | None = None


@dataclass(slots=True, eq=False)
class Background:
    """What a process works out aside; ``of`` gives that of a database."""

    clock: Callable[[], float] = time.monotonic
    _pieces: OrderedDict[Hashable, _Piece] = field(default_factory=OrderedDict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def kept(
        self,
        key: Hashable,
        work: Callable[[Progress], Awaitable[Result]],
        *,
        patience: float | None = None,
        small: bool = False,
    ) -> Result:
        """What ``work`` gives, begun by the first who asks for ``key``.

        ``key`` names all that the outcome depends on but what is recorded meanwhile; for
        KEPT_SECONDS whoever asks gets the same, unless too much else was made since. What is
        ``small`` takes no place of what is not. ``work`` must hold no connection of the caller's.
        Raises what ``work`` raised (to those who wait, else to the next who asks), UnderWay after
        ``patience`` seconds (None: as long as it takes), and Crowded.
        """
        self._forget()
        piece = self._pieces.get(key)
        if piece is None:
            piece = self._begin(key, work, small=small)
        done, _ = await asyncio.wait([piece.task], timeout=patience)
        if not done:
            raise UnderWay(piece.progress)
        if piece.task.cancelled() or piece.task.exception() is not None:
            if self._pieces.get(key) is piece:
                del self._pieces[key]
            if piece.task.cancelled():
                raise StoreError("what was being worked out was given up; ask again")
        else:
            self._pieces.move_to_end(key)
        result: Result = piece.task.result()
        return result

    async def close(self) -> None:
        """Give up what is under way and forget what is kept."""
        tasks = [piece.task for piece in self._pieces.values()]
        self._pieces.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(
        self, key: Hashable, work: Callable[[Progress], Awaitable[Any]], *, small: bool
    ) -> _Piece:
        if sum(piece.made is None for piece in self._pieces.values()) >= _QUEUE:
            raise Crowded("too much waits to be worked out; ask again in some minutes")
        progress = Progress()

        async def run() -> Any:
            async with self._turn:
                progress.begun = True
                return await work(progress)

        # What is done for all who ask is no part of the request of the first of them.
        task = asyncio.create_task(run(), name="background", context=Context())
        piece = self._pieces[key] = _Piece(progress, task, small)
        task.add_done_callback(lambda _: self._made(piece))
        return piece

    def _made(self, piece: _Piece) -> None:
        piece.made = self.clock()
        # It takes up memory, whether or not anybody asks for anything again.
        asyncio.get_running_loop().call_later(KEPT_SECONDS, self._forget)

    def _forget(self) -> None:
        """Drop what is too old, and the oldest of what is too much."""
        now = self.clock()
        made = [(key, one, one.made) for key, one in self._pieces.items() if one.made is not None]
        place = {True: KEPT_MOST_SMALL, False: KEPT_MOST}
        for key, piece, since in reversed(made):
            is_old = now - since >= KEPT_SECONDS
            place[piece.small] -= not is_old
            if is_old or place[piece.small] < 0:
                task = self._pieces.pop(key).task
                # Nobody has asked again: that it failed need not be told as never noticed.
                if not task.cancelled():
                    task.exception()


def of(database: Database) -> Background:
    """What this process works out of ``database``; it ends when that is closed."""
    background = database.remembered(Background)
    if background.close not in database.closing:
        database.closing.append(background.close)
    return background


async def unhurried(connection: Read) -> None:
    """Let the statements of this transaction take their time, also where requests may not."""
    await connection.execute("set local statement_timeout = 0")
