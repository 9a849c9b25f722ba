"""Show, check, compare, save and activate rule sets."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer

from api.commands import _side_by_side
from api.commands._drafts import Which, given, read_file, refuse, rules_of, version_of
from api.commands._shared import AsOf, Json, refreshed
from api.console import CommandError, print_json, run, say
from api.database import open_database
from api.settings import Settings
from engagement.rules import RuleErrors, checksum, diff, load
from engagement.words import STATUSES, RuleSet
from store import members, population, rules
from store.db import Database, day_date, day_number
from store.population import Population
from store.rules import RuleSetVersion

app = typer.Typer()


@app.command()
def show(
    version: Annotated[
        int | None, typer.Argument(metavar="[VERSION]", help="A number (default: the active one).")
    ] = None,
    json: Json = False,
) -> None:
    """Print a rule set as it was written, and on standard error which one it is."""
    run(_show(version, json))


async def _show(number: int | None, json: bool) -> None:
    async with open_database(Settings.load()) as database, database.read() as connection:
        if number is None:
            number = (await rules.active(database, connection)).id
        found = await version_of(connection, number)
    if json:
        print_json({**_plain(found), "toml": found.toml})
        return
    say(f"version {found.id}, {found.state}: {found.name}")
    print(found.toml, end="" if found.toml.endswith("\n") else "\n")


@app.command("list")
def list_all(json: Json = False) -> None:
    """List all versions, newest first."""
    run(_list(json))


async def _list(json: bool) -> None:
    async with open_database(Settings.load()) as database, database.read() as connection:
        found = await rules.all_versions(connection)
    if json:
        print_json([_plain(one) for one in found])
        return
    for one in found:
        since = (one.activated_at or one.created_at).astimezone(database.zone).date()
        day = since if one.activates_on is None else day_date(one.activates_on)
        told = ", followers are told" if one.notify and one.state == "scheduled" else ""
        print(f"{one.id:>4}  {one.state + ' ':8}{day}  {one.name}{told}")


@app.command()
def check(file: Annotated[Path, typer.Argument(help="A rule file.")], json: Json = False) -> None:
    """Say every mistake in a rule file, with its line and what would be right.

    Needs no database. The code is 1 when there are mistakes.
    """
    run(_check(file, json))


async def _check(file: Path, json: bool) -> None:
    text = read_file(file)
    try:
        found = load(text)
    except RuleErrors as error:
        refuse(file, error, json=json)
    if json:
        told = {"name": found.name, "action_types": len(found.catalog), "checksum": checksum(found)}
        print_json({"valid": True, "mistakes": [], **told})
    else:
        print(f"{file} is right: {found.name}, {len(found.catalog)} action types.")


@app.command("diff")
def difference(
    first: Which,
    other: Annotated[
        str | None, typer.Argument(metavar="[OTHER]", help="What it is compared to.")
    ] = None,
    members: Annotated[
        bool,
        typer.Option(
            "--members", help="Also say whom it would move, had the one the other's place."
        ),
    ] = False,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Print what a rule set changes: `~` changed, `+` new, `-` gone.

    One argument is compared to the active rule set; of two, the second to the first.
    """
    if members:
        run(_side_by_side.members_moved(first, other, as_of, json=json))
    else:
        run(_difference(first, other, json))


async def _difference(first: str, other: str | None, json: bool) -> None:
    texts = [given(which) for which in (first, other) if which is not None]
    if len(texts) == 2 and all(isinstance(one, RuleSet) for one in texts):
        before, after = texts
    else:
        async with open_database(Settings.load()) as database, database.read() as connection:
            found = [await rules_of(connection, one) for one in texts]
            if other is None:
                found.insert(0, (await rules.active(database, connection)).rules)
        before, after = found
    assert isinstance(before, RuleSet)
    assert isinstance(after, RuleSet)
    changes = diff(before, after)
    if json:
        print_json(_side_by_side.told_changes(before, after, changes))
        return
    for change in changes:
        print(change)
    if not changes:
        say("Nothing differs.")


@app.command()
def compare(
    which: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE_OR_VERSION...", help="Rule files, or numbers of versions; up to eight."
        ),
    ],
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Show what several rule sets would make of everybody, side by side, the active one first.

    Each is taken as if it always had been in force, such as those of other products or audiences:
    none needs ever to be activated.
    """
    run(_side_by_side.compare(which, as_of, json=json))


@app.command()
def save(file: Annotated[Path, typer.Argument(help="A rule file.")], json: Json = False) -> None:
    """Keep a rule file as a draft, which is a version with a number; the same again is the same."""
    run(_save(file, json))


async def _save(file: Path, json: bool) -> None:
    settings = Settings.load()
    now = settings.make_clock().now()
    given(str(file))
    async with open_database(settings) as database:
        found = await rules.save_draft(database, read_file(file), now=now)
    if json:
        print_json(_plain(found))
        return
    print(f"Version {found.id} is {_STATES[found.state]}: {found.name}")


_STATES: Final = {
    "draft": "a draft",
    "scheduled": "scheduled",
    "active": "active",
    "retired": "retired",
}


@app.command()
def activate(
    which: Which,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="DAY",
            help="When this day of the community's calendar begins, such as 2026-12-01 (default: "
            "now).",
        ),
    ] = None,
    notify: Annotated[
        bool,
        typer.Option("--notify", help="Tell whoever follows changes of statuses whom it moves."),
    ] = False,
    json: Json = False,
) -> None:
    """Put a rule set in force and place every member again; say how many moved.

    Recording goes on meanwhile. Whom the new rules would lower keeps their status for the days of
    `rule_change_grace_days`. With `--on` it is done by due work when the day has come, in the place
    of whatever is in force then.
    """
    run(_activate(which, on, notify, json))


@app.command()
def cancel(
    version: Annotated[int, typer.Argument(help="The number of a version.")], json: Json = False
) -> None:
    """Do not put a version in force that is scheduled."""
    run(_cancel(version, json))


async def _cancel(number: int, json: bool) -> None:
    settings = Settings.load()
    async with open_database(settings) as database:
        async with database.read() as connection:
            await version_of(connection, number)
        found = await rules.cancel(database, number, now=settings.make_clock().now())
    if json:
        print_json(_plain(found))
        return
    print(f"Version {found.id} is {_STATES[found.state]}, and no longer scheduled: {found.name}")


def _day(on: str) -> int:
    try:
        return day_number(date.fromisoformat(on))
    except ValueError:
        raise CommandError(f"--on is {on!r}; expected a day such as 2026-12-01") from None


async def _schedule(
    database: Database, number: int, day: int, *, notify: bool, json: bool, now: datetime
) -> None:
    """Schedule a version for a day, and say so."""
    async with database.read() as connection:
        active = await rules.active(database, connection)
    found = await rules.activate(database, number, on=day, notify=notify, now=now)
    if json:
        print_json(_plain(found))
        return
    print(f"Version {found.id} is scheduled for {day_date(day)}: {found.name}")
    print(
        f"Until then version {active.id} stays active ({active.name}). Whatever is active on that "
        f"day, it takes its place; `ikusei rules cancel {found.id}` takes this back."
    )


async def _activate(which: str, on: str | None, notify: bool, json: bool) -> None:
    settings = Settings.load()
    now = settings.make_clock().now()
    chosen = given(which)
    day = None if on is None else _day(on)
    async with open_database(settings) as database:
        if isinstance(chosen, RuleSet):
            number = (await rules.save_draft(database, read_file(Path(which)), now=now)).id
        else:
            async with database.read() as connection:
                number = (await version_of(connection, chosen)).id
        if day is not None and day != database.day(now):
            await _schedule(database, number, day, notify=notify, json=json, now=now)
            return
        # Whatever was due before is not the work of the new rules.
        await refreshed(database, now)
        async with database.read() as connection:
            was = (await rules.active(database, connection)).id
        before = await _everybody(database, now)
        found = await rules.activate(database, number, notify=notify, now=now)
        await refreshed(database, now)
        after = await _everybody(database, now)
        graced = await _graced(database, after)
    # Whoever did it: a server that is running takes its share.
    placed = 0 if found.id == was else len(after.ids)
    moves = _moves(before, after)
    moved = sum(moves.values())
    if json:
        told = [{"from": a, "to": b, "members": n} for (a, b), n in moves.most_common()]
        print_json(
            {
                **_plain(found),
                "placed": placed,
                "moved": moved,
                "moves": told,
                "in_grace": graced,
            }
        )
        return
    print(f"Version {found.id} is active: {found.name}")
    print(f"Members placed again: {placed:,}; moved: {moved:,}")
    for (a, b), n in moves.most_common():
        print(f"{n:>8,}  {a} -> {b}")
    if graced:
        print(f"Kept for now: {graced:,}, whose status the new rules would lower after the grace.")


async def _graced(database: Database, everybody: Population) -> int:
    """How many have their status today because of a change of rules."""
    day = everybody.day
    async with database.read() as connection:
        holds = await members.locks(connection, everybody.ids.tolist())
    return sum(
        any(
            one.kind == "grace" and one.from_day <= day < (one.until_day or day + 1)
            for one in of_one
        )
        for of_one in holds.values()
    )


async def _everybody(database: Database, now: datetime) -> Population:
    async with database.read() as connection:
        active = await rules.active(database, connection)
        return await population.live(connection, active, today=database.day(now))


def _moves(before: Population, after: Population) -> Counter[tuple[str, str]]:
    """How many went from one status to another, of those who were there at both times."""
    _, here, there = np.intersect1d(before.ids, after.ids, return_indices=True)
    pairs = zip(before.status[here].tolist(), after.status[there].tolist(), strict=True)
    return Counter((STATUSES[a].value, STATUSES[b].value) for a, b in pairs if a != b)


def _plain(one: RuleSetVersion) -> dict[str, Any]:
    return {
        "version": one.id,
        "name": one.name,
        "state": one.state,
        "checksum": one.checksum,
        "created_at": one.created_at,
        "activated_at": one.activated_at,
        "retired_at": one.retired_at,
        "activates_on": None if one.activates_on is None else str(day_date(one.activates_on)),
        "notify": one.notify,
    }
