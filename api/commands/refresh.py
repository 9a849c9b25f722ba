"""Do all due work once: days that went by, members whose past changed, new rules."""

from __future__ import annotations

import time

from api.commands._shared import Json, refreshed
from api.console import print_json, run
from api.database import open_database
from api.settings import Settings
from store.vectors import keep


def command(json: Json = False) -> None:
    """Bring every standing to today, and do all else that is due.

    Retractions whose action has come are applied, rule sets whose day has come are put in force,
    what prompts can be about is looked for, and what answers questions about other bars is made
    anew.

    `ikusei serve` and `ikusei work` do the same by themselves; this is for a run from a timer, or
    for waiting until nothing is due. Safe to interrupt and to run twice at once.
    """
    run(_refresh(json))


async def _refresh(json: bool) -> None:
    settings = Settings.load()
    started = time.monotonic()
    async with open_database(settings) as database:
        now = settings.make_clock().now()
        report = await refreshed(database, now)
        await keep(database, now=now)
    if json:
        print_json(
            {
                "members": report.members,
                "retractions": report.retractions,
                "candidates": report.candidates,
                "seconds": round(time.monotonic() - started, 1),
            }
        )
        return
    print(f"Members looked at: {report.members:,}")
    print(f"Retractions that found their action: {report.retractions:,}")
    print(f"Candidates of prompts that are new, changed or gone: {report.candidates:,}")
