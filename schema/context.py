"""What every resolver may rely on: caller, clock, database; and what one list loads together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Generic, TypeVar

import strawberry

from engagement.words import ActionType
from schema.errors import Refused
from schema.words import Index, Scope
from store import background, explained, members
from store.audit import Actor
from store.background import Progress
from store.db import Database, Read, day_date, day_number
from store.explained import At
from store.feed import Feed
from store.members import AccountRow, MemberRow
from store.moment import Moment, Newest, moment

Row = TypeVar("Row")
Loaded = TypeVar("Loaded")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: with which name their deeds are signed, and what they may do.

    ``key`` is the prefix of their key (None without one), ``member`` the account of the member
    that they are (None where they are none).
    """

    name: str
    scopes: frozenset[Scope]
    key: str | None = None
    member: AccountRow | None = None

    @property
    def who(self) -> Hashable:
        """What tells callers apart where they are counted: a member, or whoever has the key."""
        return self.member or self.key or self.name


#: Told how many records of a kind had an outcome: (kind, outcome, how many).
Recorded = Callable[[str, str, int], None]


def untold(_kind: str, _outcome: str, _count: int) -> None:
    """Nobody measures."""


@dataclass(slots=True)
class Context:
    """One request, with its id. ``feed`` and ``newest`` are shared by all of a process.

    ``patience`` is how many seconds a field may wait for what is worked out in the background.
    """

    database: Database
    now: Callable[[], datetime]
    caller: Caller
    feed: Feed
    newest: Newest = field(default_factory=Newest)
    request_id: str | None = None
    recorded: Recorded = untold
    patience: float | None = None
    raw_records: dict[str, Any] = field(default_factory=dict)
    _moment: Moment | None = None
    _catalog: dict[tuple[str, str], ActionType] | None = None
    _asked_distinct: dict[At, asyncio.Future[Mapping[Index, int]]] = field(default_factory=dict)
    _gathering: dict[At, asyncio.Future[Mapping[Index, int]]] = field(default_factory=dict)
    _counting: asyncio.Task[None] | None = None

    @property
    def actor(self) -> Actor:
        """The caller as the audit log names them."""
        return Actor(self.caller.name, self.caller.key, self.request_id)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[tuple[Read, Moment]]:
        """A connection of the resolver's own, and the one moment that the request is about.

        Never held across resolvers: siblings run at the same time, connections do not.
        """
        async with self.database.read() as connection:
            if self._moment is None:
                now = self.now()
                self._moment = await moment(self.database, connection, self.newest, now=now)
            yield connection, self._moment

    def changed(self) -> None:
        """Forget the moment: a mutation of this request has changed what it was read from."""
        self._moment = self._catalog = None
        self._asked_distinct = {}

    async def worked_out(
        self, key: Hashable, work: Callable[[Progress], Awaitable[Loaded]], *, small: bool = False
    ) -> Loaded:
        """What takes minutes, worked out once for all requests (store/background.py).

        Raises Refused with how far it is, where that is longer than this request can wait.
        """
        return await self.patiently(
            background.of(self.database).kept(key, work, patience=self.patience, small=small)
        )

    async def patiently(self, waiting: Awaitable[Loaded]) -> Loaded:
        """What is waited for in the background; raises Refused where it is not there in time."""
        try:
            return await waiting
        except background.UnderWay as error:
            progress = {"done": error.progress.done, "total": error.progress.total}
            raise Refused(error.code, str(error), progress=progress) from None

    async def own_member(self) -> int | None:
        """The number of the member that the caller is; see ``own_row``."""
        row = await self.own_row()
        return None if row is None else row.id

    async def own_row(self) -> MemberRow | None:
        """The member that the caller is, as they are now: whom they were merged into, if so.

        None where the caller is no member, or one whom nobody told us of, or who was erased. Looked
        up anew each time: what outlives a request must not rest on what was.
        """
        account = self.caller.member
        if account is None:
            return None
        async with self.read() as (connection, _):
            row = await members.by_account(connection, account.source, account.external_id)
        return None if row is None or row.erased_at is not None else row

    async def moment(self) -> Moment:
        """The moment that the request is about."""
        if self._moment is None:
            async with self.read() as (_, found):
                return found
        return self._moment

    async def catalog(self) -> dict[tuple[str, str], ActionType]:
        """The rows of the active catalog by venue and verb."""
        if self._catalog is None:
            found = await self.moment()
            self._catalog = {row.key: row for row in found.rules.rules.catalog}
        return self._catalog

    async def distinct(self, member_id: int, day: int) -> Mapping[Index, int]:
        """Distinct counterparts of a member in the window that ends on ``day``, by index.

        What resolvers ask for in one turn of the loop is counted together.
        """
        at = (member_id, day)
        if at not in self._asked_distinct:
            loop = asyncio.get_running_loop()
            self._asked_distinct[at] = self._gathering[at] = loop.create_future()
            if len(self._gathering) == 1:
                self._counting = loop.create_task(self._count_distinct())
        # Who waits may be given up, for the mistake of a field beside; the others still wait.
        return await asyncio.shield(self._asked_distinct[at])

    async def _count_distinct(self) -> None:
        # Resolvers of one list are all started before any task runs again.
        await asyncio.sleep(0)
        asked, self._gathering = self._gathering, {}
        try:
            async with self.read() as (connection, now):
                found = await explained.distinct(connection, list(asked), now.rules)
        except Exception as error:  # noqa: BLE001 - it is raised where it was asked for
            for at, counted in asked.items():
                # Whoever asks again, as for an event that is tried again, has it counted again.
                if self._asked_distinct.get(at) is counted:
                    del self._asked_distinct[at]
                counted.set_exception(error)
        else:
            for at, counted in asked.items():
                counted.set_result(found[at])


Asked = strawberry.Info[Context, None]


class Siblings(Generic[Row]):
    """The rows of one list: what one of them asks for is loaded for all, once."""

    __slots__ = ("_loaded", "rows")

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self._loaded: dict[Hashable, asyncio.Future[Any]] = {}

    async def once(self, key: Hashable, load: Callable[[], Awaitable[Loaded]]) -> Loaded:
        """What ``load`` gives, which runs for the first who asks for ``key``.

        Where a field fails, graphql-core gives up those beside it, and with one who waits here the
        loading ends: whoever still waits then begins it anew.
        """
        while True:
            future = self._loaded.get(key)
            if future is None or future.cancelled():
                future = self._loaded[key] = asyncio.ensure_future(load())
            try:
                loaded: Loaded = await future
            except asyncio.CancelledError:
                this = asyncio.current_task()
                if this is None or this.cancelling():
                    raise
            else:
                return loaded


def asked_day(moment: Moment, as_of: date | None) -> int:
    """The day that is asked about: by default today, or for an archive the day after its newest.

    Raises Refused for a day that is yet to come or before all counting.
    """
    if as_of is None:
        return moment.day
    day = day_number(as_of)
    if day > moment.today:
        today = day_date(moment.today)
        raise Refused("BAD_INPUT", f"`asOf` is {as_of}, which is yet to come; today is {today}")
    if day < 0:
        raise Refused("BAD_INPUT", f"`asOf` is {as_of}; expected a day from 1970-01-01 on")
    return day
