"""Lists of members by status and points: as they stand today, or stood at the end of a day.

Today's list compares what is kept. Where some of it is out of date, those members are brought to
today as their standing is when it is read, and put among the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from engagement.explain import Standing
from engagement.points import Bools, Ints
from engagement.words import INDICES, STATUSES, Index, Role
from store import explained, members, past
from store.db import Database, Read
from store.members import Filter, Key, MemberRow, Order
from store.moment import Moment
from store.population import Population
from store.search import folded

#: So many members are brought to today for one page; more wait for due work.
MOST_OUTDATED: Final = 1_000
#: So many are first asked whether they match the filter, and then ever more.
_BLOCK: Final = 250


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a page holds: at most ``first`` members of ``filter`` after a key, in an order."""

    filter: Filter
    order: Order
    descending: bool
    first: int
    after: Key | None

    @property
    def by_standing(self) -> bool:
        """Whether it matters where members stand."""
        return bool(self.filter.status) or self.order.of_standing


@dataclass(frozen=True, slots=True)
class Page:
    """Members with their keys. ``outdated`` ones were too many to be compared as of today."""

    rows: list[tuple[Key, MemberRow]]
    outdated: int = 0


async def on_today(connection: Read, now: Moment, wanted: Wanted) -> Page:
    """A page of members as they stand today."""
    if not wanted.by_standing:
        return Page(await _as_kept(connection, wanted))
    rules, today = now.rules.id, now.today
    ids = await members.outdated(connection, rules, today, most=MOST_OUTDATED + 1)
    if len(ids) > MOST_OUTDATED:
        count = await members.count_outdated(connection, rules, today)
        return Page(await _as_kept(connection, wanted), count)
    others = replace(wanted, filter=replace(wanted.filter, without=tuple(ids)))
    rows = await _as_kept(connection, others)
    if ids:
        rows += await _brought_to_today(connection, now, wanted, ids)
        rows.sort(key=lambda row: row[0], reverse=wanted.descending)
    return Page(rows[: wanted.first])


async def at_end_of(database: Database, now: Moment, wanted: Wanted, *, day: int) -> Page:
    """A page of members as they stood at the end of ``day``, under the active rules.

    What follows a page is taken from the same answer as it, where that is still kept.
    """
    everybody = await past.on_day(database, now.rules, day=day, anew=wanted.after is None)
    chosen = np.ones(len(everybody.ids), np.bool_)
    if wanted.filter.status:
        codes = [STATUSES.index(status) for status in wanted.filter.status]
        chosen = np.isin(everybody.status, codes)
    rest = replace(wanted.filter, status=())
    async with database.read() as connection:
        if wanted.order is Order.NAME:
            rest = replace(rest, ids=tuple(everybody.ids[chosen].tolist()))
            return Page(await _as_kept(connection, replace(wanted, filter=rest)))
        values, ids = await asyncio.to_thread(_in_order, everybody, chosen, wanted)
        return Page(await _first_matching(connection, values, ids, replace(wanted, filter=rest)))


async def _as_kept(connection: Read, wanted: Wanted) -> list[tuple[Key, MemberRow]]:
    return await members.listing(
        connection,
        wanted.filter,
        wanted.order,
        descending=wanted.descending,
        first=wanted.first,
        after=wanted.after,
    )


async def _brought_to_today(
    connection: Read, now: Moment, wanted: Wanted, ids: list[int]
) -> list[tuple[Key, MemberRow]]:
    """Those of ``ids`` who are wanted and follow the key, where they stand today; unsorted."""
    rows = await members.listing(
        connection,
        replace(wanted.filter, status=(), ids=tuple(ids)),
        Order.ID,
        descending=False,
        first=len(ids),
        after=None,
    )
    people = [row for _, row in rows if row.role is Role.MEMBER]
    kept = [row.kept for row in people]
    ready = await asyncio.to_thread(explained.ready, kept, now.rules, today=now.today)
    found: Mapping[int, Standing] = ready[0]
    if ready[1]:
        found = ready[0] | await explained.live(connection, ready[1], now.rules, today=now.today)
    keyed = [(_key(row, found[row.id], wanted.order), row) for row in people if row.id in found]
    return [
        (key, row)
        for key, row in keyed
        if (not wanted.filter.status or found[row.id].status in wanted.filter.status)
        and (
            wanted.after is None
            or (key < wanted.after if wanted.descending else key > wanted.after)
        )
    ]


def _key(row: MemberRow, standing: Standing, order: Order) -> Key:
    if order is Order.ID:
        return (row.id, row.id)
    if order is Order.NAME:
        return (folded(row.name), row.id)
    if order is Order.SINCE:
        assert standing.since is not None
        return (standing.since, row.id)
    position = INDICES.index(Index(order.value))
    return (standing.indices[position].points_x100, row.id)


def _in_order(everybody: Population, chosen: Bools, wanted: Wanted) -> tuple[Ints, Ints]:
    """Values and ids of the chosen in the order of the list, from after the key on."""
    ids = everybody.ids[chosen]
    if wanted.order is Order.ID:
        values = ids
    elif wanted.order is Order.SINCE:
        values = everybody.since[chosen]
    else:
        values = everybody.points[chosen, INDICES.index(Index(wanted.order.value))]
    if wanted.after is not None:
        value, id_ = wanted.after
        same = values == value
        later = (
            (values < value) | (same & (ids < id_))
            if wanted.descending
            else (values > value) | (same & (ids > id_))
        )
        values, ids = values[later], ids[later]
    order = np.lexsort((ids, values))
    if wanted.descending:
        order = order[::-1]
    return values[order], ids[order]


async def _first_matching(
    connection: Read, values: Ints, ids: Ints, wanted: Wanted
) -> list[tuple[Key, MemberRow]]:
    """The first of ``ids`` that match the filter, in their order."""
    keys: list[Key] = []
    low, size = 0, _BLOCK
    while low < len(ids) and len(keys) < wanted.first:
        block = ids[low : low + size].tolist()
        found = set(await members.matching(connection, replace(wanted.filter, ids=tuple(block))))
        pairs = zip(values[low : low + size].tolist(), block, strict=True)
        keys += [key for key in pairs if key[1] in found]
        low, size = low + size, size * 4
    keys = keys[: wanted.first]
    rows = await members.by_ids(connection, [id_ for _, id_ in keys])
    return [(key, rows[key[1]]) for key in keys]
