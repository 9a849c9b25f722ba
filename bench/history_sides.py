"""One side of the comparison of ``bench.history``, in a process of its own.

    python -m bench.history_sides SIDE FOLDER

Prints seconds, the most memory that was used (MB), and a checksum of every member's statuses.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from engagement import measures
from engagement.measures import REST, Weeks
from engagement.points import Compiled, compile_rules
from engagement.weekly import Matrix
from engagement.words import (
    INDICES,
    STATUS_OF_INDEX,
    STATUSES,
    ActionType,
    DistinctBy,
    Index,
    Lifecycle,
    RuleSet,
    Side,
    Threshold,
)
from store.db import day_date, day_number
from store.lake import Engine, Lake, Means, connect
from store.lake_files import TABLES, Manifest, Part, part_path, table_path, write_table

#: Points to enter an index, and days of the window.
_BARS: Final = (60, 30, 40, 15)
_WINDOW: Final = 90
_BEGIN: Final = day_number(date(2024, 1, 1))
_DAYS: Final = 730
_WEEKS: Final = Weeks(_BEGIN + _DAYS - 1, 104)
_MEANS: Final = Means(memory_mb=8_192)
_LAKE: Final = "lake"

#: Member, week, status before and after; in whole numbers of any width.
_Columns = Sequence[NDArray[Any]]


def main(side: str, place: Path) -> None:
    """Run one side and print what came of it."""
    begin = time.perf_counter()
    if side == "roll_up":
        print(json.dumps({"rows": _roll_up(place), "seconds": _since(begin)}))
        return
    run = {"matrix": _matrix, "raw_sql": _raw_sql, "tally_sql": _tally_sql, "ibis": _ibis}[side]
    moves, seconds = run(place)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    member, week, before, after = (column.astype(np.int64) for column in moves)
    order = np.lexsort((week, member))
    rows = np.array([member, week, before, after])[:, order]
    told = {
        "seconds": seconds,
        "peak_mb": peak,
        "moves": rows.shape[1],
        "checksum": hashlib.sha256(np.ascontiguousarray(rows).tobytes()).hexdigest(),
    }
    print(json.dumps(told))


def _matrix(place: Path) -> tuple[_Columns, float]:
    """Ours: weekly points from the tallies, and a running sum over the weeks."""
    lake = _lake(place)
    rules = _rules(place)
    members = np.arange(_members(place))
    begin = time.perf_counter()
    matrix = lake.week_statuses(members, rules, _WEEKS)
    return _moves_of(matrix), _since(begin)


def _moves_of(matrix: Matrix) -> _Columns:
    """The changes in a matrix, as a table of changes has them."""
    first = np.full((len(matrix), 1), REST, np.int8)
    before = np.concatenate([first, matrix[:, :-1]], axis=1)
    member, week = np.nonzero(before != matrix)
    return member, week, before[member, week], matrix[member, week]


def _ibis(place: Path) -> tuple[_Columns, float]:
    """The expression, run by DuckDB."""
    lake = _lake(place)
    rules = _rules(place)
    begin = time.perf_counter()
    weekly = measures.weekly(lake.worth(rules), weeks=_WEEKS, window=_WINDOW)
    moves = measures.moves(measures.statuses(weekly, rules))
    lake.backend.create_table("moves", moves, temp=True)
    seconds = _since(begin)
    found = lake.columns(lake.backend.table("moves"))
    return [found[name] for name in ("member", "week", "before", "after")], seconds


def _raw_sql(place: Path) -> tuple[_Columns, float]:
    return _by_hand(place, _RAW.format(place=place))


def _tally_sql(place: Path) -> tuple[_Columns, float]:
    return _by_hand(place, _TALLY.format(place=place / _LAKE))


def _by_hand(place: Path, source: str) -> tuple[_Columns, float]:
    """The query that one would write, over one or the other source."""
    connection = duckdb.connect(config={"memory_limit": f"{_MEANS.memory_mb}MB"})
    cases = " ".join(
        f"when v{i} >= {bar} then {STATUSES.index(STATUS_OF_INDEX[index])}"
        for i, (index, bar) in enumerate(zip(INDICES, _BARS, strict=True))
    )
    query = _MOVES.format(
        source=source,
        rules=place / "rules_v1.parquet",
        first=_WEEKS.first,
        last=_WEEKS.last,
        window=_WINDOW,
        cases=cases,
        rest=REST,
    )
    begin = time.perf_counter()
    connection.execute(query)
    seconds = _since(begin)
    found = connection.execute("select member, week, before, status from moves").fetchnumpy()
    return [np.asarray(found[name]) for name in ("member", "week", "before", "status")], seconds


def _roll_up(place: Path) -> int:
    """Write the tallies of the log as a lake has them; gives how many there are."""
    rules = _rules(place)
    lake = place / _LAKE
    write_table(lake / table_path("rate"), TABLES["rate"], measures.rates(rules))
    rows = 0
    connection = duckdb.connect(config={"memory_limit": f"{_MEANS.memory_mb}MB"})
    for month in sorted({f"{day_date(_BEGIN + day):%Y-%m}" for day in range(_DAYS)}):
        path = lake / part_path("tally", month)
        path.parent.mkdir(parents=True, exist_ok=True)
        connection.execute(_ROLL_UP.format(place=place, first=f"{month}-01", path=path))
        rows += pq.ParquetFile(path).metadata.num_rows
    return rows


def _lake(place: Path) -> Lake:
    """The lake of the roll-up, which has tallies and rates only."""
    manifest = Manifest("", "UTC", _WEEKS.last, {}, {"tally": {"all": Part(1, "")}})
    return Lake(place / _LAKE, manifest, Engine.DUCKDB, connect(Engine.DUCKDB, _MEANS))


def _rules(place: Path) -> Compiled:
    """The rules that come with the log, as a rule set."""
    rows = pq.read_table(place / "rules_v1.parquet").to_pylist()
    catalog = tuple(
        ActionType(
            venue=str(row["venue"]),
            verb=str(row["verb"]),
            index=INDICES[row["idx"]],
            earns=Side.GIVEN,
            points=row["weight"],
            daily_cap=None,
            distinct_by=DistinctBy.MEMBER,
            quality=False,
            en="",
            ja="",
            reason="",
        )
        for row in rows
    )
    rules = RuleSet(
        name="bench",
        window_days=_WINDOW,
        thresholds={Index(i): Threshold(bar) for i, bar in zip(INDICES, _BARS, strict=True)},
        lifecycle=Lifecycle(),
        precedence=("lock", "dormant", *INDICES, "newcomer", "member"),
        multipliers={},
        catalog=catalog,
    )
    numbers = {(str(row["venue"]), str(row["verb"])): row["action_type"] for row in rows}
    return compile_rules(rules, numbers)


def _members(place: Path) -> int:
    found: Any = json.loads((place / "stats.json").read_text(encoding="utf-8"))
    return int(found["members"])


def _since(begin: float) -> float:
    return round(time.perf_counter() - begin, 3)


_ROLL_UP: Final = """
    copy (
        select member_id as member, (occurred_at::date - date '1970-01-01')::int as day,
            (venue * 10 + verb)::smallint as type, 0::tinyint as side, 0::tinyint as grade,
            count(*) as n
        from '{place}/part-*.parquet'
        where occurred_at >= date '{first}' and occurred_at < date '{first}' + interval 1 month
        group by all order by member, day, type
    ) to '{path}' (format parquet, compression zstd)
"""

_RAW: Final = """
    select member_id as member, occurred_at::date - date '1970-01-01' as day,
        venue * 10 + verb as type, 1 as n
    from '{place}/part-*.parquet'
"""

_TALLY: Final = "select member, day, type, n from '{place}/tally/*/part.parquet'"

_MOVES: Final = """
    create temp table moves as
    with earned as (
        select member, day, idx, weight * n as points
        from ({source}) a join '{rules}' r on r.action_type = a.type
        where day > {first} - {window} and day <= {last}
    ), change as (
        select member, (greatest(day - {first}, 0) + 6) // 7 as week, idx, points from earned
        union all
        select member, (greatest(day + {window} - {first}, 0) + 6) // 7, idx, -points
        from earned where day + {window} <= {last}
    ), weekly as (
        select member, week,
            sum(points) filter (idx = 0) as p0, sum(points) filter (idx = 1) as p1,
            sum(points) filter (idx = 2) as p2, sum(points) filter (idx = 3) as p3
        from change group by member, week
    ), points as (
        select member, week, sum(p0) over w as v0, sum(p1) over w as v1,
            sum(p2) over w as v2, sum(p3) over w as v3
        from weekly window w as (partition by member order by week)
    ), statuses as (
        select member, week, (case {cases} else {rest} end)::tinyint as status from points
    ), both_of_them as (
        select member, week, status,
            lag(status, 1, {rest}::tinyint) over (partition by member order by week) as before
        from statuses
    )
    select member, week, before, status from both_of_them where before <> status
"""

if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
