"""The markup of Slack messages: whom they mention, and how they read as plain text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

# Quantifiers are bounded: texts come from strangers.
_MENTION: Final = re.compile(r"<@([UW][A-Z0-9]{1,30})(?:\|[^<>|]{0,200})?>")
_MARKUP: Final = re.compile(r"<([^<>|]{1,4000})(?:\|([^<>]{0,4000}))?>")
#: What Slack itself wrote before the words of somebody who shared or commented on a file.
_OF_A_FILE: Final = re.compile(
    r"<@[^<>]{1,250}> (?:uploaded a file:|shared a file:|commented on [^<>]{0,250}|commented on "
    r"<@[^<>]{1,250}>.{0,20}? file) ?<[^<>]{1,4000}>(?: and commented:|:)? ?"
)


def composed(name: str) -> str:
    """The name of a channel, however it is written: some systems take the letters of names apart.

    >>> composed("cafe\u0301")
    'café'
    """
    return unicodedata.normalize("NFC", name)


def said(text: str) -> str:
    """A message without the sentence that Slack put before it, where it is about a file."""
    found = _OF_A_FILE.match(text)
    return text[found.end() :] if found else text


def mentioned(text: str) -> Iterator[str]:
    """The id of each member mentioned, once, in order.

    >>> list(mentioned("<@U1|kim> and <@U2>: ask <@U1>"))
    ['U1', 'U2']
    """
    yield from dict.fromkeys(found[1] for found in _MENTION.finditer(text))


def plain(text: str) -> str:
    """The message as its readers saw it, except that a member without a name here stays an id.

    >>> plain("<@U1|kim>: see <https://example.org|the docs> &amp; <#C1|help>, <!here>")
    '@kim: see the docs & #help, @here'
    """
    text = _MARKUP.sub(_shown, text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _shown(found: re.Match[str]) -> str:
    what, label = found[1], found[2]
    signs = {"@": "@", "#": "#", "!": "@"}
    if what[0] not in signs:
        return label or what
    name = (label or what[1:]).removeprefix(what[0]).removeprefix("@")
    return signs[what[0]] + name
