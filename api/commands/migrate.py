"""Bring the database to the newest migration.

Safe to run at any time, and by several processes at once.
"""

from typing import Annotated

import typer

from api.console import run, say
from api.database import migrate_database
from api.settings import Settings


def command(
    restored: Annotated[
        bool,
        typer.Option(
            "--restored",
            help="The database was restored from a backup: no cursor of what was lost since leads "
            "into what is to come.",
        ),
    ] = False,
) -> None:
    """Bring the database of IKUSEI_DATABASE_URL, or the embedded one, to the newest migration.

    The first migration fixes the community's time zone (IKUSEI_TIME_ZONE). Safe to run at any time,
    and by several processes at once.
    """
    run(_migrate(restored=restored))


async def _migrate(*, restored: bool) -> None:
    await migrate_database(Settings.load(), restored=restored)
    say("The database is at the newest migration.")
