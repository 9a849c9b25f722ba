"""The explanation names what decided: its reasons always agree with the fold."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement.explain import explain, not_placed
from engagement.rules import default
from engagement.status import AT_BAR, Counterpart, Facts, Hold, State, decide, place
from engagement.words import (
    INDICES,
    STATUS_OF_INDEX,
    Guards,
    Index,
    Lifecycle,
    RuleSet,
    Status,
    Threshold,
)

DAY = 20_000

states = st.builds(
    lambda met, recent, entry, given: State(
        DAY,
        Status.MEMBER,
        DAY,
        met,
        DAY - entry,
        None if given is None else DAY - min(given, entry),
        tuple(sorted(recent.items())),
    ),
    st.tuples(*[st.none() | st.just(AT_BAR) | st.integers(DAY - 20, DAY)] * 4),
    st.dictionaries(
        st.integers(DAY - 89, DAY),
        st.tuples(*[st.sampled_from([0, 100, 550, 1300])] * 4),
        max_size=6,
    ),
    st.integers(0, 200),
    st.none() | st.integers(0, 100),
)
holds = st.lists(
    st.builds(
        lambda kind, status, start, length: Hold(
            kind, status, DAY + start, None if length is None else DAY + start + length
        ),
        st.sampled_from(["lock", "grace"]),
        st.sampled_from(list(Status)),
        st.integers(-10, 10),
        st.none() | st.integers(0, 20),
    ),
    max_size=2,
)


def rules_with(precedence: tuple[str, ...]) -> RuleSet:
    return replace(default(), precedence=precedence, catalog=())


# Words, not rule sets: hypothesis prints what it tries.
precedences = st.just(default().precedence) | st.permutations(default().precedence).map(tuple)


def consistent(state: State, rules: RuleSet) -> State:
    """The state as a fold could leave it: at the bar exactly where the points reach it."""
    met = []
    for i, index in enumerate(INDICES):
        reached = state.points[i] >= rules.thresholds[index].enter_x100
        before = state.met[i]
        if before is None:
            # Only a guard keeps out somebody whose points reach the bar.
            met.append(AT_BAR if reached and not rules.thresholds[index].guards.k_of else None)
        else:
            met.append(AT_BAR if reached else min(before, DAY))
    return replace(state, met=(met[0], met[1], met[2], met[3]))


@pytest.mark.slow
@settings(max_examples=300)
@given(states, precedences, holds)
def test_the_first_reason_is_the_one_that_decided(
    state: State, words: tuple[str, ...], held: list[Hold]
) -> None:
    rules = rules_with(words)
    state = consistent(state, rules)
    state = replace(state, status=decide(state, rules, held))
    standing = explain(state, rules, holds=held)
    (reason,) = standing.because
    assert standing.status is state.status
    if reason.index is not None:
        assert STATUS_OF_INDEX[reason.index] is state.status
        assert reason.actual is not None and reason.needed is not None
        met = state.met[INDICES.index(reason.index)]
        assert (reason.code == "points") == (met == AT_BAR)
        assert met != AT_BAR or reason.actual >= reason.needed
    elif reason.code in {"dormant", "newcomer", "member"}:
        assert Status(reason.code) is state.status
    if reason.code == "dormant":
        assert reason.actual is not None and reason.needed is not None
        assert reason.actual >= reason.needed
    assert reason.text_en and reason.text_ja


@pytest.mark.slow
@settings(max_examples=300)
@given(states, precedences, holds)
def test_who_gets_what_is_missing_reaches_the_next_status(
    state: State, words: tuple[str, ...], held: list[Hold]
) -> None:
    rules = rules_with(words)
    state = consistent(state, rules)
    state = replace(state, status=decide(state, rules, held))
    step = explain(state, rules, holds=held).next
    if step is None:
        return
    if step.target is None:
        after = replace(state, last_given=DAY)
    else:
        i = INDICES.index(step.target.index)
        met = list(state.met)
        met[i] = AT_BAR
        after = replace(state, met=(met[0], met[1], met[2], met[3]), last_given=DAY)
        assert step.missing_x100 == max(
            0, rules.thresholds[step.target.index].enter_x100 - state.points[i]
        )
    if "dormant" in rules.precedence[: rules.precedence.index("lock")]:
        return  # A lock after dormancy shows itself only once they are back.
    assert decide(after, rules, held) is step.status


guards = st.sampled_from(
    [Guards(), Guards(3, None, 1), Guards(None, 2, 1), Guards(3, 2, 1), Guards(3, 2, 2)]
)
days = st.lists(
    st.tuples(
        st.tuples(*[st.sampled_from([0, 0, 100, 500])] * 4),
        st.lists(st.tuples(st.sampled_from(INDICES), st.integers(1, 5)), max_size=4),
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.slow
@settings(max_examples=300)
@given(days, st.tuples(*[guards] * 4))
def test_nothing_is_missing_exactly_where_the_index_is_entered(
    history: list[tuple[tuple[int, int, int, int], list[tuple[Index, int]]]],
    asked: tuple[Guards, ...],
) -> None:
    thresholds = {
        index: Threshold(6, 90, 0, guard) for index, guard in zip(INDICES, asked, strict=True)
    }
    rules = replace(rules_with(default().precedence), window_days=4, thresholds=thresholds)
    state: State | None = None
    met: tuple[int | None, ...] = ()
    with_whom: list[Counterpart] = []
    for day, (earned, dealings) in enumerate(history, DAY):
        # Whoever is dealt with earns points: nobody is counted for an index without any.
        with_whom += [
            Counterpart(day, index, who)
            for index, who in dealings
            if earned[INDICES.index(index)] > 0
        ]
        met = state.met if state else (None,) * 4
        state = place(state, Facts(day, earned, True), rules, counterparts=with_whom)
    assert state is not None
    people = {
        index: len({c.who for c in with_whom if c.index is index and c.day > state.day - 4})
        for index in INDICES
    }
    bare = explain(state, rules)
    standing = bare.with_people(people)
    for i, one in enumerate(standing.indices):
        if met[i] is None:
            nothing = one.missing_x100 == 0 and one.guards_missing == 0
            assert nothing == (state.met[i] == AT_BAR)
        # What was known without counting was right.
        for known, counted in zip(bare.indices[i].guards, one.guards, strict=True):
            assert known.have in (None, counted.have)
    step = standing.next
    if step is not None and step.target is not None:
        assert step.target in standing.indices
        assert step.missing_x100 or step.guards
        assert len(step.guards) >= step.guards_needed
        assert not any(guard.holds for guard in step.guards)
        assert bool(step.guards) == bool(step.guards_needed)
        if not bare.next or not bare.next.asks_people:
            assert bare.next is not None
            assert bare.next.text() == step.text()
        en, ja = step.text()
        assert ("either" in en) == ("いずれか" in ja) == (len(step.guards) > step.guards_needed)
        assert ("different people" in en) == any(g.name == "distinct_members" for g in step.guards)
        assert ("different days" in en) == any(g.name == "distinct_days" for g in step.guards)
        assert ("more" in en) == ("あと" in ja) == (step.missing_x100 > 0)


def test_a_manager_understands_it() -> None:
    state = State(
        day=20_090,
        status=Status.CONTRIBUTOR,
        since=20_088,
        met=(AT_BAR, None, None, None),
        entry=20_000,
        last_given=20_090,
        recent=((20_088, (1300, 0, 0, 0)), (20_090, (300, 250, 0, 0))),
    )
    standing = explain(state, default())
    (reason,) = standing.because
    assert reason.text_en == (
        "Contributor since 31 Dec 2024: 16 contribution points in the last 90 days, 12 needed"
    )
    assert reason.text_ja == "2024年12月31日から「貢献」: 直近90日間の貢献度は16点(必要12点)"
    assert standing.next is None
    assert standing.indices[1].missing_x100 == 950


def test_a_supporter_is_shown_the_way_to_fan() -> None:
    state = State(
        20_090,
        Status.SUPPORTER,
        20_090,
        (None, None, None, AT_BAR),
        20_000,
        20_090,
        ((20_090, (0, 0, 250, 1000)),),
    )
    step = explain(state, default()).next
    assert step is not None
    assert (step.status, step.missing_x100) == (Status.FAN, 350)
    assert step.text() == (
        "A fan needs 3.5 more favorability points within 90 days",
        "「好意」になるには、90日間で好意度があと3.5点必要",
    )


def test_points_without_enough_people_say_who_is_missing() -> None:
    state = State(
        20_090,
        Status.CONNECTOR,
        20_090,
        (None, AT_BAR, None, None),
        20_000,
        20_090,
        ((20_090, (1300, 1300, 0, 0)),),
    )
    # Between connector and contributor stands nothing: the step is contribution.
    bare = explain(state, default())
    assert bare.next is not None and bare.next.asks_people
    step = bare.with_people({Index.CONTRIBUTION: 1}).next
    assert step is not None
    assert (step.status, step.missing_x100, step.guards_needed) == (Status.CONTRIBUTOR, 0, 2)
    assert [(g.name, g.have, g.need) for g in step.guards] == [
        ("distinct_members", 1, 3),
        ("distinct_days", 1, 2),
    ]
    assert step.text() == (
        (
            "A contributor needs, beside the points already there, dealings with 3 different "
            "people (1 so far; what is addressed to nobody counts as one a day) and points on 2 "
            "different days (1 so far) within 90 days"
        ),
        (
            "「貢献」になるには、点数は足りており、ほかに90日間で異なる3人とのやりとり"
            "(現在1人。相手のいない行動は1日を1人と数える)と異なる2日での得点(現在1日)の両方が必要"
        ),
    )
    # What is there already is not asked for.
    step = bare.with_people({Index.CONTRIBUTION: 3}).next
    assert step is not None
    assert step.text()[0] == (
        "A contributor needs, beside the points already there, points on 2 different days "
        "(1 so far) within 90 days"
    )


def test_of_alternatives_it_says_that_they_are() -> None:
    state = State(
        20_090,
        Status.FAN,
        20_090,
        (None, None, AT_BAR, None),
        20_000,
        20_090,
        ((20_089, (0, 500, 0, 0)), (20_090, (0, 500, 600, 0))),
    )
    standing = explain(state, default())
    step = standing.with_people({Index.INTERACTION: 1}).next
    assert step is not None
    assert (step.status, step.missing_x100, step.guards_needed) == (Status.CONNECTOR, 200, 1)
    assert step.text() == (
        (
            "A connector needs 2 more interaction points within 90 days, and either dealings with "
            "3 different people (1 so far; what is addressed to nobody counts as one a day) or "
            "points on 3 different days (2 so far)"
        ),
        (
            "「交流」になるには、90日間で交流度があと2点、さらに異なる3人とのやりとり"
            "(現在1人。相手のいない行動は1日を1人と数える)または異なる3日での得点(現在2日)の"
            "いずれかが必要"
        ),
    )
    # One of them is enough: then neither is asked for.
    step = standing.with_people({Index.INTERACTION: 3}).next
    assert step is not None
    assert (step.guards, step.guards_needed) == ((), 0)
    assert step.text() == (
        "A connector needs 2 more interaction points within 90 days",
        "「交流」になるには、90日間で交流度があと2点必要",
    )


def test_the_dormant_are_asked_back_and_the_locked_nothing() -> None:
    rules = replace(default(), lifecycle=Lifecycle())
    silent = State(20_090, Status.DORMANT, 20_080, (None,) * 4, 20_000, 20_010, ())
    standing = explain(silent, rules)
    assert standing.because[0].text_en == (
        "Dormant since 23 Dec 2024: nothing done for 80 days, dormant after 60"
    )
    assert standing.next is not None and standing.next.status is Status.MEMBER
    assert standing.next.text() == (
        "Any one action, a log-in included, ends the dormancy; member comes next",
        "何か一つ行動すれば(ログインだけでもよい)休眠が終わり、「一般」になる",
    )
    locked = Hold("lock", Status.FAN, 20_000, 20_100)
    standing = explain(replace(silent, status=Status.FAN), rules, holds=[locked])
    assert standing.because[0].code == "lock"
    assert locked.applies(20_099) and not locked.applies(20_100)
    assert standing.because[0].text_en.endswith(
        "set by the community's managers until the end of 11 Jan 2025"
    )
    assert standing.because[0].text_ja.endswith("運営が2025年1月11日まで設定")
    assert standing.next is None


def test_a_hold_after_falling_below_the_bar_says_until_when() -> None:
    state = State(
        20_090,
        Status.CONTRIBUTOR,
        20_000,
        (20_085, None, None, None),
        20_000,
        20_090,
        ((20_090, (900, 0, 0, 0)),),
    )
    standing = explain(state, default())
    last = standing.indices[0].kept_until_day
    assert last is not None
    while state.day < last:
        state = place(state, Facts(state.day + 1), default())
    assert state.met[0] is not None
    assert place(state, Facts(last + 1), default()).met[0] is None
    assert standing.because[0].text_en.endswith(
        "(12 needed to enter, 10.8 to stay); "
        "contribution counts as met until the end of 10 Jan 2025 at least"
    )
    assert standing.because[0].text_ja.endswith(
        "(到達に12点、維持に10.8点)。少なくとも2025年1月10日までは到達扱い"
    )


def test_a_grace_says_until_when() -> None:
    state = State(20_090, Status.SUPPORTER, 20_000, (None, None, None, None), 20_000, 20_090, ())
    graces = [
        Hold("grace", Status.SUPPORTER, 20_089, 20_103),
        Hold("grace", Status.SUPPORTER, 20_085, 20_099),
    ]
    reason = explain(state, default(), holds=graces).because[0]
    assert reason.code == "grace"
    assert reason.text_en.endswith(
        "0 support points in the last 90 days, 10 needed; "
        "support counts as met until the end of 14 Jan 2025 because the rules changed"
    )
    assert reason.text_ja.endswith("ルール変更に伴う猶予により2025年1月14日まで到達扱い")


def test_one_on_whom_no_fold_has_worked_is_a_member_not_yet_placed() -> None:
    standing = not_placed(20_090, default())
    assert (standing.status, standing.since, standing.next) == (Status.MEMBER, None, None)
    assert standing.because[0].code == "not_placed"


def test_a_fold_is_explained_as_it_stands() -> None:
    state = place(None, Facts(20_000, (0, 0, 0, 1000), True), default())
    assert explain(state, default()).because[0].text_en == (
        "Supporter since 4 Oct 2024: 10 support points in the last 90 days, 10 needed"
    )
