"""Mapping files: how the rows and categories of a foreign format become venues, types and verbs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sources.mapping_file import Checker, CounterRule, Key, Rule, loads

#: Columns of a user list with personal data that no record needs; they are not even read.
PERSONAL: Final = frozenset(
    {
        "email",
        "ip_address",
        "registration_ip_address",
        "secondary_emails",
        "name",
        "title",
        "location",
        "website",
        "external_email",
        "external_name",
        "external_username",
        "external_id",
        "external_avatar_url",
    }
)


@dataclass(frozen=True, slots=True)
class StackExchangeMapping:
    """The rules of a dump's tables; ``posts``, ``votes``, ``links`` by the dump's type number."""

    posts: Mapping[str, Rule]
    comments: Rule
    votes: Mapping[str, Rule]
    badges: Rule
    links: Mapping[str, Rule]
    tags: Rule
    join: Rule | None
    counters: tuple[CounterRule, ...]


@dataclass(frozen=True, slots=True)
class CategoryRule:
    """What topics of one category become; ``skip`` is the reason not to import them."""

    venue: str = ""
    topic: str = ""
    reply: str = ""
    skip: str | None = None


@dataclass(frozen=True, slots=True)
class DiscourseMapping:
    """``categories`` by number (as text) or slug; a verb that is None is not imported."""

    default: CategoryRule
    categories: Mapping[str, CategoryRule] = field(default_factory=dict)
    like: str | None = "like"
    view: str | None = "view"
    best_answer: str | None = "best_answer"
    mention: str | None = "mention"
    quote: str | None = "quote"


@dataclass(frozen=True, slots=True)
class DiscourseUsersMapping:
    """Which columns of a user list are totals; ``seen`` makes the last visit an action."""

    counters: tuple[CounterRule, ...]
    seen: Rule | None = None


def _stackexchange(checker: Checker) -> StackExchangeMapping:
    data = checker.data
    known = ("format", "posts", "comments", "votes", "badges", "links", "tags", "join", "counters")
    checker.only(data, (), known)
    join = data.get("join")
    return StackExchangeMapping(
        posts=checker.rules("posts", "type"),
        comments=checker.rule(data.get("comments"), ("comments",), "type"),
        votes=checker.rules("votes", "verb", actor=True),
        badges=checker.rule(data.get("badges"), ("badges",), "verb"),
        links=checker.rules("links", "verb"),
        tags=_only_skip(checker),
        join=None if join is None else checker.rule(join, ("join",), "verb"),
        counters=checker.counters(),
    )


def _only_skip(checker: Checker) -> Rule:
    table = checker.table(checker.data.get("tags"), ("tags",))
    checker.only(table, ("tags",), ("skip",))
    return Rule(skip=checker.word(table, ("tags",), "skip") if table else "")


def _category(checker: Checker, value: object, key: Key) -> CategoryRule:
    before = len(checker.mistakes)
    table = checker.table(value, key)
    if len(checker.mistakes) > before:
        return CategoryRule()
    if "skip" in table:
        checker.only(table, key, ("skip",))
        return CategoryRule(skip=checker.word(table, key, "skip"))
    checker.only(table, key, ("venue", "topic", "reply", "skip"))
    return CategoryRule(
        venue=checker.word(table, key, "venue"),
        topic=checker.word(table, key, "topic"),
        reply=checker.word(table, key, "reply"),
    )


def _discourse(checker: Checker) -> DiscourseMapping:
    data = checker.data
    checker.only(data, (), ("format", "default", "categories", "verbs"))
    chosen = checker.verbs(("like", "view", "best_answer", "mention", "quote"))
    categories = checker.table(data.get("categories"), ("categories",), required=False)
    return DiscourseMapping(
        default=_category(checker, data.get("default"), ("default",)),
        categories={
            name: _category(checker, value, ("categories", name))
            for name, value in categories.items()
        },
        **chosen,
    )


def _discourse_users(checker: Checker) -> DiscourseUsersMapping:
    checker.only(checker.data, (), ("format", "counters", "seen"))
    seen = checker.data.get("seen")
    counters = checker.counters()
    for position, rule in enumerate(counters):
        if rule.column.lower() in PERSONAL:
            checker.wrong(
                ("counters", str(position), "column"),
                f"is {rule.column!r}, which is personal and never read; expected a total",
            )
    return DiscourseUsersMapping(
        counters=counters,
        seen=None if seen is None else checker.rule(seen, ("seen",), "verb"),
    )


load_stackexchange = loads("stackexchange", _stackexchange)
load_discourse = loads("discourse", _discourse)
load_discourse_users = loads("discourse-users", _discourse_users)
