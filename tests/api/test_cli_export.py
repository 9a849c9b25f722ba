"""Exports on the command line: a lake is written, kept fresh, and whole whatever happens."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engagement.rules import default, dump
from store.lake import Means, open_lake
from tests.api.command_line import HOUSE, NOW, environment, fails, ikusei, told, works

pytestmark = pytest.mark.slow


_DAY = {"tally": "day", "action": "day", "period": "from_day"}


def periods(place: Path) -> list[dict[str, Any]]:
    with open_lake(place, means=Means(512, 1)) as lake:
        table = lake.table("period").order_by("member", "from_day")
        found: list[dict[str, Any]] = lake.backend.to_pyarrow(table).to_pylist()
    return found


def test_a_lake_is_written_and_kept_fresh(filled: str, tmp_path: Path) -> None:
    data = {"database_url": filled, "data_dir": str(tmp_path)}
    first = told("export", "lake", **data)
    place = tmp_path / "lake"
    assert (first["lake"], first["until"]) == (str(place), "2026-11-20")
    assert first["rule_set"] == "default"
    # Two of the actions are of a type that no rule knows, and about a post that nobody sent.
    assert first["datasets"]["action"]["rows"] == 22
    assert first["datasets"]["action"]["rewritten"] == ["2026-11"]
    # Everybody but Eri, who is new, came in summer.
    assert first["datasets"]["period"]["rewritten"][:2] == ["2026-06", "2026-07"]
    assert first["tables"]["member"] == 8
    again = works("export", "lake", **data)
    assert f"The lake in {place}, statuses by default to 2026-11-20:" in again
    assert "months: 0 written, 1 left as they were, 0 removed" in again
    manifest = json.loads((place / "manifest.json").read_text())
    assert manifest["zone"] == "UTC"
    assert manifest["rule_set"]["version"] == 1


def test_another_lake_has_the_periods_of_other_rules(filled: str, tmp_path: Path) -> None:
    text = dump(default()).replace(
        "[thresholds.contribution]\nenter = 12", "[thresholds.contribution]\nenter = 3"
    )
    draft = tmp_path / "draft.toml"
    draft.write_text(text.replace('name = "default"', 'name = "easy"'), encoding="utf-8")
    usual, other = tmp_path / "usual", tmp_path / "other"
    told("export", "lake", str(usual), database_url=filled)
    report = told("export", "lake", str(other), "--rules", str(draft), database_url=filled)
    assert report["rule_set"] == "easy"
    ends = [
        [row["from_day"] for row in periods(place) if row["status"] == "contributor"]
        for place in (usual, other)
    ]
    assert (len(ends[0]), len(ends[1])) == (1, 1)
    assert ends[1] < ends[0]
    # The same lake by the first version of the rules is the usual one again.
    told("export", "lake", str(other), "--rules", "1", database_url=filled)
    assert periods(other) == periods(usual)


def test_what_cannot_be_done_is_one_line(filled: str, tmp_path: Path) -> None:
    fails(
        ikusei("export", "lake", "--rules", "1", database_url=filled),
        "--rules needs a DIRECTORY",
    )
    fails(
        ikusei("export", "lake", str(tmp_path / "new"), "--rules", "7", database_url=filled),
        "there is no rule set with the number 7",
    )
    (tmp_path / "thesis.txt").write_text("years of work")
    fails(
        ikusei("export", "lake", str(tmp_path), database_url=filled),
        "is not empty and has no manifest.json, so it is no lake",
    )
    fails(
        ikusei("export", "lake", str(tmp_path / "thesis.txt"), database_url=filled),
        "cannot write the lake in",
    )


def test_a_killed_export_leaves_a_whole_lake(filled: str, tmp_path: Path) -> None:
    place = tmp_path / "lake"
    told("export", "lake", str(place), database_url=filled)
    before = periods(place)
    draft = tmp_path / "draft.toml"
    for bar in (3, 4, 5):
        text = dump(default()).replace(
            "[thresholds.contribution]\nenter = 12", f"[thresholds.contribution]\nenter = {bar}"
        )
        draft.write_text(text, encoding="utf-8")
        _kill_while_it_writes(place, draft, filled)
        with open_lake(place, means=Means(512, 1)) as lake:
            for name, parts in lake.manifest.datasets.items():
                table = lake.table(name)
                rows = lake.columns(table.select(day=table[_DAY[name]]))["day"]
                assert len(rows) == sum(part.rows for part in parts.values())
    told("export", "lake", str(place), database_url=filled)
    assert periods(place) == before


def _kill_while_it_writes(place: Path, draft: Path, url: str) -> None:
    """Kill an export once it has begun to write: before, at or after the moment that counts."""
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli", "export", "lake", str(place), "--rules", str(draft)],
        cwd=HOUSE,
        env=environment(database_url=url, clock=NOW),
        stdout=subprocess.DEVNULL,
    )
    while process.poll() is None and not (place / ".next" / "period").exists():
        pass
    process.send_signal(signal.SIGKILL)
    assert process.wait(timeout=60) in {0, -signal.SIGKILL}
