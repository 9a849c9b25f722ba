"""What a member may ask: where they stand, and nothing of anybody else."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_abstract_type,
)

from engagement.words import Role
from schema.ids import to_cursor, to_id
from schema.schema import schema
from schema.scopes import stated
from schema.words import Scope
from sources.records import MemberRecord
from store import people
from store.db import Database
from store.members import AccountRow
from tests.schema.asking import NOW, Asker, at, community, likes, seed

CORE = schema._schema

#: All that a member may ask for, with every argument. What is added here is shown to each member:
#: it must be about themself alone.
OWN = {
    "Query": {"me": [], "standingCursor": []},
    "Subscription": {"standingChanged": ["after", "member"]},
    "StandingChange": {
        "cursor": [],
        "day": [],
        "at": [],
        "before": [],
        "after": [],
        "cause": [],
        "ruleSetId": [],
    },
    "Member": {
        "id": [],
        "name": [],
        "joinedAt": [],
        "zone": [],
        "lang": [],
        "accounts": [],
        "externalId": ["source"],
        "standing": ["asOf"],
        "history": ["after", "asOf", "first"],
        "promptConsent": [],
    },
    "PromptConsent": {"all": [], "refused": []},
    "Account": {"source": [], "externalId": []},
    "Standing": {
        "status": [],
        "since": [],
        "day": [],
        "indices": [],
        "because": [],
        "next": [],
        "nextReviewDay": [],
    },
    "IndexStanding": {
        "index": [],
        "points": [],
        "enter": [],
        "exit": [],
        "missing": [],
        "met": [],
        "keptUntil": [],
        "guards": [],
        "guardsNeeded": [],
    },
    "Guard": {"name": [], "have": [], "need": []},
    "Reason": {"code": [], "index": [], "actual": [], "needed": [], "text": ["language"]},
    "NextStep": {
        "status": [],
        "index": [],
        "missing": [],
        "guards": [],
        "guardsNeeded": [],
        "text": ["language"],
    },
    "MoveConnection": {"edges": [], "nodes": [], "pageInfo": []},
    "MoveEdge": {"node": [], "cursor": []},
    "PageInfo": {"hasNextPage": [], "endCursor": [], "hasPreviousPage": [], "startCursor": []},
    "Move": {"day": [], "before": [], "after": [], "cause": []},
    "Mutation": {
        "offerPrompt": ["externalId", "language", "member", "session", "source", "surface"],
        "acknowledgePrompt": ["offer", "outcome"],
        "setConsent": ["allowed", "externalId", "kind", "member", "source"],
    },
    "Offered": {"offer": [], "prompt": []},
    # Not why: a member cannot tell that they are held out.
    "NothingOffered": {"offer": []},
    "NotPossible": {"code": [], "message": []},
    "Acknowledged": {"offer": [], "outcome": []},
    "ConsentSet": {"all": [], "refused": []},
    "Prompt": {
        "kind": [],
        "language": [],
        "title": [],
        "body": [],
        "why": [],
        "action": [],
        "item": [],
        "validUntil": [],
        "optOut": [],
        "optOutAll": [],
    },
    "PromptItem": {"source": [], "externalId": [], "title": [], "venue": []},
}
#: Types that tell of a person, or lead to one.
PEOPLE = {"Member", "Post", "Action", "Node", "MemberConnection", "AuditEntry"}

EVERYTHING = """{ me { id name joinedAt zone lang accounts { source externalId } externalId
    standing { status since day nextReviewDay
        indices { index points enter exit missing met keptUntil guardsNeeded
            guards { name have need } }
        because { code index actual needed text ja: text(language: JA) }
        next { status index missing guardsNeeded guards { name have need } text } }
    history(first: 5) { edges { cursor } nodes { day before after cause }
        pageInfo { hasNextPage endCursor } } } }"""


def _roots() -> Iterator[GraphQLObjectType]:
    for root in (CORE.query_type, CORE.mutation_type, CORE.subscription_type):
        if root is not None:
            yield root


def _open() -> dict[str, dict[str, list[str]]]:
    """Every field that a member's document can come to, from the roots on, with its arguments."""
    found: dict[str, dict[str, list[str]]] = {}
    queue = deque(_roots())
    while queue:
        type_ = queue.popleft()
        if type_.name in found:
            continue
        found[type_.name] = fields = {}
        for name, field in type_.fields.items():
            if Scope.MEMBER not in stated(CORE)[type_.name, name]:
                continue
            fields[name] = sorted(field.args)
            target: Any = get_named_type(field.type)
            if isinstance(target, GraphQLObjectType):
                queue.append(target)
            elif is_abstract_type(target):
                assert isinstance(target, (GraphQLInterfaceType, GraphQLUnionType))
                queue.extend(CORE.get_possible_types(target))
    return {name: fields for name, fields in found.items() if fields}


def test_a_member_comes_to_what_is_listed_and_to_nothing_else() -> None:
    assert _open() == OWN


def test_no_way_leads_from_a_member_to_another_person() -> None:
    leading = {
        (type_, name)
        for type_, fields in _open().items()
        for name in fields
        if get_named_type(_type(type_).fields[name].type).name in PEOPLE
    }
    assert leading == {("Query", "me")}


def _type(name: str) -> GraphQLObjectType:
    found = CORE.type_map[name]
    assert isinstance(found, GraphQLObjectType)
    return found


@pytest.fixture
async def ann(ask: Asker) -> Asker:
    """Asks as a member of a community in which others are there too."""
    await seed(ask.database, [*community(6), *likes("m1", 4)])
    return as_member(ask, "m1")


def as_member(ask: Asker, external_id: str, source: str = "site") -> Asker:
    return replace(
        ask, scopes=frozenset({Scope.MEMBER}), member=AccountRow(source, external_id), key=None
    )


async def test_a_member_sees_where_they_stand(ask: Asker, ann: Asker) -> None:
    me = (await ann(EVERYTHING))["me"]
    assert (me["name"], me["externalId"]) == ("Member 0001", "m1")
    assert me["accounts"] == [{"source": "site", "externalId": "m1"}]
    seen = EVERYTHING.replace("{ me {", '{ me: member(source: "site", externalId: "m1") {', 1)
    assert me == (await replace(ask)(seen))["me"]
    assert me["standing"]["status"] == "CONTRIBUTOR"
    assert me["history"]["nodes"]
    others = str(await as_member(ask, "m2")(EVERYTHING))
    assert "Member 0002" in others
    assert "Member 0001" not in others
    assert "m1" not in others


async def test_whom_nobody_told_us_of_is_nobody_yet(ask: Asker, ann: Asker) -> None:
    for stranger in (as_member(ask, "unheard"), as_member(ask, "m1", "elsewhere")):
        assert await stranger(EVERYTHING) == {"me": None}
    await seed(ask.database, [MemberRecord("site", "unheard", name="New", joined=at(1))])
    me = (await as_member(ask, "unheard")(EVERYTHING))["me"]
    assert (me["name"], me["standing"]["status"]) == ("New", "NEWCOMER")


async def test_whoever_is_no_member_is_nobody(ask: Asker) -> None:
    await seed(ask.database, community(3))
    assert await ask("{ me { id } }") == {"me": None}
    keys = replace(ask, scopes=frozenset({Scope.SITE, Scope.MANAGER}))
    assert await keys.codes("{ me { id } }") == ["FORBIDDEN"]


async def test_staff_have_no_standing_of_their_own_either(ask: Asker) -> None:
    await seed(ask.database, [MemberRecord("site", "eve", name="Eve", role=Role.STAFF)])
    me = (await as_member(ask, "eve")("{ me { name standing { status } } }"))["me"]
    assert me == {"name": "Eve", "standing": None}


async def test_an_erased_member_is_nobody(ask: Asker, ann: Asker) -> None:
    number = await _own(ann)
    assert number is not None
    await people.erase_member(ask.database, number, now=NOW)
    assert await ann(EVERYTHING) == {"me": None}
    assert await _own(ann) is None
    # The hash that is kept of their id is no way in either.
    async with ask.database.read() as connection:
        kept = await connection.fetchval(
            "select external_id from account where member_id = $1", number
        )
    assert await as_member(ask, kept)(EVERYTHING) == {"me": None}


async def test_a_merged_account_leads_to_who_they_are_now(ask: Asker, ann: Asker) -> None:
    one, two = await _own(ann), await _own(as_member(ask, "m2"))
    assert one is not None
    assert two is not None
    await people.merge_members(ask.database, two, one, now=NOW)
    own = await ann(EVERYTHING)
    assert own == await as_member(ask, "m2")(EVERYTHING)
    assert [account["externalId"] for account in own["me"]["accounts"]] == ["m1", "m2"]
    assert await _own(ann) == two


async def _own(asker: Asker) -> int | None:
    return await asker.context().own_member()


async def test_what_managers_wrote_of_a_member_is_not_shown_to_them(ask: Asker, ann: Asker) -> None:
    (found,) = (await ask('{ member(source: "site", externalId: "m1") { id } }')).values()
    await ask(
        """mutation ($m: ID!) { lockStatus(member: $m, status: FAN, reason: "difficult person",
        until: "2026-04-01") { __typename } }""",
        m=found["id"],
    )
    me = (await ann(EVERYTHING))["me"]
    assert me["standing"]["because"][0]["text"] == (
        "Fan since 1 Mar 2026: set by the community's managers until the end of 1 Apr 2026"
    )
    assert "difficult" not in str(me)
    assert await ann.codes("{ me { locks { reason } } }") == ["FORBIDDEN"]


async def test_a_member_sees_their_past(ann: Asker) -> None:
    later = replace(ann, now=NOW + timedelta(days=2))
    asked = '{ me { standing(asOf: "2026-02-01") { status } history(first: 5) { nodes { day } } } }'
    found = await later(asked)
    assert found["me"]["standing"]["status"] in {"MEMBER", "DORMANT", "NEWCOMER"}
    assert found["me"]["history"]["nodes"]


GUESSES = [
    "node(id: %s) { id }",
    "node(id: %s) { ... on Member { name standing { status } } ... on Post { text } }",
    "member(id: %s) { id name }",
    'member(source: "site", externalId: %s) { id }',
    "member(name: %s) { id }",
    "members(first: 5, filter: {search: %s}) { nodes { id name } }",
    "post(id: %s) { text }",
    'post(source: "site", externalId: %s) { text }',
    "posts(first: 5, filter: {author: %s}) { nodes { text } }",
    "ruleSet(id: %s) { toml }",
    "auditLog(first: 5, filter: {subject: %s}) { nodes { before } }",
]


@pytest.mark.parametrize("guess", GUESSES)
async def test_guessing_tells_nothing_not_even_whether_it_is_there(
    ask: Asker, ann: Asker, guess: str
) -> None:
    there = await ask(
        """{ members(first: 1) { nodes { id name posts(first: 1) { nodes { id } } } }
        ruleSet { id } }"""
    )
    (somebody,) = there["members"]["nodes"]
    guesses = [
        somebody["id"],
        somebody["posts"]["nodes"][0]["id"],
        there["ruleSet"]["id"],
        somebody["name"],
        "m1",
        "q1",
        "TWVtYmVyOjk5OTk5OQ",
        "no id at all",
        "",
        "\0",
    ]
    answers = set()
    for one in guesses:
        literal = '"' + one.replace("\0", "\\u0000") + '"'
        result = await ann.result("{ " + guess % literal + " }")
        (error,) = result.errors
        assert error.extensions == {"code": "FORBIDDEN"}
        answers.add((error.message, str(error.path), str(result.data)))
    assert len(answers) == 1


async def test_a_member_changes_nothing(database: Database, ann: Asker) -> None:
    mutations = (
        'eraseMember(source: "site", externalId: "m1") { __typename }',
        'lockStatus(member: "TWVtYmVyOjE", status: FAN, reason: "me") { __typename }',
        'mergeMembers(keep: "TWVtYmVyOjE", merge: "TWVtYmVyOjI") { __typename }',
        'recordMembers(source: "site", members: [{id: "m1", name: "Me"}]) { __typename }',
        'saveRuleSet(toml: "") { __typename }',
    )
    for one in mutations:
        assert await ann.codes(f"mutation {{ {one} }}") == ["FORBIDDEN"]
    async with database.read() as connection:
        assert await connection.fetchval("select count(*) from audit_entry") == 0
        assert await connection.fetchval("select count(*) from hold") == 0


FOLLOW = """subscription ($member: ID, $after: String) {
    standingChanged(member: $member, after: $after) { cursor before after } }"""


async def followed(asker: Asker, count: int, **variables: str) -> list[dict[str, Any]]:
    """The first changes that somebody hears of."""
    events = await schema.subscribe(FOLLOW, variables, asker.context())
    assert isinstance(events, AsyncGenerator)
    found = []
    async with asyncio.timeout(60):
        for _ in range(count):
            result = await anext(events)
            assert result.errors is None
            assert result.data is not None
            found.append(result.data["standingChanged"])
    await events.aclose()
    return found


async def test_a_member_follows_their_own_changes_only(ask: Asker, ann: Asker) -> None:
    begin = to_cursor("changes", 0)
    everybody = await ask("{ members(first: 100) { nodes { id externalId } } }")
    ids = {one["externalId"]: one["id"] for one in everybody["members"]["nodes"]}
    query = """query ($i: ID!) { node(id: $i) { ... on Member { transitions(first: 100) {
        nodes { before after } } } } }"""
    told = (await ask(query, i=ids["m1"]))["node"]["transitions"]["nodes"][::-1]
    for named in ({}, {"member": ids["m1"]}):
        heard = await followed(ann, len(told), after=begin, **named)
        assert [{"before": one["before"], "after": one["after"]} for one in heard] == told
    for other in (ids["m2"], to_id("Member", 10**6)):
        assert await ann.codes(FOLLOW, member=other) == ["FORBIDDEN"]
    stranger = as_member(ask, "nobody")
    assert await stranger.codes(FOLLOW) == ["UNKNOWN_MEMBER"]


async def test_a_manager_follows_whom_somebody_was_merged_into(ask: Asker, ann: Asker) -> None:
    one, two = await _own(ann), await _own(as_member(ask, "m2"))
    assert one is not None
    assert two is not None
    begin = (await ask("{ standingCursor }"))["standingCursor"]
    await people.merge_members(ask.database, two, one, now=NOW)
    locked = (
        """mutation ($m: ID!) { lockStatus(member: $m, status: FAN, reason: "x") { __typename } }"""
    )
    await ask(locked, m=to_id("Member", two))
    heard = await followed(ask, 1, after=begin, member=to_id("Member", one))
    assert heard[-1]["after"] == "FAN"
    assert await ask.codes(FOLLOW, member=to_id("Member", 10**6)) == ["UNKNOWN_MEMBER"]
