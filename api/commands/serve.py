"""Serve GraphQL over HTTP; with the embedded database, do due work as well."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final

import typer
import uvicorn
from starlette.applications import Starlette

from api.app import create_app
from api.console import CommandError, load_settings, run, say
from api.database import open_database
from api.logs import configure
from api.settings import Settings
from api.websocket import MOST_BYTES
from store.db import Database

#: Seconds that requests under way get to finish once the service is told to stop.
_GRACE: Final = 30
_BACKLOG: Final = 2048
#: New objects between two looks for garbage; a request makes thousands that are gone at its end.
_GARBAGE: Final = 20_000


def command(
    host: Annotated[str | None, typer.Option(help="IKUSEI_HOST, for this once.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="IKUSEI_PORT, for this once; 0: any free.")
    ] = None,
) -> None:
    """Serve GraphQL over HTTP until Ctrl-C or SIGTERM; what is being answered is finished first.

    On the embedded database, due work is done in the same process; on a database of your own run
    `ikusei work` beside it.
    """
    settings = load_settings()
    changes = {"host": host, "port": port}
    settings = settings.model_copy(
        update={name: value for name, value in changes.items() if value is not None}
    )
    configure(settings.log_format, settings.log_level)
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
        async with open_database(settings) as database:
            await serve(create_app(settings, database=database), database, listener)
    finally:
        listener.close()


async def serve(app: Starlette, database: Database, listener: socket.socket) -> None:
    """Serve on a listening socket until the process is told to stop.

    ``database`` is what the application answers from; it is left open, unless requests under way
    had to be cut off.
    """
    server = _Server(configured(app))
    with _stopped_by_signals(server):
        try:
            await server.serve(sockets=[listener])
        finally:
            if server.force_exit:
                # Whoever is still at work would otherwise be waited for.
                database.pool.terminate()


def configured(app: Starlette) -> uvicorn.Config:
    """How the application is served."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=MOST_BYTES,
        ws_per_message_deflate=False,
        lifespan="on",
        backlog=_BACKLOG,
        timeout_graceful_shutdown=_GRACE,
    )


class _Server(uvicorn.Server):
    """Leaves the signals to us: uvicorn would raise them again after a clean end."""

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
        for one in sockets or []:
            say(addresses(one))


@contextmanager
def _stopped_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the service gracefully, and a second one at once."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.force_exit = server.should_exit
        server.should_exit = True

    kinds = (signal.SIGINT, signal.SIGTERM)
    for kind in kinds:
        loop.add_signal_handler(kind, stop)
    try:
        yield
    finally:
        # From here on the database is closed and released, which nothing should cut short.
        for kind in kinds:
            loop.add_signal_handler(kind, _already_stopping)


def _already_stopping() -> None:
    say("stopping")


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
