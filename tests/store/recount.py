"""The recount: tallies and standings worked out anew from the evidence, simply and slowly.

It shares nothing with the recording path but ``engagement.status.place`` and the reading of packed
rows. Everything a test recorded must come out here as it stands in the tables.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engagement import rules as rule_files
from engagement.columns import NEVER, States
from engagement.status import (
    Counterpart,
    Facts,
    Hold,
    Points,
    State,
    next_review_day,
    place,
)
from engagement.words import INDICES, STATUSES, ActionType, DistinctBy, Grade, RuleSet, Side
from store.db import Database
from store.packed import unpack

#: (member, day, type, side, grade)
Key = tuple[int, int, int, int, int]

_RETRACTED, _POST_DELETED = 1, 2


@dataclass(frozen=True)
class Evidence:
    """Every row that the tallies and standings are made of."""

    actions: list[dict[str, Any]]
    posts: dict[int, dict[str, Any]]
    post_counts: list[dict[str, Any]]
    counters: list[dict[str, Any]]
    retractions: list[dict[str, Any]]
    aliases: list[dict[str, Any]]
    members: dict[int, dict[str, Any]]
    holds: list[dict[str, Any]]
    types: dict[int, tuple[str, str]]
    rules: RuleSet
    rule_set_id: int


async def assert_consistent(database: Database, now: datetime) -> None:
    """Hold every tally, standing and announced transition against the evidence.

    Nothing may be due: call ``refresh`` first where something was left to due work.
    """
    async with database.read() as c:

        async def rows(query: str) -> list[dict[str, Any]]:
            return [dict(row) for row in await c.fetch(query)]

        active = (await rows("select id, toml from rule_set where state = 'active'"))[0]
        evidence = Evidence(
            actions=await rows("select * from action order by id"),
            posts={p["id"]: p for p in await rows("select * from post")},
            post_counts=await rows("select * from post_count"),
            counters=await rows("select * from counter"),
            retractions=await rows("select * from retraction"),
            aliases=await rows("select * from alias"),
            members={m["id"]: m for m in await rows("select * from member")},
            holds=await rows("select * from hold order by id"),
            types={t["id"]: (t["venue"], t["verb"]) for t in await rows("table action_type")},
            rules=rule_files.load(active["toml"]),
            rule_set_id=active["id"],
        )
        tallies = await rows("table tally")
        standings = await rows("select * from standing order by member_id")
        transitions = await rows("select * from transition order by id")
        assert not await rows("table refold"), "members are left to due work"
    _assert_actions(database, evidence)
    expected = recount(database, evidence)
    kept = {(t["member_id"], t["day"], t["type_id"], t["side"], t["grade"]): t for t in tallies}
    assert {key: t["n"] for key, t in kept.items()} == expected
    living = {m for m, row in evidence.members.items() if row["merged_into"] is None}
    assert {row["member_id"] for row in standings} == living
    by_member: dict[int, dict[Key, int]] = defaultdict(dict)
    for key, n in expected.items():
        by_member[key[0]][key] = n
    for row in standings:
        _assert_standing(database, evidence, row, by_member[row["member_id"]], now)
    _assert_transitions(standings, transitions)


def _assert_actions(database: Database, e: Evidence) -> None:
    """What later evidence says of actions stands in their rows."""
    writings = Counter(a["wrote_id"] for a in e.actions if a["wrote_id"] is not None)
    known = {i for i, p in e.posts.items() if p["type_id"] is not None}
    assert set(writings) == known and set(writings.values()) <= {1}, "one writing per known post"
    second: dict[int, set[tuple[int, str]]] = defaultdict(set)
    for alias in e.aliases:
        second[alias["action_id"]].add((alias["source_id"], alias["external_id"]))
    undone = {(t["source_id"], t["undoes"]) for t in e.retractions}
    for a in e.actions:
        ids = {(a["source_id"], a["external_id"]), *second[a["id"]]}
        assert bool(a["state"] & _RETRACTED) == bool(ids & undone), f"retracted or not: {a}"
        post = e.posts[a["wrote_id"]] if a["wrote_id"] is not None else None
        assert bool(a["state"] & _POST_DELETED) == bool(post and post["state"] == "deleted")
        if post:
            about = post["parent_id"] or post["root_id"]
            assert (a["actor_id"], a["type_id"], a["day"], a["post_id"], a["occurred_at"]) == (
                post["author_id"],
                post["type_id"],
                post["day"],
                about,
                post["written_at"],
            )
        if not a["target_given"]:
            about = a["post_id"]
            assert a["target_id"] == (None if about is None else e.posts[about]["author_id"])
        assert a["day"] <= database.day(a["occurred_at"])


def recount(database: Database, e: Evidence) -> dict[Key, int]:
    """Every tally, from the evidence."""
    found: Counter[Key] = Counter()
    for a in e.actions:
        if a["state"]:
            continue
        rest = (a["grade"],)
        actor, target = a["actor_id"], a["target_id"]
        if actor is not None and actor == target:
            found[actor, a["day"], a["type_id"], Side.OWN, *rest] += a["n"]
            continue
        if actor is not None:
            found[actor, a["day"], a["type_id"], Side.GIVEN, *rest] += a["n"]
        if target is not None:
            found[target, a["day"], a["type_id"], Side.RECEIVED, *rest] += a["n"]
    for c in e.post_counts:
        author = e.posts[c["post_id"]]["author_id"]
        if author is not None:
            found[author, c["day"], c["type_id"], Side.RECEIVED, 0] += c["n"]
    for key, n in _rises(e).items():
        found[key] += n
    return {key: n for key, n in found.items() if n}


def _rises(e: Evidence) -> Counter[Key]:
    """What the counters add on the days of their snapshots."""
    found: Counter[Key] = Counter()
    series: dict[tuple[int, int, int, int], list[dict[str, Any]]] = defaultdict(list)
    for c in e.counters:
        series[c["member_id"], c["source_id"], c["type_id"], c["side"]].append(c)
    for (member, source, type_id, side), snapshots in series.items():
        venue, verb = e.types[type_id]
        meant = {
            number
            for number, (other, word) in e.types.items()
            if number == type_id or (venue == "site" and word == verb)
        }
        told = 0
        totals: dict[str, int] = {}
        snapshots.sort(key=lambda c: (c["as_of"], c["account"]))
        for i, snapshot in enumerate(snapshots):
            at_once = [c for c in snapshots[i:] if c["as_of"] == snapshot["as_of"]]
            totals |= {c["account"]: c["value"] for c in (snapshot, *at_once)}
            seen = 0
            for a in e.actions:
                who, other = ("actor_id", "target_id") if side == 0 else ("target_id", "actor_id")
                seen += a["n"] * (
                    a[who] == member
                    and a[other] != member
                    and a["source_id"] == source
                    and a["type_id"] in meant
                    and a["state"] == 0
                    and a["occurred_at"] <= snapshot["as_of"]
                )
            for n in e.post_counts if side else ():
                post = e.posts[n["post_id"]]
                seen += n["n"] * (
                    post["author_id"] == member
                    and post["source_id"] == source
                    and n["type_id"] in meant
                    and n["day"] <= snapshot["day"]
                )
            unexplained = max(0, sum(totals.values()) - seen)
            rise = max(0, unexplained - told)
            told = max(told, unexplained)
            assert (snapshot["rise"], snapshot["whole"]) == (rise, i == 0)
            found[member, snapshot["day"], type_id, side, 0] += rise
    return found


def facts_of(rules: RuleSet, types: dict[int, tuple[str, str]], tallies: dict[Key, int]) -> Any:
    """The facts of each day of one member, by a plain reading of the catalog."""
    catalog = {row.key: row for row in rules.catalog}
    points: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    gave: set[int] = set()
    per_type: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for (_, day, type_id, side, grade), n in tallies.items():
        if side != Side.RECEIVED:
            gave.add(day)
        row = catalog.get(types[type_id])
        if row is not None and row.index is not None and row.earns == side:
            per_type[day, type_id].append((_rate(rules, row, grade), n))
    for (day, type_id), rates in per_type.items():
        row = catalog[types[type_id]]
        assert row.index is not None
        room = row.daily_cap if row.daily_cap is not None else 10**18
        for rate, n in sorted(rates, reverse=True):
            taken = min(n, room)
            room -= taken
            points[day][INDICES.index(row.index)] += taken * rate
    return {
        day: Facts(day, _points(points[day]) if day in points else (0, 0, 0, 0), day in gave)
        for day in {*points, *gave}
    }


def _points(values: list[int]) -> Points:
    return (values[0], values[1], values[2], values[3])


def _rate(rules: RuleSet, row: ActionType, grade: int) -> int:
    return row.points * (rules.multipliers.get(Grade(grade), 100) if row.quality else 100)


def _counterparts(e: Evidence, member: int) -> list[Counterpart]:
    catalog = {row.key: row for row in e.rules.catalog}
    found = []
    for a in e.actions:
        row = catalog.get(e.types[a["type_id"]])
        if row is None or row.index is None or a["state"] or a["actor_id"] == a["target_id"]:
            continue
        mine, other = a["actor_id"], a["target_id"]
        if row.earns is Side.RECEIVED:
            mine, other = other, mine
        if mine != member or _rate(e.rules, row, a["grade"]) == 0:
            continue
        who = -a["day"] if row.distinct_by is DistinctBy.DAY else other
        if who is not None:
            found.append(Counterpart(a["day"], row.index, who))
    return found


def _replay(
    e: Evidence, member: int, facts: dict[int, Facts], entry: int, until: int
) -> list[State]:
    holds = [
        Hold(h["kind"], STATUSES[h["status"]], h["from_day"], h["until_day"])
        for h in e.holds
        if h["member_id"] == member
    ]
    pairs = _counterparts(e, member)
    states: list[State] = []
    for day in range(entry, until + 1):
        before = states[-1] if states else None
        today = facts.get(day, Facts(day))
        states.append(place(before, today, e.rules, holds=holds, counterparts=pairs))
    return states


def _assert_standing(
    database: Database,
    e: Evidence,
    row: dict[str, Any],
    tallies: dict[Key, int],
    now: datetime,
) -> None:
    member, today = row["member_id"], database.day(now)
    assert row["rule_set_id"] == e.rule_set_id, f"member {member} stands by other rules"
    facts = facts_of(e.rules, e.types, tallies)
    first = e.members[member]["seen_day"]
    if e.members[member]["joined_at"] is not None:
        first = min(first, database.day(e.members[member]["joined_at"]))
    tells = [day for day, f in facts.items() if f.gave or any(f.points)]
    entry = min([first, *tells])
    states = _replay(e, member, facts, entry, today)
    at = row["day"] - entry
    assert 0 <= at < len(states), f"member {member}: {entry} {row['day']} {today}"
    state, eve = states[at], states[at - 1] if at else None
    where = f"member {member} on day {row['day']}"
    assert STATUSES[row["status"]] is state.status, where
    assert row["since"] == state.since, where
    assert tuple(row[index.value] for index in INDICES) == state.points, where
    kept = unpack([(row["state"], row["recent"])])
    assert _plain(kept.now) == _fields(state), where
    if eve is None:
        assert _plain(kept.eve) == _fields_before(entry), where
    else:
        assert _plain(kept.eve) == _fields(eve), where
    recent = [
        (int(day), tuple(int(p) for p in points))
        for day, points in zip(kept.recent.day, kept.recent.points, strict=True)
    ]
    assert recent == list(state.recent), where
    holds = [
        Hold(h["kind"], STATUSES[h["status"]], h["from_day"], h["until_day"])
        for h in e.holds
        if h["member_id"] == member
    ]
    assert row["next_review_day"] == next_review_day(state, e.rules, holds), where
    if row["next_review_day"] is None or row["next_review_day"] > today:
        assert states[-1].status is state.status, f"{where}: not reviewed in time"
        assert states[-1].points == state.points, f"{where}: what came later is missing"


def _plain(states: States) -> tuple[object, ...]:
    met = tuple(None if m == NEVER else int(m) for m in states.met[0])
    last = int(states.last_given[0])
    status = int(states.status[0])
    return (
        int(states.day[0]),
        None if status < 0 else STATUSES[status],
        int(states.since[0]),
        met,
        int(states.entry[0]),
        None if last == NEVER else last,
    )


def _fields(state: State) -> tuple[object, ...]:
    return (state.day, state.status, state.since, state.met, state.entry, state.last_given)


def _fields_before(entry: int) -> tuple[object, ...]:
    return (entry - 1, None, entry, (None, None, None, None), entry, None)


def _assert_transitions(
    standings: Sequence[dict[str, Any]], transitions: Iterable[dict[str, Any]]
) -> None:
    """What was announced is a chain that ends where the member stands."""
    told: dict[int, int] = {}
    for t in transitions:
        assert t["from_status"] == told.get(t["member_id"]), f"a gap before {t}"
        assert t["from_status"] != t["to_status"], t
        told[t["member_id"]] = t["to_status"]
    for row in standings:
        assert told.get(row["member_id"]) == row["status"], row["member_id"]
