"""What the community answered for the company: questions solved, answers read, referrals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engagement.words import Role
from store import threads
from store.db import Read
from store.record_counts import VIEW
from store.threads import WRITTEN

BEST: Final = "best_answer"
_ASK: Final = "ask"


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


@dataclass(frozen=True, slots=True)
class _Thread:
    """What there is in a thread: a word of the staff, an answer or a best answer.

    ``answered`` and ``chosen`` are by a member other than who opened it, ``any_answer`` by anybody.
    """

    staff: bool = False
    answered: bool = False
    chosen: bool = False
    any_answer: bool = False

    def solved(self, *, marked: bool) -> bool:
        """Whether members solved it by themselves."""
        return not self.staff and (self.chosen if marked else self.answered)


async def solved(connection: Read, *, first: int, last: int) -> Solved:
    """The questions of days ``first`` to ``last`` and their solutions until then."""
    marking = await _marking(connection, last)
    found = await threads.opened(connection, first=first, last=last, until=last)
    questions = {
        id_: (venue in marking, author)
        for id_, venue, verb, role, author in zip(
            found.ids.tolist(), found.venue, found.verb, found.role, found.author, strict=True
        )
        if role is Role.MEMBER and author >= 0 and (venue in marking or verb == _ASK)
    }
    there = await _looked_at(
        connection, {id_: int(author) for id_, (_, author) in questions.items()}, last
    )

    def count(*, marked: bool) -> tuple[int, int]:
        those = [there[id_] for id_, (its, _) in questions.items() if its is marked]
        return len(those), sum(1 for one in those if one.solved(marked=marked))

    return Solved(*count(marked=True), *count(marked=False))


async def reads(connection: Read, *, first: int, last: int) -> Reads:
    """The views of days ``first`` to ``last``, of threads as they were at the end of ``last``."""
    marking = await _marking(connection, last)
    rows = await connection.fetch(_VIEWED, first, last, VIEW)
    there = await _looked_at(connection, {row["id"]: row["author"] for row in rows}, last)
    of_answers = of_solved = 0
    for row in rows:
        thread, marked = there[row["id"]], row["venue"] in marking
        of_answers += row["of_answers"] + (row["of_opening"] if thread.any_answer else 0)
        # What else than a question members asked nobody can solve, nor one that is gone.
        question = row["there"] and row["role"] == Role.MEMBER and (marked or row["verb"] == _ASK)
        if question and thread.solved(marked=marked):
            of_solved += row["n"]
    return Reads(of_answers, of_solved)


async def counted(connection: Read, venue: str, verb: str, *, first: int, last: int) -> int:
    """How often something was done on days ``first`` to ``last``, and not taken back."""
    found: int = await connection.fetchval(_COUNTED, venue, verb, first, last)
    return found


async def _marking(connection: Read, until: int) -> set[str]:
    """The venues in which best answers were marked by the end of ``until``."""
    return {row["venue"] for row in await connection.fetch(_MARKING, BEST, until)}


async def _looked_at(
    connection: Read, authors: Mapping[int, int], until: int
) -> Mapping[int, _Thread]:
    """What there is in some threads, by their numbers, with who opened each (−1: unknown)."""
    rows = await connection.fetch(_THERE, list(authors), list(authors.values()), until, BEST)
    found = {row["thread_id"]: _Thread(*tuple(row)[1:]) for row in rows}
    return {id_: found.get(id_, _Thread()) for id_ in authors}


_MARKING = """
    select distinct t.venue from action a join action_type t on t.id = a.type_id
    where t.verb = $1 and a.state = 0 and a.day <= $2
"""

_THERE = f"""
    with {WRITTEN}, told as (
        select w.thread_id, t.verb = 'answer' as answer, coalesce(m.role, 'member') as role,
            w.author_id is not null and w.author_id <> w.opener_id as other,
            exists (select from action a where a.post_id = w.id and a.state = 0 and a.day <= $3
                and a.type_id in (select id from action_type where verb = $4)) as best
        from written w join action_type t on t.id = w.type_id
        left join member m on m.id = w.author_id
        where w.state <> 'deleted' and w.day <= $3
    )
    select thread_id, bool_or(role = 'staff') as staff,
        bool_or(answer and other and role = 'member') as answered,
        bool_or(best and other and role = 'member') as chosen,
        bool_or(answer or best) as any_answer
    from told group by thread_id
"""

# Views by thread: in all, of its opening post, and of the answers in it.
_VIEWED = """
    select o.id, o.state <> 'deleted' as there, ot.venue, ot.verb,
        coalesce(m.role, 'member') as role,
        coalesce(o.author_id, -1) as author, sum(c.n)::bigint as n,
        coalesce(sum(c.n) filter (where p.id = o.id and t.verb <> 'answer'), 0)::bigint
            as of_opening,
        coalesce(sum(c.n) filter (where t.verb = 'answer'), 0)::bigint as of_answers
    from post_count c join action_type v on v.id = c.type_id and v.verb = $3
    join post p on p.id = c.post_id join action_type t on t.id = p.type_id
    join post o on o.id = coalesce(p.root_id, p.parent_id, p.id)
    left join action_type ot on ot.id = o.type_id left join member m on m.id = o.author_id
    where c.day between $1 and $2 and p.state <> 'deleted'
    group by o.id, ot.venue, ot.verb, m.role
"""

_COUNTED = """
    select coalesce(sum(a.n), 0)::bigint from action a join action_type t on t.id = a.type_id
    where t.venue = $1 and t.verb = $2 and a.state = 0 and a.day between $3 and $4
"""
