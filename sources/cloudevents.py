"""CloudEvents 1.0 in JSON as envelopes of canonical records."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from sources.parse import FIELDS, WORD, Fault, show

#: What every event has, each a string that is not empty, and what would be right.
_REQUIRED: Final[Mapping[str, str]] = {
    "specversion": "'1.0'",
    "id": "what the event's source calls it",
    "source": "where the event comes from, such as '/shop'",
    "type": "what happened, such as 'org.example.action'",
}


def is_event(value: Mapping[str, Any]) -> bool:
    """Whether a JSON object is an event, be it a faulty one, and not a record by itself."""
    return "specversion" in value or (
        "kind" not in value and ("data" in value or "data_base64" in value)
    )


@dataclass(frozen=True, slots=True)
class Opened:
    """The record in an event, and the event's own source.

    ``whole``: the record says by itself what it is called and where. If not, its id is unique
    within that source only, as ids of events are.
    """

    record: Mapping[str, Any]
    sender: str
    whole: bool


def opened_event(event: Mapping[str, Any]) -> Opened | Fault:
    """The record in an event; or what is wrong with the event.

    What the record leaves out of ``source``, ``id`` and ``time`` is taken from the event, but for a
    source that is no word.
    """
    for name, right in _REQUIRED.items():
        value = event.get(name)
        if not isinstance(value, str) or not value:
            said = "is missing" if value is None else f"is {show(value)}"
            return Fault(name, "event_attribute", f"{said}; every event has it: expected {right}")
    if event["specversion"] != "1.0":
        message = f"is {show(event['specversion'])}; expected '1.0'"
        return Fault("specversion", "event_attribute", message)
    data = _data(event)
    if isinstance(data, Fault):
        return data
    kind, sender = data.get("kind"), event["source"]
    fields = FIELDS.get(kind, {}) if isinstance(kind, str) else {}
    left_out = [
        name for name in ("source", "id", "time") if name in fields and data.get(name) is None
    ]
    taken = {
        name: event[name]
        for name in left_out
        if name in event and (name != "source" or WORD.fullmatch(sender))
    }
    return Opened({**data, **taken}, sender, not {"source", "id"} & set(left_out))


def _data(event: Mapping[str, Any]) -> Mapping[str, Any] | Fault:
    data, encoded = event.get("data"), event.get("data_base64")
    if encoded is None:
        if isinstance(data, dict):
            return data
        said = "is missing" if data is None else f"is {show(data)}"
        return Fault("data", "not_an_object", f"{said}; expected the record as a JSON object")
    if data is not None:
        message = "stands beside data; expected one of the two"
        return Fault("data_base64", "not_allowed", message)
    try:
        data = orjson.loads(b64decode(encoded, validate=True))
    except (binascii.Error, TypeError, ValueError) as error:
        message = f"cannot be read ({error}); expected the record as JSON in base64"
        return Fault("data_base64", "not_base64", message)
    if isinstance(data, dict):
        return data
    return Fault("data_base64", "not_an_object", f"holds {show(data)}; expected a JSON object")
