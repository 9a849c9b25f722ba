"""Compose a text of a given kind on a given topic out of patterns and words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from sources.synthetic import phrases_en, phrases_ja, words_en, words_ja
from sources.synthetic.phrases_ja import Parts

T = TypeVar("T")

#: What the community talks about, and what its members are interested in.
SUBJECTS: tuple[str, ...] = tuple(words_ja.CASES)
#: Subjects with their case: ``sim/0`` is a SIM out of service, ``sim/1`` an eSIM to be moved. The
#: case keeps an answer at the very problem of its question.
TOPICS: tuple[str, ...] = tuple(
    f"{subject}/{case}" for subject in SUBJECTS for case in range(len(words_ja.CASES[subject]))
)
PATTERNS: Mapping[str, Mapping[str, tuple[Parts, ...]]] = {
    "ja": phrases_ja.PATTERNS,
    "en": phrases_en.PATTERNS,
}
_WORDS = {
    "ja": (words_ja.COMMON, words_ja.WORDS, words_ja.CASES),
    "en": (words_en.COMMON, words_en.WORDS, words_en.CASES),
}

#: The order of parts in a text, each with its probability; ``body`` is a main part by default.
_SHAPES: Mapping[str, tuple[tuple[str, float], ...]] = {
    "question": (("open", 0.45), ("problem", 1), ("tried", 0.5), ("ask", 1), ("close", 0.4)),
    "solves": (
        ("open", 1), ("why", 0.45), ("lead", 1), ("steps", 1), ("after", 0.75), ("close", 0.4),
    ),
    "partial": (("body", 1), ("hedge", 0.55)),
    "idea": (("problem", 0.8), ("wish", 1), ("reason", 0.5)),
    "review_good": (("open", 0.7), ("body", 1), ("body", 0.4), ("close", 0.6)),
    "review_bad": (("open", 0.7), ("body", 1), ("body", 0.4), ("close", 0.6)),
    "review_mixed": (("open", 0.6), ("body", 1), ("close", 0.6)),
    "article": (("open", 0.8), ("body", 1), ("body", 1), ("body", 0.6), ("close", 0.7)),
    "company_article": (("open", 1), ("body", 1), ("body", 1), ("close", 0.8)),
    "digest": (("body", 1),),
}  # fmt: skip
_PLAIN_SHAPE = (("body", 1.0),)

_START = re.compile(r"(?:^|(?<=[.!?] ))[a-z]")


class Random(Protocol):
    """What draws: ``Dice`` or a numpy ``Generator``."""

    def random(self) -> float:
        """A uniform number in [0, 1)."""
        ...


class _Slots(dict[str, str]):
    """Fillers of one text: drawn when first needed, the same wherever the slot returns."""

    def __init__(self, rng: Random, lang: str, topic: str) -> None:
        super().__init__()
        subject, _, case = topic.partition("/")
        common, words, cases = _WORDS[lang]
        self._rng = rng
        self._sources = (cases[subject][int(case or 0)], words[subject], common)

    def __missing__(self, slot: str) -> str:
        for source in self._sources:
            if slot in source:
                self[slot] = _pick(self._rng, source[slot])
                return self[slot]
        raise KeyError(slot)

    @property
    def steps(self) -> tuple[str, ...]:
        """The solution, one sentence a step."""
        return self._sources[0]["steps"]


def compose(rng: Random, lang: str, kind: str, topic: str) -> tuple[str | None, str]:
    """Title (None where the kind has none) and text.

    ``lang`` is ``ja`` or ``en``, ``kind`` a key of ``PATTERNS[lang]``, ``topic`` one of TOPICS; a
    topic without its case (``sim``) means its first. A text keeps to one register.
    """
    parts = _pick(rng, PATTERNS[lang][kind])
    slots = _Slots(rng, lang, topic)
    title = _pick(rng, parts["title"]).format_map(slots) if "title" in parts else None
    sentences: list[str] = []
    for part, probability in _SHAPES.get(kind, _PLAIN_SHAPE):
        if probability < 1 and rng.random() >= probability:
            continue
        if part == "steps":
            sentences.append(_steps(rng, slots.steps))
        else:
            sentence = _pick(rng, parts[part]).format_map(slots)
            if sentence not in sentences:
                sentences.append(sentence)
    return _join(lang, title, sentences)


def _join(lang: str, title: str | None, sentences: Sequence[str]) -> tuple[str | None, str]:
    if lang == "ja":
        return title, "".join(sentences).strip()
    # Numbered steps bring their own line breaks; no space beside them, none at the end.
    text = _START.sub(_upper, " ".join(sentences).replace(" \n", "\n").replace("\n ", "\n").strip())
    return title and title[0].upper() + title[1:], text


def _steps(rng: Random, steps: Sequence[str]) -> str:
    """As a numbered list, or in one breath."""
    if rng.random() < 0.7:
        return "\n" + "\n".join(f"{n}. {step}" for n, step in enumerate(steps, 1)) + "\n"
    return " ".join(steps) if steps[0].isascii() else "".join(steps)


def _upper(match: re.Match[str]) -> str:
    return match.group().upper()


def _pick(rng: Random, items: Sequence[T]) -> T:
    return items[int(rng.random() * len(items))]
