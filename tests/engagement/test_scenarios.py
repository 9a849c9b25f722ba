"""Scenarios and the policy as TOML: those Ikusei comes with, writing, and the mistakes told."""

from __future__ import annotations

import re
import time
import tomllib
from collections.abc import Iterable
from dataclasses import asdict, fields, replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engagement import messages
from engagement.history import RANKS
from engagement.prompt import Reason
from engagement.scenario import (
    KINDS,
    LANGUAGES,
    PARTS,
    TRAITS,
    Caps,
    Kind,
    Policy,
    Scenario,
    Texts,
    Variant,
)
from engagement.scenarios import (
    ScenarioErrors,
    checksum,
    dump,
    dump_policy,
    load,
    load_file,
    load_policy,
)
from engagement.words import STATUSES, Status

SMALL = """\
key = "answers"
en = "Answers"
ja = "回答"
status = "connector"
to = "contributor"
goal = [{ venue = "qa", verb = "answer" }]
kind = "unanswered_thread"
surfaces = ["home"]
begins = 2026-01-10
[[messages]]
[messages.en]
title = "Title"
body = "{ $title } waits"
why = "Why"
action = "Do"
[messages.ja]
title = "題"
body = "{ $title }が待っています"
why = "理由"
action = "する"
"""


HEAD = SMALL[: SMALL.index("[[")]


def rank(status: Status) -> int:
    return int(RANKS[STATUSES.index(status)])


def changed(old: str, new: str) -> str:
    """SMALL with one place changed; fails when the place is not there exactly once."""
    assert SMALL.count(old) == 1, old
    return SMALL.replace(old, new)


def mistakes(text: str) -> list[tuple[int, str, str]]:
    """(line, place, message) of each mistake; fails when there is none."""
    with pytest.raises(ScenarioErrors) as caught:
        load(text)
    return [(m.line, m.place, m.message) for m in caught.value.mistakes]


# --- writing and reading -----------------------------------------------------------------------

_words = st.from_regex(r"[a-z][a-z0-9_]{0,8}(\.[a-z0-9_]{1,4})?", fullmatch=True)
_seen = st.characters(exclude_categories=("C", "Zl", "Zp"), exclude_characters="{}[*.\u2028")
_lines = st.text(_seen, min_size=1, max_size=30).filter(str.strip)
_caps = st.builds(
    Caps,
    st.none() | st.integers(0, 100),
    st.none() | st.integers(0, 100),
    st.none() | st.integers(0, 100),
)
_days = st.none() | st.dates(date(2000, 1, 1), date(2100, 1, 1))


@st.composite
def _patterns(draw: st.DrawFn, kind: Kind) -> str:
    known = TRAITS[kind].variables | ({"venue"} if TRAITS[kind].has_item else set())
    name = draw(st.sampled_from(sorted(known)))
    line = draw(_lines).strip()
    second = draw(_lines)
    return draw(
        st.sampled_from(
            [
                line,
                f"{line} {{ ${name} }}",
                f"{line}\n\n  {second.strip()}",
                f"{{ ${name} ->\n    [one] {line}\n   *[other] {{ ${name} }} {line}\n}}",
                f'{line} {{"[{{"}}"',
                f"\\ {line} \\u0041 \"\"\" ''' #",
            ]
        )
    )


@st.composite
def _scenarios(draw: st.DrawFn) -> Scenario:
    kind = draw(st.sampled_from(KINDS))
    status = draw(st.sampled_from(STATUSES))
    edges: list[Status | None] = [None, *(to for to in STATUSES if rank(to) != rank(status))]
    if kind is Kind.NEXT_STEP:
        status = draw(st.sampled_from(STATUSES[1:]))
        edges = [to for to in STATUSES if rank(to) > rank(status)]
    to = draw(st.sampled_from(edges))
    begins = draw(_days)
    ends = draw(_days)
    if begins and ends and ends < begins:
        begins, ends = ends, begins
    shares = draw(st.sampled_from([(100,), (50, 50), (1, 99), (30, 30, 40)]))

    def texts() -> Texts:
        return Texts(**{part: draw(_patterns(kind)) for part in PARTS})

    variants = tuple(
        Variant(f"v{number}", share, {language: texts() for language in LANGUAGES})
        for number, share in enumerate(shares)
    )
    return Scenario(
        key=draw(_words),
        en=draw(_lines),
        ja=draw(_lines),
        status=status,
        to=to,
        goal=tuple(draw(st.lists(st.tuples(_words, _words), min_size=1, max_size=4, unique=True))),
        kind=kind,
        surfaces=tuple(
            draw(
                st.lists(
                    st.from_regex(r"[a-z][a-z0-9_.-]{0,5}", fullmatch=True),
                    min_size=1,
                    max_size=4,
                    unique=True,
                )
            )
        ),
        priority=draw(st.integers(0, 1000)),
        caps=draw(_caps),
        cool_down_days=draw(st.integers(0, 90)),
        begins=begins,
        ends=ends,
        audience=tuple(draw(st.lists(_lines, max_size=3, unique=True))),
        holdout_percent=draw(st.integers(0, 50)),
        variants=variants,
    )


_policies = st.builds(
    Policy,
    holdout_percent=st.integers(0, 50),
    assume_consent=st.booleans(),
    reserve_minutes=st.integers(1, 60),
    asks_per_week=st.integers(0, 100),
    members_per_item=st.integers(1, 10_000),
    dismiss_days=st.integers(0, 90),
    snooze_days=st.integers(0, 90),
    falling_days=st.integers(1, 60),
    near_steps=st.integers(1, 20),
    caps=_caps,
    surfaces=st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9_.-]{0,5}", fullmatch=True), _caps, max_size=3
    ),
)


@pytest.mark.slow
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(_scenarios())
def test_what_is_written_is_read_back(scenario: Scenario) -> None:
    text = dump(scenario)
    again = load(text)
    assert again == scenario
    assert checksum(again) == checksum(scenario)
    assert dump(again) == text


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(_policies)
def test_a_policy_that_is_written_is_read_back(policy: Policy) -> None:
    assert load_policy(dump_policy(policy)) == policy


def test_the_checksum_is_of_what_is_meant() -> None:
    before = load(SMALL)
    assert re.fullmatch("[0-9a-f]{64}", checksum(before))
    same = "# mine\n" + changed('kind = "un', 'priority = 100\nkind = "un')
    assert checksum(load(same)) == checksum(before)
    others = [
        replace(before, to=None),
        replace(before, priority=1),
        replace(before, cool_down_days=8),
        replace(before, holdout_percent=11),
        replace(before, caps=Caps(day=0)),
        replace(before, ends=date(2026, 2, 1)),
        replace(before, audience=("lang=ja",)),
    ]
    assert len({checksum(one) for one in (before, *others)}) == len(others) + 1


def test_a_file_needs_neither_policy_nor_scenarios() -> None:
    assert load_file("") == (Policy(), ())
    assert load_policy("") == Policy()
    assert load_policy("caps = {}").caps == Caps(), "what is written replaces the default whole"


# --- mistakes ----------------------------------------------------------------------------------


def test_small_is_right() -> None:
    one = load(SMALL)
    assert (one.priority, one.cool_down_days, one.holdout_percent) == (100, 7, 10)
    assert one.variants[0].name == "only"
    assert one.variants[0].share == 100


@pytest.mark.parametrize(
    ("old", "new", "place", "told"),
    [
        ('key = "answers"', 'key = "An swers"', "key", "lower-case letters"),
        ('key = "answers"\n', "", "key", "is missing"),
        ('en = "Answers"', 'en = ""', "en", "is empty"),
        ('ja = "回答"', f'ja = "{"あ" * 101}"', "ja", "at most 100"),
        ('"connector"', '"conector"', "status", "did you mean 'connector'?"),
        ('to = "contributor"', 'to = "connector"', "to", "higher or lower than connector"),
        ('to = "contributor"', 'tos = "contributor"', "tos", "did you mean 'to'?"),
        ('{ venue = "qa", verb = "answer" }', "", "goal", "1 to 20 action types"),
        ('{ venue = "qa", verb = "answer" }', '"qa.answer"', "goal", "{ venue ="),
        (', verb = "answer"', "", "goal", "{ venue ="),
        ('"answer" }', '"answer" }, { verb = "answer", venue = "qa" }', "goal", "twice"),
        ('"answer"', '"Answer!"', "goal", "lower-case"),
        ('"unanswered_thread"', '"unanswerd_thread"', "kind", "did you mean 'unanswered_thread'?"),
        ('["home"]', '["home page"]', "surfaces", "lower-case"),
        ('["home"]', '["home", "home"]', "surfaces", "twice"),
        ('["home"]', '"home"', "surfaces", "a list of 1 to 20 surfaces"),
        ('["home"]', '["home"]\npriority = 1001', "priority", "from 0 to 1000"),
        ('["home"]', '["home"]\ncool_down_days = 1.5', "cool_down_days", "from 0 to 90"),
        ('["home"]', '["home"]\nholdout_percent = 51', "holdout_percent", "from 0 to 50"),
        ('["home"]', '["home"]\ncaps = { daily = 1 }', "caps.daily", "did you mean"),
        ('["home"]', '["home"]\ncaps = { day = -1 }', "caps.day", "from 0 to 100"),
        ('["home"]', '["home"]\ncaps = 3', "caps", "expected a table"),
        ('["home"]', '["home"]\naudience = "lang=ja"', "audience", "0 to 20 conditions"),
        ('["home"]', '["home"]\naudience = ["lang=ja\\n"]', "audience", "one line"),
        ("2026-01-10", '"2026-01-10"', "begins", "without quotes"),
        ("2026-01-10", "2026-01-10T00:00:00Z", "begins", "a day"),
        ("2026-01-10", "2026-01-10\nends = 2026-01-09", "ends", "2026-01-10 (`begins`) or later"),
        ('title = "Title"\n', "", "messages[0].en.title", "is missing"),
        ('title = "Title"', 'title = " "', "messages[0].en.title", "a text in quotes"),
        ('title = "Title"', "title = 4", "messages[0].en.title", "a text in quotes"),
        ('title = "Title"', f'title = "{"a" * 2001}"', "messages[0].en.title", "at most 2000"),
        (
            'title = "Title"',
            'title = "{ $status }"',
            "messages[0].en.title",
            "$count, $title, $venue",
        ),
        ('title = "Title"', 'titel = "Title"', "messages[0].en.titel", "did you mean 'title'?"),
        ('why = "理由"', 'why = "{ $titel }"', "messages[0].ja.why", "$titel, which is not known"),
        ('why = "理由"', 'why = "{ NUMBER($count) }"', "messages[0].ja.why", "the function NUMBER"),
        ('why = "理由"', 'why = "{ $count"', "messages[0].ja.why", "is no pattern of Fluent"),
        ('why = "理由"', 'why = "理\\u0000由"', "messages[0].ja.why", "U+0000"),
        ("[[messages]]", "[[messages]]\nshare = 50", "messages", "make 50 percent; expected 100"),
        ("[[messages]]", "[[messages]]\nshare = 0", "messages[0].share", "from 1 to 100"),
        ("[messages.ja]", "[messages.jp]", "messages[0].ja", "is missing"),
        ("[[messages]]", "[[messages]]\n[[messages]]", "messages[0].share", "is missing"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_would_be_right(
    old: str, new: str, place: str, told: str
) -> None:
    found = mistakes(changed(old, new))
    assert any(told in message for _, at, message in found if at.startswith(place)), found
    # What is there is told at its own line, what is absent at the nearest thing around it.
    line, _, message = next(one for one in found if one[1].startswith(place))
    if "is missing" not in message and "twice" not in message:
        name = re.split(r"[.\[]", place)[-1].rstrip("]") if place[-1] != "]" else place
        lines = changed(old, new).splitlines()
        assert name in lines[line - 1] or f"[[{name}]]" in lines[line - 1], (line, lines[line - 1])


@pytest.mark.parametrize(
    ("status", "to", "right"),
    [
        ("newcomer", "member", True),
        ("member", "newcomer", False),
        ("newcomer", "newcomer", False),
        ("dormant", "member", True),
        ("dormant", "newcomer", True),
        ("member", "dormant", True),
    ],
)
def test_the_end_of_a_newcomers_month_is_an_edge(status: str, to: str, right: bool) -> None:
    text = changed('"connector"', f'"{status}"').replace('"contributor"', f'"{to}"')
    if right:
        assert load(text).to == Status(to)
    else:
        assert [place for _, place, _ in mistakes(text)] == ["to"]


def test_a_next_step_needs_a_step_up() -> None:
    text = changed('"unanswered_thread"', '"next_step"').replace("{ $title }", "{ $status }")
    assert load(text).kind is Kind.NEXT_STEP
    for to in ('to = "fan"', ""):
        found = mistakes(text.replace('to = "contributor"', to))
        assert [place for _, place, _ in found] == ["to"]
        assert "next_step" in found[0][2]
    found = mistakes(text.replace('why = "Why"', 'why = "{ $venue }"'))
    assert "expected $count, $status" in found[0][2], "it is about no post"


def test_all_mistakes_of_a_file_are_told_at_once() -> None:
    head = "[[scenarios]]\n"
    table = SMALL.replace("[[messages]]", "[[scenarios.messages]]")
    table = table.replace("[messages.", "[scenarios.messages.")
    text = "[policy]\nholdout_percent = 60\n[policy.surfaces.Home]\nday = 1\n"
    text += "[policy.caps]\nweek = 101\n"
    text += head + table + head + table + head + table.replace('"Do"', '"{ $x }"')
    with pytest.raises(ScenarioErrors) as caught:
        load_file(text)
    assert [(m.place, text.splitlines()[m.line - 1]) for m in caught.value.mistakes] == [
        ("policy.holdout_percent", "holdout_percent = 60"),
        ("policy.surfaces.Home", "[policy.surfaces.Home]"),
        ("policy.caps.week", "week = 101"),
        ("scenarios[1].key", 'key = "answers"'),
        ("scenarios[2].messages[0].en.action", 'action = "{ $x }"'),
    ]


def test_what_is_not_toml_or_no_table_is_told() -> None:
    assert "not TOML" in mistakes("key = ")[0][2]
    with pytest.raises(ScenarioErrors, match="headed"):
        load_file("scenarios = 3")
    with pytest.raises(ScenarioErrors, match="at most 200 tables"):
        load_file("[[scenarios]]\n" * 201)
    with pytest.raises(ScenarioErrors, match="a table"):
        load_file("scenarios = [1]")
    with pytest.raises(ScenarioErrors, match="a table"):
        load_file("policy = 1")
    assert any("1 to 10 tables" in told for _, _, told in mistakes("messages = 3\n" + HEAD))
    assert any("a table" in told for _, _, told in mistakes("messages = [3]\n" + HEAD))
    with pytest.raises(ScenarioErrors, match="200000 characters"):
        load(SMALL + "#" * 200_000)


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=200)
    | st.lists(st.sampled_from(SMALL.splitlines()), max_size=25).map("\n".join)
)
def test_any_text_is_read_or_refused(text: str) -> None:
    refusal: ScenarioErrors | None = None
    try:
        assert load(text).key
    except ScenarioErrors as errors:
        refusal = errors
    if refusal is not None:
        assert refusal.mistakes
        assert all(1 <= m.line <= text.count("\n") + 1 for m in refusal.mistakes)


# --- hostile patterns --------------------------------------------------------------------------


def _hostile() -> Iterable[tuple[str, str]]:
    yield "deep", "{" * 1000 + '"a"' + "}" * 990
    yield "deep within the limit", "{" * messages.MOST_BRACES + '"a"' + "}" * messages.MOST_BRACES
    depth = messages.MOST_LINES // 2
    selection = "{ $count ->\n*[o] " * depth + "x" + "\n}" * depth
    yield "selections in selections", selection
    yield "open", "{" * 2000
    yield "closed", "}" * 2000
    yield "variants", "{ $count ->\n" + "[one] a\n" * 240 + "*[other] b\n}"
    yield "many variants", "{ $count ->\n" + "[one] a\n" * 57 + "*[other] b\n}"
    yield "blanks", "a" + " " * 1990 + "\n}"
    yield "lines", "a" + "\n" * 1990 + "b"
    yield "long lines", "\n".join(["a" * 32] * messages.MOST_LINES)
    yield "quotes", '{"' + '\\"' * 990 + '"}'
    yield "escapes", '{"' + "\\u0041" * 330 + '"}'
    yield "number", "{ " + "9" * 1990 + " }"
    yield "decimals", "{ 0." + "1" * 1990 + " }"
    yield "keys", "{ $count ->\n*[" + "9" * 1900 + "] b\n}"
    yield "calls", "{ F(" * 400
    yield "terms", "{ -t" * 400
    yield "combining", "a" + "\u0301" * 1999


HOSTILE = list(_hostile())


@pytest.mark.parametrize(("name", "pattern"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_a_hostile_pattern_is_shown_or_refused_at_once(name: str, pattern: str) -> None:
    assert len(pattern) <= 2_000
    told = ""
    began = time.process_time()
    try:
        messages.check(pattern, messages.VARIABLES)
    except messages.BadPattern as refusal:
        told = str(refusal)
    else:
        values: dict[str, str | int] = {
            "title": "t" * 10_000,
            "count": 3,
            "status": "s",
            "venue": "v",
        }
        told = messages.shown(pattern, "en", values)
    # Some milliseconds in truth: this only tells a bounded time from one that blows up.
    assert time.process_time() - began < 5
    assert len(told) <= 4_000


# --- the page for managers ---------------------------------------------------------------------


def test_the_page_on_scenarios_tells_what_is_so() -> None:
    page = (Path(__file__).parents[2] / "docs/how-to/scenarios.md").read_text(encoding="utf-8")
    example, plural = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    one = load(example)
    assert one.variants[0].share == 100
    body = tomllib.loads(plural)["body"]
    assert messages.shown(body, "en", {"title": "T", "count": 1}).endswith(
        "a day. Even a hint would be a start."
    )

    def rows(heading: str) -> set[str]:
        """The words in the first column of the table under a heading."""
        part = page.split(f"## {heading}\n", maxsplit=1)[1].split("\n## ", maxsplit=1)[0]
        cells = re.findall(r"^\| (`[^|]*) \|", part, re.MULTILINE)
        return {word for cell in cells for word in re.findall(r"`([\w.]+)`", cell)}

    assert rows("What is in a scenario") == {field.name for field in fields(Scenario)} - {
        "variants"
    } | {"messages"}
    assert rows("What a prompt is about") == {kind.value for kind in KINDS}
    assert rows("How it is decided") == {reason.value for reason in Reason}
    policy = {field.name for field in fields(Policy)} - {"surfaces"}
    assert rows("The policy") == policy | {"surfaces.NAME"}
    for name in ("priority", "cool_down_days"):
        assert f"| `{name}` | {getattr(load(SMALL), name)} |" in page
    for name, value in asdict(Policy()).items():
        assert name in {"caps", "surfaces"} or f"| `{name}` | {str(value).lower()} |" in page
