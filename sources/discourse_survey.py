"""What must be known of all Discourse topics before the first of them can be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sources.cooked import Quote
from sources.discourse_mapping import CategoryRule, DiscourseMapping
from sources.parse import show

Json = Mapping[str, Any]


@dataclass(slots=True)
class Member:
    """What is known of somebody; of several usernames the one on the newest post holds."""

    name: str | None = None
    newest: int = -1
    staff: bool = False
    trust_level: int | None = None


@dataclass(slots=True)
class Topic:
    """What the first pass learns of a topic, from all its pages."""

    category: int | None = None
    opener: str | None = None
    title: str | None = None
    views: int = 0
    hidden: bool = False
    deleted: bool = False
    private: bool = False
    #: post number -> post id
    posts: dict[int, int] = field(default_factory=dict)


class Survey:
    """The members, topics and categories of all pages, gathered page by page.

    ``members`` by id, in the order in which they were met; ``posts`` gives each post's author.
    ``missing`` are the ids of posts that their topics list and that are on no page.
    """

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self.topics: dict[int, Topic] = {}
        self.posts: dict[int, str | None] = {}
        self.missing: set[int] = set()
        self._ids: dict[str, str] = {}
        self._slugs: dict[int, str] = {}
        self._parents: dict[int, int] = {}

    def learn_categories(self, page: object) -> None:
        """Slugs and parents of categories, where a site.json or categories.json tells them."""
        if not isinstance(page, dict):
            return
        listing = page.get("category_list")
        categories = listing.get("categories") if isinstance(listing, dict) else None
        categories = categories or page.get("categories")
        for category in categories if isinstance(categories, list) else ():
            if not isinstance(category, dict) or not isinstance(category.get("id"), int):
                continue
            if isinstance(category.get("slug"), str):
                self._slugs[category["id"]] = category["slug"]
            if isinstance(category.get("parent_category_id"), int):
                self._parents[category["id"]] = category["parent_category_id"]

    def learn(self, number: int, page: Json) -> None:
        """Take in one page of the topic ``number``."""
        topic = self.topics.setdefault(number, Topic())
        if isinstance(page.get("category_id"), int):
            topic.category = page["category_id"]
        if isinstance(page.get("title"), str):
            topic.title = page["title"]
        topic.views = max(topic.views, whole(page.get("views")))
        topic.hidden |= page.get("visible") is False
        topic.deleted |= page.get("deleted_at") is not None
        topic.private |= page.get("archetype") == "private_message"
        if topic.opener is None and page.get("user_id") is not None:
            topic.opener = id_of(page["user_id"])
        details = page.get("details")
        if isinstance(details, dict):
            self._learn_people(details)
        for post in posts_of(page):
            self._learn_post(topic, post)
        self._learn_stream(page)

    def _learn_stream(self, page: Json) -> None:
        stream = page.get("post_stream")
        listed = stream.get("stream") if isinstance(stream, dict) else None
        for number in listed if isinstance(listed, list) else ():
            if isinstance(number, int) and number not in self.posts:
                self.missing.add(number)

    def _learn_post(self, topic: Topic, post: Json) -> None:
        number = post.get("id")
        if not isinstance(number, int):
            return
        if isinstance(post.get("post_number"), int):
            topic.posts.setdefault(post["post_number"], number)
        self.posts[number] = self._learn_author(post, number)
        self.missing.discard(number)

    def _learn_people(self, details: Json) -> None:
        people = [details.get("created_by"), details.get("last_poster")]
        participants = details.get("participants")
        people += participants if isinstance(participants, list) else []
        for person in people:
            if not isinstance(person, dict) or person.get("id") is None:
                continue
            if isinstance(person.get("username"), str):
                self._ids.setdefault(person["username"].lower(), id_of(person["id"]))

    def _learn_author(self, post: Json, number: int) -> str | None:
        name, user = post.get("username"), post.get("user_id")
        name = name if isinstance(name, str) and name else None
        if user is not None:
            member_id = id_of(user)
            if name is not None:
                self._ids[name.lower()] = member_id
        elif name is not None:
            member_id = f"@{name}"
        else:
            return None
        member = self.members.setdefault(member_id, Member())
        if number > member.newest:
            member.newest, member.name = number, name or member.name
            level = post.get("trust_level")
            member.trust_level = level if isinstance(level, int) else member.trust_level
        member.staff |= any(post.get(flag) is True for flag in ("admin", "moderator", "staff"))
        return member_id

    def resolved(self, member_id: str | None) -> str | None:
        """The id of a member known only by username, if another post gave it."""
        if member_id is not None and member_id.startswith("@"):
            return self._ids.get(member_id[1:].lower(), member_id)
        return member_id

    def author(self, number: object) -> str | None:
        """The member who wrote the post with this id, if it is in the pages."""
        return self.resolved(self.posts.get(number)) if isinstance(number, int) else None

    def known(self, username: str | None) -> str | None:
        """The id of the member with this username, in any case of its letters."""
        return self._ids.get(username.lower()) if username else None

    def rule(self, topic: Topic, mapping: DiscourseMapping) -> CategoryRule:
        """The rule of the topic's category, else of the nearest category above that has one."""
        category, seen = topic.category, set[int]()
        while category is not None and category not in seen:
            seen.add(category)
            for key in (str(category), self._slugs.get(category)):
                if key is not None and key in mapping.categories:
                    return mapping.categories[key]
            category = self._parents.get(category)
        return mapping.default

    def quoted(self, quote: Quote) -> int | None:
        """The id of the post that is quoted, if it is named and in the pages."""
        topic = self.topics.get(quote.topic) if quote.topic is not None else None
        return topic.posts.get(quote.post_number or 0) if topic is not None else None


def topic_id(page: Json) -> int | None:
    """The topic that a page belongs to; None if it is no page of a topic."""
    number = page.get("id")
    if number is None and (posts := posts_of(page)):
        number = posts[0].get("topic_id")
    has_stream = isinstance(page.get("post_stream"), dict)
    return number if has_stream and isinstance(number, int) else None


def posts_of(page: Json) -> list[dict[str, Any]]:
    """The posts on a page, whatever else it holds."""
    stream = page.get("post_stream")
    posts = stream.get("posts") if isinstance(stream, dict) else None
    return [post for post in posts if isinstance(post, dict)] if isinstance(posts, list) else []


def id_of(value: object) -> str:
    """The text of an id, which is a number or a text; of any other value the beginning."""
    return value if isinstance(value, str) else show(value)


def whole(value: object) -> int:
    """A positive whole number as it is, anything else as 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
