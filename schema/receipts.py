"""What became of the records of a call, in GraphQL."""

# ruff: noqa: D101 - the descriptions of types and fields are their docstrings

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import strawberry

from schema.context import Asked, Recorded
from schema.records import MOST, given, read, source_fault
from schema.scalars import Count
from schema.scopes import ALL, BOTH, needs
from sources.parse import Fault
from sources.records import Record
from store import receipt
from store.record import record


@needs(*ALL)
@strawberry.interface(description="Why a mutation did nothing.")
class Problem:
    code: str = strawberry.field(description="Stable; docs/reference/error-codes.md lists all.")
    message: str


@needs(*BOTH)
@strawberry.type(description="The call itself is wrong; nothing was recorded.")
class CallProblem(Problem):
    pass


@needs(*BOTH)
@strawberry.type(description="A record that was not recorded, for one thing that is wrong with it.")
class Rejection:
    index: int = strawberry.field(description="Its position in the call, from 0.")
    field: str = strawberry.field(description="Empty for the record as a whole.")
    code: str
    message: str = strawberry.field(description="What is wrong, and what would be right.")


@needs(*BOTH)
@strawberry.type(description="Outcomes of the records of one kind.")
class KindCounts:
    kind: str = strawberry.field(
        description="member, post, action, retraction, counter or views. Posts imply actions."
    )
    recorded: int
    duplicate: int
    conflict: int
    replaced: int
    waiting: int


@needs(*BOTH)
@strawberry.type(description="An action type that no row of the active catalog speaks of.")
class UnclassifiedType:
    venue: str
    verb: str
    actions: Count


@needs(*BOTH)
@strawberry.type(
    description="What became of the records of a call. All that is not rejected is kept for good."
)
class Receipt:
    recorded: int = strawberry.field(description="New.")
    duplicate: int = strawberry.field(description="There already, and the same.")
    conflict: int = strawberry.field(description="There already with other content, which stays.")
    replaced: int = strawberry.field(description="Snapshots that changed what was known.")
    waiting: int = strawberry.field(
        description="Recorded, though what it is about is not known yet."
    )
    rejected: list[Rejection] = strawberry.field(description="By index; all else was recorded.")
    by_kind: list[KindCounts] = strawberry.field(
        description="The same with what the records implied."
    )
    unclassified: list[UnclassifiedType] = strawberry.field(
        description="New actions of types that the active rules do not classify: stored, worth "
        "nothing."
    )


RecordResult = Annotated[Receipt | CallProblem, strawberry.union("RecordResult")]


async def record_given(info: Asked, argument: str, kind: str, source: str) -> Receipt | CallProblem:
    """Record the items of an argument; the bad ones are rejected, each by itself."""
    items = given(info, argument)
    if not items:
        return CallProblem(code="TOO_FEW", message=f"`{argument}` is empty; expected 1 to {MOST}")
    if len(items) > MOST:
        return CallProblem(
            code="TOO_MANY", message=f"`{argument}` has {len(items)} records; at most {MOST} a call"
        )
    now = info.context.now()
    wrong = source_fault(source, kind, now)
    if wrong is not None:
        return CallProblem(code="BAD_SOURCE", message=f"`source` {wrong.message}")
    good: list[Record] = []
    places: list[int] = []
    rejected: list[Rejection] = []
    for index, item in enumerate(items):
        found = read(item, kind, source=source, now=now)
        if isinstance(found, list):
            rejected += [_rejection(index, fault) for fault in found]
        else:
            good.append(found)
            places.append(index)
    done = await record(info.context.database, good, now=now) if good else receipt.Receipt()
    rejected += [
        Rejection(index=places[r.position], field=r.field, code=r.code, message=r.message)
        for r in done.rejected
    ]
    rejected.sort(key=lambda one: one.index)
    kind = "action" if kind == "reaction" else kind
    _tell(info.context.recorded, done, kind, rejected)
    return _receipt(done, kind, rejected)


def _tell(
    recorded: Recorded, done: receipt.Receipt, kind: str, rejected: Sequence[Rejection]
) -> None:
    """Tell who measures what became of the records, those that were implied included."""
    for name, counts in done.counts.items():
        for outcome, count in asdict(counts).items():
            if count:
                recorded(name, outcome, count)
    if rejected:
        recorded(kind, "rejected", len({one.index for one in rejected}))


def _rejection(index: int, fault: Fault) -> Rejection:
    return Rejection(index=index, field=fault.field, code=fault.code, message=fault.message)


def _receipt(done: receipt.Receipt, kind: str, rejected: list[Rejection]) -> Receipt:
    own = done.counts.get(kind, receipt.Counts())
    return Receipt(
        recorded=own.recorded,
        duplicate=own.duplicate,
        conflict=own.conflict,
        replaced=own.replaced,
        waiting=own.waiting,
        rejected=rejected,
        by_kind=[
            KindCounts(
                kind=name,
                recorded=counts.recorded,
                duplicate=counts.duplicate,
                conflict=counts.conflict,
                replaced=counts.replaced,
                waiting=counts.waiting,
            )
            for name, counts in done.counts.items()
        ],
        unclassified=[
            UnclassifiedType(venue=venue, verb=verb, actions=Count(n))
            for (venue, verb), n in done.unclassified.items()
        ],
    )
