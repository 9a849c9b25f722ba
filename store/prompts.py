"""Offers: what a member is shown now, decided in one transaction and kept with its reasons.

A member's decisions come one after the other, as each locks the member: two devices that ask at the
same time cannot be given more than the caps allow. What became of a prompt is told by
``acknowledge``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any, Final

import asyncpg

from engagement.holdout import Arm
from engagement.messages import render
from engagement.prompt import Candidate, Choice, Earlier, Reason, Situation, Step
from engagement.scenario import KINDS, Kind, Scenario, Texts
from engagement.words import STATUSES
from store import consent, explained, members, rules, scenarios
from store.candidates import pool
from store.db import Database, Read, StoreError, Write
from store.deciding import Decider, Visit
from store.members import AccountRow, MemberRow
from store.scenarios import InForce

#: How long an offer is looked back upon: no cool-down is longer.
BACK: Final = timedelta(days=91)
#: Of the locks under which it is counted to how many an item was offered.
_ITEM: Final = 0x696B7569


class Outcome(StrEnum):
    """What a member did with a prompt."""

    SHOWN = "shown"
    FOLLOWED = "followed"
    DISMISSED = "dismissed"
    SNOOZED = "snoozed"
    NOT_INTERESTED = "not_interested"


@dataclass(frozen=True, slots=True)
class Item:
    """The post that a prompt is about."""

    source: str
    external_id: str
    title: str | None
    venue: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is shown: its texts in one language, and until when it may be."""

    kind: Kind
    language: str
    texts: Texts
    item: Item | None
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class Offer:
    """A decision: the prompt, or None with the reason why there is none."""

    id: int
    prompt: Prompt | None
    reason: Reason | None


class UnknownOffer(StoreError):
    """There is no such offer of this member in which a prompt was shown."""


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks for a prompt: for which surface, in which visit, in which language (None: theirs).

    Without a ``session`` every call is a visit of its own.
    """

    who: int | AccountRow
    surface: str
    session: str | None
    language: str | None
    now: datetime


async def offer(database: Database, request: Request) -> Offer:
    """Decide what a member is shown, and keep the decision; the same visit gets the same again.

    Raises members.UnknownMember.
    """
    # PostgreSQL would plan some of these statements anew each time, which takes longer than running
    # them: the plan that it made once is as good for every member.
    return await database.in_write(partial(_offer, database, request), planned_once=True)


async def _offer(database: Database, request: Request, connection: Write) -> Offer:
    row = await members.locked(connection, request.who)
    earliest = request.now - BACK
    kept = await connection.fetchrow(_KEPT, row.id, request.surface, request.session, earliest)
    assert kept is not None
    active = await rules.known(database, connection, kept["rules"], kept["types"])
    force = await scenarios.in_force(database, connection, kept["policy_id"], kept["running"])
    said = consent.said(dict(kept["consent"]))
    if kept["again"] is not None:
        return await _again(connection, request, row, force, said, _Kept(*kept["again"]))
    today = database.day(request.now)
    placed = (await explained.stood(connection, [row.kept], active, today=today))[row.id]
    visit = Visit(request.now, today, request.surface, request.session)
    decider = Decider(row, placed, active, force, visit)
    earlier = [earlier_of(one) for one in kept["earlier"]]
    member = decider.situation(said, earlier, database.zone)
    return await _decide(connection, request, decider, member)


async def _decide(
    connection: Write, request: Request, decider: Decider, member: Situation
) -> Offer:
    """Choose until what is chosen can be kept: its item may have been pushed to its last."""
    language = language_of(request.language, decider.row.lang)
    while True:
        choice = decider.choose(await _with_candidates(connection, decider, member))
        kept = await _keep(connection, request, decider, choice, language)
        if kept is not None:
            break
    winner, candidate = choice.winner, choice.candidate
    if winner is None or candidate is None or choice.arm is not Arm.SHOWN:
        return Offer(kept["id"], None, choice.reason)
    valid = request.now + timedelta(minutes=decider.force.policy.reserve_minutes)
    variant = decider.variant(winner.scenario)
    shown = prompt_of(winner.scenario, variant, candidate, _item(kept), language, valid)
    return Offer(kept["id"], shown, None)


async def _with_candidates(connection: Write, decider: Decider, member: Situation) -> Situation:
    """A situation with what there is to be shown in it, as of now."""
    wanted = decider.wanted(member)
    if not wanted:
        return member
    most = decider.force.policy.members_per_item
    number, now = decider.row.id, decider.visit.now
    found = await pool.kept(connection, number, wanted, now=now, most_offered=most)
    found += await decider.next_step(connection, wanted)
    return replace(member, candidates=found)


async def _keep(
    connection: Write, request: Request, decider: Decider, choice: Choice, language: str
) -> asyncpg.Record | None:
    """Write the decision; its number and item, None where that is pushed to enough already."""
    winner, candidate = choice.winner, choice.candidate
    scenario = None if winner is None else winner.scenario
    post_id = None if candidate is None else candidate.post_id
    most = None
    if scenario is not None and scenario.is_of.spread and post_id is not None:
        most = decider.force.policy.members_per_item
        await connection.execute(_LOCK_ITEM, _ITEM, post_id)
    return await connection.fetchrow(
        _WRITE,
        request.now,
        decider.row.id,
        decider.force.policy_id,
        None if winner is None else winner.id,
        post_id,
        decider.period,
        STATUSES.index(decider.status),
        None if scenario is None else KINDS.index(scenario.kind),
        choice.arm,
        None if scenario is None else decider.variant(scenario),
        request.surface,
        request.session,
        language,
        choice.reason,
        _told(candidate),
        _trace(choice.told_for(decider.status)),
        most,
    )


@dataclass(frozen=True, slots=True)
class _Kept:
    """A decision as it was kept; ``answered``: the member did something with its prompt."""

    id: int
    scenario_id: int | None
    post_id: int | None
    arm: int | None
    variant: int | None
    reason: str | None
    told: Mapping[str, str | int]
    answered: bool


async def _again(
    connection: Write,
    request: Request,
    row: MemberRow,
    force: InForce,
    said: consent.Said,
    kept: _Kept,
) -> Offer:
    """The decision of this visit once more, where it still holds."""
    if kept.arm != Arm.SHOWN:
        return Offer(kept.id, None, None if kept.reason is None else Reason(kept.reason))
    if kept.answered:
        return Offer(kept.id, None, Reason.ANSWERED)
    scenario = next((o.scenario for o in force.running if o.id == kept.scenario_id), None)
    if scenario is None:
        return Offer(kept.id, None, Reason.NOT_RUNNING)
    if not said.allows(scenario.kind, assumed=force.policy.assume_consent):
        return Offer(kept.id, None, Reason.NO_CONSENT)
    candidate = Candidate(scenario.kind, kept.post_id, values=kept.told)
    if kept.post_id is not None:
        now_so = await pool.now_so(connection, row.id, candidate, now=request.now)
        # It was this very decision that may have shown it.
        if not replace(now_so, shown=False).is_fresh:
            return Offer(kept.id, None, Reason.STALE_ITEM)
        candidate = replace(now_so, values={**now_so.values, **kept.told})
    language = language_of(request.language, row.lang)
    valid = request.now + timedelta(minutes=force.policy.reserve_minutes)
    assert kept.variant is not None
    item = await item_of(connection, candidate)
    shown = prompt_of(scenario, kept.variant, candidate, item, language, valid)
    return Offer(kept.id, shown, None)


def prompt_of(
    scenario: Scenario,
    variant: int,
    candidate: Candidate,
    item: Item | None,
    language: str,
    valid_until: datetime,
) -> Prompt:
    """A prompt as it is shown."""
    texts = render(scenario.variants[variant].texts[language], language, candidate.values)
    return Prompt(scenario.kind, language, texts, item, valid_until)


async def item_of(connection: Read | Write, candidate: Candidate) -> Item | None:
    """The post that a candidate is about."""
    if candidate.post_id is None:
        return None
    row = await connection.fetchrow(_ITEM_OF, candidate.post_id)
    return None if row is None else _item(row)


def _item(row: asyncpg.Record) -> Item | None:
    if row["external_id"] is None:
        return None
    return Item(row["source"], row["external_id"], row["title"], row["venue"])


async def acknowledge(
    database: Database,
    number: int,
    outcome: Outcome,
    *,
    of: AccountRow | None,
    by: str,
    now: datetime,
) -> None:
    """Keep what a member did with a prompt; the first time that it is told counts.

    Whatever was done to it, it was seen. NOT_INTERESTED withdraws the consent to its kind. With
    ``of`` the offer must be theirs. Raises UnknownOffer.
    """
    account = (None, None) if of is None else (of.source, of.external_id)

    async def work(connection: Write) -> None:
        row = await connection.fetchrow(_ACKNOWLEDGE[outcome], number, now, *account)
        if row is None:
            raise UnknownOffer("there is no such offer in which a prompt was shown")
        if outcome is Outcome.NOT_INTERESTED and row["refused_at"] == now:
            kind = KINDS[row["kind"]]
            await consent.put(connection, row["member_id"], kind, allowed=False, by=by, now=now)

    await database.in_write(work)


def language_of(asked: str | None, own: str | None) -> str:
    """The language of a prompt: the one that is asked for, else the member's, else English."""
    return asked or ("ja" if own is not None and own.lower().startswith("ja") else "en")


def earlier_of(row: Sequence[Any]) -> Earlier:
    """An offer as _KEPT tells it."""
    at, key, kind, surface, session, arm, *outcomes = row
    return Earlier(
        datetime.fromisoformat(at),
        key,
        KINDS[kind],
        surface,
        session,
        Arm(arm),
        *(None if one is None else datetime.fromisoformat(one) for one in outcomes),
    )


def _told(candidate: Candidate | None) -> dict[str, str | int]:
    """What its message tells and no post does: a title is looked up as it then is."""
    values = {} if candidate is None else candidate.values
    return {name: value for name, value in values.items() if name not in {"title", "venue"}}


def _trace(steps: Sequence[Step]) -> list[list[Any]]:
    """What is kept of a trace: [number of the scenario, reason, post, detail] of each."""
    return [[step.scenario.id, step.reason, step.post_id, step.detail] for step in steps]


# Everything that a decision is made from, but for the member, the rules and the candidates.
_KEPT = f"""
    select {scenarios.STAMP}, {rules.STAMP},
        coalesce((
            select jsonb_agg(jsonb_build_array(c.kind, c.allowed)) from consent c
            where c.member_id = $1), '[]') as consent,
        coalesce((
            select jsonb_agg(jsonb_build_array(o.at, s.key, o.kind, o.surface, o.session, o.arm,
                o.shown_at, o.dismissed_at, o.snoozed_at) order by o.id)
            from offer o join scenario s on s.id = o.scenario_id
            where o.member_id = $1 and o.at > $4), '[]') as earlier,
        (
            select jsonb_build_array(o.id, o.scenario_id, o.post_id, o.arm, o.variant, o.reason,
                o.told, coalesce(o.followed_at, o.dismissed_at, o.snoozed_at, o.refused_at)
                    is not null)
            from offer o
            where o.member_id = $1 and o.surface = $2 and o.session = $3) as again
"""

_LOCK_ITEM = "select pg_advisory_xact_lock($1, $2)"

# What tells a post to the site: columns, and what they are of beside the post p.
_ITEM_COLUMNS = "so.name as source, p.external_id, coalesce(p.title, r.title) as title, t.venue"
_ITEM_TABLES = """
    left join source so on so.id = p.source_id
    left join action_type t on t.id = p.type_id
    left join post r on r.id = p.root_id
"""

_ITEM_OF = f"select {_ITEM_COLUMNS} from post p {_ITEM_TABLES} where p.id = $1"

_WRITE = f"""
    with written as (
        insert into offer (at, member_id, policy_id, scenario_id, post_id, period, status, kind,
            arm, variant, surface, session, lang, reason, told, trace)
        select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16
        where $17::int is null or $17 > (
            select count(distinct o.member_id) from offer o
            where o.post_id = $5 and o.at > $1::timestamptz - interval '7 days'
                and o.member_id <> $2)
        returning id, post_id
    )
    select w.id, {_ITEM_COLUMNS} from written w left join post p on p.id = w.post_id {_ITEM_TABLES}
"""


def _acknowledging(column: str) -> str:
    seen = "shown_at = coalesce(shown_at, $2)"
    done = "" if column == "shown_at" else f", {column} = coalesce({column}, $2)"
    return f"""
        update offer set {seen}{done}
        where id = $1 and arm = 0 and ($3::text is null or member_id = (
            select a.member_id from account a join source o on o.id = a.source_id
            where o.name = $3 and a.external_id = $4::text))
        returning member_id, kind, refused_at
    """


_ACKNOWLEDGE: Final = {
    Outcome.SHOWN: _acknowledging("shown_at"),
    Outcome.FOLLOWED: _acknowledging("followed_at"),
    Outcome.DISMISSED: _acknowledging("dismissed_at"),
    Outcome.SNOOZED: _acknowledging("snoozed_at"),
    Outcome.NOT_INTERESTED: _acknowledging("refused_at"),
}
