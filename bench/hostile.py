"""Documents made to keep a service busy, each about as long as it is asked to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final


def _repeated(part: str, size: int, *, before: str = "{ ", after: str = " }") -> str:
    times = max(1, (size - len(before) - len(after)) // len(part))
    return before + part * times + after


def _numbered(part: str, size: int, *, before: str = "{ ", after: str = " }") -> str:
    """As many of ``part`` as fit, each with its number in the place of ``#``."""
    found, length, number = [before], len(before) + len(after), 0
    while length < size:
        one = part.replace("#", str(number))
        found.append(one)
        length += len(one)
        number += 1
    return "".join([*found, after])


def _nested(opening: str, closing: str, size: int, *, inside: str = "__typename") -> str:
    times = max(1, (size - len(inside)) // (len(opening) + len(closing)))
    return opening * times + inside + closing * times


def _fragments(size: int) -> str:
    """Fragments that spread the next one twice: written out, they double each time."""
    return _numbered(
        "fragment F# on Query { ...G# ...G# } fragment G# on Query { ...F0 } ",
        size,
        before="{ ...F0 } ",
        after="",
    )


def _doubling(size: int) -> str:
    """Fragments of which each spreads the next one twice, to a length that nobody could answer."""
    chain = "".join(
        f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }} " for n in range(size // 40)
    )
    return f"{{ ...F0 }} {chain}fragment F{size // 40} on Query {{ __typename }}"


def _many_fragments(size: int) -> str:
    """As many fragments as fit, all spread at one place: each is compared with every other."""
    number = size // 45
    spreads = " ".join(f"...F{n}" for n in range(number))
    return f"{{ {spreads} }} " + "".join(
        f"fragment F{n} on Query {{ a{n}: __typename }} " for n in range(number)
    )


def _idle_fragments(size: int) -> str:
    """A fragment that is large when written out, and as many as fit that spread it for nothing."""
    inner = "".join(
        f"fragment F{n} on Query {{ a: node {{ ...F{n + 1} }} b: node {{ ...F{n + 1} }} }} "
        for n in range(8)
    )
    return _numbered(
        "fragment G# on Query { ...F0 } ",
        size,
        before=f"{{ ...F0 }} {inner} fragment F8 on Query {{ __typename }} ",
        after="",
    )


Maker = Callable[[int], str]

#: By name, what makes a document of about so many characters.
HOSTILE: Final[Mapping[str, Maker]] = {
    "aliases": lambda size: _numbered("a#: __typename ", size),
    "batched mutations": lambda size: _numbered(
        'a#: eraseMember(member: "x") { __typename } ', size, before="mutation { "
    ),
    "blank": lambda size: "{ __typename }" + " " * (size - 14),
    "block string": lambda size: '{ member(name: """' + '\\"""' * (size // 4) + '""") { id } }',
    "braces that never close": lambda size: "{" * size,
    "brackets as values": lambda size: "{ members(first: " + "[" * size,
    "comments": lambda size: "#\n" * (size // 2) + "{ __typename }",
    "conflicts": lambda size: _numbered("members(first: #) { __typename } ", size),
    "cyclic fragments": _fragments,
    "directives": lambda size: _repeated("@a", size, before="{ __typename ", after=" }"),
    "directives at many places": lambda size: _repeated("__typename @include(if: true) ", size),
    "doubling fragments": _doubling,
    "duplicate fields": lambda size: _repeated("__typename ", size),
    "fragments of one name": lambda size: _repeated(
        "fragment F on Query { __typename } ", size, before="{ __typename } ", after=""
    ),
    "idle fragments": _idle_fragments,
    "input objects in each other": lambda size: (
        "{ members(first: 1, filter: "
        + _nested("{a:", "}", size, inside="1")
        + ") { __typename } }"
    ),
    "introspection": lambda size: _numbered("a#: __schema { types { name } } ", size),
    "introspection from type to type": lambda size: (
        "{ __schema { types "
        + _nested("{ fields { type ", " } }", size, inside="{ name }")
        + " } }"
    ),
    "introspection in depth": lambda size: (
        '{ __type(name: "Member") '
        + _nested("{ fields { type ", " } }", size, inside="{ name }")
        + "}"
    ),
    "many fragments": _many_fragments,
    "many operations": lambda size: _numbered(
        "query Q# { __typename } ", size, before="", after=""
    ),
    "nested fields": lambda size: _nested("{ member ", " }", size, inside="{ id }"),
    "nested inline fragments": lambda size: _nested("{ ... on Query ", " }", size, inside="{ a }"),
    "nested types": lambda size: (
        "query ($a: " + _nested("[", "]", size, inside="Int") + ") { __typename }"
    ),
    "null bytes": lambda size: "{ __typename }" + "\0" * size,
    "one name": lambda size: "{ " + "a" * size + " }",
    "one number": lambda size: "{ members(first: " + "9" * size + ") { nodes { id } } }",
    "one string": lambda size: '{ member(name: "' + "\\u3042" * (size // 6) + '") { nothing } }',
    "surrogates": lambda size: '{ member(name: "' + "\\uD83D\\uDE00" * (size // 12) + '") { x } }',
    "unclosed string": lambda size: '{ member(name: "' + "a" * size,
    "unknown arguments": lambda size: _numbered(
        "a#: 1 ", size, before="{ members(first: 1 ", after=") { __typename } }"
    ),
    "unknown fields": lambda size: _numbered("field# ", size),
    "unknown fragments": lambda size: _numbered("...F# ", size),
    "unknown types": lambda size: _numbered("... on T# { a } ", size),
    "unused variables": lambda size: _numbered(
        "$a#: Int ", size, before="query (", after=") { __typename }"
    ),
    "values": lambda size: (
        "{ members(first: 1, filter: {status: [" + "FAN " * (size // 4) + "]}) { nothing } }"
    ),
}
