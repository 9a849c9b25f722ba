"""What every command does alike: run, report errors, print JSON, show progress."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn, TypeVar

import orjson
import typer

from api.settings import Settings, SettingsError
from store.db import StoreError

Result = TypeVar("Result")

#: What a shell expects of a program that was stopped by SIGINT or SIGTERM.
_INTERRUPTED, _TERMINATED = 130, 143
#: What ends a program. A closed terminal (SIGHUP) must not leave one running for nobody.
_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class CommandError(Exception):
    """A command cannot do what was asked; the message says why and what would help."""


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a command's coroutine to its end and return its result.

    Errors that people can do something about end the program with one line and code 1; Ctrl-C and
    SIGTERM cancel the work, so that it cleans up, and end it with code 130 or 143.
    """
    try:
        return asyncio.run(_stoppable(work))
    except (CommandError, SettingsError, StoreError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None
    except asyncio.CancelledError:
        raise SystemExit(_TERMINATED) from None


async def _stoppable(work: Coroutine[Any, Any, Result]) -> Result:
    task = asyncio.current_task()
    if task is not None:
        # Ctrl-C is asyncio.run's.
        _handle(task.cancel, signal.SIGTERM, signal.SIGHUP)
    return await work


@contextmanager
def stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` at every signal to end: the first is a request, the second an order."""
    _handle(stop, *_ENDING)
    try:
        yield
    finally:
        # From here on the database is closed and released, which nothing should cut short.
        _handle(_already_stopping, *_ENDING)


def _handle(handler: Callable[[], object], *kinds: signal.Signals) -> None:
    loop = asyncio.get_running_loop()
    for kind in kinds:
        # What nohup started goes on when the terminal is closed.
        if kind != signal.SIGHUP or signal.getsignal(kind) is not signal.SIG_IGN:
            loop.add_signal_handler(kind, handler)


def _already_stopping() -> None:
    say("stopping")


def load_settings() -> Settings:
    """The settings, for a command that needs them before it runs; ends it where they are wrong."""
    try:
        return Settings.load()
    except SettingsError as error:
        fail(str(error))


def fail(message: str, *, code: int = 1) -> NoReturn:
    """End the program with an error message on standard error."""
    print(f"ikusei: {message}", file=sys.stderr)
    raise typer.Exit(code)


def say(message: str) -> None:
    """Tell the person at the terminal something that is not the command's result."""
    print(message, file=sys.stderr)


def print_json(value: Any) -> None:
    """Print one JSON document, which must be all that goes to standard output."""
    sys.stdout.flush()
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    sys.stdout.buffer.write(orjson.dumps(value, option=options))
    sys.stdout.buffer.flush()


@contextmanager
def progress(title: str, *, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show how far something got, if a person looks on; gives ``advance(steps)``."""
    done = 0

    def advance(steps: int) -> None:
        nonlocal done
        done += steps
        if show is not None:
            show(done, total)

    with gauge(title) as show:
        yield advance


@contextmanager
def gauge(title: str) -> Iterator[Callable[[int, int | None], None] | None]:
    """Show how much of how much is done; None if nobody looks on.

    Gives ``show(done, total)``, in any unit; the total is None while it is not known.
    """
    if not sys.stderr.isatty():
        yield None
        return
    # Takes a tenth of a second to import, and most runs show no progress.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """Show which of several steps is under way, if a person looks on; gives ``tell(step)``."""
    if not sys.stderr.isatty():
        yield lambda _step: None
        return
    from rich.console import Console  # noqa: PLC0415

    with Console(stderr=True).status("") as status:
        yield status.update
