"""How the categories of a Discourse forum become venues and types of posts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sources.mapping_file import Checker, loads


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


def _read(checker: Checker) -> DiscourseMapping:
    data = checker.data
    checker.only(data, (), ("format", "default", "categories", "verbs"))
    names = ("venue", "topic", "reply")
    categories = checker.table(data.get("categories"), ("categories",), required=False)
    return DiscourseMapping(
        default=CategoryRule(**checker.words(data.get("default"), ("default",), names)),
        categories={
            name: CategoryRule(**checker.words(value, ("categories", name), names))
            for name, value in categories.items()
        },
        **checker.verbs(("like", "view", "best_answer", "mention", "quote")),
    )


load_discourse = loads("discourse", _read)
