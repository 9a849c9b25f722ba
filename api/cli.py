"""The command line: finds the commands in api/commands and runs the one that is asked for."""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

_COMMANDS = Path(__file__).parent / "commands"


def main() -> None:
    """The console script ``ikusei``."""
    for word in sys.argv[1:]:
        # What is no text can only name a file.
        if any(0xD800 <= ord(letter) < 0xE000 for letter in word) and not Path(word).exists():
            print(f"ikusei: the argument {word!a} is not text in UTF-8", file=sys.stderr)
            raise SystemExit(2)
    application(sys.argv[1:])()


def application(arguments: Sequence[str]) -> typer.Typer:
    """The Typer application, in which only the command named by ``arguments`` is loaded.

    The others are there by name and summary: importing all of them would take longer than most
    commands run.
    """
    app = typer.Typer(
        name="ikusei",
        help="Where every member stands, and the one prompt that helps them on.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,  # importing rich would double the time of `ikusei --help`
        pretty_exceptions_enable=False,  # they would print secrets among the local variables
    )
    app.callback()(_top)
    asked = next((word for word in arguments if not word.startswith("-")), None)
    for name, summary in commands().items():
        if name == asked:
            _load(app, name)
        else:
            app.command(name, help=summary)(_stand_in)
    return app


@cache
def commands() -> dict[str, str]:
    """The names of all commands with a line about each, read without importing them."""
    found = {}
    for path in sorted(_COMMANDS.glob("[!_]*.py")):
        summary = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        found[path.stem.rstrip("_").replace("_", "-")] = summary.partition("\n")[0]
    return found


def _load(app: typer.Typer, name: str) -> None:
    stem = name.replace("-", "_")
    if not (_COMMANDS / f"{stem}.py").exists():
        stem += "_"
    module = import_module(f"api.commands.{stem}")
    if hasattr(module, "app"):
        module.app.rich_markup_mode = app.rich_markup_mode
        app.add_typer(module.app, name=name, help=module.__doc__, no_args_is_help=True)
    else:
        app.command(name)(module.command)


def _stand_in() -> None:
    raise AssertionError("the command that is asked for is loaded")


def _show_version(asked: bool) -> None:
    if asked:
        print(version("ikusei"))
        raise typer.Exit


def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """Options before the command."""


if __name__ == "__main__":
    main()
