"""The form of a request: headers, body, query string. Whatever they hold, the worst is a no."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
from starlette.types import Receive, Scope

from api.errors import Refusal
from api.execution import Request

#: An escaped lone surrogate makes a whole body invalid for orjson; only the record that holds it
#: shall be refused, so such bodies are read by the more lenient standard library.
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
#: How much of a refused body we let a client send to its end instead of cutting it off, which
#: would lose our answer on the way.
_PATIENCE: Final = 8
_CLOSE: Final = (b"connection", b"close")
_PARTS: Final = ("query", "documentId", "operationName", "variables", "extensions")


#: How a document may be named: any identifier of the draft's appendix on persisted documents.
_IDENTIFIER: Final = re.compile(
    r"sha256:[0-9a-f]{64}|x-[A-Za-z0-9._~-]{1,64}:[A-Za-z0-9._~-]{1,128}|[A-Za-z0-9._~-]{1,128}"
)
#: The same for people.
IDENTIFIERS: Final = (
    "'sha256:' and 64 hexadecimal digits, or 1 to 128 letters, digits and . _ ~ -, with or without "
    "a prefix such as 'x-relay:'"
)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Gone(Exception):
    """The client went away before its request, or a stream of events, was complete."""


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """The headers by name; of a repeated one, all values with commas between."""
    values: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        values.setdefault(name, []).append(value)
    return {name: b",".join(each) for name, each in values.items()}


def check_type(headers: Mapping[bytes, bytes]) -> None:
    """Raise Refusal unless the body is said to be JSON in UTF-8, as it is."""
    name, _, parameters = headers.get(b"content-type", b"").lower().partition(b";")
    charset = [
        value.strip().strip(b'"')
        for key, _, value in (one.partition(b"=") for one in parameters.split(b";"))
        if key.strip() == b"charset"
    ]
    coding = headers.get(b"content-encoding", b"identity").strip().lower()
    if (
        name.strip() != b"application/json"
        or not set(charset) <= {b"utf-8", b"utf8"}
        or coding != b"identity"
    ):
        raise Refusal(
            "UNSUPPORTED_MEDIA_TYPE",
            "send the body as 'Content-Type: application/json' in UTF-8, not compressed",
        )


async def body(headers: Mapping[bytes, bytes], receive: Receive, most: int) -> bytes:
    """The body, as long as it has at most ``most`` bytes.

    Raises Refusal when it has more, without reading on; Gone when it breaks off.
    """
    declared = headers.get(b"content-length")
    length = int(declared) if declared is not None and declared.isdigit() else None
    if length is not None and length > most:
        raise _too_large(length, most)
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > most:
            raise _too_large(length, most)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def from_body(raw: bytes) -> Request:
    """The request in a JSON body.

    Raises Refusal when there is none in it.
    """
    value = loads(raw)
    if not isinstance(value, dict):
        raise _bad("the body must be a JSON object with 'query' (requests are not batched)")
    return request_of(value)


def from_query(raw: bytes, most: int) -> Request:
    """The request in a query string.

    Raises Refusal when there is none in it.
    """
    if len(raw) > most:
        raise Refusal("URI_TOO_LONG", f"the query string is longer than {most} bytes: use POST")
    try:
        pairs = parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise _bad("the query string has too many parts") from None
    value: dict[str, Any] = {}
    for name, text in pairs:
        if name not in _PARTS:
            continue
        if name in value:
            raise _bad(f"'{name}' is given twice")
        value[name] = _part(name, text) if name in ("variables", "extensions") else text
    return request_of(value)


def dumps_escaped(value: Any) -> bytes:
    """JSON in ASCII, for what orjson does not write: lone surrogates, integers beyond 64 bits."""
    return json.dumps(value, separators=(",", ":"), default=str).encode("ascii")


def _part(name: str, text: str) -> Any:
    if not text:
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise _bad(f"'{name}' in the query string must be JSON") from None


def loads(raw: bytes) -> Any:
    """The value of a JSON text, which may hold escaped lone surrogates.

    Raises Refusal where it is none.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        if _SURROGATE.search(raw):
            with suppress(ValueError, RecursionError):
                return json.loads(raw, parse_constant=_no_constant)
        raise Refusal("NOT_JSON", f"the body is not JSON: {error}") from None


def _no_constant(name: str) -> None:
    raise ValueError(name)


def request_of(value: Mapping[str, Any]) -> Request:
    """The request in a JSON object.

    Raises Refusal when there is none in it.
    """
    document = value.get("query")
    operation = value.get("operationName")
    if operation is not None and not isinstance(operation, str):
        raise _bad("'operationName' must be a string")
    for name in ("variables", "extensions"):
        if not isinstance(value.get(name), dict | None):
            raise _bad(f"'{name}' must be a JSON object")
    identifier = _identifier(value)
    if document is None and identifier is not None:
        document = ""
    elif not isinstance(document, str) or not document.strip():
        raise _bad("'query' must be a string that holds a GraphQL document")
    return Request(
        document,
        operation or None,
        value.get("variables"),
        value.get("extensions"),
        identifier,
    )


def is_identifier(text: str) -> bool:
    """Whether a request may name a document so."""
    return _IDENTIFIER.fullmatch(text) is not None


def full_identifier(identifier: str) -> str:
    """The identifier with the prefix that tools leave out of a sha256."""
    is_digest = _DIGEST.fullmatch(identifier) is not None
    return f"sha256:{identifier}" if is_digest else identifier


def _identifier(value: Mapping[str, Any]) -> str | None:
    """What names the document: `documentId`, or in Apollo's form its hash; None: nothing does."""
    identifier = value.get("documentId")
    if identifier is not None:
        if not isinstance(identifier, str) or not is_identifier(identifier):
            raise _bad(f"'documentId' must be a string: {IDENTIFIERS}")
        return full_identifier(identifier)
    apollo = (value.get("extensions") or {}).get("persistedQuery")
    if apollo is None:
        return None
    digest = apollo.get("sha256Hash") if isinstance(apollo, dict) else None
    if not isinstance(digest, str) or _DIGEST.fullmatch(digest) is None:
        raise _bad("'extensions.persistedQuery' must hold 'sha256Hash' of 64 hexadecimal digits")
    return f"sha256:{digest}"


def _bad(message: str) -> Refusal:
    return Refusal("BAD_REQUEST", message)


def _too_large(length: int | None, most: int) -> Refusal:
    message = f"the request is larger than {most} bytes: send fewer records at once"
    if length is None or length > _PATIENCE * most:
        return Refusal("BODY_TOO_LARGE", message, _CLOSE)
    return Refusal("BODY_TOO_LARGE", message)
