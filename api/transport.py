"""GraphQL over HTTP: what comes in, in which form, and how the answer goes out.

The order of the checks is the order of their cost: method, form of the answer, key, form of the
body, its length, its content. Nothing of a body is read for a caller without a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from graphql import OperationType
from starlette.types import Receive, Scope, Send

from api import reading, sse
from api.answering import Answering, Prepared, dumps
from api.auth import Finder
from api.errors import Refusal
from api.execution import Invalid, Request, is_subscription
from api.limits import Limits
from api.live import Live
from api.logs import Trace, answer_json, trace_of
from api.profiles import EVENTS, FORMS, GRAPHQL, JSON, OK, PARTIAL
from api.settings import Profile

#: What `Accept` may name, and what it is answered with.
_OFFERED: Final[Mapping[str, bytes]] = {
    "application/graphql-response+json": GRAPHQL,
    "application/json": JSON,
    "text/event-stream": EVENTS,
    "application/*": JSON,
    "*/*": JSON,
}
_ONLY_POST: Final = (b"allow", b"POST")
#: Bytes of `Accept`; browsers, which name most, come to two hundred.
_LONGEST: Final = 1_000


class GraphQLDoor:
    """The HTTP side of the address /graphql of one opened database."""

    def __init__(
        self,
        answering: Answering,
        limits: Limits,
        callers: Finder,
        live: Live,
        *,
        by_get: bool,
        profile: Profile,
    ) -> None:
        self._answering = answering
        self._limits = limits
        self._callers = callers
        self._live = live
        self._methods = ("GET", "POST") if by_get else ("POST",)
        self._forms = FORMS[profile]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        trace = trace_of(scope)
        headers = reading.headers_of(scope)
        accepted = Accepted(JSON)
        by_get = scope["method"] == "GET"
        try:
            self._check_method(scope["method"])
            accepted = negotiate(headers.get(b"accept", b"")[:_LONGEST])
            caller = await self._callers.caller(headers.get(b"authorization"))
            trace.key = caller.name
            self._answering.admit(caller)
            request = await self._read(scope, headers, receive)
            prepared = self._answering.prepare(request, caller, trace)
            _check_way(prepared, accepted, by_get=by_get)
            if accepted.form is EVENTS or is_subscription(prepared.operation):
                await self._tell(prepared, scope, receive, send)
                return
            body = await self._answering.once(prepared, trace)
        except (Refusal, Invalid) as error:
            await self._refuse(error, accepted.form, trace, send)
        except reading.Gone:
            # Unless it was the connection that gave up, and noted why.
            if trace.outcome == "ok":
                trace.outcome = "DISCONNECTED"
        else:
            form = self._forms[OK if trace.outcome == "ok" else PARTIAL, accepted.form]
            await answer_json(send, form.status, body, content_type=form.content_type)

    async def _read(
        self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive
    ) -> Request:
        if scope["method"] == "GET":
            return reading.from_query(scope["query_string"], self._limits.query)
        reading.check_type(headers)
        return reading.from_body(await reading.body(headers, receive, self._limits.body))

    async def _tell(self, prepared: Prepared, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by events."""
        trace = trace_of(scope)
        authorization = reading.headers_of(scope).get(b"authorization")
        stream = sse.EventStream(
            send,
            receive,
            refused=lambda error: self._answering.refused(error, trace),
            failed=lambda error: self._answering.failed(error, trace),
        )
        with self._live.place(prepared.caller.who):
            try:
                await stream.tell(
                    self._answering.events(prepared, trace),
                    self._live,
                    lambda: self._callers.caller(authorization),
                )
            except reading.Gone:
                # There is no other end to a subscription.
                if not is_subscription(prepared.operation):
                    raise

    async def _refuse(
        self, error: Refusal | Invalid, liked: bytes, trace: Trace, send: Send
    ) -> None:
        body = dumps({"errors": self._answering.refused(error, trace)})
        headers = error.headers if isinstance(error, Refusal) else ()
        form = self._forms[error.code, liked]
        if form.content_type is EVENTS:
            body = sse.only(body)
        await answer_json(send, form.status, body, headers, form.content_type)

    def _check_method(self, method: str) -> None:
        if method not in self._methods:
            use = "POST, or GET for queries" if "GET" in self._methods else "POST"
            allow = (b"allow", ", ".join(self._methods).encode())
            raise Refusal("METHOD_NOT_ALLOWED", f"use {use}", allow)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The content type to answer with, and whether a stream of events would do as well."""

    form: bytes
    events: bool = False


@lru_cache(maxsize=256)
def negotiate(accept: bytes) -> Accepted:
    """What to answer with: of the types that ``accept`` names the one it likes best.

    Raises Refusal when it names none that we have.
    """
    if not accept.strip():
        return Accepted(JSON)
    best: tuple[float, bytes] | None = None
    events = False
    for part in accept.decode("latin-1").lower().split(","):
        name, _, rest = part.partition(";")
        offered = _OFFERED.get(name.strip())
        liking = _liking(rest)
        if offered is not None and liking > 0:
            events = events or offered is EVENTS
            if best is None or liking > best[0]:
                best = liking, offered
    if best is None:
        raise Refusal(
            "NOT_ACCEPTABLE",
            "answers are application/graphql-response+json, application/json or text/event-stream, "
            "in UTF-8",
        )
    return Accepted(best[1], events)


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


def _check_way(prepared: Prepared, accepted: Accepted, *, by_get: bool) -> None:
    """Raise Refusal where the operation cannot be answered the way it was asked."""
    if by_get and prepared.operation.operation is OperationType.MUTATION:
        raise Refusal("METHOD_NOT_ALLOWED", "a mutation is sent by POST", _ONLY_POST)
    if is_subscription(prepared.operation) and not accepted.events:
        raise Refusal(
            "NOT_ACCEPTABLE",
            "a subscription is told by 'Accept: text/event-stream' or over WebSocket",
        )
