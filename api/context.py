"""What resolvers get of a request: the schema's Context, made from what the process keeps."""

from __future__ import annotations

from api.clock import Clock
from schema.context import Caller, Context, Recorded, untold
from store.db import Database
from store.feed import Feed
from store.moment import Newest


class Contexts:
    """Makes the context of each request to one opened database; ``recorded`` counts records.

    ``patience`` is how many seconds a request may wait for what is worked out in the background.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        feed: Feed,
        *,
        recorded: Recorded = untold,
        patience: float | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._feed = feed
        self._recorded = recorded
        self._patience = patience
        self._newest = Newest()

    def __call__(self, caller: Caller, request_id: str | None = None) -> Context:
        """The context of one request of ``caller``."""
        return Context(
            self._database,
            self._clock.now,
            caller,
            self._feed,
            self._newest,
            request_id,
            self._recorded,
            self._patience,
        )
