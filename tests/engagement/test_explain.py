"""The explanation names what decided: its reasons always agree with the fold."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from engagement.explain import blocked, explain, not_placed
from engagement.rules import default
from engagement.status import AT_BAR, Facts, Hold, State, decide, place
from engagement.words import INDICES, STATUS_OF_INDEX, Index, Lifecycle, RuleSet, Status

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
    if step.index is None:
        after = replace(state, last_given=DAY)
    else:
        i = INDICES.index(step.index)
        met = list(state.met)
        met[i] = AT_BAR
        after = replace(state, met=(met[0], met[1], met[2], met[3]), last_given=DAY)
        assert step.missing_x100 == max(
            0, rules.thresholds[step.index].enter_x100 - state.points[i]
        )
    if "dormant" in rules.precedence[: rules.precedence.index("lock")]:
        return  # A lock after dormancy shows itself only once they are back.
    assert decide(after, rules, held) is step.status


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
        "Contributor since 2024-12-31: 16 contribution points in the last 90 days, 12 needed"
    )
    assert reason.text_ja == ("2024-12-31から「貢献」: 直近90日間の貢献度は16点(必要12点)")
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
    assert step.text_en == "A fan needs 3.5 more favorability points within 90 days"
    assert step.text_ja == "「好意」まで: 好意度あと3.5点(90日間で)"


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
    assert blocked(state, default()) == (Index.CONTRIBUTION,)
    # Between connector and contributor stands nothing: the step is contribution.
    step = explain(state, default(), distinct={Index.CONTRIBUTION: 1}).next
    assert step is not None
    assert (step.status, step.missing_x100) == (Status.CONTRIBUTOR, 0)
    assert [(g.name, g.have, g.need) for g in step.guards] == [
        ("distinct_members", 1, 3),
        ("distinct_days", 1, 2),
    ]
    assert step.text_en == (
        "A contributor needs with 3 different members (1 so far), on 2 different days (1 so far) "
        "within 90 days"
    )


def test_the_dormant_are_asked_back_and_the_locked_nothing() -> None:
    rules = replace(default(), lifecycle=Lifecycle())
    silent = State(20_090, Status.DORMANT, 20_080, (None,) * 4, 20_000, 20_010, ())
    standing = explain(silent, rules)
    assert standing.because[0].text_en == (
        "Dormant since 2024-12-23: nothing done for 80 days, dormant after 60"
    )
    assert standing.next is not None and standing.next.status is Status.MEMBER
    locked = Hold("lock", Status.FAN, 20_000, 20_100)
    standing = explain(replace(silent, status=Status.FAN), rules, holds=[locked])
    assert standing.because[0].code == "lock"
    assert standing.because[0].text_en.endswith("locked by a manager until 2025-01-12")
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
    assert standing.indices[0].kept_until_day == 20_085 + 14
    assert standing.because[0].text_en.endswith(
        "(12 needed to enter, 10.8 to stay); kept until 2025-01-11 at least"
    )


def test_one_on_whom_no_fold_has_worked_is_a_member_not_yet_placed() -> None:
    standing = not_placed(20_090, default())
    assert (standing.status, standing.since, standing.next) == (Status.MEMBER, None, None)
    assert standing.because[0].code == "not_placed"


def test_a_fold_is_explained_as_it_stands() -> None:
    state = place(None, Facts(20_000, (0, 0, 0, 1000), True), default())
    assert explain(state, default()).because[0].text_en == (
        "Supporter since 2024-10-04: 10 support points in the last 90 days, 10 needed"
    )
