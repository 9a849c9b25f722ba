"""Make, list and revoke the keys of the API."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from api.console import print_json, run, say
from api.database import open_database
from api.settings import Settings
from store import keys
from store.keys import Key, Scope

#: A hundred years; a key for longer is one without an end.
_MOST_DAYS = 36_500

app = typer.Typer()
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who will use the key.")],
    scope: Annotated[list[Scope], typer.Option(help="What it may do; may be given twice.")],
    days: Annotated[
        int | None, typer.Option(min=1, max=_MOST_DAYS, help="Days until it expires.")
    ] = None,
    json: Json = False,
) -> None:
    """Make a key and show it, this once."""
    run(_create(name, scope, days, json))


async def _create(name: str, scopes: list[Scope], days: int | None, json: bool) -> None:
    settings = Settings.load()
    now = settings.make_clock().now()
    expires_at = now + timedelta(days=days) if days else None
    async with open_database(settings) as database:
        text, key = await keys.create(
            database, name=name, scopes=set(scopes), now=now, expires_at=expires_at
        )
    if json:
        print_json({"key": text, **_plain(key, now)})
    else:
        print(text)
        say("Keep it: it is shown this once.")


@app.command("list")
def list_all(json: Json = False) -> None:
    """List all keys, without their secrets."""
    run(_list(json))


async def _list(json: bool) -> None:
    settings = Settings.load()
    now = settings.make_clock().now()
    async with open_database(settings) as database, database.read() as connection:
        found = await keys.list_all(connection)
    if json:
        print_json([_plain(key, now) for key in found])
        return
    for key in found:
        print(f"{key.prefix}  {_state(key, now):8}  {' '.join(sorted(key.scopes)):12}  {key.name}")
    if not found:
        say("There are no keys; `ikusei keys create NAME --scope site` makes one.")


@app.command()
def revoke(
    prefix: Annotated[str, typer.Argument(help="The first part, as `keys list` shows it.")],
) -> None:
    """End a key at once."""
    run(_revoke(prefix))


async def _revoke(prefix: str) -> None:
    settings = Settings.load()
    async with open_database(settings) as database:
        key = await keys.revoke(database, prefix, settings.make_clock().now())
    say(f"The key {key.prefix} ({key.name}) is revoked.")


@app.command("refresh-site")
def refresh_site() -> None:
    """Have the service read the site's key set at once: a key was taken out of it."""
    run(_refresh_site())


async def _refresh_site() -> None:
    async with open_database(Settings.load()) as database:
        await keys.refresh_site(database)
    say("Every process reads the key set; `jwks_unavailable` in its log says where it cannot.")


def _state(key: Key, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "valid" if key.valid_at(now) else "expired"


def _plain(key: Key, now: datetime) -> dict[str, Any]:
    return {
        "prefix": key.prefix,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "state": _state(key, now),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    }
