"""Slack exports: a zip, or the folder it unpacks to, with users, channels and a file a day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sources.bundle import Bundle
from sources.files import json_of, shown
from sources.parse import show
from sources.reader import BaseReader, Item, NotJson, Place, Read
from sources.records import ActionRecord, MemberRecord, PostRecord, Record
from sources.slack_mapping import ChannelRule, SlackMapping
from sources.slack_survey import (
    JOINED,
    SLACKBOT,
    SYSTEM,
    TOMBSTONE,
    WRITTEN,
    Json,
    Key,
    Message,
    Survey,
    author_of,
    message_of,
    moment,
    text_of,
)
from sources.slack_text import composed, mentioned, plain

_EXPECTED: Final = (
    "a Slack export: a zip or folder with users.json, channels.json and CHANNEL/DATE.json"
)
#: A day of one channel; far beyond that it is something else.
MAX_FILE_BYTES: Final = 100_000_000
_SHOWN: Final = 40
_PRIVATE: Final = ("groups.json", "dms.json", "mpims.json")


class SlackReader(BaseReader):
    """Members, then channel by channel the messages of each day with mentions and reactions.

    A message's id is that of its channel and its ``ts``, to the microsecond. Of a message that the
    export holds in several versions only the latest is told; one that was deleted is told as
    deleted. A thread's first message that the export lacks is told without a text, so
    that answers to it reach its author. Where a thread begins with what is no post, such as that
    somebody joined, its replies answer none. Conversations that are not public are left out.

    Everything is read twice; memory grows by some 200 bytes a message, not with the texts.
    """

    format = "slack"

    def __init__(self, path: Path, mapping: SlackMapping, *, source: str, now: datetime) -> None:
        self._bundle = Bundle(path, _EXPECTED)
        for base in ("users.json", "channels.json"):
            if self._bundle.find(base) is None:
                raise self._bundle.broken(f"holds no {base}")
        channels = self._bundle.find("channels.json") or ""
        self._root = channels[: -len("channels.json")]
        self._mapping = mapping
        super().__init__(source=source, now=now, settings=(mapping,))

    def _begin(self) -> None:
        super()._begin()
        self._survey = Survey()
        self._channels: dict[str, str] = {}
        self._told: set[Key] = set()
        self._reactors: set[str] = set()
        self._checks.update(members=0, bots=0, channels=0, posts=0, replies=0, joins=0)
        self._checks.update(mentions=0, reactions=0, channels_without_files=0)

    @property
    def checks(self) -> Mapping[str, int]:
        """``messages`` are all entries of the days, whatever became of them."""
        entries: Mapping[str, int] = self._rows.get("messages", {})
        sums = {"messages": sum(entries.values()), "reactors": len(self._reactors)}
        return {**self._checks, **sums}

    def _items(self) -> Iterator[Item | Read]:
        users = self._list("users.json")
        self._channels = self._public()
        self._checks["channels"] = len(self._channels)
        for day in self._days():
            if not isinstance(day, Read):
                self._survey.learn(day[1], day[2])
        self.total = self._survey.total
        self._rows.clear()
        for number, user in enumerate(users, 1):
            yield self._member(Place("users.json", f"user {number}"), user)
        for bot in sorted(self._survey.bots.keys() - _ids(users)):
            name = self._name(self._survey.bots[bot])
            yield Item(Place("messages", f"bot {bot}"), self._bot(bot, name))
        for day in self._days():
            if isinstance(day, Read):
                yield day
                continue
            name, channel, messages = day
            for number, value in enumerate(messages, 1):
                yield from self._entry(Place(name, f"message {number}"), channel, value)
                self.done += 1
        yield from self._lost_parents()

    # Reading

    def _list(self, base: str) -> list[Any]:
        name = self._bundle.find(base)
        if name is None:
            return []
        with self._bundle.open(name) as stream:
            try:
                found = json_of(stream, MAX_FILE_BYTES, "a list")
            except NotJson as error:
                raise self._bundle.broken(f"{shown(name)} {error}") from error
        if not isinstance(found, list):
            raise self._bundle.broken(f"{shown(name)} holds no list")
        return found

    def _public(self) -> dict[str, str]:
        """The id of each channel that may be read, by its name: that of its folder."""
        listed = self._list("channels.json")
        if self._mapping.private_channels:
            listed = listed + self._list("groups.json")
        return {
            composed(channel["name"]): str(channel.get("id") or channel["name"])
            for channel in listed
            if isinstance(channel, dict) and isinstance(channel.get("name"), str)
        }

    def _private(self) -> set[str]:
        """The names and ids of private conversations, one of which is that of its folder."""
        listed = (one for base in _PRIVATE for one in self._list(base) if isinstance(one, dict))
        words = (one.get(key) for one in listed for key in ("name", "id"))
        return {composed(word) for word in words if isinstance(word, str)}

    def _files(self) -> list[tuple[str, str]]:
        """Each file of a channel that may be read, with the channel's name."""
        private, found = self._private(), []
        for name in self._bundle.names:
            folder, _, file = name.removeprefix(self._root).rpartition("/")
            channel = composed(folder)
            if not name.startswith(self._root) or not file.endswith(".json"):
                self._account("files", "skipped_not_json")
            elif not folder:
                self._account("files", "skipped_not_messages")
            elif channel in self._channels:
                found.append((name, channel))
            elif channel in private:
                self._account("files", "skipped_private_conversation")
            else:
                self._account("files", "skipped_unknown_channel")
        return found

    def _days(self) -> Iterator[tuple[str, str, list[Any]] | Read]:
        """The messages of each day of each channel that may be read: file, channel's name, they."""
        channels = dict(self._files())
        without = len(self._channels.keys() - channels.values())
        self._checks["channels_without_files"] = without
        for name, stream in self._bundle.each(list(channels)):
            try:
                messages = json_of(stream, MAX_FILE_BYTES, "the messages of a day")
            except NotJson as error:
                yield self._refuse_file(shown(name), error)
                continue
            if not isinstance(messages, list):
                why = NotJson("not_messages", f"is {show(messages)}; expected a list of messages")
                yield self._refuse_file(shown(name), why)
                continue
            self._account("files", "messages")
            yield shown(name), channels[name], messages

    # Telling

    def _member(self, place: Place, user: object) -> Item | Read:
        if not isinstance(user, dict):
            message = f"is {show(user)}; expected a user as an object"
            return self._refuse(place, "not_an_object", message, table="users")
        number = user.get("id")
        staff = self._mapping.staff
        flags = [user[name] for name in staff if name in user]
        role = None if staff and not flags else "staff" if True in flags else "member"
        value = self._record(
            "member",
            id=number,
            name=self._name(user.get("name")),
            role="bot" if user.get("is_bot") is True or number == SLACKBOT else role,
            state="deleted" if user.get("deleted") is True else "active",
        )
        return Item(place, value, "users", "member")

    def _bot(self, id: str, name: object) -> dict[str, Any]:
        return self._record("member", id=id, name=name, role="bot")

    def _entry(self, place: Place, channel: str, value: object) -> Iterator[Item | Read]:
        rule = self._mapping.channels.get(channel, self._mapping.default)
        if rule.skip is not None:
            self._account("messages", f"skipped_{rule.skip}")
            return
        message = message_of(channel, value)
        if isinstance(message, str):
            yield self._refuse(place, "not_a_message", message, table="messages", field="ts")
            return
        subtype = message.subtype
        if subtype in JOINED:
            yield from self._join(place, rule, message)
        elif subtype in SYSTEM:
            self._account("messages", f"skipped_{subtype}")
            yield from self._reacted(place, rule, message)
        elif subtype not in WRITTEN:
            self._account("messages", f"unmapped_{subtype[:_SHOWN]}")
        elif (outdated := self._survey.outdated(message, self._told)) is not None:
            self._account("messages", f"skipped_{outdated}")
        else:
            yield from self._post(place, rule, message)

    def _join(self, place: Place, rule: ChannelRule, message: Message) -> Iterator[Item]:
        if self._mapping.join is None:
            self._account("messages", "skipped_join")
            return
        author = author_of(message.value)
        value = self._record(
            "action",
            id=f"join-{self._id(message.key)}-{author}",
            venue=rule.venue,
            verb=self._mapping.join,
            actor=author,
            time=moment(message.key[1]),
        )
        yield Item(place, value, "messages", "join")
        yield from self._reacted(place, rule, message)

    def _post(self, place: Place, rule: ChannelRule, message: Message) -> Iterator[Item]:
        self._told.add(message.key)
        value, root = message.value, self._survey.root(message)
        answers = root is not None or message.thread is not None
        if answers:
            word = rule.reply
        else:
            word = rule.file if value.get("files") or value.get("file") else rule.message
        gone = message.key in self._survey.deleted
        text = text_of(message)
        post = self._record(
            "post",
            id=self._id(message.key),
            venue=rule.venue,
            type=word,
            # In the place of a message that was deleted stands one by Slack itself.
            author=None if message.subtype == TOMBSTONE else author_of(value),
            time=moment(message.key[1]),
            root=None if answers and root is None else self._id(root or message.key),
            parent=None if root is None else self._id(root),
            # Nothing said leaves an earlier text as it is; this takes it away.
            text="" if gone else self._text(plain(text)),
            format="plain",
            state="deleted" if gone else "visible",
            counts=self._unnamed(value),
        )
        yield Item(place, post, "messages", word)
        if not gone:
            yield from self._mentions(place, post, text)
        yield from self._reacted(place, rule, message, post["id"])

    def _mentions(self, place: Place, post: Json, text: str) -> Iterator[Item]:
        if self._mapping.mention is None or post["author"] is None:
            return
        for target in mentioned(text):
            deed = self._record(
                "action",
                id=f"mention-{post['id']}-{target}",
                venue=post["venue"],
                verb=self._mapping.mention,
                actor=post["author"],
                target=target,
                time=post["time"],
            )
            yield Item(place, deed, outcome="mention")

    def _reacted(
        self, place: Place, rule: ChannelRule, message: Message, post: str | None = None
    ) -> Iterator[Item]:
        """A reaction of each member whom the export names: sometime after the message.

        What Slack notes down, such as that somebody joined, is no post, but may be greeted too.
        """
        told: set[str] = set()
        for emoji, users, _ in _reactions(message.value):
            verb, own = self._verb(emoji)
            # Emoji that mean the same are one act, or who sends two of them would count twice.
            name = f"as:{verb}" if own else emoji
            for user in users if verb is not None else ():
                deed = self._record(
                    "action",
                    id=f"react-{self._id(message.key)}-{name}-{user}",
                    venue=rule.venue,
                    verb=verb,
                    actor=user,
                    post=post,
                    target=author_of(message.value),
                    time=moment(message.key[1]),
                    precision="lower_bound",
                )
                if deed["id"] not in told:
                    told.add(deed["id"])
                    yield Item(place, deed, outcome="reaction")

    def _unnamed(self, message: Json) -> dict[str, int]:
        """Large channels name only some of those who reacted; the others are a count.

        Where none are left it is 0: an earlier export may have named fewer.
        """
        counts: dict[str, int] = {}
        for emoji, users, count in _reactions(message):
            verb, _ = self._verb(emoji)
            if verb is not None:
                counts[verb] = counts.get(verb, 0) + max(0, count - len(users))
        return counts

    def _verb(self, emoji: str) -> tuple[str | None, bool]:
        """What an emoji does, and whether the mapping says that of just this emoji."""
        for name in (emoji, emoji.partition("::")[0]):
            if name in self._mapping.emoji:
                return self._mapping.emoji[name], True
        return self._mapping.react, False

    def _lost_parents(self) -> Iterator[Item]:
        lost = self._survey.parents.keys() - self._told - self._survey.notes
        for key in sorted(lost):
            rule = self._mapping.channels.get(key[0], self._mapping.default)
            author, gone = self._survey.parents[key], key in self._survey.deleted
            if rule.skip is not None or author is None:
                continue
            self._repairs["thread_parents_added"] += 1
            value = self._record(
                "post",
                id=self._id(key),
                venue=rule.venue,
                type=rule.message,
                author=author,
                time=moment(key[1]),
                root=self._id(key),
                text="" if gone else None,
                state="deleted" if gone else None,
            )
            yield Item(Place(key[0], f"the thread of {key[1]}"), value)

    def _id(self, key: Key) -> str:
        return f"{self._channels[key[0]]}-{key[1]}"

    def _read(self, item: Item) -> Read:
        read = super()._read(item)
        match read.record:
            case ActionRecord(actor=actor) if item.outcome == "reaction":
                self._checks["reactions"] += 1
                self._reactors.add(actor or "")
            case ActionRecord():
                self._checks["mentions" if item.outcome == "mention" else "joins"] += 1
        return read

    def _check(self, record: Record) -> None:
        match record:
            case MemberRecord(role="bot"):
                self._checks["bots"] += 1
            case PostRecord():
                self._checks["replies" if record.root != record.id else "posts"] += 1
                self._checks["reactions"] += sum(record.counts.values())
        self._checks["members"] += isinstance(record, MemberRecord)


def slack(path: Path, mapping: SlackMapping, *, source: str, now: datetime) -> SlackReader:
    """Read the export in the folder or zip at ``path``; raises SourceError if it is not one."""
    return SlackReader(path, mapping, source=source, now=now)


#: An emoji, the members who are named, and how many there were.
_Reaction = tuple[str, list[str], int]


def _reactions(message: Json) -> Iterator[_Reaction]:
    found = message.get("reactions")
    for reaction in found if isinstance(found, list) else ():
        match reaction:
            case {"name": str(name), "users": list(users)}:
                named = [user for user in users if isinstance(user, str)]
                count = reaction.get("count")
                yield name, named, count if isinstance(count, int) else len(named)


def _ids(users: Sequence[Any]) -> set[str]:
    found = (user.get("id") for user in users if isinstance(user, dict))
    return {id for id in found if isinstance(id, str)}
