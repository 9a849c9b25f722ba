"""The candidates of a member, each with what has become of its post.

Due work keeps them; what is looked up here is what may have changed since: whether the post can
still be read, is answered or closed, and what the member, and prompts, have done with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
import numpy as np

from engagement.prompt import Candidate
from engagement.scenario import KINDS, TRAITS, Kind
from store.candidates.feeder import EVERYBODY, LONGEST_DAYS, Found
from store.candidates.lookup import KNOWN, answers, closed
from store.db import Read, Write, day_number
from store.threads import CLOSING, RESPONSES

#: Candidates of a kind that a decision is given, and among how many of the best they are looked
#: for.
EACH: Final = 2
_LOOKED_AT: Final = 40
#: Offers of a post in the last week that are counted: whoever pushes a post to more members has no
#: use for a limit.
_COUNTED: Final = 200
#: Characters that stand for a post without a title.
_EXCERPT: Final = 200


async def kept(
    connection: Read | Write,
    member_id: int,
    kinds: Collection[Kind],
    *,
    now: datetime,
    most_offered: int | None = None,
) -> list[Candidate]:
    """The best EACH of a kind that can still be shown; where there is none, the best of all.

    What was offered to ``most_offered`` other members in the last seven days is taken only where
    there is nothing else.
    """
    wanted = sum(1 << KINDS.index(kind) for kind in set(kinds) if TRAITS[kind].has_item)
    if not wanted:
        return []
    rows = await connection.fetch(_KEPT, *_arguments(now, member_id), wanted, most_offered)
    # Where fewer than EACH are fresh, the best one comes once more, whatever became of it.
    found: dict[Kind, dict[int | None, Candidate]] = {}
    for one in map(_candidate, rows):
        those = found.setdefault(one.kind, {})
        if not those or one.is_fresh:
            those.setdefault(one.post_id, one)
    return [one for those in found.values() for one in those.values()]


async def looked_up(
    connection: Read | Write, kind: Kind, rows: Found, *, moment: datetime
) -> list[tuple[int, Candidate]]:
    """What is so of candidates at ``moment``, each with the member that it is looked at for."""
    columns = (rows.member, rows.post, rows.score, rows.count)
    members = np.unique(rows.member).tolist()
    found = await connection.fetch(
        *(_LOOKED_UP, *_arguments(moment, members), KINDS.index(kind)),
        *(None if column is None else column.tolist() for column in columns),
    )
    return [(row["member_id"], _candidate(row)) for row in found]


async def now_so(
    connection: Read | Write, member_id: int, one: Candidate, *, now: datetime
) -> Candidate:
    """One candidate of a member once more, with what has become of its post by now.

    What its messages count is not known any more.
    """
    code = KINDS.index(one.kind)
    row = await connection.fetchrow(
        _NOW_SO, *_arguments(now, member_id), code, one.post_id, one.score
    )
    return replace(one, visible=False) if row is None else _candidate(row)


def best(candidates: Iterable[Candidate]) -> list[Candidate]:
    """What ``kept`` gives of all the candidates of a member."""
    chosen: list[Candidate] = []
    by_kind: dict[Kind, dict[int | None, Candidate]] = {}
    for one in sorted(candidates, key=_rank):
        by_kind.setdefault(one.kind, {}).setdefault(one.post_id, one)
    for those in by_kind.values():
        ranked = list(those.values())[:_LOOKED_AT]
        chosen += [one for one in ranked if one.is_fresh][:EACH] or ranked[:1]
    return chosen


def _rank(one: Candidate) -> tuple[float, int]:
    return -one.score, -(one.post_id or 0)


def _arguments(now: datetime, members: int | Sequence[int]) -> tuple[Any, ...]:
    """The arguments that all statements begin with."""
    # Any zone will do: a day too many is no matter.
    since = day_number(now.astimezone(UTC).date()) - LONGEST_DAYS - 2
    return now, now - timedelta(days=7), members, since, list(RESPONSES), list(CLOSING)


def _candidate(row: asyncpg.Record) -> Candidate:
    kind = KINDS[row["kind"]]
    told = {"venue": row["venue"], "title": row["title"]} | row["told"]
    return Candidate(
        kind=kind,
        post_id=row["post_id"],
        score=row["score"],
        values={name: told[name] for name in ("venue", *sorted(TRAITS[kind].variables))},
        visible=row["visible"],
        own=row["own"],
        closed=row["closed"],
        met=row["met"],
        shown=row["shown"],
        answers=row["answers"],
        offered=row["offered"],
    )


def _of(trait: str) -> str:
    """The kinds that have a trait, as a list in SQL."""
    return ", ".join(str(KINDS.index(kind)) for kind in KINDS if getattr(TRAITS[kind], trait))


_LIMITS: Final = " ".join(
    f"when {KINDS.index(kind)} then {traits.most_answers}"
    for kind, traits in TRAITS.items()
    if traits.most_answers is not None
)
_LIMITED: Final = ", ".join(
    str(KINDS.index(kind)) for kind, traits in TRAITS.items() if traits.most_answers is not None
)


# What the members have written and done since their candidates can have been written at the
# earliest: it is read once, however many candidates there are. What was done to no post stays in:
# a condition on it would have PostgreSQL read all of the index of those that were.
def _done(of: str) -> str:
    return f"""
        with {KNOWN.format(responses="$5", closing="$6")}, wrote as materialized (
            select author_id, coalesce(root_id, parent_id, id) as thread_id from post
            where author_id {of} and day >= $4 and written_at <= $1
        ), did as materialized (
            select actor_id, coalesce(post_id, 0) from action
            where actor_id {of} and day >= $4 and state = 0 and occurred_at <= $1
        )
    """


_DONE_BY_ONE: Final = _done("= $3::int")
_DONE_BY_SOME: Final = _done("= any($3::int[])")

_SHOWN = """
    exists (
        select from offer e
        where e.member_id = c.member_id and e.post_id = c.post_id and e.at <= $1
            and (e.arm > 0 or e.shown_at is not null) and e.snoozed_at is null
    )
"""

_OFFERED = f"""
    select count(distinct e.member_id)::int from (
        select member_id from offer
        where post_id = c.post_id and at > $2 and at <= $1 and arm is not null
            and member_id <> c.member_id
        limit {_COUNTED}
    ) e
"""

# Where it is known of both, a post in a language that is not the member's cannot be read.
_READABLE = """
    left(coalesce(p.lang, o.lang), 2)
        = left((select reader.lang from member reader where reader.id = c.member_id), 2)
"""

# What is so of the candidate c; what its kind does not ask for is not looked up. The offset has
# it worked out once, whoever asks.
_SO = f"""
    select t.venue,
        coalesce(
            nullif(p.title, ''), nullif(o.title, ''),
            case when p.format = 'plain' then nullif(trim(left(p.text, {_EXCERPT})), '') end,
            t.venue
        ) as title,
        p.state = 'visible' and p.written_at <= $1 and (o.state = 'visible') is not false
            and m.erased_at is null and ({_READABLE}) is not false as visible,
        (p.author_id = c.member_id) is true as own,
        (c.member_id, coalesce(p.root_id, p.parent_id, p.id)) in (table wrote)
            or (c.member_id, p.id) in (table did) as met,
        c.kind in ({_of("needs_open")}) and ({closed("$1")}) as closed,
        case when c.kind in ({_LIMITED}) then ({answers("$1")}) else 0 end as answers,
        {_SHOWN} as shown,
        case when c.kind in ({_of("spread")}) then ({_OFFERED}) else 0 end as offered
    from post p join action_type t on t.id = p.type_id
    left join post o on o.id = coalesce(p.root_id, p.parent_id)
    left join member m on m.id = p.author_id
    where p.id = c.post_id offset 0
"""

_NOW_SO = f"""
    {_DONE_BY_ONE}
    select c.*, so.* from (
        select $3::int as member_id, $7::smallint as kind, $8::int as post_id, $9::real as score,
            '{{"count": 0}}'::jsonb as told
    ) c cross join lateral ({_SO}) so
"""

_LOOKED_UP = f"""
    {_DONE_BY_SOME}
    select c.*, so.* from (
        select member_id, $7::smallint as kind, post_id, score,
            case when count is null then '{{}}' else jsonb_build_object('count', count) end as told
        from unnest($8::int[], $9::int[], $10::real[], $11::int[])
            as k(member_id, post_id, score, count)
    ) c cross join lateral ({_SO}) so
"""

# As Candidate.is_fresh.
_FRESH = f"""
    so.visible and not so.shown
    and case when c.kind in ({_of("own")}) then so.own else not so.own and not so.met end
    and not so.closed and (so.answers <= case c.kind {_LIMITS} end) is not false
    and (so.offered < $8) is not false
"""

# The best of a kind, which are gone through until there are enough.
_BEST = f"""
    select $3::int as member_id, d.kind, d.post_id, d.score, d.told from (
        select distinct on (post_id) kind, post_id, score, told from candidate
        where member_id in ({EVERYBODY}, $3) and kind = k.kind
        order by post_id, score desc
    ) d order by d.score desc, d.post_id desc limit {_LOOKED_AT}
"""

# The kinds come as bits, and the member by themselves: of an array PostgreSQL guesses how many it
# holds, finds a plan for the very one cheaper than for any, and plans anew with every decision,
# which takes ten times as long as what is then done.
_KEPT = f"""
    {_DONE_BY_ONE}
    select it.* from generate_series(0, {len(KINDS) - 1}) k(kind) cross join lateral (
        (
            select c.*, so.* from ({_BEST}) c cross join lateral ({_SO}) so
            where {_FRESH} order by c.score desc, c.post_id desc limit {EACH}
        ) union all (
            select c.*, so.* from ({_BEST}) c cross join lateral ({_SO}) so
            order by c.score desc, c.post_id desc limit 1
        ) limit {EACH}
    ) it
    where ($7::int >> k.kind) & 1 = 1
"""
