"""Everybody at once: sites that record, managers who read, followers, and who does it wrong.

What each is answered is held against what it should be, and what was acknowledged is kept, so that
it can be looked for afterwards. Only addresses of this machine are called.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import numpy as np
import orjson
from numpy.random import Generator
from websockets.exceptions import WebSocketException

from bench.follow import Following, Unfollowable, by_events, by_socket, until_reached
from bench.hostile import HOSTILE

_ACCEPT: Final = "application/graphql-response+json"
_SOURCE: Final = "mixed"
_PEOPLE: Final = 2_000
#: Seconds that everybody but the followers waits between two calls.
_PAUSE: Final = 0.02
_LONGEST: Final = 60.0
#: Seconds after which a short follower leaves, and that followers get to hear of the last change.
_SHORT: Final = 2.0
_CATCH_UP: Final = 60.0
#: What may befall a call while the database or the service is away.
_AWAY: Final = (httpx.TransportError, WebSocketException, OSError, TimeoutError)

_RECORD: Final = """mutation ($records: [ActionInput!]!) {
  recordActions(source: "mixed", actions: $records) {
    ... on Receipt { recorded duplicate conflict rejected { message } } } }"""
_WRITE: Final = """mutation ($records: [PostInput!]!) {
  recordPosts(source: "mixed", posts: $records) {
    ... on Receipt { recorded duplicate replaced rejected { message } } } }"""
_CURSOR: Final = "{ standingCursor }"
_READS: Final = (
    """{ members(first: 20, orderBy: SINCE, direction: DESC) {
        nodes { name standing { status } } } }""",
    """{ members(first: 5, filter: {search: "p1"}) { nodes { externalId
        actions(first: 5) { nodes { verb post { id author { name } } } } } } }""",
    "{ tierReport { total tiers { status count movedIn movedOut } } }",
    "{ dataHealth { archive } ruleSet { name } }",
    """{ member(source: "mixed", externalId: "p1") {
        standing { status because { text } next { text } indices { index points } }
        history(first: 5) { nodes { day after } } } }""",
    "{ posts(first: 10) { nodes { type replies(first: 3) { nodes { id author { name } } } } } }",
)


@dataclass(slots=True)
class Outcome:
    """What came of a load; ``newest`` is the cursor of the newest change at its end."""

    calls: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    away: int = 0
    actions: int = 0
    seconds: list[float] = field(default_factory=list)
    followers: list[Following] = field(default_factory=list)
    newest: str | None = None


class Mixed:
    """A load on the service at ``place`` (host:port) until it is told to stop.

    A ``patient`` one takes it that the service or its database may be away, and tries again.
    """

    def __init__(self, place: str, key: str, *, seed: int, patient: bool = False) -> None:
        self._place = place
        self._headers = {"Authorization": f"Bearer {key}", "Accept": _ACCEPT}
        self._seed = seed
        self._patient = patient
        self._stop = asyncio.Event()
        self._news = asyncio.Event()
        self.outcome = Outcome()

    def stop(self) -> None:
        """Let everybody finish what they are at."""
        self._stop.set()

    async def run(self) -> None:
        """Load until stop(), and until every follower has heard of the last change, or has not."""
        roles: list[Callable[[Generator, httpx.AsyncClient], Awaitable[None]]] = [
            *[self._record] * 2,
            *[self._read] * 3,
            self._err,
        ]
        async with (
            httpx.AsyncClient(
                base_url=f"http://{self._place}", headers=self._headers, timeout=_LONGEST
            ) as client,
            asyncio.TaskGroup() as group,
        ):
            following = [
                group.create_task(self._follow(follow, client, short=number >= 2))
                for number, follow in enumerate([by_socket, by_events] * 2)
            ]
            async with asyncio.TaskGroup() as busy:
                for number, role in enumerate(roles):
                    busy.create_task(
                        self._again(role, np.random.default_rng([self._seed, number]), client)
                    )
            newest = (await self._ask(client, "cursor", _CURSOR))["standingCursor"]
            self.outcome.newest = newest
            # Who has not heard of it by then has missed it: bench.soak.lost says so.
            with suppress(TimeoutError):
                async with asyncio.timeout(_CATCH_UP):
                    await until_reached(self.outcome.followers, newest, self._news)
            for one in following:
                one.cancel()

    async def _again(
        self,
        role: Callable[[Generator, httpx.AsyncClient], Awaitable[None]],
        dice: Generator,
        client: httpx.AsyncClient,
    ) -> None:
        while not self._stop.is_set():
            await role(dice, client)
            await asyncio.sleep(_PAUSE)

    async def _ask(
        self, client: httpx.AsyncClient, what: str, query: str, **variables: Any
    ) -> dict[str, Any]:
        """The data of an answer, asked for until it is there where that may take more than once."""
        body = orjson.dumps({"query": query, "variables": variables})
        headers = {"Content-Type": "application/json"}
        while True:
            begin = time.perf_counter()
            try:
                answer = await client.post("/graphql", content=body, headers=headers)
            except _AWAY as error:
                if not self._patient:
                    self.outcome.wrong.append(f"{what}: {type(error).__name__}")
                    return {}
                self.outcome.away += 1
                await asyncio.sleep(_PAUSE)
                continue
            found = answer.json()
            codes = {one["extensions"]["code"] for one in found.get("errors", ())}
            if self._patient and codes & {"UNAVAILABLE", "TIMEOUT"}:
                self.outcome.away += 1
                await asyncio.sleep(_PAUSE)
                continue
            self.outcome.calls[what] += 1
            self.outcome.seconds.append(time.perf_counter() - begin)
            if answer.status_code != 200 or codes:
                self.outcome.wrong.append(f"{what}: {answer.status_code} {sorted(codes)}")
                return {}
            data: dict[str, Any] = found["data"]
            return data

    async def _record(self, dice: Generator, client: httpx.AsyncClient) -> None:
        """Somebody writes, others respond; some of it is sent twice."""
        number = f"{dice.random():.17f}"
        now = datetime.now(UTC) - timedelta(seconds=1)
        usual = {"venue": "qa", "time": now.isoformat()}
        posts = [
            {**usual, "id": f"q{number}", "type": "question", "author": self._person(dice)},
            {
                **usual,
                "id": f"a{number}",
                "type": "answer",
                "author": self._person(dice),
                "parent": f"q{number}",
                "root": f"q{number}",
                "text": "試しに書いた答えです。",
            },
        ]
        actions = [
            {**usual, "id": f"v{number}-{n}", "verb": "vote_up", "post": f"a{number}",
             "actor": self._person(dice)}
            for n in range(int(dice.integers(1, 20)))
        ]  # fmt: skip
        await self._ask(client, "recordPosts", _WRITE, records=posts)
        for time_ in range(2 if dice.random() < 0.1 else 1):
            found = (await self._ask(client, "recordActions", _RECORD, records=actions)).get(
                "recordActions"
            )
            if found is None:
                continue
            if found["recorded"] + found["duplicate"] != len(actions) or found["rejected"]:
                self.outcome.wrong.append(f"recordActions: {found}")
            if not time_:
                self.outcome.actions += len(actions)

    async def _read(self, dice: Generator, client: httpx.AsyncClient) -> None:
        number = int(dice.integers(len(_READS)))
        await self._ask(client, f"query {number}", _READS[number])

    async def _err(self, dice: Generator, client: httpx.AsyncClient) -> None:
        """Do something wrong, which must be refused in words."""
        makers = list(HOSTILE.values())
        size = int(dice.integers(5_000, 30_000))
        hostile = makers[int(dice.integers(len(makers)))](size)
        contents = (
            orjson.dumps({"query": hostile}),
            b"null",
            b"{",
            orjson.dumps({"query": "{ nothing }"}),
            orjson.dumps({"query": "query ($a: Int!) { members(first: $a) { nodes { id } } }"}),
        )
        content = contents[int(dice.integers(len(contents)))]
        headers = {"Content-Type": "application/json"}
        if dice.random() < 0.2:
            headers["Authorization"] = "Bearer ik_00000000_" + "0" * 64
        try:
            answer = await client.post("/graphql", content=content, headers=headers)
        except _AWAY as error:
            self.outcome.away += 1
            if not self._patient:
                self.outcome.wrong.append(f"mistake: {type(error).__name__}")
            return
        self.outcome.calls["mistake"] += 1
        if answer.status_code >= 500 and not (self._patient and answer.status_code == 503):
            self.outcome.wrong.append(f"mistake: {answer.status_code}")

    async def _follow(
        self,
        how: Callable[[httpx.AsyncClient, str], AsyncIterator[str]],
        client: httpx.AsyncClient,
        *,
        short: bool,
    ) -> None:
        """Follow all changes; a ``short`` follower leaves again and again, and comes back."""
        begin = (await self._ask(client, "cursor", _CURSOR))["standingCursor"]
        one = Following(begin, short)
        self.outcome.followers.append(one)
        while True:
            one.connections += 1
            leaving = asyncio.timeout(_SHORT if short else None)
            try:
                async with leaving:
                    await self._hear(one, how(client, one.last))
            except _AWAY as error:
                if not leaving.expired():
                    self._fell(f"follower: {type(error).__name__}", at_fault=not self._patient)
            except Unfollowable as error:
                away = self._patient and error.codes and error.codes <= {"UNAVAILABLE", "TIMEOUT"}
                self._fell(f"follower: {error}", at_fault=not away)
            self.outcome.calls["follow"] += 1
            await asyncio.sleep(_PAUSE)

    async def _hear(self, one: Following, changes: AsyncIterator[str]) -> None:
        """Take what is told; a short follower has enough before long."""
        told = 0
        async with aclosing(changes) as cursors:  # type: ignore[type-var]
            async for cursor in cursors:
                one.cursors.append(cursor)
                self._news.set()
                told += 1
                if one.short and told >= 20:
                    break

    def _fell(self, what: str, *, at_fault: bool) -> None:
        self.outcome.away += 1
        if at_fault:
            self.outcome.wrong.append(what)

    def _person(self, dice: Generator) -> str:
        """Few do much, and somebody new comes now and then."""
        return f"p{int(_PEOPLE * dice.random() ** 3)}"
