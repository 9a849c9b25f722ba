"""Scenarios and the policy at the terminal: shown, checked, saved, and let run."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from api.commands._drafts import read_file, refuse
from api.commands._prompt_view import by_status
from api.commands._shared import whole
from api.commands._tables import rows_of
from api.console import CommandError, print_json, say
from api.database import open_database
from api.settings import Settings
from engagement.scenarios import ScenarioErrors, dump_policy, load_written
from engagement.scenarios_read import Written
from store import scenarios
from store.db import Database, Read
from store.reports.report import Column, Kind
from store.scenarios import Saved, Version


class State(StrEnum):
    """What a version can be told to be."""

    RUNNING = "running"
    PAUSED = "paused"
    ENDED = "ended"


_COLUMNS: Final = (
    Column("id", Kind.COUNT, "number"),
    Column("key", Kind.TEXT, "scenario"),
    Column("version", Kind.COUNT, "version"),
    Column("state", Kind.TEXT, "state"),
    Column("status", Kind.STATUS, "for"),
    Column("to", Kind.STATUS, "toward"),
    Column("kind", Kind.TEXT, "prompts about"),
    Column("priority", Kind.COUNT, "priority"),
    Column("held_out", Kind.TEXT, "held out"),
)


async def show(which: str | None, *, everything: bool, policy: bool, json: bool) -> None:
    """Print all scenarios as a table, or the text of one, or of the policy."""
    if policy and which is not None:
        raise CommandError("--policy takes no scenario: it holds for all of them")
    async with open_database(Settings.load()) as database, database.read() as connection:
        if policy:
            number, found = await scenarios.policy(connection)
            _print_toml(f"policy {number}", dump_policy(found), {"policy": number}, json)
        elif which is not None:
            one = await version_of(connection, which)
            _print_toml(_named(one), one.toml, plain(one), json)
        else:
            _print_all(await scenarios.all_versions(connection), everything=everything, json=json)


def _print_toml(title: str, toml: str, told: dict[str, Any], json: bool) -> None:
    if json:
        print_json(told | {"toml": toml})
        return
    say(title)
    print(toml, end="" if toml.endswith("\n") else "\n")


def _print_all(versions: Sequence[Version], *, everything: bool, json: bool) -> None:
    found = list(versions) if everything else _of_now(versions)
    # Versions of a key stay together, the newest first, where the newest belongs.
    newest = {one.key: by_status(one.scenario) for one in reversed(versions)}
    found.sort(key=lambda one: (newest[one.key], -one.number))
    rows = [plain(one) for one in found]
    if json:
        print_json(rows)
        return
    for row in rows:
        row["held_out"] = f"{row['holdout_percent']} %"
    print("\n".join(rows_of(_COLUMNS, rows)))
    if len(found) < len(versions):
        say(f"{len(versions) - len(found)} that have ended or were replaced: --all shows them too.")


def _of_now(versions: Sequence[Version]) -> list[Version]:
    """What runs or is paused, and the draft that is newer than that."""
    chosen: list[Version] = []
    for key in sorted({one.key for one in versions}):
        # The newest first.
        own = [one for one in versions if one.key == key]
        used = next((one for one in own if one.state in {"running", "paused"}), None)
        drafts = [one for one in own[:1] if one.state == "draft"]
        chosen += drafts if used is None else [*drafts, used]
    return chosen


async def check(file: Path, *, json: bool) -> None:
    """Say every mistake in a file."""
    text, written = read_written(file, json=json)
    async with open_database(Settings.load()) as database, database.read() as connection:
        await check_against(database, connection, file, text, json=json)
    keys = [scenario.key for _, scenario in written.scenarios]
    has_policy = written.policy is not None
    if json:
        print_json({"valid": True, "mistakes": [], "scenarios": keys, "policy": has_policy})
        return
    print(f"{file} is right: {_counted(len(keys))}{' and a policy' if has_policy else ''}.")


def read_written(file: Path, *, json: bool = False) -> tuple[str, Written]:
    """The text of a file, and what it says; ends the command where that has mistakes."""
    text = read_file(file)
    try:
        return text, load_written(text)
    except ScenarioErrors as error:
        refuse(file, error, json=json)


async def check_against(
    database: Database, connection: Read, file: Path, text: str, *, json: bool = False
) -> None:
    """End the command where a file asks for what the community does not have."""
    try:
        await scenarios.check(database, connection, text)
    except ScenarioErrors as error:
        refuse(file, error, json=json)


async def save(file: Path, *, run: bool, json: bool) -> None:
    """Keep what a file holds."""
    settings = Settings.load()
    now = settings.make_clock().now()
    text, _ = read_written(file)
    async with open_database(settings) as database:
        try:
            saved = await scenarios.save_all(database, text, run=run, now=now)
        except ScenarioErrors as error:
            refuse(file, error, json=json)
    if json:
        print_json(_plain_saved(saved))
        return
    for one, new in saved.versions:
        print(f"{_named(one)}{'' if new else ', as it was'}")
    if saved.policy is not None:
        number, new = saved.policy
        print(f"policy {number}, {'now in force' if new else 'as it was'}")
    drafts = [one for one, _ in saved.versions if one.state == "draft"]
    if drafts:
        say(f"Drafts are shown to nobody: `ikusei prompts state {drafts[0].key} running`.")


def _plain_saved(saved: Saved) -> dict[str, Any]:
    policy = None
    if saved.policy is not None:
        policy = {"policy": saved.policy[0], "new": saved.policy[1]}
    return {
        "scenarios": [plain(one) | {"new": new} for one, new in saved.versions],
        "policy": policy,
    }


async def set_state(which: str, state: State, *, json: bool) -> None:
    """Let a version run, pause or end it."""
    settings = Settings.load()
    now = settings.make_clock().now()
    async with open_database(settings) as database:
        async with database.read() as connection:
            if whole(which) is None:
                number = await _meant(connection, which, state)
            else:
                number = (await version_of(connection, which)).id
        found = await scenarios.set_state(database, number, state.value, now=now)
    if json:
        print_json(plain(found))
    else:
        print(_named(found))


async def _meant(connection: Read, key: str, state: State) -> int:
    """The version of a key that is to run, to pause or to end."""
    used = await version_of(connection, key)
    newest = next(one for one in await scenarios.all_versions(connection) if one.key == key)
    if state is not State.RUNNING or newest.state != "draft" or newest.id == used.id:
        return used.id
    if used.state == "paused":
        raise CommandError(
            f"of {key} version {used.number} is paused and version {newest.number} a draft; give "
            f"the number of the one that is to run: {used.id} or {newest.id}"
        )
    return newest.id


async def version_of(connection: Read, which: str) -> Version:
    """The version with a number, or of a key the one in use, else the newest.

    Raises CommandError.
    """
    number = whole(which)
    if number is None:
        found = await scenarios.current(connection, which)
    else:
        found = None if number >= 2**31 else await scenarios.version(connection, number)
    if found is None:
        what = "key" if number is None else "number"
        raise CommandError(
            f"there is no scenario with the {what} {which!r}; `ikusei prompts show --all` shows all"
        )
    return found


def plain(one: Version) -> dict[str, Any]:
    """A version as a document."""
    said = one.scenario
    return {
        "id": one.id,
        "key": one.key,
        "version": one.number,
        "state": one.state,
        "name": said.en,
        "name_ja": said.ja,
        "status": said.status.value,
        "to": None if said.to is None else said.to.value,
        "kind": said.kind.value,
        "goal": [f"{venue}.{verb}" for venue, verb in said.goal],
        "surfaces": list(said.surfaces),
        "priority": said.priority,
        "holdout_percent": said.holdout_percent,
        "checksum": one.checksum,
        "by": one.by,
        "created_at": one.created_at,
        "begun_at": one.begun_at,
        "ended_at": one.ended_at,
    }


def _named(one: Version) -> str:
    state = {"draft": "a draft"}.get(one.state, one.state)
    return f"{one.key}, version {one.number} (number {one.id}): {state}"


def _counted(scenarios_: int) -> str:
    return "1 scenario" if scenarios_ == 1 else f"{scenarios_} scenarios"
