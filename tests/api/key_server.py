"""A site for tests: signs tokens, and serves its key set over HTTP in whatever way they want."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from tests.api.stand_in import NOW

ISSUER = "https://site.test"
#: How each of the algorithms that are taken by default is signed with.
MAKERS: dict[str, Callable[..., Key]] = {
    "RS256": lambda **named: RSAKey.generate_key(2048, **named),
    "ES256": lambda **named: ECKey.generate_key("P-256", **named),
    "Ed25519": lambda **named: OKPKey.generate_key("Ed25519", **named),
}


@cache
def key_of(algorithm: str = "Ed25519", kid: str = "first") -> Key:
    """A key pair of the site; the same for the same words."""
    return MAKERS[algorithm](parameters={"kid": kid})


def key_set(*keys: Key | dict[str, Any]) -> bytes:
    """The text of a key set: of keys their public side, of anything else what it is."""
    listed = [key if isinstance(key, dict) else key.as_dict(private=False) for key in keys]
    return json.dumps({"keys": listed}).encode()


def claims_of(member: str = "ann", **changes: Any) -> dict[str, Any]:
    """Good claims, with changes; a change to None takes one away."""
    now = int(NOW.timestamp())
    claims = {"iss": ISSUER, "aud": "ikusei", "sub": member, "iat": now, "exp": now + 600}
    return {name: value for name, value in {**claims, **changes}.items() if value is not None}


def signed(
    claims: dict[str, Any] | bytes,
    *,
    algorithm: str = "Ed25519",
    key: Key | None = None,
    **header: Any,
) -> str:
    """A token; ``header`` changes its header, None takes one away."""
    key = key or key_of(algorithm)
    head = {"alg": algorithm, "kid": key.kid, **header}
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return jws.serialize_compact(
        {name: value for name, value in head.items() if value is not None},
        payload,
        key,
        registry=JWSRegistry(algorithms=[algorithm], strict_check_header=False),
    )


def part(value: Any) -> str:
    """One part of a token, not signed: of JSON, or of bytes as they are."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


class KeyServer:
    """Answers every request with ``body``, once ``open`` is set, and counts them."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.status = "200 OK"
        self.headers: dict[str, str] = {}
        self.endless = False
        self.open = asyncio.Event()
        self.open.set()
        self.requests = 0
        self.url = ""
        self._changed = asyncio.Condition()

    async def asked(self, times: int) -> None:
        """Wait until it was asked so many times in all."""
        async with self._changed, asyncio.timeout(20):
            await self._changed.wait_for(lambda: self.requests >= times)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            async with self._changed:
                self.requests += 1
                self._changed.notify_all()
            await self.open.wait()
            length = {} if self.endless else {"Content-Length": str(len(self.body))}
            headers = {**length, **self.headers, "Connection": "close"}
            head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            writer.write(f"HTTP/1.1 {self.status}\r\n{head}\r\n".encode() + self.body)
            while self.endless:
                writer.write(b" " * 1024)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(body: bytes, *, port: int = 0) -> AsyncIterator[KeyServer]:
    """A key server on this machine."""
    served = KeyServer(body)
    server = await asyncio.start_server(served.answer, "127.0.0.1", port)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks.json"
    try:
        yield served
    finally:
        served.open.set()
        server.close()
