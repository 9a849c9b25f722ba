"""All reports by name: what each answers, and what it can be asked beside the day."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from store.reports import (
    first_response,
    flow,
    goals,
    health,
    helpers,
    lift,
    retention,
    routes,
    tiers,
    value,
    venues,
)
from store.reports.report import Question, Report, Sources


class Name(StrEnum):
    """The names of the reports."""

    TIERS = "tiers"
    FLOW = "flow"
    ROUTES = "routes"
    STAGNATION = "stagnation"
    CONVERSION = "conversion"
    RECYCLING = "recycling"
    GOALS = "goals"
    FIRST_RESPONSE = "first-response"
    HELPERS = "helpers"
    VENUES = "venues"
    VALUE = "value"
    LIFT = "lift"
    DATA_HEALTH = "data-health"


@dataclass(frozen=True, slots=True)
class Kept:
    """A report: ``takes`` are the fields of a Question that it looks at, beside day and rules.

    ``by_rules`` says that other rules may make it another, ``of_now`` that it is about now and of
    no other day. It is worked ``aside`` where it reads what everybody did, which takes minutes in a
    large community; ``folds`` says that it does so beside the history.
    """

    make: Callable[[Sources, Question], Awaitable[Report]]
    summary: str
    takes: frozenset[str] = frozenset()
    by_rules: bool = True
    of_now: bool = False
    aside: Callable[[Question], bool] = lambda _: False
    folds: bool = False

    @property
    def has_period(self) -> bool:
        """Whether it is about a period."""
        return "period_days" in self.takes


def _always(_question: Question) -> bool:
    return True


REPORTS: Final[Mapping[Name, Kept]] = {
    Name.TIERS: Kept(
        tiers.tiers,
        "Members by status, with those who came to it and left it during the period.",
        frozenset({"period_days"}),
        aside=lambda question: not tiers.is_quick(question),
    ),
    Name.FLOW: Kept(
        flow.flow,
        "What flowed between the statuses: by status, by edge, or by month of joining.",
        frozenset({"period_days", "by"}),
    ),
    Name.ROUTES: Kept(
        routes.taken,
        "By which statuses members came to one, with their days per step.",
        frozenset({"to", "start", "joined", "arrived", "venue", "steps", "most"}),
        # Where everybody began is found by looking at all that they did.
        aside=lambda question: question.venue is not None,
        folds=True,
    ),
    Name.STAGNATION: Kept(
        retention.stagnant,
        "Who has been in a status for longer than its limit, and how long members stay.",
        frozenset({"limits"}),
    ),
    Name.CONVERSION: Kept(
        retention.converted,
        "How many newcomers rose and stayed, by the month in which they joined.",
        frozenset({"joined"}),
    ),
    Name.RECYCLING: Kept(
        retention.recycled,
        "Who became dormant, who came back, to what, after how long.",
        frozenset({"dormant"}),
    ),
    Name.GOALS: Kept(
        goals.reached, "Goals: the flows they take on each edge, and what came about."
    ),
    Name.FIRST_RESPONSE: Kept(
        first_response.first_response,
        "Time until somebody else responds to a thread, and threads without a response.",
        frozenset({"period_days"}),
        aside=_always,
    ),
    Name.HELPERS: Kept(
        helpers.helped,
        "Who helped others, by how many different members they helped.",
        frozenset({"period_days", "most"}),
        aside=_always,
    ),
    Name.VENUES: Kept(
        venues.venues,
        "What members did in each venue, who began there, and what became of them.",
        frozenset({"period_days"}),
        aside=_always,
        folds=True,
    ),
    Name.VALUE: Kept(
        value.value,
        "Questions solved, answers read, contacts saved, referrals, each with its formula.",
        frozenset({"period_days", "deflection", "contact_cost"}),
        by_rules=False,
        aside=_always,
    ),
    Name.LIFT: Kept(
        lift.proven,
        "What prompts brought about: members shown against members held out, with intervals.",
        frozenset({"scenario", "quarter"}),
        aside=_always,
        folds=True,
    ),
    Name.DATA_HEALTH: Kept(
        health.health,
        "What is odd or missing in the data as it is now.",
        by_rules=False,
        of_now=True,
        aside=_always,
    ),
}
