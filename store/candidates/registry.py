"""Who finds the candidates of each kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engagement.scenario import Kind
from store.candidates import first_posts, near, popular, read_answers, waiting
from store.candidates.feeder import Feeder

#: One feeder a kind. A next step comes from the standing of whoever asks, and is never kept.
FEEDERS: Final[Mapping[Kind, Feeder]] = {
    Kind.QUESTION_FOR_YOU: waiting.questions,
    Kind.UNANSWERED_THREAD: waiting.unanswered,
    Kind.FIRST_POST: first_posts.feed,
    Kind.IDEA_NEAR_YOURS: near.ideas,
    Kind.COMPANY_ARTICLE: near.articles,
    Kind.ANSWER_WAS_READ: read_answers.feed,
    Kind.WELCOME_BACK: popular.feed,
}
