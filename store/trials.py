"""What lift is worked out from: decisions, what members did after them, and scenarios' plans."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from engagement.holdout import first_day
from engagement.points import Ints
from engagement.scenario import Kind, Scenario
from engagement.scenarios import load, load_policy
from engagement.words import Status
from store import facts
from store.db import Database, Read, day_number

#: Microseconds: times are in them since 1970.
DAY_LONG: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a scenario; ``last`` is the day on which it ends (None: it has no end)."""

    id: int
    number: int
    scenario: Scenario
    last: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What was tried in a period: a figure is about one of these.

    Of all prompts together ``key`` and what belongs to a scenario is None. ``held`` is the share of
    members held out, ``messages`` are their names and shares.
    """

    key: str | None
    period: int
    held: float
    messages: tuple[tuple[str, float], ...]
    status: Status | None = None
    to: Status | None = None
    goal: tuple[tuple[str, str], ...] = ()
    kind: Kind | None = None

    @property
    def last(self) -> int:
        """The last day of its period."""
        return day_number(first_day(self.period + 1)) - 1


def plan_of(scenario: Scenario, period: int) -> Plan:
    """The plan of a scenario in a period."""
    return Plan(
        scenario.key,
        period,
        scenario.holdout_percent / 100,
        tuple((one.name, one.share / 100) for one in scenario.variants),
        scenario.status,
        scenario.to,
        scenario.goal,
        scenario.kind,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """Columns of the decisions that had a winner; ``day`` is the community's.

    ``dismissed`` is 1 where the prompt was put away, and else 0.
    """

    member: Ints
    at: Ints
    day: Ints
    arm: Ints
    variant: Ints
    scenario: Ints
    policy: Ints
    period: Ints
    dismissed: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Deeds:
    """Columns of what members did, in order of these and of time.

    ``target`` is 0 where it was done to nobody.
    """

    actor: Ints
    at: Ints
    type: Ints
    target: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Refusals:
    """Columns of who wanted no more prompts of a kind; ``kind`` is as in the table of consents."""

    member: Ints
    kind: Ints
    at: Ints


async def versions(database: Database, connection: Read, *, until: int) -> dict[int, Version]:
    """All versions of scenarios that there were at the end of a day, by their ids."""
    end = database.end_of(until)
    found = {}
    for row in await connection.fetch(_VERSIONS, end):
        scenario, over = load(row["toml"]), row["ended_at"]
        days = [database.day(over)] if over is not None and over < end else []
        days += [day_number(scenario.ends)] if scenario.ends is not None else []
        last = min(days, default=None)
        found[row["id"]] = Version(row["id"], row["number"], scenario, last)
    return found


async def holdouts(connection: Read) -> dict[int, float]:
    """The share of members whom each policy holds out of everything."""
    rows = await connection.fetch("select id, toml from prompt_policy")
    return {row["id"]: load_policy(row["toml"]).holdout_percent / 100 for row in rows}


async def decisions(
    database: Database, connection: Read, periods: Sequence[int], *, until: int
) -> Decisions:
    """The decisions of some periods by the end of a day, for the population.

    Of accounts that were merged they are those of the member who is left.
    """
    (row,) = await connection.fetch(
        _DECISIONS, list(periods), database.end_of(until), database.zone.key
    )
    return Decisions(*await facts.columns(row))


async def deeds(
    connection: Read,
    members: Collection[int],
    types: Collection[int],
    *,
    first: int,
    until: int,
) -> Deeds:
    """What some members did of some types from day ``first`` to the end of ``until``.

    What is only known to have been done by then is left out, as it may have been before.
    """
    (row,) = await connection.fetch(_DEEDS, list(members), list(types), first, until)
    table = await facts.columns(row)
    return await facts.aside(
        table.shape[1], lambda: Deeds(*table[:, np.lexsort((table[1], table[0]))])
    )


async def days_here(
    connection: Read, members: Collection[int], *, first: int, until: int
) -> tuple[Ints, Ints]:
    """The days on which some members did anything, each once: columns of member and day."""
    (row,) = await connection.fetch(_HERE, list(members), first, until)
    member, day = await facts.columns(row)
    return member, day


async def refusals(database: Database, connection: Read, *, until: int) -> Refusals:
    """Who said by the end of a day that they want no more prompts, and has not taken it back."""
    (row,) = await connection.fetch(_REFUSALS, database.end_of(until))
    return Refusals(*await facts.columns(row))


async def doers(
    connection: Read, types: Collection[int], *, first: int, until: int
) -> tuple[Ints, Ints]:
    """Who did what from day ``first`` to ``until``, each once: columns of member and type."""
    (row,) = await connection.fetch(_DOERS, list(types), first, until)
    member, type_ = await facts.columns(row)
    return member, type_


async def active(connection: Read, *, first: int, until: int) -> Ints:
    """Who did anything from day ``first`` to ``until``, ascending."""
    (row,) = await connection.fetch(_ACTIVE, first, until)
    (member,) = await facts.columns(row)
    return np.sort(member)


_VERSIONS = """
    select id, number, toml, ended_at from scenario where created_at < $1 order by id
"""

_DECISIONS = """
    select array_send(array_agg(k.id)),
        array_send(array_agg((extract(epoch from o.at) * 1000000)::bigint)),
        array_send(array_agg((o.at at time zone $3)::date - date '1970-01-01')),
        array_send(array_agg(o.arm)), array_send(array_agg(coalesce(o.variant, 0::smallint))),
        array_send(array_agg(o.scenario_id)), array_send(array_agg(o.policy_id)),
        array_send(array_agg(o.period)),
        array_send(array_agg((o.dismissed_at is not null and o.dismissed_at < $2)::int))
    from offer o join member m on m.id = o.member_id
    join member k on k.id = coalesce(m.merged_into, m.id)
    where o.scenario_id is not null and o.period = any($1::smallint[]) and o.at < $2
        and k.role = 'member' and k.erased_at is null
"""

# Days may be those of the source's own calendar: only exact times, and days, can come after.
_DEEDS = """
    select array_send(array_agg(a.actor_id)),
        array_send(array_agg((extract(epoch from a.occurred_at) * 1000000)::bigint)),
        array_send(array_agg(a.type_id)), array_send(array_agg(coalesce(a.target_id, 0)))
    from unnest($1::int[]) m(id)
    join action a on a.actor_id = m.id and a.day between $3 and $4
    where a.type_id = any($2::smallint[]) and a.state = 0 and a.precision <= 1
"""

_HERE = """
    select array_send(array_agg(member_id)), array_send(array_agg(day)) from (
        select distinct t.member_id, t.day
        from unnest($1::int[]) m(id) join tally t on t.member_id = m.id and t.day between $2 and $3
        where t.side in (0, 2) and t.n > 0
    ) d
"""

_REFUSALS = """
    select array_send(array_agg(coalesce(m.merged_into, m.id))), array_send(array_agg(c.kind)),
        array_send(array_agg((extract(epoch from c.at) * 1000000)::bigint))
    from consent c join member m on m.id = c.member_id where not c.allowed and c.at < $1
"""

_DOERS = """
    select array_send(array_agg(member_id)), array_send(array_agg(type_id)) from (
        select distinct member_id, type_id from tally
        where day between $2 and $3 and type_id = any($1::smallint[]) and side in (0, 2) and n > 0
    ) d
"""

_ACTIVE = """
    select array_send(array_agg(distinct member_id)) from tally
    where day between $1 and $2 and side in (0, 2) and n > 0
"""
