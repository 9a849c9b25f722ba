"""How much work is due and for how long, for who watches over the service: cheap to ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from store import rules
from store.db import Database, day_date

#: More than this is not counted: whoever has so much due needs no better number.
MOST: Final = 100_000


@dataclass(frozen=True, slots=True)
class Due:
    """Members due, up to MOST of each cause; ages in seconds, 0 where nothing is due.

    ``marked`` were changed in the past, ``review`` have a day that has come, ``rules`` were placed
    by other rules than those in force, or never yet. A member may be due for several causes.
    ``newest_action`` is None before the first.
    """

    marked: int
    review: int
    rules: int
    oldest_mark: float
    oldest_review: float
    oldest_rules: float
    newest_action: float | None

    @property
    def lag(self) -> float:
        """Seconds since the oldest of what is due became due."""
        return max(self.oldest_mark, self.oldest_review, self.oldest_rules)


async def due(database: Database, *, now: datetime) -> Due:
    """What is due at ``now``, found by indexes and at most MOST rows of each cause."""
    today = database.day(now)
    async with database.read() as connection:
        active = await rules.active(database, connection)
        row = await connection.fetchrow(_DUE, active.id, today, MOST)
        newest = await connection.fetchval(_NEWEST_ACTION, now)
    assert row is not None
    activated = row["activated_at"] if row["others"] else None
    return Due(
        marked=row["marked"],
        review=row["review"],
        rules=min(row["others"] + row["unplaced"], MOST),
        oldest_mark=_age(row["oldest_mark"], now),
        oldest_review=_age(_begin(database, row["review_day"]), now),
        # Who was never placed is due from the day on which we first heard of them.
        oldest_rules=max(_age(activated, now), _age(_begin(database, row["seen_day"]), now)),
        newest_action=_age(newest, now) if newest is not None else None,
    )


def _begin(database: Database, day: int | None) -> datetime | None:
    if day is None:
        return None
    midnight = datetime.combine(day_date(day), datetime.min.time(), tzinfo=database.zone)
    return midnight.astimezone(UTC)


def _age(since: datetime | None, now: datetime) -> float:
    return max((now - since) / timedelta(seconds=1), 0.0) if since is not None else 0.0


# Each part is a range of ix_standing_due; one condition for all would be a look at every standing.
_DUE = """
    with mark as materialized (select since from refold limit $3),
    unplaced as materialized (
        select m.seen_day from standing s join member m on m.id = s.member_id
        where s.rule_set_id is null limit $3)
    select (select count(*) from mark) as marked,
        (select min(since) from mark) as oldest_mark,
        (select count(*) from (
            select from standing where rule_set_id = $1 and next_review_day <= $2 and day < $2
            limit $3) s) as review,
        (select next_review_day from standing
            where rule_set_id = $1 and next_review_day <= $2 and day < $2
            order by next_review_day limit 1) as review_day,
        (select count(*) from (
            (select from standing where rule_set_id < $1 limit $3) union all
            (select from standing where rule_set_id > $1 limit $3) limit $3) s) as others,
        (select activated_at from rule_set where id = $1) as activated_at,
        (select count(*) from unplaced) as unplaced,
        (select min(seen_day) from unplaced) as seen_day
"""

# What was recorded last is what happened last, but for what arrives late.
_NEWEST_ACTION = """
    select max(occurred_at) from (
        select occurred_at from action order by id desc limit 1000) a
    where occurred_at <= $1
"""
