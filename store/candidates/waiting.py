"""Threads that wait for an answer: for those who may know one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from engagement.interest import nearest
from engagement.points import Ints
from engagement.scenario import TRAITS, Kind
from engagement.survival import Floats
from engagement.words import Index
from store import facts
from store.candidates.active import Active, active
from store.candidates.feeder import Asked, Found, from_zero_to_one, joined
from store.candidates.texts import About, Items, Texts, texts
from store.rules import ActiveRules

#: How many are given one thread, and one member threads.
_PER_THREAD: Final = 50
_PER_MEMBER: Final = 10
#: Half of the best score is what a shared word of a tenth of all texts, and one deed of two months
#: ago, are worth some times over.
_HALF: Final = 10.0
#: Days after which a thread without a response waits.
_WAITS: Final = 1.0
_ASK: Final = "ask"
_ANY: Final = ""
_ANSWERS: Final = ("answer", "reply")


async def questions(asked: Asked) -> Found:
    """Open questions for those who are active there and write of the same things.

    Who has written nothing of late can be given those of their venues too, with a lower score.
    """
    read = await texts(asked)
    waiting = read.items[About.WAITING]
    asking = _asking(asked.rules)
    most = TRAITS[Kind.QUESTION_FOR_YOU].most_answers
    assert most is not None
    chosen = [
        i
        for i, (venue, verb) in enumerate(zip(waiting.venue, waiting.verb, strict=True))
        if asking.get(venue) in (verb, _ANY) and waiting.answers[i] <= most
    ]
    return await _given(asked, read, waiting.of(chosen), of_answers=False)


async def unanswered(asked: Asked) -> Found:
    """Threads of members without a response, for those who have answered something there."""
    read = await texts(asked)
    waiting = read.items[About.WAITING]
    chosen = np.flatnonzero((waiting.answers == 0) & (waiting.age >= _WAITS)).tolist()
    items = waiting.of([i for i in chosen if waiting.of_member[i]])
    found = await _given(asked, read, items, of_answers=True)
    days = items.age.astype(np.int64)[np.searchsorted(items.post, found.post)]
    return Found(found.member, found.post, found.score, days)


def _asking(rules: ActiveRules) -> Mapping[str, str]:
    """By which verb a question is asked in each venue where answers are a contribution.

    Where nothing is called asking, whatever opens a thread there is a question: _ANY.
    """
    catalog = rules.rules.catalog
    asked = {row.venue for row in catalog if row.verb == _ASK}
    return {
        row.venue: _ASK if row.venue in asked else _ANY
        for row in catalog
        if row.verb in _ANSWERS and row.index is Index.CONTRIBUTION
    }


async def _given(asked: Asked, read: Texts, items: Items, *, of_answers: bool) -> Found:
    """Threads to those who are active in their venues."""
    parts: list[Found] = []
    everywhere = await active(asked, set(items.venue))
    for venue, before in everywhere.items():
        there = [i for i, one in enumerate(items.venue) if one == venue]
        members, weight = _weights(before, read, venue, of_answers=of_answers)
        parts.append(await _matched(read, items.of(there), members, weight, everybody=of_answers))
    return joined(parts, per_member=_PER_MEMBER).asked_about(asked)


def _weights(before: Active, read: Texts, venue: str, *, of_answers: bool) -> tuple[Ints, Floats]:
    """Members who are active in a venue, ascending, and what that counts for each."""
    if of_answers:
        return before.member[before.answers > 0], np.log1p(before.answers[before.answers > 0])
    today = [(member, n) for (member, where), n in read.today.items() if where == venue]
    added = np.array(sorted(today), np.int64).reshape(-1, 2)
    members = np.union1d(before.member, added[:, 0])
    total = np.zeros(len(members))
    total[np.searchsorted(members, before.member)] = before.deeds
    total[np.searchsorted(members, added[:, 0])] += added[:, 1]
    return members, np.log1p(total)


async def _matched(
    read: Texts, items: Items, members: Ints, weight: Floats, *, everybody: bool
) -> Found:
    writes = np.isin(members, read.everywhere.member)
    matches = await facts.aside(
        len(members) * len(items.post),
        lambda: nearest(
            items.words,
            items.author,
            read.everywhere,
            members=members,
            weight=weight,
            alone=np.ones_like(writes) if everybody else ~writes,
            per_item=_PER_THREAD,
            per_member=_PER_MEMBER,
        ),
    )
    score = from_zero_to_one(matches.value, half=_HALF)
    return Found(matches.member, items.post[matches.item], score)
