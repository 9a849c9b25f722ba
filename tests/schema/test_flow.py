"""Flow, routes, goals and reports in GraphQL: the numbers of the command line, and who they are."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from engagement import rules as rule_files
from engagement.words import Status
from schema.ids import to_id
from schema.schema import schema
from sources.records import MemberRecord, PostRecord, Record
from store import goals, rules
from store.db import Database, day_date, day_number
from store.history import history
from store.moment import Newest, moment
from store.reports.registry import REPORTS, Name
from store.reports.report import By, Question, Sources, document
from tests.schema.asking import NOW, Asker, at, community, likes, seed

GENERIC = """
query ($name: ReportName!, $options: ReportOptions, $asOf: Date, $ruleSet: ID) {
    report(name: $name, asOf: $asOf, options: $options, ruleSet: $ruleSet) {
        name asOf archive ruleSet columns { name kind head } rows totals notes } }
"""
ROUTES = """
query ($first: Int! = 20, $to: Status! = CONTRIBUTOR, $from: Status, $joined: DayRange,
    $arrived: DayRange, $venue: String, $steps: [Status!], $ruleSet: ID, $asOf: Date) {
    routes(first: $first, to: $to, from: $from, joined: $joined, arrived: $arrived, venue: $venue,
        steps: $steps, ruleSet: $ruleSet, asOf: $asOf) {
        population arrived elsewhen
        routes { kind count share skipped days { median } steps { status again days { median } }
            members(first: 2) { nodes { name } pageInfo { hasNextPage endCursor } } }
        other { kind count members(first: 100) { nodes { name } } }
        onTheWay { status count members(first: 100) { nodes { name } } } } }
"""


@pytest.fixture
async def peopled(ask: Asker) -> Asker:
    """Six who became contributors the long way, one who went straight there, one who likes."""
    late: list[Record] = [
        PostRecord(
            "site", f"late-{i}", "qa", "answer", at(i + 1), author="late", root=f"q{i}",
            parent=f"q{i}", text="So.",
        )
        for i in range(5)
    ]  # fmt: skip
    joined = [
        MemberRecord("site", "late", joined=at(20), name="Late"),
        MemberRecord("site", "fan", joined=at(20), name="Fan"),
    ]
    await seed(ask.database, [*community(6), *joined, *late, *likes("fan", 6)])
    return ask


async def _document(database: Database, name: Name, **asked: Any) -> dict[str, Any]:
    """The report as the command line prints it."""
    async with database.read() as connection:
        now = await moment(database, connection, Newest(), now=NOW)
    question = Question(moment=now, day=now.day, rules=now.rules, **asked)
    sources = Sources(database, lambda: history(database, now.rules, until=now.day))
    found = await REPORTS[name].make(sources, question)
    return document(found, question, period=REPORTS[name].has_period)


async def test_every_report_is_that_of_the_command_line(peopled: Asker) -> None:
    for name in Name:
        await _is_the_same(peopled, name)


async def _is_the_same(peopled: Asker, name: Name) -> None:
    found = (await peopled(GENERIC, name=name.name))["report"]
    told = await _document(peopled.database, name)
    assert (
        (found["name"], found["asOf"])
        == (told["report"], told["as_of"])
        == (name.value, "2026-03-01")
    )
    assert found["rows"] == told["rows"]
    assert found["notes"] == told["notes"]
    assert found["totals"].keys() == told["totals"].keys()
    columns = {column["name"] for column in found["columns"]}
    for row in found["rows"]:
        assert row.keys() == columns


async def test_options_are_passed_on(peopled: Asker) -> None:
    options = {"periodDays": 7, "by": "EDGE"}
    found = (await peopled(GENERIC, name="FLOW", options=options))["report"]
    assert {(row["from"], row["to"]): row["moves"] for row in found["rows"]} == {
        ("dormant", "member"): 6,
        ("member", "contributor"): 6,
        ("newcomer", "contributor"): 1,
    }
    options = {"to": "CONTRIBUTOR", "joined": {"first": str(at(30).date())}, "first": 1}
    found = (await peopled(GENERIC, name="ROUTES", options=options))["report"]
    assert found["totals"]["population"] == 2
    limits = {"limits": [{"status": "CONTRIBUTOR", "days": 1}]}
    found = (await peopled(GENERIC, name="STAGNATION", options=limits))["report"]
    assert {row["status"]: row["limit"] for row in found["rows"]}["contributor"] == 1


NONSENSE: list[tuple[str, dict[str, Any], str]] = [
    ("TIERS", {"venue": "qa"}, "the report tiers does not take `venue`; it takes periodDays"),
    ("DATA_HEALTH", {"first": 3}, "does not take `first`; it takes no options"),
    ("FLOW", {"periodDays": 0}, "`periodDays` is 0"),
    ("ROUTES", {"to": "MEMBER"}, "no route leads to member here; expected one of contributor"),
    ("ROUTES", {"to": "FAN", "from": "FAN"}, "expected one of contributor, connector, supporter"),
    ("VALUE", {"deflection": 1.5}, "`deflection` is 1.5; expected a share from 0 to 1"),
    ("VALUE", {"contactCost": -1.0}, "`contactCost` is -1.0; expected 0 to 1,000,000,000"),
    ("RECYCLING", {"arrived": {}}, "does not take `arrived`; it takes dormant"),
    ("ROUTES", {"first": 0}, "`first` is 0"),
    ("ROUTES", {"venue": "nowhere"}, "nobody began in the venue 'nowhere'; there are: qa"),
    ("ROUTES", {"joined": {"first": "2026-02-02", "last": "2026-02-01"}}, "before 2026-02-02"),
    ("STAGNATION", {"limits": [{"status": "FAN", "days": 0}]}, "`days` is 0"),
    ("LIFT", {"quarter": "2026"}, "the quarter is '2026'; expected one such as 2026Q1"),
    ("LIFT", {"scenario": "none"}, "there is no scenario 'none' with a decision in 2025Q4"),
    ("LIFT", {"periodDays": 7}, "does not take `periodDays`; it takes quarter, scenario"),
]


async def test_what_makes_no_sense_is_said(peopled: Asker) -> None:
    for name, options, says in NONSENSE:
        result = await peopled.result(GENERIC, name=name, options=options)
        (error,) = result.errors
        assert error.extensions["code"] == "BAD_INPUT", name
        assert says in error.message


async def test_the_flow_report_says_what_the_reports_say(peopled: Asker) -> None:
    found = (
        await peopled(
            """{ flowReport(periodDays: 30) { asOf since population archive
            tiers { status before came joined out promoted fallen aged held count net }
            previous { status net } edges { before after moves members movesBefore }
            cohorts { first joined reached reachedShare { value low high } tiers { count } }
            byCohort { first count joined promoted fallen aged decided held tiers { count }
                previous { promoted fallen previous { count } } }
            stays { status stays ended median { value low high } }
            stagnation(limits: [{status: DORMANT, days: 1}]) { status limit count over
                members(first: 10) { nodes { name } } }
            recycling { spells count still returns { to returns days rose }
                backWithin90 { value low high } members(first: 10) { nodes { name } } } } }"""
        )
    )["flowReport"]
    flow = await _document(peopled.database, Name.FLOW)
    assert [
        (t["status"].lower(), t["count"], t["came"], t["out"], t["net"]) for t in found["tiers"]
    ] == [
        (row["status"], row["count"], row["came"], row["out"], row["net"]) for row in flow["rows"]
    ]
    by_edge = await _document(peopled.database, Name.FLOW, by=By.EDGE)
    assert [
        (e["before"].lower(), e["after"].lower(), e["moves"], e["members"], e["movesBefore"])
        for e in found["edges"]
    ] == [tuple(row.values()) for row in by_edge["rows"]]
    by_cohort = await _document(peopled.database, Name.FLOW, by=By.COHORT)
    assert [
        (
            one["first"][:7],
            one["count"],
            *(tier["count"] for tier in one["tiers"]),
            *(one[name] for name in ("joined", "promoted", "fallen", "aged", "decided", "held")),
            *(one["previous"][name] for name in ("promoted", "fallen")),
        )
        for one in found["byCohort"]
    ] == [tuple(row.values()) for row in by_cohort["rows"]]
    assert {one["previous"]["previous"] for one in found["byCohort"]} == {None}
    assert by_cohort["totals"]["promoted"] == sum(t["promoted"] for t in found["tiers"]) > 0
    assert [t["net"] for t in found["previous"]] == [row["net_before"] for row in flow["rows"]]
    assert found["population"] == flow["totals"]["population"] == 8
    assert sum(t["before"] + t["came"] - t["out"] for t in found["tiers"]) == 8
    assert sum(sum(t["count"] for t in one["tiers"]) for one in found["cohorts"]) == 8
    dormant = next(one for one in found["stagnation"] if one["status"] == "DORMANT")
    assert (dormant["limit"], dormant["count"], dormant["members"]["nodes"]) == (1, 0, [])
    # All six were dormant twice, and came back with a question, then with answers.
    recycling = found["recycling"]
    assert (recycling["spells"], recycling["count"], recycling["still"]) == (12, 6, 0)
    (back,) = recycling["returns"]
    assert (back["to"], back["returns"], back["rose"]) == ("MEMBER", 12, 0)


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2026-02-01", "2026-02-08", [("2026-02", 0)]),
        ("2026-02-09", "2026-02-09", [("2026-02", 2)]),
        ("2026-02-10", None, [("2026-02", 0), ("2026-03", 0)]),
        ("2026-03-02", None, []),
        (None, "2001-01-01", []),
    ],
)
async def test_cohorts_are_of_those_who_joined_on_the_days_that_are_asked_about(
    peopled: Asker, first: str | None, last: str | None, expected: list[tuple[str, int]]
) -> None:
    joined = {"first": first, "last": last}
    document_ = "query ($j: DayRange) { flowReport { cohorts(joined: $j) { first last joined } } }"
    found = (await peopled(document_, j=joined))["flowReport"]["cohorts"]
    assert [(one["first"][:7], one["joined"]) for one in found] == expected
    assert all((first or "") <= one["first"] for one in found)
    assert all(one["last"] <= (last or "9") for one in found)
    told = (await peopled(GENERIC, name="CONVERSION", options={"joined": joined}))["report"]
    assert [(row["cohort"], row["joined"]) for row in told["rows"]] == expected


async def test_routes_lead_to_the_members_who_took_them(peopled: Asker) -> None:
    found = (await peopled(ROUTES))["routes"]
    assert (found["population"], found["arrived"], found["elsewhen"]) == (8, 7, 0)
    long, fast = found["routes"]
    assert (long["kind"], long["count"]) == ("DETOUR", 6)
    # Twice dormant with a question between: that is to and fro.
    assert [(step["status"], step["again"]) for step in long["steps"]] == [
        ("NEWCOMER", False),
        ("MEMBER", True),
        ("DORMANT", False),
        ("MEMBER", False),
        ("CONTRIBUTOR", False),
    ]
    assert (fast["kind"], fast["count"], fast["skipped"]) == (
        "FAST",
        1,
        ["CONNECTOR", "FAN", "SUPPORTER"],
    )
    assert [one["name"] for one in fast["members"]["nodes"]] == ["Late"]
    assert sum(step["days"]["median"] for step in long["steps"][:-1]) == long["days"]["median"]
    assert [(one["status"], one["count"]) for one in found["onTheWay"]] == [("NEWCOMER", 1)]
    assert found["onTheWay"][0]["members"]["nodes"] == [{"name": "Fan"}]
    told = await _document(peopled.database, Name.ROUTES)
    assert [(row["kind"], row["members"]) for row in told["rows"][:2]] == [
        ("detour", 6),
        ("fast", 1),
    ]


async def test_the_members_of_a_route_are_read_in_pages(peopled: Asker) -> None:
    document_ = """query ($after: String) { routes(first: 1) { routes {
        members(first: 4, after: $after) {
            nodes { name } pageInfo { hasNextPage endCursor } } } } }"""
    names: list[str] = []
    after = None
    while True:
        (route,) = (await peopled(document_, after=after))["routes"]["routes"]
        names += [one["name"] for one in route["members"]["nodes"]]
        if not route["members"]["pageInfo"]["hasNextPage"]:
            break
        after = route["members"]["pageInfo"]["endCursor"]
    assert names == [f"Member {i:04}" for i in range(6)]


async def test_routes_that_are_not_told_apart_are_the_other(peopled: Asker) -> None:
    found = (await peopled(ROUTES, first=1))["routes"]
    (other,) = found["other"]
    assert (other["kind"], other["count"]) == ("FAST", 1)
    assert other["members"]["nodes"] == [{"name": "Late"}]
    assert len(found["routes"]) == 1


async def test_routes_by_their_ends_by_cohort_and_by_venue(peopled: Asker) -> None:
    since = (await peopled(ROUTES, **{"from": "DORMANT"}))["routes"]
    assert (since["population"], since["arrived"]) == (6, 6)
    assert since["routes"][0]["steps"][0]["status"] == "DORMANT"
    young = (await peopled(ROUTES, joined={"first": str(at(30).date())}))["routes"]
    assert (young["population"], young["arrived"]) == (2, 1)
    began = (await peopled(ROUTES, venue="qa"))["routes"]
    assert began["population"] == 8
    before = (await peopled(ROUTES, arrived={"last": str(at(100).date())}))["routes"]
    assert (before["population"], before["arrived"], before["elsewhen"]) == (8, 0, 7)
    short = await peopled(ROUTES, joined={"first": str(at(30).date())}, steps=["CONTRIBUTOR"])
    assert short["routes"]["routes"][0]["kind"] == "SUCCESS"
    assert await peopled.codes(ROUTES, to="DORMANT") == ["BAD_INPUT"]


async def test_another_version_of_the_rules_may_be_asked_about(peopled: Asker) -> None:
    other = rule_files.dump(rule_files.default()).replace("enter = 12", "enter = 1000", 1)
    draft = await rules.save_draft(peopled.database, other, now=NOW)
    found = (await peopled(ROUTES, ruleSet=to_id("RuleSet", draft.id)))["routes"]
    assert (found["population"], found["arrived"]) == (8, 0)
    assert (await peopled(ROUTES))["routes"]["arrived"] == 7
    assert await peopled.codes(ROUTES, ruleSet=to_id("RuleSet", 999)) == ["BAD_ID"]


async def test_a_report_by_other_rules_is_made_by_them_alone(peopled: Asker) -> None:
    """Where members stand today is kept, but not as a draft would have it."""
    other = rule_files.dump(rule_files.default()).replace("enter = 12", "enter = 1000", 1)
    draft = to_id("RuleSet", (await rules.save_draft(peopled.database, other, now=NOW)).id)
    asked: dict[str, Any] = {"ruleSet": draft, "options": {"periodDays": 30}}
    found = (await peopled(GENERIC, name="TIERS", **asked))["report"]
    flow = (await peopled(GENERIC, name="FLOW", **asked))["report"]
    counts = {row["status"]: (row["before"], row["count"]) for row in found["rows"]}
    assert counts == {row["status"]: (row["before"], row["count"]) for row in flow["rows"]}
    assert counts["contributor"] == (0, 0)
    assert found["totals"]["outdated"] == 0
    assert await peopled.codes(GENERIC, name="VALUE", ruleSet=draft) == ["BAD_INPUT"]
    assert await peopled.codes(GENERIC, name="DATA_HEALTH", ruleSet=draft) == ["BAD_INPUT"]
    assert await peopled.codes(GENERIC, name="DATA_HEALTH", asOf="2026-01-01") == ["BAD_INPUT"]


async def test_what_was_recorded_since_is_in_a_report_at_once(peopled: Asker) -> None:
    assert (await peopled(ROUTES))["routes"]["population"] == 8
    await seed(peopled.database, [MemberRecord("site", "newest", joined=at(1), name="Newest")])
    assert (await peopled(ROUTES))["routes"]["population"] == 9


async def test_who_cannot_wait_is_told_how_far_it_is(peopled: Asker) -> None:
    context = replace(peopled.context(), patience=0.0)
    result = await schema.execute("{ routes(first: 1) { population } }", context_value=context)
    assert result.errors is not None
    (error,) = result.errors
    assert error.extensions is not None
    assert error.extensions["code"] == "UNDER_WAY"
    assert error.extensions["progress"].keys() == {"done", "total"}
    assert (await peopled(ROUTES))["routes"]["population"] == 8


@pytest.mark.parametrize(
    ("name", "as_of"),
    [
        *((name, None) for name in ("FIRST_RESPONSE", "HELPERS", "VENUES", "VALUE", "DATA_HEALTH")),
        ("TIERS", "2026-02-20"),
    ],
)
async def test_a_report_that_reads_everything_is_worked_out_aside(
    peopled: Asker, name: str, as_of: str | None
) -> None:
    hasty = replace(peopled, patience=0.0)
    # Where it needs the history too, that is worked out first.
    await peopled(ROUTES, asOf=as_of)
    assert await hasty.codes(GENERIC, name=name, asOf=as_of) == ["UNDER_WAY"]
    found = (await peopled(GENERIC, name=name, asOf=as_of))["report"]
    assert (await hasty(GENERIC, name=name, asOf=as_of))["report"] == found


async def test_where_members_began_is_looked_up_aside(peopled: Asker) -> None:
    hasty = replace(peopled, patience=0.0)
    await peopled(ROUTES)
    assert await hasty.codes(ROUTES, venue="qa") == ["UNDER_WAY"]
    found = (await peopled(ROUTES, venue="qa"))["routes"]
    assert found["population"] == 8
    assert (await hasty(ROUTES, venue="qa"))["routes"] == found
    assert (await hasty(ROUTES))["routes"] == found


async def test_where_members_stand_today_is_answered_at_once(peopled: Asker) -> None:
    hasty = replace(peopled, patience=0.0)
    assert await hasty.codes("{ tierReport(periodDays: 400) { total } }") == ["UNDER_WAY"]
    rows = (await hasty(GENERIC, name="TIERS"))["report"]["rows"]
    told = (await hasty("{ tierReport { tiers { count } } }"))["tierReport"]["tiers"]
    assert [row["count"] for row in rows] == [one["count"] for one in told]


async def test_a_goal_has_a_plan_once_it_is_a_day_old(peopled: Asker) -> None:
    earlier = replace(peopled, now=NOW - timedelta(days=10), newest=Newest())
    saved = await earlier(
        """mutation { saveGoal(status: CONTRIBUTOR, target: 10, by: "2026-03-11") {
        ... on GoalSaved { goal { id status target since by setBy plan { now } } } } }"""
    )
    goal = saved["saveGoal"]["goal"]
    assert goal["plan"] is None
    assert (goal["status"], goal["target"], goal["since"]) == ("CONTRIBUTOR", 10, "2026-02-19")
    (found,) = (
        await peopled(
            """{ goals { id plan { began now planned onCourse
            inflow { value low high } outflow { value }
            into { before after usual needed planned actual } out { before after } } } }"""
        )
    )["goals"]
    plan = found["plan"]
    # Half of the 20 days are over.
    assert (plan["began"], plan["now"], plan["planned"], plan["onCourse"]) == (0, 7, 5.0, True)
    assert (plan["inflow"]["value"], plan["outflow"]["value"]) == (10.0, 0.0)
    actual = {one["before"]: one["actual"] for one in plan["into"]}
    assert actual == {"MEMBER": 6, "NEWCOMER": 1}
    # Nobody came before the goal was set, so that nothing can be shared out.
    assert {one["needed"] for one in plan["into"]} == {None}
    gone = await peopled(
        "mutation ($id: ID!) { deleteGoal(id: $id) { ... on GoalDeleted { id } } }", id=goal["id"]
    )
    assert gone["deleteGoal"]["id"] == goal["id"]
    assert (await peopled("{ goals { id } }"))["goals"] == []


async def test_a_goal_for_the_same_day_takes_the_place_of_the_first(database: Database) -> None:
    by = day_number(date(2026, 6, 1))
    first = await goals.save(database, Status.FAN, 5, by, now=NOW)
    again = await goals.save(database, Status.FAN, 7, by, now=NOW + timedelta(days=3))
    assert again.id == first.id
    async with database.read() as connection:
        (kept,) = await goals.all_goals(connection)
    assert (kept.goal.target, day_date(kept.goal.from_day)) == (7, date(2026, 3, 4))


@pytest.mark.parametrize(
    ("target", "by"), [(5, "2026-03-01"), (5, "2040-01-01"), (-1, "2026-06-01")]
)
async def test_what_cannot_be_a_goal_is_refused(database: Database, target: int, by: str) -> None:
    with pytest.raises(goals.NoGoal, match="expected"):
        await goals.save(database, Status.FAN, target, day_number(date.fromisoformat(by)), now=NOW)
