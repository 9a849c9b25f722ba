"""Connections to PostgreSQL; the one place that commits.

``read()`` gives a snapshot that cannot write, ``in_write()`` runs a function in a transaction and
commits it, again from the start where PostgreSQL chose it as the victim of a deadlock. What goes
wrong with the database itself comes out as StoreError with a message for people.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final, Literal, NewType, Self, TypeVar, cast
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import asyncpg
import orjson

Result = TypeVar("Result")

#: A connection inside a read-only transaction, and one inside a transaction that may write.
Read = NewType("Read", asyncpg.Connection)
Write = NewType("Write", asyncpg.Connection)

#: The newest migration; a test holds it equal to the newest file in migrations/versions.
NEWEST: Final = "0007"
#: The oldest PostgreSQL that the tests have seen pass.
LEAST_VERSION: Final = 15
_ENCODING: Final = "UTF8"

_RETRIES = 5
_EPOCH = date(1970, 1, 1)
#: How often and how long apart we ask a server that is starting up or recovering; and one that we
#: revive, which may be dying still when we first do.
_START_TRIES = 600
_REVIVE_TRIES = 5
_START_PAUSE = 0.1
#: Of a connection over a network: seconds of silence until we ask, between two questions, and how
#: many may stay unanswered; milliseconds that what we send may stay unconfirmed.
_KEEPALIVE: Final = (
    ("TCP_KEEPIDLE", 30),
    ("TCP_KEEPINTVL", 10),
    ("TCP_KEEPCNT", 3),
    ("TCP_USER_TIMEOUT", 60_000),
)


class StoreError(Exception):
    """What the caller can do something about; the message says what."""


class Unavailable(StoreError):
    """The database cannot be used just now; the same call may work later."""


class TooSlow(StoreError):
    """A statement took longer than it may."""

    code = "TIMEOUT"


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def day_date(number: int) -> date:
    """The calendar day of a day number."""
    return date.fromordinal(_EPOCH.toordinal() + number)


@dataclass(frozen=True, slots=True)
class Use:
    """One transaction, for who measures: ``seconds`` in all, ``waited`` of them for a connection.

    ``failed`` says that the database was at fault, not what was done inside.
    """

    kind: Literal["read", "write"]
    waited: float
    seconds: float
    failed: bool


#: Told of every transaction when it is over, in the task that had it; quick, and never raises.
Watcher = Callable[[Use], None]


@dataclass(frozen=True, slots=True)
class Database:
    """A pool of connections to one migrated database, and the community's time zone.

    Whoever measures what the database is used for adds to ``watchers``.
    """

    pool: asyncpg.Pool
    zone: ZoneInfo
    #: Opens a connection beside the pool, for what holds on to one; raises StoreError.
    dial: Callable[[], Awaitable[asyncpg.Connection]]
    #: Seconds that a transaction waits for a connection; None: as long as it takes.
    wait_seconds: float | None = None
    watchers: list[Watcher] = field(default_factory=list, repr=False, compare=False)
    #: What ends what goes on in the background; called before the connections are closed.
    closing: list[Callable[[], Awaitable[None]]] = field(
        default_factory=list, repr=False, compare=False
    )
    _remembered: dict[type[Any], Any] = field(default_factory=dict, repr=False, compare=False)

    def remembered(self, kind: type[Result]) -> Result:
        """This process's one value of ``kind``: what a module keeps of the database between calls.

        Only what is committed may be kept, and only what can be told to be stale.
        """
        found: Result = self._remembered.setdefault(kind, kind())
        return found

    def day(self, moment: datetime) -> int:
        """The number of the community's calendar day at ``moment``."""
        return moment.astimezone(self.zone).toordinal() - _EPOCH.toordinal()

    def end_of(self, day: int) -> datetime:
        """The moment at which the community's calendar ``day`` ends."""
        midnight = datetime.combine(day_date(day + 1), datetime.min.time(), self.zone)
        return midnight.astimezone(UTC)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Read]:
        """A connection that sees one snapshot and refuses to write."""
        with _Measured("read", self.watchers) as use, _told():
            async with self._connection() as connection:
                use.connected()
                async with connection.transaction(isolation="repeatable_read", readonly=True):
                    yield Read(connection)

    async def in_write(
        self, work: Callable[[Write], Awaitable[Result]], *, planned_once: bool = False
    ) -> Result:
        """Run ``work`` in one transaction and commit it.

        ``work`` may run more than once: it must not change anything but the database. With
        ``planned_once`` its statements are run by the plans that were made for any arguments.
        """

        def around(connection: asyncpg.Connection) -> AbstractAsyncContextManager[object]:
            return _planned_once(connection) if planned_once else connection.transaction()

        with _Measured("write", self.watchers) as use, _told():
            for attempt in range(_RETRIES):
                try:
                    async with self._connection() as connection:
                        use.connected()
                        async with around(connection):
                            return await work(Write(connection))
                except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
                    if attempt == _RETRIES - 1:
                        raise
                except asyncpg.ReadOnlySQLTransactionError as error:
                    # Of a primary that has become a standby; the next connections may be to
                    # another server.
                    await self.pool.expire_connections()
                    raise Unavailable(f"the database takes no writes: {error}") from error
        raise AssertionError("unreachable")

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection of the pool; raises Unavailable when none is to be had in time."""
        try:
            async with asyncio.timeout(self.wait_seconds):
                connection = await self.pool.acquire()
        except TimeoutError:
            raise Unavailable("no connection to the database was free in time") from None
        try:
            yield cast(asyncpg.Connection, connection)
        finally:
            await self.pool.release(connection)

    @property
    def exhausted(self) -> bool:
        """Whether every connection that there may be is in use."""
        return self.pool.get_idle_size() == 0 and self.pool.get_size() >= self.pool.get_max_size()

    async def close(self) -> None:
        """Close every connection, waiting for those in use."""
        for end in self.closing:
            await end()
        try:
            await self.pool.close()
        except (OSError, asyncpg.PostgresConnectionError):
            # There was nobody left to say goodbye to.
            self.pool.terminate()


@asynccontextmanager
async def _planned_once(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """A transaction whose statements are not planned for their arguments, begun in one go."""
    await connection.execute("begin; set local plan_cache_mode = force_generic_plan")
    try:
        yield
    except BaseException:
        await connection.execute("rollback")
        raise
    await connection.execute("commit")


class _Measured:
    """Measures what is inside and tells the watchers."""

    __slots__ = ("_begin", "_connected", "_kind", "_watchers")

    def __init__(self, kind: Literal["read", "write"], watchers: Sequence[Watcher]) -> None:
        self._kind = kind
        self._watchers = watchers
        self._begin = time.perf_counter()
        self._connected: float | None = None

    def connected(self) -> None:
        """Note that the waiting for a connection is over; the first time counts."""
        if self._connected is None:
            self._connected = time.perf_counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if self._watchers:
            end = time.perf_counter()
            waited = (end if self._connected is None else self._connected) - self._begin
            failed = isinstance(error, Unavailable | asyncpg.PostgresError)
            use = Use(self._kind, waited, end - self._begin, failed)
            for watch in self._watchers:
                watch(use)


async def connect(
    url: str,
    *,
    least: int = 1,
    most: int = 10,
    revive: Callable[[], Awaitable[None]] | None = None,
    statement_seconds: float | None = None,
    wait_seconds: float | None = None,
) -> Database:
    """Open a pool on a migrated database.

    ``revive`` is called when a connection fails, before the next try. A statement that takes longer
    than ``statement_seconds`` is given up (TooSlow), and so is a transaction that waits for a
    connection longer than ``wait_seconds`` (Unavailable). Raises StoreError when the database
    cannot be reached or is not at the newest migration.
    """

    async def open_one(*_: object, **options: Any) -> asyncpg.Connection:
        return await open_connection(url, revive=revive, **options)

    async def init(connection: asyncpg.Connection) -> None:
        await _init(connection)
        if statement_seconds is not None:
            await connection.execute(f"set statement_timeout = {round(statement_seconds * 1000)}")

    pool = await asyncpg.create_pool(
        min_size=least, max_size=most, init=init, connect=open_one, reset=_leave
    )
    try:
        async with pool.acquire() as connection:
            await check(cast(asyncpg.Connection, connection), url)
            zone = await connection.fetchval("select value from setting where key = 'zone'")
    except BaseException:
        pool.terminate()
        raise
    return Database(pool, ZoneInfo(zone), open_one, wait_seconds)


async def open_connection(
    url: str, *, revive: Callable[[], Awaitable[None]] | None = None, **options: Any
) -> asyncpg.Connection:
    """One connection, waiting for a server that is starting up.

    Raises StoreError when there is no such database or it does not let us in, Unavailable when
    there is no server that answers.
    """
    for attempt in range(_START_TRIES):
        try:
            return _kept_alive(await asyncpg.connect(url, timeout=30, **options))
        except (OSError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError) as error:
            starting = isinstance(error, asyncpg.CannotConnectNowError)
            tries = _START_TRIES if starting else _REVIVE_TRIES if revive else 1
            if attempt >= tries - 1:
                reason = str(error) or type(error).__name__
                raise Unavailable(f"cannot reach {place(url)}: {reason}") from error
            if revive:
                await _revived(revive)
            await asyncio.sleep(_START_PAUSE)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
            raise StoreError(f"cannot use {place(url)}: {error}") from error
    raise AssertionError("unreachable")


def _kept_alive(connection: asyncpg.Connection) -> asyncpg.Connection:
    """Have the machine notice within a minute that the host of the database is gone.

    Nobody says so where its power or a line is: a statement without a limit would wait for ever.
    """
    # There is no public way to the socket.
    transport = cast("asyncio.Transport", cast(Any, connection)._transport)  # noqa: SLF001
    used = transport.get_extra_info("socket")
    if used is not None and used.family in (socket.AF_INET, socket.AF_INET6):
        used.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE:
            # Not every system has all of them.
            if hasattr(socket, name):
                used.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return connection


async def _revived(revive: Callable[[], Awaitable[None]]) -> None:
    """Start the server again; what prevents that is no fault of the call that noticed."""
    try:
        await revive()
    except (OSError, StoreError) as error:
        raise Unavailable(str(error)) from error


async def check(connection: asyncpg.Connection, url: str) -> None:
    """Raise StoreError, which says what to do, unless the database is at the newest migration."""
    found = await migration(connection, url)
    if found is None:
        raise StoreError(f"{place(url)} has no tables of Ikusei yet; run `ikusei migrate`")
    if found != NEWEST:
        raise StoreError(
            f"{place(url)} is at migration {found}, not at {NEWEST}; run `ikusei migrate`"
        )


async def takes_writes(connection: asyncpg.Connection) -> bool:
    """Whether the database takes writes: it is no standby, and nobody has made it read-only."""
    found: bool = await connection.fetchval(
        "select not (pg_is_in_recovery() or current_setting('default_transaction_read_only')::bool)"
    )
    return found


async def migration(connection: asyncpg.Connection, url: str) -> str | None:
    """The migration that the database is at, None where there is none.

    Raises StoreError when this Ikusei cannot use it: its PostgreSQL is too old, it is not in UTF8,
    the account may not read it, or it is of a newer Ikusei.
    """
    version = connection.get_server_version()
    if version.major < LEAST_VERSION:
        raise StoreError(
            f"{place(url)} is PostgreSQL {version.major}; Ikusei needs {LEAST_VERSION} or newer"
        )
    encoding = connection.get_settings().server_encoding
    if encoding != _ENCODING:
        raise StoreError(
            f"{place(url)} is in {encoding}, which does not know all letters: make it in "
            f"{_ENCODING} (create database … encoding '{_ENCODING}' template template0)"
        )
    if not await connection.fetchval("select to_regclass('alembic_version') is not null"):
        return None
    try:
        found: str | None = await connection.fetchval("select version_num from alembic_version")
    except asyncpg.InsufficientPrivilegeError as error:
        raise StoreError(
            f"the account may not read {place(url)} ({error}): use the account that migrates it"
        ) from error
    if found is not None and found > NEWEST:
        raise StoreError(
            f"{place(url)} is at migration {found} of a newer Ikusei; this one knows {NEWEST}: "
            "use the newer one"
        )
    return found


def place(url: str) -> str:
    """What to call a database in messages: never with the password."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or parse_qs(parts.query).get("host", ["localhost"])[0]
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the database of IKUSEI_DATABASE_URL"
    return f"the database {parts.path.lstrip('/') or 'of the default name'!r} at {host}{port}"


@contextmanager
def _told() -> Iterator[None]:
    """Turn what befalls the database itself into messages for people."""
    try:
        yield
    except asyncpg.DiskFullError as error:
        raise Unavailable(
            f"the disk of the database is full ({error}): make room there and try again; nothing "
            "that was acknowledged is lost"
        ) from error
    except asyncpg.QueryCanceledError:
        raise TooSlow("the database took too long and was stopped: ask for less at once") from None
    except (
        asyncpg.PostgresConnectionError,
        asyncpg.AdminShutdownError,
        asyncpg.CrashShutdownError,
    ) as error:
        raise Unavailable(f"the connection to the database was lost: {error}") from error
    except (asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        # The second is what asyncpg raises when the server took leave between two statements.
        if not any(words in str(error) for words in ("connection is closed", "cannot switch to")):
            raise
        raise Unavailable("the connection to the database was lost") from error


async def _leave(_: object) -> None:
    """Nothing to undo: we set nothing in a session, and locks and cursors end with a transaction.

    The usual reset is a statement of its own after every use, a third of the cost of a read.
    """


async def _init(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec(
        "jsonb", encoder=_dumps, decoder=orjson.loads, schema="pg_catalog"
    )


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def utc(moment: datetime) -> datetime:
    """The same moment in UTC."""
    return moment.astimezone(UTC)
