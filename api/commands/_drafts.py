"""Rule sets as commands are given them: files, or numbers of versions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from api.commands._shared import whole
from api.console import CommandError, print_json, say
from engagement.rules import RuleErrors, load
from engagement.toml_file import MAX_CHARACTERS, Mistakes
from engagement.words import RuleSet
from store import rules
from store.db import Read
from store.rules import RuleSetVersion

Which = Annotated[
    str, typer.Argument(metavar="FILE_OR_VERSION", help="A rule file, or the number of a version.")
]

Draft = Annotated[
    str | None,
    typer.Argument(
        metavar="[FILE_OR_VERSION]",
        help="A rule file, or the number of a version (default: the active one).",
    ),
]


def given(which: str) -> RuleSet | int:
    """A rule file's rules, or the number of a version; ends the command where they are wrong."""
    number = whole(which)
    if number is not None and not Path(which).exists():
        return number
    path = Path(which)
    text = read_file(path)
    try:
        return load(text)
    except RuleErrors as error:
        say_mistakes(path, error)
        raise typer.Exit(1) from None


async def rules_of(connection: Read, one: RuleSet | int) -> RuleSet:
    """The rules of a file that was read, or of a version; raises CommandError."""
    return one if isinstance(one, RuleSet) else load((await version_of(connection, one)).toml)


async def version_of(connection: Read, number: int) -> RuleSetVersion:
    """The version with a number; raises CommandError where there is none."""
    found = None if number >= 2**31 else await rules.version(connection, number)
    if found is None:
        raise CommandError(
            f"there is no rule set with the number {number}; `ikusei rules list` shows all"
        )
    return found


def say_mistakes(path: Path, error: Mistakes) -> None:
    """Say every mistake in a file."""
    for mistake in error.mistakes:
        say(f"{path}: {mistake}")
    say(f"ikusei: {len(error.mistakes)} mistake{'s' * (len(error.mistakes) > 1)} in {path}")


def refuse(path: Path, error: Mistakes, *, json: bool) -> NoReturn:
    """End the command because a file has mistakes, which are said."""
    if json:
        mistakes = [
            {"place": one.place, "line": one.line, "message": one.message} for one in error.mistakes
        ]
        print_json({"valid": False, "mistakes": mistakes})
    say_mistakes(path, error)
    raise typer.Exit(1) from None


def read_file(path: Path) -> str:
    """The text of a file of rules or scenarios; raises CommandError."""
    try:
        # No such file is larger, however many bytes a character takes.
        with path.open(encoding="utf-8") as file:
            return file.read(MAX_CHARACTERS + 1)
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is not UTF-8 at byte {error.start}") from None
