"""How an answer goes out: its status and its type, by what became of the request.

GraphQL over HTTP was drafted for years, and clients and audits are of its earlier state. A profile
is a state of it that the service keeps to: ``audit`` passes the audits of npm graphql-http,
``draft-2026`` follows the text of August 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from api.errors import CODES, Meaning
from api.settings import Profile

JSON: Final = b"application/json; charset=utf-8"
GRAPHQL: Final = b"application/graphql-response+json; charset=utf-8"
EVENTS: Final = b"text/event-stream; charset=utf-8"

#: What becomes of a request that is run: all of it was answered, or not.
OK: Final = "OK"
PARTIAL: Final = "PARTIAL"


class Form(NamedTuple):
    """The status and the content type of an answer."""

    status: int
    content_type: bytes


#: The form of an answer by its outcome (a code of api/errors.py, OK or PARTIAL) and by the content
#: type that the caller likes best.
Forms = Mapping[tuple[str, bytes], Form]

_OUTCOMES: Final[Mapping[str, Meaning]] = {
    OK: Meaning(200, "Everything was answered."),
    PARTIAL: Meaning(200, "Something was not answered; `errors` says why.", draft=294),
    **CODES,
}


def _audit(meaning: Meaning) -> Mapping[bytes, Form]:
    json = Form(meaning.legacy or meaning.status, JSON)
    return {GRAPHQL: Form(meaning.status, GRAPHQL), JSON: json, EVENTS: _told(meaning, json)}


def _draft(meaning: Meaning) -> Mapping[bytes, Form]:
    """Who only takes application/json is answered the same; 2xx is 200 and named as they know it.

    To them anybody on the way may have said the rest, unless its type tells that we did.
    """
    form = Form(meaning.draft or meaning.status, GRAPHQL)
    json = Form(200, JSON) if form.status < 300 else form
    return {GRAPHQL: form, JSON: json, EVENTS: _told(meaning, json)}


def _told(meaning: Meaning, json: Form) -> Form:
    """A request that was understood is answered by events, by the protocol of graphql-sse."""
    return Form(200, EVENTS) if 200 in {meaning.legacy, meaning.status} else json


def _forms(profile: Profile) -> Forms:
    columns = {"audit": _audit, "draft-2026": _draft}[profile]
    return MappingProxyType(
        {
            (outcome, liked): form
            for outcome, meaning in _OUTCOMES.items()
            for liked, form in columns(meaning).items()
        }
    )


FORMS: Final[Mapping[Profile, Forms]] = {
    "audit": _forms("audit"),
    "draft-2026": _forms("draft-2026"),
}
