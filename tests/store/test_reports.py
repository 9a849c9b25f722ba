"""Reports on small communities of which every figure can be worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from engagement.words import Status
from sources.records import Precision, Record, ViewsRecord
from store import people
from store.db import Database
from store.worth import BEST
from tests.store.asking import asked, reported, row
from tests.store.making import (
    DELETED,
    EVE,
    NOW,
    act,
    ago,
    member,
    number,
    post,
    put,
    undo,
)

pytestmark = pytest.mark.slow

PEOPLE = [
    *(member(id, name=id.title(), joined=ago(400)) for id in ("ann", "bob", "cat", "eva")),
    member("new", name="New", joined=ago(5)),
    member("dai", name="Dai", joined=ago(400), role="staff"),
    member("robo", name="Robo", joined=ago(400), role="bot"),
]


def answer(id: str, to: str, author: str | None, days: float, **more: Any) -> Record:
    """A post that answers another, so many days ago."""
    usual: dict[str, Any] = {"type": "answer", "root": to, "parent": to, "time": ago(days)}
    return post(id, author, **usual | more)


def twelve_threads() -> list[Record]:
    """Twelve questions ten days ago, of which ten are answered after one to ten hours."""
    asked_ = [post(f"q{i}", "ann", time=ago(10)) for i in range(1, 13)]
    return asked_ + [answer(f"a{i}", f"q{i}", "bob", 10 - i / 24) for i in range(1, 11)]


async def test_first_responses_are_told_in_hours(database: Database) -> None:
    await put(database, *PEOPLE, *twelve_threads())
    report = await reported(database, "first-response")
    qa = row(report, venue="qa", authors="everybody")
    assert (qa["threads"], qa["answered"], qa["timed"]) == (12, 10, 12)
    assert (qa["quarter"], qa["median"], qa["three_quarters"]) == (3, 6, 9)
    assert qa["unanswered_share"] == pytest.approx(2 / 12, abs=1e-4)
    assert qa["unanswered_share_low"] < qa["unanswered_share"] < qa["unanswered_share_high"]
    assert qa["within_1h"] == pytest.approx(1 / 12, abs=1e-4)
    assert qa["within_24h"] == qa["within_168h"] == pytest.approx(10 / 12, abs=1e-4)
    assert (qa["member_answered"], qa["member_median"]) == (10, 6)
    assert qa["threads_before"] == 0
    assert report.totals["threads"] == 12
    assert len(report.rows) == 1


async def test_who_responds_and_to_whom(database: Database) -> None:
    idea = {"venue": "idea"}
    minute = 1 / 24 / 60
    await put(
        database,
        *PEOPLE,
        *twelve_threads(),
        # Of a newcomer: the bot at once, herself, then staff, then a member.
        post("i1", "new", "idea", time=ago(2), **idea),
        answer("c1", "i1", "robo", 2 - minute, type="comment", **idea),
        answer("c2", "i1", "new", 2 - minute, type="comment", **idea),
        answer("c3", "i1", "dai", 2 - 2 / 24, type="comment", **idea),
        answer("c4", "i1", "bob", 2 - 5 / 24, type="comment", **idea),
        # Only of staff, and only by an action that is no post.
        post("i2", "ann", "idea", time=ago(2), **idea),
        answer("c5", "i2", "dai", 1, type="comment", **idea),
        post("i3", "ann", "idea", time=ago(2), **idea),
        act("c6", "bob", "comment", venue="idea", post="i3", time=ago(1)),
        # Nobody's, or not there any longer.
        post("i4", "dai", "idea", time=ago(2), **idea),
        post("i5", "ann", "idea", time=ago(2), state=DELETED, **idea),
        post("lost", "ann", "comment", time=ago(2), **idea),
        # Answers that were taken back, or deleted, are none; nor is a like.
        post("i6", "ann", "idea", time=ago(2), **idea),
        answer("c7", "i6", "bob", 1, type="comment", state=DELETED, **idea),
        act("c8", "bob", "comment", venue="idea", post="i6", time=ago(1)),
        undo("u1", "c8"),
        act("l1", "bob", "like", venue="idea", post="i6", time=ago(1)),
    )
    report = await reported(database, "first-response")
    ideas = row(report, venue="idea", authors="everybody")
    assert (ideas["threads"], ideas["answered"], ideas["member_answered"]) == (4, 3, 2)
    assert ideas["unanswered_share"] == 0.25
    assert ideas["member_unanswered_share"] == 0.5
    # Four are too few for hours, which are withheld.
    assert ideas["median"] is ideas["within_24h"] is ideas["member_median"] is None
    new = row(report, venue="idea", authors="newcomers")
    assert (new["threads"], new["answered"], new["member_answered"]) == (1, 1, 1)
    assert report.totals["threads"] == 16
    assert report.totals["newcomers_threads"] == 1
    assert report.totals["staff_threads"] == 1


async def test_an_answer_need_not_name_the_root(database: Database) -> None:
    """Of a thread that opens with its parent the parent is enough."""
    await put(
        database,
        *PEOPLE,
        post("q1", "ann", time=ago(10)),
        post("q2", "ann", time=ago(10)),
        answer("a1", "q1", "bob", 9, root=None),
        answer("own", "q2", "ann", 9, root=None),
        act("bare", "cat", "answer", post="a1", time=ago(8)),
    )
    qa = row(await reported(database, "first-response"), venue="qa", authors="everybody")
    assert (qa["threads"], qa["answered"]) == (2, 1)
    assert row(await reported(database, "venues"), venue="qa")["responses"] == 2
    figures = {one["figure"]: one["value"] for one in (await reported(database, "value")).rows}
    assert figures["answered_without_marks"] == 1


async def test_times_that_are_not_exact_are_counted_apart(database: Database) -> None:
    vague = post("day", "ann", time=ago(3), precision=Precision.DAY)
    late = answer("late", "q11", "cat", 1, precision=Precision.LOWER_BOUND)
    await put(database, *PEOPLE, *twelve_threads(), vague, late)
    report = await reported(database, "first-response")
    qa = row(report, venue="qa", authors="everybody")
    assert (qa["threads"], qa["answered"], qa["timed"]) == (13, 11, 11)
    assert any("2 threads have no exact times" in note for note in report.notes)


async def test_the_period_before_is_told_as_it_was_known_then(database: Database) -> None:
    before = [
        post("p1", "ann", time=ago(40)),
        post("p2", "ann", time=ago(40)),
        post("p3", "ann", time=ago(70)),
        answer("b1", "p1", "bob", 39),
        answer("b2", "p2", "bob", 3),
    ]
    await put(database, *PEOPLE, *before)
    qa = row(await reported(database, "first-response"), venue="qa", authors="everybody")
    assert (qa["threads"], qa["threads_before"], qa["unanswered_share_before"]) == (0, 2, 0.5)
    assert qa["unanswered_share"] is None
    then = await reported(database, "first-response", day=database.day(ago(30)))
    assert row(then, venue="qa", authors="everybody")["unanswered_share"] == 0.5


async def test_helpers_are_ranked_by_whom_they_helped(database: Database) -> None:
    await put(
        database,
        *PEOPLE,
        *(post(f"q{who}{i}", who, time=ago(20)) for who in ("ann", "cat", "eva") for i in (1, 2)),
        # Bob answers Ann six times; Cat helps two; staff all three; the bot counts for nothing.
        *(answer(f"b{i}", "qann1", "bob", 10 - i) for i in range(6)),
        answer("c1", "qann1", "cat", 9),
        answer("c2", "qeva1", "cat", 9),
        answer("c3", "qcat1", "cat", 9),
        *(answer(f"d{who}", f"q{who}1", "dai", 8) for who in ("ann", "cat", "eva")),
        answer("r1", "qcat2", "robo", 8),
        answer("x1", "qcat2", "bob", 40),
        act("best", "eva", BEST, post="c2", time=ago(5)),
        act("own", "cat", BEST, post="c3", time=ago(5)),
        # Anonymous: whose thread it is, was helped. No contribution: a comment.
        act("anon", None, BEST, post="b0", time=ago(5)),
        answer("com", "qeva2", "ann", 9, type="comment"),
    )
    report = await reported(database, "helpers")
    assert [one["name"] for one in report.rows] == ["Cat", "Bob", "Dai"]
    cat, bob, dai = report.rows
    assert (cat["helped"], cat["helped_before"], cat["days"]) == (2, 0, 2)
    assert (cat["responses"], cat["answers"], cat["best_answers"]) == (2, 2, 1)
    assert (bob["helped"], bob["helped_before"], bob["days"]) == (1, 1, 6)
    assert (bob["responses"], bob["answers"], bob["best_answers"]) == (6, 6, 1)
    assert (dai["helped"], dai["role"], dai["status"]) == (3, "staff", None)
    assert (cat["accounts"], cat["role"]) == ("site:cat", "member")
    assert Status(cat["status"])
    totals = report.totals
    assert (totals["helpers"], totals["people_helped"]) == (2, 2)
    assert (totals["staff_helpers"], totals["people_helped_by_staff"]) == (1, 3)
    assert totals["people_helped_by_members_or_staff"] == 3
    assert totals["top_tenth"] is totals["top_tenth_share"] is None
    assert any("withheld" in note for note in report.notes)
    assert len((await reported(database, "helpers", most=1)).rows) == 2


async def test_the_period_before_of_helpers(database: Database) -> None:
    await put(
        database,
        *PEOPLE,
        *(post(f"q{who}", who, time=ago(60)) for who in ("ann", "cat")),
        *(answer(f"b{who}", f"q{who}", "bob", 35) for who in ("ann", "cat")),
        answer("now", "qann", "bob", 3),
    )
    (bob,) = (await reported(database, "helpers")).rows
    assert (bob["helped"], bob["helped_before"]) == (1, 2)


async def test_the_top_tenth_of_the_helpers(database: Database) -> None:
    """Ann helps ten, nine others one of these ten each."""
    others = [f"m{i}" for i in range(10)]
    await put(
        database,
        *PEOPLE,
        *(member(id, joined=ago(400)) for id in others),
        *(post(f"q{id}", id, time=ago(20)) for id in others),
        *(answer(f"a{id}", f"q{id}", "ann", 10) for id in others),
        *(answer(f"x{id}", "qm0", id, 9) for id in others[1:]),
    )
    totals = (await reported(database, "helpers")).totals
    assert (totals["helpers"], totals["people_helped"]) == (10, 10)
    assert (totals["top_tenth"], totals["top_tenth_helped"]) == (1, 10)
    assert totals["top_tenth_share"] == 1


async def test_who_was_erased_is_among_the_totals_only(database: Database) -> None:
    await put(database, *PEOPLE, post("q", "ann", time=ago(20)), answer("a", "q", "bob", 10))
    await people.erase_member(database, await number(database, "bob"), by=EVE, now=NOW)
    report = await reported(database, "helpers")
    assert report.rows == ()
    assert report.totals["helpers"] == 1


async def test_who_was_erased_takes_nobodys_place(database: Database) -> None:
    """However many of those who helped most are gone, the next ones are listed."""
    gone = ["g1", "g2", "g3"]
    await put(
        database,
        *PEOPLE,
        *(member(id, joined=ago(400)) for id in gone),
        *(post(f"q{who}", who, time=ago(20)) for who in ("ann", "cat")),
        *(answer(f"{id}{who}", f"q{who}", id, 9) for id in gone for who in ("ann", "cat")),
        answer("b", "qann", "bob", 9),
    )
    for id_ in gone:
        await people.erase_member(database, await number(database, id_), by=EVE, now=NOW)
    (bob,) = (await reported(database, "helpers", most=1)).rows
    assert (bob["name"], bob["helped"]) == ("Bob", 1)


async def test_whom_a_mark_without_a_name_helped_need_not_be_asked_of_the_root(
    database: Database,
) -> None:
    await put(
        database,
        *PEOPLE,
        post("q", "ann", time=ago(40)),
        answer("a", "q", "bob", 39, root=None),
        act("anon", None, BEST, post="a", time=ago(5)),
    )
    (bob,) = (await reported(database, "helpers", period_days=10)).rows
    assert (bob["name"], bob["helped"], bob["best_answers"]) == ("Bob", 1, 1)


async def test_what_happens_in_venues(database: Database) -> None:
    blog = {"venue": "member_blog"}
    await put(
        database,
        *PEOPLE,
        post("q1", "ann", time=ago(20)),
        answer("a1", "q1", "bob", 19),
        answer("a2", "q1", "dai", 19),
        act("l1", "cat", "like", post="a1", time=ago(18)),
        act("l2", "cat", "like", post="q1", time=ago(18)),
        post("w1", "bob", "article", time=ago(45), **blog),
        act("l3", "ann", "like", post="w1", time=ago(44), **blog),
    )
    report = await reported(database, "venues")
    qa, blogs = row(report, venue="qa"), row(report, venue="member_blog")
    # Ann asks, Bob answers, Cat likes twice; the staff's answer is a response, and no action here.
    assert (qa["posts"], qa["actions"], qa["active"]) == (2, 4, 3)
    assert (qa["openings"], qa["responses"], qa["responses_per_opening"]) == (1, 2, 2)
    assert (qa["interaction"], qa["contribution"], qa["support"]) == (2, 3, 2)
    # Bob and Ann began in the blog, Cat here.
    assert (qa["began"], blogs["began_before"], blogs["began"]) == (1, 2, 0)
    assert (blogs["posts"], blogs["actions"], blogs["active"]) == (0, 0, 0)
    assert (blogs["posts_before"], blogs["actions_before"], blogs["active_before"]) == (1, 2, 2)
    assert (blogs["interaction_before"], blogs["support_before"]) == (4, 1)
    assert qa["rose_share"] is None
    assert report.totals["actions"] == 4


async def test_what_became_of_those_who_began_in_a_venue(database: Database) -> None:
    """Watched: who began 118 to 89 days ago; ten likes make a supporter."""
    likes = [act(f"c{i}", "cat", post="q", time=ago(100 - i // 10)) for i in range(12)]
    slow = [act(f"e{i}", "eva", post="q", time=ago(3 if i else 89)) for i in range(12)]
    await put(
        database,
        *PEOPLE,
        post("q", "ann", time=ago(119)),
        answer("a", "q", "bob", 118),
        *likes,
        *slow,
        act("late", "new", post="q", time=ago(88)),
    )
    qa = row(await reported(database, "venues"), venue="qa")
    # Bob, Cat and Eva; Eva came to it in 87 days, Bob never.
    assert (qa["watched"], qa["rose"]) == (3, 2)
    assert qa["rose_share"] == pytest.approx(2 / 3, abs=1e-4)
    assert qa["rose_share_low"] < qa["rose_share"] < qa["rose_share_high"]
    # On the day before, Eva's ninety days had not been over.
    then = row(await reported(database, "venues", day=database.day(ago(1))), venue="qa")
    assert then["watched"] == 3  # Ann instead


async def test_what_the_community_was_worth(database: Database) -> None:
    forum = {"venue": "forum"}
    await put(
        database,
        *PEOPLE,
        # Q&A marks best answers: by a member; with staff in the thread; one's own; none.
        *(post(f"q{i}", "ann", time=ago(20)) for i in range(1, 5)),
        answer("a1", "q1", "bob", 19),
        act("m1", "ann", BEST, post="a1", time=ago(18)),
        answer("a2", "q2", "bob", 19),
        answer("s2", "q2", "dai", 18, type="comment"),
        act("m2", "ann", BEST, post="a2", time=ago(18)),
        answer("a3", "q3", "ann", 19),
        act("m3", "ann", BEST, post="a3", time=ago(18)),
        answer("a4", "q4", "bob", 19),
        # Events do not: an answer by a member, one by staff, one's own; a comment is none.
        *(post(f"e{i}", "cat", time=ago(20), venue="event") for i in range(1, 5)),
        answer("ea1", "e1", "bob", 19, venue="event"),
        answer("ea2", "e2", "dai", 19, venue="event"),
        answer("ea3", "e3", "cat", 19, venue="event"),
        answer("ea4", "e4", "bob", 19, venue="event", type="comment"),
        post("t1", "ann", "topic", time=ago(20), **forum),
        answer("r1", "t1", "bob", 19, type="reply", **forum),
    )
    days = {ago(17).date(): 1, ago(40).date(): 100}
    await put(
        database,
        *(
            ViewsRecord("site", id, day, n * times)
            for id, n in (("q1", 10), ("a1", 20), ("q2", 40), ("e1", 80), ("q3", 160), ("t1", 320))
            for day, times in days.items()
        ),
        act("i1", "bob", "send_invite", venue="referral", time=ago(3)),
        act("i2", "bob", "send_invite", venue="referral", time=ago(33)),
        act("i3", "bob", "send_invite", venue="referral", time=ago(3)),
        undo("u3", "i3"),
        act("c1", "bob", "referred", venue="contract", time=ago(3)),
    )
    plain = await reported(database, "value")
    found = {one["figure"]: one for one in plain.rows}
    assert found["solved_by_best_answer"]["value"] == 1
    assert "of 4 threads" in found["solved_by_best_answer"]["formula"]
    assert found["answered_without_marks"]["value"] == 1
    assert "of 4 questions" in found["answered_without_marks"]["formula"]
    assert found["questions_solved_by_members"]["value"] == 2
    # All but the topic have an answer; what was solved are q1 with its answer, and e1.
    assert found["answers_read"]["value"] == 10 + 20 + 40 + 80 + 160
    assert found["reads_of_solved_threads"]["value"] == 10 + 20 + 80
    assert found["invitations"]["value"] == found["invitations"]["before"] == 1
    assert found["contracts_by_referral"]["value"] == 1
    assert found["contacts_saved"]["value"] is found["cost_saved"]["value"] is None
    assert found["contacts_saved"]["formula"].startswith("withheld")
    told = await reported(database, "value", deflection=0.1, contact_cost=8.0)
    given = {one["figure"]: one for one in told.rows}
    assert (given["contacts_saved"]["value"], given["cost_saved"]["value"]) == (11, 88)
    assert given["contacts_saved"]["formula"] == (
        "110 reads of solved threads x 0.1 given rate of deflection"
    )
    only = await reported(database, "value", deflection=0.1)
    assert {one["figure"]: one["value"] for one in only.rows}["cost_saved"] is None


async def test_views_of_the_period_before_are_of_what_was_solved_by_then(
    database: Database,
) -> None:
    await put(database, *PEOPLE, post("q", "ann", time=ago(50)), answer("a", "q", "bob", 45))
    await put(
        database,
        ViewsRecord("site", "q", ago(40).date(), 7),
        ViewsRecord("site", "q", ago(4).date(), 3),
    )
    figures = {one["figure"]: one for one in (await reported(database, "value")).rows}
    assert (figures["answers_read"]["value"], figures["answers_read"]["before"]) == (3, 7)
    assert (figures["answered_without_marks"]["before"]) == 1
    early = await reported(database, "value", day=database.day(ago(46)), period_days=10)
    assert {one["figure"]: one["value"] for one in early.rows}["answered_without_marks"] == 0


async def test_reads_of_answers_whose_question_is_gone_or_never_came(database: Database) -> None:
    """A deleted question is no solved one; what was read of an answer was read."""
    await put(
        database,
        *PEOPLE,
        post("gone", "ann", time=ago(9), state=DELETED),
        answer("a1", "gone", "bob", 8),
        answer("a2", "never", "bob", 8),
        *(ViewsRecord("site", id, ago(5).date(), n) for id, n in (("a1", 3), ("a2", 5))),
    )
    figures = {one["figure"]: one["value"] for one in (await reported(database, "value")).rows}
    assert figures["questions_solved_by_members"] == 0
    assert figures["answers_read"] == 8
    assert figures["reads_of_solved_threads"] == 0


@pytest.mark.parametrize("name", ["first-response", "helpers", "venues", "value"])
async def test_nobody_has_reports_too(database: Database, name: str) -> None:
    report = await reported(database, name)
    assert all(value in {0, None} for value in report.totals.values())


@pytest.mark.parametrize("name", ["first-response", "helpers", "venues", "value"])
async def test_a_period_is_what_the_one_after_calls_before(lively: Database, name: str) -> None:
    """Every figure with a `before` is the figure of the period before, asked on its last day."""
    now = NOW.replace(year=2026, month=3, day=1)
    _, question = await asked(lively, now=now)
    later = await reported(lively, name, now=now)
    earlier = await reported(lively, name, now=now, day=question.since)
    keys = ("figure", "venue", "authors", "name")
    then = {tuple(one.get(key) for key in keys): one for one in earlier.rows}
    compared = 0
    for one in later.rows:
        was = then.get(tuple(one.get(key) for key in keys))
        for column, value in one.items():
            of = "value" if column == "before" else column.removesuffix("_before")
            if of != column and was is not None:
                assert was[of] == value, (column, one)
                compared += bool(value)
    assert compared > 2
