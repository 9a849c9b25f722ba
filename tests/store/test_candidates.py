"""Candidates: who is given what, and what has become of it when it is looked up."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from engagement.prompt import Candidate
from engagement.scenario import KINDS, Kind
from store import rules
from store.candidates.gathered import gathered
from store.candidates.keeping import keep
from store.candidates.pool import kept
from store.db import Database
from tests.store.making import NOW, ago, fetch, member, number, post, put

Told = dict[str, Candidate]


async def _kept(
    database: Database, who: str, kind: Kind, *, now: datetime = NOW, **more: Any
) -> Told:
    """The candidates of a kind that a decision would be given, by the id of their post."""
    me = await number(database, who)
    async with database.read() as connection:
        found = await kept(connection, me, [kind], now=now, **more)
    return await _named(database, found)


async def _named(database: Database, found: list[Candidate]) -> Told:
    assert len({one.post_id for one in found}) == len(found)
    rows = await fetch(database, "select id, external_id from post")
    names = {row["id"]: row["external_id"] for row in rows}
    return {names[one.post_id]: one for one in found if one.post_id is not None}


async def _gathered(database: Database, who: str, *, now: datetime = NOW) -> list[Candidate]:
    me = await number(database, who)
    async with database.read() as connection:
        active = await rules.active(database, connection)
        day = database.day(now)
        found = await gathered(connection, [me], active, KINDS, moment=now, day=day)
    return found[me]


async def _refresh(database: Database, *, now: datetime = NOW) -> None:
    assert await keep(database, KINDS, now=now, always=True) is not None


async def test_a_first_post_is_to_be_welcomed_by_others(database: Database) -> None:
    await put(
        database,
        member("ann"),
        post("old", "cat", time=ago(20)),
        post("not-first", "cat", time=ago(1)),
        post("first", "bob", title="Hello", time=ago(1)),
        post("late", "dan", time=ago(8)),
        post("of-staff", "eve", time=ago(1)),
        member("eve", role="staff"),
    )
    await _refresh(database)
    found = await _kept(database, "ann", Kind.FIRST_POST)
    assert list(found) == ["first"]
    assert found["first"].values == {"venue": "qa", "title": "Hello"}
    assert found["first"].is_fresh
    own = await _kept(database, "bob", Kind.FIRST_POST)
    assert own["first"].own and not own["first"].is_fresh


async def test_many_welcomes_are_enough(database: Database) -> None:
    await put(database, member("ann"), post("first", "bob", time=ago(1)))
    await put(database, *[post(f"old{i}", f"x{i}", time=ago(99)) for i in range(3)])
    for i in range(2):
        await put(database, post(f"a{i}", f"x{i}", "answer", root="first", parent="first"))
    await _refresh(database)
    assert (await _kept(database, "ann", Kind.FIRST_POST))["first"].answers == 2
    await put(database, post("a2", "x2", "answer", parent="first"))
    assert not (await _kept(database, "ann", Kind.FIRST_POST))["first"].is_fresh
