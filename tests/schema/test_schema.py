"""The contract as a whole: its text is the reviewed one, and every field holds its scope."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    is_required_input_field,
)

from engagement.scenario import Kind
from engagement.scenarios import dump
from schema.errors import CODES, PROBLEMS
from schema.ids import to_cursor, to_id
from schema.schema import schema
from schema.scopes import denied, stated
from schema.words import Scope
from sources.records import MemberRecord, PostRecord, Record
from store.candidates.keeping import keep
from store.members import AccountRow
from tests.schema.asking import NOW, Asker, at, community, likes, seed
from tests.store import prompting

SDL = Path(__file__).resolve().parents[2] / "schema" / "schema.graphql"
CORE: GraphQLSchema = schema._schema


def test_the_text_of_the_schema_is_the_reviewed_one() -> None:
    assert SDL.read_text(encoding="utf-8") == schema.as_str() + "\n", (
        "the schema changed: write it with `python -m schema.text` and review the difference"
    )


def test_every_field_states_a_scope_and_describes_itself() -> None:
    for (type_name, field), scopes in stated(CORE).items():
        assert scopes, f"{type_name}.{field} states no scope"
    for name in ("Query", "Mutation", "Subscription"):
        for field_name, field in _type(name).fields.items():
            assert field.description, f"{name}.{field_name} has no description"
    text = schema.as_str()
    assert text.count("@needs(scopes:") >= len(stated(CORE)) - 4  # Interfaces print theirs too.


def test_lists_are_pages_with_a_required_first() -> None:
    for name, type_ in CORE.type_map.items():
        if name.startswith("__") or not isinstance(type_, GraphQLObjectType):
            continue
        for field_name, field in type_.fields.items():
            returned = get_named_type(field.type).name
            if returned.endswith("Connection"):
                assert "first" in field.args, f"{name}.{field_name}"
                assert is_non_null_type(field.args["first"].type)
                assert "after" in field.args


def test_no_mutation_gives_a_boolean() -> None:
    for name, field in _type("Mutation").fields.items():
        assert is_abstract_type(get_named_type(field.type)), name


def _type(name: str) -> GraphQLObjectType:
    found = CORE.type_map[name]
    assert isinstance(found, GraphQLObjectType)
    return found


def _literal(type_: Any) -> str:
    """A literal that fits an input type."""
    if is_non_null_type(type_):
        return _literal(type_.of_type)
    if is_list_type(type_):
        return f"[{_literal(type_.of_type)}]"
    if is_enum_type(type_):
        return str(next(iter(type_.values)))
    if is_input_object_type(type_):
        assert isinstance(type_, GraphQLInputObjectType)
        inner = [
            f"{n}: {_literal(f.type)}"
            for n, f in type_.fields.items()
            if is_required_input_field(f)
        ]
        return "{" + ", ".join(inner) + "}"
    return {
        "Int": "1",
        "Count": "1",
        "Boolean": "true",
        "Date": '"2026-01-01"',
        "DateTime": '"2026-01-01T00:00:00Z"',
        "ID": '"TWVtYmVyOjE"',
    }.get(type_.name, '"x"')


def _call(name: str, field: GraphQLField) -> str:
    arguments = [
        f"{n}: {_literal(a.type)}" for n, a in field.args.items() if is_required_argument(a)
    ]
    return f"{name}({', '.join(arguments)})" if arguments else name


Step = tuple[str, str, str]


def _steps() -> dict[str, list[Step]]:
    """For each object type the fields that lead to it: (type, field, type that it gives)."""
    found: dict[str, list[Step]] = {"Query": [], "Mutation": [], "Subscription": []}
    queue = deque(found)
    while queue:
        name = queue.popleft()
        # Of the calls that record only this one can give all that a receipt may hold.
        for field_name in sorted(_type(name).fields, key=lambda one: one != "recordActions"):
            target = get_named_type(_type(name).fields[field_name].type)
            if not is_composite_type(target):
                continue
            possible = CORE.get_possible_types(target) if is_abstract_type(target) else [target]
            for one in possible:
                if one.name not in found:
                    found[one.name] = [*found[name], (name, field_name, one.name)]
                    queue.append(one.name)
    return found


STEPS = _steps()
OBJECTS = sorted(
    name
    for name, type_ in CORE.type_map.items()
    if isinstance(type_, GraphQLObjectType) and not name.startswith("__")
)


class Walker:
    """A small community in which every field of the schema has something to tell."""

    def __init__(self, ask: Asker) -> None:
        self.ask = ask
        self.ids: dict[str, str] = {}
        self.toml = ""
        self.scenario = ""
        #: Whom prompts and consent are asked for; a member asks for themself.
        self.who = 'source: "site", externalId: "spare38", '
        self.spare: list[str] = []
        self.goals: list[str] = []
        self._numbers = count()

    async def settle(self) -> None:
        people = [MemberRecord("site", f"spare{n}", name=f"Spare {n}") for n in range(40)]
        # Somebody comes to contribution by another route than the others.
        late: list[Record] = [
            PostRecord(
                "site", f"late-{i}", "qa", "answer", at(i + 1), author="late", root=f"q{i}",
                parent=f"q{i}", text="So.",
            )
            for i in range(5)
        ]  # fmt: skip
        joined = MemberRecord("site", "late", joined=at(20), name="Late")
        everybody = [*community(6), *likes("fan", 4), *people, joined, *late]
        await seed(self.ask.database, everybody)
        earlier = replace(self.ask, now=NOW - timedelta(days=10))
        for n in range(60):
            day = NOW.date() + timedelta(days=10 + n)
            call = f'saveGoal(status: CONTRIBUTOR, target: 9, by: "{day}")'
            await earlier(f"mutation {{ {call} {{ __typename }} }}")
        self.goals = [one["id"] for one in (await self.ask("{ goals { id } }"))["goals"]]
        self.ids = {
            "Member": await self._id('member(source: "site", externalId: "fan")'),
            "Post": await self._id('post(source: "site", externalId: "a1-1")'),
            "RuleSet": await self._id("ruleSet"),
        }
        found = await self.ask(
            """query ($m: ID!) { ruleSet { toml }
            member(id: $m) { actions(first: 1) { nodes { id } } } }""",
            m=self.ids["Member"],
        )
        self.toml = found["ruleSet"]["toml"]
        await self._prompt()
        spare = await self.ask('{ members(first: 40, filter: {search: "Spare"}) { nodes { id } } }')
        self.spare = [one["id"] for one in spare["members"]["nodes"]]
        self.ids["Action"] = found["member"]["actions"]["nodes"][0]["id"]
        await self.ask(
            """mutation ($m: ID!) { lockStatus(member: $m, status: FAN, reason: "x",
            until: "2026-03-02") { __typename } }""",
            m=self.ids["Member"],
        )
        # The lock is over by now: who is locked has no next step.
        self.ask = replace(self.ask, now=NOW + timedelta(days=2))

    async def _prompt(self) -> None:
        """Somebody's first post, which newcomers are shown."""
        late = MemberRecord("site", "later", joined=at(1), name="Later")
        post = PostRecord("site", "first", "forum", "topic", at(0.5), author="later", title="Hello")
        await seed(self.ask.database, [late, post])
        (one,) = prompting.scenario().variants
        two = tuple(replace(one, name=name, share=50) for name in ("one", "other"))
        shown = prompting.scenario(priority=1_000, variants=two)
        (number,) = await prompting.run(self.ask.database, shown, now=NOW)
        self.scenario = dump(prompting.scenario("another"))
        await keep(self.ask.database, list(Kind), now=NOW, always=True)
        self.ids["Scenario"] = to_id("Scenario", number)
        offered = await self.ask(
            """mutation { offerPrompt(source: "site", externalId: "spare39", surface: "home",
            session: "w") { ... on Offered { offer } } }"""
        )
        self.ids["PromptPolicy"] = await self._id("promptPolicy")
        self.ids["Offer"] = offered["offerPrompt"]["offer"]

    async def _id(self, call: str) -> str:
        (found,) = (await self.ask(f"{{ {call} {{ id }} }}")).values()
        return str(found["id"])

    async def at(self, type_: str, fields: list[str], ask: Asker) -> Any:
        """Ask for fields of a type, along the way that leads to it."""
        text = " ".join(self._selected(type_, one) for one in fields)
        for parent, field, target in reversed(STEPS[type_]):
            text = f"{self._call(parent, field, target)} {{ ... on {target} {{ {text} }} }}"
        root = STEPS[type_][0][0] if STEPS[type_] else type_
        return await ask.result(f"{root.lower()} {{ {text} }}")

    def _selected(self, type_: str, field: str) -> str:
        composite = is_composite_type(get_named_type(_type(type_).fields[field].type))
        return self._call(type_, field, "") + (" { __typename }" if composite else "")

    def _call(self, parent: str, field: str, target: str) -> str:
        member = json.dumps(self.ids["Member"])
        number = next(self._numbers) if parent == "Mutation" else 0
        spare = self.spare.pop() if field in {"mergeMembers", "eraseMember"} else ""
        goal = self.goals.pop() if field == "deleteGoal" else ""
        moment = '"2026-02-01T00:00:00Z"'
        action = f'venue: "lab", verb: "poke", actor: "fan", time: {moment}'
        known = {
            ("node", target): f"id: {json.dumps(self.ids.get(target, self.ids['Member']))}",
            ("member", target): f"id: {member}",
            ("post", target): f"id: {json.dumps(self.ids['Post'])}",
            ("recordActions", target): f'source: "site", actions: [{{id: "w{number}", {action}}}, '
            f'{{id: "", {action}}}]',
            ("recordActions", "CallProblem"): 'source: "site", actions: []',
            ("standingChanged", target): f'after: "{to_cursor("changes", 0)}"',
            ("lockStatus", target): f'member: "{self.spare[0]}", status: FAN, reason: "x"',
            ("lockStatus", "NotPossible"): f'member: {member}, status: FAN, reason: ""',
            ("eraseMember", target): f'member: "{spare}"',
            ("mergeMembers", target): f'keep: {member}, merge: "{spare}"',
            ("activateRuleSet", target): f"id: {json.dumps(self.ids.get('RuleSet'))}",
            ("saveGoal", target): f'status: FAN, target: 3, by: "2026-07-{number % 28 + 1:02}"',
            ("saveGoal", "NotPossible"): 'status: FAN, target: 3, by: "2020-01-01"',
            ("deleteGoal", target): f'id: "{goal}"',
            ("cancelActivation", target): f"id: {json.dumps(self.ids.get('RuleSet'))}",
            ("saveRuleSet", target): f"toml: {json.dumps(self.toml)}",
            ("saveRuleSet", "RuleProblem"): 'toml: "x"',
            ("offerPrompt", target): f'{self.who}surface: "home", session: "w{number}"',
            ("offerPrompt", "NothingOffered"): f'{self.who}surface: "elsewhere", '
            f'session: "w{number}"',
            ("acknowledgePrompt", target): f"offer: {json.dumps(self.ids.get('Offer'))}, "
            "outcome: SHOWN",
            ("setConsent", target): f"{self.who}allowed: true",
            ("saveScenario", target): f"toml: {json.dumps(self.scenario)}",
            ("saveScenario", "ScenarioProblem"): 'toml: "x"',
            ("setScenarioState", target): f"id: {json.dumps(self.ids.get('Scenario'))}, "
            "state: RUNNING",
            ("savePromptPolicy", target): 'toml: "holdout_percent = 0"',
            ("diff", target): f"to: {json.dumps(self.ids.get('RuleSet'))}",
            ("compareRuleSets", target): f"ids: [{json.dumps(self.ids.get('RuleSet'))}]",
            ("simulate", target): "enter: {support: 4}",
            ("suggest", target): "members: {contributor: 0, connector: 0, fan: 0, supporter: 0}",
        }.get((field, target))
        if known is not None and parent in {"Query", "Mutation", "Subscription", "RuleSet"}:
            return f"{field}({known})"
        return _call(field, _type(parent).fields[field])


def _places(found: Any, path: list[str]) -> list[dict[str, Any]]:
    """The objects at the end of a path through an answer."""
    here = [found]
    for name in path:
        inner = [one[name] for one in here if one is not None and name in one]
        here = [x for one in inner for x in (one if isinstance(one, list) else [one])]
    return [one for one in here if one]


@pytest.fixture
async def walker(ask: Asker) -> Walker:
    walker = Walker(ask)
    await walker.settle()
    return walker


def test_every_object_of_the_schema_is_within_reach() -> None:
    assert sorted(STEPS) == OBJECTS


def _refused(result: Any) -> set[str]:
    """The fields that were refused; nothing else may be wrong."""
    for error in result.errors or ():
        assert (error.extensions or {}).get("code") == "FORBIDDEN", error
    return {error.path[-1] for error in result.errors or ()}


@pytest.mark.slow
async def test_every_field_is_answered_to_who_may_ask_for_all(walker: Walker) -> None:
    for name in OBJECTS:
        fields = list(_type(name).fields)
        # Of mutations each is asked for by itself: some cannot follow others.
        for some in [fields] if name != "Mutation" else [[one] for one in fields]:
            result = await walker.at(name, some, walker.ask)
            assert result.errors is None, (name, result.errors)
            places = _places(result.data, [field for _, field, _ in STEPS[name]])
            assert any(place.keys() >= set(some) for place in places), name


@pytest.mark.slow
async def test_every_field_can_be_refused(walker: Walker, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OBJECTS:
        for field in _type(name).fields:
            monkeypatch.setattr("schema.scopes.denied", lambda *_, gate=(name, field): {gate})
            assert _refused(await walker.at(name, [field], walker.ask)) == {field}, name


@pytest.mark.slow
@pytest.mark.parametrize(
    "scopes", [set(), {Scope.SITE}, {Scope.MANAGER}, {Scope.MEMBER}, set(Scope)]
)
async def test_every_field_is_refused_to_whom_it_does_not_concern(
    walker: Walker, scopes: set[Scope]
) -> None:
    member = AccountRow("site", "spare38") if scopes == {Scope.MEMBER} else None
    walker.who = "" if member else walker.who
    asker = replace(walker.ask, scopes=frozenset(scopes), member=member)
    closed = {field for field, needed in stated(CORE).items() if not needed & scopes}
    for name in OBJECTS:
        fields = list(_type(name).fields)
        on_the_way = [field for type_, field, _ in STEPS[name] if (type_, field) in closed]
        if on_the_way:
            result = await walker.at(name, fields, asker)
            assert _refused(result) == set(on_the_way[:1]), name
            continue
        refused = [field for field in fields if (name, field) in closed]
        # What may be asked for may be asked for at once, but for mutations.
        may = [field for field in fields if field not in refused]
        for some in [may] if name != "Mutation" else [[one] for one in may]:
            assert not some or _refused(await walker.at(name, some, asker)) == set(), (name, some)
        for field in refused:
            assert _refused(await walker.at(name, [field], asker)) == {field}, (name, field)


def test_what_an_interface_gives_needs_what_the_type_needs() -> None:
    found = stated(CORE)
    for interface in CORE.type_map.values():
        if not isinstance(interface, GraphQLInterfaceType):
            continue
        for type_ in CORE.get_possible_types(interface):
            own = {found[type_.name, name] for name in type_.fields if name not in interface.fields}
            for name in interface.fields:
                assert found[type_.name, name] <= found[interface.name, name]
                assert not own or found[type_.name, name] in own
    assert found["RuleProblem", "code"] == found["RuleProblem", "message"] == {Scope.MANAGER}
    assert found["CallProblem", "code"] == {Scope.SITE, Scope.MANAGER}


async def test_everything_with_an_id_is_found_by_it(walker: Walker) -> None:
    for kind, id_ in walker.ids.items():
        found = await walker.ask("query ($i: ID!) { node(id: $i) { __typename id } }", i=id_)
        assert found["node"] == {"__typename": kind, "id": id_}


async def test_scopes_are_those_of_the_design() -> None:
    site = denied(CORE, frozenset({Scope.SITE}))
    manager = denied(CORE, frozenset({Scope.MANAGER}))
    assert not denied(CORE, frozenset(Scope))
    for mutation in (
        "recordMembers",
        "recordPosts",
        "recordReactions",
        "recordActions",
        "recordCounters",
        "recordViews",
        "retract",
        "eraseMember",
    ):
        assert ("Mutation", mutation) in manager
        assert ("Mutation", mutation) not in site
    for query in (
        "member",
        "members",
        "post",
        "posts",
        "node",
        "tierReport",
        "dataHealth",
        "ruleSet",
        "ruleSets",
        "simulate",
        "suggest",
        "compareRuleSets",
    ):
        assert ("Query", query) in site
        assert ("Query", query) not in manager
    for mutation in (
        "lockStatus",
        "endLock",
        "saveRuleSet",
        "activateRuleSet",
        "cancelActivation",
        "saveScenario",
        "setScenarioState",
        "savePromptPolicy",
    ):
        assert ("Mutation", mutation) in site
        assert ("Mutation", mutation) not in manager
    member = denied(CORE, frozenset({Scope.MEMBER}))
    open_ = {name for type_, name in set(stated(CORE)) - member if type_ == "Query"}
    assert open_ == {"me", "standingCursor"}
    may = {name for type_, name in set(stated(CORE)) - member if type_ == "Mutation"}
    assert may == {"offerPrompt", "acknowledgePrompt", "setConsent"}
    assert ("Mutation", "setConsent") not in manager
    assert ("Mutation", "offerPrompt") in manager
    everything = denied(CORE, frozenset())
    assert set(stated(CORE)) == set(everything)


async def test_a_field_below_a_granted_one_is_refused_by_itself(ask: Asker) -> None:
    asker = replace(ask, scopes=frozenset({Scope.SITE}))
    result = await asker.result(
        '{ actionTypes(venue: "qa") { actions } ruleSets(first: 1) { nodes { id } } }'
    )
    (error,) = result.errors
    assert error.path == ["ruleSets"]
    assert error.extensions["code"] == "FORBIDDEN"
    assert "manager" in error.message


def test_codes_are_described() -> None:
    assert all(text.endswith((".", "`.")) for text in [*CODES.values(), *PROBLEMS.values()])
