"""Recording through GraphQL: every kind, each bad item by itself, and what it costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from schema.records import read
from schema.words import Scope
from store.db import Database
from store.record import record
from tests.schema.asking import NOW, Asker, statements, warmed

RESULT = """{ __typename ... on Problem { code message } ... on Receipt {
    recorded duplicate conflict replaced waiting rejected { index field code message }
    byKind { kind recorded duplicate } unclassified { venue verb actions } } }"""


def call(mutation: str, argument: str, kind: str) -> str:
    return f"""mutation ($given: [{kind}!]!) {{
        done: {mutation}(source: "site", {argument}: $given) {RESULT} }}"""


ACTIONS = call("recordActions", "actions", "ActionInput")
TIME = "2026-02-28T10:00:00+09:00"


MEMBER = {
    "id": "1",
    "name": "Aiko",
    "joined": TIME,
    "role": "MEMBER",
    "state": "ACTIVE",
    "zone": "Asia/Tokyo",
    "lang": "ja",
    "attributes": {"plan": "a"},
}
POST = {
    "id": "p",
    "venue": "qa",
    "type": "question",
    "time": TIME,
    "author": "1",
    "precision": "EXACT",
    "format": "MARKDOWN",
    "state": "VISIBLE",
    "counts": [{"verb": "like", "count": 3}],
    "text": "どうすれば?",
}
REACTION = {"id": "r", "venue": "qa", "verb": "like", "time": TIME, "post": "p", "actor": "2"}
ACTION = {"id": "a", "venue": "qa", "verb": "dance", "time": TIME, "actor": "2"}
COUNTER = {
    "member": "1",
    "venue": "qa",
    "verb": "vote_up",
    "direction": "GIVEN",
    "asOf": TIME,
    "value": 7,
}
VIEWS = {"post": "before", "day": "2026-02-28", "count": 9}
RETRACTION = {"id": "x", "of": "r", "time": TIME}
#: Of each kind: its call, and one with everything that it may hold.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "recordMembers": (call("recordMembers", "members", "MemberInput"), MEMBER),
    "recordPosts": (call("recordPosts", "posts", "PostInput"), POST),
    "recordReactions": (call("recordReactions", "reactions", "ReactionInput"), REACTION),
    "recordActions": (ACTIONS, ACTION),
    "recordCounters": (call("recordCounters", "counters", "CounterInput"), COUNTER),
    "recordViews": (call("recordViews", "views", "ViewsInput"), VIEWS),
    "retract": (call("retract", "retractions", "RetractionInput"), RETRACTION),
}


@pytest.mark.parametrize("mutation", KINDS)
async def test_every_kind_is_recorded(ask: Asker, mutation: str) -> None:
    document, item = KINDS[mutation]
    await ask(KINDS["recordPosts"][0], given=[POST | {"id": "before"}])
    done = (await ask(document, given=[item]))["done"]
    assert (done["__typename"], done["recorded"], done["rejected"]) == ("Receipt", 1, []), done
    unclassified = [{"venue": "qa", "verb": "dance", "actions": 1}]
    assert done["unclassified"] == (unclassified if mutation == "recordActions" else [])


async def test_what_was_recorded_is_seen(ask: Asker) -> None:
    for document, item in KINDS.values():
        await ask(document, given=[item])
    found = await ask(
        '{ member(name: "Aiko") { known role zone lang attributes joinedAt posts(first: 1) { nodes '
        "{ format state text actions(first: 5) { nodes { verb retracted actor { id } } } } } } }"
    )
    assert found["member"]["attributes"] == {"plan": "a"}
    assert found["member"]["joinedAt"] == "2026-02-28T01:00:00+00:00"
    (post,) = found["member"]["posts"]["nodes"]
    assert (post["format"], post["text"]) == ("MARKDOWN", "どうすれば?")
    assert {(a["verb"], a["retracted"]) for a in post["actions"]["nodes"]} == {("like", True)}


@pytest.mark.parametrize(
    ("mutation", "change", "field", "message"),
    [
        (
            "recordPosts",
            {"counts": [{"verb": "like"}]},
            "counts",
            "is [{'verb': 'like'}]; expected a list such as [{verb: 'like', count: 3}]",
        ),
        (
            "recordPosts",
            {"counts": "three"},
            "counts",
            "is 'three'; expected a list such as [{verb: 'like', count: 3}]",
        ),
        (
            "recordPosts",
            {"state": "GONE"},
            "state",
            "is 'GONE'; expected one of VISIBLE, HIDDEN, DELETED",
        ),
        ("recordMembers", {"role": 5}, "role", "is 5; expected one of MEMBER, STAFF, BOT"),
        ("recordCounters", {"asOf": "now"}, "asOf", "is 'now'; expected RFC 3339 such as"),
    ],
)
async def test_faults_are_told_in_the_words_of_the_inputs(
    ask: Asker, mutation: str, change: dict[str, Any], field: str, message: str
) -> None:
    document, item = KINDS[mutation]
    done = (await ask(document, given=[item | change]))["done"]
    (rejection,) = done["rejected"]
    assert rejection["field"] == field
    assert rejection["message"].startswith(message)


async def test_a_wrong_source_is_told_whatever_the_records_are(ask: Asker) -> None:
    for document, item in KINDS.values():
        elsewhere = document.replace('"site"', '"No Name"')
        for items in ([item], ["x"], [None, item]):
            done = (await ask(elsewhere, given=items))["done"]
            assert done["code"] == "BAD_SOURCE"
            assert done["message"].startswith("`source` is 'No Name'; expected lower-case")


async def test_faults_of_one_record_are_so_many(ask: Asker) -> None:
    odd = {f"odd{n}": n for n in range(20_000)}
    done = (await ask(ACTIONS, given=[ACTION | odd, ACTION]))["done"]
    assert done["recorded"] == 1
    assert [(r["index"], r["field"]) for r in done["rejected"]] == [
        *((0, f"odd{n}") for n in range(5)),
        (0, ""),
    ]
    assert done["rejected"][-1]["message"].startswith("the record has 19995 more fields")


@pytest.mark.parametrize(
    "attributes",
    [
        {"a": [[]] * 100_000},
        {"a": [0] * 100_000},
        {"a": [["x" * 600] * 8] * 8},
        {str(n): n for n in range(2_000)},
        {"x" * 10_000: 1},
    ],
)
async def test_attributes_have_a_size(ask: Asker, attributes: dict[str, Any]) -> None:
    document, item = KINDS["recordMembers"]
    done = (await ask(document, given=[item | {"attributes": attributes}]))["done"]
    (rejection,) = done["rejected"]
    assert (rejection["field"], rejection["code"]) == ("attributes", "too_long")
    assert rejection["message"] == "has more than 10000 bytes"


async def test_a_bad_item_is_rejected_by_itself(ask: Asker) -> None:
    good = {"id": "1", "venue": "qa", "verb": "like", "time": TIME, "actor": "a"}
    bad: list[tuple[Any, str, str]] = [
        ({**good, "id": 5}, "id", "not_a_string"),
        ({**good, "time": "2026-02-28T10:00:00"}, "time", "zone_missing"),
        ({**good, "time": "never"}, "time", "not_a_time"),
        ({**good, "time": "2027-02-28T10:00:00Z"}, "time", "in_the_future"),
        ({**good, "actor": "a\0"}, "actor", "bad_character"),
        ({**good, "actor": "\ud800"}, "actor", "bad_character"),
        ({**good, "precision": "SOMETIMES"}, "precision", "not_allowed"),
        ({**good, "actor": None, "post": "p", "count": 10**30}, "count", "out_of_range"),
        ({**good, "surprise": 1}, "surprise", "unknown_field"),
        ({**good, "source": "other"}, "source", "unknown_field"),
        ({**good, "kind": "post"}, "kind", "unknown_field"),
        ({k: v for k, v in good.items() if k != "verb"}, "verb", "missing"),
        (None, "", "not_an_object"),
        ([1], "", "not_an_object"),
        ("x", "", "not_an_object"),
    ]
    items = [{**good, "id": "first"}, *(item for item, _, _ in bad), {**good, "id": "last"}]
    done = (await ask(ACTIONS, given=items))["done"]
    assert done["__typename"] == "Receipt", done
    assert done["recorded"] == 2
    assert [(r["index"], r["field"], r["code"]) for r in done["rejected"]] == [
        (i, field, code) for i, (_, field, code) in enumerate(bad, 1)
    ]
    assert all(r["message"] for r in done["rejected"])
    again = (await ask(ACTIONS, given=[{**good, "id": "last"}]))["done"]
    assert (again["recorded"], again["duplicate"]) == (0, 1)


async def test_reactions_need_a_post_and_counters_speak_of_asof(ask: Asker) -> None:
    item = {"id": "1", "venue": "qa", "verb": "like", "time": TIME, "actor": "a"}
    done = await ask(call("recordReactions", "reactions", "ReactionInput"), given=[item])
    assert [(r["field"], r["code"]) for r in done["done"]["rejected"]] == [("post", "missing")]
    counter = {"member": "1", "venue": "qa", "verb": "like", "direction": "GIVEN", "value": 1}
    done = await ask(call("recordCounters", "counters", "CounterInput"), given=[counter])
    assert [(r["field"], r["code"]) for r in done["done"]["rejected"]] == [("asOf", "missing")]


async def test_calls_are_bounded(ask: Asker) -> None:
    item = {"id": "1", "venue": "qa", "verb": "like", "time": TIME, "actor": "a"}
    assert (await ask(ACTIONS, given=[]))["done"]["code"] == "TOO_FEW"
    assert (await ask(ACTIONS, given=[item] * 1001))["done"]["code"] == "TOO_MANY"
    document = ACTIONS.replace('"site"', '"No Name"')
    assert (await ask(document, given=[item]))["done"]["code"] == "BAD_SOURCE"


async def test_literals_and_variables_are_recorded_alike(ask: Asker) -> None:
    literal = (
        """mutation ($t: DateTime!, $who: String) { done: recordActions(source: "site", actions: [
        {id: "1", venue: "qa", verb: "like", time: $t, actor: $who, post: "p", precision: DAY},
        {id: "2", venue: "qa", verb: "like", time: "2026-02-28T01:00:00Z", post: "p", count: 3},
        {id: "3", venue: "qa", verb: "like", time: "2026-02-28T01:00:00Z", post: "p", count: -3}
    ]) """
        + RESULT
        + "}"
    )
    done = (await ask(literal, t=TIME, who="a"))["done"]
    assert done["recorded"] == 2
    assert [(r["index"], r["code"]) for r in done["rejected"]] == [(2, "out_of_range")]
    items = [
        {
            "id": "1",
            "venue": "qa",
            "verb": "like",
            "time": TIME,
            "actor": "a",
            "post": "p",
            "precision": "DAY",
        },
        {"id": "2", "venue": "qa", "verb": "like", "time": TIME, "post": "p", "count": 3},
    ]
    done = (await ask(ACTIONS, given=items))["done"]
    assert (done["recorded"], done["duplicate"], done["conflict"]) == (0, 2, 0)
    one = (await ask(ACTIONS, given=items[0]))["done"]
    assert one["duplicate"] == 1


@pytest.mark.parametrize("given_", [None, 5, "x"])
async def test_what_is_no_list_is_refused_by_graphql(ask: Asker, given_: object) -> None:
    result = await ask.result(ACTIONS, given=given_)
    assert result.errors


async def test_recording_asks_for_no_more_than_the_store(database: Database, ask: Asker) -> None:
    def items(prefix: str) -> list[dict[str, Any]]:
        return [
            {
                "id": f"{prefix}{i}",
                "venue": "qa",
                "verb": "like",
                "time": TIME,
                "actor": f"m{i % 50}",
                "post": f"p{i % 20}",
            }
            for i in range(200)
        ]

    await warmed(database)
    await ask(ACTIONS, given=items("a"))
    async with statements(database) as by_graphql:
        await ask(ACTIONS, given=items("b"))
    records = [read(item, "action", source="site", now=NOW) for item in items("c")]
    async with statements(database) as by_store:
        await record(database, [r for r in records if not isinstance(r, list)], now=NOW)
    assert len(by_graphql) <= len(by_store)


async def test_a_status_is_locked_and_the_lock_ended(database: Database, ask: Asker) -> None:
    await ask(call("recordMembers", "members", "MemberInput"), given=[{"id": "1", "name": "Aiko"}])
    id_ = (await ask('{ member(name: "Aiko") { id } }'))["member"]["id"]
    lock = """mutation ($m: ID!, $until: Date, $reason: String!) {
        done: lockStatus(member: $m, status: CONTRIBUTOR, until: $until, reason: $reason) {
            __typename ... on Problem { code message }
            ... on MemberChanged { member { locks { kind status begins until reason by }
                standing { status because { code text } next { status } } } } } }"""
    done = (await ask(lock, m=id_, until="2026-04-01", reason=" Ambassador "))["done"]
    assert done["member"]["locks"] == [
        {
            "kind": "LOCK",
            "status": "CONTRIBUTOR",
            "begins": "2026-03-01",
            "until": "2026-04-01",
            "reason": "Ambassador",
            "by": "tests",
        }
    ]
    standing = done["member"]["standing"]
    assert (standing["status"], standing["next"]) == ("CONTRIBUTOR", None)
    assert standing["because"][0]["text"].endswith(
        "set by the community's managers until the end of 1 Apr 2026"
    )
    for variables in (
        {"m": id_, "until": "2026-02-28", "reason": "past"},
        {"m": id_, "until": None, "reason": "  "},
        {"m": id_, "until": None, "reason": "x\0"},
    ):
        assert (await ask(lock, **variables))["done"]["code"] == "NOT_POSSIBLE"
    end = """mutation ($m: ID!) { done: endLock(member: $m) { __typename ... on Problem { code }
        ... on MemberChanged { member { standing { status } } } } }"""
    done = (await ask(end, m=id_))["done"]
    assert done["member"]["standing"]["status"] == "NEWCOMER"
    unknown = "TWVtYmVyOjk5OTk"
    assert (await ask(lock, m=unknown, until=None, reason="x"))["done"]["code"] == "UNKNOWN_MEMBER"


async def test_members_are_merged_and_erased(ask: Asker) -> None:
    people = [{"id": "1", "name": "Aiko"}, {"id": "2", "name": "Aiko at work"}, {"id": "3"}]
    await ask(call("recordMembers", "members", "MemberInput"), given=people)
    ids = [
        (await ask(f'{{ member(source: "site", externalId: "{i}") {{ id }} }}'))["member"]["id"]
        for i in "123"
    ]
    merge = """mutation ($a: ID!, $b: ID!) { done: mergeMembers(keep: $a, merge: $b) {
        __typename ... on MembersMerged { id } ... on Problem { code } } }"""
    assert (await ask(merge, a=ids[0], b=ids[1]))["done"]["id"] == ids[0]
    assert (await ask(merge, a=ids[0], b=ids[0]))["done"]["__typename"] == "NotPossible"
    old = (await ask("query ($i: ID!) { member(id: $i) { id } }", i=ids[1]))["member"]
    assert old == {"id": ids[0]}
    assert (await ask('{ member(source: "site", externalId: "2") { id } }'))["member"] == old
    erase = """mutation { done: eraseMember(source: "site", externalId: "1") {
        __typename ... on MemberErased { id } ... on Problem { code } } }"""
    site = replace(ask, scopes=frozenset({Scope.SITE}))
    assert (await site(erase))["done"]["id"] == ids[0]
    assert (await site(erase))["done"]["code"] == "UNKNOWN_MEMBER"
    gone = await ask(
        "query ($i: ID!) { member(id: $i) { name erasedAt standing { status } } }", i=ids[0]
    )
    assert gone["member"]["name"] is None
    assert gone["member"]["erasedAt"]
    assert gone["member"]["standing"] is None


async def test_rule_sets_are_saved_checked_and_put_in_force(ask: Asker) -> None:
    active = (
        await ask(
            "{ ruleSet { id name state windowDays precedence toml thresholds { index "
            "enter exit distinctMembers } actionTypes { verb } } }"
        )
    )["ruleSet"]
    assert active["state"] == "ACTIVE"
    assert active["thresholds"][0]["exit"] == 10.8
    save = """mutation ($t: String!) { done: saveRuleSet(toml: $t) { __typename
        ... on RuleProblem { code message mistakes { place line message } }
        ... on RuleSetChanged { ruleSet { id state windowDays } } } }"""
    bad = (await ask(save, t=active["toml"].replace("window_days = 90", "window_days = -1")))[
        "done"
    ]
    assert bad["code"] == "RULES_INVALID"
    assert bad["mistakes"][0]["place"] == "window_days"
    toml = active["toml"].replace("window_days = 90", "window_days = 60")
    draft = (await ask(save, t=toml))["done"]["ruleSet"]
    assert (draft["state"], draft["windowDays"]) == ("DRAFT", 60)
    activate = """mutation ($i: ID!) { done: activateRuleSet(id: $i) { __typename
        ... on Problem { code } ... on RuleSetChanged { ruleSet { state } } } }"""
    assert (await ask(activate, i=draft["id"]))["done"]["ruleSet"]["state"] == "ACTIVE"
    found = await ask("{ ruleSets(first: 10) { nodes { id state } } ruleSet { id } }")
    assert [r["state"] for r in found["ruleSets"]["nodes"]] == ["ACTIVE", "RETIRED"]
    assert found["ruleSet"]["id"] == draft["id"]
    assert (await ask(activate, i="UnVsZVNldDo5OTk"))["done"]["code"] == "UNKNOWN_RULE_SET"


async def test_what_one_mutation_changes_the_next_one_of_the_request_sees(ask: Asker) -> None:
    people = [{"id": "1", "name": "Aiko"}]
    await ask(call("recordMembers", "members", "MemberInput"), given=people)
    found = await ask('{ member(name: "Aiko") { id } ruleSet { toml } }')
    save = """mutation ($t: String!) { done: saveRuleSet(toml: $t) {
        ... on RuleSetChanged { ruleSet { id } } } }"""
    toml = found["ruleSet"]["toml"].replace('name = "default"', 'name = "other"')
    draft = (await ask(save, t=toml))["done"]["ruleSet"]["id"]
    standing = "... on MemberChanged { member { standing { ruleSet } } }"
    done = await ask(
        f"""mutation ($m: ID!, $r: ID!) {{
        before: lockStatus(member: $m, status: FAN, reason: "x") {{ {standing} }}
        activateRuleSet(id: $r) {{ __typename }}
        after: endLock(member: $m) {{ {standing} }} }}""",
        m=found["member"]["id"],
        r=draft,
    )
    told = [done[name]["member"]["standing"]["ruleSet"] for name in ("before", "after")]
    assert told == ["default", "other"]
