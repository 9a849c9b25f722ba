"""Do due work again and again: for a database given by URL, beside `ikusei serve`."""

from __future__ import annotations

import asyncio

from api.console import load_settings, run, say, stopped_by_signals
from api.database import open_database
from api.logs import configure, log_uncaught, log_unhandled
from api.settings import Settings
from api.traces import traced, tracing_of
from api.worker import Worker


def command() -> None:
    """Do due work until Ctrl-C or SIGTERM; what is under way gets ten seconds to be finished.

    `ikusei serve` on the embedded database does the same in its own process. Several workers on one
    database are safe.
    """
    settings = load_settings()
    configure(settings.log_format, settings.log_level)
    log_uncaught()
    run(_work(settings))


async def _work(settings: Settings) -> None:
    tracing = tracing_of(settings)
    async with open_database(settings) as database, traced(tracing, database) as around:
        worker = Worker(database, settings.make_clock(), around=around)
        asyncio.get_running_loop().set_exception_handler(log_unhandled)
        with stopped_by_signals(worker.stop):
            say("working; Ctrl-C stops it")
            await worker.run_until_told()
