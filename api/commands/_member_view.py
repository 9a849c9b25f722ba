"""One member at the end of a day: what there is to know, as the document that JSON shows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from api.commands._find import Found
from engagement.columns import CAUSES, NOBODY
from engagement.explain import GuardStanding, IndexStanding, NextStep, Standing
from engagement.words import STATUSES, ActionType, Role, Side
from store import actions, evidence, explained, members
from store.actions import ActionRow
from store.db import Database, Read, day_date
from store.evidence import TypeShare
from store.members import MemberRow
from store.moment import Moment

#: So many of the latest changes and actions are shown.
_CHANGES: Final = 10
_ACTIONS: Final = 10
#: Reasons that count days; the others count points.
_IN_DAYS: Final = frozenset({"dormant", "newcomer"})

Told = dict[str, Any]
Catalog = Mapping[tuple[str, str], ActionType]


async def tell(
    database: Database, connection: Read, found: Found, moment: Moment, day: int
) -> Told:
    """What there is to know of one member at the end of ``day``.

    ``standing`` is None for staff and bots, who have none, and for who came later.
    """
    row = found.row
    placed = row.role is Role.MEMBER and row.erased_at is None
    standing = await _standing(connection, row, moment, day) if placed else None
    given, received = [
        (await actions.of_members(connection, [row.id], side, first=_ACTIONS, after=(day + 1, 0)))[
            row.id
        ]
        for side in (Side.GIVEN, Side.RECEIVED)
    ]
    others = [a.target_id for a in given] + [a.actor_id for a in received]
    names = await _names(connection, {id_ for id_ in others if id_ is not None})
    catalog = {one.key: one for one in moment.rules.rules.catalog}
    points = (
        [] if standing is None else await evidence.shares(connection, row.id, moment.rules, day=day)
    )
    return {
        "member": _who(database, found),
        "as_of": str(day_date(day)),
        "archive": moment.archive,
        "rule_set": moment.rules.name,
        "standing": None if standing is None else _plain(standing),
        "points_from": [_plain_share(one, catalog) for one in points],
        "history": await _history(connection, row, moment, day) if placed else [],
        "given": [_action(database, a, names.get(a.target_id or 0), catalog) for a in given],
        "received": [_action(database, a, names.get(a.actor_id or 0), catalog) for a in received],
    }


async def _standing(connection: Read, row: MemberRow, moment: Moment, day: int) -> Standing | None:
    if day == moment.today:
        found: Standing | None = (
            await explained.live(connection, [row.kept], moment.rules, today=day)
        )[row.id]
    else:
        found = (await explained.at(connection, [row.id], moment.rules, day=day))[row.id]
    if found is None:
        return None
    at = (row.id, day)
    people = (await explained.distinct(connection, [at], moment.rules))[at]
    return found.with_people(people)


async def _history(
    connection: Read, row: MemberRow, moment: Moment, day: int
) -> list[dict[str, Any]]:
    """The latest changes of status as the fold of today's evidence has them, newest first."""
    past = await explained.fold_to(connection, [row.id], moment.rules, until=day)
    moves = past.moves
    columns = (
        moves.day.tolist(),
        moves.before.tolist(),
        moves.after.tolist(),
        moves.cause.tolist(),
    )
    steps = sorted(zip(*columns, strict=True), key=lambda step: int(step[0]))
    return [
        {
            "day": str(day_date(when)),
            "from": None if before == NOBODY else STATUSES[before].value,
            "to": STATUSES[after].value,
            "cause": CAUSES[cause].value,
        }
        for when, before, after, cause in reversed(steps[-_CHANGES:])
    ]


async def _names(connection: Read, ids: Collection[int]) -> dict[int, str]:
    rows = await members.by_ids(connection, sorted(ids))
    return {id_: row.name or f"member {row.id}" for id_, row in rows.items()}


def _who(database: Database, found: Found) -> Told:
    row = found.row
    joined = row.joined_at
    return {
        "name": row.name,
        "accounts": [{"source": a.source, "id": a.external_id} for a in found.accounts],
        "role": row.role.value,
        "state": row.state,
        "joined": None if joined is None else str(joined.astimezone(database.zone).date()),
        "lang": row.lang,
    }


def _plain(standing: Standing) -> Told:
    step = standing.next
    return {
        "status": standing.status.value,
        "since": None if standing.since is None else str(day_date(standing.since)),
        "rule_set": standing.rule_set,
        "indices": [_plain_index(one) for one in standing.indices],
        "because": [
            {
                "code": reason.code,
                "index": None if reason.index is None else reason.index.value,
                "actual": _scaled(reason.actual, reason.code),
                "needed": _scaled(reason.needed, reason.code),
                "text": {"en": reason.text_en, "ja": reason.text_ja},
            }
            for reason in standing.because
        ],
        "next": None if step is None else _plain_step(step),
        "next_review": _date(standing.next_review_day),
    }


def _plain_step(step: NextStep) -> Told:
    en, ja = step.text()
    return {
        "status": step.status.value,
        "index": None if step.target is None else step.target.index.value,
        "missing": step.missing_x100 / 100,
        "guards": [_plain_guard(guard) for guard in step.guards],
        "guards_needed": step.guards_needed,
        "text": {"en": en, "ja": ja},
    }


def _plain_index(one: IndexStanding) -> Told:
    return {
        "index": one.index.value,
        "points": one.points_x100 / 100,
        "enter": one.enter_x100 / 100,
        "exit": one.exit_x100 / 100,
        "missing": one.missing_x100 / 100,
        "met": one.met,
        "kept_until": _date(one.kept_until_day),
        "guards": [_plain_guard(guard) for guard in one.guards],
        "guards_needed": one.guards_needed,
    }


def _plain_guard(guard: GuardStanding) -> Told:
    return {"name": guard.name, "have": guard.have, "need": guard.need}


def _plain_share(one: TypeShare, catalog: Catalog) -> Told:
    row = catalog[one.venue, one.verb]
    return {
        "index": one.index.value,
        "venue": one.venue,
        "verb": one.verb,
        "label": row.en,
        "label_ja": row.ja,
        "count": one.n,
        "days": one.days,
        "points": one.points_x100 / 100,
        "each": row.points,
        "daily_cap": row.daily_cap,
        "from_totals": one.from_totals,
    }


def _date(day: int | None) -> str | None:
    return None if day is None else str(day_date(day))


def _scaled(value: int | None, code: str) -> float | None:
    if value is None:
        return None
    return value if code in _IN_DAYS else value / 100


def _action(
    database: Database,
    action: ActionRow,
    other: str | None,
    catalog: Catalog,
) -> Told:
    known = catalog.get((action.venue, action.verb))
    return {
        "day": str(day_date(action.day)),
        "at": action.occurred_at.astimezone(database.zone).isoformat(),
        "precision": action.precision.name.lower(),
        "venue": action.venue,
        "verb": action.verb,
        "label": None if known is None else known.en,
        "label_ja": None if known is None else known.ja,
        "earned_by": None if known is None else known.earns.name.lower(),
        "count": action.n,
        "other": other,
        "counts": not (action.retracted or action.post_deleted),
    }
