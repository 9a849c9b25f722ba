"""Decisions on prompts as they are read: one by its number, or a page of them with their traces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from engagement.holdout import Arm
from engagement.prompt import Reason
from engagement.scenario import KINDS, Kind
from engagement.words import STATUSES, Status
from store.db import Read


@dataclass(frozen=True, slots=True)
class StepRow:
    """What became of one version of a scenario in a decision."""

    scenario_id: int
    key: str
    number: int
    reason: Reason | None
    post_id: int | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class OfferRow:
    """One decision; see engagement/prompt.py for its words."""

    id: int
    at: datetime
    member_id: int
    surface: str
    session: str | None
    lang: str
    status: Status
    period: int
    policy_id: int
    scenario_id: int | None
    post_id: int | None
    kind: Kind | None
    arm: Arm | None
    variant: int | None
    reason: Reason | None
    shown_at: datetime | None
    followed_at: datetime | None
    dismissed_at: datetime | None
    snoozed_at: datetime | None
    refused_at: datetime | None
    trace: tuple[StepRow, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which decisions; what is None does not matter. ``key`` is that of the scenario chosen."""

    member_id: int | None = None
    key: str | None = None


async def by_number(connection: Read, number: int) -> OfferRow | None:
    """One decision."""
    found = await _told(connection, await connection.fetch(f"{_SELECT} where o.id = $1", number))
    return found[0] if found else None


async def page(
    connection: Read, wanted: Filter, *, before: int | None, first: int
) -> list[OfferRow]:
    """At most ``first`` decisions older than the one with the number ``before``, newest first."""
    rows = await connection.fetch(_PAGE, wanted.member_id, wanted.key, before, first)
    return await _told(connection, rows)


async def _told(connection: Read, rows: Sequence[asyncpg.Record]) -> list[OfferRow]:
    numbers = {step[0] for row in rows for step in row["trace"]}
    keys = {
        row["id"]: (row["key"], row["number"])
        for row in await connection.fetch(_KEYS, sorted(numbers))
    }
    return [_offer(row, keys) for row in rows]


def _offer(row: asyncpg.Record, keys: dict[int, tuple[str, int]]) -> OfferRow:
    plain = dict(row)
    return OfferRow(
        **plain
        | {
            "status": STATUSES[row["status"]],
            "kind": None if row["kind"] is None else KINDS[row["kind"]],
            "arm": None if row["arm"] is None else Arm(row["arm"]),
            "reason": None if row["reason"] is None else Reason(row["reason"]),
            "trace": tuple(
                StepRow(number, *keys[number], None if why is None else Reason(why), post, detail)
                for number, why, post, detail in row["trace"]
            ),
        }
    )


_SELECT = """
    select o.id, o.at, o.member_id, o.surface, o.session, o.lang, o.status, o.period, o.policy_id,
        o.scenario_id, o.post_id, o.kind, o.arm, o.variant, o.reason, o.shown_at, o.followed_at,
        o.dismissed_at, o.snoozed_at, o.refused_at, o.trace
    from offer o
"""

_PAGE = f"""
    {_SELECT}
    where ($1::int is null or o.member_id = $1)
        and ($2::text is null or o.scenario_id in (select id from scenario where key = $2))
        and ($3::bigint is null or o.id < $3)
    order by o.id desc limit $4
"""

_KEYS = "select id, key, number from scenario where id = any($1::int[])"
