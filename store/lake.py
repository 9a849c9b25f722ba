"""The lake as it is asked: the one place that knows which engine runs what is asked of it.

DuckDB runs in this process and is the default; Spark, for lakes that one machine cannot take, is
asked the same expressions (engagement/measures.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import ibis
import numpy as np
import pyarrow as pa

from engagement import measures
from engagement.columns import Pairs, States, fold
from engagement.measures import Table, Weeks
from engagement.points import NO_CAP, Compiled, Days, Ints, earn
from engagement.status import Hold
from engagement.weekly import Matrix, Whole, room_for, week_statuses
from engagement.words import Role, Status
from store.db import StoreError
from store.facts import pairs_among
from store.lake_files import DATASETS, TABLES, Manifest, read_manifest, settle, table_path

#: Members that are taken out of the lake at once.
CHUNK: Final = 50_000
#: The columns of ``measures.worth``.
_WORTH: Final = ("member", "day", "index", "points_x100")
#: In columns: null.
NOTHING: Final = -(2**62)


class Engine(StrEnum):
    """Who runs the expressions."""

    DUCKDB = "duckdb"
    SPARK = "spark"


@dataclass(frozen=True, slots=True)
class Means:
    """What an engine may use: megabytes of memory, and how many threads (None: all there are)."""

    memory_mb: int = 4_096
    threads: int | None = None


@contextmanager
def open_lake(
    directory: Path, *, engine: Engine = Engine.DUCKDB, means: Means | None = None
) -> Iterator[Lake]:
    """The lake in a directory, and an engine to ask it with.

    Raises StoreError where there is none, or the engine is not installed.
    """
    if directory.is_dir():
        settle(directory)
    manifest = read_manifest(directory)
    if manifest is None:
        raise StoreError(f"there is no lake in {directory}: `ikusei export lake` writes one")
    backend = connect(engine, means or Means())
    try:
        yield Lake(directory, manifest, engine, backend)
    finally:
        backend.disconnect()


def connect(engine: Engine, means: Means) -> Any:
    """An Ibis backend; raises StoreError where it is not installed."""
    if engine is Engine.DUCKDB:
        options: dict[str, Any] = {
            "memory_limit": f"{means.memory_mb}MB",
            # Nothing is fetched from anywhere because of a question.
            "autoinstall_known_extensions": "false",
        }
        if means.threads is not None:
            options["threads"] = means.threads
        return ibis.duckdb.connect(**options)
    try:
        from pyspark.sql import SparkSession  # noqa: PLC0415
    except ImportError:
        raise StoreError(
            "Spark is not installed: install what requirements/spark.txt names, and Java 17"
        ) from None
    builder = SparkSession.builder.master(f"local[{means.threads or '*'}]").appName("ikusei")
    settings = {
        # Moments are kept in UTC; without this they would be shifted to the machine's zone.
        "spark.sql.session.timeZone": "UTC",
        "spark.driver.memory": f"{means.memory_mb}m",
        "spark.ui.enabled": "false",
    }
    for name, value in settings.items():
        builder = builder.config(name, value)
    return ibis.pyspark.connect(builder.getOrCreate())


@dataclass(frozen=True, slots=True, eq=False)
class LakePart:
    """Members of the lake with what their statuses are folded from, in columns.

    ``holds`` name positions in ``members``, which ascend.
    """

    members: Ints
    days: Days
    entry: Ints
    holds: list[tuple[int, Hold]]


@dataclass(frozen=True, slots=True, eq=False)
class Lake:
    """An open lake."""

    directory: Path
    manifest: Manifest
    engine: Engine
    backend: Any

    def table(self, name: str) -> Table:
        """A dataset or small table, to ask with expressions."""
        if name in TABLES:
            return self.backend.read_parquet(str(self.directory / table_path(name)))
        if not self.manifest.datasets.get(name):
            return ibis.memtable(DATASETS[name].empty_table())
        place = self.directory / name
        if self.engine is Engine.SPARK:
            return self.backend.read_parquet(str(place))
        return self.backend.read_parquet(str(place / "month=*" / "part.parquet"))

    def columns(self, expression: Table) -> dict[str, Ints]:
        """What an expression of whole numbers gives, as columns; for none at all NOTHING stands."""
        found = self.backend.to_pyarrow(expression)
        return {
            name: found.column(name).cast(pa.int64()).fill_null(NOTHING).to_numpy()
            for name in found.column_names
        }

    def types(self) -> dict[tuple[str, str], int]:
        """The numbers of the action types by (venue, verb), for ``compile_rules``."""
        found = self.backend.to_pyarrow(self.table("action_type")).to_pylist()
        return {(row["venue"], row["verb"]): row["type"] for row in found}

    def people(self) -> Ints:
        """The numbers of all who have a status, ascending."""
        member = self.table("member")
        people = member.filter(member.role == Role.MEMBER.value).select("member")
        return np.sort(self.columns(people)["member"])

    def worth(self, rules: Compiled | None = None) -> Table:
        """What was earned, by the rates of the lake: see ``measures.worth``."""
        capped = rules is None or bool(np.any(rules.cap[rules.index >= 0] != NO_CAP))
        return measures.worth(self.table("tally"), self.table("rate"), capped=capped)

    def week_statuses(self, members: Ints, rules: Compiled, weeks: Weeks) -> Matrix:
        """The statuses by points alone of ``members`` at the ends of weeks.

        Members ascend; the shape is (members, weeks). Two chunks of them are in memory at a time.
        """
        worth = self.worth(rules)
        window = rules.rules.window_days
        near = worth.filter(worth.day > weeks.first - window, worth.day <= weeks.last)
        found = np.empty((len(members), weeks.count), np.int8)
        room = room_for(min(CHUNK, len(members)), weeks)
        chunks = [members[low : low + CHUNK] for low in range(0, len(members), CHUNK)]
        for low, chunk, rows in zip(
            range(0, len(members), CHUNK), chunks, self._ahead(near, chunks), strict=True
        ):
            # As narrow as they come: these are all the rows there are.
            member, *others = (rows.column(name).to_numpy() for name in _WORTH)
            place, known = _places(chunk, member)
            found[low : low + CHUNK] = week_statuses(
                len(chunk),
                place,
                *(column[known] for column in others),
                rules=rules,
                weeks=weeks,
                room=room,
            )
        return found

    def _ahead(self, table: Table, chunks: Sequence[Ints]) -> Iterator[pa.Table]:
        """The rows of each chunk of members; those of the next are read while one is worked on."""
        with ThreadPoolExecutor(max_workers=1) as reader:

            def read(chunk: Ints) -> Future[pa.Table]:
                return reader.submit(self.backend.to_pyarrow, _among(table, chunk))

            reading = [read(chunk) for chunk in chunks[:1]]
            for chunk in chunks[1:]:
                rows = reading.pop().result()
                reading.append(read(chunk))
                yield rows
            for last in reading:
                yield last.result()

    def weekly_statuses(self, rules: Compiled, weeks: Weeks) -> Table:
        """The same of everybody with tallies, as an expression: see ``measures.statuses``."""
        window = rules.rules.window_days
        daily = measures.daily(self.worth(rules))
        return measures.statuses(measures.weekly(daily, weeks=weeks, window=window), rules)

    def part(self, members: Ints, rules: Compiled, *, last: int) -> LakePart:
        """What the statuses of ``members`` up to the day ``last`` are folded from."""
        days = self.days(members, rules, last=last)
        return LakePart(members, days, self._entries(members, days), self._holds(members))

    def days(self, members: Ints, rules: Compiled, *, last: int = 2**31 - 1) -> Days:
        """What ``members``, who ascend, earned up to the day ``last``."""
        tally = self.table("tally")
        asked = _among(tally.filter(tally.day <= last), members)
        rows = self.columns(asked.select("member", "day", "type", "side", "grade", "n"))
        place, known = _places(members, rows.pop("member"))
        return earn(rules, len(members), place, *(column[known] for column in rows.values()))

    def statuses(self, part: LakePart, rules: Compiled, *, day: int) -> Ints:
        """The statuses of a part at the end of ``day``; NOBODY for who came later."""
        start = States.before(part.entry)
        result = fold(start, part.days, day, rules, holds=part.holds)
        if result.wants_pairs.any():
            pairs = self._pairs(part.members[result.wants_pairs], part.members, rules, last=day)
            result = fold(start, part.days, day, rules, holds=part.holds, pairs=pairs)
        return result.states.status

    def _entries(self, members: Ints, days: Days) -> Ints:
        table = self.table("member")
        rows = self.columns(_among(table.select("member", "seen_day", "joined_day"), members))
        place, known = _places(members, rows["member"])
        entry = np.full(len(members), NOTHING)
        joined = np.where(rows["joined_day"] == NOTHING, rows["seen_day"], rows["joined_day"])
        entry[place] = np.minimum(rows["seen_day"], joined)[known]
        some = np.flatnonzero(np.diff(days.start))
        entry[some] = np.minimum(entry[some], days.day[days.start[some]])
        return entry

    def _holds(self, members: Ints) -> list[tuple[int, Hold]]:
        found = self.backend.to_pyarrow(self.table("hold")).to_pylist()
        position = {int(member): i for i, member in enumerate(members)}
        return [
            (
                position[row["member"]],
                Hold(row["kind"], Status(row["status"]), row["from_day"], row["until_day"]),
            )
            for row in found
            if row["member"] in position
        ]

    def _pairs(self, wanted: Ints, members: Ints, rules: Compiled, *, last: int) -> Pairs:
        """What the guard of distinct members counts; as ``facts.pairs_of``."""
        action = self.table("action")
        counts = action.filter(
            action.state == 0, action.day <= last, ~action.target.identical_to(action.actor)
        )
        earning = np.isin(rules.index, rules.guarded)
        found = []
        for side, own, other in ((0, "actor", "target"), (1, "target", "actor")):
            types = np.flatnonzero(earning & (rules.side == side)).tolist()
            mine = counts.filter(counts.type.isin(types)).select(
                "day", "type", "grade", member=counts[own], who=counts[other]
            )
            rows = self.columns(_among(mine, wanted).distinct())
            ours = np.isin(rows["member"], wanted)
            found.append([rows[name][ours] for name in ("member", "day", "type", "grade", "who")])
        table = np.concatenate([np.array(one) for one in found], axis=1)
        return pairs_among(table, members.tolist(), rules)


def _among(table: Table, members: Ints) -> Table:
    """The rows of the members from the first to the last of ``members``."""
    if not len(members):
        return table.limit(0)
    return table.filter(table.member.between(int(members[0]), int(members[-1])))


def _places(members: Ints, member: Whole) -> tuple[Ints, Any]:
    """Positions in ``members`` of those rows that are about one of them, and which rows these are.

    ``members`` ascend.
    """
    if not len(members):
        return np.zeros(0, np.int64), np.zeros(len(member), np.bool_)
    first, last = int(members[0]), int(members[-1])
    # One place more, for all who are none of them.
    at = np.full(last - first + 2, -1, np.int64)
    at[members - first] = np.arange(len(members))
    found = at[np.where((member >= first) & (member <= last), member - first, -1)]
    known = found >= 0
    return (found, slice(None)) if known.all() else (found[known], known)
