"""Following the changes of status: read once for a whole process, told to all who follow.

Whoever follows names the last change they know, and gets every later one, once and in order: from
memory where it is recent, else from the database. The database may go away meanwhile.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final

from store import announce
from store.announce import Announced
from store.db import Database, StoreError

#: Changes kept in memory, and read at a time.
_KEPT: Final = 5_000
_PAGE: Final = 1_000
#: Seconds between two looks without being woken: notifications are a convenience, not a promise.
PAUSE: Final = 5.0
#: Seconds until the next try when the database cannot be used: this, for the reader doubled each
#: time, up to the other.
_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 5.0
#: So many failures of the reader in a row are no accident; the first of as many is told.
_TROUBLE: Final = 10

_number = attrgetter("id")


class UnknownChange(StoreError):
    """Somebody knows a change that there is not: they have followed another database."""


class Merged(StoreError):
    """The member who is followed has become part of another, in whose name all goes on."""


@dataclass(eq=False, slots=True)
class _Follower:
    """Somebody who follows a member, or all; ``of`` are the member and who became part of them."""

    member_id: int | None
    of: frozenset[int] | None = None
    merged: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)


#: Told of the first failure of a reader, and of every tenth in a row.
Failed = Callable[[Exception], None]


def _untold(_error: Exception) -> None:
    """Nobody wants to know."""


class Feed:
    """The changes of one database as they are committed. It reads while somebody follows."""

    def __init__(
        self,
        database: Database,
        *,
        pause: float = PAUSE,
        kept: int = _KEPT,
        failed: Failed = _untold,
    ) -> None:
        self._database = database
        self._pause = pause
        self._most = kept
        self._failed = failed
        self._failures = 0
        # All changes above ``_from`` up to ``_to`` are in ``_recent``, in order.
        self._recent: list[Announced] = []
        self._from: int | None = None
        self._to = 0
        self._followers: set[_Follower] = set()
        self._woken = asyncio.Event()
        # Somebody who is followed may have been merged.
        self._merges = False
        self._reading: asyncio.Task[None] | None = None

    @property
    def followers(self) -> int:
        """How many follow."""
        return len(self._followers)

    def trouble(self) -> str | None:
        """Why those who follow hear nothing, or read for themselves; None while all is well."""
        return "changes of status cannot be read" if self._failures >= _TROUBLE else None

    def wake(self) -> None:
        """There may be news."""
        self._woken.set()

    def merges(self) -> None:
        """Members may have been merged."""
        self._merges = True
        self._woken.set()

    async def begin(self, after: int | None) -> int:
        """The number to follow from: ``after``, or that of the newest change there is.

        Raises UnknownChange where ``after`` is yet to come.
        """
        async with self._database.read() as connection:
            newest = await announce.newest(connection)
        if after is not None and after > newest:
            raise UnknownChange("the cursor is that of a change which is not known here")
        return newest if after is None else after

    async def follow(self, after: int, member_id: int | None) -> AsyncGenerator[Announced, None]:
        """Every change with a number above ``after``, of one member or of all, without end.

        Changes that are not to be told, of other rules, are left out.

        Those of a member begin with the changes of whoever became part of them. Raises Merged, with
        every change told, once the member becomes part of another.
        """
        async with self._following(member_id) as follower:
            while True:
                follower.news.clear()
                # What is read from here on is all that the merged one had.
                merged = follower.merged
                try:
                    changes, after = await self._next(after, follower)
                except StoreError:
                    # Whatever the database has, the caller has named nothing that is wrong; it is
                    # told by who reads for all.
                    await asyncio.sleep(_WAIT)
                    continue
                for change in changes:
                    # Read like the others, so that the numbers that are known go on.
                    if change.told:
                        yield change
                if not changes:
                    if merged:
                        raise Merged("the member has become part of another")
                    await follower.news.wait()

    @asynccontextmanager
    async def _following(self, member_id: int | None) -> AsyncGenerator[_Follower, None]:
        follower = _Follower(member_id)
        self._followers.add(follower)
        if member_id is not None:
            # It may have happened since it was found out whom to follow.
            self.merges()
        if self._reading is None:
            # What is read for all is no part of what the first of them asked.
            self._reading = asyncio.create_task(self._read(), name="feed", context=Context())
        try:
            yield follower
        finally:
            self._followers.discard(follower)
            if not self._followers:
                self._reading.cancel()
                self._reading = None
                self._forget()
                self._failures = 0

    def _forget(self) -> None:
        self._recent = []
        self._from = None

    async def _next(self, after: int, follower: _Follower) -> tuple[list[Announced], int]:
        """What follows ``after``, and the number that is known then."""
        if follower.member_id is not None and follower.of is None:
            async with self._database.read() as connection:
                follower.of = await announce.become(connection, follower.member_id)
        of = follower.of
        if self._from is not None and self._from <= after:
            rest = self._recent[bisect_right(self._recent, after, key=_number) :]
            found = [one for one in rest if of is None or one.member_id in of]
            return found, rest[-1].id if rest else after
        async with self._database.read() as connection:
            newest = await announce.newest(connection)
            found = await announce.following(connection, after, first=_PAGE, of=of)
        return found, found[-1].id if found else max(after, newest)

    async def _read(self) -> None:
        """Read what is new, again and again, and tell those whom it concerns."""
        while True:
            self._woken.clear()
            try:
                more = await self._read_page()
            except Exception as error:  # noqa: BLE001 - it is told, and met by those who follow
                if self._failures % _TROUBLE == 0:
                    self._failed(error)
                self._failures += 1
                self._merges = True
                # With nothing in memory they read themselves, and fail where that does.
                self._forget()
                self._tell(None)
                await asyncio.sleep(min(_WAIT * 2 ** min(self._failures - 1, 10), _LONGEST_WAIT))
                continue
            self._failures = 0
            if not more:
                # Not wait_for, which may swallow that we are cancelled while we are woken.
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pause):
                        await self._woken.wait()
                        continue
                self._merges = True

    async def _read_page(self) -> bool:
        """Read what is new, at most a page; whether there may be more."""
        asked, self._merges = self._merges, False
        async with self._database.read() as connection:
            if self._from is None:
                self._from = self._to = await announce.newest(connection)
                # What was committed until now they must read themselves.
                self._tell(None)
                self._merges |= asked
                return True
            page = await announce.following(connection, self._to, first=_PAGE)
            more = len(page) == _PAGE
            followed = {one.member_id for one in self._followers if one.member_id is not None}
            # What the merged ones had is in the pages up to the last.
            look = asked and followed and not more
            merged = await announce.merged(connection, followed) if look else frozenset[int]()
        self._merges |= asked and more
        if page:
            self._keep(page)
        for follower in self._followers:
            if follower.member_id in merged:
                follower.merged = True
                follower.news.set()
        return more

    def _keep(self, page: list[Announced]) -> None:
        """Remember what was read, and forget the oldest where that is too much."""
        self._recent += page
        self._to = page[-1].id
        gone = self._recent[: max(0, len(self._recent) - self._most)]
        if gone:
            self._from = gone[-1].id
            del self._recent[: len(gone)]
        self._tell({change.member_id for change in page})

    def _tell(self, members: set[int] | None) -> None:
        """Wake up those who follow one of ``members`` or everybody; None: all."""
        for follower in self._followers:
            if members is None or follower.of is None or follower.of & members:
                follower.news.set()
