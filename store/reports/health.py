"""What is odd or missing in the data: unclassified types, posts nobody sent, work to be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from sources.records import Precision
from store.db import Read, day_date
from store.moment import Moment
from store.reports.report import Column, Kind, Question, Report, Sources
from store.rules import ActiveRules

#: What each concern means, in the order of the report.
CONCERNS: Final[Mapping[str, str]] = {
    "unclassified": "actions of a type that the rules do not know; they are worth nothing",
    "waiting_posts": "posts that something refers to and nobody sent",
    "waiting_reactions": "actions on such posts; they count once the post comes",
    "waiting_retractions": "retractions of actions that have not come",
    "undescribed": "members known only from what they did",
    "pending_refolds": "members whose past changed and who wait for due work",
    "outdated_standings": "members placed under other rules, who wait for due work",
    "counters_whole": "first snapshots of a member's total, which fall on one day as a whole",
    "times_day": "actions of which only the day is known",
    "times_lower_bound": "actions known only not to be earlier than their time",
    "times_unknown": "actions of which no time is known",
}

_COLUMNS: Final = (
    Column("count", Kind.COUNT, "count"),
    Column("concern", Kind.TEXT, "concern"),
    Column("subject", Kind.TEXT, "of"),
    Column("meaning", Kind.TEXT, "meaning"),
)


@dataclass(frozen=True, slots=True)
class TypeCount:
    """How often an action type was recorded."""

    venue: str
    verb: str
    actions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What is missing in the data or still to be done, as counts.

    ``waiting_posts`` are posts that others refer to and nobody sent, ``waiting_reactions`` the
    actions on them; ``waiting_retractions`` undo actions that have not come. ``undescribed`` are
    members known only from what they did.
    """

    waiting_posts: int
    waiting_reactions: int
    waiting_retractions: int
    undescribed: int
    pending_refolds: int
    outdated_standings: int
    counters_whole: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """All actions in sums; ``times`` counts them by the precision of their time."""

    by_type: dict[tuple[str, str], int]
    times: dict[Precision, int]
    newest_at: datetime | None

    @property
    def actions(self) -> int:
        """How many there are."""
        return sum(self.by_type.values())

    def unclassified(self, rules: ActiveRules) -> tuple[TypeCount, ...]:
        """What no row of the catalog speaks of and was recorded, the most frequent first."""
        rest = [TypeCount(*key, n) for key, n in self.by_type.items() if key not in rules.catalog]
        return tuple(sorted(rest, key=lambda one: (-one.actions, one.venue, one.verb)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Health(Backlog):
    """What is odd or missing in the data, as counts, and what is there."""

    unclassified: tuple[TypeCount, ...]
    times: dict[Precision, int]
    actions: int
    newest_day: int | None
    last_recorded_at: datetime | None
    rule_set_id: int
    rule_set: str
    archive: bool


async def health(sources: Sources, question: Question) -> Report:
    """What is odd or missing now: a row for each concern, and for each unclassified type."""
    async with sources.read() as connection:
        found = await data_health(connection, question.moment)
    counts = {
        **{name: getattr(found, name) for name in CONCERNS if hasattr(found, name)},
        **{f"times_{one.name.lower()}": n for one, n in found.times.items()},
    }
    counts["unclassified"] = sum(one.actions for one in found.unclassified)
    rows = [
        {"count": counts[name], "concern": name, "subject": None, "meaning": meaning}
        for name, meaning in CONCERNS.items()
    ]
    rows[1:1] = [
        {
            "count": one.actions,
            "concern": "unclassified",
            "subject": f"{one.venue}.{one.verb}",
            "meaning": "one of these types",
        }
        for one in found.unclassified
    ]
    return Report(
        name="data-health",
        title="What is odd or missing in the data",
        columns=_COLUMNS,
        rows=tuple(rows),
        totals={
            "actions": found.actions,
            "newest_day": None if found.newest_day is None else str(day_date(found.newest_day)),
            "newest_action_at": found.last_recorded_at,
        },
    )


async def data_health(connection: Read, moment: Moment) -> Health:
    """Look through everything for what is odd or missing."""
    there = await recorded(connection)
    rest = await backlog(connection, moment.rules)
    return Health(
        unclassified=there.unclassified(moment.rules),
        times=there.times,
        actions=there.actions,
        newest_day=await newest_day(connection),
        last_recorded_at=there.newest_at,
        rule_set_id=moment.rules.id,
        rule_set=moment.rules.name,
        archive=moment.archive,
        **asdict(rest),
    )


async def recorded(connection: Read) -> Recorded:
    """Every action that there is, in sums. It reads them all."""
    by_type: dict[tuple[str, str], int] = {}
    times = dict.fromkeys(Precision, 0)
    newest: list[datetime] = []
    for row in await connection.fetch(_RECORDED):
        key = (row["venue"], row["verb"])
        by_type[key] = by_type.get(key, 0) + row["n"]
        if row["n"]:
            times[Precision(row["precision"])] += row["n"]
            newest.append(row["newest"])
    return Recorded(by_type, times, max(newest, default=None))


async def backlog(connection: Read, rules: ActiveRules) -> Backlog:
    """What is missing or to be done; it reads the members, their counters, and what waits."""
    row = await connection.fetchrow(_BACKLOG, rules.id)
    assert row is not None
    return Backlog(**row)


async def newest_day(connection: Read) -> int | None:
    """The newest day on which anything counts. It reads all tallies."""
    day: int | None = await connection.fetchval("select max(day) from tally where n > 0")
    return day


# Every type that was ever named is there, also where only counters or anonymous counts had it.
_RECORDED = """
    select t.venue, t.verb, coalesce(a.precision, 0) as precision, coalesce(a.n, 0) as n, a.newest
    from action_type t left join (
        select type_id, precision, count(*) as n, max(occurred_at) as newest
        from action group by type_id, precision
    ) a on a.type_id = t.id
"""

_BACKLOG = """
    select
        (select count(*) from post where type_id is null) as waiting_posts,
        (select count(*) from action a join post p on p.id = a.post_id where p.type_id is null)
            as waiting_reactions,
        (select count(*) from retraction where action_id is null) as waiting_retractions,
        (select count(*) from member where not known and merged_into is null and erased_at is null)
            as undescribed,
        (select count(*) from refold) as pending_refolds,
        (select count(*) from standing where state <> '' and rule_set_id is distinct from $1)
            as outdated_standings,
        (select count(*) from counter where whole) as counters_whole
"""
