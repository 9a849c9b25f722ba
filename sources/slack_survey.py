"""What must be known of a whole Slack export before its messages are told."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sources.parse import show
from sources.slack_text import said
from sources.times import since_1970

Json = Mapping[str, Any]
#: The name of a channel and the ``ts`` of a message in it.
Key = tuple[str, str]

#: Slack's own account, in the place of people in what it says itself.
SLACKBOT: Final = "USLACKBOT"
_CHANGED: Final = "message_changed"
_DELETED: Final = "message_deleted"
#: Stands where a message was deleted that others had answered.
TOMBSTONE: Final = "tombstone"
_FILE_COMMENT: Final = "file_comment"
_BOT: Final = "bot_message"
JOINED: Final = frozenset({"channel_join", "group_join"})
#: What somebody wrote; "" is a plain message.
WRITTEN: Final = frozenset(
    {
        "",
        _BOT,
        "file_share",
        "me_message",
        "slackbot_response",
        "thread_broadcast",
        TOMBSTONE,
        _CHANGED,
        _DELETED,
        _FILE_COMMENT,
    }
)
#: What Slack notes down about a channel; a broadcast copy is a second sight of a reply.
SYSTEM: Final = frozenset(
    {
        *(
            f"{kind}_{what}"
            for kind in ("channel", "group")
            for what in ("leave", "topic", "purpose", "name", "archive", "unarchive")
        ),
        "app_conversation_join",
        "app_conversation_leave",
        "bot_add",
        "bot_disable",
        "bot_enable",
        "bot_remove",
        "channel_convert_to_private",
        "channel_convert_to_public",
        "channel_posting_permissions",
        "huddle_thread",
        "pinned_item",
        "reminder_add",
        "reminder_delete",
        "reply_broadcast",
        "sh_room_created",
        "sh_room_shared",
        "unpinned_item",
    }
)
_TS: Final = re.compile(r"([0-9]{9,11})(?:\.([0-9]{1,6}))?")


@dataclass(frozen=True, slots=True)
class Message:
    """An entry of a channel; of a changed or deleted message the one that it was, or is now."""

    key: Key
    subtype: str
    value: Json
    thread: str | None
    edited: str


def message_of(channel: str, value: object) -> Message | str:
    """The entry as a message; or what is wrong with it."""
    if not isinstance(value, Mapping):
        return f"is {show(value)}; expected a message as an object"
    subtype = value.get("subtype")
    subtype = subtype if isinstance(subtype, str) else ""
    kind = value.get("type", "message")
    if kind != "message":
        subtype = f"type_{kind}"
    inner = {_CHANGED: value.get("message"), _DELETED: value.get("previous_message")}.get(subtype)
    if isinstance(inner, Mapping):
        value = inner
    ts, thread, edited = value.get("ts"), value.get("thread_ts"), value.get("edited")
    if subtype == _DELETED and not isinstance(inner, Mapping):
        ts = value.get("deleted_ts")
    if not isinstance(ts, str) or moment(ts) is None:
        return f"is {show(ts)}; expected seconds since 1970, such as '1433558319.000002'"
    if not isinstance(thread, str) or moment(thread) is None or thread == ts:
        thread = None
    at = edited.get("ts") if isinstance(edited, Mapping) else None
    return Message((channel, ts), subtype, value, thread, at if isinstance(at, str) else "")


def moment(ts: str) -> datetime | None:
    """When a message was written, to the microsecond."""
    found = _TS.fullmatch(ts)
    if found is None:
        return None
    return since_1970(microseconds=int(found[1] + (found[2] or "").ljust(6, "0")))


def author_of(value: Json) -> str | None:
    """The member who wrote it, or the integration."""
    comment = value.get("comment")
    about = comment if isinstance(comment, Mapping) else {}
    for found in (value.get("user"), about.get("user"), value.get("bot_id")):
        if isinstance(found, str) and found:
            return found
    return None


def text_of(message: Message) -> str:
    """What its author wrote, with Slack's markup."""
    comment = message.value.get("comment")
    if message.subtype == _FILE_COMMENT and isinstance(comment, Mapping):
        text = comment.get("comment")
    else:
        text = message.value.get("text")
    return said(text) if isinstance(text, str) else ""


@dataclass(slots=True)
class Survey:
    """Integrations, versions of messages, threads and files of the channels that are read.

    ``bots`` are names by id. ``parents`` are the first messages of threads that somebody
    answered, with their authors where the answers name them. ``notes`` are entries that nobody
    wrote, or of a kind that is not known: they are no posts, though they may be answered too.
    """

    total: int = 0
    bots: dict[str, str | None] = field(default_factory=dict)
    deleted: set[Key] = field(default_factory=set)
    parents: dict[Key, str | None] = field(default_factory=dict)
    notes: set[Key] = field(default_factory=set)
    _changed: dict[Key, str] = field(default_factory=dict)
    _edited: dict[Key, str] = field(default_factory=dict)
    _files: dict[str, Key] = field(default_factory=dict)

    def learn(self, channel: str, messages: Sequence[object]) -> None:
        """Take in the messages of a day."""
        for value in messages:
            self.total += 1
            message = message_of(channel, value)
            if isinstance(message, str):
                continue
            if message.subtype not in WRITTEN:
                self.notes.add(message.key)
                continue
            if message.subtype in (_DELETED, TOMBSTONE):
                self.deleted.add(message.key)
            elif message.subtype == _CHANGED:
                newest = max(self._changed.get(message.key, ""), message.edited)
                self._changed[message.key] = newest
            elif message.edited:
                self._edited[message.key] = message.edited
            self._learn_author(message)
            self._learn_files(message)
            if message.thread is not None:
                parent = message.value.get("parent_user_id")
                known = self.parents.get((channel, message.thread))
                named = parent if isinstance(parent, str) and parent else None
                self.parents[channel, message.thread] = known or named

    def _learn_author(self, message: Message) -> None:
        author = author_of(message.value)
        of_a_bot = message.subtype == _BOT or author in (SLACKBOT, message.value.get("bot_id"))
        if author is not None and of_a_bot:
            profile = message.value.get("bot_profile")
            name = message.value.get("username")
            if not name and isinstance(profile, Mapping):
                name = profile.get("name")
            known = self.bots.get(author)
            self.bots[author] = known or (name if isinstance(name, str) else None)

    def _learn_files(self, message: Message) -> None:
        if message.subtype == _FILE_COMMENT:
            return
        files = message.value.get("files")
        for file in (*(files if isinstance(files, list) else ()), message.value.get("file")):
            if isinstance(file, Mapping) and isinstance(file.get("id"), str):
                self._files.setdefault(file["id"], message.key)

    def root(self, message: Message) -> Key | None:
        """The post that a message answers: the first of its thread, or the file it comments on."""
        if message.thread is not None:
            first = message.key[0], message.thread
            return None if first in self.notes else first
        file = message.value.get("file")
        if message.subtype == _FILE_COMMENT and isinstance(file, Mapping):
            return self._files.get(str(file.get("id")))
        return None

    def outdated(self, message: Message, told: AbstractSet[Key]) -> str | None:
        """Why a version of a message is not told; None for the one that is.

        A change is newer than what it changed unless that says it was edited later still.
        """
        key = message.key
        if message.subtype == _DELETED:
            return "deleted" if key in told or message.value.get("text") is None else None
        newest = self._changed.get(key)
        if newest is not None:
            changed = newest >= self._edited.get(key, "")
            if changed != (message.subtype == _CHANGED) or (changed and message.edited != newest):
                return "older_version"
        return "duplicate" if key in told else None
