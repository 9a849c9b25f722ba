"""Candidates of the past, in a whole community: nothing stale is ever given as if it were fresh."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from random import Random

import pytest

from engagement.prompt import Candidate
from engagement.scenario import KINDS, TRAITS, Kind
from store import population, rules
from store.candidates.gathered import gathered
from store.candidates.keeping import keep
from store.candidates.pool import kept
from store.db import Database
from tests.peopled import UNTIL
from tests.store.stale import Community, wrongs

pytestmark = pytest.mark.slow


async def _everybody(database: Database, moment: datetime) -> dict[int, list[Candidate]]:
    async with database.read() as connection:
        active = await rules.active(database, connection)
        members = await population.everybody(connection)
        day = database.day(moment)
        return await gathered(connection, members, active, KINDS, moment=moment, day=day)


async def test_nothing_stale_is_given_at_any_moment(lively: Database) -> None:
    random = Random(5)
    community = await Community.read(lively)
    fresh: Counter[Kind] = Counter()
    for _ in range(12):
        moment = UNTIL - timedelta(days=random.uniform(0, 90))
        for member, candidates in (await _everybody(lively, moment)).items():
            for one in candidates:
                assert one.is_fresh <= (not wrongs(community, member, one, moment))
                assert set(one.values) == TRAITS[one.kind].variables | {"venue"}
                assert 0 < one.score < 1
                fresh[one.kind] += one.is_fresh
    # In forty members' threads no answer is read often in a week; all else came about.
    rare = {Kind.NEXT_STEP, Kind.ANSWER_WAS_READ}
    assert all(fresh[kind] > 0 for kind in KINDS if kind not in rare)


async def test_what_is_kept_is_what_is_gathered(lively: Database) -> None:
    await keep(lively, KINDS, now=UNTIL, always=True)
    found = await _everybody(lively, UNTIL)
    assert sum(map(len, found.values())) > len(found)
    async with lively.read() as connection:
        for member, candidates in found.items():
            assert _told(await kept(connection, member, KINDS, now=UNTIL)) == _told(candidates)


async def test_what_a_member_is_given_does_not_depend_on_who_is_asked_about(
    lively: Database,
) -> None:
    moment = UNTIL - timedelta(days=20)
    everybody = await _everybody(lively, moment)
    async with lively.read() as connection:
        active = await rules.active(lively, connection)
        for member in list(everybody)[::7]:
            alone = await gathered(
                *(connection, [member], active, KINDS), moment=moment, day=lively.day(moment)
            )
            assert _told(alone[member]) == _told(everybody[member])


@pytest.mark.parametrize("kinds", [KINDS, [Kind.FIRST_POST]])
async def test_the_plan_is_kept(lively: Database, kinds: list[Kind]) -> None:
    """PostgreSQL plans five times to see what that is worth, and no more."""
    await keep(lively, KINDS, now=UNTIL, always=True)
    await lively.pool.execute("analyze")
    async with lively.read() as connection:
        for member in (await population.everybody(connection))[:20]:
            await kept(connection, member, kinds, now=UNTIL)
        (row,) = await connection.fetch(
            "select custom_plans, generic_plans from pg_prepared_statements "
            "where statement like '%generate_series%' and statement not like '%pg_prepared%'"
        )
    assert tuple(row) == (5, 15)


def _told(candidates: list[Candidate]) -> list[Candidate]:
    return sorted(candidates, key=lambda one: (one.kind, -one.score, one.post_id or 0))
