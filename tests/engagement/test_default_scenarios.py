"""The scenarios that Ikusei comes with: whom they help, and what they say."""

from __future__ import annotations

import dataclasses
import re

import pytest

from engagement import messages, rules
from engagement.history import RANKS
from engagement.scenario import KINDS, LANGUAGES, PARTS, TRAITS, Caps, Kind, Policy, Scenario
from engagement.scenarios import checksum, default, dump, dump_policy, load, load_policy
from engagement.words import STATUS_OF_INDEX, STATUSES, Side, Status


def rank(status: Status) -> int:
    return int(RANKS[STATUSES.index(status)])


def test_every_status_is_helped_in_both_directions() -> None:
    _, scenarios = default()
    assert len(scenarios) >= 13
    up, down, stay = set(), set(), set()
    for one in scenarios:
        if one.to is None:
            stay.add(one.status)
        elif rank(one.to) > rank(one.status):
            up.add((one.status, one.to))
        else:
            down.add(one.status)
    assert {
        (Status.DORMANT, Status.MEMBER),
        (Status.NEWCOMER, Status.SUPPORTER),
        (Status.MEMBER, Status.SUPPORTER),
        (Status.SUPPORTER, Status.FAN),
        (Status.FAN, Status.CONNECTOR),
        (Status.CONNECTOR, Status.CONTRIBUTOR),
    } <= up
    # Nothing is above a contributor, and nothing below the dormant.
    assert Status.CONTRIBUTOR in stay
    assert down == set(STATUSES) - {Status.DORMANT}


def test_every_kind_is_used_and_goals_are_what_a_member_does() -> None:
    _, scenarios = default()
    assert {one.kind for one in scenarios} == set(KINDS)
    catalog = {row.key: row for row in rules.default().catalog}
    for one in scenarios:
        assert set(one.goal) <= set(catalog), one.key
        assert all(catalog[key].earns is not Side.RECEIVED for key in one.goal), one.key
        venues = {venue for venue, _ in one.goal}
        assert len(venues) > 1 or venues == {"company_blog"}, f"{one.key}: a site may lack it"
        assert {"home", "login"} >= set(one.surfaces)


def test_what_is_missing_is_counted_in_what_the_next_status_takes() -> None:
    catalog = {row.key: row for row in rules.default().catalog}
    steps = [one for one in default()[1] if one.kind is Kind.NEXT_STEP]
    assert steps
    for one in steps:
        assert one.to is not None
        first = catalog[one.goal[0]]
        assert first.index is not None
        assert STATUS_OF_INDEX[first.index] is one.to


def test_the_default_policy_is_that_of_the_words() -> None:
    policy, _ = default()
    assert policy == dataclasses.replace(Policy(), surfaces=policy.surfaces)
    assert policy.surfaces == {"login": Caps(day=1, week=3)}


def told(one: Scenario, count: int) -> dict[str, str | int]:
    """Values as a candidate of the scenario brings them, and no others."""
    values: dict[str, str | int] = {
        "title": "光が届かない", "count": count, "status": "fan", "venue": "qa"
    }  # fmt: skip
    known = TRAITS[one.kind].variables | ({"venue"} if TRAITS[one.kind].has_item else set())
    return {name: value for name, value in values.items() if name in known}


DEFAULT = default()[1]


@pytest.mark.parametrize("one", DEFAULT, ids=lambda one: one.key)
@pytest.mark.parametrize("count", [0, 1, 2, 1234])
def test_every_message_can_be_shown(one: Scenario, count: int) -> None:
    for variant in one.variants:
        for language in LANGUAGES:
            for part in PARTS:
                pattern = getattr(variant.texts[language], part)
                text = messages.shown(pattern, language, told(one, count))
                assert text.strip() == text
                assert not re.search(r"[{}$]|\*\[|->", text), text
                if "$count" in pattern and (count != 1 or language == "ja"):
                    assert f"{count:,}" in text
                if language == "ja":
                    assert re.search("[ぁ-ん]", text) or part == "title", text
                else:
                    assert re.sub("光が届かない|[“”]", "", text).isascii(), text
                limit = {"title": 60, "body": 240, "why": 140, "action": 30}[part]
                assert len(text) <= limit, text


def test_english_has_plurals() -> None:
    with_count = [
        (one, variant.texts["en"].body)
        for one in DEFAULT
        for variant in one.variants
        if "$count" in variant.texts["en"].body
    ]
    assert len(with_count) >= 6
    for one, body in with_count:
        single = messages.shown(body, "en", told(one, 1))
        several = messages.shown(body, "en", told(one, 2))
        assert single != several.replace("2", "1"), "the words change, not the number alone"
        assert not re.search(r"\b1 \w+s\b", single), single
        assert re.search(r"\b2 (\w+ )?\w+s\b", several), several


def test_reasons_say_you_and_no_message_warns_or_tells_on_others() -> None:
    for one in DEFAULT:
        for variant in one.variants:
            texts = variant.texts["en"]
            assert re.search(r"(?i)\byour?\b", texts.why), texts.why
            everything = " ".join(getattr(texts, part) for part in PARTS)
            assert not re.search(
                r"(?i)\b(lose|lost|losing|expire|hurry up|last chance|points?|rank)\b", everything
            )
            # Whose standing is told is the member's own, and that by the next step alone.
            statuses = "|".join(status.value for status in STATUSES if status != Status.MEMBER)
            assert not re.search(rf"(?i)\b({statuses})s?\b", everything)
            assert ("$status" in everything) == (one.kind is Kind.NEXT_STEP)
            everything = " ".join(getattr(variant.texts["ja"], part) for part in PARTS)
            assert not re.search("失|降格|急いで|最後のチャンス|ポイント|ランク", everything)
            assert re.search(
                "(です|ます|ません|ました|でしょう|ください|どうぞ)。$", variant.texts["ja"].why
            )


def test_the_default_survives_the_round_trip() -> None:
    policy, scenarios = default()
    assert load_policy(dump_policy(policy)) == policy
    assert [load(dump(one)) for one in scenarios] == list(scenarios)
    assert len({checksum(one) for one in scenarios}) == len(scenarios)
