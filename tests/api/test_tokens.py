"""Members' tokens: what opens the door, and that nobody learns why it stays shut."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from io import StringIO
from typing import Any

import httpx
import pytest
from joserfc import jws

from api.auth import Callers, Keyring
from api.clock import MovableClock
from api.errors import Refusal
from api.settings import Settings
from api.tokens import Tokens, tokens_of
from schema.words import Scope
from store.db import Database
from store.members import AccountRow
from tests.api.key_server import (
    ISSUER,
    MAKERS,
    KeyServer,
    claims_of,
    key_of,
    key_set,
    part,
    serving,
    signed,
)
from tests.api.stand_in import NOW, app_of, client_of

QUERY = {"query": "{ scopes }"}
SECOND = int(NOW.timestamp())


@pytest.fixture
async def site() -> AsyncIterator[KeyServer]:
    async with serving(key_set(*(key_of(name, f"key of {name}") for name in MAKERS))) as server:
        yield server


@asynccontextmanager
async def door(database: Database, site: KeyServer, **changes: Any) -> AsyncIterator[Any]:
    """A client of the application that takes the tokens of ``site``."""
    app = app_of(database, jwt_jwks=site.url, jwt_issuer=ISSUER, **changes)
    async with app.router.lifespan_context(app), client_of(app) as client:
        yield client


async def asked(client: httpx.AsyncClient, token: str | bytes) -> httpx.Response:
    bearer = token if isinstance(token, bytes) else token.encode()
    headers = {b"Authorization": b"Bearer " + bearer, b"X-Request-Id": b"5a" * 8}
    return await client.post("/graphql", json=QUERY, headers=headers)


def good(algorithm: str = "Ed25519", claims: Any = None, **header: Any) -> str:
    """A token that is right, but for what is changed."""
    key = key_of(algorithm, f"key of {algorithm}")
    claims = claims_of() if claims is None else claims
    return signed(claims, algorithm=algorithm, key=key, **header)


@asynccontextmanager
async def checking(site: KeyServer, **changes: Any) -> AsyncIterator[tuple[Tokens, MovableClock]]:
    """What checks tokens, and the clock it goes by."""
    clock = MovableClock(NOW)
    settings = Settings(jwt_jwks=site.url, jwt_issuer=ISSUER, **changes)
    async with tokens_of(settings, clock) as tokens:
        yield tokens, clock


async def opens(tokens: Tokens, token: str) -> bool:
    try:
        await tokens.caller(f"Bearer {token}".encode())
    except Refusal as refusal:
        if refusal.code != "UNAUTHENTICATED":
            raise
        return False
    return True


@pytest.mark.parametrize("algorithm", MAKERS)
async def test_a_good_token_is_a_member(database: Database, site: KeyServer, algorithm: str):
    async with door(database, site) as client:
        answer = await asked(client, good(algorithm))
    assert answer.json()["data"] == {"scopes": ["member"]}


async def test_a_token_is_kept_once_however_the_header_says_it(site: KeyServer):
    async with checking(site) as (tokens, _):
        first = await tokens.caller(f"Bearer {good()}".encode())
        for way in ("bearer {}", "BEARER {}", "Bearer   {} ", "beArer {}"):
            assert await tokens.caller(way.format(good()).encode()) is first


async def test_who_they_are_is_what_the_token_says(site: KeyServer):
    async with checking(site, jwt_source="forum") as (tokens, _):
        caller = await tokens.caller(f"bearer {good()}".encode())
        other = await tokens.caller(f"bearer {good(claims=claims_of('ben'))}".encode())
    assert caller.member == AccountRow("forum", "ann")
    assert other.member == AccountRow("forum", "ben")
    assert caller.scopes == {Scope.MEMBER}
    assert caller.key is None
    assert "ann" not in caller.name


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": ["other", "ikusei"]},
        {"nbf": SECOND - 5},
        {"iat": SECOND - 3000, "exp": SECOND + 600},
        {"iat": SECOND + 0.5, "exp": SECOND + 600.5},
        {"sub": "会員-27"},
        {"more": {"name": "Ann", "list": [1, None]}},
    ],
)
async def test_what_a_token_may_say_as_well(site: KeyServer, claims: dict[str, Any]):
    async with checking(site) as (tokens, _):
        assert await opens(tokens, good(claims=claims_of(**claims)))
        assert await opens(tokens, good(claims=claims_of(**claims), typ="JWT"))
        assert await opens(tokens, good(claims=claims_of(**claims), typ=None, own="ours"))


WRONG_CLAIMS: list[dict[str, Any]] = [
    {"iss": None},
    {"iss": "https://other.test"},
    {"iss": [ISSUER]},
    {"iss": ISSUER + "/"},
    {"aud": None},
    {"aud": "other"},
    {"aud": ["other"]},
    {"aud": {"ikusei": 1}},
    {"sub": None},
    {"sub": ""},
    {"sub": 27},
    {"sub": ["ann"]},
    {"sub": "a" * 256},
    {"sub": "ann\0"},
    {"sub": "ann\nben"},
    {"sub": "\ud800"},
    {"sub": "erased:" + "0" * 64},
    {"exp": None},
    {"iat": None},
    {"exp": SECOND - 31, "iat": SECOND - 600},
    {"iat": SECOND + 31},
    {"nbf": SECOND + 31},
    {"nbf": "soon"},
    {"nbf": True},
    {"exp": SECOND + 3601},
    {"exp": 10**400},
    {"exp": float("inf")},
    {"exp": float("nan")},
    {"exp": str(SECOND + 600)},
    {"exp": True},
    {"exp": [SECOND + 600]},
    {"iat": SECOND + 10, "exp": SECOND + 10},
    {"iat": -1},
]


@pytest.mark.parametrize("claims", WRONG_CLAIMS, ids=str)
async def test_claims_that_are_wrong_open_nothing(site: KeyServer, claims: dict[str, Any]):
    async with checking(site) as (tokens, _):
        assert await opens(tokens, good())
        assert not await opens(tokens, good(claims=claims_of(**claims)))


WRONG_HEADERS: list[dict[str, Any]] = [
    {"kid": None},
    {"kid": "nobody's"},
    {"kid": "key of RS256"},
    {"crit": ["exp"], "exp": 1},
    {"crit": []},
    {"b64": True},
    {"typ": "logout+jwt"},
    {"typ": 1},
]


@pytest.mark.parametrize("header", WRONG_HEADERS, ids=str)
async def test_headers_that_are_wrong_open_nothing(site: KeyServer, header: dict[str, Any]):
    key = key_of("Ed25519", "key of Ed25519")
    head = {"alg": "Ed25519", "kid": key.kid, **header}
    head = {name: value for name, value in head.items() if value is not None}
    token = resigned(f"{part(head)}.{part(claims_of())}")
    async with checking(site) as (tokens, _):
        assert await opens(tokens, resigned(good().rpartition(".")[0]))
        assert not await opens(tokens, token)


def resigned(text: str) -> str:
    """Any two parts, signed with the site's own key: as only a careless site would."""
    key: Any = key_of("Ed25519", "key of Ed25519")
    return f"{text}.{part(key.private_key.sign(text.encode()))}"


def confused(algorithm: str, form: str) -> str:
    """A token by shared secret, the secret being the public key as everybody can read it."""
    public: Any = key_of(algorithm, f"key of {algorithm}")
    secret = {
        "pem": lambda: public.as_pem(private=False),
        "der": lambda: public.as_der(private=False),
        "jwk": lambda: json.dumps(public.as_dict(private=False)).encode(),
    }[form]()
    text = f"{part({'alg': 'HS256', 'kid': public.kid})}.{part(claims_of())}"
    return f"{text}.{part(hmac.digest(secret, text.encode(), 'sha256'))}"


SUB_AGAIN = b', "sub": "ben"}'
EXP_AGAIN = b', "exp": 9999999999}'
INNER_AGAIN = b', "more": {"a": 1, "a": 2}}'
KID_BEFORE = b'{"kid": "x", '


NAMED = {"alg": "Ed25519", "kid": "key of Ed25519"}


def forged() -> dict[str, str]:
    """Tokens that somebody without the site's private keys can make, and broken ones."""
    return {**badly_signed(), **broken()}


def badly_signed() -> dict[str, str]:
    """Tokens in whose parts nothing is odd but the signature and what is said of it."""
    head, body, sealed = good().split(".")
    other = key_of("Ed25519", "another site's")
    public = other.as_dict(private=False)
    return {
        "none": f"{part({**NAMED, 'alg': 'none'})}.{body}.",
        "none, signed": f"{part({**NAMED, 'alg': 'none'})}.{body}.{sealed}",
        "None": f"{part({**NAMED, 'alg': 'nOnE'})}.{body}.{sealed}",
        "no alg": f"{part({'kid': NAMED['kid']})}.{body}.{sealed}",
        "alg is a list": f"{part({**NAMED, 'alg': ['Ed25519']})}.{body}.{sealed}",
        "HS256 of RSA, PEM": confused("RS256", "pem"),
        "HS256 of RSA, DER": confused("RS256", "der"),
        "HS256 of RSA, JWK": confused("RS256", "jwk"),
        "HS256 of EC, PEM": confused("ES256", "pem"),
        "HS256 of Ed25519": confused("Ed25519", "jwk"),
        "alg not pinned": f"{part({**NAMED, 'alg': 'EdDSA'})}.{body}.{sealed}",
        "alg of another key": f"{part({**NAMED, 'alg': 'RS256'})}.{body}.{sealed}",
        "other key": signed(claims_of(), key=other, kid=NAMED["kid"]),
        "own jwk": signed(claims_of(), key=other, kid=NAMED["kid"], jwk=public),
        "another's sub": f"{head}.{part(claims_of('ben'))}.{sealed}",
        "no signature": f"{head}.{body}.",
        "zero signature": f"{head}.{body}.{part(bytes(64))}",
        "ES256 zero": f"{part({'alg': 'ES256', 'kid': 'key of ES256'})}.{body}.{part(bytes(64))}",
    }  # fmt: skip


def broken() -> dict[str, str]:
    """Tokens that are in no form that one may have, most of them with a good signature."""
    token = good()
    head, body, sealed = token.split(".")
    claims = json.dumps(claims_of("ann")).encode()[:-1]
    return {
        "signature cut": token[:-4],
        "two parts": f"{head}.{body}",
        "four parts": f"{token}.{sealed}",
        "only dots": "..",
        "garbage": "a.b.c",
        "padding": f"{head}=.{body}.{sealed}",
        "standard alphabet": f"{head}.{body}.{sealed[:-1]}+",
        "new line": f"{token}\n.",
        "not JSON": resigned(f"{head}.{part(b'not JSON')}"),
        "not UTF-8": resigned(f"{head}.{part(bytes([255, 254, 0]))}"),
        "a list": resigned(f"{head}.{part([claims_of()])}"),
        "null": resigned(f"{head}.{part(None)}"),
        "a string": resigned(f"{head}.{part('ann')}"),
        "deep": resigned(f"{head}.{part(b'[' * 1500)}"),
        "header a list": resigned(f"{part(['alg', 'kid'])}.{body}"),
        "header a string": resigned(f"{part('alg')}.{body}"),
        "header deep": resigned(f"{part(b'[' * 300)}.{body}"),
        "sub twice": resigned(f"{head}.{part(claims + SUB_AGAIN)}"),
        "exp twice": resigned(f"{head}.{part(claims + EXP_AGAIN)}"),
        "inner name twice": resigned(f"{head}.{part(claims + INNER_AGAIN)}"),
        "kid twice": resigned(f"{part(KID_BEFORE + json.dumps(NAMED).encode()[1:])}.{body}"),
        "huge": resigned(f"{head}.{part(claims_of(more='x' * 10_000))}"),
        "just too long": resigned(f"{head}.{part(claims_of(more='x' * 3_000))}"),
        "long header": resigned(f"{part({**NAMED, 'more': 'x' * 2_000})}.{body}"),
    }  # fmt: skip


async def test_whatever_is_wrong_with_a_token_is_refused_alike(
    database: Database, site: KeyServer, site_key: str
):
    tokens: list[str | bytes] = [*forged().values(), "", "a." + "b" * 70_000, b"\xff.\xfe.\x00"]
    tokens += [good(claims=claims_of(**claims)) for claims in WRONG_CLAIMS]
    tokens += [site_key + "x", f"{site_key}.", f".{site_key}"]
    answers = set()
    async with door(database, site) as client:
        assert (await asked(client, good())).status_code == 200
        assert (await asked(client, site_key)).json()["data"] == {"scopes": ["site"]}
        for token in tokens:
            answer = await asked(client, token)
            assert answer.headers["www-authenticate"] == 'Bearer realm="ikusei"'
            answers.add((answer.status_code, answer.text))
        answer = await client.post("/graphql", json=QUERY, headers={"X-Request-Id": "5a" * 8})
        answers.add((answer.status_code, answer.text))
    ((status, text),) = answers
    assert status == 401
    assert "UNAUTHENTICATED" in text
    # At the start and when listening began; all of the ids that nobody knows had it read once more.
    assert site.requests <= 3


@pytest.mark.parametrize("kind", forged())
async def test_a_forged_token_opens_nothing(site: KeyServer, kind: str):
    async with checking(site) as (tokens, _):
        assert await opens(tokens, good())
        assert not await opens(tokens, forged()[kind])


@pytest.mark.parametrize("name", ["jku", "x5u"])
async def test_a_token_does_not_tell_us_where_to_find_its_key(site: KeyServer, name: str):
    stranger = key_of("Ed25519", "another site's")
    async with serving(key_set(stranger)) as elsewhere, checking(site) as (tokens, _):
        token = signed(claims_of(), key=stranger, **{name: elsewhere.url})
        assert not await opens(tokens, token)
        known = signed(claims_of(), key=stranger, kid="key of Ed25519", **{name: elsewhere.url})
        assert not await opens(tokens, known)
        # Beside a good signature it is not looked at.
        assert await opens(tokens, good(**{name: elsewhere.url}))
        assert elsewhere.requests == 0


async def test_without_a_key_set_no_token_is_taken(database: Database):
    app = app_of(database)
    async with app.router.lifespan_context(app), client_of(app) as client:
        assert (await asked(client, good())).status_code == 401


async def test_only_algorithms_of_the_settings_are_taken(site: KeyServer):
    async with checking(site, jwt_algorithms="ES256") as (tokens, _):
        assert await opens(tokens, good("ES256"))
        assert not await opens(tokens, good("RS256"))
        assert not await opens(tokens, good("Ed25519"))


async def test_clocks_may_differ_by_the_leeway(site: KeyServer):
    token = good(claims=claims_of(nbf=SECOND + 60, exp=SECOND + 600))
    held = {}
    async with checking(site, jwt_leeway=20) as (tokens, clock):
        for second in (0, 39, 40, 60, 599, 600, 619, 620, 10_000):
            clock.moment = NOW + timedelta(seconds=second)
            held[second] = await opens(tokens, token)
    assert [second for second, opened in held.items() if opened] == [40, 60, 599, 600, 619]


async def test_a_lifetime_that_is_set_is_held(site: KeyServer):
    async with checking(site, jwt_lifetime=60) as (tokens, _):
        assert await opens(tokens, good(claims=claims_of(exp=SECOND + 60)))
        assert not await opens(tokens, good(claims=claims_of(exp=SECOND + 61)))


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one whenever a signature is checked."""
    seen: list[int] = []
    check = jws.validate_compact

    def counted(*arguments: Any, **named: Any) -> bool:
        seen.append(1)
        return check(*arguments, **named)

    monkeypatch.setattr("joserfc.jws.validate_compact", counted)
    return seen


async def test_a_token_is_checked_once_until_it_expires(site: KeyServer, checks: list[int]):
    async with checking(site) as (tokens, clock):
        for _ in range(5):
            assert await opens(tokens, good())
        assert len(checks) == 1
        clock.move(timedelta(seconds=599))
        assert await opens(tokens, good())
        assert len(checks) == 1
        # In the leeway after its end it is checked each time: nothing is kept beyond it.
        clock.move(timedelta(seconds=1))
        assert await opens(tokens, good())
        assert await opens(tokens, good())
        assert len(checks) == 3
        clock.move(timedelta(seconds=30))
        assert not await opens(tokens, good())


async def test_not_more_tokens_are_kept_than_fit(
    site: KeyServer, checks: list[int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("api.tokens._MOST_KEPT", 3)
    people = [good(claims=claims_of(f"m{number}")) for number in range(4)]
    async with checking(site) as (tokens, _):
        for token in people[:3]:
            assert await opens(tokens, token)
        assert await opens(tokens, people[0])
        assert await opens(tokens, people[3])
        assert len(checks) == 4
        # The longest unused went.
        assert await opens(tokens, people[0])
        assert len(checks) == 4
        assert await opens(tokens, people[1])
        assert len(checks) == 5


async def test_a_token_that_was_refused_is_not_kept(site: KeyServer):
    early = good(claims=claims_of(nbf=SECOND + 100))
    async with checking(site) as (tokens, clock):
        assert not await opens(tokens, early)
        clock.move(timedelta(seconds=100))
        assert await opens(tokens, early)


async def test_keys_and_tokens_are_told_apart_by_their_form(
    database: Database, site: KeyServer, site_key: str
):
    async with checking(site) as (tokens, clock):
        callers = Callers(Keyring(database, clock), tokens)
        by_key = await callers.caller(f"Bearer {site_key}".encode())
        by_token = await callers.caller(f"Bearer {good()}".encode())
    assert (by_key.name, by_key.key) == ("the site", site_key[3:11])
    assert by_key.member is None
    assert by_token.member is not None


async def test_nothing_that_is_logged_or_answered_tells_who_it_was(
    database: Database, site: KeyServer, written: StringIO
):
    token = good(claims=claims_of("aiko-27"))
    async with door(database, site) as client:
        answer = await asked(client, token)
        refused = await asked(client, token + "x")
    assert written.getvalue()
    said = written.getvalue() + str(answer.headers) + refused.text + str(refused.headers)
    assert not re.search(rf"aiko|{token.split('.')[1]}|{token[-20:]}", said)


async def test_members_have_a_rate_of_their_own(database: Database, site: KeyServer, site_key: str):
    async def statuses(client: httpx.AsyncClient, token: str) -> list[int]:
        return [(await asked(client, token)).status_code for _ in range(3)]

    ann, ben = good(), good(claims=claims_of("ben"))
    async with door(database, site, key_rate=0, member_rate=0.1) as client:
        assert await statuses(client, ann) == [200, 200, 429]
        # Another token of hers does not help, and nobody else has used up anything.
        assert (await asked(client, good(claims=claims_of(more="x")))).status_code == 429
        assert await statuses(client, ben) == [200, 200, 429]
        assert await statuses(client, site_key) == [200, 200, 200]
    async with door(database, site, key_rate=0.1, member_rate=0) as client:
        assert await statuses(client, ann) == [200, 200, 200]
        assert await statuses(client, site_key) == [200, 200, 429]
