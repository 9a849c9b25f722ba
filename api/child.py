"""One of several processes that serve: started by the supervisor, never by people."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable

from starlette.applications import Starlette

from api.app import create_app
from api.commands.serve import fast_loop, serve
from api.console import load_settings, run
from api.database import open_database
from api.logs import configure, log_uncaught
from api.settings import Settings
from api.supervisor import READY
from store.db import Database


def main(make: Callable[[Settings, Database, bool], Starlette]) -> None:
    """Serve on the socket that was passed on; ``make`` makes the application."""
    file, number = map(int, sys.argv[1:3])
    settings = load_settings()
    configure(settings.log_format, settings.log_level)
    log_uncaught()
    fast_loop()
    run(_serve(settings, socket.socket(fileno=file), number, make))


async def _serve(
    settings: Settings,
    listener: socket.socket,
    number: int,
    make: Callable[[Settings, Database, bool], Starlette],
) -> None:
    # Due work is done by one of the processes, and by none on a database of one's own.
    works = number == 0 and settings.database_url is None
    async with open_database(settings, hurried=True) as database:
        await serve(make(settings, database, works), database, listener, _started)


def _started(stop: Callable[[], None]) -> None:
    """Tell the supervisor, and end when it does."""
    loop = asyncio.get_running_loop()

    def ended() -> None:
        if not os.read(0, 1):
            loop.remove_reader(0)
            stop()

    loop.add_reader(0, ended)
    os.write(1, READY)


def _application(settings: Settings, database: Database, works: bool) -> Starlette:
    return create_app(settings, database=database, worker=works)


if __name__ == "__main__":
    main(_application)
