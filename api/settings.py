"""Every setting of the service, read from the environment and nowhere else."""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from api.clock import Clock, parse_clock
from sources.parse import WORD

PREFIX: Final = "IKUSEI_"
#: As a browser sends it: scheme, host in small letters, and a port where it is not the usual one.
_ORIGIN: Final = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
#: Ways to sign a member's token. Those with a shared secret would let whoever can check a token
#: make one, and "none" is no signature.
ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"
)  # fmt: skip

#: States of GraphQL over HTTP; api/profiles.py says what they differ in.
Profile = Literal["audit", "draft-2026"]


class SettingsError(Exception):
    """A variable of the environment is not what it should be; the message says which and how."""


def _clock(text: str) -> str:
    parse_clock(text)
    return text


def _database_url(url: str | None) -> str | None:
    if url is not None and not url.startswith(("postgresql://", "postgres://")):
        raise ValueError("expected an address such as postgresql://name:password@host/database")
    return url


def _key_set(place: str | None) -> str | None:
    if place is None or "://" not in place:
        return place
    try:
        url = urlsplit(place)
        near = url.hostname is not None and is_loopback(url.hostname)
        fits = url.hostname and (url.scheme == "https" or (url.scheme == "http" and near))
        fits = fits and url.username is None and url.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            "expected the path of a file, or an address such as https://site.example/jwks.json "
            "without a password; http only for this machine itself"
        )
    return place


def is_loopback(host: str) -> bool:
    """Whether a host name means this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _words(value: object) -> object:
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def _algorithms(names: tuple[str, ...]) -> tuple[str, ...]:
    wrong = [name for name in names if name not in ALGORITHMS]
    if wrong or not names:
        raise ValueError(
            f"{', '.join(wrong) or 'nothing'} cannot be taken: a member's token is checked by a "
            f"public key; expected some of {', '.join(ALGORITHMS)}"
        )
    return names


def _word(name: str) -> str:
    if not WORD.fullmatch(name):
        raise ValueError("expected the name of a source, such as site or forum.en")
    return name


def _origins(found: tuple[str, ...]) -> tuple[str, ...]:
    for one in found:
        if _ORIGIN.fullmatch(one) is None:
            raise ValueError(
                f"{one!r} is no origin; expected such as https://community.example.org, without a "
                "path and without a slash at the end"
            )
    return found


def _field(default: Any, description: str, **rules: Any) -> Any:
    return Field(default=default, description=description, **rules)


class Settings(BaseSettings):
    """What can be set, with its default; an empty variable counts as not set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True
    )

    database_url: Annotated[str | None, AfterValidator(_database_url)] = _field(
        None,
        "A PostgreSQL (15 or newer) of your own, such as `postgresql://ikusei:secret@db/ikusei`; "
        "it is migrated by `ikusei migrate` only. Without it, a PostgreSQL is started in the data "
        "directory.",
        repr=False,
    )
    data_dir: Path = _field(
        Path(".ikusei"), "Where the embedded PostgreSQL and all other data of this service live."
    )
    time_zone: str | None = _field(
        None,
        "The community's time zone, which decides where a day begins (`UTC` if not set). Used by "
        "the first migration only; a different one later is refused.",
    )
    pool_least: int = _field(1, "Connections to the database that are kept open.", ge=0, le=1000)
    pool_most: int = _field(
        10,
        "Most connections to the database at a time, of each process; one that serves has "
        "another one, by which it hears of changes.",
        ge=1,
        le=1000,
    )
    host: str = _field("127.0.0.1", "The address to serve on; `0.0.0.0` for every one.")
    port: int = _field(8420, "The port to serve on; 0 for any that is free.", ge=0, le=65535)
    processes: int = _field(
        1, "How many processes `ikusei serve` answers with, on one port.", ge=1, le=256
    )
    drain_seconds: float = _field(
        0,
        "Seconds for which new connections are still taken after SIGTERM, while `/ready` answers "
        "503: as long as a load balancer takes to notice.",
        ge=0,
        le=3600,
    )
    request_seconds: float = _field(
        20,
        "Seconds in which a request must have arrived as a whole (else 408), and in which a client "
        "must take what it is answered (else it is cut off).",
        gt=0,
    )
    max_connections: int = _field(
        1_000, "Most connections of clients to a process; requests on others get 503.", ge=1
    )
    metrics: Literal["local", "open", "off"] = _field(
        "local",
        "Who may read `/metrics`: callers on this machine and whoever has a key, everybody, or "
        "nobody.",
    )
    traces: Literal["off", "otlp", "console"] = _field(
        "off",
        "Where OpenTelemetry traces go: to a collector, which the standard variables `OTEL_…` "
        "name, or to standard error. Needs the packages of `ikusei[otel]`.",
    )
    log_format: Literal["console", "json"] = _field("console", "How log lines are written.")
    log_level: Literal["debug", "info", "warning", "error"] = _field(
        "info", "The least serious log lines that are written."
    )
    max_body_bytes: int = _field(8_388_608, "Larger requests are refused with status 413.", ge=1024)
    max_tokens: int = _field(1_000, "Most tokens in a GraphQL document.", ge=100)
    max_depth: int = _field(12, "Deepest nesting of fields in a GraphQL document.", ge=1)
    max_aliases: int = _field(30, "Most aliases in a GraphQL document.", ge=0)
    http_profile: Profile = _field(
        "audit",
        "Which state of GraphQL over HTTP the statuses of answers are of "
        "([profiles](http.md#profiles)).",
    )
    max_cost: int = _field(
        5_000, "Most that an operation may cost: objects in the answer, and dear fields.", ge=1
    )
    answer_seconds: float = _field(
        30.0,
        "Seconds after which an answer is given up, and before it the look-up of a key; also those "
        "for which a transaction waits for a connection to the database.",
        gt=0,
        le=3600,
    )
    key_rate: float = _field(
        200.0,
        "Requests a second of a key in the long run; ten seconds of them at once. 0: any.",
        ge=0,
    )
    member_rate: float = _field(
        5.0,
        "Requests a second of a member in the long run; ten seconds of them at once. 0: any.",
        ge=0,
    )
    statement_seconds: float = _field(
        20.0, "Seconds after which a statement in the database is given up.", gt=0, le=3600
    )
    max_streams: int = _field(
        1_000, "Most open WebSocket and event stream connections of a process.", ge=0
    )
    max_streams_each: int = _field(
        100, "Most open WebSocket and event stream connections of a caller, in a process.", ge=0
    )
    get_requests: bool = _field(True, "Whether queries are taken by GET as well.")
    documents: Path | None = _field(
        None, "A file of trusted documents, which clients name instead of sending them."
    )
    documents_only: bool = _field(False, "Whether no other documents than those are run.")
    origins: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(_words), AfterValidator(_origins)
    ] = _field(
        (),
        "Origins such as `https://community.example.org`, separated by commas, whose pages may "
        "call from a browser.",
    )
    introspection: bool = _field(True, "Whether the schema may be asked for and read.")
    jwt_jwks: Annotated[str | None, AfterValidator(_key_set)] = _field(
        None,
        "Where the public keys are by which members' tokens are checked "
        "([how to](../how-to/embed.md#what-members-see-of-themselves)): an https address of a JSON "
        "Web Key Set, or the path of a file. Without it, no token is taken.",
    )
    jwt_issuer: str | None = _field(
        None, "The `iss` that a member's token must have; needed with `IKUSEI_JWT_JWKS`."
    )
    jwt_audience: str = _field("ikusei", "The `aud` that a member's token must have.", min_length=1)
    jwt_algorithms: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(_words), AfterValidator(_algorithms)
    ] = _field(
        ("RS256", "ES256", "Ed25519"),
        "How a member's token may be signed, separated by commas. Of "
        + ", ".join(f"`{name}`" for name in ALGORITHMS)
        + ".",
    )
    jwt_source: Annotated[str, AfterValidator(_word)] = _field(
        "site", "The source in which the `sub` of a member's token is their id."
    )
    jwt_leeway: int = _field(
        30, "Seconds by which the clock that dates tokens may differ from ours.", ge=0, le=300
    )
    jwt_lifetime: int = _field(
        3600, "Most seconds from `iat` to `exp` of a member's token.", ge=1, le=86_400
    )
    clock: Annotated[str, AfterValidator(_clock)] = _field(
        "system",
        "For tests and demos: an instant such as `2026-11-21T09:30:00Z` at which time stands "
        "still, or an offset such as `+3d` or `-12h`.",
    )

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if (self.jwt_jwks is None) != (self.jwt_issuer is None):
            there, missing = ("JWKS", "ISSUER") if self.jwt_issuer is None else ("ISSUER", "JWKS")
            raise ValueError(
                f"{PREFIX}JWT_{missing}: missing, but {PREFIX}JWT_{there} is set; set both (who "
                "makes the tokens of members, and the keys to check them), or neither"
            )
        return self

    @classmethod
    def load(cls) -> Self:
        """The settings of this process's environment.

        Raises SettingsError, one line for each variable that is wrong.
        """
        try:
            return cls()
        except ValidationError as error:
            faults = error.errors(include_url=False, include_input=False)
            raise SettingsError("\n".join(map(_sentence, faults))) from None

    def make_clock(self) -> Clock:
        """The clock that the whole service takes the time from."""
        return parse_clock(self.clock)


def _sentence(fault: ErrorDetails) -> str:
    message = fault["msg"].removeprefix("Value error, ")
    # What concerns several variables names them itself.
    return f"{PREFIX}{fault['loc'][0]}".upper() + f": {message}" if fault["loc"] else message


def _text(default: object) -> str:
    """A default as it would stand in the environment."""
    return ",".join(default) if isinstance(default, tuple) else str(default)


def reference() -> str:
    """The page docs/reference/settings.md."""
    lines = [
        "# Settings",
        "",
        "Read from the environment when a command starts. This page is written by",
        "`python -m api.settings`; a test holds it equal to the code.",
        "",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = f"`{_text(field.default)}`" if field.default not in {None, ()} else "–"
        meaning = field.description or ""
        if get_origin(field.annotation) is Literal:
            meaning += f" One of {', '.join(f'`{word}`' for word in get_args(field.annotation))}."
        lines.append(f"| `{PREFIX}{name.upper()}` | {default} | {meaning} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    place = Path(__file__).parent.parent / "docs" / "reference" / "settings.md"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(reference(), encoding="utf-8")
