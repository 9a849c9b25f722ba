"""A program that serves the stand-in schema as `ikusei serve` serves the real one."""

from __future__ import annotations

from api.commands.serve import fast_loop, listen, serve
from api.console import run
from api.database import open_database
from api.logs import configure
from api.settings import Settings
from tests.api.stand_in import app_of


async def main() -> None:
    settings = Settings.load()
    configure("json", "info")
    async with open_database(settings) as database:
        app = app_of(database, **settings.model_dump())
        await serve(app, database, listen("127.0.0.1", settings.port))


if __name__ == "__main__":
    fast_loop()
    run(main())
