"""Texts: enough patterns, in both languages alike, that fill without gaps and fit their topic."""

from __future__ import annotations

import re

import pytest

from sources.synthetic import words_en, words_ja
from sources.synthetic.dice import Dice
from sources.synthetic.text import PATTERNS, SUBJECTS, TOPICS, compose

LANGS = ("ja", "en")
TITLED = {
    "question", "idea", "review_good", "review_bad", "review_mixed", "article", "company_article",
    "topic", "digest",
}  # fmt: skip


def patterns(lang: str) -> list[str]:
    return [
        pattern
        for registers in PATTERNS[lang].values()
        for parts in registers
        for part in parts.values()
        for pattern in part
    ]


@pytest.mark.parametrize("lang", LANGS)
def test_at_least_two_hundred_patterns_that_differ_in_more_than_their_slots(lang: str) -> None:
    bare = {re.sub(r"\{\w+\}|\W", "", pattern) for pattern in patterns(lang)}
    assert len(bare - {""}) >= 200


def test_both_languages_have_the_same_kinds_subjects_and_cases() -> None:
    assert PATTERNS["ja"].keys() == PATTERNS["en"].keys()
    assert words_ja.WORDS.keys() == words_en.WORDS.keys() == set(SUBJECTS)
    assert {subject: len(cases) for subject, cases in words_ja.CASES.items()} == {
        subject: len(cases) for subject, cases in words_en.CASES.items()
    }


@pytest.mark.parametrize("lang", LANGS)
def test_every_kind_can_be_said_of_every_topic(lang: str) -> None:
    dice = Dice(5, 0)
    for kind in PATTERNS[lang]:
        for topic in TOPICS:
            title, text = compose(dice, lang, kind, topic)
            assert (title is not None) == (kind in TITLED)
            assert text.strip() == text
            assert len(text) >= 3
            assert not re.search(r"[{}]|None", f"{title or text}{text}")


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("topic", TOPICS)
def test_a_solving_answer_holds_the_steps_of_its_topic(lang: str, topic: str) -> None:
    subject, _, case = topic.partition("/")
    steps = {"ja": words_ja, "en": words_en}[lang].CASES[subject][int(case)]["steps"]
    _, text = compose(Dice(6, 0), lang, "solves", topic)
    assert all(step in text for step in steps)


def test_an_impression_holds_no_step() -> None:
    for lang, words in (("ja", words_ja), ("en", words_en)):
        dice = Dice(7, 0)
        for topic in TOPICS:
            subject, _, case = topic.partition("/")
            text = compose(dice, lang, "impression", topic)[1]
            assert not any(step in text for step in words.CASES[subject][int(case)]["steps"])


@pytest.mark.parametrize("lang", LANGS)
def test_texts_vary(lang: str) -> None:
    dice = Dice(8, 0)
    questions = {compose(dice, lang, "question", TOPICS[0])[1] for _ in range(200)}
    assert len(questions) > 190


def test_english_sentences_begin_with_a_capital() -> None:
    dice = Dice(9, 0)
    for topic in TOPICS:
        title, text = compose(dice, "en", "review_mixed", topic)
        assert title is not None
        for part in (title, *re.split(r"(?<=[.!?]) ", text)):
            assert not part[0].islower(), part
