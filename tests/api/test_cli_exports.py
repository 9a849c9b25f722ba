"""Exports of one community taken at two times: what was changed between them holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api.database import open_database
from api.settings import Settings
from tests.api.command_line import told
from tests.sources.exports import CHANNELS, USERS, Files, message, zipped
from tests.sources.polls import COMMENTS, HEADER, PARTICIPANTS

pytestmark = pytest.mark.slow


async def _rows(url: str, query: str) -> list[tuple[Any, ...]]:
    async with open_database(Settings(database_url=url)) as database, database.read() as connection:
        return [tuple(row) for row in await connection.fetch(query)]


_HELD = """
    select t.verb, m.external_id, p.external_id from action a
    join action_type t on t.id = a.type_id join account m on m.member_id = a.actor_id
    join post p on p.id = a.post_id
    where a.state = 0 and t.verb like 'vote%' order by 2, 3
"""
_GIVEN = """
    select t.verb, sum(y.n)::int from tally y join action_type t on t.id = y.type_id
    where y.side = 0 and t.verb like 'vote%' group by 1 having sum(y.n) <> 0 order by 1
"""


_REACTED = """
    select sum(y.n)::int from tally y join action_type t on t.id = y.type_id
    where y.side = 1 and t.verb = 'react'
"""


class _Polls:
    """Exports of one conversation, imported one after the other."""

    def __init__(self, place: Path, url: str) -> None:
        self._place = place
        self._url = url

    def take(self, name: str, *votes: str) -> dict[str, Any]:
        files = {"comments.csv": COMMENTS, "votes.csv": HEADER + "".join(votes)}
        files["participants-votes.csv"] = PARTICIPANTS
        place = self._place / name
        place.mkdir(exist_ok=True)
        data = str(self._place / "data")
        report = told(
            "import", "polis", str(zipped(place, files)), database_url=self._url, data_dir=data
        )
        assert report["unaccounted"] == report["rejected"] == {}
        assert set(report["conflict"].values()) == {0}
        found: dict[str, Any] = report["recorded"]
        return found


async def test_a_later_export_of_votes_changes_what_holds(tmp_path: Path, url: str) -> None:
    polls = _Polls(tmp_path, url)
    first, other = "1435654300000,x,0,2,1\n", "1435654300500,x,0,3,1\n"
    second, third = "1435654400000,x,0,2,-1\n", "1435654500000,x,0,2,1\n"
    assert polls.take("older", first, other)["action"] == 2
    assert await _rows(url, _HELD) == [("vote_up", "2", "0"), ("vote_up", "3", "0")]
    newer = polls.take("newer", first, second, other)
    assert (newer["action"], newer["retraction"]) == (1, 1)
    assert await _rows(url, _HELD) == [("vote_down", "2", "0"), ("vote_up", "3", "0")]
    assert await _rows(url, _GIVEN) == [("vote_down", 1), ("vote_up", 1)]
    again = polls.take("newer", second, other, first)
    assert set(again.values()) == {0}
    # Back to the first opinion: it is a third vote, not the first one come back to life.
    assert polls.take("newest", first, second, other, third)["action"] == 1
    older = polls.take("older", first, other)
    assert set(older.values()) == {0}, "an older export takes nothing back"
    assert await _rows(url, _HELD) == [("vote_up", "2", "0"), ("vote_up", "3", "0")]
    assert await _rows(url, _GIVEN) == [("vote_up", 2)]


async def test_a_later_export_of_a_chat_changes_messages(tmp_path: Path, url: str) -> None:
    def take(*messages: dict[str, Any]) -> dict[str, Any]:
        files: Files = {
            "users.json": USERS,
            "channels.json": CHANNELS,
            "general/2020-01-01.json": list(messages),
        }
        report: dict[str, Any] = told(
            "import",
            "slack",
            str(zipped(tmp_path, files)),
            database_url=url,
            data_dir=str(tmp_path / "data"),
        )
        assert report["unaccounted"] == report["rejected"] == {}
        return report

    first, second = "1577872800.000001", "1577872801.000002"
    reaction = {"name": "+1", "users": ["U1"], "count": 9}
    take(message(first, "U2", "one"), message(second, "U2", "two", reactions=[reaction]))
    unnamed = "select n from post_count"
    assert await _rows(url, unnamed) == [(8,)], "whom Slack does not name"
    reply = message("1577872802.000003", thread_ts=first, parent_user_id="U2")
    gone = message(first, "USLACKBOT", "This message was deleted.", subtype="tombstone")
    edited = message(second, "U2", "two!", edited={"user": "U2", "ts": "1577872900.000000"})
    everybody = ["U1", *(f"U{n}" for n in range(10, 18))]
    edited["reactions"] = [{**reaction, "users": everybody}]
    later = take(gone, edited, reply)
    assert later["recorded"] == {"action": 8, "member": 0, "post": 1}
    assert later["replaced"]["post"] == 2
    assert await _rows(url, unnamed) == [(0,)], "nobody reacted twice"
    assert await _rows(url, _REACTED) == [(9,)]
    posts = "select external_id, state, text, author_id is not null from post order by written_at"
    assert await _rows(url, posts) == [
        (f"C1-{first}", "deleted", "", True),
        (f"C1-{second}", "visible", "two!", True),
        ("C1-1577872802.000003", "visible", "hello", True),
    ]
    answered = """
        select m.external_id from action a join post p on p.id = a.wrote_id
        join account m on m.member_id = a.target_id where p.external_id = 'C1-1577872802.000003'
    """
    assert await _rows(url, answered) == [("U2",)]
    assert set(take(gone, edited, reply)["recorded"].values()) == {0}
