"""Compare with what one would write by hand; results are ratios with targets.

Each comparison fills a database of its own: on an embedded PostgreSQL in a temporary directory, or,
where IKUSEI_DATABASE_URL is set, on that server. Ends with code 1 when a target is missed or the
two sides do not have equal results.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from api.commands.serve import fast_loop
from api.console import CommandError, fail, print_json, progress, run, say, steps
from api.logs import configure
from api.settings import Settings

app = typer.Typer()

Document = dict[str, Any]
Work = Callable[[], Coroutine[Any, Any, Document]]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Actions = Annotated[int, typer.Option(min=10_000, help="How many actions there are.")]
Members = Annotated[int, typer.Option(min=1_000, help="How many members do them.")]
Batch = Annotated[int, typer.Option(min=100, help="Actions per transaction; an import has 2,000.")]
Minutes = Annotated[float, typer.Option(min=0.2, help="How long the load lasts.")]
Requests = Annotated[int, typer.Option(min=100, help="Requests per round.")]

#: Records per member beside the actions: the account and two posts.
_WORLD = 3


@app.command()
def ingest(
    actions: Actions = 5_000_000,
    members: Members = 100_000,
    batch: Batch = 2_000,
    json: Json = False,
) -> None:
    """Full recording against a bare merge of the actions; GraphQL against the store call."""
    _tell([partial(_ingest, actions, members, batch)], json)


@app.command()
def read(actions: Actions = 1_000_000, members: Members = 20_000, json: Json = False) -> None:
    """A member's standing as it is kept against the same points from the actions."""
    _tell([partial(_read, actions, members)], json)


@app.command()
def rescore(actions: Actions = 2_000_000, members: Members = 40_000, json: Json = False) -> None:
    """Everybody's points from the tallies against the same from the actions."""
    _tell([partial(_rescore, actions, members)], json)


@app.command()
def simulate(
    members: Annotated[
        int, typer.Option(min=1_000, help="How many members there are.")
    ] = 1_000_000,
    json: Json = False,
) -> None:
    """Who would have which status by other bars, against a look at everybody."""
    _tell([partial(_simulate, members)], json)


@app.command()
def lift(
    worlds: Annotated[
        int, typer.Option(min=100, help="How many worlds of each kind there are.")
    ] = 3_000,
    json: Json = False,
) -> None:
    """How often the figures of lift hold, in made-up worlds with a known effect and without one."""
    _tell([partial(_lift, worlds)], json)


@app.command()
def history(
    actions: Annotated[
        int, typer.Option(min=10_000, help="How many actions there are.")
    ] = 50_000_000,
    members: Annotated[int, typer.Option(min=1_000, help="How many members do them.")] = 1_000_000,
    cache: Annotated[
        Path | None,
        typer.Option(
            file_okay=False, help="Keep the log in this directory, and take it from there again."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Everybody's status at the end of 104 weeks against DuckDB by hand; `all` takes a tenth of it.

    The log comes from the generator in the shared data (IKUSEI_SHARED_DATA, or ../shared/data
    beside the repository); without it this cannot be run. At full size it takes some ten minutes.
    """
    _tell([partial(_history, actions, members, cache)], json)


@app.command("api")
def api_(members: Members = 1_000, requests: Requests = 2_000, json: Json = False) -> None:
    """A member's standing over GraphQL against a hand-written route."""
    _tell([partial(_api, members, requests)], json)


@app.command()
def offer(actions: Actions = 1_000_000, members: Members = 100_000, json: Json = False) -> None:
    """Deciding what a member is shown against a route that reads a standing and inserts a row."""
    _tell([partial(_offer, actions, members)], json)


@app.command()
def refuse(json: Json = False) -> None:
    """The CPU that refusing hostile documents takes."""
    _tell([_refuse], json)


@app.command()
def soak(minutes: Minutes = 30.0, json: Json = False) -> None:
    """A mixed load for some time: no error, nothing lost, and memory that does not grow."""
    _tell([partial(_soak, minutes)], json)


@app.command("all")
def all_(json: Json = False) -> None:
    """All comparisons one after the other, with a soak of half an hour; takes most of an hour."""
    works: list[Work] = [
        _refuse,
        partial(_api, 1_000, 2_000),
        partial(_offer, 1_000_000, 100_000),
        partial(_read, 1_000_000, 20_000),
        partial(_rescore, 2_000_000, 40_000),
        partial(_simulate, 1_000_000),
        partial(_lift, 3_000),
        partial(_soak, 30.0),
        # At its full size it alone takes forty minutes where the disk is slow.
        partial(_ingest, 1_000_000, 50_000, 2_000),
    ]
    if (_shared() / "scale").exists():
        works.append(partial(_history, 10_000_000, 200_000, None))
    else:
        say("ikusei: history is left out: its log is made from the shared data, which are not here")
    _tell(works, json, several=True)


# The benches import the whole service, so each is imported when it is run.


async def _ingest(actions: int, members: int, batch: int) -> Document:
    from bench.ingest import bench_ingest  # noqa: PLC0415

    return await _watched(bench_ingest, actions, members, batch=batch)


async def _read(actions: int, members: int) -> Document:
    from bench.read import bench_read  # noqa: PLC0415

    return await _watched(bench_read, actions, members)


async def _rescore(actions: int, members: int) -> Document:
    from bench.rescore import bench_rescore  # noqa: PLC0415

    return await _watched(bench_rescore, actions, members)


async def _simulate(members: int) -> Document:
    from bench.simulate import bench_simulate  # noqa: PLC0415

    return await bench_simulate(members=members)


async def _lift(worlds: int) -> Document:
    from bench.lift import bench_lift  # noqa: PLC0415

    with progress("worlds", total=2 * worlds) as advance:
        return await bench_lift(worlds=worlds, advance=advance)


async def _history(actions: int, members: int, cache: Path | None) -> Document:
    from bench.history import NoData, bench_history  # noqa: PLC0415

    with steps() as tell:
        try:
            return await bench_history(
                shared=_shared(), cache=cache, members=members, actions=actions, tell=tell
            )
        except NoData as error:
            raise CommandError(str(error)) from None


async def _api(members: int, requests: int) -> Document:
    from bench.api import bench_api  # noqa: PLC0415

    server = Settings.load().database_url
    return await bench_api(server=server, members=members, requests=requests)


async def _offer(actions: int, members: int) -> Document:
    from bench.offer import bench_offer  # noqa: PLC0415

    return await _watched(bench_offer, actions, members)


async def _refuse() -> Document:
    from bench.refuse import bench_refuse  # noqa: PLC0415

    return await bench_refuse(server=Settings.load().database_url)


async def _soak(minutes: float) -> Document:
    from bench.soak import bench_soak  # noqa: PLC0415

    with progress("seconds of load", total=int(minutes * 60)) as advance:
        return await bench_soak(
            server=Settings.load().database_url, minutes=minutes, advance=advance
        )


def _shared() -> Path:
    """Where data lie that several projects share; tests look for them in the same way."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    return Path(os.environ.get("IKUSEI_SHARED_DATA") or beside)


async def _watched(
    bench: Callable[..., Awaitable[Document]], actions: int, members: int, **options: int
) -> Document:
    server = Settings.load().database_url
    with progress("records", total=actions + _WORLD * members) as advance:
        return await bench(
            server=server, actions=actions, members=members, advance=advance, **options
        )


def _tell(works: Sequence[Work], json: bool, *, several: bool = False) -> None:
    """Run benches and print their outcomes; end with code 1 when one is not good."""
    from bench.result import missed, table  # noqa: PLC0415

    fast_loop()
    configure("console", "error")
    outcomes = []
    for work in works:
        outcome = run(work())
        outcomes.append(outcome)
        if not json:
            print("\n".join(table(outcome)), flush=True)
    if json:
        print_json(outcomes if several else outcomes[0])
    wrong = [line for outcome in outcomes for line in missed(outcome)]
    for line in wrong[:-1]:
        say(f"ikusei: {line}")
    if wrong:
        fail(wrong[-1])
