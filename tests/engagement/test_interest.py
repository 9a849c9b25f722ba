"""Words that texts share, and whom a text is for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement.interest import NO_WORDS, Interests, Matches, Reading, Vocabulary, nearest, words
from engagement.points import Ints


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My Router, my ROUTER!", {"my", "router"}),
        ("a 5G plan of 2026, 24 months", {"5g", "plan", "of", "months"}),
        ("<p>Caf&eacute; <a href='x'>at home</a></p>", {"café", "at", "home"}),
        ("see https://example.org/very/long for it", {"see", "for", "it"}),
        ("契約更新の手続き", {"契約", "約更", "更新", "手続"}),
        ("ルーターが遅い", {"ルー", "ータ", "ター"}),
        ("ﾙｰﾀｰ", {"ルー", "ータ", "ター"}),
        ("ひらがなだけ", set()),
        ("", set()),
    ],
)
def test_words_are_latin_words_and_pairs_of_characters(text: str, expected: set[str]) -> None:
    assert words(text) == expected


@given(st.text(max_size=200))
def test_any_text_has_words_that_are_found_again(text: str) -> None:
    found = words(text)
    assert all(len(word) >= 2 and word == word.lower() for word in found)
    assert words(" ".join(sorted(found))) >= {word for word in found if word.isascii()}


def _interests(
    documents: list[tuple[int, set[str]]], items: list[set[str]]
) -> tuple[Vocabulary, Interests]:
    vocabulary = Vocabulary([frozenset(item) for item in items])
    reading = Reading(vocabulary)
    reading.add([who for who, _ in documents], [frozenset(text) for _, text in documents])
    return vocabulary, reading.interests()


def _matched(
    documents: list[tuple[int, set[str]]],
    items: list[set[str]],
    members: list[int],
    *,
    authors: list[int] | None = None,
    weight: list[float] | None = None,
    alone: list[bool] | None = None,
    per_item: int | None = None,
    per_member: int = 100,
) -> dict[tuple[int, int], float]:
    vocabulary, interests = _interests(documents, items)
    found: Matches = nearest(
        vocabulary.items,
        np.array([-1] * len(items) if authors is None else authors),
        interests,
        members=np.array(members),
        weight=np.array([1.0] * len(members) if weight is None else weight),
        alone=np.array([False] * len(members) if alone is None else alone),
        per_item=per_item,
        per_member=per_member,
    )
    return {
        (int(item), int(member)): float(value)
        for item, member, value in zip(found.item, found.member, found.value, strict=True)
    }


_WORDS = st.sets(st.sampled_from("abcdefghij"), max_size=6)
_DOCUMENTS = st.lists(st.tuples(st.integers(1, 8), _WORDS), max_size=30)
_ITEMS = st.lists(_WORDS, min_size=1, max_size=5)


@given(_DOCUMENTS, _ITEMS)
def test_the_value_is_what_the_shared_words_tell(
    documents: list[tuple[int, set[str]]], items: list[set[str]]
) -> None:
    members = [1, 2, 3, 5, 6, 7]
    found = _matched(documents, items, members)
    texts = [text for _, text in documents]
    for i, item in enumerate(items):
        for member in members:
            own = set[str]().union(*(text for who, text in documents if who == member))
            having = {word: sum(word in text for text in texts) for word in item & own}
            value = sum(
                math.log(len(texts) / n) for n in having.values() if n <= max(len(texts) / 10, 2)
            )
            assert found.get((i, member), 0) == pytest.approx(value)


@given(_DOCUMENTS, _ITEMS, st.integers(1, 4), st.integers(1, 4), st.integers(1, 8))
def test_nobody_is_given_too_much_and_nothing_of_their_own(
    documents: list[tuple[int, set[str]]],
    items: list[set[str]],
    per_item: int,
    per_member: int,
    author: int,
) -> None:
    members = list(range(1, 9))
    weight = [member / 2 for member in members]
    everything = _matched(documents, items, members, weight=weight, alone=[True] * 8)
    found = _matched(
        *(documents, items, members),
        authors=[author] * len(items),
        weight=weight,
        alone=[True] * 8,
        per_item=per_item,
        per_member=per_member,
    )
    assert all(member != author for _, member in found)
    assert found.items() <= everything.items()
    for i in range(len(items)):
        assert sum(item == i for item, _ in found) <= per_item
    for member in members:
        assert sum(one == member for _, one in found) <= per_member
    if per_member >= len(items):
        for i in range(len(items)):
            others = [v for (item, m), v in everything.items() if item == i and m != author]
            given_ = sorted((v for (item, _), v in found.items() if item == i), reverse=True)
            assert given_ == pytest.approx(sorted(others, reverse=True)[:per_item])


@given(_DOCUMENTS, _ITEMS, st.integers(1, 10))
def test_it_does_not_matter_how_documents_are_divided(
    documents: list[tuple[int, set[str]]], items: list[set[str]], size: int
) -> None:
    vocabulary, at_once = _interests(documents, items)
    reading = Reading(vocabulary)
    for low in range(0, len(documents), size):
        part = documents[low : low + size]
        reading.add([who for who, _ in part], [frozenset(text) for _, text in part])
    by_parts = reading.interests()
    for name in ("member", "start", "who", "idf"):
        one: Ints = getattr(at_once, name)
        assert one.tolist() == getattr(by_parts, name).tolist()


def test_whoever_wrote_nothing_counts_for_less_than_a_shared_word() -> None:
    documents = [(1, {"router", "slow"}), *[(9, {"filler", str(n)}) for n in range(30)]]
    found = _matched(documents, [{"router"}], [1, 2, 3], alone=[False, True, False])
    assert found == {(0, 1): pytest.approx(math.log(31)), (0, 2): NO_WORDS}


def test_activity_weighs() -> None:
    documents = [(1, {"router"}), (2, {"router"}), *[(9, {str(n)}) for n in range(30)]]
    found = _matched(documents, [{"router"}], [1, 2, 3], weight=[0.5, 2.0, 9.0])
    assert set(found) == {(0, 1), (0, 2)}
    assert found[0, 2] == pytest.approx(4 * found[0, 1])


def test_a_part_of_what_was_written_goes_by_the_words_of_all() -> None:
    vocabulary = Vocabulary([frozenset({"dark", "mode"})])
    everything, part = Reading(vocabulary), Reading(vocabulary)
    everything.add(range(30), [frozenset({"dark"} if n < 3 else {"light"}) for n in range(30)])
    part.add(range(3), [frozenset({"dark"})] * 3)
    of_all = everything.interests()
    found = part.interests(of_all)
    assert found.idf.tolist() == of_all.idf.tolist()
    assert found.member[found.who].tolist() == [0, 1, 2]
    # By itself, all of the part has it.
    assert len(part.interests().who) == 0
