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
#: What closes a question, by its verb, done to a post of its thread.
CLOSING: Final = ("best_answer", "self_accept", "confirm_solved")
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
    rows = await connection.fetch(_OPENING, first, last, list(RESPONSES), list(PAGES))
    ids = [row["id"] for row in rows]
    authors = [row["author"] for row in rows]
    found = {
        row["thread_id"]: row
        for row in await connection.fetch(_RESPONSES, ids, authors, until, list(RESPONSES))
    }

    def column(name: str, kind: type) -> np.ndarray:
        return np.array([row[name] for row in rows], kind)

    def told(name: str, kind: type, otherwise: float) -> np.ndarray:
        """A column of the responses; ``otherwise`` where there is none of them."""
        values = (found[id_][name] if id_ in found else None for id_ in ids)
        return np.array([otherwise if value is None else value for value in values], kind)

    def responded(name: str) -> Responded:
        when = told(name, np.float64, np.nan)
        sure = told(f"{name}_exact", np.bool_, otherwise=True)
        return Responded(~np.isnan(when), np.nan_to_num(when), exact & sure)

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
        responses=told("responses", np.int64, 0),
        anybody=responded("first"),
        members=responded("member_first"),
    )


_OPENING = """
    select p.id, t.venue, t.verb, coalesce(p.author_id, -1) as author,
        coalesce(m.role, 'member') as role, p.day, p.precision = 0 as exact,
        extract(epoch from p.written_at)::float8 as opened
    from post p join action_type t on t.id = p.type_id left join member m on m.id = p.author_id
    where p.day between $1 and $2 and p.root_id is null and p.parent_id is null
        and p.state <> 'deleted' and t.verb <> all($3::text[]) and t.verb <> all($4::text[])
    order by p.id
"""

#: The threads $1 as ``thread`` (id, author_id: $2) and all posts in them as ``written``. Threads
#: come as arrays: of a common table nobody knows how many rows it has, and a plan that takes them
#: for one would compare each with every post.
WRITTEN: Final = """
    thread as (select * from unnest($1::int[], $2::int[]) as k(id, author_id)),
    written as (
        select w.id, k.id as thread_id, k.author_id as opener_id, w.author_id, w.type_id, w.state,
            w.day
        from unnest($1::int[], $2::int[]) as k(id, author_id) join post w on w.root_id = k.id
        union all
        select w.id, w.parent_id, coalesce(p.author_id, -1), w.author_id, w.type_id, w.state, w.day
        from post w join post p on p.id = w.parent_id
        where w.root_id is null and w.parent_id = any($1::int[])
    )
"""

# Responses are what was written in the thread, and what was sent as an answer to a post of it
# without being a post.
_RESPONSES = f"""
    with {WRITTEN}, response as (
        select w.thread_id, a.actor_id, a.occurred_at, a.precision
        from written w join action a on a.wrote_id = w.id
        where a.state = 0 and a.day <= $3 and coalesce(a.actor_id, -1) <> w.opener_id
        union all
        select w.thread_id, a.actor_id, a.occurred_at, a.precision
        from (
            select id, thread_id, opener_id from written
            union all select id, id, author_id from thread
        ) w join action a on a.post_id = w.id
        join action_type t on t.id = a.type_id and t.verb = any($4::text[])
        where a.wrote_id is null and a.state = 0 and a.day <= $3
            and coalesce(a.actor_id, -1) <> w.opener_id
    )
    select r.thread_id, count(*) as responses,
        extract(epoch from min(r.occurred_at))::float8 as first,
        bool_and(r.precision = 0) as first_exact,
        extract(epoch from min(r.occurred_at) filter (where m.role = 'member'))::float8
            as member_first,
        bool_and(r.precision = 0) filter (where m.role = 'member') as member_first_exact
    from response r left join member m on m.id = r.actor_id
    where m.role is distinct from 'bot' group by r.thread_id
"""
