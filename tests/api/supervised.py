"""Two processes that serve the stand-in schema, as `ikusei serve --processes 2` does."""

from __future__ import annotations

from api.commands.serve import addresses, listen
from api.console import run, say, stopped_by_signals
from api.database import hold_database
from api.logs import configure
from api.settings import Settings
from api.supervisor import Supervisor


async def main() -> None:
    settings = Settings.load()
    configure("json", "info")
    listener = listen("127.0.0.1", settings.port)
    async with hold_database(settings):
        supervisor = Supervisor(listener, 2, program=("-m", "tests.api.served_child"))
        with stopped_by_signals(supervisor.stop):
            await supervisor.run(lambda: say(addresses(listener)))


if __name__ == "__main__":
    run(main())
