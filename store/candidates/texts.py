"""What is read once for all kinds that go by words: recent items, and what members wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import numpy as np

from engagement.interest import MOST_READ, Interests, Reading, Vocabulary, words
from engagement.points import Ints
from engagement.survival import Floats
from store import facts
from store.candidates.feeder import LONGEST_DAYS, Asked
from store.candidates.lookup import KNOWN, answers, closed
from store.db import Read, Write
from store.threads import CLOSING, PAGES, RESPONSES

#: Where members propose what should be done, and where the company writes.
IDEAS: Final = ("idea", "idea_box")
COMPANY: Final = ("company_blog",)
#: Days that a question is open for, and an article new.
OPEN_DAYS: Final = 14
NEW_DAYS: Final = 30
#: The newest articles that are looked at.
_ARTICLES: Final = 30
#: Days of what members wrote, and how much of it at most.
_WRITTEN_DAYS: Final = 182
_WRITTEN: Final = 20
#: Posts read at once.
_CHUNK: Final = 5_000


class About(Enum):
    """What an item is: a thread that waits, an idea, an article of the company."""

    WAITING = "waiting"
    IDEA = "idea"
    ARTICLE = "article"


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """Some recent posts that open a thread, ascending by id, in columns.

    ``author`` is −1 where nobody knows them, ``of_member`` false of staff and bots. ``age`` is in
    days, ``answers`` counts what others wrote in the thread, ``words`` are numbers.
    """

    post: Ints
    author: Ints
    of_member: Sequence[bool]
    venue: Sequence[str]
    verb: Sequence[str]
    age: Floats
    answers: Ints
    words: Sequence[Ints]

    def of(self, chosen: Sequence[int]) -> Items:
        """Some of them, by position."""
        at = np.array(chosen, np.int64)
        return Items(
            self.post[at],
            self.author[at],
            [self.of_member[i] for i in chosen],
            [self.venue[i] for i in chosen],
            [self.verb[i] for i in chosen],
            self.age[at],
            self.answers[at],
            [self.words[i] for i in chosen],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """Recent items, and the words that members share with them.

    ``everywhere`` are the words of all that they wrote, ``on_ideas`` of what they wrote there.
    ``today`` is how much of it is of today, by member and venue.
    """

    items: dict[About, Items]
    everywhere: Interests
    on_ideas: Interests
    today: dict[tuple[int, str], int]


async def texts(asked: Asked) -> Texts:
    """Read them, once for all who ask with the same ``remembered``."""
    known: Texts | None = asked.remembered.get(Texts)
    if known is None:
        known = asked.remembered[Texts] = await _read(asked)
    return known


async def _read(asked: Asked) -> Texts:
    rows = {about: await _rows(asked, about) for about in About}
    both = [row for about in About for row in rows[about]]
    vocabulary = await facts.aside(
        len(both), lambda: Vocabulary([words(row["words"]) for row in both])
    )
    items: dict[About, Items] = {}
    first = 0
    for about in About:
        end = first + len(rows[about])
        items[about] = _items(rows[about], vocabulary.items[first:end])
        first = end
    everywhere, on_ideas = Reading(vocabulary), Reading(vocabulary)
    today: dict[tuple[int, str], int] = {}
    cursor = await asked.connection.cursor(
        *(_WRITTEN_BY, asked.day, asked.moment, _WRITTEN_DAYS, _WRITTEN, MOST_READ)
    )
    while chunk := await cursor.fetch(_CHUNK):
        found = await facts.aside(len(chunk), lambda: [words(row["words"]) for row in chunk])
        everywhere.add([row["author_id"] for row in chunk], found)
        ideas = [i for i, row in enumerate(chunk) if row["venue"] in IDEAS]
        on_ideas.add([chunk[i]["author_id"] for i in ideas], [found[i] for i in ideas])
        for row in chunk:
            if row["today"]:
                key = (row["author_id"], row["venue"])
                today[key] = today.get(key, 0) + 1
    of_all = everywhere.interests()
    return Texts(items, of_all, on_ideas.interests(of_all), today)


async def _rows(asked: Asked, about: About) -> Sequence[Any]:
    fixed = (asked.day, asked.moment, [*RESPONSES, *PAGES], MOST_READ)
    connection: Read | Write = asked.connection
    if about is About.WAITING:
        found = await connection.fetch(
            _WAITING, *fixed, OPEN_DAYS, None, list(RESPONSES), list(CLOSING)
        )
    elif about is About.IDEA:
        found = await connection.fetch(_ITEMS, *fixed, LONGEST_DAYS, list(IDEAS))
    else:
        found = await connection.fetch(_NEWEST, *fixed, NEW_DAYS, list(COMPANY), _ARTICLES)
    return sorted(found, key=lambda row: int(row["id"]))


def _items(rows: Sequence[Any], numbers: Sequence[Ints]) -> Items:
    return Items(
        np.array([row["id"] for row in rows], np.int64),
        np.array([row["author"] for row in rows], np.int64),
        [row["of_member"] for row in rows],
        [row["venue"] for row in rows],
        [row["verb"] for row in rows],
        np.array([row["age"] for row in rows], np.float64),
        np.array([row["answers"] for row in rows], np.int64),
        numbers,
    )


def _opening(answers_: str) -> str:
    """What opens a thread, by authors who are not bots and not erased."""
    return f"""
        select p.id, coalesce(p.author_id, -1) as author, coalesce(m.role, 'member') = 'member'
            as of_member, t.venue, t.verb,
            extract(epoch from $2 - p.written_at)::float8 / 86400 as age, {answers_} as answers,
            coalesce(p.title || ' ', '') || coalesce(left(p.text, $4), '') as words
        from post p join action_type t on t.id = p.type_id and t.verb <> all($3::text[])
            and ($6::text[] is null or t.venue = any($6))
        left join member m on m.id = p.author_id
        where p.day between $1 - $5::int and $1 and p.written_at <= $2
            and p.written_at > $2 - make_interval(days => $5)
            and p.root_id is null and p.parent_id is null and p.state = 'visible'
            and m.erased_at is null and m.role is distinct from 'bot'
    """


_ITEMS: Final = _opening("0")

_NEWEST: Final = f"{_ITEMS} order by p.written_at desc, p.id desc limit $7"

_WAITING: Final = f"""
    with {KNOWN.format(responses="$7", closing="$8")}
    {_opening(f"({answers('$2')})")} and not ({closed("$2")})
"""

# The newest of each; the texts themselves are fetched when that is decided.
_WRITTEN_BY: Final = """
    select p.author_id, t.venue, p.day = $1 as today,
        coalesce(p.title || ' ', '') || coalesce(left(p.text, $5), '') as words
    from (
        select id, row_number() over (partition by author_id order by day desc, id desc) as place
        from post
        where day between $1 - $3::int and $1 and written_at <= $2 and type_id is not null
            and author_id is not null and state = 'visible'
    ) newest join post p on p.id = newest.id
    join action_type t on t.id = p.type_id
    join member m on m.id = p.author_id and m.role = 'member' and m.state = 'active'
    where newest.place <= $4
"""
