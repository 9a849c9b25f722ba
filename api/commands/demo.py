"""Fill a made-up community into the database and serve it, with a key and a query to try."""

from __future__ import annotations

import os
import shlex
import socket
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
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
from store import keys, members
from store.db import Database
from store.keys import Scope
from store.load import load
from store.members import Filter, Order

#: The first query to try: the README shows its answer.
QUERY: Final = (
    "{ members(first: 1, filter: {status: [SUPPORTER]}, orderBy: SUPPORT, direction: DESC) "
    "{ nodes { name standing { status since because { text } next { status missing text } } } } }"
)
#: Where the made-up company is at home.
ZONE: Final = "Asia/Tokyo"

_KEY_NAME = "demo"
#: The options that somebody gave.
Asked = Mapping[str, int | None]

_DEFAULTS: Final = {"members": 300, "seed": 7, "days": 400}


@dataclass(frozen=True, slots=True)
class Kept:
    """What the demo keeps in the data directory, so that the next run means the same community.

    The community ends at ``until``, the moment of the first run; the standings go on with the
    days.
    """

    members: int
    seed: int
    days: int
    until: str
    filled: bool = False
    key: str | None = None


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
) -> None:
    """Fill the made-up community of Soramina into an empty database, place everybody, serve it.

    A second run adds nothing. Its size cannot change any more then; for another community name
    another IKUSEI_DATA_DIR. Ctrl-C stops whatever this command started.
    """
    asked = {"members": members, "seed": seed, "days": days}
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
    place = settings.data_dir / "demo.json"
    kept = await _kept(database, place, asked, now)
    if not kept.filled:
        await _fill(database, kept, now)
        kept = replace(kept, filled=True)
    await refreshed(database, now)
    key = await _key(database, kept, now)
    _keep(place, replace(kept, key=key))
    return key


async def _kept(database: Database, place: Path, asked: Asked, now: datetime) -> Kept:
    """What this run is about: the community of the first run, or a new one.

    Raises CommandError where another one is there, or where it was asked to be another.
    """
    kept = _read(place)
    async with database.read() as connection:
        page = await members.listing(
            connection, Filter(), Order.ID, descending=False, first=1, after=None
        )
    if kept is None:
        if page:
            raise CommandError(
                "the database holds a community already, which a demo must not be mixed with; "
                "give the demo a data directory of its own: IKUSEI_DATA_DIR=… ikusei demo"
            )
        size = _DEFAULTS | {name: value for name, value in asked.items() if value is not None}
        until = now.replace(microsecond=0).isoformat()
        kept = Kept(size["members"], size["seed"], size["days"], until)
        _keep(place, kept)
    for name, value in asked.items():
        there = getattr(kept, name)
        if value is not None and value != there:
            raise CommandError(
                f"--{name} is {value}, but the demo in {place.parent} was made with {there}; "
                "for another community name another IKUSEI_DATA_DIR"
            )
    return kept if page else replace(kept, filled=False)


class _Synthetic:
    """The made-up community as a reader, so that it is imported like any other."""

    format = "synthetic"
    rows: Mapping[str, Mapping[str, int]] = {}
    checks: Mapping[str, int] = {}
    repairs: Mapping[str, int] = {}
    total: int | None = None
    done = 0

    def __init__(self, kept: Kept, zone: str) -> None:
        self._kept = kept
        self._zone = zone

    def records(self, *, skip: int = 0) -> Iterator[Read]:
        """See sources.reader.Reader."""
        kept = self._kept
        made = community(
            seed=kept.seed,
            members=kept.members,
            days=kept.days,
            until=datetime.fromisoformat(kept.until),
            zone=self._zone,
        )
        for row, record in enumerate(made):
            if row >= skip:
                yield Read(Place("synthetic", f"record {row}"), {}, record=record)


async def _fill(database: Database, kept: Kept, now: datetime) -> None:
    say(f"Filling a made-up community of {kept.members:,} members …")
    with gauge("recording") as show:
        report = await load(
            database,
            _Synthetic(kept, database.zone.key),
            source=SOURCE,
            fingerprint=f"{kept.members} {kept.seed} {kept.days} {kept.until}",
            now=now,
            progress=show,
        )
    recorded = report.of("recorded")
    said = ", ".join(f"{recorded.get(kind, 0):,} {kind}s" for kind in ("member", "post", "action"))
    say(f"Recorded: {said}.")


async def _key(database: Database, kept: Kept, now: datetime) -> str:
    """The key of the first run, where this database still knows it; else a new one."""
    if kept.key is not None:
        async with database.read() as connection:
            if await keys.find(connection, kept.key, now) is not None:
                return kept.key
    text, _ = await keys.create(database, name=_KEY_NAME, scopes=set(Scope), now=now)
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


def _read(place: Path) -> Kept | None:
    try:
        text = place.read_bytes()
    except FileNotFoundError:
        return None
    try:
        found: dict[str, Any] = orjson.loads(text)
        return Kept(**found)
    except (orjson.JSONDecodeError, TypeError):
        raise CommandError(f"{place} is not what the demo wrote; remove the demo's data") from None


def _keep(place: Path, kept: Kept) -> None:
    """Write it as a whole or not at all, for the eyes of its owner only: it holds a key."""
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(orjson.dumps(asdict(kept), option=orjson.OPT_INDENT_2))
    fresh.replace(place)
