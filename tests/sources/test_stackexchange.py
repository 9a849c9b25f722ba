"""Stack Exchange dumps: small ones by hand, with the dirt of real ones, and the real one."""

from __future__ import annotations

import gzip
import os
import tracemalloc
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.mapping_file import shipped_text
from sources.reader import Read, SourceError
from sources.records import ActionRecord, CounterRecord, MemberRecord, PostRecord, Precision
from sources.stackexchange import IdMap, StackExchangeReader, load_stackexchange, stackexchange

NOW = datetime(2026, 11, 21, tzinfo=UTC)
BOM = b"\xef\xbb\xbf"
SHARED = Path(
    os.environ.get("IKUSEI_SHARED_DATA") or Path(__file__).parents[2].parent / "shared" / "data"
)
QUANTUM = SHARED / "communities" / "se-quantumcomputing-2018-09.zip"

USERS = """
<row Id="-1" CreationDate="2020-01-01T00:00:00.000" DisplayName="Community" UpVotes="0" />
<row Id="1" CreationDate="2020-01-01T10:00:00.000" DisplayName="Ann" Reputation="101"
     LastAccessDate="2020-03-01T08:00:00.500" UpVotes="2" DownVotes="1" Views="4" />
<row Id="2" CreationDate="2020-01-02T10:00:00.000" DisplayName="Bo &amp; Co" UpVotes="1" />
"""
POSTS = """
<row Id="10" PostTypeId="1" AcceptedAnswerId="11" CreationDate="2020-01-03T10:00:00.123"
     ViewCount="50" OwnerUserId="1" Title="How?" Body="&lt;p&gt;How &amp;amp; why&lt;/p&gt;" />
<row Id="11" PostTypeId="2" ParentId="10" CreationDate="2020-01-03T11:00:00.000" OwnerUserId="2"
     Body="So." />
<row Id="12" PostTypeId="1" AcceptedAnswerId="13" CreationDate="2020-01-04T10:00:00.000"
     OwnerUserId="2" Title="Why?" Body="" />
<row Id="13" PostTypeId="2" ParentId="12" CreationDate="2020-01-04T11:00:00.000" OwnerUserId="2" />
<row Id="14" PostTypeId="2" ParentId="12" CreationDate="2020-01-04T12:00:00.000"
     OwnerDisplayName="user99" Body="Left." />
<row Id="15" PostTypeId="5" CreationDate="2020-01-05T12:00:00.000" OwnerUserId="-1" Body="Tag" />
<row Id="16" PostTypeId="8" CreationDate="2020-01-05T12:00:00.000" Body="Help" />
<row Id="17" PostTypeId="77" CreationDate="2020-01-05T12:00:00.000" Body="?" />
<row PostTypeId="1" CreationDate="2020-01-05T12:00:00.000" Body="No id" />
"""
COMMENTS = """
<row Id="5" PostId="11" Text="Thanks" CreationDate="2020-01-03T12:00:00.000" UserId="1" />
<row Id="6" PostId="10" Text="Hm" CreationDate="2020-01-03T12:30:00.000" />
"""
VOTES = """
<row Id="1" PostId="11" VoteTypeId="1" CreationDate="2020-01-03T00:00:00.000" />
<row Id="2" PostId="13" VoteTypeId="1" CreationDate="2020-01-04T00:00:00.000" />
<row Id="3" PostId="999" VoteTypeId="1" CreationDate="2020-01-04T00:00:00.000" />
<row Id="4" PostId="11" VoteTypeId="2" CreationDate="2020-01-04T00:00:00.000" />
<row Id="5" PostId="999" VoteTypeId="3" CreationDate="2020-01-04T00:00:00.000" />
<row Id="6" PostId="10" VoteTypeId="5" UserId="2" CreationDate="2020-01-04T00:00:00.000" />
<row Id="7" PostId="10" VoteTypeId="8" UserId="2" BountyAmount="50"
     CreationDate="2020-01-04T00:00:00.000" />
<row Id="8" PostId="10" VoteTypeId="10" CreationDate="2020-01-04T00:00:00.000" />
<row Id="9" PostId="10" VoteTypeId="42" CreationDate="2020-01-04T00:00:00.000" />
"""
BADGES = '<row Id="3" UserId="1" Name="Student" Date="2020-01-03T13:00:00.000" />'
LINKS = """<row Id="1" PostId="12" RelatedPostId="10" LinkTypeId="1"
 CreationDate="2020-01-05T00:00:00.000" />"""
TAGS = '<row Id="1" TagName="how" Count="1" />'
TABLES = {
    "Users": USERS,
    "Posts": POSTS,
    "Comments": COMMENTS,
    "Votes": VOTES,
    "Badges": BADGES,
    "PostLinks": LINKS,
    "Tags": TAGS,
}


def xml(rows: str) -> bytes:
    return BOM + f'<?xml version="1.0" encoding="utf-8"?>\n<rows>{rows}</rows>'.encode()


def dump(folder: Path, **tables: str) -> Path:
    for name, rows in (tables or TABLES).items():
        (folder / f"{name}.xml").write_bytes(xml(rows))
    return folder


def reader(path: Path) -> StackExchangeReader:
    return stackexchange(path, load_stackexchange(), source="se", now=NOW)


def accepted(reads: list[Read], kind: type[Any]) -> dict[str, Any]:
    return {r.record.id: r.record for r in reads if isinstance(r.record, kind)}


def accepted_counters(reads: list[Read], verb: str) -> list[CounterRecord]:
    found = [r.record for r in reads if isinstance(r.record, CounterRecord)]
    return [record for record in found if record.verb == verb]


def test_members_join_and_carry_their_totals(tmp_path: Path) -> None:
    reads = list(reader(dump(tmp_path)).records())
    members = accepted(reads, MemberRecord)
    assert {m.name: m.role for m in members.values()} == {
        "Community": "bot",
        "Ann": None,
        "Bo & Co": None,
    }
    assert accepted(reads, ActionRecord)["join-1"].time == datetime(2020, 1, 1, 10, tzinfo=UTC)
    counters = [r.record for r in reads if isinstance(r.record, CounterRecord)]
    assert [(c.member, c.verb, c.value) for c in counters] == [
        ("-1", "vote_up", 0),
        ("1", "vote_up", 2),
        ("1", "vote_down", 1),
        ("2", "vote_up", 1),
    ]
    newest = datetime(2020, 3, 1, 8, 0, 0, 500_000, tzinfo=UTC)
    assert {c.as_of for c in counters} == {newest}, "the totals were taken no earlier than this"


def test_posts_and_comments_know_their_thread(tmp_path: Path) -> None:
    posts = accepted(list(reader(dump(tmp_path)).records()), PostRecord)
    assert [(p.id, p.type, p.author, p.root, p.parent) for p in posts.values()] == [
        ("10", "question", "1", "10", None),
        ("11", "answer", "2", "10", "10"),
        ("12", "question", "2", "12", None),
        ("13", "answer", "2", "12", "12"),
        ("14", "answer", None, "12", "12"),
        ("15", "wiki", "-1", "15", None),
        ("comment-5", "comment", "1", "10", "11"),
        ("comment-6", "comment", None, "10", "10"),
    ]
    assert posts["10"].text == "<p>How &amp; why</p>"
    assert posts["10"].counts == {"view": 50}
    assert posts["10"].time.microsecond == 123_000
    assert posts["13"].text is None


def test_votes_are_anonymous_but_for_bookmarks_bounties_and_acceptance(tmp_path: Path) -> None:
    actions = accepted(list(reader(dump(tmp_path)).records()), ActionRecord)
    seen = {
        name: (a.verb, a.actor, a.post, a.target, a.precision)
        for name, a in actions.items()
        if not name.startswith("join")
    }
    day = Precision.DAY
    assert seen == {
        "accept-11": ("best_answer", "1", "11", "2", day),
        "accept-13": ("best_answer", "2", "13", "2", day),
        "accept-999": ("best_answer", None, "999", None, day),
        "vote-4": ("vote_up", None, "11", "2", day),
        "vote-5": ("vote_down", None, "999", None, day),
        "vote-6": ("bookmark", "2", "10", "1", day),
        "vote-7": ("offer_bounty", "2", "10", "1", day),
        "badge-3": ("earn_badge", "1", None, None, Precision.EXACT),
    }


def test_every_row_is_accounted_for(tmp_path: Path) -> None:
    read = reader(dump(tmp_path))
    refused = [r for r in read.records() if r.record is None]
    assert read.rows["Posts"] == {
        "question": 2,
        "answer": 3,
        "wiki": 1,
        "skipped_site_help": 1,
        "unmapped_77": 1,
        "rejected": 1,
    }
    assert {table: sum(outcomes.values()) for table, outcomes in read.rows.items()} == {
        table: rows.count("<row") for table, rows in TABLES.items()
    }
    assert [(str(r.place), r.faults[0].field) for r in refused] == [
        ("Posts.xml, row 9 (Id absent)", "id")
    ]
    assert read.total == read.done == sum(rows.count("<row") for rows in TABLES.values())


def test_checks(tmp_path: Path) -> None:
    read = reader(dump(tmp_path))
    list(read.records())
    assert read.checks == {
        "given_up_votes": 3,
        "given_down_votes": 1,
        "accepted_answers": 2,
        "self_accepts": 1,
    }
    list(read.records())
    assert read.checks["given_up_votes"] == 3, "a second run starts anew"


def test_duplicate_rows_do_not_raise_the_checks(tmp_path: Path) -> None:
    read = reader(dump(tmp_path, **{**TABLES, "Votes": VOTES + VOTES}))
    list(read.records())
    assert read.checks["accepted_answers"] == 2


def test_characters_that_no_xml_may_hold_cost_themselves(tmp_path: Path) -> None:
    long = "A&#xA;" * 40_000
    texts = (
        ("a&#x1;b&#31;c&#xD800;d&#xFFFF;e&#x110000;f&#0;g", "a%b%c%d%e%f%g"),
        ("&#x9;&#10;&#x41;&#65;&#x1F600;&lt;&amp;#1;", "\t\nAA😀<&#1;"),
        # One at every place in the chunks that the parser reads.
        *((f"{'B' * n}{long}&#x0000000001;", None) for n in range(24)),
    )
    posts = "".join(
        f'<row Id="{n}" PostTypeId="1" CreationDate="2020-01-03T10:00:00" Body="{text}" />'
        for n, (text, _) in enumerate(texts, 1)
    )
    read = reader(dump(tmp_path, Posts=posts))
    found = accepted(list(read.records()), PostRecord)
    assert len(found) == len(texts)
    for n, (_, text) in enumerate(texts[:2], 1):
        assert found[str(n)].text == (text or "").replace("%", "\N{REPLACEMENT CHARACTER}")
    assert all(p.text.endswith("\N{REPLACEMENT CHARACTER}") for p in list(found.values())[2:])
    assert read.repairs["characters_replaced"] == 6 + 24


def test_a_column_that_no_row_has_is_named(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(shipped_text("stackexchange").replace('"UpVotes"', '"Upvotes"'))
    path = dump(tmp_path)
    with pytest.raises(SourceError, match=r"no row of the table Users has Upvotes.*UpVotes"):
        list(stackexchange(path, load_stackexchange(own), source="se", now=NOW).records())
    (path / "Users.xml").write_bytes(xml(USERS.replace("UpVotes", "Ups")))
    assert not accepted_counters(list(reader(path).records()), "vote_up")


def test_folder_zip_and_gzip_give_the_same(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    folder = dump(tmp_path / "plain")
    packed = tmp_path / "dump.zip"
    (tmp_path / "gz").mkdir()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in TABLES:
            content = (folder / f"{name}.xml").read_bytes()
            archive.writestr(f"site/{name.lower()}.xml", content)
            (tmp_path / "gz" / f"{name}.xml.gz").write_bytes(gzip.compress(content))
    plain = [r.record for r in reader(folder).records()]
    assert [r.record for r in reader(packed).records()] == plain
    assert [r.record for r in reader(tmp_path / "gz").records()] == plain


@given(skip=st.integers(0, 60))
def test_a_resumed_reading_is_the_rest_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, skip: int
) -> None:
    read = reader(dump(tmp_path_factory.mktemp("dump")))
    whole = list(read.records())
    checks = read.checks
    assert list(read.records(skip=skip)) == whole[skip:]
    assert read.checks == checks


def test_without_votes_the_questions_tell_what_was_accepted(tmp_path: Path) -> None:
    read = reader(dump(tmp_path, Posts=POSTS))
    actions = accepted(list(read.records()), ActionRecord)
    assert {a.id: (a.actor, a.target, a.precision) for a in actions.values()} == {
        "accept-11": ("1", "2", Precision.LOWER_BOUND),
        "accept-13": ("2", "2", Precision.LOWER_BOUND),
    }
    assert read.checks["accepted_answers"] == 2
    assert read.checks["self_accepts"] == 1


def test_a_long_text_is_cut_and_a_long_title_too(tmp_path: Path) -> None:
    rows = (
        f'<row Id="1" PostTypeId="1" CreationDate="2020-01-03T10:00:00.000" '
        f'Title="{"t" * 1200}" Body="{"育" * 40_000}" />'
    )
    read = reader(dump(tmp_path, Posts=rows))
    (post,) = (r.record for r in read.records())
    assert isinstance(post, PostRecord)
    assert post.text == "育" * 33_333
    assert post.title == "t" * 1000
    assert read.repairs == {"texts_cut": 1, "titles_cut": 1}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (xml(POSTS)[:-400], "Posts.xml breaks off after row 4 (Id 13): it is not well-formed"),
        (b"\x00\x01 not xml at all", "Posts.xml breaks off at its beginning"),
        (xml('<row Id="1" Body="\xff" />').replace(b"\xc3\xbf", b"\xff"), "breaks off"),
        (b"", "Posts.xml breaks off at its beginning"),
        (
            b'<!DOCTYPE r [<!ENTITY a "b">]><rows><row Id="1" Body="&a;"/></rows>',
            "declares entities or a document type",
        ),
        (b"<rows><row Id='1'><row Id='2'/></row></rows>", "stands inside a row"),
    ],
)
def test_broken_xml_is_named_before_anything_is_read(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    dump(tmp_path)
    (tmp_path / "Posts.xml").write_bytes(content)
    with pytest.raises(SourceError) as raised:
        next(iter(reader(tmp_path).records()))
    assert complaint in str(raised.value)


def test_what_is_no_dump_is_refused_on_opening(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("hello")
    packed = tmp_path / "dump.7z"
    packed.write_bytes(b"7z")
    empty = tmp_path / "empty"
    empty.mkdir()
    twice = tmp_path / "twice"
    for site in ("a", "b"):
        (twice / site).mkdir(parents=True)
        dump(twice / site, Posts=POSTS)
    for path, complaint in [
        (tmp_path / "absent", "there is no such file"),
        (other, "neither a folder nor a zip"),
        (packed, "unpack it first"),
        (empty, "neither Users.xml nor Posts.xml"),
        (twice, "holds the table Posts twice"),
    ]:
        with pytest.raises(SourceError, match=complaint):
            reader(path)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_texts(tmp_path: Path) -> None:
    with (tmp_path / "Posts.xml").open("w") as file:
        file.write("<posts>")
        for number in range(3_000):
            file.write(
                f'<row Id="{number}" PostTypeId="1" CreationDate="2020-01-03T10:00:00.000" '
                f'Body="{"word " * 2_000}" />\n'
            )
        file.write("</posts>")
    tracemalloc.start()
    try:
        count = sum(1 for _ in reader(tmp_path).records())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 3_000
    assert peak < 3_000_000, "the file has 30 MB"


@given(st.dictionaries(st.integers(-(2**40), 2**40), st.integers(-(2**62), 2**62)))
def test_an_id_map_is_a_dict(entries: dict[int, int]) -> None:
    compact = IdMap()
    for key, value in entries.items():
        compact[key] = value
    assert {key: compact.get(key) for key in entries} == entries
    assert compact.get(None) is None
    assert compact.get(2**50) is None


@pytest.mark.slow
@pytest.mark.skipif(not QUANTUM.exists(), reason="the shared data set is not on this machine")
def test_the_quantum_computing_dump() -> None:
    read = reader(QUANTUM)
    refused = [r for r in read.records() if r.record is None]
    assert refused == []
    assert read.checks == {
        "given_up_votes": 10_103,
        "given_down_votes": 668,
        "accepted_answers": 389,
        "self_accepts": 17,
    }
    assert {table: sum(outcomes.values()) for table, outcomes in read.rows.items()} == {
        "Users": 3_461,
        "Posts": 612 + 1_060 + 314,
        "Comments": 3_413,
        "Votes": 12_560,
        "Badges": 4_671,
        "PostLinks": 327,
        "Tags": 154,
    }
    assert read.rows["Votes"]["vote_up"] == 10_103
    assert read.rows["Votes"]["best_answer"] == 390
