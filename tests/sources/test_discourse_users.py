"""Discourse user lists: members and totals, never addresses."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.discourse_users import (
    DiscourseUsersMapping,
    DiscourseUsersReader,
    discourse_users,
    load_discourse_users,
)
from sources.mapping_file import Rule, shipped_text
from sources.reader import SourceError
from sources.records import ActionRecord, CounterRecord, Direction, MemberRecord

NOW = datetime(2026, 11, 21, tzinfo=UTC)
AS_OF = datetime(2026, 10, 1, tzinfo=UTC)
COLUMNS = [
    "id",
    "name",
    "username",
    "email",
    "title",
    "created_at",
    "last_seen_at",
    "last_posted_at",
    "last_emailed_at",
    "trust_level",
    "approved",
    "suspended_at",
    "suspended_till",
    "silenced_till",
    "active",
    "admin",
    "moderator",
    "ip_address",
    "staged",
    "topics_entered",
    "posts_read_count",
    "time_read",
    "topic_count",
    "post_count",
    "likes_given",
    "likes_received",
    "location",
    "website",
    "views",
    "group_names",
]
ANN = {
    "id": "7",
    "name": "Ann\nof two lines",
    "username": "ann",
    "email": "ann@example.invalid",
    "created_at": "2020-01-01 10:00:00 UTC",
    "last_seen_at": "2026-09-30 08:00:00 UTC",
    "trust_level": "2",
    "admin": "false",
    "moderator": "true",
    "ip_address": "192.0.2.7",
    "staged": "false",
    "topics_entered": "50",
    "posts_read_count": "400",
    "topic_count": "3",
    "post_count": "12",
    "likes_given": "5",
    "likes_received": "6",
    "location": "Secretville",
}
BO = {"id": "8", "username": "bo", "admin": "false", "moderator": "false", "likes_given": "1"}


def table(*rows: dict[str, str], columns: list[str] = COLUMNS) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def reader(
    path: Path, content: bytes, mapping: DiscourseUsersMapping | None = None
) -> DiscourseUsersReader:
    path.write_bytes(content)
    return discourse_users(
        [path], mapping or load_discourse_users(), source="d", as_of=AS_OF, now=NOW
    )


def test_a_row_is_a_member_and_its_totals(tmp_path: Path) -> None:
    read = reader(tmp_path / "users.csv", b"\xef\xbb\xbf" + table(ANN, BO))
    records = [r.record for r in read.records()]
    members = [r for r in records if isinstance(r, MemberRecord)]
    assert [(m.id, m.name, m.role, m.attributes) for m in members] == [
        ("7", "ann", "staff", {"trust_level": 2}),
        ("8", "bo", "member", {}),
    ]
    assert members[0].joined == datetime(2020, 1, 1, 10, tzinfo=UTC)
    counters = [r for r in records if isinstance(r, CounterRecord)]
    assert [(c.member, c.venue, c.verb, c.direction, c.value) for c in counters] == [
        ("7", "forum", "like", Direction.GIVEN, 5),
        ("7", "forum", "like", Direction.RECEIVED, 6),
        ("7", "forum", "post_topic", Direction.GIVEN, 3),
        ("7", "forum", "reply", Direction.GIVEN, 12),
        ("7", "forum", "view", Direction.GIVEN, 50),
        ("7", "forum", "read_post", Direction.GIVEN, 400),
        ("8", "forum", "like", Direction.GIVEN, 1),
    ]
    assert {c.as_of for c in counters} == {AS_OF}
    assert read.rows == {"users": {"member": 2}}
    assert read.checks["members"] == 2
    assert read.checks["likes_given"] == 6


def test_the_totals_stand_for_the_newest_time_in_the_list(tmp_path: Path) -> None:
    later = {**BO, "last_posted_at": "2026-10-02 08:00:00 UTC", "last_seen_at": "never"}
    ahead = {**BO, "id": "9", "last_seen_at": "2026-11-22 08:00:00 UTC"}
    (tmp_path / "users.csv").write_bytes(table(ANN, later, ahead))
    rules = load_discourse_users()
    read = discourse_users([tmp_path], rules, source="d", now=NOW)
    counters = [r.record for r in read.records() if isinstance(r.record, CounterRecord)]
    assert {c.as_of for c in counters} == {datetime(2026, 10, 2, 8, tzinfo=UTC)}
    assert read.total == read.done == 3


def test_totals_of_no_known_time_are_refused(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("id,username,likes_given\n1,ann,3\n")
    read = discourse_users([tmp_path], load_discourse_users(), source="d", now=NOW)
    with pytest.raises(SourceError, match=r"say when the list was exported \(--as-of\)"):
        list(read.records())


def test_addresses_never_reach_a_record(tmp_path: Path) -> None:
    odd = {**ANN, "created_at": "yesterday"}
    for read in reader(tmp_path / "users.csv", table(ANN, BO, odd)).records():
        for secret in ("example.invalid", "192.0.2", "Secretville", "two lines"):
            assert secret not in repr(read)


def test_columns_may_be_missing_or_more(tmp_path: Path) -> None:
    columns = ["username", "custom", "id", "likes_given"]
    read = reader(tmp_path / "users.csv", table({**ANN, "custom": "x"}, columns=columns))
    member, likes = (r.record for r in read.records())
    assert isinstance(member, MemberRecord)
    assert isinstance(likes, CounterRecord)
    assert member.role is None, "who is staff is not in this list and stays what it was"


def test_the_last_visit_can_be_an_action(tmp_path: Path) -> None:
    mapping = DiscourseUsersMapping(counters=(), seen=Rule("site", "login"))
    read = reader(tmp_path / "users.csv", table(ANN, BO), mapping)
    (visit,) = (r.record for r in read.records() if isinstance(r.record, ActionRecord))
    assert (visit.verb, visit.actor) == ("login", "7")
    assert visit.time == datetime(2026, 9, 30, 8, tzinfo=UTC)


def test_bad_rows_are_refused_with_their_line(tmp_path: Path) -> None:
    rows = [BO, {**BO, "id": ""}, {**BO, "likes_given": "many"}, {**BO, "id": "-1"}]
    read = reader(tmp_path / "users.csv", table(*rows) + b"\r\n\xff,\x00\r\n")
    reads = list(read.records())
    refused = [(r.place.row, r.faults[0].field) for r in reads if r.record is None]
    assert refused == [("line 3", "id"), ("line 4", "value"), ("line 7", "")]
    roles = [r.record.role for r in reads if isinstance(r.record, MemberRecord)]
    assert "bot" in roles
    assert sum(read.rows["users"].values()) == 6


@pytest.mark.parametrize(
    "broken",
    [
        '2,"Bo,bo,bo@x.invalid,192.0.2.2',
        '2,Bo,"bo,bo@x.invalid,192.0.2.2',
        '2,"Bo,"bo",bo@x.invalid,192.0.2.2',
        '2,Bo "the man,bo,bo@x.invalid,192.0.2.2',
        "2,Bo,bo",
        "2,Bo,bo,bo@x.invalid,192.0.2.2,more",
        '2,"' + "x" * 200_000,
    ],
)
@pytest.mark.parametrize("again", [1, 2, 3])
def test_a_stray_mark_costs_its_row_and_tells_nobody(
    tmp_path: Path, broken: str, again: int
) -> None:
    lines = [
        "id,name,username,email,ip_address",
        '1,"An, or\r\nAnn",ann,ann@x.invalid,192.0.2.1',
        *[broken] * again,
        "3,Cy,cy,cy@x.invalid,192.0.2.3",
        '4,"""Di"",\r\nto all",di,di@x.invalid,192.0.2.4',
        "5,Ed,ed,ed@x.invalid,192.0.2.5",
    ]
    read = reader(tmp_path / "users.csv", "\r\n".join(lines).encode())
    reads = list(read.records())
    members = [r.record for r in reads if isinstance(r.record, MemberRecord)]
    assert [(m.id, m.name) for m in members] == [
        ("1", "ann"),
        ("3", "cy"),
        ("4", "di"),
        ("5", "ed"),
    ]
    refused = [r for r in reads if r.record is None]
    assert [r.place.row for r in refused] == [f"line {4 + n}" for n in range(again)]
    for secret in ("invalid", "192.0.2", "xxx"):
        assert secret not in repr(reads)
    assert read.rows == {"users": {"member": 4, "rejected": again}}


def test_a_column_that_is_not_there_is_named_before_anything_is_read(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(shipped_text("discourse-users").replace('"likes_given"', '"likes_givne"'))
    with pytest.raises(
        SourceError, match=r"no column likes_givne, .*expected one of .*likes_given"
    ):
        list(reader(tmp_path / "users.csv", table(ANN), load_discourse_users(own)).records())


def test_zip_and_gzip(tmp_path: Path) -> None:
    content = table(ANN, BO)
    plain = [r.record for r in reader(tmp_path / "users.csv", content).records()]
    (tmp_path / "users.csv.gz").write_bytes(gzip.compress(content))
    with zipfile.ZipFile(tmp_path / "users.zip", "w") as archive:
        archive.writestr("user-list-1.csv", content)
    for name in ("users.csv.gz", "users.zip"):
        read = discourse_users(
            [tmp_path / name], load_discourse_users(), source="d", as_of=AS_OF, now=NOW
        )
        assert [r.record for r in read.records()] == plain


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "has no column id and no column username"),
        (b"a,b\r\n1,2\r\n", "has no column id and no column username"),
        (b'id,"username\r\n1,ann\r\n', "has no column id and no column username"),
        (b"id,username,Likes_given,likes_given\r\n", "has the column likes_given twice"),
    ],
)
def test_what_is_no_user_list_is_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    with pytest.raises(SourceError, match=complaint):
        list(reader(tmp_path / "users.csv", content).records())


def test_a_missing_or_empty_place_is_named(tmp_path: Path) -> None:
    mapping = load_discourse_users()
    with pytest.raises(SourceError, match="no such file"):
        discourse_users([tmp_path / "absent"], mapping, source="d", as_of=AS_OF, now=NOW)
    empty = discourse_users([tmp_path], mapping, source="d", as_of=AS_OF, now=NOW)
    with pytest.raises(SourceError, match=r"holds no \.csv file"):
        list(empty.records())


@given(cells=st.lists(st.text(max_size=20), max_size=8))
def test_any_cells_are_a_record_or_a_fault(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str]
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)
    content = b"id,username,created_at,likes_given\r\n" + text.getvalue().encode(errors="replace")
    read = reader(tmp_path_factory.mktemp("any") / "users.csv", content)
    for found in read.records():
        assert (found.record is None) == bool(found.faults)
