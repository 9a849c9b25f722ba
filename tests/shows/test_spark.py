"""The same expressions on Spark as on DuckDB: the same numbers come out."""

from __future__ import annotations

import shutil
import subprocess
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from bench.data import BEGIN, generate
from bench.fill import fill
from engagement import measures
from engagement.measures import Weeks
from engagement.points import Compiled
from store import rules
from store.db import Database
from store.lake import Engine, Lake, Means, open_lake
from store.lake_export import export_lake
from store.rules import as_if
from tests.store.test_simulate import bars


def _java() -> bool:
    """Whether there is a Java that runs."""
    java = shutil.which("java")
    if java is None:
        return False
    return subprocess.run([java, "-version"], check=False, capture_output=True).returncode == 0


pytestmark = [
    pytest.mark.shows,
    pytest.mark.skipif(
        find_spec("pyspark") is None, reason="pyspark is not installed (requirements/spark.txt)"
    ),
    pytest.mark.skipif(not _java(), reason="there is no Java on this machine"),
    # Spark 4.0 and the pandas and Python of today, and what py4j leaves open.
    pytest.mark.filterwarnings("default"),
]

_MEANS = Means(memory_mb=2_048, threads=2)


@pytest.fixture
async def lake(database: Database, tmp_path: Path) -> tuple[Path, Compiled, int]:
    """A lake of a hundred thousand actions, the rules, and its last day."""
    log = generate(members=2_000, actions=100_000)
    await fill(database, log, lambda _steps: None)
    last = BEGIN + timedelta(days=log.days)
    async with database.read() as connection:
        active = as_if(await rules.active(database, connection), bars(contribution=6, support=4))
    day = database.day(last)
    await export_lake(database, active, tmp_path, until=day, now=last)
    return tmp_path, active.compiled, day


def answers(lake: Lake, rules: Compiled, day: int) -> dict[str, list[tuple[Any, ...]]]:
    window = rules.rules.window_days
    daily = measures.daily(lake.worth(rules))
    moves = measures.moves(lake.weekly_statuses(rules, Weeks(day, 52)))
    period, action = lake.table("period"), lake.table("action")
    asked = {
        "points per day": daily,
        "points of everybody": measures.points_on(daily, day=day, window=window),
        "flows": measures.flows(moves),
        "periods": period.group_by("month", "status", "cause").agg(n=period.count()),
        "actions": action.group_by("month", "type", "state").agg(n=action.n.sum().cast("int64")),
    }
    found = {}
    for name, expression in asked.items():
        table = lake.backend.to_pyarrow(expression)
        columns = [table.column(one).to_pylist() for one in sorted(table.column_names)]
        found[name] = sorted(zip(*columns, strict=True), key=repr)
    return found


async def test_spark_gives_what_duckdb_gives(lake: tuple[Path, Compiled, int]) -> None:
    place, rules, day = lake
    with open_lake(place, means=_MEANS) as by_duckdb:
        ours = answers(by_duckdb, rules, day)
    with open_lake(place, engine=Engine.SPARK, means=_MEANS) as by_spark:
        theirs = answers(by_spark, rules, day)
    for name, found in ours.items():
        assert len(found) > 10, name
        assert theirs[name] == found, name
