"""Whom a mutation is about: by id, or by what a source calls them."""

from __future__ import annotations

from schema.context import Asked
from schema.ids import member_number
from schema.problems import NotPossible
from sources.parse import BAD_TEXT
from store import members


async def named(
    info: Asked, member: str | None, source: str | None, external_id: str | None
) -> int | NotPossible:
    """The number of a member, by id or by account."""
    if member is not None and source is None and external_id is None:
        return member_number(member)
    if member is not None or source is None or external_id is None:
        message = "expected `member`, or `source` and `externalId`, and no more"
        return NotPossible(code="NOT_POSSIBLE", message=message)
    async with info.context.read() as (connection, _):
        row = None
        if not BAD_TEXT.search(source + external_id):
            row = await members.by_account(connection, source, external_id)
    if row is None:
        return NotPossible(code="UNKNOWN_MEMBER", message="there is no such account")
    return row.id
