"""What members would be shown, and what was decided for them: as the documents that JSON shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from engagement.explain_texts import Said
from engagement.holdout import Arm, period_name
from engagement.prompt import Reason, Running
from engagement.prompt_texts import reason_text
from engagement.scenario import Scenario
from engagement.words import STATUSES
from store.db import Database
from store.members import AccountRow, MemberRow
from store.offers import OfferRow
from store.posts import PostRow
from store.preview import Previewed
from store.prompts import Item, Prompt

Told = dict[str, Any]
Accounts = Mapping[int, Sequence[AccountRow]]

_ARMS: Final = {
    None: None,
    Arm.SHOWN: "shown",
    Arm.HELD_BY_SCENARIO: "held_out_of_scenario",
    Arm.HELD_BY_ALL: "held_out_of_all",
}
_OUTCOMES: Final = ("shown", "followed", "dismissed", "snoozed", "refused")


def previewed(one: Previewed, accounts: Accounts, *, trace: bool) -> Told:
    """What one member would be shown, with what became of every scenario if ``trace``."""
    choice = one.choice
    told: Told = {
        "member": _who(one.member, accounts),
        "status": one.status.value,
        "scenario": None if choice.winner is None else choice.winner.scenario.key,
        "kind": None if choice.winner is None else choice.winner.scenario.kind.value,
        "arm": _ARMS[choice.arm],
        "reason": _reason(choice.reason, chosen=choice.winner is not None),
        "prompt": None if one.prompt is None else _prompt(one.prompt),
    }
    if trace:
        told["trace"] = [
            _step(step.scenario.scenario.key, step.reason, step.detail)
            for step in choice.told_for(one.status)
        ]
    return told


def counted(
    rows: Sequence[Told], running: Collection[Running], done: frozenset[tuple[str, str]]
) -> Told:
    """How often each scenario would be chosen, and why nothing is shown.

    Scenarios for other statuses are left out. ``done`` are the action types of which there are
    records.
    """
    chosen = Counter((row["scenario"], row["arm"]) for row in rows if row["scenario"])
    statuses = {row["status"] for row in rows}
    keys = sorted(
        (one.scenario for one in running if one.scenario.status.value in statuses), key=by_status
    )
    reasons = Counter(row["reason"]["code"] for row in rows if row["arm"] != "shown")
    texts = {row["reason"]["code"]: row["reason"]["text"] for row in rows}
    return {
        "scenarios": [
            {
                "scenario": one.key,
                "status": one.status.value,
                "kind": one.kind.value,
                "chosen": sum(n for (key, _), n in chosen.items() if key == one.key),
                "shown": chosen[one.key, "shown"],
                "goal_done": not done.isdisjoint(one.goal),
            }
            for one in keys
        ],
        "reasons": [
            {"code": code, "members": n, "text": texts[code]} for code, n in reasons.most_common()
        ],
    }


def by_status(scenario: Scenario) -> tuple[int, int, str]:
    """The order of scenarios for people: by status, and of those what decisions take first."""
    return STATUSES.index(scenario.status), -scenario.priority, scenario.key


def offered(
    database: Database, row: OfferRow, member: MemberRow, accounts: Accounts, item: PostRow | None
) -> Told:
    """One decision, with what became of every scenario."""
    chosen = next((one for one in row.trace if one.scenario_id == row.scenario_id), None)
    times = (getattr(row, f"{name}_at") for name in _OUTCOMES)
    return {
        "offer": row.id,
        "at": _at(database, row.at),
        "member": _who(member, accounts),
        "status": row.status.value,
        "surface": row.surface,
        "session": row.session,
        "language": row.lang,
        "period": period_name(row.period),
        "policy": row.policy_id,
        "scenario": None if chosen is None else chosen.key,
        "version": None if chosen is None else chosen.number,
        "kind": None if row.kind is None else row.kind.value,
        "message": row.variant,
        "arm": _ARMS[row.arm],
        "reason": _reason(row.reason, chosen=chosen is not None),
        "item": None if item is None else _post(item),
        "outcomes": {
            name: None if at is None else _at(database, at)
            for name, at in zip(_OUTCOMES, times, strict=True)
        },
        "trace": [
            _step(step.key, step.reason, step.detail) | {"version": step.number}
            for step in row.trace
        ],
    }


def _who(row: MemberRow, accounts: Accounts) -> Told:
    return {
        "name": row.name,
        "accounts": [{"source": a.source, "id": a.external_id} for a in accounts[row.id]],
    }


def _prompt(prompt: Prompt) -> Told:
    texts = prompt.texts
    return {
        "language": prompt.language,
        "title": texts.title,
        "body": texts.body,
        "why": texts.why,
        "action": texts.action,
        "item": None if prompt.item is None else _item(prompt.item),
    }


def _item(item: Item) -> Told:
    return {
        "source": item.source,
        "id": item.external_id,
        "title": item.title,
        "venue": item.venue,
    }


def _post(post: PostRow) -> Told:
    return {
        "source": post.source,
        "id": post.external_id,
        "title": post.title,
        "venue": post.venue,
    }


def _step(key: str, reason: Reason | None, detail: str | None) -> Told:
    return {"scenario": key, "reason": _reason(reason, chosen=True), "detail": detail}


def _reason(reason: Reason | None, *, chosen: bool) -> Told:
    return {
        "code": None if reason is None else reason.value,
        "text": _both(reason_text(reason, chosen=chosen)),
    }


def _both(said: Said) -> Told:
    return dict(zip(("en", "ja"), said, strict=True))


def _at(database: Database, at: datetime) -> str:
    return at.astimezone(database.zone).isoformat()
