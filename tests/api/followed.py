"""One member followed by what they did: their status on every day, from their own actions alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Any

from engagement.status import Counterpart, Facts, State, place
from engagement.words import INDICES, DistinctBy, RuleSet, Side
from store.db import Read, day_number

#: Of one action type with one grade, on one day.
_Kind = tuple[int, tuple[str, str]]


async def follow(connection: Read, member: int, rules: RuleSet, *, until: int) -> list[State]:
    """Where a member stood on each day from their first to ``until``.

    Their actions and what was done to them are read one by one; nothing is read of tallies,
    standings or folds. Neither do counters and anonymous counts count, which are no actions.
    """
    done = [dict(row) for row in await connection.fetch(_ACTIONS, member, until)]
    facts = _facts(done, member, rules)
    who = list(_counterparts(done, member, rules))
    joined: date | None = await connection.fetchval(_JOINED, member)
    entry = min([*facts, *([] if joined is None else [day_number(joined)])])
    states: list[State] = []
    for day in range(entry, until + 1):
        before = states[-1] if states else None
        states.append(place(before, facts.get(day, Facts(day)), rules, counterparts=who))
    return states


def _earned(done: Iterable[dict[str, Any]], member: int, rules: RuleSet) -> Counter[_Kind]:
    """How many of each type earn something on each day, before the daily caps."""
    earns = {one.key: one.earns for one in rules.catalog if one.index is not None}
    found = Counter[_Kind]()
    for row in done:
        key = (row["venue"], row["verb"])
        role = "actor_id" if earns.get(key) is Side.GIVEN else "target_id"
        if key in earns and row[role] == member and row["actor_id"] != row["target_id"]:
            found[row["day"], key] += row["n"]
    return found


def _facts(done: list[dict[str, Any]], member: int, rules: RuleSet) -> dict[int, Facts]:
    catalog = {one.key: one for one in rules.catalog}
    points: dict[int, list[int]] = defaultdict(lambda: [0] * len(INDICES))
    for (day, key), n in _earned(done, member, rules).items():
        kind = catalog[key]
        assert kind.index is not None
        counted = n if kind.daily_cap is None else min(n, kind.daily_cap)
        points[day][INDICES.index(kind.index)] += 100 * counted * kind.points
    gave = {row["day"] for row in done if row["actor_id"] == member}
    found = {}
    for day in gave | points.keys():
        contribution, interaction, favorability, support = points[day]
        worth = (contribution, interaction, favorability, support)
        found[day] = Facts(day, worth, gave=day in gave)
    return found


def _counterparts(done: list[dict[str, Any]], member: int, rules: RuleSet) -> Iterable[Counterpart]:
    """Whom the guards count: the other side of all that earns, or the day of it."""
    catalog = {one.key: one for one in rules.catalog}
    for row in done:
        kind = catalog.get((row["venue"], row["verb"]))
        if kind is None or kind.index is None or row["actor_id"] == row["target_id"]:
            continue
        own, other = (
            ("actor_id", "target_id") if kind.earns is Side.GIVEN else ("target_id", "actor_id")
        )
        if row[own] != member:
            continue
        by_day = kind.distinct_by is DistinctBy.DAY
        if by_day or row[other] is not None:
            yield Counterpart(row["day"], kind.index, -row["day"] if by_day else row[other])


_ACTIONS = """
    select a.day, t.venue, t.verb, a.actor_id, a.target_id, a.n
    from action a join action_type t on t.id = a.type_id
    where (a.actor_id = $1 or a.target_id = $1) and a.state = 0 and a.day <= $2
    order by a.day, a.id
"""

_JOINED = """
    select (joined_at at time zone (select value from setting where key = 'zone'))::date
    from member where id = $1
"""
