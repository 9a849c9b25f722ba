"""Slack exports: who wrote, answered, mentioned and reacted, and what is left out."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.reader import SourceError
from sources.records import PostRecord, PostState, Precision
from sources.slack import MAX_FILE_BYTES, SlackReader, slack
from sources.slack_mapping import load_slack
from sources.slack_text import mentioned, plain, said
from tests.sources.exports import (
    CHANNELS,
    NOW,
    USERS,
    Files,
    Told,
    folder,
    message,
    records,
    zipped,
)


def export(*messages: Any, **more: Any) -> dict[str, Any]:
    days = {"users.json": USERS, "channels.json": CHANNELS}
    return {**days, "general/2020-01-01.json": list(messages), **more}


def opened(path: Path, mapping: Path | None = None) -> SlackReader:
    return slack(path, load_slack(mapping), source="chat", now=NOW)


def told(place: Path, files: Files, mapping: Path | None = None) -> Told:
    return Told(opened(zipped(place, files), mapping))


def test_members_are_told_apart(tmp_path: Path) -> None:
    found = told(tmp_path, export())
    assert {id: (m.role, m.state, m.name) for id, m in found.members.items()} == {
        "U1": ("staff", "active", "ana"),
        "U2": ("member", "deleted", "ben"),
        "U3": ("bot", "active", "cal"),
        "USLACKBOT": ("bot", "active", "slackbot"),
        "U4": (None, "active", None),
    }
    assert (found.checks["members"], found.checks["bots"]) == (5, 2)


def test_messages_threads_and_files(tmp_path: Path) -> None:
    found = told(
        tmp_path,
        export(
            message("1577872800.000001", thread_ts="1577872800.000001", reply_count=2),
            message("1577872801.000200", "U2", thread_ts="1577872800.000001", parent_user_id="U1"),
            message(
                "1577872802.000300",
                "U2",
                subtype="thread_broadcast",
                thread_ts="1577872800.000001",
            ),
            message("1577872803.000400", files=[{"id": "F1"}]),
            message(
                "1577872804.000500",
                subtype="file_share",
                text="<@U1|ana> uploaded a file: <https://x/f|F.jpg> and commented: see",
                file={"id": "F2"},
            ),
            {
                "type": "message",
                "subtype": "file_comment",
                "ts": "1577872805.000600",
                "text": "<@U2|ben> commented on U1's file <https://x/f|F.jpg>: nice",
                "comment": {"user": "U2", "comment": "nice"},
                "file": {"id": "F2"},
            },
        ),
    )
    assert found.faults == []
    first = found.posts["C1-1577872800.000001"]
    assert (first.type, first.venue, first.author, first.parent) == ("post", "channel", "U1", None)
    assert first.time == datetime(2020, 1, 1, 10, 0, 0, 1, tzinfo=UTC), "to the microsecond"
    reply = found.posts["C1-1577872801.000200"]
    assert (reply.type, reply.parent, reply.root) == ("reply", first.id, first.id)
    assert found.posts["C1-1577872802.000300"].parent == first.id
    assert found.posts["C1-1577872803.000400"].type == "share_file"
    shared = found.posts["C1-1577872804.000500"]
    assert (shared.type, shared.text) == ("share_file", "see")
    comment = found.posts["C1-1577872805.000600"]
    assert (comment.author, comment.text, comment.parent) == ("U2", "nice", shared.id)
    assert not found.actions, "what Slack writes about a file mentions nobody"
    assert found.rows["messages"] == {"post": 1, "reply": 3, "share_file": 2}


def test_a_thread_that_begins_before_the_export_has_its_author(tmp_path: Path) -> None:
    reply = message("1577872801.000200", thread_ts="1577000000.000100", parent_user_id="U2")
    stray = message("1577872802.000200", thread_ts="1577000000.000900")
    found = told(tmp_path, export(reply, stray))
    parent = found.posts["C1-1577000000.000100"]
    assert (parent.author, parent.text) == ("U2", None)
    assert found.repairs == {"thread_parents_added": 1}
    assert "C1-1577000000.000900" not in found.posts, "nobody knows whose it was"


@pytest.mark.parametrize("subtype", ["channel_join", "huddle_thread", "hologram"])
def test_a_reply_to_what_is_no_post_invents_none(tmp_path: Path, subtype: str) -> None:
    first, second = "1577872800.000001", "1577872801.000200"
    noted = message(first, "U2", "<@U2> has joined", subtype=subtype, thread_ts=first)
    welcome = message(second, thread_ts=first, parent_user_id="U2", text="Welcome!")
    found = told(tmp_path, export(noted, welcome))
    assert found.faults == []
    (reply,) = found.posts.values()
    assert (reply.type, reply.root, reply.parent) == ("reply", None, None)
    assert found.repairs == {}
    assert (found.checks["posts"], found.checks["replies"]) == (0, 1)


def test_the_first_of_a_thread_that_was_deleted_is_told_as_deleted(tmp_path: Path) -> None:
    gone = {"type": "message", "subtype": "message_deleted", "ts": "1577872900.1"}
    gone["deleted_ts"] = "1577872800.000001"
    reply = message("1577872801.000200", thread_ts="1577872800.000001", parent_user_id="U2")
    first = told(tmp_path, export(gone, reply)).posts["C1-1577872800.000001"]
    assert (first.author, first.state, first.text) == ("U2", PostState.DELETED, "")


def test_a_reaction_has_only_its_messages_time(tmp_path: Path) -> None:
    reactions = [
        {"name": "+1", "users": ["U2", "U1"], "count": 2},
        {"name": "clap::skin-tone-3", "users": ["U2"], "count": 9},
    ]
    joined = message("1577872801.000001", "U2", subtype="channel_join")
    joined["reactions"] = [{"name": "wave", "users": ["U1"], "count": 1}]
    found = told(tmp_path, export(message("1577872800.000001", reactions=reactions), joined))
    like = found.actions["react-C1-1577872800.000001-+1-U2"]
    assert (like.verb, like.actor, like.target) == ("react", "U2", "U1")
    assert like.post == "C1-1577872800.000001"
    assert like.precision is Precision.LOWER_BOUND
    own = found.actions["react-C1-1577872800.000001-+1-U1"]
    assert own.actor == own.target == "U1"
    assert found.posts["C1-1577872800.000001"].counts == {"react": 8}, "whom Slack does not name"
    wave = found.actions["react-C1-1577872801.000001-wave-U1"]
    assert (wave.post, wave.target) == (None, "U2")
    assert (found.checks["reactions"], found.checks["reactors"]) == (12, 2)


def test_mentions_and_joins(tmp_path: Path) -> None:
    text = "<@U2|ben>, <@U3> and <@U2>: see <https://x|this> in <#C2|help> &amp; <!here>"
    joined = message("1577872801.000001", "U2", "<@U2|ben> has joined", subtype="channel_join")
    found = told(tmp_path, export(message("1577872800.000001", text=text), joined))
    assert sorted(found.actions) == [
        "join-C1-1577872801.000001-U2",
        "mention-C1-1577872800.000001-U2",
        "mention-C1-1577872800.000001-U3",
    ]
    mention = found.actions["mention-C1-1577872800.000001-U3"]
    assert (mention.verb, mention.actor, mention.target) == ("mention", "U1", "U3")
    post = found.posts["C1-1577872800.000001"]
    assert post.text == "@ben, @U3 and @U2: see this in #help & @here"
    assert (found.checks["mentions"], found.checks["joins"]) == (2, 1)


def test_bots_are_members_that_are_bots(tmp_path: Path) -> None:
    bot = {"type": "message", "subtype": "bot_message", "ts": "1577872800.000001", "text": "deploy"}
    app = message("1577872801.000001", "U3", bot_id="B2", bot_profile={"name": "app"})
    found = told(tmp_path, export({**bot, "bot_id": "B1", "username": "github"}, app))
    assert (found.members["B1"].role, found.members["B1"].name) == ("bot", "github")
    assert found.posts["C1-1577872800.000001"].author == "B1"
    assert found.posts["C1-1577872801.000001"].author == "U3"
    assert "B2" not in found.members


def test_who_speaks_as_a_bot_and_is_no_user_is_one(tmp_path: Path) -> None:
    deploy = message("1577872800.000001", "U9", "deploy", subtype="bot_message", username="ci")
    person = message("1577872801.000001", "U2", "hello", subtype="bot_message")
    found = told(tmp_path, export(deploy, person))
    assert (found.members["U9"].role, found.members["U9"].name) == ("bot", "ci")
    assert found.members["U2"].role == "member"


@pytest.mark.parametrize(
    ("staff", "roles"),
    [
        ('["is_owner"]', {"U1": None, "U5": "staff", "U4": None}),
        ("[]", {"U1": "member", "U5": "member", "U4": "member"}),
    ],
)
def test_a_mapping_says_who_is_of_the_staff(
    tmp_path: Path, staff: str, roles: dict[str, str | None]
) -> None:
    mapping = tmp_path / "mine.toml"
    text = Path("sources/mappings/slack.toml").read_text(encoding="utf-8")
    mapping.write_text(text.replace('["is_admin", "is_owner"]', staff), encoding="utf-8")
    users = [*USERS, {"id": "U5", "is_owner": True, "is_admin": True}]
    found = told(tmp_path, export(**{"users.json": users}), mapping)
    assert {id: found.members[id].role for id in roles} == roles


def test_of_several_versions_the_latest_is_told(tmp_path: Path) -> None:
    def edited(ts: str, at: str, text: str) -> dict[str, Any]:
        return message(ts, text=text, edited={"user": "U1", "ts": at})

    def changed(ts: str, inner: dict[str, Any]) -> dict[str, Any]:
        return {"type": "message", "subtype": "message_changed", "ts": ts, "message": inner}

    first, second, third = "1577872800.000001", "1577872800.000002", "1577872800.000003"
    found = told(
        tmp_path,
        export(
            message(first, text="old"),
            edited(second, "1577872900.000000", "newest"),
            changed("1577872850.000001", edited(first, "1577872850.000000", "newer")),
            changed("1577872860.000001", edited(second, "1577872860.000000", "older")),
            changed("1577872870.000001", edited(first, "1577872870.000000", "newest")),
            changed("1577872870.000002", edited(third, "1577872870.000000", "newest")),
        ),
    )
    assert {post.text for post in found.posts.values()} == {"newest"}
    assert {post.id for post in found.posts.values()} == {f"C1-{t}" for t in (first, second, third)}
    assert found.rows["messages"] == {"post": 3, "skipped_older_version": 3}


def test_what_was_deleted_is_deleted(tmp_path: Path) -> None:
    first, second, third = "1577872800.000001", "1577872800.000002", "1577872800.000003"
    gone = {"type": "message", "subtype": "message_deleted"}
    found = told(
        tmp_path,
        export(
            message(first, text="<@U2> regretted"),
            {**gone, "ts": "1577872900.1", "previous_message": message(first, text="regretted")},
            {**gone, "ts": "1577872900.2", "previous_message": message(second, text="regretted")},
            {**gone, "ts": "1577872900.3", "deleted_ts": "1577872800.000009"},
            message(third, "USLACKBOT", "This message was deleted.", subtype="tombstone"),
        ),
    )
    assert {post.id: (post.state, post.text) for post in found.posts.values()} == {
        f"C1-{ts}": (PostState.DELETED, "") for ts in (first, second, third)
    }
    assert found.posts[f"C1-{third}"].author is None
    assert not found.actions
    assert found.rows["messages"] == {"post": 3, "skipped_deleted": 2}


def test_private_conversations_are_left_out(tmp_path: Path) -> None:
    private: Files = {
        "groups.json": [{"id": "G1", "name": "board"}],
        "dms.json": [{"id": "D1", "members": ["U1", "U2"]}],
        "mpims.json": [{"id": "G2", "name": "mpdm-ana--ben-1"}],
        "board/2020-01-01.json": [message("1577872800.000001", text="secret")],
        "D1/2020-01-01.json": [message("1577872800.000002", text="secret")],
        "mpdm-ana--ben-1/2020-01-01.json": [message("1577872800.000003", text="secret")],
        "integration_logs.json": [{"user_id": "U1"}],
    }
    found = told(tmp_path, export(**private))
    assert not found.posts
    assert found.rows["files"] == {
        "messages": 1,
        "skipped_private_conversation": 3,
        "skipped_not_messages": 6,
    }
    mapping = tmp_path / "mine.toml"
    text = Path("sources/mappings/slack.toml").read_text(encoding="utf-8")
    mapping.write_text(text.replace("private_channels = false", "private_channels = true"))
    assert [post.id for post in told(tmp_path, export(**private), mapping).posts.values()] == [
        "G1-1577872800.000001"
    ]


def test_a_folder_is_found_however_its_name_is_composed(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "ガイド-é") for form in ("NFC", "NFD"))
    files: Files = {
        "channels.json": [*CHANNELS, {"id": "C3", "name": composed}],
        f"{decomposed}/2020-01-01.json": [message("1577872800.000001")],
    }
    mapping = tmp_path / "mine.toml"
    text = Path("sources/mappings/slack.toml").read_text(encoding="utf-8")
    mapping.write_text(f'{text}\n[channels."{decomposed}"]\nskip = "guide"\n')
    assert "C3-1577872800.000001" in told(tmp_path, export(**files)).posts
    assert told(tmp_path, export(**files), mapping).rows["messages"] == {"skipped_guide": 1}


def test_a_folder_that_no_list_names_is_not_called_private(tmp_path: Path) -> None:
    files: Files = {
        "groups.json": [{"id": "G1", "name": "board"}],
        "board/2020-01-01.json": [message("1577872800.000001")],
        "renamed/2020-01-01.json": [message("1577872800.000002")],
    }
    found = told(tmp_path, export(**files))
    assert found.rows["files"] == {
        "messages": 1,
        "skipped_private_conversation": 1,
        "skipped_unknown_channel": 1,
        "skipped_not_messages": 3,
    }
    assert (found.checks["channels"], found.checks["channels_without_files"]) == (2, 1)


def test_what_slack_notes_down_is_counted_by_kind(tmp_path: Path) -> None:
    found = told(
        tmp_path,
        export(
            message("1577872800.000001", subtype="channel_leave"),
            message("1577872800.000002", subtype="channel_topic"),
            message("1577872800.000003", subtype="hologram"),
            {"type": "user_change", "ts": "1577872800.000004"},
        ),
    )
    assert found.rows["messages"] == {
        "skipped_channel_leave": 1,
        "skipped_channel_topic": 1,
        "unmapped_hologram": 1,
        "unmapped_type_user_change": 1,
    }
    assert found.checks["messages"] == 4


def test_emoji_that_mean_the_same_are_one_act_of_a_member(tmp_path: Path) -> None:
    mapping = tmp_path / "mine.toml"
    text = Path("sources/mappings/slack.toml").read_text(encoding="utf-8")
    mapping.write_text(f'{text}\n[emoji]\n"+1" = "like"\nheart = "like"\n')
    emoji = ["+1", "+1::skin-tone-2", "heart", "tada", "wave"]
    reactions = [{"name": name, "users": ["U2"], "count": 1} for name in emoji]
    found = told(tmp_path, export(message("1577872800.000001", reactions=reactions)), mapping)
    assert sorted((a.verb, a.actor) for a in found.actions.values()) == [
        ("like", "U2"),
        ("react", "U2"),
        ("react", "U2"),
    ]
    (post,) = found.posts.values()
    assert post.counts == {"like": 0, "react": 0}, "which a later export may have changed"


def test_a_mapping_tells_channels_and_emoji_apart(tmp_path: Path) -> None:
    mapping = tmp_path / "mine.toml"
    mapping.write_text(
        'format = "slack"\n[default]\nskip = "small_talk"\n[channels.help]\nvenue = "qa"\n'
        'message = "question"\nreply = "answer"\nfile = "question"\n[verbs]\nmention = false\n'
        '[emoji]\nclap = "like"\neyes = false\n'
    )
    reactions = [
        {"name": "clap::skin-tone-2", "users": ["U2"], "count": 1},
        {"name": "eyes", "users": ["U2"], "count": 1},
    ]
    asked = message("1577872800.000001", text="<@U2>?", reactions=reactions)
    files = export(message("1577872800.000001"), **{"help/2020-01-01.json": [asked]})
    found = told(tmp_path, files, mapping)
    assert {(post.venue, post.type) for post in found.posts.values()} == {("qa", "question")}
    assert {(a.venue, a.verb) for a in found.actions.values()} == {("qa", "like")}
    assert found.rows["messages"] == {"skipped_small_talk": 1, "question": 1}
    assert found.posts["C2-1577872800.000001"].counts == {"like": 0}


def test_a_bad_entry_is_refused_with_its_place(tmp_path: Path) -> None:
    files = export("nonsense", message("yesterday"), message("1577872800.000001"))
    files |= {"help/2020-01-01.json": b"{oops", "help/2020-01-02.json": {"ok": False}}
    files["users.json"] = [*USERS, "nobody"]
    found = told(tmp_path, files)
    assert [place for place, _, _ in found.faults] == [
        "users.json, user 6",
        "general/2020-01-01.json, message 1",
        "general/2020-01-01.json, message 2",
        "help/2020-01-01.json, the whole file",
        "help/2020-01-02.json, the whole file",
    ]
    assert "expected seconds since 1970" in found.faults[2][2]
    assert len(found.posts) == 1


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"users.json": None}, r"holds no users\.json; expected a Slack export"),
        ({"channels.json": None}, r"holds no channels\.json"),
        ({"channels.json": b"[}"}, r"channels\.json is not JSON"),
        ({"users.json": {"ok": True}}, r"users\.json holds no list"),
        ({"users.json": bytes(MAX_FILE_BYTES + 1)}, "has more than"),
    ],
)
def test_what_is_no_export_is_refused(
    tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    files = {name: content for name, content in (export() | change).items() if content is not None}
    path = zipped(tmp_path, files)
    with pytest.raises(SourceError, match=complaint):
        list(opened(path).records())


def test_a_folder_is_as_good_as_a_zip_and_may_lie_deeper(tmp_path: Path) -> None:
    files = export(message("1577872800.000001"))
    deeper = {f"Our export/{name}": content for name, content in files.items()}
    expected = records(told(tmp_path, files).reads)
    assert records(Told(opened(folder(tmp_path, deeper))).reads) == expected


@given(text=st.text(st.sampled_from("<>@|#!:UC1 a&\n")))
def test_any_text_becomes_plain(text: str) -> None:
    list(mentioned(text))
    assert isinstance(plain(said(text)), str)
    assert len(plain(text)) <= len(text)


@pytest.mark.parametrize(
    "part", ["<", "<a|", "<@U1|", "<" + "a" * 3_999, "<a|" + "b" * 3_999, "<@U1> commented on "]
)
def test_markup_that_never_ends_is_read_in_time(part: str) -> None:
    def seconds(size: int) -> float:
        text = part * (size // len(part))
        begun = process_time()
        list(mentioned(text))
        plain(said(text))
        return process_time() - begun

    small, large = (min(seconds(size) for _ in range(3)) for size in (100_000, 800_000))
    assert large < 24 * small + 0.05, "eight times the text takes about eight times as long"


def test_what_only_looks_like_markup_stays() -> None:
    assert plain("a <b") == "a <b"


#: What the reader looks at in a message.
FIELDS = [
    "type",
    "subtype",
    "ts",
    "thread_ts",
    "parent_user_id",
    "user",
    "bot_id",
    "bot_profile",
    "text",
    "edited",
    "message",
    "previous_message",
    "comment",
    "file",
    "files",
    "reactions",
]


@pytest.mark.slow
@given(
    field=st.sampled_from(FIELDS),
    subtype=st.sampled_from(["", "message_changed", "message_deleted", "file_comment"]),
    value=st.sampled_from(["", "U1", "1577872800.000001", "9" * 40, "\0", "message_changed"])
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.just({"ts": "1577872800.000001"}),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["id", "user"]), inner),
    ),
)
def test_no_field_whatever_it_holds_breaks_the_reader(
    tmp_path_factory: pytest.TempPathFactory, field: str, subtype: str, value: object
) -> None:
    odd = message("1577872801.000002", subtype=subtype) | {field: value}
    files = export(odd, message("1577872802.000003"), **{"users.json": [{"id": value}, *USERS]})
    reader = opened(zipped(tmp_path_factory.mktemp("odd"), files))
    posts = {read.record.id for read in reader.records() if isinstance(read.record, PostRecord)}
    assert "C1-1577872802.000003" in posts, "the others are read"
