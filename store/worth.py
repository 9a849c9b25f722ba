"""What the community answered for the company: questions solved, answers read, referrals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from store.db import Read
from store.record_counts import VIEW
from store.threads import OPENING, PAGES, RESPONSES

BEST: Final = "best_answer"


@dataclass(frozen=True, slots=True)
class Solved:
    """Questions that members opened in a period, as they were at its end.

    Where best answers are marked in a venue, its threads count as ``marked`` ones, of which
    ``marked_solved`` have a best answer by another member and no word of the staff. Elsewhere
    posts of the verb ask count as ``unmarked``, of which ``answered`` have an answer by another
    member and no word of the staff.
    """

    marked: int
    marked_solved: int
    unmarked: int
    answered: int


@dataclass(frozen=True, slots=True)
class Reads:
    """Views in a period: of answers and of threads with one, and of threads members solved."""

    of_answers: int
    of_solved: int


async def solved(connection: Read, *, first: int, last: int) -> Solved:
    """The questions of days ``first`` to ``last`` and their solutions until then."""
    row = await connection.fetchrow(_SOLVED, first, last, last, list(RESPONSES), list(PAGES), BEST)
    assert row is not None
    return Solved(**row)


async def reads(connection: Read, *, first: int, last: int) -> Reads:
    """The views of days ``first`` to ``last``, of threads as they were at the end of ``last``."""
    row = await connection.fetchrow(
        _READS, 0, last, last, list(RESPONSES), list(PAGES), BEST, first, VIEW
    )
    assert row is not None
    return Reads(**row)


async def counted(connection: Read, venue: str, verb: str, *, first: int, last: int) -> int:
    """How often something was done on days ``first`` to ``last``, and not taken back."""
    found: int = await connection.fetchval(_COUNTED, venue, verb, first, last)
    return found


# $1 and $2: when the threads were opened; $3: until when they are known; $4 to $6: RESPONSES,
# PAGES, BEST. A thread is a row with its author and what others wrote to it.
_QUESTIONS = f"""
    marking as (
        select distinct t.venue from action a join action_type t on t.id = a.type_id
        where t.verb = $6 and a.state = 0 and a.day <= $3
    ), question as materialized (
        select p.id, p.author_id, t.venue in (select venue from marking) as marked
        from post p join action_type t on t.id = p.type_id
        join member m on m.id = p.author_id and m.role = 'member'
        where p.day between $1 and $2 and {OPENING}
            and (t.verb = 'ask' or t.venue in (select venue from marking))
    ), written as materialized (
        select q.id as question_id, w.id, w.author_id, t.verb, coalesce(m.role, 'member') as role,
            w.author_id is distinct from q.author_id as other
        from question q join post w on coalesce(w.root_id, w.parent_id) = q.id
        join action_type t on t.id = w.type_id left join member m on m.id = w.author_id
        where w.state <> 'deleted' and w.day <= $3
    ), told as materialized (
        select q.id, q.marked,
            exists (select from written w where w.question_id = q.id and w.role = 'staff') as staff,
            exists (select from written w where w.question_id = q.id and w.verb = 'answer'
                and w.other and w.role = 'member') as answered,
            exists (select from written w join action a on a.post_id = w.id
                join action_type t on t.id = a.type_id and t.verb = $6
                where w.question_id = q.id and w.other and w.role = 'member'
                    and a.state = 0 and a.day <= $3) as chosen
        from question q
    )
"""

_SOLVED = f"""
    with {_QUESTIONS}
    select count(*) filter (where marked) as marked,
        count(*) filter (where marked and chosen and not staff) as marked_solved,
        count(*) filter (where not marked) as unmarked,
        count(*) filter (where not marked and answered and not staff) as answered
    from told
"""

# Threads of everybody for what was read, those of members for what members solved.
_READS = f"""
    with {_QUESTIONS}, viewed as (
        select p.id, coalesce(p.root_id, p.parent_id, p.id) as thread_id, t.verb, sum(c.n) as n
        from post_count c join action_type v on v.id = c.type_id and v.verb = $8
        join post p on p.id = c.post_id join action_type t on t.id = p.type_id
        where c.day between $7 and $2 and p.state <> 'deleted'
        group by p.id, t.verb
    ), answer as (
        select coalesce(w.root_id, w.parent_id) as thread_id
        from post w join action_type t on t.id = w.type_id and t.verb = 'answer'
        where w.state <> 'deleted' and w.day <= $3
        union
        select coalesce(w.root_id, w.parent_id) from action a
        join action_type t on t.id = a.type_id and t.verb = $6 join post w on w.id = a.post_id
        where a.state = 0 and a.day <= $3
    )
    select
        coalesce(sum(n) filter (where verb = 'answer' or id in (
            select thread_id from answer where thread_id is not null)), 0)::bigint as of_answers,
        coalesce(sum(n) filter (where thread_id in (
            select id from told
            where not staff and case when marked then chosen else answered end)), 0)::bigint
            as of_solved
    from viewed
"""

_COUNTED = """
    select coalesce(sum(a.n), 0)::bigint from action a join action_type t on t.id = a.type_id
    where t.venue = $1 and t.verb = $2 and a.state = 0 and a.day between $3 and $4
"""
