"""Lists: who is in them, in which order, how names are found, and what a page costs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from engagement.rules import default, dump
from sources.records import ActionRecord, MemberRecord, PostRecord, Record
from store import listing, rules
from store.db import Database
from store.record import record
from tests.schema.asking import NOW, Asker, at, community, likes, seed, statements

LIST = """
query ($first: Int! = 50, $after: String, $filter: MemberFilter, $by: MemberOrder! = ID,
       $direction: SortDirection! = ASC, $asOf: Date) {
  members(first: $first, after: $after, filter: $filter, orderBy: $by, direction: $direction,
          asOf: $asOf) {
    outdated
    nodes { name role standing { status since indices { index points } } }
    pageInfo { hasNextPage endCursor }
  }
}
"""
STATUSES = ["CONTRIBUTOR", "CONNECTOR", "FAN", "SUPPORTER", "NEWCOMER", "DORMANT", "MEMBER"]
BY_STANDING = ["SINCE", "CONTRIBUTION", "INTERACTION", "FAVORABILITY", "SUPPORT"]


async def everybody(ask: Asker, *, pages_of: int = 3, **asked: Any) -> list[dict[str, Any]]:
    """All members of a list, page by page."""
    found: list[dict[str, Any]] = []
    after = None
    while True:
        page = (await ask(LIST, first=pages_of, after=after, **asked))["members"]
        found += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return found


def names(members: list[dict[str, Any]]) -> list[str]:
    return [member["name"] for member in members]


def staffed() -> list[Record]:
    """A community of seven with a busy helper and a busy bot."""
    return [
        *community(7, days_ago=lambda i: i),
        MemberRecord("site", "helper", role="staff", name="Helper", joined=at(200)),
        MemberRecord("site", "bot", role="bot", name="Bot", joined=at(200)),
        *likes("helper", 7),
        *likes("bot", 7, prefix="b"),
        *likes("m3", 7, prefix="m"),
    ]


async def test_staff_and_bots_have_no_status_points_or_history(
    database: Database, ask: Asker
) -> None:
    await seed(database, staffed())
    tomorrow = replace(ask, now=NOW + timedelta(days=1))
    late = replace(ask, now=NOW + timedelta(days=89))
    past: dict[str, Any] = {"asOf": "2026-02-28"}
    for asker, more in ((ask, {}), (tomorrow, {}), (late, {}), (ask, past)):
        for order in ("SINCE", "SUPPORT"):
            listed = await everybody(asker, by=order, pages_of=5, **more)
            assert {m["role"] for m in listed} == {"MEMBER"}
        by_status = await everybody(asker, filter={"status": STATUSES}, **more)
        assert sorted(names(by_status)) == [f"Member {i:04}" for i in range(7)]
    apart = await everybody(ask, filter={"role": ["STAFF", "BOT"]})
    assert sorted(names(apart)) == ["Bot", "Helper"]
    assert await everybody(ask, filter={"role": ["STAFF"], "status": STATUSES}) == []
    document = """{ member(name: "Helper") {
        standing { status } history(first: 5) { nodes { day } } transitions(first: 5) {
        nodes { day } } } }"""
    assert (await ask(document))["member"] == {
        "standing": None,
        "history": {"nodes": []},
        "transitions": {"nodes": []},
    }


async def agrees(ask: Asker) -> dict[str, list[str]]:
    """The names by status, of lists that say what the standings in them say."""
    found = {}
    for status in STATUSES:
        members = await everybody(ask, filter={"status": [status]}, pages_of=4)
        assert {m["standing"]["status"] for m in members} <= {status}
        found[status] = names(members)
    for at_, order in enumerate(BY_STANDING[1:]):
        for direction in ("ASC", "DESC"):
            members = await everybody(ask, by=order, direction=direction, pages_of=5)
            points = [m["standing"]["indices"][at_]["points"] for m in members]
            assert points == sorted(points, reverse=direction == "DESC")
            assert sorted(names(members)) == sorted(n for some in found.values() for n in some)
    since = [m["standing"]["since"] for m in await everybody(ask, by="SINCE", pages_of=5)]
    assert since == sorted(since)
    return found


@pytest.mark.slow
async def test_lists_say_what_the_standings_in_them_say_while_work_is_due(
    database: Database, ask: Asker
) -> None:
    await seed(database, staffed())
    settled = await agrees(ask)
    assert len(settled["CONTRIBUTOR"]) == 7
    deferred = likes("m3", 7, prefix="n", days_ago=2) + [
        ActionRecord("site", f"x{i}", "qa", "comment", at(2), actor="m1", post="q0")
        for i in range(3)
    ]
    await record(database, deferred, now=NOW, defer=True)
    assert await agrees(ask) == settled
    for days in (40, 100):  # Some are due for review, and some still pending.
        ask = replace(ask, now=NOW + timedelta(days=days))
        await record(
            database,
            [ActionRecord("site", f"y{days}", "qa", "login", ask.now, actor="m5")],
            now=ask.now,
        )
        await agrees(ask)


@pytest.mark.slow
async def test_lists_go_by_new_rules_at_once_or_say_how_many_wait(
    database: Database, ask: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    await seed(database, [*community(7, days_ago=lambda i: i * 7), *staffed()[-23:]])
    settled = await agrees(ask)
    first = default()
    at_once = replace(first.lifecycle, rule_change_grace_days=0)
    toml = dump(replace(first, window_days=30, lifecycle=at_once))
    draft = await rules.save_draft(database, toml, now=NOW)
    await rules.activate(database, draft.id, now=NOW)
    found = await agrees(ask)
    assert 0 < len(found["CONTRIBUTOR"]) < len(settled["CONTRIBUTOR"]) == 7
    asked = {"filter": {"status": ["CONTRIBUTOR"]}}
    assert (await ask(LIST, **asked))["members"]["outdated"] == 0
    monkeypatch.setattr(listing, "MOST_OUTDATED", 4)
    page = (await ask(LIST, **asked))["members"]
    assert page["outdated"] == 9  # Members as last placed, and two of no role to be listed.
    assert names(page["nodes"]) == settled["CONTRIBUTOR"]
    assert (await ask(LIST))["members"]["outdated"] == 0


@pytest.mark.parametrize("letter", ["あ", "😀", "\\", "ﷺ"])
async def test_paging_by_name_goes_past_the_longest_names(
    database: Database, ask: Asker, letter: str
) -> None:
    members = [
        MemberRecord("site", str(i), name=letter * 254 + str(i), joined=at(9)) for i in range(4)
    ]
    await seed(database, [*members, MemberRecord("site", "none", joined=at(9))])
    for direction in ("ASC", "DESC"):
        found = await everybody(ask, pages_of=1, by="NAME", direction=direction)
        assert len(found) == 5
        assert sorted(n[-1] for n in names(found) if n) == ["0", "1", "2", "3"]


async def test_names_are_found_however_they_are_written(database: Database, ask: Asker) -> None:
    spelled = ("ｶﾞﾝﾊﾞ 大阪", "カ\u3099ンハ\u3099ファン", "ﾀﾅｶ", "Straße 50%", "ＡＩＫＯ")
    await seed(
        database,
        [MemberRecord("site", f"id-{i}", name=name) for i, name in enumerate(spelled)],
    )

    async def search(text: str) -> list[str]:
        return names(await everybody(ask, filter={"search": text}))

    assert await search("ガンバ") == list(spelled[:2])
    assert await search("カ\u3099ンバ 大") == list(spelled[:1])
    assert await search("タナカ") == ["ﾀﾅｶ"]
    assert await search("STRASSE") == ["Straße 50%"]
    assert await search("0%") == ["Straße 50%"]
    assert await search("_") == []
    assert await search("id-3") == ["Straße 50%"]
    assert await search("d-3") == []
    assert await search("aiko") == ["ＡＩＫＯ"]
    for name in ("タナカ", "ﾀﾅｶ", "タナ"):
        assert (await ask(f'{{ member(name: "{name}") {{ name }} }}'))["member"]["name"] == "ﾀﾅｶ"


async def test_names_are_sorted_and_found_as_they_are_now(database: Database, ask: Asker) -> None:
    await seed(database, [MemberRecord("site", str(i), name=f"Nori {i}") for i in range(3)])
    await seed(database, [MemberRecord("site", "0", name="Zen"), *likes("4", 1)])
    assert names(await everybody(ask, by="NAME"))[:2] == [None, "Nori 1"]
    assert names(await everybody(ask, by="NAME"))[-1] == "Zen"
    assert names(await everybody(ask, filter={"search": "nori"})) == ["Nori 1", "Nori 2"]


async def test_a_day_of_the_past_is_worked_out_once_for_all_pages(
    database: Database, ask: Asker
) -> None:
    await seed(database, staffed())
    asked = {"asOf": "2026-02-27", "by": "SUPPORT", "direction": "DESC"}

    async def folds(after: str | None = None) -> tuple[int, dict[str, Any]]:
        async with statements(database) as seen:
            page = (await ask(LIST, first=3, after=after, **asked))["members"]
        everybody_of = [s for s in seen if "order by m.id" in s and "join tally" not in s]
        return sum("m.role = 'member' and m.merged_into" in s for s in everybody_of), page

    await ask(LIST, first=1, asOf="2026-02-26", by="SUPPORT")
    count, page = await folds()
    assert count == 1
    first, after = names(page["nodes"]), page["pageInfo"]["endCursor"]
    assert (await folds())[0] == 0  # Nothing was written since.
    # What comes later is in a list that begins, not in one that goes on.
    count, rest = await folds(after)
    assert count == 0
    await seed(database, likes("m1", 7, days_ago=2.5, prefix="z"))
    count, again = await folds(after)
    assert (count, names(again["nodes"])) == (0, names(rest["nodes"]))
    count, page = await folds()
    assert count == 1
    assert first == ["Member 0006", "Member 0005", "Member 0004"]
    assert names(page["nodes"]) == ["Member 0001", "Member 0006", "Member 0005"]


async def test_whatever_has_an_id_is_a_node(database: Database, ask: Asker) -> None:
    await seed(database, community(6))
    ids = await ask(
        """{ post(source: "site", externalId: "a1-1") { id } ruleSet { id name }
        member(name: "Member 0001") { actions(first: 1) { nodes { id verb } } } }"""
    )
    document = """query ($i: ID!) { node(id: $i) { __typename id
        ... on Post { externalId author { name } root { externalId } }
        ... on Action { verb actor { name } wrote { author { name } } }
        ... on RuleSet { name windowDays thresholds { index enter } } } }"""
    post = (await ask(document, i=ids["post"]["id"]))["node"]
    assert (post["__typename"], post["id"]) == ("Post", ids["post"]["id"])
    assert (post["externalId"], post["author"]) == ("a1-1", {"name": "Member 0001"})
    (known,) = ids["member"]["actions"]["nodes"]
    action = (await ask(document, i=known["id"]))["node"]
    assert (action["__typename"], action["id"]) == ("Action", known["id"])
    assert (action["verb"], action["actor"]) == (known["verb"], {"name": "Member 0001"})
    assert action["wrote"] == {"author": {"name": "Member 0001"}}
    rule_set = (await ask(document, i=ids["ruleSet"]["id"]))["node"]
    assert (rule_set["__typename"], rule_set["name"]) == ("RuleSet", ids["ruleSet"]["name"])
    assert (rule_set["windowDays"], len(rule_set["thresholds"])) == (90, 4)


async def test_answers_to_answers_are_found_in_pages(database: Database, ask: Asker) -> None:
    def post(id: str, days: float, **more: Any) -> PostRecord:
        return PostRecord("site", id, "qa", "answer", at(days), author="m", **more)

    await seed(
        database,
        [
            post("q", 9),
            post("a", 8, root="q", parent="q"),
            *(post(f"c{i}", 7 - i, root="q", parent="a") for i in range(5)),
            post("d", 1, root="q", parent="c0"),
            post("loose", 1, parent="a"),
        ],
    )
    document = """query ($i: String!, $after: String) { post(source: "site", externalId: $i) {
        replies(first: 2, after: $after) {
            nodes { externalId } pageInfo { hasNextPage endCursor } } } }"""

    async def replies(of: str) -> list[str]:
        found: list[str] = []
        after = None
        while True:
            page = (await ask(document, i=of, after=after))["post"]["replies"]
            found += [node["externalId"] for node in page["nodes"]]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                return found

    assert await replies("q") == ["a", "c0", "c1", "c2", "c3", "c4", "d"]
    assert await replies("a") == ["c0", "c1", "c2", "c3", "c4"]
    assert await replies("c0") == ["d"]
    assert await replies("d") == []


async def test_versions_of_the_rules_come_in_pages_newest_first(
    database: Database, ask: Asker
) -> None:
    text = dump(default())
    for days in (50, 51, 52):
        changed = text.replace("dormant_after_days = 60", f"dormant_after_days = {days}")
        await rules.save_draft(database, changed, now=NOW)
    document = """query ($after: String) { ruleSets(first: 3, after: $after) {
        nodes { state toml windowDays precedence actionTypes { verb } }
        pageInfo { hasNextPage endCursor } } }"""
    first = (await ask(document))["ruleSets"]
    rest = (await ask(document, after=first["pageInfo"]["endCursor"]))["ruleSets"]
    found = first["nodes"] + rest["nodes"]
    written = [one["toml"].split("dormant_after_days = ")[1][:2] for one in found]
    assert written == ["52", "51", "50", "60"]
    assert [one["state"] for one in found] == ["DRAFT", "DRAFT", "DRAFT", "ACTIVE"]
    assert not rest["pageInfo"]["hasNextPage"]
    assert all(len(one["actionTypes"]) > 100 for one in found)


async def test_nobody_counts_actions_who_does_not_ask_how_many(
    database: Database, ask: Asker
) -> None:
    await seed(database, community(3))
    counting = "from action group by"
    async with statements(database) as seen:
        await ask("{ actionTypes { type { verb } } dataHealth { archive pendingRefolds } }")
    assert not [s for s in seen if counting in s or "from tally" in s]
    async with statements(database) as seen:
        found = await ask("{ actionTypes { actions } dataHealth { actions times { actions } } }")
    assert len([s for s in seen if counting in s]) == 2  # Once for each of the two.
    total = sum(one["actions"] for one in found["actionTypes"])
    assert total == found["dataHealth"]["actions"] == 18
    site = replace(ask, scopes=frozenset(s for s in ask.scopes if s.value == "site"))
    assert (await site("{ actionTypes { type { verb } } }"))["actionTypes"]
    assert "FORBIDDEN" in await site.codes("{ actionTypes { actions } }")
