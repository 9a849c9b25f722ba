"""From a request to its answers, by whichever door it came: the JSON of results and of errors."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
from graphql import GraphQLError, OperationDefinitionNode

from api import reading
from api.documents import Documents
from api.errors import Refusal, internal, judge, show
from api.execution import Answer, Document, Engine, Invalid, Request, is_subscription
from api.limits import Limits
from api.logs import Trace
from api.rates import Rates
from schema.context import Caller
from schema.words import Scope

#: Makes what resolvers get, of the caller and the id of the request.
MakeContext = Callable[[Caller, str], Any]

#: A mistake in one resolver of a list shows in every item; the log needs it a few times only.
_LOGGED: Final = 3


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request whose document is valid, with the operation that it asks for."""

    request: Request
    document: Document
    operation: OperationDefinitionNode
    caller: Caller
    suggest: bool


class Answering:
    """Answers requests to one opened database."""

    def __init__(
        self,
        engine: Engine,
        limits: Limits,
        documents: Documents,
        rates: Rates,
        make_context: MakeContext,
    ) -> None:
        self._engine = engine
        self._limits = limits
        self._documents = documents
        self._rates = rates
        self._make_context = make_context

    def admit(self, caller: Caller) -> None:
        """Count a request of ``caller``; raises Refusal when there were too many."""
        self._rates.take(caller)

    def prepare(self, request: Request, caller: Caller, trace: Trace) -> Prepared:
        """Find the operation of a request.

        Raises Refusal and Invalid when it is not to be run.
        """
        suggest = self._engine.introspection and Scope.MANAGER in caller.scopes
        text = self._documents.text_of(request)
        document = self._engine.prepare(text, suggest=suggest)
        self._documents.learn(request)
        operation = document.operation(request.operation)
        trace.kind = operation.operation.value
        # What a member calls an operation is theirs; a name of the site's pages is not.
        if operation.name and (caller.member is None or self._documents.trusts(text)):
            trace.name(operation.name.value)
        return Prepared(replace(request, document=text), document, operation, caller, suggest)

    async def once(self, prepared: Prepared, trace: Trace) -> bytes:
        """The JSON of the result of a query or mutation.

        Raises Refusal when it would cost too much or takes too long, Invalid when its variables do
        not fit.
        """
        context = self._make_context(prepared.caller, trace.request_id)
        try:
            async with asyncio.timeout(self._limits.seconds):
                answer = await self._engine.run(
                    prepared.request, prepared.document, context, suggest=prepared.suggest
                )
        except TimeoutError:
            raise Refusal(
                "TIMEOUT",
                f"the answer took longer than {self._limits.seconds:g} seconds and was given up: "
                "ask for less at once",
            ) from None
        return self._dump(answer, trace)

    async def events(self, prepared: Prepared, trace: Trace) -> AsyncGenerator[bytes, None]:
        """The JSON of each event of a subscription, without end; of other operations, as once().

        Raises like once(), before the first event.
        """
        if not is_subscription(prepared.operation):
            yield await self.once(prepared, trace)
            return
        context = self._make_context(prepared.caller, trace.request_id)
        answers = self._engine.subscribe(
            prepared.request, prepared.document, context, suggest=prepared.suggest
        )
        async with aclosing(answers):
            async for answer in answers:
                yield self._dump(answer, trace)

    def refused(self, error: Refusal | Invalid, trace: Trace) -> list[dict[str, Any]]:
        """The errors of a request that was not run."""
        trace.outcome = error.code
        if isinstance(error, Refusal):
            return [error.shown(trace.request_id)]
        return [show(one, trace.request_id, code=error.code).error for one in error.errors]

    def failed(self, error: Exception, trace: Trace) -> list[dict[str, Any]]:
        """The errors of a request in which something unforeseen happened."""
        trace.outcome = "INTERNAL"
        trace.failed(error)
        return [internal(trace.request_id)]

    def _dump(self, answer: Answer, trace: Trace) -> bytes:
        result = answer.result
        shown: dict[str, Any] = {"data": result.data}
        extensions: dict[str, Any] = {
            "cost": {
                "estimated": answer.estimated,
                "actual": answer.actual,
                "limit": self._limits.cost,
            }
        }
        if result.errors:
            # First, as the specification asks for, so that people see them.
            shown = {"errors": self._shown(result.errors, trace), **shown}
            more = len(result.errors) - self._limits.errors
            if more > 0:
                extensions["errorsNotShown"] = more
        return dumps({**shown, "extensions": extensions})

    def _shown(self, errors: Sequence[GraphQLError], trace: Trace) -> list[dict[str, Any]]:
        """The first errors as the caller sees them; what came of the request says every one."""
        logged = Counter[str]()
        for error in errors:
            _, code, cause = judge(error)
            if cause is not None:
                logged[code] += 1
                if logged[code] <= _LOGGED:
                    trace.failed(cause)
            if trace.outcome == "ok" or code == "INTERNAL":
                trace.outcome = code
        return [show(one, trace.request_id).error for one in errors[: self._limits.errors]]


def dumps(value: Any) -> bytes:
    """JSON in UTF-8; lone surrogates, which UTF-8 cannot hold, come out as escapes."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return reading.dumps_escaped(value)
