"""What managers read of decisions: a sentence of its own for everything."""

from __future__ import annotations

import re

from engagement.prompt import Reason
from engagement.prompt_texts import KINDS, NONE_RUNS, REASONS, SHOWN, reason_text
from engagement.scenario import Kind

_JAPANESE = re.compile(r"[ぁ-んァ-ヶ一-龥]")


def test_every_reason_is_a_sentence_of_its_own_in_both_languages() -> None:
    assert set(REASONS) == set(Reason)
    told = [*REASONS.values(), SHOWN, NONE_RUNS]
    for en, ja in told:
        assert en.endswith(".") and en[0].isupper() and not _JAPANESE.search(en)
        assert ja.endswith("。") and _JAPANESE.search(ja)
    for language in (0, 1):
        assert len({one[language] for one in told}) == len(told)


def test_every_kind_is_named_in_both_languages() -> None:
    assert set(KINDS) == set(Kind)
    assert all(not _JAPANESE.search(en) and _JAPANESE.search(ja) for en, ja in KINDS.values())


def test_without_a_reason_a_prompt_is_shown_or_nothing_runs() -> None:
    assert reason_text(None, chosen=True) == SHOWN
    assert reason_text(None, chosen=False) == NONE_RUNS
    assert reason_text(Reason.CAP_DAY, chosen=False) == REASONS[Reason.CAP_DAY]
