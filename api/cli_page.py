"""The reference page of the command line, written from the commands themselves.

``python -m api.cli_page`` writes docs/reference/cli.md again; a test holds it equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import typer

from api.cli import application, commands

_WIDTH: Final = 100
_INTRODUCTION: Final = """\
# Command line

Written by `python -m api.cli_page` from the commands themselves. `ikusei COMMAND --help` says the
same.

Every command reads its [settings](settings.md) from the environment. Without `IKUSEI_DATABASE_URL`
it starts the embedded PostgreSQL, or joins the one that runs, and leaves it as it found it. Long
work shows progress on a terminal; `--json` prints one JSON document on standard output and nothing
else there. What goes wrong is said in a line on standard error.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | it could not be done; the message says why and what would help |
| 2 | the command was not understood |
| 130, 143 | stopped by Ctrl-C, by SIGTERM |

| command | what it does |
|---|---|
"""


def page() -> str:
    """The page docs/reference/cli.md."""
    rows = [
        f"| [`ikusei {name}`](#ikusei-{name}) | {summary} |\n"
        for name, summary in commands().items()
    ]
    return _INTRODUCTION + "".join(rows) + "".join(_sections())


def _sections() -> Iterator[str]:
    for name in commands():
        command = typer.main.get_command(application([name])).commands[name]  # type: ignore[attr-defined]
        yield _section(f"ikusei {name}", command, level=2)
        for part, inner in getattr(command, "commands", {}).items():
            yield _section(f"ikusei {name} {part}", inner, level=3)


def _section(name: str, command: Any, *, level: int) -> str:
    context = command.context_class(
        command, info_name=name, terminal_width=_WIDTH, max_content_width=_WIDTH
    )
    text = "\n".join(line.rstrip() for line in command.get_help(context).strip().splitlines())
    return f"\n{'#' * level} `{name}`\n\n```text\n{text}\n```\n"


def write() -> None:
    """Write the page where it belongs."""
    place = Path(__file__).parent.parent / "docs" / "reference" / "cli.md"
    place.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write()
