"""The gate: for every bound the last good value and the first bad one, with what is said of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sources.parse import (
    EARLIEST,
    MAX_AHEAD,
    MAX_ATTRIBUTES_BYTES,
    MAX_COUNT,
    MAX_ID,
    MAX_NAME,
    MAX_TEXT_BYTES,
    MAX_TITLE,
    MAX_WORD,
    Fault,
    parse,
)
from tests.store.making import NOW

TIME = "2026-06-15T10:00:00Z"
GOOD: dict[str, dict[str, Any]] = {
    "member": {"source": "site", "id": "ann"},
    "post": {"source": "site", "id": "q", "venue": "qa", "type": "question", "time": TIME},
    "action": {
        "source": "site",
        "id": "1",
        "venue": "qa",
        "verb": "like",
        "time": TIME,
        "target": "ann",
    },
    "retraction": {"source": "site", "id": "u", "of": "1", "time": TIME},
    "counter": {
        "source": "site",
        "member": "ann",
        "venue": "qa",
        "verb": "like",
        "direction": "given",
        "as_of": TIME,
        "value": 3,
    },
    "views": {"source": "site", "post": "q", "day": "2026-06-14", "count": 3},
}

#: (kind, field, last good value, first bad one, code, a part of the message)
BOUNDS: list[tuple[str, str, Any, Any, str, str]] = [
    ("member", "id", "x" * MAX_ID, "x" * (MAX_ID + 1), "too_long", "at most 255"),
    ("member", "id", "x", "  ", "empty", "expected the id that the source uses"),
    ("member", "id", "erased", "erased:1", "reserved", "'erased:'"),
    ("action", "id", "writing", "writing:q", "reserved", "send the post"),
    ("member", "id", "7", 7, "not_a_string", "expected the id that the source uses as a string"),
    ("member", "name", "名" * MAX_NAME, "名" * (MAX_NAME + 1), "too_long", "at most 255"),
    ("member", "name", "a b", "a\nb", "bad_character", "line breaks"),
    ("member", "name", "a\u00a0b", "a\u0085b", "bad_character", "control characters"),
    ("member", "name", "é", "\ud800", "bad_character", "lone surrogates"),
    ("member", "zone", "Asia/Tokyo", "Asia/Edo", "not_a_zone", "'Asia/Tokyo'"),
    ("member", "lang", "en-GB", "english!", "not_a_language", "'en-GB'"),
    ("member", "role", "bot", "owner", "not_allowed", "staff"),
    ("member", "joined", "1990-01-01T00:00:00Z", "1989-12-31T23:59:59Z", "absurd_time", "1990"),
    ("member", "attributes", {"a": [1]}, {"a": {1, 2}}, "not_allowed", "JSON values"),
    ("member", "attributes", {"a": 2**63}, {"a": 2**64}, "out_of_range", "64 bits"),
    ("member", "attributes", {"a": 0.5}, {"a": float("inf")}, "out_of_range", "not finite"),
    ("post", "title", "t" * MAX_TITLE, "t" * (MAX_TITLE + 1), "too_long", "at most 1000"),
    ("post", "text", "x" * MAX_TEXT_BYTES, "x" * (MAX_TEXT_BYTES + 1), "too_long", "100001 bytes"),
    ("post", "text", "🌸" * 25_000, "🌸" * 25_001, "too_long", "100004 bytes"),
    ("post", "text", "あ" * 33_333, "あ" * 33_334, "too_long", "100002 bytes"),
    ("post", "text", "a\tb\r\n", "a\x00b", "bad_character", "position 1"),
    ("post", "text", "a\u00a0", "a\u009f", "bad_character", "position 1"),
    ("post", "type", "w" * MAX_WORD, "w" * (MAX_WORD + 1), "too_long", "at most 64"),
    ("post", "venue", "my_forum.a2", "My Forum", "not_a_word", "lower-case"),
    ("post", "format", "html", "rtf", "not_allowed", "markdown"),
    ("post", "state", "hidden", "gone", "not_allowed", "deleted"),
    ("post", "counts", {"like": MAX_COUNT}, {"like": MAX_COUNT + 1}, "out_of_range", "1000000000"),
    ("post", "counts", {"like": 0}, {"like": -1}, "out_of_range", "0"),
    ("action", "time", TIME, "2026-06-15T10:00:00", "zone_missing", "zone"),
    ("action", "time", TIME, "yesterday", "not_a_time", "RFC 3339"),
    ("action", "time", TIME, "2026-02-30T10:00:00Z", "not_a_time", "a real date"),
    ("action", "precision", "day", "weekly", "not_allowed", "exact"),
    ("action", "count", 1, 0, "out_of_range", "1"),
    ("action", "count", 1, True, "not_a_number", "whole number"),
    ("action", "count", MAX_COUNT, 10**30, "out_of_range", "1000000000"),
    ("retraction", "of", "writing:q", "", "empty", "expected the id"),
    ("counter", "direction", "received", "both", "not_allowed", "given"),
    ("counter", "value", 0, -1, "out_of_range", "0"),
    ("views", "day", "2026-06-14", "14 June", "not_a_day", "2026"),
]


def _faults(kind: str, field: str, value: Any) -> list[Fault]:
    found = parse(GOOD[kind] | {field: value}, now=NOW, kind=kind)
    return found if isinstance(found, list) else []


@pytest.mark.parametrize(("kind", "field", "good", "bad", "code", "said"), BOUNDS)
def test_a_bound_lets_its_last_value_in_and_names_the_first_beyond(
    kind: str, field: str, good: Any, bad: Any, code: str, said: str
) -> None:
    assert _faults(kind, field, good) == []
    (fault,) = _faults(kind, field, bad)
    assert (fault.field, fault.code) == (field, code)
    assert said in fault.message


def test_a_source_may_be_a_day_ahead_and_no_more() -> None:
    last = (NOW + MAX_AHEAD).isoformat()
    beyond = (NOW + MAX_AHEAD + timedelta(seconds=1)).isoformat()
    assert _faults("action", "time", last) == []
    assert [f.code for f in _faults("action", "time", beyond)] == ["in_the_future"]
    assert [f.code for f in _faults("action", "time", EARLIEST.isoformat())] == []


def test_attributes_have_a_size() -> None:
    assert _faults("member", "attributes", {"a": "x" * (MAX_ATTRIBUTES_BYTES - 3)}) == []
    (fault,) = _faults("member", "attributes", {"a": "x" * MAX_ATTRIBUTES_BYTES})
    assert fault.code == "too_long"


@pytest.mark.parametrize("kind", GOOD)
def test_whatever_a_field_holds_is_a_fault_and_no_exception(kind: str) -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    for field in GOOD[kind]:
        for odd in (deep, 10**5000, object(), b"x", {"a": deep}, float("nan"), ["\ud800"]):
            (fault,) = _faults(kind, field, odd)
            assert fault.field == field
            assert len(fault.message) < 300


@pytest.mark.parametrize("kind", GOOD)
def test_what_a_record_must_have_is_named(kind: str) -> None:
    faults = parse({}, now=NOW, kind=kind)
    assert isinstance(faults, list)
    named = {(f.field, f.code) for f in faults}
    assert named == {(field, "missing") for field in GOOD[kind] if field != "target"}
    assert parse(GOOD[kind] | {"kind": kind}, now=NOW) == parse(GOOD[kind], now=NOW, kind=kind)
