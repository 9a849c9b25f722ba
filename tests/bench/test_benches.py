"""The benches, small: what they compare must be equal; how fast it is does not matter here."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import numpy as np
import pytest

from bench.api import bench_api
from bench.data import generate
from bench.history import NoData, bench_history
from bench.ingest import bench_ingest
from bench.lift import bench_lift
from bench.offer import bench_offer
from bench.read import bench_read
from bench.rescore import bench_rescore
from bench.result import Document, document, missed, table
from bench.simulate import bench_simulate
from bench.worlds import Plan, draw
from store.embedded import Embedded

_KEYS = {"name", "baseline", "ratios", "targets", "checksums_equal", "figures"}


def _check(outcome: Document, *ratios: str) -> None:
    assert set(outcome) == _KEYS
    assert set(outcome["ratios"]) == set(outcome["targets"]) == set(ratios)
    assert outcome["checksums_equal"], outcome["figures"]
    assert all(isinstance(line, str) for line in table(outcome))


def test_the_log_is_the_same_again() -> None:
    one, two = (generate(members=1_000, actions=20_000) for _ in range(2))
    assert (one.arrival == two.arrival).all()
    assert one.records(one.arrival[:500]) == two.records(two.arrival[:500])


def test_the_log_is_heavy_tailed_and_in_order() -> None:
    log = generate(members=1_000, actions=50_000)
    assert (np.diff(log.moment) >= 0).all()
    assert len({row.key for row in log.types}) == 120
    busiest = np.sort(log.activity)[::-1]
    assert busiest[:100].sum() > 0.1 * busiest.sum() * 2
    assert busiest[-50] <= np.median(busiest) / 2


def test_batches_hold_everything_once_and_no_midnight() -> None:
    log = generate(members=1_000, actions=50_000)
    batches = list(log.batches(700))
    assert (np.concatenate(batches) == log.arrival).all()
    assert len(log.arrival) == 51_000
    newest = [log.moment[rows].max() // 86_400_000_000 for rows in batches]
    assert newest == sorted(newest)
    assert set(newest) == set(range(log.days))


def test_a_missed_target_is_named() -> None:
    outcome = document(
        "x",
        baseline="y",
        ratios={"a_at_least": (0.2, 0.3), "b_at_most": (0.2, 0.3)},
        checksums_equal=False,
        figures={},
    )
    target, checksums = missed(outcome)
    assert "a_at_least is 0.2" in target
    assert "equal" in checksums


@pytest.mark.slow
async def test_ingest_compares_equals(server: Embedded) -> None:
    outcome = await bench_ingest(server=server.url, members=1_000, actions=10_000, batch=1_000)
    _check(outcome, "record_vs_bare_merge_at_least", "graphql_vs_store_at_most")


@pytest.mark.slow
async def test_read_compares_equals(server: Embedded) -> None:
    outcome = await bench_read(server=server.url, members=1_000, actions=10_000)
    _check(outcome, "standing_vs_actions_p99_at_most")


@pytest.mark.slow
async def test_simulate_compares_equals() -> None:
    name = "threshold_query_vs_numpy_select_{}_at_most"
    _check(await bench_simulate(members=20_000), name.format("sparse"), name.format("dense"))


def test_a_world_has_the_effect_that_was_planted() -> None:
    plan = Plan(members=400_000, held=0.5, pace=2.0).raised(0.03)
    assert plan.rise == pytest.approx(0.03)
    world = draw(plan, np.random.default_rng(3))
    (did, shown), (anyway, held) = world.counts
    assert shown + held == pytest.approx(plan.expected, rel=0.01)
    assert held == pytest.approx(shown, rel=0.02)
    assert anyway / held == pytest.approx(plan.base, abs=0.005)
    assert did / shown - anyway / held == pytest.approx(0.03, abs=0.006)


def test_the_worlds_share_no_code_with_what_is_held_against_them() -> None:
    tree = ast.parse((Path(__file__).parents[2] / "bench" / "worlds.py").read_text("utf-8"))
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    assert names == {"__future__", "dataclasses", "math", "numpy", "numpy.typing", "typing"}


@pytest.mark.slow
async def test_lift_counts_as_the_worlds_do() -> None:
    outcome = await bench_lift(worlds=100)
    _check(
        outcome,
        "false_positives_at_least",
        "false_positives_at_most",
        "coverage_at_least",
        "coverage_at_most",
        "found_at_least",
        "split_alarms_at_most",
    )
    # Far from these in any hundred worlds: what is compared is what was planted.
    assert outcome["ratios"]["coverage_at_least"] > 0.85
    assert outcome["ratios"]["found_at_least"] > 0.6
    figures = outcome["figures"]
    assert figures["false_positives_of_every_decision"] > 0.15


@pytest.mark.slow
async def test_rescore_compares_equals(server: Embedded) -> None:
    outcome = await bench_rescore(server=server.url, members=1_000, actions=10_000)
    _check(outcome, "tallies_vs_actions_at_most")


@pytest.mark.slow
async def test_offer_compares_equals(server: Embedded) -> None:
    outcome = await bench_offer(
        server=server.url, members=1_000, actions=10_000, posts=100, requests=50, rounds=1, crowd=20
    )
    _check(outcome, "offer_vs_handwritten_rps_at_least")
    assert outcome["figures"]["recorded_beside"] > 0
    assert outcome["figures"]["decided_shown"] > 0


SHARED = Path(
    os.environ.get("IKUSEI_SHARED_DATA") or Path(__file__).parents[2].parent / "shared" / "data"
)


@pytest.mark.slow
@pytest.mark.skipif(
    not (SHARED / "scale").exists(), reason="the generator of the log is not on this machine"
)
async def test_history_compares_equals(tmp_path: Path) -> None:
    outcome = await bench_history(
        shared=SHARED, cache=tmp_path, members=2_000, actions=40_000, rounds=1
    )
    names = ("weekly_matrix_vs_duckdb_raw_at_most", "ibis_vs_handwritten_sql_at_most")
    _check(outcome, *names)
    assert outcome["figures"]["moves"] > 1_000


async def test_history_needs_its_generator(tmp_path: Path) -> None:
    with pytest.raises(NoData, match=r"make_synthetic_actions\.py: name the folder"):
        await bench_history(shared=tmp_path, cache=None, members=1_000, actions=10_000)


@pytest.mark.slow
async def test_api_compares_equals(server: Embedded) -> None:
    outcome = await bench_api(
        server=server.url, members=1_000, actions=10_000, requests=100, rounds=1
    )
    _check(outcome, "graphql_vs_handwritten_rps_at_least")
