"""Whom a cooked (HTML) Discourse post addresses: mentions and quotes, outside of quotations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import Final
from urllib.parse import unquote


@dataclass(frozen=True, slots=True)
class Mention:
    """``@username`` in a post."""

    username: str


@dataclass(frozen=True, slots=True)
class Quote:
    """A quotation; old and imported posts may name only some of this, or nothing."""

    username: str | None
    topic: int | None
    post_number: int | None


# Quantifiers are bounded and possessive: texts come from strangers, and a tag that never closes
# must not make the search quadratic.
_TAG: Final = re.compile(
    r"""<(?P<end>/?)(?P<tag>aside|a|span)\b
        (?P<attributes>(?:[^<>"']{1,500}+|"[^"]{0,2000}+"|'[^']{0,2000}+'){0,100}+)>
        (?:@(?P<text>[^<\s]{1,100}))?""",
    re.VERBOSE | re.IGNORECASE,
)
_ATTRIBUTE: Final = re.compile(r"""([a-z-]{1,50})\s*=\s*(?:"([^"]*+)"|'([^']*+)')""", re.IGNORECASE)


def addressed(cooked: str) -> Iterator[Mention | Quote]:
    """Each mention and quote of a post in order, repeats included.

    What stands inside a quotation was said by somebody else and is left out.

    >>> list(addressed('<p>Hi <a class="mention" href="/u/kim">@kim</a></p>'))
    [Mention(username='kim')]
    """
    if "mention" not in cooked and "<aside" not in cooked:
        return
    depth = 0
    for tag in _TAG.finditer(cooked):
        if tag["tag"].lower() == "aside":
            if tag["end"]:
                depth = max(0, depth - 1)
                continue
            depth += 1
            attributes = _attributes(tag["attributes"])
            if depth == 1 and "quote" in attributes.get("class", "").split():
                yield Quote(
                    attributes.get("data-username") or None,
                    _number(attributes.get("data-topic")),
                    _number(attributes.get("data-post")),
                )
        elif depth == 0 and not tag["end"] and tag["text"]:
            attributes = _attributes(tag["attributes"])
            if "mention" in attributes.get("class", "").split():
                yield Mention(_username(attributes.get("href"), unescape(tag["text"])))


def _attributes(text: str) -> dict[str, str]:
    return {
        name.lower(): unescape(double or single)
        for name, double, single in _ATTRIBUTE.findall(text)
    }


def _username(href: str | None, text: str) -> str:
    """The address outlives a change of how the name is written; a span has only the text."""
    found = re.search(r"/u(?:sers)?/([^/?#]+)", href or "")
    return unquote(found[1]) if found else text


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None
