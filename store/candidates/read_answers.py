"""Own answers that were read."""

from __future__ import annotations

from typing import Final

import numpy as np

from store.candidates.feeder import Asked, Found, from_zero_to_one
from store.record_counts import VIEW

#: Whole days in which views are counted, how many are worth telling, and answers of a member.
_DAYS: Final = 7
_LEAST: Final = 10
_PER_MEMBER: Final = 5
#: So many views are worth half of the best score.
_HALF: Final = 50.0
_ANSWER: Final = "answer"


async def feed(asked: Asked) -> Found:
    """Answers that were viewed often on the last whole days, for their authors.

    Where a site counts views of pages only, an answer has those of its thread since the day after
    it was written; where it counts both, the greater number.
    """
    members = None if asked.members is None else sorted(asked.members)
    rows = await asked.connection.fetch(
        *(_READ, asked.day, asked.moment, _DAYS, VIEW, _ANSWER, _LEAST, _PER_MEMBER, members)
    )
    n = np.array([row["n"] for row in rows], np.int64)
    return Found(
        np.array([row["author_id"] for row in rows], np.int64),
        np.array([row["id"] for row in rows], np.int64),
        from_zero_to_one(n.astype(np.float64), half=_HALF),
        n,
    )


# The posts that were viewed come first: all answers ever written are many more.
_READ = """
    with viewed as materialized (
        select c.post_id, array_agg(c.day) as days, array_agg(c.n) as counts
        from post_count c
        where c.day between $1 - $3::int and $1 - 1
            and c.type_id in (select id from action_type where verb = $4)
        group by c.post_id having sum(c.n) >= $6
    ), told as (
        select p.id, p.day, p.author_id, v.days, v.counts, true as of_itself
        from viewed v join post p on p.id = v.post_id
        union all
        select p.id, p.day, p.author_id, v.days, v.counts, false
        from viewed v join post p on p.root_id = v.post_id
    ), counted as (
        select k.author_id, k.id, sum(d.n) as n
        from told k join post p on p.id = k.id
        join action_type t on t.id = p.type_id and t.verb = $5
        cross join lateral unnest(k.days, k.counts) d(day, n)
        where p.state = 'visible' and p.written_at <= $2 and (k.of_itself or d.day > p.day)
            and ($8::int[] is null or p.author_id = any($8))
        group by k.author_id, k.id, k.of_itself
    ), best as (
        select author_id, id, max(n)::bigint as n from counted where n >= $6
        group by author_id, id
    )
    select b.author_id, b.id, b.n from (
        select *, row_number() over (partition by author_id order by n desc, id desc) as place
        from best
    ) b join member m on m.id = b.author_id and m.role = 'member' and m.state = 'active'
    where b.place <= $7 order by b.author_id, b.id
"""
