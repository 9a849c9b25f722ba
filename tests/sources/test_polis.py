"""Polis conversations: every vote told, the last of each voter on each statement holding."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.polis import PolisReader, load_polis, polis
from sources.reader import SourceError
from sources.records import PostState
from tests.sources.exports import NOW, Files, Told, folder, records, zipped
from tests.sources.polls import COMMENTS, HEADER, PARTICIPANTS

#: Voter 2 agrees, passes, then disagrees with statement 0; voter 3 agrees twice.
VOTES = (
    HEADER + "1435654300000,x,0,2,1\n"
    "1435654300500,x,0,3,1\n"
    "1435654400001,x,0,2,0\n"
    "1435654500000,x,0,2,-1\n"
    "1435654300501,x,0,3,1\n"
    "1435654192085,x,0,0,1\n"
    "1435654600000,x,1,2,0\n"
)
FILES = {"comments.csv": COMMENTS, "votes.csv": VOTES, "participants-votes.csv": PARTICIPANTS}


def opened(path: Path, mapping: Path | None = None) -> PolisReader:
    return polis(path, load_polis(mapping), source="poll", now=NOW)


def told(place: Path, files: Files = FILES) -> Told:
    return Told(opened(folder(place, files)))


def test_statements_and_votes(tmp_path: Path) -> None:
    found = told(tmp_path)
    first, second = found.posts["0"], found.posts["1"]
    assert (first.venue, first.type, first.author) == ("idea_box", "idea", "0")
    assert first.text == 'Two lines,\nwith a comma and "marks"'
    assert first.time == datetime(2015, 6, 30, 8, 49, 52, 85_000, tzinfo=UTC)
    assert (first.state, second.state) == (PostState.VISIBLE, PostState.HIDDEN)
    vote = found.actions["vote-0-2-disagree-1435654500000"]
    assert (vote.verb, vote.actor, vote.post, vote.target) == ("vote_down", "2", "0", "0")
    assert found.actions["vote-0-0-agree-1435654192085"].target == "0", "one's own is kept"
    assert sorted(found.members) == ["0", "2", "3", "9"], "who only looked is a member too"
    assert found.rows == {
        "participants-votes": {"member": 4},
        "comments": {"idea": 2},
        "votes": {"vote_up": 4, "vote_pass": 2, "vote_down": 1},
    }


def test_files_as_they_are_downloaded(tmp_path: Path) -> None:
    downloaded = {
        "2026-11-20-0910-5r7md-comments.csv": COMMENTS,
        "2026-11-20-0911-5r7md-votes.csv": VOTES,
        "2026-11-20-0912-5r7md-participant-votes.csv": PARTICIPANTS,
        "2026-11-20-0912-5r7md-comment-groups.csv": "comment-id,comment\n",
        "2026-11-20-0912-5r7md-summary.csv": "topic,x\n",
    }
    found, plain = told(tmp_path / "downloaded", downloaded), told(tmp_path / "plain")
    assert records(found.reads) == records(plain.reads)
    assert (found.checks, found.rows) == (plain.checks, plain.rows)
    two = {**downloaded, "2026-11-21-0911-5r7md-votes.csv": VOTES}
    with pytest.raises(SourceError, match=r"holds votes\.csv twice"):
        told(tmp_path / "two", two)


def test_the_last_vote_holds(tmp_path: Path) -> None:
    found = told(tmp_path)
    undone = {r.of: r.time for r in found.retractions.values()}
    assert undone == {
        "vote-0-2-agree-1435654300000": found.actions["vote-0-2-pass-1435654400001"].time,
        "vote-0-2-pass-1435654400001": found.actions["vote-0-2-disagree-1435654500000"].time,
        "vote-0-3-agree-1435654300500": found.actions["vote-0-3-agree-1435654300501"].time,
    }
    assert found.checks == {
        "proposals": 2,
        "authors": 2,
        "voters": 3,
        "vote_rows": 7,
        "votes": 4,
        "votes_up": 2,
        "votes_down": 1,
        "votes_pass": 1,
        "votes_tied": 0,
        "participants": 4,
        "participants_votes": 4,
        "participants_agree": 2,
        "participants_disagree": 1,
        "participants_differing": 0,
    }


def test_whom_polis_counts_otherwise_is_counted(tmp_path: Path) -> None:
    wrong = PARTICIPANTS.replace("3,,0,1,1,0", "3,,0,2,2,0")
    found = told(tmp_path, {**FILES, "participants-votes.csv": wrong})
    assert found.checks["participants_differing"] == 1


def test_columns_may_stand_in_any_order_and_files_anywhere(tmp_path: Path) -> None:
    def turned(text: str) -> str:
        return "".join(",".join(reversed(line.split(","))) + "\n" for line in text.splitlines())

    plain = COMMENTS.replace('"Two lines,\nwith a comma and ""marks"""', "One line")
    expected = told(tmp_path / "a", {**FILES, "comments.csv": plain})
    files: Files = {
        "report/comments.csv": b"\xef\xbb\xbf" + turned(plain).replace("\n", "\r\n").encode(),
        "report/votes.csv": turned(VOTES),
        "report/participants-votes.csv": turned(PARTICIPANTS),
        "report/summary.csv": "topic,Cars\n",
        "__MACOSX/report/._votes.csv": b"\0\1",
    }
    found = Told(opened(zipped(tmp_path, files)))
    assert records(found.reads) == records(expected.reads)
    assert found.checks == expected.checks


@given(seed=st.integers(0, 2**32))
def test_the_order_of_votes_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    chance = random.Random(seed)
    rows = [
        f"{1435654300000 + chance.randrange(4)},x,{chance.randrange(2)},{chance.randrange(3)},"
        f"{chance.choice([1, 0, -1])}\n"
        for _ in range(12)
    ]
    found = []
    for _ in range(2):
        files = {"comments.csv": COMMENTS, "votes.csv": HEADER + "".join(rows)}
        found.append(told(tmp_path_factory.mktemp("votes"), files))
        chance.shuffle(rows)
    assert records(found[0].reads) == records(found[1].reads)
    pairs = Counter(tuple(row.split(",")[2:4]) for row in rows)
    held = found[0].actions.keys() - {r.of for r in found[0].retractions.values()}
    assert {tuple(name.split("-")[1:3]) for name in held} == set(pairs)
    assert len(held) == len(pairs) == found[0].checks["votes"], "one vote of each holds"


def test_times_in_seconds_are_read(tmp_path: Path) -> None:
    seconds = COMMENTS.replace("1435654192085", "1435654192")
    found = told(tmp_path, {**FILES, "comments.csv": seconds})
    assert found.posts["0"].time == datetime(2015, 6, 30, 8, 49, 52, tzinfo=UTC)


def test_votes_whose_order_is_not_known_are_counted(tmp_path: Path) -> None:
    votes = HEADER + "1435654300,x,0,2,1\n1435654300,x,0,2,-1\n1435654300,x,0,3,1\n" * 2
    found = told(tmp_path, {**FILES, "votes.csv": votes})
    assert found.checks["votes_tied"] == 1
    assert found.checks["votes"] == 2


def test_ids_of_statements_are_numbers_as_of_votes(tmp_path: Path) -> None:
    comments = COMMENTS + (
        "1435654300000,x,07,02,0,0,1,one\n"
        "1435654300000,x,first,2,0,0,1,two\n"
        "1435654300000,x,8,nobody,0,0,1,three\n"
        "1435654300000,x,9,,0,0,1,four\n"
    )
    votes = HEADER + "1435654300000,x,7,3,1\n"
    found = told(tmp_path, {**FILES, "comments.csv": comments, "votes.csv": votes})
    assert found.posts["7"].author == found.actions["vote-7-3-agree-1435654300000"].target == "2"
    assert found.posts["9"].author is None
    assert [(place, field) for place, field, _ in found.faults] == [
        ("comments.csv, line 6", "comment-id"),
        ("comments.csv, line 7", "author-id"),
    ]


def test_a_bad_row_is_refused_with_its_file_line_and_column(tmp_path: Path) -> None:
    votes = HEADER + (
        "yesterday,x,0,2,1\n1435654300000,x,first,2,1\n1435654300000,x,0,2,5\n"
        "1435654300000,x,0\n\n1435654300000,x,0,4,1\n"
    )
    broken = PARTICIPANTS.replace("2,0,0,2,", "2,0,0,many,")
    found = told(tmp_path, {**FILES, "votes.csv": votes, "participants-votes.csv": broken})
    assert [(place, field) for place, field, _ in found.faults] == [
        ("participants-votes.csv, line 3", "n-votes"),
        ("votes.csv, line 2", "timestamp"),
        ("votes.csv, line 3", "comment-id"),
        ("votes.csv, line 4", "vote"),
        ("votes.csv, line 5", ""),
    ]
    assert "expected 1 (agree), -1 (disagree) or 0 (pass)" in found.faults[3][2]
    assert "has 3 cells; expected 5" in found.faults[4][2]
    assert found.rows["votes"] == {"rejected": 4, "vote_up": 1}


def test_a_stray_quotation_mark_costs_its_own_row(tmp_path: Path) -> None:
    lines = "".join(f"14356543{n:05},x,{n},7,0,0,1,said so\n" for n in range(10, 40))
    broken = lines.replace("1435654300020,x,20,7,0,0,1,said", '1435654300020,x,20,7,0,0,1,"said')
    found = told(tmp_path, {**FILES, "comments.csv": COMMENTS + broken})
    assert len(found.posts) == 31
    assert "quotation mark" in found.faults[0][2]


@pytest.mark.parametrize("more", [0, 998])
def test_a_text_within_quotation_marks_is_a_text_whatever_it_says(
    tmp_path: Path, more: int
) -> None:
    forged = "1435654300000,x,66,7,0,0,1,I said that"
    text = f"I say:\n{forged}\n0912345678,call me" + "\n" * more
    files = {**FILES, "comments.csv": COMMENTS + f'1435654300000,x,5,7,0,0,1,"{text}"\n'}
    found = told(tmp_path, files)
    assert found.faults == []
    assert found.posts.keys() == {"0", "1", "5"}
    assert found.posts["5"].text == text


def test_the_lines_of_a_refused_row_are_part_of_it(tmp_path: Path) -> None:
    broken = '1435654300000,x,5,7,0,0,1,"said so\na,b,c,d,e,f,g,h\nand more\n'
    after = "1435654300001,x,6,7,0,0,1,heard\n"
    found = told(tmp_path, {**FILES, "comments.csv": COMMENTS + broken + after})
    assert [place for place, _, _ in found.faults] == ["comments.csv, line 5"]
    assert found.posts.keys() == {"0", "1", "6"}


def test_a_mapping_may_leave_out_a_kind_of_vote(tmp_path: Path) -> None:
    mapping = tmp_path / "mine.toml"
    mapping.write_text(
        'format = "polis"\n[comments]\nskip = "text"\n[votes]\n'
        'agree = { venue = "idea", verb = "vote_up" }\n'
        'disagree = { venue = "idea", verb = "vote_down" }\npass = { skip = "pass" }\n'
    )
    found = Told(opened(folder(tmp_path, FILES), mapping))
    assert found.rows["votes"] == {"vote_up": 4, "vote_down": 1, "skipped_pass": 2}
    assert found.rows["comments"] == {"skipped_text": 2}
    held = found.actions.keys() - {r.of for r in found.retractions.values()}
    assert len(held) == found.checks["votes"] == 3
    assert {r.of for r in found.retractions.values()} <= found.actions.keys()


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"comments.csv": COMMENTS}, r"holds no votes\.csv; expected a folder or zip"),
        ({"votes.csv": VOTES}, r"holds no comments\.csv"),
        ({**FILES, "old/votes.csv": VOTES}, r"holds votes\.csv twice"),
        ({**FILES, "votes.csv": "a,b\n1,2\n"}, r"votes\.csv has no column timestamp"),
        ({**FILES, "votes.csv": HEADER.strip() + ",vote\n"}, "has the column vote twice"),
        ({**FILES, "votes.csv": ""}, "has no column timestamp"),
        ({**FILES, "votes.csv": HEADER + "x" * 1_000_001}, "line 2 has more than 1000000 bytes"),
    ],
)
def test_what_is_no_export_is_refused(tmp_path: Path, files: Files, complaint: str) -> None:
    for path in (folder(tmp_path, files), zipped(tmp_path, files)):
        with pytest.raises(SourceError, match=complaint):
            list(opened(path).records())


def test_a_conversation_without_votes_is_one(tmp_path: Path) -> None:
    found = told(tmp_path, {"comments.csv": COMMENTS, "votes.csv": HEADER})
    assert (found.checks["proposals"], found.checks["votes"]) == (2, 0)
    assert "participants" not in found.checks
