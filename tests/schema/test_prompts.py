"""Prompts over GraphQL, as a site, a member and a manager ask for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from engagement.scenario import Kind
from engagement.scenarios import dump
from schema.words import Scope
from sources.records import MemberRecord, PostRecord
from store.candidates.keeping import keep
from store.members import AccountRow
from tests.schema.asking import NOW, Asker, at, seed
from tests.store.prompting import FREE, run, scenario

OFFER = """mutation ($s: String!, $u: String = "home", $l: Language, $source: String = "site",
        $who: String) {
    offerPrompt(surface: $u, session: $s, language: $l, source: $source, externalId: $who) {
        __typename
        ... on Offered { offer prompt { kind language title body why action optOut optOutAll
            validUntil item { source externalId title venue } } }
        ... on NothingOffered { offer }
        ... on NotPossible { code message } } }"""
OWN = """mutation ($s: String!) { offerPrompt(surface: "home", session: $s) {
    __typename ... on Offered { offer prompt { title } } ... on NothingOffered { offer } } }"""
TELL = """mutation ($o: ID!, $what: PromptOutcome!) { acknowledgePrompt(offer: $o, outcome: $what) {
    __typename ... on Acknowledged { outcome } ... on NotPossible { code } } }"""
CONSENT = """mutation ($k: PromptKind, $a: Boolean!) { setConsent(kind: $k, allowed: $a) {
    ... on ConsentSet { all refused } ... on NotPossible { code } } }"""
LOG = """query ($m: ID, $k: String, $after: String) { offers(first: 2, member: $m, key: $k,
        after: $after) {
    nodes { id at surface session status arm variant reason kind period shownAt refusedAt
        member { name } scenario { key version state } item { externalId }
        trace { key version reason postId detail } }
    pageInfo { hasNextPage endCursor } } }"""


@pytest.fixture
async def site(ask: Asker) -> Asker:
    """Asks as the site of a community with two newcomers and two first posts."""
    people = [MemberRecord("site", who, name=who.title(), joined=at(3)) for who in ("ann", "eve")]
    post = PostRecord("site", "p", "forum", "topic", at(1), author="bob", title="Hello {there}")
    older = PostRecord("site", "q", "forum", "topic", at(1.5), author="cid", title="Older")
    await seed(ask.database, [*people, post, older])
    await run(ask.database, scenario(), now=NOW)
    await keep(ask.database, list(Kind), now=NOW, always=True)
    return replace(ask, scopes=frozenset({Scope.SITE}))


def as_member(site: Asker, who: str) -> Asker:
    return replace(site, scopes=frozenset({Scope.MEMBER}), member=AccountRow("site", who), key=None)


def as_manager(site: Asker) -> Asker:
    return replace(site, scopes=frozenset({Scope.MANAGER}))


async def offered(asker: Asker, who: str | None, session: str = "s", **more: Any) -> dict[str, Any]:
    found = await asker(OFFER, s=session, who=who, **more)
    return dict(found["offerPrompt"])


async def test_a_site_asks_for_whom_it_names(site: Asker) -> None:
    found = await offered(site, "ann")
    assert found["__typename"] == "Offered"
    prompt = found["prompt"]
    assert (prompt["kind"], prompt["language"]) == ("FIRST_POST", "EN")
    assert prompt["title"] == "A first post: Hello {there}"
    assert prompt["why"] == "You are here."
    assert prompt["optOut"]
    assert prompt["item"] == {
        "source": "site",
        "externalId": "p",
        "title": "Hello {there}",
        "venue": "forum",
    }
    assert await offered(site, "ann") == found
    japanese = await offered(site, "ann", l="JA")
    assert japanese["prompt"]["body"] == "こんにちは。"
    assert (await offered(site, "nobody"))["code"] == "UNKNOWN_MEMBER"
    assert (await offered(site, "ann", ""))["code"] == "NOT_POSSIBLE"
    assert (await offered(site, "ann", u="No Place"))["code"] == "NOT_POSSIBLE"
    assert await site.codes(OFFER, s="s", who=None) == ["BAD_INPUT"]


async def test_a_member_asks_for_themself_and_for_nobody_else(site: Asker) -> None:
    ann = as_member(site, "ann")
    own = (await ann(OWN, s="s"))["offerPrompt"]
    assert own["prompt"]["title"] == "A first post: Hello {there}"
    assert await ann.codes(OFFER, s="s", who="eve") == ["FORBIDDEN"]
    eve = as_member(site, "eve")
    assert (await eve(TELL, o=own["offer"], what="SHOWN"))["acknowledgePrompt"] == {
        "__typename": "NotPossible",
        "code": "UNKNOWN_OFFER",
    }
    told = await ann(TELL, o=own["offer"], what="NOT_INTERESTED")
    assert told["acknowledgePrompt"]["outcome"] == "NOT_INTERESTED"
    assert (await ann(OWN, s="t"))["offerPrompt"]["__typename"] == "NothingOffered"
    consent = await ann(CONSENT, k="FIRST_POST", a=True)
    assert consent["setConsent"] == {"all": None, "refused": []}
    assert (await ann(OWN, s="u"))["offerPrompt"]["__typename"] == "Offered"
    assert (await ann(CONSENT, a=False))["setConsent"] == {"all": False, "refused": []}
    assert (await ann("{ me { promptConsent { all refused } } }"))["me"]["promptConsent"] == {
        "all": False,
        "refused": [],
    }
    assert (await ann(OWN, s="v"))["offerPrompt"]["__typename"] == "NothingOffered"
    stranger = as_member(site, "stranger")
    assert (await stranger(CONSENT, a=False))["setConsent"] == {"code": "UNKNOWN_MEMBER"}


async def test_nobody_can_tell_that_they_are_held_out(site: Asker) -> None:
    await run(site.database, scenario("held", holdout_percent=50), now=NOW)
    people = [MemberRecord("site", f"n{n}", joined=at(2)) for n in range(30)]
    await seed(site.database, people)
    answers = [(await as_member(site, f"n{n}")(OWN, s="s"))["offerPrompt"] for n in range(30)]
    held = [one for one in answers if one["__typename"] == "NothingOffered"]
    assert 0 < len(held) < 30
    nothing = (await as_member(site, "n0")(OWN.replace('"home"', '"elsewhere"'), s="s"))[
        "offerPrompt"
    ]
    assert held[0].keys() == nothing.keys()
    asked = OWN.replace("NothingOffered { offer", "NothingOffered { offer reason")
    assert await as_member(site, "n0").codes(asked.replace('"home"', '"elsewhere"'), s="r") == [
        "FORBIDDEN"
    ]
    log = (await as_manager(site)(LOG, k="held"))["offers"]["nodes"]
    assert {one["arm"] for one in log} <= {"SHOWN", "HELD_BY_SCENARIO"}


async def test_managers_see_every_decision_with_its_trace(site: Asker) -> None:
    await run(
        site.database,
        scenario("first", priority=200),
        scenario("second"),
        scenario("idea", kind=Kind.IDEA_NEAR_YOURS),
        policy=FREE,
        now=NOW,
    )
    await offered(site, "ann", "s1")
    await offered(site, "eve", "s2")
    await offered(site, "ann", "s3", u="elsewhere")
    manager = as_manager(site)
    page = (await manager(LOG))["offers"]
    assert page["pageInfo"]["hasNextPage"]
    assert [one["session"] for one in page["nodes"]] == ["s3", "s2"]
    rest = (await manager(LOG, after=page["pageInfo"]["endCursor"]))["offers"]
    (first,) = rest["nodes"]
    assert (first["arm"], first["reason"], first["status"]) == ("SHOWN", None, "NEWCOMER")
    assert first["member"] == {"name": "Ann"}
    assert first["scenario"] == {"key": "first", "version": 1, "state": "RUNNING"}
    assert first["item"] == {"externalId": "p"}
    assert {step["key"]: step["reason"] for step in first["trace"]} == {
        "first": None,
        "second": "LOST_ARBITRATION",
        "idea": "NO_CANDIDATE",
    }
    by_id = await manager(
        "query ($i: ID!) { node(id: $i) { id ... on Offer { session } } }", i=first["id"]
    )
    assert by_id["node"]["session"] == "s1"
    assert [one["session"] for one in (await manager(LOG, k="first"))["offers"]["nodes"]] == [
        "s2",
        "s1",
    ]
    assert await manager.codes(LOG, after="x") == ["BAD_CURSOR"]


async def test_a_preview_is_what_is_then_offered(site: Asker) -> None:
    manager = as_manager(site)
    preview = """query ($t: String, $d: Date) { scenarioPreview(each: 5, toml: $t, asOf: $d) {
        member { name } status key arm reason prompt { title item { externalId } }
        trace { key reason } } }"""
    shown = {one["member"]["name"]: one for one in (await manager(preview))["scenarioPreview"]}
    assert shown["Ann"]["key"] == "hello"
    assert shown["Ann"]["prompt"]["item"] == {"externalId": "p"}
    offer = await offered(site, "ann")
    assert offer["prompt"]["title"] == shown["Ann"]["prompt"]["title"]
    # The day before the post was written there was nothing.
    then = (NOW - timedelta(days=2)).date().isoformat()
    before = (await manager(preview, d=then))["scenarioPreview"]
    assert {one["reason"] for one in before if one["member"]["name"] == "Eve"} == {"NO_CANDIDATE"}
    other = dump(scenario("draft", surfaces=("login",)))
    draft = (await manager(preview, t=other))["scenarioPreview"]
    assert {one["reason"] for one in draft} == {"OTHER_SURFACE"}
    assert await manager.codes(preview, t="x") == ["SCENARIO_INVALID"]
    kept = (await manager("{ offers(first: 5) { nodes { id } } }"))["offers"]["nodes"]
    assert len(kept) == 1


async def test_a_scenario_is_saved_run_paused_and_ended(ask: Asker) -> None:
    save = """mutation ($t: String!) { saveScenario(toml: $t) {
        ... on ScenarioChanged { scenario { id key version state } }
        ... on ScenarioProblem { code mistakes { place line message } } } }"""
    state = """mutation ($i: ID!, $s: ScenarioState!) { setScenarioState(id: $i, state: $s) {
        ... on ScenarioChanged { scenario { version state begunAt endedAt } }
        ... on NotPossible { code message } } }"""
    text = dump(scenario("own"))
    first = (await ask(save, t=text))["saveScenario"]["scenario"]
    assert (first["version"], first["state"]) == (1, "DRAFT")
    assert (await ask(save, t=text))["saveScenario"]["scenario"] == first
    began = (await ask(state, i=first["id"], s="RUNNING"))["setScenarioState"]["scenario"]
    assert (began["state"], began["endedAt"]) == ("RUNNING", None)
    other = dump(scenario("own", priority=7))
    second = (await ask(save, t=other))["saveScenario"]["scenario"]
    assert second["version"] == 2
    await ask(state, i=second["id"], s="RUNNING")
    found = (await ask('{ scenarios(key: "own") { version state priority } }'))["scenarios"]
    assert found == [
        {"version": 2, "state": "RUNNING", "priority": 7},
        {"version": 1, "state": "ENDED", "priority": 100},
    ]
    refused = (await ask(state, i=first["id"], s="RUNNING"))["setScenarioState"]
    assert refused["code"] == "NOT_POSSIBLE"
    assert "save a new version" in refused["message"]
    await ask(state, i=second["id"], s="ENDED")
    again = (await ask(save, t=other))["saveScenario"]["scenario"]
    assert (again["version"], again["state"]) == (3, "DRAFT")
    unknown = dump(scenario("own", goal=(("qa", "sing"),), audience=("name=x",)))
    problem = (await ask(save, t=unknown))["saveScenario"]
    assert [one["place"] for one in problem["mistakes"]] == ["goal[0]", "audience[0]"]
    policy = """mutation ($t: String!) { savePromptPolicy(toml: $t) {
        ... on PromptPolicySaved { policy { holdoutPercent caps { day } } }
        ... on ScenarioProblem { mistakes { place } } } }"""
    saved = (await ask(policy, t="holdout_percent = 8\ncaps = { day = 1 }"))["savePromptPolicy"]
    assert saved["policy"] == {"holdoutPercent": 8, "caps": {"day": 1}}
    wrong = (await ask(policy, t="holdout_percent = 80"))["savePromptPolicy"]
    assert wrong["mistakes"] == [{"place": "holdout_percent"}]
