"""What the fold is made from, against what the tables hold."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from engagement.points import Bools, Ints
from store import facts, population, rules
from store.db import Database
from tests.store.making import NOW, act, fetch, number, put

pytestmark = pytest.mark.slow


def _rows(table: Ints) -> list[tuple[int, ...]]:
    return sorted(tuple(row) for row in table.T.tolist())


async def test_tallies_are_those_of_the_table(lively: Database) -> None:
    kept = await fetch(lively, "select member_id, day, type_id, side, grade, n from tally")
    days = sorted({row["day"] for row in kept})
    first, last = days[len(days) // 4], days[-len(days) // 4]
    async with lively.read() as connection:
        members = (await population.everybody(connection))[::-3]
        found = await facts.tallies(connection, members, first=first, last=last)
        assert _rows(found) == sorted(
            (members.index(row["member_id"]), *list(row.values())[1:])
            for row in kept
            if row["member_id"] in members and first <= row["day"] <= last
        )
        assert found.shape[1] > 50
        none = await facts.tallies(connection, members, first=days[-1] + 1, last=2**31 - 1)
        assert none.shape == (6, 0)


async def test_people_are_those_on_the_other_side(database: Database) -> None:
    """Of a comment on somebody's post its author, whoever that is; nobody counts for themselves."""
    await put(
        database,
        *(act(f"c{i}", "ann", "answer", venue="qa", target=to) for i, to in enumerate("xyx")),
        act("own", "ann", "answer", venue="qa", target="ann"),
        act("nobody", "ann", "answer", venue="qa", target=None),
        act("other", "bob", "answer", venue="qa", target="ann"),
    )
    ann, bob, x, y = [await number(database, name) for name in ("ann", "bob", "x", "y")]
    async with database.read() as connection:
        active = await rules.active(database, connection)
        contribution = 0
        assert contribution in active.compiled.guarded
        # Who is asked about twice is where they stand last.
        members = [bob, ann, y, ann]
        wanted = await facts.pairs_of(
            connection, members, _all(members), active, last=database.day(NOW)
        )
    own = [wanted.who[low:high].tolist() for low, high in pairwise(wanted.start)]
    assert own == [[ann], [], [], sorted({x, y})]
    assert set(wanted.index.tolist()) == {contribution}
    assert set(wanted.day.tolist()) == {database.day(NOW)}


def _all(members: list[int]) -> Bools:
    return np.ones(len(members), np.bool_)
