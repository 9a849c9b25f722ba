"""Who calls: a key in ``Authorization: Bearer``, looked up once and kept until it is revoked.

Or a member, with a token of the site's making (api/tokens.py).
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from contextlib import nullcontext
from hashlib import sha256
from typing import Final, Protocol

from api.clock import Clock
from api.errors import Refusal, database_gone
from schema.context import Caller
from schema.words import Scope
from store import keys
from store.db import Database, StoreError
from store.listen import Listener

#: Seconds after which a key is looked up again, though nothing was heard of it.
TTL: Final = 60.0
_MOST_KEPT: Final = 1_000
#: Keys that nobody has come with before and that are looked up at a time. Anybody can make up what
#: looks like a key: they must not take all connections to the database.
_STRANGERS: Final = 2
#: Seconds after which a look-up is given up.
_LOOK_UP_SECONDS: Final = 30.0
_LONGEST: Final = 200
_REFUSED: Final = "the header 'Authorization: Bearer' with a valid key or token is needed"


class Finder(Protocol):
    """Finds the caller of a request."""

    async def caller(self, authorization: bytes | None) -> Caller:
        """The caller that an Authorization header names; raises Refusal."""
        ...


class Callers:
    """Finds the caller of a request, by key or, where the site makes some, by token."""

    def __init__(self, keyring: Finder, tokens: Finder | None = None) -> None:
        self._keyring = keyring
        self._tokens = tokens

    async def caller(self, authorization: bytes | None) -> Caller:
        """The caller that an Authorization header names.

        Raises Refusal: one and the same whatever is wrong with it, so that nobody learns which
        part was right; another one when it cannot be told just now.
        """
        # A token has three parts with dots between them, a key has none.
        if self._tokens is not None and authorization is not None and b"." in authorization:
            return await self._tokens.caller(authorization)
        return await self._keyring.caller(authorization)


class Keyring:
    """Finds the caller of a request."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        ttl: float = TTL,
        seconds: float = _LOOK_UP_SECONDS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ttl = ttl
        self._seconds = seconds
        self._strangers = asyncio.Semaphore(_STRANGERS)
        # By digest, so that no key lies about in memory longer than its request; with the moment
        # until which it need not be looked up again.
        self._kept: OrderedDict[bytes, tuple[float, keys.Key, Caller]] = OrderedDict()
        self._times_forgotten = 0
        self._listener: Listener | None = None

    def told_by(self, listener: Listener) -> None:
        """Rely on a listener to hear of revoked keys; while it hears nothing, nothing is kept."""
        self._listener = listener

    def forget(self) -> None:
        """Look every key up again: some were revoked."""
        # Those that are still good do not have to wait among strangers for it.
        self._kept = OrderedDict((one, (0.0, *kept[1:])) for one, kept in self._kept.items())
        self._times_forgotten += 1

    async def caller(self, authorization: bytes | None) -> Caller:
        """The caller that an Authorization header names.

        Raises Refusal: one and the same whatever is wrong with it, so that nobody learns which
        part was right; another one when the database cannot be asked.
        """
        text = bearer(authorization, _LONGEST)
        if text is None or not keys.formed(text):
            # Whoever has no key gets nothing of the database either.
            raise unauthenticated()
        digest = sha256(text.encode()).digest()
        kept = self._kept.get(digest)
        if kept is not None and kept[0] > time.monotonic() and self._hears():
            if not kept[1].valid_at(self._clock.now()):
                raise unauthenticated()
            return kept[2]
        return await self._look_up(text, digest)

    async def _look_up(self, text: str, digest: bytes) -> Caller:
        forgotten = self._times_forgotten
        known = digest in self._kept
        try:
            async with (
                asyncio.timeout(self._seconds),
                nullcontext() if known else self._strangers,
                self._database.read() as connection,
            ):
                key = await keys.find(connection, text, self._clock.now())
        except (StoreError, TimeoutError) as error:
            raise database_gone() from error
        if key is None:
            self._kept.pop(digest, None)
            raise unauthenticated()
        caller = Caller(key.name, frozenset(Scope(one) for one in key.scopes), key.prefix)
        # It may have been revoked since it was read.
        until = time.monotonic() + self._ttl if forgotten == self._times_forgotten else 0.0
        self._kept[digest] = (until, key, caller)
        self._kept.move_to_end(digest)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return caller

    def _hears(self) -> bool:
        return self._listener is None or self._listener.listening


def bearer(authorization: bytes | None, longest: int) -> str | None:
    """The text after ``Bearer``; None where there is none, or the header is over ``longest``."""
    if authorization is None or len(authorization) > longest:
        return None
    scheme, _, text = authorization.partition(b" ")
    if scheme.lower() != b"bearer" or not text.isascii():
        return None
    return text.strip().decode()


def unauthenticated() -> Refusal:
    """The refusal of a caller whom we do not know."""
    return Refusal("UNAUTHENTICATED", _REFUSED, (b"www-authenticate", b'Bearer realm="ikusei"'))
