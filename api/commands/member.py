"""Explain one member: where they stand, why, what comes next, and how they got there."""

from __future__ import annotations

from typing import Annotated

import typer

from api.commands import _find
from api.commands._member_lines import Language, lines
from api.commands._member_view import tell
from api.commands._shared import AsOf, Json, archive_note, moment_of
from api.console import print_json, run, say
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
        found = await _find.the_one(connection, who, source)
        moment, day = await moment_of(database, connection, now, as_of)
        told = await tell(database, connection, found, moment, day)
    if note := archive_note(moment, as_of):
        say(note)
    if lang is None:
        print_json(told)
    else:
        print("\n".join(lines(told, lang)))
