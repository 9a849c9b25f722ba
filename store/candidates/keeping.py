"""Due work: what is kept of candidates, brought up to date."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import astuple, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import orjson

from engagement.scenario import KINDS, Kind
from store import rules
from store.candidates.feeder import Asked, Found
from store.candidates.registry import FEEDERS
from store.db import Database, Read, Write
from store.rules import ActiveRules

#: They are made anew so long after the last time where something was recorded since, and after
#: the other in any case: what is viewed, hidden or edited has no number.
_OFTEN: Final = timedelta(minutes=10)
_SELDOM: Final = timedelta(hours=1)
#: Making them may take this part of all time.
_SHARE: Final = 20
#: Rows that are sent, or compared, at once.
_CHUNK: Final = 50_000
#: Where it is noted what was made, and what the process holds that makes them.
_MARK: Final = "candidates"
_MAKING: Final = 0x696B75636164


@dataclass(frozen=True, slots=True)
class Kept:
    """What was done: how many candidates there are, how many are new or changed, or gone."""

    candidates: int
    written: int
    removed: int


@dataclass(frozen=True, slots=True)
class _Made:
    """The last time that they were made."""

    at: datetime
    day: int
    kinds: list[str]
    recorded: int
    seconds: float

    def is_due(self, now: datetime, day: int, kinds: list[str], recorded: int) -> bool:
        """Whether they are to be made anew."""
        if kinds != self.kinds or now < self.at:
            return True
        age = now - self.at
        if age < timedelta(seconds=_SHARE * self.seconds):
            return False
        return day != self.day or age >= _SELDOM or (recorded != self.recorded and age >= _OFTEN)


async def keep(
    database: Database, kinds: Collection[Kind], *, now: datetime, always: bool = False
) -> Kept | None:
    """Make what is kept of ``kinds`` anew where it is due, or ``always``; drop all other kinds.

    Returns None where it is not due, or another process does it.
    """
    begin = time.monotonic()
    wanted = [kind for kind in FEEDERS if kind in kinds]
    names, day = sorted(kind.value for kind in wanted), database.day(now)
    async with database.read() as connection:
        made = await _made(connection)
        recorded: int = await connection.fetchval(_RECORDED)
    if made is None and not wanted:
        return None
    if not always and made is not None and not made.is_due(now, day, names, recorded):
        return None
    total = Kept(0, 0, 0)
    remembered: dict[type[Any], Any] = {}
    for kind in wanted:

        def asked(connection: Write, active: ActiveRules) -> Asked:
            return Asked(connection, active, day, now, remembered=remembered)

        part = await database.in_write(partial(_one_kind, database, kind, asked))
        if part is None:
            return None
        total = Kept(*(map(sum, zip(astuple(total), astuple(part), strict=True))))
    seconds = round(time.monotonic() - begin, 1)
    gone = await _done(database, _Made(now, day, names, recorded, seconds), wanted)
    return replace(total, removed=total.removed + gone)


async def _one_kind(
    database: Database,
    kind: Kind,
    asked: Callable[[Write, ActiveRules], Asked],
    connection: Write,
) -> Kept | None:
    """Find the candidates of a kind and keep them; None where another process is at it.

    They are found before anything is written, so that nobody waits for us while we look.
    """
    await connection.execute(_UNHURRIED)
    if not await connection.fetchval(_ALONE, _MAKING):
        return None
    active = await rules.active(database, connection)
    return await _replace(connection, kind, await FEEDERS[kind](asked(connection, active)))


async def _made(connection: Read) -> _Made | None:
    text = await connection.fetchval("select value from setting where key = $1", _MARK)
    if text is None:
        return None
    told = orjson.loads(text)
    return _Made(**told | {"at": datetime.fromisoformat(told["at"])})


async def _done(database: Database, made: _Made, kinds: Collection[Kind]) -> int:
    """Note that they were made; how many of other kinds were dropped."""
    codes = [KINDS.index(kind) for kind in kinds]
    mark = orjson.dumps(made).decode()

    async def work(connection: Write) -> int:
        await connection.execute(_NOTE, _MARK, mark)
        return _count(await connection.execute(_DROP_OTHERS, codes))

    return await database.in_write(work)


async def _replace(connection: Write, kind: Kind, found: Found) -> Kept:
    """Keep these candidates of a kind in place of those kept before.

    What is as it was is not written.
    """
    await connection.execute(_NEW)
    columns = (found.member, found.post, found.score, found.count)
    for low in range(0, len(found.member), _CHUNK):
        part = slice(low, low + _CHUNK)
        values = [None if column is None else column[part].tolist() for column in columns]
        await connection.execute(_FILL, *values)
    await connection.execute("analyze new_candidate")
    code = KINDS.index(kind)
    removed = await connection.execute(_REMOVE, code)
    written = await connection.execute(_WRITE, code)
    return Kept(len(found.member), _count(written), _count(removed))


def _count(tag: str) -> int:
    """The rows that a statement touched, by what PostgreSQL says when it is done."""
    return int(tag.rsplit(" ", 1)[-1])


_ALONE = "select pg_try_advisory_xact_lock($1)"

_UNHURRIED = "set local statement_timeout = 0"

_RECORDED = """
    select coalesce(pg_sequence_last_value(pg_get_serial_sequence('action', 'id')), 0)
"""

_NOTE = """
    insert into setting (key, value) values ($1, $2)
    on conflict (key) do update set value = excluded.value
"""

_DROP_OTHERS = "delete from candidate where kind <> all($1::smallint[])"

_NEW = """
    create temporary table new_candidate (
        member_id int, post_id int, score real, told jsonb
    ) on commit drop
"""

_FILL = """
    insert into new_candidate
    select member_id, post_id, score,
        case when count is null then '{}' else jsonb_build_object('count', count) end
    from unnest($1::int[], $2::int[], $3::real[], $4::int[]) as k(member_id, post_id, score, count)
"""

# An anti-join, and a join, by hashes: whatever was kept before is read once for each.
_REMOVE = """
    delete from candidate c where c.kind = $1 and not exists (
        select from new_candidate f where f.member_id = c.member_id and f.post_id = c.post_id
    )
"""

_WRITE = """
    insert into candidate (member_id, kind, post_id, score, told)
    select f.member_id, $1, f.post_id, f.score, f.told
    from new_candidate f left join candidate c
        on c.kind = $1 and c.member_id = f.member_id and c.post_id = f.post_id
    where (c.score, c.told) is distinct from (f.score, f.told)
    order by f.member_id, f.post_id
    on conflict (member_id, kind, post_id)
        do update set score = excluded.score, told = excluded.told
"""
