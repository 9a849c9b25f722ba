"""Scenarios for tests in short words, and asking for prompts by them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from engagement.scenario import Caps, Kind, Policy, Scenario, Texts, Variant
from engagement.scenarios import dump, dump_policy
from engagement.words import Status
from store import prompts, scenarios
from store.db import Database
from store.members import AccountRow
from store.prompts import Offer, Request
from tests.store.making import NOW, fetch

#: No cap, no holdout, no rest: what a test is about is set by itself.
FREE = Policy(holdout_percent=0, caps=Caps(), asks_per_week=100, members_per_item=10_000)


def scenario(key: str = "hello", kind: Kind = Kind.FIRST_POST, **more: Any) -> Scenario:
    """A scenario for newcomers on ``home``, unless told otherwise."""
    title = "A first post: { $title }" if kind is not Kind.NEXT_STEP else "{ $count } more"
    texts = Texts(title, "Say hello.", "You are here.", "Read it")
    ja = Texts(title, "こんにちは。", "ここにいます。", "読む")
    usual: dict[str, Any] = {
        "key": key,
        "en": key,
        "ja": key,
        "status": Status.NEWCOMER,
        "to": None,
        "goal": (("qa", "answer"),),
        "kind": kind,
        "surfaces": ("home",),
        "priority": 100,
        "caps": Caps(),
        "cool_down_days": 0,
        "begins": None,
        "ends": None,
        "audience": (),
        "holdout_percent": 0,
        "variants": (Variant("only", 100, {"en": texts, "ja": ja}),),
    }
    return Scenario(**usual | more)


def file_of(*own: Scenario, policy: Policy | None = None) -> str:
    """A file of scenarios, with a policy or without."""
    parts = []
    if policy is not None:
        parts += ["[policy]", dump_policy(policy).replace("[", "[policy.")]
    for one in own:
        table = dump(one).replace("[[messages]]", "[[scenarios.messages]]")
        for name in ("caps", "messages.en", "messages.ja"):
            table = table.replace(f"\n[{name}]", f"\n[scenarios.{name}]")
        parts += ["[[scenarios]]", table]
    return "\n".join(parts)


async def run(
    database: Database,
    *wanted: Scenario,
    policy: Policy = FREE,
    now: datetime = NOW,
    **changes: Any,
) -> list[int]:
    """Let these scenarios run and no other; returns the numbers of their versions."""
    async with database.read() as connection:
        there = await scenarios.all_versions(connection)
    for version in there:
        if version.state in {"running", "paused"}:
            await scenarios.set_state(database, version.id, "ended", now=now)
    await scenarios.save_policy(database, dump_policy(replace(policy, **changes)), now=now)
    numbers = []
    for one in wanted:
        saved = await scenarios.save(database, dump(one), now=now)
        await scenarios.set_state(database, saved.id, "running", now=now)
        numbers.append(saved.id)
    return numbers


async def ask(
    database: Database,
    who: str = "ann",
    *,
    now: datetime = NOW,
    surface: str = "home",
    session: str | None = None,
    language: str | None = None,
) -> Offer:
    """What a member of ``site`` is offered; every call is a visit of its own unless named."""
    account = AccountRow("site", who)
    return await prompts.offer(database, Request(account, surface, session, language, now))


async def kept(database: Database) -> list[dict[str, Any]]:
    """The offers that are kept, in order."""
    return await fetch(database, "select * from offer order by id")
