"""Candidates: who is given what, and what has become of it when it is looked up."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from engagement.prompt import Candidate
from engagement.scenario import KINDS, Kind
from sources.records import PostRecord, PostState, ViewsRecord
from store import people
from store.candidates import keeping
from store.candidates.keeping import keep
from store.candidates.pool import kept, now_so
from store.db import Database
from store.refresh import refresh
from tests.store.making import EVE, NOW, act, ago, fetch, member, number, post, put, undo, value
from tests.store.prompting import run, scenario

Told = dict[str, Candidate]


async def _kept(
    database: Database, who: str, kind: Kind, *, now: datetime = NOW, **more: Any
) -> Told:
    """The candidates of a kind that a decision would be given, by the id of their post."""
    me = await number(database, who)
    async with database.read() as connection:
        found = await kept(connection, me, [kind], now=now, **more)
    return await _named(database, found)


async def _named(database: Database, found: list[Candidate]) -> Told:
    assert len({one.post_id for one in found}) == len(found)
    rows = await fetch(database, "select id, external_id from post")
    names = {row["id"]: row["external_id"] for row in rows}
    return {names[one.post_id]: one for one in found if one.post_id is not None}


async def _offered(
    database: Database, who: str, id: str, *, at: datetime = NOW, **more: Any
) -> None:
    """An offer of a post to a member, as a decision keeps it."""
    scenario_id = await value(database, "select max(id) from scenario")
    if scenario_id is None:
        (scenario_id,) = await run(database, scenario(kind=Kind.FIRST_POST))
    values = {
        "at": at,
        "member_id": await number(database, who),
        "policy_id": await value(database, "select max(id) from prompt_policy"),
        "scenario_id": scenario_id,
        "post_id": await value(database, "select id from post where external_id = $1", id),
        "period": 0,
        "status": 0,
        "surface": "home",
        "lang": "en",
        **more,
    }
    places = ", ".join(f"${i + 1}" for i in range(len(values)))
    statement = f"insert into offer ({', '.join(values)}) values ({places})"
    await database.in_write(lambda connection: connection.execute(statement, *values.values()))


async def _refresh(database: Database, *, now: datetime = NOW) -> None:
    assert await keep(database, KINDS, now=now, always=True) is not None


async def test_a_first_post_is_to_be_welcomed_by_others(database: Database) -> None:
    await put(
        database,
        member("ann"),
        post("old", "cat", time=ago(20)),
        post("not-first", "cat", time=ago(1)),
        post("first", "bob", title="Hello", time=ago(1)),
        post("late", "dan", time=ago(8)),
        post("of-staff", "eve", time=ago(1)),
        member("eve", role="staff"),
    )
    await _refresh(database)
    found = await _kept(database, "ann", Kind.FIRST_POST)
    assert list(found) == ["first"]
    assert found["first"].values == {"venue": "qa", "title": "Hello"}
    assert found["first"].is_fresh
    own = await _kept(database, "bob", Kind.FIRST_POST)
    assert own["first"].own and not own["first"].is_fresh


async def test_many_welcomes_are_enough(database: Database) -> None:
    await put(database, member("ann"), post("first", "bob", time=ago(1)))
    await put(database, *[post(f"old{i}", f"x{i}", time=ago(99)) for i in range(3)])
    for i in range(2):
        await put(database, post(f"a{i}", f"x{i}", "answer", root="first", parent="first"))
    await _refresh(database)
    assert (await _kept(database, "ann", Kind.FIRST_POST))["first"].answers == 2
    # One that only says what it answers is in the thread as well.
    await put(database, post("a2", "x2", "answer", parent="first"))
    stale = (await _kept(database, "ann", Kind.FIRST_POST))["first"]
    assert stale.answers == 3 and not stale.is_fresh
    await _refresh(database)
    assert await _kept(database, "ann", Kind.FIRST_POST) == {}


#: What makes the words of other texts rare ones.
_FILLER = [
    post(f"f{n}", f"filler{n}", "topic", venue="forum", text=f"filler{n}", time=ago(30))
    for n in range(60)
]


async def _asked_by_others(database: Database) -> None:
    """Three questions, and members who are active in Q&A with and without words of theirs."""
    await put(
        database,
        *_FILLER,
        post("router", "bob", title="Router reboots", text="It reboots hourly.", time=ago(2)),
        post("oven", "bob", title="Oven is cold", text="The thermostat?", time=ago(2)),
        post("stale", "bob", title="Router again", text="Router", time=ago(15)),
        post("wrote", "ann", "article", venue="member_blog", text="My router.", time=ago(100)),
        post("long-ago", "old", "article", venue="member_blog", text="My router.", time=ago(190)),
        *[act(f"{who} {i}", who, time=ago(5)) for who in ("ann", "silent", "old") for i in (1, 2)],
        act("elsewhere", "far", venue="forum", time=ago(5)),
        post("far-wrote", "far", "topic", venue="forum", text="My router.", time=ago(5)),
    )
    await _refresh(database)


async def test_questions_are_for_who_is_active_there_and_writes_of_the_same(
    database: Database,
) -> None:
    await _asked_by_others(database)
    mine = await _kept(database, "ann", Kind.QUESTION_FOR_YOU)
    assert list(mine) == ["router"]
    assert mine["router"].values == {"venue": "qa", "title": "Router reboots"}
    for who in ("silent", "old"):
        theirs = await _kept(database, who, Kind.QUESTION_FOR_YOU)
        assert set(theirs) == {"router", "oven"}
        assert all(0 < one.score < mine["router"].score for one in theirs.values())
    assert await _kept(database, "far", Kind.QUESTION_FOR_YOU) == {}
    # Who asked them wrote of the same things, but is not asked back.
    assert await _kept(database, "bob", Kind.QUESTION_FOR_YOU) == {}


async def test_what_was_done_of_late_weighs_more(database: Database) -> None:
    await put(
        database,
        *_FILLER,
        post("router", "bob", title="Router", time=ago(2)),
        *[act(f"new {i}", "new", time=ago(3)) for i in range(4)],
        *[act(f"old {i}", "old", time=ago(123)) for i in range(4)],
        *[act(f"gone {i}", "gone", time=ago(200)) for i in range(4)],
    )
    await _refresh(database)
    scores = {
        who: [one.score for one in (await _kept(database, who, Kind.QUESTION_FOR_YOU)).values()]
        for who in ("new", "old", "gone")
    }
    assert scores["gone"] == []
    # Four half-lives lie between them; the score is v / (v + 10) of v = log(1 + deeds).
    of_new, of_old = (10 * x / (1 - x) for x in (scores["new"][0], scores["old"][0]))
    assert math.expm1(of_new) == pytest.approx(4 * 2 ** (-3 / 30), rel=1e-3)
    assert math.expm1(of_old) == pytest.approx(4 * 2 ** (-123 / 30), rel=1e-3)


async def test_a_question_that_is_closed_or_answered_enough_is_none(database: Database) -> None:
    await _asked_by_others(database)
    await put(
        database,
        post("answer", "eve", "answer", root="router", parent="router"),
        act("best", "bob", "best_answer", post="answer"),
        *[post(f"o{i}", f"x{i}", "answer", root="oven", parent="oven") for i in range(4)],
    )
    found = await _kept(database, "silent", Kind.QUESTION_FOR_YOU)
    (stale,) = found.values()
    assert not stale.is_fresh
    later = NOW + timedelta(seconds=1)
    await _refresh(database, now=later)
    assert await _kept(database, "silent", Kind.QUESTION_FOR_YOU, now=later) == {}


async def test_who_answered_before_is_told_of_threads_that_wait(database: Database) -> None:
    old = [post(f"q{i}", "eve", time=ago(60)) for i in range(2)]
    await put(
        database,
        *old,
        post("helped", "ann", "answer", root="q0", parent="q0", time=ago(50)),
        act("without-post", "dan", "answer", post="q1", time=ago(50)),
        act("only-likes", "eli", post="q1", time=ago(50)),
        post("waits", "bob", title="Help", time=ago(3.5)),
        post("own-word", "bob", "comment", root="waits", parent="waits", time=ago(3)),
        post("new", "bob", time=ago(0.9)),
        post("answered", "bob", time=ago(3)),
        act("sent", "eve", "answer", post="answered", time=ago(2)),
        post("of-staff", "sue", time=ago(3)),
        member("sue", role="staff"),
        post("past", "bob", time=ago(15)),
    )
    await _refresh(database)
    for who in ("ann", "dan"):
        found = await _kept(database, who, Kind.UNANSWERED_THREAD)
        assert list(found) == ["waits"]
        assert found["waits"].values == {"venue": "qa", "title": "Help", "count": 3}
    for who in ("eli", "bob"):
        assert await _kept(database, who, Kind.UNANSWERED_THREAD) == {}


async def test_ideas_are_for_who_thinks_of_the_same(database: Database) -> None:
    def idea(id: str, author: str, **more: Any) -> PostRecord:
        return post(id, author, "idea", **{"venue": "idea", "time": ago(20)} | more)

    await put(
        database,
        *_FILLER,
        idea("dark", "bob", title="Dark mode", text="Please a dark mode."),
        idea("ja", "bob", title="夜間モード", text="夜間モードがほしい"),
        idea("old", "bob", title="Dark mode at last", time=ago(61)),
        idea("of-ann", "ann", title="Dark icons"),
        idea("other", "cat", title="More colours"),
        post(
            "said", "dan", "comment", venue="idea", root="other", text="夜間にも使う", time=ago(5)
        ),
        post("elsewhere", "eve", text="Dark", time=ago(5)),
    )
    await _refresh(database)
    assert list(await _kept(database, "ann", Kind.IDEA_NEAR_YOURS)) == ["dark"]
    assert list(await _kept(database, "dan", Kind.IDEA_NEAR_YOURS)) == ["ja"]
    assert await _kept(database, "eve", Kind.IDEA_NEAR_YOURS) == {}


async def test_articles_are_for_everybody_and_more_so_where_words_are_shared(
    database: Database,
) -> None:
    def article(id: str, days: float, **more: Any) -> PostRecord:
        return post(id, "sue", "article", venue="company_blog", time=ago(days), **more)

    await put(
        database,
        *_FILLER,
        member("sue", role="staff"),
        member("dan"),
        article("oven", 10, title="The new oven"),
        article("phone", 1, title="The phone"),
        article("past", 31, title="The past"),
        post("wrote", "ann", text="Which oven?", time=ago(3)),
    )
    await _refresh(database)
    assert list(await _kept(database, "ann", Kind.COMPANY_ARTICLE)) == ["oven", "phone"]
    of_all = await _kept(database, "dan", Kind.COMPANY_ARTICLE)
    assert list(of_all) == ["phone", "oven"]
    assert all(one.score < 0.5 for one in of_all.values())
    mine = await _kept(database, "ann", Kind.COMPANY_ARTICLE)
    assert mine["oven"].score > 0.5 > mine["phone"].score
    await put(database, act("liked", "ann", venue="company_blog", post="oven"))
    assert list(await _kept(database, "ann", Kind.COMPANY_ARTICLE)) == ["phone"]


async def test_answers_that_were_read_are_told_to_their_authors(database: Database) -> None:
    def viewed(id: str, count: int, days: int) -> ViewsRecord:
        return ViewsRecord("site", id, ago(days).date(), count)

    await put(
        database,
        post("q", "bob", title="Why?", time=ago(40)),
        post("read", "ann", "answer", root="q", parent="q", text="So.", time=ago(30)),
        post("unread", "dan", "answer", root="q", parent="q", time=ago(0.5)),
        post("q2", "bob", title="How?", time=ago(40)),
        post("itself", "ann", "answer", root="q2", parent="q2", time=ago(30)),
        viewed("q", 8, 7),
        viewed("q", 7, 1),
        viewed("q", 50, 8),
        viewed("q", 50, 0),
        viewed("q2", 9, 1),
        viewed("itself", 30, 2),
    )
    await _refresh(database)
    found = await _kept(database, "ann", Kind.ANSWER_WAS_READ)
    assert {id: one.values["count"] for id, one in found.items()} == {"itself": 30, "read": 15}
    assert found["read"].values["title"] == "Why?"
    assert all(one.own and one.is_fresh for one in found.values())
    assert await _kept(database, "dan", Kind.ANSWER_WAS_READ) == {}
    assert await _kept(database, "bob", Kind.ANSWER_WAS_READ) == {}


async def test_who_comes_back_is_told_what_brought_people_together(database: Database) -> None:
    def talk(id: str, people: int, each: int = 1, days: float = 5) -> list[PostRecord]:
        said = [
            post(f"{id} {i} {n}", f"x{i}", "reply", root=id, parent=id, time=ago(days - 1))
            for i in range(people)
            for n in range(each)
        ]
        return [post(id, "bob", "topic", title=id, time=ago(days)), *said]

    await put(
        database,
        member("ann"),
        *talk("wide", 4),
        *talk("deep", 3, each=4),
        *talk("two", 2, each=9),
        *talk("past", 6, days=31),
        post("bob-too", "bob", "reply", root="deep", parent="deep", time=ago(1)),
    )
    await _refresh(database)
    found = await _kept(database, "ann", Kind.WELCOME_BACK)
    assert {id: one.values["count"] for id, one in found.items()} == {"wide": 4, "deep": 12}
    assert list(found) == ["wide", "deep"]
    # Who was there needs not be told.
    assert list(await _kept(database, "x3", Kind.WELCOME_BACK)) == ["deep"]


async def test_a_candidate_becomes_stale_at_once(database: Database) -> None:
    await put(
        database,
        post("old", "ann", time=ago(99)),
        post("first", "bob", title="Hello", time=ago(1)),
    )
    await _refresh(database)

    async def found() -> Candidate:
        return (await _kept(database, "ann", Kind.FIRST_POST))["first"]

    assert (await found()).is_fresh
    await put(database, post("first", "bob", title="Hello", time=ago(1), state=PostState.HIDDEN))
    assert not (await found()).visible
    await put(database, post("first", "bob", title="Hi", time=ago(1), state=PostState.VISIBLE))
    assert (await found()).values["title"] == "Hi"
    await put(database, act("like", "ann", post="first"))
    assert (await found()).met
    await put(database, undo("sorry", "like"))
    assert (await found()).is_fresh
    await put(database, post("reply", "ann", "comment", parent="first"))
    assert (await found()).met
    # Whoever is gone is not asked about, and nothing of them is told.
    await people.erase_member(database, await number(database, "bob"), by=EVE, now=NOW)
    (gone,) = (await _kept(database, "ann", Kind.FIRST_POST)).values()
    assert not gone.visible and gone.values["title"] == "qa"
    await _refresh(database)
    assert await _kept(database, "ann", Kind.FIRST_POST) == {}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"arm": 0}, False),
        ({"arm": 0, "shown_at": NOW}, True),
        ({"arm": 0, "shown_at": NOW, "snoozed_at": NOW}, False),
        ({"arm": 1}, True),
        ({"arm": 2}, True),
        ({"arm": 2, "snoozed_at": NOW}, False),
    ],
)
async def test_what_was_shown_is_not_shown_again(
    database: Database, state: dict[str, Any], expected: bool
) -> None:
    await put(database, member("ann"), member("dan"), post("first", "bob", time=ago(1)))
    await _refresh(database)
    await _offered(database, "ann", "first", **state)
    assert (await _kept(database, "ann", Kind.FIRST_POST))["first"].shown is expected
    other = (await _kept(database, "dan", Kind.FIRST_POST))["first"]
    assert (other.shown, other.offered) == (False, 1)


async def test_what_is_pushed_to_many_comes_last(database: Database) -> None:
    await put(
        database,
        *[member(f"m{i}") for i in range(4)],
        *[post(f"p{i}", f"new{i}", time=ago(1 + i / 100)) for i in range(7)],
    )
    await _refresh(database)
    for i in range(3):
        await _offered(database, f"m{i}", "p0", arm=0)
    await _offered(database, "m0", "p0", arm=0)
    await _offered(database, "m1", "p1", arm=0, at=ago(8))
    found = await _kept(database, "m3", Kind.FIRST_POST)
    assert list(found) == ["p0", "p1"]
    assert [one.offered for one in found.values()] == [3, 0]
    least = await _kept(database, "m3", Kind.FIRST_POST, most_offered=3)
    assert list(least) == ["p1", "p2"]


async def test_titles_come_from_the_post_its_thread_or_its_text(database: Database) -> None:
    old = ago(5)
    await put(
        database,
        member("ann"),
        post("q", "zoe", title="A thread", time=old),
        post("titled", "a", title="Of its own", time=old),
        post("within", "b", "answer", root="q", parent="q", text="Text", time=old),
        post("plain", "c", text=" Only text ", time=old),
        post("rich", "d", text="<p>Text</p>", format="html", time=old),
    )
    ann = await number(database, "ann")
    posts = await fetch(database, "select id, external_id from post where type_id is not null")
    async with database.read() as connection:
        found = {
            row["external_id"]: await now_so(
                connection, ann, Candidate(Kind.FIRST_POST, row["id"]), now=NOW
            )
            for row in posts
        }
    assert {id: one.values["title"] for id, one in found.items()} == {
        "q": "A thread",
        "titled": "Of its own",
        "within": "A thread",
        "plain": "Only text",
        "rich": "qa",
    }


async def test_only_what_changed_is_written(database: Database) -> None:
    await put(database, *[post(f"p{i}", f"a{i}", time=ago(i)) for i in range(1, 4)])
    first = await keep(database, KINDS, now=NOW, always=True)
    assert first is not None and first.written == first.candidates > 0 == first.removed
    again = await keep(database, KINDS, now=NOW, always=True)
    assert again == replace(first, written=0)
    only = await keep(database, [Kind.WELCOME_BACK], now=NOW, always=True)
    assert only is not None and only.removed == first.candidates
    assert await value(database, "select count(*) from candidate") == 0


async def test_due_work_looks_again_when_it_is_time(database: Database) -> None:
    async def looked(minutes: float, kinds: Collection[Kind] = (Kind.FIRST_POST,)) -> bool:
        return await keep(database, kinds, now=NOW + timedelta(minutes=minutes)) is not None

    assert not await looked(0, ())
    await put(database, post("a", "ann"))
    assert await looked(0)
    await put(database, post("b", "bob"))
    assert not await looked(9)
    assert await looked(10)
    assert not await looked(21)
    assert await looked(21, (Kind.FIRST_POST, Kind.WELCOME_BACK))
    assert not await looked(80, (Kind.FIRST_POST, Kind.WELCOME_BACK))
    assert await looked(81, (Kind.FIRST_POST, Kind.WELCOME_BACK))
    # At 12:00 the next day began twelve hours ago.
    assert await looked(12 * 60, (Kind.FIRST_POST, Kind.WELCOME_BACK))


async def test_one_process_looks_at_a_time(database: Database, url: str) -> None:
    await put(database, post("a", "ann"))
    other = await asyncpg.connect(url)
    try:
        async with other.transaction():
            await other.execute("select pg_advisory_xact_lock($1)", keeping._MAKING)
            assert await keep(database, KINDS, now=NOW) is None
    finally:
        await other.close()
    assert await keep(database, KINDS, now=NOW) is not None


async def test_due_work_keeps_what_running_scenarios_want(database: Database) -> None:
    await put(database, post("a", "ann", time=ago(1)))
    await run(database)
    assert (await refresh(database, now=NOW)).candidates == 0
    await run(database, scenario(kind=Kind.FIRST_POST))
    assert (await refresh(database, now=NOW)).candidates == 1
    assert await value(database, "select array_agg(kind::int) from candidate") == [
        KINDS.index(Kind.FIRST_POST)
    ]
    await run(database)
    assert (await refresh(database, now=NOW)).candidates == 1
    assert await value(database, "select count(*) from candidate") == 0


async def test_what_is_of_a_member_goes_with_them(database: Database) -> None:
    await _asked_by_others(database)
    ann, silent, old = [await number(database, who) for who in ("ann", "silent", "old")]
    query = "select distinct member_id from candidate where member_id > 0 order by 1"
    assert {row["member_id"] for row in await fetch(database, query)} >= {ann, silent, old}
    await people.erase_member(database, ann, by=EVE, now=NOW)
    await people.merge_members(database, silent, old, by=EVE, now=NOW)
    left = {row["member_id"] for row in await fetch(database, query)}
    assert silent in left and not left & {ann, old}
