"""How large, deep and wide a document may be; measured before it is validated, which costs more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSyntaxError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from api.errors import Refusal

#: Selection sets and fragments inside each other; far beyond any depth that may be set.
_DEEPEST: Final = 150
_INTROSPECTION: Final = frozenset({"__schema", "__type"})
#: How graphql-core ends what it says of a document beyond the limits of parsing.
_ABORTED: Final = "Parsing aborted."


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may ask for. ``fields`` counts a fragment wherever it is spread."""

    body: int = 8 * 1024 * 1024
    characters: int = 20_000
    tokens: int = 2_000
    comments: int = 200
    depth: int = 12
    aliases: int = 30
    fields: int = 1_000
    errors: int = 20


@dataclass(frozen=True, slots=True)
class Size:
    """What was measured of a document, the largest of its operations counting."""

    depth: int
    aliases: int
    fields: int
    introspects: bool


def too_long(error: GraphQLSyntaxError) -> bool:
    """Whether parsing was given up for length or nesting, rather than for a mistake."""
    return error.message.endswith(_ABORTED)


def check(document: DocumentNode, limits: Limits) -> Size:
    """Measure ``document``.

    Raises Refusal when it is beyond ``limits``.
    """
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    measure = _Measure(fragments)
    sizes = [
        measure.of(node.selection_set, 1)
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
    ]
    size = Size(
        max((size.depth for size in sizes), default=0),
        max((size.aliases for size in sizes), default=0),
        max((size.fields for size in sizes), default=0),
        any(size.introspects for size in sizes),
    )
    for what, found, most in (
        ("levels deep", size.depth, limits.depth),
        ("aliases", size.aliases, limits.aliases),
        ("fields, with fragments written out,", size.fields, limits.fields),
    ):
        if found > most:
            raise Refusal("LIMIT", f"the operation has {found} {what} and may have {most}")
    return size


class _Measure:
    """Adds up selections, each fragment once however often it is spread."""

    def __init__(self, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        # A fragment inside itself counts as nothing; validation refuses it afterwards.
        self._known: dict[str, Size] = {}

    def of(self, selections: SelectionSetNode, nesting: int) -> Size:
        """The size of a selection set.

        Raises Refusal when it is nested beyond what Python could follow.
        """
        if nesting > _DEEPEST:
            raise Refusal("LIMIT", "the operation is nested too deeply")
        depth = aliases = fields = 0
        introspects = False
        for node in selections.selections:
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
            introspects = introspects or size.introspects
        return Size(depth, aliases, fields, introspects)

    def _of_field(self, node: FieldNode, nesting: int) -> Size:
        inner = Size(0, 0, 0, introspects=False)
        if node.selection_set is not None:
            inner = self.of(node.selection_set, nesting + 1)
        alias = 1 if node.alias is not None else 0
        if node.name.value in _INTROSPECTION:
            # It is nested by nature; graphql-core's own rule bounds it.
            return Size(1, alias + inner.aliases, 1, introspects=True)
        return Size(
            inner.depth + 1, inner.aliases + alias, inner.fields + 1, introspects=inner.introspects
        )

    def _of_fragment(self, name: str, nesting: int) -> Size:
        known = self._known.get(name)
        if known is None:
            self._known[name] = Size(0, 0, 0, introspects=False)
            fragment = self._fragments.get(name)
            if fragment is None:
                return self._known[name]
            known = self._known[name] = self.of(fragment.selection_set, nesting + 1)
        return known
