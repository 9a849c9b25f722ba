"""All reports by name: what each answers, and what it can be asked beside the day."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from store.reports import flow, health, retention, routes, tiers
from store.reports.report import Question, Report, Sources


@dataclass(frozen=True, slots=True)
class Kept:
    """A report: ``takes`` are the fields of a Question that it looks at, beside day and rules.

    ``of_now`` says that it is about now, whatever day is asked about.
    """

    make: Callable[[Sources, Question], Awaitable[Report]]
    summary: str
    takes: frozenset[str] = frozenset()
    of_now: bool = False

    @property
    def has_period(self) -> bool:
        """Whether it is about a period."""
        return "period_days" in self.takes


REPORTS: Final[Mapping[str, Kept]] = {
    "tiers": Kept(
        tiers.tiers,
        "Members by status, with those who came to it and left it during the period.",
        frozenset({"period_days"}),
    ),
    "flow": Kept(
        flow.flow,
        "What flowed between the statuses: by status, by edge, or by month of joining.",
        frozenset({"period_days", "by"}),
    ),
    "routes": Kept(
        routes.taken,
        "By which statuses members came to one, with their days per step.",
        frozenset({"to", "start", "joined", "arrived", "venue", "steps", "most"}),
    ),
    "stagnation": Kept(
        retention.stagnant,
        "Who has been in a status for longer than its limit, and how long members stay.",
        frozenset({"limits"}),
    ),
    "conversion": Kept(
        retention.converted,
        "How many newcomers rose and stayed, by the month in which they joined.",
        frozenset({"joined"}),
    ),
    "recycling": Kept(
        retention.recycled,
        "Who became dormant, who came back, to what, after how long.",
        frozenset({"arrived"}),
    ),
    "data-health": Kept(
        health.health, "What is odd or missing in the data as it is now.", of_now=True
    ),
}
