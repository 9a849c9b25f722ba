"""What goes by words alone: ideas near one's own, and articles of the company."""

from __future__ import annotations

from typing import Final

import numpy as np

from engagement.interest import Interests, nearest
from store import facts
from store.candidates.feeder import (
    EVERYBODY,
    Asked,
    Found,
    from_zero_to_one,
    joined,
)
from store.candidates.texts import NEW_DAYS, About, Items, texts

#: How many are given one idea, and one member ideas, or articles.
_PER_IDEA: Final = 200
_PER_MEMBER: Final = 10
_ARTICLES: Final = 5
#: What shared words tell that is worth half of the best score: a few of a hundredth of all texts.
_HALF: Final = 15.0


async def ideas(asked: Asked) -> Found:
    """Ideas of others for those who wrote of the same things about ideas."""
    read = await texts(asked)
    items = read.items[About.IDEA]
    found = await _shared(items, read.on_ideas, per_item=_PER_IDEA, per_member=_PER_MEMBER)
    return found.asked_about(asked)


async def articles(asked: Asked) -> Found:
    """The newest articles for everybody; with a higher score for who wrote of the same things."""
    read = await texts(asked)
    items = read.items[About.ARTICLE]
    found = await _shared(items, read.everywhere, per_item=None, per_member=_ARTICLES)
    own = found.asked_about(asked)
    shared = Found(
        np.full(len(items.post), EVERYBODY), items.post, 0.5 * (1 - items.age / NEW_DAYS)
    )
    lifted = Found(own.member, own.post, 0.5 + own.score / 2)
    return joined([lifted, shared], per_member=len(items.post))


async def _shared(
    items: Items, interests: Interests, *, per_item: int | None, per_member: int
) -> Found:
    size = len(interests.member)
    matches = await facts.aside(
        size * len(items.post),
        lambda: nearest(
            items.words,
            items.author,
            interests,
            members=interests.member,
            weight=np.ones(size),
            alone=np.zeros(size, np.bool_),
            per_item=per_item,
            per_member=per_member,
        ),
    )
    score = from_zero_to_one(matches.value, half=_HALF)
    return Found(matches.member, items.post[matches.item], score)
