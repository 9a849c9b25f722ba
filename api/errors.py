"""What a caller may be told: codes, refusals, and the mask over everything else.

docs/reference/error-codes.md is written by ``page``; a test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from graphql import GraphQLError

from store.db import StoreError, Unavailable


@dataclass(frozen=True, slots=True)
class Meaning:
    """Of a code: the HTTP status it comes with, and what it tells the caller to do.

    ``legacy`` is the status for who only takes application/json, ``draft`` the one under the
    profile draft-2026, each where it is another; api/profiles.py makes one table of them.
    """

    status: int
    text: str
    legacy: int | None = None
    draft: int | None = None


#: Every code of the doors themselves. Those of single fields stand in the schema.
CODES: Final[Mapping[str, Meaning]] = MappingProxyType(
    {
        "BAD_REQUEST": Meaning(
            400,
            "The body, or the query string, is not a GraphQL request. The message says what is "
            "wrong; correct the client.",
            draft=422,
        ),
        "NOT_JSON": Meaning(
            400, "The body is not JSON. The message says where; correct the client."
        ),
        "SYNTAX": Meaning(
            400, "The document is not GraphQL. The place is in `locations`.", legacy=200
        ),
        "INVALID_DOCUMENT": Meaning(
            400,
            "The document asks for what the schema does not have, or names no operation to run.",
            legacy=200,
            draft=422,
        ),
        "INVALID_VARIABLES": Meaning(
            400,
            "A variable or an argument does not fit its type. The message names it.",
            legacy=200,
            draft=422,
        ),
        "LIMIT": Meaning(
            400,
            "The document is larger, deeper or wider than the service accepts, or its variables "
            "hold too many values ([limits](http.md#limits)). Ask for less at once; send records "
            "as variables, not as literals.",
            legacy=200,
            draft=422,
        ),
        "INTROSPECTION_OFF": Meaning(
            400,
            "This service does not describe its schema. Use the published `schema.graphql`.",
            legacy=200,
            draft=422,
        ),
        "PERSISTED_QUERY_NOT_FOUND": Meaning(
            404,
            "No document is known by this `documentId` or hash. Send the text along once, or "
            "register it ([documents](http.md#documents-by-name)).",
            legacy=200,
        ),
        "UNAUTHENTICATED": Meaning(
            401,
            "The header `Authorization: Bearer …` is missing, or its key or token is not valid "
            "(any more): make a key with `ikusei keys create`, or a new token for the member.",
        ),
        "DOCUMENT_NOT_ALLOWED": Meaning(
            403, "This service runs registered documents only; this one is not among them."
        ),
        "NOT_FOUND": Meaning(404, "There is no such address. See docs/reference/http.md."),
        "METHOD_NOT_ALLOWED": Meaning(
            405,
            "The address does not take this method; a mutation is only taken by POST. `Allow` "
            "names the methods.",
        ),
        "NOT_ACCEPTABLE": Meaning(
            406,
            "`Accept` names none of `application/graphql-response+json`, `application/json` and "
            "`text/event-stream`; or the operation is a subscription, which is told as "
            "`text/event-stream` or over WebSocket.",
        ),
        "REQUEST_TIMEOUT": Meaning(
            408,
            "The request did not arrive as a whole in time (`IKUSEI_REQUEST_SECONDS`). Send it "
            "again over a better line, or fewer records in a call.",
        ),
        "BODY_TOO_LARGE": Meaning(413, "Send fewer records in a call; the message says the limit."),
        "URI_TOO_LONG": Meaning(
            414, "The query string is too long. Send the same by POST; the message says the limit."
        ),
        "UNSUPPORTED_MEDIA_TYPE": Meaning(
            415, "Send `Content-Type: application/json` in UTF-8, not compressed."
        ),
        "RATE_LIMITED": Meaning(
            429, "More requests than the caller may make. `Retry-After` says when to try again."
        ),
        "TOO_MANY_CONNECTIONS": Meaning(
            429, "More open connections than there may be. Close some; `Retry-After` says when."
        ),
        "TIMEOUT": Meaning(
            503,
            "The answer took too long and was given up. Ask for less; a mutation can be sent "
            "again, a repeated record counts once.",
        ),
        "HEADERS_TOO_LARGE": Meaning(
            431, "The request line and the headers are larger than any request needs."
        ),
        "INTERNAL": Meaning(
            500,
            "A mistake of ours. Nothing is told but `requestId`, under which it stands in the log.",
        ),
        "UNAVAILABLE": Meaning(
            503,
            "The database, or for a token the site's key set, cannot be used just now. Send the "
            "same call again later: what was acknowledged is kept, and a repeated record counts "
            "once.",
        ),
        "OVERLOADED": Meaning(
            503,
            "More clients are connected than this process takes (`IKUSEI_MAX_CONNECTIONS`). Come "
            "back after the seconds of `Retry-After`.",
        ),
        "REFUSED": Meaning(
            200, "What was asked for cannot be done; the message says why and what would help."
        ),
    }
)

_UNAVAILABLE: Final = "the database cannot be used just now; the same call may work later"
_INTERNAL: Final = "internal error; its cause stands in the log under this requestId"
#: graphql-core offers names that look alike; to some callers we do not tell what there is.
_SUGGESTION: Final = re.compile(r"\s*Did you mean [^?]*\?")
#: How graphql-core begins what it says of an argument that a variable left unfit.
_ARGUMENT: Final = re.compile(r"(?:Argument|Variable) '\$?\w+'")


class Refusal(Exception):
    """A request that is not carried out; all of it may be told.

    ``more`` is what programs may read beside the code.
    """

    def __init__(self, code: str, message: str, *headers: tuple[bytes, bytes], **more: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.headers = headers
        self._more = more

    @property
    def status(self) -> int:
        """The HTTP status of the code, where no profile has a say."""
        return CODES[self.code].status

    def shown(self, request_id: str) -> dict[str, Any]:
        """The error as the caller sees it."""
        return {
            "message": self.message,
            "extensions": {**self._more, "code": self.code, "requestId": request_id},
        }


@dataclass(frozen=True, slots=True)
class Shown:
    """One error for the caller, and what the log must keep of it (None: nothing)."""

    error: dict[str, Any]
    code: str
    cause: BaseException | None = field(default=None)


def show(error: GraphQLError, request_id: str, *, code: str = "INTERNAL") -> Shown:
    """What the caller may see of ``error``.

    ``code`` is that of the phase in which it arose; INTERNAL is the phase of running resolvers,
    where only errors that somebody wrote for callers pass.
    """
    message, code, cause = judge(error, code)
    shown: dict[str, Any] = {"message": message}
    if error.locations:
        shown["locations"] = [place.formatted for place in error.locations]
    if error.path is not None:
        shown["path"] = error.path
    extensions = dict(error.extensions or {}) if cause is None else {}
    shown["extensions"] = {**extensions, "code": code, "requestId": request_id}
    return Shown(shown, code, cause)


def without_suggestions(message: str) -> str:
    """``message`` without the names that graphql-core offers in it."""
    return _SUGGESTION.sub("", message)


def unavailable(error: StoreError) -> bool:
    """Whether the database is at fault, and not the call.

    What the driver said names hosts and accounts, which are no business of the caller.
    """
    cause = error.__cause__
    of_driver = type(cause).__module__.partition(".")[0] == "asyncpg"
    return isinstance(error, Unavailable) or of_driver or isinstance(cause, OSError)


def judge(error: GraphQLError, phase: str = "INTERNAL") -> tuple[str, str, BaseException | None]:
    """Message and code for the caller, and the cause where it must be masked and logged."""
    if phase != "INTERNAL":
        return error.message, str((error.extensions or {}).get("code", phase)), None
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    if isinstance(cause, StoreError):
        if unavailable(cause):
            return _UNAVAILABLE, "UNAVAILABLE", cause
        return str(cause), str(getattr(cause, "code", "REFUSED")), None
    written = (error.extensions or {}).get("code")
    if written:
        return error.message, str(written), None
    if isinstance(cause, GraphQLError) and _ARGUMENT.match(cause.message):
        return error.message, "INVALID_VARIABLES", None
    return _INTERNAL, "INTERNAL", cause or error


def internal(request_id: str) -> dict[str, Any]:
    """The error for what nobody foresaw."""
    return Refusal("INTERNAL", _INTERNAL).shown(request_id)


def database_gone() -> Refusal:
    """The refusal while the database cannot be used."""
    return Refusal("UNAVAILABLE", _UNAVAILABLE, (b"retry-after", b"5"))


def origin(error: BaseException) -> Iterator[str]:
    """Where an error arose, for the log: files, lines and kinds, never its message.

    Messages of the database and of parsers repeat what members wrote.
    """
    seen: BaseException | None = error
    while seen is not None:
        state = getattr(seen, "sqlstate", None)
        yield f"{type(seen).__module__}.{type(seen).__qualname__}" + (f" {state}" if state else "")
        trace = seen.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            name = "/".join(code.co_filename.replace("\\", "/").rsplit("/", 2)[-2:])
            yield f"  {name}:{trace.tb_lineno} {code.co_qualname}"
            trace = trace.tb_next
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


_INTRODUCTION: Final = """\
# Error codes

Every error carries a code and the id of its request in `extensions`:

```json
{"errors": [{"message": "…", "path": ["member"],
             "extensions": {"code": "FORBIDDEN", "requestId": "8f1c0b6e5a7d4c92"}}]}
```

The same id stands in the header `X-Request-Id` and in the line of the log. Send the
header yourself, as a UUID or the id of a trace, and it is kept (16 to 64 of
`0-9 a-f A-F -`); another is not, since it may be a name, which no log holds.

Codes are stable; messages are for people and may be worded better in any release.

## Of the whole request

The first status is that of `Accept: application/graphql-response+json`, the second
that of `application/json`; the third is that of both under the
[profile](http.md#profiles) `draft-2026`.

| code | status | `application/json` | `draft-2026` | meaning |
|---|---|---|---|---|"""


def page(fields: Mapping[str, str], problems: Mapping[str, str]) -> str:
    """docs/reference/error-codes.md; ``fields`` and ``problems`` are those of the schema."""
    lines = [
        _INTRODUCTION,
        *(
            f"| `{code}` | {m.status} | {m.legacy or m.status} | {m.draft or m.status} | {m.text} |"
            for code, m in CODES.items()
            if m.status != 200
        ),
        "",
        "## Of single fields",
        "",
        "They come with `path` and status 200, beside what could be answered. `UNAVAILABLE`,",
        "`INTERNAL` and `INVALID_VARIABLES` occur here too.",
        "",
        "| code | meaning |",
        "|---|---|",
        f"| `REFUSED` | {CODES['REFUSED'].text} |",
        *(f"| `{code}` | {text} |" for code, text in fields.items()),
        "",
        "## Problems",
        "",
        "A mutation that cannot be done answers with a `Problem` as its result, not with an error:",
        "ask for `... on Problem { code message }`.",
        "",
        "| code | meaning |",
        "|---|---|",
        *(f"| `{code}` | {text} |" for code, text in problems.items()),
    ]
    return "\n".join(lines) + "\n"
