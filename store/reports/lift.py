"""Lift: what prompts brought about, by scenario and quarter, or why nothing is said of it yet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from engagement.holdout import period_name, period_of
from engagement.lift import LEAST_MEMBERS, Lift, Outcome, Withheld
from store.db import day_date
from store.lift import ACTIVE_DAYS, Tried, tried
from store.reports.report import (
    Column,
    Kind,
    NotAsked,
    Question,
    Report,
    Sources,
    estimated,
    told,
    untold,
)

_EVERYTHING: Final = "(all prompts)"
_ALL: Final = "all"
#: The first of 1970: no day is earlier.
_FIRST: Final = 1970 * 4

_COLUMNS: Final = (
    Column("scenario", Kind.TEXT, "scenario"),
    Column("quarter", Kind.TEXT, "quarter"),
    Column("message", Kind.TEXT, "message"),
    Column("outcome", Kind.TEXT, "outcome"),
    Column("members_shown", Kind.COUNT, "shown"),
    Column("members_held", Kind.COUNT, "held"),
    Column("share_shown", Kind.SHARE, "of shown"),
    Column("share_held", Kind.SHARE, "of held"),
    *estimated("lift", Kind.SHARE, "lift"),
    Column("relative", Kind.SHARE, "relative"),
    Column("withheld", Kind.TEXT, "withheld"),
    Column("due", Kind.DATE, "due"),
    Column("detectable", Kind.SHARE, "detectable"),
    Column("visits", Kind.NUMBER, "visits"),
    Column("dismissed", Kind.COUNT, "dismissed"),
    Column("opted_out_shown", Kind.COUNT, "opted out"),
    *untold(
        Column("opted_out_held", Kind.COUNT, None),
        Column("visits_low", Kind.NUMBER, None),
        Column("visits_high", Kind.NUMBER, None),
        Column("share_shown_low", Kind.SHARE, None),
        Column("share_shown_high", Kind.SHARE, None),
        Column("share_held_low", Kind.SHARE, None),
        Column("share_held_high", Kind.SHARE, None),
        Column("relative_low", Kind.SHARE, None),
        Column("relative_high", Kind.SHARE, None),
        Column("reached_shown", Kind.COUNT, None),
        Column("reached_held", Kind.COUNT, None),
        Column("planned_held", Kind.SHARE, None),
        Column("mixed", Kind.COUNT, None),
        Column("versions", Kind.TEXT, None),
        Column("deeds", Kind.COUNT, None),
        Column("spilled", Kind.COUNT, None),
        Column("expected_members", Kind.COUNT, None),
        Column("expected_share", Kind.SHARE, None),
    ),
)
#: What is told once for a scenario and quarter, in the row of its goal.
_ONCE: Final = (
    *("detectable", "visits", "visits_low", "visits_high", "dismissed", "opted_out_shown"),
    *("opted_out_held", "deeds", "spilled", "expected_members", "expected_share"),
)


async def lifts(sources: Sources, question: Question) -> tuple[Tried, ...]:
    """What was tried in the quarter and by the scenario that are asked about.

    Without a quarter they are the one of the day and the one before. Raises NotAsked.
    """
    periods = _periods(question)
    history, types = await sources.history(), question.rules.types
    async with sources.read() as connection:
        found = await tried(
            sources.database, connection, history, types, periods, question.scenario
        )
    if question.scenario is not None and not found:
        quarters = " and ".join(map(period_name, periods))
        raise NotAsked(
            f"there is no scenario {question.scenario!r} with a decision in {quarters}, nor one "
            "that may still have some; `ikusei report lift` lists those that there are"
        )
    return found


async def proven(sources: Sources, question: Question) -> Report:
    """Shown against held out, for each scenario, quarter and outcome."""
    found = await lifts(sources, question)
    rows = tuple(row for one in found for row in _rows(one))
    figures = sum(row["withheld"] is None for row in rows)
    return Report(
        name="lift",
        title="Lift: members who were shown prompts against those held out",
        columns=_COLUMNS,
        rows=rows,
        totals={"figures": figures, "figures_withheld": len(rows) - figures},
        notes=tuple(notes(found)),
    )


def _periods(question: Question) -> tuple[int, ...]:
    now = period_of(day_date(question.day))
    if question.quarter is None:
        return (now - 1, now)
    read = re.fullmatch(r"(\d{4})Q([1-4])", question.quarter)
    asked = int(read[1]) * 4 + int(read[2]) - 1 if read else 0
    if read is None or not _FIRST <= asked <= now:
        raise NotAsked(
            f"the quarter is {question.quarter!r}; expected one such as {period_name(now)}, which "
            "is the last that can be asked about"
        )
    return (asked,)


def _rows(one: Tried) -> Iterator[Mapping[str, Any]]:
    for lift in one.lifts:
        yield _row(one, _ALL, None, lift)
    for number, (message, lifts_) in enumerate(one.by_message):
        for lift in lifts_:
            yield _row(one, message, number, lift)


def _row(one: Tried, message: str, number: int | None, lift: Lift) -> Mapping[str, Any]:
    plan, trial = one.plan, one.trial
    arms = trial.shown if number is None else (trial.shown[number],)
    told_ = lift.withheld is None
    reached = sum(arm.reached[lift.outcome] for arm in arms)
    return {
        "scenario": plan.key or _EVERYTHING,
        "quarter": period_name(plan.period),
        "message": message,
        "outcome": lift.outcome.value,
        "versions": ", ".join(map(str, one.versions)) or None,
        "planned_held": plan.held,
        "members_shown": sum(arm.members for arm in arms),
        "members_held": trial.held.members,
        "mixed": one.mixed,
        "reached_shown": reached if told_ else None,
        "reached_held": trial.held.reached[lift.outcome] if told_ else None,
        **told(lift.shown, "share_shown"),
        **told(lift.held, "share_held"),
        **told(lift.difference, "lift"),
        **told(lift.relative, "relative"),
        "withheld": None if lift.withheld is None else lift.withheld.value,
        "due": str(day_date(lift.due)),
        **dict.fromkeys(_ONCE),
        **(_once(one) if number is None and lift.outcome is Outcome.GOAL else {}),
    }


def _once(one: Tried) -> Mapping[str, Any]:
    _, days = one.days
    prospect = one.prospect
    expected = None if prospect is None else prospect.base
    return {
        **told(days, "visits"),
        "dismissed": one.dismissed,
        "opted_out_shown": one.opted_out[0],
        "opted_out_held": one.opted_out[1],
        "deeds": one.deeds,
        "spilled": one.spilled,
        "expected_members": None if prospect is None else prospect.members,
        "expected_share": None if expected is None else round(expected, 4),
        "detectable": None if prospect is None else prospect.detectable,
    }


def notes(found: tuple[Tried, ...]) -> Iterator[str]:
    """What must be known to read lift rightly; the same at every door."""
    if not found:
        yield "No scenario had a decision, and none is open."
        return
    yield (
        "Members count once, from their first decision of the quarter, on the side that was drawn, "
        "seen or not. Goal: within 7 days; status and contracts: within 30. Differences have "
        "Newcombe's intervals of 95 %: where 0 lies in one, nothing was proven."
    )
    reasons = {lift.withheld for one in found for lift in one.lifts}
    if Withheld.EARLY in reasons:
        yield "Early: looking before the day makes chance findings, so nothing is told until it."
    if Withheld.WRONG_SPLIT in reasons:
        yield (
            "Wrong split: members are not split as planned, by less than one chance in 1,000. "
            "Something other than the draw decides who is shown prompts; until it is found, no "
            "figure of the scenario and quarter can be trusted."
        )
    if Withheld.FEW in reasons:
        yield f"Few: fewer than {LEAST_MEMBERS} members on a side."
    if Withheld.NO_HOLDOUT in reasons:
        yield "No holdout: nobody was to be held out, so nothing can be proven."
    if any(one.prospect is not None for one in found):
        yield (
            "Detectable: the least rise that would be found in 80 of 100 cases, if all members of "
            f"the status who were here in the last {ACTIVE_DAYS} days had a decision, and did the "
            "goal as often as in the last week. Fewer will have, so it is at least that."
        )
    yield from _spilled(found)
    figures = sum(
        lift.withheld is None
        for one in found
        for lifts_ in (one.lifts, *(own for _, own in one.by_message))
        for lift in lifts_
    )
    if figures > 1:
        yield (
            f"These are {figures} figures. Of twenty without any effect one looks as if it had "
            "one; messages are each compared with those held out, and none is named the best."
        )


def _spilled(found: tuple[Tried, ...]) -> Iterator[str]:
    mixed = sum(one.mixed for one in found)
    if mixed:
        yield (
            f"Left out: {mixed:,} members who were on both sides, as accounts of theirs became one."
        )
    deeds, spilled = (
        sum(getattr(one, name) or 0 for one in found if one.plan.key is not None)
        for name in ("deeds", "spilled")
    )
    if spilled:
        yield (
            f"Spill-over: of {deeds:,} deeds toward a goal that members shown prompts did to "
            f"others, {spilled:,} were done to members held out. These may do more for it, which "
            "makes lift look smaller; what only one of them can do, such as the one answer to a "
            "question, makes it look larger."
        )
