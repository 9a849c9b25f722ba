"""Discourse topics: pages, people, what is read out of a text, and the real archive."""

from __future__ import annotations

import io
import json
import os
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.cooked import Mention, Quote, addressed
from sources.discourse import DiscourseReader, discourse
from sources.discourse_mapping import CategoryRule, DiscourseMapping, load_discourse
from sources.reader import Read, SourceError
from sources.records import ActionRecord, MemberRecord, PostRecord, PostState, Precision

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SHARED = Path(
    os.environ.get("IKUSEI_SHARED_DATA") or Path(__file__).parents[2].parent / "shared" / "data"
)
URHO3D = SHARED / "communities" / "urho3d-discourse-topics.tar.gz"


def post(number: int, user: int | None = 7, **more: Any) -> dict[str, Any]:
    return {
        "id": 100 + number,
        "post_number": number,
        "post_type": 1,
        "topic_id": 5,
        "user_id": user,
        "username": f"user{user}",
        "created_at": f"2020-01-{number:02}T10:00:00.000Z",
        "cooked": f"<p>Post {number}</p>",
        "reply_to_post_number": None,
        "actions_summary": [],
        **more,
    }


def topic(*posts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": 5,
        "title": "A topic",
        "category_id": 3,
        "views": 40,
        "user_id": 7,
        "visible": True,
        "archetype": "regular",
        "post_stream": {"posts": list(posts)},
        **more,
    }


def reader(
    folder: Path, *pages: object, mapping: DiscourseMapping | None = None
) -> DiscourseReader:
    for number, page in enumerate(pages):
        (folder / f"{number}.json").write_text(json.dumps(page))
    return discourse([folder], mapping or load_discourse(), source="d", now=NOW)


def accepted(reads: list[Read], kind: type[Any]) -> dict[str, Any]:
    return {r.record.id: r.record for r in reads if isinstance(r.record, kind)}


def test_posts_of_a_topic(tmp_path: Path) -> None:
    page = topic(
        post(1, actions_summary=[{"id": 2, "count": 3}, {"id": 8, "count": 9}]),
        post(2, 8),
        post(3, 9, reply_to_post_number=2, hidden=True),
        post(4, 9, user_deleted=True, reply_to_post_number=77),
    )
    posts = accepted(list(reader(tmp_path, page).records()), PostRecord)
    assert [(p.id, p.type, p.author, p.root, p.parent, p.state) for p in posts.values()] == [
        ("101", "topic", "7", "101", None, PostState.VISIBLE),
        ("102", "reply", "8", "101", "101", PostState.VISIBLE),
        ("103", "reply", "9", "101", "102", PostState.HIDDEN),
        ("104", "reply", "9", "101", "101", PostState.DELETED),
    ]
    assert posts["101"].counts == {"like": 3, "view": 40}
    assert [p.title for p in posts.values()] == ["A topic", None, None, None]
    assert {p.format for p in posts.values()} == {"html"}
    assert {p.venue for p in posts.values()} == {"forum"}


def test_members_keep_their_id_when_they_change_their_name(tmp_path: Path) -> None:
    page = topic(
        post(1, 7, username="old", trust_level=1),
        post(2, 7, username="new", trust_level=2),
        post(3, 8, moderator=True),
        post(4, -1, username="system", admin=True),
        post(5, None, username="gone"),
        post(6, None, username="NEW"),
        post(7, None, username=None),
    )
    reads = list(reader(tmp_path, page).records())
    members = accepted(reads, MemberRecord)
    assert {m.id: (m.name, m.role) for m in members.values()} == {
        "7": ("new", "member"),
        "8": ("user8", "staff"),
        "-1": ("system", "bot"),
        "@gone": ("gone", "member"),
    }
    assert members["7"].attributes == {"trust_level": 2}
    posts = accepted(reads, PostRecord)
    assert [p.author for p in posts.values()] == ["7", "7", "8", "-1", "@gone", "7", None]
    assert [r.record for r in reads if isinstance(r.record, MemberRecord)] == [
        r.record for r in reads[:4]
    ], "members come first"


@pytest.mark.parametrize("first", [0, 1])
def test_a_topic_on_two_pages_is_told_once(tmp_path: Path, first: int) -> None:
    head = topic(post(1), post(2, 8), views=41)
    rest = {"post_stream": {"posts": [post(2, 8), post(3, 9, accepted_answer=True)]}, "id": 5}
    pages = [head, rest] if first == 0 else [rest, head]
    read = reader(tmp_path, *pages)
    reads = list(read.records())
    posts = accepted(reads, PostRecord)
    assert sum(isinstance(r.record, PostRecord) for r in reads) == 3
    assert {p.root for p in posts.values()} == {"101"}
    assert posts["103"].parent == "101"
    assert posts["101"].counts["view"] == 41
    assert accepted(reads, ActionRecord)["accept-103"].actor == "7"
    assert read.checks["posts"] == 3
    assert read.rows["posts"] == {"topic": 1, "reply": 2, "skipped_duplicate": 1}
    assert read.total == read.done == 3


def test_what_is_no_post_of_a_member_is_counted(tmp_path: Path) -> None:
    page = topic(
        post(1),
        post(2, 8, post_type=2, actions_summary=[{"id": 2, "count": 2}]),
        post(3, post_type=3),
        post(4, post_type=4),
        post(5, post_type=9),
        {"id": 106, "post_number": 6, "post_type": 1, "user_id": 7, "cooked": "no time"},
    )
    private = topic({**post(1), "id": 900}, id=6, archetype="private_message")
    read = reader(tmp_path, page, private, {"categories": 3}, [1, 2])
    reads = list(read.records())
    assert read.rows == {
        "posts": {
            "topic": 1,
            "skipped_moderator_action": 1,
            "skipped_small_action": 1,
            "skipped_whisper": 1,
            "unmapped_post_type_9": 1,
            "skipped_private_message": 1,
            "rejected": 1,
        },
        "files": {"topic": 2, "skipped_not_a_topic": 2},
    }
    likes = accepted(reads, ActionRecord)["like-102"]
    assert (likes.actor, likes.target, likes.count) == (None, "8", 2)
    assert read.checks["likes_received"] == 2


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_posts_of_pages_that_are_not_there_are_counted(
    tmp_path: Path, order: tuple[int, int]
) -> None:
    stream: list[object] = [101, 102, 103, 104, "odd"]
    head = topic(post_stream={"posts": [post(1), post(2)], "stream": stream})
    rest = {"id": 5, "post_stream": {"posts": [post(3)]}}
    read = reader(tmp_path, *([head, rest][n] for n in order))
    list(read.records())
    assert (read.checks["posts"], read.checks["posts_not_in_files"]) == (3, 1)


def test_best_answer_is_given_by_the_author_of_the_topic(tmp_path: Path) -> None:
    page = topic(post(1), post(2, 8, accepted_answer=True), post(3, 7, accepted_answer=True))
    read = reader(tmp_path, page)
    actions = accepted(list(read.records()), ActionRecord)
    assert {a.id: (a.verb, a.actor, a.post, a.target) for a in actions.values()} == {
        "accept-102": ("best_answer", "7", "102", "8"),
        "accept-103": ("best_answer", "7", "103", "7"),
    }
    assert actions["accept-102"].precision is Precision.LOWER_BOUND
    assert actions["accept-102"].time == datetime(2020, 1, 2, 10, tzinfo=UTC)
    assert read.checks["accepted_answers"] == 2


def test_mentions_and_quotes_go_to_the_member(tmp_path: Path) -> None:
    mention = '<a class="mention" href="/u/User7">@User7</a>'
    quote = '<aside class="quote no-group" data-username="user8" data-post="2" data-topic="5">'
    unnamed = '<aside class="quote" data-post="1" data-topic="5">x</aside>'
    page = topic(
        post(1),
        post(2, 8),
        post(3, 9, cooked=f"<p>{mention} and {mention}</p>{quote}{mention}</aside>"),
        post(
            4, 9, cooked=f'{unnamed}<aside class="quote">y</aside><span class="mention">@no</span>'
        ),
    )
    read = reader(tmp_path, page)
    actions = accepted(list(read.records()), ActionRecord)
    assert {a.id: (a.verb, a.actor, a.post, a.target) for a in actions.values()} == {
        "mention-103-7": ("mention", "9", None, "7"),
        "quote-103-8": ("quote", "9", "102", "8"),
        "quote-104-7": ("quote", "9", "101", "7"),
    }
    assert read.repairs == {"quotes_of_unknown": 1, "mentions_of_unknown": 1}


def test_categories_by_number_slug_and_parent(tmp_path: Path) -> None:
    mapping = DiscourseMapping(
        default=CategoryRule("forum", "topic", "reply"),
        categories={
            "3": CategoryRule("qa", "question", "answer"),
            "ideas": CategoryRule("idea", "idea", "comment"),
            "staff": CategoryRule(skip="internal"),
        },
    )
    site = {
        "categories": [
            {"id": 4, "slug": "ideas"},
            {"id": 6, "slug": "sub", "parent_category_id": 4},
            {"id": 8, "slug": "staff"},
            {"id": 9, "slug": "loop", "parent_category_id": 9},
        ]
    }
    topics = [
        topic({**post(1), "id": 200 + c}, {**post(2), "id": 300 + c}, id=c, category_id=c)
        for c in (3, 4, 6, 8, 9)
    ]
    read = reader(tmp_path, *topics, site, mapping=mapping)
    posts = accepted(list(read.records()), PostRecord)
    assert {p.id: (p.venue, p.type) for p in posts.values()} == {
        "203": ("qa", "question"),
        "303": ("qa", "answer"),
        "204": ("idea", "idea"),
        "304": ("idea", "comment"),
        "206": ("idea", "idea"),
        "306": ("idea", "comment"),
        "209": ("forum", "topic"),
        "309": ("forum", "reply"),
    }
    assert read.rows["posts"]["skipped_internal"] == 2


def test_folder_archives_and_single_files_give_the_same(tmp_path: Path) -> None:
    pages = [topic(post(1), post(2, 8)), topic({**post(1), "id": 400}, id=6)]
    folder = tmp_path / "t"
    folder.mkdir()
    expected = [r.record for r in reader(folder, *pages).records()]
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as packed:
        for file in sorted(folder.iterdir()):
            packed.write(file, f"t/{file.name}")
    with tarfile.open(tmp_path / "t.tar.gz", "w:gz") as archive:
        for file in sorted(folder.iterdir()):
            archive.add(file, f"t/{file.name}")
    for paths in (
        [tmp_path / "t.zip"],
        [tmp_path / "t.tar.gz"],
        sorted(folder.iterdir()),
        [folder, folder],
    ):
        read = discourse(paths, load_discourse(), source="d", now=NOW)
        assert [r.record for r in read.records()] == expected


def test_dirt_costs_a_file_or_a_letter_not_the_import(tmp_path: Path) -> None:
    cooked = "\x00a\x0bb" + "c" * 100_000
    page = topic(post(1, cooked=cooked), title="Line\nbreak " + "x" * 1_000)
    (tmp_path / "bad.json").write_bytes(b'{"id": 1, "post_stream"')
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "bom.json").write_bytes(
        b"\xef\xbb\xbf" + json.dumps(topic({**post(1), "id": 500}, id=8)).encode()
    )
    read = reader(tmp_path, page)
    reads = list(read.records())
    posts = accepted(reads, PostRecord)
    assert posts["101"].text == "ab" + "c" * 99_998
    assert posts["101"].title.startswith("Line break x")
    assert "500" in posts
    refused = [r for r in reads if r.record is None]
    assert [(r.place.file, r.faults[0].code) for r in refused] == [
        ("bad.json", "not_json"),
        ("bytes.json", "not_json"),
    ]
    assert read.rows["files"] == {"topic": 2, "rejected": 2}
    assert read.repairs == {"characters_stripped": 2, "texts_cut": 1, "titles_cut": 1}


@pytest.mark.parametrize("field", ["id", "user_id", "post_type", "username", "cooked"])
def test_a_value_nested_deep_costs_its_post(tmp_path: Path, field: str) -> None:
    odd: dict[str, Any] = {field: "DEEP"}
    page = json.dumps(topic(post(1), post(2) | odd, post(3)))
    deep = "[" * 1_000 + "]" * 1_000
    (tmp_path / "1.json").write_text(page.replace('"DEEP"', deep))
    read = discourse([tmp_path], load_discourse(), source="d", now=NOW)
    list(read.records())
    assert sum(read.rows["posts"].values()) == 3


def test_what_is_no_forum_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        discourse([tmp_path / "absent"], load_discourse(), source="d", now=NOW)
    with pytest.raises(SourceError, match="holds no topic"):
        list(reader(tmp_path, {"latest": []}).records())
    other = tmp_path / "notes.txt"
    other.write_text("hello")
    with pytest.raises(SourceError, match="neither a folder nor an archive"):
        list(discourse([other], load_discourse(), source="d", now=NOW).records())


def test_a_truncated_archive_is_named(tmp_path: Path) -> None:
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w:gz") as archive:
        for number in range(50):
            content = json.dumps(topic({**post(1), "id": number}, id=number)).encode()
            entry = tarfile.TarInfo(f"{number}.json")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    broken = tmp_path / "t.tar.gz"
    broken.write_bytes(memory.getvalue()[:-200])
    with pytest.raises(SourceError):
        list(discourse([broken], load_discourse(), source="d", now=NOW).records())


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "posts", "user_id", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.mark.slow
@given(
    changes=st.dictionaries(st.sampled_from([*post(1), *topic(), "details"]), _JSON, max_size=4),
)
def test_odd_values_never_break_the_reading(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[str, Any]
) -> None:
    odd_post = {**post(2, 8), **{k: v for k, v in changes.items() if k in post(1)}}
    page = topic(post(1), odd_post, **{k: v for k, v in changes.items() if k not in post(1)})
    good = topic({**post(1), "id": 990}, id=99)
    read = reader(tmp_path_factory.mktemp("odd"), page, good)
    reads = list(read.records())
    assert "990" in accepted(reads, PostRecord)


@given(st.text(alphabet="<>/\"'= asidepnmeto@-", max_size=300))
def test_any_text_can_be_searched(text: str) -> None:
    for found in addressed(text):
        assert isinstance(found, Quote) or found.username


def test_addressed_leaves_out_what_others_said() -> None:
    cooked = (
        '<aside class="quote" data-username="a&amp;b" data-post="2" data-topic="3">'
        '<aside class="quote" data-username="inner">x</aside>'
        '<a class="mention" href="/u/inner">@inner</a></aside>'
        '<aside class="onebox"></aside>'
        '<a class="mention-group" href="/groups/all">@all</a>'
        "<a href='/u/j%C3%B6' class='mention'>@j</a><span class=\"mention\">@span</span>"
    )
    assert list(addressed(cooked)) == [Quote("a&b", 3, 2), Mention("jö"), Mention("span")]


def test_searching_stays_fast_on_hostile_text() -> None:
    for hostile in ('<a "' * 25_000, "<aside " * 14_000, "<a '\"" * 20_000, "<a =" * 25_000):
        assert list(addressed("mention" + hostile)) == []


@pytest.mark.slow
@pytest.mark.skipif(not URHO3D.exists(), reason="the shared data set is not on this machine")
def test_the_urho3d_archive() -> None:
    read = discourse([URHO3D], load_discourse(), source="urho3d", now=NOW)
    refused = [r for r in read.records() if r.record is None]
    assert refused == []
    assert read.checks == {
        "members": 999,
        "posts": 36_990,
        "posts_not_in_files": 0,
        "accepted_answers": 672,
        "likes_received": 11_199,
    }
    assert read.rows["posts"] == {
        "topic": 5_046,
        "reply": 36_895 - 5_046,
        "skipped_moderator_action": 3,
        "skipped_small_action": 92,
    }
