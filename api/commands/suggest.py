"""Suggest bars: for a number of members, for a share of them, or at the gaps between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from api.commands._drafts import Draft, given, rules_of
from api.commands._shared import AsOf, Json, archive_note, moment_of, whole
from api.console import CommandError, gauge, print_json, run, say
from api.database import open_database
from api.settings import Settings
from engagement.distribution import Distribution
from engagement.suggest import Bar, Suggestion, suggestions
from engagement.words import INDICES, STATUS_OF_INDEX, STATUSES, Index, RuleSet, Status
from store.db import day_date
from store.vectors import everybody_on

Told = dict[str, Any]
_INDEX: Final = {status: index for index, status in STATUS_OF_INDEX.items()}


def command(
    draft: Draft = None,
    members: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATUS=NUMBER",
            help="How many members should have a status; for all four: contributor, connector, "
            "fan, supporter.",
        ),
    ] = None,
    share: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Of those with points in an index, who should reach its bar at most."
        ),
    ] = 0.1,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Suggest bars for the four indices in up to three ways, each with what it would do.

    By the points of the day alone: whom hysteresis keeps is told by `ikusei simulate`.
    """
    run(_suggest(draft, members or [], share, as_of, json=json))


def _numbers(given_: Sequence[str]) -> dict[Index, int]:
    """What is wanted, by index; raises CommandError for what makes no sense."""
    found: dict[Index, int] = {}
    words = [status.value for status in _INDEX]
    for one in given_:
        word, _, told = one.partition("=")
        number = whole(told)
        if word not in words or number is None:
            raise CommandError(
                f"--members is {one!r}; expected one of {', '.join(words)}, and a number, such as "
                "supporter=500"
            )
        found[_INDEX[Status(word)]] = number
    missing = [STATUS_OF_INDEX[index].value for index in INDICES if index not in found]
    if found and missing:
        raise CommandError(f"--members is missing for {', '.join(missing)}; expected all four")
    return found


async def _suggest(
    which: str | None, numbers: Sequence[str], share: float, as_of: str | None, *, json: bool
) -> None:
    wanted = _numbers(numbers)
    settings = Settings.load()
    now = settings.make_clock().now()
    chosen = None if which is None else given(which)
    async with open_database(settings) as database, database.read() as connection:
        found, day = await moment_of(database, connection, now, as_of)
        rules = found.rules.rules if chosen is None else await rules_of(connection, chosen)
        with gauge("looking at members") as show:
            everybody = await everybody_on(
                connection, found.rules, rules, day=day, today=found.today, progress=show
            )
    told = told_suggestions(everybody, rules, wanted, share, day)
    if json:
        print_json(told)
        return
    if note := archive_note(found, as_of):
        say(note)
    for line in _lines(told):
        print(line)


def told_suggestions(
    everybody: Distribution, rules: RuleSet, wanted: Mapping[Index, int], share: float, day: int
) -> Told:
    """The suggestions as JSON: a row for each way and index, and what each way would do."""
    return {
        "report": "suggest",
        "as_of": str(day_date(day)),
        "rule_set": rules.name,
        "share": share,
        "population": everybody.members,
        "rows": [_row(one, rules) for one in suggestions(everybody, rules, wanted, share)],
    }


def _row(one: Suggestion, rules: RuleSet) -> Told:
    return {
        "way": one.way.value,
        "bars": [_bar(index, one.bars[index], rules.thresholds[index].enter) for index in INDICES],
        "counts": {status.value: n for status, n in zip(STATUSES, one.counts, strict=True)},
        "try": "ikusei simulate "
        + " ".join(f"--enter {index.value}={one.enter[index]}" for index in INDICES),
    }


def _bar(index: Index, bar: Bar | str, now: int) -> Told:
    """One bar; ``reached`` by number are those who would have the status, else who have the points.

    ``lower`` is the next bar below by which more would.
    """
    told: Told = {"index": index.value, "now": now, "enter": None, "reached": None}
    told |= {"wanted": None, "lower": None, "why_not": None}
    if isinstance(bar, str):
        return told | {"why_not": bar}
    told |= {"enter": bar.chosen.enter, "reached": bar.chosen.members, "wanted": bar.wanted}
    if bar.lower is not None:
        told["lower"] = {"enter": bar.lower.enter, "reached": bar.lower.members}
    return told


_WAYS: Final = {
    "members": "For the numbers that are wanted",
    "share": "For at most {share:.0%} of those who have any points in an index",
    "gap": "At the widest gap between those who have points in an index",
}


def _lines(told: Told) -> Iterator[str]:
    yield f"Bars by the points on {told['as_of']} ({told['population']:,} members)"
    for row in told["rows"]:
        yield f"\n{_WAYS[row['way']].format(share=told['share'])}:"
        for bar in row["bars"]:
            if bar["enter"] is None:
                yield f"  {bar['index']:14}{bar['now']:>6} as now: {bar['why_not']}"
                continue
            wanted = "" if bar["wanted"] is None else f" of {bar['wanted']:,} wanted"
            lower = bar["lower"]
            more = f"; {lower['enter']} would give {lower['reached']:,}" if lower else ""
            yield (
                f"  {bar['index']:14}{bar['enter']:>6} (now {bar['now']}): "
                f"{bar['reached']:,}{wanted}{more}"
            )
        yield "  " + ", ".join(f"{n:,} {word}" for word, n in row["counts"].items() if n)
        yield f"  $ {row['try']}"
