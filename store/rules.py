"""Rule sets: the one in force, drafts, and activation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from engagement.points import Compiled, compile_rules
from engagement.rules import checksum, diff, load
from engagement.words import RuleSet
from store import audit, names
from store.audit import COMMAND_LINE, Actor, Kind
from store.db import Database, Read, StoreError, Write, day_date

#: How many changes of a rule set the audit log tells; the whole text is kept with the version.
_TOLD: Final = 50


@dataclass(frozen=True, slots=True, eq=False)
class ActiveRules:
    """The rule set in force, compiled for the action types that were known when it was read."""

    id: int
    name: str
    rules: RuleSet
    compiled: Compiled
    types: dict[tuple[str, str], int]
    catalog: frozenset[tuple[str, str]]


@dataclass(slots=True)
class _Last:
    """The rules that this process used last."""

    rules: ActiveRules | None = None


@dataclass(frozen=True, slots=True)
class RuleSetVersion:
    """One version of the rules as it is kept.

    ``state`` is draft, scheduled, active or retired; ``activates_on`` the day on which a scheduled
    one is put in force, by whom ``scheduled_by`` names. ``notify`` says that followers are (to be)
    told whom its activation moves.
    """

    id: int
    name: str
    toml: str
    checksum: str
    state: str
    created_at: datetime
    activated_at: datetime | None
    retired_at: datetime | None
    activates_on: int | None
    notify: bool
    scheduled_by: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Earlier:
    """Rules that were in force before ``until_day``, on which others took their place.

    They are compiled without their catalog, which folding on from a standing does not need.
    """

    compiled: Compiled
    until_day: int


class UnknownRuleSet(StoreError):
    """There is no rule set with this number."""


class NotAllowed(StoreError):
    """It cannot be done to this rule set as things stand; the message says why."""


async def active(database: Database, connection: Read | Write) -> ActiveRules:
    """The rule set in force.

    Kept per process; what is asked of the database is only whether it is still the one.
    """
    row = await connection.fetchrow(f"select {STAMP}")
    assert row is not None
    return await known(database, connection, row["rules"], row["types"])


async def known(
    database: Database, connection: Read | Write, number: int | None, count: int
) -> ActiveRules:
    """The rule set in force, given its number and how many action types there are, as of STAMP."""
    if number is None:
        raise StoreError("no rule set is active: run `ikusei migrate`")
    last = database.remembered(_Last)
    kept = last.rules
    if kept is not None and kept.id == number and len(kept.types) == count:
        return kept
    types = (await names.load(connection, names.Names())).types
    if kept is not None and kept.id == number:
        rules = kept.rules
    else:
        rules = load(await connection.fetchval(_TOML, number))
    fresh = ActiveRules(
        number,
        rules.name,
        rules,
        compile_rules(rules, types),
        types,
        frozenset(row.key for row in rules.catalog),
    )
    last.rules = fresh
    return fresh


def as_if(active: ActiveRules, other: RuleSet, number: int = 0) -> ActiveRules:
    """``other`` as it would be in force in the place of ``active``, with a number (0: none)."""
    return ActiveRules(
        number,
        other.name,
        other,
        compile_rules(other, active.types),
        active.types,
        frozenset(row.key for row in other.catalog),
    )


async def in_force(database: Database, connection: Write) -> ActiveRules:
    """The rule set in force, which stays so until we commit; ask for it before anything else.

    New rules, and new action types, which no compiled rules know, wait until all have committed
    who fold members by what they read here.
    """
    await connection.execute(_STAY, names.IN_USE)
    return await active(database, connection)


async def earlier(connection: Read | Write, numbers: Iterable[int]) -> dict[int, Earlier]:
    """Those of the rule sets ``numbers`` that are no longer in force."""
    return {
        row["id"]: Earlier(_bars(row["toml"]), row["until_day"])
        for row in await connection.fetch(_EARLIER, sorted(numbers))
    }


@lru_cache(maxsize=8)
def _bars(toml: str) -> Compiled:
    return compile_rules(load(toml), {})


async def all_versions(connection: Read) -> list[RuleSetVersion]:
    """Every version, newest first."""
    rows = await connection.fetch("select * from rule_set order by id desc")
    return [RuleSetVersion(**row) for row in rows]


async def versions_before(
    connection: Read, number: int | None, *, first: int
) -> list[RuleSetVersion]:
    """At most ``first`` versions older than the one with ``number`` (None: any), newest first."""
    rows = await connection.fetch(_VERSIONS, number, first)
    return [RuleSetVersion(**row) for row in rows]


async def version(connection: Read | Write, number: int) -> RuleSetVersion | None:
    """One version."""
    row = await connection.fetchrow("select * from rule_set where id = $1", number)
    return None if row is None else RuleSetVersion(**row)


async def save_draft(
    database: Database, toml: str, *, by: Actor = COMMAND_LINE, now: datetime
) -> RuleSetVersion:
    """Keep a rule set as a draft; the same content again gives the version that there is.

    Raises engagement.rules.RuleErrors, naming every mistake.
    """
    rules = load(toml)
    return await database.in_write(
        lambda connection: save_in(connection, rules, toml, by=by, now=now)
    )


async def save_in(
    connection: Write, rules: RuleSet, toml: str, *, by: Actor, now: datetime
) -> RuleSetVersion:
    """``save_draft`` of rules that are read already, as a part of a transaction."""
    row = await connection.fetchrow(_SAVE, rules.name, toml, checksum(rules), now)
    assert row is not None
    saved = dict(row)
    if saved.pop("is_new"):
        told = {"name": rules.name, "checksum": saved["checksum"]}
        about = (by, "saveRuleSet", Kind.RULE_SET, [saved["id"]])
        await audit.write(connection, *about, after=told, now=now)
    return RuleSetVersion(**saved)


async def activate(
    database: Database,
    number: int,
    *,
    on: int | None = None,
    notify: bool = False,
    by: Actor = COMMAND_LINE,
    now: datetime,
) -> RuleSetVersion:
    """Put a version in force and retire the one before, today or on the day ``on``.

    Everybody is folded again by due work, while recording goes on; until then a standing names the
    rule set that it was made with. Followers are told of those whom it moves only with ``notify``.
    A version that is to be put in force later is scheduled: due work does it when the day has come,
    whatever is in force then. Raises UnknownRuleSet and NotAllowed.
    """

    async def work(connection: Write) -> RuleSetVersion:
        if on is None or on == database.day(now):
            return await activate_in(database, connection, number, notify=notify, by=by, now=now)
        return await _schedule(database, connection, number, on, notify=notify, by=by, now=now)

    return await database.in_write(work)


async def activate_in(
    database: Database,
    connection: Write,
    number: int,
    *,
    notify: bool = False,
    by: Actor,
    now: datetime,
) -> RuleSetVersion:
    """``activate`` today, as a part of a transaction."""
    found = await _alone_with(connection, number)
    if found.state == "active":
        return found
    last = await active(database, connection)
    await connection.execute(_RETIRE, now)
    row = await connection.fetchrow(_ACTIVATE, number, now, notify)
    assert row is not None
    before = {"version": last.id, "name": last.name}
    told = {"version": number, "name": found.name, "notify": notify}
    after = {**told, **_changes(last.rules, load(found.toml))}
    about = (by, "activateRuleSet", Kind.RULE_SET, [number])
    await audit.write(connection, *about, before=before, after=after, now=now)
    return RuleSetVersion(**row)


async def _schedule(
    database: Database,
    connection: Write,
    number: int,
    on: int,
    *,
    notify: bool,
    by: Actor,
    now: datetime,
) -> RuleSetVersion:
    found = await _alone_with(connection, number)
    today = database.day(now)
    if on < today:
        raise NotAllowed(f"{day_date(on)} is over: today is {day_date(today)}")
    if found.state == "active":
        raise NotAllowed(f"rule set {number} is in force already")
    if (found.activates_on, found.notify) == (on, notify):
        return found
    other = await connection.fetchval(_SCHEDULED_ON, on, number)
    if other is not None:
        raise NotAllowed(
            f"rule set {other} is to be put in force on {day_date(on)}: cancel that first"
        )
    row = await connection.fetchrow(_SCHEDULE, number, on, notify, by.name)
    assert row is not None
    about = (by, "activateRuleSet", Kind.RULE_SET, [number])
    after = {
        "version": number,
        "name": found.name,
        "notify": notify,
        "activates_on": str(day_date(on)),
    }
    await audit.write(connection, *about, before=_scheduled(found), after=after, now=now)
    return RuleSetVersion(**row)


def _scheduled(found: RuleSetVersion) -> dict[str, Any] | None:
    """What was scheduled of a version, for the audit log."""
    if found.activates_on is None:
        return None
    return {"activates_on": str(day_date(found.activates_on)), "notify": found.notify}


async def cancel(
    database: Database, number: int, *, by: Actor = COMMAND_LINE, now: datetime
) -> RuleSetVersion:
    """Do not put a version in force that is scheduled; raises UnknownRuleSet and NotAllowed."""

    async def work(connection: Write) -> RuleSetVersion:
        found = await _alone_with(connection, number)
        if found.state != "scheduled":
            raise NotAllowed(f"rule set {number} is not scheduled: it is {found.state}")
        row = await connection.fetchrow(_CANCEL, number)
        assert row is not None
        about = (by, "cancelActivation", Kind.RULE_SET, [number])
        await audit.write(connection, *about, before=_scheduled(found), now=now)
        return RuleSetVersion(**row)

    return await database.in_write(work)


async def activate_due(database: Database, *, now: datetime) -> int:
    """Put in force what is scheduled for today or a day before, in that order; returns how many.

    It is a part of due work. Whoever scheduled a version has it put in force.
    """
    today = database.day(now)
    async with database.read() as connection:
        due = [row["id"] for row in await connection.fetch(_DUE, today)]
    done = 0
    for number in due:

        async def work(connection: Write, number: int = number) -> int:
            found = await _alone_with(connection, number)
            # Another process may have done it, or somebody may have thought better of it.
            if found.activates_on is None or found.activates_on > today:
                return 0
            by = Actor(found.scheduled_by or COMMAND_LINE.name)
            await activate_in(database, connection, number, notify=found.notify, by=by, now=now)
            return 1

        done += await database.in_write(work)
    return done


async def _alone_with(connection: Write, number: int) -> RuleSetVersion:
    """A version that nobody else changes, nor the rules in force, until we commit."""
    await connection.execute(names.ALONE, names.IN_USE)
    found = await version(connection, number)
    if found is None:
        raise UnknownRuleSet(f"there is no rule set with the number {number}")
    return found


def _changes(before: RuleSet, after: RuleSet) -> dict[str, Any]:
    """What a rule set changes, as the audit log tells it."""
    changes = [str(change) for change in diff(before, after)]
    return {"changes": changes[:_TOLD], "more": len(changes[_TOLD:])}


_STAY = "select pg_advisory_xact_lock_shared($1)"

#: What tells which rules are in force, compiled for which action types: two columns of a select.
STAMP: Final = """
    (select id from rule_set where state = 'active') as rules,
    (select count(*) from action_type) as types
"""

_TOML = "select toml from rule_set where id = $1"

_VERSIONS = """
    select * from rule_set where $1::int is null or id < $1 order by id desc limit $2
"""

_EARLIER = """
    select id, toml,
        ((retired_at at time zone (select value from setting where key = 'zone'))::date
            - date '1970-01-01') as until_day
    from rule_set where id = any($1::int[]) and retired_at is not null order by id
"""

_SAVE = """
    insert into rule_set (name, toml, checksum, created_at) values ($1, $2, $3, $4)
    on conflict (checksum) do update set checksum = excluded.checksum
    returning *, xmax = 0 as is_new
"""

_RETIRE = "update rule_set set state = 'retired', retired_at = $1 where state = 'active'"

_ACTIVATE = """
    update rule_set set state = 'active', activated_at = $2, retired_at = null,
        notify = $3, activates_on = null, scheduled_by = null
    where id = $1 returning *
"""

_SCHEDULED_ON = "select id from rule_set where activates_on = $1 and id <> $2"

_SCHEDULE = """
    update rule_set set state = 'scheduled', activates_on = $2, notify = $3, scheduled_by = $4
    where id = $1 returning *
"""

_CANCEL = """
    update rule_set set state = case when activated_at is null then 'draft' else 'retired' end,
        activates_on = null, notify = false, scheduled_by = null
    where id = $1 returning *
"""

_DUE = "select id from rule_set where activates_on <= $1 order by activates_on"
