"""Messages: what a pattern may be, and that what is put into it stays text."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement.messages import (
    MOST_BRACES,
    MOST_LINES,
    MOST_VALUE,
    VARIABLES,
    BadPattern,
    check,
    shown,
)

ANSWERS = """\
{ $count ->
    [one] one answer
   *[other] { $count } answers
} to “{ $title }”"""


def say(pattern: str, language: str = "en", **values: str | int) -> str:
    check(pattern, VARIABLES)
    return shown(pattern, language, values)


# --- what is told ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "title",
    [
        "{ $count }",
        "{ -brand }",
        "{",
        "}}}",
        '{"x"}',
        "[one] *[other]",
        "it = no\n.attribute = none",
        "# comment",
        "<script>alert(1)</script>",
        "“quotes” \"and\" 'more' 「括弧」",
        "back\\slash \\u0041 %s %(title)s ${title}",
        "日本語の題名？！",
        "emoji 👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ❤️",
        "هل يعمل؟",
        "می‌خواهم",
    ],
)
@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_title_stays_a_title(title: str, language: str) -> None:
    text = say("a { $title } b", language, title=title)
    assert text == f"a {title.replace(chr(10), ' ')} b"


@pytest.mark.parametrize(
    ("title", "seen"),
    [
        ("a\u202eb", "a b"),
        ("\u2067a\u2069", "a"),
        ("a\u200fb\u200e", "a b"),
        ("a\u061cb", "a b"),
        ("a\x00\x1b[31mb", "a [31mb"),
        ("a\r\n\tb", "a b"),
        ("a\u2028b\u2029c", "a b c"),
        ("zero\u200bwidth\ufeff", "zero width"),
        ("half\ud83d", "half"),
        (" \t ", "…"),
        ("", "…"),
    ],
)
def test_what_cannot_be_seen_is_left_out(title: str, seen: str) -> None:
    assert say("“{ $title }”", title=title) == f"“{seen}”"


def test_a_long_title_is_cut() -> None:
    assert say("{ $title }", title="t" * MOST_VALUE) == "t" * MOST_VALUE
    assert say("{ $title }", title="t" * (MOST_VALUE + 1)) == "t" * (MOST_VALUE - 1) + "…"
    assert say("{ $title }", title="ab " * 100_000) == ("ab " * 40)[: MOST_VALUE - 1].rstrip() + "…"


@given(st.text(st.characters()), st.sampled_from(["en", "ja"]))
def test_any_title_is_one_line_that_can_be_sent(title: str, language: str) -> None:
    text = shown("{ $title }", language, {"title": title})
    assert 0 < len(text) <= MOST_VALUE
    assert len(text.splitlines()) == 1
    assert not re.search("[\x00-\x1f\u202a-\u202e\u2066-\u2069]", text)
    assert json.loads(json.dumps(text).encode()) == text
    text.encode()  # no half of a surrogate pair is left


@pytest.mark.parametrize(
    ("count", "en"),
    [
        (0, "0 answers"),
        (1, "one answer"),
        (2, "2 answers"),
        (11, "11 answers"),
        (21, "21 answers"),
        (1_234, "1,234 answers"),
        (1_234_567, "1,234,567 answers"),
    ],
)
def test_numbers_and_plurals(count: int, en: str) -> None:
    assert say(ANSWERS, "en", count=count, title="T") == f"{en} to “T”"
    assert say("あと{ $count }件です", "ja", count=count) == f"あと{count:,}件です"
    # Japanese has no plural: the selection takes what is for all other numbers, also for one.
    assert say(ANSWERS, "ja", count=count, title="T") == f"{count:,} answers to “T”"


def test_a_selection_by_number_or_word() -> None:
    by_number = "{ $count ->\n    [0] none\n    [1] the one\n   *[other] { $count }\n}"
    assert [say(by_number, count=n) for n in (0, 1, 2)] == ["none", "the one", "2"]
    by_word = "{ $venue ->\n    [qa] in Q&A\n   *[other] here\n}"
    assert [say(by_word, venue=one) for one in ("qa", "forum", "*", "q a")] == [
        "in Q&A",
        "here",
        "here",
        "here",
    ]


def test_a_value_that_is_not_there_is_no_hole_in_a_message() -> None:
    for pattern in ("{ $title } waits", "{ $count ->\n   *[other] x\n}", ANSWERS):
        with pytest.raises(LookupError, match=r"count|title"):
            shown(pattern, "en", {"venue": "qa"})
    assert shown("waits", "en", {"venue": "qa"}) == "waits", "more values than it tells are fine"


def test_lines_of_a_pattern_are_kept() -> None:
    assert say("one\n\n  two { $count }\nthree", count=3) == "one\n\n  two 3\nthree"
    assert say("  padded  ") == "padded"
    assert say('{"["}1{"]"} {"{"}x{"}"} {"."}', count=1) == "[1] {x} ."


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("{ $title", "is no pattern of Fluent"),
        ("title }", "Unbalanced closing brace"),
        ("{ title }", "the message title"),
        ("{ title.x }", "the message title"),
        ("{ -title }", "the term -title"),
        ("{ -title.x ->\n   *[a] b\n}", "the term -title"),
        ("{ NUMBER($count, minimumFractionDigits: 2) }", "the function NUMBER"),
        ('{ DATETIME("x") }', "the function DATETIME"),
        ("{ NUMBER($count) ->\n   *[other] x\n}", "the function NUMBER"),
        ("{ $count ->\n   *[other] { secret }\n}", "the message secret"),
        ("{ $count ->\n    [one] x\n}", "is no pattern of Fluent"),
        ("{ $count -> [one] x *[other] y }", "over several lines"),
        ("{ $name }", "tells $name, which is not known here; expected $count, $status"),
        ("{ $Title }", "tells $Title"),
        ("{ $count ->\n    [one] { $x }\n   *[other] y\n}", "tells $x"),
        ("text\n.attribute = more", "begins with"),
        (".attribute = alone", "it has no text"),
        ("text\n[one] more", "begins with"),
        ("text\n   *[other] more", "begins with"),
        ("[x]", "is no pattern of Fluent"),
        ("", "is no pattern of Fluent"),
        ("\n\n", "is no pattern of Fluent"),
        ("a\x00b", "U+0000"),
        ("a\tb", "U+0009"),
        ("a\r\nb", "U+000D"),
        ("a\u2028b", "U+2028"),
        ("a\u202eb", "U+202E"),
        ('{"\\u202E"}', "cannot be seen"),
        ('{"\\u0000"}', "cannot be seen"),
        ('{"\\U10FF"}', "is no pattern of Fluent"),
        ("{ 1234567890 }", "more than 9 digits"),
        ("{ $count ->\n   *[1.0000000001] x\n}", "more than 9 digits"),
        ("{" * (MOST_BRACES + 1), f"at most {MOST_BRACES}"),
        ("a" + "\n" * (MOST_LINES + 1), f"at most {MOST_LINES}"),
    ],
)
def test_what_is_no_pattern_is_told(pattern: str, told: str) -> None:
    with pytest.raises(BadPattern, match=re.escape(told)):
        check(pattern, VARIABLES)


def test_what_a_kind_does_not_tell_is_refused() -> None:
    check("{ $title }", frozenset({"title"}))
    with pytest.raises(BadPattern, match=r"tells \$count.*expected \$title$"):
        check("{ $title } { $count }", frozenset({"title"}))


_parts = st.sampled_from('{}$[].*"\\=#(),:0 \n') | st.sampled_from(
    ["count", "$title", "->", "[one]", "*[other]", "-t", "x = y", "9.5", "日本", "\\u0041"]
)


@given(st.lists(_parts, max_size=30).map("".join) | st.text(max_size=60))
def test_whatever_is_accepted_can_be_shown(pattern: str) -> None:
    try:
        check(pattern, VARIABLES)
    except BadPattern:
        return
    values: dict[str, str | int] = {"title": "T", "count": 2, "status": "s", "venue": "v"}
    for language in ("en", "ja"):
        text = shown(pattern, language, values)
        # Nothing of it got lost: the words of a pattern without braces are all there.
        if "{" not in pattern:
            assert text.split() == pattern.split()
