"""Rule sets held against each other: whom one would move that takes another's place, and counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from api.commands._drafts import given, rules_of
from api.commands._shared import archive_note, moment_of
from api.commands.simulate import told_moves
from api.console import CommandError, gauge, print_json, say
from api.database import open_database
from api.settings import Settings
from engagement.explain_texts import STATUS_JA
from engagement.rules import Change
from engagement.words import STATUSES, RuleSet
from store import rules
from store.compare import MOST, SideBySide, side_by_side
from store.db import day_date
from store.simulated import Simulated, share_of, simulated

Told = dict[str, Any]


def told_changes(before: RuleSet, after: RuleSet, changes: Sequence[Change]) -> Told:
    """What differs between two rule sets, as JSON."""
    told = [{"place": c.place, "before": c.before, "after": c.after} for c in changes]
    return {"from": before.name, "to": after.name, "changes": told}


async def members_moved(first: str, other: str | None, as_of: str | None, *, json: bool) -> None:
    """Print what differs between two rule sets, and whom that would move."""
    settings = Settings.load()
    now = settings.make_clock().now()
    texts = [given(which) for which in (first, other) if which is not None]
    async with open_database(settings) as database, database.read() as connection:
        found, day = await moment_of(database, connection, now, as_of)
        chosen = [await rules_of(connection, one) for one in texts]
        base = found.rules
        if other is not None:
            base = rules.as_if(found.rules, chosen[0])
            if isinstance(texts[0], int):
                base = replace(base, id=texts[0])
        with gauge("folding members") as show:
            _, figures = await simulated(
                connection, base, chosen[-1], day=day, today=found.today, progress=show
            )
    if json:
        told = told_changes(base.rules, chosen[-1], figures.changes)
        print_json(told | {"members": _told_members(figures)})
        return
    if note := archive_note(found, as_of):
        say(note)
    for change in figures.changes:
        print(change)
    for line in _lines_of_members(figures):
        print(line)


def _told_members(figures: Simulated) -> Told:
    return {
        "as_of": str(day_date(figures.day)),
        "population": figures.population,
        "moved": figures.moved,
        "in_grace": figures.in_grace,
        "rows": [
            {
                "status": one.status.value,
                "before": one.before,
                "count": one.count,
                "after_grace": one.after_grace,
            }
            for one in figures.statuses
        ],
        "matrix": told_moves(figures.moves),
    }


def _lines_of_members(figures: Simulated) -> Iterator[str]:
    yield (
        f"\n{figures.moved:,} of {figures.population:,} members would have another status at the "
        f"end of {day_date(figures.day)}; {figures.in_grace:,} would keep theirs for a while."
    )
    for one in figures.moves:
        if one.before is not one.after:
            before, after = (
                "not here" if status is None else status.value for status in (one.before, one.after)
            )
            yield f"{one.members:>8,}  {before} -> {after}"


async def compare(which: Sequence[str], as_of: str | None, *, json: bool) -> None:
    """Print what several rule sets make of everybody, that in force first."""
    if len(which) > MOST:
        raise CommandError(f"{len(which)} rule sets were given; expected at most {MOST}")
    settings = Settings.load()
    now = settings.make_clock().now()
    texts = [given(one) for one in which]
    async with open_database(settings) as database, database.read() as connection:
        found, day = await moment_of(database, connection, now, as_of)
        others = [await rules_of(connection, one) for one in texts]
        with gauge("folding members") as show:
            beside = await side_by_side(connection, found.rules, others, day=day, progress=show)
    names = [str(found.rules.id), *which]
    if json:
        print_json(_told_columns(beside, names, archive=found.archive))
        return
    if note := archive_note(found, as_of):
        say(note)
    for line in _lines_of_columns(beside, names):
        print(line)


def _told_columns(beside: SideBySide, names: Sequence[str], *, archive: bool) -> Told:
    return {
        "report": "compare",
        "as_of": str(day_date(beside.day)),
        "archive": archive,
        "columns": [
            {
                "rule_set": column.name,
                "given": name,
                "active": place == 0,
                "population": column.population,
                "differing": column.differing,
                "counts": {
                    status.value: n for status, n in zip(STATUSES, column.counts, strict=True)
                },
            }
            for place, (name, column) in enumerate(zip(names, beside.columns, strict=True))
        ],
    }


def _lines_of_columns(beside: SideBySide, names: Sequence[str]) -> Iterator[str]:
    yield f"At the end of {day_date(beside.day)}"
    for place, (name, column) in enumerate(zip(names, beside.columns, strict=True), start=1):
        what = "active" if place == 1 else f"{column.differing:,} members differ"
        yield f"  [{place}] {column.name} ({name}): {what}"
    heads = "".join(f"{f'[{place}]':>18}" for place in range(1, len(names) + 1))
    yield f"\n{'':16}{heads}"
    for i, status in enumerate(STATUSES):
        cells = "".join(
            f"{column.counts[i]:>10,}{share_of(column.counts[i], column.population):>8.1%}"
            for column in beside.columns
        )
        yield f"{f'{status.value} {STATUS_JA[status]}':16}{cells}"
