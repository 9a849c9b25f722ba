"""Show what other rules would do, before anybody decides: who would stand where, and since when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Final

import numpy as np
import typer

from api.commands._drafts import Draft, given, rules_of
from api.commands._shared import AsOf, Json, archive_note, moment_of, whole
from api.console import CommandError, gauge, print_json, run, say
from api.database import open_database
from api.settings import Settings
from engagement.columns import NOBODY
from engagement.explain_texts import STATUS_JA
from engagement.rules import RuleErrors, dump, load
from engagement.simulate import NEAR_PERCENT, counts
from engagement.words import INDICES, STATUSES, Index, RuleSet
from store import members
from store.db import Database, Read, day_date
from store.population import Population
from store.simulate import Month, Simulation
from store.simulated import IndexTold, Move, Simulated, simulated
from store.verify import put_in_force

#: Members shown of those who are near a bar.
_SAMPLE: Final = 5
Told = dict[str, Any]


def command(
    draft: Draft = None,
    enter: Annotated[
        list[str] | None,
        typer.Option(
            metavar="INDEX=POINTS", help="Another bar than the draft's; may be given several times."
        ),
    ] = None,
    as_of: AsOf = None,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Also put it in force, compare who stands where, and take it back. Recording "
            "waits meanwhile.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Show what other rules would do to the community, and change nothing.

    Who would have which status if the draft came into force on the day, where everybody moves, how
    the points lie around the bars, and what the last twelve months would have looked like.
    """
    run(_simulate(draft, enter or [], as_of, verifies=verify, json=json))


async def _simulate(
    which: str | None, enter: Sequence[str], as_of: str | None, *, verifies: bool, json: bool
) -> None:
    settings = Settings.load()
    now = settings.make_clock().now()
    chosen = None if which is None else given(which)
    async with open_database(settings) as database:
        async with database.read() as connection:
            found, day = await moment_of(database, connection, now, as_of)
            base = found.rules.rules if chosen is None else await rules_of(connection, chosen)
            draft = with_bars(base, enter)
            with gauge("folding members") as show:
                simulation, figures = await simulated(
                    connection, found.rules, draft, day=day, today=found.today, progress=show
                )
            near = {one.index: await _near(connection, one) for one in figures.indices}
            told = told_simulation(figures, near, archive=found.archive)
        if verifies:
            told["verified"] = await _verified(database, simulation, draft, now)
    if json:
        print_json(told)
    else:
        if note := archive_note(found, as_of):
            say(note)
        for line in lines_of(told):
            print(line)
    if verifies and not told["verified"]["equal"]:
        raise typer.Exit(1)


def with_bars(rules: RuleSet, enter: Sequence[str]) -> RuleSet:
    """``rules`` with other bars, each given as ``index=points``; raises CommandError."""
    thresholds = dict(rules.thresholds)
    for one in enter:
        word, _, told = one.partition("=")
        points = whole(told)
        if word not in [index.value for index in INDICES] or points is None:
            words = ", ".join(index.value for index in INDICES)
            raise CommandError(
                f"--enter is {one!r}; expected one of {words}, and whole points, such as support=12"
            )
        index = Index(word)
        thresholds[index] = replace(thresholds[index], enter=points)
    # What a rule file could not say is refused here as it is there.
    try:
        return load(dump(replace(rules, thresholds=thresholds)))
    except RuleErrors as error:
        raise CommandError("; ".join(str(mistake) for mistake in error.mistakes)) from None


async def _near(connection: Read, index: IndexTold) -> list[Told]:
    """Some of those who are near the bar of an index, the nearest first."""
    ids = [one.member_id for one in index.near[:_SAMPLE]]
    rows = await members.by_ids(connection, ids)
    accounts = await members.accounts(connection, ids)
    return [
        {
            "name": rows[one.member_id].name,
            "accounts": [
                {"source": account.source, "id": account.external_id}
                for account in accounts.get(one.member_id, [])
            ],
            "points": one.points,
        }
        for one in index.near[:_SAMPLE]
    ]


async def _verified(
    database: Database, simulation: Simulation, draft: RuleSet, now: datetime
) -> Told:
    """What came about when the draft was in force, beside what was foretold."""
    real = await put_in_force(database, draft, dump(draft), day=simulation.day, now=now)
    return {"equal": _same(simulation, real), "counts": _by_status(counts(real.status))}


def _same(simulation: Simulation, real: Population) -> bool:
    """Whether everybody stands where it was foretold."""
    after = simulation.taken.after
    here = after != NOBODY
    return bool(
        np.array_equal(simulation.ids[here], real.ids) and np.array_equal(after[here], real.status)
    )


def told_simulation(figures: Simulated, near: Mapping[Index, list[Told]], *, archive: bool) -> Told:
    """A simulation as JSON; ``near`` are some of those near each bar."""
    return {
        "report": "simulate",
        "as_of": str(day_date(figures.day)),
        "archive": archive,
        "rule_set": figures.active.name,
        "rule_set_version": figures.active.id,
        "draft": figures.draft.name,
        "changes": [str(change) for change in figures.changes],
        "rows": [
            {
                "status": one.status.value,
                "before": one.before,
                "count": one.count,
                "change": one.change,
                "share": one.share,
                "after_grace": one.after_grace,
            }
            for one in figures.statuses
        ],
        "matrix": told_moves(figures.moves),
        "indices": [_index(one, near[one.index]) for one in figures.indices],
        "months": [_month(one) for one in figures.months],
        "totals": {
            "population": figures.population,
            "moved": figures.moved,
            "would_be_told": figures.would_be_told,
            "in_grace": figures.in_grace,
            "actions": figures.actions,
            "unclassified": figures.unclassified,
        },
    }


def _by_status(column: Any) -> dict[str, int]:
    return {status.value: int(n) for status, n in zip(STATUSES, column, strict=True)}


def told_moves(moves: Sequence[Move]) -> list[Told]:
    """How many go from where to where, as JSON."""
    return [
        {
            "from": None if one.before is None else one.before.value,
            "to": None if one.after is None else one.after.value,
            "members": one.members,
        }
        for one in moves
    ]


def _index(one: IndexTold, near: list[Told]) -> Told:
    told = one.spread
    return {
        "index": one.index.value,
        "enter": told.enter,
        "reach": told.reach,
        "near": told.near,
        "near_percent": NEAR_PERCENT,
        "sample": near,
        "without": told.without,
        "quantiles": {str(q): value for q, value in told.quantiles.items()},
        "histogram": [
            {"from": one.low, "below": one.high, "members": one.members} for one in told.bins
        ],
    }


def _month(one: Month) -> Told:
    return {
        "month": f"{day_date(one.last_day):%Y-%m}",
        "active": _by_status(one.active),
        "draft": _by_status(one.draft),
        "moves": dict(zip(_RULES, one.moved, strict=True)),
        "flaps": dict(zip(_RULES, one.flapped, strict=True)),
    }


_RULES: Final = ("active", "draft", "draft_without_hysteresis")
#: How wide the longest bar of a histogram is.
_WIDE: Final = 40


def lines_of(told: Told) -> Iterator[str]:
    """A simulation as people read it."""
    totals = told["totals"]
    yield (
        f"If {told['draft']} were in force in the place of {told['rule_set']} "
        f"at the end of {told['as_of']}"
    )
    yield from (f"  {change}" for change in told["changes"] or ["Nothing differs."])
    yield ""
    yield f"{'':18}{'now':>9}{'then':>9}{'change':>8}{'share':>8}{'after grace':>13}"
    for row in told["rows"]:
        name = f"{row['status']} {STATUS_JA[row['status']]}"
        yield (
            f"{name:16}{row['before']:>9,}{row['count']:>9,}{row['change']:>+8,}"
            f"{row['share']:>8.1%}{row['after_grace']:>13,}"
        )
    yield (
        f"\n{totals['moved']:,} of {totals['population']:,} would have another status; "
        f"{totals['in_grace']:,} would keep theirs for a while.\n"
        f"Nobody is told of it, unless the activation asks for it (--notify): then "
        f"{totals['would_be_told']:,}."
    )
    yield from (
        f"{cell['members']:>8,}  {cell['from'] or 'not here'} -> {cell['to'] or 'not here'}"
        for cell in told["matrix"]
        if cell["from"] != cell["to"]
    )
    for index in told["indices"]:
        yield from _lines_of_index(index)
    yield from _lines_of_months(told["months"])
    if totals["unclassified"]:
        share = totals["unclassified"] / totals["actions"]
        yield f"\n{totals['unclassified']:,} actions ({share:.1%}) are of types not in the draft."
    if "verified" in told:
        yield (
            "\nPut in force and taken back: everybody stood where it was foretold."
            if told["verified"]["equal"]
            else "\nPut in force and taken back: NOT everybody stood where it was foretold."
        )


def _lines_of_index(index: Told) -> Iterator[str]:
    yield (
        f"\n{index['index']}: {index['reach']:,} have {index['enter']} points or more, "
        f"{index['near']:,} are within {index['near_percent']} % of it, "
        f"{index['without']:,} have none"
    )
    most = max((one["members"] for one in index["histogram"]), default=0)
    for one in index["histogram"]:
        if one["from"] == index["enter"]:
            yield f"{'':>8}  {'-' * _WIDE} {index['enter']}"
        bar = "#" * -(-one["members"] * _WIDE // most)
        yield f"{one['from']:>8}+ {bar} {one['members']:,}"
    for who in index["sample"]:
        account = who["accounts"][0] if who["accounts"] else {"source": "?", "id": "?"}
        name = who["name"] or account["id"]
        yield f"    near: {name} ({account['source']} {account['id']}), {who['points']:g} points"


def _lines_of_months(months: Sequence[Told]) -> Iterator[str]:
    yield (
        "\nAt the ends of the last months: how many have one of the four statuses, how many moved,"
        "\nand who was back within 30 days; `no margin`: by the draft without hysteresis"
    )
    yield (
        f"{'':10}{'now':>9}{'draft':>9}{'moves':>9}{'draft':>9}{'back soon':>11}{'draft':>9}"
        f"{'no margin':>11}"
    )
    top = [status.value for status in STATUSES[: len(INDICES)]]
    for one in months:
        active, draft = (sum(one[name][word] for word in top) for name in ("active", "draft"))
        yield (
            f"{one['month']:10}{active:>9,}{draft:>9,}{one['moves']['active']:>9,}"
            f"{one['moves']['draft']:>9,}{one['flaps']['active']:>11,}{one['flaps']['draft']:>9,}"
            f"{one['flaps']['draft_without_hysteresis']:>11,}"
        )
