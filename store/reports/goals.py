"""Goals: what flows they take on each edge, and what came about so far."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from engagement.goals import LOOK_BACK, EdgePlan, Plan, plan
from store.db import day_date
from store.goals import Kept, all_goals
from store.reports.report import Column, Kind, Question, Report, Sources, told

_COLUMNS: Final = (
    Column("goal", Kind.TEXT, "goal"),
    Column("by", Kind.DATE, "by"),
    Column("flow", Kind.TEXT, "flow"),
    Column("from", Kind.TEXT, "from"),
    Column("to", Kind.TEXT, "to"),
    Column("began", Kind.COUNT, "when set"),
    Column("usual", Kind.COUNT, f"in {LOOK_BACK} days before"),
    Column("needed", Kind.NUMBER, "needed"),
    Column("needed_low", Kind.NUMBER, "low"),
    Column("needed_high", Kind.NUMBER, "high"),
    Column("planned", Kind.NUMBER, "planned by now"),
    Column("actual", Kind.COUNT, "actual"),
)


async def plans(sources: Sources, question: Question) -> list[tuple[Kept, Plan]]:
    """Every goal that was set by the day that is asked about, with its plan."""
    async with sources.read() as connection:
        goals = [one for one in await all_goals(connection) if one.goal.from_day < question.day]
    if not goals:
        return []
    history = await sources.history()
    return [(one, plan(one.goal, history)) for one in goals]


async def reached(sources: Sources, question: Question) -> Report:
    """Each goal with the moves that it takes beside those that there were."""
    found = await plans(sources, question)
    rows = tuple(row for _, one in found for row in _rows(one))
    return Report(
        name="goals",
        title="Goals: the flows they take, and what came about",
        columns=_COLUMNS,
        rows=rows,
        totals={
            "goals": len(found),
            "on_course": sum(one.on_course for _, one in found),
        },
        notes=(
            *(() if found else ("No goal has been set before this day: `ikusei goals set`.",)),
            "Needed: what the rise takes, and what makes up for those who leave at the usual rate.",
            "Where there are to be fewer: what the fall takes, and those who come as usual.",
            f"Usual: in the {LOOK_BACK} days before the goal was set; the flow is shared out so.",
            "Planned: the part of it that lies behind us on a straight line. It foretells nothing.",
        ),
    )


def _rows(one: Plan) -> Iterator[dict[str, Any]]:
    goal = {
        "goal": f"{one.goal.target:,} {one.goal.status.value}",
        "by": str(day_date(one.goal.by_day)),
    }
    none = dict.fromkeys(("from", "to", "began", "usual", "needed_low", "needed_high"))
    yield {
        **goal,
        **none,
        "flow": "members",
        "began": one.began,
        "needed": float(one.goal.target),
        "planned": round(one.planned, 1),
        "actual": one.now,
    }
    for flow, edges in (("in", one.into), ("out", one.out)):
        for edge in edges:
            yield {**goal, **none, "flow": flow, **_edge(edge)}
    status = one.goal.status.value
    edges, needed = (one.into, one.inflow) if one.rises else (one.out, one.outflow)
    yield {
        **goal,
        **none,
        "to" if one.rises else "from": status,
        "flow": "in all",
        "usual": sum(edge.usual for edge in edges),
        **told(needed, "needed", 1),
        "planned": None,
        "actual": sum(edge.actual for edge in edges),
    }


def _edge(edge: EdgePlan) -> dict[str, Any]:
    return {
        "from": "(joined)" if edge.before is None else edge.before.value,
        "to": edge.after.value,
        "usual": edge.usual,
        "needed": None if edge.needed is None else round(edge.needed, 1),
        "planned": None if edge.planned is None else round(edge.planned, 1),
        "actual": edge.actual,
    }
