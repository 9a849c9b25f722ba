"""Ids and cursors: what callers keep and give back, and may not look into."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final

import orjson
import strawberry

from schema.errors import Refused

#: Kinds of things that have an id.
KINDS: Final = frozenset(
    {
        *("Member", "Post", "Action", "RuleSet", "ActionType", "Lock", "Key", "AuditEntry", "Goal"),
        *("Scenario", "PromptPolicy", "Offer"),
    }
)
#: More than the cursor of a member with the longest name there can be, in the order of names.
_LONGEST: Final = 2_200


class Big(int):
    """Marks a part of a cursor that is an integer of 64 bits; others have 32, as in the tables."""


#: Bits of the integers of each kind, but for the sign.
_BITS: Final[Mapping[type, int]] = {int: 31, Big: 63}


def to_id(kind: str, number: int) -> strawberry.ID:
    """The id of a thing."""
    return strawberry.ID(urlsafe_b64encode(f"{kind}:{number}".encode()).decode().rstrip("="))


def from_id(given: str, *kinds: str) -> tuple[str, int]:
    """Kind and number of an id.

    Raises Refused when it is none, or not of one of ``kinds``.
    """
    try:
        kind, _, number = _decoded(given).decode().partition(":")
    except (ValueError, UnicodeDecodeError):
        kind, number = "", ""
    if kind not in KINDS or not number.isascii() or not number.isdigit() or len(number) > 18:
        raise Refused("BAD_ID", "this is not an id; ids are what fields named `id` gave")
    if kinds and kind not in kinds:
        raise Refused("BAD_ID", f"this is the id of a {kind}; expected one of {', '.join(kinds)}")
    return kind, int(number)


def member_number(given: str) -> int:
    """The number in a member's id; one that no member can have where it is beyond all."""
    return min(from_id(given, "Member")[1], 2**31 - 1)


def post_number(given: str) -> int:
    """The number in a post's id."""
    return min(from_id(given, "Post")[1], 2**31 - 1)


def to_cursor(order: str, *key: Any) -> str:
    """The cursor of a row in a list that is ordered by ``order``."""
    return urlsafe_b64encode(orjson.dumps([order, *key])).decode().rstrip("=")


def from_cursor(given: str | None, order: str, *kinds: type) -> tuple[Any, ...] | None:
    """The key in a cursor, whose parts must be of ``kinds`` (str, int, Big); None without a cursor.

    Raises Refused when it is not a cursor of such a list.
    """
    if given is None:
        return None
    try:
        parts = orjson.loads(_decoded(given))
    except ValueError:
        parts = None
    if (
        not isinstance(parts, list)
        or len(parts) != len(kinds) + 1
        or parts[0] != order
        or not all(_fits(p, kind) for p, kind in zip(parts[1:], kinds, strict=True))
    ):
        raise Refused("BAD_CURSOR", "`after` is not a cursor of this list in this order")
    return tuple(parts[1:])


def _fits(part: object, kind: type) -> bool:
    """Whether a column of the kind can be compared with what stands in a cursor."""
    if kind is str:
        return isinstance(part, str) and "\0" not in part
    return type(part) is int and abs(part) < 2 ** _BITS[kind]


def _decoded(given: str) -> bytes:
    if len(given) > _LONGEST:
        raise ValueError
    try:
        return urlsafe_b64decode(given.encode("ascii") + b"=" * (-len(given) % 4))
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError from error
