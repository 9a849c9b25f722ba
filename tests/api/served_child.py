"""A process of several that serves the stand-in schema, as api/child.py serves the real one."""

from __future__ import annotations

from starlette.applications import Starlette

from api.child import main
from api.settings import Settings
from store.db import Database
from tests.api.stand_in import app_of


def make(settings: Settings, database: Database, _works: bool) -> Starlette:
    return app_of(database, **settings.model_dump())


if __name__ == "__main__":
    main(make)
