"""Lists of members by status and points: from what is kept, or from a fold of everybody."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from engagement.words import INDICES, STATUSES
from schema.words import Index
from store import members, population
from store.db import Read
from store.members import Filter, Key, MemberRow, Order
from store.moment import Moment


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a page holds: at most ``first`` members of ``filter``, in an order."""

    filter: Filter
    order: Order
    descending: bool
    first: int


async def list_members(
    connection: Read, now: Moment, wanted: Wanted, *, after: Key | None, day: int
) -> list[tuple[Key, MemberRow]]:
    """A page of members, each with its key, as they stood at the end of ``day``.

    What is kept can be compared as it is when it is of today and up to date, or when the list
    looks at no standing; else everybody's standing on that day is worked out first.
    """
    by_standing = bool(wanted.filter.status) or wanted.order.of_standing
    kept_will_do = not by_standing or (
        day == now.today and not await members.any_due(connection, now.rules.id, now.today)
    )
    if kept_will_do:
        return await members.listing(
            connection,
            wanted.filter,
            wanted.order,
            descending=wanted.descending,
            first=wanted.first,
            after=after,
        )
    if day == now.today:
        everybody = await population.live(connection, now.rules, today=day)
    else:
        everybody = await population.at(connection, now.rules, day=day)
    chosen = np.ones(len(everybody.ids), np.bool_)
    if wanted.filter.status:
        codes = [STATUSES.index(status) for status in wanted.filter.status]
        chosen = np.isin(everybody.status, codes)
    rest = replace(wanted.filter, status=())
    if not wanted.order.of_standing:
        ids = tuple(everybody.ids[chosen].tolist())
        return await members.listing(
            connection,
            replace(rest, ids=ids),
            wanted.order,
            descending=wanted.descending,
            first=wanted.first,
            after=after,
        )
    matching = np.array(await members.matching(connection, rest), np.int64)
    chosen &= np.isin(everybody.ids, matching)
    return await _page(connection, everybody, chosen, wanted, after)


async def _page(
    connection: Read,
    everybody: population.Population,
    chosen: np.ndarray,
    wanted: Wanted,
    after: Key | None,
) -> list[tuple[Key, MemberRow]]:
    ids = everybody.ids[chosen]
    if wanted.order is Order.SINCE:
        values = everybody.since[chosen]
    else:
        values = everybody.points[chosen, INDICES.index(Index(wanted.order.value))]
    keys = list(zip(values.tolist(), ids.tolist(), strict=True))
    keys.sort(reverse=wanted.descending)
    if after is not None:
        keys = [k for k in keys if (k < after if wanted.descending else k > after)]
    keys = keys[: wanted.first]
    rows = await members.by_ids(connection, [id_ for _, id_ in keys])
    return [(key, rows[key[1]]) for key in keys]
