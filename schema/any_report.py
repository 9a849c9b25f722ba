"""Every report under its name, in GraphQL: the same rows as on the command line."""

# ruff: noqa: D101 - the descriptions of types and fields are their docstrings
# Strawberry types its decorators loosely.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any, Final

import strawberry
from strawberry.scalars import JSON

from schema.context import Asked
from schema.costs import about
from schema.errors import Refused
from schema.history import asked, found_of
from schema.measures import DayRange, StatusDays, days_of, limits_of
from schema.scopes import MANAGER, needs
from schema.words import Status
from store.reports import report
from store.reports.registry import REPORTS, Name
from store.reports.report import MOST_COST, By, Kind, Question

strawberry.enum(Name, name="ReportName", description="The names of the reports.")
strawberry.enum(By, name="FlowBy", description="What the rows of the report on flow are about.")
strawberry.enum(Kind, name="ColumnKind", description="How the values of a column are to be read.")

#: The fields of ReportOptions under the names of a Question.
_FIELDS: Final = {"first": "most"}
#: What GraphQL calls fields of a Question by other names.
_PUBLIC: Final = {"most": "first", "start": "from"}
_READ: Final[dict[str, Callable[[Any], Any]]] = {"steps": tuple, "limits": limits_of}
_MOST: Final = 1000


@strawberry.input(description="What a report can be asked beside the day; each takes some of them.")
class ReportOptions:
    period_days: int | None = strawberry.UNSET
    by: By | None = strawberry.UNSET
    to: Status | None = strawberry.UNSET
    start: Status | None = strawberry.field(name="from", default=strawberry.UNSET)
    joined: DayRange | None = strawberry.UNSET
    arrived: DayRange | None = strawberry.UNSET
    dormant: DayRange | None = strawberry.UNSET
    venue: str | None = strawberry.UNSET
    steps: list[Status] | None = strawberry.UNSET
    limits: list[StatusDays] | None = strawberry.UNSET
    deflection: float | None = strawberry.UNSET
    contact_cost: float | None = strawberry.UNSET
    scenario: str | None = strawberry.UNSET
    quarter: str | None = strawberry.UNSET
    first: int | None = strawberry.UNSET


@needs(*MANAGER)
@strawberry.type(description="A column of a report.")
class ReportColumn:
    name: str
    kind: Kind
    head: str | None = strawberry.field(
        description="What stands above it in a table; None: it is not shown there."
    )


@needs(*MANAGER)
@strawberry.type(description="A report as a table.")
class Report:
    name: str
    title: str
    as_of: date
    archive: bool
    rule_set: str
    columns: list[ReportColumn] = strawberry.field(directives=about(20))
    rows: list[JSON] = strawberry.field(
        description="An object each, with a value for every column.", directives=about(100)
    )
    totals: JSON
    notes: list[str] = strawberry.field(
        description="What must be known to read the numbers rightly.", directives=about(5)
    )


async def report_of(
    info: Asked,
    name: Name,
    as_of: date | None,
    rule_set: strawberry.ID | None,
    options: ReportOptions | None,
) -> Report:
    """The report ``name``; raises Refused for what it cannot be asked."""
    kept = REPORTS[name]
    if kept.of_now and as_of is not None:
        raise Refused("BAD_INPUT", f"the report {name.value} is about now; leave `asOf` out")
    if not kept.by_rules and rule_set is not None:
        raise Refused(
            "BAD_INPUT", f"the report {name.value} is the same by any rules; leave `ruleSet` out"
        )
    question = await asked(info, as_of, rule_set)
    if kept.of_now:
        question = replace(question, day=question.moment.today)
    given = {} if options is None else _given(options)
    for field in given.keys() - kept.takes:
        takes = ", ".join(sorted(_public(one) for one in kept.takes)) or "no options"
        message = f"the report {name.value} does not take `{_public(field)}`; it takes {takes}"
        raise Refused("BAD_INPUT", message)
    question = _checked(replace(question, **given))
    try:
        found = await found_of(info, kept, question, kept.make)
    except report.NotAsked as error:
        raise Refused("BAD_INPUT", str(error)) from None
    told = report.document(found, question, period=kept.has_period)
    return Report(
        name=name.value,
        title=found.title,
        as_of=date.fromisoformat(told["as_of"]),
        archive=told["archive"],
        rule_set=told["rule_set"],
        columns=[ReportColumn(name=c.name, kind=c.kind, head=c.head) for c in found.columns],
        rows=[JSON(row) for row in told["rows"]],
        totals=JSON(_plain(told["totals"])),
        notes=told["notes"],
    )


def _given(options: ReportOptions) -> dict[str, Any]:
    """The options that were given, as fields of a Question."""
    found: dict[str, Any] = {}
    for name, value in vars(options).items():
        if value is strawberry.UNSET or value is None:
            continue
        read = days_of if isinstance(value, DayRange) else _READ.get(name)
        found[_FIELDS.get(name, name)] = value if read is None else read(value)
    return found


def _public(field: str) -> str:
    """What GraphQL calls a field of a Question."""
    first, *rest = _PUBLIC.get(field, field).split("_")
    return first + "".join(word.title() for word in rest)


def _checked(question: Question) -> Question:
    """The question, where it makes sense; raises Refused where it does not."""
    if not 1 <= question.period_days <= report.MOST_PERIOD:
        told = f"`periodDays` is {question.period_days}; expected 1 to {report.MOST_PERIOD}"
    elif question.deflection is not None and not 0 <= question.deflection <= 1:
        told = f"`deflection` is {question.deflection}; expected a share from 0 to 1"
    elif question.contact_cost is not None and not 0 <= question.contact_cost <= MOST_COST:
        told = f"`contactCost` is {question.contact_cost}; expected 0 to {MOST_COST:,.0f}"
    elif not 1 <= question.most <= _MOST:
        told = f"`first` is {question.most}; expected a number from 1 to {_MOST}"
    else:
        return question
    raise Refused("BAD_INPUT", told)


def _plain(totals: dict[str, Any]) -> dict[str, Any]:
    """Totals with nothing that JSON has no word for."""
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else value
        for name, value in totals.items()
    }
