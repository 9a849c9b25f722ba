"""Documents that are known by name, so that a client sends the name instead of the text.

Trusted ones come from a file that the site's build wrote: persisted documents as the appendix of
GraphQL over HTTP has them. Where others are allowed too, a client may teach us a document by
sending it once with its sha256, as Apollo's clients do; what was learned is forgotten with the
process, and a client that is told so sends the text again.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson

from api.errors import Refusal
from api.execution import Request
from api.kept import Kept
from api.reading import IDENTIFIERS, full_identifier, is_identifier

_SHA256: Final = "sha256:"
_EXPECTED: Final = (
    'a JSON object {"identifier": "document", …}, as graphql-codegen and Relay write it, or an '
    "Apollo persisted query manifest"
)


class DocumentsError(Exception):
    """The file of trusted documents is not one; the message says what is wrong."""


class Documents:
    """The texts of documents by identifier; with ``only``, no other document is run."""

    def __init__(self, trusted: Mapping[str, str] | None = None, *, only: bool = False) -> None:
        self._trusted = {
            name: text
            for identifier, text in (trusted or {}).items()
            for name in (full_identifier(identifier), _digest(text))
        }
        self._only = only
        self._learned = Kept[str]()

    def text_of(self, request: Request) -> str:
        """The document of a request.

        Raises Refusal where it is not known, not the one that is named, or not allowed.
        """
        name = request.identifier
        if not request.document:
            assert name is not None
            return self._known(name)
        digest = ""
        if name is not None and name.startswith(_SHA256):
            digest = _digest(request.document)
            if digest != name:
                raise Refusal("BAD_REQUEST", "the sha256 is not that of the document in 'query'")
        if self._only and (digest or _digest(request.document)) not in self._trusted:
            raise Refusal(
                "DOCUMENT_NOT_ALLOWED",
                "this service runs documents only that were registered with it",
            )
        return request.document

    def trusts(self, text: str) -> bool:
        """Whether a document is one of the trusted ones."""
        return bool(self._trusted) and _digest(text) in self._trusted

    def learn(self, request: Request) -> None:
        """Remember a valid document that came with its sha256."""
        name, text = request.identifier, request.document
        if self._only or not text or name is None or not name.startswith(_SHA256):
            return
        if name not in self._trusted:
            self._learned.keep(name, text, len(text))

    def _known(self, name: str) -> str:
        text = self._trusted.get(name) or self._learned.get(name)
        if text is None:
            # The words that Apollo's clients wait for.
            raise Refusal("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
        return text


def read_documents(path: Path) -> dict[str, str]:
    """The documents in a file, by identifier.

    Raises DocumentsError, naming the entry, where it holds something else.
    """
    try:
        value = orjson.loads(path.read_bytes())
    except OSError as error:
        raise DocumentsError(f"{path}: {error.strerror or error}; expected {_EXPECTED}") from None
    except orjson.JSONDecodeError as error:
        raise DocumentsError(f"{path}: is not JSON ({error}); expected {_EXPECTED}") from None
    entries = value.get("operations") if isinstance(value, dict) else None
    if isinstance(entries, list):
        value = {_text(one, "id", path): _text(one, "body", path) for one in entries}
    if not isinstance(value, dict):
        raise DocumentsError(f"{path}: expected {_EXPECTED}")
    for identifier, text in value.items():
        if not isinstance(text, str) or not text.strip():
            raise DocumentsError(f"{path}: {identifier!r} has no document; expected {_EXPECTED}")
        if not is_identifier(identifier):
            raise DocumentsError(
                f"{path}: no request can name {identifier!r}; expected {IDENTIFIERS}"
            )
        full = full_identifier(identifier)
        if full.startswith(_SHA256) and full != _digest(text):
            raise DocumentsError(
                f"{path}: {identifier!r} is not the sha256 of its document; was it changed after "
                "the file was written?"
            )
    return value


def _text(entry: Any, name: str, path: Path) -> str:
    text = entry.get(name) if isinstance(entry, dict) else None
    if not isinstance(text, str):
        raise DocumentsError(f"{path}: an operation has no {name!r}; expected {_EXPECTED}")
    return text


def _digest(text: str) -> str:
    return _SHA256 + sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
