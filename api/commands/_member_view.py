"""One member at the end of a day: what there is to know, as JSON and as lines for people."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from api.commands._find import Found
from engagement.columns import CAUSES, NOBODY
from engagement.explain import GuardStanding, IndexStanding, NextStep, Standing
from engagement.explain_texts import STATUS_JA
from engagement.words import STATUSES, ActionType, Cause, Role, Side, Status
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

_CAUSES: Final[Mapping[str, str]] = {
    Cause.ACTION: "by what they did or received",
    Cause.DECAY: "because time went by",
    Cause.QUALITY: "because a text was judged",
    Cause.RULE_CHANGE: "because the rules changed",
    Cause.LOCK: "by a manager's lock",
    Cause.IMPORT: "by an import",
    Cause.MERGE: "because accounts were merged",
}
_GUARDS: Final[Mapping[str, str]] = {
    "distinct_members": "people",
    "distinct_days": "days",
}

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
        "earned_by": None if known is None else known.earns.name.lower(),
        "count": action.n,
        "other": other,
        "counts": not (action.retracted or action.post_deleted),
    }


def lines(told: Told) -> Iterator[str]:
    """The same for people, line by line."""
    yield from _headline(told)
    standing = told["standing"]
    if standing is not None:
        yield ""
        yield from _index_lines(standing["indices"])
        yield ""
        yield f"Because:  {standing['because'][0]['text']['en']}."
        if standing["next"] is not None:
            yield f"Next:     {standing['next']['text']['en']}."
        else:
            yield "Next:     nothing higher; the points of the window keep it."
        if standing["next_review"] is not None:
            yield f"Without anything new it may change on {standing['next_review']}."
    yield from _section("Points come from", [_share_line(one) for one in told["points_from"]])
    yield from _section("History", [_change_line(one) for one in told["history"]])
    yield from _section("Last done", [_action_line(one, "to") for one in told["given"]])
    yield from _section("Last received", [_action_line(one, "from") for one in told["received"]])


def _headline(told: Told) -> Iterator[str]:
    who, standing = told["member"], told["standing"]
    ids = ", ".join(f"{one['source']} {one['id']}" for one in who["accounts"])
    joined = f"; joined {who['joined']}" if who["joined"] else ""
    closed = "; account closed" if who["state"] == "deleted" else ""
    yield f"{who['name'] or 'Without a name'} ({ids}{joined}{closed})"
    if standing is not None:
        status = Status(standing["status"])
        since = f" since {standing['since']}" if standing["since"] else ""
        yield (
            f"{status.value.capitalize()} {STATUS_JA[status]}{since}, as of {told['as_of']}, "
            f"by the rules {standing['rule_set']}"
        )
    elif who["role"] != Role.MEMBER.value:
        yield f"Role: {who['role']}; only members have a standing."
    else:
        yield f"Was not here yet on {told['as_of']}."


def _index_lines(indices: Sequence[Told]) -> Iterator[str]:
    yield f"{'index':14}{'points':>8}{'needed':>8}{'missing':>9}  conditions to enter"
    for one in indices:
        guards = ", ".join(
            f"{guard['have']} of {guard['need']} {_GUARDS[guard['name']]}"
            for guard in one["guards"]
        )
        if one["guards"] and one["guards_needed"] < len(one["guards"]):
            guards = f"{one['guards_needed']} of: {guards}"
        yield (
            f"{one['index']:14}{one['points']:>8g}{one['enter']:>8g}{one['missing']:>9g}"
            f"  {_state(one)}{guards and '; ' + guards}"
        )


def _share_line(one: Told) -> str:
    days = "1 day" if one["days"] == 1 else f"{one['days']:,} days"
    line = f"{one['points']:>5g} {one['index']}: {one['count']:,} x {one['label']}, on {days}"
    if one["daily_cap"] is not None and one["count"] * one["each"] > one["points"]:
        line += f" (at most {one['daily_cap']} a day count)"
    if one["from_totals"]:
        line += f"; {one['from_totals']:,} known only as a total"
    return line


def _state(one: Told) -> str:
    if not one["met"]:
        return "not met"
    if one["points"] >= one["enter"]:
        return "met"
    if one["kept_until"]:
        return f"held until {one['kept_until']} at least"
    return f"held, as not below {one['exit']:g}"


def _change_line(one: Told) -> str:
    if one["from"] is None:
        return f"{one['day']}  came as {one['to']}"
    return f"{one['day']}  {one['from']} -> {one['to']} {_CAUSES[one['cause']]}"


def _action_line(one: Told, way: str) -> str:
    label = one["label"] or f"{one['venue']}.{one['verb']} (not in the rules)"
    times = f" x {one['count']:,}" if one["count"] > 1 else ""
    # Of a best answer the label speaks of who received it.
    way = "by" if way == "to" and one["earned_by"] == "received" else way
    other = f", {way} {one['other']}" if one["other"] else ""
    undone = "" if one["counts"] else " (taken back or deleted: counts nothing)"
    day = one["day"] if one["precision"] in {"exact", "day"} else f"{one['day']} or later"
    return f"{day}  {label}{times}{other}{undone}"


def _section(title: str, rows: Sequence[str]) -> Iterator[str]:
    if rows:
        yield ""
        yield title
        yield from (f"  {row}" for row in rows)
