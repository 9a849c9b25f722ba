"""How the nodes and edges of a SourceCred graph become types of posts and verbs."""

from __future__ import annotations

from dataclasses import dataclass

from sources.mapping_file import Checker, loads


@dataclass(frozen=True, slots=True)
class SourceCredMapping:
    """What a topic and a reply are; a verb that is None is not imported."""

    venue: str
    topic: str
    reply: str
    like: str | None = "like"
    mention: str | None = "mention"
    link: str | None = None


def _read(checker: Checker) -> SourceCredMapping:
    checker.only(checker.data, (), ("format", "posts", "verbs"))
    posts = checker.table(checker.data.get("posts"), ("posts",))
    checker.only(posts, ("posts",), ("venue", "topic", "reply"))
    venue, topic, reply = (
        checker.word(posts, ("posts",), name) for name in ("venue", "topic", "reply")
    )
    return SourceCredMapping(venue, topic, reply, **checker.verbs(("like", "mention", "link")))


load_sourcecred = loads("sourcecred", _read)
