"""Scenarios and the policy: their versions, which of them run, and who is of their audience."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import asyncpg

from engagement.prompt import Running
from engagement.scenario import Kind, Policy, Scenario
from engagement.scenarios import (
    ScenarioErrors,
    checksum,
    dump,
    dump_policy,
    load,
    load_policy,
    load_written,
)
from engagement.scenarios_read import Written
from engagement.toml_file import located
from engagement.toml_values import Found
from store import audit, rules
from store.attributes import OWN, NoSuchAttribute
from store.audit import COMMAND_LINE, Actor
from store.audit import Kind as About
from store.db import Database, Read, StoreError, Write
from store.rules import ActiveRules
from store.segment import BadCondition, Condition, condition

#: What may follow each state of a version. One that has ended stays so: a new version takes up.
NEXT: Final[Mapping[str, frozenset[str]]] = {
    "draft": frozenset({"running", "ended"}),
    "running": frozenset({"paused", "ended"}),
    "paused": frozenset({"running", "ended"}),
    "ended": frozenset(),
}
STATES: Final = tuple(NEXT)
#: What is known of a member when something is decided for them.
_KNOWN: Final = frozenset({"points", "lang", "zone", "since"})


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a scenario; ``number`` counts those of its key. See NEXT for its states."""

    id: int
    key: str
    number: int
    toml: str
    checksum: str
    state: str
    by: str
    created_at: datetime
    begun_at: datetime | None
    ended_at: datetime | None

    @property
    def scenario(self) -> Scenario:
        """What its text says."""
        return load(self.toml)


@dataclass(frozen=True, slots=True)
class InForce:
    """What decisions are made by: the policy with its number, the scenarios that run, the salt."""

    policy_id: int
    policy: Policy
    running: tuple[Running, ...]
    salt: str

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds of candidates that are wanted."""
        return frozenset(one.scenario.kind for one in self.running)


class UnknownScenario(StoreError):
    """There is no such version of a scenario."""


class NotAllowed(StoreError):
    """The version cannot take this state; the message says why."""


@dataclass(slots=True)
class _Last:
    """What this process used last."""

    found: InForce | None = None


async def in_force(
    database: Database, connection: Read | Write, policy_id: int, running: Sequence[int]
) -> InForce:
    """What decisions are made by, given the numbers that STAMP told; kept per process."""
    last = database.remembered(_Last)
    known = last.found
    if known is not None and known.policy_id == policy_id and _ids(known) == list(running):
        return known
    texts = {row["id"]: row["toml"] for row in await connection.fetch(_TEXTS, list(running))}
    fresh = InForce(
        policy_id,
        load_policy(await connection.fetchval(_POLICY_TEXT, policy_id)),
        tuple(Running(number, load(texts[number])) for number in running),
        await connection.fetchval(_SALT),
    )
    last.found = fresh
    return fresh


async def now_in_force(database: Database, connection: Read | Write) -> InForce:
    """What decisions are made by."""
    row = await connection.fetchrow(f"select {STAMP}")
    assert row is not None
    return await in_force(database, connection, row["policy_id"], row["running"])


def _ids(found: InForce) -> list[int]:
    return [one.id for one in found.running]


async def all_versions(connection: Read) -> list[Version]:
    """Every version of every scenario, by key, the newest first."""
    return [Version(**row) for row in await connection.fetch(_ALL)]


async def version(connection: Read | Write, number: int) -> Version | None:
    """One version, by its number."""
    row = await connection.fetchrow(f"{_SELECT} where id = $1", number)
    return None if row is None else Version(**row)


async def by_numbers(connection: Read, numbers: Sequence[int]) -> dict[int, Version]:
    """Versions by their numbers."""
    rows = await connection.fetch(f"{_SELECT} where id = any($1::int[])", sorted(set(numbers)))
    return {row["id"]: Version(**row) for row in rows}


async def current(connection: Read, key: str) -> Version | None:
    """The version of a key that runs or is paused, else its newest."""
    row = await connection.fetchrow(_CURRENT, key)
    return None if row is None else Version(**row)


async def save(
    database: Database, toml: str, *, by: Actor = COMMAND_LINE, now: datetime
) -> Version:
    """Keep a scenario as a draft.

    The same content as the newest version of its key gives that one, unless it has ended. Raises
    ScenarioErrors, naming every mistake.
    """
    scenario = load(toml)

    async def work(connection: Write) -> Version:
        active = await rules.active(database, connection)
        _check(toml, Written(None, (((), scenario),)), active)
        saved, _ = await _save(connection, scenario, by=by, now=now)
        return saved

    return await database.in_write(work)


async def check(database: Database, connection: Read, toml: str) -> Written:
    """What a text holds, in any form, of which everything is there that it asks for.

    Raises ScenarioErrors, naming every mistake.
    """
    written = load_written(toml)
    _check(toml, written, await rules.active(database, connection))
    return written


def _check(toml: str, written: Written, active: ActiveRules) -> None:
    types = active.catalog | set(active.types)
    found = [
        ((*place, *path), message)
        for place, scenario in written.scenarios
        for path, message in _missing(scenario, types)
    ]
    if found:
        raise ScenarioErrors(located(toml, found))


def _missing(scenario: Scenario, types: frozenset[tuple[str, str]]) -> Found:
    """What a scenario asks for that is not there: action types, and conditions of its audience."""
    found: Found = [
        (
            ("goal", place),
            (
                f"is {verb!r} in {venue!r}, which neither the rules in force nor any record knows; "
                "expected an action type that members can do"
            ),
        )
        for place, (venue, verb) in enumerate(scenario.goal)
        if (venue, verb) not in types
    ]
    for place, text in enumerate(scenario.audience):
        try:
            _condition(text)
        except (BadCondition, NoSuchAttribute) as error:
            found.append((("audience", place), str(error)))
    return found


async def _save(
    connection: Write, scenario: Scenario, *, by: Actor, now: datetime
) -> tuple[Version, bool]:
    """The version of a scenario, and whether it is a new one."""
    # Two who save at the same time must not give one number twice.
    await connection.execute(_ALONE)
    newest = await connection.fetchrow(_NEWEST, scenario.key)
    print_ = checksum(scenario)
    # What has ended never runs again, so that a scenario is taken up by a version of its own.
    if newest is not None and newest["checksum"] == print_ and newest["state"] != "ended":
        return Version(**newest), False
    number = 1 if newest is None else newest["number"] + 1
    row = await connection.fetchrow(
        _SAVE, scenario.key, number, dump(scenario), print_, by.name, now
    )
    assert row is not None
    saved = Version(**row)
    about = (by, "saveScenario", About.SCENARIO, [saved.id])
    await audit.write(connection, *about, after=_told(saved), now=now)
    return saved, True


async def set_state(
    database: Database, number: int, state: str, *, by: Actor = COMMAND_LINE, now: datetime
) -> Version:
    """Let a version run, pause or end it; the one of its key that ran before ends when it begins.

    Raises UnknownScenario and NotAllowed.
    """

    async def work(connection: Write) -> Version:
        return await _set_state(connection, number, state, by=by, now=now)

    return await database.in_write(work)


async def _set_state(
    connection: Write, number: int, state: str, *, by: Actor, now: datetime
) -> Version:
    await connection.execute(_ALONE)
    found = await version(connection, number)
    if found is None:
        raise UnknownScenario(f"there is no scenario with the number {number}")
    if found.state == state:
        return found
    if state not in NEXT[found.state]:
        then = " or ".join(sorted(NEXT[found.state])) or "nothing: save a new version"
        raise NotAllowed(
            f"version {found.number} of {found.key} is {found.state}; after that comes {then}"
        )
    if found.state == "draft" and state == "running":
        await connection.execute(_END_OTHERS, found.key, now)
    row = await connection.fetchrow(_SET_STATE, number, state, now)
    assert row is not None
    after = Version(**row)
    about = (by, "setScenarioState", About.SCENARIO, [number])
    await audit.write(connection, *about, before=_told(found), after=_told(after), now=now)
    return after


async def policy(connection: Read) -> tuple[int, Policy]:
    """The policy in force, and its number."""
    row = await connection.fetchrow(_POLICY)
    assert row is not None
    return row["id"], load_policy(row["toml"])


async def policy_by_number(connection: Read, number: int) -> Policy | None:
    """The policy with a number, in force or not."""
    text = await connection.fetchval(_POLICY_TEXT, number)
    return None if text is None else load_policy(text)


async def save_policy(
    database: Database, toml: str, *, by: Actor = COMMAND_LINE, now: datetime
) -> int:
    """Put a policy in force; returns its number. Raises ScenarioErrors."""
    load_policy(toml)

    async def work(connection: Write) -> int:
        number, _ = await _save_policy(connection, toml, by=by, now=now)
        return number

    return await database.in_write(work)


async def _save_policy(
    connection: Write, toml: str, *, by: Actor, now: datetime
) -> tuple[int, bool]:
    """The number of a policy, and whether it is a new one."""
    await connection.execute(_ALONE)
    row = await connection.fetchrow(_POLICY)
    assert row is not None
    if load_policy(row["toml"]) == load_policy(toml):
        return row["id"], False
    number: int = await connection.fetchval(_SAVE_POLICY, toml, by.name, now)
    about = (by, "savePromptPolicy", About.POLICY, [number])
    before, after = {"toml": row["toml"]}, {"toml": toml}
    await audit.write(connection, *about, before=before, after=after, now=now)
    return number, True


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of a text: versions and the number of the policy, each with whether it is new.

    ``policy`` is None where the text has none.
    """

    versions: tuple[tuple[Version, bool], ...]
    policy: tuple[int, bool] | None


async def save_all(
    database: Database, toml: str, *, run: bool = False, by: Actor = COMMAND_LINE, now: datetime
) -> Saved:
    """Keep every scenario of a text as a draft, and put its policy in force, if it has one.

    With ``run`` those that are drafts then begin to run. Raises ScenarioErrors; then nothing is
    kept.
    """

    async def work(connection: Write) -> Saved:
        written = load_written(toml)
        _check(toml, written, await rules.active(database, connection))
        versions = []
        for _, scenario in written.scenarios:
            saved, new = await _save(connection, scenario, by=by, now=now)
            if run and saved.state == "draft":
                saved = await _set_state(connection, saved.id, "running", by=by, now=now)
            versions.append((saved, new))
        policy = None
        if written.policy is not None:
            text = dump_policy(written.policy)
            policy = await _save_policy(connection, text, by=by, now=now)
        return Saved(tuple(versions), policy)

    return await database.in_write(work)


def audience_of(scenario: Scenario) -> tuple[Condition, ...]:
    """The conditions of a scenario's audience."""
    return tuple(_condition(text) for text in scenario.audience)


@lru_cache(maxsize=1024)
def _condition(text: str) -> Condition:
    found = condition(text)
    if found.attribute not in _KNOWN and not found.attribute.startswith(OWN):
        raise BadCondition(
            f"{text!r} is about {found.attribute}, which a decision does not ask; expected one of "
            f"{', '.join(sorted(_KNOWN))}, or {OWN}KEY"
        )
    return found


def _told(found: Version) -> dict[str, Any]:
    """A version as the audit log tells it; its whole text is kept with it."""
    return {
        "key": found.key,
        "number": found.number,
        "state": found.state,
        "checksum": found.checksum,
    }


async def begin(
    connection: asyncpg.Connection, policy: str, texts: Sequence[str], now: datetime
) -> None:
    """Give a new database its policy, and the scenarios ``texts``, which run at once."""
    by = COMMAND_LINE.name
    await connection.execute(_SAVE_POLICY, policy, by, now)
    for text in texts:
        scenario = load(text)
        await connection.execute(_BEGIN, scenario.key, text, checksum(scenario), by, now)


#: What tells which policy and scenarios are in force: two columns of a select.
STAMP: Final = """
    (select max(id) from prompt_policy) as policy_id,
    array(select id from scenario where state = 'running' order by id) as running
"""

_TEXTS = "select id, toml from scenario where id = any($1::int[])"
_POLICY_TEXT = "select toml from prompt_policy where id = $1"
_SALT = "select value from setting where key = 'holdout_salt'"
_POLICY = "select id, toml from prompt_policy order by id desc limit 1"
_ALONE = "lock table scenario in share row exclusive mode"
_COLUMNS = "id, key, number, toml, checksum, state, by, created_at, begun_at, ended_at"
_SELECT = f"select {_COLUMNS} from scenario"
_ALL = f"{_SELECT} order by key, number desc"
_CURRENT = f"""
    {_SELECT} where key = $1 order by state in ('running', 'paused') desc, number desc limit 1
"""
_NEWEST = f"{_SELECT} where key = $1 order by number desc limit 1"
_SAVE = f"""
    insert into scenario (key, number, toml, checksum, by, created_at)
    values ($1, $2, $3, $4, $5, $6) returning {_COLUMNS}
"""
_BEGIN = """
    insert into scenario (key, number, toml, checksum, state, by, created_at, begun_at)
    values ($1, 1, $2, $3, 'running', $4, $5, $5)
"""
_SAVE_POLICY = """
    insert into prompt_policy (toml, by, created_at) values ($1, $2, $3) returning id
"""
_END_OTHERS = """
    update scenario set state = 'ended', ended_at = $2
    where key = $1 and state in ('running', 'paused')
"""
_SET_STATE = f"""
    update scenario set state = $2,
        begun_at = case when $2 = 'running' then coalesce(begun_at, $3) else begun_at end,
        ended_at = case when $2 = 'ended' then $3 end
    where id = $1 returning {_COLUMNS}
"""
