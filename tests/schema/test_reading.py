"""Members, posts, actions and reports as they are read; and how few statements that takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sources.records import ActionRecord, MemberRecord, RetractionRecord
from store.db import Database
from tests.schema.asking import NOW, Asker, at, community, likes, seed, statements, warmed

pytestmark = pytest.mark.slow

MEMBER = """
query ($name: String, $asOf: Date) { member(name: $name, asOf: $asOf) {
    id name role known accounts { source externalId }
    standing {
        status since day ruleSet nextReviewDay
        indices { index points enter exit missing met guardsNeeded guards { name have need } }
        because { code index actual needed text ja: text(language: JA) }
        next { status missing guards { name have need } text }
    }
    history(first: 10) { nodes { day before after cause } pageInfo { hasNextPage endCursor } }
    transitions(first: 10) { nodes { day at before after cause ruleSetId } }
    actions(first: 3) { nodes { id venue verb occurredAt day count retracted type { index points }
        actor { name } target { name } post { externalId } wrote { externalId } }
        pageInfo { hasNextPage endCursor } }
    posts(first: 2) { nodes { id externalId type venue text author { name } root { externalId }
        replies(first: 2) { nodes { externalId } } } }
    locks { status }
} }
"""


async def test_a_member_is_told_with_standing_reasons_history_and_deeds(
    database: Database, ask: Asker
) -> None:
    await seed(database, community(6))
    member = (await ask(MEMBER, name="Member 0001"))["member"]
    standing = member["standing"]
    assert standing["status"] == "CONTRIBUTOR"
    contribution = standing["indices"][0]
    assert contribution["points"] >= contribution["enter"]
    assert contribution["missing"] == 0
    assert contribution["met"]
    assert {g["name"]: g["have"] for g in contribution["guards"]} == {
        "distinct_members": 5,
        "distinct_days": 5,
    }
    (reason,) = standing["because"]
    assert reason["code"] == "points"
    assert reason["actual"] == contribution["points"]
    assert "contribution points in the last 90 days, 12 needed" in reason["text"]
    assert "貢献度は" in reason["ja"]
    assert standing["next"] is None
    history = member["history"]["nodes"]
    assert history[0]["after"] == "CONTRIBUTOR"
    assert history[-1]["before"] is None
    assert [m["after"] for m in history[1:]] == [m["before"] for m in history[:-1]]
    assert member["transitions"]["nodes"][0]["after"] == "CONTRIBUTOR"
    action = member["actions"]["nodes"][0]
    assert (action["verb"], action["type"]["index"]) == ("answer", "CONTRIBUTION")
    assert action["actor"]["name"] == "Member 0001"
    assert member["actions"]["pageInfo"]["hasNextPage"]
    assert [p["type"] for p in member["posts"]["nodes"]] == ["answer", "answer"]
    assert member["posts"]["nodes"][0]["author"]["name"] == "Member 0001"


NEXT = """
query ($asOf: Date) { members(first: 100, asOf: $asOf) { nodes { standing(asOf: $asOf) {
    indices { index missing met guardsNeeded guards { name have need } }
    next { index missing guardsNeeded guards { name have need } text ja: text(language: JA) }
} } } }
"""


@pytest.mark.parametrize("members", [3, 6])
async def test_what_is_missing_is_what_the_indices_say(
    database: Database, ask: Asker, members: int
) -> None:
    await seed(database, community(members))
    seen = set()
    for days_ago in range(7):
        day = (NOW - timedelta(days=days_ago)).date().isoformat()
        nodes = (await ask(NEXT, asOf=day))["members"]["nodes"]
        for standing in (node["standing"] for node in nodes):
            step = standing["next"]
            if step is None or step["index"] is None:
                continue
            (target,) = (one for one in standing["indices"] if one["index"] == step["index"])
            unmet = [guard for guard in target["guards"] if guard["have"] < guard["need"]]
            held = len(target["guards"]) - len(unmet)
            needed = max(0, target["guardsNeeded"] - held)
            assert not target["met"]
            assert step["missing"] == target["missing"]
            assert step["guardsNeeded"] == needed
            assert step["guards"] == (unmet if needed else [])
            assert step["missing"] or step["guards"]
            for guard in step["guards"]:
                assert f"({guard['have']} so far" in step["text"]
                assert f"(現在{guard['have']}" in step["ja"]
            seen.add((step["missing"] > 0, *(guard["name"] for guard in step["guards"])))
    # Three know only two others: they have the points and lack a person. Six lack points alone.
    assert ((False, "distinct_members") in seen) == (members == 3)
    assert ((True,) in seen) == (members == 6)


async def test_a_member_is_found_by_id_account_or_name(database: Database, ask: Asker) -> None:
    await seed(
        database,
        [
            MemberRecord("site", "1", name="Aiko"),
            MemberRecord("site", "2", name="aiko"),
            MemberRecord("site", "3", name="Aikawa 100%"),
        ],
    )
    found = await ask('{ member(name: "Aiko") { id accounts { externalId } } }')
    assert found["member"]["accounts"] == [{"externalId": "1"}]
    by_id = await ask(
        "query ($i: ID!) { member(id: $i) { name } node(id: $i) { id } }", i=found["member"]["id"]
    )
    assert by_id == {"member": {"name": "Aiko"}, "node": {"id": found["member"]["id"]}}
    assert (await ask('{ member(source: "site", externalId: "2") { name } }'))["member"] == {
        "name": "aiko"
    }
    assert (await ask('{ member(name: "aikawa") { name } }'))["member"]["name"] == "Aikawa 100%"
    assert (await ask('{ member(name: "Nobody") { name } }'))["member"] is None
    assert await ask.codes('{ member(name: "AIKO") { name } }') == ["AMBIGUOUS"]
    assert await ask.codes("{ member { name } }") == ["BAD_INPUT"]
    assert await ask.codes('{ member(id: "x") { name } }') == ["BAD_ID"]
    assert await ask.codes('{ member(name: "a", source: "site") { name } }') == ["BAD_INPUT"]


PAGE = """
query ($first: Int!, $after: String, $filter: MemberFilter, $by: MemberOrder! = ID,
       $direction: SortDirection! = ASC, $asOf: Date) {
  members(first: $first, after: $after, filter: $filter, orderBy: $by, direction: $direction,
          asOf: $asOf) {
    nodes { id name
      standing { status since
        indices { index points missing guards { name have need } }
        because { code text } next { status missing } }
      posts(first: 3) { nodes { externalId author { name } root { externalId author { name } } } }
      actions(first: 3) { nodes { verb target { name } post { externalId } } }
      history(first: 5) { nodes { day after cause } }
      accounts { externalId } }
    pageInfo { hasNextPage endCursor }
  }
}
"""


async def test_a_page_takes_as_many_statements_for_100_who_moved_as_for_10(
    database: Database, ask: Asker
) -> None:
    await seed(database, community(120))
    await warmed(database)
    await ask(PAGE, first=1)
    async with statements(database) as few:
        assert len((await ask(PAGE, first=10))["members"]["nodes"]) == 10
    async with statements(database) as many:
        page = (await ask(PAGE, first=100))["members"]["nodes"]
    assert len(page) == 100
    assert {m["standing"]["status"] for m in page} == {"CONTRIBUTOR"}
    assert all(len(m["history"]["nodes"]) > 1 for m in page)
    assert len(many) == len(few)
    # Rules and members; posts, their authors and roots, the roots' authors; actions, their targets
    # and posts; accounts; of the history tallies, first days, holds and counterparts; and the
    # counterparts for the guards.
    assert len(many) <= 15, "\n".join(many)


async def test_standings_and_recent_posts_of_100_take_three_statements(
    database: Database, ask: Asker
) -> None:
    await seed(database, community(120))
    await warmed(database)
    document = """{ members(first: 100) { nodes { name
        standing { status since indices { index points enter exit missing }
            because { text } next { status missing } }
        posts(first: 5) { nodes { externalId text } } } } }"""
    await ask(document)
    async with statements(database) as seen:
        await ask(document)
    assert len(seen) == 3, "\n".join(seen)


@pytest.mark.parametrize("by", ["ID", "NAME", "SINCE", "CONTRIBUTION", "SUPPORT"])
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
async def test_pages_hold_everybody_once_in_every_order(
    database: Database, ask: Asker, by: str, direction: str
) -> None:
    await seed(database, [*community(7, days_ago=lambda i: i), *likes("m3", 5), *likes("m5", 5)])
    for now in (NOW, NOW + timedelta(days=100)):  # Kept as it is; and with days gone by unseen.
        ask = replace(ask, now=now)
        names: list[str] = []
        after = None
        while True:
            page = (await ask(PAGE, first=3, by=by, direction=direction, after=after))["members"]
            names += [m["name"] for m in page["nodes"]]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
        assert sorted(names) == [f"Member {i:04}" for i in range(7)]
        if by == "NAME":
            assert names == sorted(names, reverse=direction == "DESC")


async def test_lists_are_filtered_by_status_name_and_account(
    database: Database, ask: Asker
) -> None:
    await seed(
        database,
        [
            *community(7),
            MemberRecord("site", "x_1", joined=at(300), name="Nori_100%"),
            *likes("z", 7),
        ],
    )

    async def names(**filter_: object) -> list[str | None]:
        page = await ask(PAGE, first=50, filter=filter_)
        return [m["name"] for m in page["members"]["nodes"]]

    assert len(await names(status=["CONTRIBUTOR"])) == 7
    assert await names(status=["DORMANT"]) == ["Nori_100%"]
    assert await names(search="i_1") == ["Nori_100%"]
    assert await names(search="x_") == ["Nori_100%"]
    assert await names(search="100%") == ["Nori_100%"]
    assert await names(known=False) == [None]
    assert await names(role=["STAFF"]) == []
    later = replace(ask, now=NOW + timedelta(days=400))
    page = await later(PAGE, first=50, filter={"status": ["CONTRIBUTOR"]}, asOf="2026-03-01")
    assert len(page["members"]["nodes"]) == 7
    page = await later(PAGE, first=50, filter={"status": ["CONTRIBUTOR"]}, asOf="2027-04-01")
    assert page["members"]["nodes"] == []


async def test_standing_goes_on_without_anybody_refreshing_it(
    database: Database, ask: Asker
) -> None:
    await seed(database, community(6))
    later = replace(ask, now=NOW + timedelta(days=61))
    # An archive is asked about the day after its newest action unless the day is named.
    today = (NOW + timedelta(days=61)).date().isoformat()
    member = (await later(MEMBER, name="Member 0001", asOf=today))["member"]
    assert member["standing"]["status"] == "DORMANT"
    assert member["standing"]["day"] == today
    assert member["standing"]["next"]["text"].startswith("Any one action")
    assert member["history"]["nodes"][0]["after"] == "DORMANT"
    again = (await later(MEMBER, name="Member 0001", asOf="2026-02-27"))["member"]
    assert again["standing"]["status"] == "CONTRIBUTOR"
    assert again["standing"]["day"] == "2026-02-27"


async def test_an_archive_is_shown_as_it_stood_when_it_ended(
    database: Database, ask: Asker
) -> None:
    later = NOW + timedelta(days=3000)
    await seed(database, community(6), now=later)
    ask = replace(ask, now=later)
    found = await ask(
        '{ member(name: "Member 0001") { standing { status day } } '
        "tierReport { asOf archive total tiers { status count } } "
        "dataHealth { archive defaultAsOf newestDay } }"
    )
    day = found["dataHealth"]["defaultAsOf"]
    assert found["dataHealth"]["archive"]
    assert found["member"]["standing"] == {"status": "CONTRIBUTOR", "day": day}
    assert found["tierReport"]["asOf"] == day
    assert found["tierReport"]["archive"]
    assert {t["status"]: t["count"] for t in found["tierReport"]["tiers"]}["CONTRIBUTOR"] == 6


async def test_days_to_come_are_refused(ask: Asker) -> None:
    assert await ask.codes('{ tierReport(asOf: "2026-03-02") { total } }') == ["BAD_INPUT"]


async def test_staff_and_bots_have_no_standing(database: Database, ask: Asker) -> None:
    await seed(
        database,
        [
            MemberRecord("site", "s", name="Staff", role="staff"),
            MemberRecord("site", "m", name="Mine"),
        ],
    )
    assert (await ask('{ member(name: "Staff") { role standing { status } } }'))["member"] == {
        "role": "STAFF",
        "standing": None,
    }
    report = (await ask("{ tierReport { total staff bots tiers { count } } }"))["tierReport"]
    assert (report["total"], report["staff"], report["bots"]) == (1, 1, 0)
    assert sum(t["count"] for t in report["tiers"]) == 1


REPORT = """
query ($asOf: Date, $days: Int! = 30) { tierReport(asOf: $asOf, periodDays: $days) {
    asOf since total unplaced tiers { status count share before movedIn movedOut joined net } } }
"""


@pytest.mark.parametrize("days", [1, 30, 90])
async def test_the_tier_report_adds_up_and_agrees_with_the_report_of_that_day(
    database: Database, ask: Asker, days: int
) -> None:
    await seed(
        database,
        [
            *community(9, days_ago=lambda i: i * 12.0),
            *likes("fresh", 9, days_ago=2),
            MemberRecord("site", "fresh", joined=at(3)),
        ],
    )
    live = (await ask(REPORT, days=days))["tierReport"]
    assert sum(t["count"] for t in live["tiers"]) == live["total"] == 10
    assert sum(t["movedIn"] for t in live["tiers"]) == sum(
        t["movedOut"] + t["joined"] for t in live["tiers"]
    )
    then = (await ask(REPORT, asOf=live["since"]))["tierReport"]
    assert {t["status"]: t["count"] for t in then["tiers"]} == {
        t["status"]: t["before"] for t in live["tiers"]
    }
    tomorrow = replace(ask, now=NOW + timedelta(days=1))
    folded = (await tomorrow(REPORT, asOf="2026-03-01", days=days))["tierReport"]
    assert folded == live


async def test_members_by_status_are_as_many_as_the_report_says(
    database: Database, ask: Asker
) -> None:
    await seed(database, community(9, days_ago=lambda i: i * 12.0))
    for later in (0, 20, 45):
        asker = replace(ask, now=NOW + timedelta(days=later))
        for tier in (await asker(REPORT))["tierReport"]["tiers"]:
            page = await asker(PAGE, first=50, filter={"status": [tier["status"]]})
            nodes = page["members"]["nodes"]
            assert len(nodes) == tier["count"]
            assert {m["standing"]["status"] for m in nodes} <= {tier["status"]}


async def test_posts_are_listed_newest_first_and_filtered(database: Database, ask: Asker) -> None:
    await seed(database, community(6))
    document = """query ($first: Int!, $after: String, $filter: PostFilter) {
        posts(first: $first, after: $after, filter: $filter) {
            nodes { id externalId type writtenAt } pageInfo { hasNextPage endCursor } } }"""
    seen: list[str] = []
    after = None
    while True:
        page = (await ask(document, first=10, after=after))["posts"]
        seen += [p["writtenAt"] for p in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(seen) == 36
    assert seen == sorted(seen, reverse=True)
    questions = (await ask(document, first=50, filter={"type": "question"}))["posts"]["nodes"]
    assert len(questions) == 6
    root = questions[0]["id"]
    replies = (await ask(document, first=50, filter={"root": root}))["posts"]["nodes"]
    thread = await ask(
        "query ($i: ID!) { post(id: $i) { externalId replies(first: 50) { nodes { id parent { id } "
        "root { id } } } actions(first: 50) { nodes { verb wrote { id } } } } }",
        i=root,
    )
    assert {r["id"] for r in thread["post"]["replies"]["nodes"]} == {p["id"] for p in replies}
    assert all(r["parent"]["id"] == root for r in thread["post"]["replies"]["nodes"])
    found = await ask('{ post(source: "site", externalId: "q1") { externalId } }')
    assert found["post"]["externalId"] == "q1"


async def test_pages_and_cursors_outside_their_bounds_are_refused(ask: Asker) -> None:
    for first in (0, -1, 101):
        assert await ask.codes(f"{{ members(first: {first}) {{ nodes {{ id }} }} }}") == [
            "BAD_INPUT"
        ]
    for after in ("x", "W10", "é", "x" * 5000):
        assert await ask.codes(
            "query ($a: String) { members(first: 1, after: $a) { nodes { id } } }", a=after
        ) == ["BAD_CURSOR"]


async def test_data_health_counts_what_waits_and_what_is_not_classified(
    database: Database, ask: Asker
) -> None:
    await seed(
        database,
        [
            ActionRecord("site", "1", "qa", "like", at(1), actor="a", post="unknown"),
            ActionRecord("site", "2", "moon", "howl", at(1), actor="a"),
            ActionRecord("site", "3", "moon", "howl", at(1), actor="b"),
            RetractionRecord("site", "r", "never", at(1)),
        ],
    )
    health = (
        await ask(
            "{ dataHealth { unclassified { type { venue verb classified } actions } waitingPosts "
            "waitingReactions waitingRetractions undescribedMembers pendingRefolds "
            "outdatedStandings countersWhole times { precision actions } actions newestDay archive "
            "defaultAsOf ruleSet } }"
        )
    )["dataHealth"]
    assert health["unclassified"] == [
        {"type": {"venue": "moon", "verb": "howl", "classified": False}, "actions": 2}
    ]
    assert (health["waitingPosts"], health["waitingReactions"]) == (1, 1)
    assert health["waitingRetractions"] == 1
    assert health["undescribedMembers"] == 2
    assert health["actions"] == 3
    assert health["newestDay"] == "2026-02-28"
    assert not health["archive"]
    types = await ask("{ actionTypes(classified: false) { type { verb } actions } }")
    assert types["actionTypes"] == [{"type": {"verb": "howl"}, "actions": 2}]
    catalog = await ask("{ actionTypes(classified: true) { type { verb index labelJa } } }")
    assert len(catalog["actionTypes"]) >= 110
