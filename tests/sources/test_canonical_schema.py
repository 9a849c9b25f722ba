"""The published JSON Schema: committed as generated, and of one mind with ``parse``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from sources.canonical_schema import json_schema, rendered
from sources.parse import FIELDS, parse

NOW = datetime(2026, 11, 21, tzinfo=UTC)
COMMITTED = Path(__file__).parents[2] / "docs" / "reference" / "records.schema.json"
VALIDATOR = Draft202012Validator(json_schema())


def test_the_committed_schema_is_the_generated_one() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == rendered(), (
        "run: python -m sources.canonical_schema > docs/reference/records.schema.json"
    )


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())


_WORDS = st.sampled_from(["qa", "best_answer", "a.b", "Vote", "9x", "", "a b", "x" * 65])
_IDS = st.sampled_from(
    ["u1", "erased:1", "writing:1", "育成", "", " ", "a\nb", "a\n", "x" * 255, "x" * 256]
) | st.text(max_size=4)
_TIMES = st.sampled_from(
    [
        "2020-01-31T10:00:00Z",
        "2020-01-31T10:00:00.123456+09:00",
        "2020-01-31 10:00Z",
        "2020-01-31T10:00:00",
        "1989-12-31T00:00:00Z",
        "2020-13-01T00:00:00Z",
        "yesterday",
    ]
)
_NUMBERS = st.sampled_from([0, 1, 5, -1, 10**9, 10**9 + 1, True, "1"])
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "source": _WORDS,
    "venue": _WORDS,
    "type": _WORDS,
    "verb": _WORDS,
    "time": _TIMES,
    "joined": _TIMES,
    "as_of": _TIMES,
    "day": st.sampled_from(
        ["2020-01-31", "2020-01-31\n", "2020-1-31", "1980-01-01", "2020-01-31T00:00:00Z"]
    ),
    "count": _NUMBERS,
    "value": _NUMBERS,
    "role": st.sampled_from(["member", "staff", "bot", "admin"]),
    "state": st.sampled_from(["active", "deleted", "visible", "hidden", "gone"]),
    "direction": st.sampled_from(["given", "received", "both"]),
    "precision": st.sampled_from(["exact", "day", "lower_bound", "unknown", "EXACT", 1]),
    "format": st.sampled_from(["plain", "markdown", "html", "rtf"]),
    "zone": st.sampled_from(["Asia/Tokyo", 9]),
    "lang": st.sampled_from(["ja", "en-GB", "", "japanese"]),
    "counts": st.dictionaries(_WORDS, _NUMBERS, max_size=2) | st.just([]),
    "attributes": st.sampled_from([{}, {"level": 2}, [], "x"]),
    "text": st.sampled_from(["", "a\tb\nc", "\x00", "\x7f", 3]),
    "surplus": st.just(1),
}


@st.composite
def candidates(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from([*FIELDS]))
    names = [name for name, (_, required) in FIELDS[kind].items() if required]
    optional = [name for name in FIELDS[kind] if name not in names]
    chosen = names + draw(st.lists(st.sampled_from([*optional, "surplus"]), unique=True))
    value: dict[str, Any] = {"kind": kind}
    for name in chosen:
        value[name] = draw(st.none() | _VALUES.get(name, _IDS)) if draw(st.booleans()) else None
        if value[name] is None and name in names:
            value[name] = _GOOD.get(name, "u1")
    if value and draw(st.integers(0, 9)) == 0:
        value.pop(draw(st.sampled_from([*value])))
    return value


_GOOD: dict[str, Any] = {
    "source": "s",
    "venue": "qa",
    "type": "answer",
    "verb": "like",
    "time": "2020-01-31T10:00:00Z",
    "as_of": "2020-01-31T10:00:00Z",
    "day": "2020-01-31",
    "count": 1,
    "value": 1,
    "direction": "given",
}


@given(candidates())
def test_the_schema_and_parse_accept_the_same(value: dict[str, Any]) -> None:
    faults = parse(value, now=NOW)
    assert VALIDATOR.is_valid(value) == (not isinstance(faults, list)), faults
