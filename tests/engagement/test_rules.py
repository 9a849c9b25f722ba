"""Rule sets as TOML: reading, writing, comparing, and the mistakes that are told."""

from __future__ import annotations

import dataclasses
import re
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engagement.rules import RuleErrors, checksum, default, diff, dump, load
from engagement.toml_file import Mistake
from engagement.words import (
    INDICES,
    PRECEDENCE_WORDS,
    ActionType,
    DistinctBy,
    Grade,
    Guards,
    Index,
    Lifecycle,
    RuleSet,
    Side,
    Threshold,
)

SMALL = """\
name = "small"
window_days = 30
precedence = ["lock", "dormant", "contribution", "interaction",
              "favorability", "support",
              "newcomer", "member"]

[thresholds]
contribution = { enter = 3 }
interaction = { enter = 3, exit_ratio = 0.5, min_hold_days = 0 }
favorability = { enter = 3 }

[thresholds.support]
enter = 3
[thresholds.support.guards]
distinct_members = 2

[multipliers]
none = 100
solves = 100
partial = 50
impression = 0
off = 0
unsure = 100

[[actions]]
venue = "qa"
verb = "answer"
index = "contribution"
points = 3
quality = true
en = "Answer"
ja = "回答"
reason = "Resolves a doubt."

[[actions]]  # the second
venue = "qa"
verb = "comment"
index = "interaction"
points = 1
en = "Comment"
ja = "コメント"
reason = "Talk."

[[actions]]
venue = "company_blog"
verb = "like"
index = "favorability"
points = 1
daily_cap = 10
en = "Like"
ja = "いいね"
reason = "Warmth."

[[actions]]
venue = "qa"
verb = "like"
index = "support"
points = 1
en = "Like"
ja = "いいね"
reason = "A click."
"""


def mistakes(text: str) -> list[tuple[int, str, str]]:
    """(line, place, message) of each mistake; fails when there is none."""
    with pytest.raises(RuleErrors) as caught:
        load(text)
    return [(m.line, m.place, m.message) for m in caught.value.mistakes]


def changed(old: str, new: str) -> str:
    """SMALL with one place changed; fails when the place is not there exactly once."""
    assert SMALL.count(old) == 1, old
    return SMALL.replace(old, new)


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


# --- writing and comparing ---------------------------------------------------------------------

_words = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
_labels = st.text(
    st.characters(exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=20
).filter(str.strip)


@st.composite
def _rows(draw: st.DrawFn) -> ActionType:
    index = draw(st.sampled_from([*Index, None]))
    return ActionType(
        venue=draw(_words),
        verb=draw(_words),
        index=index,
        earns=draw(st.sampled_from([Side.GIVEN, Side.RECEIVED])),
        points=draw(st.integers(1, 1000)) if index else 0,
        daily_cap=draw(st.none() | st.integers(1, 1000)),
        distinct_by=draw(st.sampled_from(DistinctBy)),
        quality=draw(st.booleans()),
        en=draw(_labels),
        ja=draw(_labels),
        reason=draw(_labels),
    )


@st.composite
def _guards(draw: st.DrawFn, window: int) -> Guards:
    members = draw(st.none() | st.integers(1, 1000))
    days = draw(st.none() | st.integers(1, window))
    there = (members is not None) + (days is not None)
    return Guards(members, days, draw(st.integers(1, there)) if there else 0)


@st.composite
def _rule_sets(draw: st.DrawFn) -> RuleSet:
    window = draw(st.integers(1, 730))
    newcomer = draw(st.integers(0, 730))
    off, impression, partial, solves = sorted(draw(st.tuples(*[st.integers(0, 200)] * 4)))
    grades = (draw(st.integers(0, 200)), solves, partial, impression, off, 100)
    words = draw(st.permutations(sorted(PRECEDENCE_WORDS - {"member"})))
    # One uncapped row per index keeps every threshold reachable.
    base = [
        ActionType("base", i.value, i, Side.GIVEN, 1, None, DistinctBy.MEMBER, False, "x", "x", "x")
        for i in INDICES
    ]
    rows = draw(st.lists(_rows(), max_size=6, unique_by=lambda row: row.key))
    return RuleSet(
        name=draw(_labels),
        window_days=window,
        thresholds={
            index: Threshold(
                draw(st.integers(1, 100_000)),
                draw(st.integers(1, 100)),
                draw(st.integers(0, 730)),
                draw(_guards(window)),
            )
            for index in INDICES
        },
        lifecycle=Lifecycle(
            newcomer, draw(st.integers(max(1, newcomer), 730)), draw(st.integers(0, 730))
        ),
        precedence=(*words, "member"),
        multipliers=dict(zip(Grade, grades, strict=True)),
        catalog=tuple(base + [row for row in rows if row.venue != "base"]),
    )


@pytest.mark.slow
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(_rule_sets())
def test_what_is_written_is_read_back(rules: RuleSet) -> None:
    assert load(dump(rules)) == rules


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(_rule_sets(), _rule_sets(), st.randoms(use_true_random=False))
def test_checksums_are_equal_exactly_when_nothing_differs(
    a: RuleSet, b: RuleSet, random: Random
) -> None:
    assert (checksum(a) == checksum(b)) == (diff(a, b) == ())
    rows = list(a.catalog)
    random.shuffle(rows)
    shuffled = dataclasses.replace(a, catalog=tuple(rows))
    assert checksum(shuffled) == checksum(a)
    assert diff(a, shuffled) == ()


def test_every_exit_percent_survives_the_decimal() -> None:
    rules = load(SMALL)
    for percent in range(1, 101):
        thresholds = {**rules.thresholds, Index.SUPPORT: Threshold(3, percent)}
        rules = dataclasses.replace(rules, thresholds=thresholds)
        assert load(dump(rules)).thresholds[Index.SUPPORT].exit_percent == percent


def test_default_survives_the_round_trip() -> None:
    assert load(dump(default())) == default()
    assert re.fullmatch("[0-9a-f]{64}", checksum(default()))
    # Comments and keys that say what an absent key says do not change what a rule set is.
    assert checksum(load(SMALL)) == checksum(load("# mine\n" + SMALL))
    assert checksum(load(SMALL)) == checksum(
        load(changed("window_days = 30", "window_days = 30\nlifecycle.newcomer_days = 30"))
    )


def test_diff_names_each_setting_and_row() -> None:
    before = load(SMALL)
    text = changed("enter = 3, exit_ratio = 0.5", "enter = 4, exit_ratio = 0.5")
    text = text.replace("distinct_members = 2", "distinct_members = 2\ndistinct_days = 3\nk_of = 1")
    text = text.replace("daily_cap = 10\n", "daily_cap = 5\n")
    text = text.replace('verb = "comment"', 'verb = "remark"')
    assert [str(change) for change in diff(before, load(text))] == [
        "~ thresholds.interaction.enter: 3 -> 4",
        "+ thresholds.support.guards.distinct_days: 3",
        "- actions qa comment: Comment (index interaction, points 1, daily_cap none, earns given)",
        "~ actions company_blog like daily_cap: 10 -> 5",
        "+ actions qa remark: Comment (index interaction, points 1, daily_cap none, earns given)",
    ]
    assert diff(before, before) == ()


# --- mistakes ----------------------------------------------------------------------------------


def test_small_is_right() -> None:
    rules = load(SMALL)
    assert rules.lifecycle == Lifecycle()
    assert rules.thresholds[Index.INTERACTION] == Threshold(3, 50, 0)
    assert rules.thresholds[Index.SUPPORT].guards == Guards(2, None, 1)


@pytest.mark.parametrize(
    ("old", "new", "place", "part", "message"),
    [
        ("window_days = 30", "window_days = 0", "window_days", "window_days", "from 1 to 730"),
        ("window_days = 30", "window_days = 731", "window_days", "window_days", "from 1 to 730"),
        ("window_days = 30", "window_days = true", "window_days", "window_days", "is true"),
        ("window_days = 30", "windowdays = 30", "windowdays", "windowdays", "'window_days'?"),
        ("window_days = 30", 'window_days = "30"', "window_days", "window_days", "is '30'"),
        ('name = "small"', 'name = " "', "name", "name", "is empty"),
        ('name = "small"', 'name = "a\\u0007b"', "name", "name", "control characters"),
        ('ja = "回答"', 'ja = ""', "actions[0].ja", "ja = ", "is empty"),
        ('en = "Answer"', "en = 7", "actions[0].en", "en = ", "in quotes"),
        ('reason = "Talk."', "reasn = 1", "actions[1].reasn", "reasn", "'reason'?"),
        ('"newcomer", "member"', '"newcomr", "member"', "precedence[6]", '"newcomr', "'newcomer'?"),
        ('"newcomer", "member"', '"support", "member"', "precedence[6]", '"support", "m', "again"),
        ('"newcomer", "member"', '"member"', "precedence", "precedence", "lacks newcomer"),
        ('"newcomer", "member"', '"member", "newcomer"', "precedence", "precedence", "at the end"),
        (
            "exit_ratio = 0.5",
            "exit_ratio = 0.905",
            "thresholds.interaction.exit_ratio",
            "interaction = {",
            "",
        ),
        (
            "exit_ratio = 0.5",
            "exit_ratio = 1.5",
            "thresholds.interaction.exit_ratio",
            "interaction = {",
            "",
        ),
        (
            "exit_ratio = 0.5",
            "exit_ratio = 0",
            "thresholds.interaction.exit_ratio",
            "interaction = {",
            "",
        ),
        (
            "exit_ratio = 0.5",
            "exit_ratio = nan",
            "thresholds.interaction.exit_ratio",
            "interaction = {",
            "",
        ),
        (
            "exit_ratio = 0.5",
            "exit_ratio = -inf",
            "thresholds.interaction.exit_ratio",
            "interaction = {",
            "",
        ),
        (
            "exit_ratio = 0.5",
            "exit_ratio = 90",
            "thresholds.interaction.exit_ratio",
            "interaction = {",
            "0.9",
        ),
        ("partial = 50", "partial = 101", "multipliers.partial", "partial", "better grade"),
        ("partial = 50", "partial = 50.0", "multipliers.partial", "partial", "whole number"),
        (
            "distinct_members = 2",
            "distinct_members = 2\nk_of = 2",
            "thresholds.support.guards.k_of",
            "k_of",
            "at most 1",
        ),
        (
            "distinct_members = 2",
            "k_of = 1",
            "thresholds.support.guards.k_of",
            "k_of",
            "distinct_days beside it",
        ),
        (
            "distinct_members = 2",
            "distinct_days = 31",
            "thresholds.support.guards.distinct_days",
            "distinct_days",
            "at most window_days (30)",
        ),
        ("daily_cap = 10", "daily_cap = 0", "actions[2].daily_cap", "daily_cap", "1 to 1000"),
        ("daily_cap = 10", 'earns = "taken"', "actions[2].earns", "earns", "given, received"),
        (
            "daily_cap = 10",
            'distinct_by = "days"',
            "actions[2].distinct_by",
            "distinct_by",
            "'day'?",
        ),
        (
            "daily_cap = 10",
            'quality = "yes"',
            "actions[2].quality",
            'quality = "yes"',
            "true or false",
        ),
        ('venue = "company_blog"', 'venue = "Blog"', "actions[2].venue", 'venue = "Blog"', "lower"),
        ('index = "interaction"', 'index = "chat"', "actions[1].index", 'index = "chat"', "one of"),
        ('index = "interaction"\n', "", "actions[1].index", "[[actions]]  # the second", "is none"),
        ("points = 3\n", "points = 0\n", "actions[0].points", "points = 0", "is 0 while index"),
        ("points = 3\n", "points = 1001\n", "actions[0].points", "points = 1001", "0 to 1000"),
        ("points = 3\n", "", "actions[0].points", "[[actions]]", "is missing"),
        (
            'verb = "comment"',
            'verb = "answer"',
            "actions[1].verb",
            'verb = "answer"\nindex = "inter',
            "as in actions[0]",
        ),
        (
            "favorability = { enter = 3 }",
            "favorability = { enter = 301 }",
            "thresholds.favorability.enter",
            "favorability = {",
            "at most 300",
        ),
        (
            "favorability = { enter = 3 }\n",
            "",
            "thresholds.favorability",
            "[thresholds]",
            "missing",
        ),
        (
            "[multipliers]",
            "[lifecycle]\nnewcomer_days = 61\n[multipliers]",
            "lifecycle.dormant_after_days",
            "[lifecycle]",
            "at least newcomer_days (61)",
        ),
    ],
)
def test_each_mistake_is_placed_and_explained(
    old: str, new: str, place: str, part: str, message: str
) -> None:
    text = changed(old, new)
    found = mistakes(text)
    ours = [mistake for mistake in found if mistake[1] == place]
    assert len(ours) == 1, found
    assert ours[0][0] == line_of(text, part), found
    assert message in ours[0][2]
    assert "expected" in ours[0][2] or "did you mean" in ours[0][2] or "missing" in ours[0][2]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    text = changed("window_days = 30", "window_days = -1").replace("partial = 50", "partial = -1")
    text = text.replace("daily_cap = 10", "daily_cap = 10\ncolour = 3")
    found = mistakes(text)
    assert [place for _, place, _ in found] == [
        "window_days",
        "multipliers.partial",
        "actions[2].colour",
    ]
    with pytest.raises(RuleErrors) as caught:
        load(text)
    assert str(caught.value).splitlines()[0] == (
        "line 2: window_days is -1; expected a whole number from 1 to 730"
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("name = \n", 1),
        ("name = 'a'\n\nname = 'b'\n", 3),
        ('name = "a\n', 1),
        ("\n\n[thresholds", 3),
        ("a = " + "[" * 20_000, 1),
        ("a = " + "9" * 5_000, 1),
        ("window_days = 1e99999999999999999999", 1),
        ("actions = 3", 1),
        ("actions = [1, 'a', [], {}]", 1),
        ("thresholds = []\nlifecycle = 1979-05-27\nmultipliers = 07:32:00", 1),
        ("x" * 4_000_001, 1),
        ("name = '\ud800'", 1),
        ('"a.b\\nc" = 1', 1),
    ],
)
def test_what_is_no_rule_file_at_all(text: str, line: int) -> None:
    assert mistakes(text)[0][0] == line


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
def test_any_text_gives_rules_or_rule_errors(text: str) -> None:
    with pytest.raises(RuleErrors):
        load(text)


#: What matters to TOML.
PIECES = (
    *('"', "'''", '"""', "[", "]", "[[", "{", "}", "=", ".", "#", "\n", "\\", "-1", "1.5", "true"),
    *("[1,2]", "{a=1}", "\n[x]\n", "\n[[actions]]\n", "nan", "0x10", "1979-05-27"),
)


@settings(max_examples=400, deadline=None)
@given(
    st.integers(0, len(SMALL)),
    st.integers(0, 12),
    st.one_of(
        st.text(max_size=4),
        st.sampled_from(PIECES),
    ),
)
def test_mangled_rules_give_rules_or_rule_errors(at: int, cut: int, put: str) -> None:
    text = SMALL[:at] + put + SMALL[at + cut :]
    mistakes: tuple[Mistake, ...] = ()
    try:
        assert load(dump(rules := load(text))) == rules
    except RuleErrors as errors:
        mistakes = errors.mistakes
    lines = text.count("\n") + 1
    assert all(1 <= mistake.line <= lines and mistake.message for mistake in mistakes)
