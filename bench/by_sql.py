"""Window points as one would compute them by hand, in SQL: from the actions, or from the tallies.

Both know the rules from ``worth`` (one row per action type that earns) and give the same four sums.
The daily cap takes the best grade first: with the multipliers 100, 50 and 0 percent, whole ones
come before halves.
"""

# ruff: noqa: S608 - put together from constants; values are arguments

from __future__ import annotations

from typing import Final

import asyncpg

from engagement.words import Grade
from store.rules import ActiveRules


async def make_worth(connection: asyncpg.Connection, rules: ActiveRules) -> None:
    """Make the table ``worth``; ``graded`` says that the grade changes what an action earns."""
    compiled = rules.compiled
    rows = []
    for row in rules.rules.catalog:
        number = rules.types.get(row.key)
        if number is None or compiled.index[number] < 0:
            continue
        rate = int(compiled.rate_x100[number, Grade.NONE])
        index, side = int(compiled.index[number]), int(compiled.side[number])
        rows.append((number, index, side, rate, row.daily_cap, row.quality))
    await connection.execute(_WORTH)
    await connection.copy_records_to_table("worth", records=rows)
    await connection.execute("analyze worth")


_WORTH = """
    create table worth (type_id smallint primary key, index smallint, side smallint,
        rate int, cap int, graded bool)
"""

_IS_HALF: Final = f"graded and grade = {Grade.PARTIAL:d}"
_IS_WHOLE: Final = (
    f"not graded or grade not in ({Grade.PARTIAL:d}, {Grade.IMPRESSION:d}, {Grade.OFF:d})"
)

#: What whole and half ones of one type and day are worth.
_CAPPED: Final = """
    least(whole, cap) * rate
        + (least(whole + half, cap) - least(whole, cap)) * rate / 2
"""

_SUMS: Final = ", ".join(
    f"coalesce(sum(points) filter (where index = {i}), 0)::bigint as p{i}" for i in range(4)
)


def _by_day(source: str, member: str) -> str:
    """The points per member, day and type of what ``source`` selects.

    All in 32 bits: sums of wider numbers are several times as slow, on both sides.
    """
    return f"""
        select member_id, index, {_CAPPED} as points from (
            select {member} as member_id, type_id,
                coalesce(sum(n::int) filter (where {_IS_WHOLE}), 0)::int as whole,
                coalesce(sum(n::int) filter (where {_IS_HALF}), 0)::int as half
            {source}
            group by {member}, day, type_id
        ) counted join worth using (type_id)
    """


def _of_actions(who: str = "") -> str:
    """The points by day from the actions, from the side that earns them."""
    return " union all ".join(
        _by_day(
            f"""
            from action join worth using (type_id)
            where side = {side} and state = 0 and day between $1 and $2
                and {member} {who or "is not null"} and actor_id is distinct from target_id
            """,
            member,
        )
        for side, member in enumerate(("actor_id", "target_id"))
    )


#: (first day, last day) → member_id, p0 … p3 of everybody with news in between.
ALL_FROM_ACTIONS: Final = f"select member_id, {_SUMS} from ({_of_actions()}) e group by member_id"

#: (first day, last day, member) → p0 … p3.
ONE_FROM_ACTIONS: Final = f"select {_SUMS} from ({_of_actions('= $3')}) e"

_EARNING_TALLIES: Final = """
    from tally join worth using (type_id, side) where day between $1 and $2
"""

# Only types with quality have tallies of several grades that share a cap.
ALL_FROM_TALLIES: Final = f"""
    select member_id, {_SUMS} from (
        select member_id, index, least(n::int, cap) * rate as points
        {_EARNING_TALLIES} and not graded
        union all
        {_by_day(f"{_EARNING_TALLIES} and graded", "member_id")}
    ) e
    group by member_id
"""
