"""A newcomer's first post, to be welcomed: for everybody."""

from __future__ import annotations

from typing import Final

from store.candidates.feeder import EVERYBODY, Asked, Found, columns
from store.candidates.lookup import KNOWN, answers
from store.threads import PAGES, RESPONSES

#: Days for which somebody is welcomed, and posts of others from which on others have done it.
_DAYS: Final = 7
_WELCOMED: Final = 3
#: So many of the newest are kept: each is pushed to few members.
_MOST: Final = 40


async def feed(asked: Asked) -> Found:
    """The first posts ever of their authors; the newer, the better."""
    rows = await asked.connection.fetch(
        *(_FIRST, asked.day, asked.moment, _DAYS),
        *(list(PAGES), list(RESPONSES), _WELCOMED, _MOST),
    )
    return columns([(EVERYBODY, row["id"], 1 - row["age"] / _DAYS) for row in rows])


_FIRST = f"""
    with {KNOWN.format(responses="$5", closing="$5")}
    select p.id, extract(epoch from $2 - p.written_at)::float8 / 86400 as age
    from post p join action_type t on t.id = p.type_id and t.verb <> all($4::text[])
    join member m on m.id = p.author_id and m.role = 'member' and m.state = 'active'
    left join post o on o.id = coalesce(p.root_id, p.parent_id)
    where p.day between $1 - $3::int and $1 and p.state = 'visible' and p.written_at <= $2
        and p.written_at > $2 - make_interval(days => $3)
        and (o.state = 'visible') is not false
        and not exists (
            select from post e where e.author_id = p.author_id
                and (e.day < p.day
                    or (e.day = p.day and (e.written_at, e.id) < (p.written_at, p.id)))
        )
        and ({answers("$2")}) < $6
    order by p.written_at desc, p.id desc limit $7
"""
