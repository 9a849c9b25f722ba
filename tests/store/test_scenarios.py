"""Scenarios and the policy as they are kept: one by one, and by the file."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from engagement.scenario import Policy, Scenario
from engagement.scenarios import ScenarioErrors, default, dump, dump_policy
from store import scenarios
from store.db import Database
from tests.store.making import NOW, fetch
from tests.store.prompting import file_of


def _some(count: int = 2) -> list[Scenario]:
    return [replace(one, key=f"own_{n}") for n, one in enumerate(default()[1][:count])]


async def _states(database: Database, key: str) -> list[tuple[int, str]]:
    async with database.read() as connection:
        found = await scenarios.all_versions(connection)
    return [(one.number, one.state) for one in found if one.key == key]


async def test_a_file_is_kept_as_drafts_and_may_run_at_once(database: Database) -> None:
    first, other = _some()
    saved = await scenarios.save_all(database, file_of(first, other), now=NOW)
    assert [(one.key, one.state, new) for one, new in saved.versions] == [
        ("own_0", "draft", True),
        ("own_1", "draft", True),
    ]
    assert [one.scenario for one, _ in saved.versions] == [first, other]
    changed = replace(other, priority=7)
    again = await scenarios.save_all(database, file_of(first, changed), run=True, now=NOW)
    assert [(one.number, one.state, new) for one, new in again.versions] == [
        (1, "running", False),
        (2, "running", True),
    ]
    same = await scenarios.save_all(database, file_of(first, changed), run=True, now=NOW)
    assert [new for _, new in same.versions] == [False, False]
    assert await _states(database, "own_1") == [(2, "running"), (1, "draft")]
    async with database.read() as connection:
        force = await scenarios.now_in_force(database, connection)
    running = {one.scenario.key: one.scenario for one in force.running}
    assert (running["own_0"], running["own_1"]) == (first, changed)


async def test_what_is_paused_stays_so_and_what_has_ended_begins_anew(database: Database) -> None:
    first, other = _some()
    saved = await scenarios.save_all(database, file_of(first, other), run=True, now=NOW)
    paused, ended = (one.id for one, _ in saved.versions)
    await scenarios.set_state(database, paused, "paused", now=NOW)
    await scenarios.set_state(database, ended, "ended", now=NOW)
    again = await scenarios.save_all(database, file_of(first, other), run=True, now=NOW)
    assert [(one.number, one.state, new) for one, new in again.versions] == [
        (1, "paused", False),
        (2, "running", True),
    ]
    assert await _states(database, "own_1") == [(2, "running"), (1, "ended")]


async def test_only_a_file_with_a_policy_changes_the_policy(database: Database) -> None:
    own = replace(default()[0], holdout_percent=9)
    assert own != Policy()
    first = _some(1)[0]
    saved = await scenarios.save_all(database, file_of(first, policy=own), now=NOW)
    assert saved.policy is not None
    number, new = saved.policy
    assert new
    without = await scenarios.save_all(database, file_of(replace(first, priority=3)), now=NOW)
    assert without.policy is None
    async with database.read() as connection:
        assert await scenarios.policy(connection) == (number, own)
    same = await scenarios.save_all(database, dump_policy(own), now=NOW + timedelta(days=1))
    assert (same.versions, same.policy) == ((), (number, False))
    # The policy, and a scenario, are also known where they stand alone.
    alone = await scenarios.save_all(database, dump_policy(Policy()), now=NOW)
    assert alone.policy == (number + 1, True)
    one = await scenarios.save_all(database, dump(first), now=NOW)
    assert [version.scenario for version, _ in one.versions] == [first]


async def test_a_file_with_a_mistake_leaves_nothing_behind(database: Database) -> None:
    first, other = _some()
    wrong = replace(
        other,
        goal=(*other.goal, ("qa", "anwser")),
        audience=("contribution>=1", "shoe_size>3"),
    )
    text = file_of(first, wrong, policy=replace(Policy(), holdout_percent=9))
    before = await fetch(database, "select max(id) from prompt_policy")
    with pytest.raises(ScenarioErrors) as refused:
        await scenarios.save_all(database, text, run=True, now=NOW)
    places = [one.place for one in refused.value.mistakes]
    goal = f"scenarios[1].goal[{len(other.goal)}]"
    assert set(places) == {goal, "scenarios[1].audience[1]"}
    lines = text.split("\n")
    line = {one.place: lines[one.line - 1] for one in refused.value.mistakes}
    assert "anwser" in line[goal]
    assert "shoe_size" in line["scenarios[1].audience[1]"]
    assert await _states(database, "own_0") == []
    assert await fetch(database, "select max(id) from prompt_policy") == before
    async with database.read() as connection:
        with pytest.raises(ScenarioErrors, match="anwser"):
            await scenarios.check(database, connection, text)
        assert (await scenarios.check(database, connection, file_of(first))).policy is None
