"""What is asked of threads, as parts of statements: by indexes, a few rows for each post."""

from __future__ import annotations

from typing import Final

#: Posts of others in a thread that are counted.
_ENOUGH: Final = 10


def answers(moment: str, responses: str) -> str:
    """How much others wrote in the thread of the post ``p``, or sent as an answer without a post.

    The arguments are those of the moment and of the verbs RESPONSES. What bots wrote does not
    count; more than some are not counted.
    """
    return f"""
        select count(*)::int from (
            select from post w
            where w.root_id = coalesce(p.root_id, p.parent_id, p.id) and w.state = 'visible'
                and w.written_at <= {moment} and w.author_id is distinct from p.author_id
                and not exists (select from member b where b.id = w.author_id and b.role = 'bot')
            union all
            select from action a left join post w on w.id = a.wrote_id
            where a.post_id = coalesce(p.root_id, p.parent_id, p.id) and a.state = 0
                and a.occurred_at <= {moment} and a.actor_id is distinct from p.author_id
                and case when a.wrote_id is null
                    then a.type_id in (
                        select id from action_type where verb = any({responses}::text[]))
                    else w.root_id is null and w.state = 'visible' end
                and not exists (select from member b where b.id = a.actor_id and b.role = 'bot')
            limit {_ENOUGH}
        ) answers
    """


def closed(moment: str, closing: str) -> str:
    """Whether the question ``p`` is closed; the arguments are the moment and the verbs CLOSING."""
    done = f"""
        a.state = 0 and a.occurred_at <= {moment}
        and a.type_id in (select id from action_type where verb = any({closing}::text[]))
    """
    return f"""
        exists (select from action a where a.post_id = p.id and {done})
        or exists (
            select from post w join action a on a.post_id = w.id where w.root_id = p.id and {done})
        or exists (
            select from action w join action a on a.post_id = w.wrote_id
            where w.post_id = p.id and {done})
    """
