"""From the text of a document to its answer: prepared once, kept, and run by graphql-core.

Strawberry's own ``Schema.execute`` makes an execution context, an extension runner and a middleware
manager for every request, which costs a small query more than running it. So the schema that
Strawberry built is run directly; extensions of the schema are therefore not, and a test holds that
there are none.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeGuard, cast

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    execute,
    parse,
    validate,
)
from strawberry import Schema
from strawberry.execution.is_awaitable import optimized_is_awaitable

from api.errors import Refusal, without_suggestions
from api.executor import Direct, with_short_way
from api.limits import Limits, Size, check, too_long

_is_awaitable: Final = cast("Callable[[Any], TypeGuard[Awaitable[Any]]]", optimized_is_awaitable)
#: What the kept documents may hold; a document takes up to a hundred times its text in memory.
_MOST_DOCUMENTS: Final = 1_000
_MOST_CHARACTERS: Final = 500_000


@dataclass(frozen=True, slots=True)
class Request:
    """A GraphQL request of the right form."""

    document: str
    operation: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A document that was parsed, measured and found valid."""

    node: DocumentNode
    operations: Mapping[str | None, OperationDefinitionNode]
    size: Size

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation to run.

        Raises Refusal when that cannot be told.
        """
        if name is None:
            if len(self.operations) == 1:
                return next(iter(self.operations.values()))
            if not self.operations:
                raise Refusal("INVALID_DOCUMENT", "the document has no operation")
            raise Refusal(
                "INVALID_DOCUMENT",
                "the document has several operations: say which, in operationName",
            )
        if name not in self.operations:
            raise Refusal("INVALID_DOCUMENT", "the document has no operation of that operationName")
        return self.operations[name]


class Invalid(Exception):
    """A document or variables that GraphQL itself refuses, with the code of the phase."""

    def __init__(self, code: str, errors: Sequence[GraphQLError]) -> None:
        super().__init__(code)
        self.code = code
        self.errors = errors


class Engine:
    """Prepares documents for one schema and runs them."""

    def __init__(self, schema: Schema, limits: Limits, *, introspection: bool = True) -> None:
        # The one private name of Strawberry's that we use: there is no public way to its schema.
        self._core = schema._schema  # noqa: SLF001
        self._executor = with_short_way(schema)
        self._direct = Direct(schema)
        self._limits = limits
        self._introspection = introspection
        self._kept: OrderedDict[str, Document] = OrderedDict()
        self._characters = 0

    def prepare(self, text: str, *, suggest: bool = True) -> Document:
        """The document of ``text``, kept for the next time if it is valid.

        Raises Refusal beyond the limits, Invalid with the mistakes of a document that has some.
        """
        kept = self._kept.get(text)
        if kept is not None:
            self._kept.move_to_end(text)
            return kept
        node = self._parse(text)
        size = check(node, self._limits)
        if size.introspections and not self._introspection:
            raise Refusal("INTROSPECTION_OFF", "this service does not describe its schema")
        mistakes = validate(
            self._core, node, max_errors=self._limits.errors, hide_suggestions=not suggest
        )
        if mistakes:
            raise Invalid("INVALID_DOCUMENT", mistakes)
        operations = {
            one.name.value if one.name else None: one
            for one in node.definitions
            if isinstance(one, OperationDefinitionNode)
        }
        document = Document(node, operations, size)
        self._keep(text, document)
        return document

    async def run(
        self, request: Request, document: Document, context: Any, *, suggest: bool = True
    ) -> ExecutionResult:
        """Run a prepared document.

        Raises Invalid when the variables do not fit. Errors of resolvers are in the result.
        """
        running = execute(
            self._core,
            document.node,
            context_value=context,
            variable_values=request.variables,
            operation_name=request.operation,
            max_coercion_errors=self._limits.errors,
            executor_class=self._executor,
            middleware=self._direct,
            is_awaitable=_is_awaitable,
            hide_suggestions=not suggest,
            operation_extensions=request.extensions,
        )
        result = running if isinstance(running, ExecutionResult) else await running
        if result.data is None and result.errors and all(one.path is None for one in result.errors):
            raise Invalid("INVALID_VARIABLES", result.errors[: self._limits.errors])
        return result

    def _parse(self, text: str) -> DocumentNode:
        try:
            return parse(
                text,
                max_lexical_tokens=self._limits.tokens,
                max_comments=self._limits.comments,
                max_source_length=self._limits.characters,
            )
        except GraphQLSyntaxError as error:
            if too_long(error):
                raise Refusal("LIMIT", without_suggestions(error.description)) from None
            raise Invalid("SYNTAX", [error]) from None

    def _keep(self, text: str, document: Document) -> None:
        """Remember a valid document; the longest unused go when there are too many."""
        if len(text) * 10 > _MOST_CHARACTERS:
            return
        self._kept[text] = document
        self._characters += len(text)
        while len(self._kept) > _MOST_DOCUMENTS or self._characters > _MOST_CHARACTERS:
            gone, _ = self._kept.popitem(last=False)
            self._characters -= len(gone)


def is_query(operation: OperationDefinitionNode) -> bool:
    """Whether the operation only reads."""
    return operation.operation is OperationType.QUERY
