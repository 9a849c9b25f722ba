"""What a change to the evidence does to the tallies, and writing it down.

An action counts on up to two sides: given for its actor and received for its target, or once on
the actor's own side where they are the same. Whatever happens to it later (retracted, given a
target, merged) takes its old effect out and puts the new one in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import asyncpg
import numpy as np
from numpy.typing import NDArray

from engagement.words import Side
from store.db import Write

#: Stands for "nobody" in columns of member numbers.
NOBODY = -1

_COLUMNS = 6


@dataclass(frozen=True, slots=True)
class Deed:
    """As much of an action as its effect depends on; ``state`` 0 counts."""

    actor_id: int | None
    target_id: int | None
    day: int
    type_id: int
    grade: int
    n: int
    state: int


#: The columns of ``action a`` that ``deed`` reads.
DEED = "a.id, a.actor_id, a.target_id, a.day, a.type_id, a.grade, a.n, a.state"


def deed(row: asyncpg.Record) -> Deed:
    """The effect of a kept action."""
    return Deed(
        row["actor_id"],
        row["target_id"],
        row["day"],
        row["type_id"],
        row["grade"],
        row["n"],
        row["state"],
    )


@dataclass(slots=True)
class Effects:
    """Changes to tallies, collected over one transaction."""

    _parts: list[NDArray[np.int64]] = field(default_factory=list)

    def columns(
        self,
        actor: NDArray[np.int64],
        target: NDArray[np.int64],
        day: NDArray[np.int64],
        type_id: NDArray[np.int64],
        grade: NDArray[np.int64],
        n: NDArray[np.int64],
    ) -> None:
        """Put many actions in (negative ``n``: take them out); NOBODY where there is none."""
        own = (actor == target) & (actor != NOBODY)
        side = np.where(own, Side.OWN, Side.GIVEN)
        gave = actor != NOBODY
        got = (target != NOBODY) & ~own
        for member, which, of in (
            (actor, gave, side),
            (target, got, np.full_like(actor, Side.RECEIVED)),
        ):
            rows = np.stack([member, day, type_id, of, grade, n])[:, which]
            self._parts.append(rows)

    def deed(self, deed: Deed, sign: int) -> None:
        """Put one action in (+1) or take it out (−1)."""
        self.deeds([deed], sign)

    def deeds(self, deeds: Iterable[Deed], sign: int) -> None:
        """Put actions in (+1) or take them out (−1); those that do not count change nothing."""
        rows = [
            (
                NOBODY if d.actor_id is None else d.actor_id,
                NOBODY if d.target_id is None else d.target_id,
                d.day,
                d.type_id,
                d.grade,
                d.n * sign,
            )
            for d in deeds
            if d.state == 0
        ]
        if rows:
            self.columns(*np.array(rows, np.int64).T)

    def tally(self, member: int, day: int, type_id: int, side: int, n: int) -> None:
        """Change one ungraded tally by ``n``."""
        if n:
            self._parts.append(np.array([[member], [day], [type_id], [side], [0], [n]], np.int64))

    def rows(self) -> NDArray[np.int64]:
        """The sums: shape (6, k): member, day, type, side, grade, change; sorted by key.

        A change of 0 is news as well: other people may be in the actions, or another hour.
        """
        if not self._parts:
            return np.zeros((_COLUMNS, 0), np.int64)
        all_rows = np.concatenate(self._parts, axis=1)
        if not all_rows.shape[1]:
            return all_rows
        keys = all_rows[:5]
        order = np.lexsort(keys[::-1])
        keys, n = keys[:, order], all_rows[5, order]
        first = np.ones(len(n), np.bool_)
        first[1:] = (keys[:, 1:] != keys[:, :-1]).any(axis=0)
        sums = np.add.reduceat(n, np.flatnonzero(first))
        return np.vstack([keys[:, first], sums])


async def apply(connection: Write, rows: NDArray[np.int64]) -> None:
    """Write changes to the tallies; a tally that comes to nothing goes away."""
    up, down = rows[:, rows[5] > 0], rows[:, rows[5] < 0]
    if up.shape[1]:
        await connection.execute(_RAISE, *(column.tolist() for column in up))
    if down.shape[1]:
        await connection.execute(_LOWER, *(column.tolist() for column in down))
        await connection.execute(_CLEAR, *(column.tolist() for column in down[:5]))


async def recount(connection: Write, members: Sequence[int]) -> None:
    """Make the tallies of members anew from the evidence."""
    await connection.execute("delete from tally where member_id = any($1::int[])", list(members))
    await connection.execute(_RECOUNT, list(members))


_RECOUNT = """
    insert into tally (member_id, day, type_id, side, grade, n)
    select member_id, day, type_id, side, grade, sum(n) from (
        select actor_id as member_id, day, type_id,
            case when target_id = actor_id then 2 else 0 end as side, grade, n
        from action where actor_id = any($1::int[]) and state = 0
        union all
        select target_id, day, type_id, 1, grade, n
        from action
        where target_id = any($1::int[]) and state = 0 and actor_id is distinct from target_id
        union all
        select member_id, day, type_id, side, 0, rise
        from counter where member_id = any($1::int[]) and rise <> 0
        union all
        select p.author_id, c.day, c.type_id, 1, 0, c.n
        from post p join post_count c on c.post_id = p.id
        where p.author_id = any($1::int[]) and c.n <> 0
    ) evidence
    group by 1, 2, 3, 4, 5
"""

_RAISE = """
    insert into tally as t (member_id, day, type_id, side, grade, n)
    select * from unnest(
        $1::int[], $2::int[], $3::smallint[], $4::smallint[], $5::smallint[], $6::bigint[])
    on conflict (member_id, day, type_id, side, grade) do update set n = t.n + excluded.n
"""

_KEY_OF_T = """
    t.member_id = c.member_id and t.day = c.day and t.type_id = c.type_id
    and t.side = c.side and t.grade = c.grade
"""

_LOWER = f"""
    update tally t set n = t.n + c.change
    from unnest(
        $1::int[], $2::int[], $3::smallint[], $4::smallint[], $5::smallint[], $6::bigint[]
    ) as c(member_id, day, type_id, side, grade, change)
    where {_KEY_OF_T}
"""

_CLEAR = f"""
    delete from tally t
    using unnest($1::int[], $2::int[], $3::smallint[], $4::smallint[], $5::smallint[])
        as c(member_id, day, type_id, side, grade)
    where {_KEY_OF_T} and t.n = 0
"""
