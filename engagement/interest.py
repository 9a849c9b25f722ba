"""Who may care about a text, by the informative words that it shares with what they wrote.

Words are Latin (Greek, Cyrillic) words in small letters, and of runs of kanji and katakana each two
characters that follow each other, which needs no dictionary. What a word tells is its inverse
document frequency, the logarithm of all documents over those that have it (Spärck Jones, "A
statistical interpretation of term specificity and its application in retrieval", 1972); one that
too many documents have tells nothing.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from engagement.points import Bools, Ints
from engagement.survival import Floats

#: A word that a larger part of all documents has is not informative.
COMMON: Final = 0.1
#: Documents that may have a word however few there are in all.
_FEW: Final = 2
#: Characters of a text that are read.
MOST_READ: Final = 2_000
#: What a member counts for who has written nothing: less than any informative word of many.
NO_WORDS: Final = 1.0

#: Pairs of a member and a word that are at least added at once.
_MERGED: Final = 1_000_000

_NOISE: Final = re.compile(r"https?://\S+|<[^>]*>")
_WORD: Final = re.compile("[0-9a-z\u00df-\u00f6\u00f8-\u024f\u0370-\u03ff\u0400-\u052f]{2,}")
_RUN: Final = re.compile("[\u3005\u30a1-\u30fa\u30fc\u3400-\u4dbf\u4e00-\u9fff]{2,}")


def words(text: str) -> frozenset[str]:
    """The words of a text, tags and addresses aside; whole numbers are none."""
    known = unicodedata.normalize("NFKC", html.unescape(_NOISE.sub(" ", text[:MOST_READ]))).lower()
    found = {word for word in _WORD.findall(known) if not word.isdecimal()}
    for run in _RUN.findall(known):
        found.update(map("".join, pairwise(run)))
    return frozenset(found)


@dataclass(frozen=True, slots=True, eq=False)
class Interests:
    """Who used the words of a Vocabulary.

    ``member`` are the numbers of all who wrote anything, ascending. Word ``w`` was used by those at
    the positions ``who[start[w]:start[w + 1]]``; ``idf`` is what it tells, 0 where it is not
    informative.
    """

    member: Ints
    start: Ints
    who: Ints
    idf: Floats


class Vocabulary:
    """The words of some items; nothing else that members write is remembered."""

    def __init__(self, items: Sequence[frozenset[str]]) -> None:
        self._number: dict[str, int] = {}
        numbers = self._number
        # In the order of the alphabet, so that every process numbers, and adds up, in the same way.
        self.items = tuple(
            np.array(
                sorted(numbers.setdefault(word, len(numbers)) for word in sorted(item)), np.int64
            )
            for item in items
        )
        self.size = len(numbers)

    def numbers(self, text: frozenset[str]) -> list[int]:
        """Those of the words of a text that the vocabulary has."""
        known = self._number
        return [known[word] for word in text if word in known]


class Reading:
    """What members wrote, added up: memory goes with the words that they share with the items."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._documents = 0
        self._having = np.zeros(vocabulary.size, np.int64)
        self._members: list[Ints] = []
        # One number for a member and a word, without repeats; and those that came since.
        self._pairs = np.zeros(0, np.int64)
        self._new: list[Ints] = []
        self._pending = 0

    def add(self, members: Sequence[int], texts: Iterable[frozenset[str]]) -> None:
        """Read some documents, each by one member."""
        size = max(self._vocabulary.size, 1)
        numbers = [self._vocabulary.numbers(text) for text in texts]
        flat = np.array([number for row in numbers for number in row], np.int64)
        who = np.repeat(np.array(members, np.int64), [len(row) for row in numbers])
        self._documents += len(members)
        self._having += np.bincount(flat, minlength=self._vocabulary.size)
        self._members.append(_distinct(np.array(members, np.int64)))
        self._new.append(who * size + flat)
        self._pending += len(flat)
        if self._pending > max(_MERGED, len(self._pairs)):
            self._merge()

    def _merge(self) -> None:
        """Take in what came since; seldom enough that it costs little in all."""
        self._pairs = _distinct(np.concatenate([self._pairs, *self._new]))
        self._new, self._pending = [], 0

    def interests(self, of_all: Interests | None = None) -> Interests:
        """Who used which words.

        Where this is a part of what members wrote, ``of_all`` is of all of it: what a word tells is
        the same everywhere.
        """
        self._merge()
        size, having = self._vocabulary.size, np.maximum(self._having, 1)
        informative = having <= max(COMMON * self._documents, _FEW)
        idf = np.where(informative, np.log(max(self._documents, 1) / having), 0.0)
        if of_all is not None:
            idf = of_all.idf
        member = _distinct(np.concatenate([*self._members, np.zeros(0, np.int64)]))
        who, word = np.divmod(self._pairs, max(size, 1))
        told = idf[word] > 0
        who, word = who[told], word[told]
        order = np.argsort(word, kind="stable")
        start = np.searchsorted(word[order], np.arange(size + 1))
        return Interests(member, start, np.searchsorted(member, who[order]), idf)


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Items, by position, and the members that they are for; ``value`` is positive."""

    item: Ints
    member: Ints
    value: Floats


def nearest(
    items: Sequence[Ints],
    authors: Ints,
    interests: Interests,
    *,
    members: Ints,
    weight: Floats,
    alone: Bools,
    per_item: int | None,
    per_member: int,
) -> Matches:
    """The members that each item is for, at most so many per item and items per member.

    ``items`` are the numbers of the words of each, ``authors`` who wrote it (−1: unknown), which is
    never given to its author. ``members`` can be given any, ascending. The value is what the shared
    words tell together, with NO_WORDS more of those in ``alone``, times the member's ``weight``; of
    the same value the member of the lower number comes first.
    """
    place = np.searchsorted(members, interests.member)
    place = np.where(np.isin(interests.member, members), place, len(members))
    extra = np.where(alone, NO_WORDS, 0.0)
    found: list[tuple[Ints, Ints, Floats]] = []
    for number, item in enumerate(items):
        value = (_told(item, interests, place, len(members)) + extra) * weight
        value[members == authors[number]] = 0
        chosen = _most(value, per_item)
        found.append((np.full(len(chosen), number), members[chosen], value[chosen]))
    none = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    item_, member, value = (np.concatenate(part) for part in zip(none, *found, strict=False))
    order = np.lexsort((item_, -value, member))
    item_, member, value = item_[order], member[order], value[order]
    rank = np.arange(len(member)) - np.searchsorted(member, member)
    kept = rank < per_member
    return Matches(item_[kept], member[kept], value[kept])


def _distinct(values: Ints) -> Ints:
    """The values without repeats, ascending.

    They are sorted: tens of millions of them that are nearly all different fit no hash table well.
    """
    values = np.sort(values)
    first = np.ones(len(values), np.bool_)
    first[1:] = values[1:] != values[:-1]
    return values[first]


def _told(item: Ints, interests: Interests, place: Ints, size: int) -> Floats:
    """What the words of an item that each member used tell together."""
    start, end = interests.start[item], interests.start[item + 1]
    sizes = end - start
    first = np.repeat(start - np.cumsum(sizes) + sizes, sizes)
    who = interests.who[first + np.arange(sizes.sum())]
    # One place more is for those who cannot be given any.
    weights = np.repeat(interests.idf[item], sizes)
    told = np.bincount(place[who], weights=weights, minlength=size + 1).astype(np.float64)
    return told[:size]


def _most(value: Floats, most: int | None) -> Ints:
    """The positions of the ``most`` largest positive values."""
    chosen = np.flatnonzero(value > 0)
    if most is None or len(chosen) <= most:
        return chosen
    least = -np.partition(-value[chosen], most - 1)[most - 1]
    above = chosen[value[chosen] > least]
    return np.concatenate([above, chosen[value[chosen] == least][: most - len(above)]])
