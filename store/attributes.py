"""What a list of members tells of each: who they are, and where they stand on a day."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import orjson

from engagement.columns import NEVER, NOBODY, values_at
from engagement.points import Ints
from engagement.words import INDICES, STATUSES
from store import members, population
from store.db import Read, StoreError, day_date
from store.explained import fold_to
from store.reports.report import Column, Kind, Row, Sources
from store.rules import ActiveRules

#: Told how many members were described, and of how many.
Progress = Callable[[int, int], None]

#: What of the site's own attributes of a member is asked for, such as attributes.plan.
OWN: Final = "attributes."
_POINTS: Final = tuple(Column(index.value, Kind.NUMBER, index.value) for index in INDICES)

#: What can be asked for, by name; ``points`` are one column for each index.
ATTRIBUTES: Final[Mapping[str, tuple[Column, ...]]] = {
    "name": (Column("name", Kind.TEXT, "name"),),
    "accounts": (Column("accounts", Kind.TEXT, "accounts"),),
    "state": (Column("state", Kind.TEXT, "state"),),
    "status": (Column("status", Kind.STATUS, "status"),),
    "since": (Column("since", Kind.DATE, "since"),),
    "points": _POINTS,
    "joined": (Column("joined", Kind.DATE, "joined"),),
    "lang": (Column("lang", Kind.TEXT, "lang"),),
    "zone": (Column("zone", Kind.TEXT, "zone"),),
    "last_given": (Column("last_given", Kind.DATE, "last given"),),
}
_OF_STANDING: Final = frozenset({"status", "since", "points", "last_given"})


class NoSuchAttribute(StoreError):
    """Nothing of this name is told of members; the message says what is."""


def columns_of(names: Sequence[str]) -> tuple[Column, ...]:
    """The columns for some attributes, each once; raises NoSuchAttribute."""
    found: dict[str, Column] = {}
    for name in names:
        if name.startswith(OWN) and len(name) > len(OWN):
            found[name] = Column(name, Kind.TEXT, name.removeprefix(OWN))
        elif name in ATTRIBUTES:
            found.update({column.name: column for column in ATTRIBUTES[name]})
        else:
            known = ", ".join(ATTRIBUTES)
            raise NoSuchAttribute(
                f"{name!r} is not told of members; expected one of {known}, or {OWN}KEY for what "
                "the site says of them"
            )
    return tuple(found.values())


async def described(
    sources: Sources,
    ids: Ints,
    names: Sequence[str],
    rules: ActiveRules,
    *,
    day: int,
    among: Callable[[Row], bool] = lambda _: True,
    progress: Progress | None = None,
) -> list[Row]:
    """The attributes ``names`` of members, in the order of ``ids``: of those who are ``among``.

    Standings are those at the end of ``day``, None where a member was not here yet. Raises
    NoSuchAttribute.
    """
    columns = [column.name for column in columns_of(names)]
    standings = not _OF_STANDING.isdisjoint(names)
    rows: list[Row] = []
    done = 0
    async with sources.read() as connection:
        for chunk in population.chunks(ids.tolist()):
            told = await _people(connection, chunk)
            if standings:
                for one, standing in zip(
                    told, await _standings(connection, chunk, rules, day), strict=True
                ):
                    one.update(standing)
            found = ({name: told_of(one, name) for name in columns} for one in told)
            rows += [row for row in found if among(row)]
            done += len(chunk)
            if progress is not None:
                progress(done, len(ids))
    return rows


def told_of(one: Mapping[str, Any], name: str) -> Any:
    """The value of a column of one member; ``own`` holds the site's own attributes."""
    if not name.startswith(OWN):
        return one[name]
    value = one["own"].get(name.removeprefix(OWN))
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()


async def _people(connection: Read, chunk: list[int]) -> list[dict[str, Any]]:
    accounts = await members.accounts(connection, chunk)
    rows = {row["id"]: row for row in await connection.fetch(_PEOPLE, chunk)}
    return [
        {
            "name": rows[id_]["name"],
            "accounts": members.account_names(accounts[id_]),
            "state": rows[id_]["state"],
            "joined": _day(rows[id_]["joined_day"]),
            "lang": rows[id_]["lang"],
            "zone": rows[id_]["zone"],
            "own": rows[id_]["attributes"],
        }
        for id_ in chunk
    ]


async def _standings(
    connection: Read, chunk: list[int], rules: ActiveRules, day: int
) -> list[dict[str, Any]]:
    past = await fold_to(connection, chunk, rules, until=day)
    everyone = np.arange(len(chunk))
    points = values_at(past.days, everyone, np.full(len(chunk), day), rules.compiled)
    states = past.states
    return [
        {
            "status": None if status == NOBODY else STATUSES[status].value,
            "since": None if status == NOBODY else _day(since),
            "last_given": None if given == NEVER else _day(given),
            **{
                index.value: None if status == NOBODY else worth / 100
                for index, worth in zip(INDICES, row, strict=True)
            },
        }
        for status, since, given, row in zip(
            states.status.tolist(),
            states.since.tolist(),
            states.last_given.tolist(),
            points.tolist(),
            strict=True,
        )
    ]


def _day(number: int | None) -> str | None:
    return None if number is None else str(day_date(number))


_PEOPLE = """
    select id, name, state, lang, zone, attributes,
        ((joined_at at time zone (select value from setting where key = 'zone'))::date
            - date '1970-01-01') as joined_day
    from member where id = any($1::int[])
"""
