"""Opening a source by the name of its format."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sources.open import FORMATS, open_source
from sources.reader import SourceError
from sources.records import MemberRecord
from tests.sources.graphs import forum

NOW = datetime(2026, 11, 21, tzinfo=UTC)


POLLED = "participant,n-votes,n-agree,n-disagree\n1,0,0,0\n"
#: What else an export must hold to be one.
BESIDE = {
    "slack": {"channels.json": "[]"},
    "polis": {
        "comments.csv": "timestamp,comment-id,author-id,comment-body\n",
        "votes.csv": "timestamp,comment-id,voter-id,vote\n",
    },
}


def example(folder: Path, format: str) -> Path:
    file, content = {
        "ndjson": ("a.ndjson", '{"kind":"member","source":"s","id":"1"}'),
        "discourse": (
            "1.json",
            json.dumps({"id": 1, "post_stream": {"posts": [{"id": 2, "user_id": 1}]}}),
        ),
        "discourse-users": ("a.csv", "id,username\n1,ann\n"),
        "stackexchange": ("Users.xml", '<users><row Id="1" DisplayName="Ann" /></users>'),
        "sourcecred": ("graph.json", forum().written().decode()),
        "slack": ("users.json", '[{"id": "U1", "name": "ann"}]'),
        "polis": ("participants-votes.csv", POLLED),
        "note-likes": ("likes.csv", "note_key,like_user_id,liked_at\n"),
    }[format]
    (folder / file).write_text(content)
    for other, text in BESIDE.get(format, {}).items():
        (folder / other).write_text(text)
    return folder


@pytest.mark.parametrize("format", FORMATS)
def test_each_format_gives_a_member(tmp_path: Path, format: str) -> None:
    reader = open_source(format, [example(tmp_path, format)], source="s", now=NOW)
    assert reader.format == format
    read = next(iter(reader.records()))
    assert read.record is not None
    assert (read.record.source, type(read.record)) == ("s", MemberRecord)


def test_what_cannot_be_opened_says_what_was_expected(tmp_path: Path) -> None:
    folder = example(tmp_path, "stackexchange")
    mapping = tmp_path / "absent.toml"
    for format, paths, more, complaint in [
        ("usenet", [folder], {"source": "s"}, "expected one of ndjson, discourse"),
        ("ndjson", [], {}, "expected at least one file"),
        ("stackexchange", [folder], {}, "needs the name of the source"),
        ("stackexchange", [folder, folder], {"source": "s"}, "one export at a time"),
        ("stackexchange", [folder], {"source": "s", "mapping": mapping}, "cannot be read"),
        ("slack", [folder, folder], {"source": "s"}, "slack reads one export at a time"),
        ("polis", [folder], {"source": "s"}, r"holds no comments\.csv"),
        ("ndjson", [folder], {"mapping": mapping}, "takes no mapping"),
        ("discourse", [folder], {"source": "s", "as_of": NOW}, "only discourse-users takes"),
    ]:
        with pytest.raises(SourceError, match=complaint):
            open_source(format, paths, now=NOW, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", ["note-likes", "My forum", "9lives", "フォーラム", "a" * 65])
def test_a_name_that_no_record_could_have_is_refused_at_once(
    tmp_path: Path, format: str, name: str
) -> None:
    """Instead of every record of a whole archive, one by one."""
    with pytest.raises(SourceError, match=r"the source is called .*; expected lower-case letters"):
        open_source(format, [example(tmp_path, format)], source=name, now=NOW)
