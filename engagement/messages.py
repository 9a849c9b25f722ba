"""Messages of prompts: patterns of Project Fluent, which know plurals and interpolate safely.

A pattern says ``{ $count -> [one] one answer *[other] { $count } answers }``. What is put in the
place of a variable is text and nothing else: a title with braces in it stays a title with braces.
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
_UNSEEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+"
)


class BadPattern(Exception):
    """A text is no pattern; the message says what was expected."""


def check(pattern: str, allowed: frozenset[str]) -> None:
    """Raise BadPattern unless ``pattern`` can be shown with the variables ``allowed``.

    Functions, other messages and terms are refused: a message is read as it stands.
    """
    entry = FluentParser(with_spans=False).parse_entry(_entry(pattern))
    if isinstance(entry, ast.Junk):
        told = "; ".join(str(note.message) for note in entry.annotations if note.message)
        raise BadPattern(f"is no pattern of Fluent: {told or 'it cannot be read'}")
    used = _Used()
    used.visit(entry)
    if used.refused:
        raise BadPattern(f"uses {used.refused}; expected text, variables and selections of them")
    if unknown := sorted(used.variables - allowed):
        known = ", ".join(f"${name}" for name in sorted(allowed))
        raise BadPattern(f"tells ${unknown[0]}, which is not known here; expected {known}")


def shown(pattern: str, language: str, values: Mapping[str, str | int]) -> str:
    """The text of a pattern that ``check`` accepted, in ``language``."""
    bundle = _bundle(pattern, language)
    value = bundle.get_message("it").value
    assert value is not None
    told = {name: _plain(one) if isinstance(one, str) else one for name, one in values.items()}
    text, _ = bundle.format_pattern(value, told)
    return str(text)


def render(texts: Texts, language: str, values: Mapping[str, str | int]) -> Texts:
    """A message with its values, in ``language``; a status by its name there."""
    told = dict(values)
    if "status" in told:
        status = Status(told["status"])
        told["status"] = STATUS_JA[status] if language == "ja" else status.value
    return Texts(**{part: shown(getattr(texts, part), language, told) for part in PARTS})


@lru_cache(maxsize=1024)
def _bundle(pattern: str, language: str) -> FluentBundle:
    # Isolation marks would show as boxes in old fonts; titles are cleaned of direction marks.
    bundle = FluentBundle([language], use_isolating=False)
    bundle.add_resource(FluentResource(_entry(pattern)))
    return bundle


def _entry(pattern: str) -> str:
    """The pattern as an entry of a Fluent file, where every line after the first is indented."""
    lines = pattern.strip().splitlines()
    return "it =\n" + "\n".join(f"    {line}" for line in lines) + "\n"


def _plain(value: str) -> str:
    text = _UNSEEN.sub(" ", value).strip()
    return text if len(text) <= MOST_VALUE else text[: MOST_VALUE - 1].rstrip() + "…"


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
