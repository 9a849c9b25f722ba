"""Set goals, such as 50 contributors by a day; `ikusei report goals` says what they take."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import typer

from api.commands._shared import Json, whole
from api.console import CommandError, print_json, run
from api.database import open_database
from api.settings import Settings
from engagement.words import STATUSES, Status
from store import goals
from store.db import day_date, day_number
from store.goals import Kept

app = typer.Typer()


@app.command("set")
def set_goal(
    what: Annotated[str, typer.Argument(metavar="STATUS=MEMBERS", help="Such as contributor=50.")],
    by: Annotated[str, typer.Option(metavar="DAY", help="A day such as 2027-03-31.")],
    json: Json = False,
) -> None:
    """Set a goal from today on; one for the same status and day takes its place."""
    run(_set(what, by, json))


async def _set(what: str, by: str, json: bool) -> None:
    word, _, told = what.partition("=")
    members = whole(told)
    words = [status.value for status in STATUSES]
    if word not in words or members is None:
        raise CommandError(
            f"the goal is {what!r}; expected one of {', '.join(words)}, and a number, such as "
            "contributor=50"
        )
    try:
        day = day_number(date.fromisoformat(by))
    except ValueError:
        raise CommandError(f"--by is {by!r}; expected a day such as 2027-03-31") from None
    settings = Settings.load()
    now = settings.make_clock().now()
    async with open_database(settings) as database:
        saved = await goals.save(database, Status(word), members, day, now=now)
    _print([saved], json=json)


@app.command("list")
def list_all(json: Json = False) -> None:
    """List all goals, the ones that end first before the others."""
    run(_list(json))


async def _list(json: bool) -> None:
    async with open_database(Settings.load()) as database, database.read() as connection:
        found = await goals.all_goals(connection)
    _print(found, json=json)


@app.command()
def remove(
    number: Annotated[int, typer.Argument(help="The number that `list` shows.")],
    json: Json = False,
) -> None:
    """Take a goal away."""
    run(_remove(number, json))


async def _remove(number: int, json: bool) -> None:
    settings = Settings.load()
    now = settings.make_clock().now()
    async with open_database(settings) as database:
        # No number is larger.
        gone = await goals.delete(database, min(number, 2**31 - 1), now=now)
    _print([gone], json=json)


def _print(found: list[Kept], *, json: bool) -> None:
    if json:
        print_json([_plain(one) for one in found])
        return
    for one in found:
        goal = one.goal
        print(
            f"{one.id:>4}  {goal.target:>8,} {goal.status.value:12} by {day_date(goal.by_day)}, "
            f"set on {day_date(goal.from_day)} by {one.by}"
        )


def _plain(one: Kept) -> dict[str, Any]:
    return {
        "id": one.id,
        "status": one.goal.status.value,
        "target": one.goal.target,
        "from": str(day_date(one.goal.from_day)),
        "by": str(day_date(one.goal.by_day)),
        "set_by": one.by,
        "created_at": one.created_at,
    }
