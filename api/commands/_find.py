"""Finds the member that somebody at the terminal means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from api.console import CommandError
from engagement.words import Role
from store import members, names
from store.db import Read
from store.members import AccountRow, Filter, MemberRow, Order
from store.search import folded

#: So many candidates are listed.
MOST: Final = 10
#: So many names are compared with one that nobody has.
_COMPARED: Final = 500
#: The first letters of a name are rarely mistyped.
_SURE: Final = 2


@dataclass(frozen=True, slots=True)
class Found:
    """A member and what their sources call them."""

    row: MemberRow
    accounts: tuple[AccountRow, ...]

    def __str__(self) -> str:
        ids = ", ".join(f"{one.source} {one.external_id}" for one in self.accounts)
        role = "" if self.row.role is Role.MEMBER else f", {self.row.role.value}"
        return f"{self.row.name or 'without a name'} ({ids or 'no account'}{role})"


async def find(connection: Read, who: str, source: str | None) -> list[Found]:
    """Everybody whose id in a source is ``who``, or who has that name, however it is spelled.

    With ``source`` an id there goes before names, and only who has an account there is meant.
    """
    rows: dict[int, MemberRow] = {}
    known = (await names.load(connection, names.Names())).sources
    for name in sorted(known) if source is None else [source]:
        row = await members.by_account(connection, name, who)
        if row is not None:
            rows[row.id] = row
    if not rows or source is None:
        for row in await members.by_name(connection, who, most=MOST + 1):
            if row.name is not None and folded(row.name) == folded(who):
                rows[row.id] = row
    found = await _with_accounts(connection, list(rows.values()))
    return [one for one in found if source is None or _is_of(one, source)]


async def the_one(connection: Read, who: str, source: str | None) -> Found:
    """The one member who is meant; raises CommandError where there is nobody, or several."""
    found = await find(connection, who, source)
    if len(found) == 1:
        return found[0]
    if found:
        raise CommandError(_several(who, found))
    raise CommandError(_nobody(who, source, await near(connection, who, source)))


async def near(connection: Read, who: str, source: str | None) -> list[Found]:
    """Members whose name holds ``who``, or is nearly the same."""
    rows = await _search(connection, who, MOST * 3)
    if not rows and len(who) > _SURE:
        rows = await _search(connection, who[:_SURE], _COMPARED)
        named = {folded(row.name) for row in rows if row.name}
        close = get_close_matches(folded(who), sorted(named), n=MOST)
        rows = [row for name in close for row in rows if folded(row.name) == name]
    found = await _with_accounts(connection, rows)
    return [one for one in found if source is None or _is_of(one, source)][:MOST]


async def _search(connection: Read, text: str, first: int) -> list[MemberRow]:
    page = await members.listing(
        connection,
        Filter(search=text),
        Order.ID,
        descending=False,
        first=first,
        after=None,
    )
    return [row for _, row in page]


async def _with_accounts(connection: Read, rows: list[MemberRow]) -> list[Found]:
    accounts = await members.accounts(connection, [row.id for row in rows])
    return [Found(row, tuple(accounts[row.id])) for row in rows]


def _is_of(one: Found, source: str) -> bool:
    return any(account.source == source for account in one.accounts)


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
