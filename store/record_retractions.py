"""Retractions: they take an action back now, or wait for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sources.records import RetractionRecord
from store.db import Write
from store.effects import DEED, Effects, deed
from store.erasure import Key, blind, hashed
from store.record_actions import ANY_WAITING, RETRACTED
from store.recording import Recording


async def note_retractions(r: Recording, records: Sequence[tuple[int, RetractionRecord]]) -> None:
    """Keep retractions and apply those whose action is known."""
    if not records:
        return
    counts = r.receipt.of("retraction")
    first: dict[tuple[int, str], RetractionRecord] = {}
    for one in await _under_own_ids(r, [one for _, one in records]):
        key = (r.names.sources[one.source], one.id)
        kept = first.setdefault(key, one)
        if kept is not one:
            _repeat(r, same=kept.of == one.of)
    ordered = sorted(first.items())
    rows = await r.connection.fetch(
        _INSERT,
        [key[0] for key, _ in ordered],
        [key[1] for key, _ in ordered],
        [one.of for _, one in ordered],
        [one.time for _, one in ordered],
    )
    new = {(row[0], row[1]) for row in rows}
    old = [(key, one) for key, one in ordered if key not in new]
    if old:
        found = await r.connection.fetch(_KEPT, [k[0] for k, _ in old], [k[1] for k, _ in old])
        kept_of = {(row["source_id"], row["external_id"]): row["undoes"] for row in found}
        for key, one in old:
            _repeat(r, same=kept_of.get(key) == one.of)
    counts.recorded += len(new)
    if await apply_waiting(r.connection, r.effects, new=sorted(new)) < len(new):
        r.unmet = sorted(new)


async def _under_own_ids(
    r: Recording, records: Sequence[RetractionRecord]
) -> list[RetractionRecord]:
    """The records, with hashed ids where they take back what an erased member did or received."""
    if r.secret is None:
        return list(records)
    keys = [(r.names.sources[one.source], one.of) for one in records]
    hashes = await hashed(r.connection, r.secret, keys)
    return [
        replace(one, id=blind(r.secret, key[0], one.id), of=hashes[key]) if key in hashes else one
        for key, one in zip(keys, records, strict=True)
    ]


def _repeat(r: Recording, *, same: bool) -> None:
    counts = r.receipt.of("retraction")
    if same:
        counts.duplicate += 1
    else:
        counts.conflict += 1


async def apply_waiting(
    connection: Write,
    effects: Effects,
    *,
    new: Sequence[Key] | None = None,
    of: Sequence[Key] | None = None,
) -> int:
    """Apply waiting retractions whose action is there: only ``new`` ones, or those ``of`` ids.

    Returns how many found their action.
    """
    if new is not None:
        found = await connection.fetch(_MATCH_NEW, [k[0] for k in new], [k[1] for k in new])
    elif of is not None:
        found = await connection.fetch(_MATCH_OF, [k[0] for k in of], [k[1] for k in of])
    else:
        found = await connection.fetch(_MATCH)
    # Locked first: one that another call just made a second id of is not there any more.
    actions = await connection.fetch(_LOCK_ACTIONS, sorted({row["action_id"] for row in found}))
    there = {row["id"] for row in actions}
    met = [row for row in found if row["action_id"] in there]
    if met:
        columns = [[r[name] for r in met] for name in ("source_id", "external_id", "action_id")]
        await connection.execute(_MET, *columns)
        counted = [row for row in actions if not row["state"] & RETRACTED]
        effects.deeds((deed(row) for row in counted), -1)
        await connection.execute(_RETRACT, [row["id"] for row in counted])
    return len(met)


async def count_waiting(r: Recording) -> None:
    """Count the retractions whose action the rest of the call has not brought either."""
    if r.unmet:
        r.receipt.of("retraction").waiting += await r.connection.fetchval(
            _WAITING, [k[0] for k in r.unmet], [k[1] for k in r.unmet]
        )


async def apply_renamed(r: Recording) -> None:
    """Apply retractions that waited for an action by the second id it was just given."""
    if r.renamed and await r.connection.fetchval(ANY_WAITING):
        await apply_waiting(r.connection, r.effects, of=r.renamed)


_INSERT = """
    insert into retraction (source_id, external_id, undoes, retracted_at)
    select * from unnest($1::smallint[], $2::text[], $3::text[], $4::timestamptz[])
    on conflict do nothing
    returning source_id, external_id
"""

_KEPT = """
    select t.source_id, t.external_id, t.undoes
    from unnest($1::smallint[], $2::text[]) as k(source_id, external_id)
    join retraction t on t.source_id = k.source_id and t.external_id = k.external_id
"""

# An id may be that of the action, or one by which the source also knows it.
_MATCH = """
    select t.source_id, t.external_id, coalesce(a.id, s.action_id) as action_id
    from retraction t
    left join action a on a.source_id = t.source_id and a.external_id = t.undoes
    left join alias s on s.source_id = t.source_id and s.external_id = t.undoes
    where t.action_id is null and coalesce(a.id, s.action_id) is not null
"""
_KEYS = "(select * from unnest($1::smallint[], $2::text[]))"
_MATCH_NEW = f"{_MATCH} and (t.source_id, t.external_id) in {_KEYS}"
_MATCH_OF = f"{_MATCH} and (t.source_id, t.undoes) in {_KEYS}"

_WAITING = """
    select count(*) from unnest($1::smallint[], $2::text[]) as k(source_id, external_id)
    join retraction t on t.source_id = k.source_id and t.external_id = k.external_id
    where t.action_id is null
"""

_MET = """
    update retraction t set action_id = c.action_id
    from unnest($1::smallint[], $2::text[], $3::bigint[]) as c(source_id, external_id, action_id)
    where t.source_id = c.source_id and t.external_id = c.external_id
"""

_LOCK_ACTIONS = f"""
    select {DEED} from action a where a.id = any($1::bigint[]) order by a.id for no key update
"""

_RETRACT = "update action set state = state | 1 where id = any($1::bigint[])"
