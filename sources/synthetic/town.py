"""The state of the synthetic community while it is simulated: posts, responses, what is to come."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sources.records import ActionRecord, PostRecord, PostState, Record, RetractionRecord
from sources.synthetic.cast import Person
from sources.synthetic.dice import Dice
from sources.synthetic.text import TOPICS, compose

SOURCE = "demo"
MINUTE = 60
HOUR = 3600
DAY = 86_400

#: The planted cause. A response of a planted verb raises the *odds* of being active on a day by
#: ``EFFECT`` (1.0: doubled) from the next day on; what it adds shrinks by ``FADE`` a day and
#: counts at most ``MOST_PULL`` responses at once.
EFFECT = 0.9
FADE = 0.75
MOST_PULL = 3.0
PLANTED_VERBS = frozenset({"answer", "comment", "reply", "best_answer"})
#: How much a planted response helps a bloomer on, in days of own activity.
GROWTH = 2.0

_EDITED = 0.03
_DELETED = 0.007
_HIDDEN = 0.002
_TAKEN_BACK = 0.02
_SELF_LIKED = 0.01


@dataclass(slots=True, eq=False)
class Post:
    """What the simulation remembers of a post; ``time`` in seconds since 1970.

    ``record`` is the latest snapshot, ``hard`` says that hardly anybody can answer the question.
    """

    number: int
    venue: str
    type: str
    author: Person
    time: int
    topic: str
    lang: str
    root: Post | None
    truth: str
    record: PostRecord
    hard: bool = False
    gone: bool = False
    solved: bool = False
    thread: list[Post] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The id in the records."""
        return self.record.id

    @property
    def subject(self) -> str:
        """What it is about, to compare with interests."""
        return self.topic.partition("/")[0]

    @property
    def top(self) -> Post:
        """The post that opened the thread."""
        return self.root or self


def instant(second: int) -> datetime:
    """Seconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(second, UTC)


class Town:
    """People, posts and an agenda of what will happen, in the order of its seconds.

    ``pull`` (float64, one per person) is the fading number of planted responses received;
    ``growth`` the experience that makes a bloomer bloom. ``truth`` tells of each post what kind
    of text it was composed as, e.g. ``solves`` or ``impression``: what a judge should find.
    """

    def __init__(self, people: Sequence[Person], seed: int) -> None:
        """An empty town of these people, before the first day."""
        self.people = people
        self.dice = Dice(seed, 1)
        # Texts have their own stream: a new phrase must not change who does what.
        self.words = Dice(seed, 2)
        self.pull: NDArray[np.float64] = np.zeros(len(people))
        self.growth: NDArray[np.float64] = np.zeros(len(people))
        self.posts: dict[tuple[str, str], list[Post]] = {}
        self.truth: dict[str, str] = {}
        self.inviters: list[Person] = []
        self.out: list[Record] = []
        self._agenda: list[tuple[int, int, Callable[[int], None]]] = []
        self._planned = 0
        self._written = 0
        self._acted = 0
        self._once: set[tuple[str, int, int]] = set()

    # --- time ---------------------------------------------------------------------------------

    def plan(self, second: int, happen: Callable[[int], None]) -> None:
        """Let ``happen(second)`` happen then; what is planned first comes first."""
        heapq.heappush(self._agenda, (second, self._planned, happen))
        self._planned += 1

    def run(self, end: int) -> list[Record]:
        """Let everything before the second ``end`` happen; returns its records in time order."""
        while self._agenda and self._agenda[0][0] < end:
            second, _, happen = heapq.heappop(self._agenda)
            happen(second)
        records, self.out = self.out, []
        return records

    # --- writing ------------------------------------------------------------------------------

    def write(
        self,
        author: Person,
        second: int,
        venue: str,
        type_: str,
        *,
        parent: Post | None = None,
        kind: str,
        topic: str | None = None,
    ) -> Post:
        """A new post; ``parent`` is what it answers, ``kind`` what text it gets."""
        root = parent.top if parent else None
        topic = topic or (root.topic if root else self._topic(author))
        # A thread keeps the language in which it was opened.
        lang = root.lang if root else author.lang
        title, text = compose(self.words, lang, kind, topic)
        record = PostRecord(
            source=SOURCE,
            id=f"p{self._written:06d}",
            venue=venue,
            type=type_,
            time=instant(second),
            author=author.id,
            root=root.id if root else None,
            parent=parent.id if parent else None,
            title=title,
            text=text,
            format="plain",
            lang=lang,
            state=PostState.VISIBLE,
        )
        post = Post(self._written, venue, type_, author, second, topic, lang, root, kind, record)
        self._written += 1
        self.out.append(record)
        self.truth[post.id] = kind
        if root is None:
            self.posts.setdefault((venue, lang), []).append(post)
        else:
            root.thread.append(post)
        if parent is not None and type_ in PLANTED_VERBS:
            self._respond(author, parent.author)
        self._aftermath(post)
        return post

    def _topic(self, author: Person) -> str:
        subject = self.dice.pick(author.interests)
        return self.dice.pick([topic for topic in TOPICS if topic.startswith(f"{subject}/")])

    def _aftermath(self, post: Post) -> None:
        """Some posts are edited, hidden or deleted later: a later snapshot. Some like their own."""
        if self.dice.chance(_SELF_LIKED):
            own = post.time + 30
            self.plan(own, partial(self._like_own, post))
        u = self.dice.random()
        delay = self.dice.between(10 * MINUTE, 2 * DAY)
        change: dict[str, Any]
        if u < _EDITED:
            _, note = compose(self.words, post.lang, "edit_note", post.topic)
            change = {"text": f"{post.record.text}\n\n{note}"}
        elif u < _EDITED + _DELETED:
            change = {"title": None, "text": None, "state": PostState.DELETED}
        elif u < _EDITED + _DELETED + _HIDDEN:
            change = {"state": PostState.HIDDEN}
        else:
            return
        self.plan(post.time + delay, lambda _: self.snapshot(post, **change))

    def snapshot(self, post: Post, **change: Any) -> None:
        """A later snapshot of a post with these fields changed; none once it is gone."""
        if post.gone:
            return
        post.record = replace(post.record, **change)
        post.gone = post.record.state is not PostState.VISIBLE
        self.out.append(post.record)

    def _like_own(self, post: Post, second: int) -> None:
        verb = {"qa": "vote_up", "idea": "vote_up"}.get(post.venue, "like")
        self.react(post.author, second, verb, post)

    # --- acting -------------------------------------------------------------------------------

    def act(
        self,
        actor: Person | None,
        second: int,
        venue: str,
        verb: str,
        post: Post | None = None,
        *,
        target: Person | None = None,
        id_: str | None = None,
        count: int = 1,
    ) -> None:
        """An action; where it has a post, its target is the author of that."""
        target = post.author if post else target
        if id_ is None:
            id_ = f"a{self._acted:07d}"
            self._acted += 1
        self.out.append(
            ActionRecord(
                source=SOURCE,
                id=id_,
                venue=venue,
                verb=verb,
                time=instant(second),
                actor=actor.id if actor else None,
                post=post.id if post else None,
                target=target.id if target else None,
                count=count,
            )
        )
        if actor and post and verb in PLANTED_VERBS:
            self._respond(actor, post.author)

    def react(self, actor: Person, second: int, verb: str, post: Post) -> bool:
        """A like, vote or bookmark, once per person and post; a few are taken back later."""
        if not self.first(verb, actor, post.number):
            return False
        id_ = f"{verb}-{actor.id}-{post.id}"
        self.act(actor, second, post.venue, verb, post, id_=id_)
        if self.dice.chance(_TAKEN_BACK):

            def happen(later: int) -> None:
                self.out.append(RetractionRecord(SOURCE, f"undo-{id_}", id_, instant(later)))

            self.plan(second + self.dice.between(20, DAY), happen)
        return True

    def first(self, what: str, person: Person, number: int) -> bool:
        """Whether this person does this to this number for the first time."""
        key = (what, person.index, number)
        fresh = key not in self._once
        self._once.add(key)
        return fresh

    def _respond(self, giver: Person, receiver: Person) -> None:
        """The planted cause: whoever is answered will be here more often in the coming days."""
        if giver is receiver:
            return
        self.pull[receiver.index] = min(MOST_PULL, self.pull[receiver.index] + 1.0)
        self.growth[receiver.index] += GROWTH

    # --- looking around -----------------------------------------------------------------------

    def recent(self, actor: Person, venue: str, second: int, days: int = 45) -> Post | None:
        """A fairly new thread of the venue that is not the actor's own, in their language."""
        lang = actor.lang
        if lang == "en" and self.dice.chance(0.15):
            lang = "ja"
        threads = self.posts.get((venue, lang))
        if not threads:
            return None
        span = min(len(threads), 30 + len(self.people) // 20)
        for _ in range(3):
            u = self.dice.random()
            post = threads[-1 - int(u * u * span)]
            if post.author is not actor and not post.gone and post.time > second - days * DAY:
                return post
        return None

    def liked(self, actor: Person, venue: str, second: int) -> Post | None:
        """As ``recent``, but drawn to popular authors: the confounder without effect."""
        best: Post | None = None
        for _ in range(4):
            post = self.recent(actor, venue, second)
            if post is None:
                continue
            best = post
            if self.dice.chance(post.author.pull):
                break
        return best

    def somewhere(self, actor: Person, post: Post, types: frozenset[str]) -> Post:
        """A post of the same thread of one of these types by somebody else, or the post itself."""
        for _ in range(2):
            if not post.thread:
                return post
            other = self.dice.pick(post.thread)
            if other.type in types and other.author is not actor and not other.gone:
                return other
        return post
