"""Explain one member: where they stand, why, what comes next, and how they got there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from api.commands import _find
from api.commands._find import MOST, Found
from api.commands._member_lines import Language, lines
from api.commands._member_view import tell
from api.commands._shared import AsOf, Json, archive_note, moment_of
from api.console import CommandError, print_json, run, say
from api.database import open_database
from api.settings import Settings


def command(
    who: Annotated[
        str, typer.Argument(metavar="NAME|EXTERNAL_ID", help="A name, or what the site calls them.")
    ],
    source: Annotated[
        str | None, typer.Option(help="The community whose id or name it is.")
    ] = None,
    as_of: AsOf = None,
    lang: Annotated[Language, typer.Option(help="The language to explain in.")] = Language.EN,
    json: Json = False,
) -> None:
    """Explain where one member stands, why, what the next status needs, and what came before.

    Where several could be meant they are listed, and where there is nobody, who comes near.
    """
    run(_member(who, source, as_of, None if json else lang))


async def _member(who: str, source: str | None, as_of: str | None, lang: Language | None) -> None:
    """Print the member for people, or as JSON where there is no language."""
    settings = Settings.load()
    now = settings.make_clock().now()
    async with open_database(settings) as database, database.read() as connection:
        found = await _find.find(connection, who, source)
        if not found:
            raise CommandError(_nobody(who, source, await _find.near(connection, who, source)))
        if len(found) > 1:
            raise CommandError(_several(who, found))
        moment, day = await moment_of(database, connection, now, as_of)
        told = await tell(database, connection, found[0], moment, day)
    if note := archive_note(moment, as_of):
        say(note)
    if lang is None:
        print_json(told)
    else:
        print("\n".join(lines(told, lang)))


def _nobody(who: str, source: str | None, near: Sequence[Found]) -> str:
    where = f" in {source}" if source else ""
    if not near:
        return f"nobody{where} has the name or id {who!r}"
    listed = "".join(f"\n  {one}" for one in near)
    return f"nobody{where} has the name or id {who!r}; near it are:{listed}"


def _several(who: str, found: Sequence[Found]) -> str:
    listed = "".join(f"\n  {one}" for one in found[:MOST])
    more = "\n  …" if len(found) > MOST else ""
    return f"{who!r} may be any of these; give the id, and with --source whose it is:{listed}{more}"
