"""What stands against readiness, in the words of /ready."""

from __future__ import annotations

import asyncio
from typing import Final

from api.errors import unavailable
from store import db
from store.db import Database, StoreError
from store.listen import Listener

#: Seconds that the database gets to answer.
_ANSWER: Final = 5.0
#: Seconds that a listener gets to come back: a restart of the database is heard of by itself.
_PATIENCE: Final = 10.0


async def of_database(database: Database, url: str) -> str | None:
    """Why the database at ``url`` cannot be used; None where it can.

    One that takes no writes is not asked on the same connections again: the next may be to another
    server, which does.
    """
    try:
        async with asyncio.timeout(_ANSWER), database.read() as connection:
            await db.check(connection, url)
            writable = await db.takes_writes(connection)
    except TimeoutError:
        if database.exhausted:
            return "all connections to the database are in use"
        return "the database does not answer in time"
    except StoreError as error:
        if unavailable(error):
            return "the database cannot be reached"
        return "the database is not at this version's migration"
    if writable:
        return None
    await database.pool.expire_connections()
    return "the database takes no writes"


def deafness(listener: Listener) -> str | None:
    """Says when news of the database have not been heard for a while."""
    return "changes in the database are not heard of" if listener.deaf_for > _PATIENCE else None
