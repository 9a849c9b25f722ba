"""The audit log: who changed what, and how it was before and after.

An entry is written in the transaction of the change that it tells of, and never changed again, but
for what ``forget`` takes out of it. What changes nothing leaves none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from store.db import Read, Write


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something: the name and prefix of their key, and the id of their request."""

    name: str
    key: str | None = None
    request_id: str | None = None


#: Whoever may start a command on the machine, and so has no key.
COMMAND_LINE: Final = Actor("command line")


class Kind(StrEnum):
    """What a change is about; the values are those of ids (schema/ids.py)."""

    MEMBER = "Member"
    RULE_SET = "RuleSet"
    KEY = "Key"
    GOAL = "Goal"
    SCENARIO = "Scenario"
    POLICY = "PromptPolicy"


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One change: ``action`` is the name of the mutation, before and after are JSON objects."""

    id: int
    at: datetime
    actor: Actor
    action: str
    kind: Kind
    subjects: tuple[int, ...]
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries; what is None does not matter. ``actor`` is the name of a key or its prefix.

    ``since`` is the first moment, ``until`` the first one after.
    """

    actor: str | None = None
    action: str | None = None
    subject: tuple[Kind, int] | None = None
    since: datetime | None = None
    until: datetime | None = None


async def write(
    connection: Write,
    actor: Actor,
    action: str,
    kind: Kind,
    subjects: Sequence[int],
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    now: datetime,
) -> None:
    """Tell of a change that ``connection`` makes.

    A text of people's may stand under ``lock`` → ``reason`` only, where ``forget`` finds it; a name
    of a member, or an id that a source gave, nowhere.
    """
    values = (now, actor.name, actor.key, actor.request_id, action, kind.value, list(subjects))
    await connection.execute(_WRITE, *values, before, after)


async def listing(
    connection: Read, wanted: Filter, *, first: int, before: int | None
) -> list[EntryRow]:
    """At most ``first`` entries older than the one with the id ``before``, newest first."""
    kind, number = (None, None) if wanted.subject is None else wanted.subject
    rows = await connection.fetch(
        _LISTING,
        *(before, wanted.actor, wanted.action, kind, number, wanted.since, wanted.until, first),
    )
    return [
        EntryRow(
            id=row["id"],
            at=row["at"],
            actor=Actor(row["actor"], row["key_prefix"], row["request_id"]),
            action=row["action"],
            kind=Kind(row["subject_kind"]),
            subjects=tuple(row["subject_ids"]),
            before=row["before"],
            after=row["after"],
        )
        for row in rows
    ]


async def forget(connection: Write, member_id: int) -> None:
    """Take what people wrote about a member out of all entries, also of whom was merged into them.

    What stays is the number of the tombstone and the statuses it had.
    """
    await connection.execute(_FORGET, member_id)


_WRITE = """
    insert into audit_entry
        (at, actor, key_prefix, request_id, action, subject_kind, subject_ids, before, after)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""

_LISTING = """
    select * from audit_entry
    where ($1::bigint is null or id < $1)
        and ($2::text is null or actor = $2 or key_prefix = $2)
        and ($3::text is null or action = $3)
        and ($4::text is null or (subject_kind = $4 and subject_ids @> array[$5::int]))
        and ($6::timestamptz is null or at >= $6)
        and ($7::timestamptz is null or at < $7)
    order by id desc limit $8
"""

_FORGET = """
    update audit_entry
    set before = before #- '{lock,reason}', after = after #- '{lock,reason}'
    where subject_kind = 'Member' and subject_ids && (
        select array_agg(id) from member where id = $1 or merged_into = $1)
"""
