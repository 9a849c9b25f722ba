"""GraphQL over HTTP: what comes in, in which form, and how the answer goes out.

The order of the checks is the order of their cost: method, form of the answer, key, form of the
body, its length, its content. Nothing of a body is read for a caller without a key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import orjson
from graphql import ExecutionResult, GraphQLError, OperationDefinitionNode
from starlette.types import Receive, Scope, Send

from api import reading
from api.auth import Keyring
from api.errors import Refusal, show
from api.execution import Engine, Invalid, Request, is_query
from api.limits import Limits
from api.logs import Trace, answer_json, trace_of
from api.profiles import FORMS, GRAPHQL, JSON, OK, PARTIAL, Profile
from schema.context import Caller
from store.keys import Scope as KeyScope

#: Makes what resolvers get.
MakeContext = Callable[[Caller], Any]

#: What `Accept` may name, and what it is answered with.
_OFFERED: Final[Mapping[str, bytes]] = {
    "application/graphql-response+json": GRAPHQL,
    "application/json": JSON,
    "application/*": JSON,
    "*/*": JSON,
}
_ALLOWED: Final = (b"allow", b"GET, POST")
_ONLY_POST: Final = (b"allow", b"POST")
#: A mistake in one resolver of a list shows in every item; the log needs it a few times only.
_LOGGED: Final = 3


class GraphQLDoor:
    """The address /graphql of one opened database."""

    def __init__(
        self,
        engine: Engine,
        limits: Limits,
        keyring: Keyring,
        make_context: MakeContext,
        profile: Profile = "audit",
    ) -> None:
        self._engine = engine
        self._limits = limits
        self._keyring = keyring
        self._make_context = make_context
        self._forms = FORMS[profile]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        trace = trace_of(scope)
        headers = reading.headers_of(scope)
        liked = JSON
        try:
            _check_method(scope["method"])
            liked = negotiate(headers.get(b"accept"))
            caller = await self._keyring.caller(headers.get(b"authorization"))
            trace.key = caller.name
            request = await self._read(scope, headers, receive)
            body = await self._answer(request, caller, trace, by_get=scope["method"] == "GET")
        except Refusal as refusal:
            trace.outcome = refusal.code
            shown = {"errors": [refusal.shown(trace.request_id)]}
            await self._send(send, refusal.code, liked, shown, *refusal.headers)
        except Invalid as invalid:
            trace.outcome = invalid.code
            await self._send(send, invalid.code, liked, self._refused(invalid, trace))
        except reading.Gone:
            trace.outcome = "DISCONNECTED"
        else:
            await self._send(send, OK if trace.outcome == "ok" else PARTIAL, liked, body)

    async def _send(
        self, send: Send, outcome: str, liked: bytes, body: Any, *headers: tuple[bytes, bytes]
    ) -> None:
        form = self._forms[outcome, liked]
        await answer_json(send, form.status, body, headers, form.content_type)

    async def _read(
        self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive
    ) -> Request:
        if scope["method"] == "GET":
            return reading.from_query(scope["query_string"], self._limits.body)
        reading.check_type(headers)
        return reading.from_body(await reading.body(headers, receive, self._limits.body))

    async def _answer(
        self, request: Request, caller: Caller, trace: Trace, *, by_get: bool
    ) -> bytes:
        """Run the request and return the JSON of its result.

        Raises Refusal and Invalid when it is not run.
        """
        suggest = KeyScope.MANAGER in caller.scopes
        document = self._engine.prepare(request.document, suggest=suggest)
        operation = document.operation(request.operation)
        _note(trace, operation)
        if by_get and not is_query(operation):
            raise Refusal("METHOD_NOT_ALLOWED", "a mutation is sent by POST", _ONLY_POST)
        context = self._make_context(caller)
        result = await self._engine.run(request, document, context, suggest=suggest)
        return self._dump(result, trace)

    def _dump(self, result: ExecutionResult, trace: Trace) -> bytes:
        if not result.errors:
            return dumps({"data": result.data})
        shown: dict[str, Any] = {"errors": self._shown(result.errors, trace), "data": result.data}
        more = len(result.errors) - self._limits.errors
        if more > 0:
            shown["extensions"] = {"errorsNotShown": more}
        return dumps(shown)

    def _shown(self, errors: Sequence[GraphQLError], trace: Trace) -> list[dict[str, Any]]:
        shown = []
        causes = 0
        for error in errors[: self._limits.errors]:
            one = show(error, trace.request_id)
            if one.cause is not None:
                causes += 1
                if causes <= _LOGGED:
                    trace.failed(one.cause)
            if trace.outcome == "ok" or one.code == "INTERNAL":
                trace.outcome = one.code
            shown.append(one.error)
        return shown

    def _refused(self, invalid: Invalid, trace: Trace) -> bytes:
        return dumps(
            {
                "errors": [
                    show(error, trace.request_id, code=invalid.code).error
                    for error in invalid.errors
                ]
            }
        )


@lru_cache(maxsize=256)
def negotiate(accept: bytes | None) -> bytes:
    """The content type to answer with, of those that ``accept`` names the one it likes best.

    Raises Refusal when it names none that we have.
    """
    if accept is None or not accept.strip():
        return JSON
    best: tuple[float, bytes] | None = None
    for part in accept.decode("latin-1").lower().split(","):
        name, _, rest = part.partition(";")
        offered = _OFFERED.get(name.strip())
        liking = _liking(rest)
        if offered is not None and liking > 0 and (best is None or liking > best[0]):
            best = liking, offered
    if best is None:
        raise Refusal(
            "NOT_ACCEPTABLE",
            "answers are application/graphql-response+json or application/json, in UTF-8",
        )
    return best[1]


def _liking(parameters: str) -> float:
    """The q of a media range; 0 for one in another charset than UTF-8."""
    liking = 1.0
    for parameter in parameters.split(";"):
        name, _, value = (word.strip() for word in parameter.partition("="))
        if name == "q":
            try:
                liking = float(value)
            except ValueError:
                liking = 0.0
        elif name == "charset" and value.strip('"') not in ("utf-8", "utf8"):
            return 0.0
    return liking


def dumps(value: Any) -> bytes:
    """JSON in UTF-8; lone surrogates, which UTF-8 cannot hold, come out as escapes."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return reading.dumps_escaped(value)


def _check_method(method: str) -> None:
    if method not in ("GET", "POST"):
        raise Refusal("METHOD_NOT_ALLOWED", "use POST, or GET for queries", _ALLOWED)


def _note(trace: Trace, operation: OperationDefinitionNode) -> None:
    trace.kind = operation.operation.value
    trace.name(operation.name.value if operation.name else None)
