"""The audit log, in GraphQL."""

# ruff: noqa: D101 - the descriptions of types and fields are their docstrings

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from schema.arguments import findable
from schema.connections import Connection, connection, page_size
from schema.context import Asked
from schema.errors import Refused
from schema.ids import Big, from_cursor, from_id, to_cursor, to_id
from schema.scopes import MANAGER, needs
from store import audit
from store.audit import EntryRow, Kind
from store.db import utc

_LAST_NUMBER = 2**31 - 1


@needs(*MANAGER)
@strawberry.type(
    description="A change that somebody made. What changed nothing, or was refused, is not told of."
)
class AuditEntry:
    id: strawberry.ID
    at: datetime
    actor: str = strawberry.field(
        description="The name of the key that it was made with, or `command line`."
    )
    key: str | None = strawberry.field(
        description="The prefix of that key; none at the command line."
    )
    request_id: str | None = strawberry.field(
        description="Of the request that made it, as in the log of the service."
    )
    action: str = strawberry.field(
        description="The name of the mutation; createKey and revokeKey for what the command line "
        "does to keys."
    )
    subjects: list[strawberry.ID] = strawberry.field(
        description="What it is about: a member, a rule set, a key or a goal; of a merge who was "
        "kept, then who was merged."
    )
    before: JSON | None = strawberry.field(description="What was changed, as it was before.")
    after: JSON | None = strawberry.field(description="What was changed, as it is since.")


@strawberry.input(description="Which entries; what is left out does not matter.")
class AuditFilter:
    actor: str | None = strawberry.field(
        description="The name of a key or its prefix, or `command line`.", default=None
    )
    action: str | None = strawberry.field(
        description="The name of a mutation, such as lockStatus.", default=None
    )
    subject: strawberry.ID | None = strawberry.field(
        description="The id of a member, a rule set or a key.", default=None
    )
    since: datetime | None = strawberry.field(
        description="The first moment, with a time zone.", default=None
    )
    until: datetime | None = strawberry.field(
        description="The first moment after, with a time zone.", default=None
    )


async def page(
    info: Asked, first: int, after: str | None, asked: AuditFilter
) -> Connection[AuditEntry]:
    """A page of the log, newest first."""
    size = page_size(first)
    key = from_cursor(after, "audit", Big)
    wanted = audit.Filter(
        actor=None if asked.actor is None else findable(asked.actor, "actor"),
        action=None if asked.action is None else findable(asked.action, "action"),
        subject=None if asked.subject is None else _subject(asked.subject),
        since=_moment(asked.since, "since"),
        until=_moment(asked.until, "until"),
    )
    async with info.context.read() as (connection_, _):
        rows = await audit.listing(
            connection_, wanted, first=size + 1, before=None if key is None else key[0]
        )
    return connection(
        rows, size, node=_entry, cursor=lambda row: to_cursor("audit", row.id), after=after
    )


def _entry(row: EntryRow) -> AuditEntry:
    return AuditEntry(
        id=to_id("AuditEntry", row.id),
        at=row.at,
        actor=row.actor.name,
        key=row.actor.key,
        request_id=row.actor.request_id,
        action=row.action,
        subjects=[to_id(row.kind.value, number) for number in row.subjects],
        before=None if row.before is None else JSON(row.before),
        after=None if row.after is None else JSON(row.after),
    )


def _subject(given: str) -> tuple[Kind, int]:
    kind, number = from_id(given, *Kind)
    return Kind(kind), min(number, _LAST_NUMBER)


def _moment(given: datetime | None, name: str) -> datetime | None:
    if given is None:
        return None
    if given.tzinfo is None:
        raise Refused("BAD_INPUT", f"`{name}` has no time zone; expected such as {given}+09:00")
    try:
        return utc(given)
    except OverflowError:
        raise Refused("BAD_INPUT", f"`{name}` is beyond the years 1 to 9999 in UTC") from None
