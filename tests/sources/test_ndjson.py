"""Canonical records as lines: nothing breaks the reading, every bad line is named."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sources.ndjson import MAX_LINE_BYTES, NdjsonReader, ndjson
from sources.parse import MAX_TEXT_BYTES
from sources.reader import SourceError
from sources.records import ActionRecord, MemberRecord

NOW = datetime(2026, 11, 21, tzinfo=UTC)
MEMBER = b'{"kind":"member","source":"s","id":"u1"}\n'


def standard_input(content: bytes, source: str | None = None) -> NdjsonReader:
    return ndjson([Path("-")], source=source, now=NOW, stdin=io.BytesIO(content))


def test_bad_lines_are_refused_with_their_number() -> None:
    content = (
        b"\xef\xbb\xbf" + MEMBER + b"\r\n" + b"{nonsense\n" + b'{"kind":"member","id":"\xff"}\n'
        b"[1]\n" + b'{"kind":"badge"}\n' + b'{"kind":"member","source":"s"}\n'
        b'{"kind":"member","source":"s","id":"u2","name":"\\ud800"}\n' + MEMBER.strip()
    )
    read = standard_input(content)
    reads = list(read.records())
    assert [(r.place.row, r.faults[0].code if r.faults else None) for r in reads] == [
        ("line 1", None),
        ("line 3", "not_json"),
        ("line 4", "not_utf8"),
        ("line 5, item 1", "not_an_object"),
        ("line 6", "not_allowed"),
        ("line 7", "missing"),
        ("line 8", "not_json"),
        ("line 9", None),
    ]
    assert reads[0].place.file == "standard input"
    assert read.rows == {
        "lines": {"member": 2, "skipped_empty": 1, "rejected": 6},
        "batches": {"batch": 1},
    }
    assert read.total is None


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
@pytest.mark.parametrize("excess", [1, 2, MAX_LINE_BYTES, 2 * MAX_LINE_BYTES + 1])
def test_a_line_that_is_too_long_costs_only_itself(excess: int, end: bytes) -> None:
    content = MEMBER + b"x" * (MAX_LINE_BYTES + excess) + end
    content += MEMBER if end else b""
    rows = [(r.place.row, r.record is None) for r in standard_input(content).records()]
    assert rows == [("line 1", False), ("line 2", True), ("line 3", False)][: 3 if end else 2]


def test_the_longest_allowed_text_fits_a_line() -> None:
    record = {
        "kind": "post",
        "source": "s",
        "id": "p",
        "venue": "qa",
        "type": "question",
        "time": "2020-01-01T00:00:00Z",
        "text": "\t" * MAX_TEXT_BYTES,
    }
    escaped = json.dumps(record).replace("\\t", "\\u0009").encode()
    (read,) = standard_input(escaped).records()
    assert read.record is not None


LIKE = {"kind": "action", "venue": "qa", "verb": "like", "actor": "u1", "post": "p1"}


def event(sender: object = "/shop", id: str = "e1", data: Mapping[str, object] = LIKE) -> bytes:
    return json.dumps(
        {
            "specversion": "1.0",
            "id": id,
            "source": sender,
            "type": "happened",
            "time": "2020-01-01T00:00:00Z",
            "data": data,
        }
    ).encode()


def test_a_cloud_event_is_an_envelope() -> None:
    (read,) = standard_input(event(), source="shop").records()
    liked = ActionRecord(
        "shop", "e1", "qa", "like", datetime(2020, 1, 1, tzinfo=UTC), actor="u1", post="p1"
    )
    assert read.record == liked
    (named,) = standard_input(event("shop")).records()
    assert named.record == liked, "a source that is a word needs no other"
    null = {**LIKE, "id": None, "time": None, "source": None}
    (empty,) = standard_input(event("shop", data=null)).records()
    assert empty.record == liked, "null is as good as absent"


@pytest.mark.parametrize(
    "data",
    [
        {"kind": "views", "post": "p1", "day": "2020-01-01", "count": 3},
        {"kind": "member", "id": "u1"},
        {
            "kind": "counter",
            "member": "u1",
            "venue": "qa",
            "verb": "like",
            "direction": "given",
            "as_of": "2020-01-01T00:00:00Z",
            "value": 3,
        },
    ],
)
def test_every_kind_of_record_fits_an_event(data: dict[str, object]) -> None:
    (read,) = standard_input(event("shop", data=data)).records()
    assert read.faults == ()


def test_events_come_in_batches() -> None:
    content = b"[" + event("shop", "e1") + b"," + event("shop", "e2") + b"]\n[]\n" + MEMBER
    read = standard_input(content)
    reads = list(read.records())
    assert [r.place.row for r in reads] == ["line 1, item 1", "line 1, item 2", "line 3"]
    assert all(r.record is not None for r in reads)
    assert read.rows == {"lines": {"action": 2, "member": 1}, "batches": {"batch": 2}}


def test_data_may_be_in_base64() -> None:
    packed = {**json.loads(event("shop")), "data": None}
    packed["data_base64"] = base64.b64encode(json.dumps(LIKE).encode()).decode()
    (plain,) = standard_input(event("shop")).records()
    (read,) = standard_input(json.dumps(packed).encode()).records()
    assert read.record == plain.record


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"id": None}, "id", "is missing; every event has it: expected what the event's source"),
        ({"id": 5}, "id", "is 5; every event"),
        ({"source": ""}, "source", "is ''; every event has it: expected where the event comes"),
        ({"type": None}, "type", "is missing"),
        ({"specversion": None}, "specversion", "is missing; every event has it: expected '1.0'"),
        ({"specversion": "0.3"}, "specversion", "is '0.3'; expected '1.0'"),
        ({"data": None}, "data", "is missing; expected the record as a JSON object"),
        ({"data": '{"kind":"member"}'}, "data", "expected the record as a JSON object"),
        ({"data_base64": "e30="}, "data_base64", "stands beside data"),
        ({"data": None, "data_base64": "?"}, "data_base64", "cannot be read"),
        ({"data": None, "data_base64": 7}, "data_base64", "cannot be read"),
        ({"data": None, "data_base64": "W10="}, "data_base64", "holds []; expected a JSON object"),
    ],
)
def test_a_faulty_event_says_which_attribute(
    change: dict[str, object], field: str, message: str
) -> None:
    whole = {**json.loads(event("shop")), **change}
    kept = {name: value for name, value in whole.items() if value is not None}
    (read,) = standard_input(json.dumps(kept).encode()).records()
    (fault,) = read.faults
    assert fault.field == field
    assert message in fault.message


def test_two_sources_of_events_are_not_mixed_up() -> None:
    content = b"\n".join([event("/shop"), event("/blog"), event("/shop", "e2"), event("blog")])
    reads = list(standard_input(content, source="site").records())
    assert [r.record and (r.record.source, r.record.id) for r in reads] == [  # type: ignore[union-attr]
        ("site", "e1"),
        None,
        ("site", "e2"),
        ("blog", "e1"),
    ]
    (fault,) = reads[1].faults
    assert (fault.field, fault.code) == ("source", "another_source")
    assert "'/blog'" in fault.message
    assert "'/shop'" in fault.message


def test_a_source_in_data_stands_for_one_source_of_events_too() -> None:
    data = {**LIKE, "source": "forum"}
    named = {**data, "id": "like-7"}
    content = [event("/shop", data=data), event("/blog", data=data), event("/blog", data=named)]
    reads = list(standard_input(b"\n".join(content)).records())
    assert [r.record and r.record.id for r in reads] == ["e1", None, "like-7"]  # type: ignore[union-attr]
    assert [f.code for f in reads[1].faults] == ["another_source"]
    assert "with a `source` and an `id` of its own" in reads[1].faults[0].message


@pytest.mark.parametrize("first", ["/shop", "site"])
def test_an_event_source_may_be_the_word_that_stands_for_another(first: str) -> None:
    second = {"/shop": "site", "site": "/shop"}[first]
    content = event(first) + b"\n" + event(second)
    reads = list(standard_input(content, source="site").records())
    assert [f.code for r in reads for f in r.faults] == ["another_source"]
    assert reads[0].record is not None


def test_a_total_in_an_event_has_no_id_to_mix_up() -> None:
    views = {"kind": "views", "source": "s", "post": "p1", "day": "2020-01-01", "count": 3}
    content = event("/shop", data=views) + b"\n" + event("/blog", data=views)
    assert all(r.record is not None for r in standard_input(content).records())


def test_a_corrected_row_of_rejected_rows_is_read() -> None:
    row = {"file": "a.ndjson", "row": "line 3", "faults": []}
    lines = [{**row, "value": {"kind": "member", "source": "s", "id": "u1"}}, row]
    reads = list(standard_input(b"\n".join(json.dumps(x).encode() for x in lines)).records())
    assert reads[0].record == MemberRecord("s", "u1")
    assert "in `value`" in reads[1].faults[0].message


@pytest.mark.parametrize("field", ["id", "source", "role", "attributes"])
def test_a_value_that_is_nested_deep_is_a_fault(field: str) -> None:
    deep = b"[" * 1_000 + b"]" * 1_000
    (read,) = standard_input(b'{"kind":"member","%s":%s}' % (field.encode(), deep)).records()
    assert field in {fault.field for fault in read.faults}


def test_the_last_of_two_equal_keys_counts() -> None:
    (read,) = standard_input(b'{"kind":"member","source":"s","id":"u1","id":"u2"}').records()
    assert read.record == MemberRecord("s", "u2")


def test_standard_input_may_be_gzipped() -> None:
    reads = list(standard_input(gzip.compress(MEMBER * 3)).records())
    assert [r.record for r in reads] == [MemberRecord("s", "u1")] * 3
    with pytest.raises(SourceError, match="standard input: breaks off"):
        list(standard_input(gzip.compress(MEMBER * 3)[:-8]).records())


def test_a_file_may_have_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"\x83t\x83H")
    folder.mkdir()
    (folder / "a.ndjson").write_bytes(MEMBER)
    (read,) = ndjson([folder], now=NOW).records()
    assert read.record == MemberRecord("s", "u1")
    assert read.place.file.encode().endswith(b"/a.ndjson")


def test_the_source_of_a_record_is_its_own() -> None:
    content = MEMBER + b'{"kind":"member","id":"u2"}\n'
    records = [r.record for r in standard_input(content, source="mine").records()]
    assert records == [MemberRecord("s", "u1"), MemberRecord("mine", "u2")]


def test_files_folders_and_gzip(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_bytes(MEMBER)
    (tmp_path / "a.ndjson.gz").write_bytes(gzip.compress(MEMBER))
    (tmp_path / "notes.txt").write_text("not read")
    read = ndjson([tmp_path], now=NOW)
    places = [str(r.place) for r in read.records()]
    assert places == [f"{tmp_path}/a.ndjson.gz, line 1", f"{tmp_path}/b.jsonl, line 1"]
    assert read.total == read.done == sum(f.stat().st_size for f in tmp_path.glob("[ab].*"))


def test_missing_empty_and_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        ndjson([tmp_path / "absent.ndjson"], now=NOW)
    with pytest.raises(SourceError, match="the folder holds none"):
        ndjson([tmp_path], now=NOW)
    broken = tmp_path / "broken.ndjson.gz"
    broken.write_bytes(gzip.compress(MEMBER * 1000)[:-20])
    with pytest.raises(SourceError, match=r"broken\.ndjson\.gz: breaks off"):
        list(ndjson([broken], now=NOW).records())


@example(b"[]")
@example(b"[1, 2]\n[]\n[3")
@given(st.binary(max_size=400).filter(lambda content: not content.startswith(b"\x1f\x8b")))
def test_any_bytes_are_records_or_faults(content: bytes) -> None:
    read = standard_input(content)
    of_batches = 0
    for found in read.records():
        assert (found.record is None) == bool(found.faults)
        of_batches += ", item " in found.place.row
    lines = content.split(b"\n")
    batches = read.rows.get("batches", {}).get("batch", 0)
    told = sum(read.rows.get("lines", {}).values())
    assert told - of_batches + batches == len(lines) - (lines[-1] == b"")


@given(st.integers(0, 12))
def test_a_resumed_reading_is_the_rest(skip: int) -> None:
    content = (MEMBER + b"bad\n\n") * 4
    whole = list(standard_input(content).records())
    assert list(standard_input(content).records(skip=skip)) == whole[skip:]
