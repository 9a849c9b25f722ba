"""A seeded log of a large community, as columns: who did what, when and to which post.

Activity is heavy-tailed over the members, each of whom is active for a while only; 120 action types
of the default catalog occur, likes sixty times as often as articles; posts attract reactions the
more, the more popular they are. People like or answer several things at a sitting: there are about
1.7 actions per member, day and type, as of likes, replies and comments in the logs of real
communities (1.6 to 1.9). Every action finds its member and its post recorded before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engagement.rules import default
from engagement.words import ActionType, DistinctBy
from sources.records import WRITING_VERBS, ActionRecord, MemberRecord, PostRecord

Ints = NDArray[np.int64]

SOURCE: Final = "bench"
BEGIN: Final = datetime(2025, 1, 1, tzinfo=UTC)
#: The log covers as many days as there are of so many actions, but no more than a year.
MOST_DAYS: Final = 365
ACTIONS_PER_DAY: Final = 14_000
TYPES: Final = 120
POSTS_PER_MEMBER: Final = 2
DUPLICATES: Final = 0.02

#: How often a verb is done, against 1 for one that is not named here.
_FREQUENT: Final = {
    "like": 60.0,
    "vote_up": 40.0,
    "login": 40.0,
    "comment": 15.0,
    "reply": 12.0,
    "answer": 8.0,
    "thank": 6.0,
    "bookmark": 5.0,
    "follow": 4.0,
    "ask": 4.0,
    "best_answer": 2.0,
}
#: Types of posts by venue; actions of these venues respond to such posts.
_FORMS: Final = {
    "qa": "question",
    "idea": "idea",
    "review": "review",
    "member_blog": "article",
    "company_blog": "article",
    "forum": "topic",
    "event": "topic",
}
_VENUES: Final = list(_FORMS)
_HOURS: Final = np.array(
    [2, 1, 1, 1, 1, 1, 2, 4, 6, 6, 6, 6, 8, 7, 6, 6, 6, 7, 8, 10, 12, 12, 9, 4], float
)
_DAY: Final = 86_400_000_000
_HOUR: Final = 3_600_000_000
#: A member's mean time of activity in days, and the steepness of the power law.
_LIFE: Final = 150
_ALPHA: Final = 1.05
#: Actions of one type at a sitting, and the most seconds between two of them.
_SITTING: Final = 1.4
_PAUSE: Final = 300
#: No member does more than this share of everything.
_MOST: Final = 0.0004
#: A repeat arrives at most so many actions later.
_DELAY: Final = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Posts:
    """The posts before the log; ``venue`` is a position in the venues of posts."""

    author: Ints
    venue: Ints
    pull: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Log:
    """Actions in the order of time, and the order in which they arrive, repeats included.

    ``moment`` is in microseconds since BEGIN; ``post`` and ``target`` are −1 where there is none.
    ``arrival`` holds positions in the columns.
    """

    members: int
    days: int
    types: tuple[ActionType, ...]
    posts: Posts
    actor: Ints
    type: Ints
    moment: Ints
    post: Ints
    target: Ints
    arrival: Ints

    @cached_property
    def activity(self) -> Ints:
        """How many actions each member does."""
        return np.bincount(self.actor, minlength=self.members)

    def batches(self, size: int, begin: int = 0, end: int | None = None) -> Iterator[Ints]:
        """Arrivals ``begin`` to ``end`` in batches of at most ``size``, each within one day.

        A site that sends its actions as they happen has no others; in a batch that reaches over
        midnight, half of the members would have news of yesterday.
        """
        part = self.arrival[begin:end]
        day = np.maximum.accumulate(self.moment[part]) // _DAY
        low = 0
        for high in (np.flatnonzero(np.diff(day, append=self.days)) + 1).tolist():
            for first in range(low, high, size):
                yield part[first : min(first + size, high)]
            low = high

    def records(self, rows: Ints) -> list[ActionRecord]:
        """The canonical records of some actions."""
        columns = (self.actor, self.type, self.moment, self.post, self.target)
        return [
            ActionRecord(
                source=SOURCE,
                id=str(row),
                venue=self.types[kind].venue,
                verb=self.types[kind].verb,
                time=BEGIN + timedelta(microseconds=moment),
                actor=str(actor),
                post=str(post) if post >= 0 else None,
                target=str(target) if target >= 0 else None,
            )
            for row, actor, kind, moment, post, target in zip(
                rows.tolist(), *(column[rows].tolist() for column in columns), strict=True
            )
        ]

    def member_records(self) -> Iterator[MemberRecord]:
        """Everybody, joined within the two years before the log."""
        days = np.random.default_rng(self.members).integers(1, 730, self.members)
        for number, day in enumerate(days.tolist()):
            yield MemberRecord(
                source=SOURCE, id=str(number), joined=BEGIN - timedelta(days=day), name=f"m{number}"
            )

    def post_records(self) -> Iterator[PostRecord]:
        """Every post, written in the weeks before the log."""
        count = len(self.posts.author)
        columns = zip(self.posts.author.tolist(), self.posts.venue.tolist(), strict=True)
        for number, (author, place) in enumerate(columns):
            venue = _VENUES[place]
            yield PostRecord(
                source=SOURCE,
                id=str(number),
                venue=venue,
                type=_FORMS[venue],
                time=BEGIN - timedelta(days=60) + timedelta(days=60) * (number / count),
                author=str(author),
            )


def generate(*, members: int, actions: int, days: int | None = None, seed: int = 7) -> Log:
    """The log of ``actions`` actions by ``members`` members; the same arguments, the same log.

    Without ``days`` there are as many as a busy site would take for them.
    """
    rng = np.random.default_rng(seed)
    types = _types()
    rate = rng.pareto(_ALPHA, members) + 0.02
    rate = np.minimum(rate, rate.sum() * _MOST)
    days = days or min(MOST_DAYS, -(-actions // ACTIONS_PER_DAY))
    actor = _draw(rng, rate, actions)
    begin = _moments(rng, members, actor, days)
    kind = _draw(rng, np.array([_frequency(row) for row in types]), actions)
    sitting, moment = _sittings(rng, begin)
    order = np.argsort(moment, kind="stable")
    moment, sitting = moment[order], sitting[order]
    actor, kind = actor[sitting], kind[sitting]
    posts = _posts(rng, rate)
    post = _responded(rng, types, posts, kind)
    target = np.full(actions, -1, np.int64)
    to_member = np.isin(kind, [i for i, row in enumerate(types) if row.venue == "profile"])
    target[to_member] = _draw(rng, rate, int(to_member.sum()))
    arrival = _arrival(rng, actions)
    return Log(members, days, types, posts, actor, kind, moment, post, target, arrival)


def _types() -> tuple[ActionType, ...]:
    """The catalog's first types, less what is held as counts (views)."""
    kept = [row for row in default().catalog if row.verb not in {"view", "read_post"}]
    places = {*_VENUES, "profile", "site"}
    return tuple(row for row in kept if row.venue in places)[:TYPES]


def _frequency(row: ActionType) -> float:
    return _FREQUENT.get(row.verb, 1.0)


def _draw(rng: np.random.Generator, weights: NDArray[np.float64], count: int) -> Ints:
    edges = np.cumsum(weights)
    drawn: Ints = np.searchsorted(edges, rng.random(count) * edges[-1], "right").astype(np.int64)
    return drawn


def _moments(rng: np.random.Generator, members: int, actor: Ints, days: int) -> Ints:
    begin = np.where(rng.random(members) < 0.4, 0, rng.integers(0, days, members))
    life = np.minimum(1 + rng.exponential(_LIFE, members), days - begin)
    day = (begin[actor] + rng.random(len(actor)) * life[actor]).astype(np.int64)
    hour = _draw(rng, _HOURS, len(actor))
    moment: Ints = day * _DAY + hour * _HOUR + rng.integers(0, _HOUR, len(actor))
    return moment


def _sittings(rng: np.random.Generator, begin: Ints) -> tuple[Ints, Ints]:
    """The sitting and the moment of each action; as many actions as there could be sittings."""
    sizes = rng.geometric(1 / _SITTING, len(begin))
    sitting: Ints = np.repeat(np.arange(len(begin)), sizes)[: len(begin)]
    first = np.searchsorted(sitting, sitting)
    pauses = (np.arange(len(sitting)) - first) * rng.integers(1, _PAUSE * 1_000_000, len(sitting))
    # Nobody sits past midnight: batches end there, and the log too.
    midnight = begin[sitting] // _DAY * _DAY + _DAY
    return sitting, np.minimum(begin[sitting] + pauses, midnight - 1)


def _posts(rng: np.random.Generator, rate: NDArray[np.float64]) -> Posts:
    count = len(rate) * POSTS_PER_MEMBER
    venue = _draw(rng, np.arange(len(_VENUES), 0, -1.0), count)
    return Posts(_draw(rng, rate, count), venue, rng.pareto(1.2, count) + 0.05)


def _responded(
    rng: np.random.Generator, types: tuple[ActionType, ...], posts: Posts, kind: Ints
) -> Ints:
    """The post that each action responds to, of its own venue, popular ones more often."""
    post = np.full(len(kind), -1, np.int64)
    for place, venue in enumerate(_VENUES):
        numbers = [i for i, row in enumerate(types) if row.venue == venue and _responds(row)]
        rows = np.flatnonzero(np.isin(kind, numbers))
        there = np.flatnonzero(posts.venue == place)
        post[rows] = there[_draw(rng, posts.pull[there], len(rows))]
    return post


def _responds(row: ActionType) -> bool:
    return row.distinct_by is DistinctBy.MEMBER and row.verb not in WRITING_VERBS.values()


def _arrival(rng: np.random.Generator, actions: int) -> Ints:
    """Every action in its turn, and some of them once more a little later."""
    again = np.sort(rng.choice(actions, int(actions * DUPLICATES), replace=False))
    when = np.concatenate([np.arange(actions), again + rng.integers(1, _DELAY, len(again))])
    rows = np.concatenate([np.arange(actions), again])
    arrival: Ints = rows[np.argsort(when, kind="stable")]
    return arrival
