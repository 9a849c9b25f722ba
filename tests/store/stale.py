"""What is wrong with giving a post to a member at a moment, worked out from everything there is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engagement.prompt import Candidate
from engagement.scenario import Kind
from store.db import Database
from tests.store.making import fetch

_CLOSING = {"best_answer", "self_accept", "confirm_solved"}
_RESPONSES = {"answer", "comment", "reply"}
_OPEN = {Kind.QUESTION_FOR_YOU, Kind.UNANSWERED_THREAD}
_MOST = {Kind.QUESTION_FOR_YOU: 3, Kind.UNANSWERED_THREAD: 0, Kind.FIRST_POST: 2}


@dataclass(frozen=True)
class Community:
    """All posts by number, and by thread; all actions that count, by the post they are about."""

    posts: Mapping[int, Mapping[str, Any]]
    threads: Mapping[int, Sequence[Mapping[str, Any]]]
    actions: Mapping[int, Sequence[Mapping[str, Any]]]

    @classmethod
    async def read(cls, database: Database) -> Community:
        """Everything, as it is now."""
        posts = {
            row["id"]: row
            for row in await fetch(
                database,
                "select p.id, author_id, root_id, parent_id, written_at, p.state, m.role "
                "from post p left join member m on m.id = p.author_id where type_id is not null",
            )
        }
        threads = defaultdict(list)
        for one in posts.values():
            threads[one["root_id"] or one["parent_id"] or one["id"]].append(one)
        actions = defaultdict(list)
        for row in await fetch(
            database,
            "select a.post_id, a.wrote_id, a.actor_id, a.occurred_at, t.verb, m.role from action a "
            "join action_type t on t.id = a.type_id left join member m on m.id = a.actor_id "
            "where a.state = 0 and a.post_id is not null",
        ):
            actions[row["post_id"]].append(row)
        return cls(posts, threads, actions)


def wrongs(community: Community, member: int, one: Candidate, moment: datetime) -> list[str]:
    """Why the candidate must not be given to the member; empty where it may."""
    assert one.post_id is not None
    post = community.posts[one.post_id]
    opening = post["root_id"] or post["parent_id"] or post["id"]
    thread = [w for w in community.threads[opening] if w["written_at"] <= moment]
    found = []
    if post["written_at"] > moment:
        found.append("is of the future")
    states = {post["state"], community.posts.get(opening, post)["state"]}
    if states != {"visible"}:
        found.append("cannot be read")
    if (post["author_id"] == member) != (one.kind is Kind.ANSWER_WAS_READ):
        found.append("is the member's own, or is not")
    if one.kind is not Kind.ANSWER_WAS_READ:
        done = _done(community, [post], moment)
        if any(w["author_id"] == member for w in thread):
            found.append("is in a thread of theirs")
        if any(a["actor_id"] == member for a in done):
            found.append("they have reacted to it")
    in_thread = _done(community, [*thread, post], moment)
    if one.kind in _OPEN and any(a["verb"] in _CLOSING for a in in_thread):
        found.append("is closed")
    if one.kind in _MOST and _answers(community, post, opening, thread, moment) > _MOST[one.kind]:
        found.append("has enough answers")
    return found


def _done(
    community: Community, posts: Sequence[Mapping[str, Any]], moment: datetime
) -> list[Mapping[str, Any]]:
    return [a for p in posts for a in community.actions[p["id"]] if a["occurred_at"] <= moment]


def _answers(
    community: Community,
    post: Mapping[str, Any],
    opening: int,
    thread: Sequence[Mapping[str, Any]],
    moment: datetime,
) -> int:
    written = sum(
        w["id"] != opening
        and w["state"] == "visible"
        and w["role"] != "bot"
        and w["author_id"] != post["author_id"]
        for w in thread
    )
    sent = sum(
        a["wrote_id"] is None
        and a["verb"] in _RESPONSES
        and a["role"] != "bot"
        and a["actor_id"] != post["author_id"]
        and a["occurred_at"] <= moment
        for a in community.actions[opening]
    )
    return int(written + sent)
