"""Threads: posts that open one, and the first responses of others to them.

A post opens a thread where it answers nothing: it has neither a root nor a parent, and its verb is
not one of RESPONSES (an answer to a post that nobody sent) or a page that is nobody's question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from engagement.points import Bools, Ints
from engagement.survival import Floats
from engagement.words import Role
from store.db import Read

#: What answers something, by its verb; a site may send these without posts.
RESPONSES: Final = ("answer", "comment", "reply")
#: What is written by itself and waits for no response.
PAGES: Final = ("wiki", "wiki_excerpt", "write_faq", "mark_duplicate", "suggest_edit")


@dataclass(frozen=True, slots=True, eq=False)
class Responded:
    """The first responses to each thread: by whom they are is said where this stands.

    ``answered`` says that there is one, ``first`` when (seconds since 1970), ``exact`` that the
    times of all of them are exact.
    """

    answered: Bools
    first: Floats
    exact: Bools


@dataclass(frozen=True, slots=True, eq=False)
class Threads:
    """Posts that open a thread, ascending by id, and the responses of others to them.

    ``author`` is −1 where nobody knows them; ``role`` is that of the author. ``opened`` is in
    seconds since 1970, ``exact`` where it is. ``responses`` counts all but those of bots.
    """

    ids: Ints
    venue: Sequence[str]
    verb: Sequence[str]
    author: Ints
    role: Sequence[Role]
    day: Ints
    opened: Floats
    exact: Bools
    responses: Ints
    anybody: Responded
    members: Responded


async def opened(connection: Read, *, first: int, last: int, until: int) -> Threads:
    """The threads opened from day ``first`` to ``last``, as they were at the end of ``until``.

    Who is not known counts as a member, but never as the one who responds to an unknown author. A
    merged or erased author keeps their threads; deleted posts open none.
    """
    rows = await connection.fetch(_THREADS, first, last, until, list(RESPONSES), list(PAGES))

    def column(name: str, kind: type) -> np.ndarray:
        return np.array([row[name] for row in rows], kind)

    exact = column("exact", np.bool_)
    return Threads(
        ids=column("id", np.int64),
        venue=[row["venue"] for row in rows],
        verb=[row["verb"] for row in rows],
        author=column("author", np.int64),
        role=[Role(row["role"]) for row in rows],
        day=column("day", np.int64),
        opened=column("opened", np.float64),
        exact=exact,
        responses=column("responses", np.int64),
        anybody=Responded(
            column("answered", np.bool_),
            column("first", np.float64),
            exact & column("first_exact", np.bool_),
        ),
        members=Responded(
            column("by_member", np.bool_),
            column("member_first", np.float64),
            exact & column("member_exact", np.bool_),
        ),
    )


#: What opens a thread: rows of ``post p`` with their type t; $4 are RESPONSES, $5 are PAGES.
OPENING: Final = """
    p.root_id is null and p.parent_id is null and p.state <> 'deleted'
        and t.verb <> all($4::text[]) and t.verb <> all($5::text[])
"""

# Responses are what was written in the thread, and what was sent as an answer to a post of it
# without being a post.
_THREADS = f"""
    with opening as materialized (
        select p.id, p.day, p.author_id, p.written_at, p.precision, t.venue, t.verb
        from post p join action_type t on t.id = p.type_id
        where p.day between $1 and $2 and {OPENING}
    ), response as (
        select o.id, a.actor_id, a.occurred_at, a.precision
        from opening o join post w on coalesce(w.root_id, w.parent_id) = o.id
        join action a on a.wrote_id = w.id
        where w.day >= $1 and a.state = 0 and a.day <= $3
            and a.actor_id is distinct from o.author_id
        union all
        select o.id, a.actor_id, a.occurred_at, a.precision
        from (
            select id, author_id, id as post_id from opening
            union all
            select o.id, o.author_id, w.id
            from opening o join post w on coalesce(w.root_id, w.parent_id) = o.id
        ) o join action a on a.post_id = o.post_id join action_type t on t.id = a.type_id
        where a.wrote_id is null and t.verb = any($4::text[]) and a.state = 0 and a.day <= $3
            and a.actor_id is distinct from o.author_id
    ), found as (
        select r.id, count(*) as responses,
            min(r.occurred_at) as first, bool_and(r.precision = 0) as exact,
            min(r.occurred_at) filter (where m.role = 'member') as member_first,
            bool_and(r.precision = 0) filter (where m.role = 'member') as member_exact
        from response r left join member m on m.id = r.actor_id
        where m.role is distinct from 'bot' group by r.id
    )
    select o.id, o.venue, o.verb, coalesce(o.author_id, -1) as author,
        coalesce(m.role, 'member') as role, o.day, o.precision = 0 as exact,
        extract(epoch from o.written_at)::float8 as opened,
        coalesce(f.responses, 0) as responses,
        f.first is not null as answered,
        coalesce(extract(epoch from f.first), 0)::float8 as first,
        coalesce(f.exact, true) as first_exact,
        f.member_first is not null as by_member,
        coalesce(extract(epoch from f.member_first), 0)::float8 as member_first,
        coalesce(f.member_exact, true) as member_exact
    from opening o left join member m on m.id = o.author_id left join found f on f.id = o.id
    order by o.id
"""
