"""By which statuses members came to one."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from engagement.history import History
from engagement.points import Bools
from engagement.routes import GOALS, Route, RouteKind, Routes, routes
from store.reports.report import Column, Days, Kind, NotAsked, Question, Report, Sources
from store.venues import first_venues

_COLUMNS: Final = (
    Column("kind", Kind.TEXT, "kind"),
    Column("route", Kind.TEXT, "route"),
    Column("members", Kind.COUNT, "members"),
    Column("share", Kind.SHARE, "share"),
    Column("days", Kind.DAYS, "days"),
    Column("step_days", Kind.TEXT, "days per step"),
    Column("skipped", Kind.TEXT, "skipped"),
    Column("steps", Kind.TEXT, None),
)
_ALWAYS: Final = Days()


async def found_routes(sources: Sources, question: Question) -> tuple[History, Routes]:
    """The routes that are asked about, by positions in the history.

    Raises NotAsked for a goal or a step that is none, and for a venue in which nobody began.
    """
    if question.to not in GOALS or question.to is question.start:
        words = ", ".join(one.value for one in GOALS if one is not question.start)
        raise NotAsked(f"no route leads to {question.to.value} here; expected one of {words}")
    if none := [one.value for one in question.steps if one not in GOALS]:
        words = ", ".join(one.value for one in GOALS)
        raise NotAsked(f"{', '.join(none)} cannot be a step upward; expected some of {words}")
    history = await sources.history()
    among: Bools | None = None
    if question.joined != _ALWAYS:
        entry = history.entry
        among = (entry >= question.joined.first) & (entry <= question.joined.last)
    if question.venue is not None:
        async with sources.read() as connection:
            venues = await first_venues(connection, question.day)
        its = np.array([venues.get(id_) == question.venue for id_ in history.ids.tolist()], bool)
        if not its.any():
            known = ", ".join(sorted(set(venues.values()))) or "none"
            raise NotAsked(f"nobody began in the venue {question.venue!r}; there are: {known}")
        among = its if among is None else among & its
    days = question.arrived
    found = routes(
        history.own,
        to=question.to,
        start=question.start,
        among=among,
        arrived=None if days == _ALWAYS else (days.first, days.last),
        steps=question.steps,
        most=question.most,
    )
    return history, found


async def taken(sources: Sources, question: Question) -> Report:
    """The routes most taken to a status; with all others the rows add up to the population."""
    _, found = await found_routes(sources, question)
    rows = [_row(found, one) for one in found.listed]
    rows += [_rest(found, kind.value, "other", len(members)) for kind, members in found.other]
    if len(found.elsewhen):
        rows.append(_rest(found, "arrived", "at another time", len(found.elsewhen)))
    rows += [
        _rest(found, "on the way", f"now {status.value}", len(members))
        for status, members in found.on_the_way.items()
    ]
    return Report(
        name="routes",
        title=f"Routes to {question.to.value}"
        + (f" from {question.start.value}" if question.start is not None else ""),
        columns=_COLUMNS,
        rows=tuple(rows),
        totals={
            "population": found.population,
            "arrived": found.arrived,
            "arrived_at_another_time": len(found.elsewhen),
            "on_the_way": sum(len(members) for members in found.on_the_way.values()),
            **{kind.value: found.of_kind(kind) for kind in RouteKind},
        },
        notes=(
            "By members' own points: no lock and no change of rules makes a step.",
            "`<>` is to and fro. Days are medians of those who came, who are not all who set out.",
        ),
    )


def _row(found: Routes, one: Route) -> dict[str, Any]:
    return {
        "kind": one.kind.value,
        "route": route_text(one),
        "members": len(one.members),
        "share": _share(found, len(one.members)),
        "days": one.days[1],
        "step_days": " ".join(f"{step.days[1]:g}" for step in one.steps if step.days is not None),
        "skipped": ", ".join(status.value for status in one.skipped),
        "steps": ", ".join(step.status.value for step in one.steps),
    }


def route_text(one: Route) -> str:
    """A route as one line."""
    text = one.steps[0].status.value
    for step, after in zip(one.steps, one.steps[1:], strict=False):
        text += f" {'<>' if step.again else '->'} {after.status.value}"
    return text


def _rest(found: Routes, kind: str, route: str, members: int) -> dict[str, Any]:
    empty = dict.fromkeys(("days", "step_days", "skipped", "steps"))
    return {
        "kind": kind,
        "route": route,
        "members": members,
        "share": _share(found, members),
        **empty,
    }


def _share(found: Routes, members: int) -> float:
    return round(members / found.population, 6) if found.population else 0.0
