"""Run a GraphQL document in-process, without a server or a key."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from api.app import limits_of
from api.console import CommandError, print_json, run
from api.context import Contexts
from api.database import open_database
from api.errors import Refusal, origin, show
from api.execution import Engine, Invalid, Request, is_subscription
from api.reading import dumps_escaped
from api.settings import Settings
from schema.context import Caller
from schema.words import Scope
from store.audit import COMMAND_LINE
from store.feed import Feed


def command(
    document: Annotated[str, typer.Argument(metavar="FILE", help="A GraphQL file; - reads it in.")],
    variables: Annotated[str | None, typer.Option(help="A JSON object.")] = None,
    operation: Annotated[
        str | None, typer.Option(help="Which one, where the file has several.")
    ] = None,
) -> None:
    """Run the document with every scope and print its answer as JSON; code 1 if it has errors."""
    raise typer.Exit(run(_query(document, variables, operation)))


async def _query(name: str, variables: str | None, operation: str | None) -> int:
    request = Request(_read(name), operation, _parse(variables))
    answer = await answer_query(Settings.load(), request)
    try:
        print_json(answer)
    except TypeError:
        print(dumps_escaped(answer).decode())
    return 1 if answer.get("errors") else 0


async def answer_query(settings: Settings, request: Request) -> dict[str, Any]:
    """The answer to a request with every scope, as it would stand in the body over HTTP."""
    # Starting a database takes seconds, so mistakes in the document are told before.
    from schema.schema import schema  # noqa: PLC0415 - Typer shows help without it

    engine = Engine(schema, limits_of(settings))
    request_id = "query"
    try:
        document = engine.prepare(request.document)
        if is_subscription(document.operation(request.operation)):
            raise CommandError("a subscription goes on and on: ask a running service for it")
        async with open_database(settings) as database:
            make = Contexts(database, settings.make_clock(), Feed(database))
            context = make(Caller(COMMAND_LINE.name, frozenset(Scope)))
            result = (await engine.run(request, document, context)).result
    except Refusal as refusal:
        return {"errors": [refusal.shown(request_id)]}
    except Invalid as invalid:
        shown = [show(error, request_id, code=invalid.code) for error in invalid.errors]
        return {"errors": [one.error for one in shown]}
    if not result.errors:
        return {"data": result.data}
    shown = [show(error, request_id) for error in result.errors]
    for one in shown:
        if one.cause is not None:
            print(*origin(one.cause), sep="\n", file=sys.stderr)
    return {"errors": [one.error for one in shown], "data": result.data}


def _read(name: str) -> str:
    if name == "-":
        return sys.stdin.read()
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"cannot read {name}: {error}") from None


def _parse(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise CommandError(f"--variables is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise CommandError("--variables must be a JSON object")
    return value
