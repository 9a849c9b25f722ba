"""From the text of a document to its answer: prepared once, kept, and run by graphql-core.

Strawberry's own ``Schema.execute`` makes an execution context, an extension runner and a middleware
manager for every request, which costs a small query more than running it. So the schema that
Strawberry built is run directly; extensions of the schema are therefore not, and a test holds that
there are none.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, TypeGuard, cast

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    parse,
    validate,
)
from graphql.execution import Executor
from graphql.execution.execute import create_source_event_stream, execute_subscription_event
from strawberry import Schema
from strawberry.execution.is_awaitable import optimized_is_awaitable

from api.cost import Plan, Pricing
from api.errors import Refusal, show, without_suggestions
from api.executor import Direct, spent, with_short_way
from api.kept import Kept
from api.limits import Limits, Size, check, check_text, too_long
from schema.context import Context

_is_awaitable: Final = cast("Callable[[Any], TypeGuard[Awaitable[Any]]]", optimized_is_awaitable)
#: Seconds between two tries to answer an event while the database is away.
_AWAY: Final = 0.5


@dataclass(frozen=True, slots=True)
class Request:
    """A GraphQL request of the right form; ``identifier`` names the document (api/documents.py)."""

    document: str
    operation: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None
    identifier: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A document that was parsed, measured and found valid."""

    node: DocumentNode
    operations: Mapping[str | None, OperationDefinitionNode]
    plans: Mapping[str | None, Plan]
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


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of an operation, or of one event of it, and what it cost; see api/cost.py."""

    result: ExecutionResult
    estimated: int
    actual: int


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
        self._pricing = Pricing(self._core)
        self._limits = limits
        self.introspection = introspection
        self._kept = Kept[Document]()

    def prepare(self, text: str, *, suggest: bool = True) -> Document:
        """The document of ``text``, kept for the next time if it is valid.

        Raises Refusal beyond the limits, Invalid with the mistakes of a document that has some.
        """
        kept = self._kept.get(text)
        if kept is not None:
            return kept
        node = self._parse(text)
        size = check(node, self._limits)
        if size.introspections and not self.introspection:
            raise Refusal("INTROSPECTION_OFF", "this service does not describe its schema")
        mistakes = validate(
            self._core, node, max_errors=self._limits.errors, hide_suggestions=not suggest
        )
        if mistakes:
            # The last may be that there are more.
            raise Invalid("INVALID_DOCUMENT", mistakes[: self._limits.errors])
        operations = {
            one.name.value if one.name else None: one
            for one in node.definitions
            if isinstance(one, OperationDefinitionNode)
        }
        plans = {name: self._pricing.plan(node, one) for name, one in operations.items()}
        document = Document(node, operations, plans, size)
        self._kept.keep(text, document, len(text))
        return document

    async def run(
        self, request: Request, document: Document, context: Any, *, suggest: bool = True
    ) -> Answer:
        """Run a query or a mutation.

        Raises Refusal when it would cost too much, Invalid when the variables do not fit. Errors of
        resolvers are in the result.
        """
        plan, estimated = self._estimated(request, document)
        executor = self._executor_of(request, document, context, suggest=suggest)
        running = cast("Any", executor.execute_operation())
        result = running if isinstance(running, ExecutionResult) else await running
        if result.data is None and result.errors and all(one.path is None for one in result.errors):
            raise Invalid("INVALID_VARIABLES", result.errors[: self._limits.errors])
        actual = spent(executor) + plan.records(request.variables or {})
        return Answer(result, estimated, actual)

    async def subscribe(
        self, request: Request, document: Document, context: Any, *, suggest: bool = True
    ) -> AsyncGenerator[Answer, None]:
        """Run a subscription: an answer for each event; errors end it, told in the last answer.

        Raises Refusal when one event would cost too much, Invalid when the variables do not fit.
        """
        _, estimated = self._estimated(request, document)
        executor = self._executor_of(request, document, context, suggest=suggest)
        source: Any = create_source_event_stream(executor)
        if _is_awaitable(source):
            source = await source
        if isinstance(source, ExecutionResult):
            yield Answer(source, estimated, 0)
            return
        async with aclosing(source):
            try:
                async for event in source:
                    answer = await _event(executor, event, estimated, self._limits.seconds)
                    yield answer
                    if answer.result.data is None:
                        # Whoever went on from the next event would never hear of this one.
                        return
            except GraphQLError as error:
                yield Answer(ExecutionResult(None, [error]), estimated, 0)
            except Exception as error:  # noqa: BLE001 - a mistake of a resolver, which show() masks
                failed = GraphQLError("the subscription failed", original_error=error)
                yield Answer(ExecutionResult(None, [failed]), estimated, 0)

    def _estimated(self, request: Request, document: Document) -> tuple[Plan, int]:
        """The plan of the operation and what it will cost.

        Raises Refusal beyond the limit.
        """
        plan = document.plans[
            request.operation if request.operation is not None else next(iter(document.plans))
        ]
        estimated = plan.estimate(request.variables or {})
        if estimated > self._limits.cost:
            raise Refusal(
                "LIMIT",
                f"the operation would cost {estimated} and may cost {self._limits.cost}: ask for "
                "fewer items (`first`), or for less of each",
                cost={"estimated": estimated, "limit": self._limits.cost},
            )
        return plan, estimated

    def _executor_of(
        self, request: Request, document: Document, context: Any, *, suggest: bool
    ) -> Executor[Any]:
        """The executor of a request.

        Raises Invalid when its variables do not fit.
        """
        built = self._executor.build(
            self._core,
            document.node,
            context_value=context,
            raw_variable_values=request.variables,
            operation_name=request.operation,
            max_coercion_errors=self._limits.errors,
            middleware=self._direct,
            is_awaitable=_is_awaitable,
            hide_suggestions=not suggest,
            operation_extensions=request.extensions,
        )
        if isinstance(built, list):
            raise Invalid("INVALID_VARIABLES", built[: self._limits.errors])
        return built

    def _parse(self, text: str) -> DocumentNode:
        check_text(text, self._limits)
        try:
            return parse(
                text,
                max_lexical_tokens=self._limits.tokens,
                max_comments=self._limits.comments,
            )
        except GraphQLSyntaxError as error:
            if too_long(error):
                raise Refusal("LIMIT", without_suggestions(error.description)) from None
            raise Invalid("SYNTAX", [error]) from None


async def _event(executor: Executor[Any], event: Any, estimated: int, seconds: float) -> Answer:
    """The answer for one event of a subscription.

    While the database is away it is waited for: an event that is told without what it is about,
    even without its cursor, is lost to whoever goes on from the next.
    """
    while True:
        own = executor.build_per_event_executor(event)
        try:
            async with asyncio.timeout(seconds):
                running = cast("Any", execute_subscription_event(own))
                result = running if isinstance(running, ExecutionResult) else await running
        except TimeoutError:
            late = GraphQLError(
                f"the event took longer than {seconds:g} seconds: ask for less of each",
                extensions={"code": "TIMEOUT"},
            )
            result = ExecutionResult(None, [late])
        if not any(show(error, "").code == "UNAVAILABLE" for error in result.errors or ()):
            return Answer(result, estimated, spent(own))
        await asyncio.sleep(_AWAY)
        if isinstance(executor.context_value, Context):
            # It may have been away past midnight, or come back with other rules.
            executor.context_value.changed()


def is_subscription(operation: OperationDefinitionNode) -> bool:
    """Whether the operation goes on telling."""
    return operation.operation is OperationType.SUBSCRIPTION
