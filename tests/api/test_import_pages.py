"""What the pages about importing say to do works as they say it."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from api.database import open_database
from api.settings import Settings
from tests.api.command_line import HOUSE, NOW, environment, told
from tests.sources.exports import CHANNELS, USERS, Files, message, zipped

pytestmark = pytest.mark.slow

_FENCE = re.compile(r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_PARAMETER = re.compile(r":(since|until)\b")


def _fences(page: str, kind: str) -> list[str]:
    text = (HOUSE / "docs" / "how-to" / page).read_text(encoding="utf-8")
    return [fence["text"] for fence in _FENCE.finditer(text) if fence["kind"] == kind]


def test_the_worked_example_of_a_mapping_does_what_the_page_says(tmp_path: Path, url: str) -> None:
    mapping = tmp_path / "mine.toml"
    (example,) = [text for text in _fences("import.md", "toml") if 'format = "slack"' in text]
    mapping.write_text(example, encoding="utf-8")
    reactions = [{"name": name, "users": ["U2"], "count": 1} for name in ("+1", "eyes", "tada")]
    first = "1577872800.000001"
    files: Files = {
        "users.json": USERS,
        "channels.json": [*CHANNELS, {"id": "C3", "name": "random"}],
        "general/2020-01-01.json": [message(first, reactions=reactions)],
        "help/2020-01-01.json": [
            message(first),
            message("1577872801.000001", "U2", thread_ts=first, parent_user_id="U1"),
        ],
        "random/2020-01-01.json": [message(first)],
    }
    command = ["import", "slack", str(zipped(tmp_path, files)), "--source", "team"]
    command += ["--mapping", str(mapping)]
    rows = {"post": 1, "question": 1, "answer": 1, "skipped_small_talk": 1}
    dry = told(*command, "--dry-run", database_url=url, data_dir=str(tmp_path / "data"))
    report = told(*command, database_url=url, data_dir=str(tmp_path / "data"))
    for one in (dry, report):
        assert one["rows"]["messages"] == rows
        assert one["unclassified"] == {"channel.like": 1}, "which a manager adds to the rules"
    assert dry["recorded"] == {}
    assert report["recorded"] == {"member": 5, "post": 3, "action": 2}


#: The tables of a Discourse forum that the query reads, as far as it reads them.
_DISCOURSE = """
    create table users (id int, username text, created_at timestamp, last_seen_at timestamp,
        admin bool, moderator bool);
    create table categories (id int, read_restricted bool);
    create table topics (id int, title text, views int, user_id int, category_id int,
        archetype text, deleted_at timestamp, visible bool default true);
    create table posts (id int, user_id int, topic_id int, post_number int,
        reply_to_post_number int, post_type int, raw text, created_at timestamp,
        updated_at timestamp, deleted_at timestamp, hidden bool,
        user_deleted bool default false);
    create table post_actions (id int, post_id int, user_id int, post_action_type_id int,
        created_at timestamp, deleted_at timestamp, deleted_by_id int);
    create table discourse_solved_solved_topics (id int, topic_id int, answer_post_id int,
        accepter_user_id int, created_at timestamp);
    create table user_actions (id int, action_type int, user_id int, acting_user_id int,
        target_post_id int, created_at timestamp);
    create table bookmarks (id int, user_id int, bookmarkable_id int, bookmarkable_type text,
        created_at timestamp);
    create table user_visits (id int, user_id int, visited_at date);
    insert into users values
        (-1, 'system', '2025-01-01', null, true, true),
        (1, 'ana', '2026-01-05 09:00', '2026-02-01', false, false),
        (2, 'ben', '2025-12-01', '2026-02-02 10:00', false, true),
        (3, 'old', '2020-01-01', '2020-02-01', false, false);
    insert into topics values
        (7, 'How, "exactly"?', 120, 1, 10, 'regular'), (8, 'Hello', 9, 2, 5, 'regular'),
        (9, 'Psst', 2, 1, null, 'private_message'), (10, 'Among us', 1, 2, 99, 'regular');
    insert into topics values (11, 'Unlisted', 3, 1, 5, 'regular', null, false);
    insert into categories values (5, false), (10, false), (99, true);
    insert into posts values
        (100, 1, 7, 1, null, 1, E'How?\\nSee: "this", 例', '2026-01-06', '2026-01-06', null, false),
        (101, 2, 7, 2, null, 1, 'So.', '2026-01-06 12:30:00.5', '2026-01-06', null, false),
        (102, 1, 7, 3, 2, 1, 'Thanks @ben', '2026-01-07', '2026-01-07', null, false),
        (103, 2, 7, 4, null, 3, 'closed', '2026-01-08', '2026-01-08', null, false),
        (104, 2, 8, 1, null, 1, 'Hi', '2026-01-09', '2026-01-09', '2026-01-10', false),
        (105, 1, 9, 1, null, 1, 'secret', '2026-01-09', '2026-01-09', null, false),
        (106, 1, 8, 2, null, 1, 'later', '2026-06-01', '2026-06-01', null, false),
        (107, 2, 10, 1, null, 1, 'secret', '2026-01-09', '2026-01-09', null, false),
        (108, 2, 11, 1, null, 1, 'Odd', '2026-01-09', '2026-01-09', null, false);
    insert into posts values
        (109, 1, 7, 5, null, 1, 'Oops', '2026-01-09', '2026-01-09', null, false, true);
    insert into post_actions values
        (1, 101, 1, 2, '2026-01-06 13:00', null, null),
        (2, 100, 2, 2, '2026-01-06 14:00', '2026-01-07', 2),
        (3, 101, 1, 3, '2026-01-06 13:00', null, null),
        (4, 105, 2, 2, '2026-01-09 13:00', null, null);
    insert into discourse_solved_solved_topics values (1, 7, 101, 1, '2026-01-07');
    insert into user_actions values
        (1, 1, 1, 1, 101, '2026-01-06'), (2, 2, 2, 1, 101, '2026-01-06'),
        (3, 7, 2, 1, 102, '2026-01-07'), (4, 9, 2, 1, 102, '2026-01-07');
    insert into bookmarks values
        (1, 2, 100, 'Post', '2026-01-08'), (2, 2, 7, 'Topic', '2026-01-08');
    insert into user_visits values (1, 1, '2026-01-06'), (2, 2, '2026-01-06');
"""
#: Posts and a topic are deleted, with the likes of the former; somebody likes again what they did.
_LATER = """
    update posts set deleted_at = '2026-04-10' where id = 101;
    update post_actions set deleted_at = '2026-04-10 00:00:00.01', deleted_by_id = 2
        where post_id = 101 and post_action_type_id = 2;
    update topics set deleted_at = '2026-04-11' where id = 11;
    update post_actions set created_at = '2026-04-12', deleted_at = null, deleted_by_id = null
        where id = 2;
"""


async def _explored(url: str, query: str, since: str, until: str) -> list[str]:
    """The column that the query gives, run as the Data Explorer runs it."""
    assert ";" not in query, "which it refuses"
    values = {"since": since, "until": until}
    filled = _PARAMETER.sub(lambda found: f"'{values[found[1]]}'", query)
    assert not re.search(r":[a-z]", re.sub(r"--.*", "", filled)), "it would be a parameter"
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            f"with query as (\n{filled}\n) select * from query limit 10000"
        )
    finally:
        await connection.close()
    return [row["record"] for row in rows]


def _pipe(data_dir: Path, folder: Path, url: str) -> Any:
    """The command of the page, in a folder with the file it reads."""
    (command,) = _fences("import-discourse.md", "sh")
    assert command.startswith("python3 -c ")
    assert command.count("ikusei") == 1
    command = command.replace("python3", sys.executable)
    command = command.replace("ikusei", f"{sys.executable} -m api.cli").rstrip() + " --json"
    settings = environment(clock=NOW, database_url=url, data_dir=str(data_dir))
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=settings | {"PYTHONPATH": os.fspath(HOUSE)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Forum:
    """The database of a forum at ``forum``, asked as the page says, into the one at ``url``."""

    def __init__(self, forum: str, place: Path, url: str) -> None:
        self._forum = forum
        self._place = place
        self._url = url

    async def changed(self, statements: str) -> None:
        connection = await asyncpg.connect(self._forum)
        try:
            await connection.execute(statements)
        finally:
            await connection.close()

    async def imported(self, since: str, until: str) -> Any:
        """What the import of a period says."""
        (query,) = _fences("import-discourse.md", "sql")
        lines = await _explored(self._forum, query, since, until)
        rows = [["record"], *([line] for line in lines)]
        with (self._place / "likes.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
        return json.loads(_pipe(self._place / "data", self._place, self._url))


async def test_the_query_for_discourse_gives_what_ndjson_reads(
    tmp_path: Path, url: str, empty_url: str
) -> None:
    forum = Forum(empty_url, tmp_path, url)
    await forum.changed(_DISCOURSE)
    report = await forum.imported("2026-01-01", "2026-04-01")
    assert report["rejected"] == {}
    assert report["recorded"] == {"member": 2, "post": 6, "action": 8, "retraction": 1}
    assert report["unclassified"] == {}
    again = await forum.imported("2026-01-01", "2026-04-01")
    assert set(again["recorded"].values()) == {0}
    async with open_database(Settings(database_url=url)) as database, database.read() as found:
        rows = await found.fetch(
            """
            select a.external_id, t.venue, t.verb, a.occurred_at, a.state, m.external_id as actor
            from action a join action_type t on t.id = a.type_id
            left join account m on m.member_id = a.actor_id
            where a.external_id not like 'writing:%' order by a.external_id
            """
        )
        text = await found.fetchval("select text from post where external_id = '100'")
    assert text == 'How?\nSee: "this", 例'
    assert [(row["external_id"], row["venue"], row["actor"]) for row in rows] == [
        ("accept-101", "qa", "1"),
        ("bookmark-1", "qa", "2"),
        (f"like-1-{_epoch(13)}", "qa", "1"),
        (f"like-2-{_epoch(14)}", "qa", "2"),
        ("mention-102-2", "qa", "1"),
        ("quote-102-2", "qa", "1"),
        ("visit-1-2026-01-06", "site", "1"),
        ("visit-2-2026-01-06", "site", "2"),
    ]
    undone = {row["external_id"]: row["state"] for row in rows if row["state"]}
    assert undone == {f"like-2-{_epoch(14)}": 1}


def _epoch(hour: int) -> int:
    return int(datetime(2026, 1, 6, hour, tzinfo=UTC).timestamp())


async def test_a_later_period_tells_what_was_deleted_and_what_is_liked_again(
    tmp_path: Path, url: str, empty_url: str
) -> None:
    forum = Forum(empty_url, tmp_path, url)
    await forum.changed(_DISCOURSE)
    await forum.imported("2026-01-01", "2026-04-01")
    await forum.changed(_LATER)
    later = await forum.imported("2026-04-01", "2026-05-01")
    assert later["rejected"] == {}
    assert later["replaced"]["post"] == 2
    assert later["recorded"] == {"action": 1, "post": 0}
    async with open_database(Settings(database_url=url)) as database, database.read() as found:
        states = await found.fetch("select external_id, state from post order by external_id")
        held = await found.fetch(
            """
            select p.external_id, m.external_id from action a
            join action_type t on t.id = a.type_id join post p on p.id = a.post_id
            join account m on m.member_id = a.actor_id
            where t.verb = 'like' and a.state = 0 order by 1
            """
        )
    assert {row["external_id"]: row["state"] for row in states} == {
        "100": "visible",
        "101": "deleted",
        "102": "visible",
        "104": "deleted",
        "108": "deleted",
        "109": "deleted",
    }
    assert [tuple(row) for row in held] == [("100", "2"), ("101", "1")], "as posts keep them"


@pytest.mark.parametrize("page", ["import.md", "import-discourse.md"])
def test_the_pages_name_no_address(page: str) -> None:
    text = (HOUSE / "docs" / "how-to" / page).read_text(encoding="utf-8")
    assert set(re.findall(r"https?://([^/)\s]+)", text)) <= {"cloudevents.io"}
