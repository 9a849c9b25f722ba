"""Messages of prompts: patterns of Project Fluent, which know plurals and interpolate safely.

A pattern is text with ``{ $title }`` in it; a plural is a selection over several lines::

    { $count ->
        [one] one answer
       *[other] { $count } answers
    }

What is put in the place of a variable is text and nothing else: a title with braces in it stays a
title with braces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from fluent.runtime import FluentBundle, FluentResource
from fluent.syntax import FluentParser, ast
from fluent.syntax.visitor import Visitor

from engagement.explain_texts import STATUS_JA
from engagement.scenario import PARTS, Texts
from engagement.words import Status

#: What can be told; each kind of candidate has some of them (engagement/scenario.py).
VARIABLES: Final = frozenset({"title", "count", "status", "venue"})
#: Characters of a value: a title longer than this is cut.
MOST_VALUE: Final = 120
#: Braces that open in a pattern. Each may stand in the one before, and the parser, the check and
#: the formatter all go down by recursion.
MOST_BRACES: Final = 40
#: Lines of a pattern: the parser takes the square of them.
MOST_LINES: Final = 60
_MOST_DIGITS: Final = 9
#: Controls, marks of direction and what else has no width; joiners stay, as words and emoji of
#: several parts need them.
_UNSEEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb]+"
)
_HINT: Final = (
    "expected text, { $name }, and selections over several lines as in engagement/scenarios.toml"
)


class BadPattern(Exception):
    """A text is no pattern; the message says what was expected."""


def check(pattern: str, allowed: frozenset[str]) -> None:
    """Raise BadPattern unless ``pattern`` can be shown with the variables ``allowed``.

    Functions, other messages and terms are refused: a message is read as it stands.
    """
    if unseen := _UNSEEN.search(pattern.replace("\n", "")):
        raise BadPattern(f"has the character U+{ord(unseen[0][0]):04X}; expected what can be seen")
    for sign, what, most in (("{", "braces", MOST_BRACES), ("\n", "line ends", MOST_LINES)):
        if (have := pattern.count(sign)) > most:
            raise BadPattern(f"has {have} {what}; at most {most} are allowed")
    used = _Used()
    used.visit(_read(pattern))
    if used.refused:
        raise BadPattern(f"uses {used.refused}; expected text, variables and selections of them")
    if unknown := sorted(used.variables - allowed):
        known = ", ".join(f"${name}" for name in sorted(allowed))
        raise BadPattern(f"tells ${unknown[0]}, which is not known here; expected {known}")


def shown(pattern: str, language: str, values: Mapping[str, str | int]) -> str:
    """The text of a pattern that ``check`` accepted, in ``language``.

    Raises LookupError where a variable that the pattern tells has no value.
    """
    bundle = _bundle(pattern, language)
    value = bundle.get_message("it").value
    assert value is not None
    told = {name: _plain(one) if isinstance(one, str) else one for name, one in values.items()}
    text, missing = bundle.format_pattern(value, told)
    if missing:
        raise LookupError(f"{missing[0]} in {pattern!r}")
    return str(text)


def render(texts: Texts, language: str, values: Mapping[str, str | int]) -> Texts:
    """A message with its values, in ``language``; a status by its name there."""
    told = dict(values)
    if "status" in told:
        status = Status(str(told["status"]))
        told["status"] = STATUS_JA[status] if language == "ja" else status.value
    return Texts(**{part: shown(getattr(texts, part), language, told) for part in PARTS})


def _read(pattern: str) -> ast.Message:
    """The one message that a pattern is; raises BadPattern where it is none, or more."""
    first, *rest = FluentParser(with_spans=False).parse(_entry(pattern)).body
    if not isinstance(first, ast.Message) or first.value is None:
        notes = first.annotations if isinstance(first, ast.Junk) else ()
        told = "; ".join(str(note.message) for note in notes if note.message)
        raise BadPattern(f"is no pattern of Fluent ({told or 'it has no text'}); {_HINT}")
    if rest or first.attributes:
        raise BadPattern(
            "has a line of text that begins with '[', '*', '.' or '}', which Fluent takes for its "
            'own; expected such a sign in quotes and braces, as {"["}'
        )
    return first


@lru_cache(maxsize=1024)
def _bundle(pattern: str, language: str) -> FluentBundle:
    # Isolation marks would show as boxes in old fonts; titles are cleaned of direction marks.
    bundle = FluentBundle([language], use_isolating=False)
    bundle.add_resource(FluentResource(_entry(pattern)))
    return bundle


def _entry(pattern: str) -> str:
    """The pattern as an entry of a Fluent file, where every line after the first is indented."""
    lines = pattern.strip().split("\n")
    return "it =\n" + "\n".join(f"    {line}" for line in lines) + "\n"


def _plain(value: str) -> str:
    text = _UNSEEN.sub(" ", value).strip()
    if len(text) > MOST_VALUE:
        text = text[: MOST_VALUE - 1].rstrip()
        return f"{text}…"
    return text or "…"


class _Used(Visitor):
    """What a pattern refers to."""

    def __init__(self) -> None:
        self.variables: set[str] = set()
        self.refused: str | None = None

    def visit_VariableReference(self, node: ast.VariableReference) -> None:  # noqa: N802
        """Note a variable."""
        self.variables.add(node.id.name)

    def visit_FunctionReference(self, node: ast.FunctionReference) -> None:  # noqa: N802
        """Note a function."""
        self.refused = f"the function {node.id.name}"

    def visit_MessageReference(self, node: ast.MessageReference) -> None:  # noqa: N802
        """Note another message."""
        self.refused = f"the message {node.id.name}"

    def visit_TermReference(self, node: ast.TermReference) -> None:  # noqa: N802
        """Note a term."""
        self.refused = f"the term -{node.id.name}"

    def visit_NumberLiteral(self, node: ast.NumberLiteral) -> None:  # noqa: N802
        """Note a number that no formatter takes."""
        if len(node.value) > _MOST_DIGITS:
            self.refused = f"a number of more than {_MOST_DIGITS} digits"

    def visit_StringLiteral(self, node: ast.StringLiteral) -> None:  # noqa: N802
        """Note a text in quotes that cannot be seen."""
        if _UNSEEN.search(node.parse()["value"]):
            self.refused = "a character that cannot be seen"
