"""Decisions that were made, and what members said to prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.commands import _find
from api.commands._find import Found
from api.commands._member_lines import Language
from api.commands._prompt_lines import Lines
from api.commands._prompt_view import offered
from api.commands._shared import whole
from api.console import CommandError, print_json
from api.database import open_database
from api.settings import Settings
from engagement.prompt_texts import KINDS as KIND_TEXTS
from engagement.scenario import KINDS, Kind
from store import consent, members, offers, posts, scenarios
from store.audit import COMMAND_LINE
from store.consent import Said
from store.db import Database, Read
from store.offers import Filter, OfferRow

#: What stands for all kinds.
ALL = "all"


async def trace(
    which: str, source: str | None, *, first: int, language: Language, json: bool
) -> None:
    """Print one decision, or the newest ones on a member."""
    async with open_database(Settings.load()) as database, database.read() as connection:
        number = whole(which) if source is None else None
        one = None if number is None else await offers.by_number(connection, number)
        if one is None:
            found = await _member(connection, which, source, asked=number)
            wanted = Filter(member_id=found.row.id)
            rows = await offers.page(connection, wanted, before=None, first=first)
        else:
            rows = [one]
        told = await _told(database, connection, rows)
    if json:
        print_json(told if one is None else told[0])
        return
    lines = Lines(language)
    print("\n".join(lines.offers(told) if one is None else lines.offer(told[0])))


async def _member(connection: Read, which: str, source: str | None, *, asked: int | None) -> Found:
    try:
        return await _find.the_one(connection, which, source)
    except CommandError as error:
        if asked is None:
            raise
        raise CommandError(f"there is no offer with the number {asked}, and {error}") from None


async def _told(
    database: Database, connection: Read, rows: Sequence[OfferRow]
) -> list[dict[str, Any]]:
    ids = [row.member_id for row in rows]
    people = await members.by_ids(connection, ids)
    accounts = await members.accounts(connection, [one.id for one in people.values()])
    items = await posts.by_ids(connection, [row.post_id for row in rows if row.post_id])
    return [
        offered(database, row, people[row.member_id], accounts, items.get(row.post_id or 0))
        for row in rows
    ]


async def say_consent(
    who: str,
    source: str | None,
    refused: Sequence[str],
    allowed: Sequence[str],
    *,
    json: bool,
) -> None:
    """Print what a member said to prompts, after what is to be set is set."""
    wanted = {_kind(word): False for word in refused}
    for word in allowed:
        if _kind(word) in wanted:
            raise CommandError(f"{word} is to be refused and allowed; expected one of them")
        wanted[_kind(word)] = True
    settings = Settings.load()
    now = settings.make_clock().now()
    async with open_database(settings) as database:
        async with database.read() as connection:
            found = await _find.the_one(connection, who, source)
            _, policy = await scenarios.policy(connection)
        for kind, yes in wanted.items():
            await consent.set_consent(
                database, found.row.id, kind, allowed=yes, by=COMMAND_LINE.name, now=now
            )
        async with database.read() as connection:
            said = await consent.of(connection, found.row.id)
    told = _plain(found, said, assumed=policy.assume_consent)
    if json:
        print_json(told)
        return
    words = {None: "nothing", True: "yes", False: "no"}
    print(f"{found}")
    print(f"To all personal prompts they said {words[told['all']]}.")
    for row in told["kinds"]:
        may = "may be shown" if row["allowed"] else "not shown"
        said_so = "" if row["said"] is None else f", as they said {words[row['said']]}"
        print(f"  {row['kind']:20}{may}{said_so} ({KIND_TEXTS[Kind(row['kind'])][0]})")


def _plain(found: Found, said: Said, *, assumed: bool) -> dict[str, Any]:
    return {
        "member": {
            "name": found.row.name,
            "accounts": [{"source": a.source, "id": a.external_id} for a in found.accounts],
        },
        "all": said.all,
        "assumed": assumed,
        "kinds": [
            {
                "kind": kind.value,
                "allowed": said.allows(kind, assumed=assumed),
                "said": said.kinds.get(kind),
            }
            for kind in KINDS
        ],
    }


def _kind(word: str) -> Kind | None:
    """The kind that an option names; None for all of them."""
    if word == ALL:
        return None
    if word not in KINDS:
        known = ", ".join(KINDS)
        raise CommandError(f"{word!r} is no kind of prompt; expected {ALL}, or one of {known}")
    return Kind(word)
