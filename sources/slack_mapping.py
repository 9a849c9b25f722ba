"""How the channels and emoji of a Slack workspace become venues, types of posts and verbs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sources.mapping_file import Checker, loads
from sources.slack_text import composed

#: What Slack says of the users who run a workspace.
STAFF_FLAGS: Final = ("is_admin", "is_owner")


@dataclass(frozen=True, slots=True)
class ChannelRule:
    """What the messages of one channel become; ``skip`` is the reason not to import them."""

    venue: str = ""
    message: str = ""
    reply: str = ""
    file: str = ""
    skip: str | None = None


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


def _read(checker: Checker) -> SlackMapping:
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
    names = ("venue", "message", "reply", "file")
    channels = checker.table(data.get("channels"), ("channels",), required=False)
    return SlackMapping(
        default=ChannelRule(**checker.words(data.get("default"), ("default",), names)),
        channels={
            composed(name): ChannelRule(**checker.words(value, ("channels", name), names))
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


load_slack = loads("slack", _read)
