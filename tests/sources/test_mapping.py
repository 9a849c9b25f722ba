"""Mapping files: the shipped ones load, and each mistake in one is named with its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import sources
from sources.discourse_mapping import CategoryRule, load_discourse
from sources.discourse_users import load_discourse_users
from sources.mapping_file import MappingError, Rule, shipped_text
from sources.note_likes import load_note_likes
from sources.polis import load_polis
from sources.reader import SourceError
from sources.records import Direction
from sources.slack_mapping import load_slack
from sources.sourcecred_mapping import load_sourcecred
from sources.stackexchange import load_stackexchange


def edited(folder: Path, format: str, *changes: tuple[str, str]) -> Path:
    text = shipped_text(format)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_mappings_load() -> None:
    exchange = load_stackexchange()
    assert exchange.votes["1"] == Rule("qa", "best_answer", asker=True)
    assert exchange.votes["10"].skip == "moderation"
    assert [c.column for c in exchange.counters] == ["UpVotes", "DownVotes"]
    assert load_discourse().default == CategoryRule("forum", "topic", "reply")
    assert load_discourse_users().counters[1].direction is Direction.RECEIVED


@pytest.mark.parametrize("format", ["stackexchange", "discourse", "discourse-users", "slack"])
def test_the_commented_examples_are_right_too(tmp_path: Path, format: str) -> None:
    lines = []
    example = False
    for line in shipped_text(format).splitlines():
        example = line.startswith("# [") or (example and line.startswith("# "))
        lines.append(line.removeprefix("# ") if example else line)
    path = tmp_path / "all.toml"
    path.write_text("\n".join(lines))
    load = {
        "stackexchange": load_stackexchange,
        "discourse": load_discourse,
        "discourse-users": load_discourse_users,
        "slack": load_slack,
    }[format]
    assert load(path) != load()


def test_an_edited_copy_replaces_the_shipped_one(tmp_path: Path) -> None:
    path = edited(tmp_path, "stackexchange", ('venue = "qa", verb = "vote_up"', 'skip = "mine"'))
    assert load_stackexchange(path).votes["2"] == Rule(skip="mine")


def test_every_mistake_is_named_with_its_line(tmp_path: Path) -> None:
    path = edited(
        tmp_path,
        "stackexchange",
        ('verb = "vote_up" }', 'verb = "Vote up" }'),
        ('actor = "asker" }', 'actor = "owner" }'),
        ('1 = { venue = "qa", type = "question" }', '1 = { venue = "qa", kind = "question" }'),
        (
            'direction = "given"\n\n[[counters]]\ncolumn = "D',
            'direction = "up"\n\n[[counters]]\ncolumn = "D',
        ),
        ("[badges]\n", "[badge]\n"),
    )
    lines = path.read_text().splitlines()
    with pytest.raises(MappingError) as raised:
        load_stackexchange(path)
    mistakes = {mistake.key: mistake for mistake in raised.value.mistakes}
    assert set(mistakes) == {
        "badge",
        "posts.1.kind",
        "posts.1.type",
        "votes.1.actor",
        "votes.2.verb",
        "badges",
        "counters.0.direction",
    }
    for key, part in {
        "votes.2.verb": "Vote up",
        "votes.1.actor": '"owner"',
        "posts.1.kind": "kind",
        "counters.0.direction": '"up"',
        "badge": "[badge]",
    }.items():
        line = mistakes[key].line
        assert line is not None
        assert part in lines[line - 1]
    assert f"{path}: line " in str(raised.value)
    assert "expected lower-case letters" in mistakes["votes.2.verb"].message


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('format = "discourse"', "default"),
        ('format = "other"\n[default]\nskip = "x"', "format"),
        ('format = "discourse"\ndefault = 3', "default"),
        ('format = "discourse"\n[default]\nskip = "x"\nvenue = "y"', "default.venue"),
        ('format = "discourse"\n[default]\nskip = "x"\n[verbs]\nlike = true', "verbs.like"),
        ('format = "discourse"\n[default]\nskip = "x"\n[categories]\n3 = 4', "categories.3"),
    ],
)
def test_mistakes_in_a_discourse_mapping(tmp_path: Path, text: str, key: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(MappingError) as raised:
        load_discourse(path)
    assert [mistake.key for mistake in raised.value.mistakes] == [key]


def test_two_columns_cannot_be_the_same_total(tmp_path: Path) -> None:
    path = edited(tmp_path, "discourse-users", ('verb = "read_post"', 'verb = "view"'))
    with pytest.raises(MappingError, match="posts_read_count and topics_entered give the same"):
        load_discourse_users(path)


def test_beside_topics_a_list_tells_only_what_they_do_not() -> None:
    path = Path(sources.__file__).parent / "mappings" / "discourse-users-beside-topics.toml"
    beside = {replace(rule, required=False) for rule in load_discourse_users(path).counters}
    every = set(load_discourse_users().counters)
    assert beside < every
    # Topics tell posts, whole, and how often they were liked; see sources.discourse.
    assert {rule.column for rule in every - beside} == {
        "likes_received",
        "topic_count",
        "post_count",
    }


def test_personal_columns_are_no_totals(tmp_path: Path) -> None:
    path = edited(tmp_path, "discourse-users", ('column = "likes_given"', 'column = "Email"'))
    with pytest.raises(MappingError, match=r"line \d+, counters.0.column: .* is personal"):
        load_discourse_users(path)


def test_a_verb_can_be_switched_off(tmp_path: Path) -> None:
    path = edited(tmp_path, "discourse", ('mention = "mention" ', "mention = false "))
    assert load_discourse(path).mention is None


def test_what_is_no_toml_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text('format = "discourse"\n[default')
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    for path, complaint in [
        (broken, "is not TOML: .*end of document"),
        (binary, "is not UTF-8"),
        (tmp_path / "absent.toml", "cannot be read"),
    ]:
        with pytest.raises(SourceError, match=complaint):
            load_discourse(path)


@pytest.mark.parametrize(
    ("format", "load", "changes", "complaints"),
    [
        (
            "polis",
            load_polis,
            [("[votes]", "[votes]\nmaybe = 1"), ('verb = "vote_pass"', 'verb = "Pass"')],
            ["votes.maybe: is not known here", "votes.pass.verb: is 'Pass'"],
        ),
        (
            "note-likes",
            load_note_likes,
            [('id = "owner"', "id = 3"), ('role = "staff"', 'role = "boss"')],
            ["owner.id: is 3", "owner.role: is 'boss'; expected 'staff'"],
        ),
        (
            "sourcecred",
            load_sourcecred,
            [('reply = "reply"', ""), ("link = false", 'lnk = "x"')],
            ["posts.reply: is missing", "verbs.lnk: is not known here"],
        ),
        (
            "slack",
            load_slack,
            [
                ("private_channels = false", "private_channels = 1"),
                ('file = "share_file"', ""),
                ('staff = ["is_admin"', 'staff = ["is_boss"'),
            ],
            [
                "private_channels: is 1; expected true or false",
                "default.file: is missing",
                "staff: is ['is_boss', 'is_owner']; expected a list of 'is_admin' or 'is_owner'",
            ],
        ),
    ],
)
def test_mistakes_in_the_mappings_of_other_systems(
    tmp_path: Path,
    format: str,
    load: Callable[[Path], object],
    changes: list[tuple[str, str]],
    complaints: list[str],
) -> None:
    path = edited(tmp_path, format, *changes)
    with pytest.raises(MappingError) as raised:
        load(path)
    assert len(raised.value.mistakes) == len(complaints)
    for complaint in complaints:
        assert complaint in str(raised.value)
