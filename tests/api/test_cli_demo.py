"""The demo as people meet it: filled once, served, stopped by Ctrl-C without a trace."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.command_line import HOUSE, environment, fails, ikusei, told, works, write_records

pytestmark = pytest.mark.slow

#: Seconds; a busy machine may need most of them.
_PATIENCE = 300
_SMALL = ("demo", "--members", "20", "--days", "40")


@pytest.fixture
def data_dir() -> Iterator[str]:
    """A short path: that of the server's socket has a limit."""
    with tempfile.TemporaryDirectory(prefix="ikusei-demo-") as directory:
        yield str(Path(directory) / "data")


def test_a_second_run_adds_nothing(data_dir: str) -> None:
    here = {"data_dir": data_dir}
    first = ikusei(*_SMALL, "--no-serve", **here)
    assert (first.returncode, first.stdout) == (0, ""), first.stderr
    assert "Recorded: 2" in first.stderr
    report = told("report", "tiers", **here)
    assert report["totals"]["population"] == report["totals"]["count"] <= 20
    assert (report["totals"]["staff"], report["totals"]["unplaced"]) == (5, 0)
    health = told("report", "health", **here)["totals"]

    # Days later the same community is meant, though its standings are those of the new day.
    later = here | {"clock": "2026-11-25T08:00:00Z"}
    again = ikusei("demo", "--no-serve", **later)
    assert again.returncode == 0, again.stderr
    assert "Recorded" not in again.stderr
    kept = Path(data_dir) / "demo.json"
    state = json.loads(kept.read_text())
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600

    # Also where it does not know that it finished, nothing new is found.
    kept.write_text(json.dumps(state | {"filled": False}))
    full = ikusei("demo", "--no-serve", **later)
    assert "Recorded: 0 members, 0 posts, 0 actions." in full.stderr
    assert told("report", "health", **later)["totals"] == health
    assert json.loads(kept.read_text()) == state
    assert len(told("keys", "list", **later)) == 1
    fails(ikusei("demo", "--members", "21", "--no-serve", **here), "was made with 20")
    assert not (Path(data_dir) / "postgres" / "postmaster.pid").exists()


def test_a_demo_is_never_mixed_with_a_community(url: str, tmp_path: Path) -> None:
    told("import", "ndjson", str(write_records(tmp_path / "c.ndjson")), database_url=url)
    done = ikusei(*_SMALL, "--no-serve", database_url=url, data_dir=str(tmp_path))
    fails(done, "holds a community already")
    assert works("report", "tiers", database_url=url).count("\n") > 8


def test_a_port_that_is_taken_is_told_before_anything_is_filled(data_dir: str) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        fails(
            ikusei(*_SMALL, data_dir=data_dir, port=port), f"cannot serve on 127.0.0.1 port {port}"
        )
    assert not Path(data_dir).exists()


def test_what_is_printed_can_be_pasted_and_ctrl_c_stops_it_all(data_dir: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli", *_SMALL],
        cwd=HOUSE,
        env=environment(data_dir=data_dir, port="0", clock="2026-11-20T12:00:00Z"),
        stderr=subprocess.PIPE,
        text=True,
    )
    # Whatever it waits for, it ends, and with it what is read here.
    impatience = threading.Timer(_PATIENCE, process.kill)
    impatience.start()
    try:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if "Ctrl-C stops it." in line:
                break
        assert re.search(r"An API key for this demo: ik_\w+\n", said), said
        command = shlex.split(
            said[said.index("curl ") : said.index("}'\n") + 2].replace("\\\n", " ")
        )
        answer = _pasted(command)
        assert "errors" not in answer
        assert list(answer["data"]) == ["members"]
    finally:
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate()
        impatience.cancel()
    assert process.returncode == 0, rest
    assert not (Path(data_dir) / "postgres" / "postmaster.pid").exists()


def _pasted(command: list[str]) -> Any:
    """What the printed command answers; without curl, what httpx makes of its words."""
    if shutil.which(command[0]):
        return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    words = argparse.ArgumentParser()
    words.add_argument("address")
    words.add_argument("-s", action="store_true")
    words.add_argument("-H", action="append")
    words.add_argument("--data")
    told = words.parse_args(command[1:])
    headers = dict(one.split(": ", 1) for one in told.H)
    return httpx.post(told.address, headers=headers, content=told.data, timeout=_PATIENCE).json()
