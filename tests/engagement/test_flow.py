"""Flows, edges, stays, stagnation: counted member by member and day by day, they are the same."""

from __future__ import annotations

from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from engagement.columns import NOBODY
from engagement.flow import cohort_flows, edges, flows, stagnation, stays
from engagement.words import STATUSES, Status
from tests.engagement.lives import (
    UNTIL,
    Life,
    communities,
    decided,
    history_of,
    periods_of,
    spelled,
)
from tests.textbook import HEIGHT, LETTERS

_days = st.integers(-1, UNTIL)


def _height(status: int) -> int:
    return HEIGHT[LETTERS[status]]


@given(decided(), _days, _days)
def test_a_flow_counts_everybody_by_where_they_stood_before_and_after(community, one, other):
    own, placed = community
    since, day = sorted((one, other))
    expected: dict[int, Counter[str]] = defaultdict(Counter)
    for points, here in zip(own, placed, strict=True):
        was, now = here.on(since), here.on(day)
        if now == NOBODY:
            continue
        locked = (points.on(since), points.on(day)) != (was, now)
        expected[now]["count"] += 1
        expected[was]["before"] += 1
        if was == NOBODY:
            expected[now].update(came=1, joined=1)
        elif was == now:
            expected[now]["held"] += 1
        else:
            rise = _height(now) - _height(was)
            why = "promoted" if rise > 0 else "fallen" if rise < 0 else "aged"
            expected[was].update({"out": 1, "decided_out" if locked else why: 1})
            expected[now].update({"came": 1, "decided_in": int(locked)})
    found = flows(history_of(own, placed), since, day)
    assert [flow.status for flow in found] == list(STATUSES)
    for code, flow in enumerate(found):
        names = ("before", "came", "joined", "decided_in", "out", "promoted", "fallen", "aged")
        for name in (*names, "decided_out", "held", "count"):
            assert getattr(flow, name) == expected[code][name], (flow.status, name)
        assert flow.before + flow.came - flow.out == flow.count
        assert flow.before - flow.out == flow.held
        assert flow.promoted + flow.fallen + flow.aged + flow.decided_out == flow.out
        assert flow.net == flow.count - flow.before
    here_then, here_now = (sum(one.on(at) != NOBODY for one in own) for at in (since, day))
    assert sum(flow.before for flow in found) == here_then
    assert sum(flow.count for flow in found) == here_now
    assert sum(flow.net for flow in found) == here_now - here_then


@given(decided(), _days, _days, st.integers(1, 20))
def test_the_flows_of_cohorts_are_those_of_communities_without_the_others(
    community, one, other, length
):
    own, placed = community
    since, day = sorted((one, other))
    months = [(first, first + length - 1) for first in range(0, UNTIL + 1, length)]
    found = cohort_flows(history_of(own, placed), since, day, months)
    for cohort, (first, last) in zip(found, months, strict=True):
        those = [n for n, one in enumerate(placed) if first <= one.entry <= last]
        alone = flows(history_of([own[n] for n in those], [placed[n] for n in those]), since, day)
        assert (cohort.first, cohort.last) == (first, last)
        assert cohort.tiers == tuple(flow.count for flow in alone)
        for name in ("joined", "promoted", "fallen", "aged", "held"):
            assert getattr(cohort, name) == sum(getattr(flow, name) for flow in alone), name
        assert cohort.decided == sum(flow.decided_out for flow in alone)
        moved = cohort.promoted + cohort.fallen + cohort.aged + cohort.decided
        assert cohort.joined + moved + cohort.held == cohort.count


@given(communities, _days, _days)
def test_edges_are_all_moves_of_those_days(community, one, other):
    first, last = sorted((one, other))
    moves, who = Counter[tuple[int, int]](), defaultdict[tuple[int, int], set[int]](set)
    earlier = Counter[tuple[int, int]]()
    length = last - first + 1
    for number, life in enumerate(community):
        for day in range(first - length, last + 1):
            kind = (life.on(day - 1), life.on(day))
            if kind[0] in {NOBODY, kind[1]}:
                continue
            if day < first:
                earlier[kind] += 1
                continue
            moves[kind] += 1
            who[kind].add(number)
    found = edges(periods_of(community), first, last)
    told = {
        (STATUSES.index(edge.before), STATUSES.index(edge.after)): (
            edge.moves,
            edge.members,
            edge.moves_before,
        )
        for edge in found
    }
    assert told == {
        kind: (moves[kind], len(who[kind]), earlier[kind]) for kind in moves.keys() | earlier.keys()
    }
    assert len(found) == len(told)
    assert [edge.moves for edge in found] == sorted((edge.moves for edge in found), reverse=True)


def _left_by(community: list[Life], status: int) -> list[tuple[int, float]]:
    """The share of stays that go on after so many days, from what was seen of each on each day.

    On its n-th day a stay can be seen to end only where that day is known.
    """
    at_risk, ends = Counter[int](), Counter[int]()
    for one in community:
        for start, what in one.runs():
            if what != status:
                continue
            for day in range(start + 1, UNTIL + 1):
                at_risk[day - start] += 1
                if one.on(day) != status:
                    ends[day - start] += 1
                    break
    share, found = 1.0, []
    for days in sorted(at_risk):
        share *= 1 - ends[days] / at_risk[days]
        found.append((days, share))
    return found


@given(communities)
def test_stays_last_as_the_days_say_on_which_they_were_seen(community):
    for code, stay in enumerate(stays(periods_of(community), UNTIL)):
        runs = [(one, start) for one in community for start, what in one.runs() if what == code]
        assert stay.stays == len(runs)
        ended = [start for one, start in runs if any(one.on(d) != code for d in range(start, 46))]
        assert stay.ended == len(ended)
        left = _left_by(community, code)
        for part, found in ((0.25, stay.quarter), (0.5, stay.median), (0.75, stay.three_quarters)):
            expected = next((days for days, share in left if 1 - share >= part - 1e-9), None)
            assert found.value == expected


@given(decided(), st.dictionaries(st.sampled_from(STATUSES), st.integers(1, 30)))
def test_who_stagnates_has_had_one_status_on_more_days_than_its_limit(community, limits):
    own, placed = community
    here = [(i, one) for i, one in enumerate(placed) if one.on(UNTIL) != NOBODY]
    days = {}
    for i, one in here:
        n = 0
        while one.on(UNTIL - n) == one.on(UNTIL):
            n += 1
        days[i] = n
    found = stagnation(history_of(own, placed), limits)
    for code, row in enumerate(found):
        those = [i for i, one in here if one.on(UNTIL) == code]
        assert (row.status, row.members) == (STATUSES[code], len(those))
        assert row.limit == limits.get(row.status)
        over = [i for i in those if row.limit is not None and days[i] > row.limit]
        assert sorted(row.over.tolist()) == over
        lengths = [days[i] for i in row.over.tolist()]
        assert lengths == sorted(lengths, reverse=True)
        if not those:
            assert row.median is None
            continue
        ordered = sorted(days[i] for i in those)
        middle = len(ordered) // 2
        assert row.median == (ordered[middle] + ordered[-middle - 1]) / 2
    assert sum(row.members for row in found) == len(own)


def test_nobody_flows_nowhere():
    nobody = history_of([])
    assert all(flow.count == flow.before == 0 for flow in flows(nobody, 3, 9))
    assert edges(nobody.own, 0, UNTIL) == ()
    assert all(stay.stays == 0 and stay.median.value is None for stay in stays(nobody.own, UNTIL))
    assert all(row.members == 0 for row in stagnation(nobody, {Status.MEMBER: 3}))


def test_a_lock_is_neither_up_nor_down():
    own = [spelled("NNNNMMMM")]
    placed = [spelled("NNCCCCMM")]
    history = history_of(own, placed)
    up, down = flows(history, 1, 3), flows(history, 5, 7)
    assert (up[4].out, up[4].promoted, up[4].decided_out, up[0].decided_in) == (1, 0, 1, 1)
    assert (down[0].out, down[0].fallen, down[0].decided_out, down[6].decided_in) == (1, 0, 1, 1)
    aged = flows(history, 1, 7)
    assert (aged[4].aged, aged[4].decided_out) == (1, 0)
    assert [(edge.before, edge.after) for edge in edges(history.own, 0, UNTIL)] == [
        (Status.NEWCOMER, Status.MEMBER)
    ]


def test_a_stay_of_which_the_next_day_is_unknown_was_not_seen_to_go_on():
    over, open_ = spelled("SSSF"), spelled("SSS", entry=UNTIL - 2)
    # Of the second nobody saw the fourth day: all that were seen on it had left.
    stay = stays(periods_of([over, open_]), UNTIL)[3]
    assert (stay.stays, stay.ended, stay.three_quarters.value) == (2, 1, 3)
    # A day more, and half are left.
    longer = spelled("SSSS", entry=UNTIL - 3)
    stay = stays(periods_of([over, longer]), UNTIL)[3]
    assert (stay.median.value, stay.three_quarters.value) == (3, None)
