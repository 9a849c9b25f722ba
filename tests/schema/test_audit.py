"""The audit log: whoever changes something leaves an entry, and whoever changes nothing none."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import asyncpg
import pytest
from graphql import GraphQLObjectType

from engagement import rules as rule_files
from engagement.scenarios import dump
from engagement.words import Status
from schema.ids import to_id
from schema.schema import schema
from schema.scopes import stated
from schema.words import Scope
from store import goals, keys, members, people, rules
from store.audit import Actor
from store.db import Database, day_number
from tests.schema.asking import NOW, Asker, community, likes, seed
from tests.store import prompting

pytestmark = pytest.mark.slow

CORE = schema._schema
LOG = """query ($first: Int! = 100, $after: String, $filter: AuditFilter) {
    auditLog(first: $first, after: $after, filter: $filter) {
        nodes { id at actor key requestId action subjects before after }
        pageInfo { hasNextPage endCursor } } }"""
END = date(2026, 4, 1)
OTHER = rule_files.dump(rule_files.default()).replace("window_days = 90", "window_days = 60")

#: A call of every mutation of people's that changes something, and one that is refused. A new one
#: must be added, with the entry that it writes.
CALLS = {
    "lockStatus": (
        'lockStatus(member: "{ann}", status: FAN, reason: "pilot", until: "2026-04-01")',
        'lockStatus(member: "{ann}", status: FAN, reason: "")',
    ),
    "endLock": ('endLock(member: "{ann}")', 'endLock(member: "{ben}")'),
    "mergeMembers": (
        'mergeMembers(keep: "{ann}", merge: "{ben}")',
        'mergeMembers(keep: "{ann}", merge: "{ann}")',
    ),
    "eraseMember": (
        'eraseMember(member: "{ann}")',
        'eraseMember(source: "site", externalId: "nobody")',
    ),
    "saveGoal": (
        'saveGoal(status: FAN, target: 5, by: "2026-06-01")',
        'saveGoal(status: FAN, target: 5, by: "2020-06-01")',
    ),
    "deleteGoal": ('deleteGoal(id: "{goal}")', 'deleteGoal(id: "R29hbDo5OTk")'),
    "saveRuleSet": ("saveRuleSet(toml: {other})", 'saveRuleSet(toml: "")'),
    "activateRuleSet": (
        'activateRuleSet(id: "{draft}")',
        'activateRuleSet(id: "UnVsZVNldDo5OTk")',
    ),
    "cancelActivation": (
        'cancelActivation(id: "{draft}")',
        'cancelActivation(id: "UnVsZVNldDo5OTk")',
    ),
    "saveScenario": ("saveScenario(toml: {scenario})", 'saveScenario(toml: "")'),
    "setScenarioState": (
        'setScenarioState(id: "{running}", state: PAUSED)',
        'setScenarioState(id: "{running}", state: DRAFT)',
    ),
    "savePromptPolicy": (
        'savePromptPolicy(toml: "holdout_percent = 7")',
        'savePromptPolicy(toml: "holdout_percent = 70")',
    ),
}
#: What managers may do for members, and of which the members' own word is kept elsewhere.
NOT_AUDITED = {"setConsent"}
#: What must have been done before a mutation changes anything.
FIRST = {
    "endLock": CALLS["lockStatus"][0],
    "cancelActivation": 'activateRuleSet(id: "{draft}", on: "2026-12-01", notify: true)',
}


@pytest.fixture
async def names(ask: Asker) -> dict[str, str]:
    """What stands in the calls, in a community where each of them can be made."""
    await seed(ask.database, [*community(6), *likes("ann", 4)])
    draft = await rules.save_draft(ask.database, OTHER, now=NOW)
    found = await ask(
        """{ ann: member(source: "site", externalId: "ann") { id }
        ben: member(source: "site", externalId: "m2") { id }
        ruleSets(first: 1) { nodes { id } } }"""
    )
    assert draft.state == "draft"
    running = (await ask("{ scenarios(state: [RUNNING]) { id } }"))["scenarios"][0]
    goal = await goals.save(ask.database, Status.CONTRIBUTOR, 9, day_number(END), now=NOW)
    return {
        "ann": found["ann"]["id"],
        "ben": found["ben"]["id"],
        "goal": to_id("Goal", goal.id),
        "running": running["id"],
        "scenario": json.dumps(dump(prompting.scenario("another"))),
        "draft": found["ruleSets"]["nodes"][0]["id"],
        "other": json.dumps(OTHER.replace("window_days = 60", "window_days = 70")),
    }


def called(mutation: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        mutation = mutation.replace("{" + name + "}", value)
    return f"mutation {{ {mutation} {{ __typename ... on Problem {{ message }} }} }}"


async def entries(ask: Asker, **variables: Any) -> list[dict[str, Any]]:
    everything = replace(ask, scopes=frozenset(Scope))
    return list((await everything(LOG, **variables))["auditLog"]["nodes"])


def test_every_mutation_of_people_is_in_the_walk() -> None:
    type_ = CORE.type_map["Mutation"]
    assert isinstance(type_, GraphQLObjectType)
    by_managers = {n for n in type_.fields if Scope.MANAGER in stated(CORE)["Mutation", n]}
    assert by_managers - NOT_AUDITED | {"eraseMember"} == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
async def test_every_mutation_of_people_leaves_an_entry(
    ask: Asker, names: dict[str, str], name: str
) -> None:
    if name in FIRST:
        await ask(called(FIRST[name], names))
    before = await entries(ask)
    done = (await ask(called(CALLS[name][0], names)))[name]
    assert "message" not in done
    entry, *rest = await entries(ask)
    assert rest == before
    assert entry["action"] == name
    assert (entry["actor"], entry["key"], entry["requestId"]) == ("tests", "0a1b2c3d", "req-1")
    assert entry["at"] == NOW.isoformat()
    assert entry["subjects"]
    assert entry["before"] != entry["after"]


@pytest.mark.parametrize("name", CALLS)
async def test_what_is_refused_leaves_none(ask: Asker, names: dict[str, str], name: str) -> None:
    before = await entries(ask)
    assert "message" in (await ask(called(CALLS[name][1], names)))[name]
    nobody = replace(ask, scopes=frozenset())
    assert await nobody.codes(called(CALLS[name][0], names)) == ["FORBIDDEN"]
    assert await entries(ask) == before


@pytest.mark.parametrize("name", CALLS)
async def test_a_change_without_its_entry_is_no_change(
    ask: Asker, names: dict[str, str], url: str, name: str
) -> None:
    """Both are one transaction: where the log cannot be written, nothing is changed."""
    if name in FIRST:
        await ask(called(FIRST[name], names))
    connection = await asyncpg.connect(url)
    tables = "member", "hold", "account", "post", "rule_set", "transition"

    async def contents() -> list[Any]:
        return [await connection.fetch(f"select * from {table} order by 1, 2") for table in tables]

    before = await contents()
    await connection.execute("alter table audit_entry rename to audit_entry_gone")
    result = await ask.result(called(CALLS[name][0], names))
    assert "audit_entry" in str(result.errors)
    assert await contents() == before
    await connection.close()


async def test_what_changes_nothing_leaves_none(ask: Asker, names: dict[str, str]) -> None:
    await ask(called(FIRST["cancelActivation"], names))
    before = await entries(ask)
    await ask(called(FIRST["cancelActivation"], names))
    assert await entries(ask) == before
    await ask(called('activateRuleSet(id: "{draft}")', names))
    before = await entries(ask)
    await ask(called('activateRuleSet(id: "{draft}")', names))
    await ask(called(f"saveRuleSet(toml: {json.dumps(OTHER)})", names))
    assert await entries(ask) == before


async def test_a_lock_is_told_with_what_it_replaced(ask: Asker, names: dict[str, str]) -> None:
    for call in (
        'lockStatus(member: "{ann}", status: FAN, reason: "pilot", until: "2026-04-01")',
        'lockStatus(member: "{ann}", status: CONNECTOR, reason: "  thanks  ")',
        'endLock(member: "{ann}")',
    ):
        await ask(called(call, names))
    ended, second, first = await entries(ask, filter={"subject": names["ann"]})
    assert first["before"] == {"status": "newcomer", "lock": None}
    pilot = {"status": "fan", "until": "2026-04-01", "reason": "pilot"}
    thanks = {"status": "connector", "until": None, "reason": "thanks"}
    assert first["after"] == {"status": "fan", "lock": pilot}
    assert second["before"] == first["after"]
    assert second["after"] == {"status": "connector", "lock": thanks}
    assert ended["before"] == second["after"]
    assert ended["after"] == first["before"]
    assert {e["subjects"][0] for e in (ended, second, first)} == {names["ann"]}


async def test_a_merge_is_told_of_both(ask: Asker, names: dict[str, str]) -> None:
    await ask(called('mergeMembers(keep: "{ann}", merge: "{ben}")', names))
    (entry,) = await entries(ask, filter={"subject": names["ben"]})
    assert entry["subjects"] == [names["ann"], names["ben"]]
    assert entry["before"]["merge"] == {"status": "contributor"}
    assert set(entry["before"]) == {"keep", "merge"}
    assert set(entry["after"]) == {"keep"}
    assert await entries(ask, filter={"subject": names["ann"]}) == [entry]


async def test_new_rules_are_told_with_what_they_change(ask: Asker, names: dict[str, str]) -> None:
    await ask(called('activateRuleSet(id: "{draft}")', names))
    (entry,) = await entries(ask, filter={"action": "activateRuleSet"})
    assert entry["subjects"] == [names["draft"]]
    assert entry["before"]["version"] == 1
    assert entry["after"]["version"] == 2
    (change,) = entry["after"]["changes"]
    assert "window_days" in change
    assert "90" in change
    assert "60" in change
    assert entry["after"]["more"] == 0
    saved = (await entries(ask, filter={"action": "saveRuleSet"}))[0]
    assert saved["actor"] == "command line"
    assert set(saved["after"]) == {"name", "checksum"}


async def test_erasing_takes_what_people_wrote_out_of_all_entries(
    ask: Asker, names: dict[str, str], url: str
) -> None:
    secret = "Hanako of 27 Sakura street"
    for who in ("ann", "ben"):
        lock = f'lockStatus(member: "{{{who}}}", status: FAN, reason: "{secret}")'
        await ask(called(lock, names))
    await ask(called('mergeMembers(keep: "{ann}", merge: "{ben}")', names))
    await ask(called('endLock(member: "{ann}")', names))
    before = await entries(ask)
    assert secret in str(before)
    await ask(called('eraseMember(member: "{ann}")', names))
    erased, *rest = await entries(ask)
    assert (erased["before"], erased["after"]) == (None, {"state": "erased"})
    assert [e["action"] for e in rest] == [e["action"] for e in before]
    lock = rest[0]["before"]["lock"]
    assert lock == {"status": "fan", "until": None}
    # Nowhere in the database is anything left of it, or of what the site called them.
    connection = await asyncpg.connect(url)
    for (table,) in await connection.fetch(
        "select relname from pg_class where relkind = 'r' "
        "and relnamespace = 'public'::regnamespace and relname <> 'alembic_version'"
    ):
        text = await connection.fetchval(f"select string_agg(t::text, ' ') from {table} t")
        assert "Hanako" not in str(text), table
        assert not (table == "audit_entry" and ('"ann"' in text or "m2" in text))
    await connection.close()


async def test_entries_are_found_by_who_what_whom_and_when(
    ask: Asker, names: dict[str, str]
) -> None:
    database = ask.database
    manager = replace(ask, key="ffffffff", now=NOW + timedelta(hours=1))
    await ask(called('lockStatus(member: "{ann}", status: FAN, reason: "a")', names))
    await manager(called('lockStatus(member: "{ben}", status: FAN, reason: "b")', names))
    late = replace(manager, now=NOW + timedelta(hours=2))
    await late(called('endLock(member: "{ben}")', names))
    await keys.create(database, name="x", scopes=[keys.Scope.SITE], now=NOW)

    async def found(**asked: Any) -> list[str]:
        return [f"{e['action']} {e['key']}" for e in await entries(ask, filter=asked)]

    one, two, three = "lockStatus 0a1b2c3d", "lockStatus ffffffff", "endLock ffffffff"
    assert await found(actor="tests") == [three, two, one]
    assert await found(actor="ffffffff") == [three, two]
    assert await found(actor="ffffffff", action="endLock") == [three]
    assert await found(action="lockStatus") == [two, one]
    assert await found(subject=names["ann"]) == [one]
    assert await found(subject=names["ben"], action="lockStatus") == [two]
    assert await found(since="2026-03-01T13:00:00Z") == [three, two]
    assert await found(actor="tests", until="2026-03-01T22:00:00+09:00") == [one]
    assert await found(action="createKey") == ["createKey None"]
    assert await found(actor="nobody") == []
    for wrong, code in (
        ({"subject": "x"}, "BAD_ID"),
        ({"subject": "UG9zdDox"}, "BAD_ID"),
        ({"actor": ""}, "BAD_INPUT"),
        ({"action": "\0"}, "BAD_INPUT"),
        ({"since": "2026-03-01T13:00:00"}, "BAD_INPUT"),
    ):
        assert await ask.codes(LOG, filter=wrong) == [code], wrong


async def test_pages_hold_every_entry_once_while_others_write(
    ask: Asker, names: dict[str, str]
) -> None:
    for n in range(7):
        await ask(called(f'lockStatus(member: "{{ann}}", status: FAN, reason: "{n}")', names))
    seen: list[str] = []
    after = None
    while True:
        page = (await ask(LOG, first=3, after=after))["auditLog"]
        seen += [e["id"] for e in page["nodes"]]
        await ask(called('lockStatus(member: "{ben}", status: FAN, reason: "x")', names))
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert len(seen) == len(set(seen)) == 9  # With the draft and the goal of the fixture.
    assert await ask.codes(LOG, after="x") == ["BAD_CURSOR"]
    assert await ask.codes(LOG, first=101) == ["BAD_INPUT"]


async def test_of_many_changes_fifty_are_told(database: Database) -> None:
    changed = rule_files.dump(rule_files.default()).replace("points = 1\n", "points = 2\n")
    draft = await rules.save_draft(database, changed, now=NOW)
    await rules.activate(database, draft.id, by=Actor("eve", "01020304", "r"), now=NOW)
    async with database.read() as connection:
        row = await connection.fetchrow("select * from audit_entry order by id desc limit 1")
    assert row is not None
    assert (row["actor"], row["key_prefix"], row["request_id"]) == ("eve", "01020304", "r")
    assert len(row["after"]["changes"]) == 50
    assert row["after"]["more"] > 0


async def test_keys_are_told_without_what_opens(database: Database, ask: Asker) -> None:
    text, key = await keys.create(
        database,
        name="dashboard",
        scopes=[keys.Scope.MANAGER],
        now=NOW,
        expires_at=NOW + timedelta(days=9),
    )
    await keys.revoke(database, key.prefix, NOW)
    await keys.revoke(database, key.prefix, NOW + timedelta(days=1))
    revoked, created = await entries(ask)
    assert created["before"] is None
    assert created["after"] == {
        "prefix": key.prefix,
        "name": "dashboard",
        "scopes": ["manager"],
        "expires": "2026-03-10T12:00:00+00:00",
        "revoked": None,
    }
    assert revoked["before"] == created["after"]
    assert revoked["after"] == created["after"] | {"revoked": "2026-03-01T12:00:00+00:00"}
    assert revoked["subjects"] == created["subjects"]
    assert text[12:] not in str([revoked, created])
    assert await entries(ask, filter={"subject": created["subjects"][0]}) == [revoked, created]


async def test_an_entry_is_written_for_the_lock_that_a_name_signs(
    ask: Asker, names: dict[str, str]
) -> None:
    await ask(called('lockStatus(member: "{ann}", status: FAN, reason: "a")', names))
    found = await ask("query ($i: ID!) { member(id: $i) { locks { by } } }", i=names["ann"])
    assert found["member"]["locks"] == [{"by": "tests"}]
    with pytest.raises(members.UnknownMember):
        await people.lock_status(
            ask.database, 9_999, Status.FAN, until_day=None, reason="r", now=NOW
        )


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
async def test_moments_beyond_all_calendars_are_refused(ask: Asker, when: str) -> None:
    for name in ("since", "until"):
        query = f'{{ auditLog(first: 1, filter: {{{name}: "{when}"}}) {{ nodes {{ id }} }} }}'
        assert await ask.codes(query) == ["BAD_INPUT"]
