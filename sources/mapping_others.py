"""Mapping files of chats, votes, likes and graphs: SourceCred, Slack, Polis, note."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sources.mapping_file import Checker, Key, Rule, loads
from sources.slack_text import composed

#: The three votes of Polis, as its export writes them.
POLIS_VOTES: Final[Mapping[str, str]] = {"1": "agree", "-1": "disagree", "0": "pass"}


@dataclass(frozen=True, slots=True)
class PolisMapping:
    """What a proposal is, and each of the three votes (``agree``, ``disagree``, ``pass``)."""

    comments: Rule
    votes: Mapping[str, Rule]


@dataclass(frozen=True, slots=True)
class NoteMapping:
    """Whose blog it is, and what its articles and likes are, and those of others that it likes."""

    owner: str
    role: str
    articles: Rule
    likes: Rule
    liked_articles: Rule
    my_likes: Rule


@dataclass(frozen=True, slots=True)
class SourceCredMapping:
    """What a topic and a reply are; a verb that is None is not imported."""

    venue: str
    topic: str
    reply: str
    like: str | None = "like"
    mention: str | None = "mention"
    link: str | None = None


@dataclass(frozen=True, slots=True)
class ChannelRule:
    """What the messages of one channel become; ``skip`` is the reason not to import them."""

    venue: str = ""
    message: str = ""
    reply: str = ""
    file: str = ""
    skip: str | None = None


#: What Slack says of the users who run a workspace.
STAFF_FLAGS: Final = ("is_admin", "is_owner")


@dataclass(frozen=True, slots=True)
class SlackMapping:
    """``channels`` by name; a verb that is None is not imported, nor is such an emoji.

    ``staff`` are the flags of a user who is of the staff.
    """

    default: ChannelRule
    channels: Mapping[str, ChannelRule] = field(default_factory=dict)
    emoji: Mapping[str, str | None] = field(default_factory=dict)
    private_channels: bool = False
    staff: tuple[str, ...] = STAFF_FLAGS
    join: str | None = "join"
    mention: str | None = "mention"
    react: str | None = "react"


def _polis(checker: Checker) -> PolisMapping:
    checker.only(checker.data, (), ("format", "comments", "votes"))
    return PolisMapping(
        comments=checker.rule(checker.data.get("comments"), ("comments",), "type"),
        votes=checker.named_rules("votes", "verb", tuple(POLIS_VOTES.values())),
    )


def _note(checker: Checker) -> NoteMapping:
    data = checker.data
    names = ("owner", "articles", "likes", "liked_articles", "my_likes")
    checker.only(data, (), ("format", *names))
    owner = checker.table(data.get("owner"), ("owner",))
    checker.only(owner, ("owner",), ("id", "role"))
    member = owner.get("id")
    if not isinstance(member, str) or not member.strip():
        checker.wrong(("owner", "id"), f"is {member!r}; expected the owner's id as a string")
    role = owner.get("role")
    if role not in ("member", "staff", "bot"):
        checker.wrong(("owner", "role"), f"is {role!r}; expected 'staff', 'member' or 'bot'")
    return NoteMapping(
        owner=str(member),
        role=str(role),
        articles=checker.rule(data.get("articles"), ("articles",), "type"),
        likes=checker.rule(data.get("likes"), ("likes",), "verb"),
        liked_articles=checker.rule(data.get("liked_articles"), ("liked_articles",), "type"),
        my_likes=checker.rule(data.get("my_likes"), ("my_likes",), "verb"),
    )


def _sourcecred(checker: Checker) -> SourceCredMapping:
    checker.only(checker.data, (), ("format", "posts", "verbs"))
    posts = checker.table(checker.data.get("posts"), ("posts",))
    checker.only(posts, ("posts",), ("venue", "topic", "reply"))
    venue, topic, reply = (
        checker.word(posts, ("posts",), name) for name in ("venue", "topic", "reply")
    )
    return SourceCredMapping(venue, topic, reply, **checker.verbs(("like", "mention", "link")))


def _slack(checker: Checker) -> SlackMapping:
    data = checker.data
    known = ("format", "private_channels", "staff", "default", "channels", "verbs", "emoji")
    checker.only(data, (), known)
    private = data.get("private_channels", False)
    if not isinstance(private, bool):
        checker.wrong(("private_channels",), f"is {private!r}; expected true or false")
    staff = data.get("staff", list(STAFF_FLAGS))
    if not isinstance(staff, list) or not all(flag in STAFF_FLAGS for flag in staff):
        expected = " or ".join(repr(flag) for flag in STAFF_FLAGS)
        checker.wrong(("staff",), f"is {staff!r}; expected a list of {expected}, or []")
        staff = []
    emoji = checker.table(data.get("emoji"), ("emoji",), required=False)
    channels = checker.table(data.get("channels"), ("channels",), required=False)
    return SlackMapping(
        default=_channel(checker, data.get("default"), ("default",)),
        channels={
            composed(name): _channel(checker, value, ("channels", name))
            for name, value in channels.items()
        },
        emoji={
            name: None if value is False else checker.word(emoji, ("emoji",), name)
            for name, value in emoji.items()
        },
        private_channels=private is True,
        staff=tuple(staff),
        **checker.verbs(("join", "mention", "react")),
    )


def _channel(checker: Checker, value: object, key: Key) -> ChannelRule:
    before = len(checker.mistakes)
    table = checker.table(value, key)
    if len(checker.mistakes) > before:
        return ChannelRule()
    if "skip" in table:
        checker.only(table, key, ("skip",))
        return ChannelRule(skip=checker.word(table, key, "skip"))
    names = ("venue", "message", "reply", "file")
    checker.only(table, key, (*names, "skip"))
    return ChannelRule(**{name: checker.word(table, key, name) for name in names})


load_polis = loads("polis", _polis)
load_note_likes = loads("note-likes", _note)
load_sourcecred = loads("sourcecred", _sourcecred)
load_slack = loads("slack", _slack)
