"""Members as they are read: one by any of their names, or lists of them in keyset pages.

Every row brings along what is kept of the member's standing, so that a page with standings takes
no more statements than a page without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import asyncpg

from engagement.status import Hold
from engagement.words import STATUSES, Role, Status
from store.db import Read, StoreError, Write
from store.explained import Kept
from store.search import beginning, folded

#: (value, id) of the last row of a page; the value's type is that of the order.
Key = tuple[Any, int]


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member as the site described them, and what is kept of their standing."""

    id: int
    known: bool
    role: Role
    state: str
    name: str | None
    joined_at: datetime | None
    zone: str | None
    lang: str | None
    attributes: dict[str, Any]
    seen_day: int
    merged_into: int | None
    erased_at: datetime | None
    kept: Kept


@dataclass(frozen=True, slots=True)
class AccountRow:
    """What a source calls a member."""

    source: str
    external_id: str


@dataclass(frozen=True, slots=True)
class LockRow:
    """A status kept by decision, with who decided it and why."""

    id: int
    member_id: int
    kind: str
    status: Status
    from_day: int
    until_day: int | None
    reason: str
    by: str
    created_at: datetime


class UnknownMember(StoreError):
    """There is no such member, or they were erased, or merged where that makes a difference."""


class Order(StrEnum):
    """What a list of members is ordered by."""

    ID = "id"
    NAME = "name"
    SINCE = "since"
    CONTRIBUTION = "contribution"
    INTERACTION = "interaction"
    FAVORABILITY = "favorability"
    SUPPORT = "support"

    @property
    def of_standing(self) -> bool:
        """Whether it compares standings."""
        return self not in {Order.ID, Order.NAME}


@dataclass(frozen=True, slots=True)
class Filter:
    """What members a list holds; empty fields ask for nothing.

    ``search`` is a part of the name or the beginning of an external id. Merged and erased members
    are never listed. ``ids`` are the only ones that may be listed, ``without`` those that may not.
    """

    status: tuple[Status, ...] = ()
    role: tuple[Role, ...] = ()
    known: bool | None = None
    search: str | None = None
    ids: tuple[int, ...] | None = None
    without: tuple[int, ...] = ()


async def by_ids(connection: Read, ids: Sequence[int]) -> dict[int, MemberRow]:
    """Members by id; a merged one gives the one it became part of, under its old id."""
    rows = await connection.fetch(_BY_IDS, sorted(set(ids)))
    found = {row["id"]: _member(row) for row in rows}
    return {id_: _followed(found, id_) for id_ in ids if id_ in found}


async def locked(connection: Write, who: int | AccountRow) -> MemberRow:
    """One member, whom nobody else may lock, merge or erase until we commit; as they are kept.

    Of a merged one whom they are now. Raises UnknownMember.
    """
    if isinstance(who, AccountRow):
        row = await connection.fetchrow(_LOCKED_ACCOUNT, who.source, who.external_id)
    else:
        row = await connection.fetchrow(_LOCKED, who)
    while row is not None and row["merged_into"] is not None:
        row = await connection.fetchrow(_LOCKED, row["merged_into"])
    if row is None or row["erased_at"] is not None:
        raise UnknownMember("there is no such member, or they were erased")
    return _member(row)


async def by_account(connection: Read, source: str, external_id: str) -> MemberRow | None:
    """The member whom ``source`` calls ``external_id``."""
    row = await connection.fetchrow(_BY_ACCOUNT, source, external_id)
    if row is None:
        return None
    if row["merged_into"] is None:
        return _member(row)
    return (await by_ids(connection, [row["id"]])).get(row["id"])


async def by_name(connection: Read, name: str, *, most: int) -> list[MemberRow]:
    """Members with this name: written the same, else but for case and width, else beginning so.

    At most ``most``, in the order of their ids.
    """
    looked_for = folded(name)
    for condition, values in (
        ("m.search_name = $2 and m.name = $3", (looked_for, name)),
        ("m.search_name = $2", (looked_for,)),
        ("m.search_name >= $2 and m.search_name < $3", beginning(looked_for)),
    ):
        rows = await connection.fetch(
            f"{_MEMBERS} where {condition} and {_THERE} order by m.id limit $1", most, *values
        )
        if rows:
            return [_member(row) for row in rows]
    return []


async def listing(
    connection: Read,
    wanted: Filter,
    order: Order,
    *,
    descending: bool,
    first: int,
    after: Key | None,
) -> list[tuple[Key, MemberRow]]:
    """A page of at most ``first`` members after the key ``after``, each with its own key.

    Statuses and points are compared as they are kept (store/listing.py knows better), and only
    those of members of the role MEMBER: nobody else has a standing.
    """
    by_standing = bool(wanted.status) or order.of_standing
    where, arguments = _conditions(wanted, by_standing=by_standing)
    value = _ORDERS[order]
    if after is not None:
        arguments += [after[0], after[1]]
        sign = "<" if descending else ">"
        n = len(arguments)
        kind = "text" if order is Order.NAME else "bigint"
        where.append(f"({value}, m.id) {sign} (${n - 1}::{kind}, ${n}::int)")
    arguments.append(first)
    way = "desc" if descending else "asc"
    standing = "join standing s on s.member_id = m.id" if by_standing else ""
    rows = await connection.fetch(
        # Found first and read then: what is sorted stays narrow.
        f"""
        with page as materialized (
            select m.id, {value} as key from member m {standing}
            where {" and ".join(where)}
            order by {value} {way}, m.id {way} limit ${len(arguments)}
        )
        {_members("page.key")} join page on page.id = m.id
        order by page.key {way}, m.id {way}
        """,
        *arguments,
    )
    return [((row["key"], row["id"]), _member(row)) for row in rows]


async def matching(connection: Read, wanted: Filter) -> list[int]:
    """Those of the members ``wanted.ids`` who match the rest; statuses are not looked at."""
    where, arguments = _conditions(replace(wanted, status=()), by_standing=True)
    rows = await connection.fetch(
        f"select m.id from member m where {' and '.join(where)}", *arguments
    )
    return [row["id"] for row in rows]


async def outdated(connection: Read, rule_set_id: int, today: int, *, most: int) -> list[int]:
    """At most ``most`` members whose standing is not what its columns say.

    A day of review has come, their past changed, or they were placed under other rules.
    """
    rows = await connection.fetch(f"{_OUTDATED} limit $3", rule_set_id, today, most)
    return [row["member_id"] for row in rows]


async def count_outdated(connection: Read, rule_set_id: int, today: int) -> int:
    """How many such members there are."""
    query = f"select count(*) from ({_OUTDATED}) o"
    count: int = await connection.fetchval(query, rule_set_id, today)
    return count


async def accounts(connection: Read, ids: Sequence[int]) -> dict[int, list[AccountRow]]:
    """The accounts of members, by source."""
    found: dict[int, list[AccountRow]] = {id_: [] for id_ in ids}
    for row in await connection.fetch(_ACCOUNTS, list(ids)):
        found[row["member_id"]].append(AccountRow(row["name"], row["external_id"]))
    return found


def account_names(accounts: Sequence[AccountRow]) -> str:
    """Accounts in one line, such as `forum:m1 shop:77`."""
    return " ".join(f"{one.source}:{one.external_id}" for one in accounts)


async def locks(connection: Read, ids: Sequence[int]) -> dict[int, list[LockRow]]:
    """Locks and graces of members, newest first."""
    found: dict[int, list[LockRow]] = {id_: [] for id_ in ids}
    for row in await connection.fetch(_LOCKS, list(ids)):
        lock = LockRow(**{**row, "status": STATUSES[row["status"]]})
        found[lock.member_id].append(lock)
    return found


def _conditions(wanted: Filter, *, by_standing: bool) -> tuple[list[str], list[Any]]:
    where, arguments = [_THERE], list[Any]()

    def ask(condition: str, *values: object) -> None:
        arguments.extend(values)
        last = len(arguments) + 1
        where.append(condition.format(*(f"${n}" for n in range(last - len(values), last))))

    if by_standing:
        where.append("m.role = 'member'")
    if wanted.status:
        ask("s.status = any({}::smallint[])", [STATUSES.index(s) for s in wanted.status])
    if wanted.role:
        ask("m.role = any({}::text[])", [role.value for role in wanted.role])
    if wanted.known is not None:
        ask("m.known = {}", wanted.known)
    if wanted.ids is not None:
        ask("m.id = any({}::int[])", list(wanted.ids))
    if wanted.without:
        ask("m.id <> all({}::int[])", list(wanted.without))
    if wanted.search:
        looked_for = folded(wanted.search)
        ask(_SEARCH, "%" + _literal(looked_for) + "%", *beginning(wanted.search))
    return where, arguments


def _literal(text: str) -> str:
    """A text in which LIKE finds nothing but itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _followed(found: dict[int, MemberRow], id_: int) -> MemberRow:
    row = found[id_]
    while row.merged_into is not None and row.merged_into in found:
        row = found[row.merged_into]
    return row


def _member(row: asyncpg.Record) -> MemberRow:
    holds = tuple(
        Hold(kind, STATUSES[status], first, until) for kind, status, first, until in row["holds"]
    )
    return MemberRow(
        id=row["id"],
        known=row["known"],
        role=Role(row["role"]),
        state=row["state"],
        name=row["name"],
        joined_at=row["joined_at"],
        zone=row["zone"],
        lang=row["lang"],
        attributes=row["attributes"],
        seen_day=row["seen_day"],
        merged_into=row["merged_into"],
        erased_at=row["erased_at"],
        kept=Kept(
            row["id"],
            row["rule_set_id"],
            row["packed"] or b"",
            row["recent"] or b"",
            row["next_review_day"],
            row["pending"],
            holds,
        ),
    )


def _members(key: str) -> str:
    return f"""
    select m.id, m.known, m.role, m.state, m.name, m.joined_at, m.zone, m.lang, m.attributes,
        m.seen_day, m.merged_into, m.erased_at, {key} as key,
        s.rule_set_id, s.state as packed, s.recent, s.next_review_day,
        exists (select from refold r where r.member_id = m.id) as pending,
        coalesce((
            select jsonb_agg(jsonb_build_array(h.kind, h.status, h.from_day, h.until_day)
                order by h.id)
            from hold h where h.member_id = m.id), '[]') as holds
    from member m left join standing s on s.member_id = m.id"""


_MEMBERS = _members("m.id")
_THERE = "m.merged_into is null and m.erased_at is null"

_SEARCH = """
    (m.search_name like {0} or m.id in (
        select a.member_id from source o join account a
            on a.source_id = o.id and a.external_id >= {1} and a.external_id < {2}))
"""

_ORDERS = {
    Order.ID: "m.id",
    Order.NAME: "m.search_name",
    Order.SINCE: "coalesce(s.since, -2147483648)",
    Order.CONTRIBUTION: "coalesce(s.contribution, 0)",
    Order.INTERACTION: "coalesce(s.interaction, 0)",
    Order.FAVORABILITY: "coalesce(s.favorability, 0)",
    Order.SUPPORT: "coalesce(s.support, 0)",
}

# Merging is followed to its end: who was merged twice still leads somewhere.
_BY_IDS = f"""
    with recursive asked(id) as (
        select unnest($1::int[])
        union
        select m.merged_into from asked join member m using (id) where m.merged_into is not null
    )
    {_MEMBERS} where m.id in (select id from asked)
"""

_OF_ACCOUNT = """
    select a.member_id from account a join source o on o.id = a.source_id
    where o.name = $1 and a.external_id = $2
"""
_BY_ACCOUNT = f"{_MEMBERS} where m.id = ({_OF_ACCOUNT})"

_LOCKED = f"{_MEMBERS} where m.id = $1 for no key update of m"
_LOCKED_ACCOUNT = f"{_BY_ACCOUNT} for no key update of m"

_ACCOUNTS = """
    select a.member_id, o.name, a.external_id from account a join source o on o.id = a.source_id
    where a.member_id = any($1::int[]) order by o.name, a.external_id
"""

_LOCKS = """
    select id, member_id, kind, status, from_day, until_day, reason, by, created_at from hold
    where member_id = any($1::int[]) order by id desc
"""

# Parts that share nobody, each found by an index. Who was never folded stands where the columns
# say: nowhere yet.
_DUE = "(next_review_day <= $2 and day < $2)"
_OUTDATED = f"""
    select member_id from standing where rule_set_id < $1 and state <> ''
    union all
    select member_id from standing where rule_set_id > $1 and state <> ''
    union all
    select member_id from standing where rule_set_id = $1 and {_DUE} and state <> ''
    union all
    select member_id from refold r join standing s using (member_id)
    where s.rule_set_id = $1 and {_DUE} is not true and state <> ''
"""
