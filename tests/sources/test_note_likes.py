"""The likes of a note blog, in both directions."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sources.note_likes import NoteLikesReader, load_note_likes, note_likes
from sources.reader import SourceError
from sources.records import Precision
from tests.sources.exports import NOW, Told, folder, records, zipped

LIKES = (
    "note_key,like_user_id,liked_at,follower_count\n"
    "n00000000aa1,u1,2026-03-29T22:01:50.000+09:00,804\n"
    "n00000000aa1,u2,2026-03-30T00:30:00.000+09:00,3\n"
    "n00000000bb2,u1,2026-04-02T10:00:00.000+09:00,804\n"
    "n00000000bb2,u2,2026-04-01T08:00:00.000+09:00,3\n"
)
MINE = (
    "liked_at,note_key,author,article_title\n"
    '2026-03-20T17:14:06.000+09:00,n00000000cc3,u2,"はじめての""note"", 続き"\n'
    "2026-03-21T17:14:06.000+09:00,n00000000dd4,u9,[name]の朝活\n"
)
ARTICLES = (
    "article_number,category,title,published_date,key\n"
    "pre,G,AIに4コマ漫画を描かせたら,2026-03-28,n00000000aa1\n"
    "2,F,まだ誰も,2026-04-05,n00000000ee5\n"
)
DAYS = "date,article_count,total_pv\n2026-02-07,59,5537\n"
FILES = {
    "likes.csv": LIKES,
    "my_likes.csv": MINE,
    "article_categories.csv": ARTICLES,
    "daily_summary.csv": DAYS,
}


def opened(path: Path, mapping: Path | None = None) -> NoteLikesReader:
    return note_likes(path, load_note_likes(mapping), source="note", now=NOW)


def test_likes_received_and_given(tmp_path: Path) -> None:
    found = Told(opened(folder(tmp_path, FILES)))
    received = found.actions["like-n00000000aa1-u2"]
    assert (received.venue, received.verb, received.actor) == ("company_blog", "like", "u2")
    assert (received.post, received.target) == ("n00000000aa1", "owner")
    assert received.time == datetime(2026, 3, 29, 15, 30, tzinfo=UTC), "UTC, the day before"
    given = found.actions["like-n00000000cc3-owner"]
    assert (given.venue, given.actor, given.target) == ("user_blog", "owner", "u2")
    assert found.members["owner"].role == "staff"
    assert found.checks == {
        "articles": 3,
        "articles_without_title": 1,
        "likes_received": 4,
        "likes_given": 2,
        "likers": 2,
        "authors_liked": 2,
        "both_directions": 1,
    }
    assert found.rows == {
        "article_categories": {"article": 2},
        "likes": {"like": 4},
        "my_likes": {"like": 2},
        "daily_summary": {"skipped_totals_of_the_blog": 1},
    }


def test_titles_survive_and_no_article_is_lost(tmp_path: Path) -> None:
    posts = Told(opened(zipped(tmp_path, FILES))).posts
    listed, unlisted = posts["n00000000aa1"], posts["n00000000bb2"]
    assert listed.title == "AIに4コマ漫画を描かせたら"
    assert listed.time == datetime(2026, 3, 27, 15, tzinfo=UTC), "midnight where note is"
    assert listed.precision is Precision.DAY
    assert (unlisted.title, unlisted.author) == (None, "owner")
    assert unlisted.time == datetime(2026, 3, 31, 23, tzinfo=UTC), "its first like"
    assert unlisted.precision is Precision.UNKNOWN
    other = posts["n00000000cc3"]
    assert (other.title, other.author, other.venue) == ('はじめての"note", 続き', "u2", "user_blog")
    assert posts["n00000000dd4"].title == "[name]の朝活"
    assert posts["n00000000ee5"].author == "owner", "an article nobody liked is one too"


def test_the_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    def turned(text: str) -> str:
        head, *rows = text.splitlines(keepends=True)
        return head + "".join(reversed(rows))

    expected = Told(opened(folder(tmp_path / "a", FILES)))
    files = {name: turned(content) for name, content in FILES.items()}
    assert records(Told(opened(folder(tmp_path, files))).reads) == records(expected.reads)


def test_own_likes_of_own_articles_are_kept(tmp_path: Path) -> None:
    mine = MINE + "2026-04-03T00:00:00.000+09:00,n00000000aa1,owner,AI\n"
    found = Told(opened(folder(tmp_path, {**FILES, "my_likes.csv": mine})))
    own = found.actions["like-n00000000aa1-owner"]
    assert own.actor == own.target == "owner"
    assert found.posts["n00000000aa1"].title == "AIに4コマ漫画を描かせたら"


def test_one_of_the_two_tables_is_enough(tmp_path: Path) -> None:
    found = Told(opened(folder(tmp_path, {"likes.csv": "\ufeff" + LIKES})))
    assert (found.checks["likes_received"], found.checks["articles_without_title"]) == (4, 2)
    with pytest.raises(SourceError, match=r"neither likes\.csv nor my_likes\.csv; expected"):
        opened(folder(tmp_path / "b", {"daily_summary.csv": DAYS}))
    reader = opened(zipped(tmp_path, {"likes.csv": "note_key,liked_at\n"}))
    with pytest.raises(SourceError, match=r"likes\.csv has no column like_user_id"):
        list(reader.records())


def test_a_bad_row_is_refused_with_its_file_line_and_column(tmp_path: Path) -> None:
    files = {
        "likes.csv": LIKES
        + "n00000000aa1,u3,2026-03-29 22:01,1\n,u3,2026-03-29T22:01:50+09:00,1\n",
        "article_categories.csv": ARTICLES + "3,F,いつか,soon,n00000000ff6\n",
        "my_likes.csv": MINE + "2026-03-21T17:14:06.000+09:00,n00000000dd4\n",
    }
    found = Told(opened(folder(tmp_path, files)))
    assert [(place, field) for place, field, _ in found.faults] == [
        ("article_categories.csv, line 4", "published_date"),
        ("likes.csv, line 6", "liked_at"),
        ("likes.csv, line 7", "note_key"),
        ("my_likes.csv, line 4", ""),
    ]
    assert "expected a time with a zone" in found.faults[1][2]


@pytest.mark.parametrize("day", ["", "soon", "20260402"])
def test_a_liked_article_without_a_day_is_not_lost(tmp_path: Path, day: str) -> None:
    articles = ARTICLES + f"3,F,いつか,{day},n00000000bb2\n"
    found = Told(opened(folder(tmp_path, {**FILES, "article_categories.csv": articles})))
    assert [field for _, field, _ in found.faults] == ["published_date"]
    post = found.posts["n00000000bb2"]
    assert (post.title, post.author, post.precision) == ("いつか", "owner", Precision.UNKNOWN)
    assert post.time == datetime(2026, 3, 31, 23, tzinfo=UTC), "its first like"


def test_two_stray_quotation_marks_cost_one_row(tmp_path: Path) -> None:
    likes = (
        "note_key,like_user_id,liked_at,follower_count\n"
        'n00000000aa1,"7f1,2026-03-29T22:01:50.000+09:00,804\n'
        'n00000000aa1,7f2,2026-03-30T00:30:00.000+09:00,3"\n'
    )
    articles = (
        "article_number,category,title,published_date,key\n"
        '1,G,"はじめ,2026-03-28,n00000000aa1\n'
        '2,F,つづき",2026-04-05,n00000000ee5,\n'
        "3,F,おわり,2026-04-06,n00000000ff6\n"
    )
    files = {**FILES, "likes.csv": likes, "article_categories.csv": articles}
    found = Told(opened(folder(tmp_path, files)))
    assert [place for place, _, _ in found.faults] == [
        "article_categories.csv, line 2",
        "article_categories.csv, line 3",
        "likes.csv, line 2",
    ]
    assert "like-n00000000aa1-7f2" in found.actions
    assert "n00000000ff6" in found.posts


def test_a_mapping_names_the_owner_and_leaves_out(tmp_path: Path) -> None:
    mapping = tmp_path / "mine.toml"
    mapping.write_text(
        'format = "note-likes"\n[owner]\nid = "u77"\nrole = "member"\n'
        '[articles]\nvenue = "member_blog"\ntype = "article"\n'
        '[likes]\nvenue = "member_blog"\nverb = "like"\n'
        '[liked_articles]\nskip = "elsewhere"\n[my_likes]\nskip = "elsewhere"\n'
    )
    found = Told(opened(folder(tmp_path, FILES), mapping))
    assert found.members["u77"].role == "member"
    assert {action.venue for action in found.actions.values()} == {"member_blog"}
    assert found.rows["my_likes"] == {"skipped_elsewhere": 2}
    assert all(post.author == "u77" for post in found.posts.values())
