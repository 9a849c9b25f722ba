"""The default rule set: its numbers, its catalog, and the pages that speak of it."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from engagement.rules import default, diff, load
from engagement.rules_page import action_types_page
from engagement.words import (
    INDICES,
    DistinctBy,
    Grade,
    Guards,
    Index,
    Lifecycle,
    Side,
    Threshold,
)
from sources.records import WRITING_VERBS

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "engagement" / "rules.toml").read_text(encoding="utf-8")


# --- the default set: thresholds ---------------------------------------------------------------


def test_default_is_loaded_once_and_holds_the_documented_numbers() -> None:
    rules = default()
    assert rules is default()
    assert rules == load(TEXT)
    assert rules.name == "default"
    assert rules.window_days == 90
    assert rules.lifecycle == Lifecycle(30, 60, 14)
    assert rules.precedence == (
        "lock",
        "dormant",
        "contribution",
        "interaction",
        "favorability",
        "support",
        "newcomer",
        "member",
    )
    assert rules.thresholds == {
        Index.CONTRIBUTION: Threshold(12, 90, 14, Guards(3, 2, 2)),
        Index.INTERACTION: Threshold(12, 90, 14, Guards(3, 3, 1)),
        Index.FAVORABILITY: Threshold(6, 90, 14, Guards()),
        Index.SUPPORT: Threshold(10, 90, 14, Guards()),
    }


def test_unjudged_and_unsure_are_neutral_and_impressions_never_add_up() -> None:
    multipliers = default().multipliers
    assert set(multipliers) == set(Grade)
    assert multipliers[Grade.NONE] == multipliers[Grade.UNSURE] == 100
    assert multipliers[Grade.IMPRESSION] == multipliers[Grade.OFF] == 0
    assert 0 < multipliers[Grade.PARTIAL] < multipliers[Grade.SOLVES]


def test_three_to_five_good_answers_make_a_contributor() -> None:
    rules = default()
    answer = next(row for row in rules.catalog if row.key == ("qa", "answer"))
    enter = rules.thresholds[Index.CONTRIBUTION].enter
    assert 2 * answer.points < enter <= 5 * answer.points


def test_a_total_that_falls_on_one_day_can_make_a_supporter_or_fan() -> None:
    rules = default()
    for row in rules.catalog:
        if row.verb in {"like", "vote_up", "react"}:
            assert row.index in {Index.SUPPORT, Index.FAVORABILITY}
            threshold = rules.thresholds[row.index]
            assert row.daily_cap is not None
            assert row.points * row.daily_cap >= threshold.enter
            assert threshold.guards == Guards()


# --- the default set: the catalog --------------------------------------------------------------

VENUES = {
    "qa",
    "idea",
    "idea_box",
    "review",
    "member_blog",
    "company_blog",
    "user_blog",
    "forum",
    "channel",
    "event",
    "profile",
    "site",
    "referral",
    "contract",
}

#: What the readers of foreign exports produce: venue -> verbs (the mapping table of the sources).
FOREIGN = {
    "qa": "ask answer comment best_answer self_accept vote_up vote_down bookmark offer_bounty "
    "like mention quote view wiki wiki_excerpt",
    "forum": "post_topic reply like mention quote best_answer view read_post",
    "idea": "propose_idea comment reply vote_up vote_down vote_pass like mention quote view",
    "idea_box": "propose_idea vote_up vote_down vote_pass",
    "user_blog": "write_article like",
    "review": "write_review comment reply like mention quote view",
    "member_blog": "write_article comment reply like mention quote view",
    "company_blog": "write_article comment reply like mention quote view",
    "event": "post_topic comment reply like mention quote",
    "channel": "post reply share_file join mention react",
    "site": "join login earn_badge",
    "contract": "contracted renewed cancelled referred",
}


def test_catalog_is_complete() -> None:
    catalog = default().catalog
    assert len(catalog) >= 170
    assert {row.venue for row in catalog} == VENUES
    assert all(any(row.index is index for row in catalog) for index in (*INDICES, None))


@pytest.mark.parametrize(
    ("venue", "verb"), [(venue, verb) for venue, verbs in FOREIGN.items() for verb in verbs.split()]
)
def test_what_the_sources_produce_is_classified(venue: str, verb: str) -> None:
    assert (venue, verb) in {row.key for row in default().catalog}


def test_no_writing_verb_is_forgotten() -> None:
    verbs = {row.verb for row in default().catalog}
    assert set(WRITING_VERBS.values()) | {"answer", "comment", "reply"} <= verbs


def test_labels_and_reasons_are_there_and_tell_rows_apart() -> None:
    catalog = default().catalog
    japanese = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")
    for row in catalog:
        assert japanese.search(row.ja), row.key
        assert row.en.isascii(), row.key
        assert row.reason.endswith("."), row.key
        assert len(row.reason.split()) >= 5, row.key
    for field in ("en", "ja", "reason"):
        assert len({getattr(row, field) for row in catalog}) == len(catalog), field


def test_the_venue_changes_the_index() -> None:
    index = {row.key: row.index for row in default().catalog}
    assert index["member_blog", "like"] is Index.SUPPORT
    assert index["company_blog", "like"] is Index.FAVORABILITY
    assert index["member_blog", "comment"] is Index.INTERACTION
    assert index["company_blog", "comment"] is Index.FAVORABILITY
    assert index["qa", "answer"] is Index.CONTRIBUTION
    assert index["review", "write_review"] is Index.CONTRIBUTION


def test_best_answer_is_earned_by_the_one_who_answered() -> None:
    rows = [row for row in default().catalog if row.verb == "best_answer"]
    assert rows
    assert all(row.earns is Side.RECEIVED and row.index is Index.CONTRIBUTION for row in rows)


def test_contribution_received_is_for_something_written_and_never_for_popularity() -> None:
    received = {
        row.key
        for row in default().catalog
        if row.index is Index.CONTRIBUTION and row.earns is Side.RECEIVED
    }
    assert received == {
        ("qa", "best_answer"),
        ("qa", "confirm_solved"),
        ("qa", "award_bounty"),
        ("forum", "best_answer"),
        ("idea", "adopt_idea"),
        ("member_blog", "feature_article"),
    }


def test_a_day_of_volunteering_is_worth_the_same_wherever_it_is_done() -> None:
    row = {row.key: row for row in default().catalog}
    moderate, volunteer = row["site", "moderate"], row["event", "volunteer"]
    assert moderate.index is volunteer.index is Index.FAVORABILITY
    assert moderate.daily_cap is not None and volunteer.daily_cap is not None
    assert moderate.points * moderate.daily_cap == volunteer.points * volunteer.daily_cap


def test_what_is_worth_nothing() -> None:
    for row in default().catalog:
        assert (row.points == 0) == (row.index is None), row.key
        nothing = {"vote_down", "vote_pass", "self_accept", "login", "earn_badge", "view", "flag"}
        if row.verb in nothing or row.venue == "contract":
            assert row.index is None, row.key
        else:
            assert row.index is None or row.daily_cap is not None, row.key


def test_only_text_that_resolves_a_doubt_is_judged() -> None:
    judged = {row.key for row in default().catalog if row.quality}
    assert ("qa", "answer") in judged
    assert ("review", "write_review") in judged
    assert ("idea", "propose_idea") in judged
    for row in default().catalog:
        if row.index is Index.CONTRIBUTION and row.verb.startswith("write_"):
            assert row.quality, row.key
    assert not any(verb in {"like", "vote_up", "best_answer", "login"} for _, verb in judged)


def test_what_has_no_counterpart_counts_days() -> None:
    row = {row.key: row for row in default().catalog}
    for key in [
        ("review", "write_review"),
        ("forum", "post_topic"),
        ("site", "login"),
        ("qa", "ask"),
        ("event", "ask"),
        ("event", "attend_meetup"),
        ("channel", "post"),
        ("channel", "share_file"),
        ("forum", "share_file"),
    ]:
        assert row[key].distinct_by is DistinctBy.DAY, key
    for key in [("qa", "answer"), ("member_blog", "comment"), ("qa", "best_answer")]:
        assert row[key].distinct_by is DistinctBy.MEMBER


# --- the page ----------------------------------------------------------------------------------


def test_the_committed_page_is_the_catalog() -> None:
    page = (ROOT / "docs" / "reference" / "action-types.md").read_text(encoding="utf-8")
    assert page == action_types_page(default()), (
        "write docs/reference/action-types.md again from engagement.rules_page.action_types_page"
    )


def test_the_page_keeps_markup_out_of_its_cells() -> None:
    row = dataclasses.replace(default().catalog[0], en="a|b `c` <d>")
    page = action_types_page(dataclasses.replace(default(), catalog=(row,)))
    assert r"a\|b \`c\` \<d>" in page


# --- the how-to --------------------------------------------------------------------------------


def test_the_examples_of_the_how_to_hold() -> None:
    page = (ROOT / "docs" / "how-to" / "adapt-rules.md").read_text(encoding="utf-8")
    row = next(
        part for part in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if "post_recipe" in part
    )
    edits = {
        "recipe": TEXT + "\n" + row,
        "threshold": TEXT.replace("enter = 10\n", "enter = 20\n"),
        "guard": TEXT.replace("enter = 10\n", "enter = 10\nguards = { distinct_members = 5 }\n"),
        "window": TEXT.replace("window_days = 90\n", "window_days = 180\n").replace(
            "dormant_after_days = 60\n", "dormant_after_days = 120\n"
        ),
    }
    for text in edits.values():
        changes = diff(default(), load(text))
        assert changes
        for change in changes:
            assert f"{change}\n" in page
