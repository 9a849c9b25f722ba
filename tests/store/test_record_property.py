"""Whatever the order, the batches and the repeats: the same tallies and the same standings."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from engagement import rules as rule_files
from engagement.words import Guards
from sources.records import CounterRecord, Direction, Record
from store import effects, rules
from store.db import Database, Write
from store.record import record
from store.refresh import refresh
from tests.store.making import DELETED, NOW, act, counted, member, post, snapshot, undo
from tests.store.recount import assert_consistent

_PEOPLE, _POSTS, _ACTIONS = 5, 5, 10
#: Days back: around today, the holds, the window's ends, and in between.
_AGES = st.sampled_from([-1, 0, 0, 0, 1, 2, 13, 14, 15, 29, 30, 59, 60, 61, 89, 90, 91, 104, 150])
_people = st.sampled_from([f"m{i}" for i in range(_PEOPLE)])
_some = st.none() | _people
_posts = st.sampled_from([f"p{i}" for i in range(_POSTS)])
_verbs = st.sampled_from(
    ["like", "thank", "answer", "comment", "ask", "best_answer", "login", "juggle"]
)
_venues = st.sampled_from(["qa", "qa", "qa", "idea"])
_times = st.builds(
    lambda age, hour: NOW - timedelta(days=age, hours=hour), _AGES, st.integers(0, 9)
)


@st.composite
def _an_action(draw: st.DrawFn, id: str) -> Record:
    actor, about, target = draw(_some), draw(st.none() | _posts), draw(_some)
    if actor is None and about is None and target is None:
        target = "m0"
    count = draw(st.integers(1, 12)) if actor is None else 1
    return act(
        id,
        actor,
        draw(_verbs),
        post=about,
        target=target,
        count=count,
        venue=draw(_venues),
        time=draw(_times),
    )


@st.composite
def _a_post(draw: st.DrawFn, i: int) -> Record:
    """At most one snapshot of each post: of two, the one that arrives later wins."""
    return post(
        f"p{i}",
        draw(_some),
        draw(st.sampled_from(["question", "answer", "comment"])),
        parent=draw(st.none() | _posts),
        root=draw(st.none() | _posts),
        state=draw(st.sampled_from([None, None, DELETED])),
        venue=draw(_venues),
        time=draw(_times),
        counts=draw(st.dictionaries(st.sampled_from(["like", "thank"]), st.integers(0, 20))),
    )


@st.composite
def _a_counter(draw: st.DrawFn) -> Record:
    return counted(
        draw(_people),
        draw(st.integers(0, 30)),
        draw(_times),
        verb=draw(st.sampled_from(["like", "best_answer"])),
        venue=draw(st.sampled_from(["qa", "site"])),
        direction=draw(st.sampled_from(Direction)),
    )


@st.composite
def _histories(draw: st.DrawFn) -> list[Record]:
    records: list[Record] = []
    records += [
        member(f"m{i}", joined=draw(_times), name=f"M{i}")
        for i in range(_PEOPLE)
        if draw(st.booleans())
    ]
    records += [draw(_a_post(i)) for i in range(_POSTS) if draw(st.booleans())]
    number = draw(st.integers(0, _ACTIONS))
    records += [draw(_an_action(f"a{i}")) for i in range(number)]
    for i in range(draw(st.integers(0, 3))):
        records.append(undo(f"u{i}", f"a{draw(st.integers(0, _ACTIONS - 1))}"))
    counters = draw(st.lists(_a_counter(), max_size=4))
    records += {_moment(one): one for one in counters}.values()
    return records


def _moment(one: Record) -> tuple[object, ...]:
    assert isinstance(one, CounterRecord)
    return (one.member, one.venue, one.verb, one.direction, one.as_of)


@st.composite
def _batched(draw: st.DrawFn) -> tuple[list[Record], list[list[Record]]]:
    """A history, and the same in batches out of order and with repeats."""
    records = draw(_histories())
    again = draw(st.lists(st.sampled_from(records), max_size=6)) if records else []
    mixed = draw(st.permutations([*records, *again]))
    cuts = sorted(draw(st.lists(st.integers(0, len(mixed)), max_size=5)))
    ends = zip([0, *cuts], [*cuts, len(mixed)], strict=True)
    return records, [mixed[low:high] for low, high in ends]


def _low_bars() -> str:
    """Rules that few actions satisfy or fail, guards included."""
    first = rule_files.default()
    thresholds = {
        index: dataclasses.replace(
            t, enter=2, guards=Guards(2, None, 1) if t.guards.distinct_members else t.guards
        )
        for index, t in first.thresholds.items()
    }
    return rule_files.dump(dataclasses.replace(first, name="low", thresholds=thresholds))


class _Low:
    """A database with the low bars in force; Hypothesis refuses to print all that it holds."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def __repr__(self) -> str:
        return "low"


@pytest.fixture
async def low(database: Database) -> _Low:
    draft = await rules.save_draft(database, _low_bars(), now=NOW)
    await rules.activate(database, draft.id, now=NOW)
    return _Low(database)


async def _empty(database: Database) -> None:
    async with database.pool.acquire() as connection:
        await connection.execute("""
            truncate member, account, post, action, alias, retraction, counter, post_count, tally,
                offer, consent, candidate, hold, standing, transition, refold
        """)


async def _both(
    database: Database, records: list[Record], batches: list[list[Record]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What comes of one call, and what of many; each held against the recount."""
    found = []
    for calls in ([records], batches):
        await _empty(database)
        for batch in calls:
            await _put(database, batch, NOW)
        await refresh(database, now=NOW)
        await assert_consistent(database, NOW)
        found.append(await snapshot(database))
        await _recount(database)
        assert (await snapshot(database))["tallies"] == found[-1]["tallies"]
    return found[0], found[1]


async def _put(database: Database, batch: list[Record], now: datetime) -> None:
    receipt = await record(database, batch, now=now)
    assert receipt.rejected == []
    assert all(counts.conflict == 0 for counts in receipt.counts.values())


async def _recount(database: Database) -> None:
    """Make all tallies anew by the statement that merging uses."""

    async def work(connection: Write) -> None:
        everybody = await connection.fetch("select id from member where merged_into is null")
        await effects.recount(connection, [row["id"] for row in everybody])

    await database.in_write(work)


@pytest.mark.slow
@settings(
    max_examples=60,
    deadline=None,
    # An example takes a second: to look for a smaller one is left to whoever debugs.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    # Each example empties the tables itself.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(drawn=_batched())
async def test_order_batches_and_repeats_do_not_matter(
    low: _Low, drawn: tuple[list[Record], list[list[Record]]]
) -> None:
    whole, parts = await _both(low.database, *drawn)
    assert whole == parts


@pytest.mark.slow
@settings(
    max_examples=60,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    drawn=_batched(),
    days=st.lists(st.integers(0, 120), min_size=1, max_size=4).map(sorted),
    seconds=st.lists(st.tuples(st.integers(-9, 9), st.booleans()), min_size=6, max_size=6),
)
async def test_no_clock_that_differs_loses_anything(
    low: _Low,
    drawn: tuple[list[Record], list[list[Record]]],
    days: list[int],
    seconds: list[tuple[int, bool]],
) -> None:
    """Days go by between the calls, and around midnight some servers are ahead and some behind."""
    database = low.database
    await _empty(database)
    midnight = NOW + timedelta(hours=12)
    latest = midnight
    for i, batch in enumerate(drawn[1]):
        day = days[min(i, len(days) - 1)]
        ahead, work = seconds[i % len(seconds)]
        now = midnight + timedelta(days=day, seconds=ahead)
        await _put(database, batch, now)
        if work:
            behind = now - timedelta(seconds=10)
            await refresh(database, now=behind)
        latest = max(latest, now)
    await refresh(database, now=latest)
    await assert_consistent(database, latest)
