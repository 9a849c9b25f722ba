"""Do all due work once: days that went by, members whose past changed, new rules."""

from __future__ import annotations

import time

from api.commands._shared import Json, refreshed
from api.console import print_json, run
from api.database import open_database
from api.settings import Settings


def command(json: Json = False) -> None:
    """Bring every standing to today, and apply retractions whose action has come.

    `ikusei serve` and `ikusei work` do the same by themselves; this is for a run from a timer, or
    for waiting until nothing is due. Safe to interrupt and to run twice at once.
    """
    run(_refresh(json))


async def _refresh(json: bool) -> None:
    settings = Settings.load()
    started = time.monotonic()
    async with open_database(settings) as database:
        report = await refreshed(database, settings.make_clock().now())
    if json:
        print_json(
            {
                "members": report.members,
                "retractions": report.retractions,
                "seconds": round(time.monotonic() - started, 1),
            }
        )
        return
    print(f"Members looked at: {report.members:,}")
    print(f"Retractions that found their action: {report.retractions:,}")
