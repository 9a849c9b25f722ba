"""Lift of every scenario and period, and of all prompts together: offers and what followed them.

What is compared with what, and why: docs/decisions/0021-what-lift-compares.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from engagement.history import RANKS, History
from engagement.holdout import Arm as Side
from engagement.lift import (
    HORIZON,
    Arm,
    Lift,
    Outcome,
    Trial,
    Visits,
    Withheld,
    least_detectable,
    lift,
    visits,
)
from engagement.points import Bools, Ints
from engagement.scenario import KINDS, Scenario
from engagement.survival import Estimate
from engagement.trial import Acts, Firsts, acts, rose, stayed, under_plans
from engagement.words import STATUSES, Status
from store import consent, facts, trials
from store.db import Database, Read
from store.trials import DAY_LONG, Decisions, Deeds, Plan, Refusals, Version, plan_of

_WEEK: Final = HORIZON[Outcome.GOAL]
#: Days back in which somebody must have been here to be counted on.
ACTIVE_DAYS: Final = 91
_CONTRACTS: Final = tuple(("contract", verb) for verb in ("contracted", "renewed", "referred"))
_CANCELLED: Final = (("contract", "cancelled"),)
_HIGHEST: Final = int(RANKS.max())


@dataclass(frozen=True, slots=True)
class Prospect:
    """What can be found of a trial that is not due.

    ``members`` have its status and were here in ACTIVE_DAYS: no more can have a decision in a
    quarter, unless more come. ``base`` of them did what it asks for in the last week.
    ``detectable`` is the smallest rise that would be found (None: none would).
    """

    members: int
    base: float | None
    detectable: float | None


@dataclass(frozen=True, slots=True)
class Tried:
    """A plan, and what came of it.

    ``versions`` are the numbers of the versions of the scenario, ``mixed`` members were seen on
    both sides and are on neither. ``lifts`` are of all messages together, ``by_message`` of each
    where there are several. ``days`` is the guard-rail of visits. ``dismissed`` of those shown put
    a prompt away, ``opted_out`` (shown, held) wanted no more of its kind. Of ``deeds`` toward the
    goal that members who were shown prompts did to others, ``spilled`` were done to members held
    out; None until the figure is given.
    """

    plan: Plan
    name: str
    versions: tuple[int, ...]
    trial: Trial
    mixed: int
    lifts: tuple[Lift, ...]
    by_message: tuple[tuple[str, tuple[Lift, ...]], ...]
    days: tuple[Withheld | None, Estimate]
    dismissed: int
    opted_out: tuple[int, int]
    deeds: int | None
    spilled: int | None
    prospect: Prospect | None


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """All that is read for the trials of some periods; ``types`` are numbers of action types."""

    until: int
    versions: Mapping[int, Version]
    holdouts: Mapping[int, float]
    decisions: Decisions
    deeds: Deeds
    here: Acts
    refusals: Refusals
    active: Ints
    doers: tuple[Ints, Ints]
    types: Mapping[tuple[str, str], int]
    history: History

    def scenario(self, id_: int) -> Scenario:
        """The scenario of a version."""
        return self.versions[id_].scenario

    def types_of(self, goal: Sequence[tuple[str, str]]) -> list[int]:
        """The numbers of the action types that were ever recorded."""
        return [self.types[one] for one in goal if one in self.types]


async def tried(
    database: Database,
    connection: Read,
    history: History,
    types: Mapping[tuple[str, str], int],
    periods: Sequence[int],
    key: str | None = None,
) -> tuple[Tried, ...]:
    """What was tried in ``periods``, all prompts first, then the scenarios by their keys.

    It is what is known at the end of the history; ``types`` are the numbers of action types.
    Scenarios that are open are told also where nobody had a decision yet. With a ``key`` there is
    this one only.
    """
    until = history.until
    versions = await trials.versions(database, connection, until=until)
    made = await trials.decisions(database, connection, periods, until=until)
    members = np.unique(made.member).tolist()
    goals = {goal for version in versions.values() for goal in version.scenario.goal}
    wanted = [types[one] for one in {*goals, *_CONTRACTS, *_CANCELLED} if one in types]
    first = int(made.day.min(initial=until))
    known = _Known(
        until=until,
        versions=versions,
        holdouts=await trials.holdouts(connection),
        decisions=made,
        deeds=await trials.deeds(connection, members, wanted, first=first, until=until),
        here=acts(*await trials.days_here(connection, members, first=first, until=until)),
        refusals=await trials.refusals(database, connection, until=until),
        active=await trials.active(connection, first=until - ACTIVE_DAYS + 1, until=until),
        doers=await trials.doers(connection, wanted, first=until - _WEEK + 1, until=until),
        types=types,
        history=history,
    )
    return await facts.aside(len(made.member), lambda: tuple(_all(known, periods, key)))


def _all(known: _Known, periods: Sequence[int], only: str | None) -> Iterator[Tried]:
    made = known.decisions
    for period in () if only else periods:
        yield from _of_everything(known, period, np.flatnonzero(made.period == period))
    by_key: dict[str, list[Version]] = {}
    for version in known.versions.values():
        if only in {None, version.scenario.key}:
            by_key.setdefault(version.scenario.key, []).append(version)
    in_trial = made.arm != Side.HELD_BY_ALL
    for _, own in sorted(by_key.items()):
        of_key = in_trial & np.isin(made.scenario, [version.id for version in own])
        for period in periods:
            rows = np.flatnonzero(of_key & (made.period == period))
            yield from _of_scenario(known, own, period, rows)


def _of_everything(known: _Known, period: int, rows: Ints) -> Iterator[Tried]:
    """All prompts together, by each share that was held out of them."""
    made = known.decisions
    shares = sorted(set(known.holdouts.values()))
    code = np.array([shares.index(known.holdouts[id_]) for id_ in made.policy[rows].tolist()])
    held = (made.arm[rows] == Side.HELD_BY_ALL).astype(np.int64)
    found = under_plans(made.member[rows], made.at[rows], code.astype(np.int64), held)
    for one, firsts in found.items():
        plan = Plan(None, period, shares[one], (("all", 1.0),))
        yield _tried(known, plan, (), Firsts(rows[firsts.row], firsts.mixed), rows)


def _of_scenario(known: _Known, own: Sequence[Version], period: int, rows: Ints) -> Iterator[Tried]:
    """The plans that a scenario had in a period."""
    made = known.decisions
    versions: dict[Plan, list[Version]] = {}
    for version in own:
        versions.setdefault(plan_of(version.scenario, period), []).append(version)
    plans = list(versions)
    code_of = {version.id: i for i, plan in enumerate(plans) for version in versions[plan]}
    code = np.array([code_of[id_] for id_ in made.scenario[rows].tolist()], np.int64)
    held = (made.arm[rows] == Side.HELD_BY_SCENARIO).astype(np.int64)
    found = under_plans(made.member[rows], made.at[rows], code, held)
    none = np.zeros(0, np.int64)
    for i, plan in enumerate(plans):
        firsts = found.get(i)
        if firsts is None:
            # Told before the start, where one may still be to come.
            if plan.last < known.until or not _is_open(known, versions[plan]):
                continue
            firsts = Firsts(none, none)
        yield _tried(known, plan, versions[plan], Firsts(rows[firsts.row], firsts.mixed), rows)


def _tried(
    known: _Known, plan: Plan, versions: Sequence[Version], firsts: Firsts, rows: Ints
) -> Tried:
    """What came of a plan, from members' first decisions; ``rows`` are all of its decisions."""
    made, row = known.decisions, firsts.row
    held_by = Side.HELD_BY_ALL if plan.key is None else Side.HELD_BY_SCENARIO
    held = made.arm[row] == held_by
    reached = _reached(known, row)
    outcomes = [one for one in Outcome if one in reached]
    here = known.here.between(made.member[row], made.day[row], made.day[row] + _WEEK)
    refused = _refused(known, row)
    message = np.zeros_like(row) if plan.key is None else made.variant[row]

    def arm(share: float, those: Bools) -> Arm:
        counts = {one: int(reached[one][those].sum()) for one in outcomes}
        days = here[those]
        spread = Visits(int(days.sum()), int((days**2).sum()))
        return Arm(share, int(those.sum()), counts, spread)

    shown = tuple(
        arm((1 - plan.held) * share, ~held & (message == i))
        for i, (_, share) in enumerate(plan.messages)
    )
    trial = Trial(arm(plan.held, held), shown, _last(plan, versions))
    lifts = tuple(lift(trial, one, until=known.until) for one in outcomes)
    several = plan.messages if len(plan.messages) > 1 else ()
    dismissed = made.member[rows[made.dismissed[rows] == 1]]
    told = lifts[0].withheld is None
    deeds, spilled = _spill(known, row, held) if told else (None, None)
    return Tried(
        plan=plan,
        name=versions[-1].scenario.en if versions else "All prompts together",
        versions=tuple(version.number for version in versions),
        trial=trial,
        mixed=len(firsts.mixed),
        lifts=lifts,
        by_message=tuple(
            (name, tuple(lift(trial, one, until=known.until, variant=i) for one in outcomes))
            for i, (name, _) in enumerate(several)
        ),
        days=visits(trial, until=known.until),
        dismissed=int((np.isin(made.member[row], dismissed) & ~held).sum()),
        opted_out=(int((refused & ~held).sum()), int((refused & held).sum())),
        deeds=deeds,
        spilled=spilled,
        prospect=_prospect(known, plan, len(row)) if known.until < lifts[0].due else None,
    )


def _is_open(known: _Known, versions: Sequence[Version]) -> bool:
    """Whether somebody may still have a decision for one of them, if it runs."""
    return any(version.last is None or version.last >= known.until for version in versions)


def _last(plan: Plan, versions: Sequence[Version]) -> int:
    """The last day on which somebody could have a first decision."""
    ends = [plan.last if version.last is None else version.last for version in versions]
    return min(plan.last, max(ends, default=plan.last))


def _reached(known: _Known, row: Ints) -> dict[Outcome, Bools]:
    """Whether the members of some decisions came to each outcome after them.

    Contracts are looked for where any were recorded since the first decision of all.
    """
    found = {one: np.zeros(len(row), np.bool_) for one in (Outcome.GOAL, Outcome.STATUS)}
    for id_ in np.unique(known.decisions.scenario[row]).tolist():
        scenario = known.scenario(id_)
        those = known.decisions.scenario[row] == id_
        types = known.types_of(scenario.goal)
        found[Outcome.GOAL][those] = _did(known, row[those], types, HORIZON[Outcome.GOAL])
        found[Outcome.STATUS][those] = _stood(known, row[those], scenario)
    for outcome, goal in ((Outcome.CONTRACT, _CONTRACTS), (Outcome.CANCELLED, _CANCELLED)):
        types = known.types_of(goal)
        if np.isin(known.deeds.type, types).any():
            found[outcome] = _did(known, row, types, HORIZON[outcome])
    return found


def _did(known: _Known, row: Ints, types: Sequence[int], days: int) -> Bools:
    those = np.isin(known.deeds.type, types)
    return _followed(known, row, acts(known.deeds.actor[those], known.deeds.at[those]), days)


def _followed(known: _Known, row: Ints, done: Acts, days: int) -> Bools:
    """Whether the members of some decisions did any of what was done in so many days after them."""
    member, at = known.decisions.member[row], known.decisions.at[row]
    found: Bools = done.between(member, at, at + days * DAY_LONG) > 0
    return found


def _stood(known: _Known, row: Ints, scenario: Scenario) -> Bools:
    """Who came to the status that a scenario leads to, or kept the one that it is to keep."""
    made, own, ids = known.decisions, known.history.own, known.history.ids
    position = np.searchsorted(ids, made.member[row])
    there = np.append(ids, -1)[position] == made.member[row]
    position, day = position[there], made.day[row[there]]
    rank, within = _rank(scenario.status), HORIZON[Outcome.STATUS]
    least = rank if scenario.to is None else _rank(scenario.to)
    found = np.zeros(len(row), np.bool_)
    if least == rank:
        # Whoever is there is not dormant: the next are the four statuses, also for the dormant.
        least = max(rank, 0) + 1
    if rank < least <= _HIGHEST:
        found[there] = rose(own, position, day, least, within)
    else:
        found[there] = stayed(own, position, day, rank, within)
    return found


def _refused(known: _Known, row: Ints) -> Bools:
    """Who wanted, within a week of a decision, no more prompts of its kind, or none at all."""
    made, refusals = known.decisions, known.refusals
    found = np.zeros(len(row), np.bool_)
    for id_ in np.unique(made.scenario[row]).tolist():
        kind = KINDS.index(known.scenario(id_).kind)
        those = made.scenario[row] == id_
        said = np.isin(refusals.kind, [consent.ALL, kind])
        done = acts(refusals.member[said], refusals.at[said])
        found[those] = _followed(known, row[those], done, _WEEK)
    return found


def _spill(known: _Known, row: Ints, held: Bools) -> tuple[int, int]:
    """How often members shown prompts did toward the goal what they did to others; to held ones.

    Held out of everything are held out here as well.
    """
    made, deeds = known.decisions, known.deeds
    period = np.unique(made.period[row])
    everything = (made.arm == Side.HELD_BY_ALL) & np.isin(made.period, period)
    out = np.union1d(made.member[row[held]], made.member[everything])
    shown = row[~held]
    goal = {one for id_ in np.unique(made.scenario[row]).tolist() for one in _goal(known, id_)}
    # The decision of each actor, if they are one of those shown.
    place = np.searchsorted(made.member[shown], deeds.actor)
    own = np.append(made.member[shown], -1)[place] == deeds.actor
    begun = np.append(made.at[shown], 0)[place]
    those = (
        own
        & (deeds.at > begun)
        & (deeds.at <= begun + _WEEK * DAY_LONG)
        & np.isin(deeds.type, known.types_of(list(goal)))
        & (deeds.target > 0)
        & (deeds.target != deeds.actor)
    )
    return int(those.sum()), int(np.isin(deeds.target[those], out).sum())


def _goal(known: _Known, id_: int) -> tuple[tuple[str, str], ...]:
    return known.scenario(id_).goal


def _prospect(known: _Known, plan: Plan, so_far: int) -> Prospect | None:
    """What a scenario could show; None of all prompts together, which have no one goal."""
    if plan.status is None:
        return None
    history, code = known.history, STATUSES.index(plan.status)
    those = np.intersect1d(history.ids[history.placed.at(known.until) == code], known.active)
    doer, type_ = known.doers
    did = np.isin(those, doer[np.isin(type_, known.types_of(plan.goal))])
    base = int(did.sum()) / len(those) if len(those) else None
    members = max(len(those), so_far)
    if base is None or not 0 < plan.held < 1:
        return Prospect(members, base, None)
    return Prospect(members, base, least_detectable(base, plan.held, members))


def _rank(status: Status) -> int:
    return int(RANKS[STATUSES.index(status)])
