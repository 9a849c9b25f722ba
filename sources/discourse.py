"""Discourse topics as its API gives them: ``/t/<id>.json`` and ``/t/<id>/posts.json`` pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sources.cooked import Mention, Quote, addressed
from sources.discourse_mapping import CategoryRule, DiscourseMapping
from sources.discourse_survey import Json, Survey, Topic, id_of, posts_of, topic_id, whole
from sources.files import all_existing, json_of, streams
from sources.parse import show
from sources.reader import BaseReader, Item, NotJson, Place, Read, SourceError
from sources.records import ActionRecord, MemberRecord, PostRecord, Record

_EXPECTED: Final = "topics of a Discourse forum as JSON (/t/<id>.json), in a folder or archive"
#: A page of a topic holds at most 1,000 posts; far beyond that it is something else.
MAX_FILE_BYTES: Final = 200_000_000
_LIKE: Final = 2
_DUPLICATE: Final = "skipped_duplicate"
_WRITTEN: Final = "1"
_OTHER_POST_TYPES: Final[Mapping[str, str]] = {
    "2": "skipped_moderator_action",
    "3": "skipped_small_action",
    "4": "skipped_whisper",
}


class DiscourseReader(BaseReader):
    """Topics as members first, then topic by topic posts and the actions read out of them.

    Everything is read twice: the first pass learns the members and what lies on which page, so
    that a topic whose pages come apart or overlap is told once. Memory grows by some 300 bytes
    a post, not with the texts.

    A member's id is Discourse's own user id; where a post does not give it, it is looked up by
    the username, and failing that is ``@username``.
    """

    format = "discourse"

    def __init__(
        self, paths: Sequence[Path], mapping: DiscourseMapping, *, source: str, now: datetime
    ) -> None:
        self._paths = all_existing(paths, _EXPECTED)
        self._mapping = mapping
        super().__init__(source=source, now=now, settings=(mapping,))

    def _begin(self) -> None:
        super()._begin()
        self._survey = Survey()
        self._told: set[int] = set()
        self._checks.update(members=0, posts=0, accepted_answers=0, likes_received=0)

    def _items(self) -> Iterator[Item | Read]:
        for page in self._pages():
            if not isinstance(page, Read):
                self._survey.learn(page[1], page[2])
        if not self._survey.topics:
            raise SourceError(
                f"{', '.join(map(str, self._paths))}: holds no topic; expected {_EXPECTED}"
            )
        self.total = len(self._survey.posts)
        self._rows.clear()
        yield from self._member_items()
        for page in self._pages():
            if isinstance(page, Read):
                yield page
            else:
                yield from self._page_items(*page)

    # Reading

    def _pages(self) -> Iterator[tuple[str, int, Json] | Read]:
        for path in self._paths:
            for name, stream in streams(path, (".json",), _EXPECTED):
                try:
                    page = json_of(stream, MAX_FILE_BYTES, "one topic")
                except NotJson as error:
                    yield self._refuse_file(name, error)
                    continue
                if not isinstance(page, dict) or (number := topic_id(page)) is None:
                    self._survey.learn_categories(page)
                    self._rows["files"]["skipped_not_a_topic"] += 1
                    continue
                self._rows["files"]["topic"] += 1
                yield name, number, page

    # Telling

    def _member_items(self) -> Iterator[Item]:
        for member_id, member in self._survey.members.items():
            if self._survey.resolved(member_id) != member_id:
                continue
            # Discourse numbers its system user -1 and its bots below; people are positive.
            role = "bot" if member_id.startswith("-") else "staff" if member.staff else "member"
            level = member.trust_level
            value = self._record(
                "member",
                id=member_id,
                name=self._name(member.name),
                role=role,
                attributes={} if level is None else {"trust_level": level},
            )
            yield Item(Place("members", f"user {member_id}"), value)

    def _page_items(self, name: str, number: int, page: Json) -> Iterator[Item]:
        topic = self._survey.topics[number]
        rule = self._survey.rule(topic, self._mapping)
        actions: list[Item] = []
        for position, post in enumerate(posts_of(page), 1):
            place = Place(name, f"post {position} (id {show(post.get('id'))[:20]})")
            skipped = self._skipped(post, topic, rule)
            self.done += skipped != _DUPLICATE
            if skipped is not None:
                self._account("posts", skipped)
                if skipped in _OTHER_POST_TYPES.values():
                    actions.extend(self._stray_likes(post, rule, place))
                continue
            first = post.get("post_number") == 1
            kind = rule.topic if first else rule.reply
            yield Item(place, self._post(post, topic, rule, kind), "posts", kind)
            actions.extend(self._actions(post, topic, rule, place))
        yield from actions

    def _skipped(self, post: Json, topic: Topic, rule: CategoryRule) -> str | None:
        """Why a post is not told as one; what was told before is a duplicate."""
        number = post.get("id")
        if isinstance(number, int):
            if number in self._told:
                return _DUPLICATE
            self._told.add(number)
        if topic.private:
            return "skipped_private_message"
        if rule.skip is not None:
            return f"skipped_{rule.skip}"
        kind = show(post.get("post_type", _WRITTEN)).strip("'")
        if kind == _WRITTEN:
            return None
        return _OTHER_POST_TYPES.get(kind, f"unmapped_post_type_{kind[:20]}")

    def _post(self, post: Json, topic: Topic, rule: CategoryRule, kind: str) -> dict[str, Any]:
        first = post.get("post_number") == 1
        root = topic.posts.get(1)
        replied = topic.posts.get(whole(post.get("reply_to_post_number")))
        parent = None if first else replied if replied is not None else root
        return self._record(
            "post",
            id=_id(post.get("id")),
            venue=rule.venue,
            type=kind,
            author=self._survey.author(post.get("id")),
            time=post.get("created_at"),
            root=_id(root),
            parent=_id(parent),
            title=self._title(topic.title) if first else None,
            text=self._text(post.get("cooked")),
            format="html",
            state=_state(post, topic),
            counts=self._counts(post, topic),
        )

    def _counts(self, post: Json, topic: Topic) -> dict[str, int]:
        counts = {}
        likes = _likes(post)
        if self._mapping.like is not None and likes:
            counts[self._mapping.like] = likes
        if self._mapping.view is not None and post.get("post_number") == 1 and topic.views:
            counts[self._mapping.view] = topic.views
        return counts

    def _stray_likes(self, post: Json, rule: CategoryRule, place: Place) -> Iterator[Item]:
        """Likes of what is not imported as a post: its author received them all the same."""
        author, likes = self._survey.author(post.get("id")), _likes(post)
        if self._mapping.like is None or author is None or not likes:
            return
        value = self._record(
            "action",
            id=f"like-{post.get('id')}",
            venue=rule.venue,
            verb=self._mapping.like,
            target=author,
            time=post.get("created_at"),
            precision="lower_bound",
            count=likes,
        )
        yield Item(place, value)

    def _actions(
        self, post: Json, topic: Topic, rule: CategoryRule, place: Place
    ) -> Iterator[Item]:
        number, author = post.get("id"), self._survey.author(post.get("id"))
        common = {"venue": rule.venue, "time": post.get("created_at")}
        if post.get("accepted_answer") is True and self._mapping.best_answer is not None:
            value = self._record(
                "action",
                id=f"accept-{number}",
                verb=self._mapping.best_answer,
                # Assumed: staff can accept an answer too, and the export does not tell.
                actor=topic.opener or self._survey.author(topic.posts.get(1)),
                post=_id(number),
                target=author,
                precision="lower_bound",
                **common,
            )
            yield Item(place, value)
        cooked = post.get("cooked")
        if author is None or not isinstance(cooked, str):
            return
        done: set[tuple[str, str]] = set()
        for deed, verb, target, about in self._addressed(cooked):
            if (deed, target) in done:
                continue
            done.add((deed, target))
            value = self._record(
                "action",
                id=f"{deed}-{number}-{target}",
                verb=verb,
                actor=author,
                post=_id(about),
                target=target,
                **common,
            )
            yield Item(place, value)

    def _addressed(self, cooked: str) -> Iterator[tuple[str, str, str, int | None]]:
        """Deed, verb, member and quoted post of each mention and quote of somebody known."""
        for found in addressed(cooked):
            deed = "mention" if isinstance(found, Mention) else "quote"
            verb = self._mapping.mention if deed == "mention" else self._mapping.quote
            if verb is None:
                continue
            about = self._survey.quoted(found) if isinstance(found, Quote) else None
            target = self._survey.known(found.username)
            author = self._survey.author(about)
            if target is None:
                target = author
            if target is None:
                self._repairs[f"{deed}s_of_unknown"] += 1
                continue
            yield deed, verb, target, about if author == target else None

    def _check(self, record: Record) -> None:
        match record:
            case MemberRecord():
                self._checks["members"] += 1
            case PostRecord() if self._mapping.like is not None:
                self._checks["likes_received"] += record.counts.get(self._mapping.like, 0)
            case ActionRecord() if record.id.startswith("accept-"):
                self._checks["accepted_answers"] += 1
            case ActionRecord() if record.id.startswith("like-"):
                self._checks["likes_received"] += record.count

    @property
    def checks(self) -> Mapping[str, int]:
        """``posts`` counts every post of the files once, whether or not it was recorded.

        ``posts_not_in_files`` are those that the topics list besides: pages are missing.
        """
        told: Mapping[str, int] = self._rows.get("posts", {})
        return {
            **self._checks,
            "posts": sum(n for outcome, n in told.items() if outcome != _DUPLICATE),
            "posts_not_in_files": len(self._survey.missing),
        }


def discourse(
    paths: Sequence[Path], mapping: DiscourseMapping, *, source: str, now: datetime
) -> DiscourseReader:
    """Read topics from folders, archives (tar, tar.gz, zip) and single JSON files.

    Raises SourceError where a path does not exist or, on reading, where no topic is found.
    """
    return DiscourseReader(paths, mapping, source=source, now=now)


def _id(value: object) -> str | None:
    return None if value is None else id_of(value)


def _likes(post: Json) -> int:
    summary = post.get("actions_summary")
    return sum(
        whole(entry.get("count"))
        for entry in (summary if isinstance(summary, list) else ())
        if isinstance(entry, dict) and entry.get("id") == _LIKE
    )


def _state(post: Json, topic: Topic) -> str:
    if topic.deleted or post.get("deleted_at") is not None or post.get("user_deleted") is True:
        return "deleted"
    return "hidden" if topic.hidden or post.get("hidden") is True else "visible"
