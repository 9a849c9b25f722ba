"""Kill -9 of the service and of PostgreSQL in the middle of a concurrent ingest, again and again.

Several clients record actions, posts and retractions over HTTP, retry what was not acknowledged,
send things twice and at the same time as others. Twenty times either the service or the whole of
PostgreSQL is killed while calls are under way, and comes back. At the end the database must hold
exactly what was sent: the truth is kept here, in a model of a few lines.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import psutil
import pytest

from bench.checks import tallies_hold, wrong_standings
from bench.ground import held
from engagement.words import Side
from store.db import Database, connect, day_number
from store.embedded import ensure
from store.refresh import refresh

KILLS = 20
CLIENTS = 4
MEMBERS = 150
POSTS = 400
BATCH = 60
#: Calls that must be acknowledged between two kills.
CALLS = (8, 25)
BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOURCE = "site"
#: What the answers are asked of; an anonymous vote has no actor.
TYPES = (("qa", "like"), ("qa", "comment"), ("qa", "best_answer"), ("profile", "follow"))
_HOUSE = Path(__file__).parent.parent.parent
_PATIENCE = 300.0
_POLL = 0.05

Call = tuple[str, str, list[dict[str, Any]]]
_FIELDS = {"recordActions": "actions", "recordPosts": "posts", "retract": "retractions"}
_INPUTS = {"recordActions": "Action", "recordPosts": "Post", "retract": "Retraction"}


class Service:
    """``ikusei serve`` on an embedded database, killed and started again at any free port."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = BEGIN
        self.process: subprocess.Popen[bytes] | None = None
        self._begin = 0

    def environment(self) -> dict[str, str]:
        bare = {k: v for k, v in os.environ.items() if not k.startswith("IKUSEI_")}
        return bare | {
            "IKUSEI_DATA_DIR": str(self.directory),
            "IKUSEI_CLOCK": self.clock.isoformat(),
            "IKUSEI_LOG_LEVEL": "warning",
        }

    @property
    def log(self) -> Path:
        return self.directory / "service.log"

    @property
    def url(self) -> str:
        """Where it answers since it was started last: at no address before it has said so."""
        with self.log.open("rb") as log:
            log.seek(self._begin)
            found = re.search(rb"(http://\S+)/graphql", log.read())
        return found[1].decode() if found else "http://127.0.0.1:0"

    def make_key(self) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "api.cli", "keys", "create", "crash", "--scope", "site"],
            check=True,
            capture_output=True,
            text=True,
            cwd=_HOUSE,
            env=self.environment(),
            timeout=_PATIENCE,
        )
        return done.stdout.strip()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._begin = log.tell()
            self.process = subprocess.Popen(
                [sys.executable, "-m", "api.cli", "serve", "--port", "0"],
                stdout=log,
                stderr=log,
                cwd=_HOUSE,
                env=self.environment(),
            )

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def kill_postgres(self, *, whole: bool) -> None:
        """Kill every process of the server at once, or only the one that watches over them."""
        pid = int((self.directory / "postgres" / "postmaster.pid").read_text().splitlines()[0])
        server = psutil.Process(pid)
        for process in (server, *(server.children(recursive=True) if whole else ())):
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()
                raise

    async def ready(self, client: httpx.AsyncClient) -> None:
        """Wait until the service answers and its database too."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            with suppress(httpx.TransportError):
                if (await client.get(f"{self.url}/ready")).status_code == 200:
                    return
            assert time.monotonic() < deadline, "the service does not come back"
            await asyncio.sleep(_POLL)


class World:
    """What was sent, and what was acknowledged."""

    def __init__(self) -> None:
        self.dice = random.Random(7)
        self.actions: dict[str, dict[str, Any]] = {}
        self.posts: dict[str, dict[str, Any]] = {}
        self.retractions: dict[str, dict[str, Any]] = {}
        self.acknowledged: dict[str, set[str]] = {name: set() for name in _FIELDS}
        self.under_way: list[Call] = []

    def call(self, now: datetime) -> Call:
        """The next call: new records with some old ones, or one that another client is making."""
        if self.under_way and self.dice.random() < 0.15:
            return self.dice.choice(self.under_way)
        kind = self.dice.choices(list(_FIELDS), [8, 1, 1])[0]
        size = self.dice.randint(1, BATCH)
        if kind == "recordActions":
            items = [self._action(now) for _ in range(size)]
        elif kind == "recordPosts":
            items = [self._post(now) for _ in range(size)]
        else:
            items = [self._retraction(now) for _ in range(size)]
        return kind, _FIELDS[kind], items

    def _member(self) -> str:
        return f"m{min(int(self.dice.paretovariate(0.6)), MEMBERS)}"

    def _time(self, now: datetime) -> str:
        """Mostly today, now and then some days late."""
        late = self.dice.choice((0, 0, 0, 0, 0, 0, 0, 1, 2, 30))
        return (now - timedelta(days=late, minutes=self.dice.randint(0, 700))).isoformat()

    def _action(self, now: datetime) -> dict[str, Any]:
        if self.actions and self.dice.random() < 0.1:
            return self.dice.choice(list(self.actions.values()))
        venue, verb = self.dice.choice(TYPES)
        id_ = f"a{len(self.actions)}"
        item = {"id": id_, "venue": venue, "verb": verb, "time": self._time(now)}
        item["actor"] = self._member()
        if venue == "qa":
            item["post"] = f"p{self.dice.randrange(POSTS)}"
        else:
            item["target"] = self._member()
        self.actions[id_] = item
        return item

    def _post(self, now: datetime) -> dict[str, Any]:
        id_ = f"p{self.dice.randrange(POSTS)}"
        fresh = {"id": id_, "venue": "qa", "type": "answer", "time": self._time(now)}
        fresh["author"] = self._member()
        return self.posts.setdefault(id_, fresh)

    def _retraction(self, now: datetime) -> dict[str, Any]:
        """Of an action that was sent or that will be."""
        id_ = f"a{self.dice.randrange(len(self.actions) + 200)}"
        fresh = {"id": f"r{id_}", "of": id_, "time": now.isoformat()}
        return self.retractions.setdefault(id_, fresh)

    def tallies(self) -> Counter[tuple[str, int, str, str, int]]:
        """(member, day, venue, verb, side) → n, from all that was sent."""
        found: Counter[tuple[str, int, str, str, int]] = Counter()
        for post in self.posts.values():
            found[post["author"], _day(post), "qa", "answer", Side.GIVEN] += 1
        for id_, item in self.actions.items():
            if id_ in self.retractions:
                continue
            rest = (_day(item), item["venue"], item["verb"])
            actor, target = item["actor"], item.get("target")
            if item.get("post") in self.posts:
                target = self.posts[item["post"]]["author"]
            if actor == target:
                found[actor, *rest, Side.OWN] += 1
                continue
            found[actor, *rest, Side.GIVEN] += 1
            if target is not None:
                found[target, *rest, Side.RECEIVED] += 1
        return found


def _day(item: dict[str, Any]) -> int:
    return day_number(datetime.fromisoformat(item["time"]).date())


class Ingest:
    """The clients, who go on until they are told to stop."""

    def __init__(self, service: Service, world: World, key: str) -> None:
        self.service = service
        self.world = world
        self.headers = {"Authorization": f"Bearer {key}"}
        self.calls = 0
        self.retries = 0
        self.stopping = False
        self.news = asyncio.Condition()

    async def client(self) -> None:
        """Make call after call, each until it is acknowledged."""
        async with httpx.AsyncClient(headers=self.headers, timeout=60) as client:
            while not self.stopping:
                call = self.world.call(self.service.clock)
                self.world.under_way.append(call)
                while not await self._made(client, call):
                    self.retries += 1
                    await self.service.ready(client)
                self.world.under_way.remove(call)
                async with self.news:
                    self.calls += 1
                    self.news.notify_all()

    async def _made(self, client: httpx.AsyncClient, call: Call) -> bool:
        """Whether a call was acknowledged; whatever else comes of it is to be tried again."""
        kind, argument, items = call
        document = f"""
            mutation M($items: [{_INPUTS[kind]}Input!]!) {{
              {kind}(source: "{SOURCE}", {argument}: $items) {{
                ... on Receipt {{ recorded duplicate conflict replaced rejected {{ message }} }}
                ... on CallProblem {{ message }}
              }}
            }}
        """
        body = {"query": document, "variables": {"items": items}}
        try:
            answer = await client.post(f"{self.service.url}/graphql", json=body)
        except httpx.TransportError:
            return False
        if answer.status_code == 503:
            return False
        result = answer.json()
        if "errors" in result:
            codes = {one["extensions"]["code"] for one in result["errors"]}
            assert codes <= {"UNAVAILABLE"}, result
            return False
        receipt = result["data"][kind]
        assert receipt["rejected"] == [], receipt
        assert receipt["conflict"] == 0, receipt
        self.world.acknowledged[kind].update(item["id"] for item in items)
        return True

    async def wait_for(self, calls: int) -> None:
        """Wait until so many more calls were acknowledged."""
        goal = self.calls + calls
        async with self.news:
            await asyncio.wait_for(self.news.wait_for(lambda: self.calls >= goal), _PATIENCE)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Have the clients at work; at the end each finishes its call."""
        tasks = [asyncio.create_task(self.client()) for _ in range(CLIENTS)]
        try:
            yield
            self.stopping = True
            await asyncio.wait_for(asyncio.gather(*tasks), _PATIENCE)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _kill_again_and_again(ingest: Ingest) -> None:
    """Until enough kills of each kind have hit a call; those between two calls do not count."""
    service, dice = ingest.service, random.Random(11)
    async with httpx.AsyncClient(timeout=60) as client, ingest.running():
        for number in range(KILLS):
            hit = False
            while not hit:
                retries = ingest.retries
                await ingest.wait_for(dice.randint(*CALLS))
                # Not always at the same step of the calls that are under way.
                await asyncio.sleep(dice.uniform(0, 0.1))
                if number % 2:
                    service.kill_postgres(whole=number % 4 == 1)
                else:
                    service.kill()
                    service.clock += timedelta(days=1)
                    service.start()
                await service.ready(client)
                await ingest.wait_for(CLIENTS)
                hit = ingest.retries > retries


@pytest.mark.shows
async def test_nothing_acknowledged_is_lost_and_nothing_counts_twice(tmp_path: Path) -> None:
    service, world = Service(tmp_path), World()
    ingest = Ingest(service, world, service.make_key())
    service.start()
    try:
        async with httpx.AsyncClient(timeout=60) as client:
            await service.ready(client)
        await _kill_again_and_again(ingest)
    finally:
        service.end()
    embedded = await ensure(tmp_path)
    try:
        database = await connect(embedded.url)
        try:
            await refresh(database, now=service.clock)
            await _compare(database, world)
            assert await wrong_standings(database, now=service.clock) == []
        finally:
            await database.close()
    finally:
        await embedded.release()


async def _compare(database: Database, world: World) -> None:
    """Hold the database against what was sent, all of which has been acknowledged by now."""
    async with held(database) as connection:
        actions = await _ids(connection, "select external_id from action where wrote_id is null")
        assert world.acknowledged["recordActions"] <= actions
        assert actions == set(world.actions)
        posts = await _ids(connection, "select external_id from post where type_id is not null")
        assert world.acknowledged["recordPosts"] <= posts
        assert posts == set(world.posts)
        undone = await _ids(connection, "select external_id from action where state & 1 = 1")
        assert undone == {id_ for id_ in world.retractions if id_ in world.actions}
        assert await tallies_hold(connection)
        rows = await connection.fetch(_TALLIES)
    assert {tuple(row)[:5]: row["n"] for row in rows} == world.tallies()


async def _ids(connection: Any, query: str) -> set[str]:
    rows: list[asyncpg.Record] = await connection.fetch(query)
    found = [row[0] for row in rows]
    assert len(found) == len(set(found))
    return set(found)


_TALLIES = """
    select a.external_id, t.day, y.venue, y.verb, t.side, t.n
    from tally t join account a on a.member_id = t.member_id join action_type y on y.id = t.type_id
"""
