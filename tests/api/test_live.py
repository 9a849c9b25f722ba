"""What ends a connection that stays open."""

from __future__ import annotations

import asyncio

from api.errors import Refusal
from api.live import Live


async def test_what_changes_while_it_is_asked_about_is_asked_again():
    live = Live(most=1, most_each=1)
    asked = []

    async def still_allowed() -> None:
        asked.append(1)
        if len(asked) > 1:
            raise Refusal("UNAUTHENTICATED", "the key was revoked")
        # The key was read as it was before, and the news of it come now.
        live.keys_changed()

    async with asyncio.timeout(5):
        refusal = await live.end(still_allowed)
    assert (refusal.code, len(asked)) == ("UNAUTHENTICATED", 2)


async def test_who_may_no_longer_come_in_at_the_beginning_is_told_at_once():
    async def still_allowed() -> None:
        raise Refusal("UNAUTHENTICATED", "the key was revoked")

    async with asyncio.timeout(5):
        refusal = await Live(most=1, most_each=1).end(still_allowed)
    assert refusal.code == "UNAUTHENTICATED"


async def test_nobody_is_sent_away_because_the_database_is():
    live = Live(most=1, most_each=1)

    async def still_allowed() -> None:
        live.stop()
        raise Refusal("UNAVAILABLE", "the database is away")

    async with asyncio.timeout(5):
        refusal = await live.end(still_allowed)
    assert "stops" in refusal.message
