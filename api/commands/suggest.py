"""Suggest bars: for a number of members, for a share of them, or at the gaps between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from api.commands._drafts import Draft, given, rules_of
from api.commands._shared import AsOf, Json, archive_note, moment_of
from api.console import CommandError, gauge, print_json, run, say
from api.database import open_database
from api.settings import Settings
from engagement.suggest import Bar, Reach, Unreachable, at_gap, for_numbers, for_share
from engagement.words import INDICES, STATUS_OF_INDEX, STATUSES, Index, Status
from store.db import day_date
from store.simulate import Simulation, simulate

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
        word, _, number = one.partition("=")
        if word not in words or not number.isdecimal():
            raise CommandError(
                f"--members is {one!r}; expected one of {', '.join(words)}, and a number, such as "
                "supporter=500"
            )
        found[_INDEX[Status(word)]] = int(number)
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
        with gauge("folding members") as show:
            simulation = await simulate(
                connection, found.rules, rules, day=day, today=found.today, progress=show
            )
    told = told_suggestions(simulation, wanted, share)
    if json:
        print_json(told)
        return
    if note := archive_note(found, as_of):
        say(note)
    for line in _lines(told):
        print(line)


def told_suggestions(simulation: Simulation, wanted: Mapping[Index, int], share: float) -> Told:
    """The suggestions as JSON: a row for each way and index, and what each way would do."""
    everybody, points = simulation.distribution, simulation.points
    order = [Index(word) for word in simulation.draft.precedence if word in list(Index)]
    ways: dict[str, dict[Index, Bar | str]] = {}
    if wanted:
        bars = for_numbers(everybody, wanted, order)
        ways["members"] = {bar.index: bar for bar in bars}
    for name, one in (("share", lambda p: for_share(p, share)), ("gap", at_gap)):
        ways[name] = {index: _alone(one, points[:, INDICES.index(index)], index) for index in order}
    return {
        "report": "suggest",
        "as_of": str(day_date(simulation.day)),
        "rule_set": simulation.draft.name,
        "share": share,
        "population": everybody.members,
        "rows": [_way(name, found, simulation) for name, found in ways.items()],
    }


def _alone(way: Any, points: Any, index: Index) -> Bar | str:
    """What a way says of one index by itself; the reason where it says nothing."""
    try:
        enter = way(points)
    except Unreachable as error:
        return str(error)
    return Bar(index, Reach(enter, int((points >= enter * 100).sum())), None, None)


def _way(name: str, found: Mapping[Index, Bar | str], simulation: Simulation) -> Told:
    thresholds = simulation.draft.thresholds
    enter = [
        bar.chosen.enter if isinstance(bar := found[index], Bar) else thresholds[index].enter
        for index in INDICES
    ]
    counts = simulation.distribution.statuses([points * 100 for points in enter])
    return {
        "way": name,
        "bars": [_bar(index, found[index], thresholds[index].enter) for index in INDICES],
        "counts": {status.value: int(n) for status, n in zip(STATUSES, counts, strict=True)},
        "try": "ikusei simulate "
        + " ".join(
            f"--enter {index.value}={points}" for index, points in zip(INDICES, enter, strict=True)
        ),
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
