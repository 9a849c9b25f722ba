"""The synthetic community that tests share, and two ways in which it can have come in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time
from functools import lru_cache
from itertools import islice
from typing import TypeVar

from sources.records import MemberRecord, Record, ViewsRecord
from sources.synthetic.community import community
from store.db import Database
from store.receipt import Receipt
from store.record import record
from store.refresh import refresh

Item = TypeVar("Item")

#: When the community ends; it began 100 days before.
UNTIL = datetime(2026, 3, 1, 12, tzinfo=UTC)
_BATCH = 100


@lru_cache
def everything() -> tuple[Record, ...]:
    """What happened to forty members, five of the staff and a bot, in order of time."""
    return tuple(community(seed=11, members=40, until=UNTIL, days=100, zone="UTC"))


async def as_it_happened(database: Database) -> None:
    """Record it bit by bit, each at the moment of its last record, with due work in between."""
    for batch in _batched(_in_time()):
        now = max(moment for moment, _ in batch)
        receipt = await record(database, [one for _, one in batch], now=now)
        assert receipt.rejected == []
        await refresh(database, now=now)
    await refresh(database, now=UNTIL)


async def at_once(database: Database) -> Receipt:
    """Record it as an archive is imported: at the end, with everybody left to due work."""
    total = Receipt()
    for batch in _batched(iter(everything())):
        total.add(await record(database, batch, now=UNTIL, defer=True))
    assert total.rejected == []
    await refresh(database, now=UNTIL)
    return total


def _in_time() -> Iterator[tuple[datetime, Record]]:
    """Everything with the moment at which a site would have sent it; members as they join."""
    members = [one for one in everything() if isinstance(one, MemberRecord)]
    members.sort(key=_moment, reverse=True)
    now = _moment(members[-1])
    for one in everything():
        if not isinstance(one, MemberRecord):
            now = max(now, _moment(one))
            while members and _moment(members[-1]) <= now:
                yield now, members.pop()
            yield now, one
    yield from ((UNTIL, one) for one in members)


def _moment(one: Record) -> datetime:
    if isinstance(one, ViewsRecord):
        return min(datetime.combine(one.day, time.max, UTC), UNTIL)
    found = one.joined if isinstance(one, MemberRecord) else getattr(one, "time", None)
    assert found is not None, one
    return found


def _batched(records: Iterator[Item]) -> Iterator[list[Item]]:
    while batch := list(islice(records, _BATCH)):
        yield batch
