"""Runs `ikusei` as people do, in a process of its own, and a small community to run it on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HOUSE = Path(__file__).parent.parent.parent
#: The moment at which the small community is looked at.
NOW = "2026-11-20T12:00:00Z"

#: Seconds; a whole archive on a busy machine.
_LONGEST = 600

Done = subprocess.CompletedProcess[str]


def environment(**settings: str) -> dict[str, str]:
    """That of this process, with these settings of Ikusei and no others."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("IKUSEI_")}
    return bare | {f"IKUSEI_{name.upper()}": value for name, value in settings.items()}


def ikusei(*arguments: str, **settings: str) -> Done:
    """Run a command with these settings to its end."""
    return ikusei_into(subprocess.PIPE, *arguments, **settings)


def ikusei_into(output: int, *arguments: str, **settings: str) -> Done:
    """As ikusei, with an opened file or a pipe for its standard output."""
    return subprocess.run(
        [sys.executable, "-m", "api.cli", *arguments],
        check=False,
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        cwd=HOUSE,
        env=environment(**({"clock": NOW} | settings)),
        timeout=_LONGEST,
    )


def works(*arguments: str, **settings: str) -> str:
    """What a command that succeeds prints on standard output."""
    done = ikusei(*arguments, **settings)
    assert done.returncode == 0, done.stderr
    return done.stdout


def told(*arguments: str, **settings: str) -> Any:
    """The one JSON document that a command prints with ``--json``."""
    return json.loads(works(*arguments, "--json", **settings))


def fails(done: Done, *messages: str, code: int = 1) -> None:
    """A command failed as it should: with messages, and nothing on standard output."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for message in messages:
        assert message in done.stderr


def records() -> Iterator[dict[str, Any]]:
    """A community in canonical records: Ana answers, Ben votes, the others ask."""
    yield from _people()
    for n, asker in enumerate(("m3", "m4", "m5", "m6"), start=1):
        yield from _answered(n, asker)
    # What no rule knows, and what is about a post that nobody sent.
    other = {"kind": "action", "source": "site", "venue": "lab", "verb": "poke", "actor": "s1"}
    yield other | {"id": "poke-1", "time": "2026-11-12T10:00:00Z"}
    yield other | {
        "id": "lost-1",
        "venue": "qa",
        "verb": "vote_up",
        "post": "q99",
        "time": "2026-11-12T10:00:00Z",
    }


def _people() -> Iterator[dict[str, Any]]:
    people = {
        "m1": ("Ana", "2026-06-01"),
        "m2": ("Ben", "2026-06-02"),
        "m3": ("Cho", "2026-07-01"),
        "m4": ("eri", "2026-07-02"),
        "m5": ("Eri", "2026-11-10"),
        "m6": ("文", "2026-06-04"),
        "s1": ("Dai", "2026-06-01"),
        "b1": ("robot", "2026-06-01"),
    }
    for id_, (name, joined) in people.items():
        role = {"s": "staff", "b": "bot"}.get(id_[0], "member")
        row = {"kind": "member", "source": "site", "id": id_, "name": name, "role": role}
        yield row | {"joined": f"{joined}T09:00:00Z"}


def _answered(n: int, asker: str) -> Iterator[dict[str, Any]]:
    """A question with an answer and votes."""
    post = {"kind": "post", "source": "site", "venue": "qa"}
    yield post | {
        "id": f"q{n}",
        "type": "question",
        "author": asker,
        "time": f"2026-11-{10 + n}T10:00:00Z",
        "text": "How do I do that?",
    }
    yield post | {
        "id": f"a{n}",
        "type": "answer",
        "author": "m1",
        "root": f"q{n}",
        "parent": f"q{n}",
        "time": f"2026-11-{10 + n}T11:00:00Z",
        "text": "Like this.",
    }
    for k in range(3):
        yield {
            "kind": "action",
            "source": "site",
            "id": f"vote-{n}-{k}",
            "venue": "qa",
            "verb": "vote_up",
            "actor": "m2",
            "post": f"a{n}" if k else f"q{n}",
            "time": f"2026-11-{10 + n}T12:0{k}:00Z",
        }


def write_records(place: Path) -> Path:
    """The small community as a file of the format ndjson."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in records())
    place.write_text(text, encoding="utf-8")
    return place
