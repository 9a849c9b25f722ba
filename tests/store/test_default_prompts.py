"""The scenarios that Ikusei comes with, in a community as the demo's: each finds somebody."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import islice

import pytest

from engagement.prompt import Reason
from engagement.scenarios import default
from sources.synthetic.community import community
from store import preview, rules, scenarios
from store.db import Database
from store.preview import Asked, Previewed
from store.record import record
from store.refresh import refresh

UNTIL = datetime(2026, 11, 20, 12, tzinfo=UTC)
#: What came so far that only other scenarios, or the draw, stood before it.
_COULD = {None, Reason.LOST_ARBITRATION, Reason.HOLDOUT_SCENARIO, Reason.HOLDOUT_GLOBAL}


async def filled(database: Database) -> None:
    """Record 400 days of 300 members."""
    records = community(seed=7, members=300, until=UNTIL)
    while batch := list(islice(records, 1_000)):
        receipt = await record(database, batch, now=UNTIL, defer=True)
        assert receipt.rejected == []
    await refresh(database, now=UNTIL)


async def previewed(database: Database, *, ago: int) -> list[Previewed]:
    """What every member would be shown so many days before the end, on both surfaces."""
    today = database.day(UNTIL)
    day = today - ago
    moment = UNTIL if not ago else database.end_of(day)
    async with database.read() as connection:
        active = await rules.active(database, connection)
        force = await scenarios.now_in_force(database, connection)
        everybody = await preview.sample(connection, active, day=day, today=today, each=1_000)
        return [
            one
            for surface in ("home", "login")
            for one in await preview.preview(
                database, connection, everybody, active, force, Asked(day, moment, surface)
            )
        ]


def could(found: list[Previewed]) -> Counter[str]:
    """How often each scenario could have been shown, by key."""
    return Counter(
        step.scenario.scenario.key
        for one in found
        for step in one.choice.trace
        if step.reason in _COULD
    )


@pytest.mark.slow
async def test_each_has_candidates_and_whole_messages(database: Database) -> None:
    await filled(database)
    today = await previewed(database, ago=0)
    keys = {one.key for one in default()[1]}
    # Of two dozen contributors nobody is about to fall for weeks, and then three are.
    assert keys - set(could(today)) <= {"contributor_stays"}
    assert could(await previewed(database, ago=39))["contributor_stays"]
    # Every status is shown something to, and the messages are whole.
    assert {one.status for one in today if one.prompt} == {one.status for one in today}
    shown = [one.prompt.texts for one in today if one.prompt is not None]
    assert len(shown) > len(today) / 2
    for texts in shown:
        assert not any(sign in texts.title + texts.body + texts.why for sign in ("{ ", "$", " }"))
