"""What happened since somebody was here last: the threads that brought most people together."""

from __future__ import annotations

from typing import Final

import numpy as np

from store.candidates.feeder import EVERYBODY, Asked, Found, from_zero_to_one
from store.threads import PAGES, RESPONSES

#: Days, people at least, and threads at most.
_DAYS: Final = 30
_PEOPLE: Final = 3
_MOST: Final = 20
#: So many people are worth half of the best score.
_HALF: Final = 10.0


async def feed(asked: Asked) -> Found:
    """The threads of the last days to which most different people responded, for everybody."""
    rows = await asked.connection.fetch(
        *(_POPULAR, asked.day, asked.moment, _DAYS, [*RESPONSES, *PAGES], list(RESPONSES)),
        *(_PEOPLE, _MOST),
    )
    people = np.array([row["people"] for row in rows], np.float64)
    return Found(
        np.full(len(rows), EVERYBODY),
        np.array([row["id"] for row in rows], np.int64),
        from_zero_to_one(people, half=_HALF),
        np.array([row["responses"] for row in rows], np.int64),
    )


# Responses are, as in store/threads.py, what was written in the thread, and what was sent as an
# answer to a post of it without being one; here those of known people other than its author.
_POPULAR = """
    with thread as materialized (
        select p.id, coalesce(p.author_id, -1) as author_id
        from post p join action_type t on t.id = p.type_id and t.verb <> all($4::text[])
        left join member m on m.id = p.author_id
        where p.day between $1 - $3::int and $1 and p.written_at <= $2
            and p.written_at > $2 - make_interval(days => $3)
            and p.root_id is null and p.parent_id is null and p.state = 'visible'
            and m.erased_at is null
    ), written as materialized (
        select w.id, k.id as thread_id, k.author_id as opener_id, w.author_id
        from thread k join post w on w.root_id = k.id
        where w.state = 'visible' and w.written_at <= $2
        union all
        select w.id, k.id, k.author_id, w.author_id
        from thread k join action a on a.post_id = k.id and a.state = 0
        join post w on w.id = a.wrote_id
        where w.root_id is null and w.state = 'visible' and w.written_at <= $2
    ), response as (
        select thread_id, author_id as who from written where author_id <> opener_id
        union all
        select w.thread_id, a.actor_id
        from (
            select id, thread_id, opener_id from written
            union all select id, id, author_id from thread
        ) w join action a on a.post_id = w.id and a.state = 0 and a.wrote_id is null
        join action_type t on t.id = a.type_id and t.verb = any($5::text[])
        where a.occurred_at <= $2 and a.actor_id <> w.opener_id
    )
    select r.thread_id as id, count(distinct r.who)::int as people, count(*)::int as responses
    from response r join member m on m.id = r.who and m.role <> 'bot'
    group by r.thread_id having count(distinct r.who) >= $6
    order by people desc, responses desc, r.thread_id desc limit $7
"""
