"""What is asked of threads, as parts of statements: by indexes, a few rows for each post."""

from __future__ import annotations

from typing import Final

#: Posts of others in a thread that are counted.
_ENOUGH: Final = 10

#: Action types, and bots, that the other parts go by: found once for the whole statement.
KNOWN: Final = """
    known as materialized (
        select coalesce(array_agg(id) filter (where verb = any({responses}::text[])), '{{}}')
                as responses,
            coalesce(array_agg(id) filter (where verb = any({closing}::text[])), '{{}}') as closing,
            (select coalesce(array_agg(id), '{{}}') from member where role = 'bot') as bots
        from action_type
    )
"""


def answers(moment: str) -> str:
    """How much others wrote in the thread of the post ``p``, or sent as an answer without a post.

    ``moment`` is an argument of the statement, which begins with KNOWN. What bots wrote does not
    count; more than some are not counted.
    """
    return f"""
        select count(*)::int from (
            select from post w
            where w.root_id = coalesce(p.root_id, p.parent_id, p.id) and w.state = 'visible'
                and w.written_at <= {moment} and w.author_id is distinct from p.author_id
                and (w.author_id = any((select bots from known)::int[])) is not true
            union all
            select from action a
            where a.post_id = coalesce(p.root_id, p.parent_id, p.id) and a.state = 0
                and a.occurred_at <= {moment} and a.actor_id is distinct from p.author_id
                and (a.actor_id = any((select bots from known)::int[])) is not true
                and case when a.wrote_id is null
                    then a.type_id = any((select responses from known)::smallint[])
                    else exists (
                        select from post w
                        where w.id = a.wrote_id and w.root_id is null and w.state = 'visible')
                    end
            limit {_ENOUGH}
        ) answers
    """


def closed(moment: str) -> str:
    """Whether the question ``p`` is closed: something that closes it was done to a post of it.

    ``moment`` is an argument of the statement, which begins with KNOWN.
    """
    return f"""
        exists (
            select from (
                select p.id
                union all select w.id from post w where w.root_id = p.id
                union all select w.wrote_id from action w
                    where w.post_id = p.id and w.wrote_id is not null
            ) w join action a on a.post_id = w.id
            where a.state = 0 and a.occurred_at <= {moment}
                and a.type_id = any((select closing from known)::smallint[])
        )
    """
