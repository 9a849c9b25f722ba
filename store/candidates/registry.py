"""Who finds the candidates of each kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engagement.scenario import Kind
from store.candidates import first_posts
from store.candidates.feeder import Feeder

#: One feeder a kind. A next step comes from the standing of whoever asks, and is never kept.
FEEDERS: Final[Mapping[Kind, Feeder]] = {
    Kind.FIRST_POST: first_posts.feed,
}
