"""Lists of members are those that the reports count, and tell of each what is so."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from engagement.points import Ints
from engagement.words import STATUSES, Status
from store import people
from store.attributes import ATTRIBUTES, NoSuchAttribute, columns_of, described
from store.audience import AUDIENCES, NoSuchRow, audience
from store.db import Database, StoreError, day_date
from store.reports.registry import REPORTS, Name
from store.reports.report import By
from store.segment import condition
from tests.peopled import UNTIL
from tests.store.asking import asked, reported
from tests.store.making import EVE, NOW, act, ago, fetch, member, number, post, put
from tests.store.test_reports import PEOPLE, answer

pytestmark = pytest.mark.slow


async def listed(database: Database, report: str, row: str | None = None, **more: Any) -> Ints:
    ids = await audience(*await asked(database, **more), report, row)
    assert len(set(ids.tolist())) == len(ids)
    return ids


async def names(database: Database, ids: Ints) -> list[str]:
    sources, question = await asked(database)
    rows = await described(sources, ids, ["accounts"], question.rules, day=question.day)
    return [row["accounts"].removeprefix("site:") for row in rows]


@pytest.mark.parametrize("days_ago", [0, 1, 30, 75])
async def test_those_of_a_status_are_as_many_as_the_report_says(
    lively: Database, days_ago: int
) -> None:
    day = lively.day(UNTIL) - days_ago
    report = await reported(lively, "tiers", now=UNTIL, day=day)
    for row in report.rows:
        ids = await listed(lively, "tiers", row["status"], now=UNTIL, day=day)
        assert len(ids) == row["count"]
    assert report.totals["count"] > 0


async def test_those_of_an_edge_are_as_many_as_the_report_says(lively: Database) -> None:
    asked_ = {"now": UNTIL, "period_days": 60}
    report = await reported(lively, "flow", by=By.EDGE, **asked_)
    assert len(report.rows) > 3
    for row in report.rows:
        ids = await listed(lively, "flow", f"{row['from']}..{row['to']}", **asked_)
        assert len(ids) == row["members"]
    assert len(await listed(lively, "flow", "dormant..contributor", **asked_)) == 0


async def test_those_behind_the_rows_of_routes_are_everybody(lively: Database) -> None:
    asked_ = {"now": UNTIL, "most": 1, "to": Status.CONNECTOR}
    report = await reported(lively, "routes", **asked_)
    rows = Counter[str]()
    for row in report.rows:
        rows[row["route"]] += row["members"]
    assert rows["other"] > 0
    everybody = []
    for route, n in rows.items():
        ids = await listed(lively, "routes", route, **asked_)
        assert len(ids) == n, route
        everybody += ids.tolist()
    assert len(set(everybody)) == len(everybody) == report.totals["population"]


async def test_the_stagnant_the_dormant_and_the_helpers(lively: Database) -> None:
    limits = dict.fromkeys(STATUSES, 20)
    stagnant = await reported(lively, "stagnation", now=UNTIL, limits=limits)
    for row in stagnant.rows:
        ids = await listed(lively, "stagnation", row["status"], now=UNTIL, limits=limits)
        assert len(ids) == row["over"]
    everybody = await listed(lively, "stagnation", now=UNTIL, limits=limits)
    assert len(everybody) == stagnant.totals["over"] > 5
    sources, question = await asked(lively, now=UNTIL)
    told = await described(sources, everybody, ["since"], question.rules, day=question.day)
    since = [row["since"] for row in told]
    assert since == sorted(since)
    dormant = await reported(lively, "recycling", now=UNTIL)
    for row in dormant.rows:
        assert len(await listed(lively, "recycling", row["to"], now=UNTIL)) == row["members"] > 0
    assert len(await listed(lively, "recycling", "fan", now=UNTIL)) == sum(
        row["members"] for row in dormant.rows if row["to"] == "fan"
    )
    assert len(await listed(lively, "recycling", now=UNTIL)) == dormant.totals["still_dormant"] > 0
    helpers = await reported(lively, "helpers", now=UNTIL)
    ids = await listed(lively, "helpers", now=UNTIL)
    assert len(ids) == helpers.totals["helpers"] > 1
    rows = await described(sources, ids, ["name"], question.rules, day=question.day)
    first = [row["name"] for row in helpers.rows if row["role"] == "member"]
    assert [row["name"] for row in rows][: len(first)] == first


async def test_those_who_joined_in_a_month_and_were_active_in_a_venue(lively: Database) -> None:
    joined = await reported(lively, "conversion", now=UNTIL)
    everybody = []
    for row in joined.rows:
        if row["joined"]:
            ids = await listed(lively, "conversion", row["cohort"], now=UNTIL)
            assert len(ids) == row["joined"]
            everybody += ids.tolist()
    assert everybody == (await listed(lively, "conversion", now=UNTIL)).tolist()
    assert len(everybody) == joined.totals["joined"] > 10
    venues = await reported(lively, "venues", now=UNTIL, period_days=90)
    for row in venues.rows:
        if row["active"]:
            ids = await listed(lively, "venues", row["venue"], now=UNTIL, period_days=90)
            assert len(ids) == row["active"]
    assert sum(row["active"] for row in venues.rows) > 5


async def test_who_waits_for_a_response(database: Database) -> None:
    await put(
        database,
        *PEOPLE,
        post("q1", "cat", time=ago(9)),
        post("q2", "ann", time=ago(8)),
        post("q3", "ann", time=ago(7)),
        post("q4", "bob", time=ago(6)),
        post("q5", "dai", time=ago(6)),
        post("q6", None, time=ago(6)),
        post("i1", "eva", "idea", time=ago(5), venue="idea"),
        answer("a4", "q4", "ann", 5),
    )
    assert await names(database, await listed(database, "first-response")) == ["cat", "ann", "eva"]
    ids = await listed(database, "first-response", "qa")
    assert await names(database, ids) == ["cat", "ann"]
    with pytest.raises(NoSuchRow, match=r"'lab'; there were some in: idea, qa"):
        await listed(database, "first-response", "lab")


async def test_nobody_who_is_gone_or_no_member_is_ever_listed(database: Database) -> None:
    likes = [
        act(f"{who}{i}", who, time=ago(i // 10), post="q")
        for who in ("ann", "cat", "eva", "dai", "robo")
        for i in range(12)
    ]
    await put(database, *PEOPLE, post("q", "bob", time=ago(30)), *likes)
    before = await names(database, await listed(database, "tiers", "supporter"))
    assert before == ["ann", "cat", "eva"]
    await people.erase_member(database, await number(database, "ann"), by=EVE, now=NOW)
    cat, eva = await number(database, "cat"), await number(database, "eva")
    await people.merge_members(database, eva, cat, by=EVE, now=NOW)
    after = await listed(database, "tiers", "supporter")
    assert after.tolist() == [eva]


async def test_what_is_told_of_each(database: Database) -> None:
    plan = {"plan": "gold", "lines": 2, "tags": ["a", "b"]}
    await put(
        database,
        *PEOPLE,
        member("fay", name="Fay", joined=ago(100), lang="ja", zone="Asia/Tokyo", attributes=plan),
        post("q", "bob", time=ago(30)),
        *(act(f"f{i}", "fay", time=ago(5), post="q") for i in range(10)),
    )
    sources, question = await asked(database)
    asked_for = [*ATTRIBUTES, "attributes.plan", "attributes.lines", "attributes.tags"]
    ids = np.array([await number(database, "fay"), await number(database, "new")])
    told: list[tuple[int, int]] = []
    fay, new = await described(
        sources,
        ids,
        [*asked_for, "attributes.nothing"],
        question.rules,
        day=question.day,
        progress=lambda done, of: told.append((done, of)),
    )
    assert told == [(2, 2)]
    assert fay == {
        "name": "Fay",
        "accounts": "site:fay",
        "state": "active",
        "status": "supporter",
        "since": str(ago(5).date()),
        "contribution": 0,
        "interaction": 0,
        "favorability": 0,
        "support": 10,
        "joined": str(ago(100).date()),
        "lang": "ja",
        "zone": "Asia/Tokyo",
        "last_given": str(ago(5).date()),
        "attributes.plan": "gold",
        "attributes.lines": "2",
        "attributes.tags": '["a","b"]',
        "attributes.nothing": None,
    }
    assert (new["status"], new["last_given"]) == ("newcomer", None)
    assert {column.name for column in columns_of([*asked_for, "attributes.nothing"])} == set(fay)
    await put(database, member("new", name="New", joined=ago(5), state="deleted"))
    (closed,) = await described(sources, ids[1:], ["state"], question.rules, day=question.day)
    assert closed == {"state": "deleted"}
    (then,) = await described(
        sources, ids[1:], ["status", "since", "points"], question.rules, day=question.day - 50
    )
    assert set(then.values()) == {None}


async def test_standings_told_are_those_of_the_listing(lively: Database) -> None:
    day = lively.day(UNTIL)
    ids = await listed(lively, "helpers", now=UNTIL)
    sources, question = await asked(lively, now=UNTIL)
    wanted = ["status", "since", "points"]
    rows = await described(sources, ids, wanted, question.rules, day=day)
    kept = {
        row["member_id"]: row
        for row in await fetch(lively, "select * from standing where member_id = any($1)", ids)
    }
    for id_, row in zip(ids.tolist(), rows, strict=True):
        assert row["status"] == STATUSES[kept[id_]["status"]].value
        assert row["since"] == str(day_date(kept[id_]["since"]))
        assert row["contribution"] == kept[id_]["contribution"] / 100


@pytest.mark.parametrize(
    ("report", "row", "message"),
    [
        ("tiers", None, "name a row of the report 'tiers': a status"),
        ("tiers", "fans", "'fans' is no status; expected one of: contributor"),
        ("flow", "fan", "'fan' is no edge"),
        ("flow", "fan..boss", "'boss' is no status"),
        ("routes", "fan -> contributor", "no member came by 'fan -> contributor'"),
        ("conversion", "2026-13", "nobody joined in '2026-13'; the months are: none"),
        ("recycling", "fans", "'fans' is no status"),
        ("venues", None, "name a row of the report 'venues': a venue"),
        ("venues", "lab", "nobody was active in 'lab'; they were in: none"),
        ("helpers", "Ann", "has one list of members: name no row"),
        ("data-health", None, "no members stand behind 'data-health'; behind tiers, flow"),
    ],
)
async def test_rows_that_there_are_not(
    database: Database, report: str, row: str | None, message: str
) -> None:
    with pytest.raises(NoSuchRow, match=message):
        await listed(database, report, row)


def test_every_selection_is_of_a_report_and_asks_what_it_asks() -> None:
    for name, selection in AUDIENCES.items():
        assert selection.takes <= REPORTS[Name(name)].takes, name


def test_attributes_that_there_are_not() -> None:
    with pytest.raises(NoSuchAttribute, match="'nam' is not told of members; expected one of name"):
        columns_of(["name", "nam"])
    with pytest.raises(NoSuchAttribute):
        columns_of(["attributes."])


ROW = {
    "contribution": 6.0,
    "status": "supporter",
    "joined": "2026-03-01",
    "lang": None,
    "attributes.plan": "pro=1",
    "attributes.age": "10",
    "attributes.nick": "",
}


@pytest.mark.parametrize(
    ("text", "is_so"),
    [
        ("contribution>=6", True),
        ("contribution > 6", False),
        ("contribution<=5.99", False),
        ("contribution!=7", True),
        ("status=supporter", True),
        ("status!=supporter", False),
        ("joined<2026-03-02", True),
        ("joined>=2026-03-02", False),
        ("lang=", True),
        ("lang!=ja", True),
        ("lang=ja", False),
        ("attributes.plan=pro=1", True),
        ("attributes.plan!=", True),
        ("attributes.plan>a", True),
        ("attributes.age>=9", True),
        ("attributes.age=10.0", True),
        ("attributes.age>ten", False),
        ("attributes.nick=", True),
    ],
)
def test_conditions_hold_or_do_not(text: str, is_so: bool) -> None:
    assert condition(text).holds(ROW) is is_so


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("contribution", "'contribution' is no condition; expected NAME, one of >=, <=, !=, ="),
        ("contribution=many", "contribution is 'many'; expected a number"),
        ("joined>=soon", "joined is 'soon'; expected a day such as 2026-11-21"),
        ("status=boss", "status is 'boss'; expected one of contributor, connector"),
        ("contribution>=nan", "contribution is 'nan'; expected a number"),
        ("contribution>=", "compares with nothing; expected a value"),
        ("status>=supporter", "compares what has no order; expected = or != here"),
        ("lang>ja", "compares what has no order"),
        ("lang==ja", "has two signs"),
        ("points>3", "'points' is not told of members; expected one of name, accounts"),
        ("attributes.=x", "'attributes.' is not told of members"),
    ],
)
def test_conditions_that_make_no_sense(text: str, says: str) -> None:
    with pytest.raises(StoreError) as caught:
        condition(text)
    assert says in str(caught.value)
