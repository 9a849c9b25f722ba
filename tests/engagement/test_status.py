"""The fold: its laws, and that its one-member and its column form are the same function."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement.columns import (
    CAUSES,
    NEVER,
    Pairs,
    States,
    by_points,
    fold,
    place_day,
    review_days,
    values_at,
)
from engagement.points import Days, compile_rules
from engagement.status import NOTHING, Counterpart, Facts, Hold, State, next_review_day, place
from engagement.words import (
    INDICES,
    STATUSES,
    Cause,
    Guards,
    Index,
    Lifecycle,
    RuleSet,
    Status,
    Threshold,
)

DEFAULT_PRECEDENCE = (
    "lock",
    "dormant",
    "contribution",
    "interaction",
    "favorability",
    "support",
    "newcomer",
    "member",
)


def rule_set(
    *,
    window: int = 10,
    enter: tuple[int, int, int, int] = (5, 4, 3, 2),
    exit_percent: int = 90,
    min_hold: int = 3,
    guards: Guards | None = None,
    lifecycle: Lifecycle | None = None,
    precedence: tuple[str, ...] = DEFAULT_PRECEDENCE,
) -> RuleSet:
    guarded = (guards or Guards(), Guards(), Guards(), Guards())
    return RuleSet(
        name="test",
        window_days=window,
        thresholds={
            index: Threshold(bar, exit_percent, min_hold, guard)
            for index, bar, guard in zip(INDICES, enter, guarded, strict=True)
        },
        lifecycle=lifecycle or Lifecycle(newcomer_days=4, dormant_after_days=8),
        precedence=precedence,
        multipliers={},
        catalog=(),
    )


guards = st.builds(
    Guards,
    distinct_members=st.none() | st.integers(1, 4),
    distinct_days=st.none() | st.integers(1, 4),
    k_of=st.integers(0, 2),
)
thresholds = st.builds(
    Threshold,
    enter=st.integers(1, 8),
    exit_percent=st.integers(10, 100),
    min_hold_days=st.integers(0, 10),
    guards=st.just(Guards()) | guards,
)
rule_sets = st.builds(
    RuleSet,
    name=st.just("test"),
    window_days=st.integers(1, 15),
    thresholds=st.fixed_dictionaries(dict.fromkeys(INDICES, thresholds)),
    lifecycle=st.builds(
        Lifecycle, newcomer_days=st.integers(0, 10), dormant_after_days=st.integers(1, 12)
    ),
    precedence=st.permutations(DEFAULT_PRECEDENCE).map(tuple),
    multipliers=st.just({}),
    catalog=st.just(()),
)
points = st.tuples(*[st.sampled_from([0, 0, 100, 150, 300])] * 4)
histories = st.dictionaries(
    st.integers(0, 40), st.builds(lambda p, g: Facts(0, p, g), points, st.booleans()), max_size=15
).map(lambda d: {day: dataclasses.replace(f, day=day) for day, f in d.items()})
#: Also several at once, overlapping ones, and such as end on the day on which they begin.
holds = st.lists(
    st.builds(
        lambda kind, status, start, length: Hold(
            kind, status, start, None if length is None else start + length
        ),
        st.sampled_from(["lock", "grace"]),
        st.sampled_from(STATUSES),
        st.integers(0, 40),
        st.none() | st.integers(0, 20),
    ),
    max_size=4,
)
pairs = st.lists(
    st.builds(Counterpart, st.integers(0, 40), st.sampled_from(INDICES), st.integers(1, 5)),
    max_size=20,
)


def met(history: dict[int, Facts], drawn: list[Counterpart]) -> list[Counterpart]:
    """Those of the counterparts with whom something was done that earned points."""
    return [
        c for c in drawn if c.day in history and history[c.day].points[INDICES.index(c.index)] > 0
    ]


def cause_of(before: State | None, after: State, facts: Facts | None, held: list[Hold]) -> Cause:
    """Why the status changed, by the words of the glossary."""
    edges = {
        hold.kind
        for hold in held
        if hold.from_day != hold.until_day and after.day in (hold.from_day, hold.until_day)
    }
    order = {status: code for code, status in enumerate(STATUSES[: len(INDICES)])}
    if "lock" in edges:
        return Cause.LOCK
    if before is None:
        return Cause.ACTION
    rose = after.status in order and order[after.status] < order.get(before.status, 9)
    if facts is not None and (rose or before.status is Status.DORMANT):
        return Cause.ACTION
    return Cause.RULE_CHANGE if "grace" in edges else Cause.DECAY


def replay(
    facts: dict[int, Facts],
    rules: RuleSet,
    until: int,
    *,
    entry: int = 0,
    holds: list[Hold] | None = None,
    counterparts: list[Counterpart] | None = None,
) -> list[State]:
    """The states of every day, placed one day at a time."""
    states: list[State] = []
    for day in range(entry, until + 1):
        states.append(
            place(
                states[-1] if states else None,
                facts.get(day, Facts(day)),
                rules,
                holds=holds or (),
                counterparts=counterparts or (),
            )
        )
    return states


def days_of(histories: list[dict[int, Facts]]) -> Days:
    rows = [(f.day, f.points, f.gave) for h in histories for _, f in sorted(h.items())]
    return Days(
        start=np.cumsum([0, *(len(h) for h in histories)]),
        day=np.array([r[0] for r in rows], np.int64),
        points=np.array([r[1] for r in rows], np.int64).reshape(-1, 4),
        gave=np.array([r[2] for r in rows], np.bool_),
    )


def pairs_of(lists: list[list[Counterpart]]) -> Pairs:
    rows = [c for one in lists for c in sorted(one, key=lambda c: c.day)]
    return Pairs(
        start=np.cumsum([0, *(len(one) for one in lists)]),
        day=np.array([c.day for c in rows], np.int64),
        index=np.array([INDICES.index(c.index) for c in rows], np.int64),
        who=np.array([c.who for c in rows], np.int64),
    )


def plain(states: States, row: int) -> tuple[object, ...]:
    """A row of columns as the fields of a State that are not its window."""
    met = tuple(None if e == NEVER else int(e) for e in states.met[row])
    last = int(states.last_given[row])
    return (
        int(states.day[row]),
        STATUSES[int(states.status[row])],
        int(states.since[row]),
        met,
        int(states.entry[row]),
        None if last == NEVER else last,
    )


def fields(state: State) -> tuple[object, ...]:
    return (
        state.day,
        state.status,
        state.since,
        state.met,
        state.entry,
        state.last_given,
    )


@pytest.mark.slow
@settings(max_examples=300)
@given(
    st.lists(st.tuples(histories, st.integers(0, 10), holds, pairs), min_size=1, max_size=4),
    rule_sets,
    st.integers(0, 45),
    st.integers(0, 45),
)
def test_columns_equal_one_member_day_by_day(community, rules, first, until):
    """Both forms agree on states, moves, values and reviews, also when stopped on the way."""
    compiled = compile_rules(rules, {})
    histories = [{d: f for d, f in h.items() if d >= entry} for h, entry, _, _ in community]
    entries = np.array([entry for _, entry, _, _ in community])
    days = days_of(histories)
    held = [(m, hold) for m, (_, _, hs, _) in enumerate(community) for hold in hs]
    people = [met(h, ps) for h, (_, _, _, ps) in zip(histories, community, strict=True)]
    who = pairs_of(people)
    one = fold(States.before(entries), days, first, compiled, holds=held, pairs=who)
    packed = States.unpack(one.states.pack())
    two = fold(packed, days, until, compiled, holds=held, pairs=who)
    moves = {
        (int(m), int(d)): (int(b), int(a), CAUSES[why])
        for part in (one.moves, two.moves)
        for m, d, b, a, why in zip(
            part.member, part.day, part.before, part.after, part.cause, strict=True
        )
    }
    end = max(first, until)
    review = review_days(two.states, days, compiled, held)
    for m, (_, entry, hs, _) in enumerate(community):
        states = replay(histories[m], rules, end, entry=entry, holds=hs, counterparts=people[m])
        if not states:
            assert two.states.status[m] == -1
            continue
        assert plain(two.states, m) == fields(states[-1])
        value = values_at(days, np.array([m]), np.array([end]), compiled)
        assert tuple(value[0].tolist()) == states[-1].points
        expected = {}
        before = None
        for state in states:
            if before is None or state.status is not before.status:
                was = -1 if before is None else STATUSES.index(before.status)
                facts = histories[m].get(state.day)
                cause = cause_of(before, state, facts, hs)
                expected[(m, state.day)] = (was, STATUSES.index(state.status), cause)
            before = state
        assert {key: move for key, move in moves.items() if key[0] == m} == expected
        future = [d for d in histories[m] if d > end]
        nothing_ahead = 2**31 - 1
        alone = next_review_day(states[-1], rules, hs)
        assert int(review[m]) == min([*future, nothing_ahead if alone is None else alone])


@pytest.mark.slow
@settings(max_examples=200)
@given(histories, rule_sets, st.integers(0, 40), holds, pairs)
def test_a_day_can_be_placed_again_from_its_window(history, rules, day, held, drawn):
    """From the eve of a day and the days of its window, as often as one likes."""
    compiled = compile_rules(rules, {})
    people = met(history, drawn)
    states = replay(history, rules, day, holds=held, counterparts=people)
    window = {d: f for d, f in history.items() if day - rules.window_days < d <= day}
    days, who = days_of([window]), pairs_of([[c for c in people if c.day in window]])
    owned = [(0, hold) for hold in held]
    eve = fold(
        States.before(np.array([0])), days_of([history]), day - 1, compiled, holds=owned,
        pairs=pairs_of([people]),
    )  # fmt: skip
    again = place_day(eve.states, days, compiled, holds=owned, pairs=who)
    assert plain(again.states, 0) == fields(states[-1])


@pytest.mark.slow
@settings(max_examples=200)
@given(histories, rule_sets, st.integers(0, 40), st.integers(0, 40), holds)
def test_by_points_no_hold_counts(history, rules, day, ahead, held):
    """Whatever was decided about a member: what their own points give them goes on behind it."""
    compiled = compile_rules(rules, {})
    days = days_of([{d: f for d, f in history.items() if d <= day}])
    start = States.before(np.array([0]))
    free = fold(start, days, day + ahead, compiled)
    now = fold(start, days, day, compiled, holds=[(0, hold) for hold in held])
    own = by_points(now.states, days, day + ahead, compiled)
    assert own.status.tolist() == free.states.status.tolist()
    assert own.met.tolist() == free.states.met.tolist()
    assert own.since[0] <= day + ahead


@pytest.mark.slow
@settings(max_examples=200)
@given(histories, rule_sets, st.integers(0, 40), holds)
def test_nothing_changes_before_the_review_day(history, rules, day, held):
    states = replay({d: f for d, f in history.items() if d <= day}, rules, 60, holds=held)
    review = next_review_day(states[day], rules, held)
    for later in states[day + 1 :]:
        if review is not None and later.day >= review:
            break
        assert (later.status, later.met) == (states[day].status, states[day].met)


@pytest.mark.slow
@settings(max_examples=200)
@given(histories, rule_sets, st.integers(0, 40), points)
def test_more_never_lowers(history, rules, day, more):
    """Points added to any day leave every later status at least as high, dormancy aside."""
    order = {Status.CONTRIBUTOR: 4, Status.CONNECTOR: 3, Status.FAN: 2, Status.SUPPORTER: 1}
    rules = dataclasses.replace(rules, precedence=DEFAULT_PRECEDENCE)
    unguarded = {i: dataclasses.replace(t, guards=Guards()) for i, t in rules.thresholds.items()}
    rules = dataclasses.replace(rules, thresholds=unguarded)
    before = history.get(day, Facts(day))
    summed = tuple(a + b for a, b in zip(before.points, more, strict=True))
    richer = {**history, day: Facts(day, summed, gave=before.gave)}
    for poor, rich in zip(replay(history, rules, 60), replay(richer, rules, 60), strict=True):
        assert order.get(rich.status, 0) >= order.get(poor.status, 0)
        assert all(b is not None for a, b in zip(poor.met, rich.met, strict=True) if a is not None)


def test_entered_at_the_bar_and_not_below():
    rules = rule_set(enter=(5, 4, 3, 2))
    assert place(None, Facts(0, (499, 0, 0, 0), True), rules).status is Status.NEWCOMER
    assert place(None, Facts(0, (500, 0, 0, 0), True), rules).status is Status.CONTRIBUTOR


def test_lost_below_the_exit_and_not_before_the_hold():
    rules = rule_set(window=2, min_hold=5, lifecycle=Lifecycle(0, 100))
    states = replay({0: Facts(0, (500, 0, 0, 0), True)}, rules, 7)
    assert [s.status for s in states[:7]] == [Status.CONTRIBUTOR] * 7
    assert states[7].status is Status.MEMBER
    kept = replay(
        {0: Facts(0, (500, 0, 0, 0), True), 6: Facts(6, (450, 0, 0, 0))},
        rule_set(window=7, min_hold=0, lifecycle=Lifecycle(0, 100)),
        8,
    )
    assert kept[8].status is Status.CONTRIBUTOR


def test_the_window_covers_exactly_its_days():
    rules = rule_set(window=3, min_hold=0, lifecycle=Lifecycle(0, 100))
    states = replay({0: Facts(0, (500, 0, 0, 0), True)}, rules, 4)
    assert [s.points[0] for s in states] == [500, 500, 500, 0, 0]


def test_dormant_wins_over_contribution_and_a_login_ends_it():
    rules = rule_set(window=30, lifecycle=Lifecycle(0, 5))
    history = {0: Facts(0, (900, 0, 0, 0), True), 7: Facts(7, NOTHING, gave=True)}
    states = replay(history, rules, 8)
    assert [s.status for s in states][4:8] == [
        Status.CONTRIBUTOR,
        Status.DORMANT,
        Status.DORMANT,
        Status.CONTRIBUTOR,
    ]
    assert states[7].since == 7


def test_guards_let_in_only_with_enough_people():
    rules = rule_set(guards=Guards(distinct_members=2, k_of=1))
    facts = Facts(0, (900, 0, 0, 0), True)
    one = [Counterpart(0, Index.CONTRIBUTION, 7), Counterpart(0, Index.CONTRIBUTION, 7)]
    two = [*one, Counterpart(0, Index.CONTRIBUTION, 8)]
    assert place(None, facts, rules, counterparts=one).status is Status.NEWCOMER
    assert place(None, facts, rules, counterparts=two).status is Status.CONTRIBUTOR


def test_fold_names_who_needs_pairs():
    rules = compile_rules(rule_set(guards=Guards(distinct_members=2, k_of=1)), {})
    days = days_of([{0: Facts(0, (900, 0, 0, 0), True)}, {0: Facts(0, (100, 0, 0, 0), True)}])
    result = fold(States.before(np.array([0, 0])), days, 3, rules)
    assert result.wants_pairs.tolist() == [True, False]


def test_people_are_not_counted_where_days_are_enough():
    guard = Guards(distinct_members=2, distinct_days=1, k_of=1)
    rules = compile_rules(rule_set(guards=guard), {})
    days = days_of([{0: Facts(0, (900, 0, 0, 0), True)}])
    result = fold(States.before(np.array([0])), days, 3, rules)
    assert result.wants_pairs.tolist() == [False]
    assert STATUSES[result.states.status[0]] is Status.CONTRIBUTOR


def test_people_are_not_counted_where_days_are_too_few():
    guard = Guards(distinct_members=2, distinct_days=2, k_of=2)
    rules = compile_rules(rule_set(guards=guard), {})
    facts = Facts(0, (900, 0, 0, 0), True)
    days = days_of([{0: facts}, {0: facts, 2: facts}])
    result = fold(States.before(np.array([0, 0])), days, 3, rules)
    assert result.wants_pairs.tolist() == [False, True]


def test_a_lock_holds_until_its_last_day():
    rules = rule_set(lifecycle=Lifecycle(0, 100))
    lock = Hold("lock", Status.FAN, 2, 4)
    states = replay({0: Facts(0, NOTHING, gave=True)}, rules, 5, holds=[lock])
    assert [s.status for s in states] == [Status.MEMBER] * 2 + [Status.FAN] * 2 + [
        Status.MEMBER
    ] * 2


def test_facts_of_another_day_are_refused():
    rules = rule_set()
    with pytest.raises(ValueError, match="day 3 cannot follow a state of day 0"):
        place(place(None, Facts(0), rules), Facts(3), rules)
