"""Snapshots of members: the later one replaces what it states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from sources.records import MemberRecord
from store.recording import Recording
from store.search import folded

_FIELDS = ("role", "state", "name", "joined_at", "zone", "lang", "attributes")


async def record_members(r: Recording, records: Sequence[tuple[int, MemberRecord]]) -> None:
    """Describe members; those whose first day moves are folded again."""
    if not records:
        return
    counts = r.receipt.of("member")
    numbers = [r.members.ids[r.names.sources[one.source], one.id] for _, one in records]
    rows = await r.connection.fetch(_FIND, sorted(set(numbers)))
    known: dict[int, dict[str, Any]] = {row["id"]: dict(row) for row in rows}
    changed: set[int] = set()
    for number, (_, one) in zip(numbers, records, strict=True):
        row = known[number]
        if row["erased_at"] is not None:
            counts.duplicate += 1
            continue
        after = row | _stated(one) | {"known": True}
        if not row["known"]:
            counts.recorded += 1
        elif after == row:
            counts.duplicate += 1
            continue
        else:
            counts.replaced += 1
        if after["joined_at"] != row["joined_at"]:
            r.late.add(number)
        known[number] = after
        changed.add(number)
    if changed:
        ids = sorted(changed)
        columns = [[known[i][name] for i in ids] for name in _FIELDS]
        columns[-1] = [orjson.dumps(value).decode() for value in columns[-1]]
        searched = [folded(known[i]["name"]) for i in ids]
        await r.connection.execute(_UPDATE, ids, *columns, searched)


def _stated(one: MemberRecord) -> dict[str, Any]:
    """The columns that a snapshot says something about."""
    stated = {
        "role": one.role,
        "state": one.state,
        "name": one.name,
        "joined_at": one.joined,
        "zone": one.zone,
        "lang": one.lang,
        "attributes": dict(one.attributes) or None,
    }
    return {name: value for name, value in stated.items() if value is not None}


_FIND = f"""
    select id, known, erased_at, {", ".join(_FIELDS)} from member
    where id = any($1::int[]) order by id for no key update
"""

_UPDATE = """
    update member m set
        known = true, role = c.role, state = c.state, name = c.name, joined_at = c.joined_at,
        zone = c.zone, lang = c.lang, attributes = c.attributes::jsonb, search_name = c.search_name
    from unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[],
        $7::text[], $8::text[], $9::text[]
    ) as c(id, role, state, name, joined_at, zone, lang, attributes, search_name)
    where m.id = c.id
"""
