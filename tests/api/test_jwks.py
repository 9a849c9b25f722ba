"""The site's key set: rotated, out of reach, slow, huge and odd, over real HTTP."""

from __future__ import annotations

import asyncio
import gzip
import json
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey

from api.clock import MovableClock
from api.errors import Refusal
from api.jwks import MOST_BYTES, Jwks, Pace, Unreadable, read_keys
from api.settings import ALGORITHMS, Settings
from api.tokens import Tokens, tokens_of
from store import keys
from store.db import Database
from tests.api.key_server import ISSUER, claims_of, key_of, key_set, serving, signed
from tests.api.stand_in import NOW, app_of, client_of

#: Nothing is read of itself but at the start, however long a test takes.
ONCE = Pace(every=3600, again=3600, apart=3600)
#: Read as often as possible.
OFTEN = Pace(every=0.01, again=0.01)


def warned(written: StringIO, what: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    return [line for line in lines if line["event"] == what]


@asynccontextmanager
async def checking(place: str, pace: Pace, **changes: Any) -> AsyncIterator[Tokens]:
    settings = Settings(jwt_jwks=place, jwt_issuer=ISSUER, **changes)
    async with tokens_of(settings, MovableClock(NOW), pace) as tokens:
        yield tokens


async def outcome(tokens: Tokens, token: str) -> str:
    """``ok``, or the code of the refusal."""
    try:
        await tokens.caller(f"Bearer {token}".encode())
    except Refusal as refusal:
        return refusal.code
    return "ok"


def by(kid: str, member: str = "ann") -> str:
    return signed(claims_of(member), key=key_of(kid=kid))


async def test_a_new_key_is_found_at_once_and_the_old_goes_on():
    async with (
        serving(key_set(key_of(kid="old"))) as site,
        checking(site.url, ONCE) as tokens,
    ):
        assert await outcome(tokens, by("old")) == "ok"
        site.body = key_set(key_of(kid="old"), key_of(kid="new"))
        assert await outcome(tokens, by("new")) == "ok"
        assert await outcome(tokens, by("old")) == "ok"
        assert site.requests == 2


async def test_unknown_keys_have_the_set_read_once_however_many_ask():
    async with (
        serving(key_set(key_of(kid="old"))) as site,
        checking(site.url, ONCE) as tokens,
    ):
        assert await outcome(tokens, by("old")) == "ok"
        site.open.clear()
        flood = [asyncio.create_task(outcome(tokens, by(f"kid {n % 7}"))) for n in range(200)]
        fresh = asyncio.create_task(outcome(tokens, by("new")))
        await site.asked(2)
        # Who is known waits for nobody.
        assert await outcome(tokens, by("old", "ben")) == "ok"
        site.body = key_set(key_of(kid="old"), key_of(kid="new"))
        site.open.set()
        assert await fresh == "ok"
        assert set(await asyncio.gather(*flood)) == {"UNAUTHENTICATED"}
        again = [outcome(tokens, by(f"kid {n}")) for n in range(20)]
        assert set(await asyncio.gather(*again)) == {"UNAUTHENTICATED"}
        assert site.requests == 2


async def test_after_a_while_an_unknown_key_is_looked_for_again():
    pace = Pace(every=3600, again=3600, apart=0)
    async with serving(key_set(key_of(kid="old"))) as site, checking(site.url, pace) as tokens:
        assert await outcome(tokens, by("old")) == "ok"
        for times in (2, 3, 4):
            assert await outcome(tokens, by("new")) == "UNAUTHENTICATED"
            assert site.requests == times


async def test_a_key_that_was_taken_out_opens_nothing_also_for_tokens_that_were_checked():
    async with (
        serving(key_set(key_of(kid="old"), key_of(kid="new"))) as site,
        checking(site.url, OFTEN) as tokens,
    ):
        assert await outcome(tokens, by("old")) == "ok"
        assert await outcome(tokens, by("new")) == "ok"
        site.body = key_set(key_of(kid="new"))
        await site.asked(site.requests + 3)
        assert await outcome(tokens, by("old")) == "UNAUTHENTICATED"
        assert await outcome(tokens, by("new")) == "ok"
        # The same id for another key is another key.
        site.body = key_set({**key_of(kid="other").as_dict(private=False), "kid": "new"})
        await site.asked(site.requests + 3)
        assert await outcome(tokens, by("new")) == "UNAUTHENTICATED"
        site.body = key_set()
        await site.asked(site.requests + 3)
        assert await outcome(tokens, by("new")) == "UNAUTHENTICATED"


async def test_a_key_that_stays_is_the_same_after_each_reading():
    jwks_keys = []
    async with serving(key_set(key_of(kid="old"))) as site:
        jwks = Jwks(site.url, ["Ed25519"], OFTEN)
        async with jwks.running():
            for _ in range(3):
                jwks_keys.append(await jwks.find(("old", "Ed25519")))
                await site.asked(site.requests + 3)
            assert jwks_keys[0] is not None
            assert jwks_keys[0].in_use
    assert len({id(key) for key in jwks_keys}) == 1


BROKEN: dict[str, dict[str, Any]] = {
    "an error": {"status": "500 Oops"},
    "not found": {"status": "404 Not Found"},
    "moved": {"status": "302 Found", "headers": {"Location": "http://127.0.0.1:1/"}},
    "a page": {"body": b"<html>down for maintenance</html>"},
    "nothing": {"body": b""},
    "a list": {"body": b"[]"},
    "no keys": {"body": b'{"keys": null}'},
    "not UTF-8": {"body": b'{"keys": ["\xff"]}'},
    "deep": {"body": b'{"keys":' + b"[" * 30_000},
    "huge": {"body": key_set(key_of(kid="old")) + b" " * MOST_BYTES},
    "endless": {"body": key_set(key_of(kid="old")), "endless": True},
    "packed": {"body": gzip.compress(b" " * 10**7), "headers": {"Content-Encoding": "gzip"}},
}


@pytest.mark.parametrize("how", BROKEN)
async def test_while_the_set_cannot_be_read_the_known_keys_count(how: str, written: StringIO):
    async with (
        serving(key_set(key_of(kid="old"))) as site,
        checking(site.url, OFTEN) as tokens,
    ):
        assert await outcome(tokens, by("old")) == "ok"
        for name, value in BROKEN[how].items():
            setattr(site, name, value)
        await site.asked(site.requests + 3)
        assert await outcome(tokens, by("old")) == "ok"
        assert await outcome(tokens, by("old", "ben")) == "ok"
        assert await outcome(tokens, by("new")) == "UNAUTHENTICATED"
        # Once it is right again, it is taken.
        site.status, site.headers, site.endless = "200 OK", {}, False
        site.body = key_set(key_of(kid="new"))
        await site.asked(site.requests + 3)
        assert await outcome(tokens, by("new")) == "ok"
        assert await outcome(tokens, by("old")) == "UNAUTHENTICATED"
    (warning, *_) = warned(written, "jwks_unavailable")
    assert warning["kept"] is True
    assert by("old").split(".")[1] not in written.getvalue()
    assert "127.0.0.1" not in written.getvalue()


@pytest.mark.parametrize("how", BROKEN)
async def test_without_any_key_set_it_cannot_be_told(how: str):
    async with serving(key_set(key_of(kid="old"))) as site:
        for name, value in BROKEN[how].items():
            setattr(site, name, value)
        async with checking(site.url, ONCE) as tokens:
            for _ in range(3):
                assert await outcome(tokens, by("old")) == "UNAVAILABLE"
            # What is wrong whatever the keys are is told all the same.
            late = signed(claims_of(exp=1), key=key_of(kid="old"))
            assert await outcome(tokens, late) == "UNAUTHENTICATED"
            assert site.requests == 1


async def test_nobody_there_is_503_until_somebody_is(database: Database, site_key: str):
    async with serving(b"") as gone:
        place = gone.url
    port = int(place.split(":")[2].split("/")[0])
    app = app_of(database, jwt_jwks=place, jwt_issuer=ISSUER)
    query = {"query": "{ scopes }"}
    async with app.router.lifespan_context(app), client_of(app) as client:
        headers = {"Authorization": f"Bearer {by('old')}"}
        answer = await client.post("/graphql", json=query, headers=headers)
        assert answer.status_code == 503
        assert answer.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
        assert answer.headers["retry-after"] == "5"
        # Keys open as ever.
        headers = {"Authorization": f"Bearer {site_key}"}
        assert (await client.post("/graphql", json=query, headers=headers)).status_code == 200
    async with checking(place, OFTEN) as tokens:
        assert await outcome(tokens, by("old")) == "UNAVAILABLE"
        async with serving(key_set(key_of(kid="old")), port=port) as site:
            await site.asked(2)
            assert await outcome(tokens, by("old")) == "ok"


async def test_keys_that_cannot_be_read_anew_count_for_a_while_only():
    pace = Pace(every=0.01, again=0.01, kept=0)
    async with serving(key_set(key_of(kid="old"))) as site, checking(site.url, pace) as tokens:
        assert await outcome(tokens, by("old")) == "ok"
        site.status = "500 Oops"
        await site.asked(site.requests + 3)
        assert await outcome(tokens, by("old")) == "UNAVAILABLE"
        site.status = "200 OK"
        await site.asked(site.requests + 3)
        assert await outcome(tokens, by("old")) == "ok"


async def test_a_slow_site_does_not_hold_us_up():
    pace = Pace(every=3600, again=3600, apart=3600, patience=0.1)
    async with serving(key_set(key_of(kid="old"))) as site:
        site.open.clear()
        async with asyncio.timeout(5), checking(site.url, pace) as tokens:
            found = await asyncio.gather(*(outcome(tokens, by("old")) for _ in range(20)))
            assert set(found) == {"UNAVAILABLE"}
            assert site.requests == 1


async def test_a_site_that_answers_a_byte_at_a_time_is_cut_off():
    pace = Pace(every=3600, again=3600, patience=0.2)
    async with serving(b"") as site:
        site.headers, site.endless = {"Content-Length": str(MOST_BYTES)}, True
        async with asyncio.timeout(5), checking(site.url, pace) as tokens:
            assert await outcome(tokens, by("old")) == "UNAVAILABLE"


async def test_the_door_opens_before_the_set_is_read(database: Database, site_key: str):
    async with serving(key_set()) as site:
        site.open.clear()
        app = app_of(database, jwt_jwks=site.url, jwt_issuer=ISSUER)
        async with app.router.lifespan_context(app), client_of(app, site_key) as client:
            assert (await client.get("/ready")).status_code == 200
            answer = await client.post("/graphql", json={"query": "{ scopes }"})
            assert answer.json()["data"] == {"scopes": ["site"]}
            await site.asked(1)


async def test_no_redirect_is_followed():
    stranger = key_of(kid="stranger")
    async with serving(key_set(stranger)) as elsewhere, serving(b"") as site:
        site.status, site.headers = "302 Found", {"Location": elsewhere.url}
        async with checking(site.url, ONCE) as tokens:
            assert await outcome(tokens, by("stranger")) == "UNAVAILABLE"
        assert (site.requests, elsewhere.requests) == (1, 0)


def odd_keys() -> dict[str, Any]:
    """Keys of all kinds by which no token may be checked, by their ids."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        small: Any = RSAKey.generate_key(1024).as_dict(private=False)
    rsa: Any = key_of("RS256").as_dict(private=False)
    curve: Any = key_of("ES256").as_dict(private=False)
    edwards: Any = key_of("Ed25519").as_dict(private=False)
    return {
        "private": OKPKey.generate_key("Ed25519").as_dict(private=True),
        "secret": {"kty": "oct", "k": "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3JldA"},
        "small": small,
        "large": {**rsa, "n": "v" * 6000},
        "bare": {"kty": "RSA"},
        "no type": {"n": rsa["n"], "e": rsa["e"]},
        "other type": {"kty": "PQC", "alg": "ML-DSA-44"},
        "type is a list": {"kty": ["RSA"]},
        "numbers": {**rsa, "n": 5, "e": 3},
        "empty": {**rsa, "n": "", "e": ""},
        "not base64": {**rsa, "n": "!!!"},
        "even": {**rsa, "e": "AAAA"},
        "off the curve": {**curve, "x": "A" * 43},
        "short": {**curve, "y": "AA"},
        "no curve": {**curve, "crv": "P-1"},
        "secp256k1": ECKey.generate_key("secp256k1").as_dict(private=False),
        "X25519": OKPKey.generate_key("X25519").as_dict(private=False),
        "cut": {**edwards, "x": edwards["x"][:10]},
        "for secrets": {**edwards, "use": "enc"},
        "for signing": {**edwards, "key_ops": ["sign"]},
        "odd use": {**edwards, "use": {"sig": 1}},
        "other alg": {**edwards, "alg": "EdDSA"},
        "odd alg": {**edwards, "alg": 7},
    }


def test_an_odd_key_is_left_out_and_breaks_none_of_the_others(written: StringIO):
    odd = [{**key, "kid": kid} for kid, key in odd_keys().items()]
    odd += [None, 5, "key", [], {}]  # type: ignore[list-item]
    edwards: Any = key_of(kid="good").as_dict(private=False)
    odd += [{**edwards, "kid": kid} for kid in (None, 5, "", "k" * 256, ["x"])]
    listed = []
    for number, key in enumerate(odd):
        listed += [key, {**edwards, "kid": f"good {number}"}]
    found = read_keys(json.dumps({"keys": listed}).encode(), ALGORITHMS)
    assert set(found) == {(f"good {number}", "Ed25519") for number in range(len(odd))}
    told = warned(written, "jwks_odd_key")
    assert len(told) > 20
    assert edwards["x"] not in written.getvalue()


def test_a_key_is_taken_for_the_algorithms_that_it_is_made_for():
    rsa, curve = key_of("RS256", "r"), key_of("ES256", "e")
    assert set(read_keys(key_set(rsa, curve), ALGORITHMS)) == {
        *(("r", name) for name in ALGORITHMS if name[0] in "RP"),
        ("e", "ES256"),
    }
    pinned = {**rsa.as_dict(private=False), "alg": "PS256", "use": "sig", "key_ops": ["verify"]}
    assert set(read_keys(key_set(pinned), ALGORITHMS)) == {("r", "PS256")}
    assert set(read_keys(key_set(rsa, curve), ["ES256"])) == {("e", "ES256")}


def test_of_two_keys_with_one_id_the_first_counts():
    one, other = key_of(kid="a"), key_of(kid="b")
    both = key_set(one, {**other.as_dict(private=False), "kid": "a"})
    (key,) = read_keys(both, ["Ed25519"]).values()
    assert key.as_dict()["x"] == one.as_dict()["x"]


def test_of_very_many_keys_the_first_count():
    edwards = key_of().as_dict(private=False)
    many = [{**edwards, "kid": str(number)} for number in range(500)]
    assert len(read_keys(json.dumps({"keys": many}).encode(), ALGORITHMS)) == 100


@pytest.mark.parametrize("raw", [b"", b"null", b"[]", b'{"keys": {}}', b"{" * 20_000, b"\xff"])
def test_what_is_no_key_set_is_none(raw: bytes):
    with pytest.raises(Unreadable):
        read_keys(raw, ALGORITHMS)


async def test_a_stolen_key_opens_nothing_once_the_set_is_read_by_command(database: Database):
    async with serving(key_set(key_of(kid="old"), key_of(kid="new"))) as site:
        app = app_of(database, jwt_jwks=site.url, jwt_issuer=ISSUER)
        async with app.router.lifespan_context(app), client_of(app) as client:

            async def status(kid: str) -> int:
                headers = {"Authorization": f"Bearer {by(kid)}"}
                query = {"query": "{ scopes }"}
                return (await client.post("/graphql", json=query, headers=headers)).status_code

            assert (await status("old"), await status("new")) == (200, 200)
            site.body = key_set(key_of(kid="new"))
            await keys.refresh_site(database)
            async with asyncio.timeout(60):
                while await status("old") != 401:
                    assert (await client.get("/ready")).status_code == 200
            assert await status("new") == 200


async def test_what_was_being_read_when_a_key_was_taken_out_is_read_again():
    async with (
        serving(key_set(key_of(kid="old"))) as site,
        checking(site.url, ONCE) as tokens,
    ):
        assert await outcome(tokens, by("old")) == "ok"
        site.open.clear()
        tokens.renew()
        await site.asked(2)
        tokens.renew()
        site.open.set()
        await site.asked(3)
        site.body = key_set()
        tokens.renew()
        await site.asked(4)
        assert await outcome(tokens, by("new")) == "UNAUTHENTICATED"
        assert await outcome(tokens, by("old")) == "UNAUTHENTICATED"


async def test_the_age_of_the_set_is_told(database: Database):
    async with serving(key_set(key_of(kid="old"))) as site:
        async with checking(site.url, ONCE) as tokens:
            assert await outcome(tokens, by("old")) == "ok"
            assert 0 <= tokens.key_set_age < 600
        site.status = "500 Internal Server Error"
        app = app_of(database, jwt_jwks=site.url, jwt_issuer=ISSUER)
        async with app.router.lifespan_context(app), client_of(app) as client:
            page = (await client.get("/metrics", headers={"Accept": "text/plain"})).text
        assert "ikusei_jwks_age_seconds +Inf" in page


async def test_a_file_is_read_anew_too(tmp_path: Path):
    file = tmp_path / "jwks.json"
    async with checking(str(file), OFTEN) as tokens:
        assert await outcome(tokens, by("old")) == "UNAVAILABLE"
    file.write_bytes(key_set(key_of(kid="old")))
    async with checking(str(file), ONCE) as tokens:
        assert await outcome(tokens, by("old")) == "ok"
        file.write_bytes(key_set(key_of(kid="new")))
        assert await outcome(tokens, by("new")) == "ok"
        assert await outcome(tokens, by("old")) == "UNAUTHENTICATED"
    file.write_bytes(key_set(key_of(kid="old")) + b" " * MOST_BYTES)
    async with checking(str(file), ONCE) as tokens:
        assert await outcome(tokens, by("old")) == "UNAVAILABLE"
