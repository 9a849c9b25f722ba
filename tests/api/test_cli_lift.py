"""`ikusei report lift` on the made-up community: the effect that was planted, and none elsewhere.

Everybody in it has decisions at their log-ins of one quarter, drawn as the service draws them. Of
two scenarios one works: whoever is shown it does what it asks for, with a probability that was
drawn for everybody, shown or not. So the true lift among those who had a decision is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from engagement import holdout
from engagement.holdout import Arm
from engagement.scenarios import default, dump_policy
from sources.records import ActionRecord, Record, RetractionRecord
from sources.synthetic.community import community
from store import scenarios
from store.db import Database, connect
from store.record import record
from store.refresh import refresh
from tests.api.command_line import told
from tests.store.offering import Decided, begun, decide, scenario

pytestmark = pytest.mark.slow

FROM, TO = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
UNTIL = datetime(2026, 8, 10, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
GOALS = {"works": ("qa", "bookmark"), "idle": ("member_blog", "like")}
HELD, HELD_BY_ALL, EFFECT, SALT = 30, 12, 0.25, "of these tests"


@dataclass(frozen=True)
class First:
    """A first decision: whether it was followed by the goal, would be anyway, or by the prompt."""

    arm: Arm
    did: bool
    natural: bool
    works: bool


@dataclass
class Truth:
    """What is so of the first decisions for a scenario."""

    first: list[First]

    def counted(self, arm: Arm) -> tuple[int, int]:
        """How many are in an arm, and how many of these did it."""
        own = [one.did for one in self.first if one.arm is arm]
        return len(own), sum(own)

    @property
    def lift(self) -> float:
        """Those who do it because of the prompt, as a share of all on both sides of the trial."""
        own = [one.works and not one.natural for one in self.first if one.arm != Arm.HELD_BY_ALL]
        return sum(own) / len(own)


async def test_the_planted_effect_is_found_and_no_other(url: str) -> None:
    opened = await connect(url, least=0)
    everything = list(community(seed=11, members=700, until=UNTIL, days=150, zone="UTC"))
    for low in range(0, len(everything), 1000):
        await record(opened, everything[low : low + 1000], now=UNTIL, defer=True)
    truth = await planted(opened, everything)
    await refresh(opened, now=UNTIL)
    await opened.close()
    report = told("report", "lift", database_url=url, clock=UNTIL.isoformat())
    rows = {
        row["scenario"]: row
        for row in report["rows"]
        if (row["quarter"], row["outcome"]) == ("2026Q2", "goal")
    }
    for key, one in truth.items():
        row = rows[key]
        sides = [(row["members_shown"], row["reached_shown"])]
        sides.append((row["members_held"], row["reached_held"]))
        assert sides == [one.counted(Arm.SHOWN), one.counted(Arm.HELD_BY_SCENARIO)]
        assert row["withheld"] is None
        assert row["lift_low"] <= one.lift <= row["lift_high"], key
    assert rows["works"]["lift_low"] > 0
    assert rows["idle"]["lift_low"] < 0 < rows["idle"]["lift_high"]
    whole = rows["(all prompts)"]
    assert whole["members_held"] >= 30
    assert (whole["withheld"], whole["planned_held"]) == (None, HELD_BY_ALL / 100)
    assert whole["lift_low"] < 0.5 * truth["works"].lift < whole["lift_high"]


async def planted(database: Database, records: Sequence[Record]) -> Mapping[str, Truth]:
    """Keep decisions of a quarter and what they brought about; returns what is so of them."""
    await database.pool.execute("update setting set value = $1 where key = 'holdout_salt'", SALT)
    taken_back = {one.of for one in records if isinstance(one, RetractionRecord)}
    acts = [one for one in records if isinstance(one, ActionRecord) and one.id not in taken_back]
    (source,) = {one.source for one in acts}
    goals = set(GOALS.values())
    done: dict[tuple[str, tuple[str, str]], list[datetime]] = {}
    for one in acts:
        if one.actor is not None and (one.venue, one.verb) in goals:
            done.setdefault((one.actor, (one.venue, one.verb)), []).append(one.time)
    policy = replace(default()[0], holdout_percent=HELD_BY_ALL)
    await scenarios.save_policy(database, dump_policy(policy), now=FROM - WEEK)
    ids = {
        key: await begun(
            database,
            scenario(key=key, goal=(goal,), holdout_percent=HELD),
            now=FROM - timedelta(days=1),
        )
        for key, goal in GOALS.items()
    }
    dice = Random(5)
    decided: list[Decided] = []
    caused: list[Record] = []
    truth = {key: Truth([]) for key in GOALS}
    seen: set[tuple[str, str]] = set()
    numbers = await _members(database)
    for who, at in _logins(acts, numbers):
        key = dice.choice(list(GOALS))
        arm = holdout.arm(
            SALT,
            holdout.period_of(at.date()),
            numbers[who],
            key=key,
            scenario_percent=HELD,
            all_percent=HELD_BY_ALL,
        )
        decided.append(Decided(who, int(arm), ids[key], at))
        if (who, key) in seen:
            continue
        seen.add((who, key))
        natural = any(at < one <= at + WEEK for one in done.get((who, GOALS[key]), ()))
        works = key == "works" and dice.random() < EFFECT
        did = natural or (works and arm is Arm.SHOWN)
        truth[key].first.append(First(arm, did, natural, works))
        if works and arm is Arm.SHOWN:
            when = at + timedelta(days=dice.uniform(0.1, 6.9))
            venue, verb = GOALS[key]
            caused.append(ActionRecord(source, f"caused-{who}", venue, verb, when, actor=who))
    await decide(database, decided)
    await record(database, caused, now=UNTIL, defer=True)
    return truth


async def _members(database: Database) -> dict[str, int]:
    """The number of each member, staff and bots aside, by the id of their account."""
    rows = await database.pool.fetch(
        "select a.external_id, m.id from account a join member m on m.id = a.member_id "
        "where m.role = 'member'"
    )
    return {row["external_id"]: row["id"] for row in rows}


def _logins(acts: Sequence[ActionRecord], of: Mapping[str, int]) -> Iterator[tuple[str, datetime]]:
    """Log-ins of the quarter in order of time."""
    found = [
        (one.time, one.actor)
        for one in acts
        if one.verb == "login" and one.actor in of and FROM <= one.time < TO
    ]
    for at, who in sorted(found):
        assert who is not None
        yield who, at
