"""GET /widget.js: the prompt widget, as it stands in web/widget."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

# A new version is in every page within the hour, or a visit later where a page was away for long.
_HEADERS = {
    "access-control-allow-origin": "*",
    "cache-control": "public, max-age=3600, stale-while-revalidate=86400",
    "cross-origin-resource-policy": "cross-origin",
    "vary": "accept-encoding",
}

_DOCUMENT = re.compile(r"(?P<name>\w+): `(?P<text>mutation [^`]*)`")


@dataclass(frozen=True, slots=True)
class _Form:
    """The widget in one encoding: what is sent, and the headers that tell of it."""

    body: bytes
    headers: dict[str, str]


async def widget(request: Request) -> Response:
    """The module, gzipped for whoever takes that; 304 for whoever has it already."""
    plain, packed = _forms()
    form = packed if _takes_gzip(request.headers.get("accept-encoding", "")) else plain
    if _has(request.headers.get("if-none-match", ""), form.headers["etag"]):
        return Response(status_code=304, headers=form.headers)
    return Response(form.body, headers=form.headers, media_type="text/javascript")


def asked_by_widget() -> dict[str, str]:
    """The documents that it sends, by name."""
    return {found["name"]: found["text"] for found in _DOCUMENT.finditer(_text().decode())}


@cache
def _forms() -> tuple[_Form, _Form]:
    text = _text()
    tag = sha256(text).hexdigest()[:32]
    return (
        _Form(text, {**_HEADERS, "etag": f'"{tag}"'}),
        _Form(
            gzip.compress(text, 9, mtime=0),
            {**_HEADERS, "etag": f'"{tag}-gzip"', "content-encoding": "gzip"},
        ),
    )


@cache
def _text() -> bytes:
    return (files("web") / "widget" / "widget.js").read_bytes()


def _takes_gzip(accepted: str) -> bool:
    for one in accepted.lower().split(","):
        coding, _, weight = (part.strip() for part in one.partition(";"))
        if coding in {"gzip", "*"}:
            return weight.removeprefix("q=").strip("0.") != "" if weight else True
    return False


def _has(known: str, tag: str) -> bool:
    """Whether ``If-None-Match`` names the tag; weakly, as RFC 9110 (13.1.2) has it."""
    tags = {one.strip().removeprefix("W/") for one in known.split(",")}
    return not tags.isdisjoint({tag, "*"})
