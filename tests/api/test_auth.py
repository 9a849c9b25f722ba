"""Keys: what opens the door, and that nobody learns why it stays shut."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import asyncpg
import httpx
import pytest

from api.auth import Keyring
from api.clock import MovableClock
from api.errors import Refusal
from store import keys
from store.db import Database, Read, Use, Write, connect
from store.keys import Scope
from store.listen import Listener
from tests.api.stand_in import NOW, ONLY_HEARD, app_of, client_of

QUERY = {"query": "{ scopes }"}


async def test_a_key_brings_its_scopes(database: Database):
    app = app_of(database)
    text, _ = await keys.create(database, name="both", scopes=set(Scope), now=NOW)
    async with app.router.lifespan_context(app), client_of(app, text) as client:
        assert (await client.post("/graphql", json=QUERY)).json()["data"]["scopes"] == [
            "manager",
            "site",
        ]


async def test_whatever_is_wrong_with_a_key_is_refused_alike(database: Database, site_key: str):
    app = app_of(database)
    prefix, secret = site_key[:12], site_key[12:]
    expired, _ = await keys.create(
        database,
        name="expired",
        scopes={Scope.SITE},
        now=NOW - timedelta(days=2),
        expires_at=NOW - timedelta(days=1),
    )
    revoked, key = await keys.create(database, name="revoked", scopes={Scope.SITE}, now=NOW)
    await keys.revoke(database, key.prefix, NOW)
    wrong = [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Basic {site_key}",
        site_key,
        f"Bearer {prefix}{'0' * len(secret)}",
        f"Bearer ik_00000000_{secret}",
        f"Bearer {site_key}x",
        f"Bearer {site_key.upper()}",
        f"Bearer {expired}",
        f"Bearer {revoked}",
        "Bearer " + "a" * 10_000,
        b"Bearer \xff\xfe",
    ]
    answers = set()
    async with app.router.lifespan_context(app), client_of(app) as client:
        for header in wrong:
            headers = {"X-Request-Id": "5a" * 8}
            if header is not None:
                headers["Authorization"] = header  # type: ignore[assignment]
            answer = await client.post("/graphql", json=QUERY, headers=headers)
            assert answer.headers["www-authenticate"] == 'Bearer realm="ikusei"'
            answers.add((answer.status_code, answer.text))
        twice = [("Authorization", f"Bearer {site_key}"), ("Authorization", f"Bearer {site_key}")]
        assert (await client.post("/graphql", json=QUERY, headers=twice)).status_code == 401
    ((status, text),) = answers
    assert status == 401
    assert "UNAUTHENTICATED" in text


async def test_nothing_of_a_body_is_read_without_a_key(database: Database):
    app = app_of(database)

    async def body():
        raise AssertionError("read")
        yield b""

    async with app.router.lifespan_context(app), client_of(app) as client:
        answer = await client.post(
            "/graphql", content=body(), headers={"Content-Type": "application/json"}
        )
    assert answer.status_code == 401


async def test_a_key_is_looked_up_once_and_forgotten_soon(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    clock = MovableClock(NOW)
    found = 0
    find = keys.find

    async def counted(*arguments):
        nonlocal found
        found += 1
        return await find(*arguments)

    monkeypatch.setattr("store.keys.find", counted)
    text, key = await keys.create(
        database, name="a", scopes={Scope.SITE}, now=NOW, expires_at=NOW + timedelta(hours=1)
    )
    ring = Keyring(database, clock, ttl=1_000)
    header = f"Bearer {text}".encode()
    assert await ring.caller(header) == await ring.caller(header)
    assert found == 1
    clock.move(timedelta(hours=1))
    with pytest.raises(Refusal):
        await ring.caller(header)
    clock.move(timedelta(hours=-1))
    short = Keyring(database, clock, ttl=0)
    await short.caller(header)
    await keys.revoke(database, key.prefix, NOW)
    with pytest.raises(Refusal):
        await short.caller(header)


async def test_the_answer_does_not_hold_the_key(database: Database, site_key: str):
    app = app_of(database)
    async with app.router.lifespan_context(app), client_of(app, site_key) as client:
        answer: httpx.Response = await client.post("/graphql", json={"query": "{ broken }"})
    assert site_key not in answer.text + str(answer.headers)


async def test_a_revoked_key_opens_nothing_although_it_is_known(database: Database):
    app = app_of(database, unheard=ONLY_HEARD)
    text, key = await keys.create(database, name="a", scopes={Scope.SITE}, now=NOW)
    async with app.router.lifespan_context(app), client_of(app, text) as client:
        asked: list[Use] = [Use("read", 0, 0, failed=False)]
        database.watchers.append(asked.append)
        # Until it is answered without the database: from then on news are relied upon.
        while asked:
            asked.clear()
            assert (await client.post("/graphql", json=QUERY)).status_code == 200
        await keys.revoke(database, key.prefix, NOW)
        async with asyncio.timeout(60):
            while (await client.post("/graphql", json=QUERY)).status_code != 401:
                # What is known is answered without a turn of the loop, in which news could come.
                await database.in_write(nothing)


async def nothing(_connection: Write) -> None:
    """A turn of the database's."""


async def test_nothing_is_kept_while_nothing_is_heard(database: Database):
    text, key = await keys.create(database, name="a", scopes={Scope.SITE}, now=NOW)
    ring = Keyring(database, MovableClock(NOW), ttl=1e9)
    deaf = Listener(database, {})
    ring.told_by(deaf)
    header = f"Bearer {text}".encode()
    await ring.caller(header)
    await keys.revoke(database, key.prefix, NOW)
    with pytest.raises(Refusal):
        await ring.caller(header)


async def test_what_was_read_before_a_revocation_is_not_kept(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    text, _ = await keys.create(database, name="a", scopes={Scope.SITE}, now=NOW)
    ring = Keyring(database, MovableClock(NOW), ttl=1e9)
    looked_up = 0
    find = keys.find

    async def find_while_others_are_told(*arguments):
        nonlocal looked_up
        looked_up += 1
        found = await find(*arguments)
        if looked_up == 1:
            ring.forget()
        return found

    monkeypatch.setattr("store.keys.find", find_while_others_are_told)
    header = f"Bearer {text}".encode()
    for _ in range(3):
        await ring.caller(header)
    assert looked_up == 2


async def test_what_cannot_be_a_key_costs_the_database_nothing(database: Database):
    ring = Keyring(database, MovableClock(NOW))
    used: list[Use] = []
    database.watchers.append(used.append)
    for text in ("x", "ik_0123abcd_", f"ik_0123abcd_{'0' * 63}", f"ik_0123ABCD_{'0' * 64}"):
        with pytest.raises(Refusal, match="valid key"):
            await ring.caller(f"Bearer {text}".encode())
    assert used == []


async def test_a_key_that_takes_too_long_to_look_up_is_not_refused(url: str, site_key: str):
    hurried = await connect(url, least=0, most=2, statement_seconds=0.1)
    locking = await asyncpg.connect(url)
    try:
        async with locking.transaction():
            await locking.execute("lock table api_key in access exclusive mode")
            with pytest.raises(Refusal) as refusal:
                await Keyring(hurried, MovableClock(NOW)).caller(f"Bearer {site_key}".encode())
    finally:
        await locking.close()
        await hurried.close()
    assert (refusal.value.code, refusal.value.status) == ("UNAVAILABLE", 503)


async def test_strangers_do_not_take_every_connection(
    database: Database, site_key: str, monkeypatch: pytest.MonkeyPatch
):
    ring = Keyring(database, MovableClock(NOW))
    own = f"Bearer {site_key}".encode()
    await ring.caller(own)
    inside, most = 0, 0
    full, release = asyncio.Event(), asyncio.Event()
    find = keys.find

    async def find_slowly(connection: Read, text: str, now: datetime) -> keys.Key | None:
        nonlocal inside, most
        if text == site_key:
            return await find(connection, text, now)
        inside += 1
        most = max(most, inside)
        if inside == 2:
            full.set()
        try:
            await release.wait()
            return await find(connection, text, now)
        finally:
            inside -= 1

    monkeypatch.setattr("store.keys.find", find_slowly)
    made_up = [f"Bearer ik_{n:08x}_{n:064x}".encode() for n in range(20)]
    strangers = [asyncio.create_task(ring.caller(one)) for one in made_up]
    async with asyncio.timeout(60):
        await full.wait()
        # Neither what is kept waits for them, nor what was, nor one whose place was given up.
        assert (await ring.caller(own)).name == "the site"
        ring.forget()
        assert (await ring.caller(own)).name == "the site"
        for one in strangers[:10]:
            one.cancel()
        release.set()
        ended = await asyncio.gather(*strangers, return_exceptions=True)
        fresh, _ = await keys.create(database, name="new", scopes={Scope.SITE}, now=NOW)
        assert (await ring.caller(f"Bearer {fresh}".encode())).name == "new"
    assert most == 2
    assert [getattr(one, "code", "cancelled") for one in ended] == [
        *["cancelled"] * 10,
        *["UNAUTHENTICATED"] * 10,
    ]
