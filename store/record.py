"""Recording: records in, then actions, tallies and standings, in one transaction.

The order of the steps is also the order in which rows are locked (members, posts, actions,
standings, tallies; each by its key), so that concurrent calls wait for each other and do not
deadlock; where they still do, the transaction runs again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from engagement.words import Cause, Side
from sources.records import (
    ActionRecord,
    CounterRecord,
    MemberRecord,
    PostRecord,
    Record,
    RetractionRecord,
    ViewsRecord,
    writing_verb,
)
from store import effects, erasure, names, resolve, rules, standings
from store.announce import announce
from store.db import Database, Write
from store.erasure import Key
from store.receipt import Receipt, Rejection
from store.record_actions import record_actions
from store.record_counters import record_counters, rise, touched
from store.record_counts import VIEW, record_views
from store.record_members import record_members
from store.record_posts import record_posts
from store.record_retractions import apply_renamed, count_waiting, note_retractions
from store.recording import Recording

Kind = TypeVar("Kind", bound=Record)


async def record(
    database: Database, records: Sequence[Record], *, now: datetime, defer: bool = False
) -> Receipt:
    """Record everything that is good, in one transaction; say what became of each record.

    Records of different kinds take effect in the order members, posts, retractions, actions,
    counters, views; within a kind in their own order. ``defer`` leaves the folding of standings to
    due work, as an import of a whole history wants it. Raises StoreError when the database cannot
    be used; then nothing was recorded.
    """
    counting = _sources([one for one in records if isinstance(one, CounterRecord)])
    vocabulary = await names.learn(database, _sources(records), _types(records), counting)

    async def work(connection: Write) -> Receipt:
        active = await rules.in_force(database, connection)
        recording = Recording(
            connection=connection,
            database=database,
            names=vocabulary,
            now=now,
            today=database.day(now),
            secret=await erasure.erasure_key(connection),
            rules=active,
        )
        await _record(recording, records, defer=defer)
        return recording.receipt

    return await database.in_write(work)


async def _record(r: Recording, records: Sequence[Record], *, defer: bool) -> None:
    known = list(_numbered(r, records))
    r.members = await resolve.members(
        r.connection, _accounts(r, known), today=r.today, secret=r.secret
    )
    r.late.update(r.members.new)
    await record_members(r, _of(known, MemberRecord))
    described = _of(known, PostRecord)
    r.posts = await resolve.posts(
        r.connection,
        _posts(r, known),
        describes={(r.names.sources[one.source], one.id) for _, one in described},
        secret=r.secret,
    )
    await record_posts(r, described)
    if r.secret is not None:
        authors = {ref.author_id for ref in r.posts.values() if ref.author_id is not None}
        others = await resolve.erased(r.connection, authors)
        r.members = replace(r.members, erased=r.members.erased | others)
    await note_retractions(r, _of(known, RetractionRecord))
    await record_actions(r, _of(known, ActionRecord))
    await apply_renamed(r)
    await count_waiting(r)
    await record_views(r, _of(known, ViewsRecord))
    await record_counters(r, _of(known, CounterRecord))
    await finish(r, defer=defer)


async def finish(r: Recording, *, defer: bool, cause: Cause = Cause.ACTION) -> None:
    """Write the collected effects and bring the standings of all whom they touch up to date."""
    changed = r.effects.rows()
    counted = await touched(r, changed)
    fresh, late = _whose(r, changed)
    locked = await standings.lock(r.connection, fresh | late | r.late | counted.keys())
    if counted:
        await rise(r.connection, r.effects, list(counted), list(counted.values()))
        changed = r.effects.rows()
        fresh, late = _whose(r, changed)
    r.late |= late
    await effects.apply(r.connection, changed)
    changes = await standings.settle(
        r.connection,
        locked,
        r.rules,
        fresh=fresh,
        late=r.late,
        new=r.members.new,
        today=r.today,
        now=r.now,
        cause=Cause.IMPORT if defer and cause is Cause.ACTION else cause,
        defer=defer,
    )
    await announce(r.connection, changes, r.rules, now=r.now)


def _whose(r: Recording, changed: NDArray[np.int64]) -> tuple[set[int], set[int]]:
    """Whose standing changes of tallies bear upon: only by what today brought, or by the past."""
    member, day, type_id, side = changed[0], changed[1], changed[2], changed[3]
    earns = r.rules.compiled.earns_received(type_id) | (side != Side.RECEIVED)
    raised = (day == r.today) & (changed[5] > 0)
    return set(member[earns & raised].tolist()), set(member[earns & ~raised].tolist())


def _of(known: Sequence[tuple[int, Record]], kind: type[Kind]) -> list[tuple[int, Kind]]:
    return [(position, one) for position, one in known if isinstance(one, kind)]


def _numbered(r: Recording, records: Sequence[Record]) -> Iterator[tuple[int, Record]]:
    """The records whose source and types have numbers; the others are rejected."""
    for position, one in enumerate(records):
        if one.source not in r.names.sources:
            message = f"would be source number {names.MOST_SOURCES + 1}; is the name a mistake?"
            r.receipt.rejected.append(Rejection(position, "source", "too_many_sources", message))
        elif not all(key in r.names.types for key in _types([one])):
            message = f"would be action type number {names.MOST_TYPES + 1}; is it a mistake?"
            r.receipt.rejected.append(Rejection(position, "verb", "too_many_types", message))
        else:
            yield position, one


def _sources(records: Sequence[Record]) -> set[str]:
    return {one.source for one in records}


def _types(records: Sequence[Record]) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for one in records:
        if isinstance(one, ActionRecord | CounterRecord):
            found.add((one.venue, one.verb))
        elif isinstance(one, PostRecord):
            found.add((one.venue, writing_verb(one.type)))
            found.add((one.venue, VIEW))
            found.update((one.venue, verb) for verb in one.counts)
    return found


def _accounts(r: Recording, known: Sequence[tuple[int, Record]]) -> set[Key]:
    sources = r.names.sources
    found: set[tuple[int, str | None]] = set()
    for _, one in known:
        source = sources[one.source]
        if isinstance(one, ActionRecord):
            found.add((source, one.actor))
            found.add((source, one.target))
        elif isinstance(one, PostRecord):
            found.add((source, one.author))
        elif isinstance(one, MemberRecord):
            found.add((source, one.id))
        elif isinstance(one, CounterRecord):
            found.add((source, one.member))
    return {(source, id) for source, id in found if id is not None}


def _posts(r: Recording, known: Sequence[tuple[int, Record]]) -> set[Key]:
    sources = r.names.sources
    found: set[tuple[int, str | None]] = set()
    for _, one in known:
        source = sources[one.source]
        if isinstance(one, ActionRecord):
            found.add((source, one.post))
        elif isinstance(one, PostRecord):
            found.update(((source, one.id), (source, one.root), (source, one.parent)))
    return {(source, id) for source, id in found if id is not None}
