"""Members by token: a JSON Web Token of the site's making, checked once and kept until it expires.

What a token must say: docs/how-to/embed.md. Nothing in a token tells us where to find a key.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, NoReturn

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jws import CompactSignature, JWSRegistry

from api.auth import bearer, unauthenticated
from api.clock import Clock
from api.errors import Refusal
from api.jwks import Jwks, KeyId, NoKeys, Pace, SiteKey
from api.settings import Settings
from schema.context import Caller
from schema.words import Scope
from sources.parse import BAD_LINE, MAX_ID
from sources.records import ERASED
from store.members import AccountRow

#: Bytes of the whole header.
_LONGEST: Final = 4096
_MOST_KEPT: Final = 10_000
_FORM: Final = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
#: Kinds of tokens that prove who somebody is; others, such as those of a log-out, do not.
_TYPES: Final = frozenset({"jwt", "at+jwt"})
#: Beyond any time that a clock will tell, and within what numbers hold exactly.
_LAST_SECOND: Final = 2**53
#: What the log calls whoever comes with a token: never who they are.
_NAME: Final = "a member"
_MEMBER: Final = frozenset({Scope.MEMBER})


@dataclass(frozen=True, slots=True)
class Policy:
    """What a token must say to be taken; times in seconds. ``source`` is where ``sub`` is an id."""

    algorithms: tuple[str, ...]
    issuer: str
    audience: str
    source: str
    leeway: int
    lifetime: int


@dataclass(frozen=True, slots=True)
class _Kept:
    """A token that was checked: until when it holds, and by which key."""

    until: datetime
    key: SiteKey
    caller: Caller


@dataclass(frozen=True, slots=True)
class _Claimed:
    """What a token says, before its signature is checked."""

    id: KeyId
    until: float
    subject: str
    signed: CompactSignature


class Tokens:
    """Finds the member that a token names."""

    def __init__(self, policy: Policy, jwks: Jwks, clock: Clock) -> None:
        self._policy = policy
        self._jwks = jwks
        self._clock = clock
        # Headers that we do not know are not looked at.
        self._registry = JWSRegistry(algorithms=policy.algorithms, strict_check_header=False)
        # By digest, so that no token lies about in memory longer than its request.
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()

    @property
    def key_set_age(self) -> float:
        """Seconds since the site's key set was read."""
        return self._jwks.age

    def renew(self) -> None:
        """Read the site's key set at once."""
        self._jwks.renew()

    async def caller(self, authorization: bytes | None) -> Caller:
        """The member whose token stands in an Authorization header.

        Raises Refusal: one and the same whatever is wrong with it; another one while the site's
        keys cannot be read.
        """
        text = bearer(authorization, _LONGEST)
        if text is None:
            raise unauthenticated()
        # Of the token alone: the header can say one in many ways.
        digest = sha256(text.encode()).digest()
        now = self._clock.now()
        kept = self._kept.get(digest)
        if kept is not None:
            if kept.key.in_use and now < kept.until:
                self._kept.move_to_end(digest)
                return kept.caller
            del self._kept[digest]
        try:
            checked = await self._check(text, now)
        except (ValueError, RecursionError, JoseError):
            # Raised by us and by whatever reads untrusted text.
            raise unauthenticated() from None
        except NoKeys:
            raise _keys_gone() from None
        self._kept[digest] = checked
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return checked.caller

    async def _check(self, text: str, now: datetime) -> _Kept:
        """Check a token; raises NoKeys, and ValueError and the like where it is not good."""
        # What costs least comes first; a token that is not for us must not have us look for a key.
        claimed = _claimed(text, self._policy, now.timestamp())
        key = await self._jwks.find(claimed.id)
        if key is None or not jws.validate_compact(
            claimed.signed, key.key, registry=self._registry
        ):
            _refuse()
        account = AccountRow(self._policy.source, claimed.subject)
        until = datetime.fromtimestamp(claimed.until, UTC)
        return _Kept(until, key, Caller(_NAME, _MEMBER, member=account))


@asynccontextmanager
async def tokens_of(
    settings: Settings, clock: Clock, pace: Pace | None = None
) -> AsyncIterator[Tokens]:
    """What checks the tokens of members, with keys that are kept fresh until the end."""
    assert settings.jwt_jwks is not None
    assert settings.jwt_issuer is not None
    policy = Policy(
        algorithms=settings.jwt_algorithms,
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        source=settings.jwt_source,
        leeway=settings.jwt_leeway,
        lifetime=settings.jwt_lifetime,
    )
    jwks = Jwks(settings.jwt_jwks, policy.algorithms, pace)
    async with jwks.running():
        yield Tokens(policy, jwks, clock)


def _claimed(text: str, policy: Policy, now: float) -> _Claimed:
    if not _FORM.fullmatch(text):
        _refuse()
    # Read by ourselves first: of a name that stands twice the library takes the later.
    head = text.partition(".")[0]
    id_ = _key_id(_object(urlsafe_b64decode(head + "=" * (-len(head) % 4))), policy)
    signed = jws.extract_compact(text.encode())
    claims = _object(signed.payload)
    until = _expiry(claims, policy, now)
    audience = claims.get("aud")
    if claims.get("iss") != policy.issuer or not (
        audience == policy.audience or (isinstance(audience, list) and policy.audience in audience)
    ):
        _refuse()
    return _Claimed(id_, until, _subject(claims.get("sub")), signed)


def _key_id(header: dict[str, Any], policy: Policy) -> KeyId:
    id_, algorithm, kind = header.get("kid"), header.get("alg"), header.get("typ", "JWT")
    if "crit" in header or "b64" in header:
        _refuse()
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        _refuse()
    if not isinstance(id_, str) or algorithm not in policy.algorithms:
        _refuse()
    return id_, algorithm


def _expiry(claims: dict[str, Any], policy: Policy, now: float) -> float:
    """Until when a token holds that holds now and is not made to hold for too long."""
    begins, ends = _second(claims.get("iat")), _second(claims.get("exp"))
    holds_from = max(begins, _second(claims["nbf"])) if "nbf" in claims else begins
    if not holds_from - policy.leeway <= now < ends + policy.leeway:
        _refuse()
    if not 0 < ends - begins <= policy.lifetime:
        _refuse()
    return ends


def _second(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        _refuse()
    if not 0 <= value < _LAST_SECOND:
        _refuse()
    return float(value)


def _subject(value: object) -> str:
    """An id of the site's as it may stand in a record."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID:
        _refuse()
    if BAD_LINE.search(value) or value.startswith(ERASED):
        _refuse()
    return value


def _object(raw: bytes) -> dict[str, Any]:
    found = json.loads(raw, object_pairs_hook=_unique, parse_constant=_refuse)
    if not isinstance(found, dict):
        _refuse()
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        _refuse()
    return found


def _refuse(_value: object = None) -> NoReturn:
    raise ValueError


def _keys_gone() -> Refusal:
    message = "the site's keys cannot be read just now; the same call may work later"
    return Refusal("UNAVAILABLE", message, (b"retry-after", b"5"))
