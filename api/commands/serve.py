"""Serve GraphQL over HTTP; with the embedded database, do due work as well."""

from __future__ import annotations

import asyncio
import gc
import resource
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, Final

import typer
import uvicorn
from starlette.applications import Starlette

from api.app import create_app
from api.connection import Bounds, bounded, sweep
from api.console import CommandError, load_settings, run, say, stopped_by_signals
from api.database import hold_database, open_database
from api.logs import configure, log_uncaught, log_unhandled
from api.service import Service
from api.settings import Settings
from api.supervisor import Supervisor
from api.websocket import MOST_BYTES
from store.db import Database

#: Seconds that requests under way get to finish once the service is told to stop.
_GRACE: Final = 30
#: Seconds that the application gets to end once requests were cut off.
_CUT: Final = 3
_BACKLOG: Final = 2048
#: Bytes that a request line and headers may take; a query in the address is half of it at most.
_HEADERS: Final = 65_536
#: Files of a process that are neither clients nor the database.
_OTHER_FILES: Final = 100
#: New objects between two looks for garbage; a request makes thousands that are gone at its end.
_GARBAGE: Final = 20_000


def command(
    host: Annotated[str | None, typer.Option(help="IKUSEI_HOST, for this once.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="IKUSEI_PORT, for this once; 0: any free.")
    ] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, max=256, help="IKUSEI_PROCESSES, for this once.")
    ] = None,
) -> None:
    """Serve GraphQL over HTTP until Ctrl-C or SIGTERM; what is being answered is finished first.

    On the embedded database, due work is done in the same process, or in one of several; on a
    database of your own run `ikusei work` beside it.
    """
    settings = load_settings()
    changes = {"host": host, "port": port, "processes": processes}
    settings = settings.model_copy(
        update={name: value for name, value in changes.items() if value is not None}
    )
    configure(settings.log_format, settings.log_level)
    log_uncaught()
    if settings.processes > 1:
        run(_supervise(settings))
        return
    fast_loop()
    run(_serve(settings))


def fast_loop() -> None:
    """Let this process run on uvloop where there is one."""
    if sys.platform != "win32":
        import uvloop  # noqa: PLC0415 - it is not there on Windows

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


async def _serve(settings: Settings) -> None:
    listener = listen(settings.host, settings.port)
    try:
        async with open_database(settings, hurried=True) as database:
            await serve(create_app(settings, database=database), database, listener)
    finally:
        listener.close()


async def _supervise(settings: Settings) -> None:
    """Serve with several processes; this one answers nothing itself."""
    listener = listen(settings.host, settings.port)
    try:
        async with hold_database(settings):
            supervisor = Supervisor(listener, settings.processes, drain=settings.drain_seconds)
            with stopped_by_signals(supervisor.stop):
                await supervisor.run(lambda: say(addresses(listener)))
    finally:
        listener.close()


async def serve(
    app: Starlette,
    database: Database,
    listener: socket.socket,
    started: Callable[[Callable[[], None]], None] | None = None,
) -> None:
    """Serve on a listening socket until the process is told to stop.

    ``database`` is what the application answers from; it is left open, unless requests under way
    had to be cut off. ``started`` is called once requests are answered, with what stops that; by
    default it tells the addresses to people.
    """
    server = _Server(app, listener, started)
    asyncio.get_running_loop().set_exception_handler(log_unhandled)
    with stopped_by_signals(server.stop):
        try:
            await server.serve(sockets=[listener])
        finally:
            if server.force_exit:
                # Whoever is still at work would otherwise be waited for.
                database.pool.terminate()
                await server.cut_off()


def configured(app: Starlette) -> uvicorn.Config:
    """How the application is served."""
    service: Service = app.state.service
    settings = service.settings
    bounds = Bounds(
        seconds=settings.request_seconds,
        most=settings.max_connections,
        head=_HEADERS,
        cut=service.metrics.cut,
    )
    http, socket_ = bounded(bounds)
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        http=http,
        ws=socket_,
        ws_max_size=MOST_BYTES,
        ws_per_message_deflate=False,
        lifespan="on",
        backlog=_BACKLOG,
        timeout_graceful_shutdown=_GRACE,
    )


class _Server(uvicorn.Server):
    """Leaves the signals to us: uvicorn would raise them again after a clean end."""

    def __init__(
        self,
        app: Starlette,
        listener: socket.socket,
        started: Callable[[Callable[[], None]], None] | None,
    ) -> None:
        self._service: Service = app.state.service
        self._listener = listener
        self._told = started
        settings = self._service.settings
        more_files(settings.max_connections * 2 + settings.pool_most + _OTHER_FILES)
        super().__init__(configured(app))

    def stop(self) -> None:
        """Take the last requests and end; called again, end at once."""
        if self._service.stopping:
            self.force_exit = True
            self._end()
            return
        self._service.stopping = True
        loop = asyncio.get_running_loop()
        loop.call_later(self._service.settings.drain_seconds, self._end)

    async def cut_off(self) -> None:
        """End what the application does beside answering, which uvicorn leaves running."""
        if self.started:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CUT):
                    await self.lifespan.shutdown()

    def _end(self) -> None:
        # Streams have no end of their own that could be waited for.
        self._service.live.stop()
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture nothing."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, and tell where."""
        await super().startup(sockets)
        # What the imports made lives as long as the process: no need to look at it ever again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GARBAGE)
        if self._told is None:
            say(addresses(self._listener))
        else:
            self._told(self.stop)

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second; the connections are looked at once."""
        if counter % 10 == 0:
            connections = self.server_state.connections
            sweep(connections, asyncio.get_running_loop().time())
            self._service.metrics.connections(len(connections))
        return await super().on_tick(counter)


def more_files(least: int) -> None:
    """Let this process open at least so many files, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = least if hard == resource.RLIM_INFINITY else min(least, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def addresses(listener: socket.socket) -> str:
    """Where the service is found, for people."""
    host, port = listener.getsockname()[:2]
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - only shown
    base = f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
    return (
        f"GraphQL  {base}/graphql\n"
        f"schema   {base}/schema.graphql\n"
        f"ready?   {base}/ready\n"
        "Ctrl-C stops it."
    )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, taken before the database is started.

    Raises CommandError when the address is not to be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise CommandError(
            f"cannot serve on {host} port {port}: {error.strerror or error}; choose another with "
            "--host and --port, or IKUSEI_HOST and IKUSEI_PORT"
        ) from None
