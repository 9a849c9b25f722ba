"""The candidates that due work would have kept at some moment: for previews, also of the past."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import numpy as np

from engagement.points import Ints
from engagement.prompt import Candidate
from engagement.scenario import Kind
from store.candidates.feeder import EVERYBODY, Asked, Found
from store.candidates.pool import best, looked_up
from store.candidates.registry import FEEDERS
from store.db import Read
from store.rules import ActiveRules


async def gathered(
    connection: Read,
    members: Sequence[int],
    rules: ActiveRules,
    kinds: Collection[Kind],
    *,
    moment: datetime,
    day: int,
) -> dict[int, list[Candidate]]:
    """What ``pool.kept`` would have given each member at ``moment``, which is on ``day``.

    Of posts, and of what was taken back, only how they are now is known: what is hidden by now was
    never there.
    """
    gathered: dict[int, list[Candidate]] = {member: [] for member in members}
    asked = Asked(connection, rules, day, moment, frozenset(members))
    for kind in FEEDERS:
        if kind in kinds:
            rows = _for_each(await FEEDERS[kind](asked), np.array(sorted(gathered), np.int64))
            for member, candidate in await looked_up(connection, kind, rows, moment=moment):
                gathered[member].append(candidate)
    return {member: best(candidates) for member, candidates in gathered.items()}


def _for_each(found: Found, members: Ints) -> Found:
    """Candidates of each of some members, with those for everybody."""
    shared = np.flatnonzero(found.member == EVERYBODY)
    own = np.flatnonzero(np.isin(found.member, members))
    rows = found.of(np.concatenate([own, np.tile(shared, len(members))]))
    member = np.concatenate([found.member[own], np.repeat(members, len(shared))])
    return Found(member, rows.post, rows.score, rows.count)
