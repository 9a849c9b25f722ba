"""How large, deep and wide a document may be; measured before it is validated, which costs more."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSyntaxError,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
)

from api.errors import Refusal

#: Selection sets and fragments inside each other; far beyond any depth that may be set.
_DEEPEST: Final = 150
_INTROSPECTION: Final = frozenset({"__schema", "__type"})
#: The lists by which the description of a type leads to others.
_TO_TYPES: Final = frozenset({"fields", "inputFields", "interfaces", "possibleTypes"})
#: A token, as the lexical grammar of GraphQL has them, or as a group a comment, which is none. A
#: string that is not closed goes to the end, so that nothing is looked at twice.
_TOKEN: Final = re.compile(
    r'''(#[^\r\n]*+)|"""(?:\\"""|"(?!"")|[^"])*+(?:""")?|"(?:\\.|[^"\\\r\n])*+"?'''
    r"""|[A-Za-z_][A-Za-z0-9_]*+|-?[0-9][0-9A-Za-z_.+-]*+|\.\.\.|[!$&()=@\[\]{|}:?]"""
)
#: How graphql-core ends what it says of a document beyond the limits of parsing.
_ABORTED: Final = "Parsing aborted."


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may ask for.

    ``query`` is for bytes of a query string. ``fields`` are those of all operations, a fragment's
    wherever it is spread. ``repeats`` is how often a field may stand at one place of the answer,
    ``operations`` and ``fragments`` are how many a document may define: validation compares each
    with every other.
    ``introspections`` is how often the schema may be asked for, which costs more than any other
    field, ``walks`` how often that may lead from a type to its neighbours, ``directives`` how many
    may stand at one place, ``cost`` what api/cost.py may come to, ``seconds`` how long the answer
    may take.
    """

    body: int = 8 * 1024 * 1024
    query: int = 32 * 1024
    characters: int = 20_000
    tokens: int = 1_000
    comments: int = 200
    depth: int = 12
    aliases: int = 30
    fields: int = 1_000
    repeats: int = 10
    operations: int = 20
    fragments: int = 30
    introspections: int = 2
    walks: int = 1
    directives: int = 3
    cost: int = 5_000
    errors: int = 20
    seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Size:
    """What was measured of a document: all its fields, of the rest its largest operation."""

    depth: int = 0
    aliases: int = 0
    fields: int = 0
    introspections: int = 0
    walks: int = 0


def check_text(text: str, limits: Limits) -> None:
    """Raise Refusal where a document is too long, or has too many tokens, without parsing it.

    Parsing takes some microseconds a token, counting them a tenth of one. What is no GraphQL is
    left to the parser, unless it is too long whatever it is.
    """
    if len(text) > limits.characters:
        raise Refusal(
            "LIMIT",
            f"the document has {len(text)} characters and may have {limits.characters}: send data "
            "as variables",
        )
    tokens = (found for found in _TOKEN.finditer(text) if found.lastindex is None)
    if sum(1 for _ in islice(tokens, limits.tokens + 1)) > limits.tokens:
        raise Refusal("LIMIT", f"the document has more than {limits.tokens} tokens")


def too_long(error: GraphQLSyntaxError) -> bool:
    """Whether parsing was given up for length or nesting, rather than for a mistake."""
    return error.message.endswith(_ABORTED)


def check(document: DocumentNode, limits: Limits) -> Size:
    """Measure ``document``.

    Raises Refusal when it is beyond ``limits``.
    """
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    defined = [one for one in document.definitions if isinstance(one, FragmentDefinitionNode)]
    for what, all_, most in (
        ("operations", operations, limits.operations),
        ("fragments", defined, limits.fragments),
    ):
        if len(all_) > most:
            raise Refusal("LIMIT", f"the document has {len(all_)} {what} and may have {most}")
    for definition in document.definitions:
        for part in (definition, *(getattr(definition, "variable_definitions", None) or ())):
            _check_directives(part, limits.directives)
    measure = _Measure({one.name.value: one for one in defined}, limits)
    wholes = [one.selection_set for one in operations]
    sizes = [measure.of(whole, 1) for whole in wholes]
    # Every operation is priced and validated, whichever is asked for; so is what none spreads.
    idle = [one.selection_set for one in defined if not measure.has_measured(one)]
    written = sum(size.fields for size in (*sizes, *(measure.of(whole, 1) for whole in idle)))
    size = Size(
        max((size.depth for size in sizes), default=0),
        max((size.aliases for size in sizes), default=0),
        written,
        max((size.introspections for size in sizes), default=0),
    )
    for what, found, most in (
        ("levels of fields", size.depth, limits.depth),
        ("aliases", size.aliases, limits.aliases),
        ("fields, with fragments written out,", size.fields, limits.fields),
        ("uses of `__schema` and `__type`", size.introspections, limits.introspections),
    ):
        if found > most:
            raise Refusal("LIMIT", f"the operation has {found} {what} and may have {most}")
    for whole in (*wholes, *idle):
        measure.check_repeats([whole], limits.repeats)
    return size


def _check_directives(node: Node, most: int) -> None:
    found = len(getattr(node, "directives", None) or ())
    if found > most:
        raise Refusal("LIMIT", f"there are {found} directives at one place and may be {most}")


class _Measure:
    """Adds up selections, each fragment once however often it is spread."""

    def __init__(self, fragments: dict[str, FragmentDefinitionNode], limits: Limits) -> None:
        self._fragments = fragments
        self._limits = limits
        self._known: dict[str, Size] = {}
        self._open: set[str] = set()

    def has_measured(self, fragment: FragmentDefinitionNode) -> bool:
        """Whether a fragment is part of what was measured."""
        name = fragment.name.value
        return name in self._known and self._fragments[name] is fragment

    def check_repeats(self, sets: Sequence[SelectionSetNode], most: int) -> None:
        """Hold the fields of selection sets that are answered as one against their limit.

        To be called when the number of fields is known to be bounded. Raises Refusal.
        """
        fields: dict[str, list[FieldNode]] = {}
        for one in sets:
            for field in self._fields(one):
                name = (field.alias or field.name).value
                fields.setdefault(name, []).append(field)
        for name, same in fields.items():
            if len(same) > most:
                raise Refusal(
                    "LIMIT",
                    f"the operation asks {len(same)} times for {name!r} in one place and may do so "
                    f"{most} times: ask once, with all that is wanted of it",
                )
            inner = [field.selection_set for field in same if field.selection_set]
            if inner:
                self.check_repeats(inner, most)

    def _fields(self, selections: SelectionSetNode) -> Iterator[FieldNode]:
        """The fields of a selection set, with fragments written out."""
        for node in selections.selections:
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, InlineFragmentNode):
                yield from self._fields(node.selection_set)
            else:
                assert isinstance(node, FragmentSpreadNode)
                name = node.name.value
                if self._known[name].fields:
                    yield from self._fields(self._fragments[name].selection_set)

    def of(self, selections: SelectionSetNode, nesting: int) -> Size:
        """The size of a selection set.

        Raises Refusal when it is nested beyond what Python could follow, or without end.
        """
        if nesting > _DEEPEST:
            raise Refusal("LIMIT", "the operation is nested too deeply")
        depth = aliases = fields = introspections = walks = 0
        for node in selections.selections:
            _check_directives(node, self._limits.directives)
            if isinstance(node, FieldNode):
                size = self._of_field(node, nesting)
            elif isinstance(node, InlineFragmentNode):
                size = self.of(node.selection_set, nesting + 1)
            else:
                assert isinstance(node, FragmentSpreadNode)
                size = self._of_fragment(node.name.value, nesting)
            depth = max(depth, size.depth)
            aliases += size.aliases
            fields += size.fields
            introspections += size.introspections
            walks = max(walks, size.walks)
        return Size(depth, aliases, fields, introspections, walks)

    def _of_field(self, node: FieldNode, nesting: int) -> Size:
        inner = Size()
        if node.selection_set is not None:
            inner = self.of(node.selection_set, nesting + 1)
        name = node.name.value
        aliases = inner.aliases + (node.alias is not None)
        if name in _INTROSPECTION:
            # It is nested by nature: what counts is how much of the schema it comes to.
            self._check_introspection(name, inner)
            return Size(1, aliases, inner.fields + 1, inner.introspections + 1)
        walks = inner.walks + (name in _TO_TYPES)
        return Size(inner.depth + 1, aliases, inner.fields + 1, inner.introspections, walks)

    def _check_introspection(self, name: str, inner: Size) -> None:
        """Refuse what would tell of types over and over; what tools send does not."""
        if inner.aliases:
            raise Refusal("LIMIT", f"there are aliases inside `{name}` and may be none")
        if inner.walks > self._limits.walks:
            raise Refusal(
                "LIMIT",
                f"`{name}` leads {inner.walks} times from a type to its neighbours (`fields`, "
                f"`inputFields`, `interfaces`, `possibleTypes`) and may do so {self._limits.walks} "
                "times: ask for one type after the other",
            )

    def _of_fragment(self, name: str, nesting: int) -> Size:
        if name in self._open:
            raise Refusal("INVALID_DOCUMENT", f"the fragment {name!r} is spread inside itself")
        if name not in self._known:
            self._open.add(name)
            fragment = self._fragments.get(name)
            # What is not there counts as nothing; validation names it.
            self._known[name] = self.of(fragment.selection_set, nesting + 1) if fragment else Size()
            self._open.remove(name)
        return self._known[name]
