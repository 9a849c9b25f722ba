"""The site's public keys: read from an address or a file, kept fresh, found by id and algorithm.

What stays in use, and for how long: docs/decisions/0012-members-by-token.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import orjson
from joserfc.errors import JoseError
from joserfc.jwk import Key, RSAKey, import_key
from joserfc.jws import JWSRegistry

from api.errors import origin
from api.logs import log
from api.settings import is_loopback

#: Bytes of a key set; a large site has a dozen keys of half a kilobyte.
MOST_BYTES: Final = 65_536
_MOST_KEYS: Final = 100
_LONGEST_ID: Final = 255
#: Bits of an RSA key: fewer are forged, more take too long to check.
_RSA_BITS: Final = range(2048, 8192 + 1)
_ASKED_FOR: Final = {"Accept": "application/jwk-set+json, application/json"}

#: The id of a key in its set, and an algorithm that it is used with.
KeyId = tuple[str, str]
Keys = Mapping[KeyId, "SiteKey"]
Fetch = Callable[[], Awaitable[bytes]]


@dataclass(slots=True, eq=False)
class SiteKey:
    """A key of the site's; ``in_use`` until it is not in the newest set any more."""

    key: Key
    in_use: bool = True


class NoKeys(Exception):
    """No key set could be read so far, or not for so long that the last one counts no more."""


class Unreadable(Exception):
    """What came is no key set; the message says why, without anything of what came."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the key set is read, all in seconds.

    ``every`` while that succeeds, ``again`` after a failure, at most once in ``apart`` for the sake
    of ids that nobody knows; ``patience`` for one reading, ``kept`` for keys that cannot be read
    anew.
    """

    every: float = 300
    again: float = 10
    apart: float = 30
    patience: float = 5
    kept: float = 3600


class Jwks:
    """The newest key set of a site."""

    def __init__(self, place: str, algorithms: Collection[str], pace: Pace | None = None) -> None:
        self._place = place
        self._algorithms = tuple(algorithms)
        self._pace = pace or Pace()
        self._keys: Keys | None = None
        self._fetch: Fetch | None = None
        self._reading: asyncio.Task[None] | None = None
        self._read_at = self._sought_at = -float("inf")
        self._failed = False
        # How often what is being read was declared outdated.
        self._outdated = 0

    @property
    def age(self) -> float:
        """Seconds since the set was read; infinite before the first time."""
        return asyncio.get_running_loop().time() - self._read_at

    def renew(self) -> None:
        """Read the set at once, also where it is being read: that may be what it was before."""
        self._outdated += 1
        if self._fetch is not None and self._reading is None:
            self._reading = asyncio.create_task(self._read_once())

    async def find(self, id_: KeyId) -> SiteKey | None:
        """The key with this id for this algorithm; raises NoKeys while that cannot be told.

        An unknown id has the set read anew, but not more often than the pace allows, however many
        ask; who asks meanwhile waits for the same reading.
        """
        if self._keys is None or id_ not in self._keys:
            if self._reading is not None:
                await asyncio.shield(self._reading)
            elif self._keys is not None and self._may_seek():
                await self._read()
        if self._keys is None:
            raise NoKeys
        return self._keys.get(id_)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read the key set now and then, until the end."""
        async with AsyncExitStack() as stack:
            self._fetch = await stack.enter_async_context(_source(self._place, self._pace))
            keeping = asyncio.create_task(self._keep_fresh())
            try:
                # Whoever comes first finds the first reading under way.
                await asyncio.sleep(0)
                yield
            finally:
                for task in (keeping, self._reading):
                    if task is not None:
                        task.cancel()
                        with suppress(asyncio.CancelledError):
                            await task

    def _may_seek(self) -> bool:
        now = asyncio.get_running_loop().time()
        if now - self._sought_at < self._pace.apart:
            return False
        self._sought_at = now
        return True

    async def _keep_fresh(self) -> None:
        while True:
            await self._read()
            await asyncio.sleep(self._pace.again if self._failed else self._pace.every)

    async def _read(self) -> None:
        """Read the set once, or wait for who does; what goes wrong is logged."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_once())
        await asyncio.shield(self._reading)

    async def _read_once(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            raw = await self._fetched()
            self._take(read_keys(raw, self._algorithms))
            self._read_at, self._failed = loop.time(), False
        except Exception as error:  # noqa: BLE001 - it comes from outside; the service goes on
            self._failed = True
            _warn("jwks_unavailable", **_reason(error), kept=self._keys is not None)
            if loop.time() - self._read_at > self._pace.kept:
                self._take(None)
        finally:
            self._reading = None

    async def _fetched(self) -> bytes:
        """The set as it is now."""
        assert self._fetch is not None
        while True:
            outdated = self._outdated
            async with asyncio.timeout(self._pace.patience):
                raw = await self._fetch()
            if outdated == self._outdated:
                return raw

    def _take(self, found: Mapping[KeyId, Key] | None) -> None:
        """Use ``found``, or nothing; a key that did not change stays in use as it is."""
        known, keys = self._keys or {}, dict[KeyId, SiteKey]()
        for id_, key in (found or {}).items():
            same = id_ in known and known[id_].key.as_dict() == key.as_dict()
            keys[id_] = known[id_] if same else SiteKey(key)
        for id_, one in known.items():
            one.in_use = keys.get(id_) is one
        self._keys = None if found is None else keys


def read_keys(raw: bytes, algorithms: Collection[str]) -> dict[KeyId, Key]:
    """The keys of a set by which tokens may be checked; raises Unreadable where it is no set.

    A key that is odd, private, or for something else is left out, and breaks none of the others.
    """
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Unreadable("not JSON") from None
    listed = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(listed, list):
        raise Unreadable("no list of keys")
    keys: dict[KeyId, Key] = {}
    for place, one in enumerate(listed[:_MOST_KEYS]):
        try:
            for id_, key in _usable(one, algorithms):
                keys.setdefault(id_, key)
        except Exception as error:  # noqa: BLE001 - the library raises all kinds for odd keys
            _warn("jwks_odd_key", place=place, **_reason(error))
    return keys


def _usable(one: Any, algorithms: Collection[str]) -> list[tuple[KeyId, Key]]:
    """A key with each algorithm that it may be used with; raises where it is odd."""
    id_ = one.get("kid") if isinstance(one, dict) else None
    if not isinstance(id_, str) or not 0 < len(id_) <= _LONGEST_ID:
        raise Unreadable("no key with a kid")
    if one.get("kty") not in {"RSA", "EC", "OKP"}:
        return []
    key = import_key(one)
    if key.is_private:
        raise Unreadable("private: take it off the net and make another")
    if isinstance(key, RSAKey) and key.public_key.key_size not in _RSA_BITS:
        raise Unreadable("an RSA key that is too small or too large")
    return [((id_, name), key) for name in algorithms if _fits(key, name)]


def _fits(key: Key, algorithm: str) -> bool:
    try:
        JWSRegistry(algorithms=[algorithm]).get_alg(algorithm).check_key(key)
        key.check_key_op("verify")
    except JoseError:
        return False
    return True


@asynccontextmanager
async def _source(place: str, pace: Pace) -> AsyncIterator[Fetch]:
    """How the key set at ``place`` is fetched."""
    if "://" not in place:
        yield lambda: asyncio.to_thread(_from_file, Path(place))
        return
    near = is_loopback(urlsplit(place).hostname or "")
    async with httpx.AsyncClient(
        timeout=pace.patience,
        follow_redirects=False,
        # A proxy of the surroundings does not know the way back to this machine.
        trust_env=not near,
        # Minutes lie between two readings: no server keeps a connection for so long.
        limits=httpx.Limits(max_keepalive_connections=0),
        headers={**_ASKED_FOR, "Accept-Encoding": "identity"},
    ) as client:
        yield lambda: _from_address(client, place)


def _from_file(path: Path) -> bytes:
    with path.open("rb") as file:
        raw = file.read(MOST_BYTES + 1)
    return _within(raw)


async def _from_address(client: httpx.AsyncClient, address: str) -> bytes:
    raw = bytearray()
    async with client.stream("GET", address) as answer:
        if answer.status_code != httpx.codes.OK:
            raise Unreadable(f"status {answer.status_code}")
        # As it came: nothing that was packed small can be unpacked large.
        async for chunk in answer.aiter_raw():
            raw += chunk
            if len(raw) > MOST_BYTES:
                break
    return _within(bytes(raw))


def _within(raw: bytes) -> bytes:
    if len(raw) > MOST_BYTES:
        raise Unreadable(f"more than {MOST_BYTES} bytes")
    return raw


def _reason(error: Exception) -> dict[str, Any]:
    """What may be logged of an error: the messages of others may repeat addresses and keys."""
    if isinstance(error, Unreadable):
        return {"reason": str(error)}
    if isinstance(error, (httpx.HTTPError, OSError, TimeoutError, JoseError, ValueError)):
        return {"reason": type(error).__name__}
    return {"reason": "unforeseen", "origin": list(origin(error))}


def _warn(what: str, **fields: Any) -> None:
    # A log that cannot be written must not cost us the keys.
    with suppress(OSError, ValueError):
        log.warning(what, **fields)
