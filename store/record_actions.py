"""Actions: recorded once by the source's id, the first one wins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from sources.records import ActionRecord
from store.effects import NOBODY
from store.erasure import Key, hashed, hide_waiting
from store.recording import Recording
from store.resolve import PostRef

#: Bits of ``action.state``: why an action does not count.
RETRACTED = 1
POST_DELETED = 2


@dataclass(frozen=True, slots=True)
class ActionRow:
    """An action as it is to be kept; see tables.Action."""

    source_id: int
    external_id: str
    type_id: int
    occurred_at: datetime
    precision: int
    day: int
    n: int
    actor_id: int | None
    target_id: int | None
    post_id: int | None
    wrote_id: int | None
    target_given: bool
    state: int

    @property
    def key(self) -> Key:
        """What it is found by."""
        return (self.source_id, self.external_id)

    def content(self) -> tuple[object, ...]:
        """What the source said; the target only where the source named it."""
        return (
            self.type_id,
            self.occurred_at,
            self.precision,
            self.n,
            self.actor_id,
            self.post_id,
            self.target_id if self.target_given else None,
        )


async def record_actions(r: Recording, records: Sequence[tuple[int, ActionRecord]]) -> None:
    """Record what is new; a repeat is a duplicate, or a conflict where it says something else."""
    if not records:
        return
    counts = r.receipt.of("action")
    rows: dict[Key, ActionRow] = {}
    repeats: list[ActionRow] = []
    writings: list[tuple[ActionRow, PostRef]] = []
    sent = [((r.names.sources[one.source], one.id), one) for _, one in records]
    hashes = await hashed(r.connection, r.secret, [key for key, _ in sent])
    hidden: list[Key] = []
    for key, one in sent:
        post = r.post(key[0], one.post)
        row = _row(r, key[0], one, post, hashes.get(key))
        if row.key != key:
            hidden.append(key)
        if post is not None and _is_writing_of(row, post):
            writings.append((row, post))
        elif row.key in rows:
            repeats.append(row)
        else:
            rows[row.key] = row
    if hidden and r.secret is not None:
        await hide_waiting(r.connection, r.secret, hidden)
    taken = await _name_again(r, writings)
    counts.duplicate += len(writings) - taken
    counts.conflict += taken
    new = await insert(r, rows.values())
    counts.recorded += len(new)
    unknown = {ref.id for ref in r.posts.values() if ref.type_id is None}
    counts.waiting += sum(1 for row in new if row.post_id in unknown and row.target_id is None)
    recorded = {row.key for row in new}
    repeats += [row for key, row in rows.items() if key not in recorded]
    same = await _same_as_kept(r, repeats)
    counts.duplicate += same
    counts.conflict += len(repeats) - same


def _row(
    r: Recording, source: int, one: ActionRecord, post: PostRef | None, known_as: str | None
) -> ActionRow:
    actor, target = r.member(source, one.actor), r.member(source, one.target)
    given = target is not None
    if not given and post is not None:
        target = post.author_id
    return ActionRow(
        source_id=source,
        external_id=known_as or r.own_id(source, one.id, actor, target),
        type_id=r.names.types[one.venue, one.verb],
        occurred_at=one.time,
        precision=int(one.precision),
        day=r.day(one.time),
        n=one.count,
        actor_id=actor,
        target_id=target,
        post_id=None if post is None else post.id,
        wrote_id=None,
        target_given=given,
        state=0,
    )


def _is_writing_of(row: ActionRow, post: PostRef) -> bool:
    """Whether it is the action that the post has implied already."""
    return (
        post.type_id is not None
        and row.type_id == post.type_id
        and row.actor_id is not None
        and row.actor_id == post.author_id
    )


async def _name_again(r: Recording, writings: Sequence[tuple[ActionRow, PostRef]]) -> int:
    """Remember the ids that the source gave to writings, so that they can be retracted.

    Returns how many of the ids name something else already.
    """
    if not writings:
        return 0
    r.renamed += [row.key for row, _ in writings]
    columns = (
        [row.source_id for row, _ in writings],
        [row.external_id for row, _ in writings],
        [post.id for _, post in writings],
    )
    await r.connection.execute(_ALIAS, *columns)
    taken: int = await r.connection.fetchval(_TAKEN, *columns)
    return taken


async def insert(r: Recording, rows: Iterable[ActionRow]) -> list[ActionRow]:
    """Insert actions that are not there yet and collect their effects; returns the new ones."""
    ordered = sorted(rows, key=lambda row: row.key)
    if not ordered:
        return []
    retracted = await _retracted(r, ordered)
    states = [row.state | (RETRACTED if row.key in retracted else 0) for row in ordered]
    found = await r.connection.fetch(
        _INSERT,
        [row.source_id for row in ordered],
        [row.external_id for row in ordered],
        [row.type_id for row in ordered],
        [row.occurred_at for row in ordered],
        [row.precision for row in ordered],
        [row.day for row in ordered],
        [row.n for row in ordered],
        [row.actor_id for row in ordered],
        [row.target_id for row in ordered],
        [row.post_id for row in ordered],
        [row.wrote_id for row in ordered],
        [row.target_given for row in ordered],
        states,
    )
    keys = {(row[0], row[1]) for row in found}
    if retracted:
        await r.connection.execute(
            _RETRACTION_MET, [key[0] for key in retracted], [key[1] for key in retracted]
        )
    new, counting = [], []
    for row, state in zip(ordered, states, strict=True):
        if row.key in keys:
            new.append(row)
            if state == 0:
                counting.append(row)
    _collect(r, counting)
    _note_unclassified(r, new)
    return new


def _collect(r: Recording, rows: Sequence[ActionRow]) -> None:
    if rows:
        table = np.array(
            [
                (
                    NOBODY if row.actor_id is None else row.actor_id,
                    NOBODY if row.target_id is None else row.target_id,
                    row.day,
                    row.type_id,
                    0,
                    row.n,
                )
                for row in rows
            ],
            np.int64,
        )
        r.effects.columns(*table.T)


def _note_unclassified(r: Recording, new: Sequence[ActionRow]) -> None:
    for number, n in Counter(row.type_id for row in new).items():
        key = r.names.type_of(number)
        if key not in r.rules.catalog:
            r.receipt.note_unclassified({key: n})


async def _retracted(r: Recording, rows: Sequence[ActionRow]) -> set[Key]:
    """The keys of actions whose retraction arrived before them."""
    if not await r.connection.fetchval(ANY_WAITING):
        return set()
    found = await r.connection.fetch(
        _WAITING_RETRACTIONS,
        [row.source_id for row in rows],
        [row.external_id for row in rows],
    )
    return {(row[0], row[1]) for row in found}


async def _same_as_kept(r: Recording, rows: Sequence[ActionRow]) -> int:
    """How many of ``rows`` say what is kept under their ids."""
    if not rows:
        return 0
    found = await r.connection.fetch(
        _KEPT, [row.source_id for row in rows], [row.external_id for row in rows]
    )
    kept = {
        (one["source_id"], one["external_id"]): (
            one["type_id"],
            one["occurred_at"],
            one["precision"],
            one["n"],
            one["actor_id"],
            one["post_id"],
            one["target_id"],
        )
        for one in found
    }
    same = 0
    for row in rows:
        # Without a row of its own it is the second id of a writing, which says something else.
        known, said = kept.get(row.key, ()), row.content()
        # A repeat that does not name the target says nothing about it.
        if known == said or (not row.target_given and known[:-1] == said[:-1]):
            same += 1
    return same


_INSERT = """
    insert into action (source_id, external_id, type_id, occurred_at, precision, day, n,
        actor_id, target_id, post_id, wrote_id, target_given, state)
    select * from unnest(
        $1::smallint[], $2::text[], $3::smallint[], $4::timestamptz[], $5::smallint[], $6::int[],
        $7::int[], $8::int[], $9::int[], $10::int[], $11::int[], $12::bool[], $13::smallint[]
    ) as k(source_id, external_id)
    where not exists (
        select 1 from alias l
        where l.source_id = k.source_id and l.external_id = k.external_id)
    on conflict do nothing
    returning source_id, external_id
"""

_KEPT = """
    select a.source_id, a.external_id, a.type_id, a.occurred_at, a.precision, a.n, a.actor_id,
        a.post_id, case when a.target_given then a.target_id end as target_id
    from unnest($1::smallint[], $2::text[]) as k(source_id, external_id)
    join action a on a.source_id = k.source_id and a.external_id = k.external_id
"""

_ALIAS = """
    insert into alias (source_id, external_id, action_id)
    select k.source_id, k.external_id, a.id
    from unnest($1::smallint[], $2::text[], $3::int[]) as k(source_id, external_id, post_id)
    join action a on a.wrote_id = k.post_id
    where not exists (
        select 1 from action o
        where o.source_id = k.source_id and o.external_id = k.external_id)
    order by 1, 2
    on conflict do nothing
"""

_TAKEN = """
    select count(*) from unnest($1::smallint[], $2::text[], $3::int[])
        as k(source_id, external_id, post_id)
    left join action a on a.source_id = k.source_id and a.external_id = k.external_id
    left join alias l on l.source_id = k.source_id and l.external_id = k.external_id
    left join action w on w.id = coalesce(a.id, l.action_id)
    where w.wrote_id is distinct from k.post_id
"""

ANY_WAITING = "select exists (select 1 from retraction where action_id is null)"

_WAITING_RETRACTIONS = """
    select distinct t.source_id, t.undoes
    from unnest($1::smallint[], $2::text[]) as k(source_id, external_id)
    join retraction t on t.source_id = k.source_id and t.undoes = k.external_id
    where t.action_id is null
"""

_RETRACTION_MET = """
    update retraction t set action_id = a.id
    from unnest($1::smallint[], $2::text[]) as k(source_id, external_id)
    join action a on a.source_id = k.source_id and a.external_id = k.external_id
    where t.action_id is null and t.source_id = k.source_id and t.undoes = k.external_id
        and a.state & 1 = 1
"""
