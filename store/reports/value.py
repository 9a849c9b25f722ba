"""What the community was worth: each figure with the formula that it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from store import worth
from store.db import Read
from store.reports.report import Column, Kind, Question, Report, Row, Sources
from store.worth import Reads, Solved

_COLUMNS: Final = (
    Column("figure", Kind.TEXT, "figure"),
    Column("value", Kind.NUMBER, "value"),
    Column("before", Kind.NUMBER, "before"),
    Column("formula", Kind.TEXT, "formula"),
)

_REFERRALS: Final = (
    ("invitations", "referral", "send_invite"),
    ("joined_by_invitation", "referral", "join_by_invite"),
    ("contracts_by_referral", "contract", "referred"),
)


@dataclass(frozen=True, slots=True)
class _Period:
    """What is counted in one period; ``referrals`` in the order of _REFERRALS."""

    solved: Solved
    reads: Reads
    referrals: tuple[int, ...]


async def value(sources: Sources, question: Question) -> Report:
    """Questions solved, answers read, contacts saved, referrals, each figure with its formula."""
    async with sources.read() as connection:
        now = await _counted(connection, question, question.day)
        then = await _counted(connection, question, question.since)
    rows = (*_questions(now, then), *_contacts(now, then, question), *_referrals(now, then))
    return Report(
        name="value",
        title="What the community was worth",
        columns=_COLUMNS,
        rows=rows,
        totals={"deflection": question.deflection, "contact_cost": question.contact_cost},
        notes=tuple(_notes(now, question)),
    )


async def _counted(connection: Read, question: Question, day: int) -> _Period:
    first = day - question.period_days + 1
    referrals = [
        await worth.counted(connection, venue, verb, first=first, last=day)
        for _, venue, verb in _REFERRALS
    ]
    return _Period(
        await worth.solved(connection, first=first, last=day),
        await worth.reads(connection, first=first, last=day),
        tuple(referrals),
    )


def _row(figure: str, now: float | None, then: float | None, formula: str) -> Row:
    return {"figure": figure, "value": now, "before": then, "formula": formula}


def _questions(now: _Period, then: _Period) -> Iterator[Row]:
    one, before = now.solved, then.solved
    yield _row(
        "solved_by_best_answer",
        one.marked_solved,
        before.marked_solved,
        f"of {one.marked:,} threads: best answer by another member, no staff in the thread",
    )
    yield _row(
        "answered_without_marks",
        one.answered,
        before.answered,
        f"of {one.unmarked:,} questions: an answer by another member, no staff in the thread",
    )
    yield _row(
        "questions_solved_by_members",
        one.marked_solved + one.answered,
        before.marked_solved + before.answered,
        f"{one.marked_solved:,} by best answer + {one.answered:,} answered where none is marked",
    )
    yield _row(
        "answers_read",
        now.reads.of_answers,
        then.reads.of_answers,
        "views in the period of answers by anybody, and of threads with an answer",
    )
    yield _row(
        "reads_of_solved_threads",
        now.reads.of_solved,
        then.reads.of_solved,
        "all views in the period of threads that members had solved by its end",
    )


def _contacts(now: _Period, then: _Period, question: Question) -> Iterator[Row]:
    rate, cost = question.deflection, question.contact_cost
    reads = now.reads.of_solved
    if rate is None:
        yield _row("contacts_saved", None, None, "withheld: no rate of deflection was given")
    else:
        yield _row(
            "contacts_saved",
            _saved(reads, rate),
            _saved(then.reads.of_solved, rate),
            f"{reads:,} reads of solved threads x {rate:g} given rate of deflection",
        )
    if rate is None or cost is None:
        missing = "no cost of a contact" if rate is not None else "no contacts saved are told"
        yield _row("cost_saved", None, None, f"withheld: {missing}")
        return
    yield _row(
        "cost_saved",
        round(_saved(reads, rate) * cost, 2),
        round(_saved(then.reads.of_solved, rate) * cost, 2),
        f"{_saved(reads, rate):,g} contacts saved x {cost:,g} given cost of a contact",
    )


def _saved(reads: int, rate: float) -> float:
    return round(reads * rate, 2)


def _referrals(now: _Period, then: _Period) -> Iterator[Row]:
    for (figure, venue, verb), one, before in zip(
        _REFERRALS, now.referrals, then.referrals, strict=True
    ):
        yield _row(figure, one, before, f"actions {venue}.{verb} in the period")


def _notes(now: _Period, question: Question) -> Iterator[str]:
    if question.deflection is None:
        yield (
            "Contacts saved need a rate of deflection: of all reads of a solved thread the share "
            "that would have been a contact. Nothing in the data tells it; a survey of readers can."
        )
    if not now.reads.of_answers:
        yield "No views of answers were recorded in the period."
    yield (
        "Totals of views that came with posts count on the day of the post. Nothing here says what "
        "would have happened without the community."
    )
