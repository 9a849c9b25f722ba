"""Arguments that a resolver cannot take as they come."""

from __future__ import annotations

from typing import Final

from schema.errors import Refused

_LONGEST: Final = 255


def findable(given: str, argument: str) -> str:
    """A text that the database can look for.

    Raises Refused where it is none.
    """
    if (
        not given
        or len(given) > _LONGEST
        or any(c == "\0" or 0xD800 <= ord(c) < 0xE000 for c in given)
    ):
        raise Refused("BAD_INPUT", f"`{argument}` is empty, too long or holds what no text can")
    return given
