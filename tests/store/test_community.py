"""The synthetic community, recorded whole: what is kept is what the evidence says, on every day."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from engagement.words import STATUSES
from store import explained, members, population
from store.db import Database
from store.members import Filter, Order
from store.moment import Newest, moment
from store.reports import tiers
from tests.peopled import UNTIL, at_once
from tests.store.recount import assert_consistent

pytestmark = pytest.mark.slow

#: Where everybody stands, and what they have done, by the names that the source gave them.
_STANDINGS = """
    select a.external_id, s.status, s.since, s.contribution, s.interaction, s.favorability,
        s.support, s.next_review_day
    from standing s join account a using (member_id) order by 1
"""
_TALLIES = """
    select a.external_id, t.day, k.venue, k.verb, t.side, t.grade, t.n
    from tally t join account a using (member_id) join action_type k on k.id = t.type_id
    order by 1, 2, 3, 4, 5, 6
"""


async def _rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    async with database.read() as connection:
        return [tuple(row) for row in await connection.fetch(query)]


async def test_what_was_recorded_as_it_happened_equals_the_recount(lively: Database) -> None:
    await assert_consistent(lively, UNTIL)
    statuses = {row[1] for row in await _rows(lively, _STANDINGS)}
    assert len(statuses) >= 5, "too few statuses to show anything"


async def test_an_import_at_the_end_comes_to_the_same(lively: Database, database: Database) -> None:
    await at_once(database)
    await assert_consistent(database, UNTIL)
    for query in (_STANDINGS, _TALLIES):
        assert await _rows(database, query) == await _rows(lively, query)


async def test_all_of_it_again_adds_nothing(lively: Database) -> None:
    before = [await _rows(lively, query) for query in (_STANDINGS, _TALLIES)]
    receipt = await at_once(lively)
    assert {kind: c.recorded for kind, c in receipt.counts.items() if c.recorded} == {}
    assert sum(c.conflict for c in receipt.counts.values()) == 0
    assert [await _rows(lively, query) for query in (_STANDINGS, _TALLIES)] == before
    await assert_consistent(lively, UNTIL)


@pytest.mark.parametrize("days_ago", [0, 1, 30, 70])
async def test_every_member_of_every_day_is_in_the_report_and_is_explained(
    lively: Database, days_ago: int
) -> None:
    async with lively.read() as connection:
        now = await moment(lively, connection, Newest(), now=UNTIL)
        day = now.today - days_ago
        everybody = await population.at(connection, now.rules, day=day)
        before = await population.at(connection, now.rules, day=day - 30)
        report = await tiers.tier_report(
            connection, now.rules, day=day, today=now.today, period_days=30
        )
        page = await members.listing(
            connection, Filter(), Order.ID, descending=False, first=1000, after=None
        )
        ids = [row.id for _, row in page if row.role.value == "member"]
        standings = await explained.at(connection, ids, now.rules, day=day)
    there = {member: one for member, one in standings.items() if one is not None}
    assert everybody.ids.tolist() == sorted(there)
    assert report.total == sum(row.count for row in report.rows) == len(there)
    earlier = Counter(before.status.tolist())
    for row in report.rows:
        assert row.count - row.moved_in + row.moved_out == earlier[STATUSES.index(row.status)]
    for member, code in zip(everybody.ids.tolist(), everybody.status.tolist(), strict=True):
        assert there[member].status is STATUSES[code]
    for standing in there.values():
        sentences = [text for one in standing.because for text in (one.text_en, one.text_ja)]
        assert sentences
        if standing.next is not None:
            sentences += standing.next.text()
        assert all(text.strip() for text in sentences)
