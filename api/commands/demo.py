"""Fill a made-up community into the database and serve it, with a key and a query to try."""

from __future__ import annotations

import os
import shlex
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer

from api.commands._shared import refreshed
from api.console import CommandError, gauge, run, say
from api.database import open_database
from api.settings import Settings
from sources.reader import Place, Read
from sources.synthetic.community import community
from sources.synthetic.town import SOURCE
from store import demo, keys
from store.db import Database
from store.demo import Mark
from store.keys import Scope
from store.load import load
from store.played import play

#: The first query to try: the README shows its answer.
QUERY: Final = (
    "{ members(first: 1, filter: {status: [SUPPORTER]}, orderBy: SUPPORT, direction: DESC) "
    "{ nodes { name standing { status since because { text } next { status missing text } } } } }"
)
#: Where the made-up company is at home.
ZONE: Final = "Asia/Tokyo"

_KEY_NAME = "demo"
_DEFAULTS: Final = {"members": 300, "seed": 7, "days": 400}
#: Days after its end during which a community still looks alive.
_ALIVE: Final = 7


@dataclass(frozen=True, slots=True)
class Asked:
    """The options that somebody gave."""

    sizes: Mapping[str, Any]
    fresh: bool


def command(
    members: Annotated[
        int | None, typer.Option(min=1, max=100_000, help="How many members (300).")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**31, help="Another number, another community (7).")
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="How many days of history (400).")
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Serve it until Ctrl-C, or only fill it.")
    ] = True,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Make it anew, also with other numbers than before.")
    ] = False,
) -> None:
    """Fill the made-up community of Soramina into an empty database, place everybody, serve it.

    It ends at the moment of the first run, and a second run adds nothing. One that ended more than
    a week ago is made anew, as with --fresh: whatever was recorded goes, rule sets and API keys
    stay. A database with a community of your own in it is left alone. Ctrl-C stops whatever this
    command started.
    """
    given = {"members": members, "seed": seed, "days": days}
    asked = Asked({name: value for name, value in given.items() if value is not None}, fresh)
    if serve:
        # Takes a second to import, and a demo that only fills needs none of it.
        from api.commands.serve import fast_loop  # noqa: PLC0415

        fast_loop()
        run(_serve(asked))
    else:
        run(_only_fill(asked))


async def _only_fill(asked: Asked) -> None:
    settings = _at_home(Settings.load())
    async with open_database(settings) as database:
        await _ready(settings, database, asked)
    say("It is there; `ikusei demo` serves it.")


async def _serve(asked: Asked) -> None:
    from api.app import create_app  # noqa: PLC0415
    from api.commands import serve as server  # noqa: PLC0415
    from api.logs import configure  # noqa: PLC0415

    settings = _at_home(Settings.load())
    configure(settings.log_format, settings.log_level)
    # Before anything is filled: an address that is taken should be known at once.
    listener = server.listen(settings.host, settings.port)
    try:
        async with open_database(settings) as database:
            key = await _ready(settings, database, asked)
            say(_welcome(listener, key))
            await server.serve(create_app(settings, database=database), database, listener)
    finally:
        listener.close()


def _at_home(settings: Settings) -> Settings:
    """The settings with the zone of the demo where this run makes the database."""
    fresh = settings.database_url is None and not (settings.data_dir / "postgres").exists()
    if settings.time_zone is not None or not fresh:
        return settings
    return settings.model_copy(update={"time_zone": ZONE})


async def _ready(settings: Settings, database: Database, asked: Asked) -> str:
    """Fill what is not filled, place everybody, and return a key that opens it all."""
    now = settings.make_clock().now()
    mark = await _mark(database, asked, now)
    if not mark.filled:
        await _fill(database, mark, now)
        await demo.filled(database, mark)
    await refreshed(database, now)
    return await _key(database, settings.data_dir / "demo.json", now)


async def _mark(database: Database, asked: Asked, now: datetime) -> Mark:
    """What this run is about: the community that the database holds, or a new one.

    Raises CommandError where it was asked to be another, StoreError where it is no demo's.
    """
    until = now.replace(microsecond=0)
    wanted = Mark(**{**_DEFAULTS, **asked.sizes}, until=until)
    mark = await demo.begin(database, wanted)
    again = replace(mark, until=until, filled=False)
    if asked.fresh and mark != wanted:
        return await demo.anew(database, mark, replace(again, **asked.sizes), SOURCE)
    for name, value in asked.sizes.items():
        there = getattr(mark, name)
        if value != there:
            raise CommandError(
                f"--{name} is {value}, but the demo in this database was made with {there}; make "
                "it anew with --fresh, or name another IKUSEI_DATA_DIR for another one"
            )
    days = (now - mark.until).days
    if days <= _ALIVE:
        return mark
    if others := await demo.others(database, SOURCE):
        say(
            f"This community ended {days} days ago, and nobody is about any more. It is not made "
            f"anew, because the database also holds what is of {', '.join(others)}; for a fresh "
            "one name another IKUSEI_DATA_DIR."
        )
        return mark
    say(f"The community of the last run ended {days} days ago; here is a new one that ends now.")
    return await demo.anew(database, mark, again, SOURCE)


class _Synthetic:
    """The made-up community as a reader, so that it is imported like any other."""

    format = "synthetic"
    rows: Mapping[str, Mapping[str, int]] = {}
    checks: Mapping[str, int] = {}
    repairs: Mapping[str, int] = {}
    total: int | None = None
    done = 0

    def __init__(self, mark: Mark, zone: str) -> None:
        self._mark = mark
        self._zone = zone

    def records(self, *, skip: int = 0) -> Iterator[Read]:
        """See sources.reader.Reader."""
        mark = self._mark
        made = community(
            seed=mark.seed,
            members=mark.members,
            days=mark.days,
            until=mark.until,
            zone=self._zone,
        )
        for row, record in enumerate(made):
            if row >= skip:
                yield Read(Place("synthetic", f"record {row}"), {}, record=record)


async def _fill(database: Database, mark: Mark, now: datetime) -> None:
    say(f"Filling a made-up community of {mark.members:,} members …")
    with gauge("recording") as show:
        report = await load(
            database,
            _Synthetic(mark, database.zone.key),
            source=SOURCE,
            fingerprint=f"{mark.members} {mark.seed} {mark.days} {mark.until.isoformat()}",
            now=now,
            progress=show,
        )
    recorded = report.of("recorded")
    said = ", ".join(f"{recorded.get(kind, 0):,} {kind}s" for kind in ("member", "post", "action"))
    say(f"Recorded: {said}.")
    if await play(database, until=mark.until, seed=mark.seed, source=SOURCE):
        say("It holds two experiments: `ikusei report lift` tells what they found.")


async def _key(database: Database, place: Path, now: datetime) -> str:
    """The key of the last run, where this database knows it; else a new one, kept at ``place``."""
    kept = _read(place)
    if kept is not None:
        async with database.read() as connection:
            if await keys.find(connection, kept, now) is not None:
                return kept
    text, _ = await keys.create(database, name=_KEY_NAME, scopes=set(Scope), now=now)
    _keep(place, text)
    return text


def _welcome(listener: socket.socket, key: str) -> str:
    """What to do first, ready to be pasted into a shell."""
    host, port = listener.getsockname()[:2]
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - only shown
    shown = f"[{shown}]" if ":" in shown else shown
    body = orjson.dumps({"query": QUERY}).decode()
    return (
        f"\nAn API key for this demo: {key}\n\n"
        "Ask it who supports others most, and what would bring them one step further:\n\n"
        f"curl -s http://{shown}:{port}/graphql \\\n"
        f"  -H 'Authorization: Bearer {key}' \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        f"  --data {shlex.quote(body)}\n"
    )


def _read(place: Path) -> str | None:
    try:
        found = orjson.loads(place.read_bytes())
        return str(found["key"])
    except FileNotFoundError:
        return None
    except (orjson.JSONDecodeError, TypeError, KeyError):
        raise CommandError(f"{place} is not what the demo wrote there; remove it") from None


def _keep(place: Path, key: str) -> None:
    """Write it as a whole or not at all, for the eyes of its owner only."""
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(orjson.dumps({"key": key}))
    fresh.replace(place)
