"""Two experiments played in a made-up community: decisions as they would have been kept.

Who is held out is drawn as ever; what members then did comes from the generator, which knows the
effect (sources/synthetic/trial.py). So the report on lift has something to find, and nothing to
find where there is nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from asyncpg import Record

from engagement import holdout
from engagement.holdout import Arm, period_of
from engagement.prompt import held_out
from engagement.scenario import KINDS, Scenario
from engagement.scenarios import default, dump
from engagement.words import STATUSES, Status
from sources.synthetic.trial import TRIALS, Asked, Trial, deeds
from store import population, rules, scenarios
from store.db import Database, Write, day_date, day_number
from store.record import record
from store.scenarios import InForce, Version

#: Days that the experiments took, and that they have been over for: all figures are due by then.
_DAYS: Final = 30
_OVER: Final = 45
#: The second begins so long after the first with each member.
_APART: Final = timedelta(hours=12)
_HOLDOUT: Final = 50
_SURFACE: Final = "home"
_MEMBER: Final = STATUSES.index(Status.MEMBER)


async def play(database: Database, *, until: datetime, seed: int, source: str) -> int:
    """Play the experiments of a community that ends at ``until``; how many decisions there are.

    A second time does nothing.
    """
    first, last = _window(database, until)
    begin, end = database.end_of(first - 1), database.end_of(last)
    await database.in_write(_forget)
    async with database.read() as connection:
        active = await rules.active(database, connection)
        force = await scenarios.now_in_force(database, connection)
        visits = await connection.fetch(_VISITS, source, begin, end)
        numbers = [row["member_id"] for row in visits]
        stood = await population.statuses_at(connection, numbers, active, day=first)
    there = [row for row in visits if stood[row["member_id"]] == _MEMBER]
    decisions = 0
    for place, trial in enumerate(TRIALS):
        version = await _version(database, trial, begin, end)
        if version is not None:
            drawn = _drawn(force, version, there, place * _APART, period_of(day_date(first)))
            did = list(deeds(trial, [one.asked for one in drawn], seed=seed, source=source))
            await record(database, did, now=until, defer=True)
            await _keep(database, force, version, drawn, {one.actor for one in did})
            decisions += len(drawn)
    return decisions


@dataclass(frozen=True, slots=True)
class _Drawn:
    """One decision that is going to be kept."""

    member_id: int
    asked: Asked
    arm: Arm


def _drawn(
    force: InForce, version: Version, there: Sequence[Record], later: timedelta, period: int
) -> list[_Drawn]:
    """The arms of everybody who was there, as they would be drawn at a decision."""
    drawn = []
    for row in there:
        arm = holdout.arm(
            force.salt,
            period,
            row["member_id"],
            key=version.key,
            scenario_percent=_HOLDOUT,
            all_percent=force.policy.holdout_percent,
        )
        asked = Asked(row["external_id"], row["at"] + later, arm is Arm.SHOWN)
        drawn.append(_Drawn(row["member_id"], asked, arm))
    return drawn


def _window(database: Database, until: datetime) -> tuple[int, int]:
    """The first and the last day, both of one quarter: in another one arms are drawn anew."""
    last = day_date(database.day(until) - _OVER)
    quarter = holdout.first_day(period_of(last))
    if (last - quarter).days < _DAYS:
        last = quarter - timedelta(days=1)
    return day_number(last) - _DAYS + 1, day_number(last)


async def _version(
    database: Database, trial: Trial, begin: datetime, end: datetime
) -> Version | None:
    """The scenario of a trial, which ran and has ended; None where it is there already."""
    async with database.read() as connection:
        if await scenarios.current(connection, trial.key) is not None:
            return None
    saved = await scenarios.save(database, dump(_scenario(trial)), now=begin)
    await scenarios.set_state(database, saved.id, "running", now=begin)
    return await scenarios.set_state(database, saved.id, "ended", now=end)


def _scenario(trial: Trial) -> Scenario:
    """Like one that Ikusei comes with, for everybody who is a plain member."""
    like = next(one for one in default()[1] if one.status is Status.MEMBER)
    return replace(
        like,
        key=trial.key,
        en=f"A trial of the made-up community: {trial.verb}",
        ja=f"架空のコミュニティでの試行：{trial.verb}",
        to=Status.SUPPORTER,
        goal=((trial.venue, trial.verb),),
        surfaces=(_SURFACE,),
        holdout_percent=_HOLDOUT,
        variants=(replace(like.variants[0], name="only", share=100),),
    )


async def _keep(
    database: Database,
    force: InForce,
    version: Version,
    drawn: Sequence[_Drawn],
    followed: Collection[str | None],
) -> None:
    """Write the decisions; whoever was shown the prompt saw it at once."""
    rows = [
        (
            one.member_id,
            one.asked.at,
            one.arm,
            held_out(one.arm),
            one.asked.at if one.asked.shown else None,
            one.asked.at if one.asked.shown and one.asked.member in followed else None,
        )
        for one in drawn
    ]
    if not rows:
        return
    kind = KINDS.index(version.scenario.kind)
    period = period_of(rows[0][1].astimezone(database.zone).date())
    columns = [list(column) for column in zip(*rows, strict=True)]
    about = (force.policy_id, version.id, period, _MEMBER, kind, _SURFACE)

    async def work(connection: Write) -> None:
        await connection.execute(_WRITE, *about, *columns)

    await database.in_write(work)


async def _forget(connection: Write) -> None:
    """Take away the trials of a community that is gone."""
    await connection.execute(_FORGET, [trial.key for trial in TRIALS])


_FORGET = """
    delete from scenario s where s.key = any($1::text[])
        and not exists (select from offer o where o.scenario_id = s.id)
"""

# The first moment in the time at which each member was there.
_VISITS = """
    select a.actor_id as member_id, min(c.external_id) as external_id, min(a.occurred_at) as at
    from action a
    join member m on m.id = a.actor_id and m.role = 'member'
    join account c on c.member_id = m.id
    join source s on s.id = c.source_id and s.name = $1
    where a.occurred_at >= $2 and a.occurred_at < $3 and a.state = 0
    group by a.actor_id order by a.actor_id
"""

_WRITE = """
    insert into offer (policy_id, scenario_id, period, status, kind, surface, lang, variant,
        member_id, at, arm, reason, shown_at, followed_at)
    select $1, $2, $3, $4, $5, $6, 'en', 0, o.*
    from unnest($7::int[], $8::timestamptz[], $9::smallint[], $10::text[], $11::timestamptz[],
        $12::timestamptz[]) as o(member_id, at, arm, reason, shown_at, followed_at)
    order by o.at
"""
