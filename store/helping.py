"""Who helped whom, read from the actions of some days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engagement.points import Ints
from engagement.words import INDICES, Index, Role
from store.db import Read
from store.rules import ActiveRules
from store.threads import RESPONSES


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Who helped whom, each pair once for the period and once for that before it.

    ``before`` says of which. ``role`` is that of each helper; bots neither help nor are helped, and
    only members are counted as helped. ``erased`` are the helpers who are tombstones now.
    """

    helper: Ints
    helped: Ints
    before: np.ndarray
    role: dict[int, Role]
    erased: frozenset[int]


@dataclass(frozen=True, slots=True)
class Deeds:
    """What a member did for others in a period.

    ``days`` on which they helped, ``responses`` (answers, comments, replies) and ``answers`` to
    others, ``best_answers`` received from others.
    """

    days: int
    responses: int
    answers: int
    best_answers: int


async def pairs(
    connection: Read, rules: ActiveRules, *, first: int, since: int, last: int
) -> Pairs:
    """Who helped whom from day ``first`` on until ``since`` (before), and until ``last``."""
    rows = await connection.fetch(_PAIRS, *_worthy(rules), first, last, since)
    table = np.array(
        [(row["helper"], row["helped"], row["before"]) for row in rows], np.int64
    ).reshape(-1, 3)
    return Pairs(
        table[:, 0],
        table[:, 1],
        table[:, 2] > 0,
        {row["helper"]: Role(row["role"]) for row in rows},
        frozenset(row["helper"] for row in rows if row["erased"]),
    )


async def deeds(
    connection: Read, members: Sequence[int], rules: ActiveRules, *, first: int, last: int
) -> dict[int, Deeds]:
    """What some members did for others from day ``first`` to ``last``."""
    found = dict.fromkeys(members, (0, 0, 0, 0))
    rows = await connection.fetch(
        _DEEDS, *_worthy(rules), first, last, list(members), list(RESPONSES)
    )
    found.update({row["member"]: tuple(row)[1:] for row in rows})
    return {member: Deeds(*numbers) for member, numbers in found.items()}


def _worthy(rules: ActiveRules) -> tuple[list[int], list[int], list[int]]:
    """Types and grades that are worth points of contribution, and the side that earns them."""
    compiled = rules.compiled
    found = [
        (type_id, grade, int(compiled.side[type_id]))
        for type_id in np.flatnonzero(compiled.index == INDICES.index(Index.CONTRIBUTION)).tolist()
        for grade in np.flatnonzero(compiled.rate_x100[type_id] > 0).tolist()
    ]
    return [row[0] for row in found], [row[1] for row in found], [row[2] for row in found]


# What somebody did for another: of what is earned by receiving it, the one who received it helped
# the one who gave it or, where that is unknown, who opened the thread.
_HELP = """
    select a.day,
        case k.side when 0 then a.actor_id else a.target_id end as helper,
        case k.side when 0 then a.target_id
            else coalesce(a.actor_id, r.author_id) end as helped
    from unnest($1::smallint[], $2::smallint[], $3::smallint[]) as k(type_id, grade, side)
    join action a on a.type_id = k.type_id and a.grade = k.grade
    left join post p on k.side = 1 and p.id = a.post_id
    left join post r on r.id = coalesce(p.root_id, p.parent_id)
    where a.state = 0 and a.day between $4 and $5
"""

_PAIRS = f"""
    select distinct h.helper, h.helped, (h.day <= $6)::int as before, m.role,
        m.erased_at is not null as erased
    from ({_HELP}) h join member m on m.id = h.helper and m.role <> 'bot'
    join member o on o.id = h.helped and o.role = 'member'
    where h.helper <> h.helped
"""

_DEEDS = f"""
    with helped as (
        select h.helper, count(distinct h.day)::int as days
        from ({_HELP}) h join member o on o.id = h.helped and o.role = 'member'
        where h.helper = any($6::int[]) and h.helper <> h.helped group by 1
    ), responded as (
        select a.actor_id as helper, count(*)::int as responses,
            (count(*) filter (where t.verb = 'answer'))::int as answers
        from action a join action_type t on t.id = a.type_id and t.verb = any($7::text[])
        where a.actor_id = any($6::int[]) and a.state = 0 and a.day between $4 and $5
            and a.target_id is distinct from a.actor_id
        group by 1
    ), chosen as (
        select a.target_id as helper, count(*)::int as best
        from action a join action_type t on t.id = a.type_id and t.verb = 'best_answer'
        where a.target_id = any($6::int[]) and a.state = 0 and a.day between $4 and $5
            and a.actor_id is distinct from a.target_id
        group by 1
    )
    select m.id as member, coalesce(h.days, 0), coalesce(r.responses, 0), coalesce(r.answers, 0),
        coalesce(c.best, 0)
    from unnest($6::int[]) m(id) left join helped h on h.helper = m.id
    left join responded r on r.helper = m.id left join chosen c on c.helper = m.id
"""
