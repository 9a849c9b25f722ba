"""What members have said to prompts: to all personal ones, or to those of a kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engagement.scenario import KINDS, Kind
from store import members
from store.db import Database, Read, Write
from store.members import AccountRow

#: In the column of kinds: of all of them.
ALL: Final = -1


@dataclass(frozen=True, slots=True)
class Said:
    """What a member has said: to all prompts (None: nothing), and to single kinds."""

    all: bool | None
    kinds: Mapping[Kind, bool]

    def allows(self, kind: Kind, *, assumed: bool) -> bool:
        """Whether a prompt of the kind may be shown; ``assumed`` where nothing was said of it."""
        if self.all is False:
            return False
        return self.kinds.get(kind, assumed if self.all is None else self.all)

    @property
    def refused(self) -> tuple[Kind, ...]:
        """The kinds that were refused one by one."""
        return tuple(kind for kind in KINDS if self.kinds.get(kind) is False)


def said(rows: Mapping[int, bool]) -> Said:
    """What rows of (kind, allowed) say."""
    return Said(rows.get(ALL), {KINDS[kind]: yes for kind, yes in rows.items() if kind != ALL})


async def of(connection: Read | Write, member_id: int) -> Said:
    """What a member has said."""
    return (await of_all(connection, [member_id]))[member_id]


async def of_all(connection: Read | Write, members: Sequence[int]) -> dict[int, Said]:
    """What members have said, by member."""
    found: dict[int, dict[int, bool]] = {member: {} for member in members}
    for row in await connection.fetch(_OF, list(found)):
        found[row["member_id"]][row["kind"]] = row["allowed"]
    return {member: said(own) for member, own in found.items()}


async def set_consent(
    database: Database,
    who: int | AccountRow,
    kind: Kind | None,
    *,
    allowed: bool,
    by: str,
    now: datetime,
) -> Said:
    """Keep what a member says to a kind of prompts, or to all (None); it holds from this moment on.

    Raises members.UnknownMember.
    """

    async def work(connection: Write) -> Said:
        # The lock of a decision: one under way comes before this, and none after it says otherwise.
        row = await members.locked(connection, who)
        await put(connection, row.id, kind, allowed=allowed, by=by, now=now)
        return await of(connection, row.id)

    return await database.in_write(work)


async def put(
    connection: Write,
    member_id: int,
    kind: Kind | None,
    *,
    allowed: bool,
    by: str,
    now: datetime,
) -> None:
    """``set_consent`` as a part of a transaction."""
    code = ALL if kind is None else KINDS.index(kind)
    await connection.execute(_PUT, member_id, code, allowed, now, by)


_OF = "select member_id, kind, allowed from consent where member_id = any($1::int[])"
_PUT = """
    insert into consent (member_id, kind, allowed, at, by) values ($1, $2, $3, $4, $5)
    on conflict (member_id, kind) do update set
        allowed = excluded.allowed, at = excluded.at, by = excluded.by
"""
