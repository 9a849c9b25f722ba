"""Where members began, by the venue of the first thing each did, and where they were active."""

from __future__ import annotations

from store.db import Read


async def first_venues(connection: Read, until: int) -> dict[int, str]:
    """The venue of each member's first action up to the end of ``until``.

    On a day exact times come before others; of those with one time the one recorded first counts.
    It reads the actions of all.
    """
    return {member: venue for member, (venue, _) in (await firsts(connection, until)).items()}


async def firsts(connection: Read, until: int) -> dict[int, tuple[str, int]]:
    """The venue and the day of each member's first action, as in first_venues."""
    rows = await connection.fetch(_FIRST, until)
    return {row["actor_id"]: (row["venue"], row["day"]) for row in rows}


async def active(connection: Read, *, first: int, last: int) -> dict[str, list[int]]:
    """The members who did anything in each venue on days ``first`` to ``last``, ascending.

    Staff and bots aside; whoever was erased is among them.
    """
    rows = await connection.fetch(_ACTIVE, first, last)
    return {row["venue"]: row["members"] for row in rows}


_ACTIVE = """
    select t.venue, array_agg(distinct a.actor_id order by a.actor_id) as members
    from action a join action_type t on t.id = a.type_id
    join member m on m.id = a.actor_id and m.role = 'member'
    where a.state = 0 and a.day between $1 and $2 group by t.venue order by t.venue
"""

_FIRST = """
    select distinct on (a.actor_id) a.actor_id, t.venue, a.day
    from action a join action_type t on t.id = a.type_id
    where a.actor_id is not null and a.state = 0 and a.day <= $1
    order by a.actor_id, a.day, a.precision, a.occurred_at, a.id
"""
