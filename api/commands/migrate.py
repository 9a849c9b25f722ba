"""Bring the database to the newest migration.

Safe to run at any time, and by several processes at once.
"""

from api.console import run, say
from api.database import migrate_database
from api.settings import Settings


def command() -> None:
    """Bring the database of IKUSEI_DATABASE_URL, or the embedded one, to the newest migration.

    The first migration fixes the community's time zone (IKUSEI_TIME_ZONE). Safe to run at any time,
    and by several processes at once.
    """
    run(_migrate())


async def _migrate() -> None:
    await migrate_database(Settings.load())
    say("The database is at the newest migration.")
