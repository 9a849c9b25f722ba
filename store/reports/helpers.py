"""Who helped others, by how many different members they helped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from engagement.columns import NOBODY
from engagement.helpers import LEAST, Help, helpers
from engagement.points import Bools
from engagement.words import STATUSES, Role
from store import helping, members, population
from store.db import Read
from store.helping import Pairs
from store.reports.report import Column, Kind, Question, Report, Sources

_COLUMNS: Final = (
    Column("name", Kind.TEXT, "name"),
    Column("accounts", Kind.TEXT, "accounts"),
    Column("role", Kind.TEXT, "role"),
    Column("status", Kind.STATUS, "status"),
    Column("helped", Kind.COUNT, "helped"),
    Column("helped_before", Kind.COUNT, "before"),
    Column("days", Kind.COUNT, "on days"),
    Column("responses", Kind.COUNT, "responses"),
    Column("answers", Kind.COUNT, "answers"),
    Column("best_answers", Kind.COUNT, "best answers"),
)


async def helped(sources: Sources, question: Question) -> Report:
    """The members who helped most others in the period, and after them the staff who did."""
    async with sources.read() as connection:
        pairs = await _pairs(connection, question)
        ours, theirs = (_by(pairs, role, before=False) for role in (Role.MEMBER, Role.STAFF))
        ours_before, theirs_before = (
            _by(pairs, role, before=True) for role in (Role.MEMBER, Role.STAFF)
        )
        rows = []
        for now, before in ((ours, ours_before), (theirs, theirs_before)):
            # Who was erased is among the totals only.
            listed = [id_ for id_ in now.helper.tolist() if id_ not in pairs.erased]
            rows += await _rows(connection, question, listed[: question.most], now, before)
    return Report(
        name="helpers",
        title="Who helped others, by how many different members",
        columns=_COLUMNS,
        rows=tuple(rows),
        totals={
            "helpers": len(ours.helper),
            "people_helped": ours.people,
            "helpers_before": len(ours_before.helper),
            "people_helped_before": ours_before.people,
            "top_tenth": ours.top,
            "top_tenth_helped": ours.top_people,
            "top_tenth_share": None
            if ours.top_people is None
            else round(ours.top_people / ours.people, 6),
            "staff_helpers": len(theirs.helper),
            "people_helped_by_staff": theirs.people,
            "people_helped_by_members_or_staff": len(np.unique(pairs.helped[~pairs.before])),
        },
        notes=tuple(_notes(ours)),
    )


def _notes(ours: Help) -> Iterator[str]:
    yield (
        "Helped: different members for whom somebody did what is worth contribution by the rules "
        "(who chose their answer as the best is one of them)."
    )
    yield "Totals are of all members who helped, not only of those listed; staff apart."
    if ours.top is None:
        yield f"The share of the top tenth is withheld: fewer than {LEAST} helpers."


async def ranked(connection: Read, question: Question) -> Help:
    """All members who helped anybody in the period, the most helpful first."""
    return _by(await _pairs(connection, question), Role.MEMBER, before=False)


async def _pairs(connection: Read, question: Question) -> Pairs:
    return await helping.pairs(
        connection,
        question.rules,
        first=question.since - question.period_days + 1,
        since=question.since,
        last=question.day,
    )


def _by(pairs: Pairs, role: Role, *, before: bool) -> Help:
    those: Bools = np.array([pairs.role[one] is role for one in pairs.helper.tolist()], np.bool_)
    those &= pairs.before == before
    return helpers(pairs.helper[those], pairs.helped[those])


async def _rows(
    connection: Read, question: Question, ids: list[int], found: Help, before: Help
) -> list[dict[str, Any]]:
    """Some helpers with what else they did."""
    people = await members.by_ids(connection, ids)
    did = await helping.deeds(
        connection, ids, question.rules, first=question.since + 1, last=question.day
    )
    status = await population.statuses_at(connection, ids, question.rules, day=question.day)
    accounts = await members.accounts(connection, ids)
    helped_now = dict(zip(found.helper.tolist(), found.helped.tolist(), strict=True))
    helped_then = dict(zip(before.helper.tolist(), before.helped.tolist(), strict=True))
    return [
        {
            "name": people[id_].name,
            "accounts": members.account_names(accounts[id_]),
            "role": people[id_].role.value,
            "status": STATUSES[status[id_]].value
            if people[id_].role is Role.MEMBER and status[id_] != NOBODY
            else None,
            "helped": helped_now[id_],
            "helped_before": helped_then.get(id_, 0),
            "days": did[id_].days,
            "responses": did[id_].responses,
            "answers": did[id_].answers,
            "best_answers": did[id_].best_answers,
        }
        for id_ in ids
    ]
