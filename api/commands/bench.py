"""Compare with what one would write by hand; results are ratios with targets.

Each comparison fills a database of its own: on an embedded PostgreSQL in a temporary directory, or,
where IKUSEI_DATABASE_URL is set, on that server. Ends with code 1 when a target is missed or the
two sides do not have equal results.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, Any

import typer

from api.commands.serve import fast_loop
from api.console import fail, print_json, progress, run, say
from api.logs import configure
from api.settings import Settings

app = typer.Typer()

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Actions = Annotated[int, typer.Option(min=10_000, help="How many actions to record.")]
Members = Annotated[int, typer.Option(min=1_000, help="How many members do them.")]

#: Records per member beside the actions: the account and two posts.
_WORLD = 3


@app.command()
def ingest(
    actions: Actions = 5_000_000,
    members: Members = 100_000,
    batch: Annotated[int, typer.Option(min=100, help="Actions per transaction.")] = 5_000,
    json: Json = False,
) -> None:
    """Full recording against a bare merge of the actions; GraphQL against the store call."""
    from bench.ingest import bench_ingest  # noqa: PLC0415 - imports the whole service

    server = _begin()
    with progress("records", total=actions + _WORLD * members) as advance:
        work = bench_ingest(
            server=server, members=members, actions=actions, batch=batch, advance=advance
        )
        outcome = run(_ended(work))
    _tell(outcome, json)


@app.command()
def read(actions: Actions = 1_000_000, members: Members = 20_000, json: Json = False) -> None:
    """A member's standing as it is kept against the same points from the actions."""
    from bench.read import bench_read  # noqa: PLC0415

    server = _begin()
    with progress("records", total=actions + _WORLD * members) as advance:
        work = bench_read(server=server, members=members, actions=actions, advance=advance)
        outcome = run(_ended(work))
    _tell(outcome, json)


@app.command()
def rescore(actions: Actions = 2_000_000, members: Members = 40_000, json: Json = False) -> None:
    """Everybody's points from the tallies against the same from the actions."""
    from bench.rescore import bench_rescore  # noqa: PLC0415

    server = _begin()
    with progress("records", total=actions + _WORLD * members) as advance:
        work = bench_rescore(server=server, members=members, actions=actions, advance=advance)
        outcome = run(_ended(work))
    _tell(outcome, json)


@app.command("api")
def api_(
    members: Members = 1_000,
    requests: Annotated[int, typer.Option(min=100, help="Requests per round.")] = 2_000,
    json: Json = False,
) -> None:
    """A member's standing over GraphQL against a hand-written route."""
    from bench.api import bench_api  # noqa: PLC0415

    outcome = run(_ended(bench_api(server=_begin(), members=members, requests=requests)))
    _tell(outcome, json)


def _begin() -> str | None:
    """Be as fast as the service, and quiet; gives the URL of the server to use, if any."""
    fast_loop()
    configure("console", "error")
    return Settings.load().database_url


async def _ended(work: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    return await work


def _tell(outcome: dict[str, Any], json: bool) -> None:
    """Print the outcome; end with code 1 when it is not good."""
    from bench.result import missed, table  # noqa: PLC0415

    if json:
        print_json(outcome)
    else:
        print("\n".join(table(outcome)))
    wrong = missed(outcome)
    for line in wrong[:-1]:
        say(f"ikusei: {line}")
    if wrong:
        fail(wrong[-1])
