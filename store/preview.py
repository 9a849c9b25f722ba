"""What members would be shown at a moment, also of the past: decided and not kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from engagement.prompt import Choice, Running
from engagement.words import STATUSES, Status
from store import consent, explained, members, population
from store.candidates.gathered import gathered
from store.db import Database, Read
from store.deciding import Decider, Visit
from store.members import MemberRow
from store.prompts import BACK, Prompt, earlier_of, item_of, language_of, prompt_of
from store.rules import ActiveRules
from store.scenarios import InForce

#: Members for whom candidates are gathered at once.
_CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class Previewed:
    """What a member would be shown: the prompt of the winner, whatever its arm; or none.

    The choice says why, scenario by scenario.
    """

    member: MemberRow
    status: Status
    choice: Choice
    prompt: Prompt | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What is previewed: the end of ``day`` (or ``moment`` of it), on a surface, in a language."""

    day: int
    moment: datetime
    surface: str
    language: str | None = None


async def preview(
    database: Database,
    connection: Read,
    chosen: Sequence[int],
    active: ActiveRules,
    force: InForce,
    asked: Asked,
    *,
    progress: Callable[[int, int], object] | None = None,
) -> list[Previewed]:
    """What members would be shown, in their order; whoever was not there yet is left out.

    ``progress`` is told how many of how many members are done.
    """
    found: list[Previewed] = []
    for low in range(0, len(chosen), _CHUNK):
        part = chosen[low : low + _CHUNK]
        if progress is not None:
            progress(low, len(chosen))
        found += await _part(database, connection, part, active, force, asked)
    return found


async def _part(
    database: Database,
    connection: Read,
    chosen: Sequence[int],
    active: ActiveRules,
    force: InForce,
    asked: Asked,
) -> list[Previewed]:
    rows = await members.by_ids(connection, chosen)
    placed = await explained.stood_at(connection, chosen, active, day=asked.day)
    said = await consent.of_all(connection, chosen)
    since = asked.moment - BACK
    offers = await connection.fetch(_OFFERS, chosen, since, asked.moment)
    earlier = {row["member_id"]: [earlier_of(one) for one in row["earlier"]] for row in offers}
    visit = Visit(asked.moment, asked.day, asked.surface, None)
    deciders: list[tuple[Decider, consent.Said]] = []
    for number in chosen:
        stood = placed[number]
        if stood is not None and number in rows:
            one = Decider(rows[number], stood, active, force, visit)
            deciders.append((one, said[number]))
    situations = [
        (one, one.situation(own, earlier.get(one.row.id, ()), database.zone))
        for one, own in deciders
    ]
    kinds = frozenset(kind for one, member in situations for kind in one.wanted(member))
    candidates = await gathered(
        connection,
        [one.row.id for one, _ in situations],
        active,
        kinds,
        moment=asked.moment,
        day=asked.day,
    )
    found: list[Previewed] = []
    for one, member in situations:
        wanted = one.wanted(member)
        own_candidates = [c for c in candidates.get(one.row.id, ()) if c.kind in wanted]
        own_candidates += await one.next_step(connection, wanted)
        choice = one.choose(replace(member, candidates=own_candidates))
        shown = await _shown(connection, one, choice, asked)
        found.append(Previewed(one.row, one.status, choice, shown))
    return found


async def _shown(connection: Read, decider: Decider, choice: Choice, asked: Asked) -> Prompt | None:
    if choice.winner is None or choice.candidate is None:
        return None
    return prompt_of(
        choice.winner.scenario,
        decider.variant(choice.winner.scenario),
        choice.candidate,
        await item_of(connection, choice.candidate),
        language_of(asked.language, decider.row.lang),
        asked.moment + timedelta(minutes=decider.force.policy.reserve_minutes),
    )


async def sample(
    connection: Read,
    active: ActiveRules,
    *,
    day: int,
    today: int,
    each: int,
    statuses: Sequence[Status] = STATUSES,
) -> list[int]:
    """Up to ``each`` members of each status on a day: drawn by a hash, the same every time.

    Who has closed their account is left out.
    """
    if day == today:
        people = await population.live(connection, active, today=today)
    else:
        people = await population.at(connection, active, day=day)
    closed = {row["id"] for row in await connection.fetch(_CLOSED)}
    chosen: list[int] = []
    for status in statuses:
        own = people.ids[people.status == STATUSES.index(status)].tolist()
        chosen += sorted((one for one in own if one not in closed), key=_lot)[:each]
    return chosen


def alone(force: InForce, only: Running) -> InForce:
    """What decisions would be made by if no other scenario ran."""
    return replace(force, running=(only,))


def _lot(number: int) -> bytes:
    return sha256(str(number).encode()).digest()


_CLOSED = "select id from member where state <> 'active'"

_OFFERS = """
    select o.member_id, jsonb_agg(jsonb_build_array(o.at, s.key, o.kind, o.surface, o.session,
        o.arm, o.shown_at, o.dismissed_at, o.snoozed_at) order by o.id) as earlier
    from offer o join scenario s on s.id = o.scenario_id
    where o.member_id = any($1::int[]) and o.at > $2 and o.at <= $3 group by o.member_id
"""
