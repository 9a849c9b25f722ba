"""The canonical records as a JSON Schema, made from the table by which they are checked.

``python -m sources.canonical_schema`` prints it; docs/reference/records.schema.json is a copy.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

from sources.parse import (
    EARLIEST,
    FIELDS,
    LATEST,
    MAX_ATTRIBUTES_BYTES,
    MAX_COUNT,
    MAX_ID,
    MAX_NAME,
    MAX_TEXT_BYTES,
    MAX_TITLE,
    MAX_WORD,
)
from sources.records import ERASED, KINDS, WRITING, Direction, PostState, Precision

#: The end; `$` alone is to some validators before a last line break as well.
_END: Final = r"$(?!\n)"
_LINE: Final = r"^(?=.*\S)[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*" + _END
_NULL: Final = {"type": "null"}
_WORD_PATTERN: Final = r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*" + _END
_DAY_PATTERN: Final = r"^(199|20\d|21\d)\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_TIME_PATTERN: Final = (
    _DAY_PATTERN + r"[Tt ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?"
    r"([Zz]|[+-]([01]\d|2[0-3]):?[0-5]\d)" + _END
)

#: What each reader of a field accepts, by its name in parse.py, and the name it is published
#: with.
_SHAPES: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "word": (
        "word",
        {"type": "string", "maxLength": MAX_WORD, "pattern": _WORD_PATTERN},
    ),
    "id": (
        "id",
        {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_ID,
            "pattern": f"^(?!{ERASED}){_LINE[1:]}",
        },
    ),
    "action_id": (
        "action_id",
        {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_ID,
            "pattern": f"^(?!{ERASED}|{WRITING}){_LINE[1:]}",
            "description": "The writing of a post is not sent: the post implies it.",
        },
    ),
    "name": (
        "name",
        {"type": "string", "minLength": 1, "maxLength": MAX_NAME, "pattern": _LINE},
    ),
    "title": (
        "title",
        {"type": "string", "minLength": 1, "maxLength": MAX_TITLE, "pattern": _LINE},
    ),
    "text": (
        "text",
        {
            "type": "string",
            "maxLength": MAX_TEXT_BYTES,
            "pattern": r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$",
            "description": f"At most {MAX_TEXT_BYTES} bytes in UTF-8.",
        },
    ),
    "time": (
        "time",
        {
            "type": "string",
            "pattern": _TIME_PATTERN,
            "description": "RFC 3339 with a zone, "
            f"from {EARLIEST.year} to before {LATEST.year}, not in the future.",
            "examples": ["2026-11-21T09:30:00Z", "2026-11-21T18:30:00+09:00"],
        },
    ),
    "day": (
        "day",
        {
            "type": "string",
            "pattern": _DAY_PATTERN + _END,
            "description": "A day of the community's calendar.",
            "examples": ["2026-11-21"],
        },
    ),
    "count": ("count", {"type": "integer", "minimum": 1, "maximum": MAX_COUNT}),
    "total": ("total", {"type": "integer", "minimum": 0, "maximum": MAX_COUNT}),
    "precision": (
        "precision",
        {"type": "string", "enum": [precision.name.lower() for precision in Precision]},
    ),
    "state": ("post_state", {"type": "string", "enum": [s.value for s in PostState]}),
    "direction": ("direction", {"type": "string", "enum": [d.value for d in Direction]}),
    "zone": (
        "zone",
        {
            "type": "string",
            "maxLength": MAX_WORD,
            "description": "An IANA time zone.",
            "examples": ["Asia/Tokyo"],
        },
    ),
    "lang": (
        "lang",
        {
            "type": "string",
            "maxLength": 35,
            "pattern": r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*" + _END,
            "examples": ["ja", "en-GB"],
        },
    ),
    "counts": (
        "counts",
        {
            "type": "object",
            "maxProperties": 50,
            "propertyNames": {"$ref": "#/$defs/word"},
            "additionalProperties": {"$ref": "#/$defs/total"},
            "description": "Totals of anonymous reactions by verb.",
        },
    ),
    "attributes": (
        "attributes",
        {
            "type": "object",
            "description": f"At most {MAX_ATTRIBUTES_BYTES} bytes, 5 levels deep.",
        },
    ),
}


def json_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) of one canonical record of any kind.

    It is slightly wider than ``parse``, which also knows the clock, the calendar, the
    time zones, and sizes in bytes.
    """
    shapes = dict(_SHAPES.values())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Ikusei canonical record",
        "description": "One line of an ndjson import. Fields that are not required may be null.",
        "oneOf": [{"$ref": f"#/$defs/{kind}_record"} for kind in FIELDS],
        "$defs": {**shapes, **{f"{kind}_record": _of_kind(kind) for kind in FIELDS}},
    }


def rendered() -> str:
    """The schema as the text that is committed."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=True) + "\n"


def _of_kind(kind: str) -> dict[str, Any]:
    fields = FIELDS[kind]
    schema: dict[str, Any] = {
        "type": "object",
        "description": " ".join((KINDS[kind].__doc__ or "").split("\n\n")[0].split()),
        "properties": {
            "kind": {"const": kind},
            **{name: _field(read, required=required) for name, (read, required) in fields.items()},
        },
        "required": ["kind", *(name for name, (_, required) in fields.items() if required)],
        "additionalProperties": False,
    }
    return {**schema, **(_ACTION if kind == "action" else {})}


def _field(read: Any, *, required: bool) -> dict[str, Any]:
    words = getattr(read, "words", None)
    if words is not None:
        return {"enum": [*words] if required else [*words, None]}
    shape = {"$ref": f"#/$defs/{_SHAPES[read.__name__.lstrip('_')][0]}"}
    return shape if required else {"anyOf": [shape, _NULL]}


_GIVEN: Final = {"type": "string"}

#: What no field of an action shows alone: somebody or something is named, and only anonymous
#: actions stand for several.
_ACTION: Final[dict[str, Any]] = {
    "anyOf": [
        {"properties": {name: _GIVEN}, "required": [name]} for name in ("actor", "post", "target")
    ],
    "if": {"properties": {"actor": _GIVEN}, "required": ["actor"]},
    "then": {"properties": {"count": {"enum": [1, None]}}},
}


if __name__ == "__main__":
    sys.stdout.write(rendered())
