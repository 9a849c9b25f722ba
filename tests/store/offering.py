"""Offers as they are stored, of which it is known what they brought about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from engagement import scenarios as texts
from engagement.holdout import period_of
from engagement.scenario import KINDS, Kind, Scenario
from engagement.words import STATUSES, Status
from sources.records import Record
from store import scenarios
from store.db import Database
from tests.store.making import EVE, act, fetch, member, put, value

#: The scenario is begun, everybody has a decision, the quarter is over, all figures are due.
BEGUN = datetime(2026, 4, 2, 9, tzinfo=UTC)
DECIDED = datetime(2026, 4, 20, 12, tzinfo=UTC)
OVER = datetime(2026, 6, 30, 23, tzinfo=UTC)
LATER = datetime(2026, 8, 15, 12, tzinfo=UTC)
HELD, SHOWN = 60, 240
DAY = timedelta(days=1)


def scenario(**changes: Any) -> Scenario:
    """A scenario for members, toward voting, that holds out a fifth."""
    of_theirs = next(one for one in texts.default()[1] if one.kind is Kind.UNANSWERED_THREAD)
    usual: dict[str, Any] = {
        "key": "vote",
        "status": Status.MEMBER,
        "to": Status.SUPPORTER,
        "goal": (("qa", "vote_up"),),
        "holdout_percent": 20,
        "audience": (),
    }
    return replace(of_theirs, **usual | changes)


async def begun(database: Database, of: Scenario, now: datetime = BEGUN) -> int:
    """The id of a version that runs from now on."""
    saved = await scenarios.save(database, texts.dump(of), by=EVE, now=now)
    await scenarios.set_state(database, saved.id, "running", by=EVE, now=now)
    return saved.id


@dataclass(frozen=True)
class Decided:
    """A decision that had a winner."""

    who: str
    arm: int
    scenario: int
    at: datetime = DECIDED
    variant: int = 0
    dismissed: bool = False


async def decide(database: Database, decided: Iterable[Decided]) -> None:
    """Keep decisions as they are stored."""
    policy = await value(database, "select max(id) from prompt_policy")
    accounts = await fetch(database, "select external_id, member_id from account")
    numbers = {row["external_id"]: row["member_id"] for row in accounts}
    rows = [
        (
            one.at,
            numbers[one.who],
            policy,
            one.scenario,
            period_of(one.at.date()),
            STATUSES.index(Status.MEMBER),
            KINDS.index(Kind.UNANSWERED_THREAD),
            one.arm,
            one.variant,
            one.at + timedelta(minutes=1) if one.dismissed else None,
        )
        for one in decided
    ]
    async with database.pool.acquire() as connection:
        await connection.executemany(_OFFER, rows)


_OFFER = """
    insert into offer (at, member_id, policy_id, scenario_id, period, status, kind, arm, variant,
        dismissed_at, surface, lang)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'home', 'en')
"""


def names(side: str, n: int) -> list[str]:
    return [f"{side}{i}" for i in range(n)]


def people_of(*ids: str) -> list[Record]:
    return [member(id, joined=datetime(2025, 1, 1, tzinfo=UTC)) for id in ids]


def vote(who: str, days: float, n: int = 0, **more: Any) -> Record:
    """A vote so many days after the decision."""
    return act(f"v-{who}-{n}", who, "vote_up", time=DECIDED + days * DAY, **more)


async def community(
    database: Database, *, held: int = HELD, shown: int = SHOWN, of: Scenario | None = None
) -> int:
    """Members with one decision each; 6 of those held out vote after it, and 72 of those shown."""
    id = await begun(database, of or scenario())
    out, in_ = names("held", held), names("shown", shown)
    await put(database, *people_of(*out, *in_), now=BEGUN)
    await put(database, *(vote(who, 3) for who in (*out[:6], *in_[:72])), now=OVER)
    # Else it is an archive, of which other days are told.
    await put(database, act("late", out[0], "login", venue="site", time=LATER - DAY), now=LATER)
    await decide(
        database, [*(Decided(who, 1, id) for who in out), *(Decided(who, 0, id) for who in in_)]
    )
    return id
